//! From a plan and a generated flake to a manifest, evaluating only what was not evaluated before.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::manifest::{Entry, Manifest};
use super::planned::Plan;
use super::run::RunError;
use crate::flake::Tree;
use crate::hash::Sha256;
use crate::nix::{Nix, Packages, Settings, quote};

/// Folder of kflake's own within a project.
pub const STATE: &str = ".kflake";

/// A manifest with a digest of everything it was evaluated from.
#[derive(Serialize, Deserialize)]
struct Cached {
    key: String,
    manifest: CachedManifest,
}

/// [`Manifest`] in a shape that can be written.
#[derive(Serialize, Deserialize)]
struct CachedManifest {
    system: String,
    targets: serde_json::Value,
}

/// The manifest of `plan` in the flake at `project`, whose files are `tree`.
///
/// # Errors
/// When Nix cannot evaluate it, or the project's own folder cannot be written.
pub fn evaluate(
    nix: &Nix,
    settings: &Settings,
    project: &Path,
    tree: &Tree,
    plan: &Plan,
) -> Result<Manifest, RunError> {
    let project = std::path::absolute(project).map_err(RunError::report(project))?;
    let state = project.join(STATE);
    let io = RunError::report(&state);
    std::fs::create_dir_all(&state).map_err(&io)?;
    let plan = plan.to_json().map_err(io::Error::from).map_err(&io)?;
    let lock = std::fs::read_to_string(project.join("flake.lock")).unwrap_or_default();
    let key = key(nix, settings, &project, tree, &plan, &lock)?;

    let cache = state.join("manifest.json");
    if let Some(manifest) = cached(&cache, &key) {
        return Ok(manifest);
    }
    let plan_file = state.join("plan.json");
    replace(&plan_file, plan.as_bytes()).map_err(&io)?;
    let value: serde_json::Value = nix.eval(
        settings,
        &expression(settings.packages, &project, &plan_file),
    )?;
    let manifest: CachedManifest = read(value)?;
    let cached = Cached { key, manifest };
    let text = serde_json::to_vec(&cached)
        .map_err(io::Error::from)
        .map_err(&io)?;
    replace(&cache, &text).map_err(&io)?;
    into_manifest(cached.manifest)
}

/// Evaluates `manifest.nix` with the package set of `packages`.
fn expression(packages: Packages, project: &Path, plan: &Path) -> String {
    let path = |path: &Path| quote(&path.to_string_lossy());
    let inputs = match packages {
        Packages::Host => format!("packages = {};", path(&project.join("host-packages"))),
        // what flake.lock says, fetched the way a flake's inputs are, and only if it is needed
        Packages::Nixpkgs => "packages = (builtins.fetchTree lock.nixpkgs.locked).outPath; \
             muslCrossMake = if lock ? musl-cross-make then builtins.fetchTree lock.musl-cross-make.locked else null;"
            .to_owned(),
    };
    format!(
        "let lock = (builtins.fromJSON (builtins.readFile (/. + {lock}))).nodes; in \
         {{ system = builtins.currentSystem; targets = import (/. + {manifest}) {{ plan = {plan}; {inputs} }}; }}",
        lock = path(&project.join("flake.lock")),
        manifest = path(&project.join("manifest.nix")),
        plan = path(plan),
    )
}

/// Digest of all that the manifest depends on.
fn key(
    nix: &Nix,
    settings: &Settings,
    project: &Path,
    tree: &Tree,
    plan: &str,
    lock: &str,
) -> Result<String, RunError> {
    let files: BTreeMap<&str, &str> = tree
        .files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let all = serde_json::to_vec(&(
        nix.banner(),
        settings.nix_config()?,
        settings.packages == Packages::Host,
        std::env::var("NIX_REMOTE").unwrap_or_default(),
        project,
        files,
        plan,
        lock,
    ))
    .map_err(io::Error::from)
    .map_err(RunError::report(project))?;
    Ok(Sha256::of_bytes(&all).sri())
}

/// The manifest in `cache`, if it is of `key` and every derivation in it still exists.
fn cached(cache: &Path, key: &str) -> Option<Manifest> {
    let bytes = std::fs::read(cache).ok()?;
    let cached: Cached = serde_json::from_slice(&bytes).ok()?;
    if cached.key != key {
        return None;
    }
    let manifest = into_manifest(cached.manifest).ok()?;
    let entries = manifest
        .targets
        .iter()
        .flat_map(|target| target.stages.values());
    let exist = |entry: &Entry| match entry {
        Entry::Build(build) => Path::new(&build.drv).exists(),
        Entry::Error { .. } => true,
    };
    entries.into_iter().all(exist).then_some(manifest)
}

fn into_manifest(cached: CachedManifest) -> Result<Manifest, RunError> {
    Ok(Manifest {
        system: cached.system,
        targets: read(cached.targets)?,
    })
}

fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, RunError> {
    serde_json::from_value(value).map_err(|error| {
        RunError::Nix(crate::nix::NixError::Answer {
            what: "manifest",
            reason: error.to_string(),
        })
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
