//! Archives as people bring them: tar, packed or not. What else there is, is named.

use std::io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

use super::content::Content;
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
    Other(Content),
    /// What unpacks it refused its beginning.
    Damaged(io::Error),
}

/// `error` of a library that unpacks, in plain words; kflake's own stay as they are.
pub(crate) fn damage(error: io::Error) -> io::Error {
    let said = error.to_string();
    let says = |words: &[&str]| words.iter().any(|it| said.contains(it));
    let ends = error.kind() == io::ErrorKind::UnexpectedEof
        || says(&["incomplete", "failed to read entire block"]);
    if ends {
        io::Error::new(error.kind(), "it ends too early")
    } else if says(&["numeric field", "checksum", "corrupt", "archive header"]) {
        io::Error::new(error.kind(), "what is in it does not fit together")
    } else {
        error
    }
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
    fn of(start: &[u8]) -> Result<Self, Content> {
        match Content::of(start) {
            Content::Xz => Ok(Packing::Xz),
            Content::Gzip => Ok(Packing::Gzip),
            Content::Bzip2 => Ok(Packing::Bzip2),
            Content::Lzma => Ok(Packing::Lzma),
            Content::Tar => Ok(Packing::Tar),
            other => Err(other),
        }
    }

    /// What `file`, from its start, unpacks to.
    fn unpack(self, file: impl BufRead + 'static) -> io::Result<Box<dyn Read>> {
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
    let unpacked = packing.unpack(BufReader::new(file));
    let mut unpacked = unpacked.map_err(ArchiveError::Damaged)?;
    let mut start = Vec::new();
    let read = (&mut unpacked).take(512).read_to_end(&mut start);
    let content = Content::of(&start);
    if content != Content::Tar {
        // what is packed may be one file
        read.map_err(ArchiveError::Damaged)?;
        return Err(ArchiveError::Other(content));
    }
    Ok(tar::Archive::new(Box::new(
        io::Cursor::new(start).chain(unpacked),
    )))
}

/// The files in the Debian package at `path`.
///
/// # Errors
/// When it cannot be read, or is none.
pub(crate) fn open_package(path: &Path) -> Result<Archive, ArchiveError> {
    let file = open(path).map_err(ArchiveError::Unreadable)?;
    let is_data = |name: &str| name.starts_with("data.tar");
    let data = ar_member(BufReader::new(file), is_data).map_err(ArchiveError::Damaged)?;
    let Some(mut data) = data else {
        let error = io::Error::new(io::ErrorKind::InvalidData, "the package holds no files");
        return Err(ArchiveError::Damaged(error));
    };
    let mut start = Vec::new();
    let read = (&mut data).take(512).read_to_end(&mut start);
    read.map_err(ArchiveError::Damaged)?;
    let packing = Packing::of(&start).map_err(ArchiveError::Other)?;
    let all = BufReader::new(io::Cursor::new(start).chain(data));
    Ok(tar::Archive::new(
        packing.unpack(all).map_err(ArchiveError::Damaged)?,
    ))
}

/// A member of an `ar` archive, which a Debian package is, by its name: after 8 bytes, headers of 60 with the name first and the size,
/// in decimal, at 48; contents are padded to an even length.
///
/// # Errors
/// When it is none, or cut short.
pub(crate) fn ar_member<R: Read>(
    mut archive: R,
    is_wanted: impl Fn(&str) -> bool,
) -> io::Result<Option<io::Take<R>>> {
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "it is no ar archive");
    let mut magic = [0; 8];
    archive.read_exact(&mut magic)?;
    if magic != *b"!<arch>\n" {
        return Err(odd());
    }
    loop {
        let mut header = Vec::new();
        archive.by_ref().take(60).read_to_end(&mut header)?;
        if header.is_empty() {
            return Ok(None);
        }
        let name = header.get(..16).and_then(|it| std::str::from_utf8(it).ok());
        let size = header
            .get(48..58)
            .and_then(|it| std::str::from_utf8(it).ok());
        let size: Option<u64> = size.and_then(|it| it.trim().parse().ok());
        let (name, size) = name.zip(size).ok_or_else(odd)?;
        if is_wanted(name.trim_end().trim_end_matches('/')) {
            return Ok(Some(archive.take(size)));
        }
        let padded = size.saturating_add(size % 2);
        if io::copy(&mut archive.by_ref().take(padded), &mut io::sink())? < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"!<arch>\n".to_vec();
        for (name, content) in members {
            bytes.extend(
                format!(
                    "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                    0,
                    0,
                    0,
                    100_644,
                    content.len()
                )
                .bytes(),
            );
            bytes.extend(*content);
            if content.len() % 2 == 1 {
                bytes.push(b'\n');
            }
        }
        bytes
    }

    fn member(bytes: &[u8], wanted: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(mut found) = ar_member(bytes, |name| name == wanted)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        found.read_to_end(&mut content)?;
        Ok(Some(content))
    }

    #[test]
    fn members_are_found_behind_others_of_odd_length() {
        let bytes = archive(&[("debian-binary", b"2.0"), ("data.tar.xz/", b"abc")]);
        let found = |name| member(&bytes, name).unwrap();
        assert_eq!(found("data.tar.xz"), Some(b"abc".to_vec()));
        assert_eq!(found("debian-binary"), Some(b"2.0".to_vec()));
        assert_eq!(found("control.tar.xz"), None);
        for end in 0..bytes.len() {
            // cut short: none, and no panic
            let _ = member(&bytes[..end], "data.tar.xz");
        }
        assert!(member(b"!<arch>\nnonsense", "x").is_err());
        assert!(member(b"x", "x").is_err());
    }
}
