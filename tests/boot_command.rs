//! `kflake boot`, with a kernel that plays a boot and real QEMU.

mod common;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

const CELL: &[&str] = &["6.1.9999", "arm64"];

/// `kflake boot` of the fake kernel: exit code, standard output and standard error.
fn boot(project: &Path, args: &[&str], program: &[&str]) -> (i32, String, String) {
    let mut words = ["boot"]
        .iter()
        .chain(CELL)
        .chain(common::DEBIAN)
        .chain(args)
        .copied()
        .collect::<Vec<_>>();
    if !program.is_empty() {
        words.push("--");
        words.extend(program);
    }
    let output = common::kflake(project, &words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\r', "");
    // miette breaks lines where it likes
    let errors = text(&output.stderr).replace("\n  │ ", " ");
    (output.status.code().unwrap(), text(&output.stdout), errors)
}

/// Whether init's own line is on the console.
fn said_by_init(console: &str) -> bool {
    let mut lines = console.lines();
    lines.any(|line| line.starts_with("kflake-init: ") && line.contains(" ok pid=1 "))
}

/// A static program for arm64, which the fake kernel never really runs.
fn program(dir: &Path) -> String {
    let mut elf = vec![0; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[16..20].copy_from_slice(&[2, 0, 183, 0]);
    let path = dir.join("program");
    fs::write(&path, elf).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_cell_is_booted_on_the_console() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let (code, out, errors) = boot(project.path(), &[], &[]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        out.contains("Linux version 6.1.9999") && said_by_init(&out),
        "{out}"
    );

    // the same kernel, by its file
    let (code, out, errors) = boot(project.path(), &["--dry-run"], &[]);
    assert_eq!(code, 0, "{errors}");
    let words: Vec<&str> = out.split_whitespace().collect();
    assert!(
        out.starts_with("qemu-system-aarch64 -machine virt "),
        "{out}"
    );
    let image = words[words.iter().position(|it| *it == "-kernel").unwrap() + 1];
    let copy = project.path().join("Image");
    fs::copy(image, &copy).unwrap();
    let (code, out, errors) = boot(project.path(), &["--kernel", copy.to_str().unwrap()], &[]);
    assert_eq!(code, 0, "{errors}");
    assert!(said_by_init(&out), "{out}");

    // and by the folder that it was built in: make's, or kflake's
    let built = project.path().join("built");
    let folder = built.to_str().unwrap();
    let dry = ["--kernel", folder, "--dry-run"];
    fs::create_dir_all(built.join("arch/arm64/boot")).unwrap();
    let (code, _, errors) = boot(project.path(), &dry, &[]);
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("there is no arch/arm64/boot/Image in that folder"),
        "{errors}"
    );
    for place in ["Image", "arch/arm64/boot/Image"] {
        fs::copy(image, built.join(place)).unwrap();
        let (code, out, errors) = boot(project.path(), &dry, &[]);
        assert_eq!(code, 0, "{errors}");
        assert!(out.contains(&format!("built/{place} ")), "{out}");
    }
}

#[test]
fn a_program_is_run_and_its_exit_code_passed_on() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("program");
    let program = program(project.path());
    let (code, out, errors) = boot(project.path(), &[], &[&program, "a b", "c"]);
    assert_eq!((code, out.as_str()), (7, "one\ntwo\n"), "{errors}");
    // without --verbose the kernel's own lines are not shown
    assert!(!errors.contains("Linux version"), "{errors}");
    let (_, _, errors) = boot(project.path(), &["--verbose"], &[&program]);
    assert!(errors.contains("Linux version 6.1.9999"), "{errors}");
}

#[test]
fn a_machine_that_dies_first_has_a_code_of_its_own() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("program-panic");
    let program = program(project.path());
    let (code, out, errors) = boot(project.path(), &[], &[&program]);
    assert_eq!(code, 125, "{errors}");
    assert!(out.starts_with("one\ntwo\n"), "{out}");
    assert!(
        errors.contains("Kernel panic - not syncing: Fatal exception"),
        "{errors}"
    );
}

#[test]
fn what_ends_a_kernel_is_told_with_what_to_do_about_it() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("panic");
    let (code, _, errors) = boot(project.path(), &[], &[]);
    assert_eq!(code, 1, "{errors}");
    let cause = errors.find("class: boot-no-root").expect(&errors);
    let end = errors
        .find("error: Kernel panic - not syncing: VFS")
        .expect(&errors);
    assert!(cause < end && errors.contains("--initrd"), "{errors}");
}

#[test]
fn a_kernel_that_complains_is_told_of_and_fails_unless_that_is_accepted() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("splat");
    let program = program(project.path());
    for run in [&[][..], &[program.as_str()]] {
        let (code, _, errors) = boot(project.path(), &[], run);
        assert_eq!(code, 1, "{errors}");
        assert!(
            errors.contains("the kernel complained: WARNING at kernel/fake.c:12")
                && errors.contains("--allow-splats"),
            "{errors}"
        );
        let (code, out, errors) = boot(project.path(), &["--allow-splats"], run);
        assert_eq!(code, 0, "{errors}");
        assert!(
            errors.contains("the kernel complained: WARNING at kernel/fake.c:12"),
            "{errors}"
        );
        assert_eq!(out.contains("played"), !run.is_empty(), "{out}");
    }
}

#[test]
fn a_module_that_does_not_load_is_told() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("no-module");
    let bytes = common::module::module(183, "6.1.9999 SMP aarch64");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&bytes).unwrap();
    for (name, bytes) in [("x.ko", bytes), ("x.ko.gz", packed.finish().unwrap())] {
        let module = project.path().join(name);
        fs::write(&module, bytes).unwrap();
        let module = module.to_str().unwrap();
        let (code, out, errors) = boot(project.path(), &["--module", module], &[]);
        assert_eq!(code, 1, "{errors}");
        assert!(out.contains("module=error-8"), "{out}");
        assert!(
            errors.contains("0 of 1 modules loaded")
                && errors.contains(&format!("{name}: Exec format error")),
            "{errors}"
        );
    }
}

#[test]
fn limits_end_a_silent_machine() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("stall");
    let (code, out, errors) = boot(project.path(), &["--silence", "6"], &[]);
    assert_eq!(code, 1, "{errors}");
    assert!(out.contains("Linux version 6.1.9999"), "{out}");
    assert!(errors.contains("no output for 6 s"), "{errors}");
    let (code, _, errors) = boot(project.path(), &["--silence", "0", "--wall", "7"], &[]);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("still running after 7 s"), "{errors}");
}

#[test]
fn a_machine_can_be_changed_and_what_it_cannot_have_is_refused() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("program");
    let dir = project.path();
    let (disk, root) = (dir.join("disk,1"), dir.join("root"));
    fs::write(&disk, "nothing on it").unwrap();
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    let (disk, root) = (disk.to_str().unwrap(), root.to_str().unwrap());

    let options = [
        "--append",
        "quiet",
        "--append",
        "x=y z",
        "--memory",
        "1G",
        "--gdb=4321",
    ];
    let (code, out, errors) = boot(dir, &[&options[..], &["--dry-run"]].concat(), &[]);
    assert_eq!(code, 0, "{errors}");
    let end = "quiet x=y z' -m 1G -gdb tcp:127.0.0.1:4321 -S\n";
    assert!(
        out.ends_with(end) && out.matches("-append").count() == 2,
        "{out}"
    );

    // the fake kernel has no such drivers, which only its configuration tells
    for (option, symbol) in [
        (&["--smp", "2"][..], "SMP"),
        (&["--disk", disk], "VIRTIO_BLK"),
        (&["--net"], "IP_PNP_DHCP"),
    ] {
        let (code, _, errors) = boot(dir, option, &[]);
        assert_eq!(code, 1, "{errors}");
        assert!(
            errors.contains(&format!("without CONFIG_{symbol}, which the machine needs")),
            "{errors}"
        );
    }
    for (args, program, message) in [
        (&["--root", "/nonexistent"][..], None, "No such file"),
        (&["--root", disk], None, "it is not a folder"),
        (&["--root", root], None, "it has no /init, /sbin/init"),
        (
            &["--root", root],
            Some("/usr/bin/none"),
            "it has no program /usr/bin/none",
        ),
        (
            &["--root", root],
            Some("/usr/bin"),
            "it has no program /usr/bin",
        ),
        (&["--disk", "/nonexistent"], None, "No such file"),
        (&["--append", "a\nb"], None, "control character"),
        (&["--memory", "512"], None, "a number with M or G"),
        (&["--smp", "0"], None, "--smp"),
        (
            &["--kernel", disk, "-K", "CONFIG_X=y"],
            None,
            "cannot be used with",
        ),
    ] {
        let (code, _, errors) = boot(dir, args, program.as_slice());
        assert_eq!(code, 2, "{args:?}: {errors}");
        assert!(errors.contains(message), "{args:?}: {errors}");
    }
    // larger than the machine
    let large = fs::File::create(dir.join("root/init")).unwrap();
    large.set_len(600 << 20).unwrap();
    large
        .set_permissions(fs::Permissions::from_mode(0o755))
        .unwrap();
    let (code, _, errors) = boot(dir, &["--root", root, "--memory", "1G"], &[]);
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("is 600 MiB") && errors.contains("--memory"),
        "{errors}"
    );
}

#[test]
fn what_cannot_be_started_is_refused_before_anything_is_built() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let dir = project.path();
    let path = |name: &str, bytes: &[u8]| {
        fs::write(dir.join(name), bytes).unwrap();
        dir.join(name).to_str().unwrap().to_owned()
    };
    let empty = path("empty", b"");
    let mut mips = vec![0; 64];
    mips[..6].copy_from_slice(b"\x7fELF\x01\x02");
    mips[19] = 8;
    let mips = path("vmlinux", &mips);
    let mut x86 = fs::read(program(dir)).unwrap();
    x86[18] = 62;
    let x86 = path("x86", &x86);
    let script = path("script", b"#!/bin/sh\n");
    let object = path("x.o", &fs::read(program(dir)).unwrap());
    let root = dir.join("root");
    fs::create_dir(&root).unwrap();
    symlink("/bin/busybox", root.join("init")).unwrap();
    fs::copy(&x86, root.join("x86")).unwrap();
    let root = root.to_str().unwrap();
    for (args, program, message) in [
        (
            ["--wall", "5"],
            Some(x86.as_str()),
            "a program for x86_64, and the kernel is for arm64",
        ),
        (["--wall", "5"], Some(&script), "a script for /bin/sh"),
        (["--module", &object], None, "it is not a module"),
        (
            ["--root", root],
            None,
            "/init: it is a link to /bin/busybox, which the folder lacks",
        ),
        (["--root", root], Some("/x86"), "/x86: it is not executable"),
        (["--kernel", "/nonexistent"], None, "No such file"),
        (["--kernel", &empty], None, "the file is empty"),
        (
            ["--kernel", "/"],
            None,
            "no arch/arm64/boot/Image in that folder",
        ),
        (
            ["--kernel", &mips],
            None,
            "an ELF file for mips, and the machine is for arm64",
        ),
        (["--initrd", "/nonexistent"], None, "No such file"),
        (["--module", "/nonexistent"], None, "No such file"),
        (
            ["--module", &mips],
            None,
            "an ELF file for mips, and the machine is for arm64",
        ),
        (["--wall", "5"], Some("/nonexistent"), "No such file"),
    ] {
        let (code, _, errors) = boot(dir, &args, program.as_slice());
        assert_eq!(code, 2, "{args:?}: {errors}");
        assert!(errors.contains(message), "{args:?}: {errors}");
    }
    // what the folder of a build says of its kernel
    fs::create_dir(dir.join("built")).unwrap();
    let built = dir.join("built").display().to_string();
    for (config, message, advice) in [
        (
            "# CONFIG_BLK_DEV_INITRD is not set\n",
            "without CONFIG_BLK_DEV_INITRD",
            "-K CONFIG_BLK_DEV_INITRD=y",
        ),
        (
            "CONFIG_BLK_DEV_INITRD=y\nCONFIG_CMDLINE_OVERRIDE=y\n",
            "no command line but its own",
            "-K '# CONFIG_CMDLINE_OVERRIDE is not set'",
        ),
    ] {
        fs::write(dir.join("built/config"), config).unwrap();
        let (code, _, errors) = boot(dir, &["--kernel", &built], &[]);
        assert_eq!(code, 2, "{errors}");
        assert!(
            errors.contains(message) && errors.contains(advice),
            "{errors}"
        );
    }
}
