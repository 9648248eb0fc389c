//! Reading files that others may have made.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::kind_of;

/// The most that a file of data, text or configuration holds, in bytes.
pub const MAX_DATA: u64 = 64 << 20;

/// Opens a regular file. What a link leads to counts, not the link.
///
/// # Errors
/// When it cannot be opened, or is a folder, a named pipe, a socket or a device.
pub fn open(path: &Path) -> io::Result<File> {
    // asked before as well: opening a device can do something
    regular(&fs::metadata(path)?)?;
    let file = OpenOptions::new()
        .read(true)
        // a pipe that took its place meanwhile does not make us wait
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

fn regular(facts: &fs::Metadata) -> io::Result<()> {
    let kind = facts.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let error = match kind.is_dir() {
        true => io::ErrorKind::IsADirectory,
        false => io::ErrorKind::InvalidInput,
    };
    let text = format!("it is {}, not a regular file", kind_of(kind));
    Err(io::Error::new(error, text))
}

/// The whole of a regular file of at most `limit` bytes.
///
/// # Errors
/// When it cannot be read, is no regular file, or is larger.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("it is larger than {}", size(limit));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The text of a regular file of at most [`MAX_DATA`] bytes.
///
/// # Errors
/// When it cannot be read, is no regular file, is larger, or is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(read(path, MAX_DATA)?).map_err(not_text)
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} bytes"),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let pipe = at("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        for (name, what) in [
            ("pipe", "a named pipe"),
            ("socket", "a socket"),
            ("zero", "a device"),
            ("", "a folder"),
        ] {
            let error = read(&at(name), 100).unwrap_err().to_string();
            assert!(error.contains(what), "{name}: {error}");
        }
        fs::write(at("file"), "x").unwrap();
        symlink("file", at("link")).unwrap();
        assert_eq!(read_text(&at("link")).unwrap(), "x");
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let error = read(&path, 1 << 20).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(error.to_string(), "it is larger than 1 MiB");
    }
}
