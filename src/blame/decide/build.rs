//! What ended a build: mostly the first known line before make says that a command failed.

use super::super::grammar::{Kind, asks, is_message, is_outright};
use super::super::{FailureTable, Hit, Reading};
use super::{CLUSTER, COMPILE, Class, Found, HINT, Log};
use crate::catalog::{FailureClass, Stage};

/// How far behind an error the lines are that tell its kind.
const NEAR: u64 = 12;
/// How far from "treated as errors" the warning is.
const WARNING: u64 = 40;
/// Classes of what a program of the toolchain refuses, of no special kind.
const REFUSED: [&str; 4] = [
    COMPILE,
    "compiler-error",
    "linker-error",
    "object-tool-error",
];
/// The class of a compiler's error while a kernel is built, which has no signature of its own.
pub(in super::super) const KERNEL_COMPILE: &str = "kernel-compile";
/// The same for a module.
pub(in super::super) const MODULE_COMPILE: &str = "module-compile";
/// The class of a configuration that leaves questions open.
const ASKS: &str = "kconfig-asks";

/// The classes that the data has to hold.
#[cfg(test)]
pub(super) const KNOWN_BY_NAME: [&str; 7] = {
    let [_, compiler, linker, object] = REFUSED;
    let compile = COMPILE;
    [
        compile,
        compiler,
        linker,
        object,
        KERNEL_COMPILE,
        MODULE_COMPILE,
        ASKS,
    ]
};

/// The question of Kconfig's that a log ends at: the build waits for an answer.
pub(super) fn asked(table: &FailureTable, reading: &Reading) -> Option<Hit> {
    let mut tail = (1..=reading.number).rev().zip(reading.tail.iter().rev());
    let (number, text) = tail.find(|(_, text)| !text.trim().is_empty())?;
    let (id, _) = table.classes.get_key_value(ASKS)?;
    asks(text).then(|| Hit::told(number, text, id))
}

/// What the status of make's first error tells by itself, where no line says more: of the line before it, which says what was built.
pub(super) fn told_by_status(table: &FailureTable, reading: &Reading) -> Option<Hit> {
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

impl<'a> Log<'a> {
    /// What ended a build, and its class.
    pub(super) fn build(&self) -> Option<Found<'a>> {
        let end = self.end();
        let hit = self
            .confirmed(end)
            .or_else(|| self.first_known(end))
            .or_else(|| self.ours())
            .or(self.asked)
            .or_else(|| self.closest(end))
            // what stands behind make's first error: programs that ran beside the one that failed write there too
            .or_else(|| self.confirmed(u64::MAX))
            .or(self.told)
            .or_else(|| self.warning_before(end))
            .or_else(|| self.first_known(u64::MAX))
            .or_else(|| self.stray(end))?;
        Some((self.shown(hit), self.build_class(hit)))
    }

    /// The line in which make says for the first time that a command failed.
    fn end(&self) -> u64 {
        let ends = |hit: &&Hit| matches!(hit.kind, Kind::Make(_) | Kind::Recipe);
        self.hits
            .iter()
            .find(ends)
            .map_or(u64::MAX, |hit| hit.number)
    }

    /// The first known line before `end`.
    fn first_known(&self, end: u64) -> Option<&'a Hit> {
        self.hits
            .iter()
            .find(|hit| hit.number < end && self.known(hit))
    }

    /// The line of a kind that make's first status confirms: the first of those that stand together.
    fn confirmed(&self, end: u64) -> Option<&'a Hit> {
        let status = self.hits.iter().find_map(|hit| match hit.kind {
            Kind::Make(status) => Some(status),
            _ => None,
        })??;
        let confirmed = |hit: &&Hit| {
            let class = self.class(hit);
            class.is_some_and(|(_, class)| class.status.map(u32::from) == Some(status))
        };
        let before = self.hits.iter().rev().filter(|hit| hit.number < end);
        let mut found: Option<&'a Hit> = None;
        for hit in before.filter(confirmed) {
            if found.is_some_and(|later| later.number - hit.number > CLUSTER) {
                break;
            }
            found = Some(hit);
        }
        found
    }

    /// What looks like an error closest before `end`: the first line of those that stand together, rather a program's than a user's.
    pub(super) fn closest(&self, end: u64) -> Option<&'a Hit> {
        let hint = |hit: &Hit| {
            self.class(hit).is_some_and(|(_, class)| class.rank >= HINT) && hit.kind != Kind::Ours
        };
        let machines = |hit: &Hit| {
            self.class(hit)
                .is_some_and(|(_, class)| class.is_the_machines())
        };
        let likely = |hit: &&Hit| {
            let suspect = hit.kind == Kind::Suspect && !self.known(hit) && !machines(hit);
            hit.number < end && (hint(hit) || suspect)
        };
        let mut found: Option<&'a Hit> = None;
        let mut hinted: Option<&'a Hit> = None;
        let mut message: Option<&'a Hit> = None;
        let mut outright: Option<&'a Hit> = None;
        for hit in self.hits.iter().rev().filter(likely) {
            if found.is_some_and(|later| later.number - hit.number > CLUSTER) {
                break;
            }
            found = Some(hit);
            if hint(hit) {
                hinted = Some(hit);
            }
            if is_message(hit.text.trim_start()) {
                message = Some(hit);
            }
            if is_outright(hit.text.trim_start()) {
                outright = Some(hit);
            }
        }
        hinted.or(outright).or(message).or(found)
    }

    /// The warning right before make's error, where nothing else was said.
    fn warning_before(&self, end: u64) -> Option<&'a Hit> {
        self.hits.iter().rev().find(|hit| {
            hit.kind == Kind::Warning && hit.number < end && end - hit.number <= CLUSTER
        })
    }

    /// What looks like an error behind make's first one, unless what failed was told before that.
    fn stray(&self, end: u64) -> Option<&'a Hit> {
        let outcome = self.reading.outcome.as_ref();
        match outcome.is_some_and(|(number, ..)| *number < end && end != u64::MAX) {
            true => None,
            false => self.closest(u64::MAX),
        }
    }

    /// The line to show for `hit`: the warning that was treated as an error, where it says only that one was.
    fn shown(&self, hit: &'a Hit) -> &'a Hit {
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
        shown.unwrap_or(hit)
    }

    /// The class of `hit`, in what was built.
    fn build_class(&self, hit: &Hit) -> Option<Class<'a>> {
        let class = self.class(hit)?;
        // a toolchain is tried with programs of a few lines, and kflake's own line says what it means that one fails
        if self.stage == Some(Stage::Toolchain)
            && let Some(ours) = self.ours()
        {
            return self.class(ours);
        }
        match REFUSED.contains(&class.0.as_str()) {
            true => self.refused_class(hit, class),
            false => Some(class),
        }
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
        let special = match self.stage {
            Some(Stage::Kernel) if own.0.as_str() == COMPILE => Some(KERNEL_COMPILE),
            Some(Stage::Module) if own.0.as_str() == COMPILE => Some(MODULE_COMPILE),
            None if self.module && own.0.as_str() == COMPILE => Some(MODULE_COMPILE),
            _ => None,
        };
        let special = || self.table.classes.get_key_value(special?);
        told.or_else(special).or(Some(own))
    }
}
