//! What an image is extended by: the files of a folder, as `make install DESTDIR=…` staged them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use walkdir::WalkDir;

use super::BuildError;
use crate::files::{self, kind_of};

/// Bits of a mode that make a program run as its owner or its group.
const SET_ID: u32 = 0o6000;

/// The files of a folder, in a fixed order: each folder before what is in it.
#[derive(Debug)]
pub struct Payload {
    root: PathBuf,
    entries: Vec<Entry>,
}

/// A file, a folder or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is in the folder.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Its permissions, with the bits that change whom a program runs as.
    pub mode: u32,
}

/// What something in a payload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file.
    File(Stamp),
    /// A symbolic link to this, wherever that leads.
    Link(PathBuf),
}

/// How a file was found: another one changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its bytes.
    pub size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(facts: &fs::Metadata) -> Stamp {
        Stamp {
            size: facts.len(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        }
    }
}

impl Entry {
    /// Whether it is a program that runs as its owner or its group, which are root in an image.
    pub fn sets_id(&self) -> bool {
        matches!(self.kind, EntryKind::File(_)) && self.mode & SET_ID != 0
    }
}

impl Payload {
    /// What is in the folder `root`. Links in it are not followed; what several names share is a file under each.
    ///
    /// # Errors
    /// When that is no folder, holds nothing or something that is neither file nor folder nor link, or cannot be read.
    pub fn read(root: &Path) -> Result<Payload, BuildError> {
        let odd = |path: &Path, reason: String, help: &'static str| BuildError::Payload {
            path: path.to_owned(),
            reason,
            help: help.to_owned(),
        };
        let staged = "name the folder that `make install DESTDIR=…` filled";
        match fs::metadata(root) {
            Ok(facts) if facts.is_dir() => {}
            Ok(facts) => {
                let reason = format!("it is {}, not a folder", kind_of(facts.file_type()));
                return Err(odd(root, reason, staged));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(odd(root, "there is no such folder".to_owned(), staged));
            }
            Err(error) => return Err(BuildError::io(root)(error)),
        }
        let mut entries = Vec::new();
        for entry in WalkDir::new(root).min_depth(1).sort_by_file_name() {
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(root).to_owned();
                let odd = || io::Error::other("the folder cannot be walked");
                BuildError::io(path)(error.into_io_error().unwrap_or_else(odd))
            })?;
            let at = entry.path();
            let path = at.strip_prefix(root).unwrap_or(at).to_owned();
            let facts = fs::symlink_metadata(at).map_err(BuildError::io(at))?;
            let kind = match facts.file_type() {
                // kflake's own, where it filled the folder
                kind if kind.is_file() && path == Path::new(files::MARK) => continue,
                kind if kind.is_file() => EntryKind::File(Stamp::of(&facts)),
                kind if kind.is_dir() => EntryKind::Folder,
                kind if kind.is_symlink() => {
                    EntryKind::Link(fs::read_link(at).map_err(BuildError::io(at))?)
                }
                kind => {
                    let reason = format!(
                        "it is {}, and a payload holds files, folders and symbolic links only",
                        kind_of(kind)
                    );
                    let help = "remove it: devices, pipes and sockets are made where a system runs";
                    return Err(odd(at, reason, help));
                }
            };
            entries.push(Entry {
                path,
                kind,
                mode: facts.mode() & 0o7777,
            });
        }
        if entries.is_empty() {
            return Err(odd(root, "there is nothing in it".to_owned(), staged));
        }
        Ok(Payload {
            root: root.to_owned(),
            entries,
        })
    }

    /// All of it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is at `path` in it.
    pub fn entry(&self, path: &Path) -> Option<&Entry> {
        self.entries.iter().find(|it| it.path == path)
    }

    /// Where `path` is on this machine.
    pub fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// What is in the file `path`, which was found as `stamp`. Errors in reading it are an [`Unread`].
    pub fn contents(&self, path: &Path, stamp: Stamp) -> Contents {
        Contents {
            path: self.at(path),
            stamp,
            left: stamp.size,
            file: Reading::Later,
        }
    }
}

/// A file of a payload: opened when it is first read, closed at its end, and held to how it was found.
#[derive(Debug)]
pub struct Contents {
    path: PathBuf,
    stamp: Stamp,
    left: u64,
    file: Reading,
}

#[derive(Debug)]
enum Reading {
    Later,
    Now(File),
    Done,
}

impl Contents {
    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.file {
                Reading::Later => self.file = Reading::Now(open(&self.path, self.stamp)?),
                Reading::Now(file) if self.left == 0 => {
                    // nothing was added meanwhile, nor is there more than the file system says
                    let more = file.read(&mut [0])?;
                    if more > 0 || Stamp::of(&file.metadata()?) != self.stamp {
                        return Err(changed());
                    }
                    self.file = Reading::Done;
                }
                Reading::Now(file) => {
                    let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let most = buffer.len().min(left);
                    let length = file.read(&mut buffer[..most])?;
                    if length == 0 {
                        return Err(changed());
                    }
                    self.left -= length as u64;
                    return Ok(length);
                }
                Reading::Done => return Ok(0),
            }
        }
    }
}

impl Read for Contents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.read_on(buffer).map_err(|error| {
            let path = self.path.clone();
            io::Error::new(error.kind(), Unread { path, error })
        })
    }
}

fn open(path: &Path, stamp: Stamp) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)?;
    let facts = file.metadata()?;
    match facts.is_file() && Stamp::of(&facts) == stamp {
        true => Ok(file),
        false => Err(changed()),
    }
}

fn changed() -> io::Error {
    io::Error::other("it changed while it was read")
}

/// What went wrong with a file of a payload, on its way through whoever read it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", crate::text::shown(path))]
pub(super) struct Unread {
    path: PathBuf,
    error: io::Error,
}

impl Unread {
    /// The error that a file of a payload is to blame for; otherwise `error` as it is.
    pub(super) fn of(error: io::Error) -> Result<BuildError, io::Error> {
        let unread = error.downcast::<Unread>()?;
        Ok(BuildError::io(unread.path)(unread.error))
    }

    /// The error of something that reads a payload and writes `to`.
    pub(super) fn or_of(to: &Path) -> impl Fn(io::Error) -> BuildError {
        move |error| Unread::of(error).unwrap_or_else(|error| BuildError::io(to)(error))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::io::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::exit;

    #[test]
    fn links_stay_links_and_odd_names_are_names() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("b")).unwrap();
        symlink("/etc/shadow", at("b/out")).unwrap();
        symlink("..", at("b/up")).unwrap();
        fs::write(at("b/line\nend"), "x").unwrap();
        fs::write(at("b").join(OsStr::from_bytes(b"\xff")), "").unwrap();
        fs::write(at("b/su"), "").unwrap();
        fs::set_permissions(at("b/su"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::write(at(files::MARK), "").unwrap();
        let payload = Payload::read(dir.path()).unwrap();
        let names: Vec<&[u8]> = payload
            .entries()
            .iter()
            .map(|it| it.path.as_os_str().as_bytes())
            .collect();
        let expected: [&[u8]; 6] = [b"b", b"b/line\nend", b"b/out", b"b/su", b"b/up", b"b/\xff"];
        assert_eq!(names, expected);
        let out = payload.entry(Path::new("b/out")).unwrap();
        assert_eq!(out.kind, EntryKind::Link("/etc/shadow".into()));
        let set: Vec<&Entry> = payload.entries().iter().filter(|it| it.sets_id()).collect();
        assert_eq!((set.len(), set[0].mode), (1, 0o4755));
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let refused = |path: &Path, said: &str| {
            let error = Payload::read(path).unwrap_err();
            assert_eq!(error.exit_code(), exit::USAGE, "{error}");
            assert!(error.to_string().contains(said), "{error}");
        };
        refused(&at("missing"), "there is no such folder");
        refused(dir.path(), "there is nothing in it");
        fs::write(at("file"), "").unwrap();
        refused(&at("file"), "a regular file");
        let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        refused(dir.path(), "a socket");
        drop(socket);
        fs::remove_file(at("socket")).unwrap();
        let pipe = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), pipe, rustix::fs::Mode::RWXU, 0).unwrap();
        refused(dir.path(), "a named pipe");
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "12345").unwrap();
        fs::write(at("none"), "").unwrap();
        let payload = Payload::read(dir.path()).unwrap();
        let read = |name: &str| {
            let name = Path::new(name);
            let EntryKind::File(stamp) = payload.entry(name).unwrap().kind else {
                panic!("no file");
            };
            let mut text = String::new();
            let mut contents = payload.contents(name, stamp);
            contents.read_to_string(&mut text).map(|_| text)
        };
        let said = |name: &str| {
            let error = Unread::of(read(name).unwrap_err()).unwrap();
            assert_eq!(error.exit_code(), exit::IO);
            assert!(error.to_string().starts_with(&*at(name).to_string_lossy()));
            error.to_string()
        };
        assert_eq!(
            (read("file").unwrap(), read("none").unwrap()),
            ("12345".to_owned(), String::new())
        );
        // as long as before
        fs::write(at("file"), "54321").unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        File::open(at("file")).unwrap().set_modified(later).unwrap();
        assert!(said("file").contains("it changed"));
        fs::write(at("none"), "1").unwrap();
        assert!(said("none").contains("it changed"));
        fs::remove_file(at("file")).unwrap();
        fs::write(at("other"), "12345").unwrap();
        symlink("other", at("file")).unwrap();
        said("file");
        fs::remove_file(at("file")).unwrap();
        assert!(said("file").contains("No such file"));
    }

    #[test]
    fn what_is_added_while_a_file_is_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "12345").unwrap();
        let stamp = Stamp::of(&fs::metadata(&path).unwrap());
        let payload = Payload::read(dir.path()).unwrap();
        let mut contents = payload.contents(Path::new("log"), stamp);
        let mut some = [0; 3];
        contents.read_exact(&mut some).unwrap();
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"6")
            .unwrap();
        assert!(io::copy(&mut contents, &mut io::sink()).is_err());
    }
}
