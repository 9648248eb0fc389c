//! `matrix/arches.json`: the architectures.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::BoardId;
use crate::version::{KernelVersion, Range};

/// An architecture as kernels, compilers and userland know it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arch {
    /// The kernel's `ARCH=`.
    pub linux_arch: String,
    /// Width of a general register.
    pub bits: Bits,
    /// Byte order.
    pub endian: Endian,
    /// `e_machine` of its ELF files.
    pub elf_machine: u16,
    /// What `uname -m` prints.
    pub uname: String,
    /// What Meson and CMake call the processor; by default, the arch's own name.
    #[serde(default)]
    pub cpu_family: Option<String>,
    /// systemd's name of it, which a system extension carries; by default, the arch's own.
    #[serde(default)]
    pub systemd: Option<String>,
    /// The name that container images carry, with a variant where they tell such apart (`arm/v7`); by default, the arch's own.
    #[serde(default)]
    pub oci: Option<String>,
    /// The dynamic loader that programs name.
    #[serde(default)]
    pub interpreter: PerLibc,
    /// Debian's target triple, where Debian has a compiler for it.
    #[serde(default)]
    pub debian_triple: Option<String>,
    /// Bootlin's names for it, the one to prefer first.
    #[serde(default)]
    pub bootlin: Vec<BootlinArch>,
    /// Target for toolchains built from source.
    #[serde(default)]
    pub source: Option<SourceTarget>,
    /// In which kernels the arch exists; empty: in all.
    #[serde(default)]
    pub support: Vec<Support>,
    /// What its kernels are made into for loaders: the names that makefiles from 2.6 to today have for it, behind which `.gz` and the
    /// like may stand. Empty: not known.
    #[serde(default)]
    pub images: Vec<String>,
    /// `e_machine` of programs that its kernels run besides its own, where they are configured to: those for the narrower machine.
    #[serde(default)]
    pub also_runs: Vec<u16>,
    /// What else people call it, beyond what `uname`, `linux_arch`, `debian_triple` and `bootlin` say: `amd64`.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Boards to boot it on: the first whose kernels hold the version is taken.
    #[serde(default)]
    pub boards: Vec<BoardId>,
}

/// Width of a general register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(with = "u8")]
pub enum Bits {
    /// 32 bits.
    B32,
    /// 64 bits.
    B64,
}

impl TryFrom<u8> for Bits {
    type Error = &'static str;

    fn try_from(bits: u8) -> Result<Self, Self::Error> {
        match bits {
            32 => Ok(Bits::B32),
            64 => Ok(Bits::B64),
            _ => Err("bits is 32 or 64"),
        }
    }
}

impl From<Bits> for u8 {
    fn from(bits: Bits) -> u8 {
        match bits {
            Bits::B32 => 32,
            Bits::B64 => 64,
        }
    }
}

/// Byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Endian {
    /// Most significant byte first.
    Big,
    /// Least significant byte first.
    Little,
}

/// A text per libc.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerLibc {
    /// For glibc.
    #[serde(default)]
    pub glibc: Option<String>,
    /// For musl.
    #[serde(default)]
    pub musl: Option<String>,
    /// For uClibc-ng.
    #[serde(default)]
    pub uclibc: Option<String>,
}

/// One of Bootlin's variants of an arch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootlinArch {
    /// The directory name there: `armv5-eabi`.
    pub name: String,
    /// Target triple per libc.
    pub triples: PerLibc,
    /// Per libc, tags that constraints ask for: `elfv1`.
    #[serde(default)]
    pub properties: BTreeMap<String, Vec<String>>,
}

/// How a toolchain for the arch is configured when built from source.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceTarget {
    /// Target triple with musl; none where musl has no such port.
    #[serde(default)]
    pub musl: Option<String>,
    /// Target triple without a libc.
    #[serde(default)]
    pub kernel_only: Option<String>,
    /// Options for gcc's configure: `--with-arch=armv5te`.
    #[serde(default)]
    pub gcc_configure: Vec<String>,
    /// Options that gcc takes in addition where it is built with musl: musl's ABI on powerpc64 is ELFv2, for one.
    #[serde(default)]
    pub gcc_configure_musl: Vec<String>,
}

impl Arch {
    /// Why the arch does not exist in `version`; none: it does. Candidates belong with the release they lead to.
    pub fn missing_in(&self, version: &KernelVersion) -> Option<&Support> {
        let numbers = version.numbers();
        let holds = |support: &Support| {
            support.kernel.as_ref().is_some_and(|range| {
                let starts = range
                    .from
                    .as_ref()
                    .is_none_or(|from| numbers >= from.numbers());
                starts
                    && range
                        .below
                        .as_ref()
                        .is_none_or(|below| numbers < below.numbers())
            })
        };
        match self.support.iter().any(holds) {
            true => None,
            false => self.support.first(),
        }
    }
}

/// A range of kernels that have the arch, and how that is known.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// The kernels; `null`: none at all.
    pub kernel: Option<Range<KernelVersion>>,
    /// What bounds it.
    pub reason: String,
    /// Where that can be read.
    pub evidence: String,
}
