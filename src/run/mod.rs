//! Running builds: in which order, how many at once, for how long, and whose fault it is when one fails.
//!
//! The loop is the same for a matrix of cells and for the one thing that `kflake build` is asked for. What a run is for comes in
//! as goals; what happens goes out as [`Progress`].

mod cost;
mod decision;
mod engine;
mod error;
mod goals;
mod history;
mod journal;
mod options;
mod order;
mod outcome;
mod process;
mod progress;
mod schedule;
mod single;
mod state;
mod work;

pub use crate::catalog::Stage;
pub use cost::Cost;
pub(crate) use engine::{Engine, LOGS, RunContext};
pub use error::RunError;
pub(crate) use goals::{CellIndex, Goal, StageIndex};
pub use history::History;
pub use journal::{Ended, Journal, Past, Result as EndedAs};
pub use options::{Limits, Options, Tools};
pub use outcome::{Coverage, FailureRecord, Outcome, Tally};
pub use progress::{Ending, Progress, Tally as RunTally};
pub use single::{Failed, Label, Single, build_one};
pub(crate) use state::{Fault, State, States};
pub(crate) use work::Work;
