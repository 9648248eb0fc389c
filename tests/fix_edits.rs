//! What fixes of the data make of the very lines that kernels have, where building those kernels takes too long.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The text of `file` after the edits that `fix` has for it.
fn edited(fix: &str, file: &str, text: &str) -> String {
    let fixes: Value = serde_json::from_str(include_str!("../matrix/fixes.json")).unwrap();
    let steps = fixes[fix]["apply"].as_array().unwrap();
    let mut text = text.to_owned();
    for step in steps {
        let files = step["files"].as_array();
        if !files.is_some_and(|it| it.iter().any(|it| it == file)) {
            continue;
        }
        let mut sed = Command::new("sed")
            .args(["-E", "--sandbox", step["expression"].as_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        sed.stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = sed.wait_with_output().unwrap();
        assert!(output.status.success());
        text = String::from_utf8(output.stdout).unwrap();
    }
    text
}

#[test]
fn x86_64_kernels_take_the_relocation_of_newer_assemblers_once() {
    let module = "arch/x86/kernel/module.c";
    let fix = |text: &str| edited("x86_64-plt32", module, text);
    let done = "\t\tcase R_X86_64_PC32:\n\tcase R_X86_64_PLT32:\n\t\t\tval -= (u64)loc;\n";
    assert_eq!(
        fix("\t\tcase R_X86_64_PC32:\n\t\t\tval -= (u64)loc;\n"),
        done
    );
    // 2.6.27 has a blank there; late stable kernels have the case
    assert_eq!(
        fix("\t\tcase R_X86_64_PC32: \n\t\t\tval -= (u64)loc;\n"),
        done.replace("PC32:", "PC32: ")
    );
    let late = "\t\tcase R_X86_64_PC32:\n\t\tcase R_X86_64_PLT32:\n\t\t\tval -= (u64)loc;\n";
    assert_eq!(fix(late), late);
    assert!(
        edited(
            "x86_64-plt32",
            "arch/x86/tools/relocs.c",
            "\tcase R_X86_64_PC32:\n\t\t/*\n"
        )
        .contains("PLT32")
    );
}

#[test]
fn x86_64_kernels_are_linked_with_large_pages_and_32_bit_ones_as_they_were() {
    let text = edited(
        "x86_64-2mb-pages",
        "arch/x86/Makefile",
        "LDFLAGS := -m elf_$(UTS_MACHINE)\n",
    );
    assert_eq!(
        text,
        "LDFLAGS := -m elf_$(UTS_MACHINE)\nifeq ($(CONFIG_X86_64),y)\nLDFLAGS += -z max-page-size=0x200000\nendif\n"
    );
}

#[test]
fn the_decompressor_s_flags_come_before_those_of_its_assembly() {
    let text = edited(
        "x86_64-no-relaxation",
        "arch/x86/boot/compressed/Makefile",
        "KBUILD_AFLAGS  := $(KBUILD_CFLAGS) -D__ASSEMBLY__\n",
    );
    let (added, kept) = text.split_once('\n').unwrap();
    assert!(added.starts_with("KBUILD_CFLAGS += ") && added.contains("-mrelax-relocations=no"));
    assert_eq!(kept, "KBUILD_AFLAGS  := $(KBUILD_CFLAGS) -D__ASSEMBLY__\n");
}

#[test]
fn the_vdso_of_mips_gets_the_flags_that_keep_paths_out_of_it() {
    let text = edited(
        "mips-vdso-paths",
        "arch/mips/vdso/Makefile",
        "ccflags-vdso := \\\n\t$(filter -I%,$(KBUILD_CFLAGS)) \\\n",
    );
    assert_eq!(
        text,
        "ccflags-vdso := $(filter -ffile-prefix-map=% -fdebug-prefix-map=%,$(KBUILD_CFLAGS)) \\\n\t$(filter -I%,$(KBUILD_CFLAGS)) \\\n"
    );
}

#[test]
fn old_headers_have_no_hour_of_the_build() {
    let fixed = |file, text| edited("no-build-dates", file, text);
    assert_eq!(
        fixed(
            "scripts/mkcompile_h",
            "  echo \\#define LINUX_COMPILE_TIME \\\"`date +%T`\\\"\n"
        ),
        "  echo \\#define LINUX_COMPILE_TIME \\\"00:00:01\\\"\n"
    );
    assert_eq!(
        fixed(
            "scripts/kconfig/confdata.c",
            "\ttime(&now);\n\tfprintf(out, ctime(&now));\n"
        ),
        "\tnow = 1;\n\tfprintf(out, ctime(&now));\n"
    );
}

#[test]
fn old_initramfs_folders_have_the_date_of_the_build_no_more() {
    let text = edited(
        "no-build-dates",
        "usr/gen_init_cpio.c",
        "\ttime_t mtime = time(NULL);\n\t\t(long) mtime,\t\t/* mtime */\n",
    );
    assert_eq!(
        text,
        "\ttime_t mtime = 1;\n\t\t(long) mtime,\t\t/* mtime */\n"
    );
}

#[test]
fn mips_says_once_that_it_saves_the_fpu() {
    let text = ".set noreorder\n\t.set\tmips3\n\nLEAF(_save_fp_context)\n\tcfc1\tt1, fcr31\nLEAF(_restore_fp_context)\n";
    assert_eq!(
        edited("mips-hardfloat", "arch/mips/kernel/r4k_fpu.S", text),
        text.replacen("LEAF(", "\t.set\thardfloat\nLEAF(", 1)
    );
    // where the first one is indented
    let text = "\t.align\t5\n\tLEAF(resume)\n\tmfc0\tt1, CP0_STATUS\n";
    assert_eq!(
        edited("mips-hardfloat", "arch/mips/kernel/r4k_switch.S", text),
        "\t.align\t5\n\t.set\thardfloat\n\tLEAF(resume)\n\tmfc0\tt1, CP0_STATUS\n"
    );
}

#[test]
fn mips_arrays_get_the_names_of_the_functions_that_they_hold() {
    let fix = |text: &str| edited("mips-page-alias", "arch/mips/mm/page.c", text);
    assert_eq!(
        fix(concat!(
            "static u32 clear_page_array[0x120 / 4];\n",
            "void clear_page(void *page) __attribute__((alias(\"clear_page_array\")));\n",
            "static u32 copy_page_array[0x540 / 4];\n",
            "void\n",
            "copy_page_cpu(void *to, void *from) __attribute__((alias(\"copy_page_array\")));\n",
        )),
        concat!(
            "void clear_page(void *page);\n",
            "u32 clear_page_array[0x120 / 4] asm(\"clear_page\");\n",
            "void\n",
            "copy_page_cpu(void *to, void *from);\n",
            "u32 copy_page_array[0x540 / 4] asm(\"copy_page_cpu\");\n",
        )
    );
    // 3.5 has them in assembly
    let later = "\t * clear_space_array / copy_page_array.\n";
    assert_eq!(fix(later), later);
}

#[test]
fn a_unit_that_was_not_asked_for_is_not_there() {
    let fix = |text: &str| edited("mips-malta-gcmp", "arch/mips/mti-malta/malta-int.c", text);
    assert_eq!(
        fix(
            "\tif (gcmp_present)  {\n\t\tif (!gcmp_present) {\n  return gcmp_present ?\n\tif (gcmp_present >= 0)\n"
        ),
        "\tif (gcmp_present > 0)  {\n\t\tif (gcmp_present <= 0) {\n  return gcmp_present > 0 ?\n\tif (gcmp_present >= 0)\n"
    );
}

#[test]
fn x86_handlers_stay_where_the_processor_looks_for_them() {
    let fix = |text: &str| edited("x86-early-handlers", "arch/x86/kernel/head_64.S", text);
    assert_eq!(
        fix("\tpushq $i\n\tjmp early_idt_handler\n\ti = i + 1\n"),
        "\tpushq $i\n\t.byte 0xe9\n\t.long early_idt_handler - . - 4\n\ti = i + 1\n"
    );
    // 4.2, and longterm releases, pad each
    let later = "\tjmp early_idt_handler_common\n";
    assert_eq!(fix(later), later);
}

#[test]
fn mips_fetches_what_a_multiplication_leaves_in_hi() {
    let fix = |file: &str, text: &str| edited("mips-hi-register", file, text);
    assert_eq!(
        fix(
            "include/asm-mips/delay.h",
            concat!(
                "\t\t__asm__(\"multu\\t%2, %3\"\n",
                "\t\t: \"=h\" (usecs), \"=l\" (lo)\n",
                "\t\t__asm__(\"dmultu\\t%3, %4\\n\\tmfhi\\t%0\"\n",
                "\t\t: \"=r\" (usecs), \"=h\" (hi), \"=l\" (lo)\n",
            )
        ),
        concat!(
            "\t\t__asm__(\"multu\\t%2, %3\\n\\tmfhi\\t%0\"\n",
            "\t\t: \"=r\" (usecs), \"=l\" (lo)\n",
            "\t\t__asm__(\"dmultu\\t%2, %3\\n\\tmfhi\\t%0\"\n",
            "\t\t: \"=r\" (usecs), \"=l\" (lo)\n",
        )
    );
    assert_eq!(
        fix(
            "arch/mips/include/asm/div64.h",
            concat!(
                "\tif (__high) \\\n",
                "\t\t__asm__(\"divu\t$0, %z2, %z3\" \\\n",
                "\t\t\t: \"=h\" (__upper), \"=l\" (__high) \\\n",
                "\t\t\t: \"Jr\" (__high), \"Jr\" (__base) \\\n",
                "\t\t\t: GCC_REG_ACCUM); \\\n",
                "\t\\\n",
            )
        ),
        "\tif (__high) \\\n\t\t{ __upper = __high % __base; __high /= __base; } \\\n\t\\\n"
    );
    assert_eq!(
        fix(
            "include/asm-mips/compiler.h",
            "#define GCC_REG_ACCUM \"$0\"\n"
        ),
        "#define GCC_REG_ACCUM \"hi\"\n"
    );
}

#[test]
fn mips64_jumps_to_where_the_kernel_is() {
    let fix = |text| edited("mips64-jump-target", "arch/mips/kernel/process.c", text);
    let cut = "\t\t(((unsigned long)(pc) & 0xf0000000) | ((target) << 2))\n";
    let right = "\t\t(((unsigned long)(pc) & ~0x0fffffffUL) | ((target) << 2))\n";
    assert_eq!(fix(cut), right);
    assert_eq!(fix(right), right);
}

#[test]
fn sparc64_sizes_a_function_by_its_own_name() {
    assert_eq!(
        edited(
            "sparc64-load-size",
            "arch/sparc/kernel/una_asm_64.S",
            "\t.size\t__do_int_load, .-__do_int_load\n"
        ),
        "\t.size\tdo_int_load, .-do_int_load\n"
    );
}

#[test]
fn powerpc64_compares_pointers_in_the_vdso() {
    let fix = |text| {
        let file = "arch/powerpc/kernel/vdso64/*.S";
        edited("ppc64-vdso-compare", file, text)
    };
    assert_eq!(fix("\tcmpli\tcr0,r4,0\n"), "\tcmpldi\tcr0,r4,0\n");
    for right in [
        "\tcmpldi\tcr0,r4,0\n",
        "\tcmpli\tcr0,1,r4,0\n",
        "\tcmpwi\tcr0,r3,CLOCK_REALTIME\n",
    ] {
        assert_eq!(fix(right), right);
    }
}

#[test]
fn powerpc64_can_flush_without_the_detector_of_lockups() {
    let guarded = "#ifdef CONFIG_HARDLOCKUP_DETECTOR\nearly_initcall(disable_hardlockup_detector);\n\n\
                   #ifdef CONFIG_PPC_BOOK3S_64\nflush\n#endif /* CONFIG_PPC_BOOK3S_64 */\n#endif\n";
    let right = "#ifdef CONFIG_HARDLOCKUP_DETECTOR\nearly_initcall(disable_hardlockup_detector);\n#endif\n\n\
                 #ifdef CONFIG_PPC_BOOK3S_64\nflush\n#endif /* CONFIG_PPC_BOOK3S_64 */\n";
    let fix = |text| {
        edited(
            "ppc64-rfi-flush-guard",
            "arch/powerpc/kernel/setup_64.c",
            text,
        )
    };
    assert_eq!(fix(guarded), right);
    assert_eq!(fix(right), right);
}

#[test]
fn m68k_declares_what_it_frees_pages_with() {
    assert_eq!(
        edited(
            "m68k-swap-header",
            "include/asm-generic/tlb.h",
            "#include <linux/swap.h>\n#include <asm/pgalloc.h>\n"
        ),
        "#include <linux/pagemap.h>\n#include <linux/swap.h>\n#include <asm/pgalloc.h>\n"
    );
}

#[test]
fn the_decompressor_of_s390_gets_the_flags_that_it_lacks() {
    let makefile = "arch/s390/boot/compressed/Makefile";
    let fix = |text: &str| edited("s390-decompressor-flags", makefile, text);
    let others = "KBUILD_CFLAGS := -m$(BITS) -D__KERNEL__ $(LINUX_INCLUDE) -O2\n\
                  KBUILD_CFLAGS += $(call cc-option,-mpacked-stack)\n";
    let checks = "-fno-delete-null-pointer-checks";
    for (before, after) in [
        // 2.6.36 to 3.10, 3.16, and 3.18.140
        (String::new(), format!(" -msoft-float {checks}")),
        (format!(" {checks}"), format!(" {checks} -msoft-float")),
        (
            format!(" {checks} -msoft-float"),
            format!(" {checks} -msoft-float"),
        ),
    ] {
        let text = |flags: &str| format!("KBUILD_CFLAGS += $(cflags-y){flags}\n{others}");
        assert_eq!(fix(&text(&before)), text(&after));
    }
}

#[test]
fn powerpc64_is_linked_with_its_table_of_contents_as_it_was_written() {
    let fix = |fix: &str, text: &str| edited(fix, "arch/powerpc/Makefile", text);
    // 2.6.36, and 3.4.113
    for y in ["yy", "y"] {
        let others = format!("LDFLAGS_vmlinux-{y} := -Bstatic\n");
        let text = format!("{others}LDFLAGS_vmlinux\t:= $(LDFLAGS_vmlinux-{y})\n");
        let fixed =
            format!("{others}LDFLAGS_vmlinux\t:= $(LDFLAGS_vmlinux-{y}) --no-toc-optimize\n");
        assert_eq!(fix("ppc64-no-toc-optimize", &text), fixed);
    }
    let flags = |value: &str| {
        format!("CFLAGS-$(CONFIG_PPC64)\t:= -mminimal-toc -mtraceback={value}  -mcall-aixdesc\n")
    };
    assert_eq!(fix("ppc64-traceback-option", &flags("none")), flags("no"));
}

#[test]
fn sh_kernels_ask_for_init_by_the_register_that_they_name() {
    let text = |first: &str| {
        format!(
            "\t__asm__ __volatile__ (SYSCALL_ARG3 : \"=z\" (__sc0)\n\
             \t\t\t: \"{first}\" (__sc0), \"r\" (__sc4), \"r\" (__sc5), \"r\" (__sc6)\n"
        )
    };
    let file = "arch/sh/kernel/sys_sh32.c";
    assert_eq!(edited("sh-execve-register", file, &text("0")), text("r"));
}

#[test]
fn mips_delays_of_2_6_30_name_what_they_are_given() {
    let text = |us: &str, ns: &str| {
        format!(
            "\t__delay(({us} * HZ * lpj) >> 32);\nvoid __ndelay(unsigned long ns)\n\
             \t__delay(({ns} * HZ * lpj) >> 32);\n"
        )
    };
    assert_eq!(
        edited(
            "mips-ndelay",
            "arch/mips/lib/delay.c",
            &text("us * 0x000010c7", "us * 0x00000005")
        ),
        text("us * 0x000010c7ull", "ns * 0x00000005ull")
    );
}
