//! What the init of one run proves itself with: a text that came along in its initramfs, and that nothing else in the machine can read.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::files;

/// What begins the file with the nonce in an initramfs, the last one there.
const PLACE: &str = "KFLAKE-NONCE:";
/// The most that an initramfs of ours holds, in bytes.
const MAX_ARCHIVE: u64 = 1 << 30;
/// Hexadecimal digits of a nonce.
const DIGITS: usize = 32;

/// A text that nobody can guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new() -> io::Result<Nonce> {
        let mut bytes = [0; DIGITS / 2];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Nonce(data_encoding::HEXLOWER.encode(&bytes)))
    }

    /// Writes the initramfs at `from`, which has room for a nonce, to `to` with this one in it.
    ///
    /// # Errors
    /// When either file cannot be used, or there is no such room.
    pub fn write_into(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut archive = files::read(from, MAX_ARCHIVE)?;
        let room = format!("{PLACE}{}", "0".repeat(DIGITS));
        let at = archive
            .windows(room.len())
            .rposition(|window| window == room.as_bytes())
            .ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "it has no room for a nonce")
            })?;
        archive[at + PLACE.len()..at + room.len()].copy_from_slice(self.0.as_bytes());
        files::replace(to, &archive)
    }

    /// What begins a line of init's, which it says under `name`.
    pub(super) fn mark(&self, name: &str) -> String {
        format!("{name}: {self} ")
    }

    /// A known one.
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Nonce {
        Nonce(text.to_owned())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_room_is_filled_and_nothing_else_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let room = format!("{PLACE}{}", "0".repeat(DIGITS));
        fs::write(&from, format!("a program with {room} in it\n{room}\nend")).unwrap();
        let (nonce, other) = (Nonce::new().unwrap(), Nonce::new().unwrap());
        assert_ne!(nonce, other);
        nonce.write_into(&from, &to).unwrap();
        let text = fs::read_to_string(&to).unwrap();
        assert_eq!(
            text,
            format!("a program with {room} in it\n{PLACE}{nonce}\nend")
        );
        fs::write(&from, "no room").unwrap();
        assert!(nonce.write_into(&from, &to).is_err());
    }
}
