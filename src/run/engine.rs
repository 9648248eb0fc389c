//! The loop that keeps Nix busy: starts units, listens, enforces limits, decides outcomes of derivations.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::FailureRecord;
use super::decision::{Absence, absence};
use super::goals::StageIndex;
use super::history::History;
use super::journal::{self, Ended, Journal};
use super::order::{Kind, Order, UnitId};
use super::process::{Finished, Log, Messages, Process, Running, Stop};
use super::progress::{Ending, Progress, Tally};
use super::schedule::{Schedule, UnitState};
use super::state::{Fault, State, States};
use super::{Limits, Options, RunError, Tools};
use crate::blame::NIX;
use crate::files::{self, Own};
use crate::nix::{DrvPath, Event, Graph, Job, Line, Realise};
use crate::text::clean_line;

/// How long the loop waits for news before it looks at clocks and signals.
const TICK: Duration = Duration::from_millis(100);
/// How often a tick is told.
const TELL: Duration = Duration::from_secs(1);
/// How often a caller gets to save what is known.
const SAVE: Duration = Duration::from_secs(20);
/// How long Nix may take to stop when asked.
const GRACE: Duration = Duration::from_secs(10);
/// Events that may wait; a chatty builder is slowed down rather than let fill memory.
const BACKLOG: usize = 1024;
/// Seconds that a build must have taken for its end to be looked up at once.
const WORTH_ASKING: f64 = 2.0;
/// Downloads that one fetching process does at once, and such processes at once.
const FETCHES_AT_ONCE: usize = 4;
const FETCH_PROCESSES: usize = 1;

/// Everything that the loop needs and does not own.
pub(crate) struct RunContext<'a> {
    pub tools: Tools<'a>,
    pub graph: &'a Graph,
    pub stage_index: &'a StageIndex,
    pub options: &'a Options,
    pub report: &'a Own,
}

impl RunContext<'_> {
    /// Whether outputs of `drv` are known, and something lies at the path of each.
    fn lies_there(&self, drv: &DrvPath) -> bool {
        let real = |path| self.tools.nix.real_path(path);
        let found = self.graph.get(drv);
        let mut paths = found.into_iter().flat_map(|found| found.paths()).peekable();
        paths.peek().is_some() && paths.all(|path| real(path).exists())
    }
}

pub(crate) struct Engine<'a> {
    context: RunContext<'a>,
    schedule: Schedule,
    pub states: States,
    attempts: BTreeMap<DrvPath, u32>,
    processes: BTreeMap<usize, Process>,
    next_process: usize,
    lines: (SyncSender<Line>, Receiver<Line>),
    journal: Journal,
    pub history: History,
    started: Instant,
    /// Why nothing more is started.
    ending: Option<String>,
    pub interrupted: bool,
}

impl<'a> Engine<'a> {
    pub fn new(
        context: RunContext<'a>,
        order: Order,
        states: States,
        journal: Journal,
        history: History,
    ) -> Engine<'a> {
        Engine {
            context,
            schedule: Schedule::new(order),
            states,
            attempts: BTreeMap::new(),
            processes: BTreeMap::new(),
            next_process: 0,
            lines: sync_channel(BACKLOG),
            journal,
            history,
            started: Instant::now(),
            ending: None,
            interrupted: false,
        }
    }

    /// Builds everything that can be built. `tell` hears of every event; `save` is called now and then to write down what is known.
    pub fn run(
        &mut self,
        tell: &mut dyn FnMut(&Progress),
        save: &mut dyn FnMut(&Self) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let mut told = Instant::now();
        let mut saved = Instant::now();
        loop {
            if self.context.tools.stop.load(Ordering::Relaxed) && !self.interrupted {
                self.interrupted = true;
                self.end("interrupted".to_owned());
            }
            self.start_units(tell)?;
            if self.processes.is_empty() && !self.anything_waits() {
                break;
            }
            match self.lines.1.recv_timeout(TICK) {
                Ok(line) => self.hear(line, tell)?,
                // the engine holds a sender itself
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            self.enforce_limits();
            if told.elapsed() >= TELL {
                told = Instant::now();
                tell(&Progress::Tick(self.tally()));
            }
            if saved.elapsed() >= SAVE {
                saved = Instant::now();
                save(self)?;
            }
        }
        self.leave_rest(tell);
        Ok(())
    }

    fn anything_waits(&self) -> bool {
        self.ending.is_none() && self.schedule.anything_waits()
    }

    /// Nothing more is started, and what runs is stopped.
    fn end(&mut self, why: String) {
        self.ending.get_or_insert(why);
        for process in self
            .processes
            .values_mut()
            .filter(|process| process.stop.is_none())
        {
            process.stop = Some((Stop::Run, Instant::now()));
            process.realise.stop();
        }
    }

    /// Starts what can be started.
    fn start_units(&mut self, tell: &mut dyn FnMut(&Progress)) -> Result<(), RunError> {
        while self.ending.is_none() {
            let Some(unit) = self.next_unit() else {
                return Ok(());
            };
            let drvs = self.triable(unit, tell);
            if drvs.is_empty() {
                self.schedule.set(unit, UnitState::Done);
                continue;
            }
            let job = Job {
                root: self.root(&drvs),
                drvs,
                max_jobs: match self.schedule.kind(unit) {
                    Kind::Fetch => FETCHES_AT_ONCE,
                    Kind::Build => 1,
                },
                cores: self.context.options.cores,
            };
            let number = self.next_process;
            self.next_process += 1;
            let sender = self.lines.0.clone();
            let realise = Realise::start(
                self.context.tools.nix,
                self.context.tools.settings,
                &job,
                number,
                sender,
            )?;
            self.schedule.set(unit, UnitState::Running);
            let process = Process {
                unit,
                drvs: job.drvs,
                realise,
                running: BTreeMap::new(),
                finished: BTreeMap::new(),
                messages: Messages::default(),
                stop: None,
            };
            self.processes.insert(number, process);
        }
        Ok(())
    }

    /// The unit to start next, where there is room for another process.
    fn next_unit(&self) -> Option<UnitId> {
        self.schedule.next(Instant::now(), |kind| {
            let units = self.processes.values().map(|process| process.unit);
            let running = units.filter(|unit| self.schedule.kind(*unit) == kind);
            let most = match kind {
                Kind::Build => self.context.options.jobs,
                Kind::Fetch => FETCH_PROCESSES,
            };
            running.count() < most
        })
    }

    /// Those derivations of `unit` that are still to come and can; the others become blocked.
    fn triable(&mut self, unit: UnitId, tell: &mut dyn FnMut(&Progress)) -> Vec<DrvPath> {
        let mut triable = Vec::new();
        for drv in self.schedule.drvs(unit).to_vec() {
            if self.states.get(&drv) != Some(&State::Waiting) {
                continue;
            }
            match self.states.blocker(self.context.graph, &drv) {
                Some(by) => self.block(&drv, by, tell),
                None => triable.push(drv),
            }
        }
        triable
    }

    fn block(&mut self, drv: &DrvPath, by: DrvPath, tell: &mut dyn FnMut(&Progress)) {
        let reason = format!("needs {}, which failed", self.context.stage_index.name(&by));
        self.states.set(drv, State::Blocked { by });
        self.tell_stages(drv, super::Outcome::Blocked, Some(&reason), tell);
    }

    fn tell_stages(
        &self,
        drv: &DrvPath,
        outcome: super::Outcome,
        reason: Option<&str>,
        tell: &mut dyn FnMut(&Progress),
    ) {
        for (cell, stage) in self.context.stage_index.of(drv) {
            tell(&Progress::StageEnded {
                cell: self.context.stage_index.key(*cell).to_owned(),
                stage: *stage,
                outcome,
                reason: reason.map(str::to_owned),
            });
        }
    }

    /// Link that keeps a unit's results.
    fn root(&self, drvs: &[DrvPath]) -> Option<PathBuf> {
        let roots = self.context.options.roots.as_ref()?;
        Some(roots.join(drvs.last()?.name()))
    }

    fn hear(&mut self, line: Line, tell: &mut dyn FnMut(&Progress)) -> Result<(), RunError> {
        match line {
            Line::Event(number, event) => self.hear_event(number, event, tell),
            Line::Ended(number) => match self.processes.remove(&number) {
                Some(process) => self.conclude(process, tell),
                None => Ok(()),
            },
        }
    }

    fn hear_event(
        &mut self,
        number: usize,
        event: Event,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<(), RunError> {
        let report = self.context.report;
        let Some(process) = self.processes.get_mut(&number) else {
            return Ok(());
        };
        match event {
            Event::BuildStarted { id, drv } => {
                let now = Instant::now();
                let path = report.unfinished(LOGS, &format!("running-{number}-{id}"))?;
                let estimate = self.history.seconds(&drv);
                let name = self.context.stage_index.name(&drv);
                process.running.insert(
                    id,
                    Running {
                        drv: drv.clone(),
                        started: now,
                        last_output: now,
                        phase: None,
                        log: Log::new(path),
                    },
                );
                tell(&Progress::BuildStarted {
                    drv,
                    name,
                    estimate,
                });
            }
            Event::Phase { id, phase } => {
                if let Some(build) = process.running.get_mut(&id) {
                    let phase = clean_line(&phase);
                    build.phase = Some(phase.clone());
                    let drv = build.drv.clone();
                    tell(&Progress::BuildPhase { drv, phase });
                }
            }
            Event::Log { id, line } => {
                if let Some(build) = process.running.get_mut(&id) {
                    build.last_output = Instant::now();
                    let line = clean_line(&line);
                    build
                        .log
                        .line(&line)
                        .map_err(RunError::report(report.path()))?;
                    let drv = build.drv.clone();
                    tell(&Progress::BuildLine { drv, line });
                }
            }
            Event::Stopped { id } => {
                let ended = process.finish(id);
                return self.idle(number, ended, tell);
            }
            Event::Running { builds: 0 } => {
                let ended = process.finish_all();
                return self.idle(number, ended, tell);
            }
            Event::Message { error: true, text } => process.messages.say(&text),
            Event::Message { .. }
            | Event::Running { .. }
            | Event::BuildWaiting { .. }
            | Event::FetchStarted { .. }
            | Event::Other => {}
        }
        Ok(())
    }

    /// Builders of a process have ended. Whether they ended well is known for sure when Nix ends; of a long one, the store is
    /// asked at once, so that its end is told and noted in time. Of a short one whose outputs lie there, the time is noted: it
    /// counts where the store has them when the run goes on after a kill.
    fn idle(
        &mut self,
        number: usize,
        drvs: impl IntoIterator<Item = DrvPath>,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<(), RunError> {
        for drv in drvs {
            tell(&Progress::BuildIdle { drv: drv.clone() });
            let Some(process) = self.processes.get_mut(&number) else {
                continue;
            };
            if !process.drvs.contains(&drv) {
                continue;
            }
            let Some(mut finished) = process.finished.remove(&drv) else {
                continue;
            };
            let seconds = finished.seconds;
            let long = seconds >= WORTH_ASKING;
            if long && self.not_there(std::slice::from_ref(&drv))?.is_empty() {
                self.built(&drv, Some(finished), tell)?;
                continue;
            }
            if !long && self.context.lies_there(&drv) {
                self.note(&drv, journal::Result::Built, Some(seconds), None)?;
                finished.noted = true;
            }
            if let Some(process) = self.processes.get_mut(&number) {
                process.finished.insert(drv, finished);
            }
        }
        Ok(())
    }

    /// Stops builds that take too long, and processes that do not stop when asked.
    fn enforce_limits(&mut self) {
        let limits = &self.context.options.limits;
        for process in self.processes.values_mut() {
            match &process.stop {
                Some((_, since)) if since.elapsed() > GRACE => process.realise.kill(),
                Some(_) => {}
                None => {
                    let over = process.running.values().find_map(|build| {
                        let stage = self.context.stage_index.stage(&build.drv);
                        // of downloads at once, Nix does not say in time which one ended
                        over_limit(build, limits, stage).filter(|_| {
                            process.running.len() == 1 || !self.context.lies_there(&build.drv)
                        })
                    });
                    if let Some(stop) = over {
                        process.stop = Some((stop, Instant::now()));
                        process.realise.stop();
                    }
                }
            }
        }
    }

    /// Decides what became of the derivations of a process that ended.
    fn conclude(
        &mut self,
        mut process: Process,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<(), RunError> {
        let status = process.realise.finish(GRACE).map_err(|source| {
            RunError::Nix(crate::nix::NixError::Run {
                program: "nix-store".to_owned(),
                source,
            })
        })?;
        process.finish_all();
        // whatever Nix says, the store knows; of an output that only its build can name, Nix' word has to do
        let mut bad = self.not_there(&process.drvs)?;
        if status.success() {
            bad.retain(|drv| self.has_paths(drv));
        }
        let unit = process.unit;
        let mut retry_at = None;
        for drv in process.drvs.clone() {
            if self.states.get(&drv) != Some(&State::Waiting) {
                continue;
            }
            let finished = process.finished.remove(&drv);
            if bad.contains(&drv) {
                let verdict = self.verdict(&process, &drv, finished, status, tell)?;
                retry_at = retry_at.max(verdict);
            } else {
                self.built(&drv, finished, tell)?;
            }
        }
        let waits = process
            .drvs
            .iter()
            .any(|drv| self.states.get(drv) == Some(&State::Waiting));
        let state = match waits {
            true => UnitState::Waiting {
                not_before: retry_at,
            },
            false => UnitState::Done,
        };
        self.schedule.set(unit, state);
        Ok(())
    }

    /// Those of `drvs` whose outputs are not all in the store.
    fn not_there(&self, drvs: &[DrvPath]) -> Result<BTreeSet<DrvPath>, RunError> {
        let outputs = |drv: &DrvPath| -> Vec<&str> {
            let found = self.context.graph.get(drv);
            found.into_iter().flat_map(|found| found.paths()).collect()
        };
        let paths = drvs.iter().flat_map(outputs);
        let invalid = self
            .context
            .tools
            .nix
            .invalid(self.context.tools.settings, paths)?;
        let missing = |drv: &&DrvPath| {
            let outputs = outputs(drv);
            // an output that only its build can name was not seen to be built
            outputs.is_empty() || outputs.iter().any(|path| invalid.contains(*path))
        };
        Ok(drvs.iter().filter(missing).cloned().collect())
    }

    /// Whether the outputs of `drv` are known before it is built.
    fn has_paths(&self, drv: &DrvPath) -> bool {
        let found = self.context.graph.get(drv);
        found.is_some_and(|found| found.paths().next().is_some())
    }

    fn built(
        &mut self,
        drv: &DrvPath,
        finished: Option<Finished>,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<(), RunError> {
        let seconds = finished.as_ref().map(|finished| finished.seconds);
        let noted = finished.as_ref().is_some_and(|finished| finished.noted);
        if let Some(finished) = finished {
            finished.log.discard();
        }
        if let Some(seconds) = seconds {
            self.history.note(drv, seconds);
        }
        if !noted {
            self.note(drv, journal::Result::Built, seconds, None)?;
        }
        self.states.set(drv, State::Built { seconds });
        tell(&Progress::BuildEnded {
            drv: drv.clone(),
            name: self.context.stage_index.name(drv),
            result: Ending::Built,
            seconds,
            reason: None,
            failure: None,
        });
        self.tell_stages(drv, super::Outcome::Passed, None, tell);
        Ok(())
    }

    fn note(
        &mut self,
        drv: &DrvPath,
        result: journal::Result,
        seconds: Option<f64>,
        fault: Option<&Fault>,
    ) -> Result<(), RunError> {
        let ended = Ended {
            drv: drv.clone(),
            result,
            seconds,
            failure: fault.and_then(|fault| fault.failure.clone()),
            reason: fault.map(|fault| fault.reason.clone()),
        };
        self.journal
            .end(ended)
            .map_err(RunError::report(&self.context.options.report))
    }

    /// Decides why `drv` is not there. Gives the time before which it is not to be tried again, if it is.
    fn verdict(
        &mut self,
        process: &Process,
        drv: &DrvPath,
        finished: Option<Finished>,
        status: ExitStatus,
        tell: &mut dyn FnMut(&Progress),
    ) -> Result<Option<Instant>, RunError> {
        let absence = absence(
            drv,
            process.stop.as_ref().map(|(stop, _)| stop),
            finished.as_ref().map(|finished| finished.stopped),
            self.states.blocker(self.context.graph, drv),
        );
        let timed_out = match absence {
            Absence::TimedOut { silent, seconds } => Some((silent, seconds)),
            Absence::Failed => None,
            Absence::Blocked { by } => {
                if let Some(finished) = finished {
                    finished.log.discard();
                }
                self.block(drv, by, tell);
                return Ok(None);
            }
            Absence::CutShort => {
                if let Some(finished) = finished {
                    finished.log.discard();
                    tell(&Progress::BuildEnded {
                        drv: drv.clone(),
                        name: self.context.stage_index.name(drv),
                        result: Ending::Stopped,
                        seconds: None,
                        reason: None,
                        failure: None,
                    });
                }
                return Ok(None);
            }
        };
        let tries = self.attempts.entry(drv.clone()).or_default();
        *tries += 1;
        let tries = *tries;
        let (fault, retry) = self.fault(process, drv, finished, status, timed_out)?;
        if retry && tries <= self.context.options.retries && self.ending.is_none() {
            self.tell_fault(drv, Ending::Retried, &fault, tell);
            let pause = Duration::from_secs(1 << tries.min(5));
            return Ok(Some(Instant::now() + pause));
        }
        let (result, ending, outcome) = match timed_out {
            Some(_) => (
                journal::Result::TimedOut,
                Ending::TimedOut,
                super::Outcome::TimedOut,
            ),
            None => (
                journal::Result::Failed,
                Ending::Failed,
                super::Outcome::Failed,
            ),
        };
        self.note(drv, result, fault.seconds, Some(&fault))?;
        self.tell_fault(drv, ending, &fault, tell);
        self.tell_stages(drv, outcome, Some(&fault.reason), tell);
        let name = self.context.stage_index.name(drv);
        self.states.set(
            drv,
            match timed_out {
                Some(_) => State::TimedOut(fault),
                None => State::Failed(fault),
            },
        );
        if self.context.options.fail_fast {
            self.end(format!(
                "not tried: {name} failed, and --fail-fast ends the run"
            ));
        }
        Ok(None)
    }

    fn tell_fault(
        &self,
        drv: &DrvPath,
        result: Ending,
        fault: &Fault,
        tell: &mut dyn FnMut(&Progress),
    ) {
        tell(&Progress::BuildEnded {
            drv: drv.clone(),
            name: self.context.stage_index.name(drv),
            result,
            seconds: fault.seconds,
            reason: Some(fault.reason.clone()),
            failure: fault.failure.clone(),
        });
    }

    /// Reads what the log of a failed build says, and keeps the log. Whether a new try can help comes with it.
    fn fault(
        &self,
        process: &Process,
        drv: &DrvPath,
        finished: Option<Finished>,
        status: ExitStatus,
        timed_out: Option<(bool, u64)>,
    ) -> Result<(Fault, bool), RunError> {
        let report = self.context.report;
        let io = RunError::report(report.path());
        let began = finished.is_some();
        let (seconds, phase, mut log) = match finished {
            Some(finished) => (Some(finished.seconds), finished.phase, finished.log),
            None => (
                None,
                None,
                Log::new(report.unfinished(LOGS, "running-none")?),
            ),
        };
        let write = |log: &mut Log| -> io::Result<()> {
            if let Some((silent, limit)) = timed_out {
                return log.line(&format!("{NIX}stopped: {}", late(silent, limit)));
            }
            for line in process.messages_about(drv) {
                log.line(&format!("{NIX}{line}"))?;
            }
            if status.success() {
                return log.line(&format!(
                    "{NIX}error: Nix says that it is built, and the store does not have it"
                ));
            }
            if !began && process.messages.is_empty() {
                log.line(&format!("{NIX}ended without a word: {status}"))?;
            }
            Ok(())
        };
        write(&mut log).map_err(&io)?;
        let name = self.context.stage_index.log_name(drv);
        let name = format!("{LOGS}/{name}");
        log.keep(report, &name)?;
        let stage = self.context.stage_index.stage(drv);
        let blame = files::open(&report.join(&name))
            .and_then(|file| self.context.tools.table.read(BufReader::new(file), stage))
            .map_err(&io)?;
        let mut record = FailureRecord::new(blame, phase, Some(name));
        let mut reason = record
            .first_error
            .clone()
            .unwrap_or_else(|| "it left no log".to_owned());
        if let Some((silent, limit)) = timed_out {
            let class = if silent {
                "silence-timed-out"
            } else {
                "timed-out"
            };
            record.class = Some(class.to_owned());
            reason = late(silent, limit);
        }
        let class = record
            .class
            .as_deref()
            .and_then(|id| self.context.tools.table.get(id));
        // Nix that ends before a build begins is the machine's fault
        let retry = timed_out.is_none() && class.map_or(!began, |class| class.retry);
        let fault = Fault {
            seconds,
            reason,
            failure: Some(record),
        };
        Ok((fault, retry))
    }

    /// Marks what the end of the run left undone.
    fn leave_rest(&mut self, tell: &mut dyn FnMut(&Progress)) {
        let reason = self
            .ending
            .clone()
            .unwrap_or_else(|| "not finished".to_owned());
        for unit in self.schedule.units() {
            for drv in self.triable(unit, tell) {
                let reason = reason.clone();
                self.states.set(&drv, State::NotTried { reason });
            }
        }
    }

    fn tally(&self) -> Tally {
        let mut tally = Tally {
            elapsed: self.started.elapsed().as_secs_f64(),
            running: self
                .processes
                .values()
                .map(|process| process.running.len())
                .sum(),
            ..Tally::default()
        };
        for (_, state) in self.states.iter() {
            match state {
                State::Waiting => tally.remaining += 1,
                State::Built { .. } => tally.built += 1,
                State::Failed(_) | State::TimedOut(_) => tally.failed += 1,
                State::Blocked { .. } => tally.blocked += 1,
                State::NotTried { .. } => {}
            }
        }
        tally.eta = self.eta();
        tally
    }

    /// Seconds that the whole should take; none where nothing was ever timed.
    pub fn estimate(&self) -> Option<f64> {
        self.eta()
    }

    /// Seconds to the end.
    fn eta(&self) -> Option<f64> {
        let spent = |unit| {
            let running = self.processes.values().filter(|it| it.unit == unit);
            let seconds = running.flat_map(|process| {
                let now = process.running.values();
                let now = now.map(|build| build.started.elapsed().as_secs_f64());
                now.chain(process.finished.values().map(|finished| finished.seconds))
            });
            seconds.sum()
        };
        let known = |drv: &DrvPath| self.history.knows(drv);
        self.schedule
            .seconds_left(self.context.options.jobs, spent, known)
    }
}

/// Why a build was stopped.
fn late(silent: bool, seconds: u64) -> String {
    match silent {
        true => format!("printed nothing for {seconds} s"),
        false => format!("took longer than {seconds} s"),
    }
}

/// The folder of logs within a report.
pub(crate) const LOGS: &str = "logs";

fn over_limit(build: &Running, limits: &Limits, stage: Option<super::Stage>) -> Option<Stop> {
    let stop = |silent, limit: Duration| Stop::Timeout {
        drv: build.drv.clone(),
        silent,
        seconds: limit.as_secs(),
    };
    let wall = limits.wall(stage);
    let silence = limits.silence(stage);
    if build.started.elapsed() > wall {
        Some(stop(false, wall))
    } else if build.last_output.elapsed() > silence {
        Some(stop(true, silence))
    } else {
        None
    }
}
