//! `--bands`: a kernel that lacks a file was not tried, which is no failure.

use std::fmt::Write as _;

use crate::validate::{CellRecord, RunRecord, StageRecord};

/// The class of a file that no mirror answered with.
const UNAVAILABLE: &str = "fetch-unavailable";

/// The stage at which `cell` ended for want of a file that could not be fetched.
fn wanting(cell: &CellRecord) -> Option<&StageRecord> {
    let first = cell.stages.iter().find(|it| it.outcome.is_failure())?;
    let class = first.failure.as_ref()?.class.as_deref();
    (class == Some(UNAVAILABLE)).then_some(first)
}

/// Whether `cell` was not tried for want of a file that could not be fetched.
pub fn lacks_a_file(cell: &CellRecord) -> bool {
    wanting(cell).is_some()
}

/// A line for each kernel of `record` that lacks a file, and what to do about it; none: all could be tried.
pub fn not_tried(record: &RunRecord) -> Option<String> {
    let mut text = String::new();
    for cell in &record.cells {
        let Some(stage) = wanting(cell) else { continue };
        let kernel = cell.kernel.as_ref().map(ToString::to_string);
        let reason = stage.reason.as_deref().unwrap_or_default();
        // the report has the addresses that were asked
        let needs = reason
            .split_once(", which failed")
            .map_or(reason, |it| it.0);
        let _ = writeln!(
            text,
            "{} {}: not tried: {needs}, which could not be fetched",
            cell.id,
            kernel.unwrap_or_default()
        );
    }
    if text.is_empty() {
        return None;
    }
    text += "what is at hand can be given to the project: kflake kernel add FILE, kflake pins import FOLDER";
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A run of one cell whose kernel ended in `outcome`, with a log of `class`.
    fn run(outcome: &str, class: Option<&str>, reason: &str) -> RunRecord {
        let stage = |stage: &str| {
            json!({
                "stage": stage, "outcome": outcome, "reason": reason,
                "failure": class.map(|class| json!({ "class": class })),
            })
        };
        let tally = json!({ "passed": 0, "total": 1 });
        serde_json::from_value(json!({
            "schema_version": 1, "kflake": "0", "nix": "2", "started": "2026-11-27T00:00:00Z", "finished": null,
            "cells": [{
                "id": "k6-x86_64", "era": "k6", "arch": "x86_64", "kernel": "6.6", "toolchain": null,
                "stages": [stage("toolchain"), stage("kernel")],
            }],
            "coverage": { "toolchain": tally, "kernel": tally, "module": tally, "boot": tally },
        }))
        .unwrap()
    }

    #[test]
    fn only_what_lacks_a_file_was_not_tried() {
        let reason = "needs linux-6.6.tar.xz, which failed: kflake: fetch: unavailable: …";
        let lacking = run("blocked", Some(UNAVAILABLE), reason);
        let told = not_tried(&lacking).unwrap();
        assert!(
            told.starts_with(
                "k6-x86_64 6.6: not tried: needs linux-6.6.tar.xz, which could not be fetched\n"
            ),
            "{told}"
        );
        for (outcome, class) in [
            ("blocked", None),
            ("blocked", Some("fetch-404")),
            ("failed", Some("kernel-wrong-version")),
            ("passed", None),
        ] {
            let tried = run(outcome, class, reason);
            assert!(!lacks_a_file(&tried.cells[0]), "{outcome} {class:?}");
            assert_eq!(not_tried(&tried), None, "{outcome} {class:?}");
        }
    }
}
