//! A value is of the wrong type or form.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::WRONG_VALUE,
    name: "wrong-value",
    level: Level::Error,
    summary: "A value is of the wrong type or form.",
    explanation: "A number where a text belongs, a version that is none, a source that does not exist. The message says what was expected.",
    run: Run::WhenLoading,
};
