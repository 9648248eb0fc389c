//! A run's folder: the report in every format that is kept.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use crate::files::{Own, OwnError};
use crate::validate::{CellRecord, RunRecord};

use super::{badge, html, json, junit, markdown, metadata};

/// The files of `run`'s folder, as paths relative to it and what they hold; `report.json` comes last, so that a folder
/// with it has the rest.
pub fn files(run: &RunRecord) -> Vec<(String, String)> {
    let mut files = vec![
        ("report.html".to_owned(), html::render(run, None)),
        ("report.md".to_owned(), markdown::render(run)),
        ("junit.xml".to_owned(), junit::render(run)),
        ("badge.svg".to_owned(), badge::render(run)),
    ];
    let mut taken = BTreeSet::new();
    for (at, cell) in run.cells.iter().enumerate() {
        let mut folder = folder_name(cell).unwrap_or_else(|| format!("cell-{at}"));
        // two configurations or toolchains of one kernel
        if !taken.insert(folder.clone()) {
            folder = format!("{folder}-{at}");
        }
        files.push((
            format!("cells/{folder}/metadata.json"),
            metadata::to_json(run, cell),
        ));
    }
    files.push((json::FILE.to_owned(), json::to_string(run)));
    files
}

/// `k6-arm64-6.1.192`; none where that would not be one plain path component.
fn folder_name(cell: &CellRecord) -> Option<String> {
    let name = match &cell.kernel {
        Some(kernel) => format!("{}-{kernel}", cell.id),
        None => cell.id.clone(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    (name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
        && name.len() < 120)
        .then_some(name)
}

/// Writes [`files`] into `folder`, which is kflake's own, each replaced as a whole.
///
/// # Errors
/// When the folder holds something else, or cannot be written.
pub fn write(folder: &Path, run: &RunRecord) -> Result<(), OwnError> {
    write_into(&Own::open(folder)?, run)
}

/// The same, for one who has the folder already.
///
/// # Errors
/// When it cannot be written.
pub fn write_into(own: &Own, run: &RunRecord) -> Result<(), OwnError> {
    for (path, text) in files(run) {
        own.write_with(&path, false, |file| {
            file.write_all(text.as_bytes())?;
            // the report outlives a loss of power
            file.sync()
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn every_cell_has_its_own_file_below_the_folder() {
        let mut run = samples::hostile();
        run.cells.extend(samples::small().cells);
        run.cells.extend(samples::small().cells);
        let files = files(&run);
        let mut paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths.last(), Some(&"report.json"));
        assert!(
            paths.contains(&"cells/k6-arm64-6.1.192/metadata.json"),
            "{paths:?}"
        );
        assert!(
            paths
                .iter()
                .all(|path| !path.contains("..") && !path.contains('<')),
            "{paths:?}"
        );
        let all = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), all);
        assert_eq!(all, run.cells.len() + 5);
    }

    #[test]
    fn a_written_folder_reads_back() {
        let dir = tempfile::tempdir().expect("a folder");
        write(dir.path(), &samples::small_later()).expect("written");
        assert_eq!(json::read(dir.path()).expect("a report").cells.len(), 3);
        assert!(
            dir.path()
                .join("cells/k6-riscv64-6.1.193/metadata.json")
                .is_file()
        );
    }
}
