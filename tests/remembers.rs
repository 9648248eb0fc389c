//! A project remembers: `kflake init`, and kflake.toml in every command. No Nix is needed for what is looked at here.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const KEPT: &str = "packages = \"debian\"\ntoolchains = [\"debian\"]\nreport = \"out/seen\"\n";

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
    command
        .args(words)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("HOME", "/nonexistent")
        .env("KFLAKE_NIX", "/nonexistent/nix");
    command
}

/// What `words` say in `folder`, and their exit code.
fn kflake(folder: &Path, words: &[&str]) -> (i32, String) {
    said(&command(folder, words).output().unwrap())
}

fn said(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

/// A folder below the folder of a project, and the temporary folder that holds both.
fn below(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("drivers/net");
    fs::create_dir_all(&deep).unwrap();
    fs::write(dir.path().join("kflake.toml"), text).unwrap();
    (dir, deep)
}

#[test]
fn init_makes_a_project_once() {
    let dir = tempfile::tempdir().unwrap();
    let words = [
        "init",
        "boards",
        "--packages",
        "debian",
        "--toolchains",
        "debian,korg",
        "--report",
        "seen",
    ];
    let (code, text) = kflake(dir.path(), &words);
    assert_eq!((code, text.as_str()), (0, "boards/kflake.toml: written\n"));
    let file = dir.path().join("boards/kflake.toml");
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.contains("\npackages = \"debian\"\n"), "{kept}");
    assert!(
        kept.contains("\ntoolchains = [\"debian\", \"korg\"]\n"),
        "{kept}"
    );
    let ignored = fs::read_to_string(dir.path().join("boards/.gitignore")).unwrap();
    assert_eq!(ignored, "/.kflake/\n/seen/\n/result\n/result-*\n");

    let (code, text) = kflake(dir.path(), &["init", "boards"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("boards/kflake.toml already exists"), "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);
}

#[test]
fn every_folder_below_a_project_is_of_it() {
    let (dir, deep) = below(KEPT);
    let (code, text) = kflake(&deep, &["resolve", "6.1", "arm64"]);
    assert!(code == 0 && text.contains("debian-12"), "{text}");
    let (code, text) = kflake(
        &deep,
        &["resolve", "6.1", "arm64", "--toolchains", "bootlin"],
    );
    assert!(
        code == 0 && text.contains("bootlin-"),
        "an option overrules: {text}"
    );
    let (code, text) = kflake(&deep, &["-C", ".", "resolve", "6.1", "arm64"]);
    assert!(
        code == 0 && text.contains("bootlin-"),
        "-C names another: {text}"
    );
    let (code, text) = kflake(&deep, &["validate", "--cell", "k6-arm64", "--dry-run"]);
    assert!(code == 0 && text.contains("debian-12"), "{text}");

    let (code, text) = kflake(&deep, &["gen"]);
    assert_eq!(code, 0, "{text}");
    assert!(dir.path().join("flake.nix").is_file());
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    let lock = fs::read_to_string(dir.path().join("flake.lock")).unwrap();
    assert!(lock.contains("debian-packages"), "{lock}");
    let (code, text) = kflake(&deep, &["gen", "--check"]);
    assert_eq!((code, text.as_str()), (0, ""));
}

#[test]
fn what_gen_was_told_holds_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let (code, text) = kflake(
        dir.path(),
        &["gen", "--packages", "debian", "--toolchains", "debian"],
    );
    assert!(
        code == 0 && text.contains("kflake.toml remembers"),
        "{text}"
    );
    let (code, text) = kflake(dir.path(), &["gen", "--check"]);
    assert_eq!((code, text.as_str()), (0, ""));
    let (_, text) = kflake(dir.path(), &["gen"]);
    assert!(text.contains(": 0 files written"), "{text}");
    let (_, text) = kflake(dir.path(), &["resolve", "6.1", "arm64"]);
    assert!(text.contains("debian-12"), "{text}");
    // what says something else holds once
    let (code, text) = kflake(dir.path(), &["gen", "--toolchains", "bootlin"]);
    assert!(code == 0 && text.contains("says otherwise"), "{text}");
    assert_eq!(kflake(dir.path(), &["gen", "--check"]).0, 1);
}

#[test]
fn a_bad_file_is_told_with_its_line_before_anything_is_done() {
    let (dir, deep) = below("packages = \"debian\"\ntoolchain = [\"debian\"]\n");
    for words in [
        &["gen"][..],
        &["resolve", "6.1", "arm64"],
        &["validate"],
        &["doctor"],
    ] {
        let (code, text) = kflake(&deep, words);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("kflake.toml:2:1"), "{text}");
        assert!(text.contains("did you mean toolchains?"), "{text}");
    }
    assert!(!dir.path().join("flake.nix").exists());
    // what has no use for it goes on
    assert_eq!(kflake(&deep, &["completions", "bash"]).0, 0);
    let file = dir.path().join("kflake.toml");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(kflake(dir.path(), &["resolve", "6.1", "arm64"]).0, 8);
}

#[test]
fn a_run_goes_on_with_what_it_had_selected_or_not_at_all() {
    let (dir, deep) = below(KEPT);
    for words in [
        &["validate", "--resume"][..],
        &[
            "validate", "--resume", "--report", "none", "--cell", "k6-arm64",
        ],
    ] {
        let (code, text) = kflake(&deep, words);
        assert_eq!(code, 2, "{text}");
        assert!(
            text.contains("there is no run of this project in"),
            "{text}"
        );
    }
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);

    let report = dir.path().join("out/seen");
    fs::create_dir_all(&report).unwrap();
    let begin = |project: &Path, command: &[&str]| {
        let line = serde_json::json!({
            "event": "begin", "version": 3, "started": "2026-11-20T05:00:00Z", "project": project, "command": command,
            "missing": [],
        });
        fs::write(report.join("journal.jsonl"), format!("{line}\n")).unwrap();
    };
    let own = dir.path().canonicalize().unwrap();
    begin(
        &own,
        &[
            "kflake",
            "validate",
            "--cell",
            "k6-arm64,k3-mipsel",
            "--stage",
            "kernel",
            "--fail-fast",
        ],
    );
    let cells = |words: &[&str]| {
        let words = [&["validate", "--resume", "--dry-run"], words].concat();
        kflake(&deep, &words)
    };
    let (code, text) = cells(&[]);
    assert!(code == 0 && text.contains("2 of 2 cells"), "{text}");
    assert!(
        text.contains("k3-mipsel") && text.contains("toolchain → kernel\n"),
        "{text}"
    );
    let (code, again) = cells(&["--stage", "kernel", "--jobs", "3"]);
    assert_eq!((code, again), (0, text));
    for other in [
        &["--era", "k3"][..],
        &["--stage", "boot"],
        &["--toolchains", "bootlin"],
    ] {
        let (code, text) = cells(other);
        assert_eq!(code, 2, "{text}");
        assert!(
            text.contains(other[0]) && text.contains("--cell k6-arm64,k3-mipsel"),
            "{text}"
        );
    }
    begin(&own, &["kflake", "validate", "--cells-of-tomorrow"]);
    assert_eq!(cells(&[]).0, 2);
    begin(&own, &["kflake", "gen"]);
    assert_eq!(cells(&[]).0, 2);
    begin(Path::new("/another"), &["kflake", "validate"]);
    assert_eq!(cells(&[]).0, 2);
}

#[test]
fn a_home_folder_becomes_no_project_by_accident() {
    let home = tempfile::tempdir().unwrap();
    let tarball = home.path().join("linux.tar");
    fs::write(&tarball, "x").unwrap();
    let at_home = |words: &[&str]| {
        said(
            &command(home.path(), words)
                .env("HOME", home.path())
                .output()
                .unwrap(),
        )
    };
    for words in [
        &["gen"][..],
        &["init"],
        &["validate", "--cell", "k6-arm64"],
        &["kernel", "add", "linux.tar"],
        &["kernel", "remove", "6.1.7"],
        &["pins", "add", "musl", "1.2.5", "linux.tar"],
    ] {
        let (code, text) = at_home(words);
        assert_eq!(code, 2, "{words:?}: {text}");
        assert!(text.contains("your home folder"), "{words:?}: {text}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    let (code, text) = at_home(&["-C", ".", "gen"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn places_that_nobody_means_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for words in [
        &["gen", "--out", "~/x"][..],
        &["gen", "--out=~"],
        &["-C", "~/x", "gen"],
        &["init", "~/x"],
        &["build", "6.1.192", "arm64", "--out", "~root/x"],
        &["report", "coverage", "--output", "~/x"],
        &["kernel", "add", "~/linux"],
    ] {
        let (code, text) = kflake(dir.path(), words);
        assert_eq!(code, 2, "{words:?}: {text}");
        assert!(text.contains("\"$HOME\""), "{words:?}: {text}");
    }
    let (code, text) = kflake(dir.path(), &["gen", "--out", "/"]);
    assert!(
        code == 2 && text.contains("the root of the file system"),
        "{text}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    // the folder goes away under the command
    let gone = dir.path().join("gone");
    fs::create_dir(&gone).unwrap();
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", "rmdir ../gone; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_kflake"))
        .arg("gen")
        .current_dir(&gone);
    let (code, text) = said(&shell.output().unwrap());
    assert!(code == 8 && text.contains("is gone"), "{text}");
}

#[test]
fn a_file_in_a_folder_of_everybodys_is_not_followed_from_below() {
    use std::os::unix::fs::PermissionsExt as _;

    let (dir, deep) = below(KEPT);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let (_, text) = kflake(&deep, &["resolve", "6.1", "arm64"]);
    assert!(text.contains("bootlin-"), "{text}");
    let (_, text) = kflake(dir.path(), &["resolve", "6.1", "arm64"]);
    assert!(
        text.contains("debian-12"),
        "who stands there is told: {text}"
    );
}

#[test]
fn a_report_is_not_written_behind_a_link_that_a_project_has() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let (project, others) = (dir.path().join("project"), dir.path().join("others"));
    fs::create_dir_all(others.join("empty")).unwrap();
    fs::create_dir(&project).unwrap();
    symlink("../others", project.join("out")).unwrap();
    symlink("../others/empty", project.join("report")).unwrap();
    for (text, link) in [("report = \"out/new\"\n", "out"), ("", "report")] {
        fs::write(project.join("kflake.toml"), text).unwrap();
        let (code, said) = kflake(&project, &["validate"]);
        assert_eq!(code, 8, "{said}");
        let what = format!("{link} is a symbolic link");
        assert!(said.contains(&what) && said.contains("--report"), "{said}");
    }
    // whoever names it means it; the next thing that is missing is Nix
    let (code, said) = kflake(&project, &["validate", "--report", "out/new"]);
    assert_eq!(code, 6, "{said}");
    let left: Vec<_> = fs::read_dir(&others).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_report_folder_of_others_is_refused_before_a_flake_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = dir.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("thesis.txt"), "mine").unwrap();
    fs::write(dir.path().join("file"), "mine").unwrap();
    fs::write(dir.path().join("kflake.toml"), "report = \"theirs\"\n").unwrap();
    for (words, reason) in [
        (&["validate"][..], "theirs is not empty"),
        (&["validate", "--report", "theirs"], "theirs is not empty"),
        (&["validate", "--report", "file"], "file"),
        (&["validate", "--report", "file/new"], "file"),
    ] {
        let (code, said) = kflake(dir.path(), words);
        assert!(code == 8 && said.contains(reason), "{words:?}: {said}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 1);
}

#[test]
fn a_project_that_is_not_there_is_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for words in [
        &["resolve", "6.1.192", "arm64"][..],
        &["check"],
        &["kernel", "list"],
        &["validate", "--dry-run"],
        &["kernel", "remove", "6.1.192"],
    ] {
        let (code, said) = kflake(dir.path(), &[&["-C", "nosuch"], words].concat());
        let told = said.contains("not there: nosuch") && said.contains("kflake init nosuch");
        assert!(code == 2 && told, "{words:?}: {said}");
        let (code, said) = kflake(dir.path(), &[&["-C", "file"], words].concat());
        let told = said.contains("no folder, but a file: file");
        assert!(code == 2 && told, "{words:?}: {said}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    // what makes a project makes its folder
    for words in [
        &["-C", "new", "init"][..],
        &["-C", "newer", "gen"],
        &["-C", "newest", "kernel", "add", "6.1.183"],
    ] {
        let (code, said) = kflake(dir.path(), words);
        assert_eq!(code, 0, "{words:?}: {said}");
    }
}

#[test]
fn a_link_in_the_place_of_what_is_remembered_leads_somewhere() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("below");
    fs::create_dir(&below).unwrap();
    symlink("shared.toml", dir.path().join("kflake.toml")).unwrap();
    for (folder, words) in [
        (dir.path(), &["resolve", "6.1.192", "arm64"][..]),
        (&below, &["resolve", "6.1.192", "arm64"]),
        (&below, &["-C", "..", "check"]),
    ] {
        let (code, said) = kflake(folder, words);
        let told = said.contains("kflake.toml is a link to what is not there");
        assert!(code == 2 && told, "{words:?}: {said}");
    }
    fs::write(dir.path().join("shared.toml"), KEPT).unwrap();
    let (code, said) = kflake(&below, &["resolve", "6.1.192", "arm64"]);
    assert!(code == 0 && said.contains("debian-12"), "{said}");
}

#[test]
fn what_is_told_fits_a_terminal_and_is_one_record_a_line_elsewhere() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("module");
    fs::create_dir(&module).unwrap();
    fs::write(module.join("Makefile"), "obj-m := x.o\n").unwrap();
    fs::write(module.join("x.c"), "int x;\n").unwrap();
    symlink("/opt/sdk/of/a/vendor/include", module.join("include")).unwrap();
    let program = env!("CARGO_BIN_EXE_kflake");
    for (words, has) in [
        (
            "pins list bookworm/gcc-12",
            "debian bookworm/gcc-12-aarch64",
        ),
        ("pins mirrors", "debian"),
        (
            "build-module module --kernel 6.1.192 --arch arm64 --out out",
            "warning: include leads to",
        ),
    ] {
        let session = format!("stty rows 24 cols 80; {program} {words}");
        let output = Command::new("script")
            .args(["-qec", &session, "/dev/null"])
            .current_dir(dir.path())
            .env("NO_COLOR", "1")
            .env("KFLAKE_NIX", "/nonexistent/nix")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains(has), "{shown}");
        for line in shown.lines() {
            assert!(line.trim_end().chars().count() <= 80, "{words}: {line}");
        }
        let (_, piped) = kflake(dir.path(), &words.split(' ').collect::<Vec<_>>());
        let record = piped.lines().find(|line| line.contains(has)).unwrap();
        assert!(record.len() > 80, "{record}");
    }
}
