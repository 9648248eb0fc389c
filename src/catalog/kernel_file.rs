//! A kernel's source on disk: which version it is, by its own Makefile.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::kernel_look::{KernelFlaw, Kind, Look, START};
use super::kernel_makefile::{torn_extraversion, version_of_makefile, version_with};
use super::{kernel_instead, kernel_near};
use crate::files::{self, Archive, ArchiveError, Members};

use crate::hash::Sha256;
use crate::id::FileName;
use crate::text::shown;
use crate::version::KernelVersion;

/// No kernel's top Makefile comes near this.
const MAX_MAKEFILE: u64 = 1 << 20;

/// A kernel tarball that was read and found whole enough to name its version.
#[derive(Clone, Debug)]
pub struct KernelFile {
    /// Version from the top Makefile, without any local suffix of a distribution's package.
    pub version: KernelVersion,
    /// Digest of the file as it is.
    pub sha256: Sha256,
    /// Size in bytes.
    pub size: u64,
    /// Its name, fit for the store.
    pub name: FileName,
    /// Links that lead out of the tree, so that builds find nothing at their end: the link, and where it leads. Those of a folder that
    /// kflake packed are known from there.
    pub outside: Vec<(PathBuf, PathBuf)>,
}

/// Why a file is not taken for a kernel's source.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KernelFileError {
    /// It cannot be read at all.
    #[error("cannot read {}: {}", shown(path), files::reason(path, error))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said, once.
        error: io::Error,
    },
    /// It is something else, or packed in a way that builds do not unpack.
    #[error("{path} is not a tarball: its content is {content}", path = shown(path))]
    #[diagnostic(help("{help}"))]
    NotATarball {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        content: String,
        /// What to do.
        help: String,
    },
    /// Its name cannot be one in the Nix store.
    #[error("{path} cannot keep its name in the Nix store: {source}", path = shown(path))]
    #[diagnostic(help("rename the file, for example to linux-6.1.tar.xz"))]
    BadName {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::id::IdError,
    },
    /// Decompression or the archive's structure failed.
    #[error("{path} is damaged or cut short: {source}", path = shown(path))]
    #[diagnostic(help("fetch it again and compare its sha256"))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: io::Error,
    },
    /// There is no kernel's Makefile at its top.
    #[error("{path} holds no kernel: {missing}", path = shown(path))]
    #[diagnostic(help("{help}"))]
    NoKernel {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        missing: String,
        /// What to do.
        help: String,
    },
    /// Its files show that it would not build.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Flaw(#[from] KernelFlaw),
    /// It is a tarball, and nothing that configures itself or has a makefile.
    #[error("{path} holds no source to build from: there is neither configure nor Makefile in its top folder", path = shown(path))]
    #[diagnostic(help(
        "give the source itself: one folder at the top, with configure or Makefile in it; if it is an archive in an archive, the inner one"
    ))]
    NoSource {
        /// The file.
        path: PathBuf,
    },
}

impl KernelFile {
    /// Reads the tarball at `path` to its end, for its version, its digest and what is in it.
    ///
    /// # Errors
    /// When the file cannot be read, is no tarball, is damaged, or holds no clean and whole kernel.
    pub fn inspect(path: &Path) -> Result<Self, KernelFileError> {
        let (mut file, top) = Self::read(path)?;
        let look = look_at(path, &top, &mut file.outside)?;
        match look.flaw(path, &file.version, false) {
            Some(flaw) => Err(flaw.into()),
            None => Ok(file),
        }
    }

    /// As [`KernelFile::inspect`], of what [`super::pack_kernel`] made of a folder that was looked at.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_packed(path: &Path) -> Result<Self, KernelFileError> {
        Self::read(path).map(|(file, _)| file)
    }

    /// The kernel in the tarball at `path`, and the folder at its top.
    fn read(path: &Path) -> Result<(Self, PathBuf), KernelFileError> {
        let unreadable = |error| KernelFileError::Unreadable {
            path: path.to_owned(),
            error,
        };
        let (makefile, top) = top_makefile(path)?;
        let name: FileName = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .parse()
            .map_err(|source| KernelFileError::BadName {
                path: path.to_owned(),
                source,
            })?;
        let beside = |name: &str| text_beside(path, &top.join(name)).ok().flatten();
        let version = version_with(&makefile, &beside);
        let version = version.map_err(|missing| KernelFileError::NoKernel {
            path: path.to_owned(),
            missing,
            help: "give the kernel's own source; unpack a bundle, and add the kernel's folder"
                .to_owned(),
        })?;
        if let Some(value) = torn_extraversion(&makefile) {
            let path = path.to_owned();
            return Err(KernelFlaw::Torn { path, value }.into());
        }
        let file = files::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let sha256 = Sha256::of_reader(file).map_err(unreadable)?;
        let file = KernelFile {
            version,
            sha256,
            size,
            name,
            outside: Vec::new(),
        };
        Ok((file, top))
    }
}

/// Looks whether the file at `path` is a tarball of a source that can be built: its top folder has `configure` or `Makefile`.
///
/// # Errors
/// When the file cannot be read, is no tarball, is damaged, or holds no source.
pub fn inspect_source(path: &Path) -> Result<(), KernelFileError> {
    let found = each_member(path, |name, _, _| {
        let is_makefile = name.ends_with("configure") || name.ends_with("Makefile");
        Ok((is_makefile && name.components().count() == 2).then_some(()))
    })?;
    found.ok_or_else(|| KernelFileError::NoSource {
        path: path.to_owned(),
    })
}

/// The archive's members, unpacked as they are read.
fn open_archive(path: &Path) -> Result<Archive, KernelFileError> {
    let path = path.to_owned();
    files::open_archive(&path).map_err(|error| match error {
        ArchiveError::Unreadable(error) => KernelFileError::Unreadable { path, error },
        ArchiveError::Other(content) => KernelFileError::NotATarball {
            help: kernel_instead::advice(&path, content),
            path,
            content: content.to_string(),
        },
        ArchiveError::Damaged(error) => KernelFileError::Damaged {
            path,
            source: files::damage(error),
        },
    })
}

/// A member of an archive.
type Member<'a> = tar::Entry<'a, Box<dyn Read>>;

/// Shows `look` the archive's members, each with its name and where it leads as a link, until it finds something.
fn each_member<T>(
    path: &Path,
    mut look: impl FnMut(&Path, &Path, &mut Member<'_>) -> io::Result<Option<T>>,
) -> Result<Option<T>, KernelFileError> {
    let damaged = |error| KernelFileError::Damaged {
        path: path.to_owned(),
        source: files::damage(error),
    };
    let mut names = Members::default();
    for entry in open_archive(path)?.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        if names.tell(&mut entry).map_err(damaged)? {
            continue;
        }
        let target = names.link(&entry).map_err(damaged)?;
        let name = names.path(&entry).map_err(damaged)?;
        if files::climbs(&name) {
            let path = path.to_owned();
            return Err(KernelFlaw::Climbs { path, member: name }.into());
        }
        let name = tidy(&name);
        let found = look(&name, &target, &mut entry).map_err(damaged)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// What the tree in the folder `top` of the archive at `path` looks like, which is read to its end.
fn look_at(
    path: &Path,
    top: &Path,
    outside: &mut Vec<(PathBuf, PathBuf)>,
) -> Result<Look, KernelFileError> {
    let mut look = Look::default();
    let mut names: HashSet<PathBuf> = HashSet::new();
    each_member(path, |name, target, entry| {
        // tar fails at the one; of the other it keeps the last, and what was read is the first
        if entry.header().entry_type().is_hard_link() && !names.contains(&tidy(target)) {
            return Err(io::Error::other(format!(
                "{} is a hard link to {}, which does not come before it",
                shown(name),
                shown(target)
            )));
        }
        if !names.insert(name.to_owned()) && name == top.join("Makefile") {
            return Err(io::Error::other(format!("{} is in it twice", shown(name))));
        }
        let Ok(inside) = name.strip_prefix(top) else {
            return Ok(None::<()>);
        };
        let kind = match entry.header().entry_type() {
            it if it.is_dir() => Kind::Folder,
            it if it.is_file() => Kind::File,
            _ => Kind::Link,
        };
        let is_link = entry.header().entry_type().is_symlink();
        if is_link && files::leads_outside(inside, target) {
            outside.push((inside.to_owned(), target.to_owned()));
        }
        let mut start = Vec::new();
        if kind == Kind::File && Look::reads(inside, entry.size()) {
            entry.take(START).read_to_end(&mut start)?;
        }
        look.see(inside, kind, &start);
        Ok(None)
    })?;
    Ok(look)
}

/// The text of the file `wanted` in the archive at `path`.
fn text_beside(path: &Path, wanted: &Path) -> Result<Option<String>, KernelFileError> {
    each_member(path, |name, _, entry| {
        let is_wanted = name == wanted && entry.header().entry_type().is_file();
        is_wanted.then(|| text_of(entry)).transpose()
    })
}

/// The top Makefile of an archive.
enum Found {
    Text(String),
    /// It is a link to that.
    Link(PathBuf),
}

/// The text of the Makefile in the archive's top folder, read through links, and that folder.
fn top_makefile(path: &Path) -> Result<(String, PathBuf), KernelFileError> {
    let mut elsewhere = Elsewhere::default();
    let mut wanted: Option<PathBuf> = None;
    let mut top = PathBuf::new();
    // a link may lead to what came before it, and on to another link
    for _ in 0..3 {
        let found = each_member(path, |name, target, entry| {
            let is_wanted = match &wanted {
                Some(wanted) => name == wanted,
                None => name.components().count() == 2 && name.ends_with("Makefile"),
            };
            if is_wanted && wanted.is_none() {
                top = name.parent().map(Path::to_owned).unwrap_or_default();
            }
            let kind = entry.header().entry_type();
            if is_wanted && kind.is_symlink() {
                let target = name.parent().unwrap_or(Path::new("")).join(target);
                return Ok(Some(Found::Link(tidy(&target))));
            }
            if is_wanted && kind.is_hard_link() {
                return Ok(Some(Found::Link(tidy(target))));
            }
            if is_wanted && kind.is_file() {
                return text_of(entry).map(|text| Some(Found::Text(text)));
            }
            if wanted.is_none() {
                elsewhere.look_at(name, entry)?;
            }
            Ok(None)
        })?;
        match found {
            Some(Found::Text(text)) => return Ok((text, top)),
            Some(Found::Link(target)) => wanted = Some(target),
            None => break,
        }
    }
    let path = path.to_owned();
    Err(match wanted {
        Some(target) => KernelFileError::NoKernel {
            path,
            missing: format!(
                "its top Makefile is a link to {}, which is not in it",
                shown(&target)
            ),
            help: "unpack it, and add the folder with the kernel's own Makefile".to_owned(),
        },
        None => elsewhere.error(path),
    })
}

fn text_of(entry: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    entry.take(MAX_MAKEFILE).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Where a kernel is that is not in the top folder.
#[derive(Default)]
struct Elsewhere {
    /// The folder with a kernel's Makefile, the shallowest.
    folder: Option<PathBuf>,
    /// An archive in the archive that may be one.
    archive: Option<PathBuf>,
}

impl Elsewhere {
    fn look_at(&mut self, name: &Path, entry: &mut impl Read) -> io::Result<()> {
        let depth = |path: &Path| path.components().count();
        let file = name.file_name().unwrap_or_default().to_string_lossy();
        if file == "Makefile" {
            let folder = name.parent().unwrap_or(Path::new(""));
            let nearer = self
                .folder
                .as_deref()
                .is_none_or(|it| depth(folder) < depth(it));
            if nearer && version_of_makefile(&text_of(entry)?).is_ok() {
                self.folder = Some(folder.to_owned());
            }
        } else if self.archive.is_none() && kernel_near::is_archive(&file) {
            self.archive = Some(name.to_owned());
        }
        Ok(())
    }

    fn error(self, path: PathBuf) -> KernelFileError {
        let (missing, help) = match (self.folder, self.archive) {
            (Some(folder), _) if folder.as_os_str().is_empty() => (
                "its files lie at the top, without a folder around them".to_owned(),
                "unpack it into a new folder and add that, or make the tar one level up".to_owned(),
            ),
            (Some(folder), _) => (
                format!("the kernel is deeper in it, in {}", shown(&folder)),
                format!("unpack it, and add the folder {}", shown(&folder)),
            ),
            (None, Some(archive)) => (
                format!("it holds another archive, {}", shown(&archive)),
                "unpack it, and add that one".to_owned(),
            ),
            (None, None) => (
                "there is no Makefile in its top folder".to_owned(),
                "expected one folder at the top, with the kernel's Makefile in it".to_owned(),
            ),
        };
        KernelFileError::NoKernel {
            path,
            missing,
            help,
        }
    }
}

/// `path` without `.`, and with `..` taken back.
fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => tidied.push(name),
            Component::ParentDir => {
                tidied.pop();
            }
            _ => {}
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use std::io::Write;

    const MAKEFILE: &str =
        "# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =\nNAME = Curry Ramen\n";

    fn tarball(dir: &Path, name: &str, inside: &str, text: &str) -> PathBuf {
        let bytes = tar_of(&[(inside, Some(text), "")]);
        let path = dir.join(name);
        let file = File::create(&path).unwrap();
        if name.ends_with(".gz") {
            let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            gz.write_all(&bytes).unwrap();
        } else {
            (&file).write_all(&bytes).unwrap();
        }
        path
    }

    #[test]
    fn tarballs_are_inspected() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["linux.tar", "linux.tar.gz"] {
            let path = tarball(dir.path(), name, "linux-source-6.1/Makefile", MAKEFILE);
            let file = KernelFile::inspect(&path).unwrap();
            assert_eq!(file.version.as_str(), "6.1.192");
            assert_eq!(file.name.as_str(), name);
            assert_eq!(
                file.sha256,
                Sha256::of_bytes(&std::fs::read(&path).unwrap())
            );
        }
    }

    /// A tar whose first member says that its name has `size` bytes, and goes on for as long as somebody reads.
    fn endless_name(kind: tar::EntryType, size: u64) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_path("././@LongLink").unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.resize(4 << 20, b'x');
        bytes
    }

    #[test]
    fn a_name_of_gigabytes_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linux-6.1.tar");
        for kind in [
            tar::EntryType::GNULongName,
            tar::EntryType::GNULongLink,
            tar::EntryType::XHeader,
        ] {
            std::fs::write(&path, endless_name(kind, 3 << 30)).unwrap();
            let error = KernelFile::inspect(&path).unwrap_err();
            let error = format!("{:?}", miette::Report::new(error));
            assert!(
                error.contains("a member's name of 3221225472 bytes"),
                "{error}"
            );
        }
    }

    #[test]
    fn names_longer_than_a_header_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let top = "linux-".to_owned() + &"x".repeat(120);
        let makefile = format!("{top}/Makefile");
        let real = format!("{top}/Makefile.real");
        let text = "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION =\n";
        let path = dir.path().join("linux-6.1.7.tar");
        let members = [
            (makefile.as_str(), None, "Makefile.real"),
            (real.as_str(), Some(text), ""),
        ];
        std::fs::write(&path, tar_of(&members)).unwrap();
        assert_eq!(
            KernelFile::inspect(&path).unwrap().version.as_str(),
            "6.1.7"
        );
    }

    /// A tar of plain files and links: name, content, or what the link leads to; in the top folder of the first, there is an arch.
    fn tar_of(members: &[(&str, Option<&str>, &str)]) -> Vec<u8> {
        let first = members[0].0.trim_start_matches("./");
        let arch = first
            .split_once('/')
            .map(|(top, _)| format!("{top}/arch/arm/Kconfig"));
        let arch = arch.as_deref().map(|name| (name, Some("x"), ""));
        tar_of_all(&[members, arch.as_slice()].concat())
    }

    fn tar_of_all(members: &[(&str, Option<&str>, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, text, link) in members {
            let mut header = tar::Header::new_gnu();
            match text {
                Some(text) => {
                    header.set_size(text.len() as u64);
                    builder
                        .append_data(&mut header, name, text.as_bytes())
                        .unwrap();
                }
                None => {
                    header.set_size(0);
                    header.set_entry_type(tar::EntryType::Symlink);
                    builder.append_link(&mut header, name, link).unwrap();
                }
            }
        }
        builder.into_inner().unwrap()
    }

    /// A tar with one more file, whose name libraries refuse to write.
    fn tar_with(name: &str, members: &[(&str, Option<&str>, &str)]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        let field = &mut header.as_gnu_mut().unwrap().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        let mut builder = tar::Builder::new(Vec::new());
        builder.append(&header, io::empty()).unwrap();
        let mut all = builder.into_inner().unwrap();
        // without the blocks that end it
        all.truncate(512);
        all.extend(tar_of(members));
        all
    }

    #[test]
    fn what_tar_would_unpack_otherwise_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linux.tar");
        let inspect = |more: &[u8]| {
            let members = [("linux/Makefile", Some(MAKEFILE), "")];
            let mut tar = tar_of(&members);
            // without the blocks that end it
            tar.truncate(tar.len() - 1024);
            tar.extend(more);
            std::fs::write(&path, tar).unwrap();
            let error = KernelFile::inspect(&path).err();
            error.map_or(String::new(), |error| error.to_string())
        };
        let link = |name: &str, target: &str| {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_entry_type(tar::EntryType::Link);
            let mut builder = tar::Builder::new(Vec::new());
            builder.append_link(&mut header, name, target).unwrap();
            builder.into_inner().unwrap()
        };
        for (name, target) in [("linux/x", "/etc/shadow"), ("linux/x", "linux/x")] {
            let error = inspect(&link(name, target));
            assert!(error.contains("does not come before it"), "{error}");
        }
        let error = inspect(&link("linux/x", "linux/Makefile"));
        assert!(!error.contains("hard link"), "{error}");
        let again = tar_of_all(&[("linux/Makefile", Some("VERSION = 1\n"), "")]);
        let error = inspect(&again);
        assert!(error.contains("is in it twice"), "{error}");
    }

    #[test]
    fn names_that_tar_does_not_unpack_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linux.tar");
        let members = [
            ("linux/Makefile", Some(MAKEFILE), ""),
            ("linux/rootfs/etc", None, "/etc"),
            ("linux/rootfs/lib", None, "usr/lib"),
        ];
        for (name, climbs) in [
            ("../x", true),
            ("linux/../x", true),
            ("linux/a/../b", true),
            ("/etc/passwd", false),
            ("./linux/a..b", false),
        ] {
            std::fs::write(&path, tar_with(name, &members)).unwrap();
            match KernelFile::inspect(&path) {
                Ok(file) => {
                    assert!(!climbs, "{name}");
                    // a root file system along with it is no reason to refuse it
                    let outside = [("rootfs/etc".into(), "/etc".into())];
                    assert_eq!(file.outside, outside, "{name}");
                }
                Err(error) => {
                    let said = format!("{error}; {}", miette::Diagnostic::help(&error).unwrap());
                    let told = said.contains(&format!("{name} in it leads out"));
                    assert!(climbs && told && said.contains("pack it anew"), "{said}");
                }
            }
        }
    }

    #[test]
    fn numbers_beside_the_makefile_and_torn_releases_are_read_in_archives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linux.tar");
        let inspected = |members: &[(&str, Option<&str>, &str)]| {
            std::fs::write(&path, tar_of(members)).unwrap();
            match KernelFile::inspect(&path) {
                Ok(file) => file.version.to_string(),
                Err(error) => error.to_string(),
            }
        };
        let include = "include $(srctree)/version.mk\n";
        let mut members = [
            ("linux/version.mk", Some(MAKEFILE), ""),
            ("linux/Makefile", Some(include), ""),
        ];
        assert_eq!(inspected(&members), "6.1.192");
        members.swap(0, 1);
        assert_eq!(inspected(&members), "6.1.192");
        let said = inspected(&members[..1]);
        assert!(said.contains("which version.mk may"), "{said}");
        let torn = MAKEFILE.replace("EXTRAVERSION =", "EXTRAVERSION = -my kernel");
        let said = inspected(&[("linux/Makefile", Some(&torn), "")]);
        assert!(
            said.contains("EXTRAVERSION in its top Makefile is \"-my kernel\""),
            "{said}"
        );
    }

    #[test]
    fn content_decides_and_not_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = tar_of(&[("linux/Makefile", Some(MAKEFILE), "")]);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&bytes).unwrap();
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz.write_all(&bytes).unwrap();
        let (gz, bz) = (gz.finish().unwrap(), bz.finish().unwrap());
        for (name, bytes) in [
            ("a.tar", &gz),
            ("b.tar.xz", &bz),
            ("c.tar.gz", &bytes),
            ("d", &gz),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let file = KernelFile::inspect(&path).unwrap();
            assert_eq!(file.version.as_str(), "6.1.192", "{name}");
        }
        for (bytes, named) in [
            (&b"\x28\xb5\x2f\xfd"[..], "zstd"),
            (b"", "empty"),
            (b"<html>", "a web page"),
            (b"\0\x01", "not an archive"),
        ] {
            let path = dir.path().join("x.tar.xz");
            std::fs::write(&path, bytes).unwrap();
            let error = KernelFile::inspect(&path).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            let help = miette::Diagnostic::help(&error).unwrap().to_string();
            assert!(
                help.contains("add the folder") || help.contains("fetch it again"),
                "{help}"
            );
        }
    }

    #[test]
    fn what_would_not_build_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linux.tar");
        let makefile = ("./linux/Makefile", Some(MAKEFILE), "");
        let arch = ("./linux/arch/arm/Kconfig", Some("x"), "");
        let link = (
            "./linux/arch/arm/boot/dts/include/dt-bindings",
            None,
            "../../../../../include/dt-bindings",
        );
        for (more, said) in [
            (&[arch, link][..], ""),
            (&[], "there is no arch/ in it"),
            (
                &[arch, ("./linux/.config", Some("x"), "")],
                "not clean: .config is left over",
            ),
            (
                &[("./linux/include/config/auto.conf", Some("x"), ""), arch],
                "include/config is left over",
            ),
            (
                &[arch, (link.0, Some(link.2), "")],
                "should be a link, and is a text file",
            ),
            (
                &[arch, ("./linux/scripts/a", Some("#!/bin/sh\r\n"), "")],
                "line ends of Windows: scripts/a",
            ),
            // what lies beside it is not the kernel's
            (
                &[
                    arch,
                    ("./.config", Some("x"), ""),
                    ("./other/.config", Some("x"), ""),
                ],
                "",
            ),
        ] {
            std::fs::write(&path, tar_of_all(&[&[makefile], more].concat())).unwrap();
            let found = KernelFile::inspect(&path).err().map(|it| it.to_string());
            let found = found.unwrap_or_default();
            assert!(
                found.contains(said) && said.is_empty() == found.is_empty(),
                "{more:?}: {found}"
            );
        }
    }

    #[test]
    fn a_tar_from_before_the_magic_is_one() {
        let mut bytes = tar_of(&[("linux/Makefile", Some(MAKEFILE), "")]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linux.tar");
        let mut header = tar::Header::new_old();
        header.as_mut_bytes()[..257].copy_from_slice(&bytes[..257]);
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let file = KernelFile::inspect(&path).unwrap();
        assert_eq!(file.version.as_str(), "6.1.192");
        bytes[0] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let error = KernelFile::inspect(&path).unwrap_err();
        assert!(
            matches!(error, KernelFileError::NotATarball { .. }),
            "{error}"
        );
    }

    #[test]
    fn one_file_that_is_packed_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("patch-6.1.30.gz");
        for (text, said) in [
            ("diff --git a/x b/x\n", "its content is a patch"),
            (
                &"<html>404</html>\n".repeat(100),
                "its content is a web page",
            ),
            ("", "its content is empty"),
            ("\u{7f}ELF\u{2}\0", "its content is an ELF file"),
            ("BZh9", "its content is packed twice"),
        ] {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text.as_bytes()).unwrap();
            std::fs::write(&path, gz.finish().unwrap()).unwrap();
            let error = KernelFile::inspect(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_linked_makefile_is_read_through() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("linux.tar");
        for members in [
            &[
                ("linux/Makefile", None, "build/Makefile.real"),
                ("linux/build/Makefile.real", Some(MAKEFILE), ""),
            ][..],
            &[
                ("linux/real", Some(MAKEFILE), ""),
                ("linux/Makefile", None, "./x/../real"),
            ],
        ] {
            std::fs::write(&path, tar_of(members)).unwrap();
            let file = KernelFile::inspect(&path).unwrap();
            assert_eq!(file.version.as_str(), "6.1.192");
        }
        let members = [("linux/Makefile", None, "/etc/passwd")];
        std::fs::write(&path, tar_of(&members)).unwrap();
        let error = KernelFile::inspect(&path).unwrap_err().to_string();
        assert!(error.contains("link to etc/passwd"), "{error}");
        let members = [("linux/Makefile", None, "Makefile")];
        std::fs::write(&path, tar_of(&members)).unwrap();
        assert!(KernelFile::inspect(&path).is_err());
    }

    #[test]
    fn a_source_is_a_tarball_with_something_to_build() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("musl-1.2.5.tar.gz");
        for name in ["musl-1.2.5/configure", "./linux/Makefile"] {
            std::fs::write(&path, tar_of(&[(name, Some("x"), "")])).unwrap();
            inspect_source(&path).unwrap();
        }
        for (bytes, said) in [
            (b"abc".to_vec(), "not a tarball"),
            (Vec::new(), "its content is empty"),
            (
                tar_of(&[("configure", Some("x"), "")]),
                "neither configure nor Makefile",
            ),
            (
                tar_of(&[("gcc/gcc/configure", Some("x"), "")]),
                "neither configure nor Makefile",
            ),
            (b"\x1f\x8bx".to_vec(), "damaged"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = inspect_source(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn it_is_said_where_the_kernel_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gpl.tar");
        for (members, said, advice) in [
            (
                &[("Makefile", Some(MAKEFILE), "")][..],
                "at the top",
                "one level up",
            ),
            (
                &[("./Makefile", Some(MAKEFILE), "")],
                "at the top",
                "new folder",
            ),
            (
                &[
                    ("gpl/README", Some("x"), ""),
                    ("gpl/sdk/linux/arch/arm/Makefile", Some("all:\n"), ""),
                    ("gpl/sdk/linux/Makefile", Some(MAKEFILE), ""),
                ],
                "deeper in it, in gpl/sdk/linux",
                "add the folder gpl/sdk/linux",
            ),
            (
                &[("gpl/linux-2.6.36.tar.bz2", Some("x"), "")],
                "another archive, gpl/linux-2.6.36.tar.bz2",
                "add that one",
            ),
            (
                &[("a/b", Some("x"), "")],
                "no Makefile",
                "one folder at the top",
            ),
        ] {
            std::fs::write(&path, tar_of(members)).unwrap();
            let error = KernelFile::inspect(&path).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            let help = miette::Diagnostic::help(&error).unwrap().to_string();
            assert!(help.contains(advice), "{help}");
        }
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = |path: &Path| KernelFile::inspect(path).unwrap_err().to_string();
        let nested = tarball(dir.path(), "nested.tar", "a/b/Makefile", MAKEFILE);
        assert!(
            error(&nested).contains("deeper in it, in a/b"),
            "{}",
            error(&nested)
        );
        let plain = tarball(dir.path(), "plain.tar", "a/Makefile", "all:\n");
        assert!(error(&plain).contains("sets no VERSION"));
        let whole = tarball(dir.path(), "whole.tar.gz", "a/Makefile", MAKEFILE);
        let bytes = std::fs::read(&whole).unwrap();
        let cut = dir.path().join("cut.tar.gz");
        std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
        assert!(
            error(&cut).contains("damaged or cut short"),
            "{}",
            error(&cut)
        );
        let zip = dir.path().join("linux.zip");
        std::fs::write(&zip, b"PK\x03\x04").unwrap();
        assert!(error(&zip).contains("a zip archive"), "{}", error(&zip));
        assert!(error(&dir.path().join("absent.tar.xz")).contains("cannot read"));
        let spaced = tarball(dir.path(), "a b.tar", "a/Makefile", MAKEFILE);
        assert!(error(&spaced).contains("cannot keep its name"));
    }
}
