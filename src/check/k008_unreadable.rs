//! A file is not text, or too large.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::UNREADABLE,
    name: "unreadable",
    level: Level::Error,
    summary: "A file is not text, or too large.",
    explanation: "JSON is UTF-8. A file of more than 32 MiB is refused: all that is known about kernels fits in two.",
    run: Run::WhenLoading,
};
