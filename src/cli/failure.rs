//! An error on its way to the user, with the exit code it stands for.

use crate::catalog::{LoadError, UnknownName};
use crate::exit;
use crate::nix::NixError;

/// What a subcommand returns.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error and its exit code.
#[derive(Debug)]
pub struct Failure {
    /// One of [`crate::exit`].
    pub code: u8,
    /// What is printed.
    pub report: miette::Report,
}

impl Failure {
    /// A failure that ends kflake with `code`.
    pub fn new(code: u8, error: impl miette::Diagnostic + Send + Sync + 'static) -> Self {
        Failure {
            code,
            report: miette::Report::new(error),
        }
    }

    /// What is wrong with Nix.
    pub fn nix(error: NixError) -> Self {
        Failure::new(error.exit_code(), error)
    }

    /// What is wrong with the data.
    pub fn load(error: LoadError) -> Self {
        let code = match error {
            LoadError::Io { .. } => exit::IO,
            LoadError::Findings { .. } => exit::DATA,
        };
        Failure::new(code, error)
    }

    /// A name that the matrix does not have.
    pub fn unknown(error: UnknownName) -> Self {
        Failure::new(exit::USAGE, error)
    }

    /// A failure from a sentence and, where there is one, what to do about it.
    pub fn message(code: u8, message: impl Into<String>, help: Option<String>) -> Self {
        let mut diagnostic = miette::MietteDiagnostic::new(message);
        diagnostic.help = help;
        Failure {
            code,
            report: diagnostic.into(),
        }
    }
}
