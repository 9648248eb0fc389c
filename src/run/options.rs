//! How a run is to be done, and what it works with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;

use super::Stage;
use crate::blame::FailureTable;
use crate::nix::{Nix, Settings};

/// How a run is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the report: `report.json`, `logs/`, and the journal.
    pub report: PathBuf,
    /// File that remembers how long things took; none: nothing is remembered.
    pub history: Option<PathBuf>,
    /// Folder of links that keep results from being collected as garbage; none: nothing keeps them.
    pub roots: Option<PathBuf>,
    /// Bytes of files that may have to be fetched, by their names in the store.
    pub sizes: BTreeMap<String, u64>,
    /// Builds at once.
    pub jobs: usize,
    /// Cores that each may use.
    pub cores: usize,
    /// How long builds may take.
    pub limits: Limits,
    /// End at the first failure.
    pub fail_fast: bool,
    /// New tries of what failed through the network or the machine.
    pub retries: u32,
    /// When it began; a run that goes on with an earlier one began when that one did.
    pub started: Timestamp,
    /// Go on where the last run in this folder ended.
    pub resume: bool,
    /// The project that it is a run of: another's journal is not gone on with.
    pub project: PathBuf,
    /// The command line, for the report.
    pub command: Vec<String>,
}

/// How long a build may take, and stay silent.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// In all; by stage, else by default.
    pub wall: BTreeMap<Stage, Duration>,
    /// Without output; by stage, else by default.
    pub silence: BTreeMap<Stage, Duration>,
}

impl Limits {
    /// Time for a build that is `stage`; for one that is none, the longest of all.
    pub fn wall(&self, stage: Option<Stage>) -> Duration {
        let default = |stage| match stage {
            Stage::Toolchain => 6 * 3600,
            Stage::Kernel => 3 * 3600,
            Stage::Module | Stage::Boot => 15 * 60,
        };
        let of = |stage| {
            let set = self.wall.get(&stage).copied();
            set.unwrap_or(Duration::from_secs(default(stage)))
        };
        stage.map_or_else(|| longest(of), of)
    }

    /// Time that a build that is `stage` may be silent.
    pub fn silence(&self, stage: Option<Stage>) -> Duration {
        let of = |stage| {
            let set = self.silence.get(&stage).copied();
            set.unwrap_or(Duration::from_secs(30 * 60))
        };
        stage.map_or_else(|| longest(of), of)
    }
}

fn longest(of: impl Fn(Stage) -> Duration) -> Duration {
    Stage::ALL
        .into_iter()
        .map(of)
        .max()
        .unwrap_or(Duration::MAX)
}

/// What a run works with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// Nix.
    pub nix: &'a Nix,
    /// How Nix is to work.
    pub settings: &'a Settings,
    /// The known kinds of failure.
    pub table: &'a FailureTable,
    /// Set from outside to end the run early.
    pub stop: &'a AtomicBool,
}
