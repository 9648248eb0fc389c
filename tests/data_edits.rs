//! docs/data.md says that an era, an arch, a kernel, a toolchain or a constraint is added by an edit of data alone. Here a
//! project adds one of each, in this order, and asks about it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The digest of nothing: as good as any for a tarball that is not fetched.
const DIGEST: &str = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

struct Project(TempDir);

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("matrix")).unwrap();
        Project(folder)
    }

    fn put(&self, file: &str, data: &Value) -> &Self {
        let text = serde_json::to_string_pretty(data).unwrap();
        fs::write(self.path().join("matrix").join(file), text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn kflake(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kflake"))
            .arg("-C")
            .arg(self.path())
            .args(words)
            .output()
            .unwrap()
    }

    /// `kflake check` finds no error.
    fn passes_check(&self) -> &Self {
        let output = self.kflake(&["check"]);
        assert!(output.status.success(), "{}", said(&output));
        self
    }

    /// What `kflake resolve` says as JSON, with its exit code.
    fn resolve(&self, version: &str, arch: &str) -> (i32, Value) {
        let output = self.kflake(&["resolve", version, arch, "--json"]);
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap(), answer)
    }
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn eras() -> Value {
    json!({
        "k7": {
            "title": "Linux 7.x", "from": "7.0", "below": "8.0",
            "sources": ["bootlin", "musl", "kernel-only", "debian"], "kernel": "7.1.9"
        },
        "k8": {
            "title": "Linux 8.x", "from": "8.0", "sources": ["debian", "kernel-only"],
            "prefer": {"debian": ["13"]}, "kernel": "8.0"
        }
    })
}

fn kernels() -> Value {
    json!({"8.0": {"url": "mirror://kernel/linux/kernel/v8.x/linux-8.0.tar.xz", "sha256": DIGEST}})
}

fn alpha() -> Value {
    json!({"alpha": {
        "linux_arch": "alpha", "bits": 64, "endian": "little", "elf_machine": 36902, "uname": "alpha",
        "source": {"musl": null, "kernel_only": "alpha-linux-gnu"}, "boards": ["alpha-clipper"]
    }})
}

fn clipper() -> Value {
    json!({"alpha-clipper": {
        "arch": "alpha", "kernel": {"from": "3.16", "below": null}, "qemu": "qemu-system-alpha", "machine": "clipper",
        "mem": "256M", "console": "ttyS0", "cmdline": "console=ttyS0", "image": "arch/alpha/boot/vmlinux",
        "make_target": "vmlinux", "defconfig": "defconfig"
    }})
}

fn toolchain() -> Value {
    json!({"kernel-only-9.4.0": {
        "source": "kernel-only", "eras": ["k8"], "arches": ["alpha"], "gcc": "9.4.0", "binutils": "2.33.1",
        "gmp": "6.1.2", "mpfr": "4.0.2", "mpc": "1.1.0", "reason": "to try it"
    }})
}

fn constraint() -> Value {
    json!({"alpha-wants-newer": {
        "arches": ["alpha"], "kernel": {"from": "8.0", "below": null}, "tool": "gcc",
        "window": {"accept": {"from": "12", "below": null}}, "severity": "breaks-build",
        "reason": "said for this test", "evidence": "none", "confidence": "folklore"
    }})
}

#[test]
fn one_of_each_is_added_by_data_alone() {
    let project = Project::new();

    project
        .put("eras.json", &eras())
        .put("kernels.json", &kernels());
    project.passes_check();
    let (code, answer) = project.resolve("8.0", "arm64");
    assert_eq!(code, 0, "{answer}");
    assert!(
        answer.to_string().contains("debian-13.3.0-arm64"),
        "the new era's own preference: {answer}"
    );
    assert!(answer.to_string().contains("k8-arm64"), "{answer}");
    assert!(said(&project.kflake(&["kernel", "list"])).contains("8.0"));

    project
        .put("arches.json", &alpha())
        .put("boards.json", &clipper());
    project.put("source-toolchains.json", &toolchain());
    project.passes_check();
    let (code, answer) = project.resolve("8.0", "alpha");
    assert_eq!(code, 0, "{answer}");
    assert!(
        answer.to_string().contains("kernel-only-9.4.0-alpha"),
        "{answer}"
    );

    project.put("constraints.json", &constraint());
    project.passes_check();
    let (code, answer) = project.resolve("8.0", "alpha");
    assert_eq!(code, 4, "nothing fits any more: {answer}");
    assert!(answer.to_string().contains("alpha-wants-newer"), "{answer}");
    let (code, _) = project.resolve("8.0", "arm64");
    assert_eq!(code, 0, "other arches are as before");
}

/// Each of the edits left half done is found.
#[test]
fn a_half_done_edit_is_found() {
    for (file, data, code) in [
        ("arches.json", alpha(), "K101"),
        ("boards.json", clipper(), "K101"),
        ("source-toolchains.json", toolchain(), "K101"),
        ("eras.json", json!({"k8": eras()["k8"]}), "K111"),
    ] {
        let project = Project::new();
        let output = project.put(file, &data).kflake(&["check"]);
        assert_eq!(output.status.code(), Some(1), "{file}: {}", said(&output));
        assert!(said(&output).contains(code), "{file}: {}", said(&output));
    }
}
