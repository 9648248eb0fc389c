//! Every known kind of failure is recognised in a log as compilers, linkers, kernels and QEMU write them.

use std::collections::BTreeSet;

use kflake::validate::{FailureTable, Stage};

/// Class, what was built, and the end of its log.
const LOGS: &[(&str, Option<Stage>, &str)] = &[
    (
        "out-of-disk",
        Some(Stage::Kernel),
        "  LD      vmlinux.o\nld: final link failed: No space left on device\nmake[1]: *** [scripts/Makefile.vmlinux_o:61: vmlinux.o] Error 1\nkflake: kernel: compile: make ended with status 2",
    ),
    (
        "out-of-disk",
        None,
        "tar: linux-6.1/drivers/gpu/drm/amd: Cannot mkdir: No space left on device\ntar: Exiting with failure status due to previous errors",
    ),
    (
        "out-of-memory",
        Some(Stage::Kernel),
        "  CC      drivers/gpu/drm/radeon/radeon_device.o\naarch64-linux-gnu-gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.\nmake[4]: *** [scripts/Makefile.build:250: x.o] Error 1",
    ),
    (
        "out-of-memory",
        Some(Stage::Toolchain),
        "cc1plus: out of memory allocating 65536 bytes after a total of 1073741824 bytes",
    ),
    (
        "sandbox-unavailable",
        Some(Stage::Kernel),
        "nix: error: cloning builder process: Operation not permitted\nnix: error: unable to start build process",
    ),
    (
        "store-broken",
        None,
        "nix: error: executing SQLite statement 'insert into ValidPaths': database disk image is malformed (in '/nix/var/nix/db/db.sqlite')",
    ),
    (
        "host-missing-tool",
        None,
        "kflake: host: missing-tool: host tool `bc` is missing: apt install bc",
    ),
    (
        "undeclared-tool",
        Some(Stage::Kernel),
        "  CHK     include/generated/timeconst.h\n/bin/sh: line 1: bc: command not found\nmake[1]: *** [Kbuild:24: include/generated/timeconst.h] Error 127",
    ),
    (
        "undeclared-tool",
        Some(Stage::Kernel),
        "  LEX     scripts/kconfig/lexer.lex.c\n/bin/sh: 1: flex: not found\nmake[1]: *** [scripts/Makefile.host:9: scripts/kconfig/lexer.lex.c] Error 127",
    ),
    (
        "hash-mismatch",
        None,
        "nix: error: hash mismatch in fixed-output derivation '/nix/store/abc-gcc.deb.drv':\nnix:          specified: sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nnix:             got:    sha256-BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB=",
    ),
    (
        "fetch-404",
        None,
        "trying mirror\ncurl: (22) The requested URL returned error: 404\nkflake: fetch: unavailable: gcc.deb could not be fetched: error 404",
    ),
    (
        "fetch-unavailable",
        None,
        "curl: (6) Could not resolve host: mirror.example\nkflake: fetch: unavailable: gcc.deb could not be fetched: no mirror answered",
    ),
    (
        "fetch-unavailable",
        None,
        "curl: (7) Failed to connect to mirror.example port 443 after 3 ms: Connection refused",
    ),
    (
        "toolchain-bad-archive",
        Some(Stage::Toolchain),
        "tar: Unexpected EOF in archive\nkflake: toolchain: bad-archive: armv7.tar.bz2 cannot be unpacked",
    ),
    (
        "toolchain-missing-file",
        Some(Stage::Toolchain),
        "kflake: toolchain: missing-file: no aarch64-linux-gnu-gcc in the archives",
    ),
    (
        "toolchain-relocate",
        Some(Stage::Toolchain),
        "kflake: toolchain: relocate: bin/x: cannot be rewritten",
    ),
    (
        "toolchain-broken",
        Some(Stage::Toolchain),
        "kflake: toolchain: broken: aarch64-linux-gnu-gcc does not start",
    ),
    (
        "toolchain-wrong-target",
        Some(Stage::Toolchain),
        "kflake: toolchain: wrong-target: gcc says arm-linux-gnueabi, expected arm-linux-gnueabihf",
    ),
    (
        "toolchain-wrong-version",
        Some(Stage::Toolchain),
        "kflake: toolchain: wrong-version: gcc says 12.3.0, expected 12.2.0",
    ),
    (
        "toolchain-leak",
        Some(Stage::Toolchain),
        "kflake: toolchain: leak: specs name /usr/lib",
    ),
    (
        "toolchain-cannot-compile",
        Some(Stage::Toolchain),
        "as: unrecognized option '-EL'\nkflake: toolchain: cannot-compile: a one-line program",
    ),
    (
        "toolchain-cannot-link",
        Some(Stage::Toolchain),
        "ld: cannot find crt1.o: No such file or directory\nkflake: toolchain: cannot-link: a one-line program",
    ),
    (
        "toolchain-wrong-machine",
        Some(Stage::Toolchain),
        "kflake: toolchain: wrong-machine: x.o is 32-bit little, expected big",
    ),
    (
        "toolchain-wrong-interpreter",
        Some(Stage::Toolchain),
        "kflake: toolchain: wrong-interpreter: /lib/ld.so.1, expected /lib/ld-linux.so.3",
    ),
    (
        "init-not-linked",
        None,
        "ld: cannot find -lc\nkflake: boot: init-not-linked: the toolchain cannot link a static init",
    ),
    (
        "unknown-compiler-header",
        Some(Stage::Kernel),
        "In file included from include/linux/compiler.h:40:0,\ninclude/linux/compiler-gcc.h:86:30: fatal error: linux/compiler-gcc6.h: No such file or directory\n #include gcc_header(__GNUC__)\ncompilation terminated.\nkflake: kernel: compile: make ended with status 2",
    ),
    (
        "compiler-too-old",
        Some(Stage::Kernel),
        "***\n*** Compiler is too old.\n***   Your GCC version:    4.8.5\n***   Minimum GCC version: 5.1.0\n***\nscripts/Kconfig.include:44: Sorry, this compiler is not supported.",
    ),
    (
        "compiler-too-old",
        Some(Stage::Kernel),
        "./include/linux/compiler-gcc.h:15:3: error: #error Sorry, your compiler is too old - please upgrade it.",
    ),
    (
        "binutils-too-old",
        Some(Stage::Kernel),
        "***\n*** Linker is too old.\n***   Your GNU ld version:    2.22\n***   Minimum GNU ld version: 2.25.0\n***",
    ),
    (
        "compiler-refused",
        Some(Stage::Kernel),
        "include/linux/compiler-gcc4.h:8:4: error: #error Your version of gcc miscompiles the __weak directive",
    ),
    (
        "defined-array-perl",
        Some(Stage::Kernel),
        "  TIMEC   kernel/timeconst.h\nCan't use 'defined(@array)' (Maybe you should just omit the defined()?) at kernel/timeconst.pl line 373.\nmake[1]: *** [kernel/timeconst.h] Error 255",
    ),
    (
        "dtc-yylloc",
        Some(Stage::Kernel),
        "/usr/bin/ld: scripts/dtc/dtc-parser.tab.o:(.bss+0x10): multiple definition of `yylloc'; scripts/dtc/dtc-lexer.lex.o:(.bss+0x0): first defined here\ncollect2: error: ld returned 1 exit status",
    ),
    (
        "mixed-make-rules",
        Some(Stage::Kernel),
        "Makefile:447: *** mixed implicit and normal rules.  Stop.",
    ),
    (
        "position-independent",
        Some(Stage::Kernel),
        "/tmp/ccwiCjqq.s: Assembler messages:\n/tmp/ccwiCjqq.s:1066: Error: 4-byte relocation cannot be applied to 2-byte field\nmake[2]: *** [arch/x86/boot/video.o] Error 1",
    ),
    (
        "getline-clash",
        Some(Stage::Kernel),
        "scripts/unifdef.c:209:25: error: conflicting types for 'getline'\n/usr/include/stdio.h:645:18: note: previous declaration of 'getline' was here",
    ),
    (
        "host-header-missing",
        Some(Stage::Kernel),
        "scripts/sign-file.c:25:10: fatal error: openssl/opensslv.h: No such file or directory\ncompilation terminated.",
    ),
    (
        "libsubcmd-use-after-free",
        Some(Stage::Kernel),
        "In file included from help.c:12:\nsubcmd-util.h:56:23: error: pointer may be used after 'realloc' [-Werror=use-after-free]\ncc1: all warnings being treated as errors",
    ),
    (
        "gcc-plugin-mismatch",
        Some(Stage::Kernel),
        "cc1: error: incompatible gcc/plugin versions\ncc1: error: failed to initialize plugin ./scripts/gcc-plugins/structleak_plugin.so",
    ),
    (
        "objtool-no-symtab",
        Some(Stage::Kernel),
        "arch/x86/entry/thunk_64.o: warning: objtool: missing symbol table",
    ),
    (
        "relocation-overflow",
        Some(Stage::Kernel),
        "arch/powerpc/kernel/head_64.o: in function `__start':\n(.text+0x12): relocation truncated to fit: R_PPC64_ADDR16_HI against `.text'+40\nmake: *** [Makefile:1179: vmlinux] Error 1",
    ),
    (
        "assembler-soft-float",
        Some(Stage::Kernel),
        "arch/mips/kernel/r4k_switch.S: Assembler messages:\narch/mips/kernel/r4k_switch.S:109: Error: opcode not supported on this processor: mips32 (mips32) `sdc1 $f0,848($4)'",
    ),
    (
        "assembler-err-directive",
        Some(Stage::Kernel),
        "/build/ccZwOyyi.s: Assembler messages:\n/build/ccZwOyyi.s:622: Error: .err encountered\nmake[2]: *** [scripts/Makefile.build:228: kernel/fork.o] Error 1\ncompile_h: line 66: hostname: command not found",
    ),
    (
        "assembler-section-syntax",
        Some(Stage::Kernel),
        "arch/arm/boot/compressed/head.S: Assembler messages:\narch/arm/boot/compressed/head.S:138: Error: junk at end of line, first unrecognized character is `#'",
    ),
    (
        "assembler-zicsr",
        Some(Stage::Kernel),
        "arch/riscv/kernel/head.S:100: Error: unrecognized opcode `csrw sie,zero', extension `zicsr' required",
    ),
    (
        "assembler-rejects-opcode",
        Some(Stage::Kernel),
        "/tmp/ccx.s: Assembler messages:\n/tmp/ccx.s:1208: Error: unrecognized opcode: `mtspr 0x100,9'\nkflake: kernel: compile: make ended with status 2",
    ),
    (
        "assembler-rejects-opcode",
        Some(Stage::Kernel),
        "/tmp/cc.s:41: Error: selected processor does not support `isb' in ARM mode",
    ),
    (
        "compiler-rejects-option",
        Some(Stage::Kernel),
        "aarch64-linux-gnu-gcc: error: unrecognized command-line option '-mindirect-branch=thunk-extern'; did you mean '-x'?",
    ),
    (
        "compiler-rejects-option",
        Some(Stage::Kernel),
        "/src/scripts/mkcompile_h: line 66: hostname: command not found\n  VDSO    arch/x86/vdso/vdso32-int80.so.dbg\ni686-linux-gnu-gcc: error: elf_i386: No such file or directory\nmake[3]: *** [arch/x86/vdso/Makefile:94: arch/x86/vdso/vdso32-int80.so.dbg] Error 1",
    ),
    (
        "kernel-compile",
        Some(Stage::Kernel),
        "/src/scripts/mkcompile_h: line 66: hostname: command not found\n/src/scripts/mkcompile_h: line 69: dnsdomainname: command not found\narch/x86/kernel/ptrace.c:1476:17: error: conflicting types for 'syscall_trace_enter'\nmake[3]: *** [scripts/Makefile.build:228: arch/x86/kernel/ptrace.o] Error 1",
    ),
    (
        "linker-rejects-option",
        Some(Stage::Kernel),
        "aarch64-linux-gnu-ld: unrecognized option '--pic-veneer'\naarch64-linux-gnu-ld: use the --help option for usage information",
    ),
    (
        "internal-compiler-error",
        Some(Stage::Kernel),
        "drivers/x.c:120:1: internal compiler error: in extract_insn, at recog.c:2305\nPlease submit a full bug report",
    ),
    (
        "werror",
        Some(Stage::Kernel),
        "arch/mips/kernel/setup.c:10:5: error: unused variable 'x' [-Werror=unused-variable]\ncc1: all warnings being treated as errors\nmake[2]: *** [scripts/Makefile.build:250] Error 1\nkflake: kernel: compile: make ended with status 2",
    ),
    (
        "header-missing",
        Some(Stage::Kernel),
        "drivers/x.c:3:10: fatal error: asm/unaligned.h: No such file or directory\ncompilation terminated.",
    ),
    (
        "undefined-reference",
        Some(Stage::Kernel),
        "ld: drivers/x.o: in function `x':\nx.c:(.text+0x4): undefined reference to `__udivdi3'\nmake: *** [Makefile:1: vmlinux] Error 1",
    ),
    (
        "modpost-undefined",
        Some(Stage::Module),
        "ERROR: modpost: \"frobnicate\" [/build/kflake_probe.ko] undefined!\nkflake: module: compile: make ended with status 2",
    ),
    (
        "no-rule",
        Some(Stage::Kernel),
        "make[1]: *** No rule to make target 'arch/arm/boot/uImagee'.  Stop.",
    ),
    (
        "hard-c-error",
        Some(Stage::Kernel),
        "drivers/x.c:9:12: error: implicit declaration of function 'frob' [-Wimplicit-function-declaration]",
    ),
    (
        "c23-bool",
        Some(Stage::Kernel),
        "./include/linux/stddef.h:11:9: error: cannot use keyword 'false' as enumeration constant",
    ),
    (
        "kernel-config-lost",
        Some(Stage::Kernel),
        "kflake: kernel: config: PRINTK: requested y, got n: depends on TTY (n)",
    ),
    (
        "kernel-fix-failed",
        None,
        "kflake: kernel: fix-failed: timeconst-perl could not be applied to 2.6.31",
    ),
    (
        "kernel-bad-archive",
        None,
        "kflake: kernel: bad-archive: linux-6.1.tar.xz cannot be unpacked",
    ),
    (
        "kernel-wrong-version",
        Some(Stage::Kernel),
        "kflake: kernel: wrong-version: the tree calls itself 5.5.5, expected 6.1.9999",
    ),
    (
        "kernel-no-image",
        Some(Stage::Kernel),
        "kflake: kernel: no-image: arch/arm64/boot/Image was not built",
    ),
    (
        "kernel-no-modules-dep",
        Some(Stage::Kernel),
        "kflake: kernel: no-modules-dep: make modules_install left no modules.dep",
    ),
    (
        "kernel-patch-rejected",
        Some(Stage::Kernel),
        "kflake: kernel: patch-rejected: fix.patch does not apply to Linux 6.1.9999",
    ),
    (
        "kernel-no-dtb",
        Some(Stage::Kernel),
        "kflake: kernel: no-dtb: arch/arm/boot/dts/versatile-pb.dtb was not built",
    ),
    (
        "kernel-not-elf",
        Some(Stage::Kernel),
        "kflake: kernel: not-elf: vmlinux is not an ELF file",
    ),
    (
        "kernel-wrong-machine",
        Some(Stage::Kernel),
        "kflake: kernel: wrong-machine: vmlinux is 64-bit little machine 21",
    ),
    (
        "kernel-compile",
        Some(Stage::Kernel),
        "drivers/x.c:3:1: error: unknown type name 'frob'\nmake[2]: *** [scripts/Makefile.build:250: drivers/x.o] Error 1\nkflake: kernel: compile: make ended with status 2",
    ),
    (
        "module-no-modules",
        Some(Stage::Module),
        "kflake: module: no-modules: CONFIG_MODULES is off",
    ),
    (
        "module-wrong-vermagic",
        Some(Stage::Module),
        "kflake: module: wrong-vermagic: 6.1.0, expected 6.1.192",
    ),
    (
        "module-wrong-machine",
        Some(Stage::Module),
        "kflake: module: wrong-machine: kflake_probe.ko is 32-bit",
    ),
    (
        "module-no-module",
        Some(Stage::Module),
        "kflake: module: no-module: no .ko file",
    ),
    (
        "module-compile",
        Some(Stage::Module),
        "kflake_probe.c:3:1: error: unknown type name 'frob'\nkflake: module: compile: make ended with status 2",
    ),
    (
        "boot-silent",
        Some(Stage::Boot),
        "qemu: qemu-system-aarch64 -machine virt\nkflake: boot: silent: no output for 30 s; nothing at all was printed",
    ),
    (
        "boot-panic-before-init",
        Some(Stage::Boot),
        "| [    0.3] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\nkflake: boot: panic-before-init: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    (
        "boot-panic-after-init",
        Some(Stage::Boot),
        "| [    0.5] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000004\nkflake: boot: panic-after-init: Attempted to kill init! exitcode=0x00000004",
    ),
    (
        "boot-wrong-machine",
        Some(Stage::Boot),
        "kflake: boot: wrong-machine: the running kernel says ppc64le, expected ppc64",
    ),
    (
        "boot-wrong-release",
        Some(Stage::Boot),
        "kflake: boot: wrong-release: the running kernel says 6.1.0, expected 6.1.192",
    ),
    (
        "boot-wrong-pid",
        Some(Stage::Boot),
        "kflake: boot: wrong-pid: init ran as process 44",
    ),
    (
        "boot-module-not-loaded",
        Some(Stage::Boot),
        "kflake: boot: module-not-loaded: init says module=refused",
    ),
    (
        "boot-init-failed",
        Some(Stage::Boot),
        "kflake: boot: init-failed: init could not uname",
    ),
    (
        "boot-marker-repeated",
        Some(Stage::Boot),
        "kflake: boot: marker-repeated: init said its line 3 times",
    ),
    (
        "boot-wall-timeout",
        Some(Stage::Boot),
        "kflake: boot: wall-timeout: no end after 120 s; last line: x",
    ),
    (
        "boot-qemu-exit",
        Some(Stage::Boot),
        "qemu-system-arm: unsupported machine type\nkflake: boot: qemu-exit: QEMU ended with status 1; nothing at all was printed",
    ),
];

#[test]
fn each_is_recognised() {
    let table = FailureTable::embedded().expect("table");
    let mut wrong = Vec::new();
    for (class, stage, log) in LOGS {
        let blame = table
            .read(log.as_bytes(), *stage)
            .expect("a log in memory can be read");
        let found = blame.class.as_ref().map(|class| class.as_str());
        if found != Some(*class) {
            wrong.push(format!(
                "{class}: taken for {found:?} by {:?}",
                blame.first_error
            ));
        }
        assert!(blame.first_error.is_some_and(|line| log.contains(&line)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn none_is_left_untested() {
    let table = FailureTable::embedded().expect("table");
    let tested: BTreeSet<&str> = LOGS.iter().map(|(class, _, _)| *class).collect();
    let untested: Vec<_> = table
        .iter()
        .filter(|(id, class)| !class.patterns.is_empty() && !tested.contains(id.as_str()))
        .map(|(id, _)| id.as_str())
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn a_console_that_forges_our_lines_is_not_believed() {
    let table = FailureTable::embedded().expect("table");
    let log = "| kflake: boot: silent: forged\n| kflake: toolchain: leak: forged\nkflake: boot: panic-before-init: real";
    let blame = table
        .read(log.as_bytes(), Some(Stage::Boot))
        .expect("readable");
    assert_eq!(
        blame.class.as_ref().map(|class| class.as_str()),
        Some("boot-panic-before-init")
    );
}

#[test]
fn a_build_that_prints_no_known_words_is_unclassified() {
    let table = FailureTable::embedded().expect("table");
    let blame = table
        .read(&b"all is well\nor so it seemed\n"[..], Some(Stage::Kernel))
        .expect("readable");
    assert_eq!(blame.class, None);
    assert_eq!(blame.first_error.as_deref(), Some("or so it seemed"));
}
