//! What happens during a run, one event at a time: for a terminal, for lines of JSON, for whoever watches.

use serde::Serialize;

use super::{Coverage, FailureRecord, Outcome, Stage};
use crate::nix::DrvPath;

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Progress {
    /// The run begins.
    RunStarted {
        /// Cells in the plan.
        cells: usize,
        /// Derivations to build or fetch.
        builds: usize,
        /// Stages that are there already.
        cached: usize,
        /// Seconds that it should take; none where nothing was ever timed.
        estimate: Option<f64>,
        /// Bytes that the store grows by, roughly.
        disk: u64,
    },
    /// The run of one thing begins.
    Planned {
        /// Derivations to build or fetch.
        builds: usize,
        /// Seconds that it should take; none where nothing was ever timed.
        estimate: Option<f64>,
        /// Bytes that the store grows by, roughly.
        disk: u64,
    },
    /// A build began.
    BuildStarted {
        /// The derivation's path.
        drv: DrvPath,
        /// What to call it: `k6-arm64-6.1.192 kernel`, or the derivation's name.
        name: String,
        /// Seconds that it should take, where it was timed before.
        estimate: Option<f64>,
    },
    /// A build entered a phase.
    BuildPhase {
        /// The derivation's path.
        drv: DrvPath,
        /// `buildPhase`.
        phase: String,
    },
    /// A builder printed something.
    #[serde(skip)]
    BuildLine {
        /// The derivation's path.
        drv: DrvPath,
        /// The line, made fit to show.
        line: String,
    },
    /// A builder ended; what became of it is known once Nix says more.
    BuildIdle {
        /// The derivation's path.
        drv: DrvPath,
    },
    /// A build ended.
    BuildEnded {
        /// The derivation's path.
        drv: DrvPath,
        /// What to call it.
        name: String,
        /// `built`, `failed`, `timed-out`, `stopped` or `retried`.
        result: Ending,
        /// Wall time in seconds.
        seconds: Option<f64>,
        /// Why, where it did not end well.
        reason: Option<String>,
        /// What its log says.
        failure: Option<FailureRecord>,
    },
    /// A stage of a cell is decided.
    StageEnded {
        /// The cell's key.
        cell: String,
        /// The stage.
        stage: Stage,
        /// What became of it.
        outcome: Outcome,
        /// Why, where it is not a success.
        reason: Option<String>,
    },
    /// Nothing else to tell, or a second has gone by.
    Tick(Tally),
    /// The run is over.
    RunEnded {
        /// Whether it was interrupted.
        interrupted: bool,
        /// Counts over the cells.
        coverage: Coverage,
    },
}

/// How a build ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Well.
    Built,
    /// Not well.
    Failed,
    /// Stopped for taking too long.
    TimedOut,
    /// Stopped because the run was.
    Stopped,
    /// Not well, and it is tried again.
    Retried,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Seconds since the run began.
    pub elapsed: f64,
    /// Derivations built or fetched.
    pub built: usize,
    /// Derivations that failed or timed out.
    pub failed: usize,
    /// Derivations that cannot be tried because of those.
    pub blocked: usize,
    /// Derivations being built.
    pub running: usize,
    /// Derivations still to come, the running ones among them.
    pub remaining: usize,
    /// Seconds that these should take; none where nothing was ever timed.
    pub eta: Option<f64>,
}
