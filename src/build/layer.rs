//! A layer of a container image: a payload as a compressed tar, the same to the bit wherever and whenever it is written.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::BuildError;
use super::payload::{Entry, EntryKind, Payload, Unread};
use crate::hash::{Hashing, Sha256};

/// What names in a layer begin with that take something away from the layers below.
pub(super) const WHITEOUT: &str = ".wh.";

/// What was written.
#[derive(Debug)]
pub(super) struct Layer {
    /// Digest of the file.
    pub digest: Sha256,
    /// Its bytes.
    pub size: u64,
    /// Digest of what it unpacks to.
    pub diff_id: Sha256,
}

/// Writes those of the payload's entries that `takes` as the file `to`, all root's and of the time `time`.
///
/// # Errors
/// When one has a name that means something else in a layer, or a file cannot be read or written.
pub(super) fn write(
    payload: &Payload,
    takes: impl Fn(&Entry) -> bool,
    time: u64,
    to: &Path,
) -> Result<Layer, BuildError> {
    for entry in payload.entries() {
        let name = entry.path.file_name().unwrap_or_default();
        if name.as_bytes().starts_with(WHITEOUT.as_bytes()) {
            return Err(BuildError::Payload {
                path: payload.at(&entry.path),
                reason: "in a layer, such a name removes a file from the layers below".to_owned(),
                help: "rename it: no file in an image can have such a name".to_owned(),
            });
        }
    }
    let io = || BuildError::io(to);
    let file = BufWriter::new(File::create_new(to).map_err(io())?);
    let packed = GzEncoder::new(Hashing::new(file), Compression::default());
    let mut tar = Archive {
        to: Hashing::new(packed),
        time,
    };
    for entry in payload.entries().iter().filter(|it| takes(it)) {
        tar.entry(payload, entry).map_err(Unread::or_of(to))?;
    }
    let (packed, diff_id, _) = tar.end().map_err(io())?;
    let (mut file, digest, size) = packed.finish().map_err(io())?.finish();
    file.flush().map_err(io())?;
    Ok(Layer {
        digest,
        size,
        diff_id,
    })
}

/// Names go in as they are, byte for byte; a library would tidy them up.
struct Archive<W> {
    to: Hashing<W>,
    time: u64,
}

impl<W: Write> Archive<W> {
    fn entry(&mut self, payload: &Payload, entry: &Entry) -> io::Result<()> {
        let mut name = entry.path.as_os_str().as_bytes().to_vec();
        let (kind, file, link) = match &entry.kind {
            EntryKind::Folder => {
                name.push(b'/');
                (EntryType::Directory, None, &[][..])
            }
            EntryKind::File(stamp) => (EntryType::Regular, Some(*stamp), &[][..]),
            EntryKind::Link(target) => (EntryType::Symlink, None, target.as_os_str().as_bytes()),
        };
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(file.map_or(0, |it| it.size));
        header.set_mode(entry.mode);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        self.long(EntryType::GNULongLink, link, 100)?;
        self.long(EntryType::GNULongName, &name, 100)?;
        if let Some(fields) = header.as_gnu_mut() {
            fill(&mut fields.name, &name);
            fill(&mut fields.linkname, link);
        }
        header.set_cksum();
        self.to.write_all(header.as_bytes())?;
        match file {
            Some(stamp) => self.data(&mut payload.contents(&entry.path, stamp)),
            None => Ok(()),
        }
    }

    /// What a header has no room for goes ahead of it, under a name that GNU's tar gives to that.
    fn long(&mut self, kind: EntryType, text: &[u8], room: usize) -> io::Result<()> {
        if text.len() < room {
            return Ok(());
        }
        let text = [text, b"\0"].concat();
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        if let Some(fields) = header.as_gnu_mut() {
            fill(&mut fields.name, b"././@LongLink");
        }
        header.set_cksum();
        self.to.write_all(header.as_bytes())?;
        self.data(&mut text.as_slice())
    }

    fn data(&mut self, from: &mut dyn Read) -> io::Result<()> {
        let length = io::copy(from, &mut self.to)?;
        let missing = length.next_multiple_of(512) - length;
        self.to.write_all(&[0; 512][..missing as usize])
    }

    fn end(mut self) -> io::Result<(W, Sha256, u64)> {
        self.to.write_all(&[0; 1024])?;
        Ok(self.to.finish())
    }
}

fn fill(field: &mut [u8], text: &[u8]) {
    let length = field.len().min(text.len());
    field[..length].copy_from_slice(&text[..length]);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_layer_is_the_same_wherever_and_whenever_and_others_read_it() {
        let long = format!("{}/{}", "d".repeat(90), "n".repeat(200));
        let target = "../".repeat(60);
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for (dir, names) in dirs.iter().zip([["a", "z"], ["z", "a"]]) {
            let at = |name: &str| dir.path().join("staging").join(name);
            fs::create_dir_all(at(&long).parent().unwrap()).unwrap();
            fs::write(at(&long), "long").unwrap();
            symlink(&target, at("link")).unwrap();
            for name in names {
                fs::write(at(name), name).unwrap();
                fs::set_permissions(at(name), fs::Permissions::from_mode(0o4750)).unwrap();
            }
        }
        let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(86_400);
        let file = File::open(dirs[0].path().join("staging/a")).unwrap();
        file.set_modified(then).unwrap();
        let layers = dirs.each_ref().map(|dir| {
            let payload = Payload::read(&dir.path().join("staging")).unwrap();
            write(&payload, |_| true, 1, &dir.path().join("layer")).unwrap()
        });
        assert_eq!(layers[0].digest, layers[1].digest);
        let packed = fs::read(dirs[0].path().join("layer")).unwrap();
        assert_eq!(layers[0].digest, Sha256::of_bytes(&packed));
        assert_eq!(layers[0].size, packed.len() as u64);
        let mut bytes = Vec::new();
        GzDecoder::new(packed.as_slice())
            .read_to_end(&mut bytes)
            .unwrap();
        assert_eq!(layers[0].diff_id, Sha256::of_bytes(&bytes));

        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let header = entry.header().clone();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (1, 0));
            match name.as_str() {
                "a" => assert_eq!(header.mode().unwrap(), 0o4750),
                "link" => {
                    assert_eq!(&*entry.link_name_bytes().unwrap(), target.as_bytes());
                }
                name if name == long => {
                    let mut text = String::new();
                    entry.read_to_string(&mut text).unwrap();
                    assert_eq!(text, "long");
                }
                _ => {}
            }
            names.push(name);
        }
        let folder = format!("{}/", "d".repeat(90));
        assert_eq!(names, ["a", folder.as_str(), long.as_str(), "link", "z"]);
    }

    #[test]
    fn a_name_that_would_remove_something_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/.wh.passwd"), "").unwrap();
        let payload = Payload::read(dir.path()).unwrap();
        let to = tempfile::NamedTempFile::new().unwrap();
        let error = write(&payload, |_| true, 1, to.path()).unwrap_err();
        assert!(error.to_string().contains("removes a file"), "{error}");
    }
}
