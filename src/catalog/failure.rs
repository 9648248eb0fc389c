//! `matrix/failures.json`: kinds of failure, and how each shows in a log.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{EntryError, entry};
use super::pointer::Pointer;
use super::stage::Stage;
use crate::id::{ConstraintId, FailureId};

/// Classes below this rank are trouble of the machine.
const MACHINE: u16 = 10;
/// Longest signature, in bytes.
const MAX_SIGNATURE: usize = 1200;
/// Most memory that one compiled signature may take, in bytes.
const MAX_COMPILED: usize = 1 << 19;
/// Most memory that all of them may take together, in bytes.
const MAX_ALL: usize = 24 << 20;

/// A kind of failure: how it shows in a log, what it means, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureClass {
    /// What happened, in a few words.
    pub title: String,
    /// Below 10: trouble of the machine, which is the cause wherever in the log it shows. From 40 on: a hint, which counts only
    /// where nothing better was found. In between the first line of the log counts; of several classes that one line shows, the
    /// one with the lowest rank.
    pub rank: u16,
    /// The stages in which it can happen; empty: all. A build that is no stage by itself counts as any.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// Signatures, one of which a line of the log matches. Quotes of every kind are read as `'`, and what make and the compilers
    /// say in other languages as English.
    #[serde(default)]
    pub patterns: Vec<Signature>,
    /// Lines that match a signature and are known to do no harm.
    #[serde(default)]
    pub except: Vec<Signature>,
    /// Lines close behind the first error that tell its kind, where the error itself does not.
    #[serde(default)]
    pub near: Vec<Signature>,
    /// The status with which a command ends that failed in this way, where it has one of its own: 127 of a program that was not found.
    #[serde(default)]
    pub status: Option<u8>,
    /// What it means.
    pub explanation: String,
    /// What to do about it, where that is known.
    #[serde(default)]
    pub advice: Option<String>,
    /// What to do about it in a stage where that is something else.
    #[serde(default)]
    pub advice_at: BTreeMap<Stage, String>,
    /// The constraints that it is known from.
    #[serde(default)]
    pub points_to: Vec<ConstraintId>,
    /// Which constraint it is, where the line says so.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Where the wording of the signatures comes from.
    pub source: String,
    /// Whether trying again can help: the fault is in the network or the machine, not in what was built.
    #[serde(default)]
    pub retry: bool,
}

impl FailureClass {
    /// What to do about it in `stage`, where that is known.
    pub fn advice_for(&self, stage: Option<Stage>) -> Option<&str> {
        let own = stage.and_then(|stage| self.advice_at.get(&stage));
        own.or(self.advice.as_ref()).map(String::as_str)
    }

    /// Whether it is trouble of the machine, and not of what was built.
    pub fn is_the_machines(&self) -> bool {
        self.rank < MACHINE
    }
}

/// A line that tells which constraint a failure is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What the line matches.
    pub pattern: Signature,
    /// The constraint.
    pub constraint: ConstraintId,
}

/// A regular expression for a line of a log, of bounded length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("maxLength" = MAX_SIGNATURE))]
pub struct Signature(String);

impl Signature {
    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The expression, ready to match.
    ///
    /// # Errors
    /// When it is none, or takes too much room.
    pub fn compile(&self) -> Result<Regex, String> {
        RegexBuilder::new(&self.0)
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_COMPILED)
            .build()
            .map_err(|error| refused(&error))
    }

    /// `signatures` as one automaton.
    ///
    /// # Errors
    /// When one is no expression, or all together take too much room.
    pub fn compile_all<'a>(
        signatures: impl IntoIterator<Item = &'a Signature>,
    ) -> Result<RegexSet, String> {
        RegexSetBuilder::new(signatures.into_iter().map(Signature::as_str))
            .size_limit(MAX_ALL)
            .dfa_size_limit(MAX_ALL)
            .build()
            .map_err(|error| refused(&error))
    }
}

impl TryFrom<String> for Signature {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_SIGNATURE {
            return Err(format!("a signature has 1 to {MAX_SIGNATURE} bytes"));
        }
        Ok(Signature(text))
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> String {
        signature.0
    }
}

fn refused(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            "the regular expression is too large: use fewer repetitions".to_owned()
        }
        // the last line says what is wrong, those before it draw where
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!(
                "not a regular expression: {}",
                last.trim_start_matches("error: ")
            )
        }
    }
}

impl FailureClass {
    /// Every expression of the class, and where in its entry it stands.
    pub fn signatures(&self) -> impl Iterator<Item = (Pointer, &Signature)> {
        let lists = [
            ("patterns", &self.patterns),
            ("except", &self.except),
            ("near", &self.near),
        ];
        let of_lists = lists.into_iter().flat_map(|(name, list)| {
            let place = move |index| Pointer::root().join(name).join(index);
            (0..).map(place).zip(list)
        });
        let of_links = self.links.iter().enumerate().map(|(index, link)| {
            let place = Pointer::root().join("links").join(index).join("pattern");
            (place, &link.pattern)
        });
        of_lists.chain(of_links)
    }
}

/// The check of an entry: its form, and that its signatures are regular expressions.
pub(super) fn checked_entry(text: &str) -> Result<(), EntryError> {
    entry::<FailureClass>(text)?;
    let class: Option<FailureClass> = serde_json::from_str(text).unwrap_or_default();
    for (pointer, signature) in class.iter().flat_map(FailureClass::signatures) {
        if let Err(message) = signature.compile() {
            return Err(EntryError::new(pointer, message));
        }
    }
    Ok(())
}

/// Whether the signatures of `classes` can be used, each and together.
pub(super) fn check_all(classes: &BTreeMap<FailureId, FailureClass>) -> Result<(), String> {
    let all = || classes.values().flat_map(FailureClass::signatures);
    for (_, signature) in all() {
        signature.compile()?;
    }
    Signature::compile_all(all().map(|(_, signature)| signature)).map(drop)
}
