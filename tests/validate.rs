//! `kflake validate` as a user runs it: a fake kernel tree that builds in a second, a real toolchain, real Nix and QEMU.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::terminal::Terminal;
use kflake::validate::{Outcome, RunRecord, Stage, StageRecord};

fn kflake(project: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
    command.arg("-C").arg(project).stdin(Stdio::null());
    command
}

/// A project with the fake kernel registered, packed to behave as `behaviour` says.
fn project(dir: &Path, behaviour: &str) {
    common::add_kernel(dir, &common::pack_fake_kernel(dir, behaviour));
}

fn validate(dir: &Path) -> Command {
    let mut command = kflake(dir);
    command.args(["validate", "--cell", "k6-arm64", "--kernel", "6.1.9999"]);
    command.args(["--packages", "debian", "--toolchains", "debian"]);
    command
}

fn report(dir: &Path) -> RunRecord {
    let text = fs::read_to_string(dir.join("report/report.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn stage(record: &RunRecord, stage: Stage) -> &StageRecord {
    record.cells[0].stage(stage).unwrap()
}

fn text_of(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_cell_passes_and_is_there_the_next_time() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // not what a test beside this one builds: stages that were there already are no evidence
    common::add_kernel(dir.path(), &common::pack_new_kernel(dir.path(), "ok"));
    let events = dir.path().join("events.jsonl");
    let first = validate(dir.path())
        .arg("--events")
        .arg(&events)
        .arg("--record")
        .output()
        .unwrap();
    assert_eq!(first.status.code(), Some(0), "{}", text_of(&first));
    let record = report(dir.path());
    assert!(
        record.cells[0]
            .stages
            .iter()
            .all(|stage| stage.outcome.is_success()),
        "{record:?}"
    );
    assert_eq!(
        record.cells[0].toolchain.as_ref().unwrap().id,
        "debian-12.2.0-arm64"
    );
    for line in fs::read_to_string(&events).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            event["event"].is_string() && event["time"].is_string(),
            "{line}"
        );
    }
    let console = stage(&record, Stage::Boot).console.as_ref().unwrap();
    let said = fs::read(dir.path().join("report").join(console)).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("kflake-init: "));
    let page = fs::read_to_string(dir.path().join("report/report.html")).unwrap();
    assert!(page.contains(&format!("What the machine said: <a href=\"{console}\">")));
    let evidence = fs::read_to_string(dir.path().join("matrix/evidence.json")).unwrap();
    let evidence: Vec<serde_json::Value> = serde_json::from_str(&evidence).unwrap();
    for stage in ["kernel", "module", "boot"] {
        let recorded = |it: &serde_json::Value| it["stage"] == stage && it["outcome"] == "passed";
        assert!(evidence.iter().any(recorded), "{stage}: {evidence:?}");
    }

    let second = validate(dir.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(0), "{}", text_of(&second));
    let record = report(dir.path());
    assert!(
        record.cells[0]
            .stages
            .iter()
            .all(|stage| stage.outcome == Outcome::Cached),
        "{record:?}"
    );
    for file in [
        "report.html",
        "report.md",
        "junit.xml",
        "badge.svg",
        "journal.jsonl",
    ] {
        assert!(dir.path().join("report").join(file).exists(), "{file}");
    }
}

/// The stock kernels, of which one is a fake, and the other's tarball nobody has.
#[test]
fn bands_are_what_the_flake_has_and_name_what_is_missing() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    common::add_kernel(dir, &common::pack_new_kernel(dir, "ok"));
    let matrix = |name: &str| dir.join("matrix").join(name);
    let mut eras: serde_json::Value =
        serde_json::from_str(include_str!("../matrix/eras.json")).unwrap();
    for era in ["k2.6", "k3", "k4"] {
        eras[era]["stock_arches"] = serde_json::json!([]);
    }
    eras["k6"]["kernel"] = "6.1.9999".into();
    eras["k6"]["stock_arches"] = serde_json::json!(["arm64"]);
    eras["k7"]["kernel"] = "7.1.9998".into();
    fs::write(matrix("eras.json"), eras.to_string()).unwrap();
    let text = fs::read_to_string(matrix("kernels.json")).unwrap();
    let mut kernels: serde_json::Value = serde_json::from_str(&text).unwrap();
    kernels["7.1.9998"] = serde_json::json!({
        // no program listens there
        "url": "http://127.0.0.1:9/linux-7.1.9998.tar.xz",
        "sha256": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    });
    fs::write(matrix("kernels.json"), kernels.to_string()).unwrap();

    let bands = |more: &[&str]| {
        let mut command = kflake(dir);
        command.args(["validate", "--bands", "--retries", "0"]);
        command
            .args(common::DEBIAN)
            .args(more)
            .env("NO_COLOR", "1")
            .output()
            .unwrap()
    };
    let lacking =
        "k7-x86_64 7.1.9998: not tried: needs linux-7.1.9998.tar.xz, which could not be fetched";
    let output = bands(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    assert!(text_of(&output).contains(lacking), "{}", text_of(&output));
    let record = report(dir);
    assert_eq!(record.cells.len(), 2, "{record:?}");
    assert_eq!(record.cells[0].profile.as_deref(), Some("board"));
    let kernel = stage(&record, Stage::Kernel).clone();
    assert_eq!(kernel.outcome, Outcome::Passed, "{kernel:?}");
    assert!(
        record.cells[0]
            .stage(Stage::Boot)
            .is_none_or(|it| it.outcome == Outcome::Skipped)
    );
    assert_eq!(
        record.cells[1].stage(Stage::Kernel).unwrap().outcome,
        Outcome::Blocked
    );

    // the flake's own outputs are made of the same kernel
    let apply = "it: { all = it.validate-bands.drvPath; k6 = it.validate-band-k6.drvPath; }";
    let output = common::nix("nix")
        .args(["eval", "--json", ".#packages.x86_64-linux", "--apply"])
        .arg(apply)
        .current_dir(dir)
        .output()
        .unwrap();
    let groups: std::collections::BTreeMap<String, String> =
        serde_json::from_slice(&common::succeeded(output).stdout).unwrap();
    let query = |what: &str, drv: &str| {
        let output = common::nix("nix-store")
            .args(["--query", what, drv])
            .output();
        let found = common::succeeded(output.unwrap()).stdout;
        String::from_utf8(found).unwrap()
    };
    // by their outputs: where a file is looked for is part of a derivation, and kflake gives Nix its own mirrors
    let out = kernel.out.as_deref().unwrap();
    for (name, drv) in groups {
        let made_of = query("--references", &drv);
        let mut linux = made_of.lines().filter(|it| it.contains("-linux-6.1.9999"));
        assert!(
            linux.any(|drv| query("--outputs", drv).contains(out)),
            "{name}: {out} in {made_of}"
        );
    }

    // where no kernel could be tried, nothing was shown
    let output = bands(&["--era", "k7"]);
    assert_eq!(output.status.code(), Some(5), "{}", text_of(&output));
    assert!(text_of(&output).contains(lacking), "{}", text_of(&output));
    // without --bands it is a failure like any other
    let words = ["validate", "--cell", "k7-x86_64", "--stage", "kernel"];
    let mut plain = kflake(dir);
    plain
        .args(words)
        .args(["--kernel", "7.1.9998", "--retries", "0"]);
    let output = plain.args(common::DEBIAN).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));

    // a kernel that was tried and failed is a failure of --bands as well
    let broken = dir.join("broken");
    fs::create_dir(&broken).unwrap();
    common::add_kernel(&broken, &common::pack_fake_kernel(&broken, "compile-error"));
    fs::write(broken.join("matrix/eras.json"), eras.to_string()).unwrap();
    let mut failing = kflake(&broken);
    failing.args(["validate", "--bands", "--era", "k6"]);
    let output = failing.args(common::DEBIAN).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
}

#[test]
fn a_run_that_tries_nothing_is_not_green() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let words = ["validate", "--arch", "powerpcle", "--packages", "debian"];
    let output = common::kflake(dir.path(), &words);
    assert_eq!(output.status.code(), Some(5), "{}", text_of(&output));
    assert!(text_of(&output).contains("nothing was tried"));
    let record = report(dir.path());
    assert!(!record.cells.is_empty());

    // nor is a shard of it; but one without a cell is, where another has one
    let output = common::kflake(dir.path(), &[&words[..], &["--shard", "1/2"]].concat());
    assert_eq!(output.status.code(), Some(5), "{}", text_of(&output));
    let words = ["validate", "--cell", "k6-arm64", "--shard", "2/2"];
    let output = common::kflake(dir.path(), &[&words[..], common::DEBIAN].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    assert!(text_of(&output).contains("shard 2/2 has no cell to try"));
    let record = report(dir.path());
    assert!(record.cells.is_empty() && record.finished.is_some());
    assert_eq!(record.shard.unwrap().to_string(), "2/2");
}

#[test]
fn a_kernel_that_complains_is_not_plainly_green() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), "splat");
    for outcome in ["passed", "cached"] {
        let output = validate(dir.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
        let record = report(dir.path());
        let boot = stage(&record, Stage::Boot);
        assert_eq!(boot.warnings, ["WARNING at kernel/fake.c:12"], "{boot:?}");
        let words = format!(
            "{} with 1 warning: WARNING at kernel/fake.c:12",
            boot.outcome
        );
        assert_eq!(boot.detail(), words);
        if outcome == "cached" {
            assert_eq!(boot.outcome, Outcome::Cached);
        }
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            shown.contains("TKMb boot") && shown.contains(&words),
            "{shown}"
        );
    }
}

#[test]
fn a_kernel_that_calls_itself_another_version_is_not_that_one() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), "ok");
    let kernels = dir.path().join("matrix/kernels.json");
    let text = fs::read_to_string(&kernels).unwrap();
    fs::write(&kernels, text.replace("\"6.1.9999\"", "\"6.1\"")).unwrap();
    let mut command = kflake(dir.path());
    command.args(["validate", "--cell", "k6-arm64", "--kernel", "6.1"]);
    command.args(["--packages", "debian", "--toolchains", "debian"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    let record = report(dir.path());
    let kernel = stage(&record, Stage::Kernel);
    let class = kernel.failure.as_ref().and_then(|it| it.class.clone());
    assert_eq!(class.as_deref(), Some("kernel-wrong-version"), "{kernel:?}");
    assert_eq!(stage(&record, Stage::Boot).outcome, Outcome::Blocked);
}

#[test]
fn a_tree_in_the_place_of_a_pinned_one_is_marked() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("linux-posing");
    let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-kernel");
    let mut copy = Command::new("cp");
    common::succeeded(copy.arg("-r").arg(fake).arg(&tree).output().unwrap());
    let makefile = tree.join("Makefile");
    let posing = fs::read_to_string(&makefile)
        .unwrap()
        .replace("SUBLEVEL = 9999", "SUBLEVEL = 183");
    fs::write(&makefile, posing).unwrap();
    fs::write(tree.join("scripts/behaviour"), "ok\n").unwrap();
    // stages that were there already are no evidence
    fs::write(
        tree.join("made"),
        format!("{:?}\n", std::time::SystemTime::now()),
    )
    .unwrap();
    let tree = tree.to_str().unwrap();
    let added = common::succeeded(common::kflake(dir.path(), &["kernel", "add", tree]));
    let said = text_of(&added);
    assert!(said.contains("kflake pins different bytes"), "{said}");
    let listed = common::succeeded(common::kflake(dir.path(), &["kernel", "list", "6.1.183"]));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.contains("in the place of the pinned one"),
        "{listed}"
    );

    let mut command = kflake(dir.path());
    command.args(["validate", "--cell", "k6-arm64", "--kernel", "6.1.183"]);
    command.args(["--packages", "debian", "--toolchains", "debian", "--record"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("+override"), "{shown}");
    let record = report(dir.path());
    let source = record.cells[0].source.as_ref().unwrap();
    assert!(source.is_override(), "{source:?}");
    let boot = stage(&record, Stage::Boot);
    assert_eq!(boot.tools.keys().collect::<Vec<_>>(), ["qemu"], "{boot:?}");
    let kernel = stage(&record, Stage::Kernel);
    assert!(kernel.tools.contains_key("make") && kernel.tools.contains_key("cc"));
    assert_eq!(record.packages.as_deref(), Some("debian"));

    let console = stage(&record, Stage::Boot).console.as_ref().unwrap();
    let said = fs::read(dir.path().join("report").join(console)).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("kflake-init: "));
    let page = fs::read_to_string(dir.path().join("report/report.html")).unwrap();
    assert!(page.contains(&format!("What the machine said: <a href=\"{console}\">")));
    let evidence = fs::read_to_string(dir.path().join("matrix/evidence.json")).unwrap();
    let evidence: Vec<serde_json::Value> = serde_json::from_str(&evidence).unwrap();
    assert!(!evidence.is_empty());
    for measured in evidence {
        assert_eq!(measured["source"]["origin"], "override", "{measured}");
        assert_eq!(measured["source"]["sha256"], source.sha256.sri());
        assert_eq!(measured["packages"], "debian");
        assert!(measured["tools"].is_object(), "{measured}");
    }
    let resolve = ["resolve", "6.1.183", "arm64"];
    let resolved = common::succeeded(common::kflake(dir.path(), &resolve));
    let said = text_of(&resolved);
    assert!(said.contains("is not the one that kflake pins"), "{said}");
}

#[test]
fn a_fresh_stage_is_built_again_and_what_comes_after_it() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), "ok");
    let outcomes = |more: &[&str]| {
        let output = validate(dir.path()).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
        let record = report(dir.path());
        let stages = record.cells[0].stages.iter();
        stages
            .map(|stage| (stage.outcome, stage.out.clone().unwrap()))
            .collect::<Vec<_>>()
    };
    let (passed, cached) = (Outcome::Passed, Outcome::Cached);
    outcomes(&[]);
    let before = outcomes(&[]);
    assert!(before.iter().all(|it| it.0 == cached), "{before:?}");
    for (stage, expected) in [
        ("boot", [cached, cached, cached, passed]),
        ("module", [cached, cached, passed, passed]),
        ("kernel", [cached, passed, passed, passed]),
    ] {
        let fresh = outcomes(&["--fresh", stage]);
        let found: Vec<Outcome> = fresh.iter().map(|it| it.0).collect();
        assert_eq!(found, expected, "{stage}");
        for (old, new) in before.iter().zip(&fresh) {
            assert_eq!(old.1 == new.1, new.0 == cached, "{stage}: {new:?}");
        }
    }
    assert_eq!(outcomes(&[]), before);
    // a run that goes on has built that stage anew already
    let fresh = outcomes(&["--fresh", "boot", "--record"]);
    assert_eq!(outcomes(&["--resume", "--record"]), fresh);
    let evidence = fs::read_to_string(dir.path().join("matrix/evidence.json")).unwrap();
    assert_eq!(
        evidence.matches("\"stage\":\"boot\"").count(),
        1,
        "{evidence}"
    );
}

#[test]
fn a_large_run_says_what_it_costs_and_asks() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run = format!(
        "'{}' -C . validate --band k6 {}; echo \"left with $?\"",
        env!("CARGO_BIN_EXE_kflake"),
        common::DEBIAN.join(" ")
    );
    let mut terminal = Terminal::start(dir.path(), &run);
    terminal.wait("This run will take ", 300);
    terminal.expect(" of disk, of ");
    terminal.expect("Go on? [y/N]");
    terminal.press("n\r");
    terminal.expect("nothing was built");
    terminal.expect("left with 130");
    terminal.end();
    assert!(!dir.path().join("report").exists());
}

#[test]
fn a_run_that_goes_on_measures_once_and_for_its_own_project() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    common::add_kernel(dir.path(), &common::pack_new_kernel(dir.path(), "ok"));
    let evidence = |project: &Path| {
        let text = fs::read_to_string(project.join("matrix/evidence.json")).unwrap_or("[]".into());
        serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap()
    };
    let first = validate(dir.path()).arg("--record").output().unwrap();
    assert_eq!(first.status.code(), Some(0), "{}", text_of(&first));
    let measured = evidence(dir.path());
    assert!(measured.len() >= 3, "{measured:?}");
    for _ in 0..2 {
        // what it had selected, it still has
        let again = kflake(dir.path())
            .args(["validate", "--resume", "--record"])
            .output()
            .unwrap();
        assert_eq!(again.status.code(), Some(0), "{}", text_of(&again));
        assert_eq!(report(dir.path()).cells.len(), 1);
        assert_eq!(evidence(dir.path()), measured);
        assert_eq!(
            stage(&report(dir.path()), Stage::Kernel).outcome,
            Outcome::Passed
        );
    }

    // a new run keeps the report of the last one, and how long things took
    let before = report(dir.path());
    let new = validate(dir.path()).output().unwrap();
    assert_eq!(new.status.code(), Some(0), "{}", text_of(&new));
    for (old, new) in before.cells[0]
        .stages
        .iter()
        .zip(&report(dir.path()).cells[0].stages)
    {
        assert_eq!(new.outcome, Outcome::Cached);
        assert_eq!(old.seconds, new.seconds);
        assert!(
            new.seconds.is_some() || new.stage == Stage::Toolchain,
            "{new:?}"
        );
    }
    let runs = fs::read_dir(dir.path().join("report/runs")).unwrap();
    let runs: Vec<_> = runs.map(|entry| entry.unwrap().path()).collect();
    let kept = fs::read_to_string(runs[0].join("report.json")).unwrap();
    let kept: RunRecord = serde_json::from_str(&kept).unwrap();
    assert_eq!((runs.len(), kept.started), (1, before.started));
    assert!(runs[0].join("report.html").is_file());
    let mut history = kflake(dir.path());
    history
        .args(["report", "history", "--format", "json"])
        .arg(dir.path());
    let history = common::succeeded(history.output().unwrap());
    let history: serde_json::Value = serde_json::from_slice(&history.stdout).unwrap();
    assert_eq!(history["runs"].as_array().unwrap().len(), 2, "{history}");

    // another project with the same kernel, and a copy of the report
    let other = tempfile::tempdir().unwrap();
    let copy = |from: &str| {
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(dir.path().join(from)).arg(other.path());
        common::succeeded(copy.output().unwrap());
    };
    copy("report");
    copy("linux-fake.tar");
    common::add_kernel(other.path(), &other.path().join("linux-fake.tar"));
    let run = validate(other.path()).arg("--resume").output().unwrap();
    assert_eq!(run.status.code(), Some(2), "{}", text_of(&run));
    assert!(
        text_of(&run).contains("no run of this project"),
        "{}",
        text_of(&run)
    );
    let run = validate(other.path()).arg("--record").output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", text_of(&run));
    assert_eq!(evidence(other.path()), Vec::<serde_json::Value>::new());
    assert_eq!(
        stage(&report(other.path()), Stage::Kernel).outcome,
        Outcome::Cached
    );
}

#[test]
fn what_nix_says_is_built_is_asked_of_the_store() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    common::add_kernel(dir.path(), &common::pack_new_kernel(dir.path(), "ok"));
    // a nix-store that says that everything went well, and builds nothing
    let find = Command::new("sh")
        .args(["-c", "command -v nix-store"])
        .output();
    let real = String::from_utf8(find.unwrap().stdout).unwrap();
    let lying = dir.path().join("bin");
    fs::create_dir(&lying).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *--dry-run*) ;; *' --realise '*) case \"$*\" in *linux-*) exit 0 ;; esac ;; esac\nexec {} \"$@\"\n",
        real.trim()
    );
    fs::write(lying.join("nix-store"), script).unwrap();
    let mut chmod = Command::new("chmod");
    common::succeeded(
        chmod
            .arg("+x")
            .arg(lying.join("nix-store"))
            .output()
            .unwrap(),
    );
    let path = std::env::var("PATH").unwrap();
    let output = validate(dir.path())
        .env("PATH", format!("{}:{path}", lying.display()))
        .arg("--record")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    let record = report(dir.path());
    let kernel = stage(&record, Stage::Kernel);
    assert!(kernel.outcome.is_failure(), "{kernel:?}");
    let reason = kernel.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("the store does not have it"), "{kernel:?}");
    let text = fs::read_to_string(dir.path().join("matrix/evidence.json")).unwrap_or_default();
    assert!(!text.contains("\"stage\":\"kernel\""), "{text}");
}

/// The stage fails with the class, those before it pass, those behind it are blocked.
#[track_caller]
fn fails(behaviour: &str, at: Stage, class: &str) {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), behaviour);
    let output = validate(dir.path())
        .args(["--silence-timeout", "boot=8s"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    let record = report(dir.path());
    for found in &record.cells[0].stages {
        match found.stage.cmp(&at) {
            std::cmp::Ordering::Less => assert!(found.outcome.is_success(), "{found:?}"),
            std::cmp::Ordering::Greater => assert_eq!(found.outcome, Outcome::Blocked, "{found:?}"),
            std::cmp::Ordering::Equal => {
                assert_eq!(found.outcome, Outcome::Failed, "{found:?}");
                let failure = found.failure.as_ref().unwrap();
                assert_eq!(failure.class.as_deref(), Some(class), "{failure:?}");
                let log = dir
                    .path()
                    .join("report")
                    .join(failure.log.as_ref().unwrap());
                assert!(fs::metadata(log).unwrap().len() > 0);
            }
        }
    }
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("k6"),
        "{}",
        text_of(&output)
    );
}

#[test]
fn a_failure_that_is_known_makes_no_run_red_and_one_that_is_gone_does() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    project(dir, "compile-error");
    let expects = |cell: &str, stage: &str, class: &str| {
        let text = format!(
            "[[expect-fail]]\ncell = \"{cell}\"\nkernel = \"6.1\"\nstage = \"{stage}\"\nclass = \"{class}\"\nreason = \"issue 12\"\n"
        );
        fs::write(dir.join("kflake.toml"), text).unwrap();
        let output = validate(dir).env("NO_COLOR", "1").output().unwrap();
        (output.status.code().unwrap(), text_of(&output))
    };
    let (code, text) = expects("k6-arm64", "kernel", "kernel-compile");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Failed as expected"), "{text}");
    let record = report(dir);
    for known in &record.cells[0].stages[1..] {
        assert!(known.fails_as_expected(), "{known:?}");
    }
    let junit = fs::read_to_string(dir.join("report/junit.xml")).unwrap();
    assert!(!junit.contains("<failure") && !junit.contains("<error"));
    assert_eq!(junit.matches("issue 12").count(), 3, "{junit}");
    // anything else is news
    for (cell, stage, class) in [
        ("k6-arm64", "kernel", "kernel-no-image"),
        ("k6-arm64", "boot", "kernel-compile"),
        ("k6-armel", "kernel", "kernel-compile"),
    ] {
        let (code, text) = expects(cell, stage, class);
        assert_eq!(code, 1, "{cell} {stage} {class}: {text}");
    }
    // so is that it passes
    let (code, text) = expects("k6-arm64", "toolchain", "kernel-compile");
    assert_eq!(code, 1, "{text}");
    let told = "k6-arm64 6.1.9999: toolchain passed, and kflake.toml expects it to fail";
    assert!(text.contains(told), "{text}");
    // and a name that there is not ends a run before it begins
    for (cell, class, what) in [
        ("k6-arm46", "kernel-compile", "unknown cell"),
        ("k6-arm64", "kernel-complie", "unknown class of failure"),
    ] {
        let (code, text) = expects(cell, "kernel", class);
        assert!(code == 2 && text.contains(what), "{text}");
    }
}

#[test]
fn a_compile_error() {
    fails("compile-error", Stage::Kernel, "kernel-compile");
}

#[test]
fn a_lost_symbol() {
    fails("lost-symbol", Stage::Kernel, "kernel-config-lost");
}

#[test]
fn a_missing_image() {
    fails("no-image", Stage::Kernel, "kernel-no-image");
}

#[test]
fn a_silent_boot() {
    fails("silent", Stage::Boot, "boot-silent");
}

#[test]
fn a_panic_before_init() {
    fails("panic", Stage::Boot, "boot-panic-before-init");
}

#[test]
fn a_panic_after_init() {
    fails("late-panic", Stage::Boot, "boot-panic-after-init");
}

#[test]
fn a_boot_of_another_machine() {
    fails("wrong-machine", Stage::Boot, "boot-wrong-machine");
}

#[test]
fn a_console_full_of_lies() {
    fails("forged", Stage::Boot, "boot-silent");
}

#[test]
fn a_toolchain_without_its_compiler() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), "ok");
    // the project's own data leaves out the package that holds gcc
    let embedded = concat!(env!("CARGO_MANIFEST_DIR"), "/matrix/debian.json");
    let debian: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(embedded).unwrap()).unwrap();
    let mut toolchain = debian["toolchains"]["debian-12.2.0-arm64"].clone();
    let pins = toolchain["pins"].as_array_mut().unwrap();
    let all = pins.len();
    pins.retain(|pin| !pin.as_str().unwrap().ends_with("/gcc-12-aarch64-linux-gnu"));
    assert_eq!(pins.len(), all - 1);
    let overlay = serde_json::json!({ "toolchains": { "debian-12.2.0-arm64": toolchain } });
    fs::write(dir.path().join("matrix/debian.json"), overlay.to_string()).unwrap();
    let output = validate(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text_of(&output));
    let record = report(dir.path());
    let failed = stage(&record, Stage::Toolchain);
    assert_eq!(failed.outcome, Outcome::Failed, "{failed:?}");
    assert_eq!(
        failed.failure.as_ref().unwrap().class.as_deref(),
        Some("toolchain-missing-file"),
        "{failed:?}"
    );
    assert_eq!(stage(&record, Stage::Kernel).outcome, Outcome::Blocked);
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    let dir = tempfile::tempdir().unwrap();
    for (option, name, known) in [
        ("--band", "k9", "k2.6, k3, k4"),
        ("--arch", "z80", "arm64"),
        ("--stage", "soot", "toolchain, kernel"),
    ] {
        let output = kflake(dir.path())
            .args(["validate", option, name])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text_of(&output));
        let text = text_of(&output);
        assert!(text.contains(name) && text.contains(known), "{text}");
    }
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is written"
    );
}

#[test]
fn a_dry_run_needs_no_nix_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = kflake(dir.path());
    command.env("PATH", "/nonexistent").args([
        "validate",
        "--band",
        "k6,k2.6",
        "--arch",
        "arm64",
        "--dry-run",
    ]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    let shown = text_of(&output);
    assert!(
        shown.contains("k6-arm64") && shown.contains("unsupported"),
        "{shown}"
    );
    let output = command.arg("--json").output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["cells"].as_array().unwrap().len(), 2, "{plan}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_dry_run_fits_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_kflake");
    let session = format!("stty rows 24 cols 80; {program} validate --dry-run --era k6");
    let output = std::process::Command::new("script")
        .args(["-qec", &session, "/dev/null"])
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let shown = text_of(&output);
    assert!(shown.contains("k6-powerpcle"), "{shown}");
    for line in shown.lines() {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
}

#[test]
fn no_nix_and_old_nix_are_told_in_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["validate", "--cell", "k6-arm64"];
    let output = kflake(dir.path())
        .env("PATH", "/nonexistent")
        .env_remove("KFLAKE_NIX")
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text_of(&output));
    assert!(
        text_of(&output).contains("Nix is not installed"),
        "{}",
        text_of(&output)
    );

    let old = dir.path().join("nix");
    fs::write(&old, "#!/bin/sh\necho 'nix (Nix) 2.3.16'\n").unwrap();
    let mut permissions = fs::metadata(&old).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&old, permissions).unwrap();
    let output = kflake(dir.path())
        .env("KFLAKE_NIX", &old)
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text_of(&output));
    assert!(
        text_of(&output).contains("Nix 2.3.16 is too old"),
        "{}",
        text_of(&output)
    );

    let refusal = "error: opening file \"/root/.config/nix/nix.conf\": Permission denied";
    fs::write(&old, format!("#!/bin/sh\necho '{refusal}' >&2\nexit 1\n")).unwrap();
    let output = kflake(dir.path())
        .env("KFLAKE_NIX", &old)
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text_of(&output));
    assert!(
        text_of(&output).contains("Permission denied"),
        "{}",
        text_of(&output)
    );

    let output = kflake(dir.path())
        .env("KFLAKE_NIX", "/nonexistent/nix")
        .args(arguments)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text_of(&output));
    assert!(
        text_of(&output).contains("KFLAKE_NIX"),
        "{}",
        text_of(&output)
    );
}

#[test]
fn an_unreadable_store_is_not_taken_for_a_failed_cell() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), "ok");
    let state = dir.path().join("state");
    fs::create_dir_all(state.join("db")).unwrap();
    fs::write(state.join("db/db.sqlite"), "this is no database").unwrap();
    let output = validate(dir.path())
        .env("NIX_STATE_DIR", &state)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", text_of(&output));
    assert!(
        text_of(&output).contains("the Nix store cannot be used"),
        "{}",
        text_of(&output)
    );
    assert!(!dir.path().join("report/report.json").exists());
}

#[test]
fn an_interrupt_ends_nix_and_leaves_a_report() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // its boot takes long enough to be interrupted
    project(dir.path(), "silent");
    let mut child = validate(dir.path())
        .args(["--silence-timeout", "boot=100s"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let booting = || {
        let text = fs::read_to_string(dir.path().join("report/journal.jsonl")).unwrap_or_default();
        text.contains("initramfs")
    };
    let started = Instant::now();
    while !running(dir.path(), "qemu-system-aarch64") && child.try_wait().unwrap().is_none() {
        assert!(
            started.elapsed() < Duration::from_secs(300),
            "it never booted ({})",
            booting()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let record = report(dir.path());
    assert!(record.interrupted);
    assert!(
        stage(&record, Stage::Kernel).outcome.is_success(),
        "{record:?}"
    );
    let boot = stage(&record, Stage::Boot);
    assert_eq!(
        (boot.outcome, boot.reason.as_deref()),
        (Outcome::Skipped, Some("interrupted"))
    );
    // another test may boot the same kernel, but not let it be silent for that long
    let ended = Instant::now();
    while running(dir.path(), "qemu-system-aarch64") {
        assert!(ended.elapsed() < Duration::from_secs(40), "QEMU lives on");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Whether `program` runs with this test's kernel.
fn running(dir: &Path, program: &str) -> bool {
    let manifest = fs::read_to_string(dir.join(".kflake/manifest.json")).unwrap_or_default();
    let Ok(manifest) = serde_json::from_str::<serde_json::Value>(&manifest) else {
        return false;
    };
    let kernel = manifest["manifest"]["answers"][0]["things"]["kernel"]["outputs"]["out"]
        .as_str()
        .unwrap_or("?")
        .to_owned();
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        command
            .split('\0')
            .next()
            .is_some_and(|first| first.ends_with(program))
            && command.contains(&kernel)
    })
}
