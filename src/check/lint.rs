//! What a check is.

use crate::catalog::{Catalog, Code, Finding, Level, Pointer};
use crate::resolve::Resolver;

/// A check: its code, and what there is to say about it.
#[derive(Debug)]
pub struct Lint {
    /// Stable.
    pub code: Code,
    /// In words, joined by `-`.
    pub name: &'static str,
    /// How bad its findings are.
    pub level: Level,
    /// One line.
    pub summary: &'static str,
    /// What it means, why it matters, and what to do, in Markdown paragraphs.
    pub explanation: &'static str,
    /// How it is found.
    pub run: Run,
}

/// How a check finds what it finds.
pub enum Run {
    /// Loading the files finds it.
    WhenLoading,
    /// A look at the whole.
    OnCatalog(fn(&mut Sink<'_>)),
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Run::WhenLoading => "WhenLoading",
            Run::OnCatalog(_) => "OnCatalog",
        })
    }
}

/// What a check looks at, and where it says what it found.
pub struct Sink<'c> {
    /// The facts.
    pub(super) catalog: &'c Catalog,
    /// A resolver with the eras' own order.
    pub(super) resolver: &'c Resolver<'c>,
    lint: &'static Lint,
    pub(super) findings: Vec<Finding>,
}

impl<'c> Sink<'c> {
    pub(super) fn new(
        catalog: &'c Catalog,
        resolver: &'c Resolver<'c>,
        lint: &'static Lint,
    ) -> Self {
        Sink {
            catalog,
            resolver,
            lint,
            findings: vec![],
        }
    }

    /// Says that something is wrong at the place that `parts` names in `file`.
    pub(super) fn add(&mut self, file: &str, parts: &[&str], message: &str) -> &mut Finding {
        let pointer: Pointer = parts.iter().collect();
        let lint = self.lint;
        let finding = self
            .catalog
            .finding(lint.code, lint.level, file, pointer, message);
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    /// Says that something is wrong with the measurement at `index`.
    pub(super) fn add_evidence(&mut self, index: usize, message: &str) {
        let lint = self.lint;
        let finding = self
            .catalog
            .evidence_finding(lint.code, lint.level, index, message);
        self.findings.push(finding);
    }

    /// The same as [`Sink::add`], with what to do about it.
    pub(super) fn add_with_help(&mut self, file: &str, parts: &[&str], message: &str, help: &str) {
        self.add(file, parts, message).help = Some(help.to_owned());
    }
}
