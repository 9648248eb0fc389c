//! An era prefers a compiler that its source does not have.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::catalog::Toolchain;

pub(super) static LINT: Lint = Lint {
    code: codes::IDLE_PREFERENCE,
    name: "idle-preference",
    level: Level::Warning,
    summary: "An era prefers a compiler that its source does not have.",
    explanation: "`prefer` lists versions, or their beginnings, of compilers of one source's toolchains. One that matches none has no effect: a spelling mistake, or a pin that is gone.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, era) in &catalog.eras {
        for (source, prefixes) in &era.prefer {
            for (index, prefix) in prefixes.iter().enumerate() {
                let matches = |it: &Toolchain| it.source == *source && it.compiler.version().starts_with(prefix);
                if !catalog.toolchains().values().any(matches) {
                    let parts = [id.as_str(), "prefer", source.as_str(), &index.to_string()];
                    sink.add("eras.json", &parts, &format!("{source} has no compiler of version {prefix}"));
                }
            }
            if !era.sources.contains(source) {
                let parts = [id.as_str(), "prefer", source.as_str()];
                sink.add("eras.json", &parts, &format!("{source} is not among the sources of {id}"));
            }
        }
    }
}
