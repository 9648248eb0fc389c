//! Archives of others, unpacked and read within bounds, whatever they say of themselves.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use lzma_rust2::XzReader;
use tar::{Entry, EntryType};

/// The most that is read for a name, in bytes. Linux' own names end at 4096.
const MAX_NAME: u64 = 64 << 10;

/// The most memory that unpacking xz or lzma may ask for, in KiB: more than any preset does.
pub(crate) const MAX_DICTIONARY_KIB: u32 = 256 << 10;

/// What `packed`, in the format of xz, unpacks to.
pub(crate) fn unxz<R: Read>(packed: R) -> XzReader<R> {
    XzReader::new_mem_limit(packed, true, MAX_DICTIONARY_KIB)
}

/// Names of an archive's members, which may be too long for a header: what the archive said of the next member, ahead of it.
#[derive(Debug, Default)]
pub(crate) struct Members {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Members {
    /// Takes in an entry that only speaks of the next; whether it is one. Entries are those of a raw iteration.
    ///
    /// # Errors
    /// When it is longer than any name, or cut off.
    pub(crate) fn tell(&mut self, entry: &mut Entry<'_, impl Read>) -> io::Result<bool> {
        match entry.header().entry_type() {
            EntryType::GNULongName => self.path = Some(text(entry)?),
            EntryType::GNULongLink => self.link = Some(text(entry)?),
            EntryType::XHeader => {
                for record in bounded(entry)?.split(|b| *b == b'\n') {
                    // LENGTH KEY=VALUE
                    let record = record.splitn(2, |b| *b == b' ').nth(1).unwrap_or_default();
                    if let Some(path) = record.strip_prefix(b"path=") {
                        self.path = Some(path.to_owned());
                    } else if let Some(link) = record.strip_prefix(b"linkpath=") {
                        self.link = Some(link.to_owned());
                    }
                }
            }
            // of all members, and never of their names
            EntryType::XGlobalHeader => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The name of `entry`, which what was told so far belongs to.
    ///
    /// # Errors
    /// When it has none that can be read.
    pub(crate) fn path(&mut self, entry: &Entry<'_, impl Read>) -> io::Result<PathBuf> {
        match self.path.take() {
            Some(path) => Ok(PathBuf::from(OsStr::from_bytes(&path))),
            None => entry.path().map(|path| path.into_owned()),
        }
    }

    /// Where it leads, being a link.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(crate) fn link(&mut self, entry: &Entry<'_, impl Read>) -> io::Result<PathBuf> {
        match self.link.take() {
            Some(link) => Ok(PathBuf::from(OsStr::from_bytes(&link))),
            None => Ok(entry.link_name()?.unwrap_or_default().into_owned()),
        }
    }
}

fn bounded(entry: &mut Entry<'_, impl Read>) -> io::Result<Vec<u8>> {
    if entry.size() > MAX_NAME {
        let text = format!("a member's name of {} bytes", entry.size());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A name up to its NUL.
fn text(entry: &mut Entry<'_, impl Read>) -> io::Result<Vec<u8>> {
    let mut bytes = bounded(entry)?;
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    Ok(bytes)
}
