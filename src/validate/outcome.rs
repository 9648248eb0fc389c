//! What a run has to say: the model behind `report.json`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Coverage, FailureRecord, Outcome, Shard, Stage};
use crate::catalog::{Compiler, Confidence, MeasuredSource, SourceKind, libc_starts_on};
use crate::id::{ArchId, EraId};
use crate::version::{KernelVersion, ToolVersion};

/// Version of `report.json`'s shape.
pub const SCHEMA_VERSION: u32 = 1;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// kflake's version.
    pub kflake: String,
    /// Nix's version.
    pub nix: String,
    /// Where the build's own tools came from: `nixpkgs`, or `debian` with a suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<String>,
    /// When the run began.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// When it ended; none for a report written before the end.
    #[schemars(with = "Option<String>")]
    pub finished: Option<Timestamp>,
    /// Whether it was interrupted.
    #[serde(default)]
    pub interrupted: bool,
    /// Which share of the selection it is: `2/5`; none: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub shard: Option<Shard>,
    /// Command that repeats it.
    #[serde(default)]
    pub command: Vec<String>,
    /// The cells, in plan order.
    pub cells: Vec<CellRecord>,
    /// Counts over the cells, per stage.
    pub coverage: Coverage,
}

/// One cell of a run. A run over several kernels has a cell id more than once, told apart by `kernel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellRecord {
    /// `k6-arm64`.
    pub id: String,
    /// The era.
    pub era: EraId,
    /// The arch.
    pub arch: ArchId,
    /// The kernel that was built; none where only the toolchain was asked for.
    pub kernel: Option<KernelVersion>,
    /// The source that it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<MeasuredSource>,
    /// Configuration: `tiny`, or a defconfig's name.
    #[serde(default)]
    pub profile: Option<String>,
    /// The board that it boots on.
    #[serde(default)]
    pub board: Option<String>,
    /// The toolchain; none where none fits.
    pub toolchain: Option<ToolchainRecord>,
    /// Why the cell is as it is: the resolver's reasons, in its order.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// How well the choice of this toolchain was known to be right before the run: what ruled the others out was measured,
    /// documented, reported or is folklore. None where the toolchain was asked for, or there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Confidence>,
    /// The stages, in order; every stage appears.
    pub stages: Vec<StageRecord>,
}

impl CellRecord {
    /// The furthest stage that passed.
    pub fn furthest(&self) -> Option<Stage> {
        self.stages
            .iter()
            .filter(|stage| stage.outcome.is_success())
            .map(|stage| stage.stage)
            .max()
    }

    /// The record of `stage`.
    pub fn stage(&self, stage: Stage) -> Option<&StageRecord> {
        self.stages.iter().find(|record| record.stage == stage)
    }
}

/// The toolchain of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolchainRecord {
    /// Its id in the matrix.
    pub id: String,
    /// Its source.
    pub source: SourceKind,
    /// Its compiler.
    #[serde(flatten)]
    pub compiler: Compiler,
    /// binutils; none where that is not known, or where LLVM has its own tools.
    pub binutils: Option<ToolVersion>,
    /// libc with version, such as `glibc-2.36`; none: without one.
    pub libc: Option<String>,
    /// The oldest kernel that programs linked against its libc start on; none: no limit is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_kernel: Option<KernelVersion>,
    /// Target triple.
    pub target: String,
    /// Whether it is built from other bytes than kflake pins; its id says so as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overridden: bool,
}

impl ToolchainRecord {
    /// Whether init is linked without a C library, to boot `kernel`: there is none, or it refuses so old a kernel.
    pub fn init_is_bare(&self, kernel: &KernelVersion) -> bool {
        !libc_starts_on(self.libc.as_deref(), self.oldest_kernel.as_ref(), kernel)
    }
}

/// One stage of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// The stage.
    pub stage: Stage,
    /// What became of it.
    pub outcome: Outcome,
    /// Wall time of its build: in this run, or for what is cached in the run that built it. None where that is not known.
    pub seconds: Option<f64>,
    /// Its derivation.
    pub drv: Option<String>,
    /// Versions of the programs that make it, by name: `cc` and `make` of the build machine, `qemu`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, String>,
    /// Its output path.
    pub out: Option<String>,
    /// Why, for every outcome but `passed` and `cached`: for `blocked` names what failed.
    pub reason: Option<String>,
    /// Why the project expected it to fail, where it did; the outcome says whether it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What the kernel complained of on the console of a boot that passed, such as `WARNING at kernel/x.c:12`; at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The console of a boot that passed, by its path in the report's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// What the log says, for `failed` and `timed-out`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureRecord>,
}

impl StageRecord {
    /// The outcome with its detail: `passed`, or `passed with 2 warnings: WARNING at kernel/x.c:12; …`.
    pub fn detail(&self) -> String {
        let detail = detail(self.outcome, &self.warnings);
        match &self.expected {
            Some(why) if self.is_surprise() => {
                format!("{detail} although it was expected to fail: {why}")
            }
            Some(why) => format!("{detail} as expected: {why}"),
            None => detail,
        }
    }

    /// Whether it passed, as it should, and nothing was wrong on the way.
    pub fn is_plain(&self) -> bool {
        self.outcome.is_success() && self.warnings.is_empty() && self.expected.is_none()
    }

    /// Whether it failed as the project expected.
    pub fn fails_as_expected(&self) -> bool {
        self.outcome.is_failure() && self.expected.is_some()
    }

    /// Whether it passed, and the project expected it to fail.
    pub fn is_surprise(&self) -> bool {
        self.outcome.is_success() && self.expected.is_some()
    }

    /// Whether a run with it has bad news: it failed and nobody expected that, or it passed and somebody expected it to fail.
    pub fn is_news(&self) -> bool {
        self.outcome.is_failure() && self.expected.is_none() || self.is_surprise()
    }
}

/// `passed with 1 warning: WARNING at kernel/x.c:12`.
pub fn detail(outcome: impl fmt::Display, warnings: &[String]) -> String {
    let (first, many) = match warnings {
        [] => return outcome.to_string(),
        [only] => return format!("{outcome} with 1 warning: {only}"),
        [first, ..] => (first, warnings.len()),
    };
    format!("{outcome} with {many} warnings, the first: {first}")
}

/// Counts over `cells`.
pub fn coverage(cells: &[CellRecord]) -> Coverage {
    let stages = cells.iter().flat_map(|cell| &cell.stages);
    stages.map(|it| (it.stage, it.outcome)).collect()
}
