//! What the source step does to a kernel tree that names programs of a host (`flake-template/host-paths.pl`), and to the flags for a
//! host's compiler.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/flake-template");

/// A folder with programs of these names, that do nothing.
fn programs(dir: &Path, names: &[&str]) {
    for name in names {
        script(&dir.join(name), "#!/bin/sh\n");
    }
}

fn script(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o555)).unwrap();
}

/// What becomes of `text` as `name` in a tree, with /P for the folder that PATH names.
fn after(name: &str, text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (bin, tree) = (dir.path().join("bin"), dir.path().join("tree"));
    programs(
        &bin,
        &[
            "pwd", "bash", "sh", "env", "perl", "python3", "awk", "true", "false", "modprobe",
        ],
    );
    let file = tree.join(name);
    script(&file, text);
    let perl = ["/usr/bin/perl", "/usr/local/bin/perl", "/bin/perl"];
    let perl = perl.iter().find(|it| Path::new(it).exists()).unwrap();
    let output = Command::new(perl)
        .env("PATH", &bin)
        .arg(format!("{TEMPLATE}/host-paths.pl"))
        .arg(&tree)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o555, "the file's mode is its own");
    fs::read_to_string(&file)
        .unwrap()
        .replace(bin.to_str().unwrap(), "/P")
}

#[test]
fn makefiles_call_programs_of_the_build() {
    for (line, becomes) in [
        (
            "OUT := $(shell cd $(O) && /bin/pwd)",
            "OUT := $(shell cd $(O) && /P/pwd)",
        ),
        ("SHELL=/bin/bash", "SHELL=/P/bash"),
        (
            "x := $(shell if [ -x /bin/bash ]; then echo /bin/bash; fi)",
            "x := $(shell if [ -x /P/bash ]; then echo /P/bash; fi)",
        ),
        ("\trm -f $@; /bin/false)", "\trm -f $@; /P/false)"),
        ("P = \"/usr/bin/perl\" -w", "P = \"/P/perl\" -w"),
        ("P = ${PERL:-/usr/local/bin/perl}", "P = ${PERL:-/P/perl}"),
        ("\t/usr/bin/env python3 x", "\t/P/env python3 x"),
    ] {
        for name in ["Makefile", "arch/x/Makefile.boot", "lib/Kbuild", "a/b.mk"] {
            assert_eq!(after(name, line), becomes, "{name}");
        }
    }
}

#[test]
fn what_is_no_program_of_the_build_stays() {
    for line in [
        // there is one in every sandbox
        "\t/bin/sh ./run",
        // programs of the system that the kernel runs on, which get into the kernel
        "\t@echo initialize_domain /sbin/modprobe from any >> $@",
        "\tcp x /usr/bin/turbostat",
        // ends of other paths
        "CROSS_COMPILE := $(ROOT)/bin/pwd",
        "x = ${root}/bin/pwd ../bin/pwd ./bin/pwd ~/bin/pwd \"$root\"/bin/pwd usr/bin/pwd",
        "x = /opt/bin/pwd /bin/pwd/x",
        "sed 's/\\/bin\\/pwd//'",
    ] {
        assert_eq!(after("Makefile", line), line);
    }
    // neither C, nor a manual, nor a value for the kernel, nor what a package runs where it is installed
    for (name, text) in [
        ("init/main.c", "\"/bin/bash\""),
        ("Documentation/Makefile", "SHELL=/bin/bash"),
        ("init/Kconfig", "\tdefault \"/bin/bash\""),
        ("scripts/package/builddeb", "#!/P/sh\n/bin/bash -c x"),
    ] {
        let before = text.replace("/P/sh", "/bin/sh");
        assert_eq!(after(name, &before), text, "{name}");
    }
    assert_eq!(
        after("init/Kconfig", "\tdefault $(shell,/bin/pwd)"),
        "\tdefault $(shell,/P/pwd)"
    );
}

#[test]
fn scripts_have_interpreters_of_the_build() {
    for (line, becomes) in [
        ("#!/bin/sh\n/bin/pwd", "#!/P/sh\n/P/pwd"),
        ("#! /bin/bash -e\n", "#!/P/bash -e\n"),
        ("#!/usr/bin/env perl\n", "#!/P/perl\n"),
        ("#!/usr/bin/env -S perl -w\n", "#!/P/env -S perl -w\n"),
        ("#!/usr/bin/awk -f\n", "#!/P/awk -f\n"),
        // not among the build's programs
        ("#!/usr/bin/env drgn\n", "#!/usr/bin/env drgn\n"),
        ("#!/usr/bin/wish\n", "#!/usr/bin/wish\n"),
    ] {
        for name in ["scripts/x", "tools/a/b.sh"] {
            assert_eq!(after(name, line), becomes);
        }
    }
}

#[test]
fn a_link_out_of_the_tree_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, outside) = (dir.path().join("tree"), dir.path().join("outside"));
    fs::create_dir(&tree).unwrap();
    fs::write(&outside, "SHELL=/bin/bash").unwrap();
    symlink(&outside, tree.join("Makefile")).unwrap();
    let status = Command::new("perl")
        .arg(format!("{TEMPLATE}/host-paths.pl"))
        .arg(&tree)
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "SHELL=/bin/bash");
}

/// From 14 on gcc refuses what C of the time of gcc 4.4 does; before, it warns at the option that allows it.
#[test]
fn old_c_is_allowed_to_a_new_host_compiler() {
    let dir = tempfile::tempdir().unwrap();
    for (version, allowed) in [
        ("9", false),
        ("13.2.0", false),
        ("14", true),
        ("15.1.0", true),
    ] {
        let gcc = dir.path().join(version);
        script(&gcc.join("gcc"), &format!("#!/bin/sh\necho {version}\n"));
        let output = Command::new("bash")
            .env("PATH", format!("{}:/usr/bin:/bin", gcc.display()))
            .args([
                "-ec",
                ". $0/source-common.sh; . $0/source-gcc.sh; host_flags 4.4.7; echo $CFLAGS",
            ])
            .arg(TEMPLATE)
            .output()
            .unwrap();
        let flags = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            flags.contains(" -fpermissive"),
            allowed,
            "{version}: {flags}"
        );
        assert!(flags.contains("-fgnu89-inline"), "{flags}");
    }
}
