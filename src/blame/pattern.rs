//! Regular expressions that are written in the code.

use std::sync::LazyLock;

use regex::Regex;

/// An expression of kflake's own.
pub(super) fn regex(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|_| NOTHING.clone())
}

/// Matches nothing. The tests see to it that no expression of kflake's own is broken.
static NOTHING: LazyLock<Regex> = LazyLock::new(|| match Regex::new("$.") {
    Ok(it) => it,
    Err(error) => unreachable!("{error}"),
});
