//! A field has a name that the entry does not have.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::UNKNOWN_FIELD,
    name: "unknown-field",
    level: Level::Error,
    summary: "A field has a name that the entry does not have.",
    explanation: "Fields are not passed over, because a misspelt one would be: `belwo` instead of `below` would make a range open. The message lists the fields there are; `docs/schemas/` has a JSON Schema per file, with which an editor completes them.",
    run: Run::WhenLoading,
};
