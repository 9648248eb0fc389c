//! One project for every command: the flake in its folder, and the revisions that its flake.lock has.

mod common;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// The fake kernel's version, and the compilers that are asked for.
const VERSION: &str = "6.1.9999";
const DEBIAN: &[&str] = &["--packages", "nixpkgs", "--toolchains", "debian"];

const SOURCE: &str = "#include <linux/module.h>
static int own_init(void) { return 0; }
module_init(own_init);
MODULE_LICENSE(\"GPL\");
";

/// Runs kflake on `project`, with what the builds of a package set in the project need to see.
fn kflake(project: &Path, args: &[&str]) -> Output {
    command(project, args).output().unwrap()
}

fn command<Word: AsRef<OsStr>>(project: &Path, words: &[Word]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
    command
        .arg("-C")
        .arg(project)
        .args(words)
        .env("NO_COLOR", "1")
        .env("NIX_CONFIG", common::build_config());
    command
}

/// The commands that evaluate the flake, each as it is given; `module` is the folder of one.
fn commands(module: &Path) -> Vec<Vec<String>> {
    let module = module.to_str().unwrap();
    let out = |name: &str| format!("{module}-{name}");
    let cell = "k6-arm64";
    let lines = [
        format!("validate --cell {cell} --kernel {VERSION}"),
        format!(
            "build {VERSION} arm64 --config tiny --out {}",
            out("kernel")
        ),
        format!(
            "build-module {module} --kernel {VERSION} --arch arm64 --config tiny --out {}",
            out("module")
        ),
        format!("sdk {cell} --kernel {VERSION} --out {}", out("sdk")),
        format!("boot {VERSION} arm64"),
    ];
    let words = |line: &String| {
        let words = line.split(' ').chain(DEBIAN.iter().copied());
        words.map(str::to_owned).collect()
    };
    lines.iter().map(words).collect()
}

fn run(project: &Path, words: &[String]) -> Output {
    run_with(Path::new("nix"), project, words)
}

/// Runs kflake on `project` with another Nix than this machine's.
fn run_with(nix: &Path, project: &Path, words: &[String]) -> Output {
    command(project, words)
        .env("KFLAKE_NIX", nix)
        .output()
        .unwrap()
}

fn module(project: &Path) -> std::path::PathBuf {
    let folder = project.join("own");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("Makefile"), "obj-m := own.o\n").unwrap();
    fs::write(folder.join("own.c"), SOURCE).unwrap();
    folder
}

/// Writes the project's lock anew, with the folder `path` as nixpkgs.
fn lock_to(project: &Path, path: &str) {
    let file = project.join("flake.lock");
    let mut lock: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let place = json!({"type": "path", "path": path});
    lock["nodes"]["nixpkgs"] = json!({"original": place, "locked": place, "parent": []});
    fs::write(&file, format!("{lock:#}\n")).unwrap();
}

#[test]
fn every_command_works_on_a_folder_in_the_place_of_nixpkgs() {
    if !common::have_nix() {
        return;
    }
    let dir = common::fake_project("ok");
    let project = dir.path();
    let generate = ["gen", "--packages", "debian", "--toolchains", "debian"];
    common::succeeded(kflake(project, &generate));
    let lock = || fs::read_to_string(project.join("flake.lock")).unwrap();
    let before = lock();
    let module = module(project);
    for nix in common::nixes() {
        for words in commands(&module) {
            let output = common::succeeded(run_with(&nix, project, &words));
            let said = String::from_utf8_lossy(&output.stderr);
            // what was generated names the folder already
            assert!(!said.contains("brought"), "{words:?}: {said}");
            assert_eq!(lock(), before, "{words:?}");
        }
    }
    common::succeeded(kflake(
        project,
        &["gen", "--toolchains", "debian", "--check"],
    ));
}

#[test]
fn every_command_evaluates_what_the_lock_has() {
    if !common::have_nix() {
        return;
    }
    let dir = common::fake_project("ok");
    let project = dir.path();
    common::succeeded(kflake(project, &["gen", "--toolchains", "debian"]));
    lock_to(project, "./mine");
    fs::create_dir(project.join("mine")).unwrap();
    fs::write(
        project.join("mine/default.nix"),
        "{ system, config, overlays }: throw \"mine: ${builtins.toJSON [ config overlays ]}\"",
    )
    .unwrap();
    let lock = || fs::read_to_string(project.join("flake.lock")).unwrap();
    let before = lock();
    for words in commands(&module(project)) {
        let output = run(project, &words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{words:?}: {said}");
        assert!(said.contains("mine: [{},[]]"), "{words:?}: {said}");
        assert_eq!(lock(), before, "{words:?}");
    }
    let flake = fs::read_to_string(project.join("flake.nix")).unwrap();
    assert!(flake.contains("nixpkgs.url = \"path:./mine\";"), "{flake}");
    // gen itself only changes the choice where it is told to
    common::succeeded(kflake(project, &["gen", "--toolchains", "debian"]));
    assert_eq!(lock(), before);
    let told = ["gen", "--toolchains", "debian", "--packages", "nixpkgs"];
    common::succeeded(kflake(project, &told));
    assert!(lock().contains("\"owner\": \"NixOS\""), "{}", lock());
}

#[test]
fn a_folder_without_a_flake_stays_without() {
    if !common::have_nix() {
        return;
    }
    let dir = common::fake_project("ok");
    let project = dir.path();
    let listed = || {
        let names = fs::read_dir(project).unwrap();
        let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = listed();
    let command = [
        "boot",
        VERSION,
        "arm64",
        "--dry-run",
        "--packages",
        "debian",
    ];
    let output = common::succeeded(kflake(project, &command));
    assert!(String::from_utf8_lossy(&output.stdout).contains("qemu-system-aarch64"));
    assert_eq!(listed(), before);
}
