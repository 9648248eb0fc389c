//! The generated flake as `nix` sees it, with the machine's own package set in the place of nixpkgs, and no network.

mod common;

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

fn generated(packages: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Command::cargo_bin("kflake")
        .unwrap()
        .arg("-C")
        .arg(dir.path())
        .args(["gen", "--toolchains", "debian", "--packages", packages])
        .assert()
        .success();
    dir
}

fn nix(dir: &Path, args: &[&str]) -> Output {
    common::nix("nix")
        .args(args)
        .args(["--override-input", "nixpkgs", "path:./debian-packages"])
        .current_dir(dir)
        .output()
        .unwrap()
}

fn said(output: Output) -> String {
    String::from_utf8(common::succeeded(output).stdout).unwrap()
}

#[test]
fn outputs_are_in_their_usual_places() {
    if !common::have_nix() {
        return;
    }
    let dir = generated("nixpkgs");
    let shown: Value =
        serde_json::from_str(&said(nix(dir.path(), &["flake", "show", "--json"]))).unwrap();
    for (path, kind) in [
        ("/packages/x86_64-linux/k6-arm64", "derivation"),
        ("/packages/x86_64-linux/kernel-k6-arm64", "derivation"),
        ("/packages/x86_64-linux/module-k6-arm64", "derivation"),
        ("/packages/x86_64-linux/boot-k6-arm64", "derivation"),
        ("/packages/x86_64-linux/sdk-k6-arm64", "derivation"),
        ("/packages/x86_64-linux/image-k6-arm64", "derivation"),
        ("/packages/x86_64-linux/image-qemu-arm64", "derivation"),
        ("/packages/x86_64-linux/debian-all", "derivation"),
        ("/packages/x86_64-linux/validate-bands", "derivation"),
        ("/packages/x86_64-linux/validate-band-k6", "derivation"),
        ("/checks/x86_64-linux/evaluation", "derivation"),
        ("/apps/x86_64-linux/boot-k6-arm64", "app"),
        ("/devShells/x86_64-linux/default", "derivation"),
        ("/formatter/x86_64-linux", "derivation"),
        ("/templates/default", "template"),
        ("/lib", "unknown"),
    ] {
        let found = shown
            .pointer(path)
            .unwrap_or_else(|| panic!("{path}: {shown}"));
        assert_eq!(found["type"], kind, "{path}");
    }
    let checked = common::succeeded(nix(dir.path(), &["flake", "check", "--no-build"]));
    let words = String::from_utf8_lossy(&checked.stderr).into_owned();
    // light: neither a compiler nor a kernel is among what a check of the flake builds
    let checks = &shown["checks"]["x86_64-linux"];
    assert_eq!(
        checks.as_object().map(serde_json::Map::len),
        Some(1),
        "{checks}"
    );
    // old versions do not know `lib`, an override is never written to the lock, and root has no build users here
    let expected = [
        "unknown flake output 'lib'",
        "not writing modified lock file",
        "build-users-group",
    ];
    let warnings: Vec<&str> = words
        .lines()
        .filter(|line| line.contains("warning") && !expected.iter().any(|it| line.contains(it)))
        .collect();
    assert_eq!(warnings, Vec::<&str>::new());
}

/// An era of whose stock kernels none can be built here has no output, and nothing else misses it.
#[test]
fn stock_kernels_that_cannot_be_built_are_left_out() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut eras: Value = serde_json::from_str(include_str!("../matrix/eras.json")).unwrap();
    // none named; none with a toolchain; none with a configuration
    eras["k3"]["stock_arches"] = serde_json::json!([]);
    eras["k7"]["stock_arches"] = serde_json::json!(["powerpcle"]);
    let mut boards: Value = serde_json::from_str(include_str!("../matrix/boards.json")).unwrap();
    let mut virt = boards["arm64-virt"].take();
    virt["defconfig"] = Value::Null;
    std::fs::create_dir(dir.join("matrix")).unwrap();
    std::fs::write(dir.join("matrix/eras.json"), eras.to_string()).unwrap();
    let boards = serde_json::json!({ "arm64-virt": virt });
    std::fs::write(dir.join("matrix/boards.json"), boards.to_string()).unwrap();
    let words = ["gen", "--toolchains", "debian", "--packages", "debian"];
    common::succeeded(common::kflake(dir, &words));

    let apply = "it: map (name: \"${name} ${it.${name}.drvPath}\") (builtins.filter (name: builtins.match \"validate-band.*\" name != null) (builtins.attrNames it))";
    let words = [
        "eval",
        "--json",
        ".#packages.x86_64-linux",
        "--apply",
        apply,
    ];
    let found: Vec<String> = serde_json::from_str(&said(nix(dir, &words))).unwrap();
    let names: Vec<&str> = found.iter().filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(
        names,
        ["validate-band-k26", "validate-band-k6", "validate-bands"]
    );
    // each kernel is in its era's and in the one of all
    let made_of = |name: &str| {
        let drv = found.iter().find_map(|it| it.strip_prefix(name)).unwrap();
        let output = common::nix("nix-store")
            .args(["--query", "--references", drv.trim()])
            .output();
        said(output.unwrap())
    };
    for (group, kernels) in [
        ("validate-band-k26 ", vec!["-linux-2.6.31-armel.drv"]),
        ("validate-band-k6 ", vec!["-linux-6.6-x86_64.drv"]),
        (
            "validate-bands ",
            vec!["-linux-2.6.31-armel.drv", "-linux-6.6-x86_64.drv"],
        ),
    ] {
        let found = made_of(group);
        let linux = found.lines().filter(|it| it.contains("-linux-"));
        assert_eq!(linux.count(), kernels.len(), "{group}: {found}");
        for kernel in kernels {
            assert!(found.contains(kernel), "{group}: {found}");
        }
    }
    common::succeeded(nix(dir, &["flake", "check", "--no-build"]));
    let jobs =
        "it: builtins.deepSeq (builtins.mapAttrs (_: job: job.drvPath) it.x86_64-linux) \"all\"";
    let words = ["eval", "--raw", ".#hydraJobs", "--apply", jobs];
    assert_eq!(said(nix(dir, &words)), "all");
}

/// What `nix run` starts is what a person at a terminal wants: a shell, and not the init that proves a boot and powers off.
#[test]
fn the_console_of_an_app_is_a_shell() {
    if !common::have_nix() {
        return;
    }
    let dir = generated("nixpkgs");
    let app = ".#apps.x86_64-linux.boot-k6-arm64.program";
    let context = "program: builtins.head (builtins.attrNames (builtins.getContext program))";
    let drv = said(nix(dir.path(), &["eval", "--raw", app, "--apply", context]));
    let needed = common::nix("nix-store")
        .args(["--query", "--requisites", drv.trim()])
        .output()
        .unwrap();
    let needed = said(needed);
    assert!(needed.contains("-initramfs-shell.drv"), "{needed}");
    assert!(
        needed.contains("-linux-6.6-arm64.drv"),
        "the cell's kernel: {needed}"
    );
}

#[test]
fn the_library_takes_names() {
    if !common::have_nix() {
        return;
    }
    let dir = generated("nixpkgs");
    let lib = |code: &str| {
        let apply = format!("lib: {code}");
        nix(dir.path(), &["eval", "--raw", ".#lib", "--apply", &apply])
    };
    assert_eq!(said(lib("lib.eraFor \"v2.6.39.4\"")), "k26");
    assert!(said(lib("lib.toolchainFor \"6.6\" \"mipsel\"")).starts_with("debian-12"));
    let kernel = "lib.buildKernel { version = \"6.6\"; arch = \"arm64\"; profile = \"tiny\"; board = \"arm64-virt\"; }";
    assert_eq!(said(lib(&format!("({kernel}).name"))), "linux-6.6-arm64");
    assert!(said(lib(&format!("({kernel}).drvPath"))).ends_with("-linux-6.6-arm64.drv"));
    // one source, however its version is spelled
    let spelled = |version: &str| {
        said(lib(&format!(
            "(lib.buildKernel {{ version = \"{version}\"; arch = \"arm64\"; profile = \"tiny\"; board = \"arm64-virt\"; }}).kernelSource.drvPath"
        )))
    };
    assert_eq!(spelled("6.6.0"), spelled("6.6"));
    assert_eq!(spelled("v6.6"), spelled("6.6"));
    let module = format!(
        "(lib.buildModule {{ kernel = {kernel}; src = /var/empty; name = \"mine\"; }}).name"
    );
    assert_eq!(said(lib(&module)), "mine-linux-6.6-arm64");

    for (code, message) in [
        (
            "(lib.buildKernel { version = \"6.6\"; arch = \"vax\"; profile = \"tiny\"; }).name",
            "unknown architecture",
        ),
        (
            "(lib.buildKernel { version = \"6.6\"; arch = \"arm64\"; profile = \"tiny\"; board = \"x\"; }).drvPath",
            "unknown board",
        ),
        (
            "(lib.buildKernel { system = \"vax-linux\"; version = \"6.6\"; arch = \"arm64\"; profile = \"tiny\"; }).name",
            "nothing is built on \"vax-linux\" here; one of",
        ),
        (
            "lib.toolchainFor \"6.6.\" \"arm64\"",
            "is not a kernel version",
        ),
    ] {
        let output = lib(code);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && words.contains(message),
            "{code}: {words}"
        );
    }
}

#[test]
fn the_debian_set_needs_no_option_and_keeps_its_lock() {
    if !common::have_nix() {
        return;
    }
    let dir = generated("debian");
    let lock = || std::fs::read_to_string(dir.path().join("flake.lock")).unwrap();
    let before = lock();
    let output = common::nix("nix")
        .args(["eval", "--raw", ".#boot-k6-arm64.drvPath"])
        .current_dir(dir.path())
        .output();
    assert!(said(output.unwrap()).ends_with("-boot-k6-arm64.drv"));
    assert_eq!(lock(), before);
}

#[test]
fn pins_are_looked_for_where_the_user_says() {
    if !common::have_nix() {
        return;
    }
    let dir = generated("debian");
    let code = "let first = list: builtins.head list; in first (map (it: it.urls) (import ./. { }).k6-arm64.archives)";
    // a daemon's builders do not see the user's variables, so the addresses have to be in the derivation
    let output = common::nix("nix-instantiate")
        .args(["--eval", "--strict", "--json", "--expr", code])
        .env(
            "NIX_MIRRORS_debian",
            "/srv/debian http://a.example/debian  https://b.example",
        )
        .current_dir(dir.path())
        .output()
        .unwrap();
    let urls: Vec<String> = serde_json::from_slice(&common::succeeded(output).stdout).unwrap();
    let path = urls[0].strip_prefix("mirror://debian/").unwrap();
    assert_eq!(urls[1], format!("http://a.example/debian/{path}"));
    assert_eq!(urls[2], format!("https://b.example/{path}"));
    assert!(!urls.iter().any(|it| it.contains("/srv/")), "{urls:?}");
}
