//! Text of unknown origin, made fit to show: nothing in it can drive a terminal, a browser or a CI runner.
//!
//! Whatever kflake did not write itself (paths, arguments, logs, data files, Nix's words) goes through here on its way out.
//! What counts as acting instead of being read is decided once, in `acts`; each medium then has its own spelling.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};

use serde::Serialize;

/// Longest line of a log kept, in bytes; what follows is cut.
const MAX_LINE: usize = 4096;

/// Foreign text or a path as it may be shown: clean by construction, so that errors and messages can hold it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shown(String);

impl Shown {
    /// The clean text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// `foreign`, a path or an argument, as it may be shown; bytes that are no UTF-8 are spelled `\xff`.
pub fn shown(foreign: impl AsRef<OsStr>) -> Shown {
    let mut out = String::new();
    for chunk in foreign.as_ref().as_encoded_bytes().utf8_chunks() {
        push_clean(&mut out, chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    Shown(out)
}

/// `text` with every character that could act instead of being read replaced by its escape: control characters
/// (`\u{1b}`), line ends, bidirectional overrides, invisible formatting. Tabs become spaces.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_clean(&mut out, text);
    out
}

/// [`clean`] for each line of `text`; the line ends stay.
pub fn clean_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(clean).collect();
    lines.join("\n")
}

/// How the file `path` changes from `old` to `new`, where none is no file, as a unified diff of [`clean`] lines.
pub fn diff(path: &str, old: Option<&str>, new: Option<&str>) -> String {
    let side = |text: Option<&str>, prefix: &str| match text {
        Some(_) => format!("{prefix}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let diff = similar::TextDiff::from_lines(old.unwrap_or(""), new.unwrap_or(""))
        .unified_diff()
        .header(&side(old, "a"), &side(new, "b"))
        .to_string();
    clean_lines(&diff)
}

/// [`clean`] for a name or value in the middle of a sentence: at most 80 characters of it.
pub fn brief(text: &str) -> String {
    let cut = text.char_indices().nth(80).map_or(text.len(), |(at, _)| at);
    let mut out = clean(&text[..cut]);
    if cut < text.len() {
        out.push('…');
    }
    out
}

/// [`clean`] for one line of a log, which honest tools colour: whole escape sequences go without a trace, as does the line's
/// end, and a line is cut where it is too long to be meant for people.
pub fn clean_line(line: &str) -> String {
    let mut plain = String::with_capacity(line.len().min(MAX_LINE));
    let mut chars = line.trim_end_matches(['\r', '\n']).chars().peekable();
    while let Some(c) = chars.next() {
        if plain.len() >= MAX_LINE {
            plain.push('…');
            break;
        }
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            // a program that redraws its line
            '\r' => plain.push(' '),
            c => plain.push(c),
        }
    }
    clean(&plain)
}

/// A finished text of kflake's own, colours included, as it may go to a terminal or a CI runner's log: of escape sequences
/// only those that set colours are left, and no line is a workflow command.
pub fn styled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let mut rest = line;
        while let Some(found) = rest.find('\u{1b}') {
            push_clean(&mut out, &rest[..found]);
            rest = &rest[found..];
            let end = colour(rest).unwrap_or(0);
            if end == 0 {
                push_clean(&mut out, "\u{1b}");
                rest = &rest[1..];
            } else {
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
        push_clean(&mut out, rest);
    }
    defuse(&out)
}

/// `text` with no line that a CI runner obeys: GitHub's takes `::name::` at the start of a line, and `##[name]` anywhere, as
/// Azure's takes `##vso[…]`. A backslash breaks them, which Markdown does not show. Colours do not hide them, wherever they stand.
pub fn defuse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        defuse_line(&mut out, line);
    }
    out
}

fn defuse_line(out: &mut String, line: &str) {
    let mut rest = line;
    // whether something was seen on the line, and whether a `[` would begin a command
    let (mut begun, mut hash, mut command) = (false, false, false);
    while let Some(c) = rest.chars().next() {
        if let Some(end) = colour(rest) {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let obeyed = match c {
            ':' => !begun && uncoloured(rest).starts_with(':'),
            '[' => command,
            _ => false,
        };
        if obeyed {
            out.push('\\');
        }
        out.push(c);
        begun |= !c.is_whitespace();
        command = match c {
            '#' => hash,
            c => command && c.is_ascii_alphanumeric(),
        };
        hash = c == '#';
    }
}

/// `text` without the colours that it begins with.
fn uncoloured(mut text: &str) -> &str {
    while let Some(end) = colour(text) {
        text = &text[end..];
    }
    text
}

/// `value` as JSON in one line. Whatever could act is a `\u` escape, so that the text is inert and its meaning unchanged.
///
/// # Errors
/// When `value` cannot be written as JSON.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(value).map(|text| inert_json(&text))
}

/// [`json`] over several lines, for people.
///
/// # Errors
/// When `value` cannot be written as JSON.
pub fn json_pretty(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| inert_json(&text))
}

/// Characters that act stand only in strings of a JSON text, where an escape means the same.
fn inert_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let escape = |out: &mut String, c: char| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    };
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            ':' if out.ends_with(':') => escape(&mut out, c),
            '[' if is_command_word(&out) => escape(&mut out, c),
            c if acts(c) => escape(&mut out, c),
            c => out.push(c),
        }
    }
    out
}

/// `text`, finished HTML or XML, with workflow commands in it broken by character references, which change nothing.
pub fn inert_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ':' if out.ends_with(':') => out.push_str("&#58;"),
            '[' if is_command_word(&out) => out.push_str("&#91;"),
            c => out.push(c),
        }
    }
    out
}

/// Whether a `[` after `text` would begin a command: `##`, `##vso`.
fn is_command_word(text: &str) -> bool {
    text.trim_end_matches(|c: char| c.is_ascii_alphanumeric())
        .ends_with("##")
}

/// The length of the colour sequence that `text` begins with.
fn colour(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    rest[end..].starts_with('m').then_some(end + 3)
}

fn push_clean(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if acts(c) => {
                let _ = write!(out, "{}", c.escape_unicode());
            }
            c => out.push(c),
        }
    }
}

/// Whether showing `c` does something, or hides something.
pub(crate) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether `text` is an address on the network, in the place of a path: `https://host/x`, `user@host:x`.
pub fn is_address(text: &str) -> bool {
    let is_name = |it: &str| !it.is_empty() && !it.contains(['/', ' ']);
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let mut bytes = scheme.bytes();
            bytes.all(|b| b.is_ascii_alphanumeric() || b == b'+')
                && !scheme.is_empty()
                && !rest.is_empty()
        }
        None => {
            let user = text
                .split_once(':')
                .and_then(|(host, path)| Some((host.split_once('@')?, path)));
            user.is_some_and(|((user, host), path)| {
                is_name(user) && is_name(host) && !path.is_empty()
            })
        }
    }
}

/// `words` as a shell reads them back, whatever they hold.
pub fn shell_words(words: &[String]) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-+=./,:@%".contains(&b);
    let quoted = |word: &String| {
        if !word.is_empty() && word.bytes().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// After ESC: a control sequence, a string (title, hyperlink) up to its terminator, or one further character.
fn skip_escape(chars: &mut Chars<'_>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                match c {
                    '\u{7}' | '\u{9c}' => break,
                    '\u{1b}' => {
                        chars.next_if_eq(&'\\');
                        break;
                    }
                    _ => {}
                }
            }
        }
        Some('(' | ')' | '*' | '+' | '#' | ' ' | '%') => {
            chars.next();
        }
        _ => {}
    }
}

/// Parameters and intermediates up to the final byte.
fn skip_csi(chars: &mut Chars<'_>) {
    while let Some(c) = chars.next_if(|c| ('\u{20}'..='\u{7e}').contains(c)) {
        if ('\u{40}'..='\u{7e}').contains(&c) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_survive_the_shell() {
        let words = [
            "a b",
            "it's",
            "$(x)",
            "CONFIG_X=\"a\"",
            "",
            "-K",
            "plain_1.2",
        ];
        let text = shell_words(&words.map(str::to_owned));
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("printf '%s|' {text}")])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("{}|", words.join("|"))
        );
    }

    #[test]
    fn what_acts_is_spelled_out() {
        assert_eq!(
            clean("a\x1b[31mb\0\u{202e}c\r\n"),
            "a\\u{1b}[31mb\\u{0}\\u{202e}c\\u{d}\\u{a}"
        );
        assert_eq!(
            clean("\u{9b}2J\u{61c}\u{200b}"),
            "\\u{9b}2J\\u{61c}\\u{200b}"
        );
        assert_eq!(clean("naïve → 日本"), "naïve → 日本");
        assert_eq!(brief(&"x\u{7}".repeat(60)).matches("\\u{7}").count(), 40);
    }

    #[test]
    fn paths_are_shown_byte_for_byte() {
        use std::os::unix::ffi::OsStrExt;
        let path = OsStr::from_bytes(b"/tmp/\x1b]0;x\x07\xff/y");
        assert_eq!(shown(path).as_str(), "/tmp/\\u{1b}]0;x\\u{7}\\xff/y");
    }

    #[test]
    fn log_lines_lose_their_colours() {
        assert_eq!(
            clean_line("\u{1b}[31;1merror:\u{1b}[0m no\r\n"),
            "error: no"
        );
        assert_eq!(clean_line("\u{1b}]0;title\u{7}text"), "text");
        assert_eq!(
            clean_line("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\"),
            "link"
        );
        assert_eq!(clean_line("a\tb\u{7}c\u{8}"), "a    b\\u{7}c\\u{8}");
        assert_eq!(clean_line("\u{9b}2Jx\u{202e}y"), "x\\u{202e}y");
        assert_eq!(clean_line("\u{1b}(Bplain"), "plain");
        assert_eq!(clean_line("\u{1b}"), "");
    }

    #[test]
    fn workflow_commands_are_defused() {
        assert_eq!(defuse("::error file=x::boo"), "\\::error file=x::boo");
        assert_eq!(defuse("a\n \t::add-mask::a"), "a\n \t\\::add-mask::a");
        assert_eq!(defuse("x ##[group]x ##vso[y]"), "x ##\\[group]x ##vso\\[y]");
        assert_eq!(defuse("core::ffi::c_int a[1]"), "core::ffi::c_int a[1]");
        assert_eq!(
            styled("\u{1b}[1m::stop-commands::t\u{1b}[0m"),
            "\u{1b}[1m\\::stop-commands::t\u{1b}[0m"
        );
        // a pipe gets it without the colours between
        assert_eq!(
            defuse("##\u{1b}[0m[x] :\u{1b}[1m:y\n:\u{1b}[1m:y"),
            "##\u{1b}[0m\\[x] :\u{1b}[1m:y\n\\:\u{1b}[1m:y"
        );
        assert_eq!(
            inert_markup("<a>::x:: ##[y]</a>"),
            "<a>:&#58;x:&#58; ##&#91;y]</a>"
        );
        let json = inert_json("[\"::x\",\"##[y]\"]");
        assert_eq!(json, "[\":\\u003ax\",\"##\\u005by]\"]");
    }

    #[test]
    fn of_sequences_only_colours_are_left() {
        assert_eq!(
            styled("\u{1b}[1;31mx\u{1b}[0m\n"),
            "\u{1b}[1;31mx\u{1b}[0m\n"
        );
        assert_eq!(
            styled("\u{1b}]0;x\u{7}\u{1b}[2J\u{1b}["),
            "\\u{1b}]0;x\\u{7}\\u{1b}[2J\\u{1b}["
        );
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in any::<String>()) {
            prop_assert!(!clean(&text).contains(acts));
            prop_assert!(!clean_line(&text).contains(acts));
            prop_assert!(!shown(&text).as_str().contains(acts));
            let inert = |line: &str| !line.trim_start().starts_with("::") && !line.contains("##[");
            prop_assert!(defuse(&text).split('\n').all(inert));
        }

        #[test]
        fn json_means_the_same(text in "[a:#\\[\u{1b}\u{202e}\u{e0041}\n\u{9b}]*") {
            let written = json_pretty(&vec![&text]).unwrap();
            let read: Vec<String> = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&read[0], &text);
            prop_assert!(!written.contains(|c| acts(c) && c != '\n'));
            prop_assert!(!written.contains("::") && !written.contains("##["), "{}", written);
        }
    }

    #[test]
    fn addresses_are_told_from_paths() {
        for text in [
            "https://h/x.git",
            "git+ssh://h/x",
            "file:///x",
            "git@h:x.git",
            "me@h:/x",
        ] {
            assert!(is_address(text), "{text}");
        }
        for text in [
            "x.tar.gz",
            "./a@b:c",
            "1:6.6.31-1",
            "C:\\x",
            "://x",
            "a b@c:d",
            "x://",
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
