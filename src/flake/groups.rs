//! Toolchains that belong together, whichever the cells of this flake take: what builds everything that a source offers.

use std::collections::BTreeMap;

use super::stand_in::cell_kernel;
use crate::catalog::{Catalog, Origin, Purpose, SourceKind, Toolchain};
use crate::id::{ArchId, EraId};
use crate::resolve::{Resolver, SourceOrder};

/// Member name to toolchain id.
type Group = BTreeMap<String, String>;

/// The groups by name. `sources` are those that may be taken; none: all.
///
/// | group | members |
/// |---|---|
/// | `bootlin-all` | for each era and arch, the Bootlin release that the constraints leave |
/// | `debian-all` | each of Debian's compilers |
/// | `k26-all` | for each arch, the compiler with musl for the oldest era |
/// | `k26-kernel-all` | for each arch, the compiler without a libc that the constraints leave for that era |
/// | `fromsource-extra` | with musl, for the later eras and the arches that Bootlin has nothing for |
/// | `spike` | `k26-armel`, to try the recipe on |
pub(super) fn groups(catalog: &Catalog, sources: &[SourceKind]) -> BTreeMap<String, Group> {
    let may = |source| sources.is_empty() || sources.contains(&source);
    let mut groups = BTreeMap::new();
    let mut add = |name: &str, group: Group| {
        if !group.is_empty() {
            groups.insert(name.to_owned(), group);
        }
    };
    let bootlin = resolved(catalog, SourceKind::Bootlin);
    if may(SourceKind::Debian) {
        let debian = of_source(catalog, SourceKind::Debian);
        add(
            "debian-all",
            debian
                .map(|it| (it.id.to_string(), it.id.to_string()))
                .collect(),
        );
    }
    if may(SourceKind::Musl) {
        let oldest = oldest_era(catalog);
        let mut k26 = Group::new();
        let mut extra = Group::new();
        for (era, it) in for_eras(catalog, SourceKind::Musl) {
            let name = member(era, &it.arch);
            if Some(era) == oldest {
                k26.insert(name, it.id.to_string());
            } else if !bootlin.contains_key(&name) {
                extra.entry(name).or_insert_with(|| it.id.to_string());
            }
        }
        let spike = k26.get_key_value("k26-armel");
        add(
            "spike",
            spike
                .map(|(k, v)| (k.clone(), v.clone()))
                .into_iter()
                .collect(),
        );
        add("k26-all", k26);
        add("fromsource-extra", extra);
    }
    if may(SourceKind::KernelOnly) {
        let mut group = resolved(catalog, SourceKind::KernelOnly);
        group.retain(|name, _| name.starts_with("k26-"));
        add("k26-kernel-all", group);
    }
    if may(SourceKind::Bootlin) {
        add("bootlin-all", bootlin);
    }
    groups
}

fn member(era: &EraId, arch: &ArchId) -> String {
    format!("{}-{arch}", era.attr())
}

fn oldest_era(catalog: &Catalog) -> Option<&EraId> {
    let eras = catalog.eras.iter();
    eras.min_by(|a, b| a.1.from.cmp(&b.1.from))
        .map(|(id, _)| id)
}

fn of_source(catalog: &Catalog, source: SourceKind) -> impl Iterator<Item = &Toolchain> {
    catalog
        .toolchains()
        .values()
        .filter(move |it| it.source == source)
}

/// The toolchains built from source, each with every era that it is meant for.
fn for_eras(catalog: &Catalog, source: SourceKind) -> impl Iterator<Item = (&EraId, &Toolchain)> {
    of_source(catalog, source).flat_map(|it| {
        let eras = match &it.origin {
            Origin::Source { eras, .. } => eras.as_slice(),
            _ => &[],
        };
        eras.iter().map(move |era| (era, it))
    })
}

/// What `source` has for the kernel of each era, by arch.
fn resolved(catalog: &Catalog, source: SourceKind) -> Group {
    let resolver = Resolver::new(catalog, SourceOrder::from(vec![source]));
    let mut group = Group::new();
    for (id, era) in &catalog.eras {
        let kernel = cell_kernel(catalog, era);
        for arch in catalog.arches.keys() {
            if let Ok(Some(it)) = resolver.pick(kernel, arch, Purpose::Kernel) {
                group.insert(member(id, arch), it.id.to_string());
            }
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_what_their_names_say() {
        let catalog = Catalog::embedded().unwrap();
        let all = groups(&catalog, &[]);
        let names: Vec<_> = all.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "bootlin-all",
                "debian-all",
                "fromsource-extra",
                "k26-all",
                "k26-kernel-all",
                "spike"
            ]
        );
        assert_eq!(all["k26-all"].len(), 12, "{:?}", all["k26-all"]);
        assert_eq!(all["spike"].keys().collect::<Vec<_>>(), ["k26-armel"]);
        for name in [
            "k6-mips64el",
            "k7-powerpcle",
            "k6-loongarch64",
            "k3-mips64eb",
        ] {
            assert!(all["fromsource-extra"].contains_key(name), "{name}");
        }
        assert!(all["k26-kernel-all"]["k26-mipsel"].starts_with("kernel-only-4.4.7"));
        assert!(
            all["bootlin-all"].len() > 40,
            "{}",
            all["bootlin-all"].len()
        );
        assert_eq!(all["debian-all"].len(), catalog.debian.toolchains.len());
        // every member is a toolchain of the catalog
        for (name, group) in &all {
            for id in group.values() {
                assert!(
                    catalog.toolchains().contains_key(id.as_str()),
                    "{name}: {id}"
                );
            }
        }
        let only = groups(&catalog, &[SourceKind::Debian]);
        assert_eq!(only.keys().collect::<Vec<_>>(), ["debian-all"]);
    }
}
