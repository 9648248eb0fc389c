//! What has to be in the store before anything can be built: the program that unpacks Debian's packages.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::config::Settings;
use super::error::NixError;
use super::error::last_error;
use super::eval::quote;
use super::place::Place;
use super::probe::Nix;
use crate::files::{self, Members, Scratch};
use crate::flake::nar::{self, Folder, Node};
use crate::hash::Sha256;

/// The most that the program may hold, in bytes; Debian's has 2 MB.
const MAX_PROGRAM: u64 = 32 << 20;
/// The most that its package may unpack to, in bytes.
const MAX_UNPACKED: u64 = 256 << 20;

/// The Debian package set of a project, and its first program.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// The program's name in the store.
    pub name: String,
    /// Digest of the folder that holds it.
    pub hash: Sha256,
    /// The package that has it: its path in Debian's archive, and its digest.
    pub package: (String, Sha256),
    /// The archive as it was when the package was pinned.
    pub snapshot: String,
    /// The folder of the package set.
    pub folder: PathBuf,
    /// Whether the project's lock has a folder in the place of nixpkgs, which may be the package set.
    pub needed: bool,
}

impl Nix {
    /// Makes sure that builds can start: with Debian's package set, or where Nix brings no shell for its sandbox, busybox is in the store;
    /// in the latter case a shell is built out of the package set.
    ///
    /// # Errors
    /// When busybox cannot be fetched or added, or the shell cannot be built.
    pub fn prepare(&self, settings: &Settings, bootstrap: &Bootstrap) -> Result<(), NixError> {
        let decides = !matches!(self.place(), Place::Daemon { trusted: false });
        let own = if decides && self.shell_is_open() {
            self.own_shell(settings)?
        } else {
            None
        };
        let needs_shell = decides && self.shell_is_open() && own.is_none();
        if settings.packages.is_debian() || bootstrap.needed || needs_shell {
            self.plant(settings, bootstrap)?;
        }
        let shell = match own {
            None if needs_shell => Some(self.build_shell(settings, bootstrap)?),
            own => own,
        };
        if let Some(shell) = shell {
            self.set_shell(Some(self.shown_shell(settings, &shell)?));
        }
        Ok(())
    }

    /// Adds busybox to the store, unless it is there, and returns its path.
    ///
    /// # Errors
    /// When it cannot be fetched, is not what the pin says, or Nix refuses it.
    pub fn plant(&self, settings: &Settings, bootstrap: &Bootstrap) -> Result<String, NixError> {
        let output = settings
            .command(self, "nix-store")?
            .args(["--print-fixed-path", "--recursive", "sha256"])
            .arg(bootstrap.hash.hex())
            .arg(&bootstrap.name)
            .stdin(Stdio::null())
            .output()
            .map_err(run("nix-store"))?;
        if !output.status.success() {
            return Err(NixError::Store {
                reason: last_error(&output.stderr),
            });
        }
        let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if self.invalid(settings, [path.as_str()])?.is_empty() {
            return Ok(path);
        }
        let package = self.fetch(settings, bootstrap)?;
        let program = busybox(&package).ok_or_else(|| NixError::Seed {
            reason: format!(
                "{} holds no bin/busybox that can be read",
                bootstrap.package.0
            ),
        })?;
        let added = self.add_program(settings, &bootstrap.name, &program)?;
        if added == path {
            Ok(path)
        } else {
            Err(NixError::Seed {
                reason: format!(
                    "bin/busybox of {} is not the one that host-tools.json pins: it became {added}, not {path}",
                    bootstrap.package.0
                ),
            })
        }
    }

    /// Adds the package set's folder to the store as a flake's input.
    ///
    /// Nix before 2.26 cannot follow a lock to a folder beside the flake, but takes an input whose digest it finds in the store.
    ///
    /// # Errors
    /// When Nix cannot be run, or refuses it.
    pub fn add_package_set(
        &self,
        settings: &Settings,
        bootstrap: &Bootstrap,
    ) -> Result<(), NixError> {
        if !bootstrap.needed {
            return Ok(());
        }
        let expression = format!(
            "builtins.path {{ name = \"source\"; path = {}; }}",
            quote(&bootstrap.folder.to_string_lossy())
        );
        let output = settings
            .command(self, "nix-instantiate")?
            .args(["--eval", "--read-write-mode", "--expr", &expression])
            .stdin(Stdio::null())
            .output()
            .map_err(run("nix-instantiate"))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(NixError::Store {
                reason: last_error(&output.stderr),
            })
        }
    }

    /// The package, from the first mirror that has the right one.
    fn fetch(&self, settings: &Settings, bootstrap: &Bootstrap) -> Result<Vec<u8>, NixError> {
        let (path, hash) = &bootstrap.package;
        let mirrors = settings.mirrors.urls("debian").iter();
        let urls = mirrors
            .chain([&bootstrap.snapshot])
            .map(|base| format!("{base}{path}"));
        self.fetch_pinned(settings, urls, hash, MAX_PROGRAM)
            .map_err(|reason| NixError::Seed { reason })
    }

    fn add_program(
        &self,
        settings: &Settings,
        name: &str,
        program: &[u8],
    ) -> Result<String, NixError> {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let scratch = Scratch::new()?;
        let folder = scratch.path().join(name);
        let bin = folder.join("bin");
        let written = std::fs::create_dir_all(&bin)
            .and_then(|()| std::fs::write(bin.join("busybox"), program))
            .and_then(|()| {
                let mode = std::fs::Permissions::from_mode(0o555);
                std::fs::set_permissions(bin.join("busybox"), mode)
            })
            .and_then(|()| symlink("busybox", bin.join("sh")));
        written.map_err(run("nix-store"))?;
        self.add_path(settings, &folder, true)
    }

    /// Where a path of the store lies on this machine.
    pub fn real_path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        match self.place() {
            Place::Private(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            Place::Local | Place::Daemon { .. } => path.to_owned(),
        }
    }
}

pub(super) fn run(program: &'static str) -> impl Fn(std::io::Error) -> NixError {
    move |source| NixError::Run {
        program: program.to_owned(),
        source,
    }
}

/// Digest of the folder that busybox out of `package` begins a store with; none where the package holds none.
pub fn seed_of(package: &[u8]) -> Option<Sha256> {
    let program = busybox(package)?;
    let folder = Folder::from([
        ("bin/busybox", Node::Program(&program)),
        ("bin/sh", Node::Link("busybox")),
    ]);
    Some(nar::hash(&folder))
}

/// `bin/busybox` out of a Debian package; none where it is not in there, or not to be read.
pub fn busybox(package: &[u8]) -> Option<Vec<u8>> {
    let data = files::ar_member(package, |name| name == "data.tar.xz").ok()??;
    let unpacked = files::unxz(data);
    // whatever it unpacks to, there is an end to it
    let mut archive = tar::Archive::new(unpacked.take(MAX_UNPACKED));
    let mut members = Members::default();
    for entry in archive.entries().ok()?.raw(true) {
        let mut entry = entry.ok()?;
        if members.tell(&mut entry).ok()? {
            continue;
        }
        let path = members.path(&entry).ok()?;
        let path = path.strip_prefix(".").unwrap_or(&path);
        let path = path.strip_prefix("usr").unwrap_or(path);
        let is_file = entry.header().entry_type().is_file();
        if is_file && path == Path::new("bin/busybox") && entry.size() <= MAX_PROGRAM {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).ok()?;
            return Some(bytes);
        }
    }
    None
}
