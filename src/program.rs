//! Other programs, run within bounds: of time, of what they write, and of what they say.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::text::clean_line;

/// How much is kept of what a program says: its end.
const KEPT: usize = 64 << 10;
/// Bytes that a program has to read or write, or it counts as silent.
const LITTLE: u64 = 4096;
/// How long the last words of a program that is gone may take, which a child that it left may hold back.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a program may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// How long it may neither read nor write.
    pub silence: Duration,
    /// How long it may run.
    pub whole: Duration,
    /// How many bytes it may fill a folder with.
    pub folder: Option<(&'a Path, u64)>,
}

impl Bounds<'_> {
    /// So long in all.
    pub const fn within(whole: Duration) -> Bounds<'static> {
        Bounds {
            silence: whole,
            whole,
            folder: None,
        }
    }
}

/// How a program ended.
#[derive(Debug)]
pub enum Ended {
    /// By itself.
    Status(ExitStatus),
    /// It was silent for too long, and was ended.
    Silent,
    /// It ran for too long.
    Late,
    /// It wrote too much.
    Large,
    /// Whoever runs it was to stop.
    Interrupted,
}

/// The end of what a program says. It may say as much as it likes.
#[derive(Debug)]
pub struct Tail {
    text: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Tail {
    /// Reads `from` to its end.
    ///
    /// # Errors
    /// When there is no thread for that.
    pub fn of(from: Option<impl Read + Send + 'static>) -> io::Result<Tail> {
        let text = Arc::new(Mutex::new(Vec::new()));
        let (done, end) = mpsc::channel();
        let kept = Arc::clone(&text);
        thread::Builder::new()
            .name("words".to_owned())
            .spawn(move || {
                let mut buffer = [0; 8192];
                let mut from = from;
                while let Some(from) = &mut from {
                    let read = match from.read(&mut buffer) {
                        Ok(0) => break,
                        Ok(read) => read,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        Err(_) => break,
                    };
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(&buffer[..read]);
                    if kept.len() > 2 * KEPT {
                        let surplus = kept.len() - KEPT;
                        kept.drain(..surplus);
                    }
                }
                // nobody may be waiting
                let _ = done.send(());
            })?;
        Ok(Tail { text, end })
    }

    /// What there is of it, once the program is gone.
    pub fn text(self) -> Vec<u8> {
        // its end, or that of the patience
        let _ = self.end.recv_timeout(LAST_WORDS);
        std::mem::take(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs `command` until it ends, `stop` is set, or it exceeds its bounds; how it ended, its output and its complaints. It reads nothing,
/// and is in a process group of its own: what ends it ends what it started, and Ctrl-C reaches it by way of `stop` alone.
///
/// # Errors
/// When it cannot be started.
pub fn run(
    command: &mut Command,
    bounds: &Bounds<'_>,
    stop: &AtomicBool,
) -> io::Result<(Ended, Vec<u8>, Vec<u8>)> {
    let (mut child, out, err) = start(command, Stdio::null())?;
    let ended = until(&mut child, bounds, stop)?;
    Ok((ended, out.text(), err.text()))
}

/// The same for a command that reads what `write` writes: how it ended, what became of the writing, and its complaints.
///
/// # Errors
/// When it cannot be started.
pub fn feed(
    command: &mut Command,
    bounds: &Bounds<'_>,
    stop: &AtomicBool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<(Ended, io::Result<()>, Vec<u8>)> {
    // what it says is read while it is written to: each could wait for the other
    let (mut child, _, err) = start(command, Stdio::piped())?;
    let to = child.stdin.take();
    let (ended, written) = thread::scope(|scope| {
        // what ends the program ends the writing too
        let watching = scope.spawn(|| until(&mut child, bounds, stop));
        let written = match to {
            Some(mut to) => write(&mut to),
            None => Ok(()),
        };
        let ended = watching.join();
        (ended, written)
    });
    let ended = ended.map_err(|_| io::Error::other("its watch ended early"))??;
    Ok((ended, written, err.text()))
}

/// Starts a program that reads `from`; what it says is read from here on.
fn start(command: &mut Command, from: Stdio) -> io::Result<(Child, Tail, Tail)> {
    let mut child = command
        .stdin(from)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let tails =
        Tail::of(child.stdout.take()).and_then(|out| Ok((out, Tail::of(child.stderr.take())?)));
    match tails {
        Ok((out, err)) => Ok((child, out, err)),
        Err(error) => {
            end(&mut child)?;
            Err(error)
        }
    }
}

/// Waits for a program, and ends it where it does not end by itself.
fn until(child: &mut Child, bounds: &Bounds<'_>, stop: &AtomicBool) -> io::Result<Ended> {
    let ended = watch(child, bounds, stop)?;
    if !matches!(ended, Ended::Status(_)) {
        end(child)?;
    }
    Ok(ended)
}

fn watch(child: &mut Child, bounds: &Bounds<'_>, stop: &AtomicBool) -> io::Result<Ended> {
    let group = Pid::from_child(child);
    let started = Instant::now();
    let (mut looked, mut heard, mut moved) = (started, started, 0);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Status(status));
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(Ended::Interrupted);
        }
        if started.elapsed() > bounds.whole {
            return Ok(Ended::Late);
        }
        if looked.elapsed() > Duration::from_secs(1).min(bounds.silence / 4) {
            looked = Instant::now();
            match bytes_moved(group) {
                Some(now) if now.abs_diff(moved) < LITTLE => {}
                now => {
                    moved = now.unwrap_or(moved);
                    heard = looked;
                }
            }
            if heard.elapsed() > bounds.silence {
                return Ok(Ended::Silent);
            }
            if bounds.folder.is_some_and(|(path, most)| size(path) > most) {
                return Ok(Ended::Large);
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The last line that says something.
pub fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text
        .lines()
        .map(clean_line)
        .rfind(|it| !it.trim().is_empty());
    line.unwrap_or_else(|| "it said nothing".to_owned())
}

/// Ends a program that was not waited for yet, and what it started.
fn end(child: &mut Child) -> io::Result<()> {
    // gone in between is as good
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    child.wait().map(drop)
}

/// What the processes of a group have read and written, to files and to the network alike; none: the system does not tell.
fn bytes_moved(group: Pid) -> Option<u64> {
    let all = fs::read_dir("/proc").ok()?.flatten();
    let of_group = all.filter(|it| {
        let stat = fs::read_to_string(it.path().join("stat")).unwrap_or_default();
        group_in(&stat) == Some(group.as_raw_nonzero().get())
    });
    let told: Vec<u64> = of_group
        .filter_map(|it| {
            let text = fs::read_to_string(it.path().join("io")).ok()?;
            let of = |name: &str| -> Option<u64> {
                let mut lines = text.lines();
                lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
            };
            Some(of("rchar:")?.saturating_add(of("wchar:")?))
        })
        .collect();
    (!told.is_empty()).then(|| told.iter().fold(0, |sum: u64, it| sum.saturating_add(*it)))
}

/// The group of a process, of its line in `/proc`: what follows its name, which can hold anything, is its state, parent and group.
fn group_in(stat: &str) -> Option<i32> {
    stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse().ok()
}

/// Bytes of the files in a folder, which changes meanwhile.
fn size(folder: &Path) -> u64 {
    let below = walkdir::WalkDir::new(folder).into_iter().flatten();
    below
        .filter_map(|it| it.metadata().ok())
        .filter(fs::Metadata::is_file)
        .fold(0, |sum: u64, it| sum.saturating_add(it.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(100);

    fn shell(script: &str, bounds: &Bounds<'_>, stop: bool) -> (Ended, Vec<u8>, Vec<u8>) {
        let stop = AtomicBool::new(stop);
        let mut command = Command::new("sh");
        run(command.args(["-c", script]), bounds, &stop).unwrap()
    }

    fn bounds() -> Bounds<'static> {
        Bounds::within(LONG)
    }

    #[test]
    fn the_end_of_what_a_program_says_is_kept() {
        let script = "head -c 3000000 /dev/zero >&2; echo last >&2; echo out; exit 3";
        let (ended, out, err) = shell(script, &bounds(), false);
        assert!(
            matches!(ended, Ended::Status(it) if it.code() == Some(3)),
            "{ended:?}"
        );
        assert_eq!(out, b"out\n");
        assert!(err.ends_with(b"\0last\n") && err.len() <= 2 * KEPT + 8192);
    }

    #[test]
    fn a_child_that_is_left_behind_holds_nothing_up() {
        let started = Instant::now();
        let (ended, out, _) = shell("sleep 20 & echo $!", &bounds(), false);
        assert!(matches!(ended, Ended::Status(_)), "{ended:?}");
        assert!(started.elapsed() < Duration::from_secs(15));
        let pid: i32 = String::from_utf8(out).unwrap().trim().parse().unwrap();
        let _ = rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }

    #[test]
    fn a_program_that_exceeds_its_bounds_is_ended_with_all_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let short = Duration::from_millis(400);
        let script = "echo $$; sleep 100; :";
        let write = format!(
            "echo $$; while :; do head -c 9000 /dev/zero >>{}/a; done",
            dir.path().display()
        );
        let folder = Some((dir.path(), 100_000));
        let silent = Bounds {
            silence: short,
            ..bounds()
        };
        let late = Bounds {
            whole: short,
            ..bounds()
        };
        type Is = fn(&Ended) -> bool;
        let cases: [(&str, Bounds<'_>, bool, Is); 4] = [
            (script, silent, false, |it| matches!(it, Ended::Silent)),
            (&write, late, false, |it| matches!(it, Ended::Late)),
            (&write, Bounds { folder, ..bounds() }, false, |it| {
                matches!(it, Ended::Large)
            }),
            (script, bounds(), true, |it| {
                matches!(it, Ended::Interrupted)
            }),
        ];
        for (script, bounds, stop, is) in cases {
            let started = Instant::now();
            let (ended, out, _) = shell(script, &bounds, stop);
            assert!(is(&ended), "{script}: {ended:?}");
            assert!(started.elapsed() < Duration::from_secs(60), "{script}");
            // a program that had no time to say who it is
            let Ok(group) = String::from_utf8(out).unwrap().trim().parse() else {
                assert!(stop);
                continue;
            };
            let gone = Instant::now();
            while lives(group) {
                assert!(gone.elapsed() < Duration::from_secs(20), "{script}");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Whether a process of this group does; nobody may have waited for one that is gone.
    fn lives(group: i32) -> bool {
        let all = fs::read_dir("/proc").unwrap().flatten();
        let mut stats = all.filter_map(|it| fs::read_to_string(it.path().join("stat")).ok());
        stats.any(|it| group_in(&it) == Some(group) && !it.contains(") Z "))
    }

    #[test]
    fn a_program_is_written_to_within_its_bounds() {
        let never = AtomicBool::new(false);
        let fed = |script: &str, bounds: &Bounds<'_>| {
            let mut command = Command::new("sh");
            feed(command.args(["-c", script]), bounds, &never, |to| {
                to.write_all(&vec![b'x'; 1 << 20])
            })
            .unwrap()
        };
        let script = "head -c 3000000 /dev/zero >&2; cat | wc -c >&2; exit 3";
        let (ended, written, err) = fed(script, &bounds());
        assert!(
            matches!(ended, Ended::Status(it) if it.code() == Some(3)),
            "{ended:?}"
        );
        assert!(written.is_ok() && err.ends_with(b"1048576\n"));
        let silent = Bounds {
            silence: Duration::from_millis(400),
            ..bounds()
        };
        let (ended, written, _) = fed("sleep 100; :", &silent);
        assert!(matches!(ended, Ended::Silent), "{ended:?}");
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_program_that_works_is_not_silent() {
        let silence = Duration::from_millis(1500);
        let script =
            "for i in 1 2 3 4 5 6 7 8; do sleep 0.4; head -c 9000 /dev/zero >/dev/null; done";
        let (ended, ..) = shell(
            script,
            &Bounds {
                silence,
                ..bounds()
            },
            false,
        );
        assert!(
            matches!(ended, Ended::Status(it) if it.success()),
            "{ended:?}"
        );
    }
}
