//! What stands for a cell of the matrix: the kernel for its era.

use crate::catalog::{self, Catalog, Purpose, SourceKind};
use crate::id::CellId;
use crate::resolve::{Resolver, SourceOrder};
use crate::version::KernelVersion;

/// The cells that have a toolchain of `sources`; none: of those that each era takes.
pub fn cells_with_toolchain(catalog: &Catalog, sources: Vec<SourceKind>) -> Vec<CellId> {
    let resolver = Resolver::new(catalog, SourceOrder::from(sources));
    let mut cells = Vec::new();
    for era in catalog.eras.values() {
        let version = cell_kernel(catalog, era);
        let arches = catalog.arches.keys();
        let taken = arches.filter_map(|arch| resolver.decide(version, arch, Purpose::Kernel).ok());
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
