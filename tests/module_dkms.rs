//! Modules with a dkms.conf (`flake-template/module-dkms.sh`), with a `make` that says what it is given and makes what it is told to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Package {
    dir: tempfile::TempDir,
}

impl Package {
    /// A package of `files`, in whose build `make` leaves the files named in `made`.
    fn new(files: &[(&str, &str)], made: &[&str]) -> Package {
        let package = Package {
            dir: tempfile::tempdir().unwrap(),
        };
        for (name, text) in files {
            package.write(&format!("source/{name}"), text);
        }
        package.write("dev/.config", "CONFIG_MODULES=y\nCONFIG_PCI=y\n");
        let script = format!(
            "#!/bin/sh\nset -e\nprintf 'make: %s\\n' \"$*\"\nfor file in {}; do mkdir -p $(dirname $file); : >$file; done\n",
            made.join(" ")
        );
        package.write("bin/make", &script);
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(package.at("bin/make"), mode).unwrap();
        package
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Whether it builds for `release`, and what is said, with this place's path left out.
    fn build(&self, release: &str) -> (bool, String) {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
        let path = format!(
            "{}:{}",
            self.at("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("bash")
            .args([
                "-c",
                "exec 2>&1; . \"$1/module.sh\"; without_nix bash \"$1/module-dkms.sh\" \"${@:2}\"",
                "bash",
            ])
            .arg(template)
            .arg(self.at("dev"))
            .args([release, "aarch64"])
            .arg(self.at("modules"))
            .args(["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"])
            .current_dir(self.at("source"))
            .env("NIX_BUILD_TOP", self.at(""))
            .env("src", "/nix/store/x-module-source")
            .env("NIX_BUILD_CORES", "2")
            .env("PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let place = self.at("").to_str().unwrap().to_owned();
        (output.status.success(), said.replace(&place, ""))
    }

    fn modules(&self) -> String {
        fs::read_to_string(self.at("modules")).unwrap()
    }
}

const HEAD: &str = "PACKAGE_NAME=\"drv\"\nPACKAGE_VERSION='1.2'\n";

fn conf(more: &str) -> String {
    format!("{HEAD}{more}")
}

#[test]
fn the_command_and_the_modules_are_those_that_it_names() {
    let conf = conf(
        r#"
MAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build/src CONFIG_M6=m EXTRA_CFLAGS=-DX"
BUILT_MODULE_NAME[0]="one"
BUILT_MODULE_LOCATION[0]="src/"
DEST_MODULE_NAME[0]="uno"
DEST_MODULE_LOCATION[0]="/updates/dkms"
BUILT_MODULE_NAME[1]="two"
DEST_MODULE_LOCATION[1]="/extra"
AUTOINSTALL=yes
"#,
    );
    let package = Package::new(&[("dkms.conf", &conf)], &["src/one.ko", "two.ko"]);
    let (ok, said) = package.build("6.1.9");
    assert!(ok, "{said}");
    assert!(
        said.contains(
            "make: -j2 KERNELRELEASE=6.1.9 -C dev M=source/src CONFIG_M6=m EXTRA_CFLAGS=-DX ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- PWD=source\n"
        ),
        "{said}"
    );
    assert_eq!(
        package.modules(),
        "src/one.ko\tuno.ko\t/updates/dkms\n./two.ko\ttwo.ko\t/extra\n"
    );
}

#[test]
fn without_a_command_the_kernel_builds_the_folder() {
    let package = Package::new(&[("dkms.conf", HEAD)], &["drv.ko"]);
    let (ok, said) = package.build("6.1.9");
    assert!(
        ok && said.contains("-C dev M=source modules ARCH=arm64"),
        "{said}"
    );
    // no module is named: what was built is taken
    assert_eq!(package.modules(), "");
}

#[test]
fn what_looks_for_the_running_kernel_finds_the_one_that_is_built_for() {
    let makefile = "KDIR ?= /lib/modules/$(shell uname -r)/build\nall:\n\tmake -C /lib/modules/${KVER}/build\n";
    for command in [
        "'make' KVER=$kernelver KDIR=/lib/modules/${kernelver}/build all",
        "'make' KVER=`uname -r` KDIR=/lib/modules/6.1.9/build all",
    ] {
        let conf = conf(&format!("MAKE=\"{command}\"\n"));
        let package = Package::new(&[("dkms.conf", &conf), ("Makefile", makefile)], &[]);
        let (ok, said) = package.build("6.1.9");
        assert!(ok, "{said}");
        // quoted so that DKMS adds no KERNELRELEASE
        assert!(said.contains("make: KVER="), "{said}");
        assert!(said.contains("KDIR=dev all"), "{said}");
        let left = fs::read_to_string(package.at("source/Makefile")).unwrap();
        assert!(!left.contains("/lib/modules"), "{left}");
    }
}

#[test]
fn what_nix_calls_src_is_none_of_the_package_s() {
    let conf = conf("MAKE=\"make SRC=${src:-none}\"\n");
    let package = Package::new(&[("dkms.conf", &conf), ("Makefile", "")], &[]);
    let (ok, said) = package.build("6.1.9");
    assert!(ok && said.contains("SRC=none"), "{said}");
}

#[test]
fn a_path_to_the_running_kernel_in_pieces_finds_the_one_that_is_built_for() {
    let makefile = concat!(
        "KVER := $(shell uname -r)\nLIB := /lib/modules\nMODLIB := $(LIB)/$(KVER)\nWHOLE ?= /lib/modules/$(KVER)\n",
        "KDIR := $(MODLIB)/build\nOWN = $(DESTDIR)/lib/modules\n",
    );
    let package = Package::new(&[("dkms.conf", &conf("")), ("sub/Makefile", makefile)], &[]);
    let (ok, said) = package.build("6.1.9");
    assert!(ok, "{said}");
    let root = package.at("dkms-root/lib/modules");
    let left = fs::read_to_string(package.at("source/sub/Makefile")).unwrap();
    let left = left.replace("//", "/");
    for line in [
        format!("LIB := {}", root.display()),
        format!("WHOLE ?= {}/$(KVER)", root.display()),
        "OWN = $(DESTDIR)/lib/modules".to_owned(),
    ] {
        assert!(left.lines().any(|it| it == line), "{line} in {left}");
    }
    let build = fs::canonicalize(root.join("6.1.9/build")).unwrap();
    assert_eq!(build, package.at("dev"));
}

#[test]
fn conditions_choose_the_command_and_the_patches() {
    let conf = conf(
        r#"
MAKE[0]="make old"
MAKE_MATCH[0]="^5\."
MAKE[1]="make new"
MAKE_MATCH[1]="^6\."
PATCH[0]="all.patch"
PATCH[1]="old.patch"
PATCH_MATCH[1]="^5\."
"#,
    );
    let patch = "--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-one\n+two\n";
    let files = [
        ("dkms.conf", conf.as_str()),
        ("x.c", "one\n"),
        ("patches/all.patch", patch),
        ("patches/old.patch", "no patch"),
    ];
    let package = Package::new(&files, &[]);
    let (ok, said) = package.build("6.1.9");
    assert!(ok && said.contains("KERNELRELEASE=6.1.9 new "), "{said}");
    let patched = fs::read_to_string(package.at("source/x.c")).unwrap();
    assert_eq!(patched, "two\n");

    let (ok, said) = Package::new(&files, &[]).build("5.4");
    assert!(!ok, "{said}");
    assert!(
        said.contains("kflake: module: dkms-patch: patches/old.patch does not fit"),
        "{said}"
    );
}

#[test]
fn scripts_run_before_and_after() {
    let conf = conf(
        "PRE_BUILD=\"dkms/prepare.sh --kver $kernelver '$arch'\"\nPOST_BUILD=after.sh\nMAKE='make all'\n",
    );
    let files = [
        ("dkms.conf", conf.as_str()),
        (
            "dkms/prepare.sh",
            "#!/bin/sh\necho \"before: $* $kernel_source_dir $module\"\n",
        ),
        ("after.sh", "#!/bin/sh\necho after\n"),
    ];
    let (ok, said) = Package::new(&files, &[]).build("6.1.9");
    assert!(ok, "{said}");
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    assert!(at("before: --kver 6.1.9 aarch64 dev drv") < at("make: -j2"));
    assert!(at("make: -j2") < at("\nafter"));

    let files = [("dkms.conf", conf.as_str())];
    let (ok, said) = Package::new(&files, &[]).build("6.1.9");
    assert!(
        !ok && said.contains("dkms-conf: PRE_BUILD names dkms/prepare.sh, which is not"),
        "{said}"
    );
}

#[test]
fn what_it_excludes_is_told_with_the_condition() {
    for (condition, release, told) in [
        ("BUILD_EXCLUSIVE_KERNEL='^(5\\.|6\\.1)'", "6.1.9", None),
        (
            "BUILD_EXCLUSIVE_KERNEL='^5\\.'",
            "6.1.9",
            Some("kernels that match ^5\\. alone (BUILD_EXCLUSIVE_KERNEL), and this is 6.1.9"),
        ),
        ("BUILD_EXCLUSIVE_KERNEL_MIN=6.1", "6.1.9", None),
        (
            "BUILD_EXCLUSIVE_KERNEL_MIN=6.10",
            "6.9.1",
            Some("from 6.10 on"),
        ),
        ("BUILD_EXCLUSIVE_KERNEL_MAX=6.8", "6.8.12-x", None),
        (
            "BUILD_EXCLUSIVE_KERNEL_MAX=6.8",
            "6.10",
            Some("up to 6.8 (BUILD_EXCLUSIVE_KERNEL_MAX)"),
        ),
        ("BUILD_EXCLUSIVE_ARCH='x86_64|aarch64'", "6.1.9", None),
        (
            "BUILD_EXCLUSIVE_ARCH=x86_64",
            "6.1.9",
            Some("arches that match x86_64 alone (BUILD_EXCLUSIVE_ARCH), and this is aarch64"),
        ),
        (
            "BUILD_EXCLUSIVE_CONFIG='CONFIG_PCI !CONFIG_USB'",
            "6.1.9",
            None,
        ),
        (
            "BUILD_EXCLUSIVE_CONFIG='CONFIG_USB'",
            "6.1.9",
            Some("lacks it; try -K CONFIG_USB=m"),
        ),
        (
            "BUILD_EXCLUSIVE_CONFIG='!CONFIG_PCI'",
            "6.1.9",
            Some("kernels without CONFIG_PCI"),
        ),
        (
            "BUILD_EXCLUSIVE_KERNEL='('",
            "6.1.9",
            Some("BUILD_EXCLUSIVE_KERNEL is no regular expression"),
        ),
    ] {
        let conf = conf(&format!("{condition}\n"));
        let (ok, said) = Package::new(&[("dkms.conf", &conf)], &[]).build(release);
        assert_eq!(ok, told.is_none(), "{condition}: {said}");
        if let Some(told) = told {
            assert!(said.contains(told), "{condition}: {said}");
            assert!(!said.contains("make: "), "{condition}: {said}");
        }
    }
}

#[test]
fn a_module_that_was_not_built_is_named() {
    let conf = conf("BUILT_MODULE_NAME=other\nBUILT_MODULE_LOCATION=src\n");
    let package = Package::new(&[("dkms.conf", &conf)], &["src/drv.ko"]);
    let (ok, said) = package.build("6.1.9");
    assert!(
        !ok && said.contains("dkms-not-built: dkms.conf names the module other"),
        "{said}"
    );
    assert!(said.contains("left no src/other.ko"), "{said}");
}

#[test]
fn a_hostile_file_changes_nothing_but_its_own_build() {
    // it ends the shell, and sets what the script itself uses
    let conf = conf(
        "PATH=/nowhere build=/x modules=/y kernelver=z index=3 BUILT_MODULE_NAME=drv\nMAKE='make all'\nexit 3\n",
    );
    let package = Package::new(&[("dkms.conf", &conf)], &["drv.ko"]);
    let (ok, said) = package.build("6.1.9");
    assert!(ok, "{said}");
    assert_eq!(package.modules(), "./drv.ko\tdrv.ko\t\n");

    let conf = "PACKAGE_NAME=../../x\n";
    let (ok, said) = Package::new(&[("dkms.conf", conf)], &[]).build("6.1.9");
    assert!(!ok && said.contains("make no name"), "{said}");
}

#[test]
fn lines_may_end_as_on_windows() {
    let conf = conf(
        "PRE_BUILD=\"before.sh $kernelver\"\nMAKE=\"make -C src KDIR=${kernel_source_dir}\"\n",
    );
    let conf = conf.replace('\n', "\r\n");
    let before = "#!/bin/sh\r\necho \"before $1.\"\r\n";
    let files = [("dkms.conf", conf.as_str()), ("before.sh", before)];
    let (ok, said) = Package::new(&files, &[]).build("6.1.9");
    assert!(ok && said.contains("before 6.1.9.\n"), "{said}");
    assert!(said.contains("-C src KDIR=dev ARCH=arm64"), "{said}");
}
