//! Building one derivation, with what it needs.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::BuildError;
use crate::nix::{Activity, Event, Graph, Job, Line, Nix, NixError, Realise, Settings};
use crate::project::Build;
use crate::text::clean_line;

/// Lines of a failed log that are shown.
const TAIL: usize = 25;

/// What happens meanwhile.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A build began.
    Started(&'a str),
    /// A builder said something, without control characters.
    Said(&'a str),
    /// A build ended.
    Ended,
}

/// A finished build.
#[derive(Clone, Debug)]
pub struct Built {
    /// Seconds that the derivation itself took; none: it was in the store already.
    pub seconds: Option<f64>,
    /// Its whole log, as printed; empty where the store has none.
    pub log: String,
}

/// Builds `build`; `stop` ends it.
///
/// # Errors
/// When it fails, or is stopped.
pub fn realise(
    nix: &Nix,
    settings: &Settings,
    build: &Build,
    cores: usize,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Built, BuildError> {
    let (sender, lines) = sync_channel(1024);
    let job = Job {
        drvs: vec![build.drv.clone()],
        max_jobs: 1,
        cores,
        root: None,
    };
    if !nix
        .invalid(settings, build.outputs.values().map(String::as_str))?
        .is_empty()
    {
        nix.adopt(settings, &Graph::load([build.drv.as_str()])?)?;
    }
    let mut process = Realise::start(nix, settings, &job, 0, sender)?;
    let mut running: BTreeMap<Activity, (String, Instant)> = BTreeMap::new();
    let mut seconds = None;
    let mut messages = Vec::new();
    let mut last_lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut last_drv = build.drv.clone();
    loop {
        if stop.load(Ordering::Relaxed) {
            process.stop();
            // it is ending one way or the other
            let _ = process.finish(Duration::from_secs(10));
            return Err(BuildError::Interrupted);
        }
        let event = match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(Line::Event(_, event)) => event,
            Ok(Line::Ended(_)) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => continue,
        };
        match event {
            Event::BuildStarted { id, drv } => {
                progress(Progress::Started(&name_of(&drv)));
                running.insert(id, (drv, Instant::now()));
            }
            Event::Log { id, line } => {
                let line = clean_line(&line);
                progress(Progress::Said(&line));
                if let Some((drv, _)) = running.get(&id) {
                    last_drv.clone_from(drv);
                    let tail = last_lines.entry(drv.clone()).or_default();
                    tail.push(line);
                    if tail.len() > 4 * TAIL {
                        tail.drain(..2 * TAIL);
                    }
                }
            }
            Event::Stopped { id } => {
                if let Some((drv, since)) = running.remove(&id) {
                    progress(Progress::Ended);
                    if drv == build.drv {
                        seconds = Some(since.elapsed().as_secs_f64());
                    }
                }
            }
            Event::Message { error: true, text } => messages.push(clean_line(&text)),
            _ => {}
        }
    }
    process
        .finish(Duration::from_secs(60))
        .map_err(|source| NixError::Run {
            program: "nix-store".to_owned(),
            source,
        })?;
    let missing = nix.invalid(settings, build.outputs.values().map(String::as_str))?;
    if missing.is_empty() {
        return Ok(Built {
            seconds,
            log: read_log(nix, settings, &build.drv)?,
        });
    }
    let said = last_lines.remove(&last_drv).unwrap_or_default();
    Err(BuildError::Failed {
        what: name_of(&last_drv),
        lines: explanation(said, messages),
        drv: last_drv,
    })
}

/// The lines that say what went wrong: kflake's own, else the last of the log, else Nix's messages.
fn explanation(said: Vec<String>, messages: Vec<String>) -> Vec<String> {
    let ours: Vec<String> = said
        .iter()
        .filter(|line| line.starts_with("kflake: "))
        .cloned()
        .collect();
    // a failed compilation is explained by the compiler, a failed boot by the console, a wrong configuration by us alone
    let elsewhere = ours
        .last()
        .is_some_and(|line| line.contains(": compile: ") || line.starts_with("kflake: boot: "));
    if !ours.is_empty() && !elsewhere {
        return ours;
    }
    if said.is_empty() {
        return messages;
    }
    let from = said.len().saturating_sub(TAIL);
    said[from..].to_vec()
}

/// The name of a derivation: its path without folder, digest and `.drv`.
fn name_of(drv: &str) -> String {
    let file = drv.rsplit('/').next().unwrap_or(drv);
    let name = file.split_once('-').map_or(file, |(_, name)| name);
    name.trim_end_matches(".drv").to_owned()
}

/// The log of a build that ended; empty where the store has none.
///
/// # Errors
/// When Nix cannot be started.
pub fn read_log(nix: &Nix, settings: &Settings, drv: &str) -> Result<String, NixError> {
    let output = settings
        .command(nix, "nix-store")?
        .args(["--read-log", drv])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|source| NixError::Run {
            program: "nix-store".to_owned(),
            source,
        })?;
    // a result that came from a binary cache has no log here
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_shown_of_a_failure() {
        let config = lines(&[
            "make: entering",
            "kflake: kernel: config: X: requested y, got n: depends on NET (n)",
            "x",
        ]);
        assert_eq!(explanation(config, vec![]).len(), 1);
        let compile = lines(&[
            "foo.c:1: error: no",
            "kflake: kernel: compile: make vmlinux failed",
        ]);
        assert_eq!(explanation(compile.clone(), vec![]), compile);
        assert_eq!(explanation(vec![], lines(&["no space"])), ["no space"]);
    }

    #[test]
    fn names_lose_their_digest() {
        assert_eq!(name_of("/nix/store/abc-linux-6.1.drv"), "linux-6.1");
    }
}
