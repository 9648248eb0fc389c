//! What the build of a kernel says of itself.

use serde::Deserialize;

use crate::tuxmake::Vmlinux;

/// `facts.json` of a kernel's output.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Facts {
    pub kernelrelease: String,
    pub kernelversion: String,
    pub compiler_version_full: String,
    pub vmlinux: Option<Vmlinux>,
    pub text_offset: Option<String>,
}

/// How long it took, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// The kernel's own build; none: it had been built before.
    pub build: Option<f64>,
    /// The whole command.
    pub total: f64,
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
