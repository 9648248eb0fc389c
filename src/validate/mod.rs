//! Running a plan: what was built, what was not, and whose fault it is.

mod manifest;
mod order;
mod outcome;

pub use manifest::{Build, Entry, Manifest, Target};
pub use outcome::{
    CellRecord, Coverage, FailureRecord, Outcome, RunRecord, SCHEMA_VERSION, Stage, StageRecord,
    Tally, ToolchainRecord,
};
