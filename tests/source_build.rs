//! A compiler built from source: binutils and gcc without a C library, from what this Debian ships, for a small target.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::prelude::*;
use serde_json::{Value, json};

/// Component, version, Debian's source.
const SOURCES: [(&str, &str, &str); 5] = [
    ("gcc", "12.2.0", "gcc-12"),
    ("binutils", "2.40", "binutils"),
    ("gmp", "6.2.1", "gmp"),
    ("mpfr", "4.2.0", "mpfr4"),
    ("mpc", "1.3.1", "mpclib3"),
];

/// Needs the compiler's own library to link: m68k has no 64-bit division.
const PROGRAM: &str =
    "unsigned long long divide(unsigned long long a, unsigned long long b) { return a / b; }
void _start(void) { for (;;) divide(1, 2); }
";

/// The tarballs, in the order of `SOURCES`.
fn tarballs() -> Vec<PathBuf> {
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/debian-source"))
        .arg("bookworm")
        .args(SOURCES.map(|it| it.2))
        .output()
        .unwrap();
    String::from_utf8(common::succeeded(output).stdout)
        .unwrap()
        .lines()
        .map(PathBuf::from)
        .collect()
}

#[test]
fn binutils_and_gcc_from_debian_s_sources() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path();
    for ((component, version, _), tarball) in SOURCES.into_iter().zip(tarballs()) {
        let tarball = tarball.to_str().unwrap();
        common::succeeded(common::kflake(
            project,
            &["pins", "add", component, version, tarball],
        ));
    }
    // a small target, and a compiler that is not optimised itself: less than half the time
    let mut arches: Value = serde_json::from_str(include_str!("../matrix/arches.json")).unwrap();
    let mut arch = arches["m68k"].take();
    arch["source"]["gcc_configure"] = json!(["CFLAGS=-O0", "CXXFLAGS=-O0"]);
    fs::write(
        project.join("matrix/arches.json"),
        json!({ "m68k": arch }).to_string(),
    )
    .unwrap();
    let mut definition = json!({
        "source": "kernel-only", "eras": ["k6"], "arches": ["m68k"], "unblessed": true, "reason": "what bookworm ships",
    });
    for (component, version, _) in SOURCES {
        definition[component] = version.into();
    }
    fs::write(
        project.join("matrix/source-toolchains.json"),
        json!({ "kernel-only-12.2.0": definition }).to_string(),
    )
    .unwrap();

    let mut words = vec!["validate", "--cell", "k6-m68k", "--gcc", "12.2.0"];
    words.extend(["--toolchains", "kernel-only", "--packages", "debian"]);
    words.extend(["--stage", "toolchain", "--timeout", "1h"]);
    common::succeeded(common::kflake(project, &words));
    let report: Value =
        serde_json::from_slice(&fs::read(project.join("report/report.json")).unwrap()).unwrap();
    let cell = &report["cells"][0];
    // other bytes than GNU's, so it goes by another name
    assert_eq!(cell["toolchain"]["id"], "kernel-only-12.2.0-m68k+override");
    let stage = &cell["stages"][0];
    assert!(
        ["passed", "cached"].contains(&stage["outcome"].as_str().unwrap()),
        "{stage}"
    );

    // the builder's own check is not all that says so
    let gcc = Path::new(stage["out"].as_str().unwrap()).join("bin/m68k-linux-gnu-gcc");
    let output = Command::new(&gcc).arg("-dumpmachine").output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "m68k-linux-gnu\n"
    );
    let (source, program) = (project.join("program.c"), project.join("program"));
    fs::write(&source, PROGRAM).unwrap();
    Command::new(&gcc)
        .args(["-O2", "-nostdlib", "-o"])
        .args([&program, &source])
        .arg("-lgcc")
        .assert()
        .success();
    let elf = fs::read(&program).unwrap();
    assert_eq!(&elf[..7], b"\x7fELF\x01\x02\x01", "32 bits, big endian");
    assert_eq!(elf[18..20], 4u16.to_be_bytes(), "68000");
}
