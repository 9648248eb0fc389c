//! Putting files in place, whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::unfinished::Unfinished;
use super::{STATE, kind_of};
use crate::text::shown;

/// How the names of files begin that are not in place yet; the process id follows.
const PREFIX: &str = ".kflake-";

/// A new file on its way to its place: written beside it, and moved there by [`Replacement::finish`].
///
/// Permissions are those of any new file: everyone may read it, as far as the umask allows.
#[derive(Debug)]
pub struct Replacement {
    file: NamedTempFile,
    path: PathBuf,
    _unfinished: Unfinished,
}

impl Replacement {
    /// Begins the file that is to be at `path`, whose folder exists. `executable`: it is a program.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn new(path: &Path, executable: bool) -> io::Result<Replacement> {
        let mode = if executable { 0o777 } else { 0o666 };
        let file = tempfile::Builder::new()
            .prefix(&temporary_prefix())
            .permissions(fs::Permissions::from_mode(mode))
            .tempfile_in(folder_of(path))
            .map_err(bare)?;
        Ok(Replacement {
            _unfinished: Unfinished::new(file.path()),
            file,
            path: path.to_owned(),
        })
    }

    /// Sees to it that what is written so far outlives a loss of power.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }

    /// Moves the file into its place, in the stead of a file or link that may be there.
    ///
    /// # Errors
    /// When it cannot be moved; what was there is then still there.
    pub fn finish(self) -> io::Result<()> {
        let moved = self.file.persist(&self.path);
        moved.map_err(|error| bare(error.error))?;
        Ok(())
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// What the system said, without the name of a temporary file, which is nobody's but ours.
fn bare(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((said, _)) => io::Error::new(error.kind(), said),
        None => error,
    }
}

/// Puts a file that holds `bytes` at `path`, whole or not at all. Its folder is made where it is missing.
///
/// # Errors
/// When it cannot be written; what was there is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder_of(path))?;
    let mut file = Replacement::new(path, false)?;
    file.write_all(bytes)?;
    file.sync()?;
    file.finish()
}

/// Writes `bytes` to the place that a user named for output: a file is replaced, where a link leads to it too; into a pipe or
/// a device they are written.
///
/// # Errors
/// When they cannot be written.
pub fn deliver(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(facts) if facts.is_file() => replace(&path.canonicalize()?, bytes),
        Ok(facts) if facts.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Ok(_) => OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(path, bytes),
        Err(error) => Err(error),
    }
}

/// Removes the file or link at `path`, and not what a link leads to; whether there was one.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes `path` a folder, unless it is one; a link to one is not.
///
/// # Errors
/// When something else is there, or it cannot be made.
pub fn plain_folder(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(facts) if facts.is_dir() => Ok(()),
        Ok(facts) => Err(not_a_folder(&"it", facts.file_type())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(path),
        Err(error) => Err(error),
    }
}

/// Where the folder `name`, a path below `project`, is or will be.
///
/// # Errors
/// When a part of the way from `project` is something else than a folder, such as a link that leads out.
pub fn inside(project: &Path, name: &Path) -> io::Result<PathBuf> {
    let mut path = project.to_owned();
    for part in name {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(facts) if facts.is_dir() => {}
            Ok(facts) => return Err(not_a_folder(&shown(path), facts.file_type())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(path)
}

fn not_a_folder(what: &dyn std::fmt::Display, kind: fs::FileType) -> io::Error {
    let kind = kind_of(kind);
    io::Error::new(
        io::ErrorKind::NotADirectory,
        format!("{what} is {kind}, and kflake keeps its files in a folder of the project's own"),
    )
}

/// The folder `name` of kflake's own folder in `project`, made where it is missing.
///
/// # Errors
/// When one of the two is something else, such as a link, or cannot be made.
pub fn state(project: &Path, name: &str) -> io::Result<PathBuf> {
    let state = project.join(STATE);
    plain_folder(&state)?;
    let folder = state.join(name);
    plain_folder(&folder)?;
    Ok(folder)
}

/// Removes what killed processes left unfinished in `folder`; what cannot be removed stays.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let dead = temporary_of(&entry.file_name().to_string_lossy()).is_some_and(|pid| {
            let written = entry.metadata().and_then(|facts| facts.modified());
            !is_writer(pid, written.unwrap_or(SystemTime::UNIX_EPOCH))
        });
        if is_file && dead {
            // the next sweep tries again
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether the process `pid` can have written a file at the time `written`: it runs, and did so then. In a container each run may
/// have the number of the one before.
fn is_writer(pid: u32, written: SystemTime) -> bool {
    /// Ticks of a second in `/proc`, on every architecture that Rust runs on.
    const TICKS: u64 = 100;
    /// What a clock may be off, in seconds.
    const MARGIN: u64 = 2;
    let process = Path::new("/proc").join(pid.to_string());
    let stat = fs::read_to_string(process.join("stat")).ok();
    let began = stat.as_deref().and_then(|stat| {
        // the name, in parentheses, may hold anything
        let ticks = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
        ticks.parse::<u64>().ok()
    });
    let boot = fs::read_to_string("/proc/stat").ok();
    let boot = boot.as_deref().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
        line.trim().parse::<u64>().ok()
    });
    match (began, boot) {
        (Some(began), Some(boot)) => {
            let began = SystemTime::UNIX_EPOCH + Duration::from_secs(boot + began / TICKS);
            written + Duration::from_secs(MARGIN) > began
        }
        // nobody says since when it runs
        _ => process.exists(),
    }
}

/// How names of this process's unfinished files begin.
pub(super) fn temporary_prefix() -> String {
    format!("{PREFIX}{}-", std::process::id())
}

/// The process that the unfinished file of this name belongs to; none: it is not one.
pub(super) fn temporary_of(name: &str) -> Option<u32> {
    let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    pid.parse().ok()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn temporary_files_are_not_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Replacement::new(&dir.path().join("none/x"), false).unwrap_err();
        let said = fs::metadata(dir.path().join("none")).unwrap_err();
        assert_eq!(error.to_string(), said.to_string());
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("precious"), "mine").unwrap();
        symlink("precious", at("file")).unwrap();
        replace(&at("file"), b"ours").unwrap();
        assert_eq!(fs::read_to_string(at("precious")).unwrap(), "mine");
        assert!(fs::symlink_metadata(at("file")).unwrap().is_file());
    }

    #[test]
    fn a_project_keeps_its_state_in_itself() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["project", "elsewhere"] {
            fs::create_dir(at(name)).unwrap();
        }
        let roots = state(&at("project"), "roots").unwrap();
        assert_eq!(roots, at("project/.kflake/roots"));
        fs::remove_dir(&roots).unwrap();
        symlink(at("elsewhere"), &roots).unwrap();
        assert!(state(&at("project"), "roots").is_err());
        fs::remove_dir_all(at("project/.kflake")).unwrap();
        symlink(at("elsewhere"), at("project/.kflake")).unwrap();
        assert!(state(&at("project"), "roots").is_err());
        assert_eq!(fs::read_dir(at("elsewhere")).unwrap().count(), 0);
    }

    #[test]
    fn where_a_user_names_the_place_links_and_devices_stay() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("real"), "old").unwrap();
        symlink("real", at("link")).unwrap();
        deliver(&at("link"), b"new").unwrap();
        assert_eq!(fs::read_to_string(at("real")).unwrap(), "new");
        assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        symlink("/dev/null", at("null")).unwrap();
        deliver(&at("null"), b"gone").unwrap();
        assert!(fs::symlink_metadata(at("null")).unwrap().is_symlink());
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(deliver(dir.path(), b"x").is_err());
    }

    #[test]
    fn new_files_are_as_the_umask_says() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let facts = fs::metadata(dir.path().join(name)).unwrap();
            facts.permissions().mode() & 0o777
        };
        fs::write(dir.path().join("usual"), "").unwrap();
        replace(&dir.path().join("ours"), b"").unwrap();
        assert_eq!(mode("ours"), mode("usual"));
        let file = Replacement::new(&dir.path().join("program"), true).unwrap();
        file.finish().unwrap();
        assert_eq!(mode("program") & 0o100, 0o100);
    }

    #[test]
    fn a_number_that_another_process_has_now_keeps_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir
            .path()
            .join(format!(".kflake-{}-abc", std::process::id()));
        let file = fs::File::create(&path).unwrap();
        sweep(dir.path());
        assert!(path.exists());
        let before = SystemTime::now() - Duration::from_secs(24 * 3600);
        file.set_modified(before).unwrap();
        sweep(dir.path());
        assert!(!path.exists());
    }

    #[test]
    fn what_the_dead_left_goes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let names = [
            format!(".kflake-{dead}-abc"),
            format!(".kflake-{}-abc", std::process::id()),
            ".kflake-files".to_owned(),
            ".kflake-x-abc".to_owned(),
            "mine".to_owned(),
        ];
        for name in &names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        sweep(dir.path());
        let left: Vec<bool> = names
            .iter()
            .map(|name| dir.path().join(name).exists())
            .collect();
        assert_eq!(left, [false, true, true, true, true]);
    }
}
