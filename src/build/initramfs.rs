//! Initramfs archives (cpio, "newc") that are made here: a folder as one, and what is added to one of ours.
//!
//! A kernel unpacks archives that follow each other, so that an addition needs nothing of what is before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use walkdir::WalkDir;

/// The most that one may hold, in bytes: it has to fit into a machine's memory twice.
pub const MAX: u64 = 1 << 30;

const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// An archive that is being written.
pub struct Initramfs {
    to: BufWriter<File>,
    entries: u32,
    written: u64,
}

impl Initramfs {
    /// Begins one as the file `path`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> io::Result<Initramfs> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Initramfs {
            to: BufWriter::new(file),
            entries: 0,
            written: 0,
        })
    }

    /// Begins another one behind the one that `path` holds.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn behind(path: &Path) -> io::Result<Initramfs> {
        let file = OpenOptions::new().append(true).open(path)?;
        let length = file.metadata()?.len();
        let mut archive = Initramfs {
            to: BufWriter::new(file),
            entries: 0,
            written: 0,
        };
        // kernels look for the next one at multiples of four
        archive.pad(length)?;
        archive.written = 0;
        Ok(archive)
    }

    /// Adds a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.head(name.as_bytes(), FILE | 0o600, bytes.len() as u64, 0)?;
        self.data(bytes)?;
        self.pad(bytes.len() as u64)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn link(&mut self, name: &str, target: &[u8]) -> io::Result<()> {
        self.head(name.as_bytes(), LINK | 0o777, target.len() as u64, 0)?;
        self.data(target)?;
        self.pad(target.len() as u64)
    }

    /// Adds what is in `folder`, all of it root's, but for what `leaves_out` says of names at its top. Links are links, and sockets
    /// are left out.
    ///
    /// # Errors
    /// When something cannot be read or written, or it is too much.
    pub fn folder(&mut self, folder: &Path, leaves_out: impl Fn(&Path) -> bool) -> io::Result<()> {
        let walk = WalkDir::new(folder).min_depth(1).sort_by_file_name();
        let own = |path: &Path| {
            path.strip_prefix(folder)
                .map(Path::to_owned)
                .unwrap_or_default()
        };
        for entry in walk
            .into_iter()
            .filter_entry(|entry| !leaves_out(&own(entry.path())))
        {
            let entry = entry.map_err(io::Error::from)?;
            let at = |error: io::Error| {
                let text = format!("{}: {error}", crate::text::shown(entry.path()));
                io::Error::new(error.kind(), text)
            };
            let facts = fs::symlink_metadata(entry.path()).map_err(at)?;
            let (kind, name) = (facts.file_type(), own(entry.path()));
            let name = name.as_os_str().as_bytes();
            if kind.is_symlink() {
                let target = fs::read_link(entry.path()).map_err(at)?;
                let target = target.as_os_str().as_bytes();
                self.head(name, facts.mode(), target.len() as u64, 0)?;
                self.data(target)?;
                self.pad(target.len() as u64)?;
            } else if kind.is_file() {
                self.head(name, facts.mode(), facts.len(), 0)?;
                self.contents(entry.path(), facts.len()).map_err(at)?;
            } else if !kind.is_socket() {
                self.head(name, facts.mode(), 0, facts.rdev())?;
            }
        }
        Ok(())
    }

    /// Adds /dev/console, which a kernel opens for its init, unless `folder` brings one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn console(&mut self, folder: &Path) -> io::Result<()> {
        if fs::symlink_metadata(folder.join("dev/console")).is_ok() {
            return Ok(());
        }
        if fs::symlink_metadata(folder.join("dev")).is_err() {
            self.head(b"dev", 0o040_755, 0, 0)?;
        }
        self.head(b"dev/console", 0o020_600, 0, rustix::fs::makedev(5, 1))
    }

    /// Ends it; how many bytes it holds.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<u64> {
        self.head(b"TRAILER!!!", 0, 0, 0)?;
        self.to.flush()?;
        Ok(self.written)
    }

    fn contents(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        let copied = io::copy(&mut file.take(length), &mut self.to)?;
        if copied != length {
            return Err(io::Error::other("it shrank while it was being read"));
        }
        self.written += copied;
        self.pad(length)
    }

    fn head(&mut self, name: &[u8], mode: u32, length: u64, device: u64) -> io::Result<()> {
        if self.written + length > MAX {
            return Err(io::Error::other(format!(
                "it is more than {} MiB, and has to fit into the machine's memory",
                MAX >> 20
            )));
        }
        self.entries += 1;
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            length as u32,
            0,
            0,
            rustix::fs::major(device),
            rustix::fs::minor(device),
            name.len() as u32 + 1,
            0,
        ];
        let mut head = b"070701".to_vec();
        for field in fields {
            head.extend(format!("{field:08x}").bytes());
        }
        head.extend(name);
        head.push(0);
        let length = head.len() as u64;
        self.data(&head)?;
        self.pad(length)
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// What brings something of `length` bytes to a multiple of four.
    fn pad(&mut self, length: u64) -> io::Result<()> {
        let missing = length.next_multiple_of(4) - length;
        self.data(&[0; 3][..missing as usize])
    }
}

/// Where the root that `folder` is to become has an init of its own, as the kernel would call it.
pub fn init_of(folder: &Path) -> Option<&'static str> {
    let there =
        |name: &&str| fs::symlink_metadata(folder.join(&name[1..])).is_ok_and(|it| !it.is_dir());
    ["/init", "/sbin/init", "/etc/init", "/bin/init"]
        .into_iter()
        .find(there)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_is_unpacked_as_it_was_and_additions_follow() {
        let dir = tempfile::tempdir().unwrap();
        let (root, file) = (dir.path().join("root"), dir.path().join("a.cpio"));
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::write(root.join("usr/bin/tool"), "tool").unwrap();
        fs::write(root.join("init"), "theirs").unwrap();
        symlink("/usr/bin/tool", root.join("tool")).unwrap();
        std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        assert_eq!(init_of(&root), Some("/init"));

        let mut archive = Initramfs::create(&file).unwrap();
        archive
            .folder(&root, |path| path == Path::new("init"))
            .unwrap();
        archive.console(&root).unwrap();
        let length = archive.finish().unwrap();
        assert_eq!(fs::metadata(&file).unwrap().len(), length);
        assert!(Initramfs::create(&file).is_err(), "nothing is overwritten");
        fs::write(dir.path().join("b.cpio"), "12345").unwrap();
        for name in ["a.cpio", "b.cpio"] {
            let mut more = Initramfs::behind(&dir.path().join(name)).unwrap();
            more.file("stdin", b"hi").unwrap();
            more.link("program", b"/usr/bin/tool").unwrap();
            more.finish().unwrap();
        }
        assert_eq!(fs::metadata(&file).unwrap().len() % 4, 0);
        let b = fs::read(dir.path().join("b.cpio")).unwrap();
        assert_eq!(&b[..14], b"12345\0\0\x00070701");

        // as the kernel does: one after the other
        let bytes = fs::read(&file).unwrap();
        let names = |bytes: &[u8]| {
            let (mut at, mut names) = (0, String::new());
            loop {
                assert_eq!(at % 4, 0);
                assert_eq!(&bytes[at..at + 6], b"070701");
                let field = |index: usize| {
                    let text = &bytes[at + 6 + 8 * index..at + 14 + 8 * index];
                    usize::from_str_radix(std::str::from_utf8(text).unwrap(), 16).unwrap()
                };
                let (length, name) = (field(6), field(11));
                let text = std::str::from_utf8(&bytes[at + 110..at + 109 + name]).unwrap();
                if text == "TRAILER!!!" {
                    return names;
                }
                names.push_str(text);
                names.push('\n');
                at = (at + 110 + name).next_multiple_of(4);
                at = (at + length).next_multiple_of(4);
            }
        };
        let (first, second) = bytes.split_at(length as usize);
        assert_eq!(
            names(first),
            "tool\nusr\nusr/bin\nusr/bin/tool\ndev\ndev/console\n"
        );
        assert_eq!(names(second), "stdin\nprogram\n");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        // a file of holes takes no room
        File::create(root.join("large"))
            .unwrap()
            .set_len(MAX + 1)
            .unwrap();
        let mut archive = Initramfs::create(&dir.path().join("a.cpio")).unwrap();
        let error = archive.folder(&root, |_| false).unwrap_err().to_string();
        assert!(error.contains("1024 MiB"), "{error}");
        assert_eq!(init_of(&root), None);
    }
}
