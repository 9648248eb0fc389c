//! What is built together, and in which order.
//!
//! Starting Nix costs more than a small build, so derivations that serve one cell alone are built by one process, one after
//! another; what several cells need is built by itself, early. Among what can start, the unit with the longest way to the end
//! of the run goes first, so that no long build is left over for the end.

use std::collections::{BTreeMap, BTreeSet};

use super::goals::CellIndex;
use crate::nix::{DrvPath, Graph};

/// A unit of an [`Order`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitId(pub(super) usize);

/// Fetches that one process does, at most.
const FETCHES: usize = 16;

/// Why a unit is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Downloads, which wait for the network rather than for a processor.
    Fetch,
    /// Builds.
    Build,
}

/// Derivations that one Nix process builds.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Why it is one.
    pub kind: Kind,
    /// The derivations, inputs before what needs them.
    pub drvs: Vec<DrvPath>,
    /// The units that must have ended before.
    pub needs: BTreeSet<UnitId>,
    /// Seconds that it should take.
    pub seconds: f64,
    /// Seconds from its start to the end of the longest chain that needs it.
    pub priority: f64,
}

/// Everything that is to be built, in units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// The units.
    pub units: Vec<Unit>,
}

impl std::ops::Index<UnitId> for Order {
    type Output = Unit;

    fn index(&self, id: UnitId) -> &Unit {
        &self.units[id.0]
    }
}

/// One stage of one cell, for finding out who shares what.
#[derive(Clone, Debug)]
pub struct Goal<'a> {
    /// The cell.
    pub cell: CellIndex,
    /// Whether it is the cell's toolchain: such are never built in one with the kernels they build.
    pub alone: bool,
    /// Its derivation.
    pub drv: &'a DrvPath,
}

impl Order {
    /// All units.
    pub fn ids(&self) -> impl Iterator<Item = UnitId> + use<> {
        (0..self.units.len()).map(UnitId)
    }

    /// Groups `missing` derivations of `graph` for `goals`. `estimate` says how long one takes, in seconds.
    pub fn new(
        graph: &Graph,
        missing: &BTreeSet<DrvPath>,
        goals: &[Goal<'_>],
        users: &BTreeMap<&DrvPath, BTreeSet<CellIndex>>,
        estimate: impl Fn(&DrvPath) -> f64,
    ) -> Order {
        let sorted = topological(graph, missing, goals);
        let mut before_fetch: BTreeSet<&DrvPath> = BTreeSet::new();
        for drv in &sorted {
            if graph.get(drv).is_some_and(|found| found.is_fixed()) {
                before_fetch.extend(graph.closure(drv).into_iter().filter(|input| input != drv));
            }
        }
        let alone: BTreeSet<&DrvPath> = goals
            .iter()
            .filter(|goal| goal.alone)
            .flat_map(|goal| graph.closure(goal.drv))
            .collect();

        let mut units: Vec<Unit> = Vec::new();
        let mut unit_of: BTreeMap<&DrvPath, UnitId> = BTreeMap::new();
        let mut unit_of_cell: BTreeMap<CellIndex, UnitId> = BTreeMap::new();
        // fetches in one batch must not wait for each other, not even through a build between them
        let mut fetch_level: BTreeMap<&DrvPath, usize> = BTreeMap::new();
        let mut open_fetch: BTreeMap<usize, UnitId> = BTreeMap::new();
        for drv in &sorted {
            let fixed = graph.get(drv).is_some_and(|found| found.is_fixed());
            let inputs = graph.get(drv).map_or(&[][..], |found| &found.inputs);
            let levels = inputs.iter().filter_map(|input| fetch_level.get(input));
            let level = levels.max().copied().unwrap_or(0) + usize::from(fixed);
            fetch_level.insert(drv, level);
            let mut private = users.get(drv).into_iter().flatten();
            let owner = match (private.next(), private.next()) {
                (Some(cell), None) if !alone.contains(drv) && !before_fetch.contains(drv) => {
                    Some(*cell)
                }
                _ => None,
            };
            let id = if fixed {
                let room = open_fetch
                    .get(&level)
                    .copied()
                    .filter(|id| units[id.0].drvs.len() < FETCHES);
                room.unwrap_or(UnitId(units.len()))
            } else {
                let joined = owner.and_then(|cell| unit_of_cell.get(&cell).copied());
                joined.unwrap_or(UnitId(units.len()))
            };
            if id.0 == units.len() {
                let kind = if fixed { Kind::Fetch } else { Kind::Build };
                units.push(Unit {
                    kind,
                    drvs: Vec::new(),
                    needs: BTreeSet::new(),
                    seconds: 0.0,
                    priority: 0.0,
                });
            }
            if fixed {
                open_fetch.insert(level, id);
            } else if let Some(cell) = owner {
                unit_of_cell.insert(cell, id);
            }
            units[id.0].drvs.push((*drv).clone());
            units[id.0].seconds += estimate(drv);
            unit_of.insert(drv, id);
        }
        for (drv, id) in &unit_of {
            for input in graph.get(drv).map_or(&[][..], |found| &found.inputs) {
                if let Some(needed) = unit_of.get(input).filter(|needed| *needed != id) {
                    units[id.0].needs.insert(*needed);
                }
            }
        }
        let mut order = Order { units };
        order.set_priorities();
        order
    }

    /// Longest chains, from the last units back.
    fn set_priorities(&mut self) {
        let mut needed_by = vec![Vec::new(); self.units.len()];
        let mut waiting: Vec<usize> = vec![0; self.units.len()];
        for (id, unit) in self.units.iter().enumerate() {
            for needed in &unit.needs {
                needed_by[needed.0].push(id);
                waiting[needed.0] += 1;
            }
        }
        let mut ready: Vec<usize> = (0..self.units.len())
            .filter(|id| waiting[*id] == 0)
            .collect();
        while let Some(id) = ready.pop() {
            let after = needed_by[id]
                .iter()
                .map(|other| self.units[*other].priority);
            self.units[id].priority = self.units[id].seconds + after.fold(0.0, f64::max);
            for UnitId(needed) in self.units[id].needs.clone() {
                waiting[needed] -= 1;
                if waiting[needed] == 0 {
                    ready.push(needed);
                }
            }
        }
    }
}

/// The cells that need each missing derivation.
pub(super) fn users<'a>(
    graph: &'a Graph,
    missing: &BTreeSet<DrvPath>,
    goals: &[Goal<'a>],
) -> BTreeMap<&'a DrvPath, BTreeSet<CellIndex>> {
    let mut users: BTreeMap<&DrvPath, BTreeSet<CellIndex>> = BTreeMap::new();
    for goal in goals {
        for drv in graph.closure(goal.drv) {
            if missing.contains(drv) {
                users.entry(drv).or_default().insert(goal.cell);
            }
        }
    }
    users
}

/// `missing`, inputs before what needs them; otherwise in the order of `goals`, which does not change with hashes.
fn topological<'a>(
    graph: &'a Graph,
    missing: &'a BTreeSet<DrvPath>,
    goals: &[Goal<'_>],
) -> Vec<&'a DrvPath> {
    let mut done: BTreeSet<&DrvPath> = BTreeSet::new();
    let mut sorted = Vec::with_capacity(missing.len());
    let wanted = goals.iter().filter_map(|goal| missing.get(goal.drv));
    for root in wanted.chain(missing) {
        // a derivation waits on the stack, marked, until its inputs are done
        let mut stack = vec![(root, false)];
        while let Some((drv, inputs_done)) = stack.pop() {
            if inputs_done {
                sorted.push(drv);
            } else if done.insert(drv) {
                stack.push((drv, true));
                let inputs = graph.get(drv).map_or(&[][..], |found| &found.inputs);
                stack.extend(
                    inputs
                        .iter()
                        .filter_map(|input| missing.get(input))
                        .map(|input| (input, false)),
                );
            }
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nix::{Derivation, Output};
    use proptest::prelude::*;

    fn node(path: &str, inputs: &[&str], fixed: bool) -> (DrvPath, Derivation) {
        let output = Output {
            name: "out".to_owned(),
            path: None,
            fixed,
            sha256: None,
        };
        let drv = Derivation {
            outputs: vec![output],
            inputs: inputs.iter().map(|input| DrvPath::named(input)).collect(),
            system: String::new(),
            urls: Vec::new(),
        };
        (DrvPath::named(path), drv)
    }

    fn cells() -> Graph {
        Graph::from_nodes([
            node("tool", &[], false),
            node("pin", &["tool"], true),
            node("tarball", &["tool"], true),
            node("source", &["tarball"], false),
            node("gcc-a", &["pin"], false),
            node("gcc-b", &["pin"], false),
            node("kernel-a", &["source", "gcc-a"], false),
            node("module-a", &["kernel-a"], false),
            node("init-a", &["gcc-a"], false),
            node("boot-a", &["kernel-a", "init-a"], false),
            node("kernel-b", &["source", "gcc-b"], false),
        ])
    }

    fn names() -> Vec<(usize, bool, DrvPath)> {
        let goal = |cell, alone, name: &str| (cell, alone, DrvPath::named(name));
        vec![
            goal(0, true, "gcc-a"),
            goal(0, false, "kernel-a"),
            goal(0, false, "module-a"),
            goal(0, false, "boot-a"),
            goal(1, true, "gcc-b"),
            goal(1, false, "kernel-b"),
        ]
    }

    fn goals(names: &[(usize, bool, DrvPath)]) -> Vec<Goal<'_>> {
        names
            .iter()
            .map(|(cell, alone, drv)| Goal {
                cell: CellIndex(*cell),
                alone: *alone,
                drv,
            })
            .collect()
    }

    fn all(graph: &Graph) -> BTreeSet<DrvPath> {
        graph.iter().map(|(path, _)| path.clone()).collect()
    }

    fn order(graph: &Graph, missing: &BTreeSet<DrvPath>, goals: &[Goal<'_>]) -> Order {
        Order::new(graph, missing, goals, &users(graph, missing, goals), |_| {
            1.0
        })
    }

    #[test]
    fn what_serves_one_cell_is_one_unit() {
        let graph = cells();
        let order = order(&graph, &all(&graph), &goals(&names()));
        let unit = |name: &str| {
            let drv = DrvPath::named(name);
            let found = order.units.iter().position(|unit| unit.drvs.contains(&drv));
            found.unwrap()
        };
        assert_eq!(unit("kernel-a"), unit("module-a"));
        assert_eq!(unit("kernel-a"), unit("boot-a"));
        assert_eq!(unit("kernel-a"), unit("init-a"));
        assert_ne!(unit("kernel-a"), unit("gcc-a"));
        assert_ne!(unit("kernel-a"), unit("source"));
        assert_eq!(unit("pin"), unit("tarball"));
        assert_eq!(order.units[unit("pin")].kind, Kind::Fetch);
        assert!(
            order.units[unit("kernel-b")]
                .needs
                .contains(&UnitId(unit("source")))
        );
        // tool, then the fetches, then gcc or source, then the four of cell a
        assert_eq!(order.units[unit("tool")].priority, 1.0 + 2.0 + 1.0 + 4.0);
        assert_eq!(order.units[unit("kernel-b")].priority, 1.0);
    }

    #[test]
    fn only_what_is_missing_is_planned() {
        let graph = cells();
        let missing = ["boot-a", "init-a"].map(DrvPath::named).into();
        let order = order(&graph, &missing, &goals(&names()));
        assert_eq!(order.units.len(), 1);
        assert_eq!(
            order.units[0].drvs,
            ["init-a", "boot-a"].map(DrvPath::named)
        );
        assert!(order.units[0].needs.is_empty());
    }

    proptest! {
        /// Whatever needs what, every derivation is in one unit, and units can be run one after another.
        #[test]
        fn units_never_wait_for_each_other(
            edges in proptest::collection::vec((0usize..24, 0usize..24), 0..60),
            fixed in proptest::collection::vec(any::<bool>(), 24),
            roots in proptest::collection::vec((0usize..4, any::<bool>(), 0usize..24), 1..12),
        ) {
            let names: Vec<String> = (0..24).map(|i| format!("d{i:02}")).collect();
            let graph = Graph::from_nodes((0..24).map(|i| {
                let inputs: Vec<&str> = edges.iter().filter(|(from, to)| *from == i && to < from).map(|(_, to)| names[*to].as_str()).collect();
                node(&names[i], &inputs, fixed[i])
            }));
            let roots: Vec<_> = roots.into_iter().map(|(cell, alone, root)| (cell, alone, DrvPath::named(&names[root]))).collect();
            let goals = goals(&roots);
            let missing: BTreeSet<DrvPath> = goals.iter().flat_map(|goal| graph.closure(goal.drv)).cloned().collect();
            let order = order(&graph, &missing, &goals);
            let placed: Vec<&DrvPath> = order.units.iter().flat_map(|unit| &unit.drvs).collect();
            prop_assert_eq!(placed.len(), missing.len());
            let mut done = BTreeSet::new();
            loop {
                let ready: Vec<UnitId> = order.ids()
                    .filter(|id| !done.contains(id) && order[*id].needs.is_subset(&done))
                    .collect();
                if ready.is_empty() { break; }
                done.extend(ready);
            }
            prop_assert_eq!(done.len(), order.units.len(), "a cycle: {:?}", order);
            prop_assert!(order.units.iter().all(|unit| unit.priority >= unit.seconds));
        }
    }
}
