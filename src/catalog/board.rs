//! `matrix/boards.json`: machines that QEMU emulates, and how a kernel starts on them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Confidence;
use crate::id::{ArchId, Symbol};
use crate::version::{KernelVersion, Range};

/// A place in memory for the initramfs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InitrdPlace {
    /// Its physical address: `0x2000000`.
    pub address: String,
    /// What tells the kernel, on its command line; a size has to hold any initramfs, and may be larger than it is.
    pub cmdline: String,
}

/// A QEMU machine that boots kernels of one arch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// The arch it runs.
    pub arch: ArchId,
    /// The kernels it is meant for.
    pub kernel: Range<KernelVersion>,
    /// Program to run: `qemu-system-aarch64`.
    pub qemu: String,
    /// `-M`.
    pub machine: String,
    /// `-cpu`; none: the machine's own.
    #[serde(default)]
    pub cpu: Option<String>,
    /// `-m`.
    pub mem: String,
    /// Console device, as in `console=`.
    #[serde(default)]
    pub console: Option<String>,
    /// Kernel command line.
    #[serde(default)]
    pub cmdline: String,
    /// `ARCH=` for the kernel, where it differs from the arch's own (`x86_64` for x86).
    #[serde(default)]
    pub kernel_arch: Option<String>,
    /// The file to boot, relative to the build tree: `arch/arm64/boot/Image`.
    pub image: String,
    /// Make target that builds it.
    pub make_target: String,
    /// The board's own configuration: `versatile_defconfig`.
    #[serde(default)]
    pub defconfig: Option<String>,
    /// Symbols that booting our init on this board needs, where the tree has them: `SERIAL_8250`, or `CMDLINE="…"` style pairs.
    ///
    /// `!` before one says that the board cannot do without it: a kernel in which it does not come out so is not built.
    #[serde(default)]
    pub enable: Vec<String>,
    /// Symbols that must be off.
    #[serde(default)]
    pub disable: Vec<Symbol>,
    /// Name of the device tree to pass: `versatile-pb.dtb`. Where in the build tree it lies differs between kernels.
    #[serde(default)]
    pub dtb: Option<String>,
    /// Further QEMU arguments.
    #[serde(default)]
    pub extra_args: Vec<String>,
    /// Where the initramfs goes, for kernels that cannot use the place that QEMU's `-initrd` chooses.
    #[serde(default)]
    pub initrd_place: Option<InitrdPlace>,
    /// Versions seen to boot somewhere, as the source says it.
    #[serde(default)]
    pub known_good: Vec<String>,
    /// Where that can be read.
    #[serde(default)]
    pub evidence: String,
    /// How sure it is.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// What a reader should know.
    #[serde(default)]
    pub notes: Option<String>,
}
