//! What evaluation made of a plan: a derivation for every stage of every cell.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Stage;
use crate::project::Entry;

/// Every stage's derivation, with the system that evaluated them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Manifest {
    /// The system that builds run on here: `x86_64-linux`.
    pub system: String,
    /// One target for every planned cell, in plan order.
    pub targets: Vec<Target>,
}

impl Manifest {
    /// Whether this machine builds what is for `system`.
    pub(super) fn runs(&self, system: &str) -> bool {
        system == self.system
            || system == "builtin"
            || (system == "i686-linux" && self.system == "x86_64-linux")
    }
}

/// One planned cell.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Target {
    /// [`super::PlannedCell::key`].
    pub id: String,
    /// Its stages.
    pub stages: BTreeMap<Stage, Entry>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_builds_or_errors() {
        let json = r#"{"system":"x86_64-linux","targets":[{"id":"k6-arm64","stages":{
            "toolchain":{"drvPath":"/nix/store/x.drv","name":"x","outputs":{"out":"/nix/store/x"},"system":"x86_64-linux"},
            "kernel":{"error":"no kernel"}}}]}"#;
        let manifest: Manifest = serde_json::from_str(json).unwrap();
        let stages = &manifest.targets[0].stages;
        assert!(
            matches!(&stages[&Stage::Toolchain], Entry::Build(build) if build.out() == Some("/nix/store/x"))
        );
        assert!(matches!(&stages[&Stage::Kernel], Entry::Error { error } if error == "no kernel"));
    }
}
