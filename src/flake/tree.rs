//! Files to be, in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A path inside the output folder: names joined by `/`, none of them hidden, empty or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(String);

/// Why a text is not a path inside the output folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a path inside the output folder")]
pub struct TreePathError(String);

impl TreePath {
    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TreePath {
    type Err = TreePathError;

    fn from_str(text: &str) -> Result<Self, TreePathError> {
        let safe = text.split('/').all(|name| {
            !name.is_empty()
                && !name.starts_with('.')
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
        });
        if safe {
            Ok(TreePath(text.to_owned()))
        } else {
            Err(TreePathError(text.to_owned()))
        }
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The files of a generated project, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Files that carry the marker of [`super::header`].
    pub files: BTreeMap<TreePath, String>,
    /// `flake.lock`: written where there is none that locks the same inputs.
    pub lock: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for text in ["flake.nix", "debian-packages/lib.nix", "a/b/c+d_e.f"] {
            assert_eq!(text.parse::<TreePath>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            ".git/config",
            "a\\b",
            "a\nb",
            "~",
        ] {
            assert!(text.parse::<TreePath>().is_err(), "{text:?}");
        }
    }
}
