//! Every output of the whole matrix evaluates, and a cell boots, with whichever Nix: this machine's, and those that two newer Debian
//! suites ship.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::prelude::*;
use kflake::validate::{Outcome, RunRecord, Stage};

/// musl-cross-make's patches are only read by builds; anything stands in for them here, where no network is.
fn nix(program: &Path, dir: &Path, args: &[&str]) -> Output {
    common::nix(program.to_str().unwrap())
        .args(args)
        .args([
            "--override-input",
            "musl-cross-make",
            "path:./debian-packages",
        ])
        .current_dir(dir)
        .output()
        .unwrap()
}

/// Output name to derivation, of everything that this system builds.
fn derivations(program: &Path, dir: &Path) -> BTreeMap<String, String> {
    let apply = "builtins.mapAttrs (_: it: it.drvPath)";
    let output = nix(
        program,
        dir,
        &[
            "eval",
            "--json",
            ".#packages.x86_64-linux",
            "--apply",
            apply,
        ],
    );
    serde_json::from_slice(&common::succeeded(output).stdout).unwrap()
}

#[test]
fn every_output_evaluates() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut kflake = Command::cargo_bin("kflake").unwrap();
    kflake
        .arg("-C")
        .arg(dir)
        .args(["gen", "--packages", "debian"])
        .assert()
        .success();

    let here = derivations(Path::new("nix"), dir);
    for group in [
        "bootlin-all",
        "debian-all",
        "k26-all",
        "fromsource-extra",
        "k26-kernel-all",
        "spike",
        "validate-bands",
        "validate-band-k26",
        "boot-k26-all",
        "boot-k7-all",
    ] {
        assert!(here.contains_key(group), "{group}");
    }
    // no cell is left out, and each has every stage that it has a kernel and a board for
    let cells = common::eval(
        dir,
        "builtins.mapAttrs (_: it: it.kernel != null && it.board != null) (import ./matrix.nix).cells",
    );
    let cells: BTreeMap<String, bool> = serde_json::from_value(cells).unwrap();
    assert!(cells.len() > 60, "{}", cells.len());
    for (name, bootable) in &cells {
        assert!(here.contains_key(name), "{name}");
        for stage in ["kernel", "module", "boot"] {
            assert_eq!(
                here.contains_key(&format!("{stage}-{name}")),
                *bootable,
                "{stage} of {name}"
            );
        }
    }

    for (suite, program) in common::newer_nixes() {
        let there = derivations(&program, dir);
        let differ: Vec<_> = here
            .iter()
            .filter(|(name, drv)| there.get(*name) != Some(drv))
            .collect();
        assert!(
            differ.is_empty() && there.len() == here.len(),
            "{suite}: {differ:?}"
        );
        common::succeeded(nix(&program, dir, &["flake", "check", "--no-build"]));
    }
    common::succeeded(nix(
        Path::new("nix"),
        dir,
        &["flake", "check", "--no-build"],
    ));
}

#[test]
fn a_cell_boots_with_each() {
    if !common::have_nix() {
        return;
    }
    for (suite, program) in common::newer_nixes() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let kernel = common::pack_new_kernel(dir, "ok");
        let kflake = || {
            let mut command = Command::cargo_bin("kflake").unwrap();
            command.env("KFLAKE_NIX", &program).arg("-C").arg(dir);
            command
        };
        kflake()
            .args(["kernel", "add"])
            .arg(&kernel)
            .assert()
            .success();
        kflake()
            .args(["validate", "--cell", "k6-arm64", "--kernel", "6.1.9999"])
            .args(["--packages", "debian", "--toolchains", "debian"])
            .assert()
            .success();
        let report = fs::read(dir.join("report/report.json")).unwrap();
        let report: RunRecord = serde_json::from_slice(&report).unwrap();
        let version = common::succeeded(Command::new(&program).arg("--version").output().unwrap());
        assert_eq!(report.nix, String::from_utf8_lossy(&version.stdout).trim());
        for stage in [Stage::Kernel, Stage::Module, Stage::Boot] {
            let outcome = report.cells[0].stage(stage).unwrap().outcome;
            assert_eq!(outcome, Outcome::Passed, "{suite}: {stage}");
        }
    }
}
