//! One id for two toolchains.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use std::collections::BTreeSet;

pub(super) static LINT: Lint = Lint {
    code: codes::TWO_TOOLCHAINS,
    name: "two-toolchains",
    level: Level::Error,
    summary: "One id for two toolchains.",
    explanation: "Toolchains of every source share one table. Where two have the same id, as when an archive of kernel.org's is registered under the name of one of Debian's, only one of them can ever be chosen, and what is measured with one would be said of the other. Give the newer one a name of its own.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let mut seen = BTreeSet::new();
    for it in sink.catalog.each_toolchain() {
        if !seen.insert(it.id.clone()) {
            let (file, parts) = it.place();
            sink.add(file, &parts, &format!("another toolchain is called {}, too", it.id));
        }
    }
}
