//! The sources of modules as people have them: how they are unpacked, what is left of earlier builds, and what is said where
//! nothing comes out (`flake-template/module.sh`, `module-report.sh`).

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs steps of the module's build in `dir`, with a `make` that makes nothing; what the script prints, on either stream.
fn run(dir: &Path, src: &Path, steps: &str) -> (bool, String) {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    fs::create_dir_all(dir.join("dev")).unwrap();
    fs::write(dir.join("dev/.config"), "CONFIG_MODULES=y\nCONFIG_SET=m\n").unwrap();
    fs::write(dir.join("elf"), "elf_expect() { :; }\n").unwrap();
    let script = format!(
        "set -eu; exec 2>&1; . {0}/module.sh; . {0}/module-report.sh; make() {{ :; }}; {steps}",
        template.display()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir)
        .env("src", src)
        .env("NIX_BUILD_TOP", dir)
        .env("out", dir.join("out"))
        .env("kernelDev", dir.join("dev"))
        .env("elfTools", dir.join("elf"))
        .env("linuxArch", "arm64")
        .env("prefixMapFlag", "-ffile-prefix-map")
        .env("cc", "aarch64-linux-gnu-gcc")
        .env("toolPrefix", "aarch64-linux-gnu-")
        .env("kbuildFlags", "CROSS_COMPILE=aarch64-linux-gnu-")
        .env("NIX_BUILD_CORES", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), said)
}

/// Packs `members` of a folder with tar.
fn pack(dir: &Path, files: &[&str], members: &[&str]) -> std::path::PathBuf {
    for file in files {
        let path = dir.join("from").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "obj-m := x.o\n").unwrap();
    }
    let archive = dir.join("module.tgz");
    let status = Command::new("tar")
        .arg("-czf")
        .arg(&archive)
        .arg("-C")
        .arg(dir.join("from"))
        .args(members)
        .status()
        .unwrap();
    assert!(status.success());
    archive
}

#[test]
fn archives_have_a_top_folder_or_none() {
    for (files, members) in [
        (
            &["Makefile", "src/x.c", "include/x.h"][..],
            &["Makefile", "src", "include"][..],
        ),
        (&["Makefile", "src/x.c", "include/x.h"], &["."]),
        (&["m/Makefile", "m/src/x.c", "m/include/x.h"], &["m"]),
        (
            &["m/Makefile", "m/src/x.c", "m/include/x.h", "README"],
            &["m", "README"],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let archive = pack(dir.path(), files, members);
        let (ok, said) = run(
            dir.path(),
            &archive,
            "unpack_module; ls Makefile src/x.c include/x.h",
        );
        assert!(ok, "{members:?}: {said}");
    }
}

#[test]
fn an_archive_may_be_packed_by_lzma_whatever_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let archive = pack(dir.path(), &["m/Makefile"], &["m"]);
    let packed = dir.path().join("module-source");
    let script = "gzip -dc \"$0\" | xz --format=lzma >\"$1\"";
    let status = Command::new("sh")
        .args(["-c", script])
        .args([&archive, &packed])
        .status()
        .unwrap();
    assert!(status.success());
    let (ok, said) = run(dir.path(), &packed, "unpack_module; ls Makefile");
    assert!(ok, "{said}");
}

#[test]
fn what_came_along_built_is_not_taken_for_the_result() {
    let dir = tempfile::tempdir().unwrap();
    let module = dir.path().join("module");
    fs::create_dir_all(module.join("prebuilt")).unwrap();
    fs::write(module.join("Makefile"), "obj-m := x.o\n").unwrap();
    fs::write(module.join("prebuilt/old.ko"), "x").unwrap();
    fs::write(dir.path().join("dev-release"), "6.1.192\n").unwrap();
    let steps = "cp dev-release dev/release; cd module; build_module; ls prebuilt; install_module";
    let (ok, said) = run(dir.path(), &module, steps);
    assert!(!ok && !said.contains("old.ko"), "{said}");
    assert!(said.contains("kflake: module: no-module: "), "{said}");
}

#[test]
fn a_build_that_makes_nothing_is_explained() {
    for (files, said) in [
        (
            &[("Makefile", "obj-$(CONFIG_W5DRV) := w5.o\n")][..],
            "nothing sets CONFIG_W5DRV; try --make-flag CONFIG_W5DRV=m",
        ),
        (
            &[
                ("Makefile", "all:\n\t$(MAKE) -C drv\n"),
                ("drv/src/Kbuild", "obj-m := d.o\n"),
            ],
            "its makefile names no obj-, and drv/src/Kbuild does; try the folder drv/src",
        ),
        (&[("Makefile", "all:\n")], "its makefile names no obj-m"),
        (
            &[("Kbuild", "obj-$(CONFIG_SET) += d.o\n")],
            "left no .ko file\n",
        ),
        (
            &[(
                "Makefile",
                "ifneq ($(KERNELRELEASE),)\n  ifdef WANT_W5 # or not\n    obj-m := w5.o\n  endif\nelse\nall:\nendif\n",
            )],
            "its obj- lines stand under `ifdef WANT_W5 # or not`, which did not hold; --make-flag sets",
        ),
        (
            &[(
                "Kbuild",
                "ifeq ($(A),b)\nelse ifeq ($(C),d)\nelse\nobj-m += w5.o\nendif\n",
            )],
            "stand under `else of else ifeq ($(C),d)`, which",
        ),
        (
            &[("Makefile", "ifneq ($(KERNELRELEASE),)\nobj-m :=\nendif\n")],
            "left no .ko file\n",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let module = dir.path().join("module");
        for (name, text) in files {
            let path = module.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(dir.path().join("dev-release"), "6.1.192\n").unwrap();
        let steps = "cp dev-release dev/release; cd module; install_module";
        let (ok, output) = run(dir.path(), &module, steps);
        assert!(!ok && output.contains(said), "{output}");
    }
}
