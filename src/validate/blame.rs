//! Reading a failure's log: what went wrong first, and of which known kind it is.

use std::collections::{BTreeMap, VecDeque};
use std::io::BufRead;
use std::sync::OnceLock;

use regex::RegexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FailureRecord, Stage};
use crate::id::{ConstraintId, FileName};
use crate::text::clean_line;

/// The table as it is embedded: `matrix/failures.json`.
const EMBEDDED: &str = include_str!("../../matrix/failures.json");

/// Lines of a log that a record keeps.
const TAIL: usize = 20;

/// What precedes Nix's own words in a log that kflake keeps.
pub(super) const NIX: &str = "nix: ";

/// A known kind of failure, recognised by its signatures in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureClass {
    /// What happened, in a few words.
    pub title: String,
    /// Of several classes whose signatures a log shows, the one with the lowest rank is the cause.
    pub rank: u16,
    /// The stages in which it can happen; empty: all. A build that is no stage by itself counts as any.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// Signatures: regular expressions, one of which a single line of the log matches.
    pub patterns: Vec<String>,
    /// Lines that match a signature and are known to do no harm: regular expressions.
    #[serde(default)]
    pub except: Vec<String>,
    /// What it means.
    pub explanation: String,
    /// What to do about it, where that is known.
    #[serde(default)]
    pub advice: Option<String>,
    /// The constraints that it is known from.
    #[serde(default)]
    pub points_to: Vec<ConstraintId>,
    /// Whether trying again can help: the fault is in the network or the machine, not in what was built.
    #[serde(default)]
    pub retry: bool,
}

/// Every known class.
#[derive(Debug)]
pub struct FailureTable {
    classes: BTreeMap<FileName, FailureClass>,
    signatures: OnceLock<Signatures>,
}

/// The signatures of all classes as one automaton: compiled when the first failure is read.
#[derive(Debug)]
struct Signatures {
    set: RegexSet,
    /// The class of each expression, and whether it is one of its exceptions.
    owners: Vec<(FileName, bool)>,
}

/// A table that cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the table of failures cannot be used: {0}")]
#[diagnostic(code(kflake::validate::failures))]
pub struct TableError(String);

impl FailureTable {
    /// The embedded table.
    ///
    /// # Errors
    /// Never for a table that passed kflake's own tests.
    pub fn embedded() -> Result<FailureTable, TableError> {
        FailureTable::parse(EMBEDDED)
    }

    /// A table from JSON: an object of classes by id.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn parse(json: &str) -> Result<FailureTable, TableError> {
        let mut raw: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|error| TableError(error.to_string()))?;
        raw.remove("$schema");
        let mut classes = BTreeMap::new();
        for (id, value) in raw {
            let fail = |error: &dyn std::fmt::Display| TableError(format!("/{id}: {error}"));
            let class = serde_json::from_value(value).map_err(|error| fail(&error))?;
            classes.insert(id.parse().map_err(|error| fail(&error))?, class);
        }
        Ok(FailureTable {
            classes,
            signatures: OnceLock::new(),
        })
    }

    /// The class `id`.
    pub fn get(&self, id: &str) -> Option<&FailureClass> {
        self.classes.get(id)
    }

    /// Every class, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&FileName, &FailureClass)> {
        self.classes.iter()
    }

    fn compile(&self) -> Result<Signatures, TableError> {
        let (mut patterns, mut owners) = (Vec::new(), Vec::new());
        for (id, class) in &self.classes {
            for pattern in &class.patterns {
                patterns.push(pattern.as_str());
                owners.push((id.clone(), false));
            }
            for pattern in &class.except {
                patterns.push(pattern.as_str());
                owners.push((id.clone(), true));
            }
        }
        let set = RegexSet::new(patterns).map_err(|error| TableError(error.to_string()))?;
        Ok(Signatures { set, owners })
    }

    fn signatures(&self) -> &Signatures {
        self.signatures.get_or_init(|| {
            // a broken pattern classifies nothing; the tests see to it that none is embedded
            self.compile().unwrap_or(Signatures {
                set: RegexSet::empty(),
                owners: Vec::new(),
            })
        })
    }

    /// Reads a log. `stage` is what was built, where it is a stage.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(&self, log: impl BufRead, stage: Option<Stage>) -> std::io::Result<Blame> {
        let signatures = self.signatures();
        let mut blame = Blame::default();
        let mut best: Option<(u16, &FileName)> = None;
        let mut last = None;
        let mut generic = None;
        for line in lines(log) {
            let line = line?;
            let owners = || {
                let matches = signatures.set.matches(&line);
                matches
                    .into_iter()
                    .filter_map(|index| signatures.owners.get(index))
            };
            for (id, exception) in owners() {
                if *exception || owners().any(|(other, exception)| *exception && other == id) {
                    continue;
                }
                let Some((id, class)) = self.classes.get_key_value(id) else {
                    continue;
                };
                let possible = class.stages.is_empty()
                    || stage.is_none_or(|stage| class.stages.contains(&stage));
                if possible && best.is_none_or(|(rank, _)| class.rank < rank) {
                    best = Some((class.rank, id));
                    blame.first_error = Some(line.clone());
                }
            }
            let from_nix = line.starts_with(NIX);
            if generic.is_none() && !from_nix && looks_like_an_error(&line) {
                generic = Some(line.clone());
            }
            // that a builder failed is what Nix says of every failure
            if !line.trim().is_empty() && (!from_nix || last.is_none()) {
                last = Some(line.clone());
            }
            if blame.tail.len() == TAIL {
                blame.tail.pop_front();
            }
            blame.tail.push_back(line);
        }
        blame.class = best.map(|(_, id)| id.clone());
        blame.first_error = blame.first_error.or(generic).or(last);
        Ok(blame)
    }
}

/// The lines of a log, made fit to show, whatever bytes it holds.
fn lines(mut log: impl BufRead) -> impl Iterator<Item = std::io::Result<String>> {
    let mut bytes = Vec::new();
    std::iter::from_fn(move || {
        bytes.clear();
        match log.read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(_) => Some(Ok(clean_line(&String::from_utf8_lossy(&bytes)))),
            Err(error) => Some(Err(error)),
        }
    })
}

/// Whether a line of an unknown kind of failure says what went wrong.
fn looks_like_an_error(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    line.starts_with("kflake: ")
        || ["error:", " error ", "fatal:", "panic", "cannot ", "failed"]
            .iter()
            .any(|word| lower.contains(word))
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blame {
    /// The class of the failure; none: no signature matched.
    pub class: Option<FileName>,
    /// The line that shows it; of an unknown kind, the first that looks like an error.
    pub first_error: Option<String>,
    /// The log's last lines.
    pub tail: VecDeque<String>,
}

impl Blame {
    /// As it stands in a report.
    pub fn record(self, phase: Option<String>, log: Option<String>) -> FailureRecord {
        FailureRecord {
            class: self.class.map(String::from),
            phase,
            first_error: self.first_error,
            log_tail: self.tail.into(),
            log,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_is_sound() {
        let table = FailureTable::embedded().unwrap();
        table.compile().unwrap();
        let constraints: BTreeMap<String, serde_json::Value> = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/matrix/constraints.json"
        ))
        .map(|text| serde_json::from_str(&text).unwrap())
        .unwrap_or_default();
        for (id, class) in table.iter() {
            assert!(
                !class.title.is_empty() && class.explanation.len() > 20,
                "{id}"
            );
            assert!(
                !class.patterns.is_empty() || id.as_str().ends_with("timed-out"),
                "{id} cannot be recognised"
            );
            for constraint in &class.points_to {
                let known = constraints.is_empty() || constraints.contains_key(constraint.as_str());
                assert!(known, "{id} points to {constraint}, which is no constraint");
            }
        }
    }

    #[test]
    fn a_table_of_another_shape_says_where() {
        let error = FailureTable::parse(r#"{"x": {"title": 1}}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("/x: "), "{error}");
        assert!(FailureTable::parse(r#"{"../x": {}}"#).is_err());
    }

    #[test]
    fn an_unknown_kind_still_shows_its_first_error() {
        let table = FailureTable::embedded().unwrap();
        let log = "checking\nfoo: cannot frobnicate\nmore\n\n";
        let blame = table.read(log.as_bytes(), Some(Stage::Kernel)).unwrap();
        assert_eq!(blame.class, None);
        assert_eq!(blame.first_error.as_deref(), Some("foo: cannot frobnicate"));
        assert_eq!(blame.tail.len(), 4);
        let empty = table.read(&b""[..], None).unwrap();
        assert_eq!(empty, Blame::default());
    }

    #[test]
    fn hostile_logs_are_made_harmless_and_only_the_tail_is_kept() {
        let table = FailureTable::embedded().unwrap();
        let mut log = b"\x1b[31merror: \xff\xfe bad\x1b]0;x\x07\n".to_vec();
        for i in 0..100 {
            log.extend_from_slice(format!("line {i}\n").as_bytes());
        }
        let blame = table.read(log.as_slice(), None).unwrap();
        assert_eq!(
            blame.first_error.as_deref(),
            Some("error: \u{fffd}\u{fffd} bad")
        );
        assert_eq!(blame.tail.len(), TAIL);
        assert_eq!(blame.tail.back().map(String::as_str), Some("line 99"));
    }
}
