//! Files of mirrors, read into memory. Nix itself fetches them, which needs no program in the store.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::config::Settings;
use super::error::last_error;
use super::eval::quote;
use super::mirror::local;
use super::probe::Nix;
use crate::files::{self, Scratch};
use crate::hash::Sha256;

/// How often a download is looked at.
const LOOK: Duration = Duration::from_millis(50);

impl Nix {
    /// The file that has `hash`, from the first of `urls` where it is; it holds at most `limit` bytes.
    ///
    /// # Errors
    /// When it is at none of them; says what became of each.
    pub fn fetch_pinned(
        &self,
        settings: &Settings,
        urls: impl IntoIterator<Item = String>,
        hash: &Sha256,
        limit: u64,
    ) -> Result<Vec<u8>, String> {
        let mut reasons = Vec::new();
        for url in urls {
            let bytes = match local(&url) {
                Some(path) => read(&path, limit),
                None => self
                    .download(settings, &url, hash)
                    .and_then(|path| read(&path, limit)),
            };
            match bytes {
                Ok(bytes) if Sha256::of_bytes(&bytes) == *hash => return Ok(bytes),
                Ok(_) => reasons.push(format!("{url}: it is another file than the pinned one")),
                Err(reason) => reasons.push(format!("{url}: {reason}")),
            }
        }
        match reasons.is_empty() {
            true => Err("no mirror is known".to_owned()),
            false => Err(reasons.join("; ")),
        }
    }

    /// What is at `url` now, at most `limit` bytes; whoever takes it checks what it is.
    ///
    /// # Errors
    /// When there is nothing, it is larger, or nobody answers.
    pub fn fetch_current(
        &self,
        settings: &Settings,
        url: &str,
        limit: u64,
    ) -> Result<Vec<u8>, String> {
        if let Some(path) = local(url) {
            return read(&path, limit);
        }
        let mut command = settings
            .tied(self, "nix-prefetch-url")
            .map_err(|error| error.to_string())?;
        let scratch = Scratch::new().map_err(|error| error.to_string())?;
        command
            .args(["--print-path", "--name", "kflake-fetched", url])
            .env("TMPDIR", scratch.path());
        let said = said_within(command, scratch.path(), limit)?;
        // the hash first, then the path
        let path = said.lines().nth(1).unwrap_or_default();
        read(&self.real_path(path), limit)
    }

    /// Has Nix fetch what is pinned.
    fn download(&self, settings: &Settings, url: &str, hash: &Sha256) -> Result<PathBuf, String> {
        let expression = format!(
            "derivation {{ name = \"kflake-fetched\"; system = \"builtin\"; builder = \"builtin:fetchurl\"; url = {}; \
             outputHashMode = \"flat\"; outputHashAlgo = \"sha256\"; outputHash = \"{}\"; executable = false; unpack = false; \
             preferLocalBuild = true; \
             impureEnvVars = [ \"http_proxy\" \"https_proxy\" \"all_proxy\" \"no_proxy\" ]; }}",
            quote(url),
            hash.hex()
        );
        let mut command = settings
            .guarded(self, "nix-build")
            .map_err(|error| error.to_string())?;
        command.args(["--no-out-link", "--expr", &expression]);
        Ok(self.real_path(said(command)?.trim()))
    }
}

/// What `command` prints, where it succeeds; else why it did not.
fn said(mut command: Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    told(output.map_err(|error| error.to_string())?)
}

/// The same of a command that downloads into `folder`, and is ended where that comes to more than `limit` bytes: a mirror may have
/// no end.
fn said_within(mut command: Command, folder: &Path, limit: u64) -> Result<String, String> {
    let fail = |error: std::io::Error| error.to_string();
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().map_err(fail)?;
    while child.try_wait().map_err(fail)?.is_none() {
        if size(folder) > limit {
            child.kill().and_then(|()| child.wait()).map_err(fail)?;
            return Err(format!("it is larger than {} MiB", limit >> 20));
        }
        std::thread::sleep(LOOK);
    }
    told(child.wait_with_output().map_err(fail)?)
}

/// The bytes in the files of `folder` and below.
fn size(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    let sizes = files.filter_map(|file| file.metadata().ok());
    sizes.filter(|it| it.is_file()).map(|it| it.len()).sum()
}

fn told(output: Output) -> Result<String, String> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(last_error(&output.stderr)),
    }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    files::read(path, limit).map_err(|error| error.to_string())
}
