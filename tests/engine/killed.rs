//! Runs that are killed: nothing built is lost, no report is half a file, and nothing that Nix started lives on.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kflake::validate::{Outcome, RunRecord, Stage};

use crate::support::{FINE, Script, World, essence, limit, read_report, script, stage};

/// The folder that a child works in.
const FOLDER: &str = "KFLAKE_TEST_FOLDER";

/// How often runs are killed in all.
const KILLS: usize = 25;

/// A run of some seconds with every kind of outcome in it.
fn populate(world: &mut World) {
    world.options.jobs = 2;
    world.options.resume = true;
    world.share("linux-6.1", "sleep 0.2; echo unpacked; echo done > $out");
    world.share(
        "broken-source",
        "sleep 0.2; echo 'tar: Unexpected EOF in archive'; exit 1",
    );
    let slow = |needs| Script {
        text: "echo working; sleep 0.3; echo done > $out",
        needs,
    };
    for arch in ["arm64", "armel", "mipsel", "riscv64"] {
        world.cell(
            &format!("k6-{arch}"),
            [slow(""), slow("linux-6.1"), FINE, FINE],
        );
    }
    world.cell(
        "k6-mipseb",
        [
            FINE,
            script("sleep 0.3; echo 'a.c:1:1: error: no'; exit 1"),
            FINE,
            FINE,
        ],
    );
    world.cell(
        "k6-powerpc",
        [
            FINE,
            slow("linux-6.1"),
            FINE,
            script("echo 'kflake: boot: silent: no output for 4 s'; exit 1"),
        ],
    );
    world.cell(
        "k4-arm64",
        [
            FINE,
            Script {
                needs: "broken-source",
                ..FINE
            },
            FINE,
            FINE,
        ],
    );
}

/// Not a test of its own: what `undisturbed_and_killed_runs_agree` starts and kills.
#[test]
#[ignore = "started by another test"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut world = World::new();
    world.live_in(Path::new(&folder));
    populate(&mut world);
    world.run();
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "killed::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test starts itself")
}

/// Processes that build something of `folder`: its path is in each of their environments, as every derivation's salt.
fn builders(folder: &Path) -> Vec<String> {
    let needle = folder.display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let salt = format!("salt={needle}");
        if String::from_utf8_lossy(&environment)
            .split('\0')
            .any(|variable| variable == salt)
        {
            found.push(command);
        }
    }
    found
}

/// Waits until `done`, for at most ten seconds.
fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    done()
}

fn outputs(record: &RunRecord) -> Vec<&str> {
    let stages = record.cells.iter().flat_map(|cell| &cell.stages);
    stages
        .filter(|stage| stage.outcome.is_success())
        .filter_map(|stage| stage.out.as_deref())
        .collect()
}

#[test]
fn undisturbed_and_killed_runs_agree() {
    let mut world = World::new();
    populate(&mut world);
    let undisturbed = essence(&world.run());
    let mut kills = 0;
    while kills < KILLS {
        kills += killed_until_done(&undisturbed);
    }
}

/// Kills one run again and again, at moments that differ from test to test, until it ends of its own; how often.
fn killed_until_done(undisturbed: &[String]) -> usize {
    let folder = tempfile::tempdir().expect("folder");
    let mut seen_outputs: Vec<String> = Vec::new();
    let mut kills = 0;
    let mut done = false;
    while !done && kills < KILLS {
        let mut child = start(folder.path());
        std::thread::sleep(Duration::from_millis(fastrand::u64(60..900)));
        if let Some(status) = child.try_wait().expect("wait") {
            assert!(status.success(), "after {kills} kills: {status}");
            done = true;
            continue;
        }
        child.kill().expect("kill");
        child.wait().expect("wait");
        kills += 1;
        assert!(
            eventually(|| builders(folder.path()).is_empty()),
            "builders live on: {:?}",
            builders(folder.path())
        );
        let report = folder.path().join("report");
        if report.join("report.json").exists() {
            let partial = read_report(&report);
            for path in &seen_outputs {
                assert!(Path::new(path).exists(), "{path} was built, and is lost");
            }
            seen_outputs = outputs(&partial).into_iter().map(str::to_owned).collect();
        }
    }
    if !done {
        let status = start(folder.path()).wait().expect("wait");
        assert!(status.success(), "{status}");
    }
    let resumed = read_report(&folder.path().join("report"));
    assert!(resumed.finished.is_some());
    assert_eq!(essence(&resumed), undisturbed, "after {kills} kills");
    kills
}

#[test]
fn a_killed_run_takes_its_hanging_builders_along() {
    let folder = tempfile::tempdir().expect("folder");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "killed::hanging_child",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test starts itself");
    assert!(
        eventually(|| builders(folder.path()).len() >= 2),
        "two builders and what they started"
    );
    child.kill().expect("kill");
    child.wait().expect("wait");
    assert!(
        eventually(|| builders(folder.path()).is_empty()),
        "live on: {:?}",
        builders(folder.path())
    );
}

/// Not a test of its own: two builds that never end.
#[test]
#[ignore = "started by another test"]
fn hanging_child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut world = World::new();
    world.live_in(Path::new(&folder));
    let hang = || script("sleep 1000 & sleep 1000");
    world.cell("k6-arm64", [hang(), FINE, FINE, FINE]);
    world.cell("k6-armel", [hang(), FINE, FINE, FINE]);
    world.run();
}

#[test]
fn a_killed_run_has_noted_how_long_each_build_took() {
    let folder = tempfile::tempdir().expect("folder");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "killed::last_child", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test starts itself");
    let boots = || {
        let running = builders(folder.path());
        running.iter().any(|it| it.contains("sleep 1000"))
    };
    assert!(eventually(boots), "the boot runs");
    child.kill().expect("kill");
    child.wait().expect("wait");

    let mut world = World::new();
    world.live_in(folder.path());
    hang_at_the_end(&mut world);
    world.options.resume = true;
    world.options.limits.wall = limit(Stage::Boot, 500);
    let resumed = world.run();
    for built in [Stage::Toolchain, Stage::Kernel, Stage::Module] {
        let built = stage(&resumed, "k6-arm64", built);
        assert_eq!(built.outcome, Outcome::Passed);
        assert!(built.seconds.is_some_and(|it| it < 2.0), "{built:?}");
    }
    let boot = stage(&resumed, "k6-arm64", Stage::Boot);
    assert_eq!(boot.outcome, Outcome::TimedOut);
}

/// A cell of which all but the boot is built, fast.
fn hang_at_the_end(world: &mut World) {
    world.cell("k6-arm64", [FINE, FINE, FINE, script("sleep 1000")]);
}

/// Not a test of its own: a run that is killed in its last build.
#[test]
#[ignore = "started by another test"]
fn last_child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut world = World::new();
    world.live_in(Path::new(&folder));
    hang_at_the_end(&mut world);
    world.run();
}
