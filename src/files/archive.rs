//! Archives as people bring them: tar, packed or not. What else there is, is named.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use super::members::{MAX_DICTIONARY_KIB, unxz};
use super::read::open;

/// A tar, unpacked as it is read.
pub(crate) type Archive = tar::Archive<Box<dyn Read>>;

/// Why a file is not read as an archive.
#[derive(Debug)]
pub(crate) enum ArchiveError {
    /// It cannot be read at all.
    Unreadable(io::Error),
    /// It is something else, or packed in a way that builds do not unpack.
    Other(&'static str),
    /// What unpacks it refused its beginning.
    Damaged(io::Error),
}

/// How a file is packed, by what it begins with; its name may say something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Xz,
    Gzip,
    Bzip2,
    Lzma,
    Tar,
}

impl Packing {
    /// # Errors
    /// What the file is instead.
    fn of(start: &[u8]) -> Result<Self, &'static str> {
        // the name of the first member, a string, and the magic of every tar since 1988
        let is_tar = start.get(257..262) == Some(b"ustar");
        match start {
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Ok(Packing::Xz),
            [0x1f, 0x8b, ..] => Ok(Packing::Gzip),
            [b'B', b'Z', b'h', ..] => Ok(Packing::Bzip2),
            [0x5d, 0, 0, ..] => Ok(Packing::Lzma),
            _ if is_tar => Ok(Packing::Tar),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Err("a zip archive"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Err("packed with zstd"),
            [0x7f, b'E', b'L', b'F', ..] => Err("an ELF file"),
            [b'7', b'z', 0xbc, 0xaf, ..] => Err("a 7z archive"),
            [b'R', b'a', b'r', b'!', ..] => Err("a rar archive"),
            [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => {
                Err("a Debian package or another ar archive")
            }
            [0xed, 0xab, 0xee, 0xdb, ..] => Err("an rpm package"),
            [] => Err("empty"),
            _ => Err("not an archive that kflake knows"),
        }
    }

    /// What `file` unpacks to.
    fn unpack(self, file: File) -> io::Result<Box<dyn Read>> {
        let file = BufReader::new(file);
        Ok(match self {
            Packing::Xz => Box::new(unxz(file)),
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
            Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
            Packing::Lzma => Box::new(lzma_rust2::LzmaReader::new_mem_limit(
                file,
                MAX_DICTIONARY_KIB,
                None,
            )?),
            Packing::Tar => Box::new(file),
        })
    }
}

/// The archive in the file at `path`.
///
/// # Errors
/// When it cannot be read, or is something else.
pub(crate) fn open_archive(path: &Path) -> Result<Archive, ArchiveError> {
    let mut file = open(path).map_err(ArchiveError::Unreadable)?;
    let mut start = Vec::new();
    let read = (&mut file).take(512).read_to_end(&mut start);
    read.and_then(|_| file.seek(SeekFrom::Start(0)))
        .map_err(ArchiveError::Unreadable)?;
    let packing = Packing::of(&start).map_err(ArchiveError::Other)?;
    Ok(tar::Archive::new(
        packing.unpack(file).map_err(ArchiveError::Damaged)?,
    ))
}
