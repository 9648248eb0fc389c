//! Where Nix keeps its store.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

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
    let set = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")))
}

#[cfg(test)]
mod tests {
    use super::*;

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
