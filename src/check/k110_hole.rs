//! Kernels that have an arch and that no toolchain builds on it.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::catalog::Purpose;
use crate::resolve::Answer;

pub(super) static LINT: Lint = Lint {
    code: codes::HOLE,
    name: "hole",
    level: Level::Note,
    summary: "Kernels that have an arch and that no toolchain builds on it.",
    explanation: "The arch exists in these kernels, some era covers them, and every toolchain of every source is rejected. This is a note and not an error: the facts are as they are, and a truthful matrix has such holes. They close when a source is added or a fix lifts one of the facts in the way.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for arch in catalog.arches.keys() {
        for row in sink.resolver.intervals(arch, Purpose::Kernel) {
            let Answer::NoToolchain(why) = &row.outcome else {
                continue;
            };
            let span = match (&row.from, &row.below) {
                (Some(from), Some(below)) => format!("from {from} to before {below}"),
                (Some(from), None) => format!("from {from} on"),
                (None, Some(below)) => format!("before {below}"),
                (None, None) => "at all".into(),
            };
            sink.add("arches.json", &[arch.as_str()], &format!("no toolchain builds Linux {span} on {arch}: {why}"));
        }
    }
}
