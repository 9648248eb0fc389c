//! Digests of files, in the spellings that facts and Nix use.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256 as Sha256Hasher};

/// What a digest in SRI's spelling begins with.
const SRI_PREFIX: &str = "sha256-";
/// How long it is in all: 32 bytes in base64 follow.
const SRI_LENGTH: usize = SRI_PREFIX.len() + 44;

/// A SHA-256 digest, read from hex or SRI (`sha256-…=`), written as SRI.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^(sha256-[A-Za-z0-9+/]{43}=|[0-9A-Fa-f]{64})$"))]
pub struct Sha256([u8; 32]);

/// Why a text is not a SHA-256 digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sha256: expected `sha256-` and 44 base64 characters, or 64 hex digits")]
pub struct HashError;

impl Sha256 {
    /// Digest of all that `input` holds.
    ///
    /// # Errors
    /// When reading fails.
    pub fn of_reader(mut input: impl Read) -> io::Result<Self> {
        let mut hasher = Sha256Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match input.read(&mut buffer)? {
                0 => return Ok(Sha256(hasher.finalize().into())),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    /// Digest of `bytes`.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Sha256(Sha256Hasher::digest(bytes).into())
    }

    /// The digest in lower-case hex.
    pub fn hex(&self) -> String {
        HEXLOWER_PERMISSIVE.encode(&self.0)
    }

    /// The digest as SRI, the form Nix's fetchers take.
    pub fn sri(&self) -> String {
        let mut text = String::with_capacity(SRI_LENGTH);
        text.push_str(SRI_PREFIX);
        BASE64.encode_append(&self.0, &mut text);
        text
    }
}

/// Passes on what is written or read, and knows its digest and length.
pub struct Hashing<T> {
    inner: T,
    hasher: Sha256Hasher,
    length: u64,
}

impl<T> Hashing<T> {
    /// Passes on to `inner`, or from it.
    pub fn new(inner: T) -> Hashing<T> {
        Hashing {
            inner,
            hasher: Sha256Hasher::new(),
            length: 0,
        }
    }

    /// Where it was passed on to or from, its digest, and how many bytes it was.
    pub fn finish(self) -> (T, Sha256, u64) {
        let digest = Sha256(self.hasher.finalize().into());
        (self.inner, digest, self.length)
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count(&buffer[..length]);
        Ok(length)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.count(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl FromStr for Sha256 {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let bytes = match text.strip_prefix(SRI_PREFIX) {
            Some(base64) => BASE64.decode(base64.as_bytes()),
            None => HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
        };
        let bytes = bytes.map_err(|_| HashError)?;
        bytes.try_into().map(Sha256).map_err(|_| HashError)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sri())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Sha256 {
    type Error = HashError;

    fn try_from(text: String) -> Result<Self, HashError> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> String {
        hash.sri()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_spellings() {
        let empty = Sha256::of_bytes(b"");
        assert_eq!(
            empty.sri(),
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
        assert_eq!(empty.hex().parse(), Ok(empty));
        assert_eq!(empty.sri().parse(), Ok(empty));
        assert_eq!(Sha256::of_reader(&b""[..]).unwrap(), empty);
    }

    #[test]
    fn refuses_other_texts() {
        for text in [
            "",
            "sha256-",
            "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            "zz",
            &"a".repeat(63),
            &"g".repeat(64),
        ] {
            assert_eq!(text.parse::<Sha256>(), Err(HashError), "{text}");
        }
    }
}
