//! A file is not JSON.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::SYNTAX,
    name: "syntax",
    level: Level::Error,
    summary: "A file is not JSON.",
    explanation: "The file cannot be read as JSON: a missing comma or quote, a comment, a byte order mark, or a file that was cut off. The place shown is where the reader gave up; what is wrong is there or just before.",
    run: Run::WhenLoading,
};
