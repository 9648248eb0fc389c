//! A digest is not a SHA-256.

use super::{Lint, Run};
use crate::catalog::{Level, codes};

pub(super) static LINT: Lint = Lint {
    code: codes::NOT_A_HASH,
    name: "not-a-hash",
    level: Level::Error,
    summary: "A digest is not a SHA-256.",
    explanation: "A digest is written as SRI, `sha256-` and 44 characters of base64, or as 64 hex digits. `nix hash file FILE` prints the first, `sha256sum FILE` the second. SHA-1 and MD5 are too weak to fetch by.",
    run: Run::WhenLoading,
};
