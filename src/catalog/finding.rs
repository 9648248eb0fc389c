//! Findings: what is wrong with the data, where, and what to do about it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use miette::{Diagnostic, LabeledSpan, SourceCode};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::codes::Code;
use super::pointer::{Pointer, locate, locate_in, syntax_tree};
use crate::text::{acts, clean};

/// Whether a finding must be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The data says something false or nothing at all.
    Error,
    /// The data works, and probably does not say what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Level {
    /// The spelling of data.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A file of data: its name for people, and its text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    name: String,
    text: Arc<str>,
    /// The text as a terminal may have it: byte for byte as long, control characters replaced.
    shown: Arc<str>,
    /// What the text says, once it was asked for; null where it is not JSON.
    value: Arc<OnceLock<Value>>,
}

impl SourceFile {
    /// A file called `name` that holds `text`.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let shown = match text.contains(is_unprintable) {
            true => text.chars().map(stand_in).collect::<String>().into(),
            false => Arc::clone(&text),
        };
        SourceFile {
            name: clean(&name.into()),
            text,
            shown,
            value: Arc::default(),
        }
    }

    /// Whether something other than `null` stands at `pointer`.
    pub(super) fn has(&self, pointer: &Pointer) -> bool {
        let read = || serde_json::from_str(&self.text).unwrap_or_default();
        let value = self.value.get_or_init(read);
        value
            .pointer(&pointer.to_string())
            .is_some_and(|found| !found.is_null())
    }

    /// Its name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it holds.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// One problem in the data.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What kind of problem.
    pub code: Code,
    /// How bad it is.
    pub level: Level,
    /// The file it is in.
    pub file: SourceFile,
    /// Where in the file.
    pub pointer: Pointer,
    /// The place in bytes, where no pointer can name it (a syntax error, the second of two equal keys).
    pub(super) offset: Option<std::ops::Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// The bytes of the file that it speaks of.
    pub fn span(&self) -> Option<std::ops::Range<usize>> {
        self.offset
            .clone()
            .or_else(|| locate(self.file.text(), &self.pointer))
    }

    /// Line and column of the place, counted from 1; the column in characters.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let before = self.file.text().get(..self.span()?.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Some((line, column))
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            code: Code,
            level: Level,
            file: &'a str,
            pointer: &'a Pointer,
            line: Option<usize>,
            column: Option<usize>,
            message: &'a str,
            help: Option<&'a str>,
        }
        let place = self.line_column();
        Shape {
            code: self.code,
            level: self.level,
            file: self.file.name(),
            pointer: &self.pointer,
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            message: &self.message,
            help: self.help.as_deref(),
        }
        .serialize(serializer)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding {}

impl Diagnostic for Finding {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.level {
            Level::Error => miette::Severity::Error,
            Level::Warning => miette::Severity::Warning,
            Level::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span()?;
        let label = Some(clean(&self.pointer.to_string())).filter(|pointer| !pointer.is_empty());
        let label = LabeledSpan::new(label.or(Some("here".into())), span.start, span.len());
        Some(Box::new(std::iter::once(label)))
    }
}

impl SourceCode for Finding {
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let contents = self.file.shown.read_span(span, before, after)?;
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.file.name().to_owned(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

/// Looks up where each of `findings` is, each text read once: one that is asked for its place by itself reads its whole file.
pub(crate) fn place(findings: &mut [Finding]) {
    let mut by_text: BTreeMap<*const u8, Vec<&mut Finding>> = BTreeMap::new();
    for finding in findings.iter_mut().filter(|it| it.offset.is_none()) {
        let text = finding.file.text.as_ptr();
        by_text.entry(text).or_default().push(finding);
    }
    for mut group in by_text.into_values() {
        let Some(text) = group.first().map(|it| Arc::clone(&it.file.text)) else {
            continue;
        };
        let Some(tree) = syntax_tree(&text) else {
            continue;
        };
        for finding in &mut group {
            finding.offset = Some(locate_in(&text, &tree, &finding.pointer));
        }
    }
}

/// Whether `c` may not reach a terminal; line ends and tabs may.
fn is_unprintable(c: char) -> bool {
    acts(c) && !matches!(c, '\n' | '\t')
}

/// What stands for `c` on the terminal, with as many bytes.
fn stand_in(c: char) -> String {
    match is_unprintable(c) {
        true => "?".repeat(c.len_utf8()),
        false => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_looked_up_together_are_those_of_each() {
        let files = [
            SourceFile::new("a.json", "{\"k\": [1, {\"x\": 2}]}"),
            SourceFile::new("b.json", "not JSON"),
        ];
        let at = |file: &SourceFile, parts: &[&str]| Finding {
            code: super::super::codes::SYNTAX,
            level: Level::Error,
            file: file.clone(),
            pointer: parts.iter().collect(),
            offset: None,
            message: String::new(),
            help: None,
        };
        let [a, b] = &files;
        let mut findings = [
            at(a, &["k", "1", "x"]),
            at(b, &["k"]),
            at(a, &["k", "0"]),
            at(a, &["none"]),
        ];
        let alone: Vec<_> = findings.iter().map(Finding::span).collect();
        place(&mut findings);
        assert_eq!(findings.each_ref().map(Finding::span).to_vec(), alone);
        assert_eq!(findings[0].offset, Some(11..17));
        assert_eq!(findings[1].offset, None);
        assert!(a.has(&findings[0].pointer) && !a.has(&findings[3].pointer));
        assert!(!b.has(&Pointer::root()));
    }

    #[test]
    fn hostile_text_does_not_reach_the_terminal() {
        let text = "{\"a\u{1b}[31m\u{9b}b\": \u{202e}1}";
        let file = SourceFile::new("evil\u{1b}.json", text);
        assert_eq!(file.shown.len(), text.len());
        assert!(!file.shown.contains(is_unprintable) && file.name().is_ascii());
        let finding = Finding {
            code: super::super::codes::SYNTAX,
            level: Level::Error,
            file,
            pointer: Pointer::root().join("\u{202e}key"),
            offset: Some(3..4),
            message: clean("a\u{1b}\nb"),
            help: None,
        };
        let mut shown = String::new();
        let contents = finding.read_span(&(0..text.len()).into(), 0, 0).unwrap();
        shown += &String::from_utf8_lossy(contents.data());
        shown += contents.name().unwrap();
        let labels = finding.labels().unwrap();
        labels.for_each(|it| shown += it.label().unwrap());
        shown += &finding.to_string();
        assert!(
            !shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{shown:?}"
        );
        assert!(shown.contains("a\\u{1b}\\u{a}b"), "{shown:?}");
    }
}
