//! The choice of patchelf for prebuilt toolchains: versions that corrupt compilers are refused by name. With stub package sets.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

/// The patchelf that the builder takes of a package set with these versions of `patchelf` and `patchelfUnstable`.
fn chosen(patchelf: &str, unstable: Option<&str>) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    let root = root.to_str().unwrap();
    let unstable = unstable.map_or(String::new(), |version| {
        format!("patchelfUnstable.name = \"patchelf-unstable-{version}\";")
    });
    let expression = format!(
        "let pkgs = {{ lib = import {root}/debian-packages/lib.nix; stdenv.mkDerivation = drv: drv; file = null; perl = null; xz = null; zlib = null; \
         patchelf = {{ version = \"{patchelf}\"; name = \"patchelf-{patchelf}\"; }}; {unstable} }}; \
         in map (it: it.name) ((import {root}/call-package.nix pkgs {root}/mk-prebuilt-toolchain.nix {{ elfTools = null; }}).runtime \
         {{ name = \"x\"; archives = []; }}).nativeBuildInputs"
    );
    common::nix("nix-instantiate")
        .args([
            "--store", "dummy://", "--eval", "--strict", "--json", "--expr",
        ])
        .arg(expression)
        .output()
        .unwrap()
}

#[test]
fn a_patchelf_that_corrupts_compilers_is_refused_by_name() {
    if !common::have_nix() {
        return;
    }
    let taken = |patchelf: &str, unstable: Option<&str>| {
        let output = common::succeeded(chosen(patchelf, unstable));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    for version in ["0.14.3-1+b1", "0.15.2", "0.16.1", "0.19.3", "0.20.0"] {
        assert_eq!(taken(version, None), format!("[\"patchelf-{version}\"]"));
    }
    // a good one beside it is taken
    assert_eq!(
        taken("0.18.0", Some("0.19.3")),
        "[\"patchelf-unstable-0.19.3\"]"
    );
    for (patchelf, unstable) in [
        ("0.17.2", None),
        ("0.18.0-1.4", None),
        ("0.19.1", Some("0.18.0-unstable-2025-01-01")),
    ] {
        let output = chosen(patchelf, unstable);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{patchelf}");
        assert!(
            said.contains(&format!("patchelf {patchelf} corrupts prebuilt compilers")),
            "{said}"
        );
        assert!(said.contains("0.19.3 or newer"), "{said}");
    }
}

/// What `kflake doctor` says of the patchelf in use for the project in `dir`.
fn told(dir: &Path) -> Value {
    let output = common::kflake(dir, &["doctor", "--json"]);
    let checks: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let mut checks = checks.into_iter();
    checks.find(|check| check["name"] == "patchelf").unwrap()
}

#[test]
fn doctor_tells_of_it_before_anything_is_built() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("project");
    fs::create_dir(&project).unwrap();
    common::succeeded(common::kflake(&project, &["gen"]));
    // a package set of one's own, as `nix flake lock --override-input` has it in the lock
    let path = project.join("flake.lock");
    let mut lock: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    lock["nodes"]["nixpkgs"]["locked"] = json!({ "type": "path", "path": "../mine" });
    fs::write(&path, lock.to_string()).unwrap();
    fs::create_dir(dir.path().join("mine")).unwrap();
    let set = |unstable: &str| {
        let text = format!(
            "{{ system, config, overlays }}: {{ patchelf.name = \"patchelf-0.18.0\"; {unstable} }}"
        );
        fs::write(dir.path().join("mine/default.nix"), text).unwrap();
    };
    set("");
    let check = told(&project);
    assert_eq!(check["verdict"], "poor", "{check}");
    let found = check["found"].as_str().unwrap();
    assert!(found.contains("patchelf 0.18.0 corrupts"), "{check}");
    let advice = check["advice"].as_str().unwrap();
    assert!(advice.contains("0.19.3 or newer"), "{check}");

    set("patchelfUnstable.name = \"patchelf-unstable-0.19.3\";");
    let check = told(&project);
    assert_eq!(check["verdict"], "good", "{check}");
    let found = check["found"].as_str().unwrap();
    assert!(found.contains("patchelf-unstable-0.19.3"), "{check}");

    // a set that cannot be read is not taken for a sound one
    fs::write(dir.path().join("mine/default.nix"), "{").unwrap();
    assert_eq!(told(&project)["verdict"], "poor");

    for suite in ["debian", "debian:trixie"] {
        fs::write(
            project.join("kflake.toml"),
            format!("packages = \"{suite}\"\n"),
        )
        .unwrap();
        let check = told(&project);
        assert_eq!(check["verdict"], "good", "{check}");
        let found = check["found"].as_str().unwrap();
        assert!(found.contains("debian-patchelf-0."), "{check}");
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        lock.to_string(),
        "the project is left as it was"
    );
}
