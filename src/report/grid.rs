//! The coverage matrix: arches down, kernels across, grouped by era. Every format draws this one.

use std::collections::BTreeMap;

use crate::id::{ArchId, EraId};
use crate::validate::{CellRecord, Outcome, RunRecord, Stage, StageRecord};
use crate::version::KernelVersion;

/// The matrix of a run. `entries[row][column]` indexes [`RunRecord::cells`].
#[derive(Debug)]
pub struct Grid {
    /// The arches, in plan order.
    pub arches: Vec<ArchId>,
    /// Kernels, oldest era first, older kernel first.
    pub columns: Vec<Column>,
    /// Which cell stands there, if any.
    pub entries: Vec<Vec<Option<usize>>>,
}

/// One column of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The era.
    pub era: EraId,
    /// The kernel; none where only toolchains were asked for.
    pub kernel: Option<KernelVersion>,
    /// What tells it from another column of the same kernel: configuration or toolchain. Mostly nothing.
    pub variant: Option<String>,
}

/// Numbers of an era's name, for ordering: `k2.6` → `[2, 6]`.
pub(super) fn era_rank(era: &EraId) -> Vec<u32> {
    era.as_str()
        .trim_start_matches('k')
        .split('.')
        .map(|part| part.parse().unwrap_or(u32::MAX))
        .collect()
}

impl Grid {
    /// Lays out `run`.
    pub fn of(run: &RunRecord) -> Grid {
        let mut arches: Vec<ArchId> = Vec::new();
        for cell in &run.cells {
            if !arches.contains(&cell.arch) {
                arches.push(cell.arch.clone());
            }
        }
        let variants = with_overrides(&run.cells, variants(&run.cells));
        // a cell without a kernel (mostly: unsupported) goes under its era's kernels, if it has any
        let has_kernel = |era: &EraId| {
            run.cells
                .iter()
                .any(|cell| &cell.era == era && cell.kernel.is_some())
        };
        let homeless = |cell: &CellRecord| cell.kernel.is_none() && has_kernel(&cell.era);

        let mut columns: Vec<Column> = Vec::new();
        for (cell, variant) in run.cells.iter().zip(&variants) {
            let column = Column::new(cell, variant.clone());
            if !homeless(cell) && !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns.sort_by(|a, b| {
            era_rank(&a.era)
                .cmp(&era_rank(&b.era))
                .then_with(|| a.kernel.cmp(&b.kernel))
                .then_with(|| a.variant.cmp(&b.variant))
        });

        let mut entries = vec![vec![None; columns.len()]; arches.len()];
        let row_of = |cell: &CellRecord| arches.iter().position(|arch| *arch == cell.arch);
        for (at, (cell, variant)) in run.cells.iter().zip(&variants).enumerate() {
            let column = Column::new(cell, variant.clone());
            if let (Some(row), Some(column)) =
                (row_of(cell), columns.iter().position(|c| *c == column))
            {
                entries[row][column] = Some(at);
            }
        }
        for (at, cell) in run
            .cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| homeless(cell))
        {
            let Some(row) = row_of(cell) else { continue };
            for (column, entry) in columns.iter().zip(&mut entries[row]) {
                if column.era == cell.era && entry.is_none() {
                    *entry = Some(at);
                }
            }
        }
        Grid {
            arches,
            columns,
            entries,
        }
    }

    /// The eras with the number of columns that each spans.
    pub fn eras(&self) -> Vec<(&EraId, usize)> {
        let mut eras: Vec<(&EraId, usize)> = Vec::new();
        for column in &self.columns {
            match eras.last_mut() {
                Some((era, span)) if *era == &column.era => *span += 1,
                _ => eras.push((&column.era, 1)),
            }
        }
        eras
    }
}

impl Column {
    fn new(cell: &CellRecord, variant: Option<String>) -> Self {
        Column {
            era: cell.era.clone(),
            kernel: cell.kernel.clone(),
            variant,
        }
    }
}

/// The same, with a word where the kernel was built from another source than kflake pins.
fn with_overrides(cells: &[CellRecord], variants: Vec<Option<String>>) -> Vec<Option<String>> {
    let told = |(cell, variant): (&CellRecord, Option<String>)| match &cell.source {
        Some(source) if source.is_override() => Some(match variant {
            Some(variant) => format!("{variant} +override"),
            None => "+override".to_owned(),
        }),
        _ => variant,
    };
    cells.iter().zip(variants).map(told).collect()
}

/// For each cell what tells it from others of the same era, arch and kernel: the shortest of profile, toolchain
/// source, gcc or full toolchain id that does.
fn variants(cells: &[CellRecord]) -> Vec<Option<String>> {
    let mut groups: BTreeMap<(&EraId, Option<&KernelVersion>), Vec<usize>> = BTreeMap::new();
    for (at, cell) in cells.iter().enumerate() {
        groups
            .entry((&cell.era, cell.kernel.as_ref()))
            .or_default()
            .push(at);
    }
    let mut out = vec![None; cells.len()];
    for group in groups.values() {
        let unique = |name: &dyn Fn(&CellRecord) -> String| {
            let mut seen: Vec<(&ArchId, String)> = group
                .iter()
                .map(|&at| (&cells[at].arch, name(&cells[at])))
                .collect();
            let all = seen.len();
            seen.sort();
            seen.dedup();
            seen.len() == all
        };
        if unique(&|_| String::new()) {
            continue;
        }
        let profile = |cell: &CellRecord| cell.profile.clone().unwrap_or_default();
        let source = |cell: &CellRecord| toolchain(cell, |t| t.source.to_string());
        let compiler = |cell: &CellRecord| toolchain(cell, |t| t.compiler.to_string());
        let id = |cell: &CellRecord| toolchain(cell, |t| t.id.clone());
        let both = |cell: &CellRecord| format!("{} {}", profile(cell), id(cell));
        let names: [&dyn Fn(&CellRecord) -> String; 5] = [&profile, &source, &compiler, &id, &both];
        match names.into_iter().find(|name| unique(*name)) {
            Some(name) => group
                .iter()
                .for_each(|&at| out[at] = Some(name(&cells[at]))),
            None => numbered(cells, group, &mut out),
        }
    }
    out
}

/// The last resort: cells that differ in nothing that is recorded are numbered.
fn numbered(cells: &[CellRecord], group: &[usize], out: &mut [Option<String>]) {
    let mut seen: BTreeMap<&ArchId, usize> = BTreeMap::new();
    for &at in group {
        let n = seen.entry(&cells[at].arch).or_insert(0);
        *n += 1;
        out[at] = Some(format!("#{n}"));
    }
}

fn toolchain(
    cell: &CellRecord,
    name: impl Fn(&crate::validate::ToolchainRecord) -> String,
) -> String {
    cell.toolchain.as_ref().map(name).unwrap_or_default()
}

/// What one cell comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CellOutcome {
    /// Everything that was asked for passed.
    Passed,
    /// Something failed or was blocked.
    Failed,
    /// Something took too long or stayed silent.
    TimedOut,
    /// It could not be tried: what it needs failed elsewhere.
    Blocked,
    /// It failed, as the project expected.
    Expected,
    /// Nothing was asked for, or it cannot be built on this system.
    Skipped,
    /// Upstream never supported it.
    Unsupported,
}

impl CellOutcome {
    /// The verdict on `cell`: its own failure before what that blocked.
    pub fn of(cell: &CellRecord) -> CellOutcome {
        let expected = || cell.stages.iter().any(StageRecord::fails_as_expected);
        let any = |outcome| {
            let mut stages = cell.stages.iter();
            stages.any(|stage| stage.outcome == outcome && !stage.fails_as_expected())
        };
        if any(Outcome::Failed) {
            CellOutcome::Failed
        } else if any(Outcome::TimedOut) {
            CellOutcome::TimedOut
        } else if any(Outcome::Blocked) {
            CellOutcome::Blocked
        } else if expected() {
            CellOutcome::Expected
        } else if cell.furthest().is_some() {
            CellOutcome::Passed
        } else if any(Outcome::Skipped) || cell.stages.is_empty() {
            CellOutcome::Skipped
        } else {
            CellOutcome::Unsupported
        }
    }

    /// The spelling in data and on the page.
    pub fn as_str(self) -> &'static str {
        match self {
            CellOutcome::Passed => "passed",
            CellOutcome::Failed => "failed",
            CellOutcome::TimedOut => "timed-out",
            CellOutcome::Blocked => "blocked",
            CellOutcome::Expected => "failed-as-expected",
            CellOutcome::Skipped => "skipped",
            CellOutcome::Unsupported => "unsupported",
        }
    }
}

/// Whether upstream never supported any of it.
pub fn unsupported(cell: &CellRecord) -> bool {
    CellOutcome::of(cell) == CellOutcome::Unsupported
}

/// Whether something was wrong in a stage of `cell` that passed.
pub fn warned(cell: &CellRecord) -> bool {
    cell.stages
        .iter()
        .any(|stage| stage.outcome.is_success() && !stage.is_plain())
}

/// A stage's letter: `T K M B`.
pub fn letter(stage: Stage) -> char {
    match stage {
        Stage::Toolchain => 'T',
        Stage::Kernel => 'K',
        Stage::Module => 'M',
        Stage::Boot => 'B',
    }
}
