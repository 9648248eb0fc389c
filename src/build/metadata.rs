//! `metadata.json` of a build, in TuxMake's shape.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::{self, Toolchain};

/// What was built, how, and how to build it again, under TuxMake's names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metadata {
    /// What was asked for.
    pub build: BuildInfo,
    /// What came of it.
    pub results: Results,
    /// The kernel's source.
    pub source: SourceInfo,
    /// The compiler.
    pub compiler: Compiler,
    /// The machine.
    pub hardware: Hardware,
    /// What ran the build.
    pub runtime: Program,
    /// Who wrote this, in the place where TuxMake names itself.
    pub kflake: Program,
    /// What `System.map` says; none where no kernel was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_map: Option<SystemMap>,
    /// Sizes; none where no kernel was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmlinux: Option<Vmlinux>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildInfo {
    /// Targets.
    pub targets: Vec<String>,
    /// kflake's name of the arch, which is mostly TuxMake's.
    pub target_arch: String,
    /// `gcc-12`.
    pub toolchain: String,
    /// Compiler wrapper: `none`.
    pub wrapper: String,
    /// Environment given by the user: none.
    pub environment: BTreeMap<String, String>,
    /// `--config`.
    pub kconfig: String,
    /// The `-K`, in order.
    pub kconfig_add: Vec<String>,
    /// Cores that the build was given; 0: all.
    pub jobs: usize,
    /// `nix`.
    pub runtime: String,
    /// Never.
    pub verbose: bool,
    /// The command that builds this again.
    pub reproducer_cmdline: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// `PASS`: what failed leaves no artifacts.
    pub status: String,
    /// Per target.
    pub targets: BTreeMap<String, TargetResult>,
    /// Files per target.
    pub artifacts: BTreeMap<String, Vec<String>>,
    /// Errors in the log.
    pub errors: usize,
    /// Warnings in the log.
    pub warnings: usize,
    /// Seconds.
    pub duration: Timing,
}

/// One target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetResult {
    /// `PASS`.
    pub status: String,
    /// Seconds; none: the targets are built together.
    pub duration: Option<f64>,
}

/// How long it took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Timing {
    /// The kernel's own build; none: it had been built before.
    pub build: Option<f64>,
    /// The whole command.
    pub total: f64,
}

/// The kernel's source.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceInfo {
    /// With local suffixes.
    pub kernelrelease: String,
    /// Without.
    pub kernelversion: String,
    /// Digest of the tarball.
    pub sha256: String,
}

/// The compiler.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compiler {
    /// `aarch64-linux-gnu-gcc`.
    pub name: String,
    /// `12.2.0`.
    pub version: String,
    /// What it says of itself.
    pub version_full: String,
    /// Its id in the matrix.
    pub toolchain: String,
}

/// The machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hardware {
    /// Processors.
    pub cores: usize,
}

/// A program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What `System.map` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SystemMap {
    /// Address of `_text`.
    pub text_offset: String,
}

/// Sizes in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vmlinux {
    /// The file.
    pub file_size: u64,
    /// Code and constants.
    pub text_size: u64,
    /// Initialised data.
    pub data_size: u64,
    /// Zeroed data.
    pub bss_size: u64,
}

/// `facts.json` of a kernel's output.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Facts {
    pub kernelrelease: String,
    pub kernelversion: String,
    pub compiler_version_full: String,
    pub vmlinux: Option<Vmlinux>,
    pub text_offset: Option<String>,
}

impl Compiler {
    pub(super) fn of(toolchain: &Toolchain, says: String) -> Compiler {
        Compiler {
            name: match &toolchain.compiler {
                catalog::Compiler::Gcc(_) => format!("{}-gcc", toolchain.target),
                catalog::Compiler::Clang(_) => "clang".to_owned(),
            },
            version: toolchain.compiler.version().to_string(),
            version_full: says,
            toolchain: toolchain.id.to_string(),
        }
    }
}

/// Errors and warnings of compilers and linkers in a log.
pub(super) fn count(log: &str) -> (usize, usize) {
    let of = |word: &str| {
        log.lines()
            .filter(|line| line.contains(word) && !line.starts_with("kflake: "))
            .count()
    };
    (of(" error: "), of(" warning: "))
}
