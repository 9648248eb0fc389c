//! What earlier runs left in a report's folder: kept beside, and asked how long things took.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::RunRecord;
use crate::files::{self, MARK, Own, OwnError};

/// The folder that holds the reports of earlier runs, each in one of its own.
pub const RUNS: &str = "runs";
/// The report itself.
const REPORT: &str = "report.json";
/// Earlier runs that are kept; the oldest go.
const KEPT: usize = 30;
/// The most of a report that is read, in bytes.
const MAX: u64 = 256 << 20;

/// The report of the last run in `folder`; none where there is none that can be read.
pub fn last(folder: &Path) -> Option<RunRecord> {
    let bytes = files::read(&folder.join(REPORT), MAX).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Seconds that each derivation took when it was built, as `record` knows.
pub fn times(record: Option<&RunRecord>) -> BTreeMap<String, f64> {
    let cells = record.map_or(&[][..], |record| &record.cells);
    let stages = cells.iter().flat_map(|cell| &cell.stages);
    stages
        .filter(|stage| stage.outcome.is_success())
        .filter_map(|stage| Some((stage.drv.clone()?, stage.seconds?)))
        .collect()
}

/// What earlier runs left in a report's folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// Runs.
    pub runs: usize,
    /// Bytes of their reports and logs.
    pub bytes: u64,
}

/// What earlier runs left in the report's folder `folder`; nothing where it is not kflake's.
///
/// # Errors
/// When a run is at work in it, or it cannot be read.
pub fn earlier(folder: &Path) -> Result<Earlier, OwnError> {
    let Some(report) = existing(folder)? else {
        return Ok(Earlier::default());
    };
    let names = of_earlier(&report);
    let size = |name: &String| fs::symlink_metadata(report.join(name)).map_or(0, |it| it.len());
    Ok(Earlier {
        runs: names.iter().filter(|name| name.ends_with(REPORT)).count(),
        bytes: names.iter().map(size).sum(),
    })
}

/// Removes what earlier runs left in the report's folder `folder`; the last run's report stays, and whatever is not kflake's.
///
/// # Errors
/// When a run is at work in it, or something cannot be removed.
pub fn forget_earlier(folder: &Path) -> Result<(), OwnError> {
    let Some(report) = existing(folder)? else {
        return Ok(());
    };
    let mut names = of_earlier(&report).into_iter();
    names.try_for_each(|name| report.remove(&name))
}

/// The folder `folder`, where kflake filled it.
fn existing(folder: &Path) -> Result<Option<Own>, OwnError> {
    match folder.join(MARK).is_file() {
        true => Own::open(folder).map(Some),
        false => Ok(None),
    }
}

/// The files of earlier runs in `report`.
fn of_earlier(report: &Own) -> Vec<String> {
    let mut names = report.names();
    names.retain(|name| name.starts_with("runs/") && !name.ends_with('/'));
    names
}

/// Moves what the last run left in `report` into a folder that is named by when it began.
///
/// # Errors
/// When it cannot be moved.
pub fn make_room(report: &Own) -> Result<(), OwnError> {
    set_aside(report, last(report.path()).as_ref())
}

/// Moves what the run of `record` left into a folder that is named by when it began. What is of no run that can be read goes.
pub fn set_aside(report: &Own, record: Option<&RunRecord>) -> Result<(), OwnError> {
    let own = |name: &String| !name.ends_with('/') && !name.starts_with("runs/");
    let mut names: Vec<String> = report.names().into_iter().filter(own).collect();
    // the report comes last: a folder that has it has the rest
    names.sort_by_key(|name| name == REPORT);
    let Some(record) = record else {
        for name in names.iter().filter(|name| name.ends_with(".log")) {
            report.remove(name)?;
        }
        return Ok(());
    };
    let began = record.started.strftime("%Y%m%dT%H%M%SZ").to_string();
    let there = |folder: &String| report.join(&format!("{RUNS}/{folder}/{REPORT}")).exists();
    let folder = std::iter::once(began.clone())
        .chain((2..1000).map(|number| format!("{began}-{number}")))
        .find(|folder| !there(folder))
        .unwrap_or(began);
    for name in names {
        if name != "journal.jsonl" {
            report.shift(&name, &format!("{RUNS}/{folder}/{name}"))?;
        }
        report.remove(&name)?;
    }
    forget_oldest(report)
}

fn forget_oldest(report: &Own) -> Result<(), OwnError> {
    let names = report.names();
    let is_report = |name: &&String| name.starts_with("runs/") && name.ends_with(REPORT);
    let kept = names.iter().filter(is_report).count();
    let folders = names
        .iter()
        .filter(is_report)
        .filter_map(|name| name.strip_suffix(REPORT));
    // names tell when: the order of text is that of time
    for folder in folders.take(kept.saturating_sub(KEPT)) {
        for name in names
            .iter()
            .filter(|name| name.starts_with(folder) && !name.ends_with('/'))
        {
            report.remove(name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn run_at(minute: usize) -> RunRecord {
        let started: Timestamp = format!("2026-11-20T05:{minute:02}:00Z").parse().unwrap();
        serde_json::from_value(serde_json::json!({
            "schema_version": super::super::SCHEMA_VERSION, "kflake": "1", "nix": "nix", "started": started,
            "finished": started, "interrupted": false, "command": [],
            "coverage": super::super::Coverage::default(), "cells": [],
        }))
        .unwrap()
    }

    #[test]
    fn nothing_behind_a_link_is_moved() {
        let (dir, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let report = Own::open(dir.path()).unwrap();
        report.write("a/server.log", b"ours", false).unwrap();
        report.write("b", b"ours", false).unwrap();
        std::fs::remove_dir_all(dir.path().join("a")).unwrap();
        std::fs::remove_file(dir.path().join("b")).unwrap();
        let theirs = others.path().join("server.log");
        std::fs::write(&theirs, "theirs").unwrap();
        std::os::unix::fs::symlink(others.path(), dir.path().join("a")).unwrap();
        std::os::unix::fs::symlink(&theirs, dir.path().join("b")).unwrap();
        set_aside(&report, Some(&run_at(0))).unwrap();
        assert_eq!(std::fs::read_to_string(&theirs).unwrap(), "theirs");
        assert!(!dir.path().join("runs/20261120T050000Z/b").exists());
    }

    #[test]
    fn earlier_runs_are_kept_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let report = Own::open(dir.path()).unwrap();
        std::fs::write(dir.path().join("mine"), "mine").unwrap();
        for minute in 0..KEPT + 3 {
            let run = run_at(minute);
            report
                .write("logs/kernel.log", minute.to_string().as_bytes(), false)
                .unwrap();
            report
                .write(REPORT, &serde_json::to_vec(&run).unwrap(), false)
                .unwrap();
            assert_eq!(last(dir.path()).unwrap().started, run.started);
            // twice at the same time, as a clock that was set back has it
            if minute == KEPT + 2 {
                set_aside(&report, Some(&run)).unwrap();
                report
                    .write(REPORT, &serde_json::to_vec(&run).unwrap(), false)
                    .unwrap();
            }
            set_aside(&report, Some(&run)).unwrap();
            assert!(last(dir.path()).is_none());
        }
        let runs = dir.path().join(RUNS);
        let mut kept: Vec<String> = std::fs::read_dir(&runs)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        kept.sort();
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[0], "20261120T050400Z");
        assert_eq!(kept[KEPT - 1], "20261120T053200Z-2");
        let log = std::fs::read_to_string(runs.join(&kept[0]).join("logs/kernel.log")).unwrap();
        assert_eq!(log, "4");
        assert!(dir.path().join("mine").is_file());
        fs::write(runs.join("mine"), "mine").unwrap();
        drop(report);
        assert_eq!(earlier(dir.path()).unwrap().runs, KEPT);
        forget_earlier(dir.path()).unwrap();
        assert_eq!(earlier(dir.path()).unwrap(), Earlier::default());
        assert_eq!(
            fs::read_dir(&runs).unwrap().count(),
            1,
            "what is not kflake's stays"
        );
        let report = Own::open(dir.path()).unwrap();

        // a report that cannot be read has no name to be kept under
        report.write("logs/kernel.log", b"x", false).unwrap();
        report.write(REPORT, b"{", false).unwrap();
        set_aside(&report, last(dir.path()).as_ref()).unwrap();
        assert!(!dir.path().join("logs/kernel.log").exists());
    }
}
