//! What evaluation makes of requests: derivations, described.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Thing;

/// The value of `describe.nix`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// The system that builds run on here: `x86_64-linux`.
    pub system: String,
    /// One for every request, in their order.
    pub answers: Vec<Answer>,
}

/// What one request evaluated to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// [`super::Request::id`].
    pub id: String,
    /// Everything that was wanted.
    pub things: BTreeMap<Thing, Entry>,
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// It can be built.
    Build(Build),
    /// It cannot even be described.
    Error {
        /// Why not.
        error: String,
    },
}

/// A derivation that something comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// The derivation's path.
    #[serde(rename = "drvPath")]
    pub drv: String,
    /// Its outputs' paths by name.
    pub outputs: BTreeMap<String, String>,
    /// The system that can build it.
    pub system: String,
    /// Its name.
    pub name: String,
    /// How a machine is started; empty for everything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The initramfs of ours that a machine is started with, which has room for the nonce of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<PathBuf>,
}

impl Build {
    /// The path that stands for the result: `out`, or the first output.
    pub fn out(&self) -> Option<&str> {
        let out = self
            .outputs
            .get("out")
            .or_else(|| self.outputs.values().next());
        out.map(String::as_str)
    }
}
