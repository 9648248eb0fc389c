//! The `/bin/sh` that builds see: Nix's own, or one of the Debian package set where Nix brings none.

use std::process::Stdio;

use super::bootstrap::{Bootstrap, run};
use super::config::{Packages, Settings};
use super::error::NixError;
use super::error::last_error;
use super::eval::quote;
use super::place::Place;
use super::probe::Nix;

/// A build that needs nothing but a `/bin/sh`, and fails with it: what succeeded once would not be tried again.
const NEEDS_SHELL: &str = "derivation { name = \"kflake-needs-shell\"; system = builtins.currentSystem; builder = \"/bin/sh\"; \
                           args = [ \"-c\" \"exit 1\" ]; }";

/// Whether `reason`, Nix's own words for a failed build, says that it had no `/bin/sh`.
pub fn lacks_shell(reason: &str) -> bool {
    // they come with colours, and the bytes of a protocol, between them
    reason.contains("/bin/sh") && reason.contains("No such file or directory")
}

impl Nix {
    /// The shell that this Nix shows to builds, where it lies in the store: others are the host's.
    pub(super) fn own_shell(&self, settings: &Settings) -> Result<Option<String>, NixError> {
        for words in [["config", "show"], ["show-config", "--quiet"]] {
            let mut command = settings.command(self, "nix")?;
            // as Nix itself and its own files have it
            command.env("NIX_CONFIG", "extra-experimental-features = nix-command");
            let output = command
                .args(words)
                .stdin(Stdio::null())
                .output()
                .map_err(run("nix"))?;
            if output.status.success() {
                return Ok(shell_in(&String::from_utf8_lossy(&output.stdout))
                    .filter(|shell| self.real_path(shell).exists())
                    .map(str::to_owned));
            }
        }
        Ok(None)
    }

    /// The shell of the package set, built.
    pub(super) fn build_shell(
        &self,
        settings: &Settings,
        bootstrap: &Bootstrap,
    ) -> Result<String, NixError> {
        // no cache has it, whatever the package set of the run
        let settings = Settings {
            packages: Packages::Debian(crate::id::Suite::default()),
            ..settings.clone()
        };
        let expression = format!(
            "(import (/. + {}) {{ }}).sandboxShell",
            quote(&bootstrap.folder.to_string_lossy())
        );
        let mut command = settings.guarded(self, "nix-build")?;
        let output = command
            .args(["--no-out-link", "--expr", &expression])
            .stdin(Stdio::null())
            .output()
            .map_err(run("nix-build"))?;
        if output.status.success() {
            let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            Ok(format!("{path}/bin/dash"))
        } else {
            Err(NixError::Shell {
                reason: last_error(&output.stderr),
            })
        }
    }

    /// The entries of `sandbox-paths` that show `shell`, a program of the store, to builds as `/bin/sh`.
    ///
    /// Nix looks for their sources on this machine, not in the store that it builds in, and adds what a program of the store
    /// needs only where it recognises it as such. In a private store each path has to be named with the place where it lies.
    pub(super) fn shown_shell(&self, settings: &Settings, shell: &str) -> Result<String, NixError> {
        let Place::Private(root) = self.place() else {
            return Ok(format!("/bin/sh={shell}"));
        };
        let output = settings
            .command(self, "nix-store")?
            .args(["--query", "--requisites", shell])
            .stdin(Stdio::null())
            .output()
            .map_err(run("nix-store"))?;
        if !output.status.success() {
            return Err(NixError::Store {
                reason: last_error(&output.stderr),
            });
        }
        let root = root
            .to_str()
            .filter(|root| !root.contains(char::is_whitespace));
        if root.is_none() {
            return Err(NixError::Shell {
                reason: "the folder of the store has a blank, or what is not UTF-8, in its name, which Nix's setting sandbox-paths \
                         cannot express"
                    .to_owned(),
            });
        }
        let requisites = String::from_utf8_lossy(&output.stdout);
        let entries = requisites.lines().map(|path| (path, path));
        Ok([("/bin/sh", shell)]
            .into_iter()
            .chain(entries)
            .map(|(seen, path)| format!("{seen}={}", self.real_path(path).to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" "))
    }

    /// What a daemon's settings may name as `/bin/sh`: the shell of the Debian package set, which is built unless it is in the store.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn daemon_shell(
        &self,
        settings: &Settings,
        bootstrap: &Bootstrap,
    ) -> Result<String, NixError> {
        self.plant(settings, bootstrap)?;
        self.build_shell(settings, bootstrap)
    }

    /// Makes sure that builds have a `/bin/sh` where a daemon decides what they have.
    ///
    /// # Errors
    /// When they have none.
    pub fn expect_daemon_shell(&self, settings: &Settings) -> Result<(), NixError> {
        if !matches!(self.place(), Place::Daemon { trusted: false }) {
            return Ok(());
        }
        let output = settings
            .guarded(self, "nix-build")?
            .args(["--no-out-link", "--expr", NEEDS_SHELL])
            .stdin(Stdio::null())
            .output()
            .map_err(run("nix-build"))?;
        // whatever else keeps a build from working is told by the build that meets it
        match lacks_shell(&String::from_utf8_lossy(&output.stderr)) {
            true => Err(NixError::NoDaemonShell),
            false => Ok(()),
        }
    }
}

/// The `/bin/sh` of `sandbox-paths` in Nix's settings, where it is a path of the store.
fn shell_in(settings: &str) -> Option<&str> {
    let line = settings
        .lines()
        .find_map(|line| line.strip_prefix("sandbox-paths = "))?;
    line.split_whitespace().find_map(|entry| {
        let source = entry.strip_prefix("/bin/sh=")?.trim_end_matches('?');
        source.starts_with("/nix/store/").then_some(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shell_of_the_store_is_taken_for_nixs_own() {
        let shell = "/nix/store/abc-busybox/bin/busybox";
        let text = format!("x = 1\nsandbox-paths = /usr /bin/sh={shell}\ny = 2\n");
        assert_eq!(shell_in(&text), Some(shell));
        for text in [
            "",
            "sandbox-paths = ",
            "sandbox-paths = /bin/sh=/usr/bin/busybox",
            "sandbox-paths = /bin/sh",
        ] {
            assert_eq!(shell_in(text), None, "{text}");
        }
    }
}
