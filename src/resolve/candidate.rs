//! Which toolchain is tried before which.
//!
//! Sources come in the era's order, or in the one that was asked for. Within a source, in this order:
//! 1. toolchains that are meant for the era (those from source name theirs; prebuilt ones are meant for all);
//! 2. compilers that the era prefers (`prefer` in `eras.json`), in the order it names them, then all others;
//! 3. stable releases before bleeding-edge ones;
//! 4. musl, glibc, uClibc-ng, none;
//! 5. the arch's first Bootlin variant before its second;
//! 6. the newest compiler, then the newest binutils;
//! 7. the newest release, then the id, so that the order is total.

use std::cmp::Reverse;

use crate::catalog::{Arch, Compiler, Era, Origin, SourceKind, Toolchain};
use crate::id::{EraId, ToolchainId};
use crate::version::ToolVersion;

/// The sources that the resolver may take, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceOrder {
    /// As each era says.
    #[default]
    Era,
    /// These and no others, in this order, whatever the era says.
    Only(Vec<SourceKind>),
}

impl SourceOrder {
    /// The order for `era`.
    pub fn of<'a>(&'a self, era: &'a Era) -> &'a [SourceKind] {
        match self {
            SourceOrder::Era => &era.sources,
            SourceOrder::Only(sources) => sources,
        }
    }
}

impl From<Vec<SourceKind>> for SourceOrder {
    /// No sources named: the era's own order.
    fn from(mut sources: Vec<SourceKind>) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        sources.retain(|source| seen.insert(*source));
        match sources.is_empty() {
            true => SourceOrder::Era,
            false => SourceOrder::Only(sources),
        }
    }
}

type Key<'t> = (
    usize,
    bool,
    usize,
    bool,
    usize,
    usize,
    Reverse<&'t Compiler>,
    Reverse<Option<&'t ToolVersion>>,
    Reverse<&'t str>,
    &'t ToolchainId,
);

/// Those of `toolchains` whose source is allowed, the preferred one first.
pub(super) fn ordered<'c>(
    toolchains: &[&'c Toolchain],
    order: &SourceOrder,
    era_id: &EraId,
    era: &Era,
    arch: &Arch,
) -> Vec<&'c Toolchain> {
    let sources = order.of(era);
    let mut keyed: Vec<(Key<'c>, &'c Toolchain)> = toolchains
        .iter()
        .filter_map(|toolchain| {
            let source = sources.iter().position(|kind| *kind == toolchain.source)?;
            Some((key(toolchain, source, era_id, era, arch), *toolchain))
        })
        .collect();
    keyed.sort_unstable_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, toolchain)| toolchain).collect()
}

fn key<'c>(
    toolchain: &'c Toolchain,
    source: usize,
    era_id: &EraId,
    era: &Era,
    arch: &Arch,
) -> Key<'c> {
    let foreign = match &toolchain.origin {
        Origin::Source { eras, .. } => !eras.contains(era_id),
        _ => false,
    };
    let preferred = era.prefer.get(&toolchain.source).map_or(0, |prefixes| {
        let matches = |prefix: &ToolVersion| toolchain.compiler.version().starts_with(prefix);
        prefixes.iter().position(matches).unwrap_or(prefixes.len())
    });
    let (bleeding, variant, release) = match &toolchain.origin {
        Origin::Bootlin {
            arch_dir,
            flavour,
            release,
            ..
        } => {
            let variant = arch.bootlin.iter().position(|it| it.name == *arch_dir);
            (
                flavour != "stable",
                variant.unwrap_or(usize::MAX),
                release.as_str(),
            )
        }
        _ => (false, 0, ""),
    };
    let libc = match toolchain.libc_name() {
        Some("musl") => 0,
        Some("glibc") => 1,
        Some(_) => 2,
        None => 3,
    };
    (
        source,
        foreign,
        preferred,
        bleeding,
        libc,
        variant,
        Reverse(&toolchain.compiler),
        Reverse(toolchain.binutils.as_ref()),
        Reverse(release),
        &toolchain.id,
    )
}
