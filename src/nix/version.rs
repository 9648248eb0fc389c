//! Versions of Nix.

use std::fmt;

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

/// The version in `nix (Nix) 2.8.0`, `nix (Lix, like Nix) 2.91.1` or `nix (Determinate Nix 3.8.5) 2.30.2`.
pub(super) fn parse_version(line: &str) -> Option<Version> {
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
