//! One thing by itself, as `kflake build` and its like ask for it: the same limits, classes and stops as a matrix has.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kflake::blame::FailureTable;
use kflake::catalog::Catalog;
use kflake::project::{Buildable, Entry};
use kflake::run::{Label, Progress, Single, Stage, Tools, build_one};

use crate::support::{FINE, World, limit, script};

/// The build behind `stage` of the only cell.
fn build(world: &World, stage: Stage) -> Buildable {
    match &world.manifest().targets[0].stages[&stage] {
        Entry::Build(build) => build.clone(),
        Entry::Error { error } => panic!("{error}"),
    }
}

fn run(world: &World, stage: Stage, hear: &mut dyn FnMut(&Progress)) -> Single {
    let table = FailureTable::new(&Catalog::embedded().expect("sound"));
    let tools = Tools {
        nix: &world.nix,
        settings: &world.settings,
        table: &table,
        stop: &world.stop,
    };
    let label = Label {
        cell: "k6-arm64-6.1".to_owned(),
        stage: Some(stage),
    };
    build_one(tools, &build(world, stage), &label, &world.options, hear).expect("the run itself")
}

#[test]
fn one_thing_is_built_once() {
    let mut world = World::new();
    world.cell("k6-arm64", [FINE, FINE, FINE, FINE]);
    let mut said = Vec::new();
    let first = run(&world, Stage::Kernel, &mut |event| said.push(event.clone()));
    assert!(
        matches!(first, Single::There { seconds: Some(_) }),
        "{first:?}"
    );
    assert!(
        matches!(said[0], Progress::Planned { builds: 2, .. }),
        "{said:?}"
    );
    let named = |event: &Progress| matches!(event, Progress::BuildEnded { name, .. } if name == "k6-arm64-6.1 kernel");
    assert!(said.iter().any(named), "{said:?}");
    assert_eq!(
        run(&world, Stage::Kernel, &mut |_| {}),
        Single::There { seconds: None }
    );
}

#[test]
fn what_it_needs_is_blamed_with_its_class() {
    let mut world = World::new();
    let full = script("echo 'cc1: fatal error: x.s: No space left on device'; exit 1");
    world.cell("k6-arm64", [full, FINE, FINE, FINE]);
    let Single::Failed(failed) = run(&world, Stage::Kernel, &mut |_| {}) else {
        panic!("the toolchain cannot be built");
    };
    assert_eq!(failed.name, "toolchain-k6-arm64");
    let failure = failed.failure.expect("its log is read");
    assert_eq!(failure.class.as_deref(), Some("out-of-disk"));
    let log = world
        .options
        .report
        .join(failure.log.expect("its log is kept"));
    let log = std::fs::read_to_string(log).expect("the log");
    assert!(log.contains("No space left"), "{log}");
}

#[test]
fn one_thing_has_limits() {
    let mut world = World::new();
    world.cell(
        "k6-arm64",
        [FINE, script("sleep 60; echo > $out"), FINE, FINE],
    );
    world.options.limits.wall = limit(Stage::Kernel, 700);
    let Single::Failed(failed) = run(&world, Stage::Kernel, &mut |_| {}) else {
        panic!("it takes longer than it may");
    };
    let failure = failed.failure.expect("it is told");
    assert_eq!(failure.class.as_deref(), Some("timed-out"));
}

#[test]
fn one_thing_can_be_interrupted() {
    let mut world = World::new();
    world.cell(
        "k6-arm64",
        [FINE, script("sleep 60; echo > $out"), FINE, FINE],
    );
    let begun = std::time::Instant::now();
    let stop = &world.stop;
    let ended = run(&world, Stage::Kernel, &mut |event| {
        if matches!(event, Progress::BuildStarted { name, .. } if name == "k6-arm64-6.1 kernel") {
            stop.store(true, Ordering::Relaxed);
        }
    });
    assert_eq!(ended, Single::Interrupted);
    assert!(begun.elapsed() < Duration::from_secs(50));
}
