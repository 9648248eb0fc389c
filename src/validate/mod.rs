//! Running a plan: what was built, what was not, and whose fault it is.

mod blame;
mod history;
mod journal;
mod lock;
mod manifest;
mod order;
mod outcome;

pub use blame::{Blame, FailureClass, FailureTable, TableError};
pub use history::History;
pub use journal::{Ended, Journal, Past, Result as BuildResult};
pub use lock::{Lock, LockError};
pub use manifest::{Build, Entry, Manifest, Target};
pub use order::{Goal, Kind, Order, Unit, UnitId};
pub use outcome::{
    CellRecord, Coverage, FailureRecord, Outcome, RunRecord, SCHEMA_VERSION, Stage, StageRecord,
    Tally, ToolchainRecord,
};
