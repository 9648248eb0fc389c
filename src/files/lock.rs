//! One process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use miette::Diagnostic;
use rustix::fs::OFlags;
use thiserror::Error;

use super::kind_of;

/// A lock file that no other process can take. Given back when dropped, and by the system however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a lock could not be taken.
#[derive(Debug, Error, Diagnostic)]
pub enum LockError {
    /// Another process has it.
    #[error("another kflake ({who}) is at work in {}", crate::text::shown(folder))]
    #[diagnostic(code(kflake::files::busy), help("wait for it to end"))]
    Busy {
        /// The folder that the lock file is in.
        folder: PathBuf,
        /// `process 123`.
        who: String,
    },
    /// The file cannot be used.
    #[error("{}: {}", crate::text::shown(path), super::reason(path, source))]
    #[diagnostic(code(kflake::files::lock))]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The wait for it was ended.
    #[error("interrupted")]
    #[diagnostic(code(kflake::files::interrupted))]
    Interrupted,
}

impl Lock {
    /// Takes the lock at `path`, where nobody has it. Its folder has to exist; the file comes into being, and stays.
    ///
    /// # Errors
    /// When another process has it, or it cannot be written, or is no regular file.
    pub fn take(path: &Path) -> Result<Lock, LockError> {
        Lock::wait(path, Duration::ZERO)
    }

    /// Takes the lock at `path`, waiting for `limit` where another process has it.
    ///
    /// # Errors
    /// As [`Lock::take`], after that time.
    pub fn wait(path: &Path, limit: Duration) -> Result<Lock, LockError> {
        Lock::wait_unless(path, limit, &AtomicBool::new(false))
    }

    /// Takes the lock at `path`, waiting for `limit` where another process has it, or until `stop` is set.
    ///
    /// # Errors
    /// As [`Lock::take`], after that time, and when `stop` was set.
    pub fn wait_unless(path: &Path, limit: Duration, stop: &AtomicBool) -> Result<Lock, LockError> {
        let io = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = open(path).map_err(io)?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if stop.load(Ordering::Relaxed) => {
                    return Err(LockError::Interrupted);
                }
                Err(TryLockError::WouldBlock) if since.elapsed() < limit => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Busy {
                        folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
                        who: holder(&mut file),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        }
        note(&mut file).map_err(io)?;
        Ok(Lock { _file: file })
    }
}

/// The lock file; what it holds stays as it is.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other(format!(
            "it is {}, not a lock",
            kind_of(kind)
        )))
    }
}

/// Who has the lock, as far as is known: for the message only.
fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    let _ = file.take(20).read_to_string(&mut pid);
    let number: String = pid.chars().filter(char::is_ascii_digit).collect();
    format!("process {number}")
}

fn note(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".lock");
        let first = Lock::take(&path).unwrap();
        let error = Lock::take(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
        drop(first);
        Lock::take(&path).unwrap();
    }

    #[test]
    fn waiting_ends_with_the_lock_or_the_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".lock");
        let first = Lock::take(&path).unwrap();
        assert!(matches!(
            Lock::wait(&path, Duration::from_millis(50)),
            Err(LockError::Busy { .. })
        ));
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || Lock::wait(&path, Duration::from_secs(20)).is_ok()
        });
        drop(first);
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn a_link_is_no_lock() {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join("precious");
        std::fs::write(&precious, "mine").unwrap();
        let path = dir.path().join(".lock");
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        assert!(matches!(Lock::take(&path), Err(LockError::Io { .. })));
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "mine");
    }
}
