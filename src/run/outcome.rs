//! What becomes of a build, and what its log says of a failure.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Stage;
use crate::blame::Blame;

/// What became of one stage of one cell.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was built in this run.
    Passed,
    /// It had been built before, and is still in the store.
    Cached,
    /// It was tried and failed.
    Failed,
    /// Something it needs failed.
    Blocked,
    /// It was stopped for taking too long or staying silent.
    TimedOut,
    /// It was not asked for, or cannot be built on this system.
    Skipped,
    /// Upstream never supported it.
    Unsupported,
}

impl Outcome {
    /// Whether the result is there and true.
    pub fn is_success(self) -> bool {
        matches!(self, Outcome::Passed | Outcome::Cached)
    }

    /// Whether it counts against coverage.
    pub fn is_failure(self) -> bool {
        matches!(self, Outcome::Failed | Outcome::Blocked | Outcome::TimedOut)
    }

    /// The spelling of data.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Cached => "cached",
            Outcome::Failed => "failed",
            Outcome::Blocked => "blocked",
            Outcome::TimedOut => "timed-out",
            Outcome::Skipped => "skipped",
            Outcome::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A failure, read from its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureRecord {
    /// Class from the table of signatures; none: no signature matched.
    pub class: Option<String>,
    /// Build phase in which it happened, where Nix told.
    pub phase: Option<String>,
    /// The first line that says what went wrong, control characters escaped.
    pub first_error: Option<String>,
    /// The log's last lines, control characters escaped.
    #[serde(default)]
    pub log_tail: Vec<String>,
    /// The whole log, relative to the report's folder.
    #[serde(default)]
    pub log: Option<String>,
}

impl FailureRecord {
    /// What a failure's log says, as it stands in a report.
    pub fn new(blame: Blame, phase: Option<String>, log: Option<String>) -> FailureRecord {
        FailureRecord {
            class: blame.class.map(String::from),
            phase,
            first_error: blame.first_error,
            log_tail: blame.tail.into(),
            log,
        }
    }
}

/// Counts per stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Compilers.
    pub toolchain: Tally,
    /// Kernels.
    pub kernel: Tally,
    /// Modules.
    pub module: Tally,
    /// Boots.
    pub boot: Tally,
}

/// Passed, of those that were asked for and are supported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Passed or cached.
    pub passed: usize,
    /// All but skipped and unsupported.
    pub total: usize,
}

impl FromIterator<(Stage, Outcome)> for Coverage {
    fn from_iter<I: IntoIterator<Item = (Stage, Outcome)>>(stages: I) -> Self {
        let mut coverage = Coverage::default();
        for (stage, outcome) in stages {
            if matches!(outcome, Outcome::Skipped | Outcome::Unsupported) {
                continue;
            }
            let tally = match stage {
                Stage::Toolchain => &mut coverage.toolchain,
                Stage::Kernel => &mut coverage.kernel,
                Stage::Module => &mut coverage.module,
                Stage::Boot => &mut coverage.boot,
            };
            tally.total += 1;
            tally.passed += usize::from(outcome.is_success());
        }
        coverage
    }
}
