//! Making text of unknown origin fit to print.

/// Longest line kept, in bytes; what follows is cut.
const MAX_LINE: usize = 4096;

/// One line of log or message without terminal control: escape sequences are dropped, tabs become spaces, every other control
/// character and every invisible direction mark becomes `�`.
pub fn clean_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len().min(MAX_LINE));
    // a program that redraws its line means the last drawing
    let line = line.trim_end_matches(['\r', '\n']);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if out.len() >= MAX_LINE {
            out.push('…');
            break;
        }
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\t' => out.push_str("    "),
            '\r' => out.push(' '),
            c if c.is_control() || is_direction_mark(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// [`clean_line`] for a place where GitHub Actions reads workflow commands: a line that would be one no longer is.
pub fn clean_for_workflow(line: &str) -> String {
    let line = clean_line(line);
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if (c == ':' && out.ends_with(':')) || (c == '[' && out.ends_with("##")) {
            out.push(' ');
        }
        out.push(c);
    }
    out
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

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
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
    fn control_sequences_go() {
        assert_eq!(
            clean_line("\u{1b}[31;1merror:\u{1b}[0m no\r\n"),
            "error: no"
        );
        assert_eq!(clean_line("\u{1b}]0;title\u{7}text"), "text");
        assert_eq!(
            clean_line("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\"),
            "link"
        );
        assert_eq!(clean_line("a\tb\u{7}c\u{8}"), "a    b\u{fffd}c\u{fffd}");
        assert_eq!(clean_line("\u{9b}2Jx\u{202e}y"), "x\u{fffd}y");
        assert_eq!(clean_line("\u{1b}(Bplain"), "plain");
        assert_eq!(clean_line("\u{1b}"), "");
    }

    #[test]
    fn workflow_commands_are_defused() {
        assert_eq!(
            clean_for_workflow("::error file=x::boo"),
            ": :error file=x: :boo"
        );
        assert_eq!(clean_for_workflow("  ::add-mask::a"), "  : :add-mask: :a");
        assert_eq!(clean_for_workflow("##[group]x"), "## [group]x");
        assert_eq!(
            clean_for_workflow("\u{1b}[0m:\u{1b}[0m:stop-commands::t"),
            ": :stop-commands: :t"
        );
        assert_eq!(clean_for_workflow(":::error::"), ": : :error: :");
    }

    proptest! {
        #[test]
        fn nothing_that_controls_a_terminal_is_left(text in any::<String>()) {
            let clean = clean_line(&text);
            prop_assert!(!clean.chars().any(|c| c.is_control() || is_direction_mark(c)), "{clean:?}");
            let safe = clean_for_workflow(&text);
            prop_assert!(!safe.contains("::") && !safe.contains("##["), "{safe:?}");
        }
    }
}
