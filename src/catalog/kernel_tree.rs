//! A kernel's unpacked source, packed the same way each time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use walkdir::WalkDir;

use super::kernel_makefile::version_of_makefile;

use crate::files;
use crate::text::shown;

/// Why a folder is not taken for a kernel's source.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KernelTreeError {
    /// Something in it cannot be read, or the tarball not be written.
    #[error("cannot pack {path}: {source}", path = shown(path))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has no kernel's Makefile at its top.
    #[error("{path} holds no kernel: {missing}", path = shown(path))]
    #[diagnostic(help("name the folder with the kernel's own Makefile in it"))]
    NoKernel {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        missing: String,
    },
    /// A kernel was built in it: its makefiles would refuse to build elsewhere, or build with what lies there.
    #[error("{path} is not clean: {found} is left over from a build", path = shown(path))]
    #[diagnostic(help(
        "run `make mrproper` there, or add a copy without it: `git archive` makes one"
    ))]
    NotClean {
        /// The folder.
        path: PathBuf,
        /// What only a build makes.
        found: &'static str,
    },
    /// It holds something that is no file, folder or link.
    #[error("{path} is neither file, folder nor link", path = shown(path))]
    #[diagnostic(help("remove it"))]
    OddFile {
        /// What it is.
        path: PathBuf,
    },
}

/// What configuring or building leaves; kbuild asks for the same before it builds in another folder.
const LEFT_BY_BUILDS: &[&str] = &[
    ".config",
    "include/config",
    "include/generated",
    "include/linux/autoconf.h",
    "include/linux/version.h",
];

/// A kernel's unpacked source, packed.
#[derive(Debug)]
pub struct PackedKernel {
    /// The tarball.
    pub path: PathBuf,
    /// Links that lead out of the tree, so that builds find nothing at their end: the link, and where it leads.
    pub outside: Vec<(PathBuf, PathBuf)>,
}

/// Packs the kernel in `tree` into `folder`, as `linux-VERSION.tar.gz`.
///
/// Names, contents, links and what is executable decide the bytes; times, owners, the order of folders and `.git` do not.
///
/// # Errors
/// When `tree` is not a clean kernel source, or something cannot be read or written.
pub fn pack_kernel(tree: &Path, folder: &Path) -> Result<PackedKernel, KernelTreeError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| KernelTreeError::Io { path, source }
    };
    let missing = |missing: String| KernelTreeError::NoKernel {
        path: tree.to_owned(),
        missing,
    };
    let makefile = tree.join("Makefile");
    let makefile = files::read(&makefile, files::MAX_DATA).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing("there is no Makefile in it".to_owned()),
        _ => io(&makefile)(error),
    })?;
    let version = version_of_makefile(&String::from_utf8_lossy(&makefile)).map_err(missing)?;
    if let Some(found) = LEFT_BY_BUILDS.iter().find(|it| tree.join(it).exists()) {
        let path = tree.to_owned();
        return Err(KernelTreeError::NotClean { path, found });
    }
    let top = PathBuf::from(format!("linux-{}", version.in_name()));
    let packed = folder.join(format!("linux-{}.tar.gz", version.in_name()));
    let file = File::create(&packed).map_err(io(&packed))?;
    let gz = flate2::write::GzEncoder::new(BufWriter::new(file), flate2::Compression::fast());
    let mut archive = tar::Builder::new(gz);
    archive.mode(tar::HeaderMode::Deterministic);
    archive.follow_symlinks(false);
    let mut outside = Vec::new();
    for entry in entries(tree) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(tree).to_owned();
            io(&path)(error.into())
        })?;
        let (path, kind) = (entry.path(), entry.file_type());
        let inside = path.strip_prefix(tree).unwrap_or(path);
        let name = top.join(inside);
        if kind.is_symlink() {
            let target = fs::read_link(path).map_err(io(path))?;
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
        added.map_err(io(path))?;
    }
    archive
        .into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .and_then(|mut file| file.flush())
        .map_err(io(&packed))?;
    Ok(PackedKernel {
        path: packed,
        outside,
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
        fs::create_dir_all(at.join("scripts")).unwrap();
        fs::create_dir_all(at.join(".git")).unwrap();
        fs::write(at.join(".git/HEAD"), format!("{}", at.display())).unwrap();
        fs::write(at.join("Makefile"), MAKEFILE).unwrap();
        fs::write(at.join("scripts/run.sh"), "#!/bin/sh\n").unwrap();
        let executable = fs::Permissions::from_mode(0o700);
        fs::set_permissions(at.join("scripts/run.sh"), executable).unwrap();
        symlink("run.sh", at.join("scripts/link")).unwrap();
    }

    #[test]
    fn a_tree_is_packed_the_same_way_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let packed = ["a", "b"].map(|name| {
            let (from, to) = (dir.path().join(name), dir.path().join(format!("to-{name}")));
            tree(&from);
            fs::create_dir(&to).unwrap();
            let packed = pack_kernel(&from, &to).unwrap();
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
        let packed = pack_kernel(&from, dir.path()).unwrap();
        let outside = [("kernel/vendor", "../../vendor/none"), ("sdk", "/opt/sdk")];
        assert_eq!(packed.outside, outside.map(|(a, b)| (a.into(), b.into())));
        // and a linked Makefile is read through in the tarball as well
        let file = KernelFile::inspect(&packed.path).unwrap();
        assert_eq!(file.version.as_str(), "2.6.31.4");
    }

    #[test]
    fn what_is_no_clean_kernel_is_refused() {
        let [dir, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let error = || {
            pack_kernel(dir.path(), other.path())
                .unwrap_err()
                .to_string()
        };
        assert!(error().contains("there is no Makefile"), "{}", error());
        fs::create_dir(dir.path().join("Makefile")).unwrap();
        assert!(error().contains("cannot pack"), "{}", error());
        fs::remove_dir(dir.path().join("Makefile")).unwrap();
        fs::write(dir.path().join("Makefile"), "all:\n").unwrap();
        assert!(error().contains("sets no VERSION"), "{}", error());
        fs::write(dir.path().join("Makefile"), MAKEFILE).unwrap();
        fs::write(dir.path().join(".config"), "").unwrap();
        assert!(error().contains("not clean: .config"), "{}", error());
        fs::remove_file(dir.path().join(".config")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        assert!(error().contains("socket is neither"), "{}", error());
    }
}
