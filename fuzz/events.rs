//! Nix's own account of what it does: every line is an event, none is lost between two others, and what is shown of it is inert.

use std::path::Path;

use kflake::nix::{Event, Parser};
use kflake::text;
use serde_json::json;

use crate::shown::{bounded, inert_line};
use crate::{Target, linear, signature};

/// Lines of Nix's standard error.
pub struct Events;

impl Target for Events {
    fn name(&self) -> &'static str {
        "internal-json"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nix-logs");
        let mut seeds = vec![];
        for version in ["2.8", "2.26", "2.34"] {
            for name in ["failure", "success", "fetch", "interrupted", "killed"] {
                let log = folder.join(version).join(format!("{name}.log"));
                seeds.extend(std::fs::read(log));
            }
        }
        seeds
    }

    fn words(&self) -> &[&'static str] {
        &[
            "@nix ",
            "action",
            "start",
            "stop",
            "result",
            "msg",
            "fields",
            "type",
            "level",
            "raw_msg",
            "text",
            "id",
            "101",
            "104",
            "105",
            "107",
            "108",
            "111",
            "100",
            "\n",
            "@nix {\"action\":\"stop\",\"id\":1}\n",
            "error: ",
            "/nix/store/x.drv",
        ]
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        4 * linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let mut parser = Parser::default();
        let mut kinds = std::collections::BTreeSet::new();
        for line in input.split(|b| *b == b'\n') {
            let event = parser.parse(line);
            if let Some(written) = again(&event) {
                let read = parser.parse(format!("@nix {written}").as_bytes());
                if read != event {
                    return Err(format!("{event:?} is read as {read:?}"));
                }
            }
            let (kind, told) = told(&event);
            kinds.insert((kind, told.is_empty()));
            let shown = text::defuse(&text::clean_line(told));
            inert_line("a line", &shown)?;
            // `\u{1f}` for a byte, and no more than a line
            bounded("a line", shown.len(), (6 * told.len() + 16).min(26 << 10))?;
            let written = text::json(&told).map_err(|error| error.to_string())?;
            inert_line("a line as JSON", &written)?;
            if serde_json::from_str::<String>(&written).ok().as_deref() != Some(told) {
                return Err(format!("{written} is another text"));
            }
        }
        Ok(signature(kinds))
    }
}

/// The event as Nix would say it, where it does not depend on what was said before.
fn again(event: &Event) -> Option<serde_json::Value> {
    Some(match event {
        Event::BuildStarted { id, drv } => {
            json!({ "action": "start", "id": id, "type": 105, "fields": [drv, "", 1, 1] })
        }
        Event::BuildWaiting { id } => json!({ "action": "start", "id": id, "type": 111 }),
        Event::FetchStarted { id, what } => {
            json!({ "action": "start", "id": id, "type": 100, "fields": [what, "", ""] })
        }
        Event::Phase { id, phase } => {
            json!({ "action": "result", "id": id, "type": 104, "fields": [phase] })
        }
        Event::Log { id, line } => {
            json!({ "action": "result", "id": id, "type": 101, "fields": [line] })
        }
        Event::Stopped { id } => json!({ "action": "stop", "id": id }),
        Event::Message { error, text } => {
            json!({ "action": "msg", "level": if *error { 0 } else { 3 }, "msg": text })
        }
        Event::Running { .. } | Event::Other => return None,
    })
}

/// Which kind of event it is, and the text in it.
fn told(event: &Event) -> (u8, &str) {
    match event {
        Event::BuildStarted { drv, .. } => (0, drv.as_str()),
        Event::BuildWaiting { .. } => (1, ""),
        Event::FetchStarted { what, .. } => (2, what),
        Event::Running { .. } => (3, ""),
        Event::Phase { phase, .. } => (4, phase),
        Event::Log { line, .. } => (5, line),
        Event::Stopped { .. } => (6, ""),
        Event::Message { error: true, text } => (7, text),
        Event::Message { text, .. } => (8, text),
        Event::Other => (9, ""),
    }
}
