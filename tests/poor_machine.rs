//! Machines that lack something: no folder for temporary files, a store that cannot be written, full disks. Each is told with its own exit
//! code, and once it is mended the work goes on.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kflake::exit;
use kflake::validate::RunRecord;

/// The commands that need Nix to build something, or to keep something.
const COMMANDS: [&[&str]; 6] = [
    &["validate", "--cell", "k6-arm64", "--kernel", "6.1.9999"],
    &[
        "build", "6.1.9999", "arm64", "--config", "tiny", "--out", "out",
    ],
    &["boot", "6.1.9999", "arm64"],
    &["sdk", "k6-arm64", "--kernel", "6.1.9999", "--out", "sdk"],
    &[
        "build-module",
        "hello",
        "--kernel",
        "6.1.9999",
        "--arch",
        "arm64",
        "--config",
        "tiny",
        "--out",
        "module",
    ],
    &["kernel", "add", "linux-fake.tar"],
];

/// A project with the fake kernel and a module.
fn project() -> tempfile::TempDir {
    let dir = common::fake_project("ok");
    fs::create_dir(dir.path().join("hello")).unwrap();
    fs::write(dir.path().join("hello/Makefile"), "obj-m := hello.o\n").unwrap();
    dir
}

/// `words` on a kflake that `before` starts, in `dir`.
fn run(before: &[&str], dir: &Path, words: &[&str]) -> Command {
    let kflake = env!("CARGO_BIN_EXE_kflake");
    let mut all = before.iter().chain([&kflake]);
    let mut command = Command::new(all.next().unwrap());
    command.args(all).args(words).current_dir(dir);
    if words[0] != "kernel" {
        command.args(common::DEBIAN);
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn without_a_folder_for_temporary_files_every_command_says_so() {
    if !common::have_nix() {
        return;
    }
    let dir = project();
    for words in COMMANDS {
        let output = run(&[], dir.path(), words)
            .env("TMPDIR", "/nonexistent")
            .output()
            .unwrap();
        let said = text(&output);
        assert_eq!(
            output.status.code(),
            Some(i32::from(exit::IO)),
            "{words:?}: {said}"
        );
        assert!(
            said.contains("no temporary files can be made in /nonexistent/"),
            "{words:?}: {said}"
        );
        assert!(
            said.contains("TMPDIR names the folder"),
            "{words:?}: {said}"
        );
    }
}

/// Whether this user may mount; said where not.
fn may_mount() -> bool {
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    let can = trial.output().is_ok_and(|output| output.status.success());
    if !can {
        common::pass_over("this user cannot mount");
    }
    can
}

#[test]
fn a_store_that_cannot_be_written_is_told_by_every_command() {
    if !common::have_nix() || !may_mount() {
        return;
    }
    let dir = project();
    let closed = "mount --bind /nix /nix && mount -o remount,ro,bind /nix && exec \"$@\"";
    let before = ["unshare", "--mount", "sh", "-c", closed, "sh"];
    for words in COMMANDS {
        let output = run(&before, dir.path(), words).output().unwrap();
        let said = text(&output);
        assert_eq!(
            output.status.code(),
            Some(i32::from(exit::NO_NIX)),
            "{words:?}: {said}"
        );
        assert!(
            said.contains("the Nix store cannot be used: "),
            "{words:?}: {said}"
        );
    }
    // a store that was never begun
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let closed = format!(
        "mount -t tmpfs -o ro tmpfs {} && exec \"$@\"",
        empty.display()
    );
    let before = ["unshare", "--mount", "sh", "-c", &closed, "sh"];
    for words in [COMMANDS[0], COMMANDS[5]] {
        let output = run(&before, dir.path(), words)
            .arg("--store")
            .arg(&empty)
            .output()
            .unwrap();
        let said = text(&output);
        assert_eq!(
            output.status.code(),
            Some(i32::from(exit::NO_NIX)),
            "{words:?}: {said}"
        );
        assert!(said.contains("Read-only file system"), "{words:?}: {said}");
    }
}

/// Validates on a file system of `size` at `small`, then makes room and resumes where a run had begun; what the two runs said, and the report of the second.
fn full_then_not(
    dir: &Path,
    small: &Path,
    size: &str,
    project: &Path,
    temporary: &Path,
) -> (Output, Output, RunRecord) {
    let kflake = env!("CARGO_BIN_EXE_kflake");
    // a newer Nix builds elsewhere, unless it is told; an older one does not know the setting
    let told = common::nix("nix")
        .args(["config", "show", "build-dir"])
        .output();
    let told = told.is_ok_and(|output| output.status.success());
    let setting = format!("build-dir = {}", temporary.display());
    let script = format!(
        "mount -t tmpfs -o mode=755,size={size} tmpfs {small} && cd {project} || exit 99
         {kflake} kernel add {dir}/linux-fake.tar >{dir}/added 2>&1 || exit 98
         export TMPDIR={temporary}
         \"$@\" >{dir}/first 2>&1; echo $? >{dir}/first.code
         mount -o remount,size=1g {small}
         resume=; [ ! -e report/journal.jsonl ] || resume=--resume
         \"$@\" $resume >{dir}/second 2>&1; echo $? >{dir}/second.code
         cp report/report.json {dir}/report.json",
        project = project.display(),
        small = small.display(),
        dir = dir.display(),
        temporary = temporary.display(),
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh", kflake]);
    command.args(COMMANDS[0]).args(common::DEBIAN);
    if told {
        command.env("KFLAKE_NIX_CONFIG", setting);
    }
    let output = command
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    common::succeeded(output);
    let ended = |name: &str| {
        let read = |name: &str| fs::read(dir.join(name)).unwrap();
        let code = String::from_utf8(read(&format!("{name}.code"))).unwrap();
        let status = std::os::unix::process::ExitStatusExt::from_raw(
            code.trim().parse::<i32>().unwrap() << 8,
        );
        Output {
            status,
            stdout: read(name),
            stderr: Vec::new(),
        }
    };
    let report = fs::read_to_string(dir.join("report.json")).unwrap();
    (
        ended("first"),
        ended("second"),
        serde_json::from_str(&report).unwrap(),
    )
}

/// Whether every stage passed.
fn all_passed(record: &RunRecord) -> bool {
    let mut stages = record.cells.iter().flat_map(|cell| &cell.stages);
    record.cells.len() == 1 && stages.all(|stage| stage.is_plain())
}

#[test]
fn a_full_disk_under_builds_is_named_and_resumed_from() {
    if !common::have_nix() || !may_mount() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    common::pack_new_kernel(dir.path(), "ok");
    let [small, project] = ["small", "project"].map(|name| dir.path().join(name));
    fs::create_dir(&small).unwrap();
    fs::create_dir(&project).unwrap();
    let (first, second, record) = full_then_not(dir.path(), &small, "300k", &project, &small);
    let said = text(&first);
    assert_eq!(first.status.code(), Some(i32::from(exit::FAILED)), "{said}");
    assert!(said.contains("out-of-disk"), "{said}");
    assert_eq!(second.status.code(), Some(0), "{}", text(&second));
    assert!(all_passed(&record), "{record:?}");
    // what the machine was at fault for leaves no log; the boot that passed has its console there
    let logs: Vec<String> = fs::read_dir(project.join("report/logs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(logs, ["k6-arm64-6.1.9999-boot-console.log"]);
}

#[test]
fn a_full_disk_under_the_project_is_told_and_resumed_from() {
    if !common::have_nix() || !may_mount() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    common::pack_new_kernel(dir.path(), "ok");
    let small = dir.path().join("small");
    fs::create_dir(&small).unwrap();
    // less than the generated flake takes; tests/engine/faults.rs has a folder of reports that is full
    let elsewhere = std::env::temp_dir();
    let (first, second, record) = full_then_not(dir.path(), &small, "300k", &small, &elsewhere);
    let said = text(&first);
    assert_eq!(first.status.code(), Some(i32::from(exit::IO)), "{said}");
    assert!(said.contains("No space left on device"), "{said}");
    assert_eq!(second.status.code(), Some(0), "{}", text(&second));
    assert!(all_passed(&record), "{record:?}");
}
