//! `kflake build-module` on what a module uses of others, and by its dkms.conf, with the fake kernel and real Nix.

mod common;

use std::fs;
use std::path::Path;

/// Exit code, standard output, standard error.
fn build(project: &Path, source: &str, out: &str, more: &[&str]) -> (i32, String, String) {
    let place = |name: &str| project.join(name).to_str().unwrap().to_owned();
    let (source, out) = (place(source), place(out));
    let mut words = vec!["build-module", &source, "--kernel", "6.1.9999"];
    words.extend([
        "--arch",
        "arm64",
        "--config",
        "tiny",
        "--out",
        &out,
        "--verbose",
    ]);
    words.extend(common::DEBIAN);
    words.extend(more);
    let output = common::kflake(project, &words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn write(project: &Path, name: &str, text: &str) {
    let path = project.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn module(calls: &[&str], licence: &str, more: &str) -> String {
    let declared: String = calls
        .iter()
        .map(|it| format!("int {it}(void);\n"))
        .collect();
    let called: String = calls.iter().map(|it| format!(" + {it}()")).collect();
    format!(
        "#include <linux/module.h>\n{declared}{more}\nstatic int begin(void) {{ return 0{called}; }}\nmodule_init(begin);\n\
         MODULE_LICENSE(\"{licence}\");\n"
    )
}

#[test]
fn what_a_module_needs_from_outside_is_listed() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let at = project.path();
    let export = "int lib_call(void) { return 1; }\nEXPORT_SYMBOL(lib_call);\n";
    write(at, "lib/Makefile", "obj-m := lib.o\n");
    write(at, "lib/lib.c", &module(&[], "GPL", export));
    let calls = [
        "lib_call",
        "fake_for_gpl",
        "fake_in_namespace",
        "fake_for_kvm",
        "fake_for_users",
        "fake_ns_one",
        "fake_ns_two",
        "nowhere",
        // those of another arch's kernel are not this one's
        "fake_of_arm",
        "fake_arm_macro",
    ];
    write(at, "user/Makefile", "obj-m := user.o\n");
    write(at, "user/user.c", &module(&calls, "Proprietary", ""));

    // the kernel is only prepared, and its source is asked
    let (code, out, errors) = build(at, "user", "out-user", &[]);
    assert_eq!(code, 0, "{errors}");
    for told in [
        "undefined: fake_arm_macro, fake_of_arm, lib_call, nowhere; no export of it is found in the kernel's source",
        "only for GPL modules: fake_for_gpl, fake_for_kvm, fake_for_users, fake_ns_one; the licence is Proprietary",
        "for other modules only: fake_for_kvm; the kernel exports it to kvm,kvm-*\n",
        "in a namespace: fake_in_namespace; MODULE_IMPORT_NS has to name FAKE\n",
        "in a namespace: fake_ns_one; MODULE_IMPORT_NS has to name FAKE_MACRO\n",
        "in a namespace: fake_ns_two; MODULE_IMPORT_NS has to name FAKE_GIVEN\n",
    ] {
        assert!(out.contains(told), "{told}: {out}");
    }
    // it is one of those that are named
    assert!(!out.contains("only: fake_for_users"), "{out}");
    let report = fs::read_to_string(at.join("out-user/module-report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let it = &report["modules"][0];
    assert_eq!(it["exports_from"], "source");
    assert_eq!(
        it["unresolved"],
        serde_json::json!(["fake_arm_macro", "fake_of_arm", "lib_call", "nowhere"])
    );

    // with what the other module exports
    let (code, out, errors) = build(at, "lib", "out-lib", &[]);
    assert_eq!(code, 0, "{errors}");
    assert!(!out.contains("undefined"), "{out}");
    let symvers = at.join("out-lib/Module.symvers");
    assert!(fs::read_to_string(symvers).unwrap().contains("lib_call"));
    let lib = at.join("out-lib");
    let (code, out, errors) = build(
        at,
        "user",
        "out-user",
        &["--symvers", lib.to_str().unwrap()],
    );
    assert_eq!(code, 0, "{errors}");
    assert!(
        out.contains("undefined: fake_arm_macro, fake_of_arm, nowhere;"),
        "{out}"
    );
    // what the other module exports is for all
    assert!(
        out.contains(
            "only for GPL modules: fake_for_gpl, fake_for_kvm, fake_for_users, fake_ns_one;"
        ),
        "{out}"
    );

    // what exports nothing has nothing to give
    let user = at.join("out-user");
    let (code, _, errors) = build(at, "lib", "out-lib", &["--symvers", user.to_str().unwrap()]);
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("has no Module.symvers"), "{errors}");
}

#[test]
fn a_free_module_that_imports_what_it_uses_has_no_problems() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let at = project.path();
    // two are exported by macros
    let calls = [
        "fake_for_gpl",
        "fake_in_namespace",
        "fake_ops_int",
        "fake_warn",
    ];
    write(at, "m/Makefile", "obj-m := m.o\n");
    write(
        at,
        "m/m.c",
        &module(&calls, "Dual MIT/GPL", "MODULE_IMPORT_NS(FAKE);"),
    );
    let (code, out, errors) = build(at, "m", "out", &[]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(out.lines().count(), 1, "{out}");
}

#[test]
fn a_package_is_built_as_its_dkms_conf_says() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let at = project.path();
    write(
        at,
        "pkg/dkms.conf",
        "PACKAGE_NAME=pkg\nPACKAGE_VERSION=#MODULE_VERSION#\nPRE_BUILD=\"prepare.sh $kernelver\"\n\
         MAKE[0]=\"make KVER=$kernelver\"\nBUILT_MODULE_NAME[0]=drv\nBUILT_MODULE_LOCATION[0]=src\n\
         DEST_MODULE_NAME[0]=renamed\nDEST_MODULE_LOCATION[0]=/updates\nPATCH[0]=fix.patch\n",
    );
    write(
        at,
        "pkg/Makefile",
        "all:\n\t$(MAKE) -C /lib/modules/$(KVER)/build M=$(CURDIR)/src modules\n",
    );
    write(
        at,
        "pkg/prepare.sh",
        "#!/bin/bash\necho 'obj-m := drv.o' >src/Makefile\ntest \"$1\" = \"$(uname -r)\" || exit 3\n",
    );
    write(
        at,
        "pkg/patches/fix.patch",
        "--- a/src/drv.c\n+++ b/src/drv.c\n@@ -1 +1 @@\n-#error not patched\n+/* patched */\n",
    );
    let source = format!("#error not patched\n{}", module(&[], "GPL", ""));
    write(at, "pkg/src/drv.c", &source);
    let (code, out, errors) = build(at, "pkg", "out", &[]);
    // uname names the kernel only once the programs stand in for the machine's
    assert_eq!(code, 0, "{errors}");
    assert!(out.starts_with("renamed.ko: vermagic"), "{out}");
    let report = fs::read_to_string(at.join("out/module-report.json")).unwrap();
    assert!(
        report.contains("\"destination\" : \"/updates\""),
        "{report}"
    );

    write(
        at,
        "pkg/dkms.conf",
        "PACKAGE_NAME=pkg\nPACKAGE_VERSION=1\nBUILD_EXCLUSIVE_ARCH=x86_64\n",
    );
    let (code, _, errors) = build(at, "pkg", "out", &[]);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("BUILD_EXCLUSIVE_ARCH"), "{errors}");
}

/// However the kernel's make is called: by kflake, by the command of a dkms.conf, by the package's own makefile.
#[test]
fn a_makefile_finds_its_own_folder_by_pwd() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let at = project.path();
    let source = format!("#include \"own.h\"\n{}", module(&[], "GPL", "OWN"));
    let kbuild = "obj-m := m.o\nEXTRA_CFLAGS := -I$(PWD)/own\n";
    let conf =
        "PACKAGE_NAME=m\nPACKAGE_VERSION=1\nBUILT_MODULE_NAME=m\nDEST_MODULE_LOCATION=/extra\n";
    let own = format!(
        "ifneq ($(M),)\n{kbuild}else\nall:\n\t$(MAKE) -C {} M=$(CURDIR) modules\nendif\n",
        "/lib/modules/$(KVER)/build"
    );
    let direct =
        format!("{conf}MAKE='make -C $kernel_source_dir M=$dkms_tree/m/1/build modules'\n");
    let through = format!("{conf}MAKE='make KVER=$kernelver'\n");
    for (name, makefile, conf) in [
        ("plain", kbuild, None),
        ("direct", kbuild, Some(direct)),
        ("through", &own, Some(through)),
    ] {
        write(at, &format!("{name}/m.c"), &source);
        write(at, &format!("{name}/own/own.h"), "#define OWN\n");
        write(at, &format!("{name}/Makefile"), makefile);
        if let Some(conf) = conf {
            write(at, &format!("{name}/dkms.conf"), &conf.replace('\'', "\""));
        }
        let (code, _, errors) = build(at, name, "out", &[]);
        assert_eq!(code, 0, "{name}: {errors}");
    }
}
