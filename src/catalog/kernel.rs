//! `matrix/kernels.json`: kernel tarballs by version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::id::PinUrl;

/// A kernel's source tarball.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KernelPin {
    /// Where it can be fetched; none for a file that was added from disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<PinUrl>,
    /// Its name in the Nix store, when that is not the address's last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<crate::id::FileName>,
    /// Digest of the compressed file.
    pub sha256: Sha256,
    /// Size in bytes, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Who recorded the same digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmed_by: Vec<String>,
    /// What a reader should know: a derived path, a disagreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whose bytes they are.
    #[serde(skip)]
    pub origin: SourceOrigin,
}

/// Whose a kernel's source is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SourceOrigin {
    /// The bytes that kflake pins for this version.
    Pinned,
    /// A project's own, of a version that kflake does not pin.
    #[default]
    Registered,
    /// A project's own, in the place of those that kflake pins for this version.
    Override,
}

/// The source of a kernel that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasuredSource {
    /// Digest of the file that was fetched or registered.
    pub sha256: Sha256,
    /// Whose it is.
    pub origin: SourceOrigin,
}

impl MeasuredSource {
    /// The source behind `pin`.
    pub fn of(pin: &KernelPin) -> MeasuredSource {
        MeasuredSource {
            sha256: pin.sha256,
            origin: pin.origin,
        }
    }

    /// Whether a project put it in the place of what kflake pins.
    pub fn is_override(&self) -> bool {
        self.origin == SourceOrigin::Override
    }

    /// Whether what was built from `measured` (none: from what kflake pins) tells of what is built from this.
    pub fn is_told_of_by(&self, measured: Option<&MeasuredSource>) -> bool {
        let pinned = |origin| origin == SourceOrigin::Pinned;
        match measured {
            None => pinned(self.origin),
            Some(other) => {
                other.sha256 == self.sha256 || (pinned(other.origin) && pinned(self.origin))
            }
        }
    }
}

impl KernelPin {
    /// The file's name in the store.
    pub fn file_name(&self) -> Option<&str> {
        match (&self.file, &self.url) {
            (Some(file), _) => Some(file.as_str()),
            (None, Some(url)) => Some(url.file_name()),
            (None, None) => None,
        }
    }
}
