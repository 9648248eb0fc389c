//! Temporary folders that do not stay.
//!
//! All lie in one folder of the user's, and each is locked by the process that made it: the lock goes with the process,
//! however it ends, and the next one that makes a temporary folder removes those that nobody has locked.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use miette::Diagnostic;
use tempfile::TempDir;
use thiserror::Error;

use super::unfinished::{self, Unfinished};
use super::{Lock, LockError, kind_of, write};

/// A temporary folder; dropping it removes it.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _locked: File,
    _unfinished: Unfinished,
}

impl Scratch {
    /// Makes one, and removes what killed processes left.
    ///
    /// # Errors
    /// When the system's folder for temporary files (`TMPDIR`) cannot be used.
    pub fn new() -> Result<Scratch, ScratchError> {
        Scratch::below(&std::env::temp_dir())
    }

    fn below(temporary: &Path) -> Result<Scratch, ScratchError> {
        let all = of_this_user(temporary);
        let make = || {
            own_folder(&all)?;
            let lock = Lock::wait(&all.join(".lock"), Duration::from_secs(60)).map_err(
                |error| match error {
                    LockError::Io { source, .. } => source,
                    other => io::Error::other(other.to_string()),
                },
            )?;
            let dead = dead(&all);
            let folder = tempfile::Builder::new()
                .prefix(&format!("{}-", std::process::id()))
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(&all)?;
            // at once: a signal that comes between leaves the folder behind
            let unfinished = Unfinished::new(folder.path());
            let locked = File::open(folder.path())?;
            locked.lock()?;
            // a half-built kernel takes a while, for which nobody has to wait
            drop(lock);
            for (path, _locked) in &dead {
                remove(path);
            }
            Ok(Scratch {
                folder,
                _locked: locked,
                _unfinished: unfinished,
            })
        };
        make().map_err(|source| ScratchError {
            path: all.clone(),
            source,
        })
    }

    /// One in the folder `temporary`, which others may pass through to what is theirs in it, though not list.
    ///
    /// # Errors
    /// When `temporary` cannot be used.
    pub fn passable(temporary: &Path) -> Result<Scratch, ScratchError> {
        let scratch = Scratch::below(temporary)?;
        fs::set_permissions(scratch.path(), passable()).map_err(|source| ScratchError {
            path: scratch.path().to_owned(),
            source,
        })?;
        Ok(scratch)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// There is no room for temporary files.
#[derive(Debug, Error, Diagnostic)]
#[error(
    "no temporary files can be made in {}: {source}",
    crate::text::shown(path)
)]
#[diagnostic(
    code(kflake::files::temporary),
    help("TMPDIR names the folder that temporary files go into")
)]
pub struct ScratchError {
    /// The folder that was tried.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// Permissions of a folder whose owner alone sees what is in it; others pass through.
fn passable() -> fs::Permissions {
    fs::Permissions::from_mode(0o711)
}

/// Makes `path` a folder that nobody else can write, or makes sure that it is one.
fn own_folder(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o711).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    let facts = fs::symlink_metadata(path)?;
    let what = match () {
        () if !facts.is_dir() => kind_of(facts.file_type()),
        () if facts.uid() != rustix::process::getuid().as_raw() => "another user's",
        () if facts.mode() & 0o022 != 0 => "writable by others",
        // the umask, or an older kflake, may have closed it
        () if facts.mode() & 0o111 != 0o111 => return fs::set_permissions(path, passable()),
        () => return Ok(()),
    };
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("it is {what}, so temporary files are not safe there"),
    ))
}

/// The folders of `all` that no process had locked, each with a lock of this one.
fn dead(all: &Path) -> Vec<(PathBuf, File)> {
    let entries = fs::read_dir(all).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders
        .filter_map(|entry| {
            let folder = File::open(entry.path()).ok()?;
            folder.try_lock().ok()?;
            Some((entry.path(), folder))
        })
        .collect()
}

/// Temporary folders below `temporary` that killed processes of this user left; the next run removes them.
pub fn left_over(temporary: &Path) -> Vec<PathBuf> {
    let all = of_this_user(temporary);
    let ours = fs::symlink_metadata(&all)
        .is_ok_and(|facts| facts.is_dir() && facts.uid() == rustix::process::getuid().as_raw());
    match ours {
        true => dead(&all).into_iter().map(|(path, _lock)| path).collect(),
        false => Vec::new(),
    }
}

/// Removes those of [`left_over`].
///
/// # Errors
/// As for a new temporary folder.
pub fn remove_left_over(temporary: &Path) -> Result<(), ScratchError> {
    match left_over(temporary).is_empty() {
        true => Ok(()),
        // making one clears away the others
        false => Scratch::below(temporary).map(drop),
    }
}

/// Removes the temporary files and folders of this process, which is about to end at once. What cannot be removed stays for the next
/// process that looks.
pub fn drop_unfinished() {
    unfinished::each(|path| {
        // another thread may be writing into it still
        for _ in 0..5 {
            match path.is_dir() {
                true => remove(path),
                false => drop(write::remove(path)),
            }
            if fs::symlink_metadata(path).is_err() {
                break;
            }
        }
    });
}

/// Where the temporary folders of this user are below `temporary`.
fn of_this_user(temporary: &Path) -> PathBuf {
    temporary.join(format!("kflake-{}", rustix::process::getuid().as_raw()))
}

/// Removes `folder`, with folders in it that may not be written: a build leaves such. What cannot be removed stays.
fn remove(folder: &Path) {
    if fs::remove_dir_all(folder).is_ok() {
        return;
    }
    let below = walkdir::WalkDir::new(folder).into_iter().flatten();
    for entry in below.filter(|entry| entry.file_type().is_dir()) {
        // the next sweep tries again, as it does where removing fails
        let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700));
    }
    let _ = fs::remove_dir_all(folder);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_goes_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let first = Scratch::below(dir.path()).unwrap();
        let all = first.path().parent().unwrap().to_owned();
        let dead = all.join("123-dead");
        fs::create_dir(&dead).unwrap();
        fs::create_dir_all(dead.join("nix-build-x.drv-0/tree")).unwrap();
        fs::write(dead.join("nix-build-x.drv-0/tree/file"), "").unwrap();
        let closed = fs::Permissions::from_mode(0o555);
        fs::set_permissions(dead.join("nix-build-x.drv-0/tree"), closed).unwrap();
        let second = Scratch::below(dir.path()).unwrap();
        assert!(first.path().exists() && second.path().exists() && !dead.exists());
        drop((first, second));
        assert_eq!(fs::read_dir(&all).unwrap().count(), 1);
    }

    #[test]
    fn what_builds_go_through_others_cannot_list() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        let scratch = Scratch::passable(dir.path()).unwrap();
        let all = scratch.path().parent().unwrap();
        assert_eq!((mode(all), mode(scratch.path())), (0o711, 0o711));
        // an older kflake's is opened, and what is not for builds is its owner's alone
        fs::set_permissions(all, fs::Permissions::from_mode(0o700)).unwrap();
        let other = Scratch::below(dir.path()).unwrap();
        assert_eq!((mode(all), mode(other.path())), (0o711, 0o700));
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let all = dir
            .path()
            .join(format!("kflake-{}", rustix::process::getuid().as_raw()));
        std::os::unix::fs::symlink(dir.path(), &all).unwrap();
        let error = Scratch::below(dir.path()).unwrap_err();
        assert_eq!(error.path, all);
        assert!(error.to_string().contains("a symbolic link"), "{error}");
        fs::remove_file(&all).unwrap();
        fs::create_dir(&all).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(&all, open).unwrap();
        let error = Scratch::below(dir.path()).unwrap_err();
        assert!(error.to_string().contains("writable by others"), "{error}");
        let error = Scratch::below(&dir.path().join("missing")).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }
}
