//! Package sets: where the tools that a build itself runs on come from.

use std::fmt;
use std::str::FromStr;

/// A package set, as `--packages` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Packages {
    /// nixpkgs, at the revision that the project's flake.lock has: hermetic.
    #[default]
    Nixpkgs,
    /// This machine's own distribution, shown read-only to the sandbox.
    Host,
}

impl Packages {
    /// Every package set.
    pub const ALL: [Packages; 2] = [Packages::Nixpkgs, Packages::Host];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Packages::Nixpkgs => "nixpkgs",
            Packages::Host => "host",
        }
    }
}

impl FromStr for Packages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Packages::ALL.into_iter().find(|it| it.as_str() == text);
        known.ok_or_else(|| {
            let names = Packages::ALL.map(Packages::as_str);
            format!("the package sets are {}", names.join(" and "))
        })
    }
}

impl fmt::Display for Packages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_set_is_read_as_it_is_written() {
        for set in Packages::ALL {
            assert_eq!(set.to_string().parse(), Ok(set));
        }
        let error = "guix".parse::<Packages>().unwrap_err();
        assert_eq!(error, "the package sets are nixpkgs and host");
    }
}
