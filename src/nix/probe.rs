//! Which Nix is here, and what it can do.

use std::fmt;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use super::build_folder::BuildFolders;
use super::config::Settings;
use super::error::NixError;
use super::guard::Guard;
use super::users::BuildUsers;
use crate::text::clean_line;

/// The oldest Nix that kflake works with.
pub const OLDEST: Version = Version {
    major: 2,
    minor: 8,
    patch: 0,
};

/// A version of Nix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// `2` of 2.8.1.
    pub major: u16,
    /// `8` of 2.8.1.
    pub minor: u16,
    /// `1` of 2.8.1.
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

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

/// Whose store it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `/nix`, which this user may write.
    Local,
    /// `/nix`, which a daemon writes.
    Daemon {
        /// Whether it takes settings of the sandbox from this user.
        trusted: bool,
    },
    /// A store below another folder, which holds a `nix` of its own.
    Private(PathBuf),
}

impl Place {
    /// Where this user's Nix works, by the rules that Nix itself goes by.
    fn probe() -> Place {
        let remote = std::env::var_os("NIX_REMOTE").unwrap_or_default();
        let root = rustix::process::geteuid().is_root();
        let writable = rustix::fs::access("/nix/var/nix", rustix::fs::Access::WRITE_OK).is_ok()
            || root && !Path::new("/nix/var/nix").exists();
        Place::of(
            &remote.to_string_lossy(),
            root,
            writable,
            Path::new("/nix/var/nix/daemon-socket/socket").exists(),
            data_folder(),
        )
    }

    fn of(remote: &str, root: bool, writable: bool, daemon: bool, data: Option<PathBuf>) -> Place {
        let (store, query) = remote.split_once('?').unwrap_or((remote, ""));
        if let Some(root) = query.split('&').find_map(|pair| pair.strip_prefix("root=")) {
            let root = percent_encoding::percent_decode_str(root);
            return Place::Private(PathBuf::from(std::ffi::OsString::from_vec(root.collect())));
        }
        match store {
            "daemon" => Place::Daemon { trusted: root },
            _ if store.starts_with("unix://") => Place::Daemon { trusted: root },
            _ if store.starts_with('/') => Place::Private(PathBuf::from(store)),
            "" | "auto" if !writable && daemon => Place::Daemon { trusted: root },
            // root's own is /nix, whatever keeps it from writing there
            "" | "auto" if !writable && !root => match data {
                Some(data) => Place::Private(data.join("nix/root")),
                None => Place::Local,
            },
            _ => Place::Local,
        }
    }
}

/// Where a user's programs keep their data.
fn data_folder() -> Option<PathBuf> {
    let set = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")))
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
                    true => super::store::last_error(&output.stderr),
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

    /// Where its builds have their temporary folders; none: a daemon decides.
    pub(super) fn build_folders(
        &self,
        settings: &Settings,
    ) -> Result<Option<&BuildFolders>, NixError> {
        if self.builds.get().is_none() {
            // another thread may have made some meanwhile
            let _ = self.builds.set(BuildFolders::make(self, settings)?);
        }
        Ok(self.builds.get().and_then(Option::as_ref))
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

/// The version in `nix (Nix) 2.8.0`, `nix (Lix, like Nix) 2.91.1` or `nix (Determinate Nix 3.8.5) 2.30.2`.
fn parse_version(line: &str) -> Option<Version> {
    let rest = line.strip_prefix("nix (")?;
    let (flavour, number) = rest.rsplit_once(") ")?;
    if !flavour.contains("Nix") && !flavour.contains("Lix") {
        return None;
    }
    let mut parts = number.trim().splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = leading_number(parts.next()?)?;
    let patch = parts.next().and_then(leading_number).unwrap_or(0);
    Some(Version {
        major,
        minor,
        patch,
    })
}

/// `4` of `4pre20211006_53e4794`.
fn leading_number(text: &str) -> Option<u16> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_flavour() {
        for (line, major, minor, patch) in [
            ("nix (Nix) 2.8.0", 2, 8, 0),
            ("nix (Nix) 2.34.8", 2, 34, 8),
            ("nix (Nix) 2.4pre20211006_53e4794", 2, 4, 0),
            ("nix (Nix) 2.31.0pre20250712_abc", 2, 31, 0),
            ("nix (Lix, like Nix) 2.91.1", 2, 91, 1),
            ("nix (Determinate Nix 3.8.5) 2.30.2", 2, 30, 2),
        ] {
            assert_eq!(
                parse_version(line),
                Some(Version {
                    major,
                    minor,
                    patch
                }),
                "{line}"
            );
        }
        for line in [
            "",
            "nix",
            "nix (Nix) ",
            "nix (Nix) two",
            "nixos 2.8.0",
            "nix (Foo) 2.8.0",
        ] {
            assert_eq!(parse_version(line), None, "{line}");
        }
    }

    #[test]
    fn the_place_is_the_one_that_nix_takes() {
        let data = || Some(PathBuf::from("/home/ann/.local/share"));
        let private = |path: &str| Place::Private(PathBuf::from(path));
        let place =
            |remote, root, writable, daemon| Place::of(remote, root, writable, daemon, data());
        assert_eq!(place("", true, true, true), Place::Local);
        assert_eq!(
            place("", false, false, true),
            Place::Daemon { trusted: false }
        );
        assert_eq!(
            place("", false, false, false),
            private("/home/ann/.local/share/nix/root")
        );
        assert_eq!(place("auto", false, true, true), Place::Local);
        assert_eq!(place("", true, false, false), Place::Local);
        assert_eq!(
            place("daemon", true, true, true),
            Place::Daemon { trusted: true }
        );
        assert_eq!(place("local", false, false, true), Place::Local);
        assert_eq!(
            place("local?root=/srv/x", false, true, true),
            private("/srv/x")
        );
        assert_eq!(place("/srv/y", false, true, true), private("/srv/y"));
    }

    #[test]
    fn old_means_older_than_2_8() {
        assert!(parse_version("nix (Nix) 2.7.0").unwrap() < OLDEST);
        assert!(parse_version("nix (Nix) 2.8.0").unwrap() >= OLDEST);
    }
}
