//! Several runs in one project at once: each reports what it asked for, and nothing of another's.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kflake::validate::{RunRecord, Stage};

/// Pairs of runs; KFLAKE_PAIRS asks for more.
fn pairs() -> usize {
    let asked = std::env::var("KFLAKE_PAIRS").ok();
    asked.map_or(4, |text| text.parse().expect("KFLAKE_PAIRS is a number"))
}

/// A run that ends its boot after so long a silence, which is part of what it builds, with its report in `report`.
fn validate(kflake: &Path, project: &Path, silence: &str, report: &str) -> Child {
    let toolchains = match silence {
        "21s" => "debian",
        _ => "debian,korg",
    };
    let limit = format!("boot={silence}");
    Command::new(kflake)
        .arg("-C")
        .arg(project)
        .args(["validate", "--cell", "k6-arm64", "--kernel", "6.1.9999"])
        .args(["--packages", "debian", "--toolchains", toolchains])
        .args(["--silence-timeout", &limit, "--report"])
        .arg(project.join(report))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn generate(kflake: &Path, project: &Path) -> Child {
    Command::new(kflake)
        .arg("-C")
        .arg(project)
        .args(["gen", "--force", "--toolchains", "bootlin,musl"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ended_well(child: Child, what: &str) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{what}: {said}");
}

/// The toolchain and the boot test that a report speaks of.
fn told(project: &Path, report: &str) -> (String, String) {
    let text = fs::read_to_string(project.join(report).join("report.json")).unwrap();
    let record: RunRecord = serde_json::from_str(&text).unwrap();
    let cell = &record.cells[0];
    let boot = cell.stage(Stage::Boot).unwrap();
    assert!(boot.is_plain(), "{boot:?}");
    (
        cell.toolchain.as_ref().unwrap().id.clone(),
        boot.drv.clone().unwrap(),
    )
}

#[test]
fn each_of_two_runs_at_once_reports_its_own() {
    if !common::have_nix() {
        return;
    }
    let dir = common::fake_project("ok");
    let project = dir.path();
    let tools = tempfile::tempdir().unwrap();
    let kflake = &common::kept_kflake(tools.path());
    let alone: Vec<(String, String)> = ["21s", "22s"]
        .map(|silence| {
            ended_well(validate(kflake, project, silence, silence), silence);
            told(project, silence)
        })
        .into();
    assert_ne!(alone[0].1, alone[1].1);
    for pair in 0..pairs() {
        let (first, second) = (format!("a{pair}"), format!("b{pair}"));
        let runs = [
            (validate(kflake, project, "21s", &first), first.clone()),
            (validate(kflake, project, "22s", &second), second.clone()),
            (generate(kflake, project), "gen".to_owned()),
        ];
        for (run, what) in runs {
            ended_well(run, &what);
        }
        assert_eq!(told(project, &first), alone[0], "pair {pair}");
        assert_eq!(told(project, &second), alone[1], "pair {pair}");
    }
}

#[test]
fn what_another_run_was_answered_is_not_believed() {
    if !common::have_nix() {
        return;
    }
    let dir = common::fake_project("ok");
    let project = dir.path();
    let tools = tempfile::tempdir().unwrap();
    let kflake = &common::kept_kflake(tools.path());
    ended_well(validate(kflake, project, "21s", "first"), "first");
    let kept = project.join(".kflake/manifest.json");
    let manifest = fs::read_to_string(&kept).unwrap();
    for (own, other) in [
        ("debian-12.2.0-arm64\"", "debian-10.2.1-arm64\""),
        ("profile tiny", "defconfig defconfig"),
        ("\"board\":\"arm64-virt\"", "\"board\":\"other\""),
        ("\"version\":\"6.1.9999\"", "\"version\":\"6.1.9998\""),
    ] {
        let wrong = manifest.replace(own, other);
        assert_ne!(wrong, manifest, "{own}");
        fs::write(&kept, &wrong).unwrap();
        ended_well(validate(kflake, project, "21s", "again"), own);
        assert_eq!(told(project, "again"), told(project, "first"), "{own}");
        assert_eq!(fs::read_to_string(&kept).unwrap(), manifest, "{own}");
    }
    // nor that a derivation makes what it does not
    let answers: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let things = &answers["manifest"]["answers"][0]["things"];
    let out = |thing: &str| things[thing]["outputs"]["out"].as_str().unwrap().to_owned();
    let wrong = manifest.replace(&out("boottest"), &out("kernel"));
    assert_ne!(wrong, manifest);
    fs::write(&kept, &wrong).unwrap();
    ended_well(validate(kflake, project, "21s", "again"), "another output");
    assert_eq!(told(project, "again"), told(project, "first"));
    assert_eq!(fs::read_to_string(&kept).unwrap(), manifest);
}
