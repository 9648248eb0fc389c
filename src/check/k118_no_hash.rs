//! A toolchain is built of a component without a SHA-256.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use super::text::components_of;
use crate::id::PinId;

pub(super) static LINT: Lint = Lint {
    code: codes::NO_HASH,
    name: "no-hash",
    level: Level::Error,
    summary: "A toolchain is built of a component without a SHA-256.",
    explanation: "Nix fetches by digest: a component that has only a SHA-1, as musl-cross-make records it, cannot be fetched, and no toolchain can be built of it. Fetch the file once, compare its SHA-1, and record `sha256sum FILE`.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, it) in &catalog.source_toolchains {
        for (field, component) in components_of(catalog, it) {
            let pin = component.parse::<PinId>().ok().and_then(|pin| catalog.components.components.get(&pin));
            if pin.is_some_and(|pin| pin.sha256.is_none()) {
                let message = format!("{component} has no sha256, so nothing can be built of it");
                sink.add("source-toolchains.json", &[id.as_str(), field], &message);
            }
        }
    }
}
