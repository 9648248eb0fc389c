//! The same build, done again: at another time, in another folder, and from a bundle that `kflake build` left.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::later::LaterClock;

fn build(project: &Path, out: &Path) {
    let mut words = vec![
        "build",
        "6.1.9999",
        "arm64",
        "--config",
        "tiny",
        "--out",
        out.to_str().unwrap(),
    ];
    words.extend(common::DEBIAN);
    common::succeeded(common::kflake(project, &words));
}

/// Nix builds the kernel's derivation once more, 400 days later, and compares every output.
fn build_again(project: &Path, version: &str, clock: &LaterClock) -> Output {
    let mut words = vec!["gen", "--force"];
    words.extend(common::DEBIAN);
    common::succeeded(common::kflake(project, &words));
    let expression = format!(
        r#"
        let cells = import ./cells.nix {{
          pkgs = import ./debian-packages {{ }};
          matrix = import ./matrix.nix;
          sources = import ./sources.nix;
          resolve = import ./resolve.nix;
        }};
        in (cells.mkCell {{
          name = "k6-arm64"; arch = "arm64"; toolchain = "debian-12.2.0-arm64"; kernel = "{version}"; board = "arm64-virt";
        }}).linux"#
    );
    let run = |check: &[String]| {
        Command::new("nix-build")
            .env("NIX_CONFIG", common::build_config())
            .env("NIX_MIRRORS_debian", common::debian_mirror())
            .current_dir(project)
            .args(["--no-out-link", "-E", &expression])
            .args(check)
            .output()
            .unwrap()
    };
    common::succeeded(run(&[]));
    run(&[&["--check".to_owned()][..], &clock.options()].concat())
}

#[test]
fn a_kernel_built_again_is_the_same() {
    if !common::have_nix() {
        return;
    }
    let clock = LaterClock::new();
    let project = common::fake_project("ok");
    common::succeeded(build_again(project.path(), "6.1.9999", &clock));
}

#[test]
#[ignore = "builds a real kernel twice: `make reproducible`"]
fn a_real_kernel_built_again_is_the_same() {
    let clock = LaterClock::new();
    let (dir, version) = common::real_project();
    common::succeeded(build_again(dir.path(), &version, &clock));
}

/// The fake kernel's configuration, as that of a real one, has the version of pahole, which only debug information for BPF needs.
#[test]
fn a_configuration_keeps_no_version_of_a_tool_that_it_does_not_use() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let out = project.path().join("out");
    build(project.path(), &out);
    let config = fs::read_to_string(out.join("config")).unwrap();
    assert!(config.contains("CONFIG_PAHOLE_VERSION=0\n"), "{config}");
}

/// Without it, a test above might compare nothing.
#[test]
fn a_kernel_that_holds_its_date_is_found() {
    if !common::have_nix() {
        return;
    }
    let clock = LaterClock::new();
    let project = common::fake_project("irreproducible");
    let again = build_again(project.path(), "6.1.9999", &clock);
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(
        !again.status.success() && said.contains("may not be deterministic"),
        "{said}"
    );
}

#[test]
fn a_bundle_holds_what_was_asked_for_last() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let out = project.path().join("out");
    build(project.path(), &out);
    fs::write(out.join("own.txt"), "mine").unwrap();
    let mut words = vec!["build", "6.1.9999", "arm64", "--config", "tiny"];
    words.extend(["--targets", "config", "--out", out.to_str().unwrap()]);
    words.extend(common::DEBIAN);
    common::succeeded(common::kflake(project.path(), &words));
    assert!(out.join("config").is_file() && out.join("own.txt").is_file());
    assert!(!out.join("Image").exists() && !out.join("vmlinux").exists());
}

#[test]
fn a_bundle_reproduces_itself_elsewhere() {
    if !common::have_nix() {
        return;
    }
    let (project, elsewhere) = (common::fake_project("ok"), common::fake_project("ok"));
    let out = project.path().join("out");
    build(project.path(), &out);
    let other = elsewhere.path().join("deeper/down/out");
    build(elsewhere.path(), &other);
    let sums = |out: &PathBuf| fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    assert!(sums(&out).contains("  Image\n") && sums(&out).contains("  vmlinux\n"));
    assert_eq!(sums(&out), sums(&other));

    // what it needs of its project comes along
    let moved = elsewhere.path().join("moved");
    common::succeeded(
        Command::new("cp")
            .arg("-r")
            .args([&out, &moved])
            .output()
            .unwrap(),
    );
    fs::remove_dir_all(project.path().join("matrix")).unwrap();
    let out = moved;
    let reproduce = || {
        Command::new(out.join("reproduce.sh"))
            .current_dir("/")
            .env("KFLAKE", env!("CARGO_BIN_EXE_kflake"))
            .output()
            .unwrap()
    };
    let said = common::succeeded(reproduce()).stdout;
    assert!(String::from_utf8_lossy(&said).contains("Image: OK"));
    fs::write(
        out.join("SHA256SUMS"),
        format!("{}  Image\n", "0".repeat(64)),
    )
    .unwrap();
    let differs = reproduce();
    assert_eq!(differs.status.code(), Some(1), "{differs:?}");
    let said = String::from_utf8_lossy(&differs.stderr);
    assert!(said.contains("diffoscope "), "{said}");
}
