//! One run at a time that generates or evaluates a project's flake.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::ProjectError;

/// How often a taken lock is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// The project's flake is this run's, until dropped; the system gives it back however the process ends.
#[derive(Debug)]
pub(super) struct Guard {
    _file: File,
}

impl Guard {
    /// Takes the flake whose `state` folder this is, waiting for whoever has it until `stop` is set.
    pub(super) fn take(state: &Path, stop: &AtomicBool) -> Result<Guard, ProjectError> {
        fs::create_dir_all(state).map_err(ProjectError::io(state))?;
        let path = state.join("flake.lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(ProjectError::io(&path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Guard { _file: file }),
                Err(TryLockError::WouldBlock) if stop.load(Ordering::Relaxed) => {
                    return Err(ProjectError::Interrupted);
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(AGAIN),
                Err(TryLockError::Error(error)) => return Err(ProjectError::io(&path)(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn one_waits_for_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let inside = AtomicU32::new(0);
        let go = || {
            for _ in 0..3 {
                let _guard = Guard::take(dir.path(), &AtomicBool::new(false)).unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                std::thread::sleep(Duration::from_millis(5));
                inside.fetch_sub(1, Ordering::SeqCst);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(go);
            }
        });
    }

    #[test]
    fn waiting_can_be_ended() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Guard::take(dir.path(), &AtomicBool::new(false)).unwrap();
        let error = Guard::take(dir.path(), &AtomicBool::new(true)).unwrap_err();
        assert!(matches!(error, ProjectError::Interrupted), "{error}");
    }
}
