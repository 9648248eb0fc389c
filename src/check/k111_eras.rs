//! Eras overlap or leave a gap.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};


pub(super) static LINT: Lint = Lint {
    code: codes::ERAS,
    name: "eras",
    level: Level::Error,
    summary: "Eras overlap or leave a gap.",
    explanation: "Each kernel belongs to one era. Where two hold a version, which of them it gets is chance; where none does, it has no toolchain. An era begins where the one before it ends: its `from` is the other's `below`. Only the newest is open.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let mut eras: Vec<_> = catalog.eras.iter().collect();
    eras.sort_by(|(_, a), (_, b)| a.from.cmp(&b.from));
    for pair in eras.windows(2) {
        let [(first_id, first), (id, era)] = pair else {
            continue;
        };
        let relation = match &first.below {
            Some(below) if *below == era.from => continue,
            Some(below) if *below < era.from => "leave a gap",
            _ => "overlap",
        };
        let end = first.below.as_ref().map_or("is open".to_owned(), |below| format!("ends before {below}"));
        let message = format!("{first_id} {end} and {id} begins with {}: they {relation}", era.from);
        sink.add("eras.json", &[id.as_str(), "from"], &message);
    }
    if let Some((id, last)) = eras.last()
        && let Some(below) = &last.below
    {
        sink.add("eras.json", &[id.as_str(), "below"], &format!("no era covers Linux {below} and what follows"));
    }
}
