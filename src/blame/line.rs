//! One line of a log: what others put before it taken off, and spelled in one way.

use std::borrow::Cow;
use std::io::BufRead;
use std::sync::LazyLock;

use regex::Regex;

use super::pattern::regex;
use crate::text::clean_line;

/// What precedes Nix's own words in a log that kflake keeps.
pub const NIX: &str = "nix: ";

/// Longest line that is looked at, in bytes; what follows is passed over.
const MAX_LINE: usize = 16 << 10;

/// A line, as it is looked at.
#[derive(Debug)]
pub struct Line {
    /// What the program printed, without control characters and without what a CI system or Nix put before it.
    pub core: String,
    /// Whether it was quoted: what a console under test says is not to pass for what kflake says.
    pub quoted: bool,
    /// Whether it is of the machine that builds: Nix or QEMU says it.
    pub hosts: bool,
    /// Whether a system's log says that its kernel said it.
    journal: bool,
}

/// What CI systems, Nix and build services put before a line.
static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        // nix build --print-build-logs, and the log lines within Nix's messages
        r"[A-Za-z0-9][A-Za-z0-9._+-]*> ",
        r"\s*> ",
        // GitHub's job and step, before a time; tabs between them became spaces
        r"\S.{0,80} {4}.{1,80} {4}\x{feff}?\d{4}-\d\d-\d\dT[\d:.]+Z ",
        // times; GitLab puts the number of the stream behind them
        r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?(?: UTC)?\]?:? ?(?:\d\d[OE][+ ])?(?:(?:[\w.-]+ ){1,2}(?:kernel|[\w./-]+\[\d+\]): )?",
        // the logs of systems: `Apr  2 21:31:03 name kernel: `
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? [\w.-]+ (?:kernel|[\w./-]+\[\d+\]): ",
        r"\[?\d\d:\d\d:\d\d(?:[.,:]\d+)?\]?:? ",
        // consoles of several guests: `[guest0/uart0] `
        r"\[[A-Za-z][\w.-]*/[A-Za-z][\w.-]*\d\] ",
        r"\[ *\d+s\] ",
        // docker build
        r"#\d+ \d+\.\d+ ",
        // docker compose
        r"[A-Za-z][\w.-]*[-_]\d+ +\| ",
        // Azure's and GitHub's annotations
        r"##\[\w+\]",
        // signs of build scripts: `[+] `, `[!] `
        r"\[[^\w\s\[\]]{1,3}\] +",
        // crosstool-NG
        r" ?\[(?:ALL|CFG|FILE|INFO|EXTRA|WARN|ERROR) *\] +",
        // consoles that a terminal's program put times to: `May 18 21:01:26: `
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?: ",
        // bat and other pagers that number lines; a long line goes on without a number
        r" *\d* +│ ",
        // pmbootstrap
        r"\(\d{6}\) \[\d\d:\d\d:\d\d\] ",
        // programs written in Go that pass a console on: `I0102 03:04:05.678901   123 a.go:68] [console] `
        r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w./-]+:\d+\] (?:\[\w+\] )?",
        // cargo, of what a build script says
        r" *cargo::?warning=|warning: [\w-]+@\d+\.[\w.+-]*: ",
        // grep -n, with lines around what was found
        r"\d{1,7}[:-]",
    ];
    regex(&format!("^(?:{})", parts.join("|")))
});

/// `text` without what Markdown puts around code and bold words.
fn without_markup(text: &str) -> &str {
    let text = match text.strip_prefix('`') {
        Some(code) => code
            .trim_start_matches('`')
            .trim_end_matches('`')
            .trim_end(),
        None => text,
    };
    match text.strip_prefix("**") {
        // make and boot loaders print stars, and a space behind them
        Some(bold) if !bold.starts_with([' ', '*', '\\']) => bold.trim_end_matches("**"),
        _ => text,
    }
}

/// What build scripts put before what went well: `[ o.k. ]`.
static WELL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\[ *(?:o\.k\.|ok|okay|done|info|debug|success) *\] "));

/// What cargo says as it goes on: `   Compiling bitflags v1.2.1`.
static CARGO: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^ +(?:Compiling|Checking|Building|Fresh|Downloading|Downloaded|Updating|Locking|Finished) ",
    )
});

/// A terminal's colour whose escape character was lost when the line was copied: `[0;32m`.
static LOST_COLOUR: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\[(?:[0-9]|[0-9]{1,2}(?:;[0-9]{1,3})+)?m"));

/// How autoconf numbers the lines of its own log: `configure:123: error: no flex`.
static CONFIG_LOG: LazyLock<Regex> = LazyLock::new(|| regex(r"^configure:\d+: "));

/// What a user typed behind a shell's prompt, or a command that a script shows before it runs it.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:(?:\[?[\w.-]+@[\w.-]+[: ][^$#]*[$#]|[$❯➜]|\++|# command:|==> dkms) |'?make'? +[-\w]+[ =]?[^:]*$|@?(?:echo|printf) (?:>&2 |-[en]+ )*[\x22'\\])",
    )
});

/// Characters as Markdown and HTML spell them.
const ESCAPES: [(&str, &str); 9] = [
    (r"\*", "*"),
    (r"\[", "["),
    (r"\]", "]"),
    (r"\_", "_"),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&amp;", "&"),
];

/// What is said in the midst of a line that another program began: `checking for flex... configure: error: no flex`,
/// `box login: [    1.25] Oops`.
static MIDST: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^checking .*\.\.\. (configure: error: )|^[\w.-]+ login: (\[ *\d+\.\d+\])")
});

/// What a kernel puts before a message, or dmesg: seconds, seconds since the last message, or a date; then the processor and the
/// process, as printk does and as vendors' kernels do.
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:<\d+>)?\[(?: *\+?\d+\.\d+|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d(?::\d\d \d{4})?)\](?:\[ *[TC]\d+\])? ?(?:\d{3}: |\[pid:\d+,cpu\d+,[^\]]*\] ?|\[\d+: +[^\]\s]+: +\d+\] |(?:<\d>)?-?\.?\(\d+\)\[\d+:[^\]]*\] ?)?",
    )
});

/// What only the system that a kernel runs says: a kernel's first words, and those of systemd.
static CONSOLE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^Linux version \d\S* \(\S+@\S+\) |^\[(?:  OK  |FAILED|DEPEND| TIME )\] ")
});

/// The first word of U-Boot on a board: `U-Boot SPL 2017.05-rc1 (Jul 13 2017 - 09:38:33 +0800)`.
static LOADER: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^U-Boot (?:[ST]PL )?\d{4}\.\d\d\S* \([A-Z][a-z]{2} \d\d \d{4} - \d\d:")
});

/// What QEMU says of itself.
static QEMU: LazyLock<Regex> = LazyLock::new(|| regex(r"^(?:\S*/)?qemu(?:-[\w-]+)?: "));

/// Steps of a build beside those that [`Line::is_progress`] knows.
static STEP: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?:Applying \S|patching file |checking (?:for|whether) )"));

/// Where a module that is not of the kernel's tree is built: make's words, the paths of distributions, and what DKMS says.
static MODULE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"/lib/modules/\S|/usr/src/(?:linux-headers|kernels|modules)\b|\bdkms\b|\bDKMS\b|\bakmods?\b|^ +CC \[M\] +/|\b(?:M|SUBDIRS|KBUILD_EXTMOD)=\S|_module_/|\bBuilding modules?\b",
    )
});

impl Line {
    /// A line from its bytes.
    pub fn new(bytes: &[u8]) -> Line {
        let text = clean_line(&String::from_utf8_lossy(bytes));
        let mut core = text.as_str();
        let (mut quoted, mut hosts, mut journal) = (false, false, false);
        // a build log within a build log is not unheard of
        for _ in 0..4 {
            if let Some(rest) = core.strip_prefix(NIX) {
                (core, hosts) = (rest, true);
            } else if let Some(rest) = core.strip_prefix("| ") {
                (core, quoted) = (rest, true);
            } else if let Some(found) = MIDST.captures(core) {
                let begin = found.get(1).or(found.get(2));
                core = &core[begin.map_or(0, |it| it.start())..];
            } else if let Some(found) = PREFIX.find(core) {
                journal |= found.as_str().ends_with(" kernel: ");
                core = &core[found.end()..];
            } else {
                break;
            }
        }
        let core = without_markup(core.trim_end());
        Line {
            quoted,
            hosts: !quoted && (hosts || QEMU.is_match(core)),
            journal,
            core: core.to_owned(),
        }
    }

    /// The line as signatures read it: without a kernel's time, with one kind of quotes, and in English where make or a
    /// compiler spoke another language.
    pub fn normal(&self) -> Cow<'_, str> {
        let mut text = match self.core.contains('[') {
            true => LOST_COLOUR.replace_all(&self.core, ""),
            false => Cow::Borrowed(self.core.as_str()),
        };
        if text.contains(['\\', '&']) {
            for (escaped, plain) in ESCAPES {
                if text.contains(escaped) {
                    text = Cow::Owned(text.replace(escaped, plain));
                }
            }
        }
        if !text.is_ascii() || text.contains('`') {
            text = Cow::Owned(text.chars().map(plain_quote).collect());
        }
        if let Some(time) = TIME.find(&text) {
            text = Cow::Owned(text[time.end()..].to_owned());
        }
        // logs are pasted with all kinds of indentation
        if text.starts_with([' ', '\t']) {
            text = Cow::Owned(text.trim_start().to_owned());
        }
        if CONFIG_LOG.is_match(&text) {
            text = CONFIG_LOG.replace(&text, "configure: ").into_owned().into();
        }
        super::languages::in_english(text)
    }

    /// Whether a kernel that runs says it, or the system on it.
    pub fn is_console(&self) -> bool {
        self.journal || TIME.is_match(&self.core) || CONSOLE.is_match(&self.core)
    }

    /// Whether it is the first word of a boot, a kernel's or a boot loader's.
    pub fn begins_boot(&self, normal: &str) -> bool {
        normal.starts_with("Linux version ") && self.is_console() || LOADER.is_match(normal)
    }

    /// Whether a build went on here.
    pub fn is_step(&self) -> bool {
        self.is_progress() || STEP.is_match(&self.core)
    }

    /// Whether a module is built here, outside of a kernel's tree.
    pub fn builds_module(&self) -> bool {
        MODULE.is_match(&self.core)
    }

    /// Whether it is no text: of bytes without sense, matching would be slow and mean nothing.
    pub fn is_binary(&self) -> bool {
        let senseless = self.core.chars().filter(|c| *c == '\u{fffd}').count();
        senseless * 8 > self.core.len()
    }

    /// Whether it shows the user's own source, which tells of no failure: the words before it do.
    pub fn is_excerpt(&self) -> bool {
        EXCERPT.is_match(&self.core)
    }

    /// Whether a user typed it, or a script shows what it runs.
    pub fn is_typed(&self) -> bool {
        COMMAND.is_match(&self.core)
    }

    /// Whether make says what it does: `  CC [M]  drivers/net/dummy.o`, or OpenWrt: ` make[3] -C package/x compile`.
    pub fn is_progress(&self) -> bool {
        if self.core.trim_start().starts_with("make[") {
            return self.core.contains("] ") && !self.core.contains("]: ");
        }
        if WELL.is_match(&self.core) || CARGO.is_match(&self.core) {
            return true;
        }
        let Some(rest) = self.core.strip_prefix("  ") else {
            return false;
        };
        let rest = rest.trim_start();
        let word = rest.split(' ').next().unwrap_or_default();
        word.len() > 1
            && word
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"_+-".contains(&b))
    }
}

/// A compiler's excerpt of the source, and what it draws below: `   50 | #define X`, `      |         ^`; and what patch quotes of a
/// patch that it cannot place: `|a.c: undefined reference`.
static EXCERPT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(?:(?: *\d+ \||  +\|)(?: |$)|\|[^ |])"));

fn plain_quote(c: char) -> char {
    match c {
        '`' | '´' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' => '\'',
        // what guillemets and low quotes enclose is a name, as in English
        '«' | '»' | '„' | '“' | '”' | '‹' | '›' => '\'',
        '：' => ':',
        '\u{a0}' => ' ',
        c => c,
    }
}

/// The lines of a log, whatever bytes it holds, of bounded length.
pub fn lines(mut log: impl BufRead) -> impl Iterator<Item = std::io::Result<Line>> {
    let mut bytes = Vec::new();
    std::iter::from_fn(move || {
        bytes.clear();
        match read_line(&mut log, &mut bytes) {
            Ok(false) => None,
            Ok(true) => Some(Ok(Line::new(&bytes))),
            Err(error) => Some(Err(error)),
        }
    })
}

/// Reads up to the end of a line, and keeps no more of it than [`MAX_LINE`]; false at the end of the log.
fn read_line(log: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut any = false;
    loop {
        let available = match log.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = available.iter().position(|b| *b == b'\n');
        let count = end.map_or(available.len(), |end| end + 1);
        let room = MAX_LINE.saturating_sub(line.len()).min(count);
        line.extend_from_slice(&available[..room]);
        log.consume(count);
        if end.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(text: &str) -> String {
        Line::new(text.as_bytes()).core
    }

    #[test]
    fn what_others_put_before_a_line_is_taken_off() {
        for prefix in [
            "",
            "       > ",
            "linux-6.1> ",
            "nix: ",
            "2026-01-02T03:04:05.6789012Z ",
            "[2026-01-02T03:04:05Z] ",
            "03:04:05 ",
            "[  123s] ",
            "#12 34.56 ",
            "| ",
            "nix: > ",
            "2026-01-02 03:04:05 linux> ",
            "Jan  2 03:04:05 box kernel: ",
            "Jan 12 03:04:05.678901 box.local kernel: ",
            "2026-01-02T03:04:05+0100 box kernel: ",
            "[ERROR]    ",
            " [CFG  ]    ",
            "[21:14:07:671] ",
            "[guest0/uart0] ",
            "May 18 21:01:26: ",
            "1405-",
            "1405:",
            "1405-2026-01-02 03:04:05 ",
            "build\tMake the kernel\t2026-01-02T03:04:05.6789012Z ",
            "2026-01-02T03:04:05.678901Z 01O ",
            "2026-01-02 03:04:05 +0000 UTC kern.info kernel: ",
            "2026/01/02 03:04:05 ",
            "Jan  2 03:04:05 box make[123]: ",
            "builder_1  | ",
            "   7   │ ",
            "(020648) [19:57:38] ",
            "I0102 03:04:05.678901   1370 comm.go:68] [console] ",
            "##[error]",
            "cargo:warning=",
            "  cargo:warning=",
            "warning: my-drv@0.1.0: ",
            "[!] ",
            "`",
            "```",
            "**",
        ] {
            assert_eq!(
                core(&format!("{prefix}a.c:1: error: x\r\n")),
                "a.c:1: error: x",
                "{prefix}"
            );
        }
        assert!(Line::new(b"| kflake: boot: x").quoted);
        let refused = "configure: error: no flex";
        assert_eq!(core(&format!("checking for flex... {refused}")), refused);
        assert_eq!(core("box login: [    1.25] Oops"), "[    1.25] Oops");
    }

    #[test]
    fn quotes_and_times_are_of_one_kind() {
        let normal = |text: &str| Line::new(text.as_bytes()).normal().into_owned();
        assert_eq!(normal("‘a’ `b' „c“ «d»"), "'a' 'b' 'c' 'd'");
        assert_eq!(normal("[    1.25] Oops"), "Oops");
        assert_eq!(normal("<4>[    1.25][    T1] Oops"), "Oops");
        assert_eq!(normal("[  +0.000010] Oops"), "Oops");
        assert_eq!(normal("[    1.25] 003: Oops"), "Oops");
        let coloured = "[[0;32m  OK  [0m] Started [0;1;39mFoo[0m.";
        assert_eq!(normal(coloured), "[  OK  ] Started Foo.");
        assert_eq!(normal("make: **\\* [a] Error 1"), "make: *** [a] Error 1");
        assert_eq!(normal("[    1.25] [pid:0,cpu0,swapper/0]Oops"), "Oops");
        assert_eq!(normal("[    1.25] [0:      swapper/0:    1] Oops"), "Oops");
        assert_eq!(normal("[    1.25] <0>.(0)[1:swapper/0]Oops"), "Oops");
        assert_eq!(normal("[    1.25] -(2)[0:swapper/2]Oops"), "Oops");
        assert_eq!(normal("\t*** a"), "*** a");
        assert_eq!(normal(r"*\* a \[b\] &quot;c&quot; **"), "** a [b] \"c\" **");
        assert_eq!(normal("configure:12: error: a"), "configure: error: a");
        assert_eq!(normal("[Mar 8 17:07] Oops"), "Oops");
        assert_eq!(normal("[Mon Mar  8 17:07:01 2026] Oops"), "Oops");
        assert_eq!(normal("Jan  2 03:04:05 box kernel: [   1.25] Oops"), "Oops");
    }

    #[test]
    fn a_console_is_told_from_a_build() {
        let line = |text: &str| Line::new(text.as_bytes());
        for text in [
            "[    1.25] x",
            "Jan  2 03:04:05 box kernel: x",
            "Linux version 2.6.39 (me@box) (gcc version 4.4.7) #1",
            "[  OK  ] Reached target Network.",
            "[FAILED] Failed to mount /home.",
        ] {
            assert!(line(text).is_console(), "{text}");
        }
        for text in [
            "[ 12%] Building x",
            "[1/2] CC a.o",
            "Linux version 6.1",
            "[  12s] x",
        ] {
            assert!(!line(text).is_console(), "{text}");
        }
        for (text, hosts) in [
            ("nix: error: x", true),
            ("qemu-system-arm: x", true),
            ("| qemu-system-arm: x", false),
            ("error: x", false),
        ] {
            assert_eq!(line(text).hosts, hosts, "{text}");
        }
    }

    #[test]
    fn endless_lines_are_cut_and_nothing_is_lost_behind_them() {
        let mut log = vec![b'x'; 1 << 20];
        log.extend_from_slice(b"\nnext\n\nlast");
        let read: Vec<String> = lines(log.as_slice())
            .map(|line| line.unwrap().core)
            .collect();
        assert_eq!(read.len(), 4);
        assert!(read[0].len() < MAX_LINE);
        assert_eq!(&read[1..], ["next", "", "last"]);
    }

    #[test]
    fn bytes_without_sense_are_no_text() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = (0..4096)
            .map(|_| random.u8(..))
            .filter(|b| *b != b'\n')
            .collect();
        assert!(Line::new(&noise).is_binary());
        assert!(!Line::new("error: \u{fffd} in Größe".as_bytes()).is_binary());
        assert!(!Line::new(b"").is_binary());
    }

    #[test]
    fn progress_is_told_from_words() {
        for text in ["  CC      a.o", "  CC [M]  a.o", "  HOSTCC-cpp a"] {
            assert_eq!(
                Line::new(text.as_bytes()).is_progress(),
                !text.contains("cpp"),
                "{text}"
            );
        }
        assert!(!Line::new(b"  Error: x").is_progress());
        for text in [
            "      CC      a.o",
            " make[3] -C a compile",
            "[ o.k. ] a",
            "   Compiling a v0.1.0",
        ] {
            assert!(Line::new(text.as_bytes()).is_progress(), "{text}");
        }
        for text in ["make[3]: *** [a] Error 1", "[ error ] a", "[  OK  ] a"] {
            assert!(!Line::new(text.as_bytes()).is_progress(), "{text}");
        }
    }

    #[test]
    fn what_a_user_typed_is_told_from_words() {
        let typed = |text: &str| Line::new(text.as_bytes()).is_typed();
        assert!(
            [
                "$ make",
                "me@box:~/linux$ make",
                "+ make",
                "make ARCH=arm a"
            ]
            .map(typed)
                == [true; 4]
        );
        assert!(typed("echo >&2 \"  ERROR: a is invalid.\"; \\") && !typed("echo: write error: a"));
        assert!(!typed("# error: a") && !typed("a@b.c: $x is missing"));
        assert!(!typed("make: a: not found") && !typed("make prints this: no"));
    }

    #[test]
    fn a_module_is_told_from_a_kernel() {
        let module = |text: &str| Line::new(text.as_bytes()).builds_module();
        for text in [
            "make -C /lib/modules/6.1/build M=/home/me/m modules",
            "  CC [M]  /home/me/m/a.o",
            "DKMS make.log for a-1 for kernel 6.1 (x86_64)",
        ] {
            assert!(module(text), "{text}");
        }
        assert!(!module("  CC [M]  drivers/net/dummy.o") && !module("make ARCH=arm modules"));
    }

    #[test]
    fn excerpts_of_the_source_are_told_from_words() {
        let excerpt = |text: &str| Line::new(text.as_bytes()).is_excerpt();
        for text in [
            "   50 | #define BUILD_BUG_ON_MSG(cond, msg) compiletime_assert(!(cond), msg)",
            "12345 | error: x",
            "      |     ^~~~",
            "      |",
            "|a.c:50: undefined reference to `b'",
        ] {
            assert!(excerpt(text), "{text}");
        }
        assert!(!excerpt("a.c:50: error: 1 | 2"));
        assert!(!excerpt("kflake: x"));
    }
}
