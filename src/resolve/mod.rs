//! Which toolchain builds a kernel version on an arch, and why.
//!
//! Eras are defaults, constraints decide: the [candidates](SourceOrder) of an arch are tried in the era's order, and the
//! first that no hard constraint rejects is taken. A constraint with a condition on the configuration, or that only
//! `warns`, never rejects; one that a fix lifts is passed over, and said. What was measured warns, but does not reject:
//! one failed run may have had another cause.

mod candidate;
mod interval;
mod named;
mod obstacle;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use miette::Diagnostic;

pub use candidate::SourceOrder;
pub use interval::{Answer, Interval};
pub use named::{Name, is_name};
pub use verdict::{Fact, Lift, Objection, Verdict};

use crate::catalog::{
    Arch, Catalog, Confidence, Constraint, Era, Evidence, Fix, MeasuredSource, Purpose, SourceKind,
    Support, Toolchain,
};
use crate::exit;
use crate::id::{ArchId, CellId, ConstraintId, EraId, FixId};
use crate::version::KernelVersion;
use verdict::{Case, Facts, OnArch, Rule};

/// Resolves versions and arches over one catalog and one order of sources.
#[derive(Debug)]
pub struct Resolver<'c> {
    catalog: &'c Catalog,
    order: SourceOrder,
    arches: BTreeMap<&'c ArchId, PerArch<'c>>,
}

/// What holds for an arch at any version.
#[derive(Debug)]
struct PerArch<'c> {
    arch: &'c Arch,
    toolchains: Vec<&'c Toolchain>,
    rules: Vec<Rule<'c>>,
    evidence: OnArch<'c>,
    /// Candidates in order, by era.
    ordered: BTreeMap<&'c EraId, OnceLock<Vec<&'c Toolchain>>>,
}

/// A toolchain that could be taken, and what the facts say about it.
#[derive(Clone, Debug)]
pub struct Candidate<'c> {
    /// The toolchain.
    pub toolchain: &'c Toolchain,
    /// What speaks for and against it.
    pub verdict: Verdict<'c>,
}

/// The answer: the toolchain, and how it came to be taken.
#[derive(Clone, Debug)]
pub struct Resolution<'c> {
    /// The cell.
    pub cell: CellId,
    /// The era's facts.
    pub era: &'c Era,
    /// The toolchain taken.
    pub toolchain: &'c Toolchain,
    /// All candidates, the preferred one first.
    pub candidates: Vec<Candidate<'c>>,
    /// Index of the one taken; those before it are rejected.
    pub chosen: usize,
    /// The smallest set of facts that rules out all that was preferred to it; empty: it is the first choice.
    pub decisive: BTreeSet<Fact<'c>>,
    /// How sure the choice is: `Measured` where a run of kflake built this very kernel with this very toolchain;
    /// otherwise the weakest confidence among the decisive facts; `Documented` where there are none.
    pub basis: Confidence,
    /// What was measured with the toolchain taken, on this kernel.
    pub measured: Vec<&'c Evidence>,
    /// Boots that passed in the kernel's series on the arch and are not among `measured`: of another version, from other bytes, or
    /// with another toolchain. The taken toolchain's come first, then the newest.
    pub nearby: Vec<&'c Evidence>,
    /// Constraints that hold for this kernel and are not about the toolchain: on the machine that builds, on the
    /// configuration.
    pub others: Vec<Need<'c>>,
}

/// A constraint that is not about the toolchain.
#[derive(Clone, Copy, Debug)]
pub struct Need<'c> {
    /// Its id.
    pub id: &'c ConstraintId,
    /// The constraint.
    pub constraint: &'c Constraint,
    /// The fix that takes care of it, where one does.
    pub fix: Option<&'c FixId>,
}

impl Resolution<'_> {
    /// What the facts say about the toolchain taken.
    pub fn verdict(&self) -> &Verdict<'_> {
        &self.candidates[self.chosen].verdict
    }

    /// Why this toolchain, in sentences; the first says where it comes from.
    pub fn reasons(&self) -> Vec<String> {
        let Toolchain {
            source, compiler, ..
        } = self.toolchain;
        let era = &self.cell.era;
        let mut reasons = vec![match self.decisive.is_empty() {
            true => format!("{compiler} from {source} is the first choice for {era}"),
            false => {
                let facts: Vec<String> = self.decisive.iter().map(ToString::to_string).collect();
                let facts = facts.join(", ");
                format!(
                    "{compiler} from {source} is the first of {era}'s choices that is not ruled out by {facts}"
                )
            }
        }];
        for lift in &self.verdict().lifted {
            reasons.push(format!(
                "{} is lifted by the fix {}",
                lift.constraint, lift.fix
            ));
        }
        for objection in &self.verdict().warned {
            reasons.push(format!("warning: {}: {}", objection.fact, objection.text));
        }
        reasons
    }
}

/// Why there is no toolchain.
#[derive(Clone, Debug, thiserror::Error, Diagnostic)]
pub enum Unresolved<'c> {
    /// The matrix does not have the arch.
    #[error("unknown arch {arch}")]
    #[diagnostic(help("known arches: {known}"))]
    UnknownArch {
        /// The arch.
        arch: ArchId,
        /// Those of the matrix.
        known: String,
    },
    /// No era covers the version.
    #[error("no era of the matrix covers Linux {version}")]
    #[diagnostic(help("the eras cover {covered}; `matrix/eras.json` of a project can add one"))]
    NoEra {
        /// The version.
        version: KernelVersion,
        /// What the eras cover.
        covered: String,
    },
    /// The arch does not exist in that version.
    #[error("Linux {version} does not run on {arch}: {}", support.reason)]
    #[diagnostic(help("{}", supported(support)))]
    Unsupported {
        /// The version.
        version: KernelVersion,
        /// The arch.
        arch: ArchId,
        /// What is known of its support.
        support: &'c Support,
    },
    /// No toolchain of the allowed sources fits.
    #[error("{0}")]
    NoToolchain(Box<NothingFits<'c>>),
}

impl Unresolved<'_> {
    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Unresolved::UnknownArch { .. } | Unresolved::NoEra { .. } => exit::USAGE,
            Unresolved::Unsupported { .. } => exit::UNSUPPORTED,
            Unresolved::NoToolchain(_) => exit::NO_TOOLCHAIN,
        }
    }
}

/// Every toolchain is rejected, or there is none.
#[derive(Clone, Debug)]
pub struct NothingFits<'c> {
    /// The version.
    pub version: KernelVersion,
    /// The arch.
    pub arch: ArchId,
    /// The sources that were allowed.
    pub sources: Vec<SourceKind>,
    /// All candidates, each with what rejects it.
    pub candidates: Vec<Candidate<'c>>,
    /// The smallest set of facts that rejects them all.
    pub obstacles: BTreeSet<Fact<'c>>,
}

fn supported(support: &Support) -> String {
    match support
        .kernel
        .as_ref()
        .map(|range| (&range.from, &range.below))
    {
        Some((Some(from), None)) => format!("the first Linux that has it is {from}"),
        Some((None, Some(below))) => format!("the first Linux without it is {below}"),
        Some((Some(from), Some(below))) => format!("Linux has it from {from} until before {below}"),
        _ => "no Linux ever had it".into(),
    }
}

impl std::fmt::Display for NothingFits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NothingFits {
            version,
            arch,
            sources,
            candidates,
            obstacles,
        } = self;
        let sources: Vec<&str> = sources.iter().map(|source| source.as_str()).collect();
        let sources = sources.join(", ");
        if candidates.is_empty() {
            return write!(f, "no toolchain for {arch} comes from {sources}");
        }
        let count = candidates.len();
        write!(
            f,
            "none of the {count} toolchains for {arch} ({sources}) fits Linux {version}: in the way: "
        )?;
        let facts: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
        f.write_str(&facts.join(", "))
    }
}

impl<'c> Resolver<'c> {
    /// A resolver over `catalog` that takes toolchains from the sources of `order`.
    pub fn new(catalog: &'c Catalog, order: SourceOrder) -> Self {
        let lifting = lifting(catalog);
        let mut arches: BTreeMap<_, _> = catalog
            .arches
            .iter()
            .map(|(id, arch)| {
                let speaks_of = |arches: &[ArchId]| arches.is_empty() || arches.contains(id);
                let constraints = catalog.constraints.iter();
                let constraints = constraints.filter(|(_, it)| speaks_of(&it.arches));
                let rule = |(id, constraint): (&'c ConstraintId, _)| Rule {
                    id,
                    constraint,
                    fixes: {
                        let fixes = lifting.get(id).into_iter().flatten().copied();
                        fixes.filter(|(_, fix)| speaks_of(&fix.arches)).collect()
                    },
                };
                let per_arch = PerArch {
                    arch,
                    toolchains: vec![],
                    rules: constraints.map(rule).collect(),
                    evidence: OnArch::new(catalog, id),
                    ordered: catalog
                        .eras
                        .keys()
                        .map(|era| (era, OnceLock::new()))
                        .collect(),
                };
                (id, per_arch)
            })
            .collect();
        for toolchain in catalog.toolchains().values() {
            if let Some(per_arch) = arches.get_mut(&toolchain.arch) {
                per_arch.toolchains.push(toolchain);
            }
        }
        Resolver {
            catalog,
            order,
            arches,
        }
    }

    /// The era that `version` belongs to.
    pub fn era(&self, version: &KernelVersion) -> Option<(&'c EraId, &'c Era)> {
        self.catalog
            .eras
            .iter()
            .find(|(_, era)| era.contains(version))
    }

    /// The toolchain for `version` on `arch`, with all that speaks for and against each candidate.
    ///
    /// # Errors
    /// When the matrix does not know the arch or the version, the arch does not exist in that version, or every toolchain
    /// is rejected.
    pub fn resolve(
        &self,
        version: &KernelVersion,
        arch: &ArchId,
        purpose: Purpose,
    ) -> Result<Resolution<'c>, Unresolved<'c>> {
        self.judged(version, arch, purpose, Extent::All)
    }

    /// The same answer as [`Resolver::resolve`]; its candidates end with the one taken, and nothing is said to be nearby.
    ///
    /// # Errors
    /// As [`Resolver::resolve`].
    pub fn decide(
        &self,
        version: &KernelVersion,
        arch: &ArchId,
        purpose: Purpose,
    ) -> Result<Resolution<'c>, Unresolved<'c>> {
        self.judged(version, arch, purpose, Extent::UntilTaken)
    }

    fn judged(
        &self,
        version: &KernelVersion,
        arch: &ArchId,
        purpose: Purpose,
        extent: Extent,
    ) -> Result<Resolution<'c>, Unresolved<'c>> {
        let Prepared {
            era_id,
            era,
            candidates: toolchains,
            facts,
        } = self.prepare(version, arch, purpose)?;
        let mut candidates: Vec<Candidate<'c>> = vec![];
        let mut chosen = None;
        for toolchain in toolchains {
            let verdict = facts.judge(toolchain);
            if chosen.is_none() && verdict.is_accepted() {
                chosen = Some(candidates.len());
            }
            candidates.push(Candidate { toolchain, verdict });
            if chosen.is_some() && extent == Extent::UntilTaken {
                break;
            }
        }
        let Some(chosen) = chosen else {
            return Err(self.nothing_fits(facts.case, era, candidates));
        };
        let toolchain = candidates[chosen].toolchain;
        let measured: Vec<_> = facts.measured(toolchain).collect();
        let nearby = match extent {
            Extent::All => facts.nearby(toolchain),
            Extent::UntilTaken => vec![],
        };
        let is_measured = measured.iter().any(|it| {
            it.outcome == "passed" && matches!(it.stage.as_str(), "kernel" | "module" | "boot")
        });
        let decisive = in_the_way(&candidates[..chosen]);
        let rejections = candidates[..chosen]
            .iter()
            .flat_map(|it| &it.verdict.rejected);
        let decided = rejections.filter(|objection| decisive.contains(&objection.fact));
        let basis = match is_measured {
            true => Confidence::Measured,
            false => verdict::weakest(decided).unwrap_or(Confidence::Documented),
        };
        let others = facts.rules.iter();
        let others = others.filter(|rule| rule.constraint.tool.aspect().is_none());
        let need = |rule: &&Rule<'c>| Need {
            id: rule.id,
            constraint: rule.constraint,
            fix: rule.lifted_by(facts.case, toolchain),
        };
        Ok(Resolution {
            cell: CellId {
                era: era_id.clone(),
                arch: arch.clone(),
            },
            era,
            toolchain,
            chosen,
            decisive,
            basis,
            measured,
            nearby,
            others: others.map(need).collect(),
            candidates,
        })
    }

    fn nothing_fits(
        &self,
        case: Case<'_>,
        era: &Era,
        candidates: Vec<Candidate<'c>>,
    ) -> Unresolved<'c> {
        Unresolved::NoToolchain(Box::new(NothingFits {
            version: case.version.clone(),
            arch: case.arch.clone(),
            sources: self.order.of(era).to_vec(),
            obstacles: in_the_way(&candidates),
            candidates,
        }))
    }

    /// The toolchain alone: the same answer as [`Resolver::resolve`], without its reasons.
    ///
    /// # Errors
    /// As [`Resolver::resolve`], except that `None` says that no toolchain fits.
    pub fn pick(
        &self,
        version: &KernelVersion,
        arch: &ArchId,
        purpose: Purpose,
    ) -> Result<Option<&'c Toolchain>, Unresolved<'c>> {
        let Prepared {
            candidates, facts, ..
        } = self.prepare(version, arch, purpose)?;
        let mut candidates = candidates.iter().copied();
        Ok(candidates.find(|toolchain| facts.accepts(toolchain)))
    }

    fn prepare<'r>(
        &'r self,
        version: &'r KernelVersion,
        arch: &'r ArchId,
        purpose: Purpose,
    ) -> Result<Prepared<'r, 'c>, Unresolved<'c>> {
        let Some(per_arch) = self.arches.get(arch) else {
            let known: Vec<&str> = self.arches.keys().map(|id| id.as_str()).collect();
            return Err(Unresolved::UnknownArch {
                arch: arch.clone(),
                known: known.join(", "),
            });
        };
        let Some((era_id, era)) = self.era(version) else {
            return Err(Unresolved::NoEra {
                version: version.clone(),
                covered: self.covered(),
            });
        };
        let missing = per_arch.arch.missing_in(version);
        // an arch that no kernel ever had can still be one that programs are built for
        let missing = missing.filter(|it| purpose == Purpose::Kernel || it.kernel.is_some());
        if let Some(support) = missing {
            let (version, arch) = (version.clone(), arch.clone());
            return Err(Unresolved::Unsupported {
                version,
                arch,
                support,
            });
        }
        let holds = |rule: &&Rule<'c>| {
            let constraint = rule.constraint;
            constraint.applies_to == purpose && constraint.kernel.holds_for(version)
        };
        Ok(Prepared {
            era_id,
            era,
            candidates: self.ordered(per_arch, era_id, era),
            facts: Facts {
                case: Case {
                    version,
                    arch,
                    purpose,
                },
                rules: per_arch.rules.iter().filter(holds).collect(),
                evidence: &per_arch.evidence,
                source: self.catalog.kernels.get(version).map(MeasuredSource::of),
            },
        })
    }

    /// The toolchains of an arch, in the order in which they are tried for an era.
    fn ordered<'r>(
        &'r self,
        it: &'r PerArch<'c>,
        era_id: &EraId,
        era: &Era,
    ) -> &'r [&'c Toolchain] {
        it.ordered[era_id]
            .get_or_init(|| candidate::ordered(&it.toolchains, &self.order, era_id, era, it.arch))
    }

    fn covered(&self) -> String {
        let mut eras: Vec<&Era> = self.catalog.eras.values().collect();
        eras.sort_by(|a, b| a.from.cmp(&b.from));
        let spans = eras.iter().map(|era| match &era.below {
            Some(below) => format!("{} until before {below}", era.from),
            None => format!("{} and newer", era.from),
        });
        spans.collect::<Vec<_>>().join(", ")
    }
}

/// The smallest set of facts that rejects all of `candidates`.
fn in_the_way<'c>(candidates: &[Candidate<'c>]) -> BTreeSet<Fact<'c>> {
    let facts = |it: &Candidate<'c>| {
        it.verdict
            .rejected
            .iter()
            .map(|objection| objection.fact)
            .collect()
    };
    let sets: Vec<BTreeSet<Fact<'c>>> = candidates.iter().map(facts).collect();
    obstacle::smallest_hitting_set(&sets)
}

struct Prepared<'r, 'c> {
    era_id: &'c EraId,
    era: &'c Era,
    candidates: &'r [&'c Toolchain],
    facts: Facts<'r, 'c>,
}

/// How many of the candidates are judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Each of them.
    All,
    /// None behind the first that is accepted.
    UntilTaken,
}

/// The fixes that can lift a constraint, by the constraint.
fn lifting(catalog: &Catalog) -> BTreeMap<&ConstraintId, Vec<(&FixId, &Fix)>> {
    let mut lifting = BTreeMap::<_, Vec<_>>::new();
    for (id, constraint) in &catalog.constraints {
        let named = constraint.shim.as_ref().and_then(|shim| shim.fix.as_ref());
        let lifts =
            |(fix_id, fix): &(&FixId, &Fix)| named == Some(*fix_id) || fix.lifts.contains(id);
        let fixes: Vec<_> = catalog.fixes.iter().filter(lifts).collect();
        if !fixes.is_empty() {
            lifting.insert(id, fixes);
        }
    }
    lifting
}
