//! `kflake gen` as a user runs it, and what real Nix makes of the result.

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

fn kflake(project: &Path) -> Command {
    let mut command = Command::cargo_bin("kflake").unwrap();
    command.arg("-C").arg(project);
    command
}

fn generated() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    kflake(dir.path())
        .args(["gen", "--toolchains", "debian"])
        .assert()
        .success();
    dir
}

/// Every file below `dir`, with its contents and time of change.
fn files(dir: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let changed = fs::metadata(&path).unwrap().modified().unwrap();
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap(), changed));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_second_run_changes_nothing() {
    let dir = generated();
    let before = files(dir.path());
    kflake(dir.path())
        .args(["gen", "--toolchains", "debian"])
        .assert()
        .success()
        .stdout(contains("0 files written"));
    assert_eq!(files(dir.path()), before);
    kflake(dir.path())
        .args(["gen", "--toolchains", "debian", "--check"])
        .assert()
        .success()
        .stdout("");
}

#[test]
fn two_runs_write_the_same_bytes() {
    let bytes = |dir: tempfile::TempDir| -> Vec<_> {
        let files = files(dir.path()).into_iter();
        files.map(|(name, bytes, _)| (name, bytes)).collect()
    };
    assert_eq!(bytes(generated()), bytes(generated()));
}

#[test]
fn check_shows_what_would_change_and_writes_nothing() {
    let dir = generated();
    let file = dir.path().join("fixes.nix");
    let edited = fs::read_to_string(&file)
        .unwrap()
        .replacen("id = ", "id = 1 + ", 1);
    fs::write(&file, &edited).unwrap();
    fs::remove_file(dir.path().join("matrix.nix")).unwrap();
    let before = files(dir.path());
    kflake(dir.path())
        .args(["gen", "--toolchains", "debian", "--check"])
        .assert()
        .code(1)
        .stdout(
            contains("--- a/fixes.nix\n+++ b/fixes.nix\n")
                .and(contains("-    id = 1 + "))
                .and(contains("--- /dev/null\n+++ b/matrix.nix\n")),
        );
    assert_eq!(files(dir.path()), before);
    // a generated file is kflake's to restore
    kflake(dir.path())
        .args(["gen", "--toolchains", "debian"])
        .assert()
        .success()
        .stdout(contains("2 files written"));
}

#[test]
fn a_users_file_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("flake.nix"), "{ }").unwrap();
    kflake(dir.path())
        .arg("gen")
        .assert()
        .code(8)
        .stderr(contains("flake.nix").and(contains("--force")));
    assert_eq!(files(dir.path()).len(), 1);
    kflake(dir.path())
        .args(["gen", "--force"])
        .assert()
        .success();
}

#[test]
fn the_command_line_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    kflake(dir.path())
        .args(["gen", "--toolchains", "debain"])
        .assert()
        .code(2)
        .stderr(contains(
            "did you mean debian?; one of bootlin, musl, kernel-only, debian, korg",
        ));
    kflake(dir.path())
        .args(["gen", "--check", "--force"])
        .assert()
        .code(2);
    assert!(files(dir.path()).is_empty());
}

#[test]
fn a_git_checkout_is_told_what_nix_does_not_see() {
    let dir = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        common::succeeded(git.arg("-C").arg(dir.path()).args(args).output().unwrap());
    };
    git(&["init", "-q"]);
    let out = dir.path().join("sub");
    let run = || {
        kflake(dir.path())
            .args(["gen", "--out"])
            .arg(&out)
            .assert()
            .success()
    };
    run().stderr(contains("git add").and(contains("path:")));
    git(&["add", "sub"]);
    run().stderr("");
}

#[test]
fn wrong_data_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("matrix")).unwrap();
    fs::write(dir.path().join("matrix/boards.json"), "{\"x\": {}}").unwrap();
    kflake(dir.path()).arg("gen").assert().code(3);
    assert_eq!(files(dir.path()).len(), 1);
}

#[test]
fn real_nix_reads_every_file() {
    if !common::have_nix() {
        return;
    }
    let dir = generated();
    for (name, _, _) in files(dir.path()) {
        if name.ends_with(".nix") {
            let parse = common::nix("nix-instantiate")
                .args(["--store", "dummy://", "--parse"])
                .arg(dir.path().join(&name))
                .output();
            common::succeeded(parse.unwrap());
        }
    }
    let data = common::eval(
        dir.path(),
        "let m = import ./matrix.nix; s = import ./sources.nix; in builtins.deepSeq [ m s ] {
          missing = builtins.filter (pin: !(s.pins ? ${pin}))
            (builtins.concatMap (t: t.pins) (builtins.attrValues m.toolchains) ++ builtins.concatLists (builtins.attrValues m.runtimes));
          homeless = builtins.filter (c: !(m.toolchains ? ${c.toolchain}) || !(m.eras ? ${c.era}) || !(m.arches ? ${c.arch}))
            (builtins.attrValues m.cells);
          inherit (s.kernels.\"6.6\") name urls;
          cells = builtins.length (builtins.attrNames m.cells);
        }",
    );
    assert_eq!(data["missing"], json!([]));
    assert_eq!(data["homeless"], json!([]));
    assert_eq!(data["name"], json!("linux-6.6.tar.xz"));
    assert_eq!(
        data["urls"],
        json!(["mirror://kernel/linux/kernel/v6.x/linux-6.6.tar.xz"])
    );
    assert!(data["cells"].as_u64().unwrap() > 30, "{data}");
}

#[test]
fn texts_that_nix_cannot_carry_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("matrix")).unwrap();
    let fix = json!({
        "kernel": {"from": null, "below": "3.0"},
        "reason": "\u{1b}]0;title\u{7}",
        "evidence": "none",
        "apply": [{"kind": "cc-flag", "flag": "-Wall"}],
    });
    let fixes = json!({"a-fix": fix}).to_string();
    fs::write(dir.path().join("matrix/fixes.json"), fixes).unwrap();
    kflake(dir.path())
        .arg("gen")
        .assert()
        .code(3)
        .stderr(contains("\u{1b}").not());
    assert_eq!(files(dir.path()).len(), 1);
}

#[test]
fn hostile_texts_stay_texts() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("matrix")).unwrap();
    let evil = [
        "\"; evil = builtins.abort \"no\"; x = \"",
        "${builtins.abort \"no\"}",
        "$${x} \\${y} ''${z}'' '' $",
        "a\r\nb\rc\td\\",
    ];
    // what programs read may hold none of it; what is written into a tree may be any text
    let steps: Vec<Value> = evil
        .iter()
        .map(|text| json!({"kind": "write", "file": "x", "text": text}))
        .collect();
    let fix = json!({"kernel": {}, "reason": evil[1], "evidence": evil[0], "apply": steps});
    let fixes = json!({"with": fix}).to_string();
    fs::write(dir.path().join("matrix/fixes.json"), fixes).unwrap();
    kflake(dir.path()).arg("gen").assert().success();
    if common::have_nix() {
        let read = common::eval(dir.path(), "import ./fixes.nix");
        let fixes = read.as_array().unwrap();
        let read = fixes.iter().find(|fix| fix["id"] == "with").unwrap();
        assert_eq!(read["reason"], evil[1]);
        let texts = read["apply"].as_array().unwrap();
        let texts: Vec<&Value> = texts.iter().map(|step| &step["text"]).collect();
        assert_eq!(json!(texts), json!(evil));
    }
}
