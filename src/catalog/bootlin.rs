//! `matrix/bootlin.json`: every prebuilt toolchain of Bootlin's that was ever pinned.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Confidence;
use crate::hash::Sha256;
use crate::id::{FileName, IdError, PinUrl};
use crate::version::ToolVersion;

/// Releases and tarballs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bootlin {
    /// By release and flavour (`2024.05-1/stable`): the versions inside.
    pub releases: BTreeMap<String, BootlinRelease>,
    /// By file name.
    pub tarballs: BTreeMap<FileName, BootlinTarball>,
}

/// The versions inside a release.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootlinRelease {
    /// gcc.
    #[serde(default)]
    pub gcc: Option<Confident>,
    /// binutils.
    #[serde(default)]
    pub binutils: Option<Confident>,
    /// musl.
    #[serde(default)]
    pub musl: Option<Confident>,
    /// glibc.
    #[serde(default)]
    pub glibc: Option<Confident>,
    /// uClibc-ng.
    #[serde(default)]
    pub uclibc: Option<Confident>,
    /// Kernel headers.
    #[serde(default)]
    pub linux_headers: Option<Confident>,
}

/// A version and how sure it is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confident {
    /// The version.
    pub version: ToolVersion,
    /// How sure it is.
    pub confidence: Confidence,
}

/// One tarball.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootlinTarball {
    /// Bootlin's directory for the arch: `armv5-eabi`.
    pub arch_dir: String,
    /// `musl`, `glibc` or `uclibc`.
    pub libc: String,
    /// `stable` or `bleeding-edge`.
    pub flavour: String,
    /// `2024.05-1`.
    pub release: String,
    /// Digest of the tarball.
    pub sha256: Sha256,
    /// gcc, where it differs from the release's.
    #[serde(default)]
    pub gcc: Option<ToolVersion>,
    /// binutils, where it differs from the release's.
    #[serde(default)]
    pub binutils: Option<ToolVersion>,
    /// Kernel headers, where they differ from the release's.
    #[serde(default)]
    pub linux_headers: Option<ToolVersion>,
    /// A vendor's fork of gcc and binutils (`arc-2020.03-release`): the release's versions don't hold.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Whether a project gives an archive of its own, not the one that kflake pins under this name. Found when a project is loaded.
    #[serde(skip)]
    pub overridden: bool,
}

impl BootlinTarball {
    /// Where `file`, the tarball's own name, lies on the mirror.
    ///
    /// # Errors
    /// When the folder's name does not fit an address.
    pub fn url(&self, file: &FileName) -> Result<PinUrl, IdError> {
        format!(
            "mirror://bootlin/downloads/releases/toolchains/{}/tarballs/{file}",
            self.arch_dir
        )
        .parse()
    }
}
