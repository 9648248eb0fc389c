//! Which C compiler a toolchain has.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::version::ToolVersion;

/// A C compiler and its version. In JSON it is a field of what it belongs to: `"gcc": "12.2.0"` or `"clang": "19.1.7"`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Compiler {
    /// GNU's, with binutils.
    Gcc(ToolVersion),
    /// LLVM's, with its own assembler, linker and tools.
    Clang(ToolVersion),
}

impl Compiler {
    /// `gcc` or `clang`.
    pub fn name(&self) -> &'static str {
        match self {
            Compiler::Gcc(_) => "gcc",
            Compiler::Clang(_) => "clang",
        }
    }

    /// Its version.
    pub fn version(&self) -> &ToolVersion {
        match self {
            Compiler::Gcc(version) | Compiler::Clang(version) => version,
        }
    }

    /// gcc's version, where it is gcc.
    pub fn gcc(&self) -> Option<&ToolVersion> {
        match self {
            Compiler::Gcc(version) => Some(version),
            Compiler::Clang(_) => None,
        }
    }

    /// clang's version, where it is clang.
    pub fn clang(&self) -> Option<&ToolVersion> {
        match self {
            Compiler::Gcc(_) => None,
            Compiler::Clang(version) => Some(version),
        }
    }

    /// The first number of its version.
    pub fn major(&self) -> u16 {
        self.version().major()
    }
}

impl fmt::Display for Compiler {
    /// `gcc 12.2.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.name(), self.version()))
    }
}
