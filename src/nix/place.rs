//! Where Nix keeps its store.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::error::NixError;
use crate::files;

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
    pub(super) fn probe() -> Place {
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
    files::users_folder("XDG_DATA_HOME", ".local/share")
}

/// Makes sure that Nix can use the home folder, as far as it needs it for the store at `place`; `named`: the user named that.
///
/// # Errors
/// When it cannot, in words about HOME.
pub(super) fn check_home(place: &Place, named: bool) -> Result<(), NixError> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let writable = rustix::fs::access("/nix/var/nix", Access::WRITE_OK).is_ok();
    let own_store = match place {
        Place::Private(_) => {
            !named
                && data_folder().is_some_and(|data| *place == Place::Private(data.join("nix/root")))
        }
        // what it is for want of a home folder
        Place::Local => {
            !writable && Path::new("/nix/var/nix").exists() && set("NIX_REMOTE").is_none()
        }
        Place::Daemon { .. } => false,
    };
    let home = set("HOME").map(PathBuf::from);
    let own = own_store && set("XDG_DATA_HOME").is_none();
    let may = |path: &Path, access| rustix::fs::access(path, access).is_ok();
    let what = home_trouble(home.as_deref(), own, &may);
    what.map_or(Ok(()), |what| {
        Err(NixError::Home {
            what,
            store: own_store,
        })
    })
}

/// What is wrong with the home folder `home`; `own_store`: the store is to be in it. `may` says what the user may do where.
fn home_trouble(
    home: Option<&Path>,
    own_store: bool,
    may: &dyn Fn(&Path, Access) -> bool,
) -> Option<String> {
    let Some(home) = home else {
        return own_store.then(|| "HOME is not set, and the store would be there".to_owned());
    };
    let name = crate::text::shown(home);
    if home.is_dir() && !may(home, Access::EXEC_OK) {
        return Some(format!("HOME is {name}, which you may not enter"));
    }
    if !own_store {
        return None;
    }
    let store = home.join(".local/share/nix/root");
    let there = store.ancestors().find(|it| it.exists());
    match () {
        () if !home.is_absolute() => Some(format!("HOME is {name}, which does not begin with /")),
        () if home.exists() && !home.is_dir() => {
            Some(format!("HOME is {name}, which is not a folder"))
        }
        () if there.is_some_and(|it| may(it, Access::WRITE_OK)) => None,
        () if !home.exists() => Some(format!("HOME is {name}, which does not exist")),
        () => Some(format!("HOME is {name}, where you may not write")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_is_none_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let new = dir.path().join("new");
        for (home, said) in [
            (None, "HOME is not set"),
            (Some(Path::new("relative")), "does not begin with /"),
            (Some(&*file), "is not a folder"),
            (Some(Path::new("/none")), "does not exist"),
            (Some(Path::new("/proc")), "may not write"),
            (Some(Path::new("/sys")), "may not enter"),
            (Some(dir.path()), ""),
            // Nix makes it
            (Some(&*new), ""),
        ] {
            let may = |path: &Path, access| match access {
                Access::EXEC_OK => path != Path::new("/sys"),
                _ => path.starts_with(dir.path()),
            };
            let found = home_trouble(home, true, &may).unwrap_or_default();
            assert!(
                found.contains(said) && said.is_empty() == found.is_empty(),
                "{home:?}: {found}"
            );
            let found = home_trouble(home, false, &may);
            let enters = home != Some(Path::new("/sys"));
            assert_eq!(found.is_none(), enters, "{home:?}: {found:?}");
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
}
