//! What a run is to do: cells, each with a kernel, a toolchain and the stages to try.

use std::collections::BTreeSet;

use super::{Shard, Stage, ToolchainRecord};
use crate::catalog::{Confidence, MeasuredSource};
use crate::id::{BoardId, CellId, ToolchainId};
use crate::version::KernelVersion;

/// Cells in the order of the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The cells.
    pub cells: Vec<PlannedCell>,
    /// Stages that are built although the store has them.
    pub fresh: BTreeSet<Stage>,
    /// Which share of a larger plan this is; none: it is whole.
    pub shard: Option<Shard>,
}

/// One cell with one kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedCell {
    /// Era and arch.
    pub cell: CellId,
    /// The kernel to build; none where only a toolchain is known.
    pub kernel: Option<KernelVersion>,
    /// Its source; none where none is known.
    pub source: Option<MeasuredSource>,
    /// Configuration: `tiny`, or `board` for the board's own defconfig.
    pub profile: String,
    /// The machine to boot on.
    pub board: Option<BoardId>,
    /// The toolchain.
    pub toolchain: Option<ToolchainRecord>,
    /// The systems that the toolchain runs on.
    pub systems: Vec<String>,
    /// The resolver's reasons, in its order.
    pub reasons: Vec<String>,
    /// How well the resolver's choice is known to be right; none where the toolchain was asked for.
    pub basis: Option<Confidence>,
    /// The stages asked for.
    pub stages: BTreeSet<Stage>,
    /// How long QEMU gets.
    pub boot: BootLimits,
    /// Whether there is anything to try.
    pub verdict: Feasibility,
}

/// Whether a cell can be tried at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feasibility {
    /// It can.
    Try,
    /// Upstream never supported it; why.
    Unsupported(String),
    /// No toolchain fits; why.
    NoToolchain(String),
    /// No board that is known runs the kernel; which kernels those of its arch are for.
    NoBoard(String),
}

/// Seconds that a boot may take in QEMU. They are part of the boot test itself, which tells a silent kernel from a slow one;
/// [`super::Limits`] only end what has gone astray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootLimits {
    /// In all.
    pub wall: u32,
    /// Without a character on the console.
    pub silence: u32,
}

impl Default for BootLimits {
    fn default() -> Self {
        BootLimits {
            wall: 120,
            silence: 30,
        }
    }
}

impl PlannedCell {
    /// The cell's name within the plan, fit for a file name: `k6-arm64-6.1.192`.
    pub fn key(&self) -> String {
        match &self.kernel {
            Some(kernel) => format!("{}-{kernel}", self.cell),
            None => self.cell.to_string(),
        }
    }
}

impl Plan {
    /// Whether there is a cell to try.
    pub fn tries(&self) -> bool {
        let mut cells = self.cells.iter();
        cells.any(|cell| cell.verdict == Feasibility::Try)
    }

    /// The toolchains of the cells to try, each once.
    pub fn toolchains(&self) -> Vec<ToolchainId> {
        let ids = self.cells.iter().filter_map(|cell| cell.toolchain.as_ref());
        let ids: BTreeSet<ToolchainId> = ids.filter_map(|it| it.id.parse().ok()).collect();
        ids.into_iter().collect()
    }
}
