//! Progress as plain lines: for logs, pipes and CI.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Detail;
use crate::cli::output;
use crate::nix::DrvPath;
use crate::report::text::{count, truncate};
use crate::validate::{Ending, FailureRecord, Outcome, Progress, RunTally};

/// Longest silence.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Plain lines on standard error.
pub struct Lines {
    github: bool,
    detail: Detail,
    running: BTreeMap<DrvPath, Running>,
    last: Instant,
}

struct Running {
    name: String,
    started: Instant,
    phase: Option<String>,
}

impl Lines {
    /// `github`: GitHub Actions reads it, and folds groups.
    pub fn new(github: bool, detail: Detail) -> Lines {
        Lines {
            github,
            detail,
            running: BTreeMap::new(),
            last: Instant::now(),
        }
    }

    fn print(&mut self, line: &str) {
        self.last = Instant::now();
        output::quote(line);
    }

    /// Hears an event.
    pub fn tell(&mut self, event: &Progress) {
        match event {
            Progress::RunStarted {
                cells,
                builds,
                cached,
                estimate,
                ..
            } => {
                self.print(&started(*cells, *builds, *cached, *estimate));
            }
            Progress::Planned {
                builds, estimate, ..
            } => {
                self.print(&planned(*builds, *estimate));
            }
            Progress::BuildStarted { drv, name, .. } => {
                let running = Running {
                    name: name.clone(),
                    started: Instant::now(),
                    phase: None,
                };
                self.running.insert(drv.clone(), running);
                self.print(&format!("start   {name}"));
            }
            Progress::BuildPhase { drv, phase } => {
                if let Some(running) = self.running.get_mut(drv) {
                    running.phase = Some(phase.clone());
                }
            }
            Progress::BuildLine { line, .. } => {
                if self.detail == Detail::Everything {
                    self.print(line);
                }
            }
            Progress::BuildIdle { drv } => {
                self.running.remove(drv);
            }
            Progress::BuildEnded {
                drv,
                name,
                result,
                seconds,
                reason,
                failure,
            } => {
                self.running.remove(drv);
                let reason = reason.as_deref();
                let told = told_here(self.detail, *result, reason);
                self.print(&ended(name, *result, *seconds, told));
                if let Some(failure) = failure
                    && self.detail == Detail::Failures
                {
                    self.log(name, failure, reason);
                }
            }
            Progress::StageEnded {
                cell,
                stage,
                outcome: Outcome::Blocked,
                reason,
            } => {
                let reason = reason.as_deref().unwrap_or_default();
                self.print(&format!("blocked {cell} {stage}: {reason}"));
            }
            Progress::StageEnded { .. } => {}
            Progress::Tick(tally) => {
                if self.last.elapsed() >= HEARTBEAT {
                    self.heartbeat(tally);
                }
            }
            Progress::RunEnded {
                interrupted: true, ..
            } => self.print("interrupted: the report holds what was done"),
            Progress::RunEnded { .. } => {}
        }
    }

    /// The end of a failed build's log, without what was said already.
    fn log(&mut self, name: &str, failure: &FailureRecord, said: Option<&str>) {
        if self.github {
            output::workflow("group", &format!("{name}: end of its log"));
        }
        let said = |line: &&String| Some(line.as_str()) != said;
        for line in failure.log_tail.iter().filter(said) {
            self.print(&format!("    | {line}"));
        }
        if self.github {
            output::workflow("endgroup", "");
        }
    }

    fn heartbeat(&mut self, tally: &RunTally) {
        let running: Vec<String> = self
            .running
            .values()
            .map(|running| {
                let phase = running
                    .phase
                    .as_ref()
                    .map_or(String::new(), |phase| format!(", {phase}"));
                format!(
                    "{} ({}{phase})",
                    running.name,
                    span(running.started.elapsed().as_secs_f64())
                )
            })
            .collect();
        let line = format!("... {}; running: {}", summary(tally), running.join(", "));
        self.print(&line);
    }
}

/// `5 cells: 2 stages built already, 30 builds to do, about 5 min 00 s`.
pub fn started(cells: usize, builds: usize, cached: usize, estimate: Option<f64>) -> String {
    format!(
        "{}: {} built already, {}",
        count(cells, "cell"),
        count(cached, "stage"),
        planned(builds, estimate)
    )
}

/// `30 builds to do, about 5 min 00 s`.
pub fn planned(builds: usize, estimate: Option<f64>) -> String {
    let about = estimate.map_or(String::new(), |seconds| {
        format!(", about {}", span(seconds))
    });
    format!("{} to do{about}", count(builds, "build"))
}

/// The reason of an end, unless whoever asked for the build tells it in full.
pub fn told_here(detail: Detail, result: Ending, reason: Option<&str>) -> Option<&str> {
    reason.filter(|_| detail != Detail::Builds || !matches!(result, Ending::Failed))
}

/// `passed  k6-arm64 kernel (1 min 20 s)`.
pub fn ended(name: &str, result: Ending, seconds: Option<f64>, reason: Option<&str>) -> String {
    let word = match result {
        Ending::Built => "built  ",
        Ending::Failed => "FAILED ",
        Ending::TimedOut => "TIMEOUT",
        Ending::Stopped => "stopped",
        Ending::Retried => "retry  ",
    };
    let time = seconds.map_or(String::new(), |seconds| format!(" ({})", span(seconds)));
    // what is tried again is said in full when that fails as well
    let reason = match (result, reason) {
        (_, None) => String::new(),
        (Ending::Retried, Some(reason)) => format!(": {}", truncate(reason, 100, true)),
        (_, Some(reason)) => format!(": {reason}"),
    };
    format!("{word} {name}{time}{reason}")
}

/// `3 of 40 built, 1 failed, 2 blocked, about 5 min left`.
pub fn summary(tally: &RunTally) -> String {
    let all = tally.built + tally.failed + tally.blocked + tally.remaining;
    let mut text = format!("{} of {all} built", tally.built);
    if tally.failed > 0 {
        text += &format!(", {} failed", tally.failed);
    }
    if tally.blocked > 0 {
        text += &format!(", {} blocked", tally.blocked);
    }
    match tally.eta {
        Some(seconds) if seconds >= 1.0 => text += &format!(", about {} left", span(seconds)),
        _ => {}
    }
    text
}

/// Seconds for people.
pub fn span(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        assert_eq!(span(0.31), "0.3 s");
        assert_eq!(span(59.4), "59 s");
        assert_eq!(span(61.0), "1 min 01 s");
        assert_eq!(span(7260.0), "2 h 01 min");
    }

    #[test]
    fn summaries_say_only_what_there_is() {
        let mut tally = RunTally {
            built: 3,
            remaining: 37,
            ..RunTally::default()
        };
        assert_eq!(summary(&tally), "3 of 40 built");
        tally.failed = 1;
        tally.eta = Some(300.0);
        assert_eq!(
            summary(&tally),
            "3 of 41 built, 1 failed, about 5 min 00 s left"
        );
    }
}
