//! The files of a module's source, in a folder or in an archive.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use super::{DKMS, MAKEFILES};
use crate::files::{self, Archive, Members};

/// As many names are looked at.
const MAX_NAMES: usize = 100_000;
/// The largest makefile or source that is read, in bytes.
const MAX_TEXT: u64 = 1 << 20;
/// As much is read of all of them together.
const MAX_TEXTS: u64 = 64 << 20;

/// What a name in a source stands for.
pub enum Entry {
    Folder,
    /// A file; its text, of makefiles and sources.
    File(Option<String>),
    Link(PathBuf),
}

/// A module's source, by the names of its files from its top.
#[derive(Default)]
pub struct Tree {
    entries: BTreeMap<PathBuf, Entry>,
    /// Where it is, where it is a folder.
    folder: Option<PathBuf>,
    /// A name in an archive that tar does not unpack.
    climbs: Option<PathBuf>,
    read: u64,
}

impl Tree {
    pub fn of_folder(folder: &Path) -> io::Result<Tree> {
        let mut tree = Tree {
            folder: Some(folder.to_owned()),
            ..Tree::default()
        };
        let entries = WalkDir::new(folder).min_depth(1).into_iter();
        for entry in entries
            .filter_entry(|it| it.file_name() != ".git")
            .take(MAX_NAMES)
        {
            let entry = entry?;
            let kind = entry.file_type();
            let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            let what = if kind.is_dir() {
                Entry::Folder
            } else if kind.is_symlink() {
                Entry::Link(std::fs::read_link(entry.path())?)
            } else {
                let text = match kind.is_file() && is_text(name) {
                    true => tree.text_of(&mut files::open(entry.path())?)?,
                    false => None,
                };
                Entry::File(text)
            };
            tree.entries.insert(name.to_owned(), what);
        }
        Ok(tree)
    }

    pub fn of_archive(archive: &mut Archive) -> io::Result<Tree> {
        let mut tree = Tree::default();
        let mut names = Members::default();
        for entry in archive.entries()?.raw(true) {
            let mut entry = entry?;
            if names.tell(&mut entry)? {
                continue;
            }
            let target = names.link(&entry)?;
            let parts = names.path(&entry)?;
            if files::climbs(&parts) {
                tree.climbs = Some(parts);
                return Ok(tree);
            }
            let parts = parts
                .components()
                .filter(|it| matches!(it, Component::Normal(_)));
            let name: PathBuf = parts.collect();
            let kind = entry.header().entry_type();
            let what = if kind.is_dir() {
                Entry::Folder
            } else if kind.is_symlink() {
                Entry::Link(target)
            } else {
                let text = match kind.is_file() && is_text(&name) {
                    true => tree.text_of(&mut entry)?,
                    false => None,
                };
                Entry::File(text)
            };
            if name.as_os_str().is_empty() || tree.entries.len() >= MAX_NAMES {
                continue;
            }
            for folder in name
                .ancestors()
                .skip(1)
                .filter(|it| !it.as_os_str().is_empty())
            {
                tree.entries
                    .entry(folder.to_owned())
                    .or_insert(Entry::Folder);
            }
            tree.entries.insert(name, what);
        }
        Ok(tree)
    }

    fn text_of(&mut self, from: &mut impl Read) -> io::Result<Option<String>> {
        if self.read > MAX_TEXTS {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        from.take(MAX_TEXT).read_to_end(&mut bytes)?;
        self.read += bytes.len() as u64;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The one folder in it, where it is none itself by `is_top`: what builds do.
    pub fn without_top(self, is_top: impl Fn(&Tree) -> bool) -> Tree {
        let folders = self.entries.iter().filter(|(name, entry)| {
            matches!(entry, Entry::Folder) && name.components().count() == 1
        });
        let folders: Vec<PathBuf> = folders.map(|(name, _)| name.clone()).collect();
        match &folders[..] {
            [folder] if !is_top(&self) => self.below(folder),
            _ => self,
        }
    }

    /// The one folder in `usr/src`.
    pub fn of_package(self) -> Option<Tree> {
        let parent = Some(Path::new("usr/src"));
        let folders = self
            .entries
            .iter()
            .filter(|(name, entry)| matches!(entry, Entry::Folder) && name.parent() == parent);
        let folders: Vec<PathBuf> = folders.map(|(name, _)| name.clone()).collect();
        let [folder] = &folders[..] else {
            return None;
        };
        Some(self.below(folder))
    }

    fn below(self, folder: &Path) -> Tree {
        let entries = self.entries.into_iter().filter_map(|(name, entry)| {
            let name = name.strip_prefix(folder).ok()?;
            (!name.as_os_str().is_empty()).then(|| (name.to_owned(), entry))
        });
        Tree {
            entries: entries.collect(),
            ..Tree::default()
        }
    }

    /// A name in an archive that leads out of the folder that it is unpacked in; what follows it was not read.
    pub fn climbs(&self) -> Option<&Path> {
        self.climbs.as_deref()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether there is something at its top that says how to build.
    pub fn has_makefile(&self) -> bool {
        let mut names = MAKEFILES.iter().chain([&DKMS]);
        names.any(|name| self.is_file(Path::new(name)))
    }

    /// Whether it is a file, or a link that may lead to one.
    pub fn is_file(&self, path: &Path) -> bool {
        let entry = self.entries.get(path);
        entry.is_some_and(|it| !matches!(it, Entry::Folder))
    }

    pub fn is_folder(&self, path: &Path) -> bool {
        matches!(self.entries.get(path), Some(Entry::Folder))
    }

    pub fn text(&self, path: &Path) -> Option<&str> {
        match self.entries.get(path)? {
            Entry::File(text) => text.as_deref(),
            Entry::Link(target) => {
                let target = tidy(&path.parent()?.join(target))?;
                match self.entries.get(&target)? {
                    Entry::File(text) => text.as_deref(),
                    _ => None,
                }
            }
            Entry::Folder => None,
        }
    }

    /// Names of the files at its top.
    pub fn top_files(&self) -> impl Iterator<Item = &str> {
        let files = self.entries.iter().filter(|(name, entry)| {
            !matches!(entry, Entry::Folder) && name.components().count() == 1
        });
        files.filter_map(|(name, _)| name.to_str())
    }

    /// The shallowest folder with a makefile that `fits`.
    pub fn makefile_below(&self, fits: impl Fn(&str) -> bool) -> Option<PathBuf> {
        let mut folders: Vec<&Path> = Vec::new();
        for (name, entry) in &self.entries {
            let is_makefile = MAKEFILES.iter().any(|it| name.ends_with(it));
            if let Entry::File(Some(text)) = entry
                && is_makefile
                && fits(text)
            {
                folders.extend(name.parent());
            }
        }
        let shallowest = folders.into_iter().min_by_key(|it| it.components().count());
        shallowest.map(Path::to_owned)
    }

    /// Where the link at `path` leads, if that is outside.
    pub fn outside(&self, path: &Path) -> Option<&Path> {
        match self.entries.get(path)? {
            Entry::Link(target) if files::leads_outside(path, target) => Some(target),
            _ => None,
        }
    }

    /// All links that lead outside.
    pub fn links_outside(&self) -> Vec<(PathBuf, PathBuf)> {
        let links = self.entries.keys();
        let links = links.filter_map(|name| Some((name.clone(), self.outside(name)?.to_owned())));
        links.collect()
    }

    /// The file outside that `name`, as a file in `folder` says it, stands for; none: it is inside, or there is none.
    pub fn leads_out(&self, folder: &Path, name: &str) -> Option<PathBuf> {
        let top = self.folder.as_deref()?;
        let mut name = name;
        for here in [
            "$(src)/",
            "$(M)/",
            "$(obj)/",
            "$(PWD)/",
            "$(CURDIR)/",
            "${PWD}/",
            "$(KBUILD_EXTMOD)/",
        ] {
            name = name.strip_prefix(here).unwrap_or(name);
        }
        if name.contains('$') || !files::leads_outside(&folder.join("x"), Path::new(name)) {
            return None;
        }
        let path = top.join(folder).join(name).canonicalize().ok()?;
        (path.is_file() && !path.starts_with(top)).then_some(path)
    }
}

/// Whether a file of that name is read: makefiles and sources.
fn is_text(name: &Path) -> bool {
    let file = name.file_name().unwrap_or_default().to_str();
    let is_makefile = file.is_some_and(|it| MAKEFILES.contains(&it));
    is_makefile || name.extension().is_some_and(|it| it == "c" || it == "S")
}

/// `path` without `.` and `..`; none where it leads outside.
fn tidy(path: &Path) -> Option<PathBuf> {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => tidied.push(name),
            Component::ParentDir => {
                if !tidied.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(tidied)
}
