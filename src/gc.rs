//! What kflake holds on the disk: for which projects, how much, and what of it may go.
//!
//! A project keeps results in the Nix store by links in its `.kflake/roots`. Those of the newest run, and of files that somebody gave to
//! the project, stay; the others may go, and what they alone kept is then Nix's to delete. Nothing is removed but such links, reports of
//! earlier runs by the mark of their folder, and temporary folders that no process has any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::files::{self, MARK, STATE};
use crate::nix::{Graph, Nix, NixError, Root, Settings};
use crate::validate::newest_run;

/// Folder of a project's links, in its [`STATE`].
const ROOTS: &str = "roots";

/// What is held in a store, and beside it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Holdings {
    /// The store; none where nothing was ever built.
    pub store: Option<StoreUse>,
    /// The projects that keep something in it.
    pub projects: Vec<ProjectUse>,
    /// Folders that kflake filled, and that keep something: SDKs.
    pub folders: Vec<FolderUse>,
    /// Bytes that the store can delete when the old links of all projects are gone, besides what it can today.
    pub alone: u64,
    /// Temporary folders that killed runs left behind.
    pub left_over: Vec<LeftOver>,
}

/// A whole store.
#[derive(Clone, Debug, Serialize)]
pub struct StoreUse {
    /// Where it really lies.
    pub folder: PathBuf,
    /// Bytes in it.
    pub bytes: u64,
    /// Bytes that nothing keeps.
    pub garbage: u64,
}

/// What a project keeps.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectUse {
    /// Its folder.
    pub folder: PathBuf,
    /// Links.
    pub links: usize,
    /// Bytes that they keep.
    pub bytes: u64,
    /// Links of runs before the newest; none where no run is known, so that nothing is taken for old.
    pub old: Vec<OldLink>,
    /// Bytes that those alone keep.
    pub alone: u64,
}

/// A link that may go.
#[derive(Clone, Debug, Serialize)]
pub struct OldLink {
    /// The link.
    pub link: PathBuf,
    /// The path of the store that it keeps.
    pub path: String,
}

/// A folder that kflake filled.
#[derive(Clone, Debug, Serialize)]
pub struct FolderUse {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes that it keeps.
    pub bytes: u64,
}

/// A temporary folder that nobody has any more.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOver {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes in it.
    pub bytes: u64,
}

/// Looks at the store of `nix`, and at what killed runs left.
///
/// # Errors
/// When Nix fails.
pub fn survey(nix: &Nix, settings: &Settings) -> Result<Holdings, NixError> {
    let mut holdings = Holdings {
        left_over: left_over(&nix.temporary_folders()),
        ..Holdings::default()
    };
    if !nix.has_store() {
        return Ok(holdings);
    }
    let roots = nix.roots(settings)?;
    let garbage = nix.garbage(settings)?;
    let mut all = nix.live(settings)?;
    all.extend(garbage.iter().cloned());
    let sizes = Sizes(nix.sizes(settings, all.iter().map(String::as_str))?);
    holdings.store = Some(StoreUse {
        folder: nix.real_path("/nix/store"),
        bytes: sizes.of(&all),
        garbage: sizes.of(&garbage),
    });

    let mut projects: BTreeMap<&Path, Vec<&Root>> = BTreeMap::new();
    let mut folders: BTreeMap<&Path, Vec<&Root>> = BTreeMap::new();
    for root in &roots {
        if let Some(project) = project_of(&root.link) {
            projects.entry(project).or_default().push(root);
        } else if let Some(folder) = root.link.parent().filter(|it| it.join(MARK).is_file()) {
            folders.entry(folder).or_default().push(root);
        }
    }
    let closure = |of: &[&Root]| nix.closure(settings, of.iter().map(|root| root.path.as_str()));
    // what `gone` alone keeps
    let alone = |gone: &BTreeSet<&Path>| {
        let (old, rest): (Vec<&Root>, Vec<&Root>) = roots
            .iter()
            .partition(|root| gone.contains(root.link.as_path()));
        let (old, rest) = (closure(&old)?, closure(&rest)?);
        Ok::<u64, NixError>(sizes.of(old.difference(&rest)))
    };
    for (folder, links) in &projects {
        let old = old_links(nix, settings, folder, links)?;
        holdings.projects.push(ProjectUse {
            folder: (*folder).to_owned(),
            links: links.len(),
            bytes: sizes.of(&closure(links)?),
            alone: alone(&old.iter().map(|it| it.link.as_path()).collect())?,
            old,
        });
    }
    for (folder, links) in &folders {
        holdings.folders.push(FolderUse {
            folder: (*folder).to_owned(),
            bytes: sizes.of(&closure(links)?),
        });
    }
    let old = holdings.projects.iter().flat_map(|it| &it.old);
    holdings.alone = alone(&old.map(|it| it.link.as_path()).collect())?;
    Ok(holdings)
}

/// Removes `old` links, as long as they are what they were.
///
/// # Errors
/// When one cannot be removed; which.
pub fn forget(old: &[OldLink]) -> Result<(), (PathBuf, io::Error)> {
    for OldLink { link, path } in old {
        let still = project_of(link).is_some_and(is_plain)
            && fs::read_link(link).is_ok_and(|target| target == Path::new(path));
        if still {
            files::remove(link).map_err(|error| (link.clone(), error))?;
        }
    }
    Ok(())
}

/// The project whose link `link` is: `P` of `P/.kflake/roots/NAME`.
fn project_of(link: &Path) -> Option<&Path> {
    let roots = link.parent().filter(|it| it.ends_with(ROOTS))?;
    let state = roots.parent().filter(|it| it.ends_with(STATE))?;
    state.parent()
}

/// Whether the way to the links of `project` leads through plain folders.
fn is_plain(project: &Path) -> bool {
    files::inside(project, &Path::new(STATE).join(ROOTS)).is_ok()
}

/// Those of a project's `links` that a run before the newest left.
fn old_links(
    nix: &Nix,
    settings: &Settings,
    project: &Path,
    links: &[&Root],
) -> Result<Vec<OldLink>, NixError> {
    let Some(newest) = newest_run(project).filter(|_| is_plain(project)) else {
        return Ok(Vec::new());
    };
    let mut needed = BTreeSet::new();
    for drv in &newest {
        // what was collected since is kept by no link
        if let Ok(graph) = Graph::load(nix, [drv]) {
            let paths = graph.iter().flat_map(|(_, found)| found.paths());
            needed.extend(paths.map(str::to_owned));
        }
    }
    // what somebody gave to the project, no build made
    let built = nix.built(settings, links.iter().map(|root| root.path.as_str()))?;
    let old = links
        .iter()
        .filter(|root| built.contains(&root.path) && !needed.contains(&root.path));
    Ok(old
        .map(|root| OldLink {
            link: root.link.clone(),
            path: root.path.clone(),
        })
        .collect())
}

/// Temporary folders below `folders` that killed runs left behind.
pub fn left_over(folders: &[PathBuf]) -> Vec<LeftOver> {
    let all = folders.iter().flat_map(|folder| files::left_over(folder));
    all.map(|folder| LeftOver {
        bytes: bytes_in(&folder),
        folder,
    })
    .collect()
}

/// Bytes that the files below `folder` take.
fn bytes_in(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    /// What `st_blocks` counts.
    const BLOCK: u64 = 512;
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.metadata().ok()?.blocks() * BLOCK))
        .sum()
}

/// Sizes of the store's paths.
struct Sizes(BTreeMap<String, u64>);

impl Sizes {
    fn of<'a>(&self, paths: impl IntoIterator<Item = &'a String>) -> u64 {
        let sizes = paths.into_iter().filter_map(|path| self.0.get(path));
        sizes.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_links_are_known_by_their_place() {
        let of = |path: &str| project_of(Path::new(path)).map(Path::to_owned);
        assert_eq!(
            of("/home/u/p/.kflake/roots/linux-6.1"),
            Some("/home/u/p".into())
        );
        for path in [
            "/home/u/p/roots/x",
            "/home/u/.kflake/x",
            "/home/u/p/.kflake/roots/deeper/x",
            "{temp:3}",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
    }

    #[test]
    fn only_links_that_are_what_they_were_go() {
        let dir = tempfile::tempdir().unwrap();
        let roots = dir.path().join(".kflake/roots");
        fs::create_dir_all(&roots).unwrap();
        let old = |name: &str| OldLink {
            link: roots.join(name),
            path: "/nix/store/1-x".to_owned(),
        };
        std::os::unix::fs::symlink("/nix/store/1-x", roots.join("same")).unwrap();
        std::os::unix::fs::symlink("/nix/store/2-y", roots.join("other")).unwrap();
        fs::write(roots.join("file"), "mine").unwrap();
        forget(&["same", "other", "file", "gone"].map(old)).unwrap();
        let left = |name: &str| fs::symlink_metadata(roots.join(name)).is_ok();
        assert_eq!(
            (left("same"), left("other"), left("file")),
            (false, true, true)
        );

        // nor is anything removed behind a link
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/nix/store/1-x", elsewhere.path().join("x")).unwrap();
        fs::remove_dir_all(&roots).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &roots).unwrap();
        forget(&[old("x")]).unwrap();
        assert!(fs::symlink_metadata(elsewhere.path().join("x")).is_ok());
    }
}
