//! A kernel's source on disk: which version it is, by its own Makefile.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::kernel_makefile::version_of_makefile;
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
}

/// Why a file is not taken for a kernel's source.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KernelFileError {
    /// It cannot be read at all.
    #[error("cannot read {path}", path = shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is something else, or packed in a way that builds do not unpack.
    #[error("{path} is not a tarball: its content is {content}", path = shown(path))]
    #[diagnostic(help(
        "kflake takes a tar, plain or packed with xz, gzip, bzip2 or lzma; unpack anything else and add the folder"
    ))]
    NotATarball {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        content: &'static str,
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
    /// Reads the tarball at `path` until its top Makefile, then all of it for the digest.
    ///
    /// # Errors
    /// When the file cannot be read, is no tarball, is damaged, or holds no kernel.
    pub fn inspect(path: &Path) -> Result<Self, KernelFileError> {
        let unreadable = |source| KernelFileError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let name: FileName = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .parse()
            .map_err(|source| KernelFileError::BadName {
                path: path.to_owned(),
                source,
            })?;
        let file = files::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let sha256 = Sha256::of_reader(file).map_err(unreadable)?;
        let makefile = top_makefile(path)?;
        let version =
            version_of_makefile(&makefile).map_err(|missing| KernelFileError::NoKernel {
                path: path.to_owned(),
                missing,
                help: "give the kernel's own source; unpack a bundle, and add the kernel's folder"
                    .to_owned(),
            })?;
        Ok(KernelFile {
            version,
            sha256,
            size,
            name,
        })
    }
}

/// Looks whether the file at `path` is a tarball of a source that can be built: its top folder has `configure` or `Makefile`.
///
/// # Errors
/// When the file cannot be read, is no tarball, is damaged, or holds no source.
pub fn inspect_source(path: &Path) -> Result<(), KernelFileError> {
    let damaged = |source| KernelFileError::Damaged {
        path: path.to_owned(),
        source,
    };
    let mut names = Members::default();
    for entry in open_archive(path)?.entries().map_err(damaged)?.raw(true) {
        let mut entry = entry.map_err(damaged)?;
        if names.tell(&mut entry).map_err(damaged)? {
            continue;
        }
        names.link(&entry).map_err(damaged)?;
        let name = tidy(&names.path(&entry).map_err(damaged)?);
        let is_makefile = name.ends_with("configure") || name.ends_with("Makefile");
        if is_makefile && name.components().count() == 2 {
            return Ok(());
        }
    }
    Err(KernelFileError::NoSource {
        path: path.to_owned(),
    })
}

/// The archive's members, unpacked as they are read.
fn open_archive(path: &Path) -> Result<Archive, KernelFileError> {
    let path = path.to_owned();
    files::open_archive(&path).map_err(|error| match error {
        ArchiveError::Unreadable(source) => KernelFileError::Unreadable { path, source },
        ArchiveError::Other(content) => KernelFileError::NotATarball { path, content },
        ArchiveError::Damaged(source) => KernelFileError::Damaged { path, source },
    })
}

/// The text of the Makefile in the archive's top folder, read through links.
fn top_makefile(path: &Path) -> Result<String, KernelFileError> {
    let damaged = |source| KernelFileError::Damaged {
        path: path.to_owned(),
        source,
    };
    let mut elsewhere = Elsewhere::default();
    let mut wanted: Option<PathBuf> = None;
    // a link may lead to what came before it, and on to another link
    for _ in 0..3 {
        let mut link = None;
        let mut names = Members::default();
        for entry in open_archive(path)?.entries().map_err(damaged)?.raw(true) {
            let mut entry = entry.map_err(damaged)?;
            if names.tell(&mut entry).map_err(damaged)? {
                continue;
            }
            let target = names.link(&entry).map_err(damaged)?;
            let name = tidy(&names.path(&entry).map_err(damaged)?);
            let is_wanted = match &wanted {
                Some(wanted) => name == *wanted,
                None => name.components().count() == 2 && name.ends_with("Makefile"),
            };
            let kind = entry.header().entry_type();
            if is_wanted && (kind.is_symlink() || kind.is_hard_link()) {
                link = Some(match kind.is_symlink() {
                    true => tidy(&name.parent().unwrap_or(Path::new("")).join(target)),
                    false => tidy(&target),
                });
                break;
            }
            if is_wanted && kind.is_file() {
                return text_of(&mut entry).map_err(damaged);
            }
            if wanted.is_none() {
                elsewhere.look_at(&name, &mut entry).map_err(damaged)?;
            }
        }
        match link {
            Some(target) => wanted = Some(target),
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
        } else if self.archive.is_none() && file.contains("linux") && file.contains(".t") {
            let packed = [
                ".tar",
                ".tar.gz",
                ".tgz",
                ".tar.bz2",
                ".tbz2",
                ".tar.xz",
                ".txz",
                ".tar.lzma",
            ];
            if packed.iter().any(|ending| file.ends_with(ending)) {
                self.archive = Some(name.to_owned());
            }
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
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_cksum();
        builder
            .append_data(&mut header, inside, text.as_bytes())
            .unwrap();
        let bytes = builder.into_inner().unwrap();
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

    /// A tar of plain files and links: name, content, or what the link leads to.
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

    fn tar_of(members: &[(&str, Option<&str>, &str)]) -> Vec<u8> {
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
            (b"<html>", "not an archive"),
        ] {
            let path = dir.path().join("x.tar.xz");
            std::fs::write(&path, bytes).unwrap();
            let error = KernelFile::inspect(&path).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            let help = miette::Diagnostic::help(&error).unwrap().to_string();
            assert!(help.contains("add the folder"), "{help}");
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
        let spaced = dir.path().join("a b.tar");
        std::fs::write(&spaced, "").unwrap();
        assert!(error(&spaced).contains("cannot keep its name"));
    }
}
