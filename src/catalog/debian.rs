//! `matrix/debian.json`: Debian's cross compilers, and its LLVM, as pinned packages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::id::{ArchId, PinId, PinUrl, ToolchainId};
use crate::version::{KernelVersion, ToolVersion};

/// Packages and the toolchains made of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Debian {
    /// Packages.
    pub pins: BTreeMap<PinId, DebianPin>,
    /// Toolchains, each for one arch.
    pub toolchains: BTreeMap<ToolchainId, DebianToolchain>,
    /// Versions of LLVM, each for many arches.
    pub llvm: BTreeMap<ToolchainId, DebianLlvm>,
}

/// A Debian package, as the archive's index of its suite describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DebianPin {
    /// Package name.
    pub package: String,
    /// Package version.
    pub version: String,
    /// Suite it was pinned from: `bookworm`.
    pub suite: String,
    /// `mirror://debian/pool/…`.
    pub url: PinUrl,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the `.deb`.
    pub sha256: Sha256,
}

/// A compiler made of Debian packages.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DebianToolchain {
    /// The arch it compiles for.
    pub arch: ArchId,
    /// Suite the packages are from.
    pub suite: String,
    /// What `gcc --version` says.
    pub gcc: ToolVersion,
    /// What `as --version` says.
    pub binutils: ToolVersion,
    /// libc and its version: `glibc-2.36`.
    pub libc: String,
    /// Kernel headers that its libc was built with.
    #[serde(default)]
    pub linux_headers: Option<ToolVersion>,
    /// The oldest kernel that its libc starts on: the note in `libc.so.6` says so. Of 64-bit MIPS the code is for Release 2, which
    /// kernels before 3.10 know on no processor of Malta's (`PRID_IMP_5KE` in their cpu-probe.c): 3.10, though the note says 3.2.
    #[serde(default)]
    pub oldest_kernel: Option<KernelVersion>,
    /// Target triple.
    pub target: String,
    /// What Debian appends to the compilers' names: `-12`.
    pub suffix: String,
    /// The cross packages, what others need first.
    pub pins: Vec<PinId>,
    /// The libraries that the compiler's own programs run with.
    pub runtime_pins: Vec<PinId>,
    /// Tags that constraints ask for: `elfv1`, `multilib-32`.
    #[serde(default)]
    pub properties: Vec<String>,
}

/// clang, lld and LLVM's tools made of Debian packages: one toolchain that compiles for all its arches, and has no libc for any.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DebianLlvm {
    /// Suite the packages are from.
    pub suite: String,
    /// What `clang --version` says; lld's and the tools' are the same.
    pub clang: ToolVersion,
    /// What Debian appends to the programs' names: `-19`.
    pub suffix: String,
    /// The arches it compiles for, by their `debian_triple`.
    pub arches: Vec<ArchId>,
    /// The packages, what others need first.
    pub pins: Vec<PinId>,
    /// The libraries that its programs run with.
    pub runtime_pins: Vec<PinId>,
}
