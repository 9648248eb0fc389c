//! The answers for all versions, as a table.
//!
//! An answer can only change where some fact begins or ends: at the bounds of eras, of an arch's support, of constraints and
//! of fixes. Between two neighbouring bounds one version stands for all, so asking once per span gives the whole table, and
//! looking a version up in it cannot disagree with asking for it.

use std::collections::BTreeMap;

use super::{Resolver, Unresolved};
use crate::catalog::{Purpose, Support};
use crate::id::{ArchId, ToolchainId};
use crate::version::{KernelVersion, Range, Rank};

/// A span of versions with one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The first version inside; none: from the beginning. `6.12-rc0` stands for "before 6.12's first candidate".
    pub from: Option<KernelVersion>,
    /// The first version beyond; none: without end.
    pub below: Option<KernelVersion>,
    /// The answer.
    pub outcome: Answer,
}

/// What the resolver says about a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This toolchain.
    Toolchain(ToolchainId),
    /// The arch does not exist there, and why.
    Unsupported(String),
    /// Nothing fits, and what is in the way.
    NoToolchain(String),
    /// No era covers it.
    NoEra,
}

impl Interval {
    /// Whether `version` lies inside; a local suffix does not count.
    pub fn contains(&self, version: &KernelVersion) -> bool {
        let rank = version.rank();
        self.from.as_ref().is_none_or(|from| rank >= from.rank())
            && self.below.as_ref().is_none_or(|below| rank < below.rank())
    }
}

impl Resolver<'_> {
    /// The answers for `arch` at all versions: spans in order, without gap or overlap, no two neighbours with the same
    /// answer. An arch that the matrix does not have has none.
    pub fn intervals(&self, arch: &ArchId, purpose: Purpose) -> Vec<Interval> {
        let Some(bounds) = self.bounds(arch, purpose) else {
            return vec![];
        };
        let mut intervals: Vec<Interval> = vec![];
        let starts = std::iter::once(None).chain(bounds.into_values().map(Some));
        for start in starts {
            let outcome = self.answer(start.as_ref(), arch, purpose);
            match intervals.last_mut() {
                Some(last) if last.outcome == outcome => {}
                last => {
                    if let Some(last) = last {
                        last.below.clone_from(&start);
                    }
                    intervals.push(Interval {
                        from: start,
                        below: None,
                        outcome,
                    });
                }
            }
        }
        intervals
    }

    /// Every version at which the answer may change.
    fn bounds(&self, arch: &ArchId, purpose: Purpose) -> Option<BTreeMap<Rank, KernelVersion>> {
        let per_arch = self.arches.get(arch)?;
        let mut bounds = BTreeMap::new();
        let mut add = |version: Option<KernelVersion>| {
            if let Some(version) = version {
                bounds.insert(version.rank(), version.upstream());
            }
        };
        // eras and an arch's support count a candidate with its release
        let opening =
            |version: &Option<KernelVersion>| version.as_ref().map(KernelVersion::opening);
        for era in self.catalog.eras.values() {
            add(Some(era.from.opening()));
            add(opening(&era.below));
        }
        for Support { kernel, .. } in &per_arch.arch.support {
            if let Some(Range { from, below }) = kernel {
                add(opening(from));
                add(opening(below));
            }
        }
        if purpose == Purpose::Userland {
            for toolchain in &per_arch.toolchains {
                add(opening(&toolchain.oldest_kernel));
            }
        }
        // what only warns changes no answer, and neither does a fix that lifts nothing here
        let hard = per_arch
            .rules
            .iter()
            .filter(|rule| rule.constraint.applies_to == purpose && rule.constraint.is_hard());
        for rule in hard {
            let of_fixes = rule.fixes.iter().map(|(_, fix)| &fix.kernel);
            for range in of_fixes.chain([&rule.constraint.kernel]) {
                add(range.first());
                add(range.below.clone());
            }
        }
        Some(bounds)
    }

    /// The answer at the beginning of a span.
    fn answer(&self, start: Option<&KernelVersion>, arch: &ArchId, purpose: Purpose) -> Answer {
        let Some(version) = start else {
            // nothing began yet: below every bound, so below every era that has one
            return match self.catalog.eras.is_empty() {
                true => Answer::NoEra,
                false => self.answer_at(&KernelVersion::BEGINNING, arch, purpose),
            };
        };
        self.answer_at(version, arch, purpose)
    }

    fn answer_at(&self, version: &KernelVersion, arch: &ArchId, purpose: Purpose) -> Answer {
        match self.pick(version, arch, purpose) {
            Ok(Some(toolchain)) => Answer::Toolchain(toolchain.id.clone()),
            Ok(None) => match self.resolve(version, arch, purpose) {
                Err(Unresolved::NoToolchain(it)) => {
                    Answer::NoToolchain(in_the_way(&it.obstacles, it.candidates.is_empty()))
                }
                // both ways of asking give one answer
                _ => Answer::NoToolchain(String::new()),
            },
            Err(Unresolved::Unsupported { support, .. }) => {
                Answer::Unsupported(support.reason.clone())
            }
            Err(_) => Answer::NoEra,
        }
    }
}

fn in_the_way(
    obstacles: &std::collections::BTreeSet<super::Fact<'_>>,
    no_candidates: bool,
) -> String {
    if no_candidates {
        return "no source has a toolchain for it".into();
    }
    let facts: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
    format!("in the way: {}", facts.join(", "))
}
