//! `journal.jsonl`: whatever is on disk, a run goes on with what it can trust, and what it notes is read back.

use std::cell::RefCell;
use std::path::Path;

use kflake::files::Own;
use kflake::run::{Ended, EndedAs, FailureRecord, Journal, Past};

use crate::shown::inert;
use crate::{Target, linear, signature};

/// The project that the journal is of.
const PROJECT: &str = "/";

/// A journal, resumed.
pub struct Journals {
    folder: RefCell<(tempfile::TempDir, Own)>,
}

impl Journals {
    /// With a folder of its own for the journals.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let own = Own::open(folder.path()).expect("it is empty");
        Journals {
            folder: RefCell::new((folder, own)),
        }
    }
}

fn written(own: &Own, ends: &[Ended]) -> std::io::Result<()> {
    let mut journal = Journal::create(own).map_err(std::io::Error::other)?;
    let missing = ends.iter().map(|ended| ended.drv.clone()).collect();
    let started = "2026-11-20T05:00:00Z".parse().expect("a time");
    journal.begin(started, Path::new(PROJECT), &[], &missing)?;
    ends.iter().try_for_each(|ended| journal.end(ended.clone()))
}

fn ended(drv: &str, result: EndedAs) -> Ended {
    Ended {
        drv: drv.parse().expect("a derivation's path"),
        result,
        seconds: Some(1.5),
        failure: (result != EndedAs::Built).then(|| FailureRecord {
            class: Some("werror".to_owned()),
            phase: Some("buildPhase".to_owned()),
            first_error: Some("a.c:1: error: x".to_owned()),
            log_tail: vec!["x".to_owned()],
            log: Some("logs/x.log".to_owned()),
        }),
        reason: (result != EndedAs::Built).then(|| "it failed".to_owned()),
    }
}

impl Target for Journals {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let (_, own) = &*self.folder.borrow();
        let all = [
            ended("/nix/store/a-x.drv", EndedAs::Built),
            ended("/nix/store/b-x.drv", EndedAs::Failed),
            ended("/nix/store/c-x.drv", EndedAs::TimedOut),
        ];
        let journal = |ends: &[Ended]| {
            written(own, ends).expect("it can be written");
            std::fs::read(own.join("journal.jsonl")).expect("it is there")
        };
        vec![journal(&all), journal(&all[..1]), journal(&[]), vec![]]
    }

    fn words(&self) -> &[&'static str] {
        &[
            "begin",
            "end",
            "built",
            "failed",
            "timed-out",
            "version",
            "project",
            "missing",
            "drv",
            "result",
            "seconds",
            "failure",
            "reason",
            "event",
            "/",
            "started",
            "log_tail",
            "\n",
            "{\"event\":\"end\",\"drv\":\"d\",\"result\":\"built\",\"seconds\":null}\n",
        ]
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        4 * linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let (_, own) = &*self.folder.borrow();
        let file = own.join("journal.jsonl");
        let said = |error: &dyn std::fmt::Display| format!("it cannot be resumed: {error}");
        std::fs::write(&file, input).map_err(|error| said(&error))?;
        let project = Path::new(PROJECT);
        let (mut journal, past) = Journal::resume(own, project).map_err(|error| said(&error))?;
        let left = std::fs::read(&file).map_err(|error| said(&error))?;
        if !input.starts_with(&left) || !left.is_empty() && !left.ends_with(b"\n") {
            return Err(
                "what is left is not the beginning of what was there, in whole lines".into(),
            );
        }
        if past.started.is_none() && !(past.missing.is_empty() && past.ended.is_empty()) {
            return Err("the ends of a run that never began count".into());
        }
        // one more end, and it all is read again
        let next = ended("/nix/store/next.drv", EndedAs::TimedOut);
        journal.end(next.clone()).map_err(|error| said(&error))?;
        drop(journal);
        let (_, again) = Journal::resume(own, project).map_err(|error| said(&error))?;
        let mut expected = past.clone();
        if past.started.is_some() {
            expected.ended.insert(next.drv.clone(), next);
        }
        if again != expected {
            return Err(format!("{again:?} is read, not {expected:?}"));
        }
        // all that is known, written by itself
        let ends: Vec<Ended> = past.ended.values().cloned().collect();
        written(own, &ends).map_err(|error| said(&error))?;
        let text = std::fs::read(&file).map_err(|error| said(&error))?;
        inert("a journal", &String::from_utf8_lossy(&text))?;
        let (_, copy) = Journal::resume(own, project).map_err(|error| said(&error))?;
        if copy.ended != past.ended {
            return Err("other ends are read than were written".into());
        }
        Ok(shape(&past))
    }
}

fn shape(past: &Past) -> u64 {
    let ends = past.ended.values().map(|it| {
        let failure = it.failure.as_ref();
        let told = failure.map(|it| {
            (
                it.class.is_some(),
                it.log.is_some(),
                it.log_tail.len().min(3),
            )
        });
        (format!("{:?}", it.result), told, it.reason.is_some())
    });
    let ends: std::collections::BTreeSet<_> = ends.collect();
    signature((ends, past.missing.len().min(9), past.started.is_some()))
}
