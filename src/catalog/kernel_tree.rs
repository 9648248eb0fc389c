//! A kernel's unpacked source, packed the same way each time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use walkdir::WalkDir;

use super::kernel_look::{KernelFlaw, Kind, Look, START};
use super::kernel_makefile::{torn_extraversion, version_with};
use super::kernel_near;

use crate::files;
use crate::text::shown;
use crate::version::KernelVersion;

/// Why a folder is not taken for a kernel's source.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KernelTreeError {
    /// Something in it cannot be read.
    #[error("cannot read {}: {}", shown(path), files::reason(path, error))]
    #[diagnostic(help("{help}"))]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said, once.
        error: io::Error,
        /// What to do.
        help: String,
    },
    /// The tarball cannot be written.
    #[error("cannot pack {tree}: {path}: {error}", tree = shown(tree), path = shown(path))]
    #[diagnostic(help("TMPDIR names the folder that temporary files go into"))]
    Unwritable {
        /// The folder.
        tree: PathBuf,
        /// The tarball.
        path: PathBuf,
        /// What the system said, once.
        error: io::Error,
    },
    /// It has no kernel's Makefile at its top.
    #[error("{path} holds no kernel: {missing}", path = shown(path))]
    #[diagnostic(help("{help}"))]
    NoKernel {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        missing: String,
        /// What to do.
        help: String,
        /// Whether something else than a kernel, as far as is known, has its Makefile there.
        other: bool,
    },
    /// Its files show that it would not build.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Flaw(#[from] KernelFlaw),
    /// It holds something that is no file, folder or link.
    #[error("{path} is neither file, folder nor link", path = shown(path))]
    #[diagnostic(help("remove it"))]
    OddFile {
        /// What it is.
        path: PathBuf,
    },
}

/// A kernel's unpacked source, packed.
#[derive(Debug)]
pub struct PackedKernel {
    /// The tarball.
    pub path: PathBuf,
    /// Links that lead out of the tree, so that builds find nothing at their end: the link, and where it leads.
    pub outside: Vec<(PathBuf, PathBuf)>,
}

/// Packs the kernel in `tree`, which is `version` as [`check_kernel`] says, into `folder` as `linux-VERSION.tar.gz`.
///
/// Names, contents, links and what is executable decide the bytes; times, owners, the order of folders and `.git` do not.
///
/// # Errors
/// When something cannot be read or written, or is neither file, folder nor link.
pub fn pack_kernel(
    tree: &Path,
    version: &KernelVersion,
    folder: &Path,
) -> Result<PackedKernel, KernelTreeError> {
    let top = PathBuf::from(format!("linux-{}", version.in_name()));
    let packed = folder.join(format!("linux-{}.tar.gz", version.in_name()));
    let unwritable = |error| KernelTreeError::Unwritable {
        tree: tree.to_owned(),
        path: packed.clone(),
        error,
    };
    let file = File::create(&packed).map_err(unwritable)?;
    let gz = flate2::write::GzEncoder::new(BufWriter::new(file), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gz);
    archive.mode(tar::HeaderMode::Deterministic);
    archive.follow_symlinks(false);
    let mut outside = Vec::new();
    for entry in entries(tree) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(tree).to_owned();
            unreadable(&path)(error.into())
        })?;
        let (path, kind) = (entry.path(), entry.file_type());
        let inside = path.strip_prefix(tree).unwrap_or(path);
        let name = top.join(inside);
        if kind.is_symlink() {
            let target = fs::read_link(path).map_err(unreadable(path))?;
            if files::leads_outside(inside, &target) {
                outside.push((inside.to_owned(), target));
            }
        }
        let added = if kind.is_dir() {
            archive.append_dir(&name, path)
        } else if kind.is_file() || kind.is_symlink() {
            archive.append_path_with_name(path, &name)
        } else {
            let path = path.to_owned();
            return Err(KernelTreeError::OddFile { path });
        };
        added.map_err(|error| match fs::File::open(path) {
            Err(error) if kind.is_file() => unreadable(path)(error),
            _ => unwritable(error),
        })?;
    }
    archive
        .into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .and_then(|mut file| file.flush())
        .map_err(unwritable)?;
    Ok(PackedKernel {
        path: packed,
        outside,
    })
}

/// The version of the kernel in the folder `tree`, where it is a clean and whole source, as far as its files show; for a build for the arch
/// that the kernel calls `arch`, where that is known.
///
/// # Errors
/// What it is instead, or what is wrong with it.
pub fn check_kernel(tree: &Path, arch: Option<&str>) -> Result<KernelVersion, KernelTreeError> {
    let makefile = makefile_of(tree)?;
    let instead = |missing: String| {
        let found = kernel_near::instead(tree, makefile.as_deref());
        let other = found.is_none() && makefile.is_some();
        let (missing, help) = found.unwrap_or_else(|| {
            let help = "name the folder with the kernel's own Makefile in it".to_owned();
            (missing, help)
        });
        let path = tree.to_owned();
        KernelTreeError::NoKernel {
            path,
            missing,
            help,
            other,
        }
    };
    let version = match &makefile {
        None => Err("there is no Makefile in it".to_owned()),
        Some(text) => version_with(text, &|name| kernel_near::text_beside(tree, name)),
    };
    let version = version.map_err(instead)?;
    if let Some(value) = makefile.as_deref().and_then(torn_extraversion) {
        let path = tree.to_owned();
        return Err(KernelFlaw::Torn { path, value }.into());
    }
    let mut look = Look::default();
    let walk = WalkDir::new(tree)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter();
    let inside = |path: &Path| path.strip_prefix(tree).unwrap_or(path).to_owned();
    let walk = walk.filter_entry(|entry| {
        let above = entry.path().parent().map(inside);
        above.is_none_or(|it| Look::enters(&it))
            && (entry.depth() != 1 || entry.file_name() != ".git")
    });
    for entry in walk {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(tree).to_owned();
            unreadable(&path)(error.into())
        })?;
        let (path, inside) = (entry.path(), inside(entry.path()));
        let kind = match entry.file_type() {
            it if it.is_dir() => Kind::Folder,
            it if it.is_file() => Kind::File,
            it if it.is_symlink() => Kind::Link,
            _ => continue,
        };
        let size = || entry.metadata().map_or(0, |facts| facts.len());
        let start = match kind == Kind::File && Look::reads(&inside, size()) {
            true => start_of(path).map_err(unreadable(path))?,
            false => Vec::new(),
        };
        look.see(&inside, kind, &start);
    }
    let flaw = look.flaw(tree, &version, is_sparse(tree));
    let flaw = flaw.or_else(|| look.lacks(tree, arch?));
    flaw.map_or(Ok(version), |flaw| Err(flaw.into()))
}

/// The text of the Makefile at the top of `tree`; none: there is none.
fn makefile_of(tree: &Path) -> Result<Option<String>, KernelTreeError> {
    let makefile = tree.join("Makefile");
    // a folder that cannot be read is one without files, to the system
    fs::read_dir(tree).map_err(unreadable(tree))?;
    if let Ok(target) = fs::read_link(&makefile)
        && files::leads_outside(Path::new("Makefile"), &target)
    {
        let end = tree.join(&target);
        let whole = end.parent().filter(|it| kernel_near::is_kernel(it));
        let help = match whole {
            Some(whole) => format!("did you mean {}?", shown(whole)),
            None if end.exists() => {
                format!("`cp -rL {} DIR` makes a copy with files in the place of links: give that", shown(tree))
            }
            None => "nothing is there: bring back what the link leads to, and give a copy with files in the place of links (`cp -rL`)".to_owned(),
        };
        return Err(KernelTreeError::NoKernel {
            path: tree.to_owned(),
            missing: format!(
                "its top Makefile is a link to {}, outside of it",
                shown(&target)
            ),
            help,
            other: false,
        });
    }
    match files::read(&makefile, files::MAX_DATA) {
        Ok(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&makefile)(error)),
    }
}

fn start_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    files::open(path)?.take(START).read_to_end(&mut start)?;
    Ok(start)
}

/// What is said where `path` cannot be read.
fn unreadable(path: &Path) -> impl Fn(io::Error) -> KernelTreeError {
    let path = path.to_owned();
    move |error| {
        KernelTreeError::Unreadable {
        help: match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "kflake reads all of a kernel: become its owner, or let everyone read it (`chmod -R a+rX`)"
            }
            _ => "kflake reads all of a kernel: take a copy that can be read",
        }
        .to_owned(),
        path: path.clone(),
        error,
    }
    }
}

/// Whether git has checked out a part of the tree alone.
fn is_sparse(tree: &Path) -> bool {
    let git = tree.join(".git");
    // a worktree's or submodule's is elsewhere
    let link = files::read_text(&git).ok();
    let git = match link.as_deref().and_then(|it| it.strip_prefix("gitdir: ")) {
        Some(elsewhere) => tree.join(elsewhere.trim_end()),
        None => git,
    };
    let common = files::read_text(&git.join("commondir"));
    let common = common.map_or_else(|_| git.clone(), |it| git.join(it.trim_end()));
    [git.join("config.worktree"), common.join("config")]
        .iter()
        .any(|config| {
            let text = files::read_text(config)
                .unwrap_or_default()
                .to_ascii_lowercase();
            let mut words = text.lines().map(|line| line.replace([' ', '\t'], ""));
            words.any(|line| line == "sparsecheckout=true")
        })
}

/// All that is packed of `tree`, in the order of names.
fn entries(tree: &Path) -> impl Iterator<Item = walkdir::Result<walkdir::DirEntry>> {
    WalkDir::new(tree)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.depth() != 1 || entry.file_name() != ".git")
}

/// Something in the kernel's folder `tree`, from its top, that changed after `when`, of what [`pack_kernel`] packs: a file, else a folder
/// that something went from or came into. None where nothing did, or there is no such folder any more.
pub fn kernel_changed_since(tree: &Path, when: SystemTime) -> Option<PathBuf> {
    let since = when.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let since = (
        i64::try_from(since.as_secs()).ok()?,
        i64::from(since.subsec_nanos()),
    );
    let mut folder = None;
    for entry in entries(tree).flatten() {
        let changed = entry
            .metadata()
            .is_ok_and(|facts| (facts.ctime(), facts.ctime_nsec()) > since);
        let inside = || entry.path().strip_prefix(tree).ok().map(Path::to_owned);
        match changed {
            true if !entry.file_type().is_dir() => return inside(),
            true if folder.is_none() => folder = inside(),
            _ => {}
        }
    }
    folder.map(|path| match path.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::KernelFile;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const MAKEFILE: &str = "VERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 31\nEXTRAVERSION = .4\n";

    fn tree(at: &Path) {
        for folder in ["arch/arm", "scripts", ".git"] {
            fs::create_dir_all(at.join(folder)).unwrap();
        }
        fs::write(at.join(".git/HEAD"), format!("{}", at.display())).unwrap();
        fs::write(at.join("Makefile"), MAKEFILE).unwrap();
        fs::write(at.join("scripts/run.sh"), "#!/bin/sh\n").unwrap();
        let executable = fs::Permissions::from_mode(0o700);
        fs::set_permissions(at.join("scripts/run.sh"), executable).unwrap();
        symlink("run.sh", at.join("scripts/link")).unwrap();
    }

    /// As `kflake kernel add` does it.
    fn packed(tree: &Path, folder: &Path) -> Result<PackedKernel, KernelTreeError> {
        pack_kernel(tree, &check_kernel(tree, None)?, folder)
    }

    #[test]
    fn a_tree_is_packed_the_same_way_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let packed = ["a", "b"].map(|name| {
            let (from, to) = (dir.path().join(name), dir.path().join(format!("to-{name}")));
            tree(&from);
            fs::create_dir(&to).unwrap();
            let packed = packed(&from, &to).unwrap();
            assert_eq!(packed.outside, []);
            packed.path
        });
        let [first, second] = packed.map(|path| KernelFile::inspect(&path).unwrap());
        assert_eq!(first.version.as_str(), "2.6.31.4");
        assert_eq!(first.name.as_str(), "linux-2.6.31.4.tar.gz");
        assert_eq!(first.sha256, second.sha256);
        let path = dir.path().join("to-a/linux-2.6.31.4.tar.gz");
        let mut archive =
            tar::Archive::new(flate2::read::GzDecoder::new(File::open(path).unwrap()));
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            format!("{name} {:o}", entry.header().mode().unwrap())
        });
        let expected = [
            "linux-2.6.31.4/ 755",
            "linux-2.6.31.4/Makefile 644",
            "linux-2.6.31.4/arch 755",
            "linux-2.6.31.4/arch/arm 755",
            "linux-2.6.31.4/scripts 755",
            "linux-2.6.31.4/scripts/link 755",
            "linux-2.6.31.4/scripts/run.sh 755",
        ];
        assert_eq!(entries.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn links_out_of_the_tree_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("linux");
        tree(&from);
        fs::rename(from.join("Makefile"), from.join("scripts/Makefile.top")).unwrap();
        symlink("scripts/Makefile.top", from.join("Makefile")).unwrap();
        fs::create_dir(from.join("kernel")).unwrap();
        symlink("../../vendor/none", from.join("kernel/vendor")).unwrap();
        symlink("../scripts/../include", from.join("kernel/include")).unwrap();
        symlink("/opt/sdk", from.join("sdk")).unwrap();
        let packed = packed(&from, dir.path()).unwrap();
        let outside = [("kernel/vendor", "../../vendor/none"), ("sdk", "/opt/sdk")];
        assert_eq!(packed.outside, outside.map(|(a, b)| (a.into(), b.into())));
        // and a linked Makefile is read through in the tarball as well
        let file = KernelFile::inspect(&packed.path).unwrap();
        assert_eq!(file.version.as_str(), "2.6.31.4");
    }

    #[test]
    fn what_is_no_clean_kernel_is_refused() {
        let [dir, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let error = || packed(dir.path(), other.path()).unwrap_err().to_string();
        assert!(error().contains("it is empty"), "{}", error());
        fs::write(dir.path().join("README"), "x").unwrap();
        assert!(error().contains("there is no Makefile"), "{}", error());
        fs::create_dir(dir.path().join("Makefile")).unwrap();
        assert!(error().contains("cannot read"), "{}", error());
        fs::remove_dir(dir.path().join("Makefile")).unwrap();
        fs::write(dir.path().join("Makefile"), "all:\n").unwrap();
        assert!(error().contains("sets no VERSION"), "{}", error());
        fs::write(dir.path().join("Makefile"), MAKEFILE).unwrap();
        assert!(error().contains("no arch/ in it"), "{}", error());
        fs::create_dir_all(dir.path().join("arch/arm")).unwrap();
        fs::write(dir.path().join(".config"), "").unwrap();
        assert!(error().contains("not clean: .config"), "{}", error());
        fs::remove_file(dir.path().join(".config")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        assert!(error().contains("socket is neither"), "{}", error());
    }

    #[test]
    fn numbers_beside_the_makefile_and_torn_releases_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        tree(dir.path());
        let said = || match check_kernel(dir.path(), None) {
            Ok(version) => version.to_string(),
            Err(error) => error.to_string(),
        };
        fs::write(at("version.mk"), MAKEFILE).unwrap();
        fs::write(at("Makefile"), "-include $(srctree)/version.mk\nall:\n").unwrap();
        fs::create_dir(at("kernel")).unwrap();
        assert!(kernel_near::is_kernel(dir.path()));
        fs::remove_dir(at("kernel")).unwrap();
        assert_eq!(said(), "2.6.31.4");
        fs::remove_file(at("version.mk")).unwrap();
        assert!(said().contains("which version.mk may"), "{}", said());
        fs::write(at("Makefile"), MAKEFILE.replace(".4", "-my kernel")).unwrap();
        assert!(said().contains("is \"-my kernel\""), "{}", said());
    }

    #[test]
    fn what_git_left_out_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["linux", "worktree"] {
            tree(&at(name));
        }
        fs::create_dir_all(at("linux/.git/worktrees/w")).unwrap();
        fs::remove_dir_all(at("worktree/.git")).unwrap();
        let link = format!("gitdir: {}\n", at("linux/.git/worktrees/w").display());
        fs::write(at("worktree/.git"), link).unwrap();
        fs::write(at("linux/.git/worktrees/w/commondir"), "../..\n").unwrap();
        let said = |name: &str| {
            let error = check_kernel(&at(name), None).err();
            error.map(|it| format!("{it}; {}", miette::Diagnostic::help(&it).unwrap()))
        };
        assert_eq!((said("linux"), said("worktree")), (None, None));
        for (config, sparse) in [
            ("linux/.git/worktrees/w/config.worktree", &["worktree"][..]),
            ("linux/.git/config", &["linux", "worktree"]),
        ] {
            fs::write(at(config), "[core]\n\tsparseCheckout = true\n").unwrap();
            for name in ["linux", "worktree"] {
                let said = said(name).unwrap_or_default();
                let told =
                    said.contains("there is no block/") && said.contains("sparse-checkout disable");
                assert_eq!(told, sparse.contains(&name), "{config}, {name}: {said}");
            }
            fs::write(at(config), "[core]\n\tsparseCheckout = false\n").unwrap();
        }
    }

    #[test]
    fn a_makefile_of_another_tree_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        tree(&at("linux"));
        fs::create_dir(at("linux/kernel")).unwrap();
        tree(&at("shadow"));
        fs::remove_file(at("shadow/Makefile")).unwrap();
        fs::write(at("plain"), MAKEFILE).unwrap();
        for (target, help) in [
            ("../linux/Makefile", "did you mean D/shadow/../linux?"),
            ("../plain", "cp -rL D/shadow DIR"),
            ("/nonexistent/Makefile", "nothing is there"),
        ] {
            symlink(target, at("shadow/Makefile")).unwrap();
            let error = check_kernel(&at("shadow"), None).unwrap_err();
            let said = format!("{error}; {}", miette::Diagnostic::help(&error).unwrap());
            let said = said.replace(&dir.path().display().to_string(), "D");
            assert!(
                said.contains(&format!("a link to {target}, outside")),
                "{said}"
            );
            assert!(said.contains(help), "{said}");
            fs::remove_file(at("shadow/Makefile")).unwrap();
        }
    }
}
