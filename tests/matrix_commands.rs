//! The commands that look at the matrix, as a user runs them: what they print, and their exit codes.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;

fn kflake(project: &Path) -> Command {
    let mut command = Command::cargo_bin("kflake").unwrap();
    command
        .arg("-C")
        .arg(project)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "80");
    command
}

fn project(file: &str, text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("matrix")).unwrap();
    std::fs::write(dir.path().join("matrix").join(file), text).unwrap();
    dir
}

fn json(command: &mut Command, code: i32) -> Value {
    let output = command.assert().code(code).get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn resolve_answers_and_its_exit_codes_tell_failures_apart() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    kflake(dir)
        .args([
            "resolve",
            "v6.1.192-hadron",
            "arm64",
            "--toolchains",
            "debian",
        ])
        .assert()
        .code(0)
        .stdout(
            contains("k6-arm64")
                .and(contains("debian-12.2.0-arm64"))
                .and(contains("binutils  2.40")),
        );
    kflake(dir)
        .args(["resolve", "6.x", "arm64"])
        .assert()
        .code(2)
        .stderr(contains("`.x` stands for a whole series"));
    kflake(dir)
        .args(["resolve", "6.1", "vax"])
        .assert()
        .code(2)
        .stderr(contains("unknown arch \"vax\"").and(contains("arm64")));
    kflake(dir)
        .args(["resolve", "6.1", "amr64"])
        .assert()
        .code(2)
        .stderr(contains("did you mean arm64?"));
    kflake(dir)
        .args(["resolve", "6.8.0-45-generic", "AArch64"])
        .assert()
        .code(0)
        .stdout(contains("k6-arm64"));
    kflake(dir)
        .args(["resolve", "2.4.37", "i386"])
        .assert()
        .code(2)
        .stderr(contains("no era"));
    kflake(dir)
        .args(["resolve", "6.1", "arm64", "--toolchains", "ubuntu"])
        .assert()
        .code(2)
        .stderr(contains("bootlin"));
    kflake(dir)
        .args(["resolve", "4.14.3", "riscv64"])
        .assert()
        .code(5)
        .stderr(contains("4.15"));
    kflake(dir)
        .args(["resolve", "6.1", "sparc64", "--toolchains", "musl"])
        .assert()
        .code(4)
        .stderr(contains("no toolchain for sparc64 comes from musl"));
    kflake(dir)
        .args(["resolve", "2.6.36", "sh4", "--toolchains", "debian"])
        .assert()
        .code(4)
        .stderr(contains("gcc-6-sh4"));
}

#[test]
fn resolve_in_json_says_what_explain_says() {
    let dir = tempfile::tempdir().unwrap();
    let value = json(
        kflake(dir.path()).args(["resolve", "2.6.36", "powerpc64", "--json"]),
        0,
    );
    assert_eq!(value["outcome"], "resolved");
    assert_eq!(value["cell"], "k26-powerpc64");
    assert_eq!(value["decisive"][0], "gcc-new-ppc-3.18");
    let candidates = value["candidates"].as_array().unwrap();
    let taken: Vec<&Value> = candidates.iter().filter(|it| it["taken"] == true).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0]["toolchain"]["id"], value["toolchain"]["id"]);
    let rejected = &candidates[0]["rejected"][0];
    assert!(
        !rejected["constraint"]["evidence"]
            .as_str()
            .unwrap()
            .is_empty()
    );
    let value = json(
        kflake(dir.path()).args([
            "resolve",
            "2.6.36",
            "powerpc64",
            "--toolchains",
            "debian",
            "--json",
        ]),
        4,
    );
    assert_eq!(value["outcome"], "no-toolchain");
    assert!(
        value["obstacles"]
            .as_array()
            .unwrap()
            .contains(&"gcc-new-ppc-3.18".into())
    );
}

#[test]
fn explain_fits_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    for (version, arch) in [
        ("4.10", "x86_64"),
        ("2.6.31", "armel"),
        ("3.18.140", "powerpc64"),
        ("6.12-rc3", "s390x"),
    ] {
        let output = kflake(dir.path())
            .args(["resolve", version, arch, "--explain"])
            .assert()
            .code(0)
            .get_output()
            .stdout
            .clone();
        let text = String::from_utf8(output).unwrap();
        assert!(
            text.contains("Candidates, the preferred one first") && text.contains("taken"),
            "{text}"
        );
        for line in text.lines() {
            // an address or a commit's title is not broken
            let one_word = !line.trim_start().contains(' ');
            assert!(line.chars().count() <= 80 || one_word, "{line}");
        }
    }
}

#[test]
fn userland_gets_a_libc_where_kernels_need_none() {
    let dir = tempfile::tempdir().unwrap();
    let ask = |purpose: &str| {
        let mut command = kflake(dir.path());
        json(
            command.args(["resolve", "2.6.31", "mipsel", "--json", "--for", purpose]),
            0,
        )
    };
    assert!(ask("userland")["toolchain"]["libc"].is_string());
    assert!(ask("kernel")["toolchain"]["gcc"].is_string());
}

#[test]
fn wrong_data_is_shown_where_it_is() {
    let dir = project(
        "eras.json",
        "{\n  \"k6\": {\"title\": \"six\", \"form\": \"6.0\"}\n}\n",
    );
    kflake(dir.path())
        .args(["resolve", "6.1", "arm64"])
        .assert()
        .code(3)
        .stderr(
            contains("K004")
                .and(contains("eras.json:2:"))
                .and(contains("unknown field `form`")),
        );
    let value = json(kflake(dir.path()).args(["check", "--json"]), 3);
    let finding = &value["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["pointer"], &finding["line"]),
        (&"K004".into(), &"/k6/form".into(), &2.into())
    );
}

#[test]
fn check_passes_on_our_data_and_fails_on_bad_data() {
    let dir = tempfile::tempdir().unwrap();
    kflake(dir.path())
        .arg("check")
        .assert()
        .code(0)
        .stdout(contains("0 errors, 0 warnings"));
    let bad = project(
        "constraints.json",
        r#"{"mine": {"kernel": {"from": "6.0", "below": "5.0"}, "tool": "gcc", "window": {"accept": {"from": "12", "below": null}},
          "severity": "refuses", "reason": "r", "evidence": "e", "confidence": "reported", "shim": {"fix": "none-such", "text": "t"}}}"#,
    );
    kflake(bad.path()).arg("check").assert().code(1).stdout(
        contains("K101")
            .and(contains("K102"))
            .and(contains("none-such")),
    );
}

#[test]
fn check_reads_what_a_project_expects_to_fail() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let entry = |cell: &str, kernel: &str| {
        format!(
            "[[expect-fail]]\ncell = \"{cell}\"\nkernel = \"{kernel}\"\nstage = \"boot\"\nreason = \"issue 12\"\n"
        )
    };
    let check = |text: &str| {
        std::fs::write(dir.join("kflake.toml"), text).unwrap();
        kflake(dir).arg("check").assert()
    };
    let right = entry("k3-mipsel", "3.18");
    check(&right).code(0);
    for (text, what) in [
        (entry("k3-mipsell", "3.18"), "did you mean mipsel?"),
        (entry("k3-mipsel", "6.1"), "whose era is k6"),
        (right.repeat(2), "is expected twice"),
    ] {
        check(&text).code(2).stderr(contains(what));
    }
}

#[test]
fn a_projects_constraint_changes_the_answer() {
    let dir = project(
        "constraints.json",
        r#"{"mine": {"arches": ["arm64"], "kernel": {"from": "6.0", "below": "6.2"}, "tool": "gcc",
          "window": {"accept": {"from": null, "below": "12"}}, "severity": "breaks-build", "reason": "because I say so",
          "evidence": "me", "confidence": "folklore"}}"#,
    );
    let value = json(
        kflake(dir.path()).args(["resolve", "6.1", "arm64", "--json"]),
        0,
    );
    assert_eq!(value["decisive"][0], "mine");
    assert_eq!(value["basis"], "folklore");
    kflake(dir.path()).arg("check").assert().code(0);
}

#[test]
fn codes_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    kflake(dir.path())
        .arg("explain")
        .assert()
        .code(0)
        .stdout(contains("K001").and(contains("K120")));
    kflake(dir.path())
        .args(["explain", "k103"])
        .assert()
        .code(0)
        .stdout(contains("two-hashes"));
    kflake(dir.path())
        .args(["explain", "two-hashes"])
        .assert()
        .code(0)
        .stdout(contains("K103"));
    kflake(dir.path())
        .args(["explain", "K999\u{1b}[31m"])
        .assert()
        .code(2)
        .stderr(contains("\u{1b}[31m").not());
}

#[test]
fn failure_classes_constraints_and_fixes_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    for (id, word) in [
        ("compiler-too-old", "failure class"),
        ("gcc-min-4.9", "constraint"),
        ("timeconst-perl", "fix"),
    ] {
        let explained = kflake(dir.path()).args(["explain", id]).assert().code(0);
        explained.stdout(contains(word));
    }
    kflake(dir.path())
        .args(["explain", "compiler-to-old"])
        .assert()
        .code(2)
        .stderr(contains("compiler-too-old"));
}

#[test]
fn a_log_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let log = "  CC a.o\n/bin/sh: 1: bc: not found\nmake[1]: *** [Kbuild:24: x] Error 127\n";
    std::fs::write(dir.path().join("a.log"), log).unwrap();
    let value = json(
        kflake(dir.path())
            .current_dir(dir.path())
            .args(["explain", "--log", "a.log", "--stage", "kernel", "--json"]),
        0,
    );
    assert_eq!(value["class"], "undeclared-tool");
    assert_eq!(value["first_error"], "/bin/sh: 1: bc: not found");
    assert_eq!(value["line_number"], 2);
    assert_eq!(value["constraint"], "bc-required");
    assert!(value["advice"].is_string());
    kflake(dir.path())
        .args(["explain", "--log", "-"])
        .write_stdin("nothing of note\n")
        .assert()
        .code(0)
        .stdout(contains("unknown"));
    kflake(dir.path())
        .args(["explain", "--log", "missing.log"])
        .assert()
        .code(8);

    // as CI servers keep them
    let packed = |program: &str| {
        let output = std::process::Command::new(program)
            .args(["-c", "a.log"])
            .current_dir(dir.path())
            .output();
        output.unwrap().stdout
    };
    let explain = || {
        let mut command = kflake(dir.path());
        command
            .current_dir(dir.path())
            .args(["explain", "--log", "packed"]);
        command.assert()
    };
    for program in ["gzip", "xz"] {
        std::fs::write(dir.path().join("packed"), packed(program)).unwrap();
        explain().code(0).stdout(contains("undeclared-tool"));
    }
    for (bytes, says) in [
        (packed("bzip2"), "packed is packed by bzip2"),
        (b"PK\x03\x04\x14\0".to_vec(), "packed is a zip archive"),
        (b"\x7fELF\x02\x01".to_vec(), "packed is an ELF file"),
        (b"\xff\xfem\0a\0".to_vec(), "packed is UTF-16 text"),
    ] {
        std::fs::write(dir.path().join("packed"), bytes).unwrap();
        explain().code(2).stderr(contains(says));
    }
}

#[test]
fn a_project_adds_failure_classes_of_its_own() {
    let class = |pattern: &str| {
        format!(
            r#"{{"frobnication": {{"title": "It frobnicates", "rank": 12, "patterns": ["{pattern}"],
              "explanation": "e", "advice": "stop it", "source": "s"}}}}"#
        )
    };
    let dir = project("failures.json", &class("^frob: "));
    std::fs::write(dir.path().join("a.log"), "frob: no\n").unwrap();
    let value = json(
        kflake(dir.path())
            .current_dir(dir.path())
            .args(["explain", "--log", "a.log", "--json"]),
        0,
    );
    assert_eq!(value["class"], "frobnication");
    assert_eq!(value["advice"], "stop it");
    for bad in ["(", "(?:a{900}){900}"] {
        let dir = project("failures.json", &class(bad));
        kflake(dir.path())
            .arg("check")
            .assert()
            .code(3)
            .stdout(contains("regular expression"));
    }
}

#[test]
fn kernels_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    kflake(dir.path())
        .args(["kernel", "list"])
        .assert()
        .code(0)
        .stdout(contains("2.6.31"));
    kflake(dir.path())
        .args(["kernel", "list", "6.1"])
        .assert()
        .code(0)
        .stdout(contains("linux-6.1").and(contains("6.12.").not()));
    let value = json(
        kflake(dir.path()).args(["kernel", "list", "--band", "k26", "--json"]),
        0,
    );
    let kernels = value.as_array().unwrap();
    assert!(kernels.len() > 100 && kernels.iter().all(|it| it["era"] == "k2.6"));
    kflake(dir.path())
        .args(["kernel", "list", "--band", "k9"])
        .assert()
        .code(2)
        .stderr(contains("k2.6"));
}
