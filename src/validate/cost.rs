//! What a run over a plan will cost.

use super::manifest::Manifest;
use super::planned::Plan;
use super::run::{goals, match_targets, wanted};
use super::{Options, RunError, Tools};
use crate::run::{Cost, Work};

/// What `plan` will cost that `manifest` describes.
///
/// # Errors
/// When Nix cannot be used.
pub fn cost(
    tools: Tools<'_>,
    plan: &Plan,
    manifest: &Manifest,
    options: &Options,
) -> Result<Cost, RunError> {
    let targets = match_targets(plan, manifest)?;
    let (index, goals) = goals(plan, manifest, &targets);
    let work = Work::find(tools, &wanted(&goals))?;
    Ok(Cost::of(&work, &index, options))
}
