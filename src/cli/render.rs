//! How errors and findings read: what is wrong, where, and what to do about it.
//!
//! On a terminal, sentences are filled to its width. Elsewhere, and for lines that are quoted (a log, a compiler's words), the
//! text is as it is: a program or a search reads it.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use anstyle::{AnsiColor, Style};
use miette::{Diagnostic, LabeledSpan, Severity, SourceSpan};
use unicode_width::UnicodeWidthStr;

use crate::text::{clean, clean_lines};

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// The widest that sentences are filled to.
const WIDEST: usize = 100;
/// Problems shown of one error; the rest is counted.
const SHOWN: usize = 100;
/// Columns of a line of data that are shown before and after the place.
const BEFORE: usize = 30;
const AFTER: usize = 60;

/// The columns that sentences on standard error are filled to, if it is a terminal.
pub fn terminal_width() -> Option<usize> {
    width_of(&std::io::stderr())
}

/// The same for standard output.
pub fn output_width() -> Option<usize> {
    width_of(&std::io::stdout())
}

fn width_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let measured = terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0));
    Some(measured.unwrap_or(80).clamp(40, WIDEST))
}

/// `text`, each of its lines filled to `width` columns, and what does not fit indented below it.
pub fn lines(text: &str, width: Option<usize>) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len() + 2;
    filled(text, indent, width)
}

/// The same, with what does not fit `indent` columns in.
pub fn hanging(text: &str, indent: usize, width: Option<usize>) -> String {
    filled(text, |_| indent, width)
}

fn filled(text: &str, indent: impl Fn(&str) -> usize, width: Option<usize>) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let _ = writeln!(out, "{}", fill(line, 0, indent(line), width));
    }
    out
}

/// `diagnostic` and its related problems; `width` fills sentences to so many columns.
pub fn diagnostic(diagnostic: &dyn Diagnostic, width: Option<usize>) -> String {
    let mut out = String::new();
    one(&mut out, diagnostic, width);
    let Some(related) = diagnostic.related() else {
        return out;
    };
    let related: Vec<&dyn Diagnostic> = related.collect();
    for other in related.iter().take(SHOWN) {
        out.push('\n');
        one(&mut out, *other, width);
    }
    if related.len() > SHOWN {
        let _ = writeln!(out, "\n… and {} more", related.len() - SHOWN);
    }
    out
}

fn one(out: &mut String, diagnostic: &dyn Diagnostic, width: Option<usize>) {
    let (word, style) = match diagnostic.severity() {
        None | Some(Severity::Error) => ("error", AnsiColor::Red),
        Some(Severity::Warning) => ("warning", AnsiColor::Yellow),
        Some(Severity::Advice) => ("note", AnsiColor::Cyan),
    };
    let style = style.on_default().bold();
    // codes of findings are documented; others are for programs that hold the error itself
    let code = diagnostic.code().map(|code| code.to_string());
    let code = code
        .filter(|code| !code.contains("::"))
        .map_or(String::new(), |code| format!("[{}]", clean(&code)));
    let message = message(diagnostic);
    let (first, rest) = message.split_once('\n').unwrap_or((&message, ""));
    let lead = word.len() + code.len() + 2;
    let first = fill(first, lead, 2, width);
    let _ = writeln!(out, "{style}{word}{code}{style:#}: {first}");
    for line in rest.lines() {
        let _ = writeln!(out, "  {line}");
    }
    place(out, diagnostic);
    if let Some(help) = diagnostic.help() {
        let help = clean_lines(&help.to_string());
        let _ = writeln!(out, "  {GOOD}help{GOOD:#}: {}", fill(&help, 8, 8, width));
    }
}

/// What is wrong, with each cause that it does not name itself.
fn message(diagnostic: &dyn Diagnostic) -> String {
    let mut message = clean_lines(&without_number(&diagnostic.to_string()));
    let mut cause = diagnostic.source();
    while let Some(error) = cause {
        let text = clean_lines(&without_number(&error.to_string()));
        if !text.is_empty() && !message.contains(text.trim()) {
            let _ = write!(message, ": {}", text.trim());
        }
        cause = error.source();
    }
    message
}

/// `text` without the system's number of an error, which its words say already.
fn without_number(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(" (os error ") {
        let after = &rest[at + " (os error ".len()..];
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&rest[..at]);
        match after[digits..].strip_prefix(')') {
            Some(after) => rest = after,
            None => {
                out.push_str(&rest[at..at + 1]);
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// `text` broken at spaces into lines of `width`, the first `lead` columns of which are taken, and the rest indented.
fn fill(text: &str, lead: usize, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let first = " ".repeat(lead);
    let next = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false)
        .initial_indent(&first)
        .subsequent_indent(&next);
    let filled = textwrap::fill(text, options);
    filled[lead.min(filled.len())..].to_owned()
}

/// The place in a file that it speaks of: its name, line and column, and the text there.
fn place(out: &mut String, diagnostic: &dyn Diagnostic) {
    let Some(source) = diagnostic.source_code() else {
        return;
    };
    let label = diagnostic.labels().and_then(|mut labels| labels.next());
    let span = label
        .as_ref()
        .map_or(SourceSpan::from(0..0), |label| *label.inner());
    let at = SourceSpan::from(span.offset()..span.offset());
    // without the lines around it, what comes begins in the middle of the line
    let Ok(contents) = source.read_span(&at, 1, 1) else {
        return;
    };
    let name = clean(contents.name().unwrap_or("input"));
    let Some(label) = label else {
        let _ = writeln!(out, "  {FAINT}in{FAINT:#} {name}");
        return;
    };
    let text = String::from_utf8_lossy(contents.data());
    let begin = span.offset().saturating_sub(contents.span().offset());
    let begin = boundary(&text, begin);
    let start = text[..begin].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default().trim_end();
    let begin = begin - start;
    let row = contents.line() + text[..start].matches('\n').count() + 1;
    let column = line[..begin.min(line.len())].chars().count() + 1;
    let _ = writeln!(out, "  {FAINT}at{FAINT:#} {name}:{row}:{column}");
    if !line.is_empty() {
        mark(out, row, line, begin, &span, &label);
    }
}

/// The last place up to `at` where `text` can be split.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The line of a place, cut around it where it is long, with the place underlined.
fn mark(
    out: &mut String,
    row: usize,
    line: &str,
    begin: usize,
    span: &SourceSpan,
    label: &LabeledSpan,
) {
    let begin = begin.min(line.len());
    let end = boundary(line, begin + span.len()).max(begin);
    let before: String = {
        let kept: Vec<char> = line[..begin].chars().rev().take(BEFORE + 1).collect();
        let cut = kept.len() > BEFORE;
        let text: String = kept.into_iter().take(BEFORE).rev().collect();
        match cut {
            true => format!("…{text}"),
            false => text,
        }
    };
    let after: String = line[begin..].chars().take(AFTER).collect();
    let cut = if after.len() < line.len() - begin {
        "…"
    } else {
        ""
    };
    let marked: String = line[begin..end].chars().take(AFTER).collect();
    let (before, after, marked) = (clean(&before), clean(&after), clean(&marked));
    let gutter = " ".repeat(row.to_string().len());
    let carets = "^".repeat(marked.width().max(1));
    let space = " ".repeat(before.width());
    let what = clean(label.label().unwrap_or_default());
    let _ = writeln!(out, "  {FAINT}{row} |{FAINT:#} {before}{after}{cut}");
    let _ = writeln!(
        out,
        "  {FAINT}{gutter} |{FAINT:#} {space}{BOLD}{carets}{BOLD:#} {what}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use thiserror::Error;

    fn plain(diagnostic: &dyn Diagnostic, width: Option<usize>) -> String {
        anstream::adapter::strip_str(&super::diagnostic(diagnostic, width)).to_string()
    }

    #[derive(Debug, Error, Diagnostic)]
    #[error("cannot read /x{0}")]
    #[diagnostic(code(kflake::test), help("look {0}"))]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn an_error_is_one_clean_sentence_with_its_cause_once() {
        let error = Outer("\u{1b}[31m", std::io::Error::from_raw_os_error(2));
        assert_eq!(
            plain(&error, None),
            "error: cannot read /x\\u{1b}[31m: No such file or directory\n  help: look \\u{1b}[31m\n"
        );
        #[derive(Debug, Error, Diagnostic)]
        #[error("cannot read it: {0}")]
        struct Twice(#[source] std::io::Error);
        let error = Twice(std::io::Error::from_raw_os_error(2));
        assert_eq!(
            plain(&error, None),
            "error: cannot read it: No such file or directory\n"
        );
    }

    #[test]
    fn what_is_said_of_a_command_line_fills_a_terminal() {
        let text = "\u{1b}[31merror:\u{1b}[0m invalid value 'x' for '<VERSION>'\n\n  tip: the version comes first\n";
        assert_eq!(lines(text, None), text);
        let filled = anstream::adapter::strip_str(&lines(text, Some(30))).to_string();
        let expected =
            "error: invalid value 'x' for\n  '<VERSION>'\n\n  tip: the version comes first\n";
        assert_eq!(filled, expected);
    }

    #[test]
    fn quoted_lines_stay_whole_and_sentences_fill_a_terminal() {
        let quoted = "  x.c:1:  error: ".to_owned() + &"long ".repeat(40);
        let text = format!("it could not be built:\n{quoted}");
        let error = miette::MietteDiagnostic::new(text);
        for width in [None, Some(40)] {
            assert!(
                plain(&error, width).contains(quoted.trim_end()),
                "{width:?}"
            );
        }
        let error = miette::MietteDiagnostic::new("word ".repeat(30).trim_end());
        assert_eq!(plain(&error, None).lines().count(), 1);
        let filled = plain(&error, Some(40));
        assert!(filled.lines().count() > 3 && filled.lines().all(|line| line.width() <= 40));
    }

    #[test]
    fn a_place_in_a_long_line_is_cut_out_of_it() {
        let text = format!("{{{}x}}", " ".repeat(70_000));
        let error = miette::Report::new(
            miette::MietteDiagnostic::new("wrong").with_label(LabeledSpan::new(
                Some("here".into()),
                70_001,
                1,
            )),
        )
        .with_source_code(miette::NamedSource::new("a\u{202e}.json", text));
        let shown = plain(&*error, None);
        assert!(shown.len() < 400, "{}", shown.len());
        assert!(shown.contains("at a\\u{202e}.json:1:70002"), "{shown}");
        assert!(shown.contains("| …") && shown.contains("^ here"), "{shown}");
    }
}
