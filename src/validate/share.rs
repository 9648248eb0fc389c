//! A share of a plan, for a run over several machines.

use std::collections::{BTreeMap, BTreeSet};

use super::Shard;
use super::planned::{Feasibility, Plan, PlannedCell};
use crate::catalog::SourceKind;
use crate::version::KernelVersion;

/// What a toolchain that is built from source weighs, in cells. It takes as long as five or fifteen of them, but often a cache has
/// it.
const FROM_SOURCE: u128 = 2;
/// How far a share may end from where it should, to leave a toolchain whole: one part in so many of a share.
const SLACK: u128 = 8;

/// The share `shard` of `plan`, its cells in the order that they had. Nothing but the plan says what is in it.
///
/// Cells stand in a row, those of a toolchain side by side, the toolchains by the oldest kernel that they build; and the row is cut
/// into pieces of equal weight, between toolchains where one ends nearby. So a toolchain is in two shares only where it is cut, a
/// share has few kernels, and none is much larger than another.
#[must_use]
pub fn share(shard: Shard, mut plan: Plan) -> Plan {
    let own = places(shard, &plan.cells);
    let mut at = 0..;
    plan.cells
        .retain(|_| at.next().is_some_and(|at| own.contains(&at)));
    plan.shard = Some(shard);
    plan
}

/// The places of the cells that are in `shard`.
fn places(shard: Shard, cells: &[PlannedCell]) -> BTreeSet<usize> {
    let row = row(cells);
    let total = row.iter().map(|it| it.weight).sum();
    let (mut bounds, mut before, mut last) = (Vec::new(), 0, None);
    for it in row.iter().filter(|it| it.weight > 0) {
        if it.toolchain != last {
            bounds.push(before);
        }
        (before, last) = (before + it.weight, it.toolchain);
    }
    let from = cut(shard.number() - 1, shard, total, &bounds);
    let to = cut(shard.number(), shard, total, &bounds);
    let mut before = 0;
    let mut own = BTreeSet::new();
    for it in row {
        let start = before * u128::from(shard.of()) * SLACK;
        // what weighs nothing can stand behind the end of the row
        if from <= start && (start < to || shard.number() == shard.of()) {
            own.insert(it.at);
        }
        before += it.weight;
    }
    own
}

/// Where the first `number` shares end, of a row that weighs `total`: at one of the `bounds` between toolchains, or where it is even.
/// In whole numbers, so that all machines agree: the row is `of * SLACK` times as long as it weighs.
fn cut(number: u32, shard: Shard, total: u128, bounds: &[u128]) -> u128 {
    let even = u128::from(number) * total * SLACK;
    let scaled = bounds.iter().map(|it| it * u128::from(shard.of()) * SLACK);
    scaled
        .filter(|bound| bound.abs_diff(even) <= total)
        .min_by_key(|bound| bound.abs_diff(even))
        .unwrap_or(even)
}

/// A cell in the row that is cut.
struct InRow<'a> {
    /// Its place in the plan.
    at: usize,
    /// The toolchain that it is tried with; none: it is not tried.
    toolchain: Option<&'a str>,
    weight: u128,
}

fn row(cells: &[PlannedCell]) -> Vec<InRow<'_>> {
    fn tried_with(cell: &PlannedCell) -> Option<&str> {
        let toolchain = cell.toolchain.as_ref().map(|it| it.id.as_str());
        toolchain.filter(|_| cell.verdict == Feasibility::Try)
    }
    let mut oldest: BTreeMap<&str, Option<&KernelVersion>> = BTreeMap::new();
    for cell in cells {
        if let Some(toolchain) = tried_with(cell) {
            let kernel = oldest.entry(toolchain).or_insert(cell.kernel.as_ref());
            *kernel = (*kernel).min(cell.kernel.as_ref());
        }
    }
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_by_cached_key(|at| {
        let cell = &cells[*at];
        let toolchain = tried_with(cell);
        let kernel = cell.kernel.as_ref();
        let first = toolchain.map_or(kernel, |it| oldest[it]);
        (first, toolchain, kernel, cell.key(), cell.profile.as_str())
    });
    let mut seen = BTreeSet::new();
    let mut weight = |cell: &PlannedCell| {
        let from_source = cell
            .toolchain
            .as_ref()
            .filter(|it| matches!(it.source, SourceKind::Musl | SourceKind::KernelOnly));
        match from_source {
            Some(it) if seen.insert(it.id.clone()) => 1 + FROM_SOURCE,
            _ => 1,
        }
    };
    let placed = |at: usize| {
        let cell = &cells[at];
        let toolchain = tried_with(cell);
        InRow {
            at,
            toolchain,
            weight: toolchain.map_or(0, |_| weight(cell)),
        }
    };
    order.into_iter().map(placed).collect()
}

#[cfg(test)]
mod tests {
    use super::super::select::{Selection, plan};
    use super::*;
    use crate::catalog::Catalog;

    fn part(number: u32, of: u32, whole: &Plan) -> Plan {
        share(format!("{number}/{of}").parse().unwrap(), whole.clone())
    }

    fn keys(plan: &Plan) -> Vec<String> {
        plan.cells.iter().map(PlannedCell::key).collect()
    }

    /// Plans of many shapes: few and many cells, toolchains that build one kernel or many, prebuilt and from source.
    fn plans() -> Vec<Plan> {
        let catalog = Catalog::embedded().unwrap();
        let strings = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let all = Selection::default();
        let debian = Selection {
            sources: vec![SourceKind::Debian].into(),
            ..Selection::default()
        };
        let kernels = ["6.1.192", "6.6", "6.12.1", "6.18"].map(|it| it.parse().unwrap());
        let many = Selection {
            kernels: kernels.to_vec(),
            stage: Some(super::super::Stage::Toolchain),
            ..debian.clone()
        };
        let one = Selection {
            cells: strings(&["k6-arm64"]),
            ..Selection::default()
        };
        let nothing = Selection {
            arches: strings(&["riscv64"]),
            eras: strings(&["k2.6"]),
            ..Selection::default()
        };
        let selections = [all, debian, many, one, nothing];
        let plans = selections.iter().map(|it| plan(&catalog, it).unwrap());
        plans.collect()
    }

    fn weight(of: &Plan, whole: &Plan) -> u128 {
        let own = keys(of);
        let row = row(&whole.cells);
        let own = row
            .iter()
            .filter(|it| own.contains(&whole.cells[it.at].key()));
        own.map(|it| it.weight).sum()
    }

    #[test]
    fn every_cell_is_in_one_shard_and_the_order_stays() {
        for whole in plans() {
            for of in [1, 2, 3, 5, 7, 40, 120] {
                let shares: Vec<Plan> = (1..=of).map(|it| part(it, of, &whole)).collect();
                let mut all: Vec<String> = shares.iter().flat_map(keys).collect();
                all.sort();
                let mut expected = keys(&whole);
                for share in &shares {
                    let own = keys(share);
                    let rest: Vec<_> = expected.iter().filter(|it| own.contains(it)).collect();
                    assert_eq!(own.iter().collect::<Vec<_>>(), rest, "in plan order");
                }
                expected.sort();
                assert_eq!(all, expected, "{of} shards");
            }
        }
    }

    #[test]
    fn no_shard_is_much_larger_than_another_and_few_toolchains_are_in_two() {
        for whole in plans() {
            let total = weight(&whole, &whole);
            for of in [2, 3, 5, 8, 13] {
                let shares: Vec<Plan> = (1..=of).map(|it| part(it, of, &whole)).collect();
                let fair = total / u128::from(of);
                for share in &shares {
                    let weight = weight(share, &whole);
                    let room = fair / 4 + 1 + FROM_SOURCE;
                    assert!(
                        weight.abs_diff(fair) <= room,
                        "{}: {weight}, not {fair}",
                        share.shard.unwrap()
                    );
                }
                let tried = |plan: &Plan| {
                    let cells = plan.cells.iter();
                    let cells = cells.filter(|it| it.verdict == Feasibility::Try);
                    cells
                        .filter_map(|it| it.toolchain.clone())
                        .map(|it| it.id)
                        .collect::<BTreeSet<_>>()
                };
                let built: usize = shares.iter().map(|it| tried(it).len()).sum();
                let again = built - tried(&whole).len();
                assert!(again < of as usize, "{again} of {of} shards");
            }
        }
    }

    #[test]
    fn the_matrix_is_cut_between_its_kernels() {
        let whole = plans().remove(0);
        let kernels = |number| {
            let share = part(number, 5, &whole);
            let kernels: BTreeSet<_> = share.cells.into_iter().filter_map(|it| it.kernel).collect();
            kernels.len()
        };
        let fetched: usize = (1..=5).map(kernels).sum();
        assert!(fetched < 15, "{fetched} tarballs, of 5 kernels");
    }

    #[test]
    fn a_share_does_not_depend_on_the_order_of_the_plan() {
        let whole = plans().remove(1);
        let mut turned = whole.clone();
        turned.cells.reverse();
        for number in 1..=4 {
            let mut again = part(number, 4, &turned);
            again.cells.reverse();
            assert_eq!(again, part(number, 4, &whole));
        }
    }
}
