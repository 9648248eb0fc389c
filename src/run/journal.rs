//! What a run has done so far, on disk line by line, so that a run that was cut short can go on.
//!
//! One JSON object a line, only ever appended. A line cut off by a crash ends the reading; everything before it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FailureRecord;
use crate::blame::FailureTable;
use crate::catalog::FailureClass;
use crate::files::{self, Own, OwnError};
use crate::nix::DrvPath;

/// Its name in a report's folder.
const FILE: &str = "journal.jsonl";
/// The most of it that is read, in bytes.
const MAX: u64 = 256 << 20;

/// Version of the lines' shape; a journal of another one is not resumed.
const VERSION: u32 = 3;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line {
    /// A run began, or went on.
    Begin {
        version: u32,
        started: Timestamp,
        /// The folder of the project that it is a run of.
        project: String,
        /// The command line.
        command: Vec<String>,
        /// Derivations that were not built before.
        missing: Vec<DrvPath>,
    },
    /// A derivation ended.
    End(Ended),
}

/// How the build of a derivation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Its path.
    pub drv: DrvPath,
    /// How.
    pub result: Result,
    /// Wall time in seconds, where it was built by this run.
    pub seconds: Option<f64>,
    /// What its log says, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureRecord>,
    /// In a few words, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a build ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// Well.
    Built,
    /// Not well.
    Failed,
    /// By being stopped for taking too long.
    TimedOut,
}

/// What an earlier part of a run left behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// When the run began.
    pub started: Option<Timestamp>,
    /// The command line that it began with.
    pub command: Vec<String>,
    /// Derivations that were missing then.
    pub missing: BTreeSet<DrvPath>,
    /// Those that ended since, by path.
    pub ended: BTreeMap<DrvPath, Ended>,
}

impl Past {
    /// Forgets what failed through the machine's fault, as `table` knows it, or before it was begun: it is tried again. Gives the logs
    /// of it that are in the report.
    pub fn forgive(&mut self, table: &FailureTable) -> Vec<String> {
        let mut logs = Vec::new();
        self.ended.retain(|_, ended| {
            let class = ended.failure.as_ref().map(|it| it.class.as_deref());
            let forgiven = ended.result == Result::Failed
                && match class {
                    Some(Some(id)) => table.get(id).is_some_and(FailureClass::is_the_machines),
                    Some(None) | None => ended.seconds.is_none(),
                };
            if forgiven {
                logs.extend(ended.failure.as_ref().and_then(|it| it.log.clone()));
            }
            !forgiven
        });
        logs
    }
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

impl Journal {
    /// Starts a new one in `report`, in place of any other.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(report: &Own) -> std::result::Result<Journal, OwnError> {
        let file = report.create(FILE)?;
        Ok(Journal { file })
    }

    /// What the one in the folder `report` holds of a run of `project`, which is not touched; none where there is no such run.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn look(report: &Path, project: &Path) -> io::Result<Option<Past>> {
        match files::read(&report.join(FILE), MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => {
                let (past, _) = read(&bytes?, &name(project));
                Ok(past.started.is_some().then_some(past))
            }
        }
    }

    /// Opens the one in `report` to go on with a run of `project`, with what it holds. A missing one, or one of another version or
    /// project, is begun anew.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn resume(report: &Own, project: &Path) -> std::result::Result<(Journal, Past), OwnError> {
        let path = report.claim(FILE)?;
        let io = |source| OwnError::Io {
            path: path.clone(),
            source,
        };
        let bytes = match files::read(&path, MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(io)?,
        };
        let (past, whole) = read(&bytes, &name(project));
        // what follows the last whole line was cut off
        report.write(FILE, &bytes[..whole], false)?;
        let file = report.append(FILE)?;
        Ok((Journal { file }, past))
    }

    /// Notes a beginning.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(
        &mut self,
        started: Timestamp,
        project: &Path,
        command: &[String],
        missing: &BTreeSet<DrvPath>,
    ) -> io::Result<()> {
        self.append(&Line::Begin {
            version: VERSION,
            started,
            project: name(project),
            command: command.to_owned(),
            missing: missing.iter().cloned().collect(),
        })
    }

    /// Notes an end.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn end(&mut self, ended: Ended) -> io::Result<()> {
        self.append(&Line::End(ended))
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = crate::text::json(line)?;
        text.push('\n');
        // one write: a reader sees a line whole, or cut at the end of the file
        self.file.write_all(text.as_bytes())
    }
}

/// What a project is called in a journal: its folder, wherever links lead to it from.
fn name(project: &Path) -> String {
    let folder = project.canonicalize();
    folder
        .as_deref()
        .unwrap_or(project)
        .to_string_lossy()
        .into_owned()
}

/// What the whole lines of `bytes` say of a run of `own` project, and how many bytes they take.
fn read(bytes: &[u8], own: &str) -> (Past, usize) {
    let mut past = Past::default();
    let mut whole = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.last() != Some(&b'\n') {
            break;
        }
        match serde_json::from_slice(line) {
            Ok(Line::Begin {
                version,
                started,
                project,
                command,
                missing,
            }) if version == VERSION && project == own => {
                if past.started.is_none() {
                    past.started = Some(started);
                    past.command = command;
                }
                past.missing.extend(missing);
            }
            // of a run that began, here: what lost its beginning may be another project's
            Ok(Line::End(ended)) if past.started.is_some() => {
                past.ended.insert(ended.drv.clone(), ended);
            }
            _ => break,
        }
        whole += line.len();
    }
    (past, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(drv: &str, result: Result) -> Ended {
        Ended {
            drv: DrvPath::named(drv),
            result,
            seconds: Some(1.5),
            failure: None,
            reason: None,
        }
    }

    fn here() -> &'static Path {
        Path::new("/")
    }

    fn command() -> Vec<String> {
        ["kflake", "validate"].map(str::to_owned).into()
    }

    fn whole(report: &Own) -> Vec<u8> {
        let mut journal = Journal::create(report).unwrap();
        let missing = ["a", "b", "c"].map(DrvPath::named).into();
        journal
            .begin(
                "2026-11-20T05:00:00Z".parse().unwrap(),
                here(),
                &command(),
                &missing,
            )
            .unwrap();
        journal.end(ended("a", Result::Built)).unwrap();
        journal.end(ended("b", Result::Failed)).unwrap();
        std::fs::read(report.join(FILE)).unwrap()
    }

    #[test]
    fn goes_on_where_it_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let report = Own::open(dir.path()).unwrap();
        let path = report.join(FILE);
        let bytes = whole(&report);
        let full = Journal::resume(&report, here()).unwrap().1;
        assert_eq!(full.ended.len(), 2);
        assert_eq!(full.missing.len(), 3);
        assert_eq!(full.command, command());
        assert_eq!(Journal::look(dir.path(), here()).unwrap(), Some(full));
        for cut in 0..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let (mut journal, past) = Journal::resume(&report, here()).unwrap();
            if past.started.is_none() {
                let started = "2026-11-20T05:00:00Z".parse().unwrap();
                journal
                    .begin(started, here(), &command(), &BTreeSet::new())
                    .unwrap();
            }
            let lines = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(past.ended.len(), lines.saturating_sub(1), "cut at {cut}");
            journal.end(ended("c", Result::TimedOut)).unwrap();
            let (_, again) = Journal::resume(&report, here()).unwrap();
            assert_eq!(again.ended.len(), past.ended.len() + 1, "cut at {cut}");
        }
    }

    #[test]
    fn another_projects_is_not_resumed() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let report = Own::open(dir.path()).unwrap();
        whole(&report);
        assert_eq!(Journal::look(dir.path(), other.path()).unwrap(), None);
        let past = Journal::resume(&report, other.path()).unwrap().1;
        assert_eq!(past, Past::default());
        assert!(std::fs::read(report.join(FILE)).unwrap().is_empty());
    }

    #[test]
    fn the_machines_faults_are_tried_again() {
        let failed = |drv: &str, class: Option<&str>, seconds| Ended {
            seconds,
            failure: Some(FailureRecord {
                class: class.map(str::to_owned),
                phase: None,
                first_error: None,
                log_tail: Vec::new(),
                log: Some(format!("logs/{drv}.log")),
            }),
            ..ended(drv, Result::Failed)
        };
        let mut past = Past::default();
        for it in [
            failed("full", Some("out-of-disk"), Some(1.0)),
            failed("not-begun", None, None),
            failed("broken", Some("compile-error"), Some(1.0)),
            failed("unknown", None, Some(1.0)),
            failed("strange", Some("of another kflake"), None),
            ended("built", Result::Built),
            ended("late", Result::TimedOut),
        ] {
            past.ended.insert(it.drv.clone(), it);
        }
        let table = FailureTable::new(&crate::catalog::Catalog::embedded().unwrap());
        let logs = past.forgive(&table);
        assert_eq!(logs, ["logs/full.log", "logs/not-begun.log"]);
        let left: Vec<&str> = past.ended.keys().map(DrvPath::name).collect();
        assert_eq!(left, ["broken", "built", "late", "strange", "unknown"]);
    }

    #[test]
    fn ends_without_a_beginning_are_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let report = Own::open(dir.path()).unwrap();
        let bytes = whole(&report);
        let begin = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        std::fs::write(report.join(FILE), &bytes[begin..]).unwrap();
        assert_eq!(Journal::resume(&report, here()).unwrap().1, Past::default());
    }

    #[test]
    fn another_version_is_not_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let report = Own::open(dir.path()).unwrap();
        let path = report.join(FILE);
        whole(&report);
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("\"version\":3", "\"version\":9");
        std::fs::write(&path, text).unwrap();
        assert_eq!(Journal::resume(&report, here()).unwrap().1, Past::default());
    }
}
