//! A file in matrix/ has a name that nothing reads.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::UNKNOWN_FILE,
    name: "unknown-file",
    level: Level::Error,
    summary: "A file in matrix/ has a name that nothing reads.",
    explanation: "Its facts would not be used. Rename it to one of the names listed, or move it out of the folder.",
    run: Run::WhenLoading,
};
