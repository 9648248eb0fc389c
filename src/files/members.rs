//! Archives of others, unpacked and read within bounds, whatever they say of themselves.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use tar::{Entry, EntryType};

/// The most that is read for a name, in bytes. Linux' own names end at 4096.
const MAX_NAME: u64 = 64 << 10;

/// The most memory that unpacking xz, lzma or zstd may ask for, in KiB: more than any preset does.
pub(crate) const MAX_DICTIONARY_KIB: u32 = 256 << 10;

/// What `packed`, in the format of xz, unpacks to.
pub(crate) fn unxz<R: Read>(packed: R) -> XzReader<R> {
    XzReader::new_mem_limit(packed, true, MAX_DICTIONARY_KIB)
}

/// What `packed`, in the format of zstd, unpacks to.
pub(crate) fn unzstd<R: Read>(packed: R) -> Unzstd<R> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(u64::from(MAX_DICTIONARY_KIB) << 10);
    Unzstd {
        packed: BufReader::new(packed),
        decoder,
        is_empty: true,
    }
}

/// Unpacks all frames, one after the other: the decoder knows of one alone.
pub(crate) struct Unzstd<R> {
    packed: BufReader<R>,
    decoder: FrameDecoder,
    is_empty: bool,
}

impl<R: Read> Unzstd<R> {
    /// Begins the next frame that holds data; whether there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        let is_whole = self
            .decoder
            .get_checksum_from_data()
            .is_none_or(|wanted| self.decoder.get_calculated_checksum() == Some(wanted));
        if !is_whole {
            return Err(odd("zstd: the checksum is another one"));
        }
        while !self.packed.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => {
                    self.is_empty = false;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped =
                        io::copy(&mut self.packed.by_ref().take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(odd(&format!("zstd: {error}"))),
            }
        }
        match self.is_empty {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(false),
        }
    }
}

impl<R: Read> Read for Unzstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let length = self.decoder.read(buffer)?;
            if length > 0 {
                return Ok(length);
            }
            if !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.packed, one);
                decoded.map_err(|error| odd(&format!("zstd: {error}")))?;
            } else if !self.next_frame()? {
                return Ok(0);
            }
        }
    }
}

fn odd(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
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
        return Err(odd(&format!("a member's name of {} bytes", entry.size())));
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

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        unzstd(bytes).read_to_end(&mut all).map(|_| all)
    }

    #[test]
    fn zstd_is_read_to_its_last_frame() {
        let text = "kflake ".repeat(50_000);
        let frame = compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
        let skipped = [&b"\x50\x2a\x4d\x18\x03\0\0\0"[..], b"abc"].concat();
        assert_eq!(unpacked(&frame).unwrap(), text.as_bytes());
        let all = [&skipped[..], &frame, &skipped, &frame].concat();
        assert_eq!(unpacked(&all).unwrap(), text.repeat(2).as_bytes());
        for bad in [
            &b""[..],
            b"no zstd",
            &skipped,
            &skipped[..9],
            &frame[..frame.len() - 1],
            &[&frame[..], b"x"].concat(),
        ] {
            assert!(unpacked(bad).is_err(), "{} bytes", bad.len());
        }
        // a window of terabytes is not made room for
        let greedy = b"\x28\xb5\x2f\xfd\0\xff\x01\0\0";
        let error = unpacked(greedy).unwrap_err().to_string();
        assert!(error.contains("indow"), "{error}");
    }
}
