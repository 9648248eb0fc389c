//! What a boot is put together from, as Nix: QEMU's command line and the kind of init.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

/// `code` with `boots` and `matrix` in scope, in a project of the whole matrix.
fn eval(code: &str) -> Value {
    let dir = tempfile::tempdir().unwrap();
    common::succeeded(common::kflake(dir.path(), &["gen", "--packages", "debian"]));
    let expression = format!(
        r#"
        let
          matrix = import ./matrix.nix;
          boots = import ./call-package.nix (import ./debian-packages {{ }}) ./boot.nix {{ elfTools = "/elf.sh"; }};
        in
        {code}"#
    );
    common::eval(dir.path(), &expression)
}

fn command(board: &str) -> Vec<String> {
    let value = eval(&format!(
        r#"boots.qemuCommand {{
          board = matrix.boards.{board};
          kernel.image = "/vmlinux";
          initramfs = null;
          initrd = "/a,b.cpio";
        }}"#
    ));
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_board_may_place_its_initramfs() {
    if !common::have_nix() {
        return;
    }
    let words = command("mipsel-malta");
    let at = words.iter().position(|word| word == "-initrd").unwrap();
    assert_eq!(words[at + 1], "/a,b.cpio");

    let words = command("mipsel-malta-low-initrd");
    assert!(!words.contains(&"-initrd".to_owned()), "{words:?}");
    let loader = "loader,file=/a,,b.cpio,addr=0x2000000,force-raw=on";
    assert!(words.contains(&loader.to_owned()), "{words:?}");
    let told =
        "console=ttyS0 kflake_end=reboot rd_start=0x82000000 rd_size=0x2000000 panic=-1".to_owned();
    assert!(words.contains(&told), "{words:?}");
}

/// The flags of init for a kernel: what the toolchain's libc starts on decides.
#[test]
fn a_libc_that_refuses_the_kernel_is_left_out_of_init() {
    if !common::have_nix() {
        return;
    }
    let flags = eval(
        r#"map (kernel: (boots.initramfs {
             toolchain = import ./compiler.nix matrix.toolchains."debian-10.2.1-armel" // {
               libc = "glibc-2.31"; target = "arm-linux-gnueabi"; name = "t"; outPath = "/t";
               spec = matrix.toolchains."debian-10.2.1-armel"; arch = matrix.arches.armel; };
             inherit kernel;
           }).initFlags) [ "2.6.31" "3.1.10" "3.2" "3.4.113" ]"#,
    );
    let bare = "-DKFLAKE_BARE -ffreestanding -nostdlib -fno-pic -Wl,-e,_start";
    assert_eq!(flags, json!([bare, bare, "", ""]));
}

#[test]
fn what_another_qemu_boots_is_another_result() {
    let dir = tempfile::tempdir().unwrap();
    common::succeeded(common::kflake(dir.path(), &["gen", "--packages", "debian"]));
    let expression = r#"
      let
        set = import ./debian-packages { };
        boot =
          qemu:
          (import ./cells.nix {
            pkgs = set // { inherit qemu; };
            matrix = import ./matrix.nix;
            sources = import ./sources.nix;
            resolve = import ./resolve.nix;
            muslCrossMake = null;
          }).packages.boot-k6-arm64.drvPath;
        other = set.runCommand "qemu-99" { } "mkdir $out";
      in
      [ (boot set.qemu) (boot set.qemu) (boot other) ]"#;
    let paths: Vec<String> = serde_json::from_value(common::eval(dir.path(), expression)).unwrap();
    assert_eq!(paths[0], paths[1]);
    assert_ne!(paths[0], paths[2]);
}

/// One case of the table that `kflake boot` answers as well.
#[derive(Deserialize)]
struct Case {
    name: String,
    console: String,
    modules: Vec<String>,
    arguments: Vec<String>,
    test: String,
    detail: String,
}

/// What the judge of boot tests says of a console, with a command that prints it in the place of QEMU: its last line, and boot.json.
fn judged(console: &str, modules: &[String], arguments: &[String]) -> (String, Value) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(
        at("initramfs.cpio"),
        format!("a program\nKFLAKE-NONCE:{}\nend", "0".repeat(32)),
    )
    .unwrap();
    let names: String = modules.iter().map(|name| format!("{name}\n")).collect();
    fs::write(at("modules"), names).unwrap();
    fs::write(at("console"), console).unwrap();
    fs::create_dir(at("work")).unwrap();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    // the machine reads its nonce from the initramfs that it is started with
    let machine = r#"nonce=$(sed -n 's/^KFLAKE-NONCE://p' initramfs.cpio); sed "s/@nonce@/$nonce/g" ../console"#;
    let output = Command::new("perl")
        .arg(template.join("boot-supervise.pl"))
        .arg("--splats")
        .arg(template.join("splats.json"))
        .args(["--wall", "20", "--silence", "20", "--release", "6.1.0"])
        .args(["--machine", "aarch64", "--initramfs", "..", "--out", "."])
        .args(arguments)
        .args(["--", "sh", "-c", machine])
        .current_dir(at("work"))
        .output()
        .expect("perl runs");
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap_or_default().to_owned();
    let text = fs::read_to_string(at("work").join("boot.json"))
        .unwrap_or_else(|error| panic!("{error}: {said}{output:?}", output = output.stderr));
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        output.status.success(),
        json["outcome"] == "passed",
        "{said}"
    );
    (last, json)
}

#[test]
fn a_boot_test_is_judged_as_the_table_says() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/consoles.json")).unwrap();
    for case in cases {
        let (last, json) = judged(&case.console, &case.modules, &case.arguments);
        assert_eq!(json["outcome"], case.test, "{}: {last}", case.name);
        let said = match json["outcome"].as_str() {
            Some("passed") => "booted in ".to_owned(),
            _ => format!("kflake: boot: {}: ", case.test),
        };
        assert!(
            last.starts_with(&said) && last.contains(&case.detail),
            "{}: {last}",
            case.name
        );
    }
}

/// Lines of a console, and what is said of them.
#[derive(Deserialize)]
struct Complaint {
    name: String,
    lines: Vec<String>,
    warnings: Vec<String>,
}

/// A console with `lines` between a kernel's first and init's own, and nothing wrong else.
fn good_with(lines: &[String]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let init = "kflake-init: @nonce@ ok pid=1 release=6.1.0 machine=aarch64 module=none loaded=0";
    format!("[    0.000000] Linux version 6.1.0\n{lines}\n{init}\n[    1.0] reboot: Power down\n")
}

#[test]
fn what_a_kernel_complains_of_is_told() {
    let cases: Vec<Complaint> = serde_json::from_str(include_str!("data/splats.json")).unwrap();
    for Complaint {
        name,
        lines,
        warnings,
    } in cases
    {
        let (last, json) = judged(&good_with(&lines), &[], &[]);
        assert_eq!(json["outcome"], "passed", "{name}");
        assert_eq!(json["warnings"], json!(warnings), "{name}");
        let told = match warnings.len() {
            0 => " s".to_owned(),
            1 => format!(" s with 1 warning: {}", warnings[0]),
            n => format!(" s with {n} warnings: {}", warnings.join("; ")),
        };
        assert!(last.ends_with(&told), "{name}: {last}");
    }
}

#[test]
fn a_flood_of_complaints_has_bounds() {
    let lines: Vec<String> = (0..5000)
        .map(|n| format!("WARNING: at {}.c:{n} f()", "x".repeat(2000)))
        .collect();
    let (last, json) = judged(&good_with(&lines), &[], &[]);
    let warnings = json["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 100);
    assert!(warnings.iter().all(|it| it.as_str().unwrap().len() < 300));
    assert!(last.len() < 1000, "{last}");
}

#[test]
fn every_run_has_a_nonce_of_its_own() {
    let nonce = || {
        let (last, _) = judged("the nonce is @nonce@\n", &[], &[]);
        let nonce = last.rsplit(' ').next().unwrap_or_default().to_owned();
        assert_eq!(nonce.len(), 32, "{last}");
        assert_ne!(nonce, "0".repeat(32));
        nonce
    };
    assert_ne!(nonce(), nonce());
}

/// What init says of so many modules that need each other, the last of which fails with `error`.
fn loads(program: &Path, count: u32, error: i32) -> String {
    let mut run = Command::new(program);
    let output = run.args([count.to_string(), error.to_string()]).output();
    String::from_utf8(output.expect("it runs").stdout).unwrap()
}

#[test]
fn init_loads_every_module_however_many_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("modules");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/modules.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-o"]);
    common::succeeded(compiler.arg(&program).arg(source).output().unwrap());
    assert_eq!(loads(&program, 0, 0), "loaded=0 error=0\n");
    assert_eq!(loads(&program, 101, 0), "loaded=101 error=0\n");
    assert_eq!(loads(&program, 1500, 0), "loaded=1500 error=0\n");
    let said = loads(&program, 101, 22);
    assert!(said.ends_with("loaded=0 error=2\n"), "{said}");
    assert!(
        said.contains("\nkflake-init: none failed module=100 error=22\n"),
        "{said}"
    );
    assert_eq!(said.matches(" failed module=").count(), 101, "{said}");
}
