//! A fix and a constraint disagree about each other.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::version::KernelVersion;

pub(super) static LINT: Lint = Lint {
    code: codes::FIX_DISAGREES,
    name: "fix-disagrees",
    level: Level::Error,
    summary: "A fix and a constraint disagree about each other.",
    explanation: "A constraint's `shim.fix` and a fix's `lifts` name each other, and hold for some common kernels and arches; otherwise one of them is wrong, and a toolchain would be taken that nothing mends.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, constraint) in &catalog.constraints {
        let named = constraint.shim.as_ref().and_then(|shim| shim.fix.as_ref());
        if let Some(fix_id) = named
            && let Some(fix) = catalog.fixes.get(fix_id)
            && !fix.lifts.contains(id)
        {
            let message = format!("it says that {fix_id} lifts it, and that fix does not");
            sink.add("constraints.json", &[id.as_str(), "shim", "fix"], &message);
        }
    }
    for (fix_id, fix) in &catalog.fixes {
        for (index, id) in fix.lifts.iter().enumerate() {
            let Some(constraint) = catalog.constraints.get(id) else {
                continue;
            };
            let parts = [fix_id.as_str(), "lifts", &index.to_string()];
            let named = constraint.shim.as_ref().and_then(|shim| shim.fix.as_ref());
            // several fixes may lift one constraint, which names the first
            if named.is_none() {
                sink.add("fixes.json", &parts, &format!("it lifts {id}, which names no fix"));
            }
            let apart = |a: &Option<KernelVersion>, b: &Option<KernelVersion>| matches!((a, b), (Some(from), Some(below)) if from >= below);
            if apart(&fix.kernel.from, &constraint.kernel.below) || apart(&constraint.kernel.from, &fix.kernel.below) {
                sink.add("fixes.json", &parts, &format!("it lifts {id}, which holds for other kernels"));
            }
            let shared = fix.arches.iter().any(|arch| constraint.arches.contains(arch));
            if !fix.arches.is_empty() && !constraint.arches.is_empty() && !shared {
                sink.add("fixes.json", &parts, &format!("it lifts {id}, which holds for other arches"));
            }
        }
    }
}
