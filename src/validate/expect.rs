//! Failures that a project knows of: only what is news makes a run red.

use std::collections::BTreeSet;

use miette::Diagnostic;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::{CellRecord, Outcome, RunRecord, Stage, StageRecord};
use crate::catalog::{Catalog, UnknownName};
use crate::id::CellId;
use crate::version::KernelVersion;

/// A failure that a project expects, as `kflake.toml` has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expectation {
    /// The cell: `k3-mipsel`.
    pub cell: String,
    /// Only with this kernel, or those of this series; none: with each of the era.
    #[serde(default)]
    pub kernel: Option<KernelVersion>,
    /// The stage that fails.
    pub stage: Stage,
    /// Only a failure of this class; none: of any, but for trouble of the machine.
    #[serde(default)]
    pub class: Option<String>,
    /// Why it is expected, for whoever reads the report.
    #[serde(deserialize_with = "said")]
    pub reason: String,
}

fn said<'de, D: Deserializer<'de>>(value: D) -> Result<String, D::Error> {
    let text = String::deserialize(value)?;
    match text.trim().is_empty() {
        true => Err(D::Error::custom(
            "it is empty, and whoever reads the report is to know why",
        )),
        false => Ok(text),
    }
}

/// Why an expectation is none.
#[derive(Debug, Error, Diagnostic)]
pub enum ExpectationError {
    /// It names something that there is not.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unknown(#[from] UnknownName),
    /// No run could ever meet it.
    #[error("no cell {cell} has the kernel {kernel}, whose era is {}", own.as_deref().unwrap_or("none of the matrix"))]
    #[diagnostic(help(
        "name the cell of the era that the kernel belongs to, or leave the kernel out"
    ))]
    OtherEra {
        /// The cell.
        cell: CellId,
        /// The kernel that is expected in it.
        kernel: Box<KernelVersion>,
        /// The era of that kernel, if there is one.
        own: Option<String>,
    },
    /// Two say the same, so that the reason of one is never read.
    #[error("the failure of {cell} in the stage {stage} is expected twice")]
    #[diagnostic(help("keep one of the two, or give each a `kernel` or `class` of its own"))]
    Twice {
        /// The cell.
        cell: CellId,
        /// The stage.
        stage: Stage,
    },
}

/// What a project expects, with its names understood.
#[derive(Debug, Default)]
pub struct Expected<'e> {
    all: Vec<(CellId, &'e Expectation)>,
    /// Classes of trouble of the machine, which nobody expects unless by name.
    machines: BTreeSet<&'e str>,
}

impl<'e> Expected<'e> {
    /// The expectations `all` over `catalog`.
    ///
    /// # Errors
    /// When one names a cell or a class that there is not, can never be met, or is there twice.
    pub fn of(all: &'e [Expectation], catalog: &'e Catalog) -> Result<Self, ExpectationError> {
        let mut read: Vec<(CellId, &Expectation)> = Vec::new();
        for it in all {
            let cell = understood(it, catalog)?;
            let same = |(id, other): &(CellId, &Expectation)| {
                (id, &other.kernel, other.stage, &other.class)
                    == (&cell, &it.kernel, it.stage, &it.class)
            };
            if read.iter().any(same) {
                let stage = it.stage;
                return Err(ExpectationError::Twice { cell, stage });
            }
            read.push((cell, it));
        }
        let classes = catalog.failures.iter();
        let machines = classes.filter(|(_, class)| class.is_the_machines());
        Ok(Expected {
            all: read,
            machines: machines.map(|(id, _)| id.as_ref()).collect(),
        })
    }

    /// Marks the stages of `run` that were expected to fail, whether they did or not. A failure in another stage, or of another class,
    /// is none of them.
    pub fn mark(&self, run: &mut RunRecord) {
        for cell in &mut run.cells {
            let own = self.all.iter().filter(|(id, it)| {
                let kernel =
                    |own: &KernelVersion| cell.kernel.as_ref().is_some_and(|it| is(own, it));
                id.era == cell.era && id.arch == cell.arch && it.kernel.as_ref().is_none_or(kernel)
            });
            let own: Vec<&Expectation> = own.map(|(_, it)| *it).collect();
            for expectation in own {
                mark(cell, expectation, &self.machines);
            }
            follow(cell);
        }
    }
}

/// The cell of `it`, where a run could meet it.
fn understood(it: &Expectation, catalog: &Catalog) -> Result<CellId, ExpectationError> {
    let known = || catalog.failures.keys().map(AsRef::as_ref);
    if let Some(class) = &it.class
        && known().all(|id: &str| id != class)
    {
        return Err(UnknownName::among("class of failure", class, known(), []).into());
    }
    let cell = catalog.cell(&it.cell)?;
    match &it.kernel {
        Some(kernel) if !catalog.eras[&cell.era].contains(kernel) => {
            let mut eras = catalog.eras.iter();
            let own = eras.find(|(_, era)| era.contains(kernel));
            Err(ExpectationError::OtherEra {
                cell,
                kernel: Box::new(kernel.clone()),
                own: own.map(|(id, _)| id.to_string()),
            })
        }
        _ => Ok(cell),
    }
}

/// Whether `kernel` is `asked` or of its series: 3.18.140 is a 3.18.
fn is(asked: &KernelVersion, kernel: &KernelVersion) -> bool {
    let rest = kernel.as_str().strip_prefix(asked.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
}

fn mark(cell: &mut CellRecord, expectation: &Expectation, machines: &BTreeSet<&str>) {
    let Some(at) = cell
        .stages
        .iter()
        .position(|it| it.stage == expectation.stage)
    else {
        return;
    };
    let earlier = cell.stages[..at].iter().any(|it| it.outcome.is_failure());
    let stage = &mut cell.stages[at];
    let class = stage.failure.as_ref().and_then(|it| it.class.as_ref());
    let is_meant = match &expectation.class {
        Some(own) => Some(own) == class,
        None => !class.is_some_and(|it| machines.contains(it.as_str())),
    };
    let holds = match stage.outcome {
        Outcome::Failed | Outcome::TimedOut => is_meant,
        // what blocks it is no stage of the cell
        Outcome::Blocked => !earlier && is_meant,
        outcome => outcome.is_success(),
    };
    if holds {
        stage.expected = Some(expectation.reason.clone());
    }
}

/// What an expected failure blocks in its cell is expected too.
fn follow(cell: &mut CellRecord) {
    let mut reason: Option<String> = None;
    for stage in &mut cell.stages {
        match (&stage.expected, stage.outcome) {
            (Some(own), outcome) if outcome.is_failure() => reason = Some(own.clone()),
            (None, Outcome::Blocked) if reason.is_some() => stage.expected.clone_from(&reason),
            // it may be what blocks the rest
            (None, outcome) if outcome.is_failure() => return,
            _ => {}
        }
    }
}

/// The stages of `run` that passed although they were expected to fail.
pub fn surprises(run: &RunRecord) -> impl Iterator<Item = (&CellRecord, &StageRecord)> {
    run.cells.iter().flat_map(|cell| {
        let stages = cell.stages.iter().filter(|it| it.is_surprise());
        stages.map(move |stage| (cell, stage))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of one cell, `k3-mipsel` with 3.18.140, whose stages came to `outcomes`; what failed has the class `boot-silent`.
    fn run(outcomes: [&str; 4]) -> RunRecord {
        let stage = |(stage, outcome): (Stage, &str)| {
            let class = (outcome == "failed").then_some("boot-silent");
            serde_json::json!({
                "stage": stage, "outcome": outcome, "failure": class.map(|class| serde_json::json!({ "class": class })),
            })
        };
        let stages: Vec<_> = Stage::ALL.into_iter().zip(outcomes).map(stage).collect();
        let tally = serde_json::json!({ "passed": 0, "total": 1 });
        serde_json::from_value(serde_json::json!({
            "schema_version": 1, "kflake": "0", "nix": "2", "started": "2026-11-27T00:00:00Z", "finished": null,
            "cells": [{
                "id": "k3-mipsel", "era": "k3", "arch": "mipsel", "kernel": "3.18.140", "toolchain": null, "stages": stages,
            }],
            "coverage": { "toolchain": tally, "kernel": tally, "module": tally, "boot": tally },
        }))
        .unwrap()
    }

    /// Which stages of a run with `outcomes` are marked where `toml` is expected: T, K, M, B.
    fn marked(toml: &str, outcomes: [&str; 4]) -> String {
        let expectation: Expectation = toml::from_str(toml).unwrap();
        let catalog = Catalog::embedded().unwrap();
        let all = [expectation];
        let mut run = run(outcomes);
        Expected::of(&all, &catalog).unwrap().mark(&mut run);
        let marked = run.cells[0].stages.iter().zip("TKMB".chars());
        let marked = marked.filter(|(stage, _)| stage.expected.is_some());
        marked.map(|(_, letter)| letter).collect()
    }

    #[test]
    fn trouble_of_the_machine_is_expected_by_name_alone() {
        let catalog = Catalog::embedded().unwrap();
        for (more, marked) in [("", false), ("class = \"out-of-disk\"", true)] {
            let toml = format!("cell = \"k3-mipsel\"\nreason = \"x\"\nstage = \"boot\"\n{more}");
            let all = [toml::from_str(&toml).unwrap()];
            let mut run = run(["passed", "passed", "passed", "failed"]);
            let failure = run.cells[0].stages[3].failure.as_mut().unwrap();
            failure.class = Some("out-of-disk".to_owned());
            Expected::of(&all, &catalog).unwrap().mark(&mut run);
            assert_eq!(run.cells[0].stages[3].expected.is_some(), marked, "{more}");
        }
    }

    #[test]
    fn a_reason_says_something() {
        let toml = "cell = \"k3-mipsel\"\nstage = \"boot\"\nreason = \" \"";
        let error = toml::from_str::<Expectation>(toml).unwrap_err();
        assert!(error.to_string().contains("is to know why"), "{error}");
    }

    #[test]
    fn only_the_failure_that_is_known_is_expected() {
        const FAILS: [&str; 4] = ["passed", "passed", "passed", "failed"];
        const KERNEL: [&str; 4] = ["cached", "failed", "blocked", "blocked"];
        let toml = |more: &str| format!("cell = \"k3-mipsel\"\nreason = \"x\"\n{more}");
        let boot = toml("stage = \"boot\"");
        let kernel = toml("stage = \"kernel\"");
        for (toml, outcomes, expected) in [
            (&boot, FAILS, "B"),
            (&boot, ["passed", "passed", "passed", "timed-out"], "B"),
            // it passed after all
            (&boot, ["passed"; 4], "B"),
            (&boot, ["passed", "passed", "failed", "failed"], "B"),
            // an earlier stage failed: that is news
            (&boot, KERNEL, ""),
            (&boot, ["passed", "passed", "skipped", "skipped"], ""),
            (&kernel, KERNEL, "KMB"),
            (&kernel, FAILS, "K"),
            (&kernel, ["failed", "blocked", "blocked", "blocked"], ""),
            (&kernel, ["passed", "blocked", "blocked", "blocked"], "KMB"),
            (&kernel, ["passed", "failed", "failed", "blocked"], "K"),
        ] {
            assert_eq!(marked(toml, outcomes), expected, "{toml} {outcomes:?}");
        }
        for (more, expected) in [
            ("class = \"boot-silent\"", "B"),
            ("class = \"boot-panic\"", ""),
            ("kernel = \"3.18\"", "B"),
            ("kernel = \"3.18.140\"", "B"),
            ("kernel = \"3.18.14\"", ""),
            ("kernel = \"3.1\"", ""),
        ] {
            assert_eq!(
                marked(&format!("{boot}\n{more}"), FAILS),
                expected,
                "{more}"
            );
        }
        let other = boot.replace("k3-mipsel", "k3-mipseb");
        assert_eq!(marked(&other, FAILS), "");
    }

    #[test]
    fn what_no_run_meets_or_is_there_twice_is_refused() {
        let catalog = Catalog::embedded().unwrap();
        let one = |more: &str| -> Expectation {
            let toml = format!("cell = \"k3-mipsel\"\nreason = \"x\"\nstage = \"boot\"\n{more}");
            toml::from_str(&toml).unwrap()
        };
        let said = |all: &[Expectation]| Expected::of(all, &catalog).err().map(|it| it.to_string());
        for (all, why) in [
            (
                vec![one("kernel = \"6.1\"")],
                "no cell k3-mipsel has the kernel 6.1, whose era is k6",
            ),
            (
                vec![one(""), one("")],
                "the failure of k3-mipsel in the stage boot is expected twice",
            ),
        ] {
            assert_eq!(said(&all).as_deref(), Some(why));
        }
        let apart = [
            one(""),
            one("kernel = \"3.18\""),
            one("class = \"boot-silent\""),
        ];
        assert_eq!(said(&apart), None);
    }

    #[test]
    fn unknown_names_are_no_expectations() {
        let catalog = Catalog::embedded().unwrap();
        for (toml, what) in [
            ("cell = \"k3-mipsle-x\"", "unknown cell"),
            (
                "cell = \"k3-mipsel\"\nclass = \"boot-silnt\"",
                "unknown class of failure",
            ),
        ] {
            let toml = format!("{toml}\nstage = \"boot\"\nreason = \"x\"");
            let all = [toml::from_str::<Expectation>(&toml).unwrap()];
            let error = Expected::of(&all, &catalog).unwrap_err().to_string();
            assert!(error.starts_with(what), "{error}");
        }
    }
}
