//! `kflake report` as a user runs it.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/reports/{name}.json"))
}

fn report() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
    command.arg("report").env_clear().env("LANG", "C.UTF-8");
    command
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().expect("kflake runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_table_is_the_default_and_fits_80_columns() {
    let text = stdout(report().arg(sample("sixty")));
    assert!(
        text.contains("mipsel       T-·· toolchain  TK✗- kernel     TKMB boot"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "a pipe gets no colour");
    let narrow = stdout(report().arg(sample("sixty")).args(["--width", "50"]));
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 50),
        "{narrow}"
    );
    let ascii = stdout(report().arg(sample("sixty")).env("LANG", "C"));
    assert!(ascii.is_ascii(), "{ascii}");
    let colored = stdout(report().arg(sample("sixty")).env("CLICOLOR_FORCE", "1"));
    assert!(
        colored.contains("\x1b[32mTKMB") || colored.contains("\x1b[1m\x1b[32mT"),
        "{colored}"
    );
}

#[test]
fn a_failed_run_is_no_failure_of_its_report() {
    report().arg(sample("sixty")).assert().code(0);
}

#[test]
fn a_regression_is_exit_code_1() {
    let against = |new: &str, old: &str| {
        let mut command = report();
        command.arg(sample(new)).arg("--against").arg(sample(old));
        command
    };
    against("small-later", "small").assert().code(1).stdout(
        predicate::str::contains("✗ broken  k6-mipsel 6.1.193")
            .and(predicate::str::contains("kernel 6.1.192 → 6.1.193"))
            .and(predicate::str::contains("+ new     k6-riscv64 6.1.193")),
    );
    against("small", "small-later").assert().code(0).stdout(
        predicate::str::contains("✓ fixed   k6-mipsel 6.1.192")
            .and(predicate::str::contains("- gone    k6-riscv64")),
    );
    against("small", "small")
        .assert()
        .code(0)
        .stdout(predicate::str::contains("2 as before"));
    // whatever the format
    for format in [
        "json", "jsonl", "junit", "html", "markdown", "badge", "svg", "metadata",
    ] {
        against("small-later", "small")
            .args(["--format", format])
            .assert()
            .code(1);
    }
    let json = stdout(against("small-later", "small").args(["--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["regressed"], true);
    assert_eq!(json["changes"][0]["change"], "broken");
    assert_eq!(json["changes"][0]["stage"], "module");
}

#[test]
fn every_format_goes_to_a_file_as_it_goes_to_a_pipe() {
    let dir = tempfile::tempdir().expect("a folder");
    for format in [
        "terminal", "json", "jsonl", "junit", "html", "markdown", "badge", "svg", "metadata",
    ] {
        let file = dir.path().join("new/folder").join(format);
        report()
            .arg(sample("hostile"))
            .args(["--format", format])
            .arg("--output")
            .arg(&file)
            .assert()
            .code(0)
            .stdout("");
        let written = std::fs::read_to_string(&file).expect("written");
        let printed = stdout(report().arg(sample("hostile")).args(["--format", format]));
        assert!(written == printed, "{format}");
        assert!(
            !written.contains('\x1b') && !written.contains('\u{202e}')
                || format.starts_with("json")
                || format == "metadata"
        );
    }
    let left: Vec<_> = std::fs::read_dir(dir.path().join("new/folder"))
        .expect("the folder")
        .collect();
    assert_eq!(left.len(), 9, "no temporary file is left");
}

#[test]
fn the_projects_report_is_the_default() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("report")).expect("a folder");
    std::fs::copy(sample("small"), dir.path().join("report/report.json")).expect("copied");
    report()
        .current_dir(dir.path())
        .assert()
        .code(0)
        .stdout(predicate::str::contains("2 cells"));
    report()
        .arg("-C")
        .arg(dir.path())
        .assert()
        .code(0)
        .stdout(predicate::str::contains("2 cells"));
}

#[test]
fn what_cannot_be_read_is_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("report.json");
    let fails = |bytes: &[u8], say: &str| {
        std::fs::write(&file, bytes).expect("written");
        report()
            .arg(&file)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains(say));
    };
    let good = std::fs::read(sample("small")).expect("the sample");
    fails(&good[..good.len() / 2], "torn");
    fails(b"", "torn");
    fails(b"nonsense", "is not JSON");
    fails(br#"{"schema_version": 7}"#, "schema version 7");
    fails(br#"{"schema_version": 1}"#, "is not a kflake report");
    std::fs::remove_file(&file).expect("removed");
    report()
        .arg(dir.path())
        .assert()
        .code(2)
        .stderr(predicate::str::contains("holds no report"));
    report()
        .arg(dir.path().join("nowhere"))
        .assert()
        .code(2)
        .stderr(predicate::str::contains("cannot read"));
}

#[test]
fn what_cannot_be_written_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("file");
    std::fs::write(&file, "").expect("written");
    report()
        .arg(sample("small"))
        .arg("--output")
        .arg(file.join("below"))
        .assert()
        .code(8)
        .stderr(predicate::str::contains("cannot write"));
}

#[test]
fn a_reader_that_left_is_no_error() {
    let kflake = env!("CARGO_BIN_EXE_kflake");
    let script = format!(
        "'{kflake}' report '{}' --format html | head -c 1; echo \" ${{PIPESTATUS[0]}}\"",
        sample("sixty").display()
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "< 0\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn history_takes_runs_in_any_order() {
    let text = stdout(
        report()
            .arg("history")
            .arg(sample("small-later"))
            .arg(sample("small")),
    );
    let dates: Vec<&str> = text
        .lines()
        .filter_map(|line| line.get(..10).filter(|day| day.starts_with("2026")))
        .collect();
    assert_eq!(dates, ["2026-11-20", "2026-11-21"]);
    assert!(text.contains("boot       ▆▄  2 to 1 passed"), "{text}");
    let json = stdout(
        report()
            .args(["history", "--format", "json"])
            .arg(sample("small")),
    );
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["runs"][0]["coverage"]["boot"]["passed"], 2);
    report().arg("history").assert().code(2);
}

#[test]
fn coverage_is_written_and_checked() {
    let dir = tempfile::tempdir().expect("a folder");
    let evidence = |outcome: &str| {
        // a kernel that the embedded evidence has nothing about
        let text = serde_json::json!([{
            "kernel": "6.1.1", "arch": "arm64", "stage": "boot", "outcome": outcome, "date": "2026-11-20", "seconds": 4.2,
            "toolchain": {"source": "debian", "gcc": "12.2.0", "binutils": "2.40"}, "kflake": "0.1.0", "nix": "2.8.0",
        }]);
        std::fs::create_dir_all(dir.path().join("matrix")).expect("a folder");
        std::fs::write(dir.path().join("matrix/evidence.json"), text.to_string()).expect("written");
    };
    let coverage = || {
        let mut command = report();
        command.current_dir(dir.path()).arg("coverage");
        command
    };
    evidence("passed");
    coverage()
        .args(["--output", "docs/coverage.md"])
        .assert()
        .code(0);
    let page = std::fs::read_to_string(dir.path().join("docs/coverage.md")).expect("the page");
    assert!(
        page.contains(
            "| 6.1.1 | arm64 | debian gcc 12.2.0, binutils 2.40 |  |  |  | 4.2 s | 2026-11-20 |"
        ),
        "{page}"
    );
    coverage()
        .args(["--check", "docs/coverage.md"])
        .assert()
        .code(0);
    evidence("failed");
    coverage()
        .args(["--check", "docs/coverage.md"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("out of date"));
    coverage()
        .args(["--check", "docs/none.md"])
        .assert()
        .code(8);
}
