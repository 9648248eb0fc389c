//! `kflake kernel`: the kernels that a project builds.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Context, Failure, Result};
use crate::catalog::{KernelFile, ProjectFile};
use crate::exit;

/// Manage the kernels that the project builds
#[derive(Args)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Register a kernel of the project: a tarball on disk, or a version that the matrix pins
    ///
    /// A tarball's version is read from its Makefile, its sha256 is computed, and it is put into the Nix store, so that
    /// building it needs no network. The entry goes into `matrix/kernels.json` of the project.
    Add {
        /// Tarball (`.tar.xz`, `.tar.gz`, `.tar.bz2`, `.tar`) or version
        #[arg(value_name = "FILE|VERSION")]
        kernel: PathBuf,
    },
}
