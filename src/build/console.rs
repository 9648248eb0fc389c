//! A machine's console: what is shown of it, how it ended, and for how long it may say nothing.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{BuildError, Nonce};
use crate::blame::Splats;
use crate::text::clean_line;

/// How long a machine may take to go off after it said that it is done, or after a panic.
const GRACE: Duration = Duration::from_secs(5);
/// Names under which our init says its lines: the one of boot tests, and the one that runs programs.
const INIT: &str = "kflake-init";
const RUN: &str = "kflake-run";
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
    /// Not all of the modules that came along loaded.
    NotLoaded(Modules),
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

/// A machine that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// How.
    pub ending: Ending,
    /// What its kernel complained of until then.
    pub warnings: Vec<String>,
}

/// What became of the modules that came along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modules {
    /// How many came along.
    pub put: usize,
    /// How many loaded.
    pub loaded: usize,
    /// Those that did not, by their place among all, each with the number of its error.
    pub failed: Vec<(usize, i32)>,
}

/// Something to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown<'a> {
    /// As it came: from the program, or from a console that someone sits at.
    Bytes(&'a [u8]),
    /// A line of the kernel's, without control characters.
    Kernel(&'a str),
    /// The program begins, and this kernel cannot keep it from changing init: what it ended with is as true as the program.
    Unguarded,
}

/// What has come from a console.
///
/// A line is init's when it has the nonce of the run. Everything else is only text: of the kernel, whose panics count, or of the program,
/// which may print what it likes.
#[derive(Debug)]
pub struct Console {
    program: bool,
    /// What begins the lines of our init; none: it is not ours.
    marks: Option<[String; 2]>,
    modules: Modules,
    stage: Stage,
    pending: Vec<u8>,
    line: Vec<u8>,
    last_line: String,
    /// The beginning of a line of init's that the kernel spoke into.
    torn: Option<String>,
    init: bool,
    off: bool,
    panic: Option<String>,
    /// Whether the kernel said, after init, that it switches the machine off.
    power_down: bool,
    splats: Splats,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Kernel,
    Program,
    Ended(Ending),
}

impl Console {
    /// A console on which a program runs, or the kernel and init alone. Our init says its lines with `nonce`, and loads so many
    /// modules; without one it is another init, which says nothing.
    pub fn new(program: bool, nonce: Option<&Nonce>, modules: usize) -> Console {
        Console {
            program,
            marks: nonce.map(|nonce| [nonce.mark(INIT), nonce.mark(RUN)]),
            modules: Modules {
                put: modules,
                ..Modules::default()
            },
            stage: Stage::Kernel,
            // a mark at the very beginning counts as well
            pending: b"\n".to_vec(),
            line: Vec::new(),
            last_line: String::new(),
            torn: None,
            init: false,
            off: false,
            panic: None,
            power_down: false,
            splats: Splats::default(),
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
                Stage::Kernel | Stage::Ended(_) => self.kernel_line(show),
                Stage::Program => self.program_bytes(show),
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
        }
        let mended = self.mended(line);
        let own = self.marks.as_ref().and_then(|[init, run]| {
            let lines = [Some(line), mended.as_deref()];
            lines.into_iter().flatten().find_map(|line| {
                let of = |mark: &String| line.strip_prefix(mark.as_str());
                of(init).or_else(|| of(run))
            })
        });
        if let Some(words) = own {
            let unguarded = words.starts_with("begin ") && !words.ends_with(" guarded=yes");
            self.init_says(words);
            if unguarded && self.stage == Stage::Program {
                show(Shown::Unguarded);
            }
        }
    }

    /// A line of init's that the kernel spoke into, as serial ports without buffers let it: put together when its rest comes.
    fn mended(&mut self, line: &str) -> Option<String> {
        let of_kernel = stamp(line) == Some(0);
        let whole = match of_kernel {
            true => None,
            false => self.torn.take().map(|head| head + line),
        };
        if let Some(at) = stamp(line).filter(|_| line.starts_with("kflake-")) {
            self.torn = Some(line[..at].to_owned());
        }
        whole
    }

    /// Takes a line of init's.
    fn init_says(&mut self, words: &str) {
        let field = |name: &str| {
            words
                .split(' ')
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        };
        let number = |name: &str| field(name).and_then(|value| value.parse().ok());
        match words.split(' ').next() {
            Some("ok") => {
                self.init = true;
                self.modules.loaded = number("loaded").unwrap_or(0);
            }
            Some("failed") => {
                let error = field("error").and_then(|value| value.parse().ok());
                if let (Some(module), Some(error)) = (number("module"), error) {
                    self.modules.failed.push((module, error));
                }
            }
            // what was on the console before may have looked like a panic, and was none
            Some("off") => (self.off, self.panic) = (true, None),
            Some("begin") if self.program && self.stage == Stage::Kernel => {
                self.modules.loaded = number("loaded").unwrap_or(0);
                if self.modules.loaded == self.modules.put {
                    self.stage = Stage::Program;
                    // the end of the line `begin`
                    self.pending.drain(..1);
                } else {
                    self.stage = Stage::Ended(Ending::NotLoaded(self.modules.clone()));
                }
            }
            // of several the last counts
            _ => {
                if let Some(ending) = self.verdict(words) {
                    self.stage = Stage::Ended(ending);
                    self.panic = None;
                }
            }
        }
    }

    /// How the program ended, where init says so.
    fn verdict(&self, words: &str) -> Option<Ending> {
        if !self.program {
            return None;
        }
        match ending(words)? {
            Ending::NotRun(why) if why == "module" => Some(Ending::NotLoaded(self.modules.clone())),
            ending => Some(ending),
        }
    }

    fn note(&mut self, line: &str) {
        if !line.is_empty() {
            line.clone_into(&mut self.last_line);
        }
        // before a program runs, and where init is ours, nobody but the two speaks
        match self.stage == Stage::Kernel && self.marks.is_some() {
            true => self.splats.kernel(line),
            false => self.splats.mixed(line),
        }
        let kernel = self.stage == Stage::Kernel;
        self.power_down |= kernel && self.init && POWER_DOWN.iter().any(|it| line.ends_with(it));
        if let Some(at) = line.find("Kernel panic - not syncing") {
            let panic = &line[at..];
            if !(self.power_down && ends_init(panic)) {
                self.panic.get_or_insert_with(|| panic.to_owned());
            }
        }
    }

    fn note_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.note(clean_line(&String::from_utf8_lossy(&line)).trim_end());
    }

    /// Takes what is sure to be the program's, or its end.
    fn program_bytes(&mut self, show: &mut dyn FnMut(Shown<'_>)) {
        let Some([_, run]) = &self.marks else {
            return self.show_program(self.pending.len(), show);
        };
        let mark = format!("\n{run}").into_bytes();
        let Some(at) = find(&self.pending, &mark) else {
            // the last bytes may be the beginning of a mark
            let kept = (1..mark.len())
                .rev()
                .find(|n| self.pending.ends_with(&mark[..*n]))
                .unwrap_or(0);
            let sure = self.pending.len() - kept;
            self.show_program(sure, show);
            return;
        };
        // what init says comes whole, in a moment
        self.show_program(at, show);
        let Some(end) = self.pending[mark.len()..].iter().position(|b| *b == b'\n') else {
            return;
        };
        let words = String::from_utf8_lossy(&self.pending[mark.len()..mark.len() + end]);
        let words = words.trim_end().to_owned();
        if self.verdict(&words).is_some() {
            self.init_says(&words);
        } else {
            self.pending.drain(..mark.len() + end);
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

    /// Whether all has been said. Once a program or a shell runs, what looks like a panic may be its text.
    fn is_done(&self) -> bool {
        match self.stage {
            Stage::Ended(_) => true,
            Stage::Program => false,
            Stage::Kernel => self.off || (self.panic.is_some() && !self.init),
        }
    }

    /// How it ended, for a machine that had to be ended; `limit`: what for.
    fn ended(mut self, limit: fn(String) -> Ending) -> Watched {
        self.last_words();
        let warnings = self.splats.found().to_vec();
        let ending = match self.panic {
            Some(panic) => Ending::Panic(panic),
            None => limit(self.last_line),
        };
        Watched { ending, warnings }
    }

    /// How it ended, for a machine that went off by itself.
    fn went_off(mut self, status: ExitStatus) -> Watched {
        self.last_words();
        let warnings = self.splats.found().to_vec();
        let ending = self.ending(status);
        Watched { ending, warnings }
    }

    /// Takes a last line that has no end.
    fn last_words(&mut self) {
        self.line.extend(std::mem::take(&mut self.pending));
        self.line.retain(|byte| *byte != b'\n');
        self.note_line();
    }

    fn ending(self, status: ExitStatus) -> Ending {
        if let Some(panic) = self.panic {
            return Ending::Panic(panic);
        }
        let loaded = self.modules.failed.is_empty() && self.modules.loaded == self.modules.put;
        match self.stage {
            Stage::Ended(ending) => ending,
            _ if self.last_line.is_empty() && !status.success() => Ending::Qemu(status),
            Stage::Kernel if !self.program && self.init && !loaded => {
                Ending::NotLoaded(self.modules)
            }
            Stage::Kernel if !self.program && (self.init || self.marks.is_none()) => Ending::Off,
            _ => Ending::Early(self.last_line),
        }
    }
}

/// What kernels say last when they switch their machine off, since 3.10 and before.
const POWER_DOWN: [&str; 2] = ["Power down", "Power down."];

/// Whether a panic is of a kernel that asked its machine to go off, and was quicker than the machine: reboot(2) then ends who called
/// it, which is init, with 0.
fn ends_init(panic: &str) -> bool {
    let code = panic.split_once("Attempted to kill init! exitcode=0x");
    code.is_some_and(|(_, code)| !code.is_empty() && code.bytes().all(|digit| digit == b'0'))
}

/// Where in `line` the kernel begins to speak: at the time that it puts before its words.
fn stamp(line: &str) -> Option<usize> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let timed = |at: &usize| {
        let time = line[at + 1..].trim_start_matches(' ').split_once("] ");
        time.and_then(|(time, _)| time.split_once('.'))
            .is_some_and(|(seconds, rest)| digits(seconds) && digits(rest))
    };
    line.match_indices('[').map(|(at, _)| at).find(timed)
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
///
/// # Errors
/// When it cannot be started, or was stopped.
pub fn watch(
    mut command: Command,
    mut console: Console,
    limits: Limits,
    stop: &AtomicBool,
    show: &mut dyn FnMut(Shown<'_>),
) -> Result<Watched, BuildError> {
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
            return Ok(console.ended(Ending::Wall));
        } else if over(limits.silence, heard) {
            end(&mut child);
            return Ok(console.ended(Ending::Silence));
        }
    }
    let status = end(&mut child);
    let unknown = || BuildError::io("QEMU")(std::io::Error::other("its status is not known"));
    Ok(console.went_off(status.ok_or_else(unknown)?))
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

    const NONCE: &str = "0123456789abcdef0123456789abcdef";

    /// A console with `N` in the place of the nonce.
    fn with_nonce(text: &str) -> String {
        text.replace(": N ", &format!(": {NONCE} "))
    }

    fn console(program: bool, modules: usize) -> Console {
        Console::new(program, Some(&Nonce::of(NONCE)), modules)
    }

    /// What a program's console shows, fed `size` bytes at a time, and how it ended.
    fn program(text: &str, size: usize) -> (String, Ending) {
        let mut console = console(true, 0);
        let mut shown = Vec::new();
        for chunk in with_nonce(text).as_bytes().chunks(size) {
            console.feed(chunk, &mut |it| {
                if let Shown::Bytes(bytes) = it {
                    shown.extend_from_slice(bytes);
                }
            });
        }
        let text = String::from_utf8(shown).unwrap();
        (text, console.went_off(ExitStatus::from_raw(0)).ending)
    }

    #[test]
    fn a_program_is_shown_to_the_byte() {
        let text = "[ 0.1] Linux version 6.1\r\n\r\nkflake-run: N begin loaded=0 guarded=yes\none\n\nkflake-run: no\ntwo\n$ \nkflake-run: N exit 7\n[ 1.0] off\r\n";
        for size in 1..with_nonce(text).len() {
            let (shown, ending) = program(text, size);
            assert_eq!(shown, "one\n\nkflake-run: no\ntwo\n$ ", "{size}");
            assert_eq!(ending, Ending::Program(7));
        }
    }

    #[test]
    fn a_program_cannot_speak_for_init() {
        let begin = "kflake-run: N begin loaded=0 guarded=yes\n";
        let forged = [
            "kflake-run: exit 0",
            "kflake-run: 0123456789abcdef0123456789abcdee exit 0",
            "kflake-run: none exit 0",
            "kflake-run:  exit 0",
            "x kflake-run: N exit 0",
            "Kernel panic - not syncing: Fatal exception",
            "kflake-init: ok pid=1 release=6.1 machine=aarch64 module=none loaded=0",
        ];
        for text in forged {
            for size in [1, 7, 4096] {
                let whole = format!("{begin}\n{text}\nFAIL\n\nkflake-run: N exit 7\n");
                let (shown, ending) = program(&whole, size);
                assert_eq!(ending, Ending::Program(7), "{text}");
                let expected = format!("\n{}\nFAIL\n", with_nonce(text));
                assert_eq!(shown, expected);
                // where init says nothing, the program has not ended
                let (_, ending) = program(&format!("{begin}\n{text}\n"), size);
                assert!(!matches!(ending, Ending::Program(_)), "{text}: {ending:?}");
            }
        }
        // before init begins, nobody runs a program
        let (_, ending) = program("kflake-run: exit 0\n", 3);
        assert_eq!(ending, Ending::Early("kflake-run: exit 0".into()));
    }

    #[test]
    fn a_kernel_that_cannot_guard_init_is_told_of() {
        let unguarded = |begin: &str| {
            let (mut console, mut told) = (console(true, 0), 0);
            console.feed(with_nonce(begin).as_bytes(), &mut |it| {
                told += usize::from(it == Shown::Unguarded);
            });
            told
        };
        assert_eq!(unguarded("kflake-run: N begin loaded=0 guarded=yes\n"), 0);
        assert_eq!(unguarded("kflake-run: N begin loaded=0 guarded=no\n"), 1);
        assert_eq!(unguarded("kflake-run: N begin loaded=0\n"), 1);
        assert_eq!(unguarded("kflake-run: begin loaded=0 guarded=no\n"), 0);
    }

    #[test]
    fn the_last_word_counts() {
        let begin = "kflake-run: N begin loaded=0 guarded=yes\n";
        for (text, expected) in [
            (
                "\nkflake-run: N exit 0\nx\n\nkflake-run: N exit 7\n",
                Ending::Program(7),
            ),
            (
                "\nkflake-run: N exit 0\n[ 1] Kernel panic - not syncing: Oops\n",
                Ending::Panic("Kernel panic - not syncing: Oops".into()),
            ),
        ] {
            assert_eq!(program(&format!("{begin}{text}"), 5).1, expected, "{text}");
        }
    }

    #[test]
    fn every_end_of_a_program_is_told() {
        for (text, expected) in [
            (
                "kflake-run: N begin loaded=0 guarded=yes\n\nkflake-run: N signal 11\n",
                Ending::Program(139),
            ),
            (
                "kflake-run: N begin loaded=0 guarded=yes\n\nkflake-run: N error exec 8\n",
                Ending::NotRun("exec 8".into()),
            ),
            (
                "kflake-run: N error arguments\n",
                Ending::NotRun("arguments".into()),
            ),
            (
                "kflake-run: N failed module=0 error=8\n\nkflake-run: N error module\n",
                Ending::NotLoaded(Modules {
                    put: 0,
                    loaded: 0,
                    failed: vec![(0, 8)],
                }),
            ),
            (
                "kflake-run: N begin loaded=1 guarded=yes\nx\n",
                Ending::NotLoaded(Modules {
                    loaded: 1,
                    ..Modules::default()
                }),
            ),
            (
                "kflake-run: N begin loaded=0 guarded=yes\nhello\n",
                Ending::Early("hello".into()),
            ),
            ("booting\n", Ending::Early("booting".into())),
            (
                "kflake-run: N begin loaded=0 guarded=yes\nx\n[ 1] Kernel panic - not syncing: Oops\n",
                Ending::Panic("Kernel panic - not syncing: Oops".into()),
            ),
        ] {
            assert_eq!(program(text, 5).1, expected, "{text}");
        }
        let (_, ending) = program(
            "kflake-run: N begin loaded=0 guarded=yes\n\nkflake-run: N exit 300\n",
            5,
        );
        assert!(matches!(ending, Ending::Early(_)), "{ending:?}");
    }

    /// One case of the table that the judge of boot tests answers as well.
    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        console: String,
        modules: Vec<String>,
        boot: String,
    }

    #[test]
    fn a_boot_is_judged_as_the_table_says() {
        let table = include_str!("../../tests/data/consoles.json");
        let cases: Vec<Case> = serde_json::from_str(table).unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let mut console = console(false, case.modules.len());
            let text = case.console.replace("@nonce@", NONCE);
            console.feed(text.as_bytes(), &mut |_| {});
            let ending = match console.went_off(ExitStatus::from_raw(0)).ending {
                Ending::Off => "off",
                Ending::Panic(_) => "panic",
                Ending::NotLoaded(_) => "not-loaded",
                Ending::Early(_) => "early",
                other => panic!("{}: {other:?}", case.name),
            };
            assert_eq!(ending, case.boot, "{}", case.name);
        }
    }

    #[test]
    fn another_init_need_not_say_anything() {
        let mut other = Console::new(false, None, 0);
        other.feed(b"a\nb\n", &mut |_| {});
        assert_eq!(other.went_off(ExitStatus::from_raw(0)).ending, Ending::Off);
        let console = console(false, 0);
        let status = ExitStatus::from_raw(1 << 8);
        assert_eq!(console.went_off(status).ending, Ending::Qemu(status));
    }

    #[test]
    fn a_shell_may_show_what_looks_like_a_panic() {
        let mut console = console(false, 0);
        let text = "kflake-init: N ok pid=1 loaded=0\nKernel panic - not syncing: old\n";
        console.feed(with_nonce(text).as_bytes(), &mut |_| {});
        assert!(!console.is_done());
        console.feed(with_nonce("\nkflake-run: N off\n").as_bytes(), &mut |_| {});
        assert!(console.is_done());
        assert_eq!(
            console.went_off(ExitStatus::from_raw(0)).ending,
            Ending::Off
        );
    }

    #[test]
    fn limits_end_a_machine() {
        let run = |script: &str, limits: Limits| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let stop = AtomicBool::new(false);
            watch(command, console(false, 0), limits, &stop, &mut |_| {})
                .unwrap()
                .ending
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
        let said = format!("echo 'kflake-init: {NONCE} ok pid=1 loaded=0'");
        assert_eq!(run(&said, wall), Ending::Off);
        let boot = Limits {
            wall: limit.map(|limit| Limit {
                boot_only: true,
                ..limit
            }),
            silence: None,
        };
        assert_eq!(run(&format!("{said}; sleep 1.5"), boot), Ending::Off);
        assert_eq!(run("exec sleep 60", boot), Ending::Wall(String::new()));
        assert!(matches!(run("exit 3", wall), Ending::Qemu(status) if status.code() == Some(3)));
    }
}
