//! Reading a suite's index from a mirror.

use std::collections::BTreeSet;
use std::io::Read as _;

use jiff::Timestamp;

use super::error::{ArchiveError, IndexError, Tried};
use super::packages::Packages;
use super::release::Release;
use super::signature::Keyring;
use crate::hash::Sha256;
use crate::nix::{Nix, Settings};

/// The most that `InRelease` holds, in bytes; sid's has 200 KB.
const MAX_RELEASE: u64 = 8 << 20;
/// The most that a packed list of packages holds; sid's has 10 MB.
const MAX_PACKED: u64 = 128 << 20;
/// The most that an unpacked one holds; sid's has 60 MB.
const MAX_LIST: u64 = 512 << 20;

/// The list of packages that kflake's tools are of, packed.
const LIST: &str = "main/binary-amd64/Packages.xz";

/// Debian's archive, as its mirrors have it.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    /// Fetches.
    pub nix: &'a Nix,
    /// The mirrors.
    pub settings: &'a Settings,
    /// Whose word is taken.
    pub keyring: &'a Keyring,
    /// The time.
    pub now: Timestamp,
}

/// What a suite has.
#[derive(Debug)]
pub struct Index {
    /// When it was made.
    pub date: Timestamp,
    /// The packages that were asked for.
    pub packages: Packages,
    /// The mirror that it is from.
    pub mirror: String,
    /// Mirrors that did not do.
    pub passed_over: Vec<Tried>,
}

impl Archive<'_> {
    /// The packages `wanted` of `suite`, from the first mirror that has an index which can be believed.
    ///
    /// # Errors
    /// When no mirror has.
    pub fn index(&self, suite: &str, wanted: &BTreeSet<String>) -> Result<Index, ArchiveError> {
        let mut tried = Vec::new();
        for mirror in self.settings.mirrors.urls("debian") {
            match self.index_at(mirror, suite, wanted) {
                Ok((release, packages)) => {
                    return Ok(Index {
                        date: release.date,
                        packages,
                        mirror: mirror.clone(),
                        passed_over: tried,
                    });
                }
                Err(error) => tried.push(Tried {
                    mirror: mirror.clone(),
                    error,
                }),
            }
        }
        Err(match tried.is_empty() {
            true => ArchiveError::NoMirror,
            false => ArchiveError::Index {
                suite: suite.to_owned(),
                tried,
            },
        })
    }

    fn index_at(
        &self,
        mirror: &str,
        suite: &str,
        wanted: &BTreeSet<String>,
    ) -> Result<(Release, Packages), IndexError> {
        let file = format!("dists/{suite}/InRelease");
        let url = format!("{mirror}{file}");
        let signed = self
            .nix
            .fetch_current(self.settings, &url, MAX_RELEASE)
            .map_err(|reason| IndexError::Fetch { file, reason })?;
        let text = self.keyring.text_of(&signed)?;
        let release = Release::read(&text, suite, self.now)?;
        let list = self.list(mirror, suite, &release)?;
        Ok((release, Packages::read(&list, wanted)?))
    }

    /// The list of packages that `release` names.
    fn list(&self, mirror: &str, suite: &str, release: &Release) -> Result<String, IndexError> {
        let listed = release.file(LIST).ok_or_else(|| IndexError::Release {
            reason: format!("it does not name {LIST}"),
        })?;
        let (folder, _) = LIST.rsplit_once('/').unwrap_or_default();
        let hex = listed.sha256.hex();
        let file = match release.by_hash {
            true => format!("dists/{suite}/{folder}/by-hash/SHA256/{hex}"),
            false => format!("dists/{suite}/{LIST}"),
        };
        if listed.size > MAX_PACKED {
            return Err(IndexError::Unpack {
                file,
                reason: format!("it has {} bytes", listed.size),
            });
        }
        let url = format!("{mirror}{file}");
        let fetched = self.nix.fetch_current(self.settings, &url, MAX_PACKED);
        let packed = fetched.map_err(|reason| IndexError::Fetch {
            file: file.clone(),
            reason,
        })?;
        if Sha256::of_bytes(&packed) != listed.sha256 {
            return Err(IndexError::Digest { file });
        }
        unpack(&packed).map_err(|reason| IndexError::Unpack { file, reason })
    }
}

fn unpack(packed: &[u8]) -> Result<String, String> {
    let mut text = Vec::new();
    lzma_rust2::XzReader::new(packed, true)
        .take(MAX_LIST + 1)
        .read_to_end(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_LIST {
        return Err("it becomes larger than any list of packages".to_owned());
    }
    String::from_utf8(text).map_err(|_| "it is not UTF-8 text".to_owned())
}
