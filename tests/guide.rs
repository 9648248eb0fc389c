//! Runs `docs/guide.md`: writes its files, and gives its commands, in order, to one shell.
//!
//! The kernel is one that builds in a second, in the place of the guide's. `make guide` runs it with the real one.

mod common;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const GUIDE: &str = include_str!("../docs/guide.md");
/// The guide's kernel.
const TARBALL: &str = "/usr/src/linux-source-6.1.tar.xz";
const VERSION: &str = "6.1.192";

/// The guide's files, by name, and its commands.
fn parts(guide: &str) -> (Vec<(String, String)>, Vec<String>) {
    let (mut files, mut commands) = (Vec::new(), Vec::new());
    let mut lines = guide.lines();
    let mut name = None;
    while let Some(line) = lines.next() {
        if let Some(fence) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match (fence, name.take()) {
                ("console", None) => {
                    for line in body {
                        let command = line
                            .strip_prefix("$ ")
                            .unwrap_or_else(|| panic!("{line:?} is no command"));
                        commands.push(command.to_owned());
                    }
                }
                (_, Some(name)) => files.push((name, body.join("\n") + "\n")),
                (fence, None) => panic!("a block of {fence:?} without a name"),
            }
        } else if let Some(file) = line
            .strip_prefix('`')
            .and_then(|line| line.strip_suffix("`:"))
        {
            name = Some(file.to_owned());
        }
    }
    (files, commands)
}

/// Runs the guide in `dir`; what it printed.
fn run(dir: &Path, tarball: &Path, version: &str) -> String {
    let (files, commands) = parts(GUIDE);
    assert!(
        files.len() >= 4 && commands.len() >= 15,
        "{files:?} {commands:?}"
    );
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut script = String::from("set -eu\n");
    for command in commands {
        let command = command
            .replace(TARBALL, tarball.to_str().unwrap())
            .replace(VERSION, version);
        // each is shown before it runs, and `!` must not hide that a command succeeded
        let line = match command.strip_prefix("! ") {
            Some(failing) => {
                format!("if {failing}; then echo 'it should have failed' >&2; exit 1; fi")
            }
            None => command.clone(),
        };
        writeln!(script, "cat <<'SHOWN' >&2\n$ {command}\nSHOWN\n{line}").unwrap();
    }
    let programs = Path::new(env!("CARGO_BIN_EXE_kflake")).parent().unwrap();
    let path = std::env::join_paths(
        [PathBuf::from(programs)]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir)
        .env("PATH", path.unwrap())
        .output()
        .unwrap();
    // a console ends its lines in its own way
    let said = String::from_utf8(common::succeeded(output).stdout).unwrap();
    said.replace('\r', "")
}

#[track_caller]
fn check(dir: &Path, said: &str) {
    for part in [
        "base configuration",
        "gone: VENDOR_WATCHDOG",
        "\"name\" : \"hello.ko\"",
        "staging/usr/bin/greet: ELF64 little-endian machine 183, program, loaded by /lib/ld-linux-aarch64.so.1, needs libc.so.6 (sysroot)",
        "\nqemu-system-aarch64 ",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    for file in [
        "built/Image",
        "built/metadata.json",
        "module/hello.ko",
        "loaded/boot.log",
        "staging.tar",
        "extensions/greet/usr/bin/greet",
        "extensions/greet/usr/lib/extension-release.d/extension-release.greet",
    ] {
        assert!(dir.join(file).is_file(), "{file}");
    }
    assert!(!dir.join("strict/config").exists());
}

#[test]
fn every_command_of_the_guide_works() {
    if !common::have_nix() {
        return;
    }
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tarball = common::pack_fake_kernel(elsewhere.path(), "ok");
    let said = run(dir.path(), &tarball, "6.1.9999");
    check(dir.path(), &said);
    assert!(said.contains("\nplayed\n"), "{said}");
}

#[test]
#[ignore = "builds two kernels: `make guide`"]
fn every_command_of_the_guide_works_on_a_real_kernel() {
    assert!(
        Path::new(TARBALL).exists(),
        "{TARBALL} is missing: `make deps` installs it"
    );
    let dir = tempfile::tempdir().unwrap();
    let said = run(dir.path(), Path::new(TARBALL), VERSION);
    check(dir.path(), &said);
    assert!(said.contains("\nhello from the other side\n"), "{said}");
}

#[test]
fn a_guide_is_read_in_parts() {
    let (files, commands) = parts("`a/b`:\n\n```c\nint x;\n```\n\n```console\n$ one\n$ two\n```\n");
    assert_eq!(files, [("a/b".to_owned(), "int x;\n".to_owned())]);
    assert_eq!(commands, ["one", "two"]);
}
