//! Why a run has no result.

use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::exit;
use crate::files::{LockError, OwnError};
use crate::nix::NixError;
use crate::project::ProjectError;
use crate::text::shown;

/// Why a run ended without a result.
#[derive(Debug, Error, Diagnostic)]
pub enum RunError {
    /// Nix cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Nix(#[from] NixError),
    /// The flake cannot be evaluated.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] ProjectError),
    /// The project's data are taken, or cannot be.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// The report's folder is not for this run to write.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Own(OwnError),
    /// The report cannot be written.
    #[error("cannot write to {}: {source}", shown(path))]
    #[diagnostic(
        code(kflake::validate::report),
        help(
            "what Nix has built stays in its store: with room to write, the same command with --resume goes on from here"
        )
    )]
    Report {
        /// The report's folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not the plan's.
    #[error("Nix described other cells than were planned: {what}")]
    #[diagnostic(code(kflake::validate::manifest))]
    Manifest {
        /// The difference.
        what: String,
    },
}

impl RunError {
    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::Nix(error) => error.exit_code(),
            RunError::Project(error) => error.exit_code(),
            RunError::Manifest { .. } => exit::EVALUATION,
            RunError::Lock(_) | RunError::Own(_) | RunError::Report { .. } => exit::IO,
        }
    }

    /// Makes an error of writing into `folder` out of its cause.
    pub(crate) fn report(folder: &Path) -> impl Fn(io::Error) -> RunError + use<> {
        let path = folder.to_owned();
        move |source| RunError::Report {
            path: path.clone(),
            source,
        }
    }
}

impl From<OwnError> for RunError {
    fn from(error: OwnError) -> Self {
        match error {
            OwnError::Io { path, source } => RunError::Report { path, source },
            error => RunError::Own(error),
        }
    }
}
