//! Reading a failure's log: what went wrong first, and of which known kind it is.
//!
//! One function, [`FailureTable::read`], answers for every command: text in, a [`Blame`] out. It reads line by line and keeps what
//! may matter; then it decides. What a kind of failure looks like is data (`matrix/failures.json`); what make, shells and consoles look
//! like in general is in [`grammar`].

mod decide;
mod grammar;
mod languages;
mod line;
mod pattern;
mod splats;

use std::collections::{BTreeMap, VecDeque};
use std::io::BufRead;
use std::sync::OnceLock;

use regex::RegexSet;

use crate::catalog::{Catalog, FailureClass, Signature, Stage};
use crate::id::{ConstraintId, FailureId, FixId};

pub use line::NIX;
pub use splats::Splats;

/// Lines of a log that a record keeps.
const TAIL: usize = 20;
/// How far apart a compiler's notes on one error are.
const NOTES: u64 = 20;
/// Lines that may be the cause and are remembered. Those at the beginning of a log tell it; a log with more errors says nothing new.
const REMEMBERED: usize = 4000;

/// Every known class.
#[derive(Debug)]
pub struct FailureTable {
    classes: BTreeMap<FailureId, FailureClass>,
    /// Constraints by the fixes that lift them.
    lifted: BTreeMap<ConstraintId, Vec<FixId>>,
    signatures: OnceLock<Signatures>,
}

/// The signatures of all classes as one automaton: compiled when the first failure is read.
#[derive(Debug)]
struct Signatures {
    set: RegexSet,
    /// The class of each expression, and what it is there for.
    owners: Vec<(FailureId, Use)>,
}

impl Signatures {
    /// Notes in `hit` whose signatures `text` shows.
    fn show(&self, text: &str, hit: &mut Hit) {
        let owners = || {
            let matches = self.set.matches(text);
            matches.into_iter().filter_map(|it| self.owners.get(it))
        };
        for (id, what) in owners() {
            let excepted = || owners().any(|(other, it)| *it == Use::Exception && other == id);
            match what {
                Use::Pattern if !excepted() => hit.classes.push(id.clone()),
                Use::Near => hit.near.push(id.clone()),
                _ => {}
            }
        }
        hit.classes.dedup();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Pattern,
    Exception,
    Near,
}

/// A line that may be the cause of a failure, or that tells of it.
#[derive(Clone, Debug)]
struct Hit {
    /// Its number, from 1 on.
    number: u64,
    text: String,
    quoted: bool,
    /// Whether Nix or QEMU says it of the machine that builds.
    hosts: bool,
    kind: grammar::Kind,
    /// The classes whose signature it shows.
    classes: Vec<FailureId>,
    /// The classes that it tells of, where it stands behind an error.
    near: Vec<FailureId>,
}

impl Hit {
    /// A line that tells of `class` by where it stands, and not by what it says.
    fn told(number: u64, text: &str, class: &FailureId) -> Hit {
        Hit {
            number,
            text: text.to_owned(),
            quoted: false,
            // it is not the guest that says so
            hosts: true,
            kind: grammar::Kind::Suspect,
            classes: vec![class.clone()],
            near: Vec::new(),
        }
    }
}

/// What a log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blame {
    /// The class of the failure; none: no signature matched.
    pub class: Option<FailureId>,
    /// The stage that the log is of, where that was said, or the log says it itself.
    pub stage: Option<Stage>,
    /// The line that tells the cause; of an unknown kind, the one that looks most like it. Never make's own: it tells of none.
    pub first_error: Option<String>,
    /// Its number in the log, from 1 on.
    pub line_number: Option<u64>,
    /// Of a kernel's crash, the function in which it happened.
    pub function: Option<String>,
    /// The constraint that it is known from, where only one comes into question or the line tells which.
    pub constraint: Option<ConstraintId>,
    /// The log's last lines.
    pub tail: VecDeque<String>,
}

impl FailureTable {
    /// The classes of `catalog`.
    pub fn new(catalog: &Catalog) -> FailureTable {
        let mut lifted: BTreeMap<ConstraintId, Vec<FixId>> = BTreeMap::new();
        for (id, fix) in &catalog.fixes {
            for constraint in &fix.lifts {
                lifted
                    .entry(constraint.clone())
                    .or_default()
                    .push(id.clone());
            }
        }
        FailureTable {
            classes: catalog.failures.clone(),
            lifted,
            signatures: OnceLock::new(),
        }
    }

    /// The class `id`.
    pub fn get(&self, id: &str) -> Option<&FailureClass> {
        self.classes.get(id)
    }

    /// Every class, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&FailureId, &FailureClass)> {
        self.classes.iter()
    }

    /// The fixes that lift a constraint.
    pub fn fixes_of(&self, constraint: &ConstraintId) -> &[FixId] {
        self.lifted.get(constraint).map_or(&[], Vec::as_slice)
    }

    fn signatures(&self) -> &Signatures {
        self.signatures.get_or_init(|| {
            let uses = self.classes.iter().flat_map(|(id, class)| {
                let of = |list, as_what| move || (list, as_what);
                let lists: [(&Vec<Signature>, Use); 3] = [
                    of(&class.patterns, Use::Pattern)(),
                    of(&class.except, Use::Exception)(),
                    of(&class.near, Use::Near)(),
                ];
                lists
                    .into_iter()
                    .flat_map(move |(list, what)| list.iter().map(move |it| (it, id.clone(), what)))
            });
            let (signatures, owners): (Vec<&Signature>, Vec<(FailureId, Use)>) = uses
                .map(|(signature, id, what)| (signature, (id, what)))
                .unzip();
            // loading a project's data refuses what does not compile, and a test the embedded ones
            match Signature::compile_all(signatures) {
                Ok(set) => Signatures { set, owners },
                Err(_) => Signatures {
                    set: RegexSet::empty(),
                    owners: Vec::new(),
                },
            }
        })
    }

    /// Reads a log. `stage` is what was built, where it is a stage.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(&self, log: impl BufRead, stage: Option<Stage>) -> std::io::Result<Blame> {
        let mut reading = Reading::default();
        for line in line::lines(log) {
            reading.take(self.signatures(), &line?);
        }
        reading.end();
        let mut blame = decide::decide(self, &reading, stage);
        blame.tail = reading.tail;
        Ok(blame)
    }

    /// Reads a log that is in memory.
    pub fn read_text(&self, log: &str, stage: Option<Stage>) -> Blame {
        // memory can always be read
        self.read(log.as_bytes(), stage).unwrap_or_default()
    }
}

/// What was read of a log.
#[derive(Debug, Default)]
struct Reading {
    number: u64,
    hits: Vec<Hit>,
    /// The last line before make's first error that was not empty; where there is none, the last that is not make's.
    last: Option<(u64, String)>,
    /// The last line before make's first error that is more than progress.
    last_words: Option<(u64, String)>,
    /// The first of a compiler's notes right before make's first error.
    note: Option<(u64, String)>,
    ended: bool,
    last_warning: Option<Hit>,
    /// Whether the next warning is the cause of an error that was printed before it.
    wants_warning: bool,
    /// Whether any line is quoted, as the console's are in a log of kflake's.
    quoted: bool,
    /// Whether a line that is not quoted is a console's.
    console: bool,
    /// Whether a kernel began to boot in a line that is not quoted.
    boots: bool,
    /// Whether a kernel runs, or the system on it: a boot loader did its work.
    started: bool,
    /// The first line in which a kernel has a root, or an initramfs with an init.
    rooted: Option<u64>,
    /// Whether a module is built, outside of a kernel's tree.
    module: bool,
    /// The last line in which the build went on.
    last_step: u64,
    /// The first line that says only that something failed, rather a tool's than of what runs it. Make's own are none.
    outcome: Option<(u64, String, bool)>,
    /// A line that ends at `error:`, and what it says: the message stands in the next one.
    begun: Option<(Hit, String)>,
    tail: VecDeque<String>,
}

impl Reading {
    fn take(&mut self, signatures: &Signatures, line: &line::Line) {
        self.number += 1;
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.core.clone());
        if line.core.is_empty() {
            return;
        }
        if line.is_binary() {
            return;
        }
        self.quoted |= line.quoted;
        self.console |= !line.quoted && line.is_console();
        if line.is_step() {
            self.last_step = self.number;
        }
        self.module = self.module || line.builds_module();
        // what kflake tells of a configuration ends no build
        if line.core.starts_with("note: configuration: ") {
            return;
        }
        if line.is_typed() {
            return;
        }
        if line.is_progress() || line.is_excerpt() {
            self.last_before_end(line);
            return;
        }
        let normal = line.normal();
        self.boots |= !line.quoted && line.begins_boot(&normal);
        self.started |= line.is_console() || grammar::starts_kernel(&normal);
        if self.rooted.is_none() && grammar::has_root(&normal) {
            self.rooted = Some(self.number);
        }
        // a console that forges kflake's lines is not believed
        if line.quoted && normal.starts_with("kflake: ") {
            return;
        }
        let mut kind = grammar::Kind::of(&normal);
        let of_make = match kind {
            grammar::Kind::Consequence => grammar::is_makes(&normal),
            kind => matches!(kind, grammar::Kind::Make(_) | grammar::Kind::Recipe),
        };
        if !of_make {
            self.last_before_end(line);
        }
        let message = self.message(kind, &normal);
        if let Some(message) = &message {
            kind = grammar::Kind::of(message);
        }
        let mut hit = Hit {
            number: self.number,
            text: line.core.clone(),
            quoted: line.quoted,
            hosts: line.hosts,
            kind,
            classes: Vec::new(),
            near: Vec::new(),
        };
        // kflake's line repeats a console's last one, which is read where it stands
        let told: &str = match hit.kind {
            grammar::Kind::Ours => normal.split("; last line: ").next().unwrap_or(&normal),
            _ => &normal,
        };
        if !grammar::is_expected(told) {
            signatures.show(told, &mut hit);
        }
        if let Some(message) = &message {
            signatures.show(message, &mut hit);
        }
        match hit.kind {
            grammar::Kind::Make(_) | grammar::Kind::Recipe => self.ended = true,
            grammar::Kind::Consequence if !grammar::is_makes(&normal) => {
                let of_tool = grammar::is_tools(&normal);
                let closer = |(_, _, known): &(_, _, bool)| of_tool && !known;
                if self.outcome.as_ref().is_none_or(closer) {
                    self.outcome = Some((self.number, line.core.clone(), of_tool));
                }
            }
            grammar::Kind::Consequence | grammar::Kind::Ours => {}
            _ if !self.ended && grammar::is_note(&normal) => {
                let near = |(number, _): &(u64, String)| self.number - number <= NOTES;
                if !self.note.as_ref().is_some_and(near) {
                    self.note = Some((self.number, line.core.clone()));
                }
            }
            _ if self.ended || grammar::is_noise(&normal) => {}
            grammar::Kind::Plain if grammar::announces(&normal) => {}
            _ => self.last_words = Some((self.number, line.core.clone())),
        }
        match grammar::begins_message(&normal) && hit.kind == grammar::Kind::Suspect {
            true => self.begun = Some((hit, normal.into_owned())),
            false => self.keep(hit),
        }
    }

    /// What `line` says together with the line before it, which ended at `error:`.
    fn message(&mut self, kind: grammar::Kind, line: &str) -> Option<String> {
        use grammar::Kind;
        let (begin, text) = self.begun.take()?;
        let rest = line.trim_start_matches(['*', '-', ' ']);
        let other = matches!(kind, Kind::Make(_) | Kind::Recipe | Kind::Consequence);
        if other || !rest.starts_with(|c: char| c.is_alphanumeric() || "'\"(/".contains(c)) {
            self.keep(begin);
            return None;
        }
        Some(format!("{} {rest}", text.trim_end()))
    }

    /// Takes the end of the log.
    fn end(&mut self) {
        if let Some((begin, _)) = self.begun.take() {
            self.keep(begin);
        }
    }

    fn last_before_end(&mut self, line: &line::Line) {
        if !self.ended || self.last.is_none() {
            self.last = Some((self.number, line.core.clone()));
        }
    }

    fn keep(&mut self, hit: Hit) {
        use grammar::Kind;
        if hit.kind == Kind::Warning && hit.classes.is_empty() {
            if std::mem::take(&mut self.wants_warning) {
                self.hits.push(hit.clone());
            }
            self.last_warning = Some(hit);
            return;
        }
        match hit.kind {
            // what gcc before 4.6 says before the warnings, and others behind them
            Kind::WarningsAreErrorsAhead => self.wants_warning = true,
            Kind::WarningsAreErrors | Kind::Make(_) => {
                let warning = self.last_warning.take();
                self.hits.extend(warning);
            }
            _ => {}
        }
        let tells = !hit.classes.is_empty() || !hit.near.is_empty() || hit.kind != Kind::Plain;
        let room = self.hits.len() < REMEMBERED;
        if tells && (room || matches!(hit.kind, Kind::Ours)) {
            self.hits.push(hit);
        }
    }
}

#[cfg(test)]
mod tests;
