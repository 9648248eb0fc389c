//! `matrix/fixes.json`: changes to a kernel tree, or to how it is built, that lift a constraint.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Compiler;
use crate::id::{ArchId, ConstraintId, TreeFile, TreePattern};
use crate::version::{KernelVersion, Range, ToolVersion};

/// A fix, the kernels it is for, and why.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// The kernels it is applied to.
    pub kernel: Range<KernelVersion>,
    /// The arches; empty: all.
    #[serde(default)]
    pub arches: Vec<ArchId>,
    /// The versions of gcc it is needed for; none: all compilers.
    #[serde(default)]
    pub gcc: Option<Range<ToolVersion>>,
    /// The constraints that it lifts.
    #[serde(default)]
    pub lifts: Vec<ConstraintId>,
    /// What breaks without it.
    pub reason: String,
    /// Where that can be read.
    pub evidence: String,
    /// What is done.
    pub apply: Vec<Apply>,
}

impl Fix {
    /// Whether it is applied to `version` on `arch` when `compiler` compiles it.
    pub fn applies(&self, arch: &ArchId, version: &KernelVersion, compiler: &Compiler) -> bool {
        let needed = |range: &Range<ToolVersion>| {
            compiler
                .gcc()
                .is_some_and(|version| range.contains(version))
        };
        self.kernel.holds_for(version)
            && (self.arches.is_empty() || self.arches.contains(arch))
            && self.gcc.as_ref().is_none_or(needed)
    }
}

/// One step of a fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Apply {
    /// Edit files of the source with sed (extended expressions); a file that does not exist is passed over, as is a link.
    Sed {
        /// Files, relative to the tree; `*` and `?` as in a shell. No folder on the way may be a link that leads out of it.
        files: Vec<TreePattern>,
        /// The expression.
        expression: String,
    },
    /// Write a file of the source unless it exists.
    ///
    /// `@GCC_MAJOR@`, in its name and in its text, is the first number of the compiler's version.
    Write {
        /// File, relative to the tree.
        file: TreeFile,
        /// Its whole text.
        text: String,
    },
    /// Pass a variable to make.
    MakeFlag {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// Append to the target compiler's command line.
    CcFlag {
        /// The flag.
        flag: String,
    },
    /// Append to the host compiler's command line.
    HostCcFlag {
        /// The flag.
        flag: String,
    },
}
