//! `metadata.json`: what was built, how, and how to build it again, under the names that TuxMake uses, so that what reads
//! TuxMake's files reads these. The build of one kernel and a cell of a run are described alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog;

/// A build as TuxMake would describe it.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    /// What was asked for.
    pub build: Build,
    /// What came of it.
    pub results: Results,
    /// The kernel's source.
    pub source: Source,
    /// The compiler; none where no toolchain fits.
    pub compiler: Option<Compiler>,
    /// The machine; none where the build may have run on another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hardware: Option<Hardware>,
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
#[derive(Clone, Debug, Serialize)]
pub struct Build {
    /// Targets, or the stages of a cell.
    pub targets: Vec<String>,
    /// kflake's name of the arch, which is mostly TuxMake's.
    pub target_arch: String,
    /// `gcc-12`; none where no toolchain fits.
    pub toolchain: Option<String>,
    /// Compiler wrapper: `none`.
    pub wrapper: &'static str,
    /// Environment given by the user: none.
    pub environment: BTreeMap<String, String>,
    /// The configuration: `--config`, `tinyconfig`, or a defconfig's name.
    pub kconfig: Option<String>,
    /// The `-K`, in order.
    pub kconfig_add: Vec<String>,
    /// Cores that the build was given, where that is known; 0: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<usize>,
    /// `nix`.
    pub runtime: &'static str,
    /// Never.
    pub verbose: bool,
    /// The command that builds this again.
    pub reproducer_cmdline: Vec<String>,
}

impl Build {
    /// A build for `arch` with `compiler`, of which nothing else is known.
    pub fn new(arch: &impl ToString, compiler: Option<&catalog::Compiler>) -> Build {
        Build {
            targets: Vec::new(),
            target_arch: arch.to_string(),
            toolchain: compiler.map(|it| format!("{}-{}", it.name(), it.major())),
            wrapper: "none",
            environment: BTreeMap::new(),
            kconfig: None,
            kconfig_add: Vec::new(),
            jobs: None,
            runtime: "nix",
            verbose: false,
            reproducer_cmdline: Vec::new(),
        }
    }
}

/// TuxMake knows three outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It was built.
    Pass,
    /// It was not.
    Fail,
    /// Nobody tried.
    Skip,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// Of all of it.
    pub status: Status,
    /// Per target.
    pub targets: BTreeMap<String, Target>,
    /// Per target: files, or store paths; and logs of failures.
    pub artifacts: BTreeMap<String, Vec<String>>,
    /// Errors in the log, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<usize>,
    /// Warnings in the log, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<usize>,
    /// Seconds by what took them; none: it had been built before.
    pub duration: BTreeMap<String, Option<f64>>,
}

/// One target.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// Its own outcome.
    pub status: Status,
    /// Seconds; none where it was not built now, or together with others.
    pub duration: Option<f64>,
    /// Versions of the programs that made it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, String>,
    /// What the kernel complained of while it passed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The kernel's source.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// With local suffixes, where a kernel was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernelrelease: Option<String>,
    /// Without.
    pub kernelversion: Option<String>,
    /// Digest of what it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether that took the place of what kflake pins for the version.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub overridden: bool,
}

/// The compiler.
#[derive(Clone, Debug, Serialize)]
pub struct Compiler {
    /// `aarch64-linux-gnu-gcc`.
    pub name: String,
    /// `12.2.0`.
    pub version: String,
    /// What it says of itself, or would.
    pub version_full: String,
    /// Its id in the matrix.
    pub toolchain: String,
    /// binutils, where it has them.
    pub binutils: Option<String>,
    /// libc with version, where it has one.
    pub libc: Option<String>,
}

/// What the compiler for `target` is called.
pub fn program(compiler: &catalog::Compiler, target: &str) -> String {
    match compiler {
        catalog::Compiler::Gcc(_) => format!("{target}-gcc"),
        catalog::Compiler::Clang(_) => "clang".to_owned(),
    }
}

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub struct Hardware {
    /// Processors.
    pub cores: usize,
}

/// A program.
#[derive(Clone, Debug, Serialize)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
}

/// What `System.map` says.
#[derive(Clone, Debug, Serialize)]
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
