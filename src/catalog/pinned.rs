//! Every file that the matrix pins, in one list.

use super::{Catalog, DebianPin};
use crate::hash::Sha256;
use crate::id::PinUrl;

/// A file that some part of the matrix fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedFile {
    /// What it is, for people: `linux 6.1.176`, `debian bookworm/libc6`.
    pub what: String,
    /// Its name in the Nix store.
    pub name: String,
    /// Where it can be fetched, where that is known.
    pub url: Option<PinUrl>,
    /// Its digest.
    pub sha256: Sha256,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
}

impl Catalog {
    /// Every pinned file: kernels, Debian packages, Bootlin's tarballs, components.
    pub fn pinned_files(&self) -> Vec<PinnedFile> {
        let kernels = self.kernels.iter().filter_map(|(version, pin)| {
            Some(PinnedFile {
                what: format!("linux {version}"),
                name: store_name(pin.file_name()?),
                url: pin.url.clone(),
                sha256: pin.sha256,
                size: pin.size,
            })
        });
        let debian = self.debian.pins.iter().map(|(id, pin)| PinnedFile {
            what: format!("debian {id}"),
            name: debian_name(pin),
            url: Some(pin.url.clone()),
            sha256: pin.sha256,
            size: Some(pin.size),
        });
        let bootlin = self.bootlin.tarballs.iter().map(|(file, pin)| PinnedFile {
            what: format!("bootlin {file}"),
            name: file.to_string(),
            url: pin.url(file).ok(),
            sha256: pin.sha256,
            size: None,
        });
        let components = self.components.components.iter().filter_map(|(id, pin)| {
            Some(PinnedFile {
                what: format!("component {id}"),
                name: store_name(pin.file_name()?),
                url: pin.url.clone(),
                sha256: pin.sha256?,
                size: None,
            })
        });
        kernels
            .chain(debian)
            .chain(bootlin)
            .chain(components)
            .collect()
    }
}

/// A package's file name in the store.
pub fn debian_name(pin: &DebianPin) -> String {
    store_name(pin.url.file_name())
}

/// `file` with whatever the Nix store refuses in a name replaced: `~` and the rest become `-`.
pub fn store_name(file: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "+-._?=".contains(c) {
            c
        } else {
            '-'
        }
    };
    file.replace("%2b", "+")
        .replace("%2B", "+")
        .chars()
        .map(safe)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_store() {
        assert_eq!(
            store_name("gcc-12_12.2.0-14%2bdeb12u1_amd64.deb"),
            "gcc-12_12.2.0-14+deb12u1_amd64.deb"
        );
        assert_eq!(
            store_name("linux-source-7.3_7.3~rc7-1~exp1_all.deb"),
            "linux-source-7.3_7.3-rc7-1-exp1_all.deb"
        );
    }

    #[test]
    fn every_embedded_pin_is_listed_under_a_name_that_the_store_takes() {
        let files = Catalog::embedded().unwrap().pinned_files();
        assert!(files.len() > 4000, "{}", files.len());
        for file in &files {
            assert!(
                !file.name.starts_with('.') && file.name.len() <= 211,
                "{file:?}"
            );
            assert_eq!(store_name(&file.name), file.name);
        }
    }
}
