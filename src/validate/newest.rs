//! The derivations of a project's newest run: what is not to be collected as garbage.

use std::path::Path;

use super::RunError;
use crate::files;
use crate::nix::DrvPath;
use crate::project::{STATE, last_described};

/// The file, in the project's [`STATE`].
const FILE: &str = "newest-run.json";

/// Notes that the newest run of the project whose links are in `roots` is one of `drvs`.
pub(super) fn put_down<'a>(
    roots: &Path,
    drvs: impl Iterator<Item = &'a DrvPath>,
) -> Result<(), RunError> {
    let path = roots.with_file_name(FILE);
    let drvs: Vec<&DrvPath> = drvs.collect();
    let text = crate::text::json_pretty(&drvs).map_err(std::io::Error::from);
    text.and_then(|text| files::replace(&path, format!("{text}\n").as_bytes()))
        .map_err(RunError::report(&path))
}

/// The derivations of the newest run in `project`; none where no run is known.
pub fn newest_run(project: &Path) -> Option<Vec<DrvPath>> {
    let noted = || {
        let bytes = files::read(&project.join(STATE).join(FILE), files::MAX_DATA).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    // runs of before there was such a note left their evaluation
    noted().or_else(|| last_described(project))
}
