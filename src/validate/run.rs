//! A run: from a manifest to a report on disk.

use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;

use super::manifest::Manifest;
use super::planned::{Feasibility, Plan};
use super::record::Recorder;
use super::{RunRecord, earlier, newest};
use crate::files::{self, Own, OwnError};
use crate::nix::Nix;
use crate::project::{Buildable, Entry};
use crate::run::{
    CellIndex, Cost, Engine, Goal, History, Journal, LOGS, Options, Outcome, Past, Progress,
    RunContext, RunError, Stage, StageIndex, States, Tools, Work,
};

/// The most of a console that is kept, in bytes.
const MAX_CONSOLE: u64 = 8 << 20;

/// Builds what `manifest` describes and writes the report. `tell` hears of everything that happens. A run that is ended early
/// leaves a report of what was done by then.
///
/// # Errors
/// When Nix cannot be used, or the report cannot be written. Failed builds are no errors.
pub fn run(
    tools: Tools<'_>,
    plan: &Plan,
    manifest: &Manifest,
    options: &Options,
    tell: &mut dyn FnMut(&Progress),
) -> Result<RunRecord, RunError> {
    let io = RunError::report(&options.report);
    let report = Own::open(&options.report)?;
    let before = earlier::last(&options.report);
    let times = earlier::times(before.as_ref());
    prepare(options, &report, before.as_ref())?;
    let (mut journal, mut past) = open_journal(options, &report)?;
    for log in past.forgive(tools.table) {
        report.remove(&log)?;
    }

    let targets = match_targets(plan, manifest)?;
    let (stage_index, goals) = goals(plan, manifest, &targets);
    let work = Work::find(tools, &wanted(&goals))?;
    if let Some(roots) = &options.roots {
        newest::put_down(roots, goals.iter().map(|(_, _, build)| &build.drv))?;
    }

    let started = past.started.unwrap_or(options.started);
    journal
        .begin(started, &options.project, &options.command, &work.missing)
        .map_err(&io)?;
    let history = History::of(options);
    let users = work.users();
    let order = work.order(&users, &history, |drv| stage_index.stage(drv));
    let states = States::new(&work.missing, &past);
    let recorder = Recorder {
        plan,
        manifest,
        targets: &targets,
        graph: &work.graph,
        users: &users,
        stage_index: &stage_index,
        past: &past,
        times: &times,
        nix: tools.nix,
        packages: tools.settings.packages.to_string(),
        command: &options.command,
        started,
    };
    let there: Vec<&(CellIndex, Stage, &Buildable)> = goals
        .iter()
        .filter(|(_, _, build)| !work.wants(&build.drv))
        .collect();
    let write = |record: &RunRecord| -> Result<(), RunError> {
        let mut text = crate::text::json_pretty(record)
            .map_err(io::Error::from)
            .map_err(&io)?;
        text.push('\n');
        Ok(report.write("report.json", text.as_bytes(), false)?)
    };

    let context = RunContext {
        tools,
        graph: &work.graph,
        stage_index: &stage_index,
        options,
        report: &report,
    };
    let mut engine = Engine::new(context, order, states, journal, history);
    tell(&Progress::RunStarted {
        cells: plan.cells.len(),
        builds: work.missing.len(),
        cached: there.len(),
        estimate: engine.estimate(),
        disk: Cost::of(&work, &stage_index, options).disk,
    });
    for (cell, stage, build) in there {
        let outcome = match past.missing.contains(&build.drv) {
            true => Outcome::Passed,
            false => Outcome::Cached,
        };
        tell(&Progress::StageEnded {
            cell: stage_index.key(*cell).to_owned(),
            stage: *stage,
            outcome,
            reason: None,
        });
    }
    if !work.missing.is_empty() {
        write(&recorder.record(&engine.states, None, false))?;
    }
    let ran = engine.run(tell, &mut |engine| {
        write(&recorder.record(&engine.states, None, false))
    });
    // whatever ended the run, what is known is written down
    let finished = ran.is_ok().then(Timestamp::now);
    let mut record = recorder.record(&engine.states, finished, engine.interrupted);
    consoles(tools.nix, plan, &report, &mut record)?;
    let written = write(&record);
    ran?;
    written?;
    if let Some(history) = &options.history {
        engine.history.write(history).map_err(&io)?;
    }
    tell(&Progress::RunEnded {
        interrupted: engine.interrupted,
        coverage: record.coverage,
    });
    Ok(record)
}

/// Puts the consoles of boots that passed beside the logs of what failed.
fn consoles(nix: &Nix, plan: &Plan, report: &Own, record: &mut RunRecord) -> Result<(), OwnError> {
    for (cell, planned) in record.cells.iter_mut().zip(&plan.cells) {
        for stage in &mut cell.stages {
            let passed = stage.stage == Stage::Boot && stage.outcome.is_success();
            let Some(out) = stage.out.as_deref().filter(|_| passed) else {
                continue;
            };
            // what cannot be read is no reason to call the boot anything else
            if let Ok(text) = files::read(&nix.real_path(out).join("boot.log"), MAX_CONSOLE) {
                let name = format!("{LOGS}/{}-boot-console.log", planned.key());
                report.write(&name, &text, false)?;
                stage.console = Some(name);
            }
        }
    }
    Ok(())
}

/// Makes the folders, and sets aside what an earlier run, `before`, left in them.
fn prepare(options: &Options, report: &Own, before: Option<&RunRecord>) -> Result<(), RunError> {
    if let Some(roots) = &options.roots {
        files::plain_folder(roots).map_err(RunError::report(roots))?;
    }
    if !options.resume {
        earlier::set_aside(report, before)?;
    }
    report.folder(LOGS)?;
    Ok(())
}

fn open_journal(options: &Options, report: &Own) -> Result<(Journal, Past), OwnError> {
    if options.resume {
        Journal::resume(report, &options.project)
    } else {
        Ok((Journal::create(report)?, Past::default()))
    }
}

/// The stages that this machine can build, and which derivation proves which.
pub(super) fn goals<'a>(
    plan: &Plan,
    manifest: &Manifest,
    targets: &Targets<'a>,
) -> (StageIndex, Vec<(CellIndex, Stage, &'a Buildable)>) {
    let mut stage_index = StageIndex::new(plan.cells.iter().map(super::PlannedCell::key).collect());
    let mut goals = Vec::new();
    for (index, planned) in plan.cells.iter().enumerate() {
        let cell = CellIndex(index);
        for stage in &planned.stages {
            if let Some(Entry::Build(build)) =
                targets.get(&cell).and_then(|stages| stages.get(stage))
                && manifest.runs(&build.system)
            {
                stage_index.add(&build.drv, cell, *stage);
                goals.push((cell, *stage, build));
            }
        }
    }
    (stage_index, goals)
}

/// The same as what the store is asked about.
pub(super) fn wanted<'a>(goals: &[(CellIndex, Stage, &'a Buildable)]) -> Vec<Goal<'a>> {
    let goal = |&(cell, stage, build): &(CellIndex, Stage, &'a Buildable)| Goal {
        cell,
        stage: Some(stage),
        build,
    };
    goals.iter().map(goal).collect()
}

/// What is known of each planned cell, by its place in the plan.
type Targets<'a> = BTreeMap<CellIndex, &'a BTreeMap<Stage, Entry>>;

/// What the manifest says of each planned cell that can be tried.
pub(super) fn match_targets<'a>(
    plan: &Plan,
    manifest: &'a Manifest,
) -> Result<Targets<'a>, RunError> {
    let mut by_id: BTreeMap<&str, &BTreeMap<Stage, Entry>> = BTreeMap::new();
    for target in &manifest.targets {
        by_id.insert(&target.id, &target.stages);
    }
    let mut matched = BTreeMap::new();
    for (index, cell) in plan.cells.iter().enumerate() {
        if cell.verdict == Feasibility::Try {
            let key = cell.key();
            let Some(stages) = by_id.get(key.as_str()) else {
                return Err(RunError::Manifest {
                    what: format!("{key} is missing"),
                });
            };
            matched.insert(CellIndex(index), *stages);
        }
    }
    Ok(matched)
}
