//! Which Nix is here, and what it can do.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use super::build_folder::BuildFolders;
use super::error::{NixError, last_error};
use super::guard::Guard;
use super::place::{Place, check_home};
use super::users::BuildUsers;
use super::version::{OLDEST, Version, parse_version};
use crate::text::clean_line;

/// A Nix that can be used.
#[derive(Clone, Debug)]
pub struct Nix {
    program: PathBuf,
    version: Version,
    shown: String,
    guard: Guard,
    place: Place,
    users: BuildUsers,
    /// What shows builds a `/bin/sh`, as entries of `sandbox-paths`, once that is known.
    shell: Arc<OnceLock<Option<String>>>,
    /// Where builds have their temporary folders, once there are any.
    builds: Arc<OnceLock<Option<BuildFolders>>>,
}

impl Nix {
    /// Finds Nix, as `KFLAKE_NIX` or on PATH, and checks that it is new enough. It works in the store below the folder `store`
    /// where one is given, else where Nix itself would.
    ///
    /// # Errors
    /// When there is none, it cannot be run, is something else, or too old.
    pub fn probe(store: Option<&Path>) -> Result<Nix, NixError> {
        let place = match store {
            Some(folder) => {
                Place::Private(std::path::absolute(folder).map_err(|source| NixError::Run {
                    program: crate::text::shown(folder).to_string(),
                    source,
                })?)
            }
            None => Place::probe(),
        };
        check_home(&place, store.is_some())?;
        match std::env::var_os("KFLAKE_NIX").filter(|path| !path.is_empty()) {
            Some(path) => Nix::at(Path::new(&path), true, place),
            None => Nix::at(Path::new("nix"), false, place),
        }
    }

    /// The Nix that `program` is; `named` says that the user named it.
    fn at(program: &Path, named: bool, place: Place) -> Result<Nix, NixError> {
        let output = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| match (error.kind(), named) {
                (ErrorKind::NotFound, false) => NixError::Missing,
                (_, true) => NixError::NotRunnable {
                    path: program.to_owned(),
                    reason: error.to_string(),
                },
                (_, false) => NixError::Run {
                    program: crate::text::shown(program).to_string(),
                    source: error,
                },
            })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let first = clean_line(text.lines().next().unwrap_or_default());
        let version = parse_version(&first)
            .filter(|_| output.status.success())
            .ok_or_else(|| NixError::NotNix {
                path: program.to_owned(),
                shown: match first.is_empty() {
                    // a Nix that cannot read its own configuration gets no further
                    true => last_error(&output.stderr),
                    false => first.chars().take(80).collect(),
                },
            })?;
        if version < OLDEST {
            return Err(NixError::TooOld { found: version });
        }
        let guard = Guard::probe();
        Ok(Nix {
            program: program.to_owned(),
            version,
            shown: first,
            users: BuildUsers::probe(guard, &place),
            guard,
            place,
            shell: Arc::default(),
            builds: Arc::default(),
        })
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its version as it says it: `nix (Nix) 2.8.0`.
    pub fn banner(&self) -> &str {
        &self.shown
    }

    /// How its processes are kept from outliving kflake.
    pub fn guard(&self) -> Guard {
        self.guard
    }

    /// Whose store it works in.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The users that its builds run as.
    pub fn users(&self) -> &BuildUsers {
        &self.users
    }

    /// What shows builds a `/bin/sh`, as entries of `sandbox-paths`; none until [`Nix::prepare`] has seen to it.
    pub(super) fn shell(&self) -> Option<String> {
        self.shell.get().cloned().flatten()
    }

    /// Whether it is yet to be found out.
    pub(super) fn shell_is_open(&self) -> bool {
        self.shell.get().is_none()
    }

    pub(super) fn set_shell(&self, shell: Option<String>) {
        // another thread may have found the same
        let _ = self.shell.set(shell);
    }

    /// Where its builds have their temporary folders, once there are any; in them none: a daemon decides.
    pub(super) fn builds(&self) -> &OnceLock<Option<BuildFolders>> {
        &self.builds
    }

    /// The path of `tool` (`nix-store`, `nix-instantiate`) of this Nix: the one beside `nix` where there is one.
    pub(crate) fn tool(&self, tool: &str) -> PathBuf {
        match self.program.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => {
                let beside = dir.join(tool);
                if beside.exists() {
                    beside
                } else {
                    PathBuf::from(tool)
                }
            }
            _ => PathBuf::from(tool),
        }
    }
}
