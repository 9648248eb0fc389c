//! A Bootlin toolchain that the era prefers has a binutils newer than the era's kernel allows.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::catalog::{Aspect, Constraint, Purpose, SourceKind, Window};
use crate::resolve::{Resolver, SourceOrder, Unresolved};

pub(super) static LINT: Lint = Lint {
    code: codes::BOOTLIN_BINUTILS,
    name: "bootlin-binutils",
    level: Level::Error,
    summary: "A Bootlin toolchain that the era prefers has a binutils newer than the era's kernel allows.",
    explanation: "An era's `prefer.bootlin` names the compilers that stand for it, and each Bootlin release comes with one binutils. Where a constraint refuses that binutils for the very kernel that stands for the era, and another Bootlin release would do, the preference cannot be what was meant: name the other first. Where no Bootlin release would do, the era's next source is taken, and nothing is wrong.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    let resolver = Resolver::new(catalog, SourceOrder::Only(vec![SourceKind::Bootlin]));
    for (id, era) in &catalog.eras {
        let preferred = era.prefer.get(&SourceKind::Bootlin).map_or(&[][..], Vec::as_slice);
        if preferred.is_empty() || !era.sources.contains(&SourceKind::Bootlin) {
            continue;
        }
        for arch in catalog.arches.keys() {
            let candidates = match resolver.resolve(&era.kernel, arch, Purpose::Kernel) {
                Ok(resolution) => resolution.candidates,
                Err(Unresolved::NoToolchain(it)) => it.candidates,
                Err(_) => continue,
            };
            let Some(first) = candidates.first().filter(|it| preferred.iter().any(|prefix| it.toolchain.compiler.version().starts_with(prefix))) else {
                continue;
            };
            let refused = first.verdict.rejected.iter().find(|objection| {
                let is_upper = |it: &Constraint| {
                    it.tool.aspect() == Some(Aspect::Binutils) && matches!(&it.window, Window::Accept(range) if range.below.is_some())
                };
                objection.constraint.is_some_and(is_upper)
            });
            let another = candidates.iter().any(|it| it.verdict.is_accepted());
            if let Some(objection) = refused.filter(|_| another) {
                let message = format!("on {arch}, {} is refused for Linux {}: {} ({})", first.toolchain.id, era.kernel, objection.text, objection.fact);
                sink.add("eras.json", &[id.as_str(), "prefer", "bootlin"], &message);
            }
        }
    }
}
