//! Debian's archive: its signed indexes, and pinned packages held against them.
//!
//! [`Archive::index`] reads the index of a suite: `InRelease`, whose signature is checked before a word of it is believed, then the
//! list of packages that has the digest which `InRelease` gives. [`Update::of`] says what has become of pins.

mod archive;
mod error;
mod packages;
mod release;
mod signature;
mod update;
mod version;

pub use archive::{Archive, Index};
pub use error::{ArchiveError, IndexError, Tried};
pub use packages::{Package, Packages};
pub use signature::{ARCHIVE_KEYRING, Keyring};
pub use update::{Change, Gone, Step, Update, rename};
