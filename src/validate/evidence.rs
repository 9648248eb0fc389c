//! Adding what a run measured to a project's `matrix/evidence.json`.

use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::run::RunError;
use super::{CellRecord, Outcome, RunRecord, Stage, StageRecord};
use crate::catalog::{Evidence, MeasuredToolchain};

/// Appends every stage that `record` really tried; the number of new entries. A stage that was built before is no measurement.
///
/// # Errors
/// When the project's file is no list, or cannot be written.
pub fn record_evidence(project: &Path, record: &RunRecord) -> Result<usize, RunError> {
    let folder = project.join("matrix");
    let path = folder.join("evidence.json");
    let io = RunError::report(&path);
    let mut list: Vec<Value> = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(io::Error::from)
            .map_err(&io)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io(error)),
    };
    let before = list.len();
    for cell in &record.cells {
        for stage in &cell.stages {
            if let Some(evidence) = measured(record, cell, stage) {
                list.push(
                    serde_json::to_value(evidence)
                        .map_err(io::Error::from)
                        .map_err(&io)?,
                );
            }
        }
    }
    let added = list.len() - before;
    if added > 0 {
        write(&folder, &path, &list).map_err(&io)?;
    }
    Ok(added)
}

fn measured(record: &RunRecord, cell: &CellRecord, stage: &StageRecord) -> Option<Evidence> {
    let tried = matches!(
        stage.outcome,
        Outcome::Passed | Outcome::Failed | Outcome::TimedOut
    );
    let toolchain = cell.toolchain.as_ref()?;
    let (kernel, seconds) = (cell.kernel.as_ref()?, stage.seconds?);
    if !tried {
        return None;
    }
    Some(Evidence {
        kernel: kernel.clone(),
        arch: cell.arch.clone(),
        toolchain: MeasuredToolchain {
            source: toolchain.source,
            gcc: toolchain.gcc.clone(),
            binutils: toolchain.binutils.clone()?,
            overridden: toolchain.overridden,
        },
        stage: stage.stage.to_string(),
        outcome: stage.outcome.to_string(),
        bare_init: stage.stage == Stage::Boot && toolchain.init_is_bare(kernel),
        failure: stage
            .failure
            .as_ref()
            .and_then(|failure| failure.class.clone()),
        seconds,
        date: record.started.to_string().chars().take(10).collect(),
        kflake: record.kflake.clone(),
        nix: record.nix.clone(),
    })
}

fn write(folder: &Path, path: &Path, list: &[Value]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    // one measurement a line: the file grows, and is read by people
    file.write_all(b"[\n")?;
    for (index, entry) in list.iter().enumerate() {
        let comma = if index + 1 < list.len() { "," } else { "" };
        writeln!(file, "  {}{comma}", serde_json::to_string(entry)?)?;
    }
    file.write_all(b"]\n")?;
    file.persist(path)?;
    Ok(())
}
