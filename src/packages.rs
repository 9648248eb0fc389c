//! Package sets: where the tools that a build itself runs on come from.

use std::fmt;
use std::str::FromStr;

use crate::id::Suite;

/// A package set, as `--packages` names it: `nixpkgs`, `debian`, or `debian:SUITE`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Packages {
    /// nixpkgs, at the revision that the project's flake.lock has.
    #[default]
    Nixpkgs,
    /// Pinned Debian packages of a suite, unpacked into the store.
    Debian(Suite),
}

impl Packages {
    /// The suite whose packages stand in the project's `debian-packages/`: the chosen one, else the default.
    pub fn suite(&self) -> Suite {
        match self {
            Packages::Nixpkgs => Suite::default(),
            Packages::Debian(suite) => suite.clone(),
        }
    }

    /// Whether it is made of Debian's packages.
    pub fn is_debian(&self) -> bool {
        matches!(self, Packages::Debian(_))
    }
}

impl FromStr for Packages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "nixpkgs" => Ok(Packages::Nixpkgs),
            None if text == "debian" => Ok(Packages::Debian(Suite::default())),
            Some(("debian", suite)) => suite
                .parse()
                .map(Packages::Debian)
                .map_err(|error| error.to_string()),
            _ if text == "host" => Err(
                "builds no longer see the host's own programs; `debian` has the same ones as pinned packages"
                    .to_owned(),
            ),
            _ => Err("the package sets are nixpkgs, debian and debian:SUITE".to_owned()),
        }
    }
}

impl fmt::Display for Packages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Packages::Nixpkgs => f.pad("nixpkgs"),
            Packages::Debian(suite) if *suite == Suite::default() => f.pad("debian"),
            Packages::Debian(suite) => f.pad(&format!("debian:{suite}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_set_is_read_as_it_is_written() {
        for text in ["nixpkgs", "debian", "debian:trixie"] {
            let set: Packages = text.parse().unwrap();
            assert_eq!(set.to_string(), text);
        }
        assert_eq!("debian:bookworm".parse(), "debian".parse::<Packages>());
        for text in ["guix", "debian:", "debian:../x", "nixpkgs:24.05"] {
            assert!(text.parse::<Packages>().is_err(), "{text}");
        }
        let error = "host".parse::<Packages>().unwrap_err();
        assert!(error.contains("debian"), "{error}");
    }
}
