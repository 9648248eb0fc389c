//! How far a cell comes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a cell can come, in order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The compiler is there and checked itself.
    Toolchain,
    /// The kernel was built.
    Kernel,
    /// A module was built against it.
    Module,
    /// Our init ran as process 1 and said so.
    Boot,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Stage; 4] = [Stage::Toolchain, Stage::Kernel, Stage::Module, Stage::Boot];

    /// The spelling of data and command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Toolchain => "toolchain",
            Stage::Kernel => "kernel",
            Stage::Module => "module",
            Stage::Boot => "boot",
        }
    }

    /// The stages that must have passed before this one can be tried.
    pub fn needs(self) -> &'static [Stage] {
        match self {
            Stage::Toolchain => &[],
            Stage::Kernel => &[Stage::Toolchain],
            Stage::Module => &[Stage::Toolchain, Stage::Kernel],
            Stage::Boot => &[Stage::Toolchain, Stage::Kernel, Stage::Module],
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Stage::ALL
            .into_iter()
            .find(|stage| stage.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a stage: toolchain, kernel, module or boot"))
    }
}
