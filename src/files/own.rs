//! A folder that kflake fills, and knows by a mark.
//!
//! The mark is a file in the folder: a first line that says who made it, then a line for each thing that kflake put there or
//! took away. Lines are only appended, and before the thing is done, so that the mark is true however a process ends.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use miette::Diagnostic;
use rustix::fs::OFlags;
use thiserror::Error;

use super::write::{temporary_of, temporary_prefix};
use super::{MAX_DATA, Replacement, kind_of, read, sweep};

/// Name of the mark.
pub const MARK: &str = ".kflake-files";
/// Its first line.
const HEAD: &str = "Files that kflake put into this folder, and may replace. 1";

/// A folder of kflake's own, and of this process alone for as long as this lives.
///
/// Names of things in it are relative, with `/` between their parts. Nothing is written through a symbolic link in it, and
/// nothing is replaced or removed that kflake did not put there.
#[derive(Debug)]
pub struct Own {
    folder: PathBuf,
    /// Whether it was not there before.
    is_new: bool,
    listed: Mutex<Listed>,
}

#[derive(Debug)]
struct Listed {
    mark: File,
    names: BTreeSet<String>,
}

/// Why a folder, or a place in it, is not for kflake to write.
#[derive(Debug, Error, Diagnostic)]
pub enum OwnError {
    /// It holds something, and nothing says that kflake put it there.
    #[error(
        "{} is not empty, and kflake did not fill it",
        crate::text::shown(folder)
    )]
    #[diagnostic(
        code(kflake::files::not_ours),
        help("name a new or an empty folder; what is in this one was left unchanged")
    )]
    NotOurs {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process fills it.
    #[error("another kflake ({who}) is at work in {}", crate::text::shown(folder))]
    #[diagnostic(
        code(kflake::files::busy),
        help("wait for it, or name another folder for this run")
    )]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// `process 123`.
        who: String,
    },
    /// Something of the user's has the name of a file that kflake writes.
    #[error(
        "{} is not a file that kflake put there, so it is not overwritten",
        crate::text::shown(path)
    )]
    #[diagnostic(
        code(kflake::files::taken),
        help("move it away, or name another folder")
    )]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// Something that is not what kflake makes stands in a place that it writes to.
    #[error(
        "{} is {what}, and kflake writes only to plain files and folders",
        crate::text::shown(path)
    )]
    #[diagnostic(
        code(kflake::files::not_plain),
        help("move it away, or name another folder")
    )]
    NotPlain {
        /// The place.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// A name that no file of kflake's can have.
    #[error(
        "{name:?} cannot be the name of a file in {}",
        crate::text::shown(folder)
    )]
    #[diagnostic(code(kflake::files::name))]
    BadName {
        /// The folder.
        folder: PathBuf,
        /// The name.
        name: String,
    },
    /// The file system refused.
    #[error("{}: {}", crate::text::shown(path), super::reason(path, source))]
    #[diagnostic(code(kflake::files::io))]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

type Result<T> = std::result::Result<T, OwnError>;

fn io_error(path: &Path) -> impl Fn(io::Error) -> OwnError + use<> {
    let path = path.to_owned();
    move |source| OwnError::Io {
        path: path.clone(),
        source,
    }
}

impl Own {
    /// Takes `folder`: one that does not exist yet, an empty one, or one that kflake filled before.
    ///
    /// # Errors
    /// When it holds something else, when another process has it, or when it cannot be written.
    pub fn open(folder: &Path) -> Result<Own> {
        let io = io_error(folder);
        let is_new = fs::symlink_metadata(folder).is_err();
        fs::create_dir_all(folder).map_err(&io)?;
        if fs::symlink_metadata(folder.join(MARK)).is_err() {
            begin(folder)?;
        }
        let path = folder.join(MARK);
        let mark = open_mark(&path)?;
        let text = read(&path, MAX_DATA).map_err(io_error(&path))?;
        let (names, who) = parse(&text).ok_or_else(|| OwnError::NotOurs {
            folder: folder.to_owned(),
        })?;
        match mark.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OwnError::Busy {
                    folder: folder.to_owned(),
                    who: format!("process {who}"),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        // whoever gave the folder up, having put nothing there, took the mark away
        let same = |facts: fs::Metadata| Some((facts.dev(), facts.ino()));
        let ours = same(mark.metadata().map_err(&io)?);
        if fs::symlink_metadata(&path).ok().and_then(same) != ours {
            return Own::open(folder);
        }
        let own = Own {
            folder: folder.to_owned(),
            is_new,
            listed: Mutex::new(Listed { mark, names }),
        };
        own.listed()
            .append(&format!("# {}", std::process::id()))
            .map_err(&io)?;
        own.sweep();
        Ok(own)
    }

    /// Whether [`Own::open`] would take `folder`, as far as that shows without writing anything.
    ///
    /// # Errors
    /// When it holds something else, or cannot be written.
    pub fn may_open(folder: &Path) -> Result<()> {
        let missing = |path: &&Path| {
            let found = fs::symlink_metadata(path);
            found.is_err_and(|it| it.kind() == io::ErrorKind::NotFound)
        };
        if missing(&folder) {
            let above = folder.ancestors().skip(1).find(|it| !missing(it));
            let above = above
                .filter(|it| !it.as_os_str().is_empty())
                .unwrap_or_else(|| Path::new("."));
            return fs::read_dir(above)
                .and_then(|_| super::may_write(above))
                .map_err(io_error(above));
        }
        let path = folder.join(MARK);
        if missing(&path.as_path()) {
            nothing_in(folder)?;
            return super::may_write(folder).map_err(io_error(folder));
        }
        open_mark(&path)?;
        let text = read(&path, MAX_DATA).map_err(io_error(&path))?;
        let is_ours = parse(&text).is_some();
        is_ours.then_some(()).ok_or_else(|| OwnError::NotOurs {
            folder: folder.to_owned(),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Where `name` is.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Names of all that kflake put here, in order; those of folders end in `/`.
    pub fn names(&self) -> Vec<String> {
        self.listed().names.iter().cloned().collect()
    }

    /// Puts a file here, whole or not at all.
    ///
    /// # Errors
    /// When its place is not kflake's, or it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8], executable: bool) -> Result<()> {
        self.write_with(name, executable, |file| file.write_all(bytes))
    }

    /// Puts a file here that `fill` writes, whole or not at all.
    ///
    /// # Errors
    /// When its place is not kflake's, or it cannot be written.
    pub fn write_with(
        &self,
        name: &str,
        executable: bool,
        fill: impl FnOnce(&mut Replacement) -> io::Result<()>,
    ) -> Result<()> {
        let path = self.claim(name)?;
        let write = || {
            let mut file = Replacement::new(&path, executable)?;
            fill(&mut file)?;
            file.finish()
        };
        write().map_err(io_error(&path))
    }

    /// Begins an empty file here, to be written bit by bit.
    ///
    /// # Errors
    /// When its place is not kflake's, or it cannot be written.
    pub fn create(&self, name: &str) -> Result<File> {
        let path = self.claim(name)?;
        // what is there may be a link by now, or have another name elsewhere
        remove_plain(&path)?;
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(io_error(&path))
    }

    /// Opens a file that is here, to add to it.
    ///
    /// # Errors
    /// When it is not kflake's, or cannot be written.
    pub fn append(&self, name: &str) -> Result<File> {
        let path = self.claim(name)?;
        OpenOptions::new()
            .append(true)
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(&path)
            .map_err(io_error(&path))
    }

    /// Moves the file at `from`, wherever it is, to `name`.
    ///
    /// # Errors
    /// When its place is not kflake's, or it cannot be moved.
    pub fn keep(&self, from: &Path, name: &str) -> Result<()> {
        let path = self.claim(name)?;
        fs::rename(from, &path).map_err(io_error(&path))
    }

    /// Gives the file `name` the name `to`. What is no plain file of kflake's here, behind a link for one, stays.
    ///
    /// # Errors
    /// When the new place is not kflake's, or it cannot be moved.
    pub fn shift(&self, name: &str, to: &str) -> Result<()> {
        let path = self.join(name);
        let plain = fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_file());
        match plain && self.listed().names.contains(name) && self.leads_inside(name) {
            true => self.keep(&path, to),
            false => Ok(()),
        }
    }

    /// Makes a symbolic link here.
    ///
    /// # Errors
    /// When its place is not kflake's, or it cannot be made.
    pub fn link(&self, name: &str, target: &Path) -> Result<()> {
        let path = self.claim(name)?;
        remove_plain(&path)?;
        std::os::unix::fs::symlink(target, &path).map_err(io_error(&path))
    }

    /// Makes a folder here, and says where it is.
    ///
    /// # Errors
    /// When something else has its place, or it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        self.check(name)?;
        self.folders(name.split('/'))
    }

    /// A path in the folder `name` for a file that is not finished: it goes when its process is gone.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn unfinished(&self, name: &str, file: &str) -> Result<PathBuf> {
        let folder = self.folder(name)?;
        Ok(folder.join(format!("{}{file}", temporary_prefix())))
    }

    /// Removes a file or link, and the folders that are empty without it. What kflake did not put here stays.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        if !self.listed().names.contains(name) || !self.leads_inside(name) {
            return Ok(());
        }
        let path = self.join(name);
        remove_plain(&path)?;
        self.listed().forget(name).map_err(io_error(&path))?;
        let mut rest = name;
        while let Some((folder, _)) = rest.rsplit_once('/') {
            let listed = format!("{folder}/");
            if !self.listed().names.contains(&listed) || fs::remove_dir(self.join(folder)).is_err()
            {
                break;
            }
            self.listed().forget(&listed).map_err(io_error(&path))?;
            rest = folder;
        }
        Ok(())
    }

    /// Makes sure that `name` is, or can become, a file of kflake's, and says where it is: for what other programs write.
    ///
    /// # Errors
    /// When something else has its place.
    pub fn claim(&self, name: &str) -> Result<PathBuf> {
        self.check(name)?;
        if let Some((folders, _)) = name.rsplit_once('/') {
            self.folders(folders.split('/'))?;
        }
        let path = self.join(name);
        match fs::symlink_metadata(&path) {
            Ok(facts) if !(facts.is_file() || facts.is_symlink()) => Err(OwnError::NotPlain {
                path,
                what: kind_of(facts.file_type()),
            }),
            Ok(_) if !self.listed().names.contains(name) => Err(OwnError::Taken { path }),
            Ok(_) => Ok(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.listed().note(name).map_err(io_error(&path))?;
                Ok(path)
            }
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    fn check(&self, name: &str) -> Result<()> {
        match is_inside(name) {
            true => Ok(()),
            false => Err(OwnError::BadName {
                folder: self.folder.clone(),
                name: name.to_owned(),
            }),
        }
    }

    /// Makes the folders on the way of `parts`; none may be a link.
    fn folders<'a>(&self, parts: impl Iterator<Item = &'a str>) -> Result<PathBuf> {
        let mut name = String::new();
        let mut path = self.folder.clone();
        for part in parts {
            name = format!("{name}{part}/");
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(facts) if facts.is_dir() => {}
                Ok(facts) => {
                    let what = kind_of(facts.file_type());
                    return Err(OwnError::NotPlain { path, what });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.listed().note(&name).map_err(io_error(&path))?;
                    fs::create_dir(&path).map_err(io_error(&path))?;
                }
                Err(error) => return Err(io_error(&path)(error)),
            }
        }
        Ok(path)
    }

    /// Whether every folder on the way to `name` is a plain one.
    fn leads_inside(&self, name: &str) -> bool {
        let mut path = self.folder.clone();
        let folders = name.rsplit_once('/').map_or("", |(folders, _)| folders);
        folders
            .split('/')
            .filter(|part| !part.is_empty())
            .all(|part| {
                path.push(part);
                fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_dir())
            })
    }

    /// Removes what killed processes left unfinished here.
    fn sweep(&self) {
        sweep(&self.folder);
        for name in self.names() {
            if let Some(folder) = name.strip_suffix('/')
                && self.leads_inside(&format!("{folder}/x"))
            {
                sweep(&self.join(folder));
            }
        }
    }

    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A folder that nothing came into is nobody's again, and gone if it was not there before.
impl Drop for Own {
    fn drop(&mut self) {
        if self.listed().names.is_empty() {
            // a mark that stays only says that kflake may fill the folder
            let _ = fs::remove_file(self.join(MARK));
            if self.is_new {
                // fails where somebody else put something there
                let _ = fs::remove_dir(&self.folder);
            }
        }
    }
}

impl Listed {
    fn note(&mut self, name: &str) -> io::Result<()> {
        if self.names.insert(name.to_owned()) {
            self.append(&format!("+ {name}"))?;
        }
        Ok(())
    }

    fn forget(&mut self, name: &str) -> io::Result<()> {
        if self.names.remove(name) {
            self.append(&format!("- {name}"))?;
        }
        Ok(())
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        // one write: a line is there whole, or cut at the end of the file
        self.mark.write_all(format!("{line}\n").as_bytes())
    }
}

/// Refuses a folder that holds something.
fn nothing_in(folder: &Path) -> Result<()> {
    let io = io_error(folder);
    for entry in fs::read_dir(folder).map_err(&io)? {
        let name = entry.map_err(&io)?.file_name();
        // another process may be about to do the same
        if name != MARK && temporary_of(&name.to_string_lossy()).is_none() {
            return Err(OwnError::NotOurs {
                folder: folder.to_owned(),
            });
        }
    }
    Ok(())
}

/// Puts the mark into a folder that holds nothing.
fn begin(folder: &Path) -> Result<()> {
    let io = io_error(folder);
    nothing_in(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(&temporary_prefix())
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(&io)?;
    file.write_all(format!("{HEAD}\n").as_bytes())
        .map_err(&io)?;
    match file.persist_noclobber(folder.join(MARK)) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(io(error.error)),
        _ => Ok(()),
    }
}

fn open_mark(path: &Path) -> Result<File> {
    let facts = fs::symlink_metadata(path).map_err(io_error(path))?;
    if !facts.is_file() {
        return Err(OwnError::NotPlain {
            path: path.to_owned(),
            what: kind_of(facts.file_type()),
        });
    }
    OpenOptions::new()
        .append(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)
        .map_err(io_error(path))
}

/// What a mark lists, and the last process that wrote it; none: kflake did not write it.
fn parse(bytes: &[u8]) -> Option<(BTreeSet<String>, String)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split_inclusive('\n');
    if lines.next()?.strip_suffix('\n') != Some(HEAD) {
        return None;
    }
    let mut names = BTreeSet::new();
    let mut who = "unknown";
    // a last line without its end was cut off, and what it speaks of not done
    for line in lines.filter_map(|line| line.strip_suffix('\n')) {
        match line.split_once(' ')? {
            ("+", name) if is_inside(name.strip_suffix('/').unwrap_or(name)) => {
                names.insert(name.to_owned());
            }
            ("-", name) => {
                names.remove(name);
            }
            ("#", pid) if pid.bytes().all(|b| b.is_ascii_digit()) => who = pid,
            _ => return None,
        }
    }
    Some((names, who.to_owned()))
}

/// Whether `name` is a place in a folder, and the mark can say so in a line.
fn is_inside(name: &str) -> bool {
    !name.contains('\n')
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
        && name != MARK
}

/// Removes a file or a link; that there is none is fine.
fn remove_plain(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_folder_of_others_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
        for error in [Own::may_open(dir.path()), Own::open(dir.path()).map(drop)] {
            let error = error.unwrap_err();
            assert!(matches!(error, OwnError::NotOurs { .. }), "{error}");
        }
        // names that kflake uses do not make it ours, nor does a file in the mark's place
        for name in ["metadata.json", "report.json", MARK] {
            fs::write(dir.path().join(name), "{}").unwrap();
            for taken in [Own::may_open(dir.path()), Own::open(dir.path()).map(drop)] {
                assert!(matches!(taken, Err(OwnError::NotOurs { .. })));
            }
        }
        assert_eq!(text(&dir.path().join(MARK)), "{}");
        assert_eq!(text(&dir.path().join("thesis.txt")), "mine");
    }

    #[test]
    fn asking_for_a_folder_leaves_nothing_there() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new/out");
        Own::may_open(&folder).unwrap();
        assert!(!dir.path().join("new").exists());
        Own::may_open(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        drop(Own::open(&folder).unwrap());
        Own::may_open(&folder).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        for name in ["file", "file/below"] {
            let error = Own::may_open(&dir.path().join(name)).unwrap_err();
            assert!(matches!(error, OwnError::Io { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn only_what_kflake_put_there_is_replaced_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new/out");
        let own = Own::open(&folder).unwrap();
        own.write("config", b"1", false).unwrap();
        own.write("logs/a.log", b"1", false).unwrap();
        fs::write(folder.join("logs/server.log"), "mine").unwrap();
        fs::write(folder.join("notes"), "mine").unwrap();
        drop(own);

        let own = Own::open(&folder).unwrap();
        own.write("config", b"2", false).unwrap();
        assert_eq!(text(&folder.join("config")), "2");
        for name in ["notes", "logs/server.log"] {
            let error = own.write(name, b"2", false).unwrap_err();
            assert!(matches!(error, OwnError::Taken { .. }), "{error}");
            assert!(matches!(own.create(name), Err(OwnError::Taken { .. })));
            own.remove(name).unwrap();
            assert_eq!(text(&folder.join(name)), "mine");
        }
        assert!(matches!(
            own.write("logs", b"", false),
            Err(OwnError::NotPlain { .. })
        ));
        own.remove("logs/a.log").unwrap();
        assert!(!folder.join("logs/a.log").exists() && folder.join("logs").exists());
        assert_eq!(own.names(), ["config", "logs/"]);
        // what it gave up is no longer its own
        fs::write(folder.join("logs/a.log"), "mine").unwrap();
        assert!(matches!(
            own.write("logs/a.log", b"", false),
            Err(OwnError::Taken { .. })
        ));
    }

    #[test]
    fn nothing_is_written_or_removed_through_links() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, victim) = (dir.path().join("out"), dir.path().join("victim"));
        fs::create_dir(&victim).unwrap();
        let own = Own::open(&folder).unwrap();
        own.write("logs/a", b"1", false).unwrap();
        own.write("journal", b"1", false).unwrap();
        drop(own);
        // the folder and the file are swapped for links to what is the user's
        fs::remove_dir_all(folder.join("logs")).unwrap();
        fs::remove_file(folder.join("journal")).unwrap();
        for name in ["a", "b"] {
            fs::write(victim.join(name), "mine").unwrap();
        }
        fs::write(victim.join(".kflake-4000000-x"), "mine").unwrap();
        symlink(&victim, folder.join("logs")).unwrap();
        symlink(victim.join("b"), folder.join("journal")).unwrap();
        let own = Own::open(&folder).unwrap();
        assert!(matches!(
            own.write("logs/a", b"2", false),
            Err(OwnError::NotPlain { .. })
        ));
        own.remove("logs/a").unwrap();
        own.create("journal").unwrap().write_all(b"2").unwrap();
        assert_eq!(
            (text(&victim.join("a")), text(&victim.join("b"))),
            ("mine".into(), "mine".into())
        );
        assert_eq!(text(&folder.join("journal")), "2");
        assert!(victim.join(".kflake-4000000-x").exists());
        // nor is a link taken for the mark
        drop(own);
        fs::rename(folder.join(MARK), victim.join("mark")).unwrap();
        symlink(victim.join("mark"), folder.join(MARK)).unwrap();
        assert!(matches!(Own::open(&folder), Err(OwnError::NotPlain { .. })));
    }

    #[test]
    fn a_file_with_another_name_elsewhere_keeps_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out");
        let own = Own::open(&folder).unwrap();
        own.create("journal").unwrap();
        let elsewhere = dir.path().join("precious");
        fs::write(&elsewhere, "mine").unwrap();
        fs::remove_file(folder.join("journal")).unwrap();
        fs::hard_link(&elsewhere, folder.join("journal")).unwrap();
        own.create("journal").unwrap().write_all(b"ours").unwrap();
        assert_eq!(text(&elsewhere), "mine");
    }

    #[test]
    fn odd_names_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let own = Own::open(dir.path()).unwrap();
        for name in ["", "..", "../x", "/x", "a//b", "a/../../b", "a\n+ b", MARK] {
            let error = own.write(name, b"", false).unwrap_err();
            assert!(matches!(error, OwnError::BadName { .. }), "{name:?}");
            assert!(own.folder(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_folder_that_nothing_came_into_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        let own = Own::open(dir.path()).unwrap();
        assert!(own.write("../x", b"", false).is_err());
        drop(own);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        drop(Own::open(&dir.path().join("new")).unwrap());
        assert!(!dir.path().join("new").exists());
        Own::open(dir.path())
            .unwrap()
            .write("x", b"", false)
            .unwrap();
        assert!(dir.path().join(MARK).exists());
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let own = Own::open(dir.path()).unwrap();
        let error = Own::open(dir.path()).unwrap_err().to_string();
        let us = format!("process {}", std::process::id());
        assert!(error.contains(&us), "{error}");
        drop(own);
        Own::open(dir.path()).unwrap();
    }

    #[test]
    fn a_mark_that_was_cut_off_still_counts() {
        let dir = tempfile::tempdir().unwrap();
        let own = Own::open(dir.path()).unwrap();
        own.write("a", b"", false).unwrap();
        own.write("b", b"", false).unwrap();
        drop(own);
        let whole = fs::read(dir.path().join(MARK)).unwrap();
        for cut in HEAD.len() + 1..whole.len() {
            let (names, _) = parse(&whole[..cut]).unwrap();
            let whole = |name| {
                let line = format!("+ {name}\n");
                text(&dir.path().join(MARK))[..cut].contains(&line)
            };
            assert_eq!(names.contains("a"), whole("a"), "cut at {cut}");
            assert_eq!(names.contains("b"), whole("b"), "cut at {cut}");
        }
        for bad in [
            "",
            "x\n",
            "+ ../x\n",
            "+ /etc/x\n",
            "+ a/../../x\n",
            "? a\n",
        ] {
            assert_eq!(
                parse(format!("{HEAD}\n{bad}").as_bytes()).is_none(),
                !bad.is_empty()
            );
        }
        assert!(parse(b"").is_none() && parse(b"{}\n").is_none());
    }

    #[test]
    fn what_killed_runs_left_goes() {
        let dir = tempfile::tempdir().unwrap();
        let own = Own::open(dir.path()).unwrap();
        let running = own.unfinished("logs", "running-1").unwrap();
        fs::write(&running, "").unwrap();
        drop(own);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = format!(".kflake-{}-running-1", child.id());
        child.wait().unwrap();
        let dead = dir.path().join("logs").join(dead);
        fs::write(&dead, "").unwrap();
        Own::open(dir.path()).unwrap();
        assert!(running.exists() && !dead.exists());
    }
}
