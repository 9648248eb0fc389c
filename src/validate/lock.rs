//! One run at a time in a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

/// A folder that no other run can take. Given back when dropped, and by the system however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a folder could not be taken.
#[derive(Debug, Error, Diagnostic)]
pub enum LockError {
    /// Another run has it.
    #[error("another kflake ({who}) is at work in {}", folder.display())]
    #[diagnostic(
        code(kflake::validate::busy),
        help("wait for it, or give this run a folder of its own with --report DIR")
    )]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// `process 123`.
        who: String,
    },
    /// The folder cannot be used.
    #[error("{}: {source}", path.display())]
    #[diagnostic(code(kflake::validate::folder))]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// Takes `folder`.
    ///
    /// # Errors
    /// When another run has it, or it cannot be written.
    pub fn take(folder: &Path) -> Result<Lock, LockError> {
        let path = folder.join(".lock");
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // only for the message
                let _ = (&mut file).take(20).read_to_string(&mut pid);
                let number: String = pid.chars().filter(char::is_ascii_digit).collect();
                return Err(LockError::Busy {
                    folder: folder.to_owned(),
                    who: format!("process {number}"),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let note = |file: &mut File| -> io::Result<()> {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "{}", std::process::id())
        };
        note(&mut file).map_err(io)?;
        Ok(Lock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let error = Lock::take(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        Lock::take(dir.path()).unwrap();
    }
}
