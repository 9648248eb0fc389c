//! A run: from a manifest to a report on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use super::engine::{Engine, LOGS, World};
use super::history::History;
use super::journal::{Journal, Past};
use super::manifest::Manifest;
use super::order::{Goal, Order, users};
use super::planned::{Plan, Verdict};
use super::progress::Progress;
use super::record::Recorder;
use super::state::{Proofs, States};
use super::{Outcome, RunRecord, Stage};
use crate::blame::FailureTable;
use crate::exit;
use crate::files::{self, LockError, Own, OwnError};
use crate::nix::{Graph, Nix, NixError, Settings};
use crate::project::{Build, Entry, ProjectError};
use crate::text::shown;

/// How a run is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the report: `report.json`, `logs/`, and the journal.
    pub report: PathBuf,
    /// File that remembers how long things took; none: nothing is remembered.
    pub history: Option<PathBuf>,
    /// Folder of links that keep results from being collected as garbage; none: nothing keeps them.
    pub roots: Option<PathBuf>,
    /// Builds at once.
    pub jobs: usize,
    /// Cores that each may use.
    pub cores: usize,
    /// How long builds may take.
    pub limits: Limits,
    /// End at the first failure.
    pub fail_fast: bool,
    /// New tries of what failed through the network or the machine.
    pub retries: u32,
    /// Go on where the last run in this folder ended.
    pub resume: bool,
    /// The project that it is a run of: another's journal is not gone on with.
    pub project: PathBuf,
    /// The command line, for the report.
    pub command: Vec<String>,
}

/// How long a build may take, and stay silent.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// In all; by stage, else by default.
    pub wall: BTreeMap<Stage, Duration>,
    /// Without output; by stage, else by default.
    pub silence: BTreeMap<Stage, Duration>,
}

impl Limits {
    /// Time for a build that is `stage`; for one that is none, the longest of all.
    pub fn wall(&self, stage: Option<Stage>) -> Duration {
        let default = |stage| match stage {
            Stage::Toolchain => 6 * 3600,
            Stage::Kernel => 3 * 3600,
            Stage::Module | Stage::Boot => 15 * 60,
        };
        let of = |stage| {
            let set = self.wall.get(&stage).copied();
            set.unwrap_or(Duration::from_secs(default(stage)))
        };
        stage.map_or_else(|| longest(of), of)
    }

    /// Time that a build that is `stage` may be silent.
    pub fn silence(&self, stage: Option<Stage>) -> Duration {
        let of = |stage| {
            let set = self.silence.get(&stage).copied();
            set.unwrap_or(Duration::from_secs(30 * 60))
        };
        stage.map_or_else(|| longest(of), of)
    }
}

fn longest(of: impl Fn(Stage) -> Duration) -> Duration {
    Stage::ALL
        .into_iter()
        .map(of)
        .max()
        .unwrap_or(Duration::MAX)
}

/// Why a run ended without a result.
#[derive(Debug, Error, Diagnostic)]
pub enum RunError {
    /// Nix cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Nix(#[from] NixError),
    /// The flake cannot be evaluated.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Project(#[from] ProjectError),
    /// The project's data are taken, or cannot be.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// The report's folder is not for this run to write.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Own(OwnError),
    /// The report cannot be written.
    #[error("cannot write to {}: {source}", shown(path))]
    #[diagnostic(
        code(kflake::validate::report),
        help(
            "what Nix has built stays in its store: with room to write, the same command with --resume goes on from here"
        )
    )]
    Report {
        /// The report's folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not the plan's.
    #[error("Nix described other cells than were planned: {what}")]
    #[diagnostic(code(kflake::validate::manifest))]
    Manifest {
        /// The difference.
        what: String,
    },
}

impl RunError {
    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::Nix(error) => error.exit_code(),
            RunError::Project(error) => error.exit_code(),
            RunError::Manifest { .. } => exit::EVALUATION,
            RunError::Lock(_) | RunError::Own(_) | RunError::Report { .. } => exit::IO,
        }
    }

    /// Makes an error of writing into `folder` out of its cause.
    pub(super) fn report(folder: &Path) -> impl Fn(io::Error) -> RunError + use<> {
        let path = folder.to_owned();
        move |source| RunError::Report {
            path: path.clone(),
            source,
        }
    }
}

impl From<OwnError> for RunError {
    fn from(error: OwnError) -> Self {
        match error {
            OwnError::Io { path, source } => RunError::Report { path, source },
            error => RunError::Own(error),
        }
    }
}

/// What a run works with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// Nix.
    pub nix: &'a Nix,
    /// How Nix is to work.
    pub settings: &'a Settings,
    /// The known kinds of failure.
    pub table: &'a FailureTable,
    /// Set from outside to end the run early.
    pub stop: &'a AtomicBool,
}

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
    let Tools { nix, settings, .. } = tools;
    let io = RunError::report(&options.report);
    let report = Own::open(&options.report)?;
    prepare(options, &report)?;
    let (mut journal, past) = open_journal(options, &report)?;

    let targets = match_targets(plan, manifest)?;
    let mut proofs = Proofs::new(plan.cells.iter().map(super::PlannedCell::key).collect());
    let mut builds: Vec<(usize, Stage, &Build)> = Vec::new();
    for (cell, planned) in plan.cells.iter().enumerate() {
        for stage in &planned.stages {
            if let Some(Entry::Build(build)) =
                targets.get(&cell).and_then(|stages| stages.get(stage))
                && runs_here(&build.system, &manifest.system)
            {
                proofs.add(&build.drv, cell, *stage);
                builds.push((cell, *stage, build));
            }
        }
    }

    // what is there is asked for by output path; only the rest needs a look at derivations
    let paths: BTreeSet<&str> = builds
        .iter()
        .flat_map(|(_, _, build)| build.outputs.values())
        .map(String::as_str)
        .collect();
    let invalid = nix.invalid(settings, paths)?;
    let goals: BTreeSet<&str> = builds
        .iter()
        .filter(|(_, _, build)| build.outputs.values().any(|path| invalid.contains(path)))
        .map(|(_, _, build)| build.drv.as_str())
        .collect();
    let (graph, mut missing) = if goals.is_empty() {
        (Graph::default(), BTreeSet::new())
    } else {
        let graph = Graph::load(goals.iter().copied())?;
        nix.adopt(settings, &graph)?;
        (graph, nix.to_build(settings, goals.iter().copied())?)
    };
    // what a binary cache has is fetched, not built: still a goal
    missing.extend(goals.iter().map(|drv| (*drv).to_owned()));

    let started = past.started.unwrap_or_else(Timestamp::now);
    journal
        .begin(started, &options.project, &missing)
        .map_err(&io)?;
    let history = options
        .history
        .as_deref()
        .map(History::read)
        .unwrap_or_default();
    let wanted = all_goals(&builds, &goals);
    let users = users(&graph, &missing, &wanted);
    let order = Order::new(&graph, &missing, &wanted, &users, |drv| {
        let fetch = graph.get(drv).is_some_and(|found| found.is_fixed());
        history.estimate(drv, proofs.stage(drv), fetch)
    });
    let states = States::new(&missing, &past);
    let recorder = Recorder {
        plan,
        manifest,
        targets: &targets,
        graph: &graph,
        users: &users,
        proofs: &proofs,
        past: &past,
        nix: nix.banner(),
        packages: settings.packages.to_string(),
        command: &options.command,
        started,
    };
    let cached = builds
        .iter()
        .filter(|(_, _, build)| !goals.contains(build.drv.as_str()))
        .count();
    let write = |record: &RunRecord| -> Result<(), RunError> {
        let mut text = crate::text::json_pretty(record)
            .map_err(io::Error::from)
            .map_err(&io)?;
        text.push('\n');
        Ok(report.write("report.json", text.as_bytes(), false)?)
    };

    let world = World {
        tools,
        graph: &graph,
        proofs: &proofs,
        options,
        report: &report,
    };
    let mut engine = Engine::new(world, order, states, journal, history);
    tell(&Progress::RunStarted {
        cells: plan.cells.len(),
        builds: missing.len(),
        cached,
        estimate: engine.estimate(),
    });
    for (cell, stage, build) in &builds {
        if !goals.contains(build.drv.as_str()) {
            let outcome = match past.missing.contains(&build.drv) {
                true => Outcome::Passed,
                false => Outcome::Cached,
            };
            tell(&Progress::StageEnded {
                cell: proofs.key(*cell).to_owned(),
                stage: *stage,
                outcome,
                reason: None,
            });
        }
    }
    if !missing.is_empty() {
        write(&recorder.record(&engine.states, None, false))?;
    }
    let ran = engine.run(tell, &mut |engine| {
        write(&recorder.record(&engine.states, None, false))
    });
    // whatever ended the run, what is known is written down
    let finished = ran.is_ok().then(Timestamp::now);
    let record = recorder.record(&engine.states, finished, engine.interrupted);
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

/// Makes the folders, and clears what an earlier run left in them.
fn prepare(options: &Options, report: &Own) -> Result<(), RunError> {
    report.folder(LOGS)?;
    if let Some(roots) = &options.roots {
        files::plain_folder(roots).map_err(RunError::report(roots))?;
    }
    if !options.resume {
        let names = report.names();
        for name in names.iter().filter(|name| name.ends_with(".log")) {
            report.remove(name)?;
        }
    }
    Ok(())
}

fn open_journal(options: &Options, report: &Own) -> Result<(Journal, Past), OwnError> {
    if options.resume {
        Journal::resume(report, &options.project)
    } else {
        Ok((Journal::create(report)?, Past::default()))
    }
}

/// What the manifest says of each planned cell that can be tried.
fn match_targets<'a>(
    plan: &Plan,
    manifest: &'a Manifest,
) -> Result<BTreeMap<usize, &'a BTreeMap<Stage, Entry>>, RunError> {
    let mut by_id: BTreeMap<&str, &BTreeMap<Stage, Entry>> = BTreeMap::new();
    for target in &manifest.targets {
        by_id.insert(&target.id, &target.stages);
    }
    let mut matched = BTreeMap::new();
    for (index, cell) in plan.cells.iter().enumerate() {
        if cell.verdict == Verdict::Try {
            let key = cell.key();
            let Some(stages) = by_id.get(key.as_str()) else {
                return Err(RunError::Manifest {
                    what: format!("{key} is missing"),
                });
            };
            matched.insert(index, *stages);
        }
    }
    Ok(matched)
}

/// Whether a machine of system `here` builds for `system`.
pub(super) fn runs_here(system: &str, here: &str) -> bool {
    system == here || system == "builtin" || (system == "i686-linux" && here == "x86_64-linux")
}

fn all_goals<'a>(builds: &[(usize, Stage, &'a Build)], goals: &BTreeSet<&str>) -> Vec<Goal<'a>> {
    builds
        .iter()
        .filter(|(_, _, build)| goals.contains(build.drv.as_str()))
        .map(|(cell, stage, build)| Goal {
            cell: *cell,
            alone: *stage == Stage::Toolchain,
            drv: &build.drv,
        })
        .collect()
}
