//! Running a plan: what was built, what was not, and whose fault it is.

mod booted;
mod cost;
mod earlier;
mod evaluate;
mod evidence;
mod expect;
mod manifest;
mod newest;
mod outcome;
mod planned;
mod record;
mod run;
mod select;
mod shard;
mod share;

pub use crate::run::{
    Cost, Coverage, Ending, FailureRecord, History, Limits, Options, Outcome, Progress, RunError,
    RunTally, Stage, Tally, Tools,
};
pub use booted::BootRecord;
pub use cost::cost;
pub use earlier::{Earlier, RUNS, earlier, forget_earlier, make_room};
pub use evaluate::evaluate;
pub use evidence::{is_the_machines, record_evidence};
pub use expect::{Expectation, Expected, surprises};
pub use manifest::{Manifest, Target};
pub use newest::newest_run;
pub use outcome::{
    CellRecord, RunRecord, SCHEMA_VERSION, StageRecord, ToolchainRecord, coverage, detail,
};
pub use planned::{BootLimits, Feasibility, Plan, PlannedCell};
pub use run::run;
pub use select::{SelectError, Selection, plan};
pub use shard::Shard;
pub use share::share;
