//! What is known of each derivation that a run has to build.

use std::collections::{BTreeMap, BTreeSet};

use super::FailureRecord;
use super::journal::{self, Past};
use crate::nix::{DrvPath, Graph};

/// One derivation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// Still to come, or being built.
    Waiting,
    /// Built; how long it took, where this run did it.
    Built { seconds: Option<f64> },
    /// Failed, by itself.
    Failed(Fault),
    /// Stopped for taking too long.
    TimedOut(Fault),
    /// Something it needs did not come about; the derivation at the root of it.
    Blocked { by: DrvPath },
    /// The run ended before.
    NotTried { reason: String },
}

/// A fault of a derivation's own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub seconds: Option<f64>,
    pub reason: String,
    pub failure: Option<FailureRecord>,
}

/// All derivations of a run.
#[derive(Debug, Default)]
pub(crate) struct States {
    states: BTreeMap<DrvPath, State>,
}

impl States {
    /// Everything in `missing` is to come, except what `past` says.
    pub fn new(missing: &BTreeSet<DrvPath>, past: &Past) -> States {
        let from_past = |drv: &DrvPath| {
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

    pub fn get(&self, drv: &DrvPath) -> Option<&State> {
        self.states.get(drv)
    }

    pub fn set(&mut self, drv: &DrvPath, state: State) {
        self.states.insert(drv.clone(), state);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&DrvPath, &State)> {
        self.states.iter()
    }

    /// What keeps `drv` from being built: the derivation at the root of the first of its inputs that did not come about.
    pub fn blocker(&self, graph: &Graph, drv: &DrvPath) -> Option<DrvPath> {
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
