//! `kflake build-module --boot`: a module of one's own, loaded by the init of a boot test.

mod common;

use std::fs;
use std::path::Path;

/// The module `said`, which says something and fails with `result`, and `after`, which needs it, in `dir`.
fn modules(dir: &Path, result: i32) {
    let write = |name: &str, text: &str| {
        fs::create_dir_all(dir.join("pair")).unwrap();
        fs::write(dir.join("pair").join(name), text).unwrap();
    };
    // sorted by name, `after` comes before what it needs
    write("Makefile", "obj-m := after.o said.o\n");
    let head = "#include <linux/init.h>\n#include <linux/kernel.h>\n#include <linux/module.h>\n";
    write(
        "said.c",
        &format!(
            "{head}int said(void) {{ return 7; }}\nEXPORT_SYMBOL(said);
            static int __init begin(void) {{ printk(KERN_NOTICE \"said: here\\n\"); return {result}; }}
            module_init(begin);\nMODULE_LICENSE(\"GPL\");\n"
        ),
    );
    write(
        "after.c",
        &format!(
            "{head}int said(void);
            static int __init begin(void) {{ printk(KERN_NOTICE \"after: %d\\n\", said()); return 0; }}
            module_init(begin);\nMODULE_LICENSE(\"GPL\");\n"
        ),
    );
}

/// Exit code, standard output, and standard error in one line.
fn run(project: &Path, source: &str, version: &str, more: &[&str]) -> (i32, String, String) {
    let mut words = vec!["build-module", source, "--kernel", version, "--arch"];
    let out = project.join("out");
    words.extend(["arm64", "--config", "tiny", "--out", out.to_str().unwrap()]);
    words.extend(common::DEBIAN);
    words.extend(more);
    let output = common::kflake(project, &words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let errors = text(&output.stderr);
    let errors: Vec<&str> = errors
        .split_whitespace()
        .filter(|word| *word != "│")
        .collect();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        errors.join(" "),
    )
}

const SOURCE: &str = "#include <linux/module.h>
static int own_init(void) { return 0; }
module_init(own_init);
MODULE_LICENSE(\"GPL\");
";

#[test]
fn a_boot_has_to_load_the_module_and_say_what_is_expected() {
    if !common::have_nix() {
        return;
    }
    for (behaviour, expected, code, message) in [
        ("ok", "kflake-probe: ok release=6.1.9999", 0, ""),
        (
            "ok",
            "own: hello",
            1,
            "kflake: boot: message-missing: no line of the console has: own: hello",
        ),
        (
            "no-module",
            "Linux version",
            1,
            "kflake: boot: module-not-loaded: 0 of 1 modules loaded: own.ko (8: Exec format error)",
        ),
        ("panic", "Linux version", 1, "panic-before-init"),
    ] {
        let project = common::fake_project(behaviour);
        let folder = project.path().join("own");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("Makefile"), "obj-m := own.o\n").unwrap();
        fs::write(folder.join("own.c"), SOURCE).unwrap();
        let own = folder.to_str().unwrap();
        let more = ["--boot", "--expect", "Linux version", "--expect", expected];
        let (got, out, errors) = run(project.path(), own, "6.1.9999", &more);
        assert_eq!(got, code, "{behaviour}: {errors}");
        assert!(errors.contains(message), "{behaviour}: {errors}");
        assert!(out.contains("own.ko: vermagic"), "{out}");
        let log = project.path().join("out/boot.log");
        assert_eq!(log.is_file(), code == 0);
    }
}

#[test]
fn a_kernel_that_complains_fails_the_boot_unless_that_is_accepted() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("splat");
    let folder = project.path().join("own");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("Makefile"), "obj-m := own.o\n").unwrap();
    fs::write(folder.join("own.c"), SOURCE).unwrap();
    let own = folder.to_str().unwrap();
    let (code, out, errors) = run(project.path(), own, "6.1.9999", &["--boot"]);
    assert_eq!(code, 1, "{errors}");
    assert!(
        errors.contains("the kernel complained: WARNING at kernel/fake.c:12")
            && errors.contains("--allow-splats")
            && !out.contains("booted and loaded"),
        "{out}{errors}"
    );
    let log = fs::read_to_string(project.path().join("out/boot.log")).unwrap();
    assert!(log.contains("end trace"), "{log}");

    let more = ["--boot", "--allow-splats"];
    let (code, out, errors) = run(project.path(), own, "6.1.9999", &more);
    assert_eq!(code, 0, "{errors}");
    assert!(
        out.contains("booted and loaded with 1 warning: WARNING at kernel/fake.c:12; "),
        "{out}"
    );
}

#[test]
fn modules_of_a_real_kernel_are_loaded_in_the_order_that_they_need() {
    if !common::have_nix() {
        return;
    }
    let (dir, version) = common::real_project();
    let pair = dir.path().join("pair");
    let more = ["--boot", "--expect", "said: here", "--expect", "after: 7"];
    modules(dir.path(), 0);
    let (code, out, errors) = run(dir.path(), pair.to_str().unwrap(), &version, &more);
    assert_eq!(code, 0, "{errors}");
    assert!(out.contains("booted and loaded"), "{out}");
    let log = fs::read_to_string(dir.path().join("out/boot.log")).unwrap();
    assert!(
        log.contains("module=loaded") && log.contains("after: 7"),
        "{log}"
    );

    // what says its message and refuses has not loaded
    modules(dir.path(), -19);
    let (code, _, errors) = run(dir.path(), pair.to_str().unwrap(), &version, &more);
    assert_eq!(code, 1, "{errors}");
    assert!(
        errors.contains("module-not-loaded: 0 of 2 modules loaded: after.ko ("),
        "{errors}"
    );
}

#[test]
fn a_warning_of_a_real_kernel_fails_the_boot_unless_that_is_accepted() {
    if !common::have_nix() {
        return;
    }
    let (dir, version) = common::real_project();
    let folder = dir.path().join("warns");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("Makefile"), "obj-m := warns.o\n").unwrap();
    let source = "#include <linux/bug.h>
#include <linux/module.h>
static int __init warns_init(void) { WARN_ON(1); return 0; }
module_init(warns_init);
MODULE_LICENSE(\"GPL\");
";
    fs::write(folder.join("warns.c"), source).unwrap();
    let warns = folder.to_str().unwrap();
    let (code, out, errors) = run(dir.path(), warns, &version, &["--boot"]);
    assert_eq!(code, 1, "{errors}");
    assert!(
        errors.contains("the module loaded, but the kernel complained: WARNING at ")
            && errors.contains("--allow-splats")
            && !out.contains("booted and loaded"),
        "{out}{errors}"
    );
    let log = fs::read_to_string(dir.path().join("out/boot.log")).unwrap();
    assert!(
        log.contains("WARNING: ") && log.contains("end trace") && log.contains("module=loaded"),
        "{log}"
    );

    let more = ["--boot", "--allow-splats"];
    let (code, out, errors) = run(dir.path(), warns, &version, &more);
    assert_eq!(code, 0, "{errors}");
    assert!(
        out.contains("booted and loaded with 1 warning: WARNING at "),
        "{out}"
    );
}
