//! Two runs side by side: what was fixed, what broke, what is new and what is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::validate::{CellRecord, Outcome, RunRecord, Stage, StageRecord, detail};
use crate::version::KernelVersion;

use super::grid::CellOutcome;

/// What became of a cell between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A stage that had passed did not pass when tried again, or is now called unsupported. The regression.
    Broken,
    /// A boot passed as it had, and the kernel complains on it of what it had not complained of. A regression as well.
    Warns,
    /// A stage that had failed passed, and nothing broke.
    Fixed,
    /// It is in the newer run only.
    New,
    /// It is in the older run only.
    Gone,
}

impl Change {
    /// Every change, the most pressing first.
    pub const ALL: [Change; 5] = [
        Change::Broken,
        Change::Warns,
        Change::Fixed,
        Change::New,
        Change::Gone,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Broken => "broken",
            Change::Warns => "warns",
            Change::Fixed => "fixed",
            Change::New => "new",
            Change::Gone => "gone",
        }
    }

    /// Whether it is for the worse.
    pub fn is_regression(self) -> bool {
        matches!(self, Change::Broken | Change::Warns)
    }
}

/// One cell that changed.
#[derive(Debug)]
pub struct Changed<'a> {
    /// How.
    pub change: Change,
    /// In the older run.
    pub old: Option<&'a CellRecord>,
    /// In the newer run.
    pub new: Option<&'a CellRecord>,
    /// The first stage that broke, warns or was fixed, with its outcomes before and after.
    pub stage: Option<(Stage, Outcome, Outcome)>,
    /// What the kernel complains of now and did not before, where that is the change.
    pub warnings: Vec<String>,
    /// What else is different and may explain it: `gcc 12.2.0 → 14.2.0`.
    pub because: Vec<String>,
}

impl Changed<'_> {
    /// The cell, from whichever run has it; the newer one first.
    pub fn cell(&self) -> &CellRecord {
        match (self.new, self.old) {
            (Some(cell), _) | (None, Some(cell)) => cell,
            (None, None) => unreachable!("a change has a cell"),
        }
    }

    /// The stage with how it was and how it is: `passed`, `passed with 1 warning: WARNING at kernel/x.c:12`.
    pub fn in_words(&self) -> Option<(Stage, String, String)> {
        let (stage, before, after) = self.stage?;
        Some((stage, before.to_string(), detail(after, &self.warnings)))
    }
}

/// What changed from one run to another.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// The cells that changed, the most pressing first, then in plan order.
    pub cells: Vec<Changed<'a>>,
    /// Number of cells in both runs that neither broke, warn nor were fixed.
    pub unchanged: usize,
}

impl<'a> Changes<'a> {
    /// Those of one kind.
    pub fn of(&self, change: Change) -> impl Iterator<Item = &Changed<'a>> {
        self.cells
            .iter()
            .filter(move |changed| changed.change == change)
    }

    /// Whether anything broke, or a kernel complains of something new.
    pub fn regressed(&self) -> bool {
        let mut changes = self.cells.iter().map(|changed| changed.change);
        changes.any(Change::is_regression)
    }
}

/// Compares two runs.
///
/// Cells are matched by era, arch, kernel, configuration and toolchain; what is left over, by fewer of these: a cell
/// whose toolchain or point release moved is compared with what it was, and the difference is named.
pub fn compare<'a>(old: &'a RunRecord, new: &'a RunRecord) -> Changes<'a> {
    let mut left_old: Vec<&CellRecord> = old.cells.iter().collect();
    let mut left_new: Vec<(usize, &CellRecord)> = new.cells.iter().enumerate().collect();
    let mut pairs: Vec<(usize, &CellRecord, &CellRecord)> = Vec::new();

    type Same = fn(&CellRecord, &CellRecord) -> bool;
    let rounds: [Same; 3] = [
        |a, b| a.kernel == b.kernel && a.profile == b.profile && toolchain_id(a) == toolchain_id(b),
        |a, b| a.kernel == b.kernel && a.profile == b.profile,
        |a, b| series(a) == series(b) && a.profile == b.profile,
    ];
    for same in rounds {
        left_new.retain(|&(at, cell)| {
            let same = |other: &CellRecord| {
                other.era == cell.era && other.arch == cell.arch && same(other, cell)
            };
            match left_old.iter().position(|other| same(other)) {
                Some(found) => {
                    pairs.push((at, left_old.remove(found), cell));
                    false
                }
                None => true,
            }
        });
    }
    pairs.sort_by_key(|&(at, ..)| at);

    let mut changes = Changes::default();
    for (_, old, new) in pairs {
        match judge(old, new) {
            Some((change, stage)) => changes.cells.push(Changed {
                change,
                old: Some(old),
                new: Some(new),
                stage: Some(stage),
                warnings: match change {
                    Change::Warns => complaints(old, new, stage.0),
                    _ => Vec::new(),
                },
                because: differences(old, new),
            }),
            None => changes.unchanged += 1,
        }
    }
    let lone = |change, old, new| Changed {
        change,
        old,
        new,
        stage: None,
        warnings: Vec::new(),
        because: Vec::new(),
    };
    changes.cells.extend(
        left_new
            .into_iter()
            .map(|(_, cell)| lone(Change::New, None, Some(cell))),
    );
    changes.cells.extend(
        left_old
            .into_iter()
            .map(|cell| lone(Change::Gone, Some(cell), None)),
    );
    changes.cells.sort_by_key(|changed| changed.change);
    changes
}

fn toolchain_id(cell: &CellRecord) -> Option<&str> {
    cell.toolchain
        .as_ref()
        .map(|toolchain| toolchain.id.as_str())
}

fn series(cell: &CellRecord) -> Option<String> {
    cell.kernel.as_ref().map(KernelVersion::series)
}

/// The first stage that broke; else the first on which the kernel complains of something new; else the first that was fixed.
fn judge(old: &CellRecord, new: &CellRecord) -> Option<(Change, (Stage, Outcome, Outcome))> {
    let stages = Stage::ALL.into_iter().filter_map(|stage| {
        let before = old.stage(stage)?.outcome;
        let after = new.stage(stage)?.outcome;
        Some((stage, before, after))
    });
    let (mut warns, mut fixed) = (None, None);
    for (stage, before, after) in stages {
        let lost = after.is_failure() || after == Outcome::Unsupported;
        if before.is_success() && lost {
            return Some((Change::Broken, (stage, before, after)));
        }
        if warns.is_none()
            && before.is_success()
            && after.is_success()
            && !complaints(old, new, stage).is_empty()
        {
            warns = Some((Change::Warns, (stage, before, after)));
        }
        if fixed.is_none() && before.is_failure() && after.is_success() {
            fixed = Some((Change::Fixed, (stage, before, after)));
        }
    }
    warns.or(fixed)
}

/// What the kernel complains of on `stage` in `new`, and did not in `old`.
fn complaints(old: &CellRecord, new: &CellRecord, stage: Stage) -> Vec<String> {
    let places = old.kernel == new.kernel;
    let of = |cell: &CellRecord| -> Vec<String> {
        let record: Option<&StageRecord> = cell.stage(stage);
        record.map_or_else(Vec::new, |record| record.warnings.clone())
    };
    let known: BTreeSet<String> = of(old).iter().map(|it| gist(it, places)).collect();
    let mut new = of(new);
    new.retain(|warning| !known.contains(&gist(warning, places)));
    new
}

/// A complaint without its numbers, which are others in every run: addresses, times, processes. With `places`, a line of a source
/// file stays; in another release it moves.
fn gist(warning: &str, places: bool) -> String {
    let mut out = String::with_capacity(warning.len());
    let mut rest = warning;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest
            .find(|c: char| !c.is_ascii_hexdigit() && c != 'x')
            .unwrap_or(rest.len());
        match places && [".c:", ".h:", ".S:"].iter().any(|name| out.ends_with(name)) {
            true => out.push_str(&rest[..end]),
            false => out.push('#'),
        }
        rest = &rest[end..];
    }
    out + rest
}

/// The programs that made any stage of `cell`, with their versions.
fn tools(cell: &CellRecord) -> BTreeMap<&str, &str> {
    let tools = cell.stages.iter().flat_map(|stage| &stage.tools);
    tools
        .map(|(name, version)| (name.as_str(), version.as_str()))
        .collect()
}

/// What differs between two records of a cell, besides the outcome.
fn differences(old: &CellRecord, new: &CellRecord) -> Vec<String> {
    let mut out = Vec::new();
    let mut differ = |what: &str, a: Option<String>, b: Option<String>| {
        if a != b {
            let show = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
            out.push(format!("{what} {} → {}", show(a), show(b)));
        }
    };
    let of = |cell: &CellRecord, get: fn(&crate::validate::ToolchainRecord) -> String| {
        cell.toolchain.as_ref().map(get)
    };
    differ(
        "kernel",
        old.kernel.as_ref().map(|v| v.to_string()),
        new.kernel.as_ref().map(|v| v.to_string()),
    );
    differ(
        "source",
        of(old, |t| t.source.to_string()),
        of(new, |t| t.source.to_string()),
    );
    differ(
        "compiler",
        of(old, |t| t.compiler.to_string()),
        of(new, |t| t.compiler.to_string()),
    );
    // without it, an older report does not say what it was
    let tree = |cell: &CellRecord| cell.source.as_ref().map(|it| it.sha256.to_string());
    if let (Some(a), Some(b)) = (tree(old), tree(new)) {
        differ("kernel's source", Some(a), Some(b));
    }
    for (name, a) in tools(old) {
        if let Some(b) = tools(new).get(name) {
            differ(name, Some(a.to_owned()), Some((*b).to_owned()));
        }
    }
    let binutils = |cell: &CellRecord| {
        cell.toolchain
            .as_ref()
            .and_then(|t| t.binutils.as_ref())
            .map(ToString::to_string)
    };
    differ("binutils", binutils(old), binutils(new));
    differ(
        "libc",
        old.toolchain.as_ref().and_then(|t| t.libc.clone()),
        new.toolchain.as_ref().and_then(|t| t.libc.clone()),
    );
    differ("board", old.board.clone(), new.board.clone());
    out
}

/// How a cell stands, in one or two words: `boot`, `kernel, failed`, `unsupported`.
pub fn standing(cell: &CellRecord) -> String {
    let verdict = CellOutcome::of(cell);
    let word = verdict.as_str().replace('-', " ");
    match (cell.furthest(), verdict) {
        (Some(stage), CellOutcome::Passed) => stage.to_string(),
        (Some(stage), _) => format!("{stage}, then {word}"),
        (None, _) => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    /// The change of the one cell whose kernel complains of `before` in the older run and of `after` in the newer.
    fn change(before: &[&str], after: &[&str], later: bool) -> Option<(Change, Vec<String>)> {
        let mut runs = [samples::small(), samples::small()];
        for (run, warnings) in runs.iter_mut().zip([before, after]) {
            let boot = run.cells[0].stages.last_mut().unwrap();
            boot.warnings = warnings.iter().map(ToString::to_string).collect();
        }
        if later {
            runs[1].cells[0].kernel = Some("6.1.193".parse().unwrap());
        }
        let changes = compare(&runs[0], &runs[1]);
        assert!(changes.cells.len() < 2);
        assert_eq!(changes.regressed(), !changes.cells.is_empty());
        let changed = changes.cells.first()?;
        Some((changed.change, changed.warnings.clone()))
    }

    #[test]
    fn a_new_complaint_of_the_kernel_is_a_regression() {
        let warns = |texts: &[&str]| {
            let texts = texts.iter().map(ToString::to_string).collect();
            Some((Change::Warns, texts))
        };
        let (one, two) = ("WARNING at kernel/x.c:12", "WARNING at kernel/x.c:99");
        assert_eq!(change(&[], &[one], false), warns(&[one]));
        assert_eq!(change(&[one], &[one, two], false), warns(&[two]));
        assert_eq!(change(&[one], &[one], false), None);
        assert_eq!(change(&[one], &[], false), None);
        // in the next release the same stands some lines further down
        assert_eq!(change(&[one], &[two], true), None);
        let other = "WARNING at kernel/y.c:12";
        assert_eq!(change(&[one], &[other], true), warns(&[other]));
        // times, addresses and processes are others in every run
        let stall = "RCU stall: rcu_sched detected stalls (detected by 1, t=60002 jiffies)";
        let again = stall.replace("60002", "61117").replace("by 1", "by 0");
        assert_eq!(change(&[stall], &[&again], false), None);
        let oops = "Oops: Unable to handle kernel paging request at 0xdead, epc == 80100000";
        let again = oops
            .replace("0xdead", "0xbeef")
            .replace("80100000", "8010abcd");
        assert_eq!(change(&[oops], &[&again], false), None);
    }

    #[test]
    fn a_hostile_complaint_is_only_text_in_every_format() {
        use crate::report::{html, json, markdown, terminal};
        let (old, mut new) = (samples::small(), samples::complaining());
        let stages = new.cells.iter_mut().flat_map(|cell| &mut cell.stages);
        let hostile = "\u{1b}]0;x\u{7}\u{202e}<script>alert(1)</script>|`\n::error::x";
        for stage in stages.filter(|stage| !stage.warnings.is_empty()) {
            stage.warnings = vec![hostile.to_owned()];
        }
        let changes = compare(&old, &new);
        assert!(changes.regressed());
        let style = terminal::Style {
            width: 200,
            color: false,
            unicode: true,
        };
        for (format, text) in [
            ("terminal", terminal::render_changes(&old, &changes, &style)),
            ("markdown", markdown::render_changes(&old, &changes)),
            ("html", html::render(&new, Some((&old, &changes)))),
            ("json", json::changes_to_string(&old, &new, &changes)),
        ] {
            assert!(text.contains("warns"), "{format}: {text}");
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{format}");
            let markup = matches!(format, "markdown" | "html");
            assert!(!markup || !text.contains("<script>alert"), "{format}");
            let command = text
                .lines()
                .any(|line| line.trim_start().starts_with("::error"));
            assert!(!command, "{format}: {text}");
        }
    }

    #[test]
    fn what_broke_counts_before_what_warns() {
        let (old, mut new) = (samples::small(), samples::complaining());
        let cell = &mut new.cells[0];
        assert!(cell.stages.iter().any(|stage| !stage.warnings.is_empty()));
        cell.stages[2].outcome = Outcome::Failed;
        let changes = compare(&old, &new);
        assert_eq!(changes.cells[0].change, Change::Broken);
        assert!(changes.cells[0].warnings.is_empty());
    }
}
