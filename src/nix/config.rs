//! The settings and environment that Nix gets from kflake.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::build_folder::BuildFolders;
use super::error::NixError;
use super::mirror::Mirrors;
use super::place::Place;
use super::probe::Nix;

pub use crate::flake::Packages;

/// How Nix is to work: passed by environment, so that the user's own configuration files stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The package set.
    pub packages: Packages,
    /// Where pins are fetched from.
    pub mirrors: Mirrors,
}

/// What a build may see and who runs it, as far as this process decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sandbox {
    /// The entries of `sandbox-paths` that show it a `/bin/sh`: Nix's own, or a shell of the store; none where there is neither.
    pub shell: Option<String>,
    /// The group of the users that builds run as; none: as the user whose store it is.
    pub group: Option<String>,
}

impl Settings {
    /// The text of `NIX_CONFIG` for `nix`; `builds` says whether it is to build, and not only to look into the store.
    ///
    /// The sandbox is on, without falling back to none, and holds the store and `/bin/sh`; nothing of the host is shown to a build.
    /// A daemon that does not trust this user decides for itself, and is told nothing that it would only warn about. Debian's
    /// package set asks no binary cache: none has been built with it. What the user has in `NIX_CONFIG` stays, except for these;
    /// `KFLAKE_NIX_CONFIG` comes last and decides.
    pub fn nix_config(&self, nix: &Nix, builds: bool) -> String {
        let variable = |name| {
            let value = std::env::var_os(name).unwrap_or_default();
            value.to_string_lossy().into_owned()
        };
        let sandbox = match nix.place() {
            Place::Daemon { trusted: false } => None,
            Place::Daemon { trusted: true } => Some(Sandbox {
                shell: nix.shell(),
                group: None,
            }),
            Place::Local | Place::Private(_) => Some(Sandbox {
                shell: nix.shell(),
                group: Some(nix.users().group(builds).to_owned()),
            }),
        };
        self.compose(
            &variable("NIX_CONFIG"),
            sandbox.as_ref(),
            &variable("KFLAKE_NIX_CONFIG"),
        )
    }

    fn compose(&self, users: &str, sandbox: Option<&Sandbox>, last: &str) -> String {
        let mut config = String::new();
        let mut line = |text: &str| {
            config.push_str(text);
            config.push('\n');
        };
        users.lines().for_each(&mut line);
        line("extra-experimental-features = nix-command flakes");
        if let Some(sandbox) = sandbox {
            line("sandbox = true");
            line("sandbox-fallback = false");
            // not extra-: a Nix built elsewhere may name a shell by default that is not on this machine
            let shell = sandbox.shell.as_deref();
            let shell = shell.map_or(String::new(), |shell| format!(" {shell}"));
            line(&format!("sandbox-paths ={shell}"));
            if let Some(group) = &sandbox.group {
                line(format!("build-users-group = {group}").trim_end());
            }
        }
        if self.packages.is_debian() {
            line("substitute = false");
        }
        last.lines().for_each(&mut line);
        config
    }

    /// A command for `tool` of `nix`, under no guard: for what neither builds nor takes long.
    pub(crate) fn command(&self, nix: &Nix, tool: &str) -> Result<Command, NixError> {
        let mut command = Command::new(nix.tool(tool));
        self.apply(nix, &mut command, false);
        Ok(command)
    }

    /// A command for `tool` of `nix` that builds nothing, and does not outlive kflake.
    pub(crate) fn tied(&self, nix: &Nix, tool: &str) -> Result<Command, NixError> {
        let mut command = nix.guard().command(nix.tool(tool).as_os_str());
        self.apply(nix, &mut command, false);
        Ok(command)
    }

    /// A command for `tool` of `nix` that builds, as its build users do, and does not outlive kflake.
    pub(crate) fn guarded(&self, nix: &Nix, tool: &str) -> Result<Command, NixError> {
        let mut command = self.building(nix, tool);
        if let Some(folders) = self.build_folders(nix)? {
            folders.apply(&mut command, &self.nix_config(nix, true));
        }
        Ok(command)
    }

    /// Where `nix` has its builds' temporary folders; none: a daemon decides.
    fn build_folders<'a>(&self, nix: &'a Nix) -> Result<Option<&'a BuildFolders>, NixError> {
        if nix.builds().get().is_none() {
            let made =
                BuildFolders::make(nix.place(), nix.version(), || self.build_folder_set(nix))?;
            // another thread may have made some meanwhile
            let _ = nix.builds().set(made);
        }
        Ok(nix.builds().get().and_then(Option::as_ref))
    }

    /// The folder that `nix` is told to build in, by whoever set it up.
    fn build_folder_set(&self, nix: &Nix) -> Result<Option<PathBuf>, NixError> {
        let output = self
            .command(nix, "nix")?
            .args(["config", "show", "build-dir"])
            .stdin(Stdio::null())
            .output()
            .map_err(|source| NixError::Run {
                program: "nix".to_owned(),
                source,
            })?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && said.starts_with('/')).then(|| PathBuf::from(said)))
    }

    /// The same for a Nix that a person talks to, whose temporary folder is that person's.
    pub(crate) fn interactive(&self, nix: &Nix) -> Command {
        self.building(nix, "nix")
    }

    fn building(&self, nix: &Nix, tool: &str) -> Command {
        let tool = nix.tool(tool);
        let mut words = nix.users().words();
        words.push(tool.into_os_string());
        let mut command = nix.guard().command(&words[0]);
        command.args(&words[1..]);
        self.apply(nix, &mut command, true);
        command
    }

    /// A command that runs `program`, of the store path `package`, and ends with this thread. A program of a private store sees
    /// that store as `/nix`.
    pub(crate) fn installed(&self, nix: &Nix, package: &str, program: &str) -> Command {
        if let Place::Private(_) = nix.place() {
            let mut command = nix.guard().signal_command(nix.tool("nix").as_os_str());
            self.apply(nix, &mut command, false);
            command.args(["shell", package, "-c", program]);
            command
        } else {
            nix.guard().signal_command(OsStr::new(program))
        }
    }

    fn apply(&self, nix: &Nix, command: &mut Command, builds: bool) {
        command.env("NIX_CONFIG", self.nix_config(nix, builds));
        if let Place::Private(root) = nix.place() {
            command.env("NIX_REMOTE", remote(root));
        }
        // nothing may page, and messages are read by a program
        command.env("NIX_PAGER", "cat").env("NO_COLOR", "1");
        command.envs(self.mirrors.variables());
    }
}

/// The address of the store below `root`.
fn remote(root: &Path) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
    const PLAIN: AsciiSet = NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'.')
        .remove(b'-')
        .remove(b'_');
    let root = percent_encode(root.as_os_str().as_bytes(), &PLAIN);
    format!("local?root={root}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(shell: Option<&str>, group: Option<&str>) -> Sandbox {
        Sandbox {
            shell: shell.map(str::to_owned),
            group: group.map(str::to_owned),
        }
    }

    #[test]
    fn the_sandbox_is_closed_with_every_package_set() {
        for packages in ["nixpkgs", "debian"] {
            let settings = Settings {
                packages: packages.parse().unwrap(),
                mirrors: Mirrors::new([("debian".to_owned(), vec!["/".to_owned()])]),
            };
            let config = settings.compose(
                "cores = 3\nsandbox = false\nextra-sandbox-paths = /usr",
                Some(&sandbox(Some("/bin/sh=/nix/store/x-sh"), Some("nixbld"))),
                "max-jobs = 7",
            );
            let lines: Vec<_> = config.lines().collect();
            assert_eq!(lines[0], "cores = 3");
            let at = |line: &str| lines.iter().rposition(|other| *other == line);
            assert!(at("sandbox = true") > at("sandbox = false"));
            assert!(at("sandbox-fallback = false").is_some());
            assert!(at("build-users-group = nixbld").is_some());
            // this replaces what the lines before it say
            assert!(
                at("sandbox-paths = /bin/sh=/nix/store/x-sh") > at("extra-sandbox-paths = /usr")
            );
            assert_eq!(
                at("substitute = false").is_some(),
                settings.packages.is_debian()
            );
            assert_eq!(lines.last(), Some(&"max-jobs = 7"));
        }
    }

    #[test]
    fn without_a_shell_the_sandbox_has_none() {
        let config = Settings::default().compose("", Some(&sandbox(None, Some(""))), "");
        assert!(config.contains("\nsandbox-paths =\n"), "{config}");
        assert!(config.contains("\nbuild-users-group =\n"), "{config}");
    }

    #[test]
    fn a_daemon_that_decides_for_itself_is_told_nothing_of_the_sandbox() {
        let config = Settings::default().compose("sandbox = relaxed", None, "");
        assert_eq!(
            config,
            "sandbox = relaxed\nextra-experimental-features = nix-command flakes\n"
        );
    }
}
