//! What stands for a cell of the matrix: the kernel for its era, the machine for its arch.

use crate::catalog::{self, Catalog, Purpose, SourceKind};
use crate::id::{ArchId, BoardId, CellId};
use crate::resolve::{Resolver, SourceOrder};
use crate::version::KernelVersion;

/// The cells that have a toolchain of `sources`; none: of those that each era takes.
pub fn cells_with_toolchain(catalog: &Catalog, sources: Vec<SourceKind>) -> Vec<CellId> {
    let resolver = Resolver::new(catalog, SourceOrder::from(sources));
    let mut cells = Vec::new();
    for era in catalog.eras.values() {
        let version = cell_kernel(catalog, era);
        let arches = catalog.arches.keys();
        let taken = arches.filter_map(|arch| resolver.resolve(version, arch, Purpose::Kernel).ok());
        cells.extend(taken.map(|it| it.cell));
    }
    cells
}

/// The kernel that stands for an era: the newest one that the project registered from disk, which has no address; else
/// the era's own.
pub fn cell_kernel<'a>(catalog: &'a Catalog, era: &'a catalog::Era) -> &'a KernelVersion {
    let registered = catalog.kernels.iter().filter(|(_, pin)| pin.url.is_none());
    let mut versions = registered.map(|(version, _)| version);
    versions
        .rfind(|version| era.contains(version))
        .unwrap_or(&era.kernel)
}

/// The machine that a kernel of `arch` is tried on: the first in the arch's own list that is meant for the version, or, where
/// that has none, any other by name.
pub fn board_for<'a>(
    catalog: &'a Catalog,
    arch: &ArchId,
    version: &KernelVersion,
) -> Option<(&'a BoardId, &'a catalog::Board)> {
    let listed = catalog.arches.get(arch).into_iter();
    let listed = listed.flat_map(|it| &it.boards);
    let listed = listed.filter_map(|id| catalog.boards.get_key_value(id));
    listed
        .chain(&catalog.boards)
        .find(|(_, board)| board.arch == *arch && board.kernel.contains(version))
}
