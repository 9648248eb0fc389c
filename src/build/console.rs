//! A machine's console: what is shown of it, how it ended, and for how long it may say nothing.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::BuildError;
use crate::text::clean_line;

/// How long a machine may take to go off after it said that it is done, or after a panic.
const GRACE: Duration = Duration::from_secs(5);
/// What begins the lines of `boot-run.c`.
const MARK: &[u8] = b"\nkflake-run: ";
/// Longest line that is waited for.
const MAX_LINE: usize = 64 << 10;

/// A time after which a machine is ended.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The time.
    pub time: Duration,
    /// Whether it counts only until init runs, because someone sits there who can end the machine.
    pub boot_only: bool,
}

/// For how long a machine may run; none: for as long as it likes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// In all.
    pub wall: Option<Limit>,
    /// Without a character on the console.
    pub silence: Option<Limit>,
}

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The program ended with this status; a signal counts as a shell does, from 128 on.
    Program(u8),
    /// Init could not run the program; why.
    NotRun(String),
    /// A module that came along did not load; the number of the error.
    NotLoaded(String),
    /// The machine went off by itself, after init's line or, with an initramfs of one's own, without.
    Off,
    /// It went off before what was waited for was said; the last line.
    Early(String),
    /// The kernel panicked; its words.
    Panic(String),
    /// It ran for too long; the last line.
    Wall(String),
    /// It said nothing for too long; the last line.
    Silence(String),
    /// QEMU could not start it, or failed.
    Qemu(ExitStatus),
}

/// Something to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// As it came: from the program, or from a console that someone sits at.
    Bytes(&'a [u8]),
    /// A line of the kernel's, without control characters.
    Kernel(&'a str),
}

/// What has come from a console.
#[derive(Debug)]
pub struct Console {
    program: bool,
    stage: Stage,
    pending: Vec<u8>,
    line: Vec<u8>,
    last_line: String,
    init: bool,
    not_loaded: Option<String>,
    panic: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Kernel,
    Program,
    Ended(Ending),
}

impl Console {
    /// A console on which a program runs, or the kernel and init alone.
    pub fn new(program: bool) -> Console {
        Console {
            program,
            stage: Stage::Kernel,
            // a mark at the very beginning counts as well
            pending: b"\n".to_vec(),
            line: Vec::new(),
            last_line: String::new(),
            init: false,
            not_loaded: None,
            panic: None,
        }
    }

    /// Takes what came.
    pub fn feed(&mut self, bytes: &[u8], show: &mut dyn FnMut(Shown<'_>)) {
        if !self.program {
            show(Shown::Bytes(bytes));
        }
        self.pending.extend_from_slice(bytes);
        loop {
            let before = self.pending.len();
            match self.stage {
                Stage::Kernel => self.kernel_line(show),
                Stage::Program => self.program_bytes(show),
                Stage::Ended(_) => self.pending.clear(),
            }
            if self.pending.len() == before || self.pending.is_empty() {
                break;
            }
        }
    }

    /// Takes one line, if it is whole. Whatever is pending begins with the end of the line before.
    fn kernel_line(&mut self, show: &mut dyn FnMut(Shown<'_>)) {
        let Some(end) = self.pending.iter().skip(1).position(|b| *b == b'\n') else {
            if self.pending.len() > MAX_LINE {
                self.pending.truncate(1);
            }
            return;
        };
        let line: Vec<u8> = self.pending.drain(..=end).skip(1).collect();
        let line = clean_line(&String::from_utf8_lossy(&line));
        let line = line.trim_end();
        self.note(line);
        if self.program {
            show(Shown::Kernel(line));
            match line.strip_prefix("kflake-run: ") {
                Some("begin") => {
                    self.stage = Stage::Program;
                    // the end of the line `begin`
                    self.pending.drain(..1);
                }
                Some(word) => {
                    if let Some(ending) = ending(word) {
                        self.stage = Stage::Ended(ending);
                    }
                }
                None => {}
            }
        }
    }

    fn note(&mut self, line: &str) {
        if !line.is_empty() {
            line.clone_into(&mut self.last_line);
        }
        if line.starts_with("kflake-init: ok ") {
            self.init = true;
            let error = line.split_once(" module=error-");
            self.not_loaded = error.map(|(_, number)| number.to_owned());
        }
        if let Some(at) = line.find("Kernel panic - not syncing") {
            self.panic.get_or_insert_with(|| line[at..].to_owned());
        }
    }

    fn note_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.note(clean_line(&String::from_utf8_lossy(&line)).trim_end());
    }

    /// Takes what is sure to be the program's, or its end.
    fn program_bytes(&mut self, show: &mut dyn FnMut(Shown<'_>)) {
        let Some(at) = find(&self.pending, MARK) else {
            // the last bytes may be the beginning of a mark
            let kept = (1..MARK.len())
                .rev()
                .find(|n| self.pending.ends_with(&MARK[..*n]))
                .unwrap_or(0);
            let sure = self.pending.len() - kept;
            self.show_program(sure, show);
            return;
        };
        let word_at = at + MARK.len();
        let Some(end) = self.pending[word_at..].iter().position(|b| *b == b'\n') else {
            // a word of ours is short
            let kept = if self.pending.len() - word_at > 40 {
                word_at
            } else {
                at
            };
            self.show_program(kept, show);
            return;
        };
        let word = String::from_utf8_lossy(&self.pending[word_at..word_at + end]).into_owned();
        if let Some(ending) = ending(word.trim_end()) {
            self.show_program(at, show);
            self.stage = Stage::Ended(ending);
        } else {
            self.show_program(word_at, show);
        }
    }

    fn show_program(&mut self, count: usize, show: &mut dyn FnMut(Shown<'_>)) {
        if count == 0 {
            return;
        }
        let bytes: Vec<u8> = self.pending.drain(..count).collect();
        for byte in &bytes {
            if *byte == b'\n' {
                self.note_line();
            } else if self.line.len() < MAX_LINE {
                self.line.push(*byte);
            }
        }
        show(Shown::Bytes(&bytes));
    }

    /// Whether all has been said.
    fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Ended(_)) || self.panic.is_some()
    }

    /// How it ended, for a machine that went off by itself.
    fn ending(mut self, ours: bool, status: ExitStatus) -> Ending {
        self.line.extend(std::mem::take(&mut self.pending));
        self.line.retain(|byte| *byte != b'\n');
        self.note_line();
        match (self.stage, self.panic) {
            (Stage::Ended(ending), _) => ending,
            (_, Some(panic)) => Ending::Panic(panic),
            _ if self.last_line.is_empty() && !status.success() => Ending::Qemu(status),
            (Stage::Kernel, None) if !self.program && ours && self.not_loaded.is_some() => {
                Ending::NotLoaded(self.not_loaded.unwrap_or_default())
            }
            (Stage::Kernel, None) if !self.program && (self.init || !ours) => Ending::Off,
            _ => Ending::Early(self.last_line),
        }
    }
}

/// What a word of `boot-run.c` means.
fn ending(word: &str) -> Option<Ending> {
    let (kind, rest) = word.split_once(' ')?;
    match kind {
        "exit" => rest.parse().ok().map(Ending::Program),
        "signal" => {
            let signal: u8 = rest.parse().ok()?;
            Some(Ending::Program(signal.saturating_add(128)))
        }
        "error" => Some(Ending::NotRun(rest.to_owned())),
        _ => None,
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Runs `command`, a QEMU with its console on standard output, until the machine goes off, a limit is reached or `stop` is set.
/// `ours`: whether the initramfs is ours, whose init says that it ran.
///
/// # Errors
/// When it cannot be started, or was stopped.
pub fn watch(
    mut command: Command,
    mut console: Console,
    ours: bool,
    limits: Limits,
    stop: &AtomicBool,
    show: &mut dyn FnMut(Shown<'_>),
) -> Result<Ending, BuildError> {
    let program = command.get_program().to_owned();
    let failed = BuildError::io(program);
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Err(failed(error)),
    };
    let (sender, chunks) = sync_channel::<Vec<u8>>(64);
    if let Some(mut output) = child.stdout.take() {
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
    }
    let started = Instant::now();
    let (mut heard, mut done) = (started, None);
    loop {
        if stop.load(Ordering::Relaxed) {
            end(&mut child);
            return Err(BuildError::Interrupted);
        }
        match chunks.recv_timeout(Duration::from_millis(100)) {
            Ok(bytes) => {
                heard = Instant::now();
                console.feed(&bytes, show);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let booted = console.init || console.stage == Stage::Program;
        let over = |limit: Option<Limit>, since: Instant| {
            limit.is_some_and(|limit| since.elapsed() > limit.time && !(limit.boot_only && booted))
        };
        if console.is_done() {
            let done = done.get_or_insert_with(Instant::now);
            if done.elapsed() > GRACE {
                break;
            }
        } else if over(limits.wall, started) {
            end(&mut child);
            return Ok(Ending::Wall(console.last_line));
        } else if over(limits.silence, heard) {
            end(&mut child);
            return Ok(Ending::Silence(console.last_line));
        }
    }
    let status = end(&mut child);
    let unknown = || BuildError::io("QEMU")(std::io::Error::other("its status is not known"));
    Ok(console.ending(ours, status.ok_or_else(unknown)?))
}

/// Ends the machine in a way that lets QEMU restore the terminal; its status, which it may have ended with already.
fn end(child: &mut Child) -> Option<ExitStatus> {
    let wait = |child: &mut Child, patience: Duration| {
        let since = Instant::now();
        while since.elapsed() < patience {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    };
    // its output is closed a moment before it is gone
    if let Some(status) = wait(child, Duration::from_millis(500)) {
        return Some(status);
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // gone in between is as good
        let _ = kill_process(pid, Signal::TERM);
    }
    wait(child, Duration::from_secs(3)).or_else(|| {
        let _ = child.kill();
        child.wait().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// What a program's console shows, fed `size` bytes at a time, and how it ended.
    fn program(text: &[u8], size: usize) -> (String, Ending) {
        let mut console = Console::new(true);
        let mut shown = Vec::new();
        for chunk in text.chunks(size) {
            console.feed(chunk, &mut |it| {
                if let Shown::Bytes(bytes) = it {
                    shown.extend_from_slice(bytes);
                }
            });
        }
        let text = String::from_utf8(shown).unwrap();
        (text, console.ending(true, ExitStatus::from_raw(0)))
    }

    #[test]
    fn a_program_is_shown_to_the_byte() {
        let text = b"[ 0.1] Linux version 6.1\r\n\r\nkflake-run: begin\none\n\nkflake-run: no\ntwo\n$ \nkflake-run: exit 7\n[ 1.0] off\r\n";
        for size in 1..text.len() {
            let (shown, ending) = program(text, size);
            assert_eq!(shown, "one\n\nkflake-run: no\ntwo\n$ ", "{size}");
            assert_eq!(ending, Ending::Program(7));
        }
    }

    #[test]
    fn every_end_of_a_program_is_told() {
        for (text, expected) in [
            (
                "kflake-run: begin\n\nkflake-run: signal 11\n",
                Ending::Program(139),
            ),
            (
                "kflake-run: begin\n\nkflake-run: error exec 8\n\nkflake-run: exit 127\n",
                Ending::NotRun("exec 8".into()),
            ),
            (
                "kflake-run: error arguments\n",
                Ending::NotRun("arguments".into()),
            ),
            ("kflake-run: begin\nhello\n", Ending::Early("hello".into())),
            ("booting\n", Ending::Early("booting".into())),
            (
                "kflake-run: begin\nx\n[ 1] Kernel panic - not syncing: Oops\n",
                Ending::Panic("Kernel panic - not syncing: Oops".into()),
            ),
            (
                "kflake-run: begin\n\nkflake-run: exit 300\n",
                Ending::Early("kflake-run: exit 300".into()),
            ),
        ] {
            assert_eq!(program(text.as_bytes(), 5).1, expected, "{text}");
        }
    }

    #[test]
    fn a_boot_ends_well_with_inits_line_only() {
        let boot = |text: &str, ours: bool| {
            let mut console = Console::new(false);
            console.feed(text.as_bytes(), &mut |_| {});
            console.ending(ours, ExitStatus::from_raw(0))
        };
        assert_eq!(boot("a\r\nkflake-init: ok pid=1\r\n", true), Ending::Off);
        assert_eq!(boot("a\nb\n", true), Ending::Early("b".into()));
        assert_eq!(boot("a\nb\n", false), Ending::Off);
        assert_eq!(
            boot("kflake-init: ok pid=1 module=error-8\n", true),
            Ending::NotLoaded("8".into())
        );
        let console = Console::new(false);
        let status = ExitStatus::from_raw(1 << 8);
        assert_eq!(console.ending(true, status), Ending::Qemu(status));
    }

    #[test]
    fn limits_end_a_machine() {
        let run = |script: &str, limits: Limits| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let stop = AtomicBool::new(false);
            watch(
                command,
                Console::new(false),
                true,
                limits,
                &stop,
                &mut |_| {},
            )
            .unwrap()
        };
        let limit = Some(Limit {
            time: Duration::from_millis(700),
            boot_only: false,
        });
        let silence = Limits {
            silence: limit,
            ..Limits::default()
        };
        assert_eq!(
            run("echo up; exec sleep 60", silence),
            Ending::Silence("up".into())
        );
        let wall = Limits {
            wall: limit,
            ..Limits::default()
        };
        let talk = "while :; do echo on; sleep 0.1; done";
        assert_eq!(run(talk, wall), Ending::Wall("on".into()));
        assert_eq!(run("echo 'kflake-init: ok pid=1'", wall), Ending::Off);
        let boot = Limits {
            wall: limit.map(|limit| Limit {
                boot_only: true,
                ..limit
            }),
            silence: None,
        };
        let shell = "echo 'kflake-init: ok pid=1'; sleep 1.5";
        assert_eq!(run(shell, boot), Ending::Off);
        assert_eq!(run("exec sleep 60", boot), Ending::Wall(String::new()));
        assert!(matches!(run("exit 3", wall), Ending::Qemu(status) if status.code() == Some(3)));
    }
}
