//! What a run makes of a machine that fails it.

use kflake::files::{Own, OwnError};
use kflake::validate::{Outcome, RunError, Stage};

use std::process::Command;

use crate::support::{FINE, World, outcomes, script, stage};

#[test]
fn two_runs_do_not_share_a_folder() {
    let mut world = World::new();
    world.cell("k6-arm64", [FINE, FINE, FINE, FINE]);
    let other = Own::open(&world.options.report).unwrap();
    let error = world.try_run().unwrap_err();
    assert!(
        matches!(error, RunError::Own(OwnError::Busy { .. })),
        "{error}"
    );
    assert_eq!(error.exit_code(), kflake::exit::IO);
    drop(other);
    assert_eq!(outcomes(&world.run(), "k6-arm64"), [Outcome::Passed; 4]);
}

#[test]
fn what_is_the_users_in_a_reports_place_stays() {
    let mut world = World::new();
    world.cell("k6-arm64", [FINE, FINE, FINE, FINE]);
    let report = world.options.report.clone();
    let (log, page) = (report.join("logs/server.log"), report.join("report.md"));
    std::fs::create_dir_all(report.join("logs")).unwrap();
    for file in [&log, &page] {
        std::fs::write(file, "mine").unwrap();
    }
    let error = world.try_run().unwrap_err();
    assert!(
        matches!(error, RunError::Own(OwnError::NotOurs { .. })),
        "{error}"
    );
    assert_eq!(error.exit_code(), kflake::exit::IO);
    for file in [&log, &page] {
        assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
    }
    assert_eq!(std::fs::read_dir(&report).unwrap().count(), 2);

    // nor does a report that is kflake's lend itself to writing elsewhere
    std::fs::remove_dir_all(&report).unwrap();
    world.run();
    let precious = world.path("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("old.log"), "mine").unwrap();
    std::fs::write(&log, "mine").unwrap();
    std::fs::remove_file(report.join("journal.jsonl")).unwrap();
    std::os::unix::fs::symlink(precious.join("old.log"), report.join("journal.jsonl")).unwrap();
    world.run();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "mine");
    std::fs::remove_dir_all(report.join("logs")).unwrap();
    std::os::unix::fs::symlink(&precious, report.join("logs")).unwrap();
    let error = world.try_run().unwrap_err();
    assert!(
        matches!(error, RunError::Own(OwnError::NotPlain { .. })),
        "{error}"
    );
    assert_eq!(
        std::fs::read_to_string(precious.join("old.log")).unwrap(),
        "mine"
    );
    assert_eq!(std::fs::read_dir(&precious).unwrap().count(), 1);
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

/// A small file system of its own, unmounted when dropped.
struct Tmpfs<'a>(&'a std::path::Path);

impl<'a> Tmpfs<'a> {
    /// None where this user may not mount.
    fn mount(path: &'a std::path::Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(path)
            .status();
        let mounted = status.is_ok_and(|status| status.success());
        if !mounted {
            crate::common::pass_over("this user cannot mount");
        }
        mounted.then_some(Tmpfs(path))
    }
}

impl Tmpfs<'_> {
    /// Leaves room for so many bytes.
    fn leave(&self, bytes: u64) {
        let facts = rustix::fs::statvfs(self.0).expect("it is mounted");
        let used = (facts.f_blocks - facts.f_bfree) * facts.f_frsize;
        let size = format!("remount,size={}", used + bytes);
        let status = Command::new("mount")
            .args(["-o", &size])
            .arg(self.0)
            .status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        // a process that another test just starts may hold a file of it for a moment: that does not keep it in its place
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn a_full_report_folder_ends_the_run_and_the_next_one_goes_on() {
    let mut world = World::new();
    let noisy = "i=0; while [ $i -lt 20000 ]; do echo 'a line of the log, of which there are many'; i=$((i+1)); done; echo x > $out";
    world.cell("k6-arm64", [FINE, script(noisy), FINE, FINE]);
    world.options.resume = true;
    let folder = world.options.report.clone();
    {
        let Some(_small) = Tmpfs::mount(&folder, "128k") else {
            return;
        };
        let error = world.try_run().unwrap_err();
        assert!(matches!(error, RunError::Report { .. }), "{error}");
        assert!(
            error.to_string().contains("No space left on device"),
            "{error}"
        );
        assert_eq!(error.exit_code(), kflake::exit::IO);
        if let Ok(text) = std::fs::read_to_string(folder.join("report.json")) {
            serde_json::from_str::<kflake::validate::RunRecord>(&text)
                .expect("whole, or not there");
        }
    }
    let record = world.run();
    assert!(
        record.cells[0]
            .stages
            .iter()
            .all(|stage| stage.outcome.is_success()),
        "{record:?}"
    );
}

#[test]
fn a_full_store_is_named_and_a_resumed_run_goes_on_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let Some(small) = Tmpfs::mount(&store, "1g") else {
        return;
    };
    let mut world = World::in_store(&store);
    let large = "dd if=/dev/zero of=$out bs=1M count=24";
    world.cell("k6-arm64", [FINE, script(large), FINE, FINE]);
    world.options.resume = true;
    small.leave(8 << 20);
    let record = world.run();
    assert_eq!(
        outcomes(&record, "k6-arm64"),
        [
            Outcome::Passed,
            Outcome::Failed,
            Outcome::Blocked,
            Outcome::Blocked
        ]
    );
    let failure = stage(&record, "k6-arm64", Stage::Kernel).failure.as_ref();
    let class = failure.and_then(|it| it.class.as_deref());
    assert_eq!(class, Some("out-of-disk"), "{failure:?}");
    small.leave(512 << 20);
    assert_eq!(outcomes(&world.run(), "k6-arm64"), [Outcome::Passed; 4]);
}
