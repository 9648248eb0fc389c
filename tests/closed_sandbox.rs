//! What a build on Debian's package set sees: the store, `/bin/sh`, and nothing of the machine that it runs on.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};

/// Builds, with the settings that kflake builds with, a derivation that runs `script` and has `tools` of the package set on its PATH.
fn build(tools: &[&str], script: &str) -> Output {
    let set = common::package_set();
    let file = set.path().join("build.nix");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let path: String = tools
        .iter()
        .map(|tool| format!("${{pkgs.{tool}}}/bin:"))
        .collect();
    fs::write(
        &file,
        format!(
            "let pkgs = import ./debian-packages {{ }}; in derivation {{\n  name = \"kflake-look\";\n  system = \"x86_64-linux\";\n  \
             builder = \"/bin/sh\";\n  PATH = \"{path}\";\n  now = \"{now:?}\";\n  args = [ \"-euc\" ''{script}'' ];\n}}\n"
        ),
    )
    .unwrap();
    common::nix_build(&file)
}

fn result(output: Output) -> String {
    let output = common::succeeded(output);
    let path = String::from_utf8(output.stdout).unwrap();
    fs::read_to_string(path.trim()).unwrap()
}

#[test]
fn a_builder_sees_the_store_and_a_shell() {
    let seen = result(build(
        &["coreutils"],
        "for dir in / /bin /etc /nix /dev; do echo $dir: $(ls -A $dir); done >$out; ls /nix/store >>$out",
    ));
    let mut lines = seen.lines();
    assert_eq!(lines.next(), Some("/: bin build dev etc nix proc tmp"));
    assert_eq!(lines.next(), Some("/bin: sh"));
    assert_eq!(lines.next(), Some("/etc: group hosts passwd"));
    assert_eq!(lines.next(), Some("/nix: store"));
    // of devices the harmless ones; kvm where the machine has it
    let devices = lines.next().unwrap().replace(" kvm", "");
    assert_eq!(
        devices,
        "/dev: fd full null ptmx pts random shm stderr stdin stdout tty urandom zero"
    );
    for path in lines {
        let (_, name) = path.split_once('-').unwrap();
        assert!(
            name.starts_with("debian-") || name.starts_with("kflake-look"),
            "{name} is no input of this build"
        );
    }
}

#[test]
fn a_build_that_names_a_program_of_the_host_fails() {
    assert!(Path::new("/usr/bin/env").exists());
    let output = build(&[], "/usr/bin/env true; echo >$out");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/usr/bin/env: not found"), "{said}");
}

#[test]
fn machines_find_their_firmware() {
    // each with the cards that QEMU gives it: they look for ROMs of their own
    let script = "for program in x86_64 i386 mipsel ppc64 s390x sparc64 'riscv64 -machine virt'; do \
        echo quit | qemu-system-$program -display none -serial null -monitor stdio -S >log 2>&1 || { echo $program:; cat log; exit 1; }; \
        done; echo found >$out";
    let tools = [
        "coreutils",
        "qemu-system-x86",
        "qemu-system-mips",
        "qemu-system-ppc",
        "qemu-system-riscv",
        "qemu-system-s390x",
        "qemu-system-sparc",
    ];
    assert_eq!(result(build(&tools, script)), "found\n");
}
