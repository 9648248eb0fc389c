//! The settings and environment that Nix gets from kflake.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::NixError;
use super::mirror::Mirrors;
use super::probe::Nix;

pub use crate::flake::Packages;

/// What the host package set shows to a build, where it exists.
const HOST_PATHS: &[&str] = &["/usr", "/bin", "/lib", "/lib64", "/etc/alternatives"];

/// How Nix is to work: passed by environment, so that the user's own configuration files stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The package set.
    pub packages: Packages,
    /// Where pins are fetched from.
    pub mirrors: Mirrors,
}

impl Settings {
    /// The text of `NIX_CONFIG`.
    ///
    /// With nixpkgs only the features that flakes need are switched on. With the host's tools the sandbox is, without
    /// falling back to none, and no binary cache is asked: nothing there was built with this machine's tools.
    /// What the user has in `NIX_CONFIG` stays, except for these; `KFLAKE_NIX_CONFIG` comes last and decides.
    ///
    /// # Errors
    /// When a mirror folder's path cannot be written in Nix's settings.
    pub fn nix_config(&self) -> Result<String, NixError> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        self.compose(&variable("NIX_CONFIG"), &variable("KFLAKE_NIX_CONFIG"))
    }

    fn compose(&self, users: &str, last: &str) -> Result<String, NixError> {
        let mut config = String::new();
        let mut line = |text: &str| {
            config.push_str(text);
            config.push('\n');
        };
        users.lines().for_each(&mut line);
        line("extra-experimental-features = nix-command flakes");
        match self.packages {
            Packages::Nixpkgs => {
                let folders = self.mirrors.folders();
                if !folders.is_empty() {
                    line(&format!("extra-sandbox-paths = {}", join_paths(&folders)?));
                }
            }
            Packages::Host => {
                let mut paths: Vec<PathBuf> = HOST_PATHS
                    .iter()
                    .map(PathBuf::from)
                    .filter(|path| path.exists())
                    .collect();
                paths.extend(self.mirrors.folders());
                if !has_build_users() {
                    line("build-users-group =");
                }
                line("sandbox = true");
                line("sandbox-fallback = false");
                // not extra-: a Nix built elsewhere may name a shell by default that is not on this machine
                line(&format!("sandbox-paths = {}", join_paths(&paths)?));
                line("substitute = false");
                line("substituters =");
            }
        }
        last.lines().for_each(&mut line);
        Ok(config)
    }

    /// A command for `tool` of `nix`, under no guard.
    pub(crate) fn command(&self, nix: &Nix, tool: &str) -> Result<Command, NixError> {
        let mut command = Command::new(nix.tool(tool));
        self.apply(&mut command)?;
        Ok(command)
    }

    /// A command for `tool` of `nix` that does not outlive kflake.
    pub(crate) fn guarded(&self, nix: &Nix, tool: &str) -> Result<Command, NixError> {
        let mut command = nix.guard().command(nix.tool(tool).as_os_str());
        self.apply(&mut command)?;
        Ok(command)
    }

    fn apply(&self, command: &mut Command) -> Result<(), NixError> {
        command.env("NIX_CONFIG", self.nix_config()?);
        // nothing may page, and messages are read by a program
        command.env("NIX_PAGER", "cat").env("NO_COLOR", "1");
        command.envs(self.mirrors.variables());
        Ok(())
    }
}

/// Whether this system has the group of Nix's build users; without it a root Nix must be told to do without.
fn has_build_users() -> bool {
    std::fs::read_to_string("/etc/group")
        .is_ok_and(|groups| groups.lines().any(|line| line.starts_with("nixbld:")))
}

/// Paths for `sandbox-paths`, which splits at blanks and reads `=` and `?` in its own way.
fn join_paths(paths: &[PathBuf]) -> Result<String, NixError> {
    let mut words = Vec::new();
    for path in paths {
        words.push(plain(path)?);
    }
    Ok(words.join(" "))
}

fn plain(path: &Path) -> Result<&str, NixError> {
    let refuse = |character| NixError::SandboxPath {
        path: path.to_owned(),
        character,
    };
    let text = path.to_str().ok_or_else(|| refuse('\u{fffd}'))?;
    match text
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || "=?#\"'".contains(*c))
    {
        Some(character) => Err(refuse(character)),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(folder: Option<&Path>) -> Settings {
        let urls = folder
            .map(|path| path.display().to_string())
            .into_iter()
            .collect();
        Settings {
            packages: Packages::Host,
            mirrors: Mirrors::new([("debian".to_owned(), urls)]),
        }
    }

    #[test]
    fn host_tools_mean_a_strict_sandbox() {
        let dir = tempfile::tempdir().unwrap();
        let config = host(Some(dir.path()))
            .compose("cores = 3\nsandbox = false", "max-jobs = 7")
            .unwrap();
        let lines: Vec<_> = config.lines().collect();
        assert_eq!(lines[0], "cores = 3");
        let at = |line: &str| lines.iter().rposition(|other| *other == line);
        assert!(at("sandbox = true") > at("sandbox = false"));
        assert!(at("sandbox-fallback = false").is_some() && at("substitute = false").is_some());
        let paths = lines
            .iter()
            .find(|line| line.starts_with("sandbox-paths = "))
            .unwrap();
        assert!(
            paths.contains("/usr") && paths.ends_with(dir.path().to_str().unwrap()),
            "{paths}"
        );
        assert_eq!(lines.last(), Some(&"max-jobs = 7"));
    }

    #[test]
    fn nixpkgs_leaves_the_users_settings_alone() {
        let config = Settings::default()
            .compose("sandbox = relaxed", "")
            .unwrap();
        assert_eq!(
            config,
            "sandbox = relaxed\nextra-experimental-features = nix-command flakes\n"
        );
    }

    #[test]
    fn a_path_that_nix_would_misread_is_an_error() {
        let dir = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
        let error = host(Some(dir.path())).compose("", "").unwrap_err();
        assert!(
            matches!(error, NixError::SandboxPath { character: ' ', .. }),
            "{error}"
        );
    }
}
