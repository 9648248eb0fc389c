//! A kernel's source on disk: which version it is, by its own Makefile.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::hash::Sha256;
use crate::id::FileName;
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
    #[error("cannot read {path}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its name does not say how it is compressed.
    #[error("{path} is not a tarball: its name ends in none of .tar.xz .tar.gz .tgz .tar.bz2 .tar", path = path.display())]
    NotATarball {
        /// The file.
        path: PathBuf,
    },
    /// Its name cannot be one in the Nix store.
    #[error("{path} cannot keep its name in the Nix store: {source}", path = path.display())]
    #[diagnostic(help("rename the file, for example to linux-6.1.tar.xz"))]
    BadName {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: crate::id::IdError,
    },
    /// Decompression or the archive's structure failed.
    #[error("{path} is damaged or cut short: {source}", path = path.display())]
    #[diagnostic(help("fetch it again and compare its sha256"))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: io::Error,
    },
    /// There is no kernel's Makefile at its top.
    #[error("{path} holds no kernel: {missing}", path = path.display())]
    #[diagnostic(help("expected one folder at the top, with the kernel's Makefile in it"))]
    NoKernel {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        missing: String,
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
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let sha256 = Sha256::of_reader(file).map_err(unreadable)?;
        let makefile = top_makefile(path, name.as_str())?;
        let version = version_of_makefile(&makefile).ok_or_else(|| KernelFileError::NoKernel {
            path: path.to_owned(),
            missing: "its top Makefile sets no VERSION, PATCHLEVEL and SUBLEVEL".to_owned(),
        })?;
        Ok(KernelFile {
            version,
            sha256,
            size,
            name,
        })
    }
}

/// The text of the Makefile in the archive's top folder.
fn top_makefile(path: &Path, name: &str) -> Result<String, KernelFileError> {
    let unreadable = |source| KernelFileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let damaged = |source| KernelFileError::Damaged {
        path: path.to_owned(),
        source,
    };
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let reader: Box<dyn Read> = if name.ends_with(".tar.xz") {
        Box::new(lzma_rust2::XzReader::new(file, true))
    } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        Box::new(flate2::bufread::MultiGzDecoder::new(file))
    } else if name.ends_with(".tar.bz2") {
        Box::new(bzip2::bufread::MultiBzDecoder::new(file))
    } else if name.ends_with(".tar") {
        Box::new(file)
    } else {
        return Err(KernelFileError::NotATarball {
            path: path.to_owned(),
        });
    };
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        if is_top_makefile(&entry.path().map_err(damaged)?) {
            let mut bytes = Vec::new();
            entry
                .take(MAX_MAKEFILE)
                .read_to_end(&mut bytes)
                .map_err(damaged)?;
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Err(KernelFileError::NoKernel {
        path: path.to_owned(),
        missing: "there is no Makefile in its top folder".to_owned(),
    })
}

/// Whether `path` is `FOLDER/Makefile`, a leading `./` aside.
fn is_top_makefile(path: &Path) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.components().count() == 2 && path.ends_with("Makefile")
}

/// `6.1.192` from the assignments at the head of a kernel's Makefile.
///
/// `EXTRAVERSION` counts where upstream used it: `.4` in the 2.6 series, `-rc3`.
pub fn version_of_makefile(makefile: &str) -> Option<KernelVersion> {
    let value = |name: &str| {
        makefile
            .lines()
            .filter_map(|line| line.split_once('='))
            .find(|(left, _)| left.trim_end() == name)
            .map(|(_, right)| right.trim())
    };
    let (major, minor) = (value("VERSION")?, value("PATCHLEVEL")?);
    let sub = value("SUBLEVEL")?;
    let extra = value("EXTRAVERSION").unwrap_or_default();
    let mut text = format!("{major}.{minor}");
    // a first release of 3.0 or later is called 5.10, not 5.10.0
    if sub != "0" || major == "2" {
        text += &format!(".{sub}");
    }
    text += extra;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const MAKEFILE: &str =
        "# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 192\nEXTRAVERSION =\nNAME = Curry Ramen\n";

    fn version(extra: &str) -> Option<String> {
        let text = MAKEFILE.replace("EXTRAVERSION =", &format!("EXTRAVERSION = {extra}"));
        version_of_makefile(&text).map(String::from)
    }

    #[test]
    fn makefiles_name_their_version() {
        assert_eq!(version("").as_deref(), Some("6.1.192"));
        assert_eq!(version("-rc3").as_deref(), Some("6.1.192-rc3"));
        let old = "VERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 31\nEXTRAVERSION = .4\n";
        assert_eq!(
            version_of_makefile(old).map(String::from).as_deref(),
            Some("2.6.31.4")
        );
        let first = "VERSION = 5\nPATCHLEVEL = 10\nSUBLEVEL = 0\nEXTRAVERSION =\n";
        assert_eq!(
            version_of_makefile(first).map(String::from).as_deref(),
            Some("5.10")
        );
        assert_eq!(version_of_makefile("all:\n\techo VERSION = 6\n"), None);
    }

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

    #[test]
    fn what_is_no_kernel_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = |path: &Path| KernelFile::inspect(path).unwrap_err().to_string();
        let nested = tarball(dir.path(), "nested.tar", "a/b/Makefile", MAKEFILE);
        assert!(error(&nested).contains("no Makefile"), "{}", error(&nested));
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
        std::fs::write(&zip, "PK").unwrap();
        assert!(error(&zip).contains("not a tarball"));
        assert!(error(&dir.path().join("absent.tar.xz")).contains("cannot read"));
        let spaced = dir.path().join("a b.tar");
        std::fs::write(&spaced, "").unwrap();
        assert!(error(&spaced).contains("cannot keep its name"));
    }
}
