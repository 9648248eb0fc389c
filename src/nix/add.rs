//! Putting files into the store under the name and hash that a fetcher would give them.

use std::path::Path;
use std::process::Stdio;

use crate::files::Scratch;

use super::config::Settings;
use super::error::NixError;
use super::error::last_error;
use super::probe::Nix;

impl Nix {
    /// Adds `file` to the store as `name`, the way a fetch with a known hash would, and returns its path there.
    ///
    /// # Errors
    /// When the file cannot be read under that name, or Nix refuses it.
    pub fn add_fixed(
        &self,
        settings: &Settings,
        file: &Path,
        name: &str,
    ) -> Result<String, NixError> {
        let run = |source| NixError::Run {
            program: "nix-store".to_owned(),
            source,
        };
        // the store takes a file's name from its path
        let folder = Scratch::new()?;
        let named = folder.path().join(name);
        if std::fs::hard_link(file, &named).is_err() {
            std::fs::copy(file, &named).map_err(run)?;
        }
        self.add_path(settings, &named, false)
    }

    /// Adds `path` under its own name: a file by its digest, or, where `recursive`, a folder by that of its archive.
    pub(super) fn add_path(
        &self,
        settings: &Settings,
        path: &Path,
        recursive: bool,
    ) -> Result<String, NixError> {
        let run = |source| NixError::Run {
            program: "nix-store".to_owned(),
            source,
        };
        let mut command = settings.tied(self, "nix-store")?;
        command.arg("--add-fixed");
        if recursive {
            command.arg("--recursive");
        }
        let output = command
            .arg("sha256")
            .arg(path)
            .stdin(Stdio::null())
            .output()
            .map_err(run)?;
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && path.starts_with('/') {
            Ok(path)
        } else {
            Err(NixError::Store {
                reason: last_error(&output.stderr),
            })
        }
    }

    /// Keeps `path` from being collected as garbage for as long as the link `root` exists, whose folder exists.
    ///
    /// # Errors
    /// When the link cannot be made.
    pub fn add_root(&self, settings: &Settings, path: &str, root: &Path) -> Result<(), NixError> {
        let run = |source| NixError::Run {
            program: "nix-store".to_owned(),
            source,
        };
        let output = settings
            .command(self, "nix-store")?
            .arg("--add-root")
            .arg(root)
            .args(["--realise", path])
            .stdin(Stdio::null())
            .output()
            .map_err(run)?;
        if output.status.success() {
            Ok(())
        } else {
            Err(NixError::Store {
                reason: last_error(&output.stderr),
            })
        }
    }
}
