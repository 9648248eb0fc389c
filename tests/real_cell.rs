//! One real cell, from pins to boot: Debian's compiler, Debian's kernel, QEMU, and our init as process 1.

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::prelude::*;

/// Where Debian's `linux-source-6.1` puts the kernel.
const KERNEL: &str = "/usr/src/linux-source-6.1.tar.xz";

fn kflake(project: &Path) -> Command {
    let mut command = Command::cargo_bin("kflake").unwrap();
    command.arg("-C").arg(project);
    command
}

#[test]
fn arm64_boots_to_our_init() {
    assert!(
        Path::new(KERNEL).exists(),
        "{KERNEL} is missing: `make deps` installs it"
    );
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path();
    kflake(project)
        .args(["kernel", "add", KERNEL])
        .assert()
        .success();
    kflake(project)
        .args([
            "validate",
            "--cell",
            "k6-arm64",
            "--packages",
            "debian",
            "--toolchains",
            "debian",
        ])
        .assert()
        .success();

    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(project.join("report/report.json")).unwrap()).unwrap();
    assert_eq!(report["schema_version"], 1);
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 1, "{cells:?}");
    let cell = &cells[0];
    assert_eq!(
        (&cell["id"], &cell["toolchain"]["source"]),
        (&"k6-arm64".into(), &"debian".into())
    );
    let stages = cell["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 4);
    for stage in stages {
        let outcome = stage["outcome"].as_str().unwrap();
        assert!(["passed", "cached"].contains(&outcome), "{stage}");
    }

    // the report's word is not taken for it: the boot's own record and the kernel's file are looked at
    let kernel = cell["kernel"].as_str().unwrap();
    let boot = Path::new(stages[3]["out"].as_str().unwrap());
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(boot.join("boot.json")).unwrap()).unwrap();
    assert_eq!(json["release"].as_str(), Some(kernel));
    assert_eq!(
        (&json["machine"], &json["pid"]),
        (&"aarch64".into(), &1.into())
    );
    let log = fs::read_to_string(boot.join("boot.log")).unwrap();
    let markers: Vec<_> = log
        .lines()
        .filter(|line| line.starts_with("kflake-init: ") && line.contains(" ok pid=1 "))
        .collect();
    assert_eq!(markers.len(), 1, "{log}");
    assert!(log.contains(&format!("Linux version {kernel}")), "{log}");
    let vmlinux = fs::read(Path::new(stages[1]["out"].as_str().unwrap()).join("vmlinux")).unwrap();
    assert_eq!(&vmlinux[..6], b"\x7fELF\x02\x01", "64 bits, little endian");
    assert_eq!(vmlinux[18..20], 183u16.to_le_bytes(), "AArch64");
}
