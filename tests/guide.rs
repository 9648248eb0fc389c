//! Runs `docs/guide.md`: writes its files, and gives its commands, in order, to one shell.
//!
//! The kernel is one that builds in a second, in the place of the guide's. `make guide` runs it with the real one.

mod common;

use std::path::Path;

use common::walk::{self, parts};

const GUIDE: &str = include_str!("../docs/guide.md");
/// The guide's kernel.
const TARBALL: &str = "/usr/src/linux-source-6.1.tar.xz";
const VERSION: &str = "6.1.192";

/// Runs the guide in `dir`; what it printed.
fn run(dir: &Path, tarball: &Path, version: &str) -> String {
    let (files, commands) = parts(GUIDE);
    assert!(
        files.len() >= 4 && commands.len() >= 15,
        "{files:?} {commands:?}"
    );
    let here = |text: &String| {
        text.replace(TARBALL, tarball.to_str().unwrap())
            .replace(VERSION, version)
    };
    let files = files.iter().map(|(name, text)| (name.clone(), here(text)));
    walk::write(dir, files.collect());
    let commands: Vec<String> = commands.iter().map(here).collect();
    walk::run(dir, &commands, &[], &[])
}

#[track_caller]
fn check(dir: &Path, said: &str) {
    for part in [
        "base configuration",
        "gone: VENDOR_WATCHDOG",
        "\"name\" : \"hello.ko\"",
        "staging/usr/bin/greet: ELF64 little-endian machine 183, program, loaded by /lib/ld-linux-aarch64.so.1, needs libc.so.6 (sysroot)",
        "\nqemu-system-aarch64 ",
        // a night later
        "1 as before",
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
        "summary.md",
        "kernel/Image",
        "booted/boot.log",
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
