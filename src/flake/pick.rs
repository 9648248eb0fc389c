//! Which toolchain a kernel gets.

use super::model::{Interval, Outcome};
use crate::catalog::{Catalog, Era, Purpose, SourceKind, Toolchain};
use crate::id::{ArchId, ToolchainId};
use crate::version::KernelVersion;

/// The toolchain for one kernel.
pub fn toolchain<'a>(
    catalog: &'a Catalog,
    sources: &[SourceKind],
    arch: &ArchId,
    version: &KernelVersion,
) -> Option<&'a ToolchainId> {
    let era = catalog.eras.values().find(|era| era.contains(version))?;
    best(catalog, sources, arch, era).map(|toolchain| &toolchain.id)
}

/// What every kernel gets, in order and without gaps.
pub fn intervals(
    catalog: &Catalog,
    sources: &[SourceKind],
    arch: &ArchId,
    _purpose: Purpose,
) -> Vec<Interval> {
    let mut eras: Vec<&Era> = catalog.eras.values().collect();
    eras.sort_by(|a, b| a.from.cmp(&b.from));
    let intervals = eras.into_iter().map(|era| Interval {
        from: Some(era.from.to_string()),
        below: era.below.as_ref().map(ToString::to_string),
        outcome: match best(catalog, sources, arch, era) {
            Some(toolchain) => Outcome::Use(toolchain.id.to_string()),
            None => Outcome::NoToolchain("no toolchain is known for it".into()),
        },
    });
    intervals.collect()
}

/// The era's preferred toolchain.
fn best<'a>(
    catalog: &'a Catalog,
    sources: &[SourceKind],
    arch: &ArchId,
    era: &Era,
) -> Option<&'a Toolchain> {
    let order = if sources.is_empty() {
        &era.sources
    } else {
        sources
    };
    order.iter().find_map(|source| {
        let wanted = era.prefer.get(source).map_or(&[][..], Vec::as_slice);
        let all = catalog.toolchains().values();
        let fitting = all.filter(|it| it.arch == *arch && it.source == *source);
        fitting.min_by_key(|it| {
            let place = wanted.iter().position(|version| {
                let prefix = format!("{version}.");
                it.gcc.as_str() == version.as_str() || it.gcc.as_str().starts_with(&prefix)
            });
            (
                place.unwrap_or(wanted.len()),
                std::cmp::Reverse(it.gcc.clone()),
            )
        })
    })
}
