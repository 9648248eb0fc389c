//! Asking a flake, and remembering its answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Answers, Asked, Buildable, Entry, Flake, ProjectError, STATE};
use crate::files::{self, Scratch};
use crate::flake::{DEBIAN_PACKAGES, Plan};
use crate::hash::Sha256;
use crate::nix::{DrvPath, Nix, NixError, Packages, Settings, outputs_of, quote};

/// File that holds the answers to the last question, in the project's [`STATE`].
const MANIFEST: &str = "manifest.json";

/// Answers with a digest of everything they were evaluated from.
#[derive(Serialize, Deserialize)]
struct Cached {
    key: String,
    manifest: Answers,
}

impl Flake {
    /// What the flake says to `asked`.
    ///
    /// # Errors
    /// When it does not evaluate, says something else than was asked, or the question cannot be put down.
    pub fn describe(
        &self,
        nix: &Nix,
        settings: &Settings,
        asked: &Asked,
    ) -> Result<Answers, ProjectError> {
        self.prepare(nix, settings)?;
        // a folder of this run's alone, which nobody else can write
        let scratch = Scratch::new()?;
        let path = scratch.path().join("asked.json");
        files::replace(&path, &json(asked)?).map_err(ProjectError::io(&path))?;
        let path = path.canonicalize().map_err(ProjectError::io(&path))?;
        let expression = expression(&settings.packages, &self.folder, &path);
        let answers: Answers = nix.eval(settings, &expression)?;
        match answers.check(asked) {
            Ok(()) => Ok(answers),
            Err(what) => Err(ProjectError::Other { what }),
        }
    }

    /// The same, without evaluating what the last question of the project was answered with, if nothing has changed since.
    ///
    /// # Errors
    /// As [`Flake::describe`]; also when the answers cannot be put down.
    pub fn describe_once(
        &self,
        nix: &Nix,
        settings: &Settings,
        asked: &Asked,
    ) -> Result<Answers, ProjectError> {
        self.prepare(nix, settings)?;
        let path = self.folder.join(STATE).join(MANIFEST);
        let key = self.key(nix, settings, asked)?;
        if let Some(answers) = cached(nix, &path, &key).filter(|it| it.check(asked).is_ok()) {
            return Ok(answers);
        }
        let manifest = self.describe(nix, settings, asked)?;
        if !Plan::new(&self.tree, &self.folder)?.is_done() {
            return Err(ProjectError::Other {
                what: "the flake's files were changed meanwhile".to_owned(),
            });
        }
        let cached = Cached { key, manifest };
        files::replace(&path, &json(&cached)?).map_err(ProjectError::io(&path))?;
        Ok(cached.manifest)
    }

    /// Sees to it that what is described can be built.
    fn prepare(&self, nix: &Nix, settings: &Settings) -> Result<(), ProjectError> {
        if let Some(bootstrap) = &self.bootstrap {
            nix.prepare(settings, bootstrap)?;
        }
        Ok(())
    }

    /// Digest of all that an answer depends on.
    fn key(&self, nix: &Nix, settings: &Settings, asked: &Asked) -> Result<String, ProjectError> {
        let files: BTreeMap<&str, &str> = self
            .tree
            .files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        let lock = files::read_text(&self.folder.join("flake.lock")).unwrap_or_default();
        let all = json(&(
            nix.banner(),
            settings.nix_config(nix, true),
            settings.packages.to_string(),
            format!("{:?}", nix.place()),
            &self.folder,
            files,
            asked,
            lock,
        ))?;
        Ok(Sha256::of_bytes(&all).sri())
    }
}

/// The derivations that the last question of the project in `folder` was answered with; none where there was no question.
pub fn last_described(folder: &Path) -> Option<Vec<DrvPath>> {
    let bytes = files::read(&folder.join(STATE).join(MANIFEST), files::MAX_DATA).ok()?;
    let cached: Cached = serde_json::from_slice(&bytes).ok()?;
    let things = cached.manifest.answers.into_iter();
    let entries = things.flat_map(|answer| answer.things.into_values());
    Some(
        entries
            .filter_map(|entry| match entry {
                Entry::Build(build) => Some(build.drv),
                Entry::Error { .. } => None,
            })
            .collect(),
    )
}

/// Evaluates `describe.nix` with the package set of `packages`.
fn expression(packages: &Packages, flake: &Path, asked: &Path) -> String {
    let path = |path: &Path| format!("(/. + {})", quote(&path.to_string_lossy()));
    let packages = match packages {
        Packages::Debian(_) => path(&flake.join(DEBIAN_PACKAGES)),
        Packages::Nixpkgs => "null".to_owned(),
    };
    format!(
        "import {} {{ asked = {}; packages = {packages}; }}",
        path(&flake.join("describe.nix")),
        path(asked)
    )
}

/// The answers in `cache`, if they are of `key` and every derivation in them still exists and makes what they say.
fn cached(nix: &Nix, cache: &Path, key: &str) -> Option<Answers> {
    let bytes = files::read(cache, files::MAX_DATA).ok()?;
    let cached: Cached = serde_json::from_slice(&bytes).ok()?;
    if cached.key != key {
        return None;
    }
    let mut entries = cached
        .manifest
        .answers
        .iter()
        .flat_map(|it| it.things.values());
    let exist = entries.all(|entry| match entry {
        Entry::Build(build) => is_of_its_derivation(nix, build),
        Entry::Error { .. } => true,
    });
    exist.then_some(cached.manifest)
}

/// Whether the derivation of `build` exists, and makes what `build` says.
fn is_of_its_derivation(nix: &Nix, build: &Buildable) -> bool {
    let Ok(outputs) = outputs_of(nix, &build.drv) else {
        return false;
    };
    outputs.len() == build.outputs.len()
        && outputs
            .iter()
            .all(|(name, path)| match (path, build.outputs.get(name)) {
                (Some(path), Some(said)) => path == said,
                (None, said) => said.is_some(),
                (Some(_), None) => false,
            })
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, ProjectError> {
    serde_json::to_vec(value).map_err(|error| {
        NixError::Answer {
            what: "question",
            reason: error.to_string(),
        }
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_become_nix_code() {
        let text = expression(
            &"debian".parse().unwrap(),
            Path::new("/a\"${b}"),
            Path::new("/c"),
        );
        assert!(
            text.contains(r#"(/. + "/a\"\${b}/describe.nix")"#),
            "{text}"
        );
    }
}
