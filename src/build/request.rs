//! What is asked for, as `request.nix` reads it.

use std::path::PathBuf;

use serde::Serialize;

use crate::id::{ArchId, BoardId, ToolchainId};
use crate::version::KernelVersion;

/// A request.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// The kernel.
    pub version: KernelVersion,
    /// The arch.
    pub arch: ArchId,
    /// The compiler.
    pub toolchain: ToolchainId,
    /// The board, which names the bootable image; none: only vmlinux.
    pub board: Option<BoardId>,
    /// What the configuration starts from.
    pub config: ConfigChoice,
    /// What is laid over it, in order.
    pub fragments: Vec<FragmentChoice>,
    /// Whether a symbol that does not come out as asked fails the build.
    pub strict: bool,
    /// `config kernel modules dtbs headers dev` and names of Kbuild targets; none: what validation builds.
    pub targets: Option<Vec<String>>,
    /// Device trees to build, by file name.
    pub dtbs: Vec<String>,
    /// A module to build against the kernel.
    pub module: Option<ModuleRequest>,
    /// A machine to start.
    pub boot: Option<BootRequest>,
    /// What programs are built with.
    pub sdk: Option<SdkRequest>,
    /// What to describe.
    pub wanted: Vec<Wanted>,
}

/// What a configuration starts from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigChoice {
    /// A configuration that the tree knows by name.
    Named(String),
    /// One of kflake's own.
    Profile(String),
    /// A file, by absolute path.
    File(PathBuf),
}

/// A fragment.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum FragmentChoice {
    /// A file, by absolute path.
    File {
        /// What reports call it.
        label: String,
        /// The file.
        file: PathBuf,
    },
    /// A fragment of the tree.
    Tree {
        /// What reports call it.
        label: String,
        /// Its name there.
        tree: String,
    },
}

/// A module.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleRequest {
    /// Name of its derivation.
    pub name: String,
    /// Its folder or archive, by absolute path.
    pub folder: PathBuf,
    /// Arguments for make.
    pub make_flags: Vec<String>,
    /// A boot test that loads it.
    pub boot: Option<ModuleBoot>,
}

/// A boot test that loads a module.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleBoot {
    /// Texts that have to be on the console.
    pub expect: Vec<String>,
}

/// A machine to start. Files are absolute paths; what is none is built.
#[derive(Clone, Debug, Serialize)]
pub struct BootRequest {
    /// Whether someone sits at its console.
    pub interactive: bool,
    /// A kernel to start in the place of the cell's.
    pub kernel: Option<PathBuf>,
    /// A device tree to give it.
    pub dtb: Option<PathBuf>,
    /// An initramfs in the place of ours.
    pub initrd: Option<PathBuf>,
    /// What links our init.
    pub toolchain: ToolchainId,
    /// Whether init gives whoever sits there a shell.
    pub shell: bool,
    /// Modules that init loads.
    pub modules: Vec<PathBuf>,
    /// A program that init runs.
    pub program: Option<ProgramRequest>,
}

/// A static program of the machine's arch.
#[derive(Clone, Debug, Serialize)]
pub struct ProgramRequest {
    /// What it is called there.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// What programs for a kernel are built with.
#[derive(Clone, Debug, Serialize)]
pub struct SdkRequest {
    /// What it is for: `k6-arm64-6.1.192`.
    pub name: String,
    /// A compiler with a C library.
    pub toolchain: ToolchainId,
}

/// Something that a request can describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// The unpacked kernel source.
    Source,
    /// The compiler.
    Toolchain,
    /// The kernel.
    Kernel,
    /// The module.
    Module,
    /// A boot test that loads the module.
    ModuleBoot,
    /// What QEMU needs to start the kernel.
    Boot,
    /// The SDK.
    Sdk,
}

impl Wanted {
    /// Its name in the answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Wanted::Source => "source",
            Wanted::Toolchain => "toolchain",
            Wanted::Kernel => "kernel",
            Wanted::Module => "module",
            Wanted::ModuleBoot => "moduleboot",
            Wanted::Boot => "boot",
            Wanted::Sdk => "sdk",
        }
    }
}
