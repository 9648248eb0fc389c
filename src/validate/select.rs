//! From a command line's wishes to a plan.

use std::collections::BTreeSet;

use miette::Diagnostic;
use thiserror::Error;

use super::planned::{BootLimits, Feasibility, Plan, PlannedCell};
use super::{Stage, ToolchainRecord};
use crate::catalog::{
    Arch, Bits, Catalog, Compiler, Endian, Era, MeasuredSource, Purpose, Toolchain, UnknownName,
};
use crate::flake;
use crate::id::{ArchId, CellId, EraId, ToolchainId};
use crate::resolve::{Candidate, Resolution, Resolver, SourceOrder, Unresolved};
use crate::version::{KernelVersion, ToolVersion};

/// What is asked for; empty lists mean everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Eras, as users spell them.
    pub eras: Vec<String>,
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
    /// The stock kernel of each era, on the arches that the era names, with the boards' own configurations, and no further than
    /// the kernel unless `stage` says so.
    pub stock: bool,
    /// Only this compiler, of a version that begins so: gcc `12`, clang `19`.
    pub compiler: Option<Compiler>,
    /// This toolchain and no other, whatever speaks against it.
    pub toolchain: Option<ToolchainId>,
    /// How far to go; none: to the boot, or, of stock kernels, to the kernel.
    pub stage: Option<Stage>,
    /// Sources of toolchains.
    pub sources: SourceOrder,
    /// Configuration; none: `tiny`, or, of stock kernels, `board`.
    pub profile: Option<String>,
    /// How long a boot may take.
    pub boot: BootLimits,
    /// Stages to build although the store has them.
    pub fresh: Vec<Stage>,
}

/// A selection that means nothing.
#[derive(Debug, Error, Diagnostic)]
pub enum SelectError {
    /// A name that the matrix does not have.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unknown(#[from] UnknownName),
    /// A kernel that no era of the selection covers.
    #[error("Linux {0} belongs to none of the eras asked for")]
    #[diagnostic(help("leave out --era, or name the kernel's own"))]
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
    let excluded = exclusions(catalog, selection)?;
    let resolver = Resolver::new(catalog, selection.sources.clone());
    for version in &selection.kernels {
        if !eras.iter().any(|(_, era)| era.contains(version)) {
            return Err(SelectError::Elsewhere(version.clone()));
        }
        if selection.stage != Some(Stage::Toolchain) && !catalog.kernels.contains_key(version) {
            return Err(SelectError::NoSource(version.clone()));
        }
    }
    let mut plan = Plan {
        fresh: selection.fresh.iter().copied().collect(),
        ..Plan::default()
    };
    for (era_id, era) in eras {
        for version in kernels(catalog, selection, era) {
            for (arch_id, arch) in &arches {
                let cell = CellId {
                    era: era_id.clone(),
                    arch: (*arch_id).clone(),
                };
                let stock = !selection.stock || era.stock_arches.contains(arch_id);
                if !stock || !cells.is_empty() && !cells.contains(&cell) {
                    continue;
                }
                let planned = planned(catalog, selection, &resolver, cell, version);
                if wanted(&planned, arch, &selection.tags, &excluded) {
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
    let names = selection.eras.iter();
    let asked: Vec<&EraId> = names
        .map(|name| catalog.era(name))
        .collect::<Result<_, _>>()?;
    let is_asked = |era: &EraId| asked.is_empty() || asked.contains(&era);
    let mut eras: Vec<_> = catalog.eras.iter().filter(|(id, _)| is_asked(id)).collect();
    eras.sort_by(|(_, a), (_, b)| a.from.cmp(&b.from));
    Ok(eras)
}

fn arches<'c>(
    catalog: &'c Catalog,
    selection: &Selection,
) -> Result<Vec<(&'c ArchId, &'c Arch)>, SelectError> {
    let names = selection.arches.iter();
    let asked: Vec<&ArchId> = names
        .map(|name| catalog.arch(name))
        .collect::<Result<_, _>>()?;
    let is_asked = |id: &ArchId| asked.is_empty() || asked.contains(&id);
    Ok(catalog
        .arches
        .iter()
        .filter(|(id, _)| is_asked(id))
        .collect())
}

/// The cells asked for by name.
fn cells(catalog: &Catalog, selection: &Selection) -> Result<BTreeSet<CellId>, SelectError> {
    let names = selection.cells.iter();
    Ok(names
        .map(|name| catalog.cell(name))
        .collect::<Result<_, _>>()?)
}

/// The kernels that stand for `era`: those asked for, or its stock kernel if that is, else those that the project registered from
/// disk, else the era's own.
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
            .map(|version| catalog.registered(version))
            .collect();
        asked.sort();
        asked.dedup();
        return asked;
    }
    if selection.stock {
        return vec![catalog.registered(&era.kernel)];
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
    let (profile, furthest) = match selection.stock {
        true => ("board", Stage::Kernel),
        false => ("tiny", Stage::Boot),
    };
    let furthest = selection.stage.unwrap_or(furthest);
    let mut planned = PlannedCell {
        kernel: Some(version.clone()),
        source: catalog.kernels.get(version).map(MeasuredSource::of),
        profile: selection
            .profile
            .clone()
            .unwrap_or_else(|| profile.to_owned()),
        board: catalog
            .board_for(&cell.arch, version)
            .map(|(id, _)| id.clone()),
        toolchain: None,
        systems: Vec::new(),
        reasons: Vec::new(),
        basis: None,
        stages: Stage::ALL
            .into_iter()
            .filter(|stage| *stage <= furthest)
            .collect(),
        boot: selection.boot,
        verdict: Feasibility::Try,
        cell,
    };
    let resolved = resolver.resolve(version, &planned.cell.arch, Purpose::Kernel);
    match (resolved, &selection.toolchain) {
        (Ok(resolution), None) => choose(selection, &resolution, &mut planned),
        (Ok(resolution), Some(id)) => insist(id, &resolution.candidates, &mut planned),
        (Err(Unresolved::NoToolchain(nothing)), Some(id)) => {
            insist(id, &nothing.candidates, &mut planned);
        }
        (Err(Unresolved::Unsupported { support, .. }), _) => {
            planned.verdict = Feasibility::Unsupported(support.reason.clone());
        }
        (Err(other), _) => planned.verdict = Feasibility::NoToolchain(other.to_string()),
    }
    if planned.verdict == Feasibility::Try && planned.board.is_none() && furthest > Stage::Toolchain
    {
        planned.verdict = Feasibility::NoBoard(no_board(catalog, &planned.cell.arch, version));
    }
    planned
}

/// That no board runs `version`, and what the boards of `arch` do run.
fn no_board(catalog: &Catalog, arch: &ArchId, version: &KernelVersion) -> String {
    let boards = catalog.boards.iter().filter(|(_, it)| it.arch == *arch);
    let known: Vec<String> = boards
        .map(|(id, it)| format!("{id} ({})", it.kernel))
        .collect();
    let known = match known.is_empty() {
        true => "none is known".to_owned(),
        false => format!("there are {}", known.join(", ")),
    };
    format!("no board for {arch} runs Linux {version}; {known}")
}

fn take(toolchain: &Toolchain, planned: &mut PlannedCell) {
    planned.toolchain = Some(record(toolchain));
    planned.systems = toolchain.systems.iter().map(ToString::to_string).collect();
}

/// Takes the candidate `id`, accepted or not.
fn insist(id: &ToolchainId, candidates: &[Candidate<'_>], planned: &mut PlannedCell) {
    match candidates.iter().find(|it| it.toolchain.id == *id) {
        Some(candidate) => {
            take(candidate.toolchain, planned);
            planned.reasons = vec!["it was asked for".to_owned()];
        }
        None => {
            planned.verdict = Feasibility::NoToolchain(format!(
                "{id} is not one of the toolchains for {}",
                planned.cell.arch
            ));
        }
    }
}

/// Takes the resolver's choice, or the first accepted candidate with the compiler asked for.
fn choose(selection: &Selection, resolution: &Resolution<'_>, planned: &mut PlannedCell) {
    let Some(asked) = &selection.compiler else {
        take(resolution.toolchain, planned);
        planned.reasons = resolution.reasons();
        planned.basis = Some(resolution.basis);
        return;
    };
    let fits = |toolchain: &Toolchain| {
        let own = &toolchain.compiler;
        own.name() == asked.name() && is_prefix(asked.version(), own.version())
    };
    let found = resolution
        .candidates
        .iter()
        .find(|candidate| candidate.verdict.is_accepted() && fits(candidate.toolchain));
    match found {
        Some(candidate) => {
            take(candidate.toolchain, planned);
            planned.reasons = vec![format!("{asked} was asked for")];
        }
        None => {
            planned.verdict = Feasibility::NoToolchain(format!("no toolchain with {asked} fits"));
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
        compiler: toolchain.compiler.clone(),
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

/// Something that is left out.
enum Excluded {
    Tag(String),
    Arch(ArchId),
    Era(EraId),
    Cell(CellId),
}

impl Excluded {
    /// What a user means by `name`; a tag before an arch, so that `mips` is all of them.
    fn read(catalog: &Catalog, known: &BTreeSet<String>, name: &str) -> Option<Self> {
        if known.contains(name) {
            return Some(Excluded::Tag(name.to_owned()));
        }
        let arch = |it: &ArchId| Excluded::Arch(it.clone());
        let era = |it: &EraId| Excluded::Era(it.clone());
        (catalog.arch(name).map(arch))
            .or_else(|_| catalog.era(name).map(era))
            .or_else(|_| catalog.cell(name).map(Excluded::Cell))
            .ok()
    }

    fn is(&self, cell: &CellId, tags: &[String]) -> bool {
        match self {
            Excluded::Tag(tag) => tags.contains(tag),
            Excluded::Arch(arch) => cell.arch == *arch,
            Excluded::Era(era) => cell.era == *era,
            Excluded::Cell(other) => cell == other,
        }
    }
}

/// What is left out, and whether the tags asked for are any.
fn exclusions(catalog: &Catalog, selection: &Selection) -> Result<Vec<Excluded>, SelectError> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for arch in catalog.arches.values() {
        known.extend(tags(arch, None));
    }
    for toolchain in catalog.toolchains().values() {
        known.insert(toolchain.source.to_string());
        known.insert(toolchain.libc_name().unwrap_or("no-libc").to_owned());
    }
    let names = || known.iter().map(String::as_str);
    if let Some(name) = selection.tags.iter().find(|tag| !known.contains(*tag)) {
        return Err(UnknownName::among("tag", name, names(), []).into());
    }
    let read = |name: &String| {
        Excluded::read(catalog, &known, name).ok_or_else(|| {
            // a slip in one half of a cell's name: that half is known better
            if let (Some(_), Err(cell)) = (name.split_once('-'), catalog.cell(name))
                && name
                    .split('-')
                    .any(|half| catalog.era(half).is_ok() || catalog.arch(half).is_ok())
            {
                return cell;
            }
            let eras = catalog.eras.keys().map(EraId::as_str);
            let all = eras.chain(catalog.arches.keys().map(ArchId::as_str));
            UnknownName::among("name to exclude", name, all.chain(names()), [])
        })
    };
    Ok(selection
        .exclude
        .iter()
        .map(read)
        .collect::<Result<_, _>>()?)
}

fn wanted(planned: &PlannedCell, arch: &Arch, asked: &[String], excluded: &[Excluded]) -> bool {
    let tags = tags(arch, planned.toolchain.as_ref());
    asked.iter().all(|tag| tags.contains(tag))
        && !excluded.iter().any(|it| it.is(&planned.cell, &tags))
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
    fn eras_and_arches_are_spelled_either_way() {
        let selection = Selection {
            eras: strings(&["k2.6", "k6"]),
            arches: strings(&["arm64", "armel"]),
            ..Selection::default()
        };
        let plan = plan(&catalog(), &selection).unwrap();
        assert_eq!(
            ids(&plan),
            ["k26-arm64", "k26-armel", "k6-arm64", "k6-armel"]
        );
        assert!(
            matches!(plan.cells[0].verdict, Feasibility::Unsupported(_)),
            "no arm64 before 3.7"
        );
    }

    #[test]
    fn unknown_names_say_what_is_known() {
        let catalog = catalog();
        for (selection, what) in [
            (
                Selection {
                    eras: strings(&["k9"]),
                    ..Selection::default()
                },
                "era",
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
            (
                Selection {
                    exclude: strings(&["k6-amr64"]),
                    ..Selection::default()
                },
                "cell",
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
            eras: strings(&["k6"]),
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
    fn names_of_others_are_understood_and_versions_found_as_registered() {
        let selection = Selection {
            eras: strings(&["6"]),
            arches: strings(&["aarch64", "mipsle", "ppc64le"]),
            exclude: strings(&["k6-ppc64el"]),
            kernels: vec!["6.6.0".parse().unwrap(), "6.6".parse().unwrap()],
            ..Selection::default()
        };
        let plan = plan(&catalog(), &selection).unwrap();
        assert_eq!(ids(&plan), ["k6-arm64", "k6-mipsel"]);
        assert_eq!(plan.cells[0].key(), "k6-arm64-6.6");
    }

    #[test]
    fn stock_kernels_are_built_as_their_boards_configure_them() {
        let mut catalog = catalog();
        // a kernel of the project's own is none of them
        let registered = "6.1.9999".parse().unwrap();
        let mut pin = catalog.kernels.values().next().unwrap().clone();
        pin.url = None;
        catalog.kernels.insert(registered, pin);
        let rows = |selection: &Selection| {
            let plan = plan(&catalog, selection).unwrap();
            let row = |cell: &PlannedCell| {
                let furthest = cell.stages.last().unwrap();
                format!("{} {} {furthest}", cell.key(), cell.profile)
            };
            plan.cells.iter().map(row).collect::<Vec<_>>()
        };
        let stock = || Selection {
            stock: true,
            ..Selection::default()
        };
        assert_eq!(
            rows(&stock()),
            [
                "k26-armel-2.6.31 board kernel",
                "k3-mipsel-3.18.140 board kernel",
                "k3-x86_64-3.18.140 board kernel",
                "k4-arm64-5.10.229 board kernel",
                "k6-x86_64-6.6 board kernel",
                "k7-x86_64-7.1.9 board kernel"
            ]
        );
        // and they can be narrowed like every selection
        let selection = Selection {
            eras: strings(&["k3", "k6"]),
            arches: strings(&["x86_64"]),
            exclude: strings(&["k6"]),
            stage: Some(Stage::Boot),
            ..stock()
        };
        assert_eq!(rows(&selection), ["k3-x86_64-3.18.140 board boot"]);
        let nothing = Selection {
            arches: strings(&["m68k"]),
            ..stock()
        };
        assert!(matches!(plan(&catalog, &nothing), Err(SelectError::Empty)));
    }

    #[test]
    fn a_kernel_belongs_to_its_era() {
        let selection = Selection {
            eras: strings(&["k6"]),
            arches: strings(&["arm64"]),
            kernels: vec!["5.10.229".parse().unwrap()],
            ..Selection::default()
        };
        assert!(matches!(
            plan(&catalog(), &selection),
            Err(SelectError::Elsewhere(_))
        ));
        let selection = Selection {
            eras: Vec::new(),
            ..selection
        };
        let plan = plan(&catalog(), &selection).unwrap();
        assert_eq!(ids(&plan), ["k4-arm64"]);
        assert_eq!(plan.cells[0].key(), "k4-arm64-5.10.229");
    }

    #[test]
    fn a_toolchain_that_is_insisted_on_is_taken_although_it_is_ruled_out() {
        let catalog = catalog();
        let selection = |id: &str| Selection {
            arches: strings(&["mipsel"]),
            kernels: vec!["2.6.31".parse().unwrap()],
            sources: vec![crate::catalog::SourceKind::Debian].into(),
            toolchain: Some(id.parse().unwrap()),
            stage: Some(Stage::Toolchain),
            ..Selection::default()
        };
        let cell = |id: &str| plan(&catalog, &selection(id)).unwrap().cells[0].clone();
        let taken = cell("debian-12.2.0-mipsel");
        assert_eq!(taken.verdict, Feasibility::Try);
        assert_eq!(taken.toolchain.unwrap().id, "debian-12.2.0-mipsel");
        let other = cell("debian-12.2.0-arm64");
        assert!(matches!(other.verdict, Feasibility::NoToolchain(_)));
    }

    #[test]
    fn a_compiler_picks_among_what_fits() {
        let taken = |compiler: Compiler| {
            let selection = Selection {
                arches: strings(&["arm64"]),
                eras: strings(&["k6"]),
                compiler: Some(compiler),
                ..Selection::default()
            };
            let mut plan = plan(&catalog(), &selection).unwrap();
            let toolchain = plan.cells.remove(0).toolchain;
            toolchain.map(|it| it.compiler.to_string())
        };
        let version = |text: &str| text.parse().unwrap();
        let gcc = taken(Compiler::Gcc(version("13"))).unwrap();
        assert!(gcc.starts_with("gcc 13."), "{gcc}");
        let clang = taken(Compiler::Clang(version("18"))).unwrap();
        assert!(clang.starts_with("clang 18."), "{clang}");
        assert_eq!(taken(Compiler::Clang(version("13.3"))), None);
    }
}
