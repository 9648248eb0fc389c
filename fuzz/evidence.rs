//! `matrix/evidence.json`: it loads or there are findings; the page of what was measured is inert; recording adds to it, once.

use std::cell::RefCell;
use std::path::Path;

use kflake::catalog::{Catalog, Evidence, LoadError};
use kflake::check;
use kflake::report::{coverage, json};
use kflake::validate::{RunRecord, record_evidence};

use crate::catalog::{Load, show};
use crate::shown::{bounded, inert, printed};
use crate::{Target, linear, signature};

/// Measurements, over the small matrix of the target `catalog`.
pub struct Measurements {
    matrix: Load,
    words: Vec<&'static str>,
    catalog: Catalog,
    /// A run to be recorded, and a project to record it in.
    run: RunRecord,
    project: RefCell<tempfile::TempDir>,
}

impl Measurements {
    /// With the sample report of the tests as what is recorded.
    pub fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reports");
        let matrix = Load::new();
        let words = matrix
            .sound
            .iter()
            .flat_map(|(_, text)| crate::strings(text));
        let mut words: Vec<&'static str> = words.collect();
        words.sort_unstable();
        words.dedup();
        Measurements {
            words,
            matrix,
            catalog: Catalog::embedded().expect("the matrix is sound"),
            run: json::read(&folder.join("small-later.json")).expect("a sample report"),
            project: RefCell::new(tempfile::tempdir().expect("a temporary folder")),
        }
    }

    /// Records the run in a project with this evidence, twice.
    fn record(&self, input: &[u8]) -> Result<Option<usize>, String> {
        let project = self.project.borrow();
        let file = project.path().join("matrix/evidence.json");
        let write = || {
            std::fs::create_dir_all(project.path().join("matrix"))?;
            std::fs::write(&file, input)
        };
        write().map_err(|error| format!("the project cannot be written: {error}"))?;
        let added = match record_evidence(&self.catalog, project.path(), &self.run) {
            Ok(added) => added,
            Err(error) => {
                printed(&error)?;
                return match std::fs::read(&file).is_ok_and(|left| left == input) {
                    true => Ok(None),
                    false => Err("evidence was changed, and it is said that it was not".into()),
                };
            }
        };
        let text = std::fs::read(&file).map_err(|error| error.to_string())?;
        let list = |text: &[u8]| -> Result<Vec<serde_json::Value>, String> {
            serde_json::from_slice(text).map_err(|error| format!("evidence is no list: {error}"))
        };
        let (before, after) = (list(input)?, list(&text)?);
        if after.len() != before.len() + added || after[..before.len()] != before[..] {
            return Err("what was measured before is not as it was".into());
        }
        if added > 0 {
            inert("evidence", &String::from_utf8_lossy(&text))?;
        }
        match record_evidence(&self.catalog, project.path(), &self.run) {
            Ok(0) => Ok(Some(added)),
            other => Err(format!("recorded again, it is {other:?}")),
        }
    }
}

impl Target for Measurements {
    fn name(&self) -> &'static str {
        "evidence"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let (_, text) = &self.matrix.sound[self.matrix.sound.len() - 1];
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix/evidence.json");
        let whole = std::fs::read_to_string(path).expect("the matrix is here");
        let all: Vec<serde_json::Value> = serde_json::from_str(&whole).expect("it is a list");
        let mut seeds = vec![text.clone().into_bytes(), b"[]".to_vec()];
        let step = all.len() / 12 + 1;
        for part in all.chunks(step) {
            let part = &part[..part.len().min(3)];
            seeds.push(serde_json::to_vec(part).expect("it was JSON"));
        }
        seeds
    }

    fn words(&self) -> &[&'static str] {
        &self.words
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        // each measurement may be a finding, with its place
        60 * linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let text = String::from_utf8_lossy(input);
        let texts = self.matrix.with("evidence.json", &text);
        let recorded = match signature(input) % 4 {
            0 => Some(self.record(input)?),
            _ => None,
        };
        let (findings, shape) = match Catalog::of_texts(&texts) {
            Ok(catalog) => {
                let page = coverage::render(&catalog);
                inert("coverage", &page)?;
                bounded("coverage", page.len(), (64 << 10) + 60 * input.len())?;
                let written = kflake::text::json(&catalog.evidence())
                    .map_err(|error| format!("it cannot be written: {error}"))?;
                inert("evidence", &written)?;
                let again: Vec<Evidence> = serde_json::from_str(&written)
                    .map_err(|error| format!("what was written is none: {error}"))?;
                if again != catalog.evidence() {
                    return Err("other measurements are read than were written".into());
                }
                let shape = (page.len().ilog2(), again.len().min(20));
                // looks through the embedded matrix each time
                let findings = match signature(input) % 16 {
                    0 => check::check(&catalog),
                    _ => vec![],
                };
                (findings, Some(shape))
            }
            Err(LoadError::Findings { findings }) if findings.is_empty() => {
                return Err("it does not load and nothing is said".into());
            }
            Err(LoadError::Findings { findings }) => (findings, None),
            Err(error) => return Err(format!("texts cannot fail to be read: {error}")),
        };
        let mut said: Vec<(String, usize)> = vec![];
        for finding in &findings {
            if said.len() < 6 {
                show(finding)?;
            }
            said.push((finding.code.to_string(), finding.pointer.parts().len()));
        }
        said.sort_unstable();
        said.dedup();
        Ok(signature((said, shape, recorded)))
    }
}
