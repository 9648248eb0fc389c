//! An SDK's folder: small files, and links to what lies in the store.

use std::path::Path;

use super::{Artifacts, BuildError};
use crate::files;

/// Text that is copied, so that it can be read and adapted in place; `sdk.json` comes last.
const FILES: &[&str] = &["environment", "meson.cross", "toolchain.cmake", "sdk.json"];
/// Name of the link that keeps the SDK from being collected as garbage.
pub const ROOT: &str = "sdk";
/// What is reached through it.
const LINKS: &[&str] = &["bin", "kernel", "sysroot", "toolchain"];

impl Artifacts {
    /// Lays out the SDK in `out`, which [`ROOT`] leads to.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn sdk(&self, out: &Path) -> Result<(), BuildError> {
        self.copy(out, "kernel-misc", &mut Vec::new())?;
        for name in LINKS {
            self.link(name, &Path::new(ROOT).join(name))?;
        }
        for name in FILES {
            let path = out.join(name);
            let bytes = files::read(&path, files::MAX_DATA).map_err(BuildError::io(&path))?;
            self.write(name, &bytes, false)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_sdk_can_be_laid_out_again() {
        let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in FILES {
            fs::write(out.path().join(name), "{}").unwrap();
        }
        fs::create_dir(out.path().join("kernel-misc")).unwrap();
        fs::write(out.path().join("kernel-misc/kernel-version"), "6.1\n").unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        artifacts.sdk(out.path()).unwrap();
        artifacts.sdk(out.path()).unwrap();
        assert!(dir.path().join("kernel-misc/kernel-version").is_file());
        let link = fs::read_link(dir.path().join("toolchain")).unwrap();
        assert_eq!(link, Path::new("sdk/toolchain"));
        drop(artifacts);
        assert!(Artifacts::open(dir.path()).is_ok());
    }

    #[test]
    fn links_of_the_users_are_not_an_sdks() {
        let (out, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(out.path().join("kernel-misc")).unwrap();
        let artifacts = Artifacts::open(dir.path()).unwrap();
        std::os::unix::fs::symlink("/home", dir.path().join("toolchain")).unwrap();
        let error = artifacts.sdk(out.path()).unwrap_err();
        assert!(matches!(error, BuildError::Own(_)), "{error}");
        let link = fs::read_link(dir.path().join("toolchain")).unwrap();
        assert_eq!(link, Path::new("/home"));
        assert!(artifacts.claim("toolchain").is_err());
    }
}
