//! Where the kernel is, when a folder is none: in it, around it, or in an archive beside.

use std::collections::VecDeque;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::kernel_makefile::version_with;
use crate::files;
use crate::text::shown;

/// How deep a kernel is looked for, and how many files and folders are seen meanwhile.
const DEPTH: usize = 8;
const SEEN: usize = 300_000;
/// No kernel's top Makefile comes near this.
const MAX_MAKEFILE: u64 = 1 << 20;

/// Why the folder `path` holds no kernel at its top, where more than that is known, and what to do.
pub(super) fn instead(path: &Path, makefile: Option<&str>) -> Option<(String, String)> {
    if let Some(found) = makefile.and_then(of_build) {
        return Some(found);
    }
    if let Some(around) = around(path) {
        let missing = "it is a part of one".to_owned();
        return Some((missing, did_you_mean(&[around])));
    }
    let has = |name: &str| path.join(name).exists();
    if has("HEAD") && has("objects") && has("refs") {
        return Some((
            "it is a bare repository of git's, with no files checked out".to_owned(),
            format!(
                "`git clone {} linux` makes a folder of files: give that",
                shown(path)
            ),
        ));
    }
    let mut names = fs::read_dir(path)
        .ok()?
        .flatten()
        .map(|entry| entry.file_name());
    match (names.next(), names.next()) {
        (None, _) => {
            return Some((
                "it is empty".to_owned(),
                format!(
                    "a submodule of git's is filled by `git submodule update --init {}`",
                    shown(path)
                ),
            ));
        }
        (Some(name), None) if name == ".git" => {
            return Some((
                "it has no files checked out".to_owned(),
                format!("`git -C {} reset --hard` brings them", shown(path)),
            ));
        }
        _ => {}
    }
    let (kernels, archives) = below(path);
    match (kernels.is_empty(), archives.is_empty()) {
        (false, _) => Some((
            "the kernel is deeper in it".to_owned(),
            did_you_mean(&kernels),
        )),
        (true, false) => Some((
            "it holds an archive that may be one".to_owned(),
            did_you_mean(&archives),
        )),
        (true, true) => None,
    }
}

fn did_you_mean(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths
        .iter()
        .take(3)
        .map(|it| shown(it).to_string())
        .collect();
    let more = match paths.len() {
        ..=3 => String::new(),
        more => format!(", or one of {} more", more - 3),
    };
    format!("did you mean {}{more}?", names.join(" or "))
}

/// What is known from the Makefile of a folder that a kernel was built into, or that Debian has for building modules.
fn of_build(makefile: &str) -> Option<(String, String)> {
    let included = makefile.lines().find_map(|line| {
        let path = line
            .strip_prefix("include ")?
            .trim()
            .strip_suffix("/Makefile")?;
        path.starts_with(['/', '.']).then_some(path)
    });
    // until 5.0
    let called = makefile
        .lines()
        .find_map(|line| line.strip_prefix("MAKEARGS := -C "));
    let source = included.or(called)?;
    Some(match source.contains("headers") || source.contains("kernel-devel") {
        true => (
            "it is a kernel's headers, for building modules, and not its source".to_owned(),
            "take the source: Debian's package linux-source-VERSION puts an archive into /usr/src".to_owned(),
        ),
        false => (
            "it is where a kernel was built, and not its source".to_owned(),
            did_you_mean(&[PathBuf::from(source)]),
        ),
    })
}

/// The kernel that `path` is a part of.
fn around(path: &Path) -> Option<PathBuf> {
    let whole = path.canonicalize().ok()?;
    let found = whole
        .ancestors()
        .skip(1)
        .take(DEPTH)
        .find(|it| is_kernel(it))?;
    // spelled as the path was, as far as that goes
    let is_plain = |it: &&Path| {
        let leads_up = it.components().any(|part| part == Component::ParentDir);
        !leads_up && !it.as_os_str().is_empty()
    };
    let mut given = path.ancestors().skip(1).filter(is_plain);
    let given = given.find(|it| it.canonicalize().is_ok_and(|it| it == found));
    Some(given.unwrap_or(found).to_owned())
}

/// Whether the folder `path` looks like a kernel's source, so that it is worth a word.
pub fn is_kernel(path: &Path) -> bool {
    if !["arch", "kernel", "Makefile"]
        .iter()
        .all(|it| path.join(it).exists())
    {
        return false;
    }
    let text = files::read(&path.join("Makefile"), MAX_MAKEFILE);
    let is_one = |text: &[u8]| {
        let beside = |name: &str| text_beside(path, name);
        version_with(&String::from_utf8_lossy(text), &beside).is_ok()
    };
    text.is_ok_and(|text| is_one(&text))
}

/// The text of the file `name` at the top of `tree`.
pub(super) fn text_beside(tree: &Path, name: &str) -> Option<String> {
    let text = files::read(&tree.join(name), MAX_MAKEFILE).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Kernels below `path`, the nearest first, and archives by whose names they may be some.
pub fn below(path: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut kernels, mut archives) = (Vec::new(), Vec::new());
    let mut folders = VecDeque::from([(path.to_owned(), 0)]);
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop_front() {
        let mut entries: Vec<_> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        seen += entries.len();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type();
            if kind.as_ref().is_ok_and(fs::FileType::is_file) && is_archive(&name) {
                archives.push(entry.path());
            }
            if !kind.is_ok_and(|it| it.is_dir()) || [".git", ".repo", ".svn"].contains(&&*name) {
                continue;
            }
            match is_kernel(&entry.path()) {
                true => kernels.push(entry.path()),
                false if depth < DEPTH => folders.push_back((entry.path(), depth + 1)),
                false => {}
            }
        }
        if seen > SEEN {
            break;
        }
    }
    (kernels, archives)
}

/// Whether a file of this name may be an archive of a kernel's source.
pub(super) fn is_archive(name: &str) -> bool {
    let endings = [
        ".tar",
        ".tar.gz",
        ".tgz",
        ".tar.bz2",
        ".tbz2",
        ".tar.xz",
        ".txz",
        ".tar.lzma",
    ];
    let Some(stem) = endings.iter().find_map(|it| name.strip_suffix(it)) else {
        return false;
    };
    let stem = stem.to_ascii_lowercase();
    let others = [
        "firmware", "headers", "libc", "pam", "image", "modules", "tools", "atm",
    ];
    (stem.starts_with("linux") || stem.contains("kernel"))
        && !others.iter().any(|it| stem.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKEFILE: &str = "VERSION = 5\nPATCHLEVEL = 15\nSUBLEVEL = 150\nEXTRAVERSION =\n";

    fn kernel(at: &Path) {
        for folder in ["arch/arm", "kernel"] {
            fs::create_dir_all(at.join(folder)).unwrap();
        }
        fs::write(at.join("Makefile"), MAKEFILE).unwrap();
    }

    #[test]
    fn it_is_said_where_the_kernel_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in [
            "owrt/build_dir/target-mips/linux-ath79/linux-5.15.150",
            "gpl/bcm/a/linux-4.1",
            "gpl/bcm/b/linux-3.4",
            "linux",
        ] {
            kernel(&at(name));
        }
        for folder in [
            "bare/objects",
            "bare/refs",
            "empty",
            "bundle/dl",
            "none/src",
            "fresh/.git",
        ] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in [
            "bare/HEAD",
            "bundle/dl/linux-5.15.150.tar.xz",
            "bundle/dl/linux-firmware-2023.tar.xz",
            "bundle/dl/util-linux-2.39.tar.xz",
            "none/src/x.c",
        ] {
            fs::write(at(file), "x").unwrap();
        }
        for (name, missing, help) in [
            (
                "owrt",
                "deeper in it",
                "did you mean D/owrt/build_dir/target-mips/linux-ath79/linux-5.15.150?",
            ),
            (
                "gpl",
                "deeper in it",
                "did you mean D/gpl/bcm/a/linux-4.1 or D/gpl/bcm/b/linux-3.4?",
            ),
            ("linux/arch/arm", "a part of one", "did you mean D/linux?"),
            (
                "linux/arch/arm/../../kernel",
                "a part of one",
                "did you mean D/linux?",
            ),
            ("bare", "bare repository", "`git clone D/bare linux`"),
            (
                "empty",
                "it is empty",
                "git submodule update --init D/empty",
            ),
            (
                "fresh",
                "no files checked out",
                "git -C D/fresh reset --hard",
            ),
            (
                "bundle",
                "an archive that may be one",
                "did you mean D/bundle/dl/linux-5.15.150.tar.xz?",
            ),
        ] {
            let (found, advice) = instead(&at(name), None).unwrap();
            let advice = advice.replace(&dir.path().display().to_string(), "D");
            assert!(found.contains(missing), "{name}: {found}");
            assert!(advice.contains(help), "{name}: {advice}");
        }
        assert_eq!(instead(&at("none"), None), None);
    }

    #[test]
    fn a_makefile_that_leads_elsewhere_is_told() {
        for (makefile, missing, help) in [
            (
                "include /usr/src/linux-headers-6.1.0-18-common/Makefile\n",
                "headers",
                "linux-source-VERSION",
            ),
            (
                "# Automatically generated by /src/linux/Makefile: don't edit\ninclude /src/linux/Makefile\n",
                "was built",
                "did you mean /src/linux?",
            ),
            (
                "VERSION = 4\nPATCHLEVEL = 4\nMAKEARGS := -C /src/linux-4.4\nMAKEARGS += O=/o\n",
                "was built",
                "did you mean /src/linux-4.4?",
            ),
        ] {
            let (found, advice) = instead(Path::new("/nonexistent"), Some(makefile)).unwrap();
            assert!(found.contains(missing), "{makefile}: {found}");
            assert!(advice.contains(help), "{makefile}: {advice}");
        }
        assert_eq!(
            instead(
                Path::new("/nonexistent"),
                Some("include ./rules.mk\nall:\n")
            ),
            None
        );
    }
}
