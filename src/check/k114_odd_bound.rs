//! A bound is a version that only somebody's own tree has.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::version::{KernelVersion, Range};

pub(super) static LINT: Lint = Lint {
    code: codes::ODD_BOUND,
    name: "odd-bound",
    level: Level::Error,
    summary: "A bound is a version that only somebody's own tree has.",
    explanation: "Ranges are of upstream's versions. A local suffix (`5.10.229-rehost+`) names one tree's build of a version and has no place in the order of versions: the bound would be that of the version without it.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let eras = catalog.eras.iter().map(|(id, it)| ("eras.json", id.to_string(), [Some(&it.from), it.below.as_ref()]));
    let constraints = catalog.constraints.iter().map(|(id, it)| ("constraints.json", id.to_string(), bounds(&it.kernel)));
    let fixes = catalog.fixes.iter().map(|(id, it)| ("fixes.json", id.to_string(), bounds(&it.kernel)));
    let boards = catalog.boards.iter().map(|(id, it)| ("boards.json", id.to_string(), bounds(&it.kernel)));
    for (file, id, bounds) in eras.chain(constraints).chain(fixes).chain(boards) {
        for bound in bounds.into_iter().flatten().filter(|bound| !bound.local().is_empty()) {
            let message = format!("{bound} is not a version of upstream's");
            sink.add_with_help(file, &[&id], &message, &format!("say {}", bound.upstream()));
        }
    }
}

fn bounds(range: &Range<KernelVersion>) -> [Option<&KernelVersion>; 2] {
    [range.from.as_ref(), range.below.as_ref()]
}
