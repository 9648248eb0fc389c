//! The classifier of logs: any bytes have one cause, in one line that is inert, and reading them takes no longer than they are long.

use std::io::BufReader;
use std::path::Path;

use kflake::blame::{Blame, FailureTable};
use kflake::catalog::{Catalog, Stage};
use kflake::cli::lints;
use kflake::run::FailureRecord;
use kflake::text;

use crate::shown::{bounded, inert, inert_coloured, inert_line};
use crate::{Target, linear, signature};

/// Lines of a log that a record keeps.
const TAIL: usize = 20;

/// A build log or a console.
pub struct Logs {
    table: FailureTable,
}

impl Logs {
    /// With the classes of the embedded matrix.
    pub fn new() -> Self {
        let catalog = Catalog::embedded().expect("the matrix is sound");
        Logs {
            table: FailureTable::new(&catalog),
        }
    }
}

impl Target for Logs {
    fn name(&self) -> &'static str {
        "blame"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/logs");
        let entries = std::fs::read_dir(folder).expect("the logs are here");
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|it| it == "log"))
            .collect();
        paths.sort();
        let mut seeds: Vec<Vec<u8>> = paths
            .iter()
            .filter_map(|path| std::fs::read(path).ok())
            .collect();
        seeds.push(vec![]);
        seeds.push(b"[    1.25] Kernel panic - not syncing: No working init found.\n| kflake: boot: boot-panic: x\nkflake: boot: boot-panic: x\n".to_vec());
        seeds
    }

    fn words(&self) -> &[&'static str] {
        &[
            "error: ",
            "Error 2",
            "make: *** [Makefile:1: x] Error 1\n",
            "make[2]: *** [x] Fehler 2\n",
            "warning: ",
            "[-Werror=x]",
            "cc1: warnings being treated as errors\n",
            "kflake: ",
            "nix: ",
            "| ",
            "> ",
            "linux> ",
            "[    1.0] ",
            "<4>",
            "2026-01-02T03:04:05Z ",
            "Kernel panic - not syncing: ",
            "BUG: ",
            "Oops",
            "Call Trace:\n",
            "undefined reference to `x'",
            "No such file or directory",
            "fatal error: ",
            "ERROR: modpost: ",
            "\n",
            "\r\n",
            "  CC      a.o\n",
            "internal compiler error",
            "Killed",
            "No space left on device",
            "«",
            "‘",
            "`",
            "PC is at x+0x1/0x2",
            "collect2: error: ld returned 1 exit status\n",
            "*** ",
            "recipe for target 'x' failed\n",
        ]
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        // some hundred expressions at once, in a lazily built automaton
        40 * linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let stages = [
            None,
            Some(Stage::Toolchain),
            Some(Stage::Kernel),
            Some(Stage::Module),
            Some(Stage::Boot),
        ];
        let stage = stages[(signature(input) % 5) as usize];
        let read = |log: &[u8]| {
            self.table
                .read(log, stage)
                .map_err(|error| error.to_string())
        };
        let blame = read(input)?;
        self.told(&blame, input)?;
        // how the bytes come does not matter, nor whether the last line has an end
        if input.len() < 4096 {
            let slow = BufReader::with_capacity(7, input);
            let slow = self
                .table
                .read(slow, stage)
                .map_err(|error| error.to_string())?;
            if slow != blame {
                return Err("read in small parts, it is another cause".into());
            }
            let ended = [input, b"\n"].concat();
            if !input.is_empty() && !input.ends_with(b"\n") && read(&ended)? != blame {
                return Err("with an end of the last line, it is another cause".into());
            }
        }
        Ok(signature((
            blame.class,
            blame.function.is_some(),
            blame.constraint,
            stage,
            blame.first_error.is_some(),
        )))
    }
}

impl Logs {
    fn told(&self, blame: &Blame, input: &[u8]) -> Result<(), String> {
        if blame.first_error.is_some() != blame.line_number.is_some() {
            return Err("a line without a number, or the other way round".into());
        }
        let lines = input.iter().filter(|b| **b == b'\n').count() as u64 + 1;
        if blame.line_number.is_some_and(|at| at == 0 || at > lines) {
            return Err(format!("line {:?} of {lines}", blame.line_number));
        }
        if let Some(class) = &blame.class
            && self.table.get(class.as_str()).is_none()
        {
            return Err(format!("{class} is no class"));
        }
        if blame.tail.len() > TAIL {
            return Err(format!("{} lines are kept", blame.tail.len()));
        }
        let own = [&blame.first_error, &blame.function];
        for line in own.into_iter().flatten().chain(&blame.tail) {
            // workflow commands are broken where it is shown
            inert_line("a line", &text::defuse(line))?;
            bounded("a line", line.len(), 26 << 10)?;
        }
        let shown = text::styled(&lints::as_text(&self.table, blame));
        inert_coloured("the cause", &shown)?;
        bounded("the cause", shown.len(), 64 << 10)?;
        let value = lints::as_json(&self.table, blame);
        let written = text::json_pretty(&value).map_err(|error| error.to_string())?;
        inert("the cause as JSON", &written)?;
        if text::styled(&written) != written || crate::shown::json("it", &written)? != value {
            return Err("the cause as JSON is another one".into());
        }
        let record = FailureRecord::new(blame.clone(), Some("x".to_owned()), None);
        let written = text::json(&record).map_err(|error| error.to_string())?;
        inert_line("a record", &written)?;
        match serde_json::from_str::<FailureRecord>(&written) {
            Ok(again) if again == record => Ok(()),
            other => Err(format!(
                "another record is read than was written: {other:?}"
            )),
        }
    }
}
