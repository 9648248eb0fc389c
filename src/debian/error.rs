//! Why the archive's word cannot be had, or not be taken.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use crate::text::{clean, shown};

/// Why an index cannot be read or not be believed.
#[derive(Debug, Error, Diagnostic)]
pub enum ArchiveError {
    /// Nothing can check signatures.
    #[error("gpgv, which checks the signatures of Debian's archive, cannot be run: {source}")]
    #[diagnostic(
        code(kflake::debian::no_gpgv),
        help(
            "install it: `apt-get install gpgv`; an index whose signature nobody checked is not read"
        )
    )]
    NoGpgv {
        /// What the system said.
        source: io::Error,
    },
    /// There are no keys to check them with.
    #[error("the keys of Debian's archive cannot be read from {path}: {source}", path = shown(path))]
    #[diagnostic(
        code(kflake::debian::no_keyring),
        help(
            "install them: `apt-get install debian-archive-keyring`; or name a file that holds them: --keyring FILE"
        )
    )]
    NoKeyring {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No mirror is known.
    #[error("no mirror of Debian's archive is known")]
    #[diagnostic(
        code(kflake::debian::no_mirror),
        help(
            "NIX_MIRRORS_debian names one, or a folder that holds a copy; `kflake pins mirrors` shows those that are known"
        )
    )]
    NoMirror,
    /// No mirror has one that can be taken.
    #[error("cannot get the index of {suite}: {}", in_words(tried))]
    #[diagnostic(code(kflake::debian::index), help("{}", advice(tried)))]
    Index {
        /// The suite.
        suite: String,
        /// What became of each mirror.
        tried: Vec<Tried>,
    },
}

/// A mirror that did not do.
#[derive(Debug)]
pub struct Tried {
    /// Its base address.
    pub mirror: String,
    /// What is wrong with it.
    pub error: IndexError,
}

/// What is wrong with one mirror's index.
#[derive(Debug, Error)]
pub enum IndexError {
    /// It is not there, or nobody answers.
    #[error("{file} cannot be fetched: {reason}")]
    Fetch {
        /// The file, below the mirror's base address.
        file: String,
        /// Nix's words, or the system's.
        reason: String,
    },
    /// It is not signed as a whole, or not by a key of the keyring.
    #[error("its signature is not good: {reason}")]
    Signature {
        /// What gpgv says.
        reason: String,
    },
    /// What is signed cannot be read.
    #[error("its InRelease cannot be read: {reason}")]
    Release {
        /// What is wrong with it.
        reason: String,
    },
    /// It is signed, and another suite's.
    #[error("it has the index of {found} in that place")]
    OtherSuite {
        /// The suite's code name.
        found: String,
    },
    /// It is older than it may be.
    #[error("its index has expired: it was valid until {until}")]
    Expired {
        /// When it expired.
        until: Timestamp,
    },
    /// It is from a day in the future.
    #[error("its index is dated {date}, which is in the future")]
    Future {
        /// Its date.
        date: Timestamp,
    },
    /// The list of packages is not the one that is signed.
    #[error("{file} is not the file that InRelease names")]
    Digest {
        /// The file, below the mirror's base address.
        file: String,
    },
    /// The list cannot be unpacked.
    #[error("{file} cannot be unpacked: {reason}")]
    Unpack {
        /// The file, below the mirror's base address.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A package is not described in full.
    #[error("its list says of the package {package}: {reason}")]
    Package {
        /// The package.
        package: String,
        /// What is wrong.
        reason: String,
    },
}

impl IndexError {
    /// What to do about it.
    fn advice(&self) -> &'static str {
        match self {
            IndexError::Fetch { .. } => {
                "check the network, and the mirrors that `kflake pins mirrors` lists; NIX_MIRRORS_debian names another, or a folder"
            }
            IndexError::Signature { .. } => {
                "use a mirror of Debian's own archive (NIX_MIRRORS_debian), and bring debian-archive-keyring up to date; nothing of what was fetched is used"
            }
            IndexError::Expired { .. } | IndexError::Future { .. } => {
                "check this machine's clock (`date`); if it is right, the mirror is not: NIX_MIRRORS_debian names another"
            }
            IndexError::Digest { .. } => {
                "a mirror that is being updated is consistent again in a few minutes; NIX_MIRRORS_debian names another"
            }
            IndexError::Release { .. }
            | IndexError::OtherSuite { .. }
            | IndexError::Unpack { .. }
            | IndexError::Package { .. } => "NIX_MIRRORS_debian names another mirror",
        }
    }
}

fn in_words(tried: &[Tried]) -> String {
    let words = |it: &Tried| clean(&format!("{}: {}", it.mirror, it.error));
    tried.iter().map(words).collect::<Vec<_>>().join("; ")
}

/// Of the mirror that came the farthest: that others were not reachable says less.
fn advice(tried: &[Tried]) -> &'static str {
    let telling = tried
        .iter()
        .find(|it| !matches!(it.error, IndexError::Fetch { .. }));
    telling.or(tried.first()).map_or("", |it| it.error.advice())
}
