//! Folders that kernels were taken from, and whether they changed since: builds take a kernel as it was when it was added.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Context, Failure, Result, output};
use crate::catalog::{Catalog, kernel_changed_since};
use crate::exit;
use crate::files;
use crate::hash::Sha256;
use crate::text::shown;
use crate::version::KernelVersion;

/// The file that remembers them, in the project's folder of kflake's own.
const FILE: &str = "kernel-folders.json";

/// A folder that a kernel was taken from.
#[derive(Serialize, Deserialize)]
pub struct Taken {
    /// The folder.
    pub folder: PathBuf,
    /// What it was packed to.
    pub sha256: Sha256,
    /// When the packing began.
    pub when: Timestamp,
}

fn path(context: &Context) -> PathBuf {
    context.project.join(files::STATE).join(FILE)
}

fn read(context: &Context) -> BTreeMap<String, Taken> {
    // nothing is lost with it but a warning
    let bytes = files::read(&path(context), files::MAX_DATA).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Notes where the kernel `version` was taken from.
pub fn remember(version: &KernelVersion, taken: Taken, context: &Context) -> Result<()> {
    let mut all = read(context);
    all.insert(version.to_string(), taken);
    let path = path(context);
    let text = crate::text::json_pretty(&all).map_err(std::io::Error::from);
    text.and_then(|text| files::replace(&path, format!("{text}\n").as_bytes()))
        .map_err(|source| Failure::new(exit::IO, files::LockError::Io { path, source }))
}

/// Warns where a kernel of `versions` was taken from a folder that changed since.
pub fn warn<'v>(
    versions: impl IntoIterator<Item = &'v KernelVersion>,
    catalog: &Catalog,
    context: &Context,
) {
    let all = read(context);
    for version in versions {
        let pin = catalog.kernels.get(version);
        let taken = all
            .get(version.as_str())
            .filter(|taken| pin.is_some_and(|pin| pin.sha256 == taken.sha256));
        let changed =
            taken.and_then(|taken| kernel_changed_since(&taken.folder, taken.when.into()));
        if let (Some(taken), Some(changed)) = (taken, changed) {
            output::note(&words(version, &taken.folder, &changed));
        }
    }
}

fn words(version: &KernelVersion, folder: &Path, changed: &Path) -> String {
    let folder = shown(folder);
    format!(
        "warning: {} changed in {folder} since Linux {version} was taken from there, and is built as it was then; \
         `kflake kernel add {folder}` takes it as it is",
        shown(changed)
    )
}
