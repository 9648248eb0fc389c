//! One running Nix process as the engine sees it: its builds, their logs, its last words.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use super::order::UnitId;
use crate::files::{Own, OwnError};
use crate::nix::{Activity, DrvPath, Realise};
use crate::text::clean_line;

/// Longest log kept, in bytes.
const MAX_LOG: u64 = 64 << 20;

/// Messages of Nix kept, in bytes.
const MAX_MESSAGES: usize = 64 << 10;

/// Why a process was told to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A build took too long, or was silent for too long.
    Timeout {
        drv: DrvPath,
        silent: bool,
        seconds: u64,
    },
    /// The whole run ends.
    Run,
}

/// A build.
#[derive(Debug)]
pub(super) struct Running {
    pub drv: DrvPath,
    pub started: Instant,
    pub last_output: Instant,
    pub phase: Option<String>,
    pub log: Log,
}

/// A build that Nix no longer speaks of.
#[derive(Debug)]
pub(super) struct Finished {
    pub seconds: f64,
    pub phase: Option<String>,
    pub log: Log,
    /// Whether the process had been told to stop by then.
    pub stopped: bool,
    /// Whether the journal already has its time.
    pub noted: bool,
}

/// A Nix process.
#[derive(Debug)]
pub(super) struct Process {
    pub unit: UnitId,
    pub drvs: Vec<DrvPath>,
    pub realise: Realise,
    pub running: BTreeMap<Activity, Running>,
    pub finished: BTreeMap<DrvPath, Finished>,
    pub messages: Messages,
    pub stop: Option<(Stop, Instant)>,
}

impl Process {
    /// Takes note that no build is under way; the derivations that were.
    pub fn finish_all(&mut self) -> Vec<DrvPath> {
        let open: Vec<Activity> = self.running.keys().copied().collect();
        open.into_iter().filter_map(|id| self.finish(id)).collect()
    }

    /// Takes note that a build ended; its derivation.
    pub fn finish(&mut self, id: Activity) -> Option<DrvPath> {
        self.running.remove(&id).map(|build| {
            let drv = build.drv.clone();
            let finished = Finished {
                seconds: round(build.started.elapsed().as_secs_f64()),
                phase: build.phase,
                log: build.log,
                stopped: self.stop.is_some(),
                noted: false,
            };
            self.finished.insert(build.drv, finished);
            drv
        })
    }

    /// Nix's error messages about `drv`; where it names none, all of them.
    pub fn messages_about(&self, drv: &DrvPath) -> Vec<String> {
        let said = &self.messages.texts;
        let naming: Vec<&String> = said
            .iter()
            .filter(|text| text.contains(drv.as_str()))
            .collect();
        let any_named = self
            .drvs
            .iter()
            .any(|other| other != drv && said.iter().any(|text| text.contains(other.as_str())));
        let texts = if naming.is_empty() && !any_named {
            said.iter().collect()
        } else {
            naming
        };
        texts
            .into_iter()
            // newer Nix repeats the log's end, which is in the log
            .flat_map(|text| {
                let repeats = |line: &&str| line.to_ascii_lowercase().contains("log lines:");
                text.lines().take_while(move |line| !repeats(line))
            })
            .map(clean_line)
            .filter(|line| !line.trim().is_empty() && !is_summary(line))
            .collect()
    }
}

/// What Nix says, within bounds. A builder can have it say as much as it likes.
#[derive(Debug, Default)]
pub(super) struct Messages {
    texts: Vec<String>,
    /// The bytes of them.
    held: usize,
}

impl Messages {
    /// Keeps `text`, or a part of it, where there is room.
    pub fn say(&mut self, text: &str) {
        if self.held < MAX_MESSAGES {
            let text: String = text.chars().take(MAX_MESSAGES / 4).collect();
            self.held += text.len();
            self.texts.push(text);
        }
    }

    /// Whether Nix was silent.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// Whether Nix only sums up, in no certain order, what it was asked for.
fn is_summary(line: &str) -> bool {
    let line = line.trim().trim_start_matches("error: ");
    line.starts_with("build of '") && line.ends_with("failed")
}

/// Seconds to the millisecond.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// A build's log on its way to a file. The file comes with the first line.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    written: u64,
}

impl Log {
    pub fn new(path: PathBuf) -> Log {
        Log {
            path,
            file: None,
            written: 0,
        }
    }

    /// Adds a line, already made fit to show.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        if self.written > MAX_LOG {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(File::create(&self.path)?)),
        };
        self.written += line.len() as u64 + 1;
        file.write_all(line.as_bytes())?;
        file.write_all(b"\n")?;
        if self.written > MAX_LOG {
            file.write_all("[the log goes on; it is cut here]\n".as_bytes())?;
        }
        Ok(())
    }

    /// Keeps it as `name` in a report.
    pub fn keep(mut self, report: &Own, name: &str) -> Result<(), OwnError> {
        let mut flush = || match &mut self.file {
            Some(file) => file.flush(),
            None => File::create(&self.path).map(drop),
        };
        flush().map_err(|source| OwnError::Io {
            path: self.path.clone(),
            source,
        })?;
        report.keep(&self.path, name)
    }

    /// Throws it away.
    pub fn discard(self) {
        if self.file.is_some() {
            // what is left is cleared by the next run
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_a_file_only_when_it_is_kept_or_long() {
        let dir = tempfile::tempdir().unwrap();
        let report = Own::open(&dir.path().join("report")).unwrap();
        let path = dir.path().join("running");
        Log::new(path.clone()).discard();
        assert!(!path.exists());
        let mut log = Log::new(path.clone());
        log.line("one").unwrap();
        log.keep(&report, "logs/kept").unwrap();
        assert_eq!(
            std::fs::read_to_string(report.join("logs/kept")).unwrap(),
            "one\n"
        );
        Log::new(path).keep(&report, "empty").unwrap();
        assert_eq!(std::fs::read_to_string(report.join("empty")).unwrap(), "");
    }

    /// Each of them added up anew, these took hours.
    #[test]
    fn endless_messages_are_bounded() {
        let mut messages = Messages::default();
        assert!(messages.is_empty());
        for _ in 0..2_000_000 {
            messages.say("x");
        }
        messages.say(&"y".repeat(MAX_MESSAGES));
        assert_eq!(messages.texts.len(), MAX_MESSAGES);
        let mut long = Messages::default();
        long.say(&"é".repeat(MAX_MESSAGES));
        assert_eq!(long.held, MAX_MESSAGES / 2);
    }

    #[test]
    fn endless_logs_are_cut() {
        let dir = tempfile::tempdir().unwrap();
        let report = Own::open(&dir.path().join("report")).unwrap();
        let mut log = Log::new(dir.path().join("running"));
        let line = "x".repeat(4000);
        for _ in 0..20_000 {
            log.line(&line).unwrap();
        }
        log.keep(&report, "kept").unwrap();
        let size = std::fs::metadata(report.join("kept")).unwrap().len();
        assert!(size > MAX_LOG && size < MAX_LOG + 10_000, "{size}");
    }
}
