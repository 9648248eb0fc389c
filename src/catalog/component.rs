//! `matrix/components.json` and `matrix/source-toolchains.json`: what toolchains are built from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SourceKind;
use crate::hash::Sha256;
use crate::id::{ArchId, EraId, FileName, PinId, PinUrl};
use crate::version::ToolVersion;

/// Source tarballs, and the input that blesses them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Components {
    /// The pinned musl-cross-make: its hashes and patches are what the components' fields quote.
    pub musl_cross_make: Option<MuslCrossMake>,
    /// By `component/version`: `gcc/9.4.0`.
    pub components: BTreeMap<PinId, Component>,
}

/// The pinned musl-cross-make.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MuslCrossMake {
    /// Commit.
    pub rev: String,
    /// Time of the commit, seconds since 1970.
    pub last_modified: u64,
    /// Digest of the unpacked tree as Nix computes it.
    pub nar_hash: Sha256,
}

/// One source tarball.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// What it is a version of.
    pub kind: ComponentKind,
    /// Its version. Kernel headers have names of their own (`4.19.88-2`), hence text.
    pub version: String,
    /// Where it can be fetched.
    #[serde(default)]
    pub url: Option<PinUrl>,
    /// SHA-1 in hex, as musl-cross-make records it.
    #[serde(default)]
    pub sha1: Option<String>,
    /// SHA-256; without one it cannot be fetched.
    #[serde(default)]
    pub sha256: Option<Sha256>,
    /// Names of the patches that musl-cross-make has for it, in order.
    #[serde(default)]
    pub patches: Vec<String>,
    /// Whether musl-cross-make knows this version.
    pub blessed: bool,
    /// Its name in the Nix store, when that is not the address's last part.
    #[serde(default)]
    pub file: Option<FileName>,
    /// Whether a project gives a file of its own, not the one that kflake pins under this id. Found when a project is loaded.
    #[serde(skip)]
    pub overridden: bool,
}

impl Component {
    /// The file's name before the Nix store has its say.
    pub fn file_name(&self) -> Option<&str> {
        match (&self.file, &self.url) {
            (Some(file), _) => Some(file.as_str()),
            (None, Some(url)) => Some(url.file_name()),
            (None, None) => None,
        }
    }
}

/// What a source tarball is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the projects' own")]
pub enum ComponentKind {
    Gcc,
    Binutils,
    Musl,
    Gmp,
    Mpfr,
    Mpc,
    Isl,
    Linux,
    Other,
}

/// A toolchain built from source, for the cells it serves.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceToolchain {
    /// `musl` or `kernel-only`.
    pub source: SourceKind,
    /// The eras it is meant for.
    pub eras: Vec<EraId>,
    /// The arches it is meant for.
    pub arches: Vec<ArchId>,
    /// gcc.
    pub gcc: ToolVersion,
    /// binutils.
    pub binutils: ToolVersion,
    /// musl; none for kernel-only.
    #[serde(default)]
    pub musl: Option<ToolVersion>,
    /// Kernel headers (a component's version).
    #[serde(default)]
    pub linux_headers: Option<String>,
    /// gmp, mpfr and mpc.
    pub gmp: ToolVersion,
    /// mpfr.
    pub mpfr: ToolVersion,
    /// mpc; gcc before 4.5 needs none.
    #[serde(default)]
    pub mpc: Option<ToolVersion>,
    /// Whether versions that musl-cross-make does not know are meant.
    #[serde(default)]
    pub unblessed: bool,
    /// Tags that constraints ask for: `elfv1`.
    #[serde(default)]
    pub properties: Vec<String>,
    /// Why these versions.
    #[serde(default)]
    pub reason: String,
}

impl SourceToolchain {
    /// What it is built from: each kind of component and the id of the one that is meant.
    pub fn components(&self) -> impl Iterator<Item = (ComponentKind, PinId)> + '_ {
        let musl = self.musl.as_ref().map(ToolVersion::as_str);
        let mpc = self.mpc.as_ref().map(ToolVersion::as_str);
        [
            (ComponentKind::Gcc, "gcc", Some(self.gcc.as_str())),
            (
                ComponentKind::Binutils,
                "binutils",
                Some(self.binutils.as_str()),
            ),
            (ComponentKind::Gmp, "gmp", Some(self.gmp.as_str())),
            (ComponentKind::Mpfr, "mpfr", Some(self.mpfr.as_str())),
            (ComponentKind::Mpc, "mpc", mpc),
            (ComponentKind::Musl, "musl", musl),
            (
                ComponentKind::Linux,
                HEADERS,
                self.linux_headers.as_deref().filter(is_sanitised),
            ),
            (
                ComponentKind::Linux,
                "linux",
                self.linux_headers.as_deref().filter(|it| !is_sanitised(it)),
            ),
        ]
        .into_iter()
        .filter_map(|(kind, name, version)| {
            // versions are names of their own, so the id is one too
            Some((kind, format!("{name}/{}", version?).parse().ok()?))
        })
    }
}

/// Headers that were taken out of a kernel and made fit for every libc have packages of their own.
const HEADERS: &str = "linux-headers";

/// Their versions carry the package's revision: `4.19.88-2`.
fn is_sanitised(version: &&str) -> bool {
    (version.contains('-') && !version.contains("-rc")) || *version == "4.19.88"
}
