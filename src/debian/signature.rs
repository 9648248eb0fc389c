//! Signed texts: what is in them counts once gpgv has found the signature good.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::error::{ArchiveError, IndexError};
use crate::files::{self, Scratch};
use crate::text::clean_line;

/// Where Debian's `debian-archive-keyring` puts the archive's keys.
pub const ARCHIVE_KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The most that a keyring holds, in bytes; Debian's has 60 KB.
const MAX_KEYRING: u64 = 16 << 20;

/// How a signed text begins, and its signature.
const MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";

/// What is in those lines of gpgv's that say why a signature does not count.
const TELLING: [&str; 7] = [
    "BAD",
    "Can't check",
    "expired",
    "revoked",
    "rror",
    "weak",
    "rejected",
];

/// The keys of those whose word is taken.
#[derive(Debug)]
pub struct Keyring {
    path: PathBuf,
}

impl Keyring {
    /// The keys in the file `path`, and gpgv to check with.
    ///
    /// # Errors
    /// When the file cannot be read, or there is no gpgv.
    pub fn open(path: &Path) -> Result<Keyring, ArchiveError> {
        let unreadable = |source| ArchiveError::NoKeyring {
            path: path.to_owned(),
            source,
        };
        files::read(path, MAX_KEYRING).map_err(unreadable)?;
        // gpgv looks for names without a slash in a folder of its own
        let path = path.canonicalize().map_err(unreadable)?;
        let gpgv = Command::new("gpgv").arg("--version").output();
        gpgv.map_err(|source| ArchiveError::NoGpgv { source })?;
        Ok(Keyring { path })
    }

    /// The text that `signed` carries, of which no byte is outside of the signature.
    ///
    /// # Errors
    /// When it is not one signed text, or no key of the keyring made a good signature of it.
    pub(super) fn text_of(&self, signed: &[u8]) -> Result<String, IndexError> {
        self.verified(signed)
            .map_err(|reason| IndexError::Signature { reason })
    }

    fn verified(&self, signed: &[u8]) -> Result<String, String> {
        let text = std::str::from_utf8(signed).map_err(|_| "it is not text")?;
        let times = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        // gpgv would take several for one
        if !text.starts_with(MESSAGE) || times(MESSAGE) != 1 || times(SIGNATURE) != 1 {
            return Err("it is not one signed text".to_owned());
        }
        let scratch = Scratch::new().map_err(|error| error.to_string())?;
        let at = |name: &str| scratch.path().join(name);
        let fail = |error: io::Error| format!("gpgv cannot be run: {error}");
        files::replace(&at("InRelease"), signed).map_err(fail)?;
        let output = Command::new("gpgv")
            .arg("--homedir")
            .arg(scratch.path())
            .arg("--keyring")
            .arg(&self.path)
            .args(["--weak-digest", "SHA1", "--status-fd", "1", "--output"])
            .arg(at("text"))
            .arg(at("InRelease"))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .map_err(fail)?;
        verdict(&output)?;
        files::read_text(&at("text")).map_err(fail)
    }
}

/// Whether one of the signatures is good, and none bad. That others are of keys which the keyring lacks is no fault: Debian signs
/// with a new key before everybody has it.
fn verdict(output: &Output) -> Result<(), String> {
    let status = String::from_utf8_lossy(&output.stdout);
    let has = |word: &str| {
        let words = |line: &str| line.strip_prefix("[GNUPG:] ").map(str::to_owned);
        let mut lines = status.lines().filter_map(words);
        lines.any(|line| line.split(' ').next() == Some(word))
    };
    if has("GOODSIG") && has("VALIDSIG") && !has("BADSIG") {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<String> = said
        .lines()
        .map(clean_line)
        .filter(|line| TELLING.iter().any(|word| line.contains(word)))
        .collect();
    Err(match said.is_empty() {
        true => "no key in the keyring made it".to_owned(),
        false => said.join("; "),
    })
}
