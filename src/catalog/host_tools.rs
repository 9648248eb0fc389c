//! `matrix/host-tools.json`: the tools that builds run on, as pinned packages of a Debian suite.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Catalog, DebianPin};
use crate::hash::Sha256;
use crate::id::{FileName, PinId, PinUrl, Suite};

/// The host tools of one suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostTools {
    /// The archive as it was when the pins were made: where a package is found once a point release has replaced it.
    pub snapshot: PinUrl,
    /// What unpacks the first package in an empty store.
    pub seed: Seed,
    /// Tools, by the name that nixpkgs gives them.
    pub tools: BTreeMap<FileName, HostTool>,
    /// Which tool has each of QEMU's commands.
    pub qemu: BTreeMap<FileName, FileName>,
    /// The packages of each group of libraries that programs load.
    pub libraries: BTreeMap<FileName, Vec<PinId>>,
    /// The packages.
    pub pins: BTreeMap<PinId, DebianPin>,
}

/// A program that needs no other: busybox, out of Debian's static build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Its name in the store.
    pub name: FileName,
    /// The package that has it as `bin/busybox`.
    pub package: PinId,
    /// Digest of the folder (in Nix's archive format) that holds `bin/busybox` and `bin/sh`, a link to it.
    pub hash: Sha256,
}

/// One tool: packages unpacked over each other into one folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostTool {
    /// The packages; the first gives the tool its version.
    pub packages: Vec<PinId>,
    /// The group of libraries that its programs load besides `base`; `none`: it has no programs.
    pub libraries: FileName,
}

impl HostTools {
    /// What does not hold together in it: names that stand for nothing.
    pub fn problems(&self) -> Vec<String> {
        let packages = self.tools.values().flat_map(|tool| &tool.packages);
        let packages = packages.chain(self.libraries.values().flatten());
        let mut problems: Vec<String> = packages
            .chain([&self.seed.package])
            .filter(|id| !self.pins.contains_key(*id))
            .map(|id| format!("no pin is called {id}"))
            .collect();
        let groups = self.tools.values().map(|tool| &tool.libraries);
        problems.extend(
            groups
                .filter(|group| group.as_str() != "none" && !self.libraries.contains_key(*group))
                .map(|group| format!("no group of libraries is called {group}")),
        );
        problems.extend(
            self.qemu
                .values()
                .filter(|tool| !self.tools.contains_key(*tool))
                .map(|tool| format!("no tool is called {tool}")),
        );
        problems.extend(
            self.tools
                .iter()
                .filter(|(_, tool)| tool.packages.is_empty())
                .map(|(name, _)| format!("the tool {name} has no packages")),
        );
        problems.sort();
        problems.dedup();
        problems
    }
}

impl Catalog {
    /// Whether the host tools are those that kflake brings, and a project has none of its own.
    pub fn has_kflakes_tools(&self) -> bool {
        Catalog::embedded().is_ok_and(|brought| brought.host_tools == self.host_tools)
    }

    /// The host tools of `suite`.
    ///
    /// # Errors
    /// When the matrix has none; with the suites that it has.
    pub fn host_tools_of(&self, suite: &Suite) -> Result<&HostTools, UnknownSuite> {
        self.host_tools.get(suite).ok_or_else(|| UnknownSuite {
            suite: suite.clone(),
            known: self.host_tools.keys().cloned().collect(),
        })
    }
}

/// A suite that no tools are pinned of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no host tools are pinned for the Debian suite {suite}, only for {}", known.iter().map(Suite::as_str).collect::<Vec<_>>().join(", "))]
pub struct UnknownSuite {
    suite: Suite,
    known: Vec<Suite>,
}

impl UnknownSuite {
    /// Of a suite whose data is not whole.
    pub(crate) fn of(suite: &Suite) -> UnknownSuite {
        UnknownSuite {
            suite: suite.clone(),
            known: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_suites_hold_together() {
        let catalog = Catalog::embedded().unwrap();
        assert!(catalog.host_tools.len() >= 3);
        for (suite, tools) in &catalog.host_tools {
            assert_eq!(tools.problems(), Vec::<String>::new(), "{suite}");
            for board in catalog.boards.values() {
                assert!(
                    tools.qemu.contains_key(board.qemu.as_str()),
                    "{suite}: {}",
                    board.qemu
                );
            }
        }
    }

    #[test]
    fn names_that_stand_for_nothing_are_told() {
        let catalog = Catalog::embedded().unwrap();
        let mut tools = catalog.host_tools_of(&Suite::default()).unwrap().clone();
        tools.pins.remove("bookworm/bash");
        tools.libraries.remove("qemu");
        let problems = tools.problems();
        assert!(
            problems.contains(&"no pin is called bookworm/bash".to_owned()),
            "{problems:?}"
        );
        assert!(
            problems.contains(&"no group of libraries is called qemu".to_owned()),
            "{problems:?}"
        );
    }

    #[test]
    fn an_unknown_suite_names_those_that_there_are() {
        let catalog = Catalog::embedded().unwrap();
        let error = catalog.host_tools_of(&"etch".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("bookworm"), "{error}");
    }
}
