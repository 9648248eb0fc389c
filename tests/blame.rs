//! What went wrong first, and of which kind it is, in logs as compilers, linkers, kernels, Nix and QEMU write them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kflake::blame::{Blame, FailureTable};
use kflake::catalog::{Catalog, Stage};
use serde::Deserialize;

/// Logs of `tests/data/logs`, one a file, with what would be right.
#[derive(Deserialize)]
struct Expected {
    log: PathBuf,
    stage: Option<Stage>,
    /// Classes that would be right: a regular expression.
    class: String,
    /// What the first error has to hold: a text, or some, of which one.
    first_error_contains: String,
}

/// Logs of `tests/data/logs/classes.json`: at least one of each class.
#[derive(Deserialize)]
struct Case {
    class: Option<String>,
    stage: Option<Stage>,
    /// The line to be shown, where more than the class is asked for.
    first_error: Option<String>,
    #[serde(default)]
    constraint: Option<String>,
    #[serde(default)]
    function: Option<String>,
    log: Vec<String>,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/logs")
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(data().join(name)).expect(name);
    serde_json::from_str(&text).expect(name)
}

fn table() -> FailureTable {
    FailureTable::new(&Catalog::embedded().expect("the embedded data is sound"))
}

fn class(blame: &Blame) -> Option<&str> {
    blame.class.as_ref().map(|class| class.as_str())
}

#[test]
fn logs_of_real_kinds_are_read_as_their_author_would() {
    let (table, expected) = (table(), read::<Vec<Expected>>("expect.json"));
    assert!(expected.len() > 40);
    let (mut wrong, mut confident) = (Vec::new(), Vec::new());
    for it in &expected {
        let bytes = std::fs::read(data().join(&it.log)).expect("log");
        let blame = table.read(bytes.as_slice(), it.stage).expect("readable");
        let right = regex::Regex::new(&format!("^(?:{})$", it.class)).expect("pattern");
        let line = blame.first_error.as_deref().unwrap_or_default();
        let line_right = it
            .first_error_contains
            .split('|')
            .any(|part| line.contains(part));
        let class_right = class(&blame).is_some_and(|class| right.is_match(class));
        let told = format!("{}: {:?} by {line:?}", it.log.display(), class(&blame));
        if !(line_right && class_right) {
            wrong.push(told.clone());
        }
        if class(&blame).is_some() && !class_right {
            confident.push(told);
        }
        let text = String::from_utf8_lossy(&bytes);
        let numbered = text
            .lines()
            .nth(blame.line_number.expect("a number") as usize - 1);
        assert!(
            numbered.is_some_and(|it| it.contains(line) || it.contains('\u{1b}')),
            "{}",
            it.log.display()
        );
    }
    assert!(
        confident.is_empty(),
        "wrong with confidence: {confident:#?}"
    );
    assert!(wrong.len() * 10 <= expected.len(), "{wrong:#?}");
}

#[test]
fn each_class_is_recognised() {
    let table = table();
    let mut wrong = Vec::new();
    for (index, it) in read::<Vec<Case>>("classes.json").iter().enumerate() {
        let log = it.log.join("\n");
        let blame = table.read_text(&log, it.stage);
        let line = blame.first_error.as_deref();
        let constraint = blame.constraint.as_ref().map(|it| it.as_str());
        let right = class(&blame) == it.class.as_deref()
            && (it.first_error.is_none() || line == it.first_error.as_deref())
            && (it.constraint.is_none() || constraint == it.constraint.as_deref())
            && (it.function.is_none() || blame.function == it.function);
        if !right {
            wrong.push(format!(
                "{index}, {:?}: taken for {:?} by {line:?} ({constraint:?}, {:?})",
                it.class,
                class(&blame),
                blame.function
            ));
        }
        assert!(line.is_some_and(|line| log.contains(line)), "{log}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn none_is_left_untested() {
    let cases = read::<Vec<Case>>("classes.json");
    let tested: BTreeSet<&str> = cases.iter().filter_map(|it| it.class.as_deref()).collect();
    let table = table();
    let untested: Vec<_> = table
        .iter()
        .filter(|(id, _)| !tested.contains(id.as_str()))
        .map(|(id, _)| id.as_str())
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn a_console_that_forges_our_lines_is_not_believed() {
    let log = "| kflake: boot: silent: forged\n| kflake: toolchain: leak: forged\nkflake: boot: panic-before-init: real";
    let blame = table().read_text(log, Some(Stage::Boot));
    assert_eq!(class(&blame), Some("boot-panic-before-init"));
    let log = "| No space left on device\nkflake: boot: silent: no output for 30 s";
    let blame = table().read_text(log, Some(Stage::Boot));
    assert_eq!(class(&blame), Some("boot-silent"));
    let log =
        "kflake: boot: module-not-loaded: 0 of 1 modules loaded: probe.ko (8: Exec format error)";
    let blame = table().read_text(log, Some(Stage::Boot));
    assert_eq!(class(&blame), Some("boot-module-not-loaded"));
}

#[test]
fn a_boot_that_another_program_logged_is_told_from_a_build() {
    let log = "[    0.000000] Linux version 6.1.0 (me@box) (gcc 12.2.0) #1 SMP\n[    1.0] Kernel panic - not syncing: x\n";
    assert_eq!(table().read_text(log, None).stage, Some(Stage::Boot));
    let log = "U-Boot 2017.05-dirty (Jul 13 2017 - 09:38:33 +0800)\nWrong Image Format for bootm command\n=> run b\n\nStarting kernel ...\n\n";
    let blame = table().read_text(log, None);
    assert_eq!(
        (class(&blame), blame.stage),
        (Some("boot-silent"), Some(Stage::Boot))
    );
    for log in [
        "  MKIMAGE u-boot-dtb.img for U-Boot 2017.05\n",
        "  CC      a.o\n[12345.6] Out of memory: Killed process 999 (cc1plus) total-vm:1000kB\n",
        "Linux version 6.1 is built\n",
        "| [    0.000000] Linux version 6.1.0 (me@box) (gcc 12.2.0) #1 SMP\n",
    ] {
        assert_eq!(table().read_text(log, None).stage, None, "{log}");
    }
}

#[test]
fn what_is_no_log_of_a_failure_is_unknown() {
    let table = table();
    let texts = [
        "all is well\nor so it seemed\n",
        include_str!("../README.md"),
        include_str!("../docs/data.md"),
        include_str!("../docs/guide.md"),
        include_str!("../LICENSE-APACHE"),
        include_str!("../Cargo.lock"),
        include_str!("../src/main.rs"),
        "",
        "\u{0}\u{1}\u{2}\n\u{0}",
    ];
    for text in texts {
        for stage in [
            None,
            Some(Stage::Kernel),
            Some(Stage::Module),
            Some(Stage::Boot),
        ] {
            let blame = table.read_text(text, stage);
            assert_eq!(class(&blame), None, "{stage:?}: {:?}", blame.first_error);
        }
    }
}

#[test]
fn a_good_build_is_not_blamed() {
    let log = "make[1]: Entering directory '/build'\n  SYNC    include/config/auto.conf\n  CC      init/main.o\n  CC      drivers/acpi/error.o\n\
        fatal: not a git repository (or any of the parent directories): .git\n/src/scripts/mkcompile_h: line 66: hostname: command not found\n\
        drivers/a.c:1:2: warning: unused variable 'error' [-Wunused-variable]\n  LD      vmlinux\n  OBJCOPY arch/arm64/boot/Image\nKernel: arch/arm64/boot/Image is ready\n";
    let blame = table().read_text(log, Some(Stage::Kernel));
    assert_eq!(class(&blame), None, "{:?}", blame.first_error);
}

#[test]
fn a_good_end_is_not_blamed_for_what_was_said_on_the_way() {
    let table = table();
    let boots = [
        "EXT4-fs (vda1): mounted filesystem with ordered data mode. Opts: errors=remount-ro",
        "i8042: No controller found\nfoo: Error: no hardware found\nrtc_cmos: probe of rtc_cmos failed with error -16",
        "r8169 0000:01:00.0: Unable to load firmware rtl_nic/rtl8168g-2.fw (-2)\ncfg80211: failed to load regulatory.db",
        "BUG: KFENCE: test report (expected)\nrandom: crng init done",
        "ACPI BIOS Error (bug): Failure creating named object [\\_GPE._E42], AE_ALREADY_EXISTS\nusb 1-1: device descriptor read/64, error -71",
    ];
    let builds = [
        "  CC      drivers/scsi/scsi_error.o\n  CC      kernel/panic.o\n0 errors, 1 warnings\nKernel: arch/x86/boot/bzImage is ready  (#1)",
        "make: [Makefile:120: clean] Error 1 (ignored)\nrm: cannot remove 'vmlinux': No such file or directory\n  DEPMOD  /tmp/root/lib/modules/6.1.0",
        "/bin/sh: 1: git: not found\n#\n# configuration written to .config\n#\n  LD      vmlinux\n  Kernel: arch/riscv/boot/Image.gz is ready",
        "Foo support (FOO) [N/y/?] (NEW) n\n#\n# configuration written to .config\n#",
        "not ok 3 - known failure # TODO\n# 2 passed, 0 failed, 1 expected failure\nTotal errors: 0",
    ];
    let begin = "[    0.000000] Linux version 6.1.0 (me@box) (gcc 12.2.0) #1 SMP\n";
    let boots =
        boots.map(|log| format!("{begin}{log}\nRun /sbin/init as init process\nbox login: \n"));
    let stages = [
        (Stage::Boot, boots),
        (Stage::Kernel, builds.map(String::from)),
    ];
    for (stage, logs) in &stages {
        for log in logs {
            for stage in [None, Some(*stage)] {
                let blame = table.read_text(log, stage);
                assert_eq!(class(&blame), None, "{:?} in {log}", blame.first_error);
            }
        }
    }
}

#[test]
fn big_and_binary_logs_are_read_in_bounded_memory() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut log: Vec<u8> = (0..1 << 20).map(|_| random.u8(11..)).collect();
    log.extend_from_slice(b"\na.c:1:2: error: unknown type name 'x'\n");
    for n in 0..20_000 {
        log.extend_from_slice(format!("b.c:{n}:2: error: later\n").as_bytes());
    }
    let blame = table()
        .read(log.as_slice(), Some(Stage::Kernel))
        .expect("readable");
    assert_eq!(
        blame.first_error.as_deref(),
        Some("a.c:1:2: error: unknown type name 'x'")
    );
    assert_eq!(blame.line_number, Some(2));
    assert_eq!(blame.tail.len(), 20);
}

#[test]
fn neither_make_itself_nor_a_note_names_a_cause() {
    for log in [
        "make: *** [Makefile:1304: vmlinux] Error 1\n",
        "compilation make[2]: *** [a.o] Error 1\nmake[2]: *** Waiting for unfinished jobs....\n",
        "note: configuration: base configuration: 110 symbols new in 2.6.31\n",
    ] {
        let blame = table().read_text(log, None);
        assert_eq!(blame.first_error, None);
        assert_eq!(class(&blame), None);
    }
}
