//! The kernel that stands for an era is not one of its own, or not pinned.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};


pub(super) static LINT: Lint = Lint {
    code: codes::ERA_KERNEL,
    name: "era-kernel",
    level: Level::Error,
    summary: "The kernel that stands for an era is not one of its own, or not pinned.",
    explanation: "An era's `kernel` is what its cells build where no version is asked for. It must lie in the era, and `kernels.json` must have its tarball; otherwise the era's cells have nothing to build.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, era) in &catalog.eras {
        let parts = [id.as_str(), "kernel"];
        if !era.contains(&era.kernel) {
            sink.add("eras.json", &parts, &format!("{} does not belong to {id}", era.kernel));
        }
        if !catalog.kernels.contains_key(&era.kernel) {
            sink.add("eras.json", &parts, &format!("no tarball of Linux {} is pinned", era.kernel));
        }
    }
}
