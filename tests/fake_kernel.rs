//! Every way in which a kernel or its boot can fail, through the builders, real Nix and real QEMU, with a kernel tree that builds in a
//! second. The last word of a failed build must be the one line that says why.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A project with the fake kernel registered as 6.1.9999, packed to behave as `behaviour` says.
fn project(dir: &Path, behaviour: &str) {
    common::pack_fake_kernel(dir, behaviour);
    let generate = ["gen", "--toolchains", "debian"];
    for args in [
        &generate[..],
        &["kernel", "add", "linux-fake.tar"],
        &generate,
    ] {
        common::succeeded(
            Command::new(env!("CARGO_BIN_EXE_kflake"))
                .env("NIX_CONFIG", common::build_config())
                .current_dir(dir)
                .args(args)
                .output()
                .unwrap(),
        );
    }
}

/// Builds one stage (`linux`, `module`, `boot`) of an arm64 cell on the fake kernel.
///
/// A boot that must not end by silence gets long enough for a busy machine.
fn build(dir: &Path, stage: &str, silence: u32) -> Output {
    let expression = format!(
        r#"
          let
            pkgs = import ./debian-packages {{ }};
            cells = import ./cells.nix {{
              inherit pkgs;
              matrix = import ./matrix.nix;
              sources = import ./sources.nix;
              resolve = import ./resolve.nix;
            }};
          in
          (cells.mkCell {{
            name = "k6-arm64";
            arch = "arm64";
            toolchain = "debian-12.2.0-arm64";
            kernel = "6.1.9999";
            board = "arm64-virt";
            wallTimeout = 60;
            silenceTimeout = {silence};
          }}).{stage}
        "#
    );
    Command::new("nix-build")
        .env("NIX_MIRRORS_debian", common::debian_mirror())
        .env("NIX_CONFIG", common::build_config())
        .current_dir(dir)
        .args(["--no-out-link", "-E", &expression])
        .output()
        .unwrap()
}

/// The stage fails, and its log's last line of ours begins with `reason`.
#[track_caller]
fn fails(behaviour: &str, stage: &str, reason: &str) {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), behaviour);
    let silence = if reason.contains("boot: silent") {
        4
    } else {
        30
    };
    let output = build(dir.path(), stage, silence);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success(),
        "{stage} of {behaviour} was built:\n{log}"
    );
    let said = log.lines().rev().find(|line| line.starts_with("kflake: "));
    assert!(
        said.is_some_and(|line| line.starts_with(reason)),
        "expected `{reason}`, got {said:?} in\n{log}"
    );
}

#[test]
fn a_good_kernel_boots_and_says_so() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), "ok");
    let output = common::succeeded(build(dir.path(), "boot", 30));
    let out = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("boot.json")).unwrap()).unwrap();
    assert_eq!(json["outcome"], "passed");
    assert_eq!(json["release"], "6.1.9999");
    assert_eq!(json["machine"], "aarch64");
    assert_eq!(json["pid"], 1);
    assert_eq!(json["module"], "loaded");
    assert!(json["seconds_to_poweroff"].is_number(), "{json}");
    let log = fs::read_to_string(out.join("boot.log")).unwrap();
    assert!(log.contains(" ok pid=1 release=6.1.9999"), "{log}");
    assert_eq!((&json["modules"], &json["loaded"]), (&0.into(), &0.into()));
}

#[test]
fn a_compile_error_is_the_kernels() {
    fails("compile-error", "linux", "kflake: kernel: compile: ");
}

#[test]
fn a_symbol_that_is_lost_is_named() {
    fails(
        "lost-symbol",
        "linux",
        "kflake: kernel: config: PRINTK: requested y, got n",
    );
}

#[test]
fn a_missing_image_is_noticed() {
    fails("no-image", "linux", "kflake: kernel: no-image: ");
}

#[test]
fn modules_without_an_index_are_noticed() {
    fails(
        "no-modules-dep",
        "linux",
        "kflake: kernel: no-modules-dep: make modules_install left no modules.dep",
    );
}

#[test]
fn a_wrong_release_is_refused_before_anything_is_compiled() {
    if !common::have_nix() {
        return;
    }
    for (behaviour, said) in [
        (
            "blank-in-release",
            "the tree calls itself `6.1.9999-foo bar`, and a release can't hold blanks: ",
        ),
        (
            "wrong-version",
            "the tree calls itself 5.5.5, expected 6.1.9999",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        project(dir.path(), behaviour);
        let output = build(dir.path(), "linux", 30);
        let log = String::from_utf8_lossy(&output.stderr);
        let line = format!("kflake: kernel: wrong-version: {said}");
        assert!(log.contains(&line) && !output.status.success(), "{log}");
        assert!(!log.contains("main.c"), "{log}");
    }
}

#[test]
fn an_arch_that_a_tree_was_cut_down_from_is_named() {
    let place = tempfile::tempdir().unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let check = |arch: &str| {
        std::process::Command::new("bash")
            .args(["-euc", ". \"$0\"; check_arch"])
            .arg(root.join("flake-template/build-kernel.sh"))
            .env("NIX_BUILD_TOP", place.path())
            .env("source", root.join("tests/fake-kernel"))
            .envs([("linuxArch", arch), ("version", "6.1.9999")])
            .envs([("ccFlags", ""), ("hostCcFlags", "")])
            .output()
            .unwrap()
    };
    assert!(check("arm64").status.success());
    let refused = check("x86_64");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(refused.stderr).unwrap(),
        "kflake: kernel: no-arch: the tree of 6.1.9999 has no arch/x86; it has arm arm64\n"
    );
}

#[test]
fn a_kernel_that_is_not_what_its_tree_says_is_refused() {
    fails(
        "wrong-uname",
        "linux",
        "kflake: kernel: wrong-version: vmlinux does not call itself 6.1.9999, as its tree does",
    );
}

#[test]
fn a_boot_that_says_nothing_is_silent() {
    fails(
        "silent",
        "boot",
        "kflake: boot: silent: no output for 4 s; nothing at all was printed",
    );
}

#[test]
fn a_boot_that_stops_saying_anything_is_silent() {
    fails(
        "stall",
        "boot",
        "kflake: boot: silent: no output for 4 s; last line: [    0.000000] Linux version 6.1.9999",
    );
}

#[test]
fn a_panic_before_init_fails() {
    fails(
        "panic",
        "boot",
        "kflake: boot: panic-before-init: VFS: Unable to mount root fs",
    );
}

#[test]
fn a_panic_after_init_fails() {
    fails(
        "late-panic",
        "boot",
        "kflake: boot: panic-after-init: Attempted to kill init!",
    );
}

#[test]
fn the_wrong_machine_fails() {
    fails(
        "wrong-machine",
        "boot",
        "kflake: boot: wrong-machine: the running kernel says mips, expected aarch64",
    );
}

#[test]
fn the_wrong_release_fails() {
    fails(
        "wrong-release",
        "boot",
        "kflake: boot: wrong-release: the running kernel says 5.5.5, expected 6.1.9999",
    );
}

#[test]
fn a_module_that_does_not_load_fails() {
    fails(
        "no-module",
        "boot",
        "kflake: boot: module-not-loaded: init says module=error-8: Exec format error",
    );
}

/// Makefiles of kernels add words to vermagic by way of the command line, where headers don't show them.
#[test]
fn a_module_that_the_kernel_will_refuse_is_not_built() {
    fails(
        "own-vermagic",
        "module",
        "kflake: module: wrong-vermagic: kflake_probe.ko was built for `6.1.9999 fake`, the kernel is `6.1.9999 fake own`",
    );
}

#[test]
fn a_machine_that_goes_off_too_early_fails() {
    fails(
        "exit",
        "boot",
        "kflake: boot: qemu-exit: QEMU ended with status 0; ",
    );
}

#[test]
fn console_lines_cannot_pose_as_the_supervisors() {
    fails(
        "forged",
        "boot",
        "kflake: boot: silent: no output for 4 s; ",
    );
}

#[test]
fn the_shell_runs_a_command_with_the_toolchain_for_a_kernel() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), "ok");
    let kbuild = |version: &str, arch: &str| {
        Command::new("nix")
            .env("NIX_MIRRORS_debian", common::debian_mirror())
            .env("NIX_CONFIG", common::build_config())
            .current_dir(dir.path())
            .args(["develop", "--override-input", "nixpkgs"])
            .args(["path:./debian-packages", "--command", "kbuild"])
            .args([version, arch, "--", "sh", "-c"])
            .arg("echo $ARCH; ${CROSS_COMPILE}gcc -dumpmachine; exit 7")
            .output()
            .unwrap()
    };
    let ran = kbuild("6.1.9999", "arm64");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        said.ends_with("arm64\naarch64-linux-gnu\n") && ran.status.code() == Some(7),
        "{ran:?}"
    );
    let words = String::from_utf8_lossy(&ran.stderr);
    assert!(!words.contains("kbuild: "), "{ran:?}");
    // what a build of kflake's own mends in the tree, this one does not: said, by the rules that such a build goes by
    let old = kbuild("4.8", "armhf");
    let words = String::from_utf8_lossy(&old.stderr);
    assert!(
        words.contains("without what kflake build fixes in it:")
            && words.contains(" arm-put-user-register"),
        "{old:?}"
    );
    // what Nix says is shown, and nothing is run
    let refused = kbuild("3.6", "arm64");
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(
        words.contains("Linux 3.6 on arm64: unsupported") && refused.status.code() == Some(1),
        "{refused:?}"
    );
}

#[test]
fn a_configuration_of_another_machine_is_given_what_kflake_starts_kernels_with() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), "ok");
    let vendor = "CONFIG_PRINTK=y\nCONFIG_TTY=y\n# CONFIG_BLK_DEV_INITRD is not set\n";
    fs::write(dir.path().join("vendor.config"), vendor).unwrap();
    let configured = |more: &[&str]| {
        common::succeeded(
            Command::new(env!("CARGO_BIN_EXE_kflake"))
                .env("NIX_MIRRORS_debian", common::debian_mirror())
                .current_dir(dir.path())
                .args(["build", "6.1.9999", "arm64", "--config", "vendor.config"])
                .args(["--targets", "config", "--out", "built"])
                .args(common::DEBIAN)
                .args(more)
                .output()
                .unwrap(),
        );
        ["config", "config-report.txt"]
            .map(|name| fs::read_to_string(dir.path().join("built").join(name)).unwrap())
    };
    let [config, report] = configured(&[]);
    assert!(config.contains("CONFIG_BLK_DEV_INITRD=y\n"), "{config}");
    let told = "changed: BLK_DEV_INITRD: n -> y: for the machine that kflake starts it on\n";
    assert!(report.contains(told), "{report}");
    // the user has the last word
    let [config, report] = configured(&["-K", "# CONFIG_BLK_DEV_INITRD is not set"]);
    assert!(
        config.contains("# CONFIG_BLK_DEV_INITRD is not set\n"),
        "{config}"
    );
    assert!(!report.contains("BLK_DEV_INITRD"), "{report}");
}
