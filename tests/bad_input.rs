//! What `kflake build`, `build-module` and `sdk` say to input that is wrong: each kind has its own sentence and exit code.

mod common;

use std::fs;
use std::process::Command;

const KERNEL: &[&str] = &["6.1.9999", "arm64"];
const MODULE: &[&str] = &["--kernel", "6.1.9999", "--arch", "arm64"];
const MAKEFILE: &str = "obj-m := odd.o\n";
const SOURCE: &str = "#include <linux/module.h>
static int odd_init(void) { return 0; }
module_init(odd_init);
MODULE_LICENSE(\"GPL\");
";

struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    fn new() -> Project {
        Project {
            dir: common::fake_project("ok"),
        }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self.path(name)
    }

    /// Exit code and standard error, its lines joined.
    fn run(&self, args: &[&str]) -> (i32, String) {
        let output = common::kflake(self.dir.path(), args);
        let text = String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = text
            .split_whitespace()
            .filter(|word| *word != "│")
            .collect();
        (output.status.code().unwrap(), words.join(" "))
    }

    /// `args` with what all of these commands need fails with `code` and says `message`; nothing is left behind.
    #[track_caller]
    fn fails(&self, args: &[&[&str]], code: i32, message: &str) {
        let out = self.path("out");
        let mut words = args.concat();
        words.extend(common::DEBIAN);
        words.extend(["--out", &out]);
        let (got, said) = self.run(&words);
        assert_eq!(got, code, "{said}");
        assert!(said.contains(message), "{message:?} is not in {said}");
        let left = fs::read_dir(&out).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{out}");
    }
}

#[test]
fn configurations_are_checked_before_anything_is_built() {
    let project = Project::new();
    let build = |more: &[&str], message: &str| {
        project.fails(&[&["build"], KERNEL, more], 2, message);
    };
    let missing = project.path("missing.config");
    build(&["--config", &missing], "missing.config");
    let x86 = project.file(
        "x86.config",
        "# Linux/x86 6.1.9 Kernel Configuration\nCONFIG_X86=y\n",
    );
    build(
        &["--config", &x86],
        "is a configuration for Linux/x86 6.1.9, and the kernel is for arm64",
    );
    let headless = project.file("headless.config", "CONFIG_X86_64=y\nCONFIG_X86=y\n");
    build(
        &["--config", &headless],
        "is a configuration for Linux/x86, as CONFIG_X86=y says, and the kernel is for arm64",
    );
    build(&["--config", "defcofnig"], "did you mean defconfig?");
    build(&["--config", "/bin/true"], "is an ELF file");
    let big = project.file(
        "big.config",
        "# Linux/arm64 5.10.1 Kernel Configuration\nCONFIG_64BIT=y\nCONFIG_CPU_BIG_ENDIAN=y\n",
    );
    build(
        &["--config", &big],
        "is a configuration for 64-bit big-endian machines, and arm64 is 64-bit little-endian",
    );
    let cut = project.file("cut.config", "CONFIG_TTY=y\nCONFIG_PRIN");
    build(&["--config", &cut], "cut.config");
    build(&["-K", "CONFIG_=y"], "CONFIG_=y");
    build(&["-K", "CONFIG_TTY="], "CONFIG_TTY=");
    build(
        &["--targets", "../vmlinux"],
        "that is not the name of a target",
    );
    project.fails(
        &[&["build", "6.1.9998", "arm64"]],
        2,
        "no source of Linux 6.1.9998 is known",
    );
    project.fails(&[&["sdk", "k6-vax"]], 2, "unknown cell \"k6-vax\"");
    project.fails(
        &[&["sdk", "k4-arm64", "--kernel", "6.1.9999"]],
        2,
        "Linux 6.1.9999 does not belong to k4",
    );
}

#[test]
fn sources_of_modules_are_checked() {
    if !common::have_nix() {
        return;
    }
    let project = Project::new();
    let module = |source: &str, code: i32, message: &str| {
        project.fails(&[&["build-module", source], MODULE], code, message);
    };
    module(&project.path("missing"), 2, "No such file or directory");
    project.file("empty/README", "nothing");
    module(
        &project.path("empty"),
        2,
        "the folder has no Makefile, no Kbuild and no dkms.conf",
    );

    // a good archive works, and the same archive cut short says so
    project.file("good/Makefile", MAKEFILE);
    project.file("good/odd.c", SOURCE);
    let archive = project.path("good.tar.xz");
    let folder = project.path("");
    common::succeeded(
        Command::new("tar")
            .args(["-C", &folder, "-cJf", &archive, "good"])
            .output()
            .unwrap(),
    );
    let out = project.path("built");
    let mut words = vec!["build-module", &archive];
    words.extend(MODULE);
    words.extend([
        "--packages",
        "debian",
        "--toolchains",
        "debian",
        "--out",
        &out,
    ]);
    let (code, said) = project.run(&words);
    assert_eq!(code, 0, "{said}");
    let bytes = fs::read(&archive).unwrap();
    let cut = project.file("cut.tar.xz", &bytes[..bytes.len() / 2]);
    module(&cut, 2, "it is damaged or cut short");
    let cut = project.file(
        "cut-dkms.deb",
        "!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n",
    );
    module(&cut, 2, "the package holds no files");
}

#[test]
fn a_module_of_another_kernel_is_refused() {
    if !common::have_nix() {
        return;
    }
    let project = Project::new();
    project.file("odd/Makefile", MAKEFILE);
    project.file(
        "odd/odd.c",
        "static const char v[] __attribute__((used, section(\".modinfo\"))) = \"vermagic=5.5.5 SMP\";\nint init_module(void) { return 0; }\n",
    );
    project.fails(
        &[&["build-module", &project.path("odd")], MODULE],
        1,
        "kflake: module: wrong-vermagic: odd.ko was built for 5.5.5, the kernel is 6.1.9999",
    );
    project.file("odd/odd.c", "this is not C;\n");
    project.fails(
        &[&["build-module", &project.path("odd")], MODULE],
        1,
        "error: unknown type name 'this'",
    );
}
