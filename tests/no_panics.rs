//! Surroundings and inputs that nobody expects end with a documented exit code and a sentence, never with a panic.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn kflake(project: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
    command.arg("-C").arg(project).args(arguments);
    command
}

/// The exit code, and what was said, none of which is a panic's.
#[track_caller]
fn ended(output: &Output) -> (i32, String) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked"), "{said}");
    (output.status.code().expect("no signal ended it"), said)
}

#[test]
fn an_environment_that_is_no_utf_8_is_no_matter() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = OsStr::from_bytes(b"\xff");
    for arguments in [["pins", "mirrors"], ["kernel", "list"]] {
        for name in ["FOO", "NIX_MIRRORS_gnu", "COLUMNS", "LANG"] {
            let mut command = kflake(dir.path(), &arguments);
            let output = command.env(name, bytes).output().unwrap();
            assert_eq!(ended(&output).0, 0, "{name}");
        }
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["gen", "--check"][..],
        &["kernel", "list"],
        &["pins", "mirrors"],
        &["resolve", "6.1", "arm64"],
        &["explain"],
        &["check"],
        &["--help"],
    ] {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let output = kflake(dir.path(), arguments).stdout(full()).output();
        let (code, said) = ended(&output.unwrap());
        assert_eq!(code, 8, "{arguments:?}: {said}");
        // there is nobody left to tell
        let output = kflake(dir.path(), arguments)
            .stdout(Stdio::null())
            .stderr(full())
            .status();
        assert!([0, 1].contains(&output.unwrap().code().unwrap()));
    }
}

#[test]
fn a_closed_pipe_leaves_the_answers_own_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, expected) in [(["gen", "--check"], 1), (["kernel", "list"], 0)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = kflake(dir.path(), &arguments).stdout(writer).output();
        assert_eq!(ended(&output.unwrap()).0, expected, "{arguments:?}");
    }
}

#[test]
fn times_out_of_all_proportion_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for option in ["--timeout", "--silence-timeout"] {
        for time in ["boot=18446744073709551615", "18446744073709551615", "400h0"] {
            let arguments = ["validate", "--cell", "k6-arm64", "--dry-run", option, time];
            let output = kflake(dir.path(), &arguments).output().unwrap();
            assert_eq!(ended(&output).0, 2, "{option} {time}");
        }
    }
}

#[test]
fn data_in_one_long_line_is_told_in_short() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("matrix/kernels.json");
    fs::create_dir(dir.path().join("matrix")).unwrap();
    let many: Vec<String> = (0..300)
        .map(|n| format!("\"6.1.{n}\": {{\"x\": 1}}"))
        .collect();
    for text in [
        format!("{{{}x}}", " ".repeat(70_000)),
        format!("{{{}}}", many.join(",")),
    ] {
        fs::write(&file, text).unwrap();
        for command in ["check", "gen"] {
            let output = kflake(dir.path(), &[command]).output().unwrap();
            let (code, said) = ended(&output);
            assert_eq!(code, 3, "{command}: {said}");
            let size = output.stdout.len() + said.len();
            assert!((50..200_000).contains(&size), "{command}: {size} bytes");
        }
    }
}

#[test]
fn what_a_shell_evaluates_is_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = kflake(dir.path(), &["pins", "mirrors", "--export"]);
    let output = command
        .env("NIX_MIRRORS_'$(touch pwned)'", "x")
        .env(
            "NIX_MIRRORS_gnu",
            "/x/'$(touch${IFS}pwned)';touch${IFS}pwned",
        )
        .output()
        .unwrap();
    assert_eq!(ended(&output).0, 0);
    let script = String::from_utf8(output.stdout).unwrap();
    let shell = Command::new("sh")
        .args(["-ec", &format!("{script}\necho \"$NIX_MIRRORS_gnu\"")])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(shell.status.success(), "{script}");
    let value = String::from_utf8(shell.stdout).unwrap();
    assert_eq!(value, "file:///x/'$(touch${IFS}pwned)';touch${IFS}pwned/\n");
    assert!(!dir.path().join("pwned").exists());
}
