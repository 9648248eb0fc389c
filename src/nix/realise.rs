//! One Nix process that builds a few derivations, and what it says meanwhile.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::config::Settings;
use super::drv::DrvPath;
use super::error::NixError;
use super::events::{Event, Parser};
use super::guard::Guard;
use super::probe::Nix;

/// Longest line read, in bytes; the rest of it is dropped.
const MAX_LINE: usize = 1 << 20;

/// What to build, and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// Derivations, by path.
    pub drvs: Vec<DrvPath>,
    /// Builds that may run at once.
    pub max_jobs: usize,
    /// Cores that each may use.
    pub cores: usize,
    /// Link that keeps the results from being collected as garbage.
    pub root: Option<PathBuf>,
}

/// What comes from a running process, with the number it was started under.
#[derive(Debug)]
pub enum Line {
    /// It said something.
    Event(usize, Event),
    /// It closed its output: it has ended, or is about to.
    Ended(usize),
}

/// A running process.
#[derive(Debug)]
pub struct Realise {
    child: Child,
    guard: Guard,
}

impl Realise {
    /// Starts it. What it says goes to `lines`, marked with `number`. To be called from a thread that lives as long as the
    /// process should.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        nix: &Nix,
        settings: &Settings,
        job: &Job,
        number: usize,
        lines: SyncSender<Line>,
    ) -> Result<Realise, NixError> {
        let failed = |source| NixError::Run {
            program: "nix-store".to_owned(),
            source,
        };
        let mut command = settings.guarded(nix, "nix-store")?;
        command
            .args(["--realise", "--keep-going", "--log-format", "internal-json"])
            .args(["--max-jobs", &job.max_jobs.to_string()])
            .args(["--cores", &job.cores.to_string()]);
        if let Some(root) = &job.root {
            command.arg("--add-root").arg(root);
        }
        command.args(job.drvs.iter().map(DrvPath::as_str));
        // its own process group: Ctrl-C reaches kflake alone, which stops Nix in its own way
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(stderr) = child.stderr.take() {
            thread::Builder::new()
                .name(format!("nix-{number}"))
                .spawn(move || read_events(stderr, number, &lines))
                .map_err(failed)?;
        }
        Ok(Realise {
            child,
            guard: nix.guard(),
        })
    }

    /// Asks Nix to stop: it ends its builders and removes their folders.
    pub fn stop(&self) {
        let pid = match self.guard {
            Guard::Namespace | Guard::UserNamespace => only_child(self.child.id()),
            Guard::Signal | Guard::None => None,
        };
        if let Some(pid) = Pid::from_raw(pid.unwrap_or(self.child.id()).cast_signed()) {
            // gone already: nothing to stop
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Ends it at once, with all it started.
    pub fn kill(&mut self) {
        // gone already: nothing to kill
        let _ = self.child.kill();
    }

    /// Waits for its end, up to `patience`, then ends it by force.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn finish(&mut self, patience: Duration) -> std::io::Result<ExitStatus> {
        let step = Duration::from_millis(2);
        let mut waited = Duration::ZERO;
        while waited < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(step);
            waited += step;
        }
        self.kill();
        self.child.wait()
    }
}

impl Drop for Realise {
    fn drop(&mut self) {
        self.kill();
        // reaped, so that no zombie stays
        let _ = self.child.wait();
    }
}

/// The process that `parent` (an `unshare`) waits for.
fn only_child(parent: u32) -> Option<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = std::fs::read_to_string(path).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn read_events(stderr: impl Read, number: usize, lines: &SyncSender<Line>) {
    let mut reader = BufReader::with_capacity(1 << 16, stderr);
    let mut line = Vec::new();
    let mut parser = Parser::default();
    while read_line(&mut reader, &mut line) {
        match parser.parse(&line) {
            Event::Other => {}
            // the engine is gone: closing the pipe tells Nix
            event => {
                if lines.send(Line::Event(number, event)).is_err() {
                    return;
                }
            }
        }
    }
    let _ = lines.send(Line::Ended(number));
}

/// The next line, without its end; false at the end of the input.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> bool {
    line.clear();
    let mut any = false;
    loop {
        let buffer = match reader.fill_buf() {
            Ok([]) => return any,
            Ok(buffer) => buffer,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return any,
        };
        any = true;
        let (part, used, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&buffer[..end], end + 1, true),
            None => (buffer, buffer.len(), false),
        };
        let room = MAX_LINE.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        reader.consume(used);
        if done {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_the_last_needs_no_end() {
        let mut text = vec![b'x'; MAX_LINE + 10];
        text.extend_from_slice(b"\nshort\n\nlast");
        let mut reader = BufReader::with_capacity(100, text.as_slice());
        let mut line = Vec::new();
        let mut lengths = Vec::new();
        while read_line(&mut reader, &mut line) {
            lengths.push(line.len());
        }
        assert_eq!(lengths, [MAX_LINE, 5, 0, 4]);
    }
}
