//! A field that every entry needs is not there.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::MISSING_FIELD,
    name: "missing-field",
    level: Level::Error,
    summary: "A field that every entry needs is not there.",
    explanation: "An entry of a project's file replaces the embedded one as a whole, so it must be complete: its fields are not merged with those of the entry that it replaces.",
    run: Run::WhenLoading,
};
