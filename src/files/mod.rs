//! Files and folders on disk: the one place that reads what others may have put there, and that replaces what is there.
//!
//! - [`read`], [`read_text`] and [`open`] take regular files only, and no more of them than a bound allows: a named pipe, a
//!   device or a file without end is an error, not a wait.
//! - [`read_below`] reads from a folder that somebody else filled, and nothing that a name or a link there leads to elsewhere.
//! - [`replace`] and [`Replacement`] put a file in place whole or not at all, with one policy for permissions.
//! - [`Own`] is a folder that kflake fills: it knows by a mark what it put there, and touches nothing else.
//! - [`Lock`] lets one process at a time do something.
//! - `open_archive`, `open_package`, `unxz`, `unzstd` and `Members` unpack and list archives of others without taking more memory than they are worth.
//! - [`reason`] says why the file system refused, and to whom what it refused belongs.
//! - [`Scratch`] is a temporary folder that does not stay, even when its process is killed; [`drop_unfinished`] is
//!   for a process that ends by its own will, but at once.

mod archive;
mod below;
mod content;
mod lock;
mod members;
mod own;
mod read;
mod refusal;
mod scratch;
mod unfinished;
mod write;

pub(crate) use archive::{Archive, ArchiveError, ar_member, damage, open_archive, open_package};
pub use below::read_below;
pub(crate) use content::Content;
pub use lock::{Lock, LockError};
pub(crate) use members::{Members, unxz, unzstd};
pub use own::{MARK, Own, OwnError};
pub use read::{MAX_DATA, open, read, read_text};
pub use refusal::reason;
pub use scratch::{Scratch, ScratchError, drop_unfinished, left_over, remove_left_over};
pub use write::{Replacement, deliver, inside, plain_folder, remove, replace, state, sweep};

/// Whether the user may write to the folder or file at `path`.
///
/// # Errors
/// When not.
pub fn may_write(path: &Path) -> std::io::Result<()> {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).map_err(Into::into)
}

/// Folder of kflake's own within a project.
pub const STATE: &str = ".kflake";

use std::fs::FileType;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};

/// What a thing on disk is, in words: `a named pipe`.
pub(crate) fn kind_of(kind: FileType) -> &'static str {
    match () {
        () if kind.is_file() => "a regular file",
        () if kind.is_dir() => "a folder",
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }
}

/// The folder of the user's that `variable` (XDG_DATA_HOME) names, else the one that it stands for, `below` (.local/share) in the home
/// folder.
pub(crate) fn users_folder(variable: &str, below: &str) -> Option<PathBuf> {
    let set = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    set(variable).or_else(|| Some(set("HOME")?.join(below)))
}

/// What to do about an archive with names that tar does not unpack.
pub(crate) const ANEW: &str = "pack it anew from the folder above the source (`tar -C FOLDER -cf NAME.tar SOURCE`), or unpack it with what made it, and give the folder";

/// Why a name that [`climbs`] is refused, after the name.
pub(crate) const CLIMBS: &str =
    "in it leads out of the folder that it is unpacked in, and tar refuses such names";

/// Whether the name of an archive's member leads out of the folder that it is unpacked in, or may: tar unpacks no name with `..` in it.
/// The `/` that a name begins with is left away.
pub(crate) fn climbs(name: &Path) -> bool {
    name.components().any(|part| part == Component::ParentDir)
}

/// Whether a link at `link`, from the top of a tree, leads out of it by its text alone.
pub(crate) fn leads_outside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    for part in target.components() {
        match part {
            Component::RootDir | Component::Prefix(_) => return true,
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
        }
    }
    false
}
