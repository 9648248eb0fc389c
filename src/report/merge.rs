//! One report of several: of the shards of a run, or of runs on several machines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

use crate::files::{self, Own, OwnError};
use crate::id::{ArchId, EraId};
use crate::text::clean_line;
use crate::validate::{
    CellRecord, Outcome, RunRecord, SCHEMA_VERSION, Shard, Stage, StageRecord, coverage,
};
use crate::version::KernelVersion;

use super::compare::standing;
use super::text::{clean, is_plain_path};

/// The folder of logs in a report's.
const LOGS: &str = "logs/";
/// The most of a log that is taken: what a run writes, and some room.
const MAX_LOG: u64 = 72 << 20;
/// How the reason of a stage ends that passed, but not in every run.
const EARLIER: &str = " in an earlier run that was merged";
/// Shards that are named where more are missing.
const NAMED: usize = 5;

/// A report that is merged.
#[derive(Debug)]
pub struct Part {
    /// What it is called in messages.
    pub name: String,
    /// What it says.
    pub run: RunRecord,
}

/// Why reports cannot be one.
#[derive(Debug, Error, Diagnostic)]
pub enum MergeError {
    /// Runs with different tools.
    #[error("{} is of a run with the package set {one}, and {} of one with {other}", clean(.first), clean(.second))]
    #[diagnostic(
        code(kflake::report::packages),
        help(
            "merge the reports of one package set; `kflake report NEW --against OLD` compares two"
        )
    )]
    Packages {
        /// A report.
        first: String,
        /// Its package set.
        one: String,
        /// Another.
        second: String,
        /// Its package set.
        other: String,
    },
}

/// Several reports as one.
#[derive(Debug)]
pub struct Merged {
    /// The report. Its logs are where [`Merged::logs`] puts them.
    pub run: RunRecord,
    /// Logs: the part of which one is, its name in the folder of that, and its name here.
    pub logs: Vec<(usize, String, String)>,
    /// Logs that the reports name by what is no log's name in a report's folder, so that nobody looks for them.
    pub refused: usize,
    /// What is to be said of it.
    pub notes: Vec<String>,
}

/// What makes two records ones of the same cell.
type Key = (
    EraId,
    Option<KernelVersion>,
    ArchId,
    Option<String>,
    Option<String>,
);

fn key(cell: &CellRecord) -> Key {
    let toolchain = cell.toolchain.as_ref().map(|it| it.id.clone());
    (
        cell.era.clone(),
        cell.kernel.clone(),
        cell.arch.clone(),
        cell.profile.clone(),
        toolchain,
    )
}

/// The reports `parts` as one, in whatever order they are named.
///
/// Of a cell that several have, the record of the run that began last counts, among those in which it was tried; where they differ, a
/// note says so, and so does the stage that passed in the end.
///
/// # Errors
/// When they are of different package sets.
pub fn merge(parts: &[Part]) -> Result<Merged, MergeError> {
    same_packages(parts)?;
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| {
        let run = &parts[*at].run;
        (run.started, run.shard, &parts[*at].name)
    });

    let mut cells: BTreeMap<Key, (usize, CellRecord)> = BTreeMap::new();
    let mut notes = Vec::new();
    for &at in &order {
        for cell in &parts[at].run.cells {
            let mut cell = cell.clone();
            let key = key(&cell);
            if let Some((before, old)) = cells.get(&key) {
                if !tried(&cell) && tried(old) {
                    continue;
                }
                if let Some((stage, was)) = tried(old).then(|| differs(old, &cell)).flatten() {
                    let (old_name, name) = (&parts[*before].name, &parts[at].name);
                    let later = match parts[*before].run.started < parts[at].run.started {
                        true => "began later and ",
                        false => "",
                    };
                    notes.push(format!(
                        "{}: {} in {}, and {} in {}, which {later}counts",
                        name_of(&cell),
                        standing(old),
                        clean(old_name),
                        standing(&cell),
                        clean(name)
                    ));
                    remember(&mut cell, stage, was);
                }
                carry(old, &mut cell);
            }
            cells.insert(key, (at, cell));
        }
    }
    let missing = missing_shards(parts);
    let whole = missing.is_none();
    notes.extend(missing);
    let is_cut = parts.iter().any(|part| part.run.shard.is_some());
    let mut commands = parts.iter().map(|part| asked(&part.run));
    let first = commands.next();
    if is_cut && commands.any(|it| Some(it) != first) {
        notes.push(
            "warning: the shards are not of one command, so a selection may lack cells: run each with the same options".to_owned(),
        );
    }

    let mut place = vec![0; parts.len()];
    for (nth, at) in order.iter().enumerate() {
        place[*at] = nth + 1;
    }
    let mut logs = BTreeMap::new();
    let mut refused = 0;
    let mut cells: Vec<(usize, CellRecord)> = cells.into_values().collect();
    for (at, cell) in &mut cells {
        for file in cell.stages.iter_mut().flat_map(files_of) {
            let Some(name) = file.clone() else { continue };
            let to = name
                .strip_prefix(LOGS)
                .map(|rest| format!("{LOGS}{}/{rest}", place[*at]))
                // one that is elsewhere, or is none, is not looked for
                .filter(|to| is_plain_path(to) && to.ends_with(".log"));
            file.clone_from(&to);
            match to {
                Some(to) => drop(logs.insert((*at, name), to)),
                None => refused += 1,
            }
        }
    }
    let mut cells: Vec<CellRecord> = cells.into_iter().map(|(_, cell)| cell).collect();
    // as plans have them: kernels from old to new
    cells.sort_by(|a, b| a.kernel.cmp(&b.kernel));
    let logs = logs.into_iter().map(|((at, from), to)| (at, from, to));
    Ok(Merged {
        run: record(parts, &order, cells, whole),
        logs: logs.collect(),
        refused,
        notes,
    })
}

fn record(parts: &[Part], order: &[usize], cells: Vec<CellRecord>, whole: bool) -> RunRecord {
    let runs = || order.iter().map(|at| &parts[*at].run);
    let all = |of: fn(&RunRecord) -> &String| {
        let mut all: Vec<&str> = Vec::new();
        for text in runs().map(of) {
            if !all.contains(&text.as_str()) {
                all.push(text);
            }
        }
        all.join(", ")
    };
    let ended: Option<Vec<Timestamp>> = runs().map(|run| run.finished).collect();
    RunRecord {
        schema_version: SCHEMA_VERSION,
        kflake: all(|run| &run.kflake),
        nix: all(|run| &run.nix),
        packages: runs().find_map(|run| run.packages.clone()),
        started: runs().map(|run| run.started).min().unwrap_or_default(),
        // what lacks a shard is as one that was cut off
        finished: ended
            .filter(|_| whole)
            .and_then(|all| all.into_iter().max()),
        interrupted: runs().any(|run| run.interrupted),
        shard: None,
        command: command(runs()),
        coverage: coverage(&cells),
        cells,
    }
}

/// The command of all `runs`, but for which share each is, and where it reports; nothing where they had different ones.
fn command<'a>(runs: impl Iterator<Item = &'a RunRecord>) -> Vec<String> {
    let mut commands = runs.map(asked);
    let first = commands.next().unwrap_or_default();
    match commands.all(|other| other == first) {
        true => first,
        false => Vec::new(),
    }
}

/// The command of `run`, but for which share it is, and where it reports.
fn asked(run: &RunRecord) -> Vec<String> {
    let mut words = run.command.iter();
    let mut rest = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--shard" | "--report" => drop(words.next()),
            _ if word.starts_with("--shard=") || word.starts_with("--report=") => {}
            _ => rest.push(word.clone()),
        }
    }
    rest
}

fn same_packages(parts: &[Part]) -> Result<(), MergeError> {
    let mut known: Option<(&Part, &String)> = None;
    for part in parts {
        // an older report does not say
        let Some(own) = &part.run.packages else {
            continue;
        };
        match known {
            Some((first, one)) if one != own => {
                return Err(MergeError::Packages {
                    first: first.name.clone(),
                    one: clean(one),
                    second: part.name.clone(),
                    other: clean(own),
                });
            }
            _ => known = Some((part, own)),
        }
    }
    Ok(())
}

/// That not all shards are there; none: they are, or the reports are of no shards.
fn missing_shards(parts: &[Part]) -> Option<String> {
    let there: BTreeSet<Shard> = parts.iter().filter_map(|part| part.run.shard).collect();
    let divisions: BTreeSet<u32> = there.iter().map(|shard| shard.of()).collect();
    let mut texts = Vec::new();
    for of in divisions {
        let own: BTreeSet<u32> = there
            .iter()
            .filter(|shard| shard.of() == of)
            .map(|shard| shard.number())
            .collect();
        // a report may claim more shards than anybody could list
        let missing = of as usize - own.len();
        let named: Vec<String> = (1..=of)
            .filter(|number| !own.contains(number))
            .take(NAMED.min(missing))
            .map(|number| format!("{number}/{of}"))
            .collect();
        if missing > 0 {
            let more = match missing - named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            texts.push(named.join(", ") + &more);
        }
    }
    (!texts.is_empty()).then(|| {
        let texts = texts.join("; ");
        format!("warning: shards are missing, so the report is not finished: {texts}")
    })
}

/// The names of files that a stage has in its report's folder.
fn files_of(stage: &mut StageRecord) -> impl Iterator<Item = &mut Option<String>> {
    let log = stage.failure.as_mut().map(|failure| &mut failure.log);
    log.into_iter().chain([&mut stage.console])
}

/// Whether anything became of `cell`.
fn tried(cell: &CellRecord) -> bool {
    let mut stages = cell.stages.iter();
    stages.any(|it| it.outcome.is_success() || it.outcome.is_failure())
}

/// The first stage of which `old` and `new` do not say the same, and what it came to in `old`.
fn differs(old: &CellRecord, new: &CellRecord) -> Option<(Stage, Outcome)> {
    let of = |cell: &CellRecord, stage| match cell.stage(stage).map(|it| it.outcome) {
        Some(Outcome::Cached) => Some(Outcome::Passed),
        outcome => outcome,
    };
    Stage::ALL
        .into_iter()
        .find(|stage| of(old, *stage) != of(new, *stage))
        .and_then(|stage| Some((stage, of(old, stage)?)))
}

/// Has a stage that passed say that it had not.
fn remember(cell: &mut CellRecord, stage: Stage, was: Outcome) {
    let mut stages = cell.stages.iter_mut();
    let found = stages.find(|it| it.stage == stage && it.outcome.is_success());
    if let Some(found) = found.filter(|_| was.is_failure()) {
        found.reason = Some(format!("{was}{EARLIER}"));
    }
}

/// Has the stages of `cell` that passed say what those of `old`, which it takes the place of, say of runs before.
fn carry(old: &CellRecord, cell: &mut CellRecord) {
    for stage in cell.stages.iter_mut().filter(|it| it.outcome.is_success()) {
        let before = old.stage(stage.stage).and_then(|it| it.reason.as_ref());
        if let Some(before) = before.filter(|it| it.ends_with(EARLIER)) {
            stage.reason.get_or_insert_with(|| before.clone());
        }
    }
}

/// The lines of a log without what could act on a terminal.
fn plain_lines(text: &str) -> String {
    text.lines().map(|line| clean_line(line) + "\n").collect()
}

fn name_of(cell: &CellRecord) -> String {
    let kernel = cell.kernel.as_ref();
    let kernel = kernel.map_or_else(String::new, |it| format!(" {it}"));
    clean(&format!("{}{kernel}", cell.id))
}

/// Copies the logs of `merged` from `folders`, those of its parts, into `own`, and says how many cannot be had: the report names those
/// no more. What leads out of its folder cannot.
///
/// # Errors
/// When `own` cannot be written.
pub fn copy_logs(merged: &mut Merged, folders: &[&Path], own: &Own) -> Result<usize, OwnError> {
    let mut lost = BTreeSet::new();
    for (at, from, to) in std::mem::take(&mut merged.logs) {
        match files::read_below(folders[at], Path::new(&from), MAX_LOG) {
            Ok(bytes) => {
                // what a run writes has none; a folder that came from elsewhere may
                let text = String::from_utf8_lossy(&bytes);
                own.write(&to, plain_lines(&text).as_bytes(), false)?;
                merged.logs.push((at, from, to));
            }
            Err(_) => {
                lost.insert(to);
            }
        }
    }
    let there: BTreeSet<&String> = merged.logs.iter().map(|(.., to)| to).collect();
    let stages = merged.run.cells.iter_mut().flat_map(|it| &mut it.stages);
    for file in stages.flat_map(files_of) {
        file.take_if(|name| !there.contains(name));
    }
    Ok(lost.len() + merged.refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{self, Sample};

    fn part(name: &str, run: RunRecord) -> Part {
        let name = name.to_owned();
        Part { name, run }
    }

    /// A run with one cell, `k6-arm64` of 6.1.192, that began in the minute `minute`.
    fn one(minute: u32, outcomes: &str) -> RunRecord {
        let started = format!("2026-11-20T05:{minute:02}:00Z");
        let sample = Sample::new(&started, 60).cell("k6", "arm64", "6.1.192", outcomes);
        sample.build()
    }

    fn sharded(number: u32, of: u32, run: RunRecord) -> RunRecord {
        let shard = format!("{number}/{of}");
        let mut run = run;
        run.command.extend(["--shard".to_owned(), shard.clone()]);
        run.shard = Some(shard.parse().unwrap());
        run
    }

    #[test]
    fn what_failed_once_is_remembered_over_any_number_of_reports() {
        let runs = [one(0, "TKM!"), one(1, "TKMB"), one(2, "TKMB")];
        let parts = |runs: &[RunRecord]| -> Vec<Part> {
            runs.iter().map(|run| part("a", run.clone())).collect()
        };
        let all = merge(&parts(&runs)).unwrap().run;
        let two = merge(&parts(&runs[..2])).unwrap().run;
        let twice = merge(&parts(&[two, runs[2].clone()])).unwrap().run;
        for run in [all, twice] {
            let boot = run.cells[0].stage(Stage::Boot).unwrap();
            let reason = boot.reason.as_deref().unwrap_or_default();
            assert!(reason.ends_with(EARLIER), "{reason:?}");
        }
    }

    #[test]
    fn shards_are_the_run_that_was_cut_into_them() {
        let whole = samples::sixty();
        let mut parts = Vec::new();
        for number in 1..=3 {
            let mut run = sharded(number, 3, whole.clone());
            let mut at = 0;
            run.cells.retain(|_| {
                at += 1;
                at % 3 == number % 3
            });
            run.started += jiff::SignedDuration::from_secs(i64::from(number));
            parts.push(part(&format!("shard-{number}"), run));
        }
        let merged = merge(&parts).unwrap();
        assert_eq!(merged.notes, [""; 0]);
        parts[1].run.command.push("--era=k7".to_owned());
        let note = merge(&parts).unwrap().notes.remove(0);
        assert!(note.contains("not of one command"), "{note}");
        parts[1].run.command.pop();
        assert_eq!(merged.run.coverage, whole.coverage);
        assert_eq!(merged.run.command, whole.command);
        assert_eq!(merged.run.finished, whole.finished);
        let ids = |run: &RunRecord| -> BTreeSet<Key> { run.cells.iter().map(key).collect() };
        assert_eq!(ids(&merged.run), ids(&whole));
        // whichever is named first
        parts.reverse();
        assert_eq!(merge(&parts).unwrap().run, merged.run);

        // and without one of them it says so
        parts.pop();
        let merged = merge(&parts).unwrap();
        assert_eq!(merged.run.finished, None);
        assert!(
            merged.notes[0].ends_with("not finished: 1/3"),
            "{:?}",
            merged.notes
        );
        let lone = [part("a", sharded(7, u32::MAX, whole))];
        let note = merge(&lone).unwrap().notes.remove(0);
        assert!(note.contains(" and 4294967289 more"), "{note}");
    }

    #[test]
    fn of_a_cell_in_two_reports_the_later_counts_and_a_note_says_so() {
        let said = |first: RunRecord, second: RunRecord| {
            let parts = [part("a", first), part("b", second)];
            let merged = merge(&parts).unwrap();
            let turned: Vec<Part> = parts.into_iter().rev().collect();
            assert_eq!(merge(&turned).unwrap().run, merged.run);
            let [cell] = merged.run.cells.try_into().unwrap();
            (cell, merged.notes)
        };
        let (cell, notes) = said(one(1, "TKMx"), one(2, "TKMB"));
        assert_eq!(
            notes,
            [
                "k6-arm64 6.1.192: module, then failed in a, and boot in b, which began later and counts"
            ]
        );
        let boot = cell.stage(Stage::Boot).unwrap();
        assert!(boot.outcome.is_success());
        let why = boot.reason.as_deref().unwrap();
        assert_eq!(why, "failed in an earlier run that was merged");

        let (cell, notes) = said(one(2, "TKx-"), one(1, "TKMB"));
        assert_eq!(cell.stage(Stage::Boot).unwrap().outcome, Outcome::Blocked);
        assert!(
            notes[0].contains("in b, and kernel, then failed in a"),
            "{notes:?}"
        );
        // what was built is there: the same
        assert_eq!(said(one(1, "TKMB"), one(2, "tkmb")).1, [""; 0]);
        // a machine that cannot build it says nothing of it
        let (cell, notes) = said(one(1, "TKMB"), one(2, "...."));
        assert!(cell.furthest() == Some(Stage::Boot) && notes.is_empty());
        let (cell, notes) = said(one(1, "...."), one(2, "TKMx"));
        assert!(cell.furthest() == Some(Stage::Module) && notes.is_empty());
    }

    #[test]
    fn other_toolchains_are_other_cells_and_other_package_sets_other_reports() {
        let mut other = one(2, "TKMB");
        other.cells[0].toolchain.as_mut().unwrap().id = "another".to_owned();
        other.nix = "2.24.1".to_owned();
        other.command.push("--clang".to_owned());
        let parts = [part("a", one(1, "TKMB")), part("b", other.clone())];
        let merged = merge(&parts).unwrap().run;
        assert_eq!(merged.cells.len(), 2);
        assert_eq!(merged.nix, "2.8.0, 2.24.1");
        assert!(merged.command.is_empty());
        let again = crate::report::metadata::reproducer(&merged, &merged.cells[0]);
        assert!(again.join(" ").ends_with("--packages debian"), "{again:?}");

        other.packages = Some("nixpkgs".to_owned());
        let parts = [part("a", one(1, "TKMB")), part("b", other)];
        let error = merge(&parts).unwrap_err().to_string();
        let expected = "a is of a run with the package set debian, and b of one with nixpkgs";
        assert_eq!(error, expected);
    }

    #[test]
    fn only_logs_of_its_own_folder_are_a_reports() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("a/logs")).unwrap();
        for name in ["secret.log", "a/logs/right.log", "a/logs/page.html"] {
            std::fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink("../../secret.log", at("a/logs/link.log")).unwrap();
        std::os::unix::fs::symlink("../..", at("a/logs/up")).unwrap();
        let absolute = at("secret.log").to_str().unwrap().to_owned();
        for (name, copied) in [
            ("logs/right.log", Some("logs/1/right.log")),
            ("logs/none.log", None),
            ("logs/link.log", None),
            ("logs/up/secret.log", None),
            ("logs/../../secret.log", None),
            ("../secret.log", None),
            ("logs/page.html", None),
            (absolute.as_str(), None),
            ("logs/\u{1b}.log", None),
        ] {
            let mut run = one(1, "TKMx");
            run = Sample::of(run).fails(None, "boot", "x").build();
            let boot = run.cells[0].stages.last_mut().unwrap();
            boot.failure.as_mut().unwrap().log = Some(name.to_owned());
            let mut merged = merge(&[part("a", run)]).unwrap();
            let out = tempfile::tempdir().unwrap();
            let own = Own::open(out.path()).unwrap();
            let lost = copy_logs(&mut merged, &[&at("a")], &own).unwrap();
            assert_eq!(lost, usize::from(copied.is_none()), "{name}");
            let boot = merged.run.cells[0].stages.last().unwrap();
            let log = boot.failure.as_ref().unwrap().log.as_deref();
            assert_eq!(log, copied, "{name}");
            let files = own.names().iter().filter(|it| !it.ends_with('/')).count();
            assert_eq!(files, usize::from(copied.is_some()), "{name}");
        }
    }
}
