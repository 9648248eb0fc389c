//! From a plan and a project's flake to a manifest.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::RunError;
use super::Stage;
use super::manifest::{Manifest, Target};
use super::planned::{Feasibility, Plan, PlannedCell};
use crate::nix::{Nix, Settings};
use crate::project::{Answer, Asked, ConfigChoice, Flake, ProofRequest, Request, Thing};

/// The manifest of `plan` in `flake`, evaluating only what was not evaluated before. What the plan has built anew is new for a
/// run that `started` then, and the same when that run goes on.
///
/// # Errors
/// When Nix cannot evaluate it, or the project's own folder cannot be written.
pub fn evaluate(
    nix: &Nix,
    settings: &Settings,
    flake: &Flake,
    plan: &Plan,
    started: Timestamp,
) -> Result<Manifest, RunError> {
    let stages = plan.fresh.iter();
    let fresh: BTreeMap<Stage, String> = stages.map(|it| (*it, started.to_string())).collect();
    let requests = plan.cells.iter().filter_map(request);
    let asked = Asked {
        lenient: true,
        requests: requests
            .map(|request| Request {
                fresh: fresh.clone(),
                ..request
            })
            .collect(),
    };
    // what is built anew is asked for once, and no answer to the next run
    let answers = match fresh.is_empty() {
        true => flake.describe_once(nix, settings, &asked)?,
        false => flake.describe(nix, settings, &asked)?,
    };
    Ok(Manifest {
        system: answers.system,
        targets: answers.answers.into_iter().map(target).collect(),
    })
}

/// What proves a stage.
fn thing(stage: Stage) -> Thing {
    match stage {
        Stage::Toolchain => Thing::Toolchain,
        Stage::Kernel => Thing::Kernel,
        Stage::Module => Thing::Probe,
        Stage::Boot => Thing::BootTest,
    }
}

/// What is asked of a cell; nothing where there is nothing to try.
fn request(cell: &PlannedCell) -> Option<Request> {
    let toolchain = cell.toolchain.as_ref()?.id.parse().ok()?;
    let config = match cell.profile.as_str() {
        "board" => ConfigChoice::Board,
        profile => ConfigChoice::Profile(profile.to_owned()),
    };
    let request = Request {
        version: cell.kernel.clone(),
        source: cell.source.as_ref().map(|source| source.sha256),
        board: cell.board.clone(),
        config,
        proof: Some(ProofRequest {
            wall_timeout: cell.boot.wall,
            silence_timeout: cell.boot.silence,
        }),
        wanted: Stage::ALL.into_iter().map(thing).collect(),
        ..Request::new(cell.key(), cell.cell.arch.clone(), toolchain)
    };
    (cell.verdict == Feasibility::Try).then_some(request)
}

fn target(answer: Answer) -> Target {
    let mut things = answer.things;
    let stages = Stage::ALL
        .into_iter()
        .filter_map(|stage| Some((stage, things.remove(&thing(stage))?)));
    Target {
        stages: stages.collect(),
        id: answer.id,
    }
}
