//! A key is twice in one object.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::DUPLICATE_KEY,
    name: "duplicate-key",
    level: Level::Error,
    summary: "A key is twice in one object.",
    explanation: "JSON readers keep one of the two and drop the other in silence, so that a fact would be lost. Keys that spell one version in two ways, such as 5.10 and 5.10.0, are the same key too. Keep one.",
    run: Run::WhenLoading,
};
