//! A key is not an id of its kind.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::BAD_KEY,
    name: "bad-key",
    level: Level::Error,
    summary: "A key is not an id of its kind.",
    explanation: "Ids become Nix attributes, names in the Nix store, file names and arguments, so each kind allows few characters. The message says which.",
    run: Run::WhenLoading,
};
