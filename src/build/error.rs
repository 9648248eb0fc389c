//! What can go wrong with a build that a user asked for.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::exit;
use crate::files::{OwnError, ScratchError};
use crate::kconfig::{BaseError, ConfigError, FragmentError, Title};
use crate::nix::{DrvPath, NixError};
use crate::project::ProjectError;
use crate::run::RunError;
use crate::text::shown;

/// Why there is no result.
#[derive(Debug, Error, Diagnostic)]
pub enum BuildError {
    /// There is no room for temporary files.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scratch(#[from] ScratchError),
    /// Nix cannot be used, or does not evaluate.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Nix(#[from] NixError),
    /// The flake cannot be brought up to date, or does not evaluate.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] ProjectError),
    /// The run itself went wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Run(#[from] RunError),
    /// `--config` is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Base(#[from] BaseError),
    /// `-K` is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Fragment(#[from] FragmentError),
    /// A configuration file is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    /// A configuration for another architecture.
    #[error(
        "{} is a configuration for {title}, and the kernel is for {wanted}",
        shown(path)
    )]
    #[diagnostic(
        code(kflake::build::config_arch),
        help("give a configuration of the right architecture, or build for the one it is for")
    )]
    ConfigArch {
        /// The file.
        path: PathBuf,
        /// What it says it is for.
        title: Title,
        /// The kernel's name of the arch that is built.
        wanted: String,
    },
    /// A configuration for machines of another byte order or width.
    #[error("{} {what}", shown(path))]
    #[diagnostic(code(kflake::build::config_machine), help("{help}"))]
    ConfigMachine {
        /// The file.
        path: PathBuf,
        /// How it does not fit.
        what: String,
        /// What to do.
        help: String,
    },
    /// The matrix has no such kernel.
    #[error("no source of Linux {version} is known")]
    #[diagnostic(
        code(kflake::build::unknown_kernel),
        help("{near}add one with `kflake kernel add FILE`, a tarball or folder")
    )]
    UnknownKernel {
        /// The version.
        version: String,
        /// What there is of that series, as a sentence, or nothing.
        near: String,
    },
    /// There is no toolchain.
    #[error("{message}")]
    #[diagnostic(code(kflake::build::unresolved))]
    Unresolved {
        /// The resolver's words.
        message: String,
        /// Exit code.
        code: u8,
        /// What to do.
        #[help]
        help: Option<String>,
    },
    /// There is no board.
    #[error("no board is known that runs Linux {version} for {arch}")]
    #[diagnostic(
        code(kflake::build::no_board),
        help("give --config defconfig or a file instead: a profile takes the board's symbols")
    )]
    NoBoard {
        /// The version.
        version: String,
        /// The arch.
        arch: String,
    },
    /// A target that make cannot be given.
    #[error("--targets {target}: that is not the name of a target")]
    #[diagnostic(
        code(kflake::build::target),
        help(
            "targets are config, kernel, modules, dtbs, headers, and names of Kbuild targets such as Image.gz or drivers/net/"
        )
    )]
    Target {
        /// What was given.
        target: String,
    },
    /// A target that is nearly another.
    #[error("--targets {target}: there is no such target")]
    #[diagnostic(code(kflake::build::target), help("did you mean {meant}?"))]
    TargetSlip {
        /// What was given.
        target: String,
        /// What it is near.
        meant: String,
    },
    /// An image that kernels for the arch are not made into.
    #[error("--targets {target}: kernels for {arch} are not made into one")]
    #[diagnostic(
        code(kflake::build::target),
        help("they are made into {images}; `kernel` makes what the machine starts")
    )]
    TargetOfOtherArch {
        /// What was given.
        target: String,
        /// The arch.
        arch: String,
        /// What there is in its place.
        images: String,
    },
    /// The module's folder is none.
    #[error("{}: {reason}", shown(path))]
    #[diagnostic(code(kflake::build::module_source), help("{help}"))]
    ModuleSource {
        /// What was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        help: String,
    },
    /// There is no board to start a kernel on.
    #[error("no board is known that runs Linux {version} for {arch}")]
    #[diagnostic(
        code(kflake::build::no_machine),
        help(
            "`kflake kernel list` shows what is known; a board of your own goes into matrix/boards.json"
        )
    )]
    NoMachine {
        /// The version.
        version: String,
        /// The arch.
        arch: String,
    },
    /// The kernel complained on the console of a boot that was otherwise good.
    #[error("the module loaded, but the kernel complained: {}", warnings.join("; "))]
    #[diagnostic(
        code(kflake::build::splats),
        help("{} holds the console; --allow-splats accepts such a boot", shown(log))
    )]
    Splats {
        /// What it complained of.
        warnings: Vec<String>,
        /// The console.
        log: PathBuf,
    },
    /// The same, on a console that nobody keeps.
    #[error("everything passed, but the kernel complained: {}", warnings.join("; "))]
    #[diagnostic(
        code(kflake::build::splats),
        help("--verbose shows the kernel's own lines; --allow-splats accepts such a boot")
    )]
    BootSplats {
        /// What it complained of.
        warnings: Vec<String>,
    },
    /// QEMU would come out of packages that a project's data names.
    #[error(
        "the project's matrix/host-tools.json names programs other than kflake's, and `boot` runs QEMU on this machine, outside the sandbox"
    )]
    #[diagnostic(
        code(kflake::build::foreign_tools),
        help(
            "`kflake validate` boots inside the sandbox; docs/trust.md says what a project's data may do"
        )
    )]
    ForeignTools,
    /// A file that a machine should start with is wrong.
    #[error("{}: {reason}", shown(path))]
    #[diagnostic(code(kflake::build::boot_file), help("{help}"))]
    BootFile {
        /// What was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A build failed.
    #[error("{what} could not be built{}", quoted(lines))]
    #[diagnostic(
        code(kflake::build::failed),
        help("`nix-store --read-log {drv}` shows the whole log")
    )]
    Failed {
        /// Name of the derivation.
        what: String,
        /// Its path.
        drv: DrvPath,
        /// What the log says; empty where that was said already.
        lines: Vec<String>,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    #[diagnostic(code(kflake::build::interrupted))]
    Interrupted,
    /// A file cannot be read or written.
    #[error("{}: {error}", shown(path))]
    #[diagnostic(code(kflake::build::io))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why; said once, so not the error's source as well.
        error: std::io::Error,
    },
    /// The folder, or a place in it, is not for kflake to write.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Own(#[from] OwnError),
    /// A build left something that cannot be copied.
    #[error("{}: {reason}", shown(path))]
    #[diagnostic(
        code(kflake::build::output),
        help(
            "what the build itself made is not to be trusted here; nothing of it is taken from elsewhere"
        )
    )]
    Output {
        /// What.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What an image should be extended by, or with, does not do.
    #[error("{}: {reason}", shown(path))]
    #[diagnostic(code(kflake::build::payload), help("{help}"))]
    Payload {
        /// What.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        help: String,
    },
    /// A kernel module that the kernel of an image would not load.
    #[error("{}: {reason}", shown(path))]
    #[diagnostic(code(kflake::build::payload_module), help("{help}"))]
    PayloadModule {
        /// The module.
        path: PathBuf,
        /// Why not.
        reason: String,
        /// What to do.
        help: String,
    },
    /// What should be an image layout is none, or lacks something.
    #[error("{}: {reason}", shown(path))]
    #[diagnostic(
        code(kflake::build::layout),
        help(
            "make the image again with `kflake image`, or copy an intact one with `skopeo copy … oci:DIR`"
        )
    )]
    Layout {
        /// What.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the output says something unreadable.
    #[error("{what} of the build cannot be read: {reason}")]
    #[diagnostic(code(kflake::build::answer))]
    Answer {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl BuildError {
    /// A failed operation on a file.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> BuildError {
        let path = path.into();
        move |error| BuildError::Io { path, error }
    }

    /// A file that no machine is started with: why, and what to do.
    pub fn boot_file(
        path: &Path,
        reason: impl Into<String>,
        help: impl Into<String>,
    ) -> BuildError {
        BuildError::BootFile {
            path: path.to_owned(),
            reason: reason.into(),
            help: help.into(),
        }
    }

    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            BuildError::Nix(error) => error.exit_code(),
            BuildError::Project(error) => error.exit_code(),
            BuildError::Run(error) => error.exit_code(),
            BuildError::Scratch(_) | BuildError::Io { .. } | BuildError::Own(_) => exit::IO,
            BuildError::Base(_)
            | BuildError::Fragment(_)
            | BuildError::Config(_)
            | BuildError::ConfigArch { .. }
            | BuildError::ConfigMachine { .. }
            | BuildError::UnknownKernel { .. }
            | BuildError::NoBoard { .. }
            | BuildError::Target { .. }
            | BuildError::TargetSlip { .. }
            | BuildError::TargetOfOtherArch { .. }
            | BuildError::NoMachine { .. }
            | BuildError::ForeignTools
            | BuildError::BootFile { .. }
            | BuildError::ModuleSource { .. }
            | BuildError::Payload { .. } => exit::USAGE,
            BuildError::Unresolved { code, .. } => *code,
            BuildError::Failed { .. }
            | BuildError::Answer { .. }
            | BuildError::Output { .. }
            | BuildError::Layout { .. }
            | BuildError::PayloadModule { .. }
            | BuildError::Splats { .. }
            | BuildError::BootSplats { .. } => exit::FAILED,
            BuildError::Interrupted => exit::INTERRUPTED,
        }
    }
}

/// Lines of a log behind a sentence.
fn quoted(lines: &[String]) -> String {
    match lines.is_empty() {
        true => String::new(),
        false => format!(":\n{}", lines.join("\n")),
    }
}
