//! Sample runs for tests. `tests/data/reports/` holds them as files; a test keeps those equal to what is built here,
//! and `KFLAKE_UPDATE=1 cargo test` writes them.

use crate::catalog::{Compiler, Confidence, SourceKind};
use crate::validate::{
    CellRecord, Coverage, FailureRecord, Outcome, RunRecord, SCHEMA_VERSION, Stage, StageRecord,
    ToolchainRecord,
};

/// A run that is put together cell by cell.
pub struct Sample {
    run: RunRecord,
}

impl Sample {
    /// A run that began at `started` and took `seconds`.
    pub fn new(started: &str, seconds: i64) -> Sample {
        let started: jiff::Timestamp = started.parse().expect("a timestamp");
        Sample {
            run: RunRecord {
                schema_version: SCHEMA_VERSION,
                kflake: "0.1.0".to_owned(),
                nix: "2.8.0".to_owned(),
                packages: Some("debian".to_owned()),
                started,
                finished: Some(started + jiff::SignedDuration::from_secs(seconds)),
                interrupted: false,
                shard: None,
                command: [
                    "kflake",
                    "validate",
                    "--packages",
                    "debian",
                    "--toolchains",
                    "debian",
                ]
                .map(str::to_owned)
                .into(),
                cells: Vec::new(),
                coverage: Coverage::default(),
            },
        }
    }

    /// One that `run` begins.
    pub fn of(run: RunRecord) -> Sample {
        Sample { run }
    }

    /// Adds a cell with outcomes as the terminal spells them: `TKMB`, `TKx-`, `T!--`, `TKM.`, `t` for cached, `n/a`.
    pub fn cell(mut self, era: &str, arch: &str, kernel: &str, outcomes: &str) -> Sample {
        self.run.cells.push(cell(era, arch, kernel, outcomes));
        self
    }

    /// Changes the last cell.
    pub fn with(mut self, change: impl FnOnce(&mut CellRecord)) -> Sample {
        change(self.run.cells.last_mut().expect("a cell"));
        self
    }

    /// Gives the failure of the last cell a class, a first error and a reason.
    pub fn fails(self, class: Option<&str>, phase: &str, first_error: &str) -> Sample {
        self.with(|cell| {
            let id = cell.id.clone();
            for stage in cell
                .stages
                .iter_mut()
                .filter(|s| matches!(s.outcome, Outcome::Failed | Outcome::TimedOut))
            {
                stage.reason = Some("builder failed with exit code 2".to_owned());
                stage.failure = Some(FailureRecord {
                    class: class.map(str::to_owned),
                    phase: Some(phase.to_owned()),
                    first_error: Some(first_error.to_owned()),
                    log_tail: vec![
                        "  CC      init/main.o".to_owned(),
                        first_error.to_owned(),
                        "make[2]: *** [scripts/Makefile.build:250] Error 1".to_owned(),
                        "make: *** [Makefile:2010: vmlinux] Error 2".to_owned(),
                    ],
                    log: Some(format!("logs/{id}-{}.log", stage.stage)),
                });
            }
        })
    }

    /// The run.
    pub fn build(mut self) -> RunRecord {
        self.run.coverage = crate::validate::coverage(&self.run.cells);
        self.run
    }
}

/// gcc, binutils and libc as a plausible toolchain for `era` has them.
fn toolchain(era: &str, arch: &str) -> ToolchainRecord {
    let (source, gcc, binutils, libc) = match era {
        "k2.6" => (SourceKind::KernelOnly, "4.9.4", "2.25.1", None),
        "k3" => (SourceKind::Bootlin, "6.4.0", "2.29.1", Some("musl-1.1.18")),
        "k4" => (SourceKind::Debian, "10.2.1", "2.35.2", Some("glibc-2.31")),
        "k7" => (SourceKind::Debian, "14.2.0", "2.44", Some("glibc-2.41")),
        _ => (SourceKind::Debian, "12.2.0", "2.40", Some("glibc-2.36")),
    };
    ToolchainRecord {
        id: format!("{source}-{gcc}-{arch}"),
        source,
        compiler: Compiler::Gcc(gcc.parse().expect("gcc")),
        binutils: Some(binutils.parse().expect("binutils")),
        libc: libc.map(str::to_owned),
        oldest_kernel: None,
        target: format!("{}-linux-gnu", target_cpu(arch)),
        overridden: false,
    }
}

fn target_cpu(arch: &str) -> &str {
    match arch {
        "arm64" => "aarch64",
        "armel" | "armhf" => "arm",
        "i386" => "i686",
        other => other,
    }
}

/// 32 characters of Nix's base32 alphabet that stand for `name`.
fn digest(name: &str) -> String {
    let mut state = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let alphabet = b"0123456789abcdfghijklmnpqrsvwxyz";
    (0..32)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(alphabet[(state >> 59) as usize])
        })
        .collect()
}

/// One cell; see [`Sample::cell`].
pub fn cell(era: &str, arch: &str, kernel: &str, outcomes: &str) -> CellRecord {
    let id = format!("{}-{arch}", era.replace('.', ""));
    let none = outcomes == "n/a";
    let toolchain = (!none).then(|| toolchain(era, arch));
    let mut culprit = String::new();
    let stages = Stage::ALL
        .into_iter()
        .zip(if none { "////" } else { outcomes }.chars())
        .map(|(stage, mark)| {
            let outcome = match mark {
                'T' | 'K' | 'M' | 'B' => Outcome::Passed,
                't' | 'k' | 'm' | 'b' => Outcome::Cached,
                'x' => Outcome::Failed,
                '!' => Outcome::TimedOut,
                '-' => Outcome::Blocked,
                '.' => Outcome::Skipped,
                '/' => Outcome::Unsupported,
                other => panic!("no outcome is written {other:?}"),
            };
            let name = format!("{stage}-{id}-{kernel}");
            let hash = digest(&name);
            let built = matches!(
                outcome,
                Outcome::Passed | Outcome::Failed | Outcome::TimedOut
            );
            let base: u32 = match stage {
                Stage::Toolchain => 64,
                Stage::Kernel => 742,
                Stage::Module => 19,
                Stage::Boot => 43,
            };
            if matches!(outcome, Outcome::Failed | Outcome::TimedOut) {
                culprit = format!("{stage}-{id}");
            }
            let reason = match outcome {
                Outcome::Passed | Outcome::Cached => None,
                Outcome::Failed => Some("builder failed with exit code 2".to_owned()),
                Outcome::TimedOut => Some("silent for 60 s".to_owned()),
                Outcome::Blocked if culprit.is_empty() => {
                    Some("linux-source-shared failed".to_owned())
                }
                Outcome::Blocked => Some(format!("{culprit} failed")),
                Outcome::Skipped => Some("no board is known for it".to_owned()),
                Outcome::Unsupported => Some(format!("{arch} does not exist in {kernel}")),
            };
            StageRecord {
                stage,
                outcome,
                seconds: built.then(|| f64::from(base + u32::from(hash.as_bytes()[0]) % 40) / 10.0),
                drv: (!none && outcome != Outcome::Skipped)
                    .then(|| format!("/nix/store/{hash}-{name}.drv")),
                tools: Default::default(),
                out: outcome
                    .is_success()
                    .then(|| format!("/nix/store/{}-{name}", digest(&hash))),
                reason,
                expected: None,
                warnings: vec![],
                console: None,
                failure: (outcome == Outcome::Failed || outcome == Outcome::TimedOut).then(|| {
                    FailureRecord {
                        class: None,
                        phase: Some("buildPhase".to_owned()),
                        first_error: None,
                        log_tail: Vec::new(),
                        log: None,
                    }
                }),
            }
        })
        .collect();
    CellRecord {
        id,
        era: era.parse().expect("an era"),
        arch: arch.parse().expect("an arch"),
        kernel: Some(kernel.parse().expect("a kernel version")),
        source: None,
        profile: Some("tiny".to_owned()),
        board: (!none).then(|| format!("{arch}-virt")),
        reasons: match &toolchain {
            Some(chosen) => vec![
                format!(
                    "{} is {era}'s first source with a compiler for {arch}",
                    chosen.source
                ),
                format!("{} lies in [4.9, 15) that {kernel} takes", chosen.compiler),
            ],
            None => vec![format!("{arch} does not exist in {kernel}")],
        },
        basis: toolchain.as_ref().map(|_| Confidence::Documented),
        toolchain,
        stages,
    }
}

/// Two cells, all well: what a first run prints.
pub fn small() -> RunRecord {
    Sample::new("2026-11-20T05:10:00Z", 214)
        .cell("k6", "arm64", "6.1.192", "TKMB")
        .cell("k6", "mipsel", "6.1.192", "TKMB")
        .build()
}

/// The same a day later: one broke with the next point release, one is cached, one is new.
pub fn small_later() -> RunRecord {
    Sample::new("2026-11-21T05:10:00Z", 97)
        .cell("k6", "arm64", "6.1.192", "tkmb")
        .cell("k6", "mipsel", "6.1.193", "tKx-")
        .fails(
            Some("relocation-overflow"),
            "buildPhase",
            "probe.ko: relocation truncated to fit: R_MIPS_26 against `printk'",
        )
        .cell("k6", "riscv64", "6.1.193", "TKM!")
        .fails(
            Some("boot-silent"),
            "checkPhase",
            "nothing on the console for 60 s",
        )
        .build()
}

const ARCHES: [&str; 16] = [
    "armel",
    "armhf",
    "arm64",
    "mipseb",
    "mipsel",
    "mips64eb",
    "mips64el",
    "powerpc",
    "powerpcle",
    "powerpc64",
    "powerpc64le",
    "x86_64",
    "i386",
    "riscv64",
    "loongarch64",
    "s390x",
];

/// 60 cells as a sweep over four eras leaves them.
pub fn sixty() -> RunRecord {
    let mut sample = Sample::new("2026-11-20T01:02:03Z", 4 * 3600 + 312);
    let eras = [
        ("k2.6", "2.6.39.4"),
        ("k4", "5.10.229"),
        ("k6", "6.1.192"),
        ("k7", "7.0.3"),
    ];
    for arch in &ARCHES[..15] {
        for (era, kernel) in eras {
            let outcomes = match (era, *arch) {
                ("k2.6", "arm64" | "powerpc64le" | "powerpcle" | "riscv64" | "loongarch64")
                | ("k4", "loongarch64") => "n/a",
                ("k2.6", "armel" | "i386" | "x86_64") => "tkmB",
                ("k2.6", "mips64eb" | "mips64el") => "TK..",
                ("k2.6", "powerpc") => "Tx--",
                ("k2.6", _) => "T-..",
                ("k4", "mipseb" | "mipsel") => "TKx-",
                ("k4", "powerpc64") => "TKM!",
                ("k6", "powerpcle") => "x---",
                ("k7", "armel") => "Tx--",
                ("k7", "mips64eb") => "TKMx",
                ("k7", "powerpcle") => "----",
                (_, "powerpcle") => "TKM.",
                ("k6", _) => "tkmb",
                _ => "TKMB",
            };
            sample = sample.cell(era, arch, kernel, outcomes);
            sample = match (era, *arch) {
                ("k2.6", "powerpc") => sample.fails(
                    Some("assembler-rejects-opcode"),
                    "buildPhase",
                    "arch/powerpc/lib/sstep.S:412: Error: unrecognized opcode: `lvx'",
                ),
                ("k4", "mipseb" | "mipsel") => sample.fails(
                    Some("relocation-overflow"),
                    "buildPhase",
                    "probe.ko: relocation truncated to fit: R_MIPS_26 against `printk'",
                ),
                ("k4", "powerpc64") => {
                    sample.fails(Some("boot-silent"), "checkPhase", "nothing on the console for 60 s")
                }
                ("k6", "powerpcle") => sample.fails(
                    Some("hash-mismatch"),
                    "unpackPhase",
                    "hash mismatch in fixed-output derivation 'gcc-12-powerpcle.deb'",
                ),
                ("k7", "armel") => sample.fails(
                    None,
                    "buildPhase",
                    "arch/arm/mm/proc-arm926.S:88: Warning: section attributes changed; the linker gave up after a very long line that goes on and on, past any terminal's edge, until somebody cuts it",
                ),
                ("k7", "mips64eb") => sample.fails(
                    Some("boot-panic-before-init"),
                    "checkPhase",
                    "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
                ),
                _ => sample,
            };
        }
    }
    sample.build()
}

/// 300 cells: 20 kernels on 15 arches.
pub fn three_hundred() -> RunRecord {
    let kernels = [
        ("k2.6", "2.6.11.12"),
        ("k2.6", "2.6.27.62"),
        ("k2.6", "2.6.32.71"),
        ("k2.6", "2.6.39.4"),
        ("k3", "3.0.101"),
        ("k3", "3.4.113"),
        ("k3", "3.10.108"),
        ("k3", "3.18.140"),
        ("k4", "4.4.302"),
        ("k4", "4.9.337"),
        ("k4", "4.14.336"),
        ("k4", "4.19.325"),
        ("k4", "5.4.297"),
        ("k4", "5.10.229"),
        ("k4", "5.15.190"),
        ("k6", "6.1.192"),
        ("k6", "6.6.100"),
        ("k6", "6.12.43"),
        ("k6", "6.18"),
        ("k7", "7.0-rc3"),
    ];
    let mut sample = Sample::new("2026-11-18T20:00:00Z", 13 * 3600);
    for (row, arch) in ARCHES[..15].iter().enumerate() {
        for (column, (era, kernel)) in kernels.into_iter().enumerate() {
            let modern = matches!(*arch, "arm64" | "riscv64" | "loongarch64" | "powerpc64le");
            let n = row * 7 + column * 5;
            let outcomes = match (modern && column < 9, n % 13, n % 29) {
                (true, ..) => "n/a",
                (_, 0, _) => "TKx-",
                (_, 7, _) => "Tx--",
                (_, 9, 0..6) => "TKM!",
                (_, _, 3) => "TKMx",
                (_, _, 5) => "TK..",
                _ => "TKMB",
            };
            sample = sample.cell(era, arch, kernel, outcomes);
            if outcomes.contains(['x', '!']) {
                let (class, error) = match n % 4 {
                    0 => (Some("werror"), "cc1: all warnings being treated as errors"),
                    1 => (
                        Some("unknown-compiler-header"),
                        "include/linux/compiler-gcc.h:106:30: fatal error: linux/compiler-gcc12.h: No such file or directory",
                    ),
                    2 => (Some("boot-silent"), "nothing on the console for 60 s"),
                    _ => (None, "Segmentation fault"),
                };
                sample = sample.fails(class, "buildPhase", error);
            }
        }
    }
    sample.build()
}

/// Log text that tries everything: nothing of it may act anywhere.
pub fn hostile() -> RunRecord {
    let nasty = [
        "</script><script>window.pwned=1</script>",
        "<img src=x onerror=\"window.pwned=1\">&lt;b&gt;\"'`",
        "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{9b}2J",
        "::error file=a,line=1::pwned",
        "##[error]pwned ##vso[task.complete]",
        "abc\u{202e}gnp.exe\u{2066}\u{200b}\u{feff}",
        "nul \0 backspace \u{8}\u{8}\u{8} cr \r over",
        "]]><!-- --> <![CDATA[ x ]]> --!>",
        "| table | `code` [link](javascript:alert(1)) **bold** <!-- comment",
        "${builtins.readFile \"/etc/passwd\"} {{handlebars}} %s %n",
        "\u{2028}line separator\u{2029} \u{e0041}tag\u{fff9} \u{10ffff}",
    ];
    let mut long = "A".repeat(20_000);
    long.push_str("the end");
    let mut sample = Sample::new("2026-11-20T05:10:00Z", 3);
    for (at, text) in nasty.iter().enumerate() {
        sample = sample
            .cell("k6", ARCHES[at], "6.1.192", "TKx-")
            .fails(Some(text), text, text)
            .with(|cell| {
                cell.reasons.push((*text).to_owned());
                cell.profile = Some((*text).to_owned());
                cell.board = Some((*text).to_owned());
                for stage in &mut cell.stages {
                    if stage.outcome.is_success() {
                        stage.warnings = vec![(*text).to_owned()];
                    }
                    stage.reason = stage.reason.as_ref().map(|_| (*text).to_owned());
                    stage.drv = Some(format!("/nix/store/{text}.drv"));
                    if let Some(failure) = &mut stage.failure {
                        failure.log_tail = nasty.iter().map(|line| (*line).to_owned()).collect();
                        failure.log = Some("../../etc/passwd".to_owned());
                    }
                }
                if let Some(toolchain) = &mut cell.toolchain {
                    toolchain.target = (*text).to_owned();
                    toolchain.libc = Some((*text).to_owned());
                    toolchain.id = (*text).to_owned();
                }
            });
    }
    sample = sample
        .cell("k6", "x86_64", "6.1.192", "TKMx")
        .fails(None, "checkPhase", &long)
        .with(|cell| {
            cell.id = "k6-</title><script>window.pwned=1</script>".to_owned();
        });
    let mut run = sample.build();
    run.nix = "2.8.0\u{1b}[2J<script>window.pwned=1</script>".to_owned();
    run.kflake = "0.1.0'\"><svg onload=window.pwned=1>".to_owned();
    run.command = vec![
        "kflake".to_owned(),
        "validate".to_owned(),
        "$(touch pwned)\n'\"".to_owned(),
    ];
    run
}

/// [`small`], with a kernel that complained and booted all the same.
pub fn complaining() -> RunRecord {
    let mut run = small();
    let boots = run
        .cells
        .iter_mut()
        .filter_map(|cell| cell.stages.last_mut());
    let boot = boots.into_iter().find(|boot| boot.outcome.is_success());
    boot.expect("a boot passed").warnings = vec!["WARNING at kernel/x.c:12".to_owned()];
    run
}

/// [`small_later`], of which the project expected the boot that took too long, and one that passed, to fail.
pub fn expected() -> RunRecord {
    let mut run = small_later();
    for at in [0, 2] {
        let boot = run.cells[at].stages.last_mut().expect("a boot");
        boot.expected = Some("the board's <clock> stands still".to_owned());
    }
    run
}

/// No cells at all, and not finished.
pub fn empty() -> RunRecord {
    let mut run = Sample::new("2026-11-20T05:10:00Z", 0).build();
    run.finished = None;
    run.interrupted = true;
    run
}

/// The samples that are kept as files, by name.
pub fn files() -> [(&'static str, RunRecord); 5] {
    [
        ("small", small()),
        ("small-later", small_later()),
        ("sixty", sixty()),
        ("hostile", hostile()),
        ("empty", empty()),
    ]
}

/// Checks that the repository's file `path` holds `text`; writes it where `KFLAKE_UPDATE` is set.
pub fn same_as_file(path: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("KFLAKE_UPDATE").is_some() {
        super::json::replace(&path, text.as_bytes()).expect("the file is written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{} is out of date: KFLAKE_UPDATE=1 cargo test writes it",
        crate::text::shown(path)
    );
}

#[test]
fn the_files_are_the_samples() {
    for (name, run) in files() {
        same_as_file(
            &format!("tests/data/reports/{name}.json"),
            &super::json::to_string(&run),
        );
    }
}
