//! `make sweep`: what it asks kflake for, with a kflake that only writes that down, and where what was measured goes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// Registers any file as 9.8.7, fails its one validation, and adds a measurement to the project.
const KFLAKE: &str = r#"#!/bin/sh
echo "$*" >>"$CALLS"
case "$3" in
kernel) echo "Linux 9.8.7 (k6): $5" ;;
validate) echo '[{"kernel":"9.8.7"}]' >"$2/matrix/evidence.json"; exit 1 ;;
esac
"#;

fn sweep(dir: &Path, kernels: &[&str]) -> (Output, Vec<String>) {
    let (kflake, calls) = (dir.join("kflake"), dir.join("calls"));
    fs::write(&kflake, KFLAKE).unwrap();
    fs::set_permissions(&kflake, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&calls, "").unwrap();
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/sweep"))
        .args(kernels)
        .current_dir(dir)
        .env("KFLAKE", &kflake)
        .env("CALLS", &calls)
        .env("OUT", dir.join("out"))
        .env("ARCHES", "armel,i386")
        .output()
        .unwrap();
    let called = fs::read_to_string(&calls).unwrap();
    (output, called.lines().map(str::to_owned).collect())
}

#[test]
fn a_kernel_of_one_s_own_is_registered_built_and_told_of() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("linux-9.8.7.tar.gz"), "").unwrap();
    let (output, calls) = sweep(dir.path(), &["linux-9.8.7.tar.gz"]);
    // a cell failed, which ends nothing and is told at the end
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let (here, out) = (dir.path().display(), dir.path().join("out"));
    let out = out.display();
    assert_eq!(
        calls,
        [
            format!("-C {out} kernel add {here}/linux-9.8.7.tar.gz"),
            format!(
                "-C {out} validate --kernel 9.8.7 --packages debian --toolchains debian --record \
                 --arch armel,i386 --report {out}/report/9.8.7"
            ),
            format!("-C {out} report coverage --output {out}/coverage.md"),
        ]
    );
    // the repository's own evidence is left alone
    let ours = fs::read_to_string("matrix/evidence.json").unwrap();
    assert!(!ours.contains("9.8.7"));
}

#[test]
fn a_name_that_is_neither_file_nor_series_is_refused_before_anything_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let (output, calls) = sweep(dir.path(), &["linux-1.tar.gz"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("linux-1.tar.gz is no file"), "{said}");
    assert_eq!(calls, [] as [String; 0]);
}

#[test]
fn evidence_of_a_project_is_added_once() {
    let dir = tempfile::tempdir().unwrap();
    let matrix = |name: &str| dir.path().join(name).join("matrix");
    for (place, text) in [
        ("ours", "[\n  {\"kernel\":\"6.1\"}\n]\n"),
        ("project", "[{\"kernel\":\"6.1\"}, {\"kernel\": \"9.8.7\"}]"),
    ] {
        fs::create_dir_all(matrix(place)).unwrap();
        fs::write(matrix(place).join("evidence.json"), text).unwrap();
    }
    for said in ["1 measurements added", "0 measurements added"] {
        let output =
            Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/record-evidence"))
                .arg("../project")
                .current_dir(dir.path().join("ours"))
                .output()
                .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains(said), "{output:?}");
        let text = fs::read_to_string(matrix("ours").join("evidence.json")).unwrap();
        assert_eq!(
            text,
            "[\n  {\"kernel\":\"6.1\"},\n  {\"kernel\":\"9.8.7\"}\n]\n"
        );
    }
}
