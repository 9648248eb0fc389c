//! From a command line's wishes to a plan.

use std::collections::BTreeSet;

use miette::Diagnostic;
use thiserror::Error;

use super::planned::{BootLimits, Plan, PlannedCell, Verdict};
use super::{Stage, ToolchainRecord};
use crate::catalog::{Arch, Bits, Catalog, Endian, Era, Purpose, Toolchain};
use crate::flake;
use crate::id::{ArchId, CellId, EraId};
use crate::resolve::{Resolution, Resolver, SourceOrder, Unresolved};
use crate::version::{KernelVersion, ToolVersion};

/// What is asked for; empty lists mean everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Eras, as users spell them.
    pub bands: Vec<String>,
    /// Arches.
    pub arches: Vec<String>,
    /// Cells: `k6-arm64`.
    pub cells: Vec<String>,
    /// What a cell must have: a source, a libc, `32-bit`, `big-endian`, the kernel's name of the arch.
    pub tags: Vec<String>,
    /// Cells, arches, eras or tags to leave out.
    pub exclude: Vec<String>,
    /// Kernel versions, in place of the eras' own.
    pub kernels: Vec<KernelVersion>,
    /// Only this gcc: `12`, `12.2`.
    pub gcc: Option<ToolVersion>,
    /// How far to go; none: to the boot.
    pub stage: Option<Stage>,
    /// Sources of toolchains.
    pub sources: SourceOrder,
    /// Configuration; none: `tiny`.
    pub profile: Option<String>,
    /// How long a boot may take.
    pub boot: BootLimits,
}

/// A selection that means nothing.
#[derive(Debug, Error, Diagnostic)]
#[diagnostic(code(kflake::validate::selection))]
pub enum SelectError {
    /// A name that the matrix does not have.
    #[error("unknown {what} {name:?}")]
    #[diagnostic(help("known: {known}"))]
    Unknown {
        /// Kind of name.
        what: &'static str,
        /// The name, as given.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// A kernel that no era of the selection covers.
    #[error("Linux {0} belongs to none of the bands asked for")]
    #[diagnostic(help("leave out --band, or name the kernel's own"))]
    Elsewhere(KernelVersion),
    /// A kernel without a source.
    #[error("no source is known for Linux {0}")]
    #[diagnostic(help("register its tarball: kflake kernel add FILE"))]
    NoSource(KernelVersion),
    /// Everything was left out.
    #[error("no cell is left: the selection excludes everything")]
    Empty,
}

/// The plan for `selection` over `catalog`: eras from old to new, arches by name, kernels from old to new.
///
/// # Errors
/// When a name is unknown, or nothing is left.
pub fn plan(catalog: &Catalog, selection: &Selection) -> Result<Plan, SelectError> {
    let eras = eras(catalog, selection)?;
    let arches = arches(catalog, selection)?;
    let cells = cells(catalog, selection)?;
    check_tags(catalog, selection)?;
    let resolver = Resolver::new(catalog, selection.sources.clone());
    for version in &selection.kernels {
        if !eras.iter().any(|(_, era)| era.contains(version)) {
            return Err(SelectError::Elsewhere(version.clone()));
        }
        if selection.stage != Some(Stage::Toolchain) && !catalog.kernels.contains_key(version) {
            return Err(SelectError::NoSource(version.clone()));
        }
    }
    let mut plan = Plan::default();
    for (era_id, era) in eras {
        for version in kernels(catalog, selection, era) {
            for (arch_id, arch) in &arches {
                let cell = CellId {
                    era: era_id.clone(),
                    arch: (*arch_id).clone(),
                };
                if !cells.is_empty() && !cells.contains(&cell) {
                    continue;
                }
                let planned = planned(catalog, selection, &resolver, cell, version);
                if wanted(&planned, arch, selection) {
                    plan.cells.push(planned);
                }
            }
        }
    }
    if plan.cells.is_empty() {
        return Err(SelectError::Empty);
    }
    Ok(plan)
}

/// The eras asked for, old to new.
fn eras<'c>(
    catalog: &'c Catalog,
    selection: &Selection,
) -> Result<Vec<(&'c EraId, &'c Era)>, SelectError> {
    for band in &selection.bands {
        if !catalog.eras.keys().any(|era| era.is_spelled(band)) {
            return Err(unknown("band", band, catalog.eras.keys()));
        }
    }
    let asked = |era: &EraId| {
        selection.bands.is_empty() || selection.bands.iter().any(|band| era.is_spelled(band))
    };
    let mut eras: Vec<_> = catalog.eras.iter().filter(|(id, _)| asked(id)).collect();
    eras.sort_by(|(_, a), (_, b)| a.from.cmp(&b.from));
    Ok(eras)
}

fn arches<'c>(
    catalog: &'c Catalog,
    selection: &Selection,
) -> Result<Vec<(&'c ArchId, &'c Arch)>, SelectError> {
    for arch in &selection.arches {
        if !catalog.arches.contains_key(arch.as_str()) {
            return Err(unknown("arch", arch, catalog.arches.keys()));
        }
    }
    let asked = |id: &ArchId| {
        selection.arches.is_empty() || selection.arches.iter().any(|arch| arch == id.as_str())
    };
    Ok(catalog.arches.iter().filter(|(id, _)| asked(id)).collect())
}

/// The cells asked for by name.
fn cells(catalog: &Catalog, selection: &Selection) -> Result<BTreeSet<CellId>, SelectError> {
    let find = |name: &String| {
        let (era, arch) = name.split_once('-')?;
        let era = catalog.eras.keys().find(|id| id.is_spelled(era))?;
        let arch = catalog.arches.keys().find(|id| id.as_str() == arch)?;
        Some(CellId {
            era: era.clone(),
            arch: arch.clone(),
        })
    };
    let known = || {
        let eras: Vec<String> = catalog.eras.keys().map(EraId::attr).collect();
        let arches: Vec<&str> = catalog.arches.keys().map(ArchId::as_str).collect();
        format!(
            "BAND-ARCH, with a band of {} and an arch of {}",
            eras.join(", "),
            arches.join(", ")
        )
    };
    let found = selection.cells.iter().map(|name| {
        find(name).ok_or_else(|| SelectError::Unknown {
            what: "cell",
            name: name.clone(),
            known: known(),
        })
    });
    found.collect()
}

/// The kernels that stand for `era`: those asked for, else those that the project registered from disk, else the era's own.
fn kernels<'c>(
    catalog: &'c Catalog,
    selection: &'c Selection,
    era: &'c Era,
) -> Vec<&'c KernelVersion> {
    if !selection.kernels.is_empty() {
        let mut asked: Vec<_> = selection
            .kernels
            .iter()
            .filter(|version| era.contains(version))
            .collect();
        asked.sort();
        asked.dedup();
        return asked;
    }
    let registered = catalog.kernels.iter().filter(|(_, pin)| pin.url.is_none());
    let registered: Vec<_> = registered
        .map(|(version, _)| version)
        .filter(|version| era.contains(version))
        .collect();
    match registered.is_empty() {
        true => vec![flake::cell_kernel(catalog, era)],
        false => registered,
    }
}

fn planned(
    catalog: &Catalog,
    selection: &Selection,
    resolver: &Resolver<'_>,
    cell: CellId,
    version: &KernelVersion,
) -> PlannedCell {
    let furthest = selection.stage.unwrap_or(Stage::Boot);
    let mut planned = PlannedCell {
        kernel: Some(version.clone()),
        profile: selection
            .profile
            .clone()
            .unwrap_or_else(|| "tiny".to_owned()),
        board: flake::board_for(catalog, &cell.arch, version).map(|(id, _)| id.clone()),
        toolchain: None,
        systems: Vec::new(),
        reasons: Vec::new(),
        basis: None,
        stages: Stage::ALL
            .into_iter()
            .filter(|stage| *stage <= furthest)
            .collect(),
        boot: selection.boot,
        verdict: Verdict::Try,
        cell,
    };
    match resolver.resolve(version, &planned.cell.arch, Purpose::Kernel) {
        Ok(resolution) => choose(selection, &resolution, &mut planned),
        Err(Unresolved::Unsupported { support, .. }) => {
            planned.verdict = Verdict::Unsupported(support.reason.clone());
        }
        Err(other) => planned.verdict = Verdict::NoToolchain(other.to_string()),
    }
    planned
}

/// Takes the resolver's choice, or the first accepted candidate with the gcc asked for.
fn choose(selection: &Selection, resolution: &Resolution<'_>, planned: &mut PlannedCell) {
    let take = |toolchain: &Toolchain, planned: &mut PlannedCell| {
        planned.toolchain = Some(record(toolchain));
        planned.systems = toolchain.systems.iter().map(ToString::to_string).collect();
    };
    let Some(gcc) = &selection.gcc else {
        take(resolution.toolchain, planned);
        planned.reasons = resolution.reasons();
        planned.basis = Some(resolution.basis);
        return;
    };
    let fits = |toolchain: &Toolchain| is_prefix(gcc, &toolchain.gcc);
    let found = resolution
        .candidates
        .iter()
        .find(|candidate| candidate.verdict.is_accepted() && fits(candidate.toolchain));
    match found {
        Some(candidate) => {
            take(candidate.toolchain, planned);
            planned.reasons = vec![format!("gcc {gcc} was asked for")];
        }
        None => {
            planned.verdict = Verdict::NoToolchain(format!("no toolchain with gcc {gcc} fits"));
        }
    }
}

/// Whether `12` or `12.2` means 12.2.0.
fn is_prefix(asked: &ToolVersion, found: &ToolVersion) -> bool {
    let rest = found.as_str().strip_prefix(asked.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn record(toolchain: &Toolchain) -> ToolchainRecord {
    ToolchainRecord {
        id: toolchain.id.to_string(),
        source: toolchain.source,
        gcc: toolchain.gcc.clone(),
        binutils: toolchain.binutils.clone(),
        libc: toolchain.libc.clone(),
        oldest_kernel: toolchain.oldest_kernel.clone(),
        target: toolchain.target.clone(),
        overridden: toolchain.is_overridden(),
    }
}

/// What can be said of a cell in one word.
fn tags(arch: &Arch, toolchain: Option<&ToolchainRecord>) -> Vec<String> {
    let mut tags = vec![
        arch.linux_arch.clone(),
        match arch.endian {
            Endian::Big => "big-endian",
            Endian::Little => "little-endian",
        }
        .to_owned(),
        match arch.bits {
            Bits::B32 => "32-bit",
            Bits::B64 => "64-bit",
        }
        .to_owned(),
    ];
    if let Some(toolchain) = toolchain {
        tags.push(toolchain.source.to_string());
        let libc = toolchain
            .libc
            .as_deref()
            .and_then(|libc| libc.split('-').next());
        tags.push(libc.unwrap_or("no-libc").to_owned());
    }
    tags
}

fn check_tags(catalog: &Catalog, selection: &Selection) -> Result<(), SelectError> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for arch in catalog.arches.values() {
        known.extend(tags(arch, None));
    }
    for toolchain in catalog.toolchains().values() {
        known.insert(toolchain.source.to_string());
        known.insert(toolchain.libc_name().unwrap_or("no-libc").to_owned());
    }
    if let Some(name) = selection.tags.iter().find(|tag| !known.contains(*tag)) {
        return Err(unknown("tag", name, known.iter()));
    }
    let is_name = |name: &String| {
        known.contains(name)
            || catalog.arches.contains_key(name.as_str())
            || catalog.eras.keys().any(|era| era.is_spelled(name))
            || cells(
                catalog,
                &Selection {
                    cells: vec![name.clone()],
                    ..Selection::default()
                },
            )
            .is_ok()
    };
    match selection.exclude.iter().find(|name| !is_name(name)) {
        Some(name) => Err(SelectError::Unknown {
            what: "name to exclude",
            name: name.clone(),
            known: "cells (k6-arm64), bands, arches and tags".to_owned(),
        }),
        None => Ok(()),
    }
}

fn wanted(planned: &PlannedCell, arch: &Arch, selection: &Selection) -> bool {
    let tags = tags(arch, planned.toolchain.as_ref());
    let has = |tag: &String| tags.contains(tag);
    let named = |name: &String| {
        let cell = &planned.cell;
        has(name)
            || *name == cell.arch.as_str()
            || cell.era.is_spelled(name)
            || name
                .split_once('-')
                .is_some_and(|(era, arch)| cell.era.is_spelled(era) && arch == cell.arch.as_str())
    };
    selection.tags.iter().all(has) && !selection.exclude.iter().any(named)
}

fn unknown<T: std::fmt::Display>(
    what: &'static str,
    name: &str,
    known: impl Iterator<Item = T>,
) -> SelectError {
    let known: Vec<String> = known.map(|name| name.to_string()).collect();
    SelectError::Unknown {
        what,
        name: name.to_owned(),
        known: known.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        Catalog::embedded().unwrap()
    }

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn ids(plan: &Plan) -> Vec<String> {
        plan.cells
            .iter()
            .map(|cell| cell.cell.to_string())
            .collect()
    }

    #[test]
    fn bands_and_arches_are_spelled_either_way() {
        let selection = Selection {
            bands: strings(&["k2.6", "k6"]),
            arches: strings(&["arm64", "armel"]),
            ..Selection::default()
        };
        let plan = plan(&catalog(), &selection).unwrap();
        assert_eq!(
            ids(&plan),
            ["k26-arm64", "k26-armel", "k6-arm64", "k6-armel"]
        );
        assert!(
            matches!(plan.cells[0].verdict, Verdict::Unsupported(_)),
            "no arm64 before 3.7"
        );
    }

    #[test]
    fn unknown_names_say_what_is_known() {
        let catalog = catalog();
        for (selection, what) in [
            (
                Selection {
                    bands: strings(&["k9"]),
                    ..Selection::default()
                },
                "band",
            ),
            (
                Selection {
                    arches: strings(&["z80"]),
                    ..Selection::default()
                },
                "arch",
            ),
            (
                Selection {
                    cells: strings(&["k6"]),
                    ..Selection::default()
                },
                "cell",
            ),
            (
                Selection {
                    tags: strings(&["purple"]),
                    ..Selection::default()
                },
                "tag",
            ),
            (
                Selection {
                    exclude: strings(&["nothing"]),
                    ..Selection::default()
                },
                "name to exclude",
            ),
        ] {
            let error = plan(&catalog, &selection).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("unknown {what} ")),
                "{error}"
            );
        }
    }

    #[test]
    fn tags_narrow_and_exclusions_leave_out() {
        let selection = Selection {
            bands: strings(&["k6"]),
            sources: vec![crate::catalog::SourceKind::Debian].into(),
            tags: strings(&["big-endian", "32-bit"]),
            exclude: strings(&["k6-powerpc"]),
            ..Selection::default()
        };
        let plan = plan(&catalog(), &selection).unwrap();
        assert!(
            ids(&plan).contains(&"k6-mipseb".to_owned()),
            "{:?}",
            ids(&plan)
        );
        assert!(
            !ids(&plan)
                .iter()
                .any(|id| id == "k6-powerpc" || id == "k6-arm64")
        );
    }

    #[test]
    fn a_kernel_belongs_to_its_band() {
        let selection = Selection {
            bands: strings(&["k6"]),
            arches: strings(&["arm64"]),
            kernels: vec!["5.10.229".parse().unwrap()],
            ..Selection::default()
        };
        assert!(matches!(
            plan(&catalog(), &selection),
            Err(SelectError::Elsewhere(_))
        ));
        let selection = Selection {
            bands: Vec::new(),
            ..selection
        };
        let plan = plan(&catalog(), &selection).unwrap();
        assert_eq!(ids(&plan), ["k4-arm64"]);
        assert_eq!(plan.cells[0].key(), "k4-arm64-5.10.229");
    }

    #[test]
    fn gcc_picks_among_what_fits() {
        let selection = Selection {
            arches: strings(&["arm64"]),
            bands: strings(&["k6"]),
            sources: vec![crate::catalog::SourceKind::Debian].into(),
            gcc: Some("13".parse().unwrap()),
            ..Selection::default()
        };
        let plan = plan(&catalog(), &selection).unwrap();
        let gcc = plan.cells[0].toolchain.as_ref().unwrap().gcc.to_string();
        assert!(gcc.starts_with("13."), "{gcc}");
    }
}
