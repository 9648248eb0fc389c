//! An arch on which an era's stock kernel cannot be built.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, Purpose, codes};
use crate::resolve::Unresolved;

pub(super) static LINT: Lint = Lint {
    code: codes::STOCK_ARCH,
    name: "stock-arch",
    level: Level::Error,
    summary: "An arch on which an era's stock kernel cannot be built.",
    explanation: "`kflake validate --bands` builds an era's `kernel` on the arches in its `stock_arches`, with the configuration that the tree has for their board. So the arch must exist in that kernel, and the board that it is tried on must have a `defconfig`; otherwise there is nothing to build.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, era) in &catalog.eras {
        for (index, arch) in era.stock_arches.iter().enumerate() {
            // K101 tells of one that nothing has
            if !catalog.arches.contains_key(arch) {
                continue;
            }
            let kernel = &era.kernel;
            let resolved = sink.resolver.resolve(kernel, arch, Purpose::Kernel);
            let message = match (resolved, catalog.board_for(arch, kernel)) {
                (Err(Unresolved::Unsupported { support, .. }), _) => format!("{arch} does not exist in Linux {kernel}: {}", support.reason),
                (_, None) => format!("no board for {arch} runs Linux {kernel}"),
                (_, Some((board, it))) if it.defconfig.is_none() => format!("{board}, on which Linux {kernel} is tried, has no defconfig"),
                _ if era.stock_arches[..index].contains(arch) => format!("{arch} is named twice"),
                _ => continue,
            };
            sink.add("eras.json", &[id.as_str(), "stock_arches", &index.to_string()], &message);
        }
    }
}
