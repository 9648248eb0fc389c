//! What a run is for: which stages of which cells each derivation proves, and what to call it.

use std::collections::BTreeMap;

use super::Stage;
use crate::nix::DrvPath;
use crate::project::Buildable;

/// A cell's place in the plan of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellIndex(pub usize);

/// A derivation that is to be there in the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal<'a> {
    /// The cell that it is for.
    pub cell: CellIndex,
    /// The stage that it proves, if any.
    pub stage: Option<Stage>,
    /// The derivation.
    pub build: &'a Buildable,
}

/// Which stages of which cells each derivation proves.
#[derive(Debug, Default)]
pub(crate) struct StageIndex {
    by_drv: BTreeMap<DrvPath, Vec<(CellIndex, Stage)>>,
    keys: Vec<String>,
}

impl StageIndex {
    pub fn new(keys: Vec<String>) -> StageIndex {
        StageIndex {
            by_drv: BTreeMap::new(),
            keys,
        }
    }

    pub fn add(&mut self, drv: &DrvPath, cell: CellIndex, stage: Stage) {
        self.by_drv
            .entry(drv.clone())
            .or_default()
            .push((cell, stage));
    }

    /// The stages that `drv` proves.
    pub fn of(&self, drv: &DrvPath) -> &[(CellIndex, Stage)] {
        self.by_drv.get(drv).map_or(&[], Vec::as_slice)
    }

    /// The stage that `drv` is, if any.
    pub fn stage(&self, drv: &DrvPath) -> Option<Stage> {
        self.of(drv).first().map(|(_, stage)| *stage)
    }

    /// What to call `drv`: the cell and stage that it proves, or its own name.
    pub fn name(&self, drv: &DrvPath) -> String {
        match self.of(drv) {
            [(cell, stage)] => format!("{} {stage}", self.key(*cell)),
            _ => drv.name().to_owned(),
        }
    }

    /// File name for the log of `drv`.
    pub fn log_name(&self, drv: &DrvPath) -> String {
        let base = match self.of(drv).first() {
            Some((cell, stage)) => format!("{}-{stage}", self.key(*cell)),
            // the start of the hash tells two of one name apart
            None => {
                let hash: String = drv.file_name().chars().take(8).collect();
                format!("{}-{hash}", drv.name())
            }
        };
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || "._+-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let base: String = base
            .trim_start_matches('.')
            .chars()
            .take(180)
            .map(safe)
            .collect();
        format!("{base}.log")
    }

    pub fn key(&self, cell: CellIndex) -> &str {
        self.keys.get(cell.0).map_or("?", String::as_str)
    }
}
