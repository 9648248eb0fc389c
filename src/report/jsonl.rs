//! The report as JSON lines: one object per line, told apart by `event`, fit for `jq` and for following a run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::catalog::MeasuredSource;
use crate::id::ArchId;
use crate::validate::{
    CellRecord, Coverage, Outcome, RunRecord, SCHEMA_VERSION, Stage, StageRecord,
};
use crate::version::KernelVersion;

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Line<'a> {
    /// The first line.
    Run {
        /// [`SCHEMA_VERSION`] of the report that the lines make up.
        schema_version: u32,
        /// kflake's version.
        kflake: &'a str,
        /// Nix's version.
        nix: &'a str,
        /// When it began.
        started: String,
        /// Number of cells.
        cells: usize,
    },
    /// One stage of one cell.
    Stage {
        /// The cell.
        cell: &'a str,
        /// Its arch.
        arch: &'a ArchId,
        /// Its kernel.
        kernel: Option<&'a KernelVersion>,
        /// Its source.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<&'a MeasuredSource>,
        /// Its toolchain.
        toolchain: Option<&'a str>,
        /// The stage.
        stage: Stage,
        /// What became of it.
        outcome: Outcome,
        /// Seconds that it took, if it was built.
        seconds: Option<f64>,
        /// Versions of the programs that made it.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        tools: &'a BTreeMap<String, String>,
        /// What the kernel complained of while it passed.
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        warnings: &'a [String],
        /// Why it was expected to fail.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<&'a str>,
        /// Why.
        reason: Option<&'a str>,
        /// Class of the failure.
        #[serde(skip_serializing_if = "Option::is_none")]
        class: Option<&'a str>,
        /// First line of the log that says what went wrong.
        #[serde(skip_serializing_if = "Option::is_none")]
        first_error: Option<&'a str>,
    },
    /// The last line.
    End {
        /// When it ended.
        finished: Option<String>,
        /// Whether it was interrupted.
        interrupted: bool,
        /// Counts per stage.
        coverage: Coverage,
    },
}

impl<'a> Line<'a> {
    /// The line of `stage` of `cell`.
    pub fn of(cell: &'a CellRecord, stage: &'a StageRecord) -> Line<'a> {
        let failure = stage.failure.as_ref();
        Line::Stage {
            cell: &cell.id,
            arch: &cell.arch,
            kernel: cell.kernel.as_ref(),
            source: cell.source.as_ref(),
            toolchain: cell
                .toolchain
                .as_ref()
                .map(|toolchain| toolchain.id.as_str()),
            stage: stage.stage,
            outcome: stage.outcome,
            seconds: stage.seconds,
            tools: &stage.tools,
            warnings: &stage.warnings,
            expected: stage.expected.as_deref(),
            reason: stage.reason.as_deref(),
            class: failure.and_then(|failure| failure.class.as_deref()),
            first_error: failure.and_then(|failure| failure.first_error.as_deref()),
        }
    }

    /// The line with its newline. Whatever could act is a `\u` escape.
    pub fn to_text(&self) -> String {
        let mut text = crate::text::json(self).expect("a line has only string keys");
        text.push('\n');
        text
    }
}

/// The whole run as lines.
pub fn render(run: &RunRecord) -> String {
    let first = Line::Run {
        schema_version: SCHEMA_VERSION,
        kflake: &run.kflake,
        nix: &run.nix,
        started: run.started.to_string(),
        cells: run.cells.len(),
    };
    let last = Line::End {
        finished: run.finished.map(|time| time.to_string()),
        interrupted: run.interrupted,
        coverage: run.coverage,
    };
    let stages = run
        .cells
        .iter()
        .flat_map(|cell| cell.stages.iter().map(move |stage| Line::of(cell, stage)));
    std::iter::once(first)
        .chain(stages)
        .chain([last])
        .map(|line| line.to_text())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn small_run() {
        insta::assert_snapshot!(render(&samples::small_later()));
    }

    #[test]
    fn each_line_is_one_object() {
        for (name, run) in samples::files() {
            let text = render(&run);
            let stages: usize = run.cells.iter().map(|cell| cell.stages.len()).sum();
            assert_eq!(text.lines().count(), stages + 2, "{name}");
            for line in text.lines() {
                let value: serde_json::Value = serde_json::from_str(line).expect(line);
                assert!(value["event"].is_string(), "{line}");
            }
        }
    }
}
