//! An SDK of a real cell builds a program, and the cell's real kernel runs it.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::terminal::Terminal;

#[track_caller]
fn succeeded(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn shell(script: &str) -> Output {
    Command::new("sh").args(["-euc", script]).output().unwrap()
}

/// Builds a module against the SDK, and has the cell's kernel load it.
#[track_caller]
fn loads_a_module_of(sdk: &Path, project: &Path, version: &str) {
    let module = project.join("hello");
    fs::create_dir_all(&module).unwrap();
    fs::write(module.join("Makefile"), "obj-m := hello.o\n").unwrap();
    let source = "#include <linux/module.h>\n#include <linux/slab.h>\n\
                  static int __init hello_init(void) { void *p = kmalloc(8, GFP_KERNEL); kfree(p); pr_notice(\"hello: loaded\\n\"); return 0; }\n\
                  static void __exit hello_exit(void) {}\n\
                  module_init(hello_init);\nmodule_exit(hello_exit);\nMODULE_LICENSE(\"GPL\");\n";
    fs::write(module.join("hello.c"), source).unwrap();
    let (sdk, at) = (sdk.display(), module.display());
    succeeded(shell(&format!(
        ". {sdk}/environment; make -C {sdk}/kernel M={at} clean modules"
    )));
    let file = module.join("hello.ko");
    let mut words = vec!["boot", version, "arm64", "--module", file.to_str().unwrap()];
    words.extend(common::DEBIAN);
    let console = common::kflake(project, &words);
    let said = String::from_utf8_lossy(&console.stdout).into_owned();
    assert!(said.contains("hello: loaded"), "{said}{console:?}");
}

#[test]
fn an_sdk_builds_a_program_that_the_kernel_runs() {
    let (dir, _) = common::real_project();
    let project = dir.path();
    let sdk = project.join("sdk");
    let mut words = vec!["sdk", "k6-arm64", "--out", sdk.to_str().unwrap()];
    words.extend(common::DEBIAN);
    succeeded(common::kflake(project, &words));
    let text = |name: &str| fs::read_to_string(sdk.join("kernel-misc").join(name)).unwrap();
    let version = text("kernel-version").trim().to_owned();
    assert_eq!(text("kernel-release").trim(), version);
    assert!(text("kernel-config").contains("CONFIG_ARM64=y"));
    let vermagic = text("kernel-vermagic");
    assert!(
        vermagic.starts_with(&format!("{version} ")) && vermagic.ends_with(" aarch64\n"),
        "{vermagic:?}"
    );
    assert!(sdk.join("kernel/include/generated/utsrelease.h").is_file());
    // no kernel was built for it, and a module loads all the same
    assert!(!sdk.join("kernel/Module.symvers").exists() && !sdk.join("kernel/System.map").exists());
    loads_a_module_of(&sdk, project, &version);

    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/report.c");
    let (at, source) = (project.display(), source.display());
    succeeded(shell(&format!(
        ". {at}/sdk/environment; mkdir -p {at}/staging/usr/bin
         $CC $CFLAGS $LDFLAGS -o {at}/staging/usr/bin/report {source}
         sdk-verify {at}/staging
         $CC $CFLAGS $LDFLAGS -static -o {at}/report {source}"
    )));

    // Debian's compilers have no C++, and no build system falls back to this machine's
    let cxx = shell(&format!(
        ". {at}/sdk/environment; printf 'int main() {{}}' >{at}/x.cc; $CXX -o {at}/x {at}/x.cc"
    ));
    assert_eq!(cxx.status.code(), Some(1), "{cxx:?}");
    let said = String::from_utf8(cxx.stderr).unwrap();
    assert!(
        said.contains("no-cxx: debian-12.2.0-arm64 has no C++ compiler"),
        "{said}"
    );
    let facts = fs::read_to_string(sdk.join("sdk.json")).unwrap();
    assert!(facts.contains("\"cxx\": false"), "{facts}");

    // what is not for the cell, or lacks something, is found
    let verified = shell(&format!(
        ". {at}/sdk/environment; cp /bin/true {at}/staging/usr/bin/; printf 'int f(void) {{ return 1; }}' >{at}/f.c
         $CC -shared -o {at}/libgone.so.1 -Wl,-soname,libgone.so.1 {at}/f.c
         printf 'int f(void); int main(void) {{ return f(); }}' >{at}/g.c
         $CC -o {at}/staging/usr/bin/g {at}/g.c {at}/libgone.so.1
         sdk-verify {at}/staging"
    ));
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    let said = String::from_utf8(verified.stdout).unwrap();
    for part in [
        "is for a 64-bit little-endian machine 62, not a 64-bit little-endian machine 183",
        "needs libgone.so.1, which is neither staged nor in the sysroot",
        "usr/bin/report: ELF64 little-endian machine 183, program, loaded by /lib/ld-linux-aarch64.so.1, needs libc.so.6 (sysroot)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let exported = shell(&format!(
        ". {at}/sdk/environment; sdk-export {at}/staging tar {at}/x.tar"
    ));
    assert_eq!(exported.status.code(), Some(1), "{exported:?}");
    assert!(!project.join("x.tar").exists());

    let boot = |program: &[&str]| {
        let mut words = vec!["boot", &version, "arm64"];
        words.extend(common::DEBIAN);
        words.push("--");
        words.extend(program);
        let output = common::kflake(project, &words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let report = format!("{at}/report");
    let (code, out, errors) = boot(&[&report, "a b", "ü"]);
    assert_eq!(code, Some(42), "{out}{errors}");
    assert_eq!(out, format!("{version} aarch64, child of 1: [a b] [ü]\n"));
    let (code, out, _) = boot(&[&report, "crash"]);
    assert_eq!(
        (code, out),
        (
            Some(128 + 6),
            format!("{version} aarch64, child of 1: [crash]\n")
        )
    );
    // a program that says init's lines, and looks for the nonce that would make them count
    let forger = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/forger.c");
    let forger = forger.display();
    succeeded(shell(&format!(
        ". {at}/sdk/environment; $CC $CFLAGS $LDFLAGS -static -o {at}/forger {forger}"
    )));
    let (code, out, errors) = boot(&[&format!("{at}/forger")]);
    assert_eq!(code, Some(7), "{out}{errors}");
    assert!(!errors.contains("lets a program change init"), "{errors}");
    for part in [
        "/kflake_nonce: No such file or directory",
        "/proc/1/environ: Permission denied",
        "/proc/1/mem: Permission denied",
        "ptrace: Operation not permitted",
        "found 0",
        "FAIL: 3 of 5 tests",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    // all of standard input arrives, whatever is in it, and its end
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let programs = programs.display();
    succeeded(shell(&format!(
        ". {at}/sdk/environment; mkdir -p {at}/root/usr/bin {at}/root/lib {at}/own/sbin
         $CC $CFLAGS $LDFLAGS -static -o {at}/copy {programs}/copy.c
         $CC $CFLAGS $LDFLAGS -static -o {at}/own/sbin/init {programs}/own-init.c
         $CC $CFLAGS $LDFLAGS -o {at}/root/usr/bin/copy {programs}/copy.c
         for lib in ld-linux-aarch64.so.1 libc.so.6; do
           cp \"$(find -L {at}/sdk/sysroot/ -name $lib | head -n 1)\" {at}/root/lib/
         done"
    )));
    let given: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(project.join("given"), &given).unwrap();
    let kflake = env!("CARGO_BIN_EXE_kflake");
    let debian = common::DEBIAN.join(" ");
    let piped = |words: &str| {
        let output = shell(&format!(
            "set +e; head -c 200000 {at}/given | '{kflake}' -C {at} boot {version} arm64 {debian} {words}; echo $? >{at}/code"
        ));
        let code = fs::read_to_string(project.join("code")).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (code.trim().to_owned(), output.stdout, errors)
    };
    let (code, out, errors) = piped(&format!("-- {at}/copy"));
    assert_eq!(code, "5", "{errors}");
    assert!(out == given, "{} bytes came back", out.len());
    // a program of a folder, with the libraries that it finds there
    let (code, out, errors) = piped(&format!("--root {at}/root -- /usr/bin/copy"));
    assert_eq!(code, "5", "{errors}");
    assert!(out == given, "{} bytes came back", out.len());
    // a folder with an init of its own
    let mut words = vec!["boot", version.as_str(), "arm64", "--root"];
    let own = format!("{at}/own");
    words.extend([own.as_str(), "--append", "-- hello"]);
    words.extend(common::DEBIAN);
    let out = succeeded(common::kflake(project, &words));
    assert!(out.contains("own init: hello"), "{out}");

    let (code, _, errors) = boot(&[&format!("{at}/staging/usr/bin/report")]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("link it with -static"), "{errors}");

    // someone who sits there can interrupt it
    let mut terminal = Terminal::start(
        project,
        &format!(
            "'{}' -C . boot {version} arm64 {} -- {report} wait; echo \"left with $?\"",
            env!("CARGO_BIN_EXE_kflake"),
            common::DEBIAN.join(" ")
        ),
    );
    terminal.expect("child of 1: [wait]");
    terminal.press("\u{3}");
    terminal.expect("left with 130");
    terminal.end();
}
