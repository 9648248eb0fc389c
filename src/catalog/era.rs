//! `matrix/eras.json`: the kernel generations.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::ArchId;
use crate::suggest::nearest;
use crate::version::{KernelVersion, ToolVersion};

/// A kernel generation: the versions it spans, and where its toolchains come from unless a constraint says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Era {
    /// What it covers, in a few words.
    pub title: String,
    /// Its first version.
    pub from: KernelVersion,
    /// The first version of the next era; none for the newest.
    #[serde(default)]
    pub below: Option<KernelVersion>,
    /// Sources of toolchains, the preferred one first.
    pub sources: Vec<SourceKind>,
    /// Per source, which of its compilers stand for the era: versions or their beginnings (`12`, `9.3`), the preferred
    /// one first. Compilers that match none come after them, the newest first.
    #[serde(default)]
    pub prefer: BTreeMap<SourceKind, Vec<ToolVersion>>,
    /// The version that stands for the era where none is asked for.
    pub kernel: KernelVersion,
    /// The arches on which that kernel is also built as it is: with the configuration that the tree has for their board.
    #[serde(default)]
    pub stock_arches: Vec<ArchId>,
}

impl Era {
    /// Whether `version` belongs to the era. Release candidates belong with the release they lead to.
    pub fn contains(&self, version: &KernelVersion) -> bool {
        let numbers = version.numbers();
        numbers >= self.from.numbers()
            && self
                .below
                .as_ref()
                .is_none_or(|below| numbers < below.numbers())
    }
}

/// Where a toolchain comes from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// Bootlin's prebuilt SDKs.
    Bootlin,
    /// Built from source with musl.
    Musl,
    /// Built from source without a libc: for kernels only.
    KernelOnly,
    /// Debian's prebuilt cross packages.
    Debian,
    /// kernel.org's prebuilt compilers, without a libc.
    Korg,
    /// Debian's prebuilt clang, lld and LLVM, without a libc.
    Llvm,
}

impl SourceKind {
    /// Every source.
    pub const ALL: [SourceKind; 6] = [
        SourceKind::Bootlin,
        SourceKind::Musl,
        SourceKind::KernelOnly,
        SourceKind::Debian,
        SourceKind::Korg,
        SourceKind::Llvm,
    ];

    /// The spelling of data and command line: `kernel-only`.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Bootlin => "bootlin",
            SourceKind::Musl => "musl",
            SourceKind::KernelOnly => "kernel-only",
            SourceKind::Debian => "debian",
            SourceKind::Korg => "korg",
            SourceKind::Llvm => "llvm",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for SourceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        SourceKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<_> = SourceKind::ALL.iter().map(|kind| kind.as_str()).collect();
                let meant = nearest(text, known.iter().copied());
                let meant = meant.map_or(String::new(), |meant| format!(", did you mean {meant}?"));
                format!(
                    "unknown toolchain source {text:?}{meant}; one of {}",
                    known.join(", ")
                )
            })
    }
}
