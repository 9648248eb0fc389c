//! An error on its way to the user, with the exit code it stands for.

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
