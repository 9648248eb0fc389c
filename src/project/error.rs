//! What can go wrong with a project's flake.

use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use crate::catalog::UnknownSuite;
use crate::exit;
use crate::files::ScratchError;
use crate::flake::{RenderError, WriteError};
use crate::nix::NixError;

/// Why there is no answer.
#[derive(Debug, Error, Diagnostic)]
pub enum ProjectError {
    /// There is no room for temporary files.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scratch(#[from] ScratchError),
    /// The flake cannot be rendered.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Render(#[from] RenderError),
    /// The flake cannot be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Write(#[from] WriteError),
    /// No tools are pinned of the suite that was named.
    #[error(transparent)]
    #[diagnostic(code(kflake::project::suite))]
    Suite(#[from] UnknownSuite),
    /// Nix cannot be used, or does not evaluate.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Nix(#[from] NixError),
    /// A file cannot be read or written.
    #[error("{}: {}", crate::text::shown(path), crate::files::reason(path, error))]
    #[diagnostic(code(kflake::project::io))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why; said once, so not the error's source as well.
        error: std::io::Error,
    },
    /// The flake describes something else than what it was asked for.
    #[error("Nix described something else than was asked for: {what}")]
    #[diagnostic(
        code(kflake::project::other),
        help(
            "where another program changed the project's files meanwhile, run it again; else this is a fault of kflake's"
        )
    )]
    Other {
        /// The difference.
        what: String,
    },
    /// Ctrl-C, while another run was waited for.
    #[error("interrupted while another kflake was at work on the project's flake")]
    #[diagnostic(code(kflake::project::interrupted))]
    Interrupted,
}

impl ProjectError {
    /// A failed operation on a file.
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> ProjectError {
        let path = path.into();
        move |error| ProjectError::Io { path, error }
    }

    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            ProjectError::Render(_) => exit::DATA,
            ProjectError::Suite(_) => exit::USAGE,
            ProjectError::Scratch(_) | ProjectError::Write(_) | ProjectError::Io { .. } => exit::IO,
            ProjectError::Nix(error) => error.exit_code(),
            ProjectError::Other { .. } => exit::EVALUATION,
            ProjectError::Interrupted => exit::INTERRUPTED,
        }
    }
}
