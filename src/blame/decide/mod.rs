//! From the lines that may matter to the one that does.
//!
//! What decides, in this order; the first that finds a line ends it:
//!
//! 1. trouble of the machine that builds, wherever it shows, in anything but a warning;
//! 2. what ended the [build] or the [boot];
//! 3. a warning of trouble of the machine;
//! 4. the line that looks most like a cause of an [unknown] kind.
//!
//! That a line is of a kind is said in three strengths. A class of the machine (rank below 10) counts anywhere. A *known* line shows a
//! class of another rank below [`HINT`]: the first of them is the cause. A *hint* (rank from [`HINT`] on) and a suspect (no class, but
//! it looks like an error) count where nothing better is found.

mod boot;
mod build;
mod unknown;

use super::grammar::{Kind, function};
use super::{Blame, FailureTable, Hit, Reading};
use crate::catalog::{FailureClass, Stage};
use crate::id::{ConstraintId, FailureId};

/// Classes from this rank on are hints.
const HINT: u16 = 40;
/// How far behind a crash the lines are that tell its place.
const PLACE: u64 = 60;
/// How far apart lines are that belong together.
const CLUSTER: u64 = 8;
/// Classes of the machine from this rank on are about one way to get a file. There may be others.
const FETCH: u16 = 7;
/// The class of any error of a compiler or assembler.
const COMPILE: &str = "compile-error";
/// The class of a module's source that is for another kernel.
const API_CHANGED: &str = "api-changed";
/// The classes that are known by name: what the data has to hold.
#[cfg(test)]
pub(super) fn known_by_name() -> impl Iterator<Item = &'static str> {
    let general = [COMPILE, API_CHANGED];
    general
        .into_iter()
        .chain(build::KNOWN_BY_NAME)
        .chain(boot::KNOWN_BY_NAME)
}
#[cfg(test)]
pub(super) use build::{KERNEL_COMPILE, MODULE_COMPILE};

type Class<'a> = (&'a FailureId, &'a FailureClass);
type Found<'a> = (&'a Hit, Option<Class<'a>>);

/// What `reading` says.
pub(super) fn decide(table: &FailureTable, reading: &Reading, stage: Option<Stage>) -> Blame {
    let stage = stage
        .or_else(|| stage_of(&reading.hits))
        .or(reading.boots.then_some(Stage::Boot));
    let told = match stage {
        Some(Stage::Boot) => boot::stopped(table, reading),
        _ => build::told_by_status(table, reading),
    };
    let asked = build::asked(table, reading);
    let log = Log {
        table,
        reading,
        hits: &reading.hits,
        stage,
        console: reading.console && !reading.quoted,
        module: stage == Some(Stage::Module) || reading.module,
        told: told.as_ref(),
        asked: asked.as_ref(),
    };
    let found = log
        .machine(|hit| hit.kind != Kind::Warning)
        .or_else(|| log.ended())
        .or_else(|| log.machine(|_| true));
    let Some((hit, class)) = found else {
        let line = unknown::line(reading);
        return Blame {
            line_number: line.as_ref().map(|(number, _)| *number),
            first_error: line.map(|(_, text)| text),
            stage: log.stage,
            ..Blame::default()
        };
    };
    Blame {
        class: class.map(|(id, _)| id.clone()),
        stage: log.stage,
        first_error: Some(hit.text.clone()),
        line_number: Some(hit.number),
        function: log.function(hit),
        constraint: class.and_then(|(_, class)| constraint(class, &hit.text)),
        ..Blame::default()
    }
}

/// The stage that kflake's own lines name.
fn stage_of(hits: &[Hit]) -> Option<Stage> {
    let ours = hits.iter().rev().filter(|hit| hit.kind == Kind::Ours);
    let mut named = ours.filter_map(|hit| hit.text.strip_prefix("kflake: ")?.split(':').next());
    named.find_map(|name| name.parse().ok())
}

/// Whether `class` means an interface of the kernel's, and `hit` is any compiler's error: only of a module's source that says so.
fn of_module_only(class: &FailureId, hit: &Hit) -> bool {
    class.as_str() == API_CHANGED && hit.classes.iter().any(|it| it.as_str() == COMPILE)
}

/// The constraint that a failure is known from, where that is clear.
fn constraint(class: &FailureClass, line: &str) -> Option<ConstraintId> {
    let named = class.links.iter().find(|link| {
        let expression = link.pattern.compile();
        expression.is_ok_and(|expression| expression.is_match(line))
    });
    match (named, class.points_to.as_slice()) {
        (Some(link), _) => Some(link.constraint.clone()),
        (None, [only]) => Some(only.clone()),
        _ => None,
    }
}

struct Log<'a> {
    table: &'a FailureTable,
    reading: &'a Reading,
    hits: &'a [Hit],
    stage: Option<Stage>,
    /// Whether the log is a console's, written by something else than kflake.
    console: bool,
    /// Whether a module is built, outside of a kernel's tree.
    module: bool,
    /// What the log tells by how it ends, where no line of it says more.
    told: Option<&'a Hit>,
    /// The question that the log ends at.
    asked: Option<&'a Hit>,
}

impl<'a> Log<'a> {
    /// What ended what the log is of.
    fn ended(&self) -> Option<Found<'a>> {
        match self.stage {
            Some(Stage::Boot) => self.boot(),
            _ => self.build(),
        }
    }

    /// Whether the machine under test says it, and not the one that builds.
    fn guests(&self, hit: &Hit) -> bool {
        let foreign = self.console && !hit.hosts && hit.kind != Kind::Ours;
        self.stage == Some(Stage::Boot) && (hit.quoted || foreign)
    }

    /// The classes that `ids` name and that can happen in this stage, the lowest rank first.
    fn possible(&self, ids: &[FailureId]) -> Vec<Class<'a>> {
        let known = ids
            .iter()
            .filter_map(|id| self.table.classes.get_key_value(id));
        let mut possible: Vec<Class<'a>> = known
            .filter(|(_, class)| {
                class.stages.is_empty()
                    || self.stage.is_none_or(|stage| class.stages.contains(&stage))
            })
            .collect();
        possible.sort_by_key(|(_, class)| class.rank);
        possible
    }

    fn class(&self, hit: &Hit) -> Option<Class<'a>> {
        // a machine under test has troubles of its own: what fails there is no build
        let possible = self.possible(&hit.classes).into_iter();
        let mut possible = possible.filter(|(id, _)| self.module || !of_module_only(id, hit));
        match self.guests(hit) {
            true => possible.find(|(_, class)| class.stages.contains(&Stage::Boot)),
            false => possible.next(),
        }
    }

    /// Whether it shows a class that is more than a hint, and not of the machine that builds.
    fn known(&self, hit: &Hit) -> bool {
        self.class(hit)
            .is_some_and(|(_, class)| class.rank < HINT && !class.is_the_machines())
    }

    /// Trouble of the machine that builds, wherever it shows; rather in a program's words than in make's.
    fn machine(&self, told: impl Fn(&Hit) -> bool) -> Option<Found<'a>> {
        let of_machine = self.hits.iter().filter(|hit| told(hit)).filter_map(|hit| {
            let class = self.class(hit)?;
            let fetch = class.1.rank >= FETCH;
            (class.1.is_the_machines() && !(fetch && self.overcome(hit))).then_some((hit, class))
        });
        let (hit, class) = of_machine.min_by_key(|(hit, (_, class))| {
            let retold = matches!(hit.kind, Kind::Make(_) | Kind::Consequence | Kind::Ours);
            (class.rank, retold, hit.number)
        })?;
        Some((hit, Some(class)))
    }

    /// Whether the build went on after a file could not be fetched, and then stopped at something else.
    fn overcome(&self, fetch: &Hit) -> bool {
        let stops = |hit: &Hit| {
            let cause = self.known(hit) && hit.kind != Kind::Warning;
            cause || matches!(hit.kind, Kind::Make(_))
        };
        let went_on = !fetch.hosts && fetch.number < self.reading.last_step;
        went_on
            && self
                .hits
                .iter()
                .any(|it| it.number > fetch.number && stops(it))
    }

    /// kflake's own line, where it says more than that a build failed.
    fn ours(&self) -> Option<&'a Hit> {
        self.hits
            .iter()
            .rev()
            .find(|hit| hit.kind == Kind::Ours && self.known(hit))
    }

    /// The function in which a kernel crashed.
    fn function(&self, crash: &Hit) -> Option<String> {
        let of_console = |(_, class): &Class<'_>| class.stages == [Stage::Boot];
        if !self.possible(&crash.classes).iter().any(of_console) {
            return None;
        }
        let own = function(&crash.text);
        let behind = self
            .hits
            .iter()
            .filter(|hit| hit.number > crash.number && hit.number - crash.number <= PLACE)
            .find_map(|hit| function(&hit.text));
        own.or(behind).map(str::to_owned)
    }
}
