//! What the store holds, who keeps it there, and having Nix collect the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::build_folder::BUILDS;
use super::config::Settings;
use super::error::{NixError, last_error};
use super::place::Place;
use super::probe::Nix;

/// What keeps a path of the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// The link, an absolute path; else a name in braces.
    pub link: PathBuf,
    /// The path that it keeps.
    pub path: String,
}

impl Nix {
    /// Whether there is a store at all: the first build makes one.
    pub fn has_store(&self) -> bool {
        self.real_path("/nix/store").is_dir()
    }

    /// All that keeps something: links, and by names in braces what is running.
    ///
    /// # Errors
    /// When Nix fails.
    pub fn roots(&self, settings: &Settings) -> Result<Vec<Root>, NixError> {
        let mut roots = roots(&self.ask(settings, ["--gc", "--print-roots"], &[])?);
        let paths: Vec<&str> = roots.iter().map(|root| root.path.as_str()).collect();
        let unknown = self.unknown(settings, &paths)?;
        roots.retain(|root| !unknown.contains(&root.path));
        Ok(roots)
    }

    /// `paths` and all that they refer to.
    ///
    /// # Errors
    /// When one of them is not in the store, or Nix fails.
    pub fn closure<'a>(
        &self,
        settings: &Settings,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeSet<String>, NixError> {
        let paths: Vec<&str> = paths.into_iter().collect();
        let text = self.query(settings, "--requisites", &paths)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Bytes of each of `paths`.
    ///
    /// # Errors
    /// When one of them is not in the store, or Nix fails.
    pub fn sizes<'a>(
        &self,
        settings: &Settings,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeMap<String, u64>, NixError> {
        let paths: Vec<&str> = paths.into_iter().collect();
        let text = self.query(settings, "--size", &paths)?;
        let sizes = text
            .lines()
            .map(|line| line.trim().parse().unwrap_or_default());
        Ok(paths.into_iter().map(str::to_owned).zip(sizes).collect())
    }

    /// Those of `paths` that a build made, and nobody put into the store by hand.
    ///
    /// # Errors
    /// When one of them is not in the store, or Nix fails.
    pub fn built<'a>(
        &self,
        settings: &Settings,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<BTreeSet<String>, NixError> {
        let paths: Vec<&str> = paths.into_iter().collect();
        let text = self.query(settings, "--deriver", &paths)?;
        let known = text.lines().map(|line| !line.contains("unknown-deriver"));
        let pairs = paths.into_iter().zip(known).filter(|(_, known)| *known);
        Ok(pairs.map(|(path, _)| path.to_owned()).collect())
    }

    /// What something keeps.
    ///
    /// # Errors
    /// When Nix fails.
    pub fn live(&self, settings: &Settings) -> Result<BTreeSet<String>, NixError> {
        self.listed(settings, "--print-live")
    }

    /// What nothing keeps.
    ///
    /// # Errors
    /// When Nix fails.
    pub fn garbage(&self, settings: &Settings) -> Result<BTreeSet<String>, NixError> {
        self.listed(settings, "--print-dead")
    }

    fn query(&self, settings: &Settings, what: &str, paths: &[&str]) -> Result<String, NixError> {
        match paths.is_empty() {
            true => Ok(String::new()),
            false => self.ask(settings, ["--query", what], paths),
        }
    }

    fn listed(&self, settings: &Settings, which: &str) -> Result<BTreeSet<String>, NixError> {
        let text = self.ask(settings, ["--gc", which], &[])?;
        let paths: Vec<&str> = text.lines().filter(|it| it.starts_with('/')).collect();
        let unknown = self.unknown(settings, &paths)?;
        let known = paths.into_iter().filter(|path| !unknown.contains(*path));
        Ok(known.map(str::to_owned).collect())
    }

    /// Those of `paths` of which the store knows nothing: builds that are at work, and such as were killed, have locks and half-made
    /// outputs there.
    fn unknown(&self, settings: &Settings, paths: &[&str]) -> Result<BTreeSet<String>, NixError> {
        if paths.is_empty() {
            return Ok(BTreeSet::new());
        }
        let text = self.ask(settings, ["--check-validity", "--print-invalid"], paths)?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Has Nix delete what nothing keeps.
    ///
    /// # Errors
    /// When Nix fails.
    pub fn collect_garbage(&self, settings: &Settings) -> Result<(), NixError> {
        let output = settings
            .tied(self, "nix-store")?
            .arg("--gc")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .map_err(|source| NixError::Run {
                program: "nix-store".to_owned(),
                source,
            })?;
        match output.status.success() {
            true => Ok(()),
            false => Err(NixError::Store {
                reason: last_error(&output.stderr),
            }),
        }
    }

    /// The folders that its builds and kflake have temporary folders in.
    pub fn temporary_folders(&self) -> Vec<PathBuf> {
        let root = match self.place() {
            Place::Daemon { .. } => None,
            Place::Local => Some(Path::new("/")),
            Place::Private(root) => Some(root.as_path()),
        };
        let builds = root.map(|root| root.join(BUILDS));
        std::iter::once(std::env::temp_dir())
            .chain(builds)
            .collect()
    }
}

/// What `nix-store --gc --print-roots` says: `/home/u/result -> /nix/store/…`, and in braces what is no link.
fn roots(text: &str) -> Vec<Root> {
    let pairs = text.lines().filter_map(|line| line.rsplit_once(" -> "));
    pairs
        .map(|(link, path)| Root {
            link: PathBuf::from(link),
            path: path.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_from_what_runs() {
        let text = "/home/u/a -> b/.kflake/roots/x -> /nix/store/1-x\n{temp:12} -> /nix/store/2-y\n\
                    {censored} -> /nix/store/3-z\n\n";
        let found = roots(text);
        assert_eq!(
            found[0],
            Root {
                link: PathBuf::from("/home/u/a -> b/.kflake/roots/x"),
                path: "/nix/store/1-x".to_owned(),
            }
        );
        let links = found.iter().filter(|root| root.link.is_absolute());
        assert_eq!((found.len(), links.count()), (3, 1));
    }
}
