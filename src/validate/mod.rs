//! Running a plan: what was built, what was not, and whose fault it is.

mod outcome;

pub use outcome::{
    CellRecord, Coverage, FailureRecord, Outcome, RunRecord, SCHEMA_VERSION, Stage, StageRecord,
    Tally, ToolchainRecord,
};
