//! Fixes of the data, through the builders and real Nix: what they do to a source and to the compilers' command lines.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Builds a Nix expression that sees build-kernel.nix as `kernels` and the package set as `pkgs`.
fn build(fixes: &str, expression: &str) -> Output {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    let template = template.display();
    let set = common::package_set();
    let packages = set.path().display();
    let expression = format!(
        "let pkgs = import {packages}/debian-packages {{ }};
             builder = import {template}/build-kernel.nix;
             kernels = builder (builtins.intersectAttrs (builtins.functionArgs builder)
               (pkgs // {{ fixes = {fixes}; elfTools = {template}/elf.sh; }}));
         in {expression}"
    );
    Command::new("nix-build")
        .env("NIX_CONFIG", common::build_config())
        .args(["--no-out-link", "-E", &expression])
        .output()
        .unwrap()
}

/// The path that was built.
fn built(fixes: &str, expression: &str) -> String {
    let output = build(fixes, expression);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn tree(dir: &Path) {
    for (file, text) in [
        ("Makefile", "VERSION = 3\n"),
        // kernels before 2.6.14 have no Kbuild file here
        ("kernel/timeconst.pl", "if (!defined(@val)) {\n"),
        (
            "arch/arm/boot/head.S",
            "\t.section \".start\", #alloc, #execinstr\n",
        ),
    ] {
        let file = dir.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

const EDITS: &str = r#"[
  { id = "timeconst"; from = "2.6.25"; below = "3.9"; arches = [ ]; gcc = null; reason = "it's \"perl\"";
    apply = [ { kind = "sed"; files = [ "kernel/*.pl" "no/such/file" ]; expression = "s/defined\\(@val\\)/@val/"; } ]; }
  { id = "sections"; from = null; below = "5.5"; arches = [ "armel" ]; gcc = null; reason = "gas";
    apply = [ { kind = "sed"; files = [ "arch/arm/*/*.S" ]; expression = "s/#alloc, *#execinstr/\"ax\"/"; } ]; }
  { id = "header"; from = null; below = "3.18"; arches = [ ]; gcc = { from = "5"; below = null; }; reason = "gcc 5";
    apply = [
      { kind = "write"; file = "include/linux/compiler-gcc@GCC_MAJOR@.h"; text = "'$(x)' @GCC_MAJOR@\n"; }
      { kind = "write"; file = "Makefile"; text = "not this"; }
    ]; }
]"#;

fn source(version: &str, chosen: &str, tree: &Path) -> String {
    format!(
        "kernels.kernelSource {{ version = \"{version}\"; src = {}; {chosen} }}",
        tree.display()
    )
}

#[test]
fn a_source_is_edited_by_version_architecture_and_compiler() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    let gcc5 = "arch = \"armel\"; gcc = \"5.4.0\";";
    let out = built(EDITS, &source("3.4.113", gcc5, dir.path()));
    let read = |file: &str| fs::read_to_string(Path::new(&out).join(file)).unwrap();
    assert_eq!(read("kernel/timeconst.pl"), "if (!@val) {\n");
    assert_eq!(
        read("arch/arm/boot/head.S"),
        "\t.section \".start\", \"ax\"\n"
    );
    assert_eq!(read("include/linux/compiler-gcc5.h"), "'$(x)' 5\n");
    assert_eq!(read("Makefile"), "VERSION = 3\n", "what is there stays");

    // architectures that come to the same edits share one tree; others have their own
    let path =
        |version: &str, toolchain: &str| built(EDITS, &source(version, toolchain, dir.path()));
    let mips4 = path("3.4.113", "arch = \"mipsel\"; gcc = \"4.6.4\";");
    let x86 = path("3.4.113", "arch = \"x86_64\"; gcc = \"4.4.7\";");
    assert_eq!(mips4, x86);
    assert_ne!(out, mips4);
    let read = |file: &str| fs::read_to_string(Path::new(&mips4).join(file)).unwrap();
    assert_eq!(
        read("arch/arm/boot/head.S"),
        "\t.section \".start\", #alloc, #execinstr\n"
    );
    assert!(!Path::new(&mips4).join("include").exists());

    // and a version beyond every range is as its author left it
    let new = path("6.1", gcc5);
    assert_eq!(
        fs::read_to_string(Path::new(&new).join("kernel/timeconst.pl")).unwrap(),
        "if (!defined(@val)) {\n"
    );
}

#[test]
fn an_edit_reaches_nothing_outside_of_the_source() {
    let dir = tempfile::tempdir().unwrap();
    tree(dir.path());
    for (step, said) in [
        (
            r#"{ kind = "sed"; files = [ "../*" ]; expression = "s/a/b/"; }"#,
            "which is not inside the source",
        ),
        (
            r#"{ kind = "write"; file = "/etc/x"; text = ""; }"#,
            "which is not inside the source",
        ),
        // sed's own ways to run programs and write files
        (
            r#"{ kind = "sed"; files = [ "Makefile" ]; expression = "1e touch x"; }"#,
            "could not edit Makefile",
        ),
        (
            r#"{ kind = "sed"; files = [ "Makefile" ]; expression = "1w x"; }"#,
            "could not edit Makefile",
        ),
    ] {
        let fixes = format!(
            r#"[ {{ id = "bad"; from = null; below = null; arches = [ ]; gcc = null; reason = "r"; apply = [ {step} ]; }} ]"#
        );
        let output = build(&fixes, &source("3.0", "", dir.path()));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(
            stderr.contains("kflake: kernel: fix-failed: bad "),
            "{stderr}"
        );
        assert!(stderr.contains(said), "{stderr}");
    }
}
