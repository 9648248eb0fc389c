//! Running a plan: what was built, what was not, and whose fault it is.

mod booted;
mod engine;
mod evaluate;
mod evidence;
mod history;
mod journal;
mod manifest;
mod order;
mod outcome;
mod planned;
mod process;
mod progress;
mod record;
mod run;
mod select;
mod state;

pub use booted::BootRecord;
pub use evaluate::evaluate;
pub use evidence::record_evidence;
pub use history::History;
pub use manifest::{Manifest, Target};
pub use outcome::{
    CellRecord, Coverage, FailureRecord, Outcome, RunRecord, SCHEMA_VERSION, Stage, StageRecord,
    Tally, ToolchainRecord, detail,
};
pub use planned::{BootLimits, Plan, PlannedCell, Verdict};
pub use progress::{Ending, Progress, Tally as RunTally};
pub use run::{Limits, Options, RunError, Tools, run};
pub use select::{SelectError, Selection, plan};
