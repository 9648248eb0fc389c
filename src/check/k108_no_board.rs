//! An arch has no board, so that nothing of it is ever booted.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};


pub(super) static LINT: Lint = Lint {
    code: codes::NO_BOARD,
    name: "no-board",
    level: Level::Warning,
    summary: "An arch has no board, so that nothing of it is ever booted.",
    explanation: "A cell is green only as far as it was tried: without a board the furthest stage is the module. Add a board for the arch to `boards.json` and name it in the arch's `boards`. Arches that no kernel runs on are not asked.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, arch) in &catalog.arches {
        let never = !arch.support.is_empty() && arch.support.iter().all(|it| it.kernel.is_none());
        if arch.boards.is_empty() && !never {
            sink.add("arches.json", &[id.as_str()], &format!("nothing boots on {id}: it has no board"));
        }
    }
}
