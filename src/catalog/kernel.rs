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
