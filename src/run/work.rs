//! What there is to do: the derivations that the store lacks, and the order to build them in.

use std::collections::{BTreeMap, BTreeSet};

use super::goals::{CellIndex, Goal};
use super::order::{self, Order, users};
use super::{History, RunError, Stage, Tools};
use crate::nix::{DrvPath, Graph};

/// Everything that goals need and that is not in the store.
#[derive(Debug, Default)]
pub(crate) struct Work<'a> {
    /// The derivations behind the goals that are not there.
    pub graph: Graph,
    /// Those to build or fetch.
    pub missing: BTreeSet<DrvPath>,
    wanted: Vec<order::Goal<'a>>,
}

impl<'a> Work<'a> {
    /// Asks the store about `goals`.
    ///
    /// # Errors
    /// When Nix cannot be used, or a derivation cannot be read.
    pub fn find(tools: Tools<'_>, goals: &[Goal<'a>]) -> Result<Work<'a>, RunError> {
        let Tools { nix, settings, .. } = tools;
        // what is there is asked for by output path; only the rest needs a look at derivations
        let paths: BTreeSet<&str> = goals
            .iter()
            .flat_map(|goal| goal.build.outputs.values())
            .map(String::as_str)
            .collect();
        let invalid = nix.invalid(settings, paths)?;
        let wanted: Vec<order::Goal<'a>> = goals
            .iter()
            .filter(|goal| {
                let mut outputs = goal.build.outputs.values();
                outputs.any(|path| invalid.contains(path))
            })
            .map(|goal| order::Goal {
                cell: goal.cell,
                alone: goal.stage == Some(Stage::Toolchain),
                drv: &goal.build.drv,
            })
            .collect();
        let drvs: BTreeSet<&DrvPath> = wanted.iter().map(|goal| goal.drv).collect();
        if drvs.is_empty() {
            return Ok(Work::default());
        }
        nix.expect_daemon_shell(settings)?;
        let graph = Graph::load(nix, drvs.iter().copied())?;
        nix.adopt(settings, &graph)?;
        let mut missing = nix.to_build(settings, drvs.iter().copied())?;
        // what a binary cache has is fetched, not built: still a goal
        missing.extend(drvs.iter().map(|drv| (*drv).clone()));
        Ok(Work {
            graph,
            missing,
            wanted,
        })
    }

    /// Whether the store lacks the goal `drv`.
    pub fn wants(&self, drv: &DrvPath) -> bool {
        self.wanted.iter().any(|goal| goal.drv == drv)
    }

    /// The cells that need each missing derivation.
    pub fn users(&self) -> BTreeMap<&DrvPath, BTreeSet<CellIndex>> {
        users(&self.graph, &self.missing, &self.wanted)
    }

    /// The units to build, with `users` as [`Work::users`] gives them.
    pub fn order(
        &self,
        users: &BTreeMap<&DrvPath, BTreeSet<CellIndex>>,
        history: &History,
        stage: impl Fn(&DrvPath) -> Option<Stage>,
    ) -> Order {
        Order::new(&self.graph, &self.missing, &self.wanted, users, |drv| {
            let fetch = self.graph.get(drv).is_some_and(|found| found.is_fixed());
            history.estimate(drv, stage(drv), fetch)
        })
    }
}
