//! `config-report.json`: what a tree made of the requests.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::clean;

/// The report that a kernel build leaves beside its configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Version of this shape.
    pub schema_version: u32,
    /// The kernel's version.
    pub version: String,
    /// The kernel's name of the architecture.
    pub arch: String,
    /// Whether a difference was to fail the build.
    pub strict: bool,
    /// How many symbols were requested.
    pub requested: usize,
    /// How many did not come out as requested.
    pub differences: usize,
    /// The requests, in order.
    pub requests: Vec<Request>,
    /// How the resolved configuration differs from the base, where that was a file.
    pub drift: Option<ReportedDrift>,
    /// Files that the kernel is to hold, and that the tree does not have.
    #[serde(default)]
    pub missing_files: Vec<MissingFile>,
}

/// A file that a configuration names, and that the tree does not have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MissingFile {
    /// The symbol that names it, without `CONFIG_`.
    pub symbol: String,
    /// The file.
    pub file: String,
    /// The symbol's value that names none.
    pub clears: String,
}

/// One requested symbol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The symbol, without `CONFIG_`.
    pub symbol: String,
    /// What was requested.
    pub requested: String,
    /// What came out; none for a symbol that the tree does not have.
    pub got: Option<String>,
    /// Whether it was met.
    pub status: Status,
    /// The fragment that requested it.
    pub from: String,
    /// Why not; none: met, or not known why.
    pub reason: Option<String>,
    /// The tree's name for it, where it is called otherwise there.
    pub renamed_to: Option<String>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It came out as requested.
    Met,
    /// It came out otherwise.
    Different,
    /// The tree has no such symbol.
    Unknown,
}

/// How a whole configuration from elsewhere changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportedDrift {
    /// The title of the file: `Linux/arm64 5.10.1 Kernel Configuration`.
    pub title: Option<String>,
    /// Symbols that the file did not mention.
    pub new: Vec<NewSymbol>,
    /// Symbols that the tree does not have.
    pub gone: Vec<GoneSymbol>,
    /// Symbols that came out otherwise.
    pub changed: Vec<ChangedSymbol>,
}

/// A symbol that the base did not mention.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewSymbol {
    /// The symbol.
    pub symbol: String,
    /// The value it was given.
    pub value: String,
}

/// A symbol that the tree does not have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoneSymbol {
    /// The symbol.
    pub symbol: String,
    /// Its value in the base.
    pub value: String,
    /// The tree's name for it.
    pub renamed_to: Option<String>,
    /// What became of it; none: not known.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A symbol that came out otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangedSymbol {
    /// The symbol.
    pub symbol: String,
    /// Its value in the base.
    pub old: String,
    /// Its value now.
    pub new: String,
    /// Why; none: not known.
    pub reason: Option<String>,
}

impl fmt::Display for Request {
    /// `NETDEVICES: requested y, got n: depends on NET (n)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: requested {}", self.symbol, self.requested)?;
        if let (Some(got), Status::Different) = (&self.got, self.status) {
            write!(f, ", got {got}")?;
        }
        if self.status != Status::Met {
            write!(f, ": {}", self.reason.as_deref().unwrap_or("not known why"))?;
        }
        Ok(())
    }
}

impl fmt::Display for MissingFile {
    /// `SYSTEM_TRUSTED_KEYS names x.pem, which the tree does not have; …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MissingFile {
            symbol,
            file,
            clears,
        } = self;
        write!(
            f,
            "{symbol} names {}, which the tree does not have: a kernel cannot be built; -K 'CONFIG_{symbol}={clears}' does without",
            clean(file)
        )
    }
}

impl Report {
    /// The requests that were not met, in order.
    pub fn unmet(&self) -> impl Iterator<Item = &Request> {
        self.requests
            .iter()
            .filter(|request| request.status != Status::Met)
    }
}
