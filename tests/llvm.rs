//! LLVM of Debian's packages as a toolchain: one for all that it compiles for, which has checked itself; and what it links runs.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Evaluates and builds `expression` over the flake of `project`, where `cells` is what cells.nix makes of it.
fn build(project: &Path, expression: &str) -> Output {
    let script = r#"
        set -eu
        "$KFLAKE" -C "$PROJECT" gen --toolchains llvm >&2
        eval "$("$KFLAKE" -C "$PROJECT" pins mirrors --export)"
        cd "$PROJECT"
        nix-build --no-out-link -E "
          let
            cells = import ./cells.nix {
              pkgs = import ./debian-packages { };
              matrix = import ./matrix.nix;
              sources = import ./sources.nix;
              resolve = import ./resolve.nix;
            };
          in $EXPRESSION"
    "#;
    Command::new("bash")
        .args(["-c", script])
        .env("KFLAKE", env!("CARGO_BIN_EXE_kflake"))
        .env("PROJECT", project)
        .env("EXPRESSION", expression)
        .env("NIX_CONFIG", common::build_config())
        .output()
        .unwrap()
}

#[test]
fn one_toolchain_serves_all_its_targets() {
    let project = tempfile::tempdir().unwrap();
    let output = build(
        project.path(),
        r#"map (arch: cells.toolchains."llvm-14.0.6-${arch}") [ "arm64" "mipseb" "x86_64" ]"#,
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let said = String::from_utf8(output.stdout).unwrap();
    let mut paths: Vec<&str> = said.lines().collect();
    paths.dedup();
    let [toolchain] = paths[..] else {
        panic!("{said}");
    };

    // what it makes is looked at by eyes other than its own check's
    let dir = project.path();
    fs::write(dir.join("x.c"), "int answer(void) { return 42; }\n").unwrap();
    for (target, class, machine) in [
        ("aarch64-linux-gnu", [2, 1], 183_u16),
        ("mips-linux-gnu", [1, 2], 8),
        ("x86_64-linux-gnu", [2, 1], 62),
    ] {
        let object = dir.join(target);
        let status = Command::new(format!("{toolchain}/bin/clang"))
            .args(["-c", "-O2", "-o"])
            .arg(&object)
            .arg(format!("--target={target}"))
            .arg(dir.join("x.c"))
            .env_clear()
            .status()
            .unwrap();
        assert!(status.success(), "{target}");
        let header = fs::read(&object).unwrap();
        assert_eq!((&header[..4], &header[4..6]), (&b"\x7fELF"[..], &class[..]));
        let bytes = [header[18], header[19]];
        let found = match class[1] {
            1 => u16::from_le_bytes(bytes),
            _ => u16::from_be_bytes(bytes),
        };
        assert_eq!(found, machine, "{target}");
    }
    let tools = fs::read_dir(format!("{toolchain}/bin")).unwrap();
    let gnu = tools.filter(|it| {
        let name = it.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with("gcc") || name == "ld" || name == "as"
    });
    assert_eq!(gnu.count(), 0, "nothing that gets in the way of the host's");
}

/// Data that say another version, and an arch that this LLVM does not compile for: the toolchain's own check names both.
#[test]
fn a_toolchain_that_is_not_what_the_data_say_is_refused() {
    let catalog = kflake::catalog::Catalog::embedded().unwrap();
    let own = &catalog.debian.llvm["llvm-14.0.6"];
    for (version, arches, said) in [
        (
            "14.0.7",
            vec!["arm64"],
            "wrong-version: clang says it is 14.0.6, the matrix says 14.0.7",
        ),
        (
            "14.0.6",
            vec!["arm64", "loongarch64"],
            "cannot-compile: loongarch64-linux-gnu",
        ),
    ] {
        let project = tempfile::tempdir().unwrap();
        fs::create_dir(project.path().join("matrix")).unwrap();
        let mut it = serde_json::to_value(own).unwrap();
        it["clang"] = version.into();
        it["arches"] = arches.into();
        let data = serde_json::json!({ "llvm": { "llvm-14.0.6": it } });
        fs::write(project.path().join("matrix/debian.json"), data.to_string()).unwrap();
        let output = build(project.path(), r#"cells.toolchains."llvm-14.0.6-arm64""#);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{said}");
        assert!(
            stderr.contains(&format!("kflake: toolchain: {said}")),
            "{stderr}"
        );
    }
}
