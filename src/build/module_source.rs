//! A module's source as people bring it, and what keeps it from being built, as far as its files show.

mod makefile;
mod tree;

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use makefile::{Assigned, assignments};
use tree::Tree;

use super::BuildError;
use crate::files::{self, ArchiveError, Content};
use crate::text::{is_address, shown};

/// What kbuild reads, the first that is there, and what DKMS does.
const MAKEFILES: [&str; 2] = ["Kbuild", "Makefile"];
const DKMS: &str = "dkms.conf";

/// A module's source that may be built.
#[derive(Debug)]
pub struct ModuleSource {
    /// Its folder or archive, by absolute path.
    pub path: PathBuf,
    /// Links of its folder that lead out of it, where a build finds nothing: the link, and where it leads.
    pub outside: Vec<(PathBuf, PathBuf)>,
}

/// What is wrong, and what to do.
type Flaw = (String, String);

impl ModuleSource {
    /// Looks at what is given; `symvers`: whether it is said what other modules export.
    ///
    /// # Errors
    /// When it is no module's source, or one that is sure not to build.
    pub fn read(given: &Path, symvers: bool) -> Result<ModuleSource, BuildError> {
        let refused = |(reason, help): Flaw| BuildError::ModuleSource {
            path: given.to_owned(),
            reason,
            help,
        };
        let path = given
            .canonicalize()
            .map_err(|error| refused(missing(given, &error)))?;
        let tree = match path.is_dir() {
            true => Tree::of_folder(&path).map_err(|error| refused(unreadable(&error)))?,
            false => of_file(&path).map_err(refused)?,
        };
        if let Some(flaw) = flaw(&tree, symvers) {
            return Err(refused(flaw));
        }
        let outside = tree.links_outside();
        Ok(ModuleSource { path, outside })
    }
}

fn unreadable(error: &io::Error) -> Flaw {
    let help = "a build copies the whole folder, so all of it has to be readable";
    (error.to_string(), help.to_owned())
}

fn missing(given: &Path, error: &io::Error) -> Flaw {
    let text = given.to_string_lossy();
    if !is_address(&text) {
        let help = "give the folder with the module's Makefile";
        return (error.to_string(), help.to_owned());
    }
    let is_repository = text.ends_with(".git") || !text.contains("://") || text.contains("git");
    let help = match is_repository && !text.contains(".tar") {
        true => format!("`git clone {}` fetches it; give the folder", shown(&*text)),
        false => "fetch it first, and give the file or the folder".to_owned(),
    };
    (
        "it is an address, and builds have no network".to_owned(),
        help,
    )
}

/// The files of the archive at `path`, without the one folder that may be around them.
fn of_file(path: &Path) -> Result<Tree, Flaw> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let makefile = MAKEFILES.contains(&&*name) || [DKMS, "Kconfig"].contains(&&*name);
    if makefile || name.ends_with(".mk") {
        let help = "give the folder that it is in";
        return Err((
            "it is a file of a module's source".to_owned(),
            help.to_owned(),
        ));
    }
    let extension = path.extension().and_then(|it| it.to_str());
    if let Some("c" | "h" | "S" | "rs") = extension {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let help = format!(
            "give a folder with it and a Makefile that says what to build: obj-m := {}.o",
            shown(&*stem)
        );
        return Err(("it is a single source file".to_owned(), help));
    }
    let is_package = starts_with(path, b"!<arch>").map_err(|error| unreadable(&error))?;
    let archive = match is_package {
        true => files::open_package(path),
        false => files::open_archive(path),
    };
    let tree = archive.and_then(|mut archive| {
        let tree = Tree::of_archive(&mut archive);
        tree.map_err(ArchiveError::Damaged)
    });
    let tree = tree.map_err(|error| not_taken(error, path, is_package))?;
    if let Some(member) = tree.climbs() {
        let reason = format!("{} {}", shown(member), files::CLIMBS);
        return Err((reason, files::ANEW.to_owned()));
    }
    if !is_package {
        return Ok(tree.without_top(|tree| tree.has_makefile()));
    }
    tree.of_package().ok_or_else(|| {
        let help =
            "give a package whose name ends in -dkms, or the folder with the module's Makefile";
        (
            "the package has no folder in usr/src".to_owned(),
            help.to_owned(),
        )
    })
}

fn starts_with(path: &Path, magic: &[u8]) -> io::Result<bool> {
    let mut start = Vec::new();
    let limit = magic.len() as u64;
    files::open(path)?.take(limit).read_to_end(&mut start)?;
    Ok(start == magic)
}

/// Why the file at `path` is not taken for an archive, or for a package.
fn not_taken(error: ArchiveError, path: &Path, is_package: bool) -> Flaw {
    let file = shown(path.file_name().unwrap_or_default());
    match error {
        ArchiveError::Unreadable(error) => unreadable(&error),
        ArchiveError::Damaged(error) => (
            format!("it is damaged or cut short: {}", files::damage(error)),
            "fetch or pack it again, or give the folder".to_owned(),
        ),
        ArchiveError::Other(content) if is_package => (
            format!("the package's files are {content}, which builds do not unpack"),
            format!("`dpkg-deb -x {file} DIR` unpacks it; give the folder in DIR/usr/src"),
        ),
        ArchiveError::Other(Content::Elf) => (
            "it is an ELF file, and so built already".to_owned(),
            "give the folder with the module's source; `kflake boot --module` loads one that was built"
                .to_owned(),
        ),
        ArchiveError::Other(content) => {
            let unpack = match content == Content::Rpm {
                true => format!("unpack it (`rpm2cpio {file} | cpio -idm`) and give the folder"),
                false => "give the module's folder".to_owned(),
            };
            (
                format!("it is {content}"),
                format!(
                    "{unpack}; kflake takes a tar, plain or packed with xz, gzip, bzip2 or lzma, and -dkms packages of Debian's"
                ),
            )
        }
    }
}

/// What keeps the source in `tree` from being built, if something is sure to.
fn flaw(tree: &Tree, symvers: bool) -> Option<Flaw> {
    if tree.is_empty() {
        let help = "give the folder with the module's Makefile";
        return Some(("it is empty".to_owned(), help.to_owned()));
    }
    let names = MAKEFILES.iter().chain([&DKMS]);
    for name in names {
        if let Some(target) = tree.outside(Path::new(name)) {
            return Some(outside(name, target));
        }
    }
    if !tree.has_makefile() {
        return Some(no_makefile(tree));
    }
    // what that calls is up to it
    if tree.is_file(Path::new(DKMS)) {
        return None;
    }
    in_folder(tree, Path::new(""), symvers, 0)
}

fn outside(name: &str, target: &Path) -> Flaw {
    let reason = format!(
        "{} is a link to {}, outside the folder, which is all that a build sees",
        shown(name),
        shown(target)
    );
    (
        reason,
        "copy in what it leads to (`cp -rL` makes such a copy)".to_owned(),
    )
}

fn no_makefile(tree: &Tree) -> Flaw {
    let other = tree.top_files().find(|name| {
        let name = name.to_ascii_lowercase();
        ["makefile", "gnumakefile", "kbuild"].contains(&name.as_str())
    });
    if let Some(other) = other {
        return (
            format!(
                "its makefile is called {}, and kbuild reads Makefile or Kbuild",
                shown(other)
            ),
            "rename it to Makefile".to_owned(),
        );
    }
    let reason = "the folder has no Makefile, no Kbuild and no dkms.conf".to_owned();
    let made_by = [
        "configure",
        "autogen.sh",
        "Makefile.in",
        "Makefile.am",
        "CMakeLists.txt",
        "dkms.conf.in",
    ];
    let made_by = made_by
        .into_iter()
        .find(|name| tree.is_file(Path::new(name)));
    let below = tree.makefile_below(|text| assignments(text).iter().any(Assigned::is_objects));
    let help = match (
        below,
        made_by,
        tree.top_files().find_map(|name| name.strip_suffix(".c")),
    ) {
        (Some(folder), ..) => format!("{} in it has one: give that folder", shown(&folder)),
        (None, Some(file), _) => format!(
            "{file} makes one: do that first, and give the folder with the Makefile for the module"
        ),
        (None, None, Some(stem)) => format!(
            "write a Makefile that says what to build: obj-m := {}.o",
            shown(stem)
        ),
        (None, None, None) => "a module's makefile says what to build: obj-m := name.o".to_owned(),
    };
    (reason, help)
}

/// The same of `folder` in it, `depth` folders down.
fn in_folder(tree: &Tree, folder: &Path, symvers: bool, depth: usize) -> Option<Flaw> {
    let mut makefiles = MAKEFILES.iter().map(|name| folder.join(name));
    let makefile = makefiles.find(|path| tree.is_file(path))?;
    let set = assignments(tree.text(&makefile)?);
    let said_in = shown(&makefile);
    if !symvers {
        let symbols = set
            .iter()
            .filter(|it| it.certain && it.name == "KBUILD_EXTRA_SYMBOLS");
        let mut symbols = symbols.flat_map(Assigned::words);
        if let Some(file) =
            symbols.find(|it| it.starts_with('/') || tree.leads_out(folder, it).is_some())
        {
            let path = tree
                .leads_out(folder, file)
                .unwrap_or_else(|| PathBuf::from(file));
            return Some((
                format!(
                    "{said_in} takes symbols of another module from {}, which is not in the folder",
                    shown(file)
                ),
                format!("give it with --symvers {}; make is told of it", shown(path)),
            ));
        }
    }
    for file in makefile::included(tree.text(&makefile)?) {
        if let Some(path) = tree.leads_out(folder, &file) {
            return Some(beyond(&said_in.to_string(), &file, &path));
        }
    }
    let searched = set.iter().filter(|it| it.certain).flat_map(Assigned::words);
    let searched: Vec<&str> = searched
        .filter_map(|word| word.strip_prefix("-I"))
        .collect();
    if depth == 0 && is_built_in(&set) {
        return Some((
            format!(
                "{said_in} says obj-y alone, which is for what becomes part of the kernel itself"
            ),
            "a module is obj-m: obj-m := name.o".to_owned(),
        ));
    }
    for objects in set.iter().filter(|it| it.is_objects()) {
        for word in objects.words().filter(|word| !word.contains(['$', '%'])) {
            if let Some(below) = word.strip_suffix('/') {
                let below = folder.join(below);
                if depth < 16
                    && let Some(flaw) = in_folder(tree, &below, symvers, depth + 1)
                {
                    return Some(flaw);
                }
                continue;
            }
            let Some(stem) = word.strip_suffix(".o") else {
                return objects
                    .certain
                    .then(|| no_object(tree, folder, &said_in.to_string(), &objects.name, word));
            };
            let parts = set.iter().filter(|it| it.is_parts_of(stem));
            let parts: Vec<(bool, &str)> = parts
                .flat_map(|it| it.words().map(|word| (it.certain, word)))
                .collect();
            let own = [(objects.certain, word)];
            let parts = if parts.is_empty() { &own[..] } else { &parts };
            for (certain, part) in parts {
                if *certain
                    && let Some(stem) = part.strip_suffix(".o")
                    && let Some(flaw) = source(tree, folder, stem, &searched)
                {
                    return Some(flaw);
                }
            }
        }
    }
    None
}

/// Whether nothing but objects of a kernel is made of what a makefile has `set`: no module, and no folder or file that may hold one.
fn is_built_in(set: &[Assigned]) -> bool {
    let mut objects = set.iter().filter(|it| it.is_objects()).peekable();
    let is_plain = |word: &str| word.ends_with(".o") && !word.contains('$');
    objects.peek().is_some()
        && objects.all(|it| it.certain && it.name == "obj-y" && it.words().all(is_plain))
        && set.iter().all(|it| !it.name.ends_with("include"))
}

/// `word`, which `variable` names in the place of an object.
fn no_object(tree: &Tree, folder: &Path, said_in: &str, variable: &str, word: &str) -> Flaw {
    let reason = format!(
        "{said_in} says {variable} … {}, which is no object",
        shown(word)
    );
    let stem = match word.rsplit_once('.') {
        Some((stem, "ko" | "c" | "mod" | "obj" | "S" | "O")) => stem,
        _ => word,
    };
    let help = match tree.is_folder(&folder.join(word)) {
        true => format!("kbuild builds a folder that is written {}/", shown(word)),
        false => format!("kbuild takes the name of the object: {}.o", shown(stem)),
    };
    (reason, help)
}

/// What is wrong with the source of the object `stem`.o in `folder`, whose makefile has headers `searched` for.
fn source(tree: &Tree, folder: &Path, stem: &str, searched: &[&str]) -> Option<Flaw> {
    if stem.contains('$') {
        return None;
    }
    for ending in ["c", "S"] {
        let name = format!("{stem}.{ending}");
        if let Some(path) = tree.leads_out(folder, &name) {
            return Some(beyond(&format!("the object {stem}.o"), &name, &path));
        }
        let path = folder.join(&name);
        if let Some(target) = tree.outside(&path) {
            return Some(outside(&path.to_string_lossy(), target));
        }
        let Some(text) = tree.text(&path) else {
            continue;
        };
        let near = path.parent().unwrap_or(folder);
        let include = makefile::includes(text).find_map(|include| {
            let far = || {
                let mut places = searched.iter();
                places.find_map(|place| tree.leads_out(folder, &format!("{place}/{include}")))
            };
            let found = tree.leads_out(near, include);
            let found = found.or_else(|| {
                if tree.is_file(&near.join(include)) {
                    None
                } else {
                    far()
                }
            });
            Some((include, found?))
        });
        return include.map(|(include, to)| beyond(&path.to_string_lossy(), include, &to));
    }
    let rust = folder.join(format!("{stem}.rs"));
    tree.is_file(&rust).then(|| {
        let help = "build it with the kernel's own make and a Rust compiler that fits the kernel";
        (
            format!("{} is Rust, which kflake has no compiler for", shown(&rust)),
            help.to_owned(),
        )
    })
}

/// `what` needs `name`, which is at `path`.
fn beyond(what: &str, name: &str, path: &Path) -> Flaw {
    let reason = format!(
        "{} needs {}, outside the folder, which is all that a build sees",
        shown(what),
        shown(name)
    );
    let folder = path.parent().unwrap_or(path);
    let help = format!(
        "copy in what is needed of {}, or give a folder that holds both, with a Makefile that says obj-m := FOLDER/",
        shown(folder)
    );
    (reason, help)
}

#[cfg(test)]
mod tests;
