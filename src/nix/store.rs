//! Asking the store: what is there, and what building would take.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::{Output, Stdio};

use super::config::Settings;
use super::drv::DrvPath;
use super::error::{NixError, last_error};
use super::probe::Nix;

/// Paths given to one process: far below what a command line may hold.
const CHUNK: usize = 4000;

impl Nix {
    /// Those of `paths` that are not in the store.
    ///
    /// # Errors
    /// When Nix fails: the store is unreadable, or its daemon does not answer.
    pub fn invalid<'a>(
        &self,
        settings: &Settings,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeSet<String>, NixError> {
        let paths: Vec<&str> = paths.into_iter().collect();
        let mut invalid = BTreeSet::new();
        for chunk in paths.chunks(CHUNK) {
            let output = self.store(settings, ["--check-validity", "--print-invalid"], chunk)?;
            let text = String::from_utf8_lossy(&output.stdout);
            invalid.extend(text.lines().map(str::to_owned));
        }
        Ok(invalid)
    }

    /// The derivations that realising `drvs` would build, and not fetch from a binary cache.
    ///
    /// # Errors
    /// When Nix fails.
    pub fn to_build<'a>(
        &self,
        settings: &Settings,
        drvs: impl IntoIterator<Item = &'a DrvPath>,
    ) -> Result<BTreeSet<DrvPath>, NixError> {
        let drvs: Vec<&str> = drvs.into_iter().map(DrvPath::as_str).collect();
        let mut missing = BTreeSet::new();
        for chunk in drvs.chunks(CHUNK) {
            let output = self.store(settings, ["--realise", "--dry-run"], chunk)?;
            // it lists derivations to build and paths to fetch, only the first of which end in .drv
            let text = String::from_utf8_lossy(&output.stderr);
            let lines = text.lines().map(str::trim);
            missing.extend(lines.filter_map(|line| line.parse::<DrvPath>().ok()));
        }
        Ok(missing)
    }

    /// The log of a build that ended; empty where the store has none: what came from a binary cache has no log here.
    ///
    /// # Errors
    /// When Nix cannot be started.
    pub fn read_log(&self, settings: &Settings, drv: &DrvPath) -> Result<String, NixError> {
        let output = settings
            .command(self, "nix-store")?
            .args(["--read-log", drv.as_str()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(|source| NixError::Run {
                program: "nix-store".to_owned(),
                source,
            })?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What `nix-store` says with `options` of all `paths`, in their order.
    pub(super) fn ask(
        &self,
        settings: &Settings,
        options: [&str; 2],
        paths: &[&str],
    ) -> Result<String, NixError> {
        let mut text = String::new();
        // without paths it is asked once, of the whole store
        for chunk in
            std::iter::once(&paths[..paths.len().min(CHUNK)]).chain(paths.chunks(CHUNK).skip(1))
        {
            let output = self.store(settings, options, chunk)?;
            text += &String::from_utf8_lossy(&output.stdout);
        }
        Ok(text)
    }

    /// Runs `nix-store` with `options` over `paths`.
    fn store(
        &self,
        settings: &Settings,
        options: [&str; 2],
        paths: &[&str],
    ) -> Result<Output, NixError> {
        let mut command = settings.command(self, "nix-store")?;
        command.args(options).args(paths.iter().map(OsStr::new));
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|source| NixError::Run {
                program: "nix-store".to_owned(),
                source,
            })?;
        if output.status.success() {
            Ok(output)
        } else {
            Err(NixError::Store {
                reason: last_error(&output.stderr),
            })
        }
    }
}
