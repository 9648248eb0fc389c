//! From what is known of derivations to what a report says of stages.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::booted::BootRecord;
use super::manifest::Manifest;
use super::planned::{Feasibility, Plan, PlannedCell};
use super::{CellRecord, Outcome, RunRecord, SCHEMA_VERSION, Stage, StageRecord, coverage};
use crate::nix::{DrvPath, Graph, Nix};
use crate::project::{Buildable, Entry};
use crate::run::{CellIndex, Fault, Past, StageIndex, State, States};

/// Everything that stays the same while a run goes on.
pub(super) struct Recorder<'a> {
    pub plan: &'a Plan,
    pub manifest: &'a Manifest,
    pub targets: &'a BTreeMap<CellIndex, &'a BTreeMap<Stage, Entry>>,
    pub graph: &'a Graph,
    /// The cells that need each derivation that was missing.
    pub users: &'a BTreeMap<&'a DrvPath, BTreeSet<CellIndex>>,
    pub stage_index: &'a StageIndex,
    pub past: &'a Past,
    /// Seconds that derivations took in earlier runs.
    pub times: &'a BTreeMap<String, f64>,
    pub nix: &'a Nix,
    pub packages: String,
    pub command: &'a [String],
    pub started: Timestamp,
}

impl Recorder<'_> {
    /// The report as of now.
    pub fn record(
        &self,
        states: &States,
        finished: Option<Timestamp>,
        interrupted: bool,
    ) -> RunRecord {
        let cells: Vec<CellRecord> = self
            .plan
            .cells
            .iter()
            .enumerate()
            .map(|(index, cell)| self.cell(CellIndex(index), cell, states))
            .collect();
        RunRecord {
            schema_version: SCHEMA_VERSION,
            kflake: env!("CARGO_PKG_VERSION").to_owned(),
            nix: self.nix.banner().to_owned(),
            packages: Some(self.packages.clone()),
            started: self.started,
            finished,
            interrupted,
            shard: self.plan.shard,
            command: self.command.to_vec(),
            coverage: coverage(&cells),
            cells,
        }
    }

    fn cell(&self, index: CellIndex, cell: &PlannedCell, states: &States) -> CellRecord {
        let mut stages: Vec<StageRecord> = Vec::with_capacity(Stage::ALL.len());
        for stage in Stage::ALL {
            let record = self.stage(index, cell, stage, states, &stages);
            stages.push(record);
        }
        CellRecord {
            id: cell.cell.to_string(),
            era: cell.cell.era.clone(),
            arch: cell.cell.arch.clone(),
            kernel: cell.kernel.clone(),
            source: cell.source.clone(),
            profile: Some(cell.profile.clone()),
            board: cell.board.as_ref().map(ToString::to_string),
            toolchain: cell.toolchain.clone(),
            reasons: cell.reasons.clone(),
            basis: cell.basis,
            stages,
        }
    }

    fn stage(
        &self,
        index: CellIndex,
        cell: &PlannedCell,
        stage: Stage,
        states: &States,
        before: &[StageRecord],
    ) -> StageRecord {
        match &cell.verdict {
            Feasibility::Unsupported(why) => return plain(stage, Outcome::Unsupported, why),
            _ if !cell.stages.contains(&stage) => {
                return plain(stage, Outcome::Skipped, "not asked for");
            }
            Feasibility::NoToolchain(why) => return plain(stage, Outcome::Blocked, why),
            Feasibility::NoBoard(why) => return plain(stage, Outcome::Skipped, why),
            Feasibility::Try => {}
        }
        let entry = self
            .targets
            .get(&index)
            .and_then(|stages| stages.get(&stage));
        let here = &self.manifest.system;
        match entry {
            None => plain(stage, Outcome::Skipped, "Nix did not describe it"),
            Some(Entry::Error { error }) => {
                let foreign = !cell.systems.is_empty()
                    && !cell.systems.iter().any(|system| self.manifest.runs(system));
                let earlier = before.iter().find(|record| {
                    record.outcome == Outcome::Failed && record.reason.as_deref() == Some(error)
                });
                if foreign {
                    let systems = cell.systems.join(" or ");
                    let why = format!("its toolchain runs on {systems}, this machine is {here}");
                    plain(stage, Outcome::Skipped, &why)
                } else if let Some(earlier) = earlier {
                    let why = format!("needs its {}, which failed: {error}", earlier.stage);
                    plain(stage, Outcome::Blocked, &why)
                } else {
                    plain(stage, Outcome::Failed, error)
                }
            }
            Some(Entry::Build(build)) if !self.manifest.runs(&build.system) => {
                let why = format!("is built on {}, this machine is {here}", build.system);
                plain(stage, Outcome::Skipped, &why)
            }
            Some(Entry::Build(build)) => self.build(index, stage, build, states),
        }
    }

    fn build(
        &self,
        index: CellIndex,
        stage: Stage,
        build: &Buildable,
        states: &States,
    ) -> StageRecord {
        let mut record = StageRecord {
            stage,
            outcome: Outcome::Cached,
            seconds: None,
            drv: Some(build.drv.to_string()),
            tools: build.made.tools.clone(),
            out: build.out().map(str::to_owned),
            reason: None,
            expected: None,
            warnings: vec![],
            console: None,
            failure: None,
        };
        match states.get(&build.drv) {
            // it was there when this process began
            None => {
                if self.past.missing.contains(&build.drv) {
                    record.outcome = Outcome::Passed;
                    let ended = self.past.ended.get(&build.drv);
                    record.seconds = ended.and_then(|ended| ended.seconds);
                } else {
                    record.seconds = self.times.get(build.drv.as_str()).copied();
                }
            }
            Some(State::Built { seconds }) => {
                record.outcome = Outcome::Passed;
                record.seconds = *seconds;
            }
            Some(State::Waiting) => {
                record.outcome = Outcome::Skipped;
                record.reason = Some("not finished".to_owned());
            }
            Some(State::NotTried { reason }) => {
                record.outcome = Outcome::Skipped;
                record.reason = Some(reason.clone());
            }
            Some(State::Failed(fault)) => blame(&mut record, Outcome::Failed, fault),
            Some(State::TimedOut(fault)) => blame(&mut record, Outcome::TimedOut, fault),
            Some(State::Blocked { by }) => self.blocked(index, by, states, &mut record),
        }
        if stage == Stage::Boot && record.outcome.is_success() {
            console(self.nix, &mut record);
        }
        record
    }

    /// A stage whose input failed. Where that input is no stage of any cell and serves this cell alone, it is a part of the
    /// first stage that needs it, and that stage itself has failed.
    fn blocked(&self, index: CellIndex, by: &DrvPath, states: &States, record: &mut StageRecord) {
        let fault = match states.get(by) {
            Some(State::Failed(fault)) => Some((Outcome::Failed, fault)),
            Some(State::TimedOut(fault)) => Some((Outcome::TimedOut, fault)),
            _ => None,
        };
        let reason = fault.map_or("", |(_, fault)| fault.reason.as_str());
        let name = self.stage_index.name(by);
        let proved = self.stage_index.of(by);
        record.outcome = Outcome::Blocked;
        if let Some((_, stage)) = proved.iter().find(|(cell, _)| *cell == index) {
            record.reason = Some(format!("needs its {stage}, which failed"));
            return;
        }
        let fixed = self.graph.get(by).is_some_and(|drv| drv.is_fixed());
        let alone = self.users.get(by).is_some_and(|cells| cells.len() == 1);
        if proved.is_empty() && !fixed && alone {
            match (self.first_blocked(index, by, states), fault) {
                (Some(first), _) if first != record.stage => {
                    record.reason = Some(format!("needs its {first}, which failed"));
                    return;
                }
                (_, Some((outcome, fault))) => {
                    blame(record, outcome, fault);
                    record.reason = Some(format!("its part {name} failed: {reason}"));
                    return;
                }
                _ => {}
            }
        }
        record.reason = Some(format!("needs {name}, which failed: {reason}"));
        record.failure = fault.and_then(|(_, fault)| fault.failure.clone());
    }

    /// The first stage of a cell that `by` blocks.
    fn first_blocked(&self, index: CellIndex, by: &DrvPath, states: &States) -> Option<Stage> {
        let stages = self.targets.get(&index)?;
        let blocked = |entry: &Entry| match entry {
            Entry::Build(build) => {
                matches!(states.get(&build.drv), Some(State::Blocked { by: other }) if other == by)
            }
            Entry::Error { .. } => false,
        };
        stages
            .iter()
            .find(|(_, entry)| blocked(entry))
            .map(|(stage, _)| *stage)
    }
}

/// Adds what was on the console of a boot that passed. One of which nothing can be read did not pass.
fn console(nix: &Nix, record: &mut StageRecord) {
    let out = nix.real_path(record.out.as_deref().unwrap_or_default());
    match BootRecord::read(&out) {
        Ok(boot) => record.warnings = boot.warnings,
        Err(why) => {
            record.outcome = Outcome::Failed;
            record.reason = Some(why);
        }
    }
}

fn plain(stage: Stage, outcome: Outcome, reason: &str) -> StageRecord {
    StageRecord {
        stage,
        outcome,
        seconds: None,
        drv: None,
        tools: BTreeMap::new(),
        out: None,
        reason: Some(reason.to_owned()),
        expected: None,
        warnings: vec![],
        console: None,
        failure: None,
    }
}

fn blame(record: &mut StageRecord, outcome: Outcome, fault: &Fault) {
    record.outcome = outcome;
    record.seconds = fault.seconds;
    record.reason = Some(fault.reason.clone());
    record.failure.clone_from(&fault.failure);
}
