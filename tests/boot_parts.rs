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
fn the_boards_of_an_arch_are_in_the_order_of_preference() {
    if !common::have_nix() {
        return;
    }
    let other = eval(
        r"
        let
          versions = import ./versions.nix;
          first = cell: builtins.head (builtins.filter
            (id: versions.within matrix.boards.${id} cell.kernel) matrix.arches.${cell.arch}.boards);
          cells = builtins.filter (cell: cell.board != null) (builtins.attrValues matrix.cells);
        in
        { tried = builtins.length cells; wrong = builtins.filter (cell: first cell != cell.board) cells; }",
    );
    assert!(other["tried"].as_u64().unwrap() > 60, "{other}");
    assert_eq!(other["wrong"], json!([]));
}

/// `boot`, with a command that prints a console in the place of QEMU, and a folder that a kernel was built in.
struct Built {
    dir: tempfile::TempDir,
}

impl Built {
    fn new(release: &str, machine: &str) -> Built {
        let dir = tempfile::tempdir().unwrap();
        let built = Built { dir };
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
        for folder in [
            "kit/bin",
            "kit/lib",
            "programs",
            "out/include/config",
            "out/arch/arm/boot/dts/arm",
        ] {
            fs::create_dir_all(built.at(folder)).unwrap();
        }
        for file in ["initramfs.pl", "boot-supervise.pl", "splats.json"] {
            fs::copy(template.join(file), built.at("kit/lib").join(file)).unwrap();
        }
        fs::copy(template.join("boot-built.pl"), built.at("kit/bin/boot")).unwrap();
        let command = [
            "qemu",
            "-kernel",
            "@image@",
            "-dtb",
            "@dtb@",
            "-append",
            "console=ttyS0",
        ];
        let board = |id: &str, from: Value, below: Value, dtb: Value| {
            json!({
                "id": id, "from": from, "below": below, "dtb": dtb, "image": "arch/arm/boot/zImage", "target": "zImage",
                "programs": built.at("programs"), "command": command,
            })
        };
        let new = json!([4, 5, 0, 0, 65536]);
        let machines = json!({ "arch": "armel", "uname": "armv5tejl", "boards": [
            board("new", new.clone(), Value::Null, json!("board.dtb")),
            board("old", json!([2, 6, 12, 0, 65536]), new, Value::Null),
        ] });
        fs::write(built.at("kit/lib/machines.json"), machines.to_string()).unwrap();
        fs::write(built.at("kit/lib/init"), "init").unwrap();
        fs::write(
            built.at("out/include/config/kernel.release"),
            format!("{release}\n"),
        )
        .unwrap();
        fs::write(built.at("out/arch/arm/boot/zImage"), "kernel").unwrap();
        fs::write(built.at("out/arch/arm/boot/dts/arm/board.dtb"), "tree").unwrap();
        let qemu = format!(
            "#!/bin/sh\nnonce=$(grep -ao 'KFLAKE-NONCE:[0-9a-f]*' initramfs.cpio); nonce=${{nonce#*:}}\n\
             loaded=$(grep -ac 'kflake_module' initramfs.cpio)\necho \"words: $*\"\n{machine}\n"
        );
        fs::write(built.at("programs/qemu"), qemu).unwrap();
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(built.at("programs/qemu"), all).unwrap();
        built
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new("perl");
        command.arg(self.at("kit/bin/boot")).args(options);
        command.arg(self.at("out")).env("TMPDIR", self.at(""));
        command
    }

    /// The exit code, and what was said.
    fn boot(&self, options: &[&str]) -> (Option<i32>, String) {
        let output = self.command(options).output().expect("perl runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    /// What is left of the folders that it works in.
    fn left(&self) -> usize {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let names = entries.map(|it| it.unwrap().file_name());
        names
            .filter(|it| it.to_string_lossy().starts_with("kflake-boot-"))
            .count()
    }
}

/// What a machine prints whose init runs.
const FINE: &str = "echo \"Linux version $release\"; \
    echo \"kflake-init: $nonce ok pid=1 release=$release machine=armv5tejl module=none loaded=$loaded\"";

#[test]
fn what_was_built_boots_on_the_machine_for_its_release() {
    for (release, board) in [
        ("6.1.192", "new"),
        ("4.5.0", "new"),
        ("4.5.0-rc3+", "old"),
        ("4.4.178-vendor.7", "old"),
        ("2.6.31", "old"),
    ] {
        let built = Built::new(release, &format!("release={release}\n{FINE}"));
        let (code, said) = built.boot(&["--append", "quiet", "--append", "a=b c"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.lines().last().unwrap().starts_with("booted in "),
            "{said}"
        );
        assert!(said.contains("| words: -kernel /"), "{said}");
        assert_eq!(said.contains("/board.dtb"), board == "new", "{said}");
        assert!(
            said.contains("-append console=ttyS0 quiet a=b c\n"),
            "{said}"
        );
        assert_eq!(built.left(), 0);
    }
    // as `kflake build` lays it out
    let built = Built::new("6.1.192", &format!("release=6.1.192\n{FINE}"));
    fs::create_dir(built.at("out/dtbs")).unwrap();
    for (file, place) in [
        ("include/config/kernel.release", "release"),
        ("arch/arm/boot/zImage", "zImage"),
        ("arch/arm/boot/dts/arm/board.dtb", "dtbs/board.dtb"),
    ] {
        fs::rename(built.at("out").join(file), built.at("out").join(place)).unwrap();
    }
    let (code, said) = built.boot(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("/out/dtbs/board.dtb"), "{said}");
}

#[test]
fn what_does_not_boot_is_told_from_what_cannot() {
    let fine = format!("release=6.1.192\n{FINE}");
    let built = Built::new("6.1.192", &fine);
    let module = built.at("own.ko");
    fs::write(&module, "module").unwrap();
    let kept = built.at("kept");
    fs::create_dir(&kept).unwrap();
    let keep = kept.to_str().unwrap();
    let (code, said) = built.boot(&["--module", module.to_str().unwrap(), "--keep", keep]);
    assert_eq!(code, Some(0), "{said}");
    let told = fs::read_to_string(kept.join("boot.json")).unwrap();
    assert!(told.contains("\"modules\":1,\"loaded\":1"), "{told}");

    let (code, said) = built.boot(&["--expect", "hello"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("kflake: boot: message-missing: "), "{said}");
    let built = Built::new("6.1.192", "echo booting; exit 3");
    let (code, said) = built.boot(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("kflake: boot: qemu-exit: "), "{said}");

    for (gone, why) in [
        ("out/arch/arm/boot/dts/arm/board.dtb", "make dtbs"),
        ("out/arch/arm/boot/zImage", "make zImage"),
        (
            "out/include/config/kernel.release",
            "no kernel was built there",
        ),
    ] {
        fs::remove_file(built.at(gone)).unwrap();
        let (code, said) = built.boot(&[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
    for (release, why) in [
        ("1.2.13", "no machine is known"),
        ("\u{1b}[1mx", "release but \"?[1mx\""),
        ("6.1.192\u{1b}[1m", "release but \"6.1.192?[1m\""),
    ] {
        let (code, said) = Built::new(release, &fine).boot(&[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(why) && !said.contains('\u{1b}'), "{said}");
    }
    for wrong in [
        &["--nonsense"][..],
        &["--wall", "soon"],
        &["--module", "/nonexistent.ko"],
        &["elsewhere"],
    ] {
        let (code, said) = Built::new("6.1.192", &fine).boot(wrong);
        assert_eq!(code, Some(2), "{wrong:?}: {said}");
        assert!(said.starts_with("boot: "), "{said}");
    }
}

#[test]
fn a_signal_ends_what_boots() {
    let built = Built::new("6.1.192", "touch ../started; exec sleep 60");
    for (signal, code) in [
        (rustix::process::Signal::INT, 130),
        (rustix::process::Signal::TERM, 143),
    ] {
        let _ = fs::remove_file(built.at("started"));
        let mut child = built
            .command(&[])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while !built.at("started").exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(built.left(), 0);
    }
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

#[test]
fn a_program_that_cannot_run_alone_is_refused_by_the_build_as_well() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    let dir = tempfile::tempdir().unwrap();
    let (script, out) = (dir.path().join("script"), dir.path().join("out"));
    fs::write(&script, "#!/bin/sh\n").unwrap();
    for (program, said) in [
        (script.as_path(), "not-elf"),
        (Path::new("/bin/true"), "wrong-machine"),
    ] {
        let output = Command::new("perl")
            .arg(template.join("boot-program.pl"))
            .arg(template.join("elf.pl"))
            .arg(program)
            .args(["64", "little", "183", "it", "[]"])
            .arg(&out)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.contains(&format!("kflake: boot: {said}: ")),
            "{errors}"
        );
        assert!(!out.exists());
    }
}
