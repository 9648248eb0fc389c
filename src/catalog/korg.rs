//! `matrix/korg.json`: kernel.org's compilers, each one archive. kflake pins none; a project registers those that it uses.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::id::{ArchId, PinUrl, ToolchainId};
use crate::version::ToolVersion;

/// kernel.org's gcc and LLVM.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Korg {
    /// Archives of gcc, each for one arch.
    pub gcc: BTreeMap<ToolchainId, KorgGcc>,
    /// Archives of LLVM, each for many arches.
    pub llvm: BTreeMap<ToolchainId, KorgLlvm>,
}

/// gcc and binutils without a libc (`x86_64-gcc-13.2.0-nolibc-aarch64-linux.tar.xz`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KorgGcc {
    /// The arch it compiles for.
    pub arch: ArchId,
    /// What `gcc --version` says.
    pub gcc: ToolVersion,
    /// What `ld --version` says.
    pub binutils: ToolVersion,
    /// Target triple: `aarch64-linux`.
    pub target: String,
    /// Tags that constraints ask for: `elfv1`, `multilib-32`.
    #[serde(default)]
    pub properties: Vec<String>,
    /// The machine that its programs run on.
    #[serde(default)]
    pub system: KorgSystem,
    /// Where it is: `mirror://kernel/tools/crosstool/…`.
    pub url: PinUrl,
    /// Digest of the archive.
    pub sha256: Sha256,
}

/// clang, lld and LLVM's tools (`llvm-19.1.7-x86_64.tar.xz`): one toolchain that compiles for all its arches, and has no libc for any.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KorgLlvm {
    /// What `clang --version` says; lld's and the tools' are the same.
    pub clang: ToolVersion,
    /// The arches it compiles for, by their `debian_triple`.
    pub arches: Vec<ArchId>,
    /// The machine that its programs run on.
    #[serde(default)]
    pub system: KorgSystem,
    /// Where it is: `mirror://kernel/tools/llvm/…`.
    pub url: PinUrl,
    /// Digest of the archive.
    pub sha256: Sha256,
}

/// The machines that kernel.org makes its compilers for, as Nix calls them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KorgSystem {
    /// 64-bit PCs.
    #[default]
    #[serde(rename = "x86_64-linux")]
    X86_64,
    /// 64-bit ARM.
    #[serde(rename = "aarch64-linux")]
    Aarch64,
}

impl KorgSystem {
    /// As Nix calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            KorgSystem::X86_64 => "x86_64-linux",
            KorgSystem::Aarch64 => "aarch64-linux",
        }
    }
}

/// One archive of kernel.org's, whichever compiler is in it.
#[derive(Clone, Copy, Debug)]
pub struct KorgArchive<'k> {
    /// The section of the data that has it.
    pub section: &'static str,
    /// Its key there.
    pub id: &'k ToolchainId,
    /// Where it is.
    pub url: &'k PinUrl,
    /// Its digest.
    pub sha256: Sha256,
}

impl Korg {
    /// Every archive.
    pub fn archives(&self) -> impl Iterator<Item = KorgArchive<'_>> {
        let gcc = self.gcc.iter().map(|(id, it)| KorgArchive {
            section: "gcc",
            id,
            url: &it.url,
            sha256: it.sha256,
        });
        let llvm = self.llvm.iter().map(|(id, it)| KorgArchive {
            section: "llvm",
            id,
            url: &it.url,
            sha256: it.sha256,
        });
        gcc.chain(llvm)
    }
}
