//! Progress on a terminal: what runs now, how far the whole is, and a line for whatever ended badly.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Detail;
use super::lines::{ended, planned, span, started, summary, told_here};
use crate::nix::DrvPath;
use crate::text::{clean_line, defuse};
use crate::validate::{Ending, Outcome, Progress};

/// Bars on standard error.
pub struct Bars {
    detail: Detail,
    multi: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<DrvPath, Running>,
}

struct Running {
    bar: ProgressBar,
    name: String,
    phase: String,
    estimate: Option<f64>,
}

impl Bars {
    /// Draws nothing yet.
    pub fn new(detail: Detail) -> Bars {
        let multi = MultiProgress::new();
        let total = multi.add(ProgressBar::new(0));
        total.set_style(style("{elapsed:>5} {bar:30} {msg}"));
        Bars {
            detail,
            multi,
            total,
            running: BTreeMap::new(),
        }
    }

    fn print(&self, line: &str) {
        // a terminal that is gone hears nothing
        let _ = self.multi.println(defuse(&clean_line(line)));
    }

    fn expect(&self, builds: usize) {
        self.total.set_length(builds as u64);
        if builds > 0 {
            self.total.enable_steady_tick(Duration::from_millis(250));
        }
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
                self.expect(*builds);
            }
            Progress::Planned {
                builds, estimate, ..
            } => {
                self.print(&planned(*builds, *estimate));
                self.expect(*builds);
            }
            Progress::BuildStarted {
                drv,
                name,
                estimate,
            } => {
                let bar = self
                    .multi
                    .insert_before(&self.total, ProgressBar::new_spinner());
                bar.set_style(style("{elapsed:>5} {spinner} {wide_msg}"));
                bar.enable_steady_tick(Duration::from_millis(250));
                let running = Running {
                    bar,
                    name: name.clone(),
                    phase: String::new(),
                    estimate: *estimate,
                };
                running.draw("");
                self.running.insert(drv.clone(), running);
            }
            Progress::BuildPhase { drv, phase } => {
                if let Some(running) = self.running.get_mut(drv) {
                    running.phase.clone_from(phase);
                    running.draw("");
                }
            }
            Progress::BuildLine { drv, line } => {
                if let Some(running) = self.running.get(drv) {
                    running.draw(line);
                }
            }
            Progress::BuildIdle { drv } => {
                if let Some(running) = self.running.remove(drv) {
                    running.bar.finish_and_clear();
                }
            }
            Progress::BuildEnded {
                drv,
                name,
                result,
                seconds,
                reason,
                ..
            } => {
                if let Some(running) = self.running.remove(drv) {
                    running.bar.finish_and_clear();
                }
                if *result != Ending::Stopped {
                    let reason = told_here(self.detail, *result, reason.as_deref());
                    self.print(&ended(name, *result, *seconds, reason));
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
                self.total
                    .set_position((tally.built + tally.failed + tally.blocked) as u64);
                self.total.set_message(summary(tally));
            }
            Progress::RunEnded { interrupted, .. } => {
                self.total.finish_and_clear();
                if *interrupted {
                    self.print("interrupted: the report holds what was done");
                }
            }
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }
}

impl Running {
    fn draw(&self, line: &str) {
        let mut text = self.name.clone();
        if let Some(seconds) = self.estimate {
            text += &format!(" of {}", span(seconds));
        }
        if !self.phase.is_empty() {
            text += &format!(" [{}]", self.phase);
        }
        if !line.is_empty() {
            text += &format!("  {line}");
        }
        self.bar.set_message(defuse(&text));
    }
}

fn style(template: &str) -> ProgressStyle {
    // the templates above are sound; a plain bar would do as well
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
