//! `report.json`: reading it with care, writing it whole.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_path_to_error::{Path as JsonPath, Segment};

use crate::files;
use crate::text::shown;
use crate::validate::{Outcome, RunRecord, SCHEMA_VERSION, Stage};
use crate::version::KernelVersion;

use super::compare::{Changed, Changes};
use super::text::clean;

/// Name of the report inside its folder.
pub const FILE: &str = "report.json";
/// The most of a report that is read, in bytes.
const MAX: u64 = 256 << 20;

/// Why a report could not be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ReadError {
    /// The file system said no.
    #[error("cannot read {}: {source}", shown(.path))]
    #[diagnostic(code(kflake::report::unreadable))]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A folder without a report.
    #[error("{} holds no report", shown(.path))]
    #[diagnostic(
        code(kflake::report::none),
        help(
            "`kflake validate` writes one; give the folder that holds report.json, or the file itself"
        )
    )]
    None {
        /// The folder.
        path: PathBuf,
    },
    /// It ends in the middle.
    #[error("{} is torn: it ends in the middle, at line {line}", shown(.path))]
    #[diagnostic(
        code(kflake::report::torn),
        help(
            "kflake replaces reports as a whole, so it was cut off by something else; copy it again or repeat the run"
        )
    )]
    Torn {
        /// The file.
        path: PathBuf,
        /// Where it ends.
        line: usize,
    },
    /// It is not JSON.
    #[error("{} is not JSON: {reason}", shown(.path))]
    #[diagnostic(code(kflake::report::syntax))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// It is JSON, but not a report.
    #[error("{} is not a kflake report: {pointer}: {reason}", shown(.path))]
    #[diagnostic(
        code(kflake::report::shape),
        help("docs/schemas/report.schema.json describes a report")
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// JSON pointer to the value that is wrong.
        pointer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer kflake wrote it.
    #[error(
        "{} has schema version {found}; this kflake ({}) reads version {SCHEMA_VERSION}",
        shown(.path),
        env!("CARGO_PKG_VERSION")
    )]
    #[diagnostic(
        code(kflake::report::newer),
        help("read it with the kflake that wrote it, or a newer one")
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u64,
    },
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot write {}: {source}", shown(.path))]
#[diagnostic(code(kflake::report::unwritable))]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// What the file system said.
    pub source: io::Error,
}

/// The report that `path` means: the file itself, or `report.json` in the folder or in its `report/`.
pub fn locate(path: &Path) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    let inner = path.join("report").join(FILE);
    let direct = path.join(FILE);
    if !direct.exists() && inner.exists() {
        inner
    } else {
        direct
    }
}

/// Reads the report that `path` means; see [`locate`].
///
/// # Errors
/// When there is none, or it is no report.
pub fn read(path: &Path) -> Result<RunRecord, ReadError> {
    read_with(path, |file| files::read(file, MAX))
}

/// The same; of a folder, nothing that a link in it leads to.
///
/// # Errors
/// When there is none, or it is no report.
pub fn read_below(path: &Path) -> Result<RunRecord, ReadError> {
    read_with(path, |file| match file.strip_prefix(path) {
        Ok(name) if path.is_dir() => files::read_below(path, name, MAX),
        _ => files::read(file, MAX),
    })
}

fn read_with(
    path: &Path,
    read: impl FnOnce(&Path) -> io::Result<Vec<u8>>,
) -> Result<RunRecord, ReadError> {
    let file = locate(path);
    match read(&file) {
        Ok(bytes) => parse(&bytes, &file),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_dir() => {
            Err(ReadError::None {
                path: path.to_owned(),
            })
        }
        Err(source) => Err(ReadError::Io { path: file, source }),
    }
}

/// Reads a report from `bytes`; `path` is for messages only.
///
/// The counts are taken anew from the cells, so that they cannot disagree with them.
///
/// # Errors
/// When they are no report.
pub fn parse(bytes: &[u8], path: &Path) -> Result<RunRecord, ReadError> {
    let path = path.to_owned();
    let value: serde_json::Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) if error.is_eof() => {
            return Err(ReadError::Torn {
                path,
                line: error.line(),
            });
        }
        Err(error) => {
            return Err(ReadError::Syntax {
                path,
                reason: clean(&error.to_string()),
            });
        }
    };
    // before the shape: another version's shape is not this one's to judge
    match value
        .get("schema_version")
        .and_then(serde_json::Value::as_u64)
    {
        Some(found) if found != u64::from(SCHEMA_VERSION) => {
            return Err(ReadError::Version { path, found });
        }
        _ => {}
    }
    let mut run: RunRecord =
        serde_path_to_error::deserialize(value).map_err(|error| ReadError::Shape {
            path: path.clone(),
            pointer: pointer(error.path()),
            reason: clean(&error.inner().to_string()),
        })?;
    if let Some(pointer) = repeated_stage(&run) {
        let reason = "a stage appears twice in one cell".to_owned();
        return Err(ReadError::Shape {
            path,
            pointer,
            reason,
        });
    }
    run.coverage = crate::validate::coverage(&run.cells);
    Ok(run)
}

/// `/cells/3/stages` of the first cell that has a stage twice.
fn repeated_stage(run: &RunRecord) -> Option<String> {
    let twice = |stage: Stage, cell: &crate::validate::CellRecord| {
        cell.stages
            .iter()
            .filter(|record| record.stage == stage)
            .count()
            > 1
    };
    let at = run
        .cells
        .iter()
        .position(|cell| Stage::ALL.into_iter().any(|stage| twice(stage, cell)))?;
    Some(format!("/cells/{at}/stages"))
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &JsonPath) -> String {
    let mut out = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(out, "/{index}");
            }
            Segment::Map { key } => {
                let _ = write!(out, "/{}", clean(key).replace('~', "~0").replace('/', "~1"));
            }
            Segment::Enum { variant } => {
                let _ = write!(out, "/{}", clean(variant));
            }
            Segment::Unknown => out.push_str("/?"),
        }
    }
    if out.is_empty() { "/".to_owned() } else { out }
}

/// The report as text: indented, ending in a newline.
pub fn to_string(run: &RunRecord) -> String {
    let mut text = crate::text::json_pretty(run).expect("a run has only string keys");
    text.push('\n');
    text
}

/// What changed between two runs.
#[derive(Serialize)]
struct ChangesFile<'a> {
    schema_version: u32,
    old: String,
    new: String,
    regressed: bool,
    unchanged: usize,
    changes: Vec<ChangeEntry<'a>>,
}

#[derive(Serialize)]
struct ChangeEntry<'a> {
    change: &'static str,
    cell: &'a str,
    kernel: Option<&'a KernelVersion>,
    stage: Option<Stage>,
    before: Option<Outcome>,
    after: Option<Outcome>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    because: &'a [String],
}

/// What changed from `old` to `new`, as JSON.
pub fn changes_to_string(old: &RunRecord, new: &RunRecord, changes: &Changes) -> String {
    fn entry<'a>(changed: &'a Changed<'a>) -> ChangeEntry<'a> {
        let cell = changed.cell();
        ChangeEntry {
            change: changed.change.as_str(),
            cell: &cell.id,
            kernel: cell.kernel.as_ref(),
            stage: changed.stage.map(|(stage, ..)| stage),
            before: changed.stage.map(|(_, before, _)| before),
            after: changed.stage.map(|(.., after)| after),
            warnings: &changed.warnings,
            because: &changed.because,
        }
    }
    let file = ChangesFile {
        schema_version: SCHEMA_VERSION,
        old: old.started.to_string(),
        new: new.started.to_string(),
        regressed: changes.regressed(),
        unchanged: changes.unchanged,
        changes: changes.cells.iter().map(entry).collect(),
    };
    let mut text = crate::text::json_pretty(&file).expect("changes have only string keys");
    text.push('\n');
    text
}

/// Writes `bytes` to the place that a user named, making its folder; see [`files::deliver`].
///
/// # Errors
/// When the file system refuses.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    files::deliver(path, bytes).map_err(|source| WriteError {
        path: path.to_owned(),
        source,
    })
}

/// The JSON Schema of `report.json`.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(RunRecord);
    schema.insert("title".to_owned(), "kflake report".into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn read_error(bytes: &[u8]) -> ReadError {
        parse(bytes, Path::new("report.json")).expect_err("a bad report")
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (name, run) in samples::files() {
            let text = to_string(&run);
            let again = parse(text.as_bytes(), Path::new(FILE)).expect("a report");
            assert!(to_string(&again) == text, "{name}");
        }
    }

    #[test]
    fn a_report_cut_anywhere_is_torn() {
        let text = to_string(&samples::small_later());
        let whole = text.trim_end();
        for at in 0..whole.len() {
            let error = read_error(&whole.as_bytes()[..at]);
            assert!(matches!(error, ReadError::Torn { .. }), "{at}: {error}");
        }
    }

    #[test]
    fn a_newer_report_is_named_before_its_shape_is_judged() {
        let error = read_error(br#"{"schema_version": 2, "cells": "elsewhere"}"#);
        assert!(error.to_string().contains("schema version 2"), "{error}");
        assert!(matches!(error, ReadError::Version { found: 2, .. }));
    }

    #[test]
    fn errors_point_at_the_value() {
        let text = to_string(&samples::small()).replacen("\"passed\"", "\"pased\\u001b\"", 1);
        let error = read_error(text.as_bytes()).to_string();
        assert!(error.contains("/cells/0/stages/0/outcome: "), "{error}");
        assert!(error.contains("passed"), "{error}");
        assert!(!error.contains('\u{1b}'), "{error}");
        assert!(read_error(b"[1,]").to_string().contains("line 1"));
        assert!(matches!(read_error(b"[]"), ReadError::Shape { .. }));
        assert!(matches!(read_error(b"\xff\xfe"), ReadError::Syntax { .. }));
    }

    #[test]
    fn a_stage_cannot_appear_twice() {
        let mut run = samples::small();
        let first = run.cells[1].stages[0].clone();
        run.cells[1].stages.push(first);
        let error = read_error(to_string(&run).as_bytes()).to_string();
        assert!(error.contains("/cells/1/stages"), "{error}");
    }

    #[test]
    fn false_counts_are_not_believed() {
        let mut run = samples::small_later();
        run.coverage.boot.passed = 400;
        let again = parse(to_string(&run).as_bytes(), Path::new(FILE)).expect("a report");
        assert_eq!(again.coverage.boot.passed, 1);
    }

    #[test]
    fn folders_lead_to_their_report() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(matches!(read(dir.path()), Err(ReadError::None { .. })));
        let inner = dir.path().join("report").join(FILE);
        replace(&inner, to_string(&samples::small()).as_bytes()).expect("written");
        assert_eq!(locate(dir.path()), inner);
        for path in [dir.path(), &dir.path().join("report"), &inner] {
            assert_eq!(read(path).expect("a report").cells.len(), 2);
        }
        assert!(matches!(
            read(&dir.path().join("nowhere")),
            Err(ReadError::Io { .. })
        ));
    }

    #[test]
    fn the_schema_takes_every_report_and_refuses_others() {
        let schema = serde_json::from_str(&schema()).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        for (name, run) in samples::files() {
            let value = serde_json::to_value(run).expect("JSON");
            assert!(validator.is_valid(&value), "{name}");
        }
        let mut wrong = serde_json::to_value(samples::small()).expect("JSON");
        wrong["cells"][0]["stages"][0]["outcome"] = "green".into();
        assert!(!validator.is_valid(&wrong));
        assert!(!validator.is_valid(&serde_json::json!({"schema_version": 1})));
    }

    #[test]
    fn the_published_schema_is_the_types() {
        samples::same_as_file("docs/schemas/report.schema.json", &schema());
    }
}
