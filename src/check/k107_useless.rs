//! Data for kernels in which the arch does not exist.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::catalog::{Arch, Era, SourceKind};
use crate::version::{KernelVersion, Range};

pub(super) static LINT: Lint = Lint {
    code: codes::USELESS,
    name: "useless",
    level: Level::Error,
    summary: "Data for kernels in which the arch does not exist.",
    explanation: "A toolchain without a libc that is meant for an arch and some eras, or a board and its range of kernels, where no kernel of those eras or range has the arch: nothing can ever use it. Take the era or the arch out, or mend the arch's `support`.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, it) in &catalog.source_toolchains {
        // programs can be built for an arch before kernels run on it
        if it.source != SourceKind::KernelOnly {
            continue;
        }
        for (index, arch_id) in it.arches.iter().enumerate() {
            let Some(arch) = catalog.arches.get(arch_id) else {
                continue;
            };
            let in_era = |era: &Era| {
                let range = Range { from: Some(era.from.clone()), below: era.below.clone() };
                exists_in(arch, &range)
            };
            let mut eras = it.eras.iter().filter_map(|era| catalog.eras.get(era));
            if !eras.any(in_era) {
                let parts = [id.as_str(), "arches", &index.to_string()];
                let message = format!("no kernel of its eras runs on {arch_id}");
                sink.add("source-toolchains.json", &parts, &message);
            }
        }
    }
    for (id, it) in &catalog.boards {
        if catalog.arches.get(&it.arch).is_some_and(|arch| !exists_in(arch, &it.kernel)) {
            let message = format!("no kernel of this range ({}) runs on {}", it.kernel, it.arch);
            sink.add("boards.json", &[id.as_str(), "kernel"], &message);
        }
    }
}

fn exists_in(arch: &Arch, range: &Range<KernelVersion>) -> bool {
    let overlaps = |support: &Range<KernelVersion>| {
        let before = |a: &Option<KernelVersion>, b: &Option<KernelVersion>| match (a, b) {
            (Some(from), Some(below)) => from < below,
            _ => true,
        };
        before(&support.from, &range.below) && before(&range.from, &support.below)
    };
    arch.support.is_empty() || arch.support.iter().any(|it| it.kernel.as_ref().is_some_and(overlaps))
}
