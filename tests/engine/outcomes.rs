//! Every outcome a stage can have.

use std::sync::atomic::Ordering;

use kflake::validate::Outcome::{Blocked, Cached, Failed, Passed, Skipped, TimedOut, Unsupported};
use kflake::validate::{Ending, Feasibility, Progress, Stage};

use crate::support::{FINE, Script, World, cell, limit, outcomes, script, stage, stages};

#[test]
fn passed_then_cached() {
    let mut world = World::new();
    world.cell("k6-arm64", [FINE, FINE, FINE, FINE]);
    let first = world.run();
    assert_eq!(outcomes(&first, "k6-arm64"), [Passed; 4]);
    assert!(first.finished.is_some() && !first.interrupted);
    assert_eq!(
        (first.coverage.boot.passed, first.coverage.boot.total),
        (1, 1)
    );
    for record in &cell(&first, "k6-arm64").stages {
        assert!(
            record.seconds.is_some_and(|seconds| seconds > 0.0),
            "{record:?}"
        );
        assert!(
            record
                .out
                .as_deref()
                .is_some_and(|out| std::path::Path::new(out).exists())
        );
        assert_eq!(record.reason, None);
    }
    assert!(
        world.path("roots").read_dir().unwrap().count() >= 4,
        "results are kept from the collector"
    );

    let second = world.run();
    assert_eq!(outcomes(&second, "k6-arm64"), [Cached; 4]);
    // what was cached took what it took when it was built
    for (old, new) in first.cells[0].stages.iter().zip(&second.cells[0].stages) {
        assert_eq!(new.seconds, old.seconds);
    }
    assert!(
        !world
            .events
            .iter()
            .any(|event| matches!(event, Progress::BuildStarted { .. }))
    );
}

#[test]
fn a_failure_blocks_what_needs_it_and_nothing_else() {
    let mut world = World::new();
    let broken = "echo 'kernel/fork.c:1:2: error: unknown type name frob'; echo 'make: *** [Makefile:1: vmlinux] Error 2'; exit 2";
    world.cell("k6-arm64", [FINE, script(broken), FINE, FINE]);
    world.cell(
        "k6-mipsel",
        [
            FINE,
            FINE,
            FINE,
            script("echo 'kflake: boot: silent: no output for 30 s'; exit 1"),
        ],
    );
    let record = world.run();
    assert_eq!(
        outcomes(&record, "k6-arm64"),
        [Passed, Failed, Blocked, Blocked]
    );
    assert_eq!(
        outcomes(&record, "k6-mipsel"),
        [Passed, Passed, Passed, Failed]
    );

    let kernel = stage(&record, "k6-arm64", Stage::Kernel);
    let failure = kernel.failure.as_ref().unwrap();
    assert_eq!(failure.class.as_deref(), Some("kernel-compile"));
    assert_eq!(failure.log.as_deref(), Some("logs/k6-arm64-6.1-kernel.log"));
    let log =
        std::fs::read_to_string(world.options.report.join("logs/k6-arm64-6.1-kernel.log")).unwrap();
    assert!(log.contains("unknown type name frob"), "{log}");
    assert_eq!(
        stage(&record, "k6-arm64", Stage::Boot).reason.as_deref(),
        Some("needs its kernel, which failed")
    );

    let boot = stage(&record, "k6-mipsel", Stage::Boot)
        .failure
        .as_ref()
        .unwrap();
    assert_eq!(boot.class.as_deref(), Some("boot-silent"));
    assert_eq!(
        boot.first_error.as_deref(),
        Some("kflake: boot: silent: no output for 30 s")
    );
    let logs: Vec<_> = world
        .options
        .report
        .join("logs")
        .read_dir()
        .unwrap()
        .collect();
    assert_eq!(logs.len(), 2, "only failures leave logs: {logs:?}");
}

#[test]
fn a_shared_input_that_fails_is_named() {
    let mut world = World::new();
    world.share("linux-6.1", "echo 'tar: Unexpected EOF in archive'; exit 1");
    let needs_source = || Script {
        needs: "linux-6.1",
        ..FINE
    };
    world.cell("k6-arm64", [FINE, needs_source(), FINE, FINE]);
    world.cell("k6-mipsel", [FINE, needs_source(), FINE, FINE]);
    let record = world.run();
    for id in ["k6-arm64", "k6-mipsel"] {
        assert_eq!(outcomes(&record, id), [Passed, Blocked, Blocked, Blocked]);
        let kernel = stage(&record, id, Stage::Kernel);
        let reason = kernel.reason.as_deref().unwrap();
        assert!(
            reason.starts_with("needs linux-6.1, which failed: tar: Unexpected EOF"),
            "{reason}"
        );
        assert!(kernel.failure.is_some(), "what failed is told with it");
    }
}

#[test]
fn a_pin_with_another_hash_blocks_its_toolchain() {
    let mut world = World::new();
    let hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    world.fetch("gcc-12.deb", "echo other > $out", hash);
    world.cell(
        "k6-arm64",
        [
            Script {
                needs: "gcc-12.deb",
                ..FINE
            },
            FINE,
            FINE,
            FINE,
        ],
    );
    let record = world.run();
    assert_eq!(outcomes(&record, "k6-arm64"), [Blocked; 4]);
    let toolchain = stage(&record, "k6-arm64", Stage::Toolchain);
    let failure = toolchain.failure.as_ref().unwrap();
    assert_eq!(
        failure.class.as_deref(),
        Some("hash-mismatch"),
        "{failure:?}"
    );
    assert!(
        toolchain.reason.as_deref().unwrap().contains("gcc-12.deb"),
        "{toolchain:?}"
    );
    assert_eq!(record.coverage.toolchain.total, 1);
}

#[test]
fn a_part_of_one_stage_that_fails_is_that_stage_failing() {
    let mut world = World::new();
    world.share(
        "initramfs",
        "echo 'kflake: boot: init-not-linked: the toolchain cannot link a static init'; exit 1",
    );
    world.cell(
        "k6-arm64",
        [
            FINE,
            FINE,
            FINE,
            Script {
                needs: "initramfs",
                ..FINE
            },
        ],
    );
    let record = world.run();
    assert_eq!(
        outcomes(&record, "k6-arm64"),
        [Passed, Passed, Passed, Failed]
    );
    let boot = stage(&record, "k6-arm64", Stage::Boot);
    assert_eq!(
        boot.failure.as_ref().unwrap().class.as_deref(),
        Some("init-not-linked")
    );
    assert!(
        boot.reason
            .as_deref()
            .unwrap()
            .starts_with("its part initramfs failed"),
        "{boot:?}"
    );
}

#[test]
fn too_long_and_too_silent() {
    let mut world = World::new();
    world.cell(
        "k6-arm64",
        [
            FINE,
            script("while :; do echo tick; sleep 0.1; done"),
            FINE,
            FINE,
        ],
    );
    world.cell(
        "k6-mipsel",
        [FINE, FINE, FINE, script("echo last words; sleep 1000")],
    );
    world.cell("k6-riscv64", [FINE, FINE, FINE, FINE]);
    world.options.limits.wall = limit(Stage::Kernel, 2000);
    world.options.limits.silence = limit(Stage::Boot, 1500);
    let record = world.run();
    assert_eq!(
        outcomes(&record, "k6-arm64"),
        [Passed, TimedOut, Blocked, Blocked]
    );
    assert_eq!(
        outcomes(&record, "k6-mipsel"),
        [Passed, Passed, Passed, TimedOut]
    );
    assert_eq!(outcomes(&record, "k6-riscv64"), [Passed; 4]);
    let kernel = stage(&record, "k6-arm64", Stage::Kernel);
    assert_eq!(kernel.reason.as_deref(), Some("took longer than 2 s"));
    assert_eq!(
        kernel.failure.as_ref().unwrap().class.as_deref(),
        Some("timed-out")
    );
    let seconds = |stage_of| stage(&record, "k6-mipsel", stage_of).seconds.unwrap();
    assert!(
        seconds(Stage::Kernel) < seconds(Stage::Boot),
        "each build's own time, not its process's"
    );
    let boot = stage(&record, "k6-mipsel", Stage::Boot)
        .failure
        .as_ref()
        .unwrap();
    assert_eq!(boot.class.as_deref(), Some("silence-timed-out"));
    assert!(
        boot.log_tail.iter().any(|line| line == "last words"),
        "{boot:?}"
    );
}

#[test]
fn what_cannot_be_tried_is_listed() {
    let mut world = World::new();
    world.cell("k6-arm64", [FINE, FINE, FINE, FINE]);
    world.plan.cells[0].stages = stages(&[Stage::Toolchain, Stage::Kernel]);
    world.listed(
        "k6-mips",
        Feasibility::Unsupported("the port was removed".to_owned()),
    );
    world.listed(
        "k6-sparc",
        Feasibility::NoToolchain("no toolchain fits: none for sparc".to_owned()),
    );
    world.listed(
        "k6-m68k",
        Feasibility::NoBoard("no board for m68k runs Linux 6.1; none is known".to_owned()),
    );
    let record = world.run();
    assert_eq!(
        outcomes(&record, "k6-arm64"),
        [Passed, Passed, Skipped, Skipped]
    );
    assert_eq!(outcomes(&record, "k6-m68k"), [Skipped; 4]);
    assert_eq!(
        stage(&record, "k6-m68k", Stage::Kernel).reason.as_deref(),
        Some("no board for m68k runs Linux 6.1; none is known")
    );
    assert_eq!(outcomes(&record, "k6-mips"), [Unsupported; 4]);
    assert_eq!(outcomes(&record, "k6-sparc"), [Blocked; 4]);
    assert_eq!(
        stage(&record, "k6-mips", Stage::Boot).reason.as_deref(),
        Some("the port was removed")
    );
    assert_eq!(
        (record.coverage.kernel.passed, record.coverage.kernel.total),
        (1, 2),
        "unsupported does not count"
    );
}

#[test]
fn hostile_logs_and_names_stay_text() {
    let mut world = World::new();
    let hostile = r#"printf '\033]0;owned\007\033[2J::error::pwn\n\377\376\n@nix {"action":"stop","id":1}\n@nix not json\n'; echo 'error: <script>alert(1)</script> ${x} ]]>'; exit 1"#;
    world.cell("k6-arm64", [script(hostile), FINE, FINE, FINE]);
    let record = world.run();
    assert_eq!(
        outcomes(&record, "k6-arm64"),
        [Failed, Blocked, Blocked, Blocked]
    );
    let failure = stage(&record, "k6-arm64", Stage::Toolchain)
        .failure
        .as_ref()
        .unwrap();
    let log = std::fs::read(world.options.report.join(failure.log.as_ref().unwrap())).unwrap();
    assert!(
        !log.contains(&0x1b) && !log.contains(&7),
        "{}",
        String::from_utf8_lossy(&log)
    );
    assert!(
        failure
            .log_tail
            .iter()
            .any(|line| line.contains("<script>")),
        "{failure:?}"
    );
    assert!(
        failure
            .log_tail
            .iter()
            .all(|line| !line.chars().any(char::is_control))
    );
}

#[test]
fn fail_fast_ends_the_run() {
    let mut world = World::new();
    world.options.jobs = 1;
    world.options.fail_fast = true;
    world.cell(
        "k6-arm64",
        [script("echo 'error: no'; exit 1"), FINE, FINE, FINE],
    );
    world.cell(
        "k6-mipsel",
        [script("sleep 1; echo x > $out"), FINE, FINE, FINE],
    );
    let record = world.run();
    assert_eq!(
        outcomes(&record, "k6-arm64"),
        [Failed, Blocked, Blocked, Blocked]
    );
    let left = stage(&record, "k6-mipsel", Stage::Boot);
    assert_eq!(left.outcome, Skipped);
    assert!(
        left.reason.as_deref().unwrap().contains("--fail-fast"),
        "{left:?}"
    );
}

#[test]
fn only_the_machines_faults_are_tried_again() {
    let mut world = World::new();
    // outside the sandbox only a fixed-output build can see that it was tried before: by the network's name service
    let flaky = "echo 'curl: (6) Could not resolve host: mirror.example'; exit 1";
    world.fetch(
        "pin",
        flaky,
        "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    );
    world.cell(
        "k6-arm64",
        [
            Script {
                needs: "pin",
                ..FINE
            },
            FINE,
            FINE,
            FINE,
        ],
    );
    world.cell(
        "k6-mipsel",
        [script("echo 'error: bad code'; exit 1"), FINE, FINE, FINE],
    );
    world.options.retries = 1;
    let record = world.run();
    let retried: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Progress::BuildEnded {
                name,
                result: Ending::Retried,
                ..
            } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(retried, ["pin"]);
    let failure = stage(&record, "k6-arm64", Stage::Toolchain)
        .failure
        .as_ref()
        .unwrap();
    assert_eq!(failure.class.as_deref(), Some("fetch-unavailable"));
    assert_eq!(
        outcomes(&record, "k6-mipsel"),
        [Failed, Blocked, Blocked, Blocked]
    );
}

#[test]
fn an_interrupt_leaves_a_report_and_a_resume_finishes_it() {
    let mut world = World::new();
    world.options.jobs = 1;
    world.cell(
        "k6-arm64",
        [FINE, script("echo 'error: no'; exit 1"), FINE, FINE],
    );
    world.cell(
        "k6-mipsel",
        [script("sleep 2; echo x > $out"), FINE, FINE, FINE],
    );
    let partial = world
        .run_and(|event, stop| {
            if matches!(
                event,
                Progress::BuildEnded {
                    result: Ending::Failed,
                    ..
                }
            ) {
                stop.store(true, Ordering::Relaxed);
            }
        })
        .unwrap();
    assert!(partial.interrupted && partial.finished.is_some());
    assert_eq!(
        outcomes(&partial, "k6-arm64"),
        [Passed, Failed, Blocked, Blocked]
    );
    assert!(
        partial
            .cells
            .iter()
            .flat_map(|cell| &cell.stages)
            .any(|stage| stage.outcome == Skipped)
    );

    world.options.resume = true;
    let whole = world.run();
    assert!(!whole.interrupted);
    assert_eq!(
        outcomes(&whole, "k6-arm64"),
        [Passed, Failed, Blocked, Blocked],
        "known outcomes stay"
    );
    assert_eq!(outcomes(&whole, "k6-mipsel"), [Passed; 4]);
    assert_eq!(whole.started, partial.started);
    let tried_again = world.events.iter().any(|event| {
        matches!(event, Progress::BuildStarted { name, .. } if name == "k6-arm64-6.1 kernel")
    });
    assert!(!tried_again, "a known failure is not tried again");
}
