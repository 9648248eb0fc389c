//! A pinned kernel that no toolchain builds on any arch.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::catalog::Purpose;
use crate::id::ArchId;
use crate::resolve::{Answer, Interval};

pub(super) static LINT: Lint = Lint {
    code: codes::NO_TOOLCHAIN,
    name: "no-toolchain",
    level: Level::Error,
    summary: "A pinned kernel that no toolchain builds on any arch.",
    explanation: "The kernel's tarball is pinned, and on every arch that it has, every toolchain is rejected. The message names the facts in the way on one of them; `kflake resolve VERSION ARCH --explain` tells the whole. A source of toolchains is missing, or a constraint reaches too far. A kernel older than every era is not asked.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let tables: Vec<(&ArchId, Vec<Interval>)> = catalog
        .arches
        .keys()
        .map(|arch| (arch, sink.resolver.intervals(arch, Purpose::Kernel)))
        .collect();
    for version in catalog.kernels.keys() {
        let answers = tables.iter().filter_map(|(arch, table)| {
            let row = table.iter().find(|row| row.contains(version))?;
            Some((*arch, &row.outcome))
        });
        let answers: Vec<_> = answers.collect();
        let fits = |(_, answer): &(&ArchId, &Answer)| matches!(answer, Answer::Toolchain(_) | Answer::NoEra);
        if answers.iter().any(fits) {
            continue;
        }
        let why = answers.iter().find_map(|(arch, answer)| match answer {
            Answer::NoToolchain(why) => Some(format!("on {arch} {why}")),
            _ => None,
        });
        if let Some(why) = why {
            let message = format!("no toolchain builds Linux {version} on any arch: {why}");
            sink.add("kernels.json", &[version.as_str()], &message);
        }
    }
}
