//! Folders that a user names for results: what is there that kflake did not put there stays as it is.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Files with the names that kflake gives its own, in a folder that it did not fill.
const THEIRS: &[(&str, &str)] = &[
    ("config", "x"),
    ("inputs/dataset.csv", "d"),
    ("metadata.json", "{\"title\": \"thesis\"}"),
    ("module-report.json", "{}"),
    ("report.json", "{}"),
    ("report.md", "mine"),
    ("logs/server.log", "mine"),
    ("sdk.json", "{}"),
    ("SHA256SUMS", "x  lnk/target\n"),
];

fn kflake(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kflake"))
        .current_dir(folder)
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn fill(folder: &Path) {
    for (name, text) in THEIRS {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            all.extend(names(&path));
        } else {
            all.push(path.to_str().unwrap().to_owned());
        }
    }
    all.sort();
    all
}

#[test]
fn a_folder_of_others_is_refused_and_left_as_it_is() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("module")).unwrap();
    fs::write(at("module/Kbuild"), "obj-m := x.o\n").unwrap();
    fs::create_dir_all(at("victim")).unwrap();
    fs::write(at("victim/target"), "mine").unwrap();
    fill(&at("theirs"));
    std::os::unix::fs::symlink("../victim", at("theirs/lnk")).unwrap();
    let before = names(&at("theirs"));
    let commands: [&[&str]; 4] = [
        &[
            "build",
            "6.1.183",
            "arm64",
            "--targets",
            "config",
            "--out",
            "theirs",
        ],
        &[
            "build-module",
            "module",
            "--kernel",
            "6.1.183",
            "--arch",
            "arm64",
            "--out",
            "theirs",
        ],
        &["sdk", "k6-arm64", "--out", "theirs"],
        &["validate", "--cell", "k6-arm64", "--report", "theirs"],
    ];
    for command in commands {
        let output = kflake(
            dir.path(),
            &[command, &["--packages", "debian", "--toolchains", "debian"]].concat(),
        );
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(8), "{command:?}: {said}");
        assert!(
            said.contains("theirs is not empty, and kflake did not fill it"),
            "{said}"
        );
        assert_eq!(names(&at("theirs")), before, "{command:?}");
        for (name, text) in THEIRS {
            assert_eq!(
                fs::read_to_string(at("theirs").join(name)).unwrap(),
                *text,
                "{command:?}"
            );
        }
    }
    assert_eq!(fs::read_to_string(at("victim/target")).unwrap(), "mine");
}

#[test]
fn a_projects_own_folder_is_no_link_to_another() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["project", "victim"] {
        fs::create_dir(at(name)).unwrap();
    }
    common::pack_fake_kernel(dir.path(), "ok");
    std::os::unix::fs::symlink("../victim", at("project/.kflake")).unwrap();
    let commands: [&[&str]; 2] = [
        &["kernel", "add", "../linux-fake.tar"],
        &[
            "validate",
            "--cell",
            "k6-arm64",
            "--packages",
            "debian",
            "--toolchains",
            "debian",
        ],
    ];
    for command in commands {
        let output = kflake(&at("project"), command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(8), "{command:?}: {said}");
        assert!(said.contains("a symbolic link"), "{said}");
        assert_eq!(names(&at("victim")), Vec::<String>::new(), "{command:?}");
    }
}
