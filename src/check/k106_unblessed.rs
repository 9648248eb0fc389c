//! A toolchain is built of a component that musl-cross-make does not know.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use super::text::components_of;
use crate::catalog::SourceKind;
use crate::id::PinId;

pub(super) static LINT: Lint = Lint {
    code: codes::UNBLESSED,
    name: "unblessed",
    level: Level::Error,
    summary: "A toolchain is built of a component that musl-cross-make does not know.",
    explanation: "The pinned musl-cross-make has tried its components together and has the patches they need. A version that it does not know may build, and may produce wrong code in silence. Say `\"unblessed\": true` in the toolchain's entry where that is meant; what is built without a libc needs no patches for musl and is not asked.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, it) in &catalog.source_toolchains {
        if it.unblessed || it.source != SourceKind::Musl {
            continue;
        }
        for (field, component) in components_of(catalog, it) {
            let pin = component.parse::<PinId>().ok().and_then(|pin| catalog.components.components.get(&pin));
            if pin.is_some_and(|pin| !pin.blessed) {
                let message = format!("{component} is no version that musl-cross-make knows");
                sink.add("source-toolchains.json", &[id.as_str(), field], &message);
            }
        }
    }
}
