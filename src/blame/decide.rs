//! From the lines that may matter to the one that does.

use super::grammar::{Kind, function, hands_over, has_root, is_message, waits_for_root};
use super::{Blame, FailureTable, Hit, Reading};
use crate::catalog::{FailureClass, Stage};
use crate::id::{ConstraintId, FailureId};

/// Classes from this rank on are hints.
const HINT: u16 = 40;
/// Classes of a console up to this rank say by themselves why a boot ended.
const PLAIN_END: u16 = 22;
/// How far behind an error the lines are that tell its kind.
const NEAR: u64 = 12;
/// How far from "treated as errors" the warning is.
const WARNING: u64 = 40;
/// How far behind a crash the lines are that tell its place.
const PLACE: u64 = 60;
/// How far apart lines are that belong together.
const CLUSTER: u64 = 8;
/// Classes of the machine from this rank on are about one way to get a file. There may be others.
const FETCH: u16 = 7;
/// The class of any error of a compiler or assembler.
const COMPILE: &str = "compile-error";
/// Classes of what a program of the toolchain refuses, of no special kind.
const REFUSED: [&str; 4] = [
    COMPILE,
    "compiler-error",
    "linker-error",
    "object-tool-error",
];
/// The class of a module's source that is for another kernel.
const API_CHANGED: &str = "api-changed";
/// The class of what a boot loader refuses.
const LOADER: &str = "boot-loader";
/// The class of a system that gives a shell to mend it.
const EMERGENCY: &str = "boot-emergency";
/// The class of a kernel that says nothing.
const SILENT: &str = "boot-silent";
/// The class of a kernel that has no root.
const NO_ROOT: &str = "boot-no-root";
/// The class of a compiler's error while a kernel is built, which has no signature of its own.
pub(super) const KERNEL_COMPILE: &str = "kernel-compile";
/// The same for a module.
pub(super) const MODULE_COMPILE: &str = "module-compile";
/// The classes that are known by name: what the data has to hold.
#[cfg(test)]
pub(super) fn known_by_name() -> impl Iterator<Item = &'static str> {
    let single = [
        API_CHANGED,
        LOADER,
        EMERGENCY,
        SILENT,
        NO_ROOT,
        KERNEL_COMPILE,
        MODULE_COMPILE,
    ];
    single.into_iter().chain(REFUSED)
}

type Class<'a> = (&'a FailureId, &'a FailureClass);
type Found<'a> = (&'a Hit, Option<Class<'a>>);

/// What `reading` says.
pub(super) fn decide(table: &FailureTable, reading: &Reading, stage: Option<Stage>) -> Blame {
    let stage = stage
        .or_else(|| stage_of(&reading.hits))
        .or(reading.boots.then_some(Stage::Boot));
    let told = match stage {
        Some(Stage::Boot) => stopped(table, reading),
        _ => told_by_status(table, reading),
    };
    let log = Log {
        table,
        hits: &reading.hits,
        stage,
        console: reading.console && !reading.quoted,
        last_step: reading.last_step,
        module: stage == Some(Stage::Module) || reading.module,
        started: reading.started,
        told: told.as_ref(),
    };
    let found = log
        .machine(|hit| hit.kind != Kind::Warning)
        .or_else(|| match log.stage {
            Some(Stage::Boot) => log.boot(),
            _ => log.build(),
        })
        .or_else(|| log.machine(|_| true));
    let Some((hit, class)) = found else {
        // what only says that something failed, where nothing was said right before it
        let of_line = |(number, text): &(u64, String)| (*number, text.clone());
        let words = reading.last_words.as_ref().map(of_line);
        let failed = reading.outcome.as_ref();
        let note = reading.note.as_ref().map(of_line);
        let outcome = failed.map(|(number, text, _)| (*number, text.clone()));
        let makes = |hit: &&Hit| matches!(hit.kind, Kind::Make(_) | Kind::Recipe);
        let makes = reading.hits.iter().find(makes);
        let end = makes.map_or(u64::MAX, |hit| hit.number);
        // the source that it points to stands below it
        let told = words.as_ref().map_or(0, |(number, _)| *number);
        let of_tool = failed.is_some_and(|(_, _, of_tool)| *of_tool);
        let note = note.filter(|(number, _)| told < number + CLUSTER && !of_tool);
        let last = match (&words, &outcome) {
            _ if note.is_some() => note,
            (Some((said, _)), Some((failed, _))) if *said + 1 != end.min(*failed) => outcome,
            _ => words.or(outcome).or(reading.last.as_ref().map(of_line)),
        };
        return Blame {
            line_number: last.as_ref().map(|(number, _)| *number),
            first_error: last.map(|(_, text)| text),
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

/// What the status of make's first error tells by itself, where no line says more: of the line before it, which says what was built.
fn told_by_status(table: &FailureTable, reading: &Reading) -> Option<Hit> {
    let status = reading.hits.iter().find_map(|hit| match hit.kind {
        Kind::Make(status) => Some(status),
        _ => None,
    })??;
    let own = |class: &FailureClass| class.status.map(u32::from) == Some(status);
    let (id, _) = table
        .classes
        .iter()
        .find(|(_, class)| own(class) && class.rank >= HINT)?;
    let (number, text) = reading.last.as_ref()?;
    Some(Hit::told(*number, text, id))
}

/// Where a boot stopped without a word: the last line hands over to a kernel, or waits for a root that did not come.
fn stopped(table: &FailureTable, reading: &Reading) -> Option<Hit> {
    let class = |id: &str| table.classes.get_key_value(id).map(|(id, _)| id);
    let tail = || (1..=reading.number).rev().zip(reading.tail.iter().rev());
    let (number, text) = tail().find(|(_, text)| !text.trim().is_empty())?;
    if hands_over(text) {
        return Some(Hit::told(number, text, class(SILENT)?));
    }
    let (number, text) = tail()
        .take_while(|(_, text)| !has_root(text))
        .find(|(_, text)| waits_for_root(text))?;
    Some(Hit::told(number, text, class(NO_ROOT)?))
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
    hits: &'a [Hit],
    stage: Option<Stage>,
    /// Whether the log is a console's, written by something else than kflake.
    console: bool,
    /// The last line in which the build went on.
    last_step: u64,
    /// Whether a module is built, outside of a kernel's tree.
    module: bool,
    /// Whether a kernel runs: a boot loader did its work.
    started: bool,
    /// What the log tells by how it ends, where no line of it says more.
    told: Option<&'a Hit>,
}

impl<'a> Log<'a> {
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

    fn strong(&self, hit: &Hit) -> bool {
        self.class(hit)
            .is_some_and(|(_, class)| class.rank < HINT && !class.is_the_machines())
    }

    /// Whether it tells of trouble of the machine that builds.
    fn machines(&self, hit: &Hit) -> bool {
        self.class(hit)
            .is_some_and(|(_, class)| class.is_the_machines())
    }

    fn hint(&self, hit: &Hit) -> bool {
        self.class(hit).is_some_and(|(_, class)| class.rank >= HINT) && hit.kind != Kind::Ours
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
            let cause = self.strong(hit) && hit.kind != Kind::Warning;
            cause || matches!(hit.kind, Kind::Make(_))
        };
        let went_on = !fetch.hosts && fetch.number < self.last_step;
        went_on
            && self
                .hits
                .iter()
                .any(|it| it.number > fetch.number && stops(it))
    }

    fn build(&self) -> Option<Found<'a>> {
        let ends = |hit: &&Hit| matches!(hit.kind, Kind::Make(_) | Kind::Recipe);
        let make = self
            .hits
            .iter()
            .find(|hit| matches!(hit.kind, Kind::Make(_)));
        let cut = self
            .hits
            .iter()
            .find(ends)
            .map_or(u64::MAX, |hit| hit.number);
        let before = || self.hits.iter().filter(|hit| hit.number < cut);
        let (hit, class) = self
            .by_status(make, cut)
            .or_else(|| before().find(|hit| self.strong(hit)))
            .or_else(|| self.ours())
            .or_else(|| self.closest(cut))
            .or_else(|| self.by_status(make, u64::MAX))
            .or(self.told)
            .or_else(|| self.warning_before(cut))
            .or_else(|| self.hits.iter().find(|hit| self.strong(hit)))
            .or_else(|| self.closest(u64::MAX))
            .map(|hit| self.named(hit))?;
        Some((hit, class))
    }

    /// The line of a kind that make's first status confirms: the first of those that stand together.
    fn by_status(&self, make: Option<&Hit>, cut: u64) -> Option<&'a Hit> {
        let Kind::Make(Some(status)) = make?.kind else {
            return None;
        };
        let confirmed = |hit: &&Hit| {
            let class = self.class(hit);
            class.is_some_and(|(_, class)| class.status.map(u32::from) == Some(status))
        };
        let before = self.hits.iter().rev().filter(|hit| hit.number < cut);
        let mut found: Option<&'a Hit> = None;
        for hit in before.filter(confirmed) {
            if found.is_some_and(|later| later.number - hit.number > CLUSTER) {
                break;
            }
            found = Some(hit);
        }
        found
    }

    /// kflake's own line, where it says more than that a build failed.
    fn ours(&self) -> Option<&'a Hit> {
        self.hits
            .iter()
            .rev()
            .find(|hit| hit.kind == Kind::Ours && self.strong(hit))
    }

    /// What looks like an error closest before `cut`: the first line of those that stand together, rather a program's than a user's.
    fn closest(&self, cut: u64) -> Option<&'a Hit> {
        let likely = |hit: &&Hit| {
            let suspect = hit.kind == Kind::Suspect && !self.strong(hit) && !self.machines(hit);
            hit.number < cut && (self.hint(hit) || suspect)
        };
        let mut found: Option<&'a Hit> = None;
        let mut hint: Option<&'a Hit> = None;
        let mut message: Option<&'a Hit> = None;
        for hit in self.hits.iter().rev().filter(likely) {
            if found.is_some_and(|later| later.number - hit.number > CLUSTER) {
                break;
            }
            found = Some(hit);
            if self.hint(hit) {
                hint = Some(hit);
            }
            if is_message(hit.text.trim_start()) {
                message = Some(hit);
            }
        }
        hint.or(message).or(found)
    }

    /// The warning right before make's error, where nothing else was said.
    fn warning_before(&self, cut: u64) -> Option<&'a Hit> {
        self.hits.iter().rev().find(|hit| {
            hit.kind == Kind::Warning && hit.number < cut && cut - hit.number <= CLUSTER
        })
    }

    /// The line to show, and its class.
    fn named(&self, hit: &'a Hit) -> Found<'a> {
        let warnings = || self.hits.iter().filter(|it| it.kind == Kind::Warning);
        let near = |it: &&Hit| it.number.abs_diff(hit.number) <= WARNING;
        let shown = match hit.kind {
            Kind::WarningsAreErrors => warnings().filter(near).rfind(|it| it.number < hit.number),
            Kind::WarningsAreErrorsAhead => {
                let ahead = warnings().filter(near).find(|it| it.number > hit.number);
                ahead.or_else(|| {
                    // with -Wall turned into errors, gcc 4.5 says `error:`
                    self.hits.iter().filter(near).find(|it| {
                        it.number > hit.number
                            && self.class(it).is_some_and(|(id, _)| id.as_str() == COMPILE)
                    })
                })
            }
            _ => None,
        };
        let class = match self.class(hit) {
            Some(class) if REFUSED.contains(&class.0.as_str()) => self.refused_class(hit, class),
            other => other,
        };
        (shown.unwrap_or(hit), class)
    }

    /// The class of what a program of the toolchain refuses, of no special kind: `own` is its own.
    fn refused_class(&self, hit: &Hit, own: Class<'a>) -> Option<Class<'a>> {
        let behind = self
            .hits
            .iter()
            .filter(|it| it.number > hit.number && it.number - hit.number <= NEAR)
            .take_while(|it| !matches!(it.kind, Kind::Make(_)));
        let told = behind
            .flat_map(|it| self.possible(&it.near))
            .min_by_key(|(_, class)| class.rank);
        let name = match self.stage {
            Some(Stage::Kernel) if own.0.as_str() == COMPILE => KERNEL_COMPILE,
            Some(Stage::Module) if own.0.as_str() == COMPILE => MODULE_COMPILE,
            None | Some(Stage::Kernel | Stage::Module) => return told.or(Some(own)),
            // there kflake's own line says what it means
            Some(Stage::Toolchain) => {
                let ours = || self.ours().map_or(Some(own), |ours| self.class(ours));
                return told.or_else(ours);
            }
            Some(Stage::Boot) => return told.or_else(|| self.class(self.ours()?)),
        };
        told.or_else(|| self.table.classes.get_key_value(name))
    }

    /// What ended a boot: what the console complained of first, by the class of kflake's own line where that says more.
    fn boot(&self) -> Option<Found<'a>> {
        let own = self
            .hits
            .iter()
            .rev()
            .filter(|hit| hit.kind == Kind::Ours)
            .find_map(|hit| Some((hit, self.class(hit)?)));
        let complaints = || {
            self.hits
                .iter()
                .filter(|hit| hit.kind != Kind::Ours && self.strong(hit))
                .filter_map(|hit| Some((hit, self.class(hit)?)))
                // a boot loader tries this and that until it finds the kernel
                .filter(|(_, (id, _))| id.as_str() != LOADER || !self.started)
        };
        let worst = complaints().min_by_key(|(_, (_, class))| class.rank);
        let Some((worst_hit, worst_class)) = worst else {
            return match own {
                Some((hit, class)) => Some((hit, Some(class))),
                None => self
                    .told
                    .or_else(|| self.place())
                    .or_else(|| self.closest(u64::MAX))
                    .map(|hit| (hit, self.class(hit))),
            };
        };
        let line = match worst_class.1.rank <= PLAIN_END {
            true => worst_hit,
            false => {
                let first = complaints().next().map_or(worst_hit, |(hit, _)| hit);
                // the beginning of what it belongs to may be missing
                let place = self.place().filter(|place| place.number < first.number);
                let near = |place: &&Hit| first.number - place.number <= PLACE;
                place.filter(near).unwrap_or(first)
            }
        };
        let line = match worst_class.0.as_str() == EMERGENCY {
            true => self.first_failed(line).unwrap_or(line),
            false => line,
        };
        let class = match own {
            Some((_, class)) if class.1.rank < HINT => class,
            _ => worst_class,
        };
        Some((line, Some(class)))
    }

    /// What systemd could not start first, before `line`.
    fn first_failed(&self, line: &Hit) -> Option<&'a Hit> {
        self.hits.iter().find(|hit| {
            let failed = ["[FAILED] ", "[DEPEND] "];
            hit.number < line.number && failed.iter().any(|it| hit.text.starts_with(it))
        })
    }

    /// The place in a kernel at which something happened, of which the log does not have the beginning.
    fn place(&self) -> Option<&'a Hit> {
        self.hits.iter().find(|hit| hit.kind == Kind::Place)
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
