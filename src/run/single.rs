//! A run for one thing.

use jiff::Timestamp;

use super::cost::Cost;
use super::engine::{Engine, LOGS, RunContext};
use super::goals::{CellIndex, Goal, StageIndex};
use super::journal::{Journal, Past};
use super::state::{Fault, State, States};
use super::work::Work;
use super::{FailureRecord, History, Options, Progress, RunError, Stage, Tools};
use crate::files::Own;
use crate::nix::DrvPath;
use crate::project::Buildable;

/// What a thing is called, and which stage of a cell it is, if any.
#[derive(Clone, Debug)]
pub struct Label {
    /// `k6-arm64-6.1.192`.
    pub cell: String,
    /// Its stage, which has limits and kinds of failure of its own.
    pub stage: Option<Stage>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Single {
    /// It is in the store.
    There {
        /// Seconds that it took; none: it was there already.
        seconds: Option<f64>,
    },
    /// It, or what it needs, could not be built.
    Failed(Box<Failed>),
    /// The run was ended from outside.
    Interrupted,
}

/// A build that could not be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// The derivation that failed: the goal, or one that it needs.
    pub drv: DrvPath,
    /// Its name.
    pub name: String,
    /// Why, in a line.
    pub reason: String,
    /// What its log says.
    pub failure: Option<FailureRecord>,
}

/// The one that a run for one thing has.
const CELL: CellIndex = CellIndex(0);

/// Builds `build` with what it needs; logs of what failed are left in the folder of `options`.
///
/// # Errors
/// When Nix cannot be used, or the folder of logs cannot be written. A failed build is no error.
pub fn build_one(
    tools: Tools<'_>,
    build: &Buildable,
    label: &Label,
    options: &Options,
    tell: &mut dyn FnMut(&Progress),
) -> Result<Single, RunError> {
    let goal = Goal {
        cell: CELL,
        stage: label.stage,
        build,
    };
    let work = Work::find(tools, &[goal])?;
    if work.missing.is_empty() {
        return Ok(Single::There { seconds: None });
    }
    let io = RunError::report(&options.report);
    let report = Own::open(&options.report)?;
    report.folder(LOGS)?;
    let mut journal = Journal::create(&report)?;
    journal
        .begin(
            Timestamp::now(),
            &options.project,
            &options.command,
            &work.missing,
        )
        .map_err(&io)?;
    let mut stage_index = StageIndex::new(vec![label.cell.clone()]);
    if let Some(stage) = label.stage {
        stage_index.add(&build.drv, CELL, stage);
    }
    let disk = Cost::of(&work, &stage_index, options).disk;
    let history = History::of(options);
    let order = work.order(&work.users(), &history, |drv| stage_index.stage(drv));
    let states = States::new(&work.missing, &Past::default());
    let context = RunContext {
        tools,
        graph: &work.graph,
        stage_index: &stage_index,
        options,
        report: &report,
    };
    let mut engine = Engine::new(context, order, states, journal, history);
    tell(&Progress::Planned {
        builds: work.missing.len(),
        estimate: engine.estimate(),
        disk,
    });
    engine.run(tell, &mut |_| Ok(()))?;
    if let Some(path) = &options.history {
        engine.history.write(path).map_err(&io)?;
    }
    Ok(ending(&engine, &build.drv))
}

/// What became of `drv`.
fn ending(engine: &Engine<'_>, drv: &DrvPath) -> Single {
    let failed = |drv: &DrvPath, fault: &Fault| {
        Single::Failed(Box::new(Failed {
            drv: drv.clone(),
            name: drv.name().to_owned(),
            reason: fault.reason.clone(),
            failure: fault.failure.clone(),
        }))
    };
    let own = |drv: &DrvPath| match engine.states.get(drv) {
        Some(State::Failed(fault) | State::TimedOut(fault)) => failed(drv, fault),
        // the run ends early for nothing but a signal
        _ => Single::Interrupted,
    };
    match engine.states.get(drv) {
        None => Single::There { seconds: None },
        Some(State::Built { seconds }) => Single::There { seconds: *seconds },
        Some(State::Blocked { by }) => own(by),
        Some(_) => own(drv),
    }
}
