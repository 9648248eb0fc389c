//! A measurement speaks of something that the matrix does not have.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};


pub(super) static LINT: Lint = Lint {
    code: codes::IDLE_EVIDENCE,
    name: "idle-evidence",
    level: Level::Warning,
    summary: "A measurement speaks of something that the matrix does not have.",
    explanation: "A measurement counts for the toolchain with exactly its source, compiler and binutils, on its arch. One whose arch or toolchain is gone from the matrix counts for nothing, and a stage or outcome that is none is never looked at. A toolchain that a project built from files of its own (`overridden`) is none of the matrix, and is not asked about.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (index, it) in catalog.evidence().iter().enumerate() {
        let arch = catalog.arches.contains_key(&it.arch);
        // what a project built from files of its own is in no matrix but the project's
        let toolchain = it.toolchain.overridden || catalog.toolchains().values().any(|toolchain| {
            toolchain.arch == it.arch && it.toolchain.has_tools_of(toolchain)
        });
        let stage = matches!(it.stage.as_str(), "toolchain" | "kernel" | "module" | "boot");
        let outcome = matches!(it.outcome.as_str(), "passed" | "failed" | "timed-out");
        let what = match (arch, toolchain, stage, outcome) {
            (false, ..) => "there is no such arch",
            (_, false, ..) => "there is no such toolchain",
            (_, _, false, _) => "there is no such stage",
            (.., false) => "there is no such outcome",
            _ => continue,
        };
        let said = format!(
            "{what}: {} on {}, {} from {}, {} {}",
            it.kernel, it.arch, it.toolchain.tools(), it.toolchain.source, it.stage, it.outcome
        );
        sink.add_evidence(index, &said);
    }
}
