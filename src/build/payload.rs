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
    /// A file of so many bytes.
    File(u64),
    /// A symbolic link to this, wherever that leads.
    Link(PathBuf),
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
                BuildError::io(path)(error.into())
            })?;
            let at = entry.path();
            let path = at.strip_prefix(root).unwrap_or(at).to_owned();
            let facts = fs::symlink_metadata(at).map_err(BuildError::io(at))?;
            let kind = match facts.file_type() {
                // kflake's own, where it filled the folder
                kind if kind.is_file() && path == Path::new(files::MARK) => continue,
                kind if kind.is_file() => EntryKind::File(facts.len()),
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

    /// What is in the file `path`, which had `size` bytes.
    pub fn contents(&self, path: &Path, size: u64) -> Contents {
        Contents {
            path: self.at(path),
            size,
            left: size,
            file: None,
        }
    }
}

/// A file of a payload: opened when it is first read, closed at its end, and held to the size that it had.
#[derive(Debug)]
pub struct Contents {
    path: PathBuf,
    size: u64,
    left: u64,
    file: Option<File>,
}

impl Read for Contents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.file = None;
            return Ok(0);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open(&self.path, self.size)?),
        };
        let most = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let length = file.read(&mut buffer[..most])?;
        if length == 0 && most > 0 {
            return Err(changed(&self.path));
        }
        self.left -= length as u64;
        Ok(length)
    }
}

fn open(path: &Path, size: u64) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)
        .map_err(|error| {
            let text = format!("{}: {error}", crate::text::shown(path));
            io::Error::new(error.kind(), text)
        })?;
    let facts = file.metadata()?;
    match facts.is_file() && facts.len() == size {
        true => Ok(file),
        false => Err(changed(path)),
    }
}

fn changed(path: &Path) -> io::Error {
    let path = crate::text::shown(path);
    io::Error::other(format!("{path} changed while it was read"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
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
        let payload = Payload::read(dir.path()).unwrap();
        let read = || {
            let mut text = String::new();
            let mut contents = payload.contents(Path::new("file"), 5);
            contents.read_to_string(&mut text).map(|_| text)
        };
        assert_eq!(read().unwrap(), "12345");
        fs::write(at("file"), "123456").unwrap();
        assert!(read().unwrap_err().to_string().contains("changed"));
        fs::remove_file(at("file")).unwrap();
        fs::write(at("other"), "12345").unwrap();
        symlink("other", at("file")).unwrap();
        assert!(read().is_err());
    }
}
