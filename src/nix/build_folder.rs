//! Where builds have their temporary folders.
//!
//! A Nix that is killed leaves them, with gigabytes of a half-built kernel in them. They are therefore put into a temporary folder of
//! kflake's own, which the next run removes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::NixError;
use super::place::Place;
use super::version::Version;
use crate::files::Scratch;

/// The first Nix that can be told where to build, by the setting `build-dir`.
const CAN_BE_TOLD: Version = Version {
    major: 2,
    minor: 22,
    patch: 0,
};
/// The first that builds below its own state, unless it is told, and not below `TMPDIR`.
const BELOW_STATE: Version = Version {
    major: 2,
    minor: 30,
    patch: 0,
};

/// Where Nix builds below the root of its store, where it is not told otherwise.
pub(super) const BUILDS: &str = "nix/var/nix/builds";

/// The folders of one process; they go with it, or with the next.
#[derive(Debug)]
pub(super) struct BuildFolders {
    /// In place of `TMPDIR`.
    temporary: Scratch,
    /// In the place of the setting `build-dir`, where Nix goes by one.
    told: Option<Scratch>,
}

impl BuildFolders {
    /// Makes them for a Nix that builds by itself in `place`; none where a daemon does. `set` asks for the folder that whoever set
    /// this Nix up has it build in.
    pub(super) fn make(
        place: &Place,
        version: Version,
        set: impl FnOnce() -> Result<Option<PathBuf>, NixError>,
    ) -> Result<Option<BuildFolders>, NixError> {
        let root = match place {
            Place::Daemon { .. } => return Ok(None),
            Place::Local => Path::new("/"),
            Place::Private(root) => root,
        };
        let temporary = Scratch::passable(&std::env::temp_dir())?;
        let told = match version >= CAN_BE_TOLD {
            true => set()?,
            false => None,
        };
        let told = match told {
            Some(folder) => Some(folder),
            None if version >= BELOW_STATE => Some(root.join(BUILDS)),
            None => None,
        };
        // what cannot be used, Nix speaks of itself
        let told = told.and_then(|folder| {
            std::fs::create_dir_all(&folder).ok()?;
            Scratch::passable(&folder).ok()
        });
        Ok(Some(BuildFolders { temporary, told }))
    }

    /// Has `command`, which is given the settings `config`, build there.
    pub(super) fn apply(&self, command: &mut Command, config: &str) {
        command.env("TMPDIR", self.temporary.path());
        if let Some(told) = &self.told {
            let folder = told.path().to_string_lossy();
            command.env("NIX_CONFIG", format!("{config}build-dir = {folder}\n"));
        }
    }
}
