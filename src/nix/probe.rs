//! Which Nix is here, and what it can do.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::NixError;
use super::guard::Guard;
use crate::text::clean_line;

/// The oldest Nix that kflake works with.
pub const OLDEST: Version = Version {
    major: 2,
    minor: 8,
    patch: 0,
};

/// A version of Nix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// `2` of 2.8.1.
    pub major: u16,
    /// `8` of 2.8.1.
    pub minor: u16,
    /// `1` of 2.8.1.
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A Nix that can be used.
#[derive(Clone, Debug)]
pub struct Nix {
    program: PathBuf,
    version: Version,
    shown: String,
    guard: Guard,
}

impl Nix {
    /// Finds Nix, as `KFLAKE_NIX` or on PATH, and checks that it is new enough.
    ///
    /// # Errors
    /// When there is none, it cannot be run, is something else, or too old.
    pub fn probe() -> Result<Nix, NixError> {
        match std::env::var_os("KFLAKE_NIX").filter(|path| !path.is_empty()) {
            Some(path) => Nix::at(Path::new(&path), true),
            None => Nix::at(Path::new("nix"), false),
        }
    }

    /// The Nix that `program` is; `named` says that the user named it.
    pub(crate) fn at(program: &Path, named: bool) -> Result<Nix, NixError> {
        let output = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| match (error.kind(), named) {
                (ErrorKind::NotFound, false) => NixError::Missing,
                (_, true) => NixError::NotRunnable {
                    path: program.to_owned(),
                    reason: error.to_string(),
                },
                (_, false) => NixError::Run {
                    program: program.display().to_string(),
                    source: error,
                },
            })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let first = clean_line(text.lines().next().unwrap_or_default());
        let version = parse_version(&first)
            .filter(|_| output.status.success())
            .ok_or_else(|| NixError::NotNix {
                path: program.to_owned(),
                shown: first.chars().take(80).collect(),
            })?;
        if version < OLDEST {
            return Err(NixError::TooOld { found: version });
        }
        Ok(Nix {
            program: program.to_owned(),
            version,
            shown: first,
            guard: Guard::probe(),
        })
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its version as it says it: `nix (Nix) 2.8.0`.
    pub fn banner(&self) -> &str {
        &self.shown
    }

    /// How its processes are kept from outliving kflake.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// The path of `tool` (`nix-store`, `nix-instantiate`) of this Nix: the one beside `nix` where there is one.
    pub(crate) fn tool(&self, tool: &str) -> PathBuf {
        match self.program.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => {
                let beside = dir.join(tool);
                if beside.exists() {
                    beside
                } else {
                    PathBuf::from(tool)
                }
            }
            _ => PathBuf::from(tool),
        }
    }
}

/// The version in `nix (Nix) 2.8.0`, `nix (Lix, like Nix) 2.91.1` or `nix (Determinate Nix 3.8.5) 2.30.2`.
fn parse_version(line: &str) -> Option<Version> {
    let rest = line.strip_prefix("nix (")?;
    let (flavour, number) = rest.rsplit_once(") ")?;
    if !flavour.contains("Nix") && !flavour.contains("Lix") {
        return None;
    }
    let mut parts = number.trim().splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = leading_number(parts.next()?)?;
    let patch = parts.next().and_then(leading_number).unwrap_or(0);
    Some(Version {
        major,
        minor,
        patch,
    })
}

/// `4` of `4pre20211006_53e4794`.
fn leading_number(text: &str) -> Option<u16> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_flavour() {
        for (line, major, minor, patch) in [
            ("nix (Nix) 2.8.0", 2, 8, 0),
            ("nix (Nix) 2.34.8", 2, 34, 8),
            ("nix (Nix) 2.4pre20211006_53e4794", 2, 4, 0),
            ("nix (Nix) 2.31.0pre20250712_abc", 2, 31, 0),
            ("nix (Lix, like Nix) 2.91.1", 2, 91, 1),
            ("nix (Determinate Nix 3.8.5) 2.30.2", 2, 30, 2),
        ] {
            assert_eq!(
                parse_version(line),
                Some(Version {
                    major,
                    minor,
                    patch
                }),
                "{line}"
            );
        }
        for line in [
            "",
            "nix",
            "nix (Nix) ",
            "nix (Nix) two",
            "nixos 2.8.0",
            "nix (Foo) 2.8.0",
        ] {
            assert_eq!(parse_version(line), None, "{line}");
        }
    }

    #[test]
    fn old_means_older_than_2_8() {
        assert!(parse_version("nix (Nix) 2.7.0").unwrap() < OLDEST);
        assert!(parse_version("nix (Nix) 2.8.0").unwrap() >= OLDEST);
    }
}
