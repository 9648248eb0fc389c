//! What is asked for, as `describe.nix` reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::catalog::Stage;
use crate::hash::Sha256;
use crate::id::{ArchId, BoardId, ToolchainId};
use crate::version::KernelVersion;

/// Everything that one evaluation is asked.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Whether what cannot be described is an answer of its own rather than the end of the evaluation.
    pub lenient: bool,
    /// The requests.
    pub requests: Vec<Request>,
}

/// A request: a kernel, what is built from and for it, and which of that to describe.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// Its name, which the answer repeats.
    pub id: String,
    /// The kernel; none where only a toolchain is wanted.
    pub version: Option<KernelVersion>,
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
    /// How long the boot test that proves a cell may take.
    pub proof: Option<ProofRequest>,
    /// A module to build against the kernel.
    pub module: Option<ModuleRequest>,
    /// A machine to start.
    pub boot: Option<BootRequest>,
    /// What programs are built with.
    pub sdk: Option<SdkRequest>,
    /// Stages that are built although the store has them, each with a text that makes it another derivation.
    pub fresh: BTreeMap<Stage, String>,
    /// What to describe.
    pub wanted: Vec<Thing>,
    /// Digest of the kernel's source, which the answer is compared with; none: whatever it is.
    #[serde(skip)]
    pub source: Option<Sha256>,
}

impl Request {
    /// A request for what `toolchain` makes of a kernel for `arch`, with nothing said of the kernel.
    pub fn new(id: impl Into<String>, arch: ArchId, toolchain: ToolchainId) -> Request {
        Request {
            id: id.into(),
            version: None,
            arch,
            toolchain,
            board: None,
            config: ConfigChoice::Board,
            fragments: vec![],
            strict: false,
            targets: None,
            dtbs: vec![],
            proof: None,
            module: None,
            boot: None,
            sdk: None,
            fresh: BTreeMap::new(),
            wanted: vec![],
            source: None,
        }
    }
}

/// What a configuration starts from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigChoice {
    /// The board's own.
    Board,
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

/// A boot test that proves a cell, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ProofRequest {
    /// Time in all.
    pub wall_timeout: u32,
    /// Time without a character on the console.
    pub silence_timeout: u32,
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
    /// The `Module.symvers` of modules whose symbols it uses, by absolute path.
    pub symvers: Vec<PathBuf>,
    /// A boot test that loads it.
    pub boot: Option<ModuleBoot>,
}

/// A boot test that loads a module.
#[derive(Clone, Debug, Serialize)]
pub struct ModuleBoot {
    /// Texts that have to be on the console.
    pub expect: Vec<String>,
    /// Modules that it needs, by absolute path.
    pub before: Vec<PathBuf>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Thing {
    /// The compiler.
    Toolchain,
    /// The kernel.
    Kernel,
    /// The module that probes it.
    Probe,
    /// A boot test that loads the probe.
    BootTest,
    /// A module of the user's.
    Module,
    /// A boot test that loads that.
    ModuleBoot,
    /// What QEMU needs to start the kernel.
    Machine,
    /// The SDK.
    Sdk,
    /// A container image with the compiler.
    Image,
    /// A container image with the SDK.
    SdkImage,
    /// A container image with QEMU.
    BootImage,
}

impl Thing {
    /// What people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Thing::Toolchain => "toolchain",
            Thing::Kernel => "kernel",
            Thing::Probe => "probe module",
            Thing::BootTest => "boot test",
            Thing::Module => "module",
            Thing::ModuleBoot => "module's boot test",
            Thing::Machine => "machine",
            Thing::Sdk => "SDK",
            Thing::Image => "image",
            Thing::SdkImage => "SDK's image",
            Thing::BootImage => "image with QEMU",
        }
    }

    /// The stage of a cell that it is, or is like.
    pub fn stage(self) -> Option<Stage> {
        match self {
            Thing::Toolchain => Some(Stage::Toolchain),
            Thing::Kernel => Some(Stage::Kernel),
            Thing::Probe | Thing::Module => Some(Stage::Module),
            Thing::BootTest | Thing::ModuleBoot => Some(Stage::Boot),
            Thing::Machine | Thing::Sdk | Thing::Image | Thing::SdkImage | Thing::BootImage => None,
        }
    }
}
