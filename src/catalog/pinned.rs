//! Every file that the matrix pins, in one list.

use std::collections::BTreeMap;

use super::{BootlinTarball, Catalog, Component, DebianPin, KernelPin, KorgArchive};
use crate::hash::Sha256;
use crate::id::{FileName, PinId, PinUrl};
use crate::version::KernelVersion;

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
    /// Every pinned file: kernels, Debian packages, Bootlin's and kernel.org's archives, components.
    pub fn pinned_files(&self) -> Vec<PinnedFile> {
        let kernels = self.kernels.iter().map(|(id, pin)| pin.pinned(id));
        let debian = self.debian.pins.iter().map(|(id, pin)| pin.pinned(id));
        let tools = self.host_tools.values().flat_map(|tools| &tools.pins);
        let tools = tools.map(|(id, pin)| pin.pinned(id));
        let bootlin = self.bootlin.tarballs.iter();
        let bootlin = bootlin.map(|(file, pin)| pin.pinned(file));
        let korg = self.korg.archives().map(KorgArchive::pinned);
        let components = self.components.components.iter();
        let components = components.filter_map(|(id, pin)| pin.pinned(id));
        kernels
            .chain(debian)
            .chain(tools)
            .chain(bootlin)
            .chain(korg)
            .chain(components)
            .collect()
    }

    /// Bytes of every pinned file whose size is known, by its name in the store.
    pub fn file_sizes(&self) -> BTreeMap<String, u64> {
        let files = self.pinned_files().into_iter();
        files
            .filter_map(|file| Some((file.name, file.size?)))
            .collect()
    }
}

impl KernelPin {
    /// The tarball of `version`.
    pub fn pinned(&self, version: &KernelVersion) -> PinnedFile {
        PinnedFile {
            what: format!("linux {version}"),
            name: match self.file_name() {
                Some(file) => store_name(file),
                None => format!("linux-{version}.tar"),
            },
            url: self.url.clone(),
            sha256: self.sha256,
            size: self.size,
        }
    }
}

impl DebianPin {
    /// The package that is pinned as `id`.
    pub fn pinned(&self, id: &PinId) -> PinnedFile {
        PinnedFile {
            what: format!("debian {id}"),
            name: store_name(self.url.file_name()),
            url: Some(self.url.clone()),
            sha256: self.sha256,
            size: Some(self.size),
        }
    }
}

impl BootlinTarball {
    /// The tarball that is called `file`.
    pub fn pinned(&self, file: &FileName) -> PinnedFile {
        PinnedFile {
            what: format!("bootlin {file}"),
            name: store_name(file.as_str()),
            url: self.url(file).ok(),
            sha256: self.sha256,
            size: None,
        }
    }
}

impl KorgArchive<'_> {
    /// The file.
    pub fn pinned(self) -> PinnedFile {
        PinnedFile {
            what: format!("korg {}", self.id),
            name: store_name(self.url.file_name()),
            url: Some(self.url.clone()),
            sha256: self.sha256,
            size: None,
        }
    }
}

impl Component {
    /// The tarball that is pinned as `id`; none without a digest or a name.
    pub fn pinned(&self, id: &PinId) -> Option<PinnedFile> {
        Some(PinnedFile {
            what: format!("component {id}"),
            name: store_name(self.file_name()?),
            url: self.url.clone(),
            sha256: self.sha256?,
            size: None,
        })
    }
}

/// The name in the store of a file that an address calls `file`: what is escaped there (`%2b`) is read, and whatever the store
/// refuses in a name becomes `-`. What is fetched, what is imported and what is looked for all have the name from here.
pub fn store_name(file: &str) -> String {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(&byte);
    if file.bytes().all(is_safe) {
        return file.to_owned();
    }
    let mut name = String::with_capacity(file.len());
    let mut rest = file;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let is_hex = |digits: &&str| digits.bytes().all(|b| b.is_ascii_hexdigit());
        let digits = rest.get(..2).filter(|_| c == '%').filter(is_hex);
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let c = match escaped {
            Some(byte) => {
                rest = &rest[2..];
                char::from(byte)
            }
            None => c,
        };
        let safe = u8::try_from(c).is_ok_and(is_safe);
        name.push(if safe { c } else { '-' });
    }
    name
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
        for escaped in ["7.3_7.3~rc7-1~exp1", "7.3_7.3%7erc7-1%7Eexp1"] {
            assert_eq!(
                store_name(&format!("linux-source-{escaped}_all.deb")),
                "linux-source-7.3_7.3-rc7-1-exp1_all.deb"
            );
        }
        for (file, name) in [
            ("a%", "a-"),
            ("a%2", "a-2"),
            ("%é", "--"),
            ("a%+1b", "a-+1b"),
        ] {
            assert_eq!(store_name(file), name, "{file}");
        }
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
