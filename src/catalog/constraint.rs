//! `matrix/constraints.json`: which tool version can build which kernel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{ArchId, FixId};
use crate::version::{KernelVersion, Range, ToolVersion};

/// A fact that limits which tool can build (or boot) a range of kernels.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// The arches it holds for; empty: all.
    #[serde(default)]
    pub arches: Vec<ArchId>,
    /// The kernels it holds for.
    pub kernel: Range<KernelVersion>,
    /// The tool it is about.
    pub tool: Tool,
    /// Which versions or properties it accepts.
    pub window: Window,
    /// What happens outside the window.
    pub severity: Severity,
    /// A condition on the configuration under which alone it holds; such a constraint warns, never rejects.
    #[serde(default)]
    pub only_if: Option<String>,
    /// What it serves: kernels unless said.
    #[serde(default)]
    pub applies_to: Purpose,
    /// What goes wrong.
    pub reason: String,
    /// Where that can be read.
    pub evidence: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// What lifts it.
    #[serde(default)]
    pub shim: Option<Shim>,
}

impl Constraint {
    /// Whether it speaks of `arch` at `version`.
    pub fn applies(&self, arch: &ArchId, version: &KernelVersion) -> bool {
        (self.arches.is_empty() || self.arches.contains(arch)) && self.kernel.holds_for(version)
    }

    /// Whether it can reject a toolchain, rather than warn.
    pub fn is_hard(&self) -> bool {
        self.severity != Severity::Warns && self.only_if.is_none()
    }
}

/// A tool that constraints speak of, as it is spelled in the data: `gcc`, `binutils`, `make`, `gcc-target-abi`, ….
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Tool(pub String);

impl Tool {
    /// Its name, of those to avoid as well.
    pub fn name(&self) -> &str {
        self.0.strip_suffix("-known-bad").unwrap_or(&self.0)
    }

    /// What of a toolchain it speaks of; none: it is about the machine that builds.
    pub fn aspect(&self) -> Option<Aspect> {
        Some(match self.name() {
            "gcc" => Aspect::Gcc,
            "binutils" => Aspect::Binutils,
            "glibc" | "musl" | "uclibc" => Aspect::Libc,
            "gcc-target-abi" => Aspect::Property,
            "llvm" => Aspect::Llvm,
            _ => return None,
        })
    }
}

/// Tools of the machine that builds.
const HOST_TOOLS: &[&str] = &[
    "awk-path",
    "bash",
    "bc",
    "bison",
    "flex",
    "gawk",
    "hexdump",
    "host-binutils",
    "host-gcc",
    "host-libc",
    "libelf",
    "lz4c",
    "make",
    "mkimage",
    "openssl",
    "openssl-engine",
    "pahole",
    "perl",
    "pkg-config",
    "python3",
    "rsync",
];

/// What other constraints speak of: other compilers, the configuration, what the kernel's own build can do.
const OTHER_SUBJECTS: &[&str] = &[
    "gcc-binutils-pairing",
    "gcc-default-cet",
    "gcc-default-pie",
    "gcc-plugins",
    "gcc-tested-pairing",
    "kbuild-arch",
    "kbuild-feature",
    "kconfig",
    "ld-flavour",
    "qemu-firmware",
    "rustc",
    "target-triple",
];

impl Tool {
    /// Whether it is a tool of the machine that builds.
    pub fn is_host(&self) -> bool {
        HOST_TOOLS.contains(&self.name())
    }

    /// Whether kflake knows what it speaks of.
    pub fn is_known(&self) -> bool {
        self.aspect().is_some() || self.is_host() || OTHER_SUBJECTS.contains(&self.0.as_str())
    }

    /// Every tool that a constraint can speak of.
    pub fn known() -> impl Iterator<Item = &'static str> {
        const OF_TOOLCHAIN: &[&str] = &[
            "gcc",
            "binutils",
            "glibc",
            "musl",
            "uclibc",
            "gcc-target-abi",
            "llvm",
        ];
        OF_TOOLCHAIN
            .iter()
            .chain(HOST_TOOLS)
            .chain(OTHER_SUBJECTS)
            .copied()
    }
}

/// The part of a toolchain that a constraint speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// gcc's version.
    Gcc,
    /// The version of binutils.
    Binutils,
    /// The version of clang, lld and LLVM's tools.
    Llvm,
    /// The libc's version, where the toolchain has that libc.
    Libc,
    /// A tag of the toolchain.
    Property,
}

/// Which versions or properties of the tool a constraint accepts; exactly one of the three.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Only versions inside the range.
    Accept(Range<ToolVersion>),
    /// Only versions outside the range; without bounds: none.
    Avoid(Range<ToolVersion>),
    /// The tool must have this property: `elfv1`, `multilib-32`, `present`.
    Property(String),
}

impl Window {
    /// Whether no version at all is accepted: an `avoid` without bounds.
    pub fn is_closed(&self) -> bool {
        matches!(self, Window::Avoid(range) if range.from.is_none() && range.below.is_none())
    }
}

/// What happens where a constraint is not met.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The kernel builds with warnings or an odd result; never decides.
    Warns,
    /// It builds and does not boot, or not always.
    BreaksBoot,
    /// It does not build.
    BreaksBuild,
    /// The kernel's own build refuses the tool.
    Refuses,
}

/// How sure a fact is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Told, without a source.
    Folklore,
    /// Someone reports it.
    Reported,
    /// In a project's own history or documentation.
    Documented,
    /// Measured by a run of kflake.
    Measured,
}

/// What a toolchain is for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Building kernels and modules.
    #[default]
    Kernel,
    /// Building programs: needs a libc.
    Userland,
}

/// What lifts a constraint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shim {
    /// The fix that kflake applies, which lifts it; none: only a person can.
    #[serde(default)]
    pub fix: Option<FixId>,
    /// What to do, in words.
    pub text: String,
}

impl Severity {
    /// The spelling of data.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warns => "warns",
            Severity::BreaksBoot => "breaks-boot",
            Severity::BreaksBuild => "breaks-build",
            Severity::Refuses => "refuses",
        }
    }
}

impl Confidence {
    /// The spelling of data.
    pub fn as_str(self) -> &'static str {
        match self {
            Confidence::Folklore => "folklore",
            Confidence::Reported => "reported",
            Confidence::Documented => "documented",
            Confidence::Measured => "measured",
        }
    }
}

impl Purpose {
    /// The spelling of data and command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Kernel => "kernel",
            Purpose::Userland => "userland",
        }
    }
}
