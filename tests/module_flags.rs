//! What `make` is given for a module of the user's own (`flake-template/module-report.sh`), with a `make` that only says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// The arguments of `make`, for a kernel's prepared tree that holds `files`.
fn make_arguments(files: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for folder in ["dev", "bin", "module"] {
        fs::create_dir(at(folder)).unwrap();
    }
    fs::write(at("dev/.config"), "CONFIG_MODULES=y\n").unwrap();
    for file in files {
        fs::write(at("dev").join(file), "-Wno-error\n").unwrap();
    }
    fs::write(at("module/Makefile"), "obj-m := x.o\n").unwrap();
    fs::write(at("bin/make"), "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
    fs::set_permissions(at("bin/make"), fs::Permissions::from_mode(0o755)).unwrap();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    let script = format!(
        "set -eu; . {0}/module.sh; . {0}/module-report.sh; PATH={1}/bin:$PATH; build_reported_module",
        template.display(),
        dir.path().display()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(at("module"))
        .env("kernelDev", at("dev"))
        .env("linuxArch", "arm64")
        .env("prefixMapFlag", "-ffile-prefix-map")
        .env("cc", "aarch64-linux-gnu-gcc")
        .env("kbuildFlags", "CROSS_COMPILE=aarch64-linux-gnu- LLVM=1")
        .env("NIX_BUILD_CORES", "1")
        .env("makeFlags", "CONFIG_X=m")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let place = dir.path().to_str().unwrap();
    said.lines().map(|line| line.replace(place, "")).collect()
}

#[test]
fn a_module_gets_the_flags_that_its_kernel_was_built_with() {
    let own = "CC=aarch64-linux-gnu-gcc -specs=/dev/cc.specs".to_owned();
    let lenient = "KBUILD_MODPOST_WARN=1".to_owned();
    let plain = make_arguments(&["Module.symvers"]);
    assert!(
        !plain.contains(&own) && !plain.contains(&lenient),
        "{plain:?}"
    );
    // neither the kernel's folder nor the build's is left in a module
    let map = "KCFLAGS=-ffile-prefix-map=/dev=. -ffile-prefix-map=/module=. -ffile-prefix-map=/dev/= -ffile-prefix-map=/module/=".to_owned();
    assert!(plain.contains(&map), "{plain:?}");
    assert_eq!(plain.last().map(String::as_str), Some("modules"));
    assert!(plain.contains(&"LLVM=1".to_owned()), "{plain:?}");
    assert!(plain.contains(&"PWD=/module".to_owned()), "{plain:?}");
    let fixed = make_arguments(&["Module.symvers", "cc.specs"]);
    assert!(
        fixed.contains(&own) && !fixed.contains(&lenient),
        "{fixed:?}"
    );
    // clang has no specs
    let clang = make_arguments(&["Module.symvers", "cc.flags"]);
    assert!(clang.contains(&format!("{map} -Wno-error")), "{clang:?}");
    assert!(!clang.iter().any(|it| it.starts_with("CC=")), "{clang:?}");
    let prepared = make_arguments(&["cc.specs"]);
    assert!(
        prepared.contains(&own) && prepared.contains(&lenient),
        "{prepared:?}"
    );
    assert!(prepared.contains(&"CONFIG_X=m".to_owned()), "{prepared:?}");
}

#[test]
fn what_the_build_tells_make_itself_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("Makefile"), "obj-m := x.o\n").unwrap();
    fs::write(dir.path().join("x.c"), "int x;\n").unwrap();
    let build = |flag: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_kflake"))
            .args([
                "build-module",
                ".",
                "--kernel",
                "6.1.192",
                "--arch",
                "arm64",
            ])
            .args(["--out", "out"])
            .arg(format!("--make-flag={flag}"))
            .current_dir(dir.path())
            .env("KFLAKE_NIX", "/nonexistent/nix")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said)
    };
    for flag in ["M=.", "ARCH=arm", "CROSS_COMPILE=x-", "-C/tmp", "clean"] {
        let (code, said) = build(flag);
        let told = said.contains(&format!("--make-flag `{flag}`"));
        assert!(code == 2 && told, "{flag}: {said}");
    }
    for flag in ["CONFIG_FOO=m", "KCFLAGS=-DX", "V=1"] {
        let (code, said) = build(flag);
        // the next thing that is missing is Nix
        assert_eq!(code, 6, "{flag}: {said}");
    }
    assert!(!dir.path().join("out").exists());
}
