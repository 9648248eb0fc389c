//! What a run makes of a machine that fails it.

use kflake::validate::{LockError, Outcome, RunError, Stage};

use crate::support::{FINE, World, outcomes, script, stage};

#[test]
fn two_runs_do_not_share_a_folder() {
    let mut world = World::new();
    world.cell("k6-arm64", [FINE, FINE, FINE, FINE]);
    std::fs::create_dir_all(&world.options.report).unwrap();
    let lock = kflake::validate::Lock::take(&world.options.report).unwrap();
    let error = world.try_run().unwrap_err();
    assert!(
        matches!(error, RunError::Lock(LockError::Busy { .. })),
        "{error}"
    );
    assert_eq!(error.exit_code(), kflake::exit::IO);
    drop(lock);
    assert_eq!(outcomes(&world.run(), "k6-arm64"), [Outcome::Passed; 4]);
}

#[test]
fn a_full_disk_is_named() {
    let mut world = World::new();
    world.cell(
        "k6-arm64",
        [
            script("echo 'tar: x: Cannot write: No space left on device'; exit 2"),
            FINE,
            FINE,
            FINE,
        ],
    );
    let record = world.run();
    let failure = stage(&record, "k6-arm64", Stage::Toolchain)
        .failure
        .as_ref()
        .unwrap();
    assert_eq!(failure.class.as_deref(), Some("out-of-disk"));
}
