//! Two runs side by side: what was fixed, what broke, what is new and what is gone.

use std::collections::BTreeMap;

use crate::validate::{CellRecord, Outcome, RunRecord, Stage};

use super::grid::Verdict;

/// What became of a cell between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// A stage that had passed did not pass when tried again, or is now called unsupported. The regression.
    Broken,
    /// A stage that had failed passed, and nothing broke.
    Fixed,
    /// It is in the newer run only.
    New,
    /// It is in the older run only.
    Gone,
}

impl Change {
    /// Every change, the most pressing first.
    pub const ALL: [Change; 4] = [Change::Broken, Change::Fixed, Change::New, Change::Gone];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Broken => "broken",
            Change::Fixed => "fixed",
            Change::New => "new",
            Change::Gone => "gone",
        }
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
    /// The first stage that broke or was fixed, with its outcomes before and after.
    pub stage: Option<(Stage, Outcome, Outcome)>,
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
}

/// What changed from one run to another.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// The cells that changed, the most pressing first, then in plan order.
    pub cells: Vec<Changed<'a>>,
    /// Number of cells in both runs that neither broke nor were fixed.
    pub unchanged: usize,
}

impl<'a> Changes<'a> {
    /// Those of one kind.
    pub fn of(&self, change: Change) -> impl Iterator<Item = &Changed<'a>> {
        self.cells
            .iter()
            .filter(move |changed| changed.change == change)
    }

    /// Whether anything broke.
    pub fn regressed(&self) -> bool {
        self.of(Change::Broken).next().is_some()
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

/// The release that a kernel is a point release of: `6.1` of 6.1.192, `2.6.32` of 2.6.32.71.
fn series(cell: &CellRecord) -> Option<[u16; 3]> {
    let [a, b, c, _] = cell.kernel.as_ref()?.numbers();
    Some(if a == 2 { [a, b, c] } else { [a, b, 0] })
}

/// The first stage that broke; else the first that was fixed.
fn judge(old: &CellRecord, new: &CellRecord) -> Option<(Change, (Stage, Outcome, Outcome))> {
    let stages = Stage::ALL.into_iter().filter_map(|stage| {
        let before = old.stage(stage)?.outcome;
        let after = new.stage(stage)?.outcome;
        Some((stage, before, after))
    });
    let mut fixed = None;
    for (stage, before, after) in stages {
        let lost = after.is_failure() || after == Outcome::Unsupported;
        if before.is_success() && lost {
            return Some((Change::Broken, (stage, before, after)));
        }
        if fixed.is_none() && before.is_failure() && after.is_success() {
            fixed = Some((Change::Fixed, (stage, before, after)));
        }
    }
    fixed
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
        "gcc",
        of(old, |t| t.gcc.to_string()),
        of(new, |t| t.gcc.to_string()),
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
    let verdict = Verdict::of(cell);
    let word = verdict.as_str().replace('-', " ");
    match (cell.furthest(), verdict) {
        (Some(stage), Verdict::Passed) => stage.to_string(),
        (Some(stage), _) => format!("{stage}, then {word}"),
        (None, _) => word,
    }
}
