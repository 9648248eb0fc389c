//! Adding what a run measured to a project's `matrix/evidence.json`.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::RunError;
use super::{CellRecord, Outcome, RunRecord, Stage, StageRecord};
use crate::catalog::{Catalog, Compiler, Editing, Evidence, MeasuredToolchain};
use crate::files;

/// Appends every stage that `record` really tried, unless that is there already; the number of new entries. A stage that was built
/// before is no measurement, nor is one that failed by the machine: a full disk says nothing of a kernel.
///
/// # Errors
/// When the project's file is no list, or cannot be written.
pub fn record_evidence(
    catalog: &Catalog,
    project: &Path,
    record: &RunRecord,
) -> Result<usize, RunError> {
    let path = project.join("matrix/evidence.json");
    let io = RunError::report(&path);
    let _editing = Editing::begin(project)?;
    let mut list: Vec<Value> = match files::read(&path, files::MAX_DATA) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(io::Error::from)
            .map_err(&io)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io(error)),
    };
    let before = list.len();
    for cell in &record.cells {
        for stage in &cell.stages {
            let Some(evidence) = measured(catalog, record, cell, stage) else {
                continue;
            };
            let evidence = serde_json::to_value(evidence)
                .map_err(io::Error::from)
                .map_err(&io)?;
            // a run that goes on tells again what it told before it was cut short
            if !list.contains(&evidence) {
                list.push(evidence);
            }
        }
    }
    let added = list.len() - before;
    if added > 0 {
        let text = text(&list).map_err(io::Error::from).map_err(&io)?;
        files::replace(&path, text.as_bytes()).map_err(&io)?;
    }
    Ok(added)
}

fn measured(
    catalog: &Catalog,
    record: &RunRecord,
    cell: &CellRecord,
    stage: &StageRecord,
) -> Option<Evidence> {
    let tried = matches!(
        stage.outcome,
        Outcome::Passed | Outcome::Failed | Outcome::TimedOut
    );
    let toolchain = cell.toolchain.as_ref()?;
    let (kernel, seconds) = (cell.kernel.as_ref()?, stage.seconds?);
    if !tried || is_the_machines(catalog, stage) {
        return None;
    }
    Some(Evidence {
        kernel: kernel.clone(),
        arch: cell.arch.clone(),
        toolchain: MeasuredToolchain {
            source: toolchain.source,
            compiler: toolchain.compiler.clone(),
            binutils: match toolchain.compiler {
                Compiler::Gcc(_) => Some(toolchain.binutils.clone()?),
                Compiler::Clang(_) => None,
            },
            overridden: toolchain.overridden,
        },
        source: cell.source.clone(),
        stage: stage.stage.to_string(),
        outcome: stage.outcome.to_string(),
        bare_init: stage.stage == Stage::Boot && toolchain.init_is_bare(kernel),
        failure: stage
            .failure
            .as_ref()
            .and_then(|failure| failure.class.clone()),
        warnings: stage.warnings.clone(),
        seconds,
        date: record.started.to_string().chars().take(10).collect(),
        kflake: record.kflake.clone(),
        nix: record.nix.clone(),
        packages: record.packages.clone(),
        tools: stage.tools.clone(),
    })
}

/// Whether a stage failed for the machine's sake.
pub fn is_the_machines(catalog: &Catalog, stage: &StageRecord) -> bool {
    let class = stage.failure.as_ref().and_then(|it| it.class.as_deref());
    let known = class.and_then(|id| catalog.failures.iter().find(|(it, _)| it.as_str() == id));
    known.is_some_and(|(_, class)| class.is_the_machines())
}

/// One measurement a line: the file grows, and is read by people.
fn text(list: &[Value]) -> serde_json::Result<String> {
    let line = |entry: &Value| crate::text::json(entry).map(|text| format!("  {text}"));
    let lines: Vec<String> = list.iter().map(line).collect::<Result<_, _>>()?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_of_the_machine_is_no_measurement() {
        let stage = |class: &str| {
            json!({
                "stage": "kernel", "outcome": "failed", "seconds": 2.0,
                "failure": {"class": class, "phase": null, "first_error": null},
            })
        };
        let record = |class: &str| -> RunRecord {
            let tally = json!({"passed": 0, "total": 0});
            serde_json::from_value(json!({
                "schema_version": 1, "kflake": "0", "nix": "2", "started": "2026-11-26T00:00:00Z", "finished": null,
                "coverage": {"toolchain": tally, "kernel": tally, "module": tally, "boot": tally},
                "cells": [{
                    "id": "k6-arm64", "era": "k6", "arch": "arm64", "kernel": "6.1",
                    "toolchain": {"id": "x", "source": "debian", "gcc": "12.2.0", "binutils": "2.40", "target": "x"},
                    "stages": [stage(class)],
                }],
            }))
            .unwrap()
        };
        let catalog = Catalog::embedded().unwrap();
        for (class, recorded) in [
            ("kernel-compile", 1),
            ("out-of-memory", 0),
            ("out-of-disk", 0),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let added = record_evidence(&catalog, dir.path(), &record(class)).unwrap();
            assert_eq!(added, recorded, "{class}");
        }
    }
}
