//! Names of an archive's members, where they are too long for a header: kept within bounds, whatever an archive says of their size.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use tar::{Entry, EntryType};

/// The most that is read for a name, in bytes. Linux' own names end at 4096.
const MAX_NAME: u64 = 64 << 10;

/// What the archive said of the next member, ahead of it.
#[derive(Default)]
pub(super) struct Names {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Names {
    /// Takes in an entry that only speaks of the next; whether it is one. Entries are those of a raw iteration.
    ///
    /// # Errors
    /// When it is longer than any name, or cut off.
    pub(super) fn tell(&mut self, entry: &mut Entry<'_, impl Read>) -> io::Result<bool> {
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
    pub(super) fn path(&mut self, entry: &Entry<'_, impl Read>) -> io::Result<PathBuf> {
        match self.path.take() {
            Some(path) => Ok(PathBuf::from(OsStr::from_bytes(&path))),
            None => entry.path().map(|path| path.into_owned()),
        }
    }

    /// Where it leads, being a link.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(super) fn link(&mut self, entry: &Entry<'_, impl Read>) -> io::Result<PathBuf> {
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
