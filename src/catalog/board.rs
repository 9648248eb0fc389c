//! `matrix/boards.json`: machines that QEMU emulates, and how a kernel starts on them.

use std::num::NonZeroU8;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Address, Confidence, Cpu, Device, Firmware, Machine, Memory, QemuProgram, Vga};
use crate::id::{ArchId, TreeFile};
use crate::version::{KernelVersion, Range};

/// A place in memory for the initramfs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InitrdPlace {
    /// Its physical address: `0x2000000`.
    pub address: Address,
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
    pub qemu: QemuProgram,
    /// The machine, with properties of its hardware: `virt`, `virt,gic-version=3`.
    pub machine: Machine,
    /// The processor; none: the machine's own.
    #[serde(default)]
    pub cpu: Option<Cpu>,
    /// How many processors; none: as the machine has it.
    #[serde(default)]
    pub cpus: Option<NonZeroU8>,
    /// Memory: `512M`.
    pub mem: Memory,
    /// Firmware of QEMU's own that the machine starts with; `none`: without any. None: the machine's own.
    #[serde(default)]
    pub firmware: Option<Firmware>,
    /// The graphics card; none: the machine's own.
    #[serde(default)]
    pub vga: Option<Vga>,
    /// Further devices.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// The console is the second serial port.
    #[serde(default)]
    pub second_serial: bool,
    /// The machine's clock goes by the instructions that it has run (QEMU's `-icount`), and not by the host's time: on a busy host a
    /// kernel that holds timers against each other when it starts would find them broken.
    #[serde(default)]
    pub icount: bool,
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
    pub image: TreeFile,
    /// Make target that builds it.
    pub make_target: TreeFile,
    /// The board's own configuration: `versatile_defconfig`.
    #[serde(default)]
    pub defconfig: Option<TreeFile>,
    /// Symbols that booting our init on this board needs, where the tree has them: `SERIAL_8250`, or `CMDLINE="…"` style pairs.
    ///
    /// `!` before one says that the board cannot do without it: a kernel in which it does not come out so is not built.
    #[serde(default)]
    pub enable: Vec<String>,
    /// Symbols that are to be off; `!` before one means the same as in `enable`.
    #[serde(default)]
    pub disable: Vec<String>,
    /// Name of the device tree to pass: `versatile-pb.dtb`. Where in the build tree it lies differs between kernels.
    #[serde(default)]
    pub dtb: Option<TreeFile>,
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
