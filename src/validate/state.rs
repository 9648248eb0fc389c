//! What is known of each derivation that a run has to build.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{self, Past};
use super::{FailureRecord, Stage};
use crate::nix::{Graph, name_of};

/// One derivation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// Still to come, or being built.
    Waiting,
    /// Built; how long it took, where this run did it.
    Built { seconds: Option<f64> },
    /// Failed, by itself.
    Failed(Fault),
    /// Stopped for taking too long.
    TimedOut(Fault),
    /// Something it needs did not come about; the derivation at the root of it.
    Blocked { by: String },
    /// The run ended before.
    NotTried { reason: String },
}

/// A fault of a derivation's own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fault {
    pub seconds: Option<f64>,
    pub reason: String,
    pub failure: Option<FailureRecord>,
}

/// All derivations of a run.
#[derive(Debug, Default)]
pub(super) struct States {
    states: BTreeMap<String, State>,
}

impl States {
    /// Everything in `missing` is to come, except what `past` says.
    pub fn new(missing: &BTreeSet<String>, past: &Past) -> States {
        let from_past = |drv: &String| {
            let ended = past.ended.get(drv)?;
            let fault = Fault {
                seconds: ended.seconds,
                reason: ended.reason.clone().unwrap_or_default(),
                failure: ended.failure.clone(),
            };
            match ended.result {
                // gone from the store since: built again
                journal::Result::Built => None,
                journal::Result::Failed => Some(State::Failed(fault)),
                journal::Result::TimedOut => Some(State::TimedOut(fault)),
            }
        };
        let states = missing
            .iter()
            .map(|drv| (drv.clone(), from_past(drv).unwrap_or(State::Waiting)))
            .collect();
        States { states }
    }

    pub fn get(&self, drv: &str) -> Option<&State> {
        self.states.get(drv)
    }

    pub fn set(&mut self, drv: &str, state: State) {
        self.states.insert(drv.to_owned(), state);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &State)> {
        self.states.iter().map(|(drv, state)| (drv.as_str(), state))
    }

    /// What keeps `drv` from being built: the derivation at the root of the first of its inputs that did not come about.
    pub fn blocker(&self, graph: &Graph, drv: &str) -> Option<String> {
        let inputs = &graph.get(drv)?.inputs;
        inputs
            .iter()
            .find_map(|input| match self.states.get(input)? {
                State::Failed(_) | State::TimedOut(_) => Some(input.clone()),
                State::Blocked { by } => Some(by.clone()),
                _ => None,
            })
    }
}

/// Which stages of which cells each derivation proves.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    by_drv: BTreeMap<String, Vec<(usize, Stage)>>,
    keys: Vec<String>,
}

impl Proofs {
    pub fn new(keys: Vec<String>) -> Proofs {
        Proofs {
            by_drv: BTreeMap::new(),
            keys,
        }
    }

    pub fn add(&mut self, drv: &str, cell: usize, stage: Stage) {
        self.by_drv
            .entry(drv.to_owned())
            .or_default()
            .push((cell, stage));
    }

    /// The stages that `drv` proves.
    pub fn of(&self, drv: &str) -> &[(usize, Stage)] {
        self.by_drv.get(drv).map_or(&[], Vec::as_slice)
    }

    /// The stage that `drv` is, if any.
    pub fn stage(&self, drv: &str) -> Option<Stage> {
        self.of(drv).first().map(|(_, stage)| *stage)
    }

    /// What to call `drv`: the cell and stage that it proves, or its own name.
    pub fn name(&self, drv: &str) -> String {
        match self.of(drv) {
            [(cell, stage)] => format!("{} {stage}", self.key(*cell)),
            _ => name_of(drv).to_owned(),
        }
    }

    /// File name for the log of `drv`.
    pub fn log_name(&self, drv: &str) -> String {
        let base = match self.of(drv).first() {
            Some((cell, stage)) => format!("{}-{stage}", self.key(*cell)),
            // the start of the hash tells two of one name apart
            None => {
                let file = drv.rsplit('/').next().unwrap_or(drv);
                let hash: String = file.chars().take(8).collect();
                format!("{}-{hash}", name_of(drv))
            }
        };
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || "._+-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let base: String = base
            .trim_start_matches('.')
            .chars()
            .take(180)
            .map(safe)
            .collect();
        format!("{base}.log")
    }

    pub fn key(&self, cell: usize) -> &str {
        self.keys.get(cell).map_or("?", String::as_str)
    }
}
