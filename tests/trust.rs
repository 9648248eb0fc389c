//! docs/trust.md: what a project's data cannot do, and what it can. A test for each sentence of its two lists.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// A project with one file of data.
fn project(file: &str, data: &Value) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("matrix")).unwrap();
    fs::write(dir.path().join("matrix").join(file), data.to_string()).unwrap();
    dir
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

/// Data that is refused, and what is said of it.
#[track_caller]
fn refused(file: &str, data: &Value) -> String {
    let dir = project(file, data);
    let output = common::kflake(dir.path(), &["resolve", "6.1", "arm64"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(3), "{data}\n{text}");
    text
}

#[test]
fn every_command_refuses_the_same_data() {
    let form = board(&json!({ "extra_args": [] }));
    let sense = board(&json!({ "cmdline": "`id`" }));
    for data in [form, sense] {
        let dir = project("boards.json", &data);
        let commands: [&[&str]; 9] = [
            &["resolve", "6.1", "arm64"],
            &["gen"],
            &["kernel", "list"],
            &["kernel", "add", "6.1.183"],
            &["pins", "mirrors"],
            &["boot", "6.1.183", "arm64", "--dry-run"],
            &["build", "6.1.183", "arm64", "--out", "out"],
            &["sdk", "k6-arm64", "--out", "out"],
            &["validate", "--cell", "k6-arm64", "--dry-run"],
        ];
        for command in commands {
            let output = common::kflake(dir.path(), command);
            assert_eq!(
                output.status.code(),
                Some(3),
                "{command:?}: {}",
                said(&output)
            );
        }
        let output = common::kflake(dir.path(), &["check"]);
        assert_ne!(output.status.code(), Some(0), "{}", said(&output));
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 1, "nothing but the data");
    }
}

/// kflake's own board for arm64, with `change` made to it.
fn board(change: &Value) -> Value {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix/boards.json"));
    let all: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let mut board = all["arm64-virt"].clone();
    for (field, value) in change.as_object().unwrap() {
        board[field] = value.clone();
    }
    json!({ "arm64-virt": board })
}

#[test]
fn a_board_of_ours_laid_over_itself_is_no_trouble() {
    let dir = project(
        "boards.json",
        &board(&json!({ "devices": ["edu"], "cpus": 2 })),
    );
    let output = common::kflake(dir.path(), &["check"]);
    assert!(output.status.success(), "{}", said(&output));
    let output = common::kflake(dir.path(), &["gen"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn it_cannot_name_a_program() {
    for qemu in [
        "sh",
        "/bin/sh",
        "./qemu-system-aarch64",
        "qemu-system-aarch64 -S",
    ] {
        refused("boards.json", &board(&json!({ "qemu": qemu })));
    }
}

#[test]
fn it_cannot_hand_qemu_free_words() {
    let script = ["-netdev tap,id=n0,script=/tmp/pwn.sh"];
    refused("boards.json", &board(&json!({ "extra_args": script })));
    for (field, value) in [
        ("mem", "512M -netdev tap"),
        ("cpu", "max -S"),
        ("firmware", "/etc/passwd"),
        ("vga", "none -S"),
        ("image", "../../../etc/passwd"),
        ("dtb", "/etc/passwd"),
    ] {
        refused("boards.json", &board(&json!({ field: value })));
    }
    let place = json!({ "address": "0x1,file=/etc/passwd", "cmdline": "" });
    refused("boards.json", &board(&json!({ "initrd_place": place })));
}

#[test]
fn a_machine_has_no_property_that_names_a_file() {
    for machine in [
        "virt,dumpdtb=x",
        "virt,firmware=x",
        "virt,accel=kvm",
        "virt,memory-backend=x",
    ] {
        refused("boards.json", &board(&json!({ "machine": machine })));
    }
}

#[test]
fn a_device_has_nothing_of_the_host_behind_it() {
    for device in [
        "vfio-pci,host=0",
        "usb-host",
        "virtio-9p-pci",
        "loader",
        "ivshmem-plain",
    ] {
        refused("boards.json", &board(&json!({ "devices": [device] })));
    }
}

#[test]
fn the_page_lists_every_property_and_device() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let (page, source) = (read("docs/trust.md"), read("src/catalog/qemu.rs"));
    let types = source.split("mod tests").next().unwrap();
    let words = types.lines().filter_map(|line| {
        let line = line.trim();
        let quoted = line.strip_suffix("\",")?;
        Some(quoted.rsplit('"').next()?.to_owned())
    });
    let words: Vec<String> = words
        .filter(|word| !["none", "std", "cirrus", "virtio"].contains(&word.as_str()))
        .filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        .collect();
    assert!(words.len() > 40, "{words:?}");
    for word in words {
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn it_cannot_bring_the_qemu_that_boot_runs() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix/host-tools.json"));
    let all: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let mut suite = all["bookworm"].clone();
    let (_, pin) = suite["pins"]
        .as_object_mut()
        .unwrap()
        .iter_mut()
        .next()
        .unwrap();
    pin["sha256"] = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into();
    let dir = project("host-tools.json", &json!({ "bookworm": suite }));
    let output = common::kflake(dir.path(), &["boot", "6.1.183", "arm64"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("host-tools.json"),
        "{}",
        said(&output)
    );
}

#[test]
fn it_cannot_show_a_build_a_folder() {
    for base in [
        "file:///root/",
        "/root/",
        "https:///root/",
        "ftp://x/",
        "https://x/../",
    ] {
        refused("mirrors.json", &json!({ "evil": [base] }));
    }
    let pin = json!({ "6.1.77": { "url": "file:///etc/passwd", "sha256": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" } });
    refused("kernels.json", &pin);
}

fn fix(step: &Value) -> Value {
    json!({ "bad": { "kernel": {}, "reason": "r", "evidence": "e", "apply": [step] } })
}

#[test]
fn a_fix_names_files_of_the_tree() {
    for file in [
        "../x",
        "/etc/x",
        "a/../../x",
        "a /etc/x",
        "",
        "a//b",
        "-x",
        "$(id)",
        "a\nb",
    ] {
        let sed = json!({ "kind": "sed", "files": [file], "expression": "s/a/b/" });
        refused("fixes.json", &fix(&sed));
        let write = json!({ "kind": "write", "file": file, "text": "" });
        refused("fixes.json", &fix(&write));
    }
}

/// Runs steps of a fix in `tree`, as the builder does.
fn steps(tree: &Path, script: &str) -> Output {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template/kernel-source.sh");
    Command::new("bash")
        .args(["-euc", &format!(". \"$0\"; fix_begin bad r; {script}")])
        .arg(source)
        .current_dir(tree)
        .output()
        .unwrap()
}

#[test]
fn a_fix_follows_no_link_out_of_the_tree() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for folder in ["tree/inside", "victim"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for file in ["victim/x", "tree/inside/x"] {
        fs::write(at(file), "a\n").unwrap();
    }
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, at(name)).unwrap();
    link("../victim", "tree/lnk");
    link("../victim/new", "tree/dangling");
    link("../victim/x", "tree/file");
    link("inside", "tree/alias");
    for script in [
        "fix_sed s/a/b/ lnk/x",
        "fix_sed s/a/b/ '*/x'",
        "fix_sed s/a/b/ inside/../../victim/x",
        "fix_sed s/a/b/ \"$PWD/../victim/x\"",
        "fix_sed s/a/b/ \"no $PWD/../victim/x\"",
        "fix_write lnk/new text",
        "fix_write lnk/folder/new text",
    ] {
        let output = steps(&at("tree"), script);
        assert!(!output.status.success(), "{script}");
        let text = said(&output);
        assert!(
            text.contains("which is not inside the source"),
            "{script}: {text}"
        );
    }
    // links to files are passed over, and what is there is not written
    for script in [
        "fix_sed s/a/b/ file",
        "fix_write dangling text",
        "fix_write file text",
    ] {
        let output = steps(&at("tree"), script);
        assert!(output.status.success(), "{script}: {}", said(&output));
    }
    assert_eq!(fs::read_to_string(at("victim/x")).unwrap(), "a\n");
    assert_eq!(fs::read_dir(at("victim")).unwrap().count(), 1);
    // while a link that stays inside is none to speak of
    let output = steps(&at("tree"), "fix_sed s/a/b/ alias/x");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(fs::read_to_string(at("tree/inside/x")).unwrap(), "b\n");
}

#[test]
fn sed_runs_no_programs_and_opens_no_files() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x"), "a\n").unwrap();
    for expression in [
        "1e touch pwned",
        "1w pwned",
        "s/a/touch pwned/e",
        "1r /etc/passwd",
    ] {
        let output = steps(dir.path(), &format!("fix_sed '{expression}' x"));
        assert!(!output.status.success(), "{expression}: {}", said(&output));
    }
    assert_eq!(fs::read_to_string(dir.path().join("x")).unwrap(), "a\n");
    assert!(!dir.path().join("pwned").exists());
}

#[test]
fn it_cannot_put_code_into_what_is_generated() {
    let arches =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix/arches.json"));
    let all: Value = serde_json::from_str(&arches.unwrap()).unwrap();
    for text in [
        "x; touch pwned",
        "$(touch pwned)",
        "${builtins.abort \"x\"}",
        "a\"b",
        "a\nb",
    ] {
        let mut arch = all["arm64"].clone();
        arch["linux_arch"] = text.into();
        refused("arches.json", &json!({ "arm64": arch }));
        for field in ["cmdline", "kernel_arch", "console"] {
            // a command line has words
            if !(field == "cmdline" && text.starts_with("x;")) {
                refused("boards.json", &board(&json!({ field: text })));
            }
        }
        refused("boards.json", &board(&json!({ "make_target": text })));
    }
    refused(
        "boards.json",
        &board(&json!({ "cmdline": "x; touch pwned" })),
    );
}

#[test]
fn it_cannot_drive_a_terminal() {
    let hostile = "\u{1b}]0;pwned\u{7}\u{9b}2J\u{202e}";
    let text = [
        refused("boards.json", &board(&json!({ "machine": hostile }))),
        refused("boards.json", &json!({ hostile: {} })),
        refused("arches.json", &json!({ "arm64": hostile })),
    ]
    .concat();
    for c in ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}'] {
        assert!(!text.contains(c), "{c:?} in {text:?}");
    }
    assert!(text.contains("\\u{1b}"), "{text}");
}

#[test]
fn it_cannot_keep_kflake_busy() {
    let dir = project("notes.json", &json!({}));
    fs::remove_file(dir.path().join("matrix/notes.json")).unwrap();
    let file = dir.path().join("matrix/eras.json");
    let pipe = || {
        assert!(
            Command::new("mkfifo")
                .arg(&file)
                .status()
                .unwrap()
                .success()
        );
    };
    let large = || fs::File::create(&file).unwrap().set_len(33 << 20).unwrap();
    let endless = || std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    for make in [&pipe as &dyn Fn(), &large, &endless] {
        make();
        for command in [["resolve", "6.1", "arm64"].as_slice(), &["check"]] {
            let output = Command::new("timeout")
                .args(["20", env!("CARGO_BIN_EXE_kflake"), "-C"])
                .arg(dir.path())
                .args(command)
                .output()
                .unwrap();
            assert_eq!(
                output.status.code(),
                Some(3),
                "{command:?}: {}",
                said(&output)
            );
        }
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn what_it_replaces_is_called_so() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix/components.json"));
    let all: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let before = common::kflake(
        Path::new("/"),
        &["resolve", "4.19", "arm64", "--toolchains", "musl"],
    );
    let chosen = said(&before);
    let gcc = all["components"].as_object().unwrap().keys().find(|id| {
        let version = id.strip_prefix("gcc/");
        version.is_some_and(|version| chosen.contains(&format!("musl-{version}")))
    });
    let id = gcc.unwrap_or_else(|| panic!("{chosen}"));
    let mut component = all["components"][id].clone();
    component["sha256"] = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into();
    let dir = project(
        "components.json",
        &json!({ "components": { id: &component } }),
    );
    let after = common::kflake(
        dir.path(),
        &["resolve", "4.19", "arm64", "--toolchains", "musl"],
    );
    assert!(said(&after).contains("+override"), "{}", said(&after));
    assert!(!chosen.contains("+override"), "{chosen}");

    // an archive of Bootlin's, replaced or added
    let bootlin = [
        "resolve",
        "6.1",
        "armhf",
        "--toolchains",
        "bootlin",
        "--json",
    ];
    let chosen = said(&common::kflake(Path::new("/"), &bootlin));
    assert!(!chosen.contains("+override"), "{chosen}");
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix/bootlin.json"));
    let all: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let tarballs = all["tarballs"].as_object().unwrap();
    let (file, tarball) = tarballs
        .iter()
        .find(|(_, it)| {
            let parts =
                ["release", "arch_dir", "libc", "flavour"].map(|it2| it[it2].as_str().unwrap());
            chosen.contains(&format!("bootlin-{}", parts.join("-")))
        })
        .unwrap_or_else(|| panic!("{chosen}"));
    for file in [file.as_str(), "sdk.tar.gz"] {
        let mut own = tarball.clone();
        own["sha256"] = component["sha256"].clone();
        if file == "sdk.tar.gz" {
            own["release"] = "own".into();
            own["gcc"] = all["releases"]
                [tarball["release"].as_str().unwrap().to_owned() + "/stable"]["gcc"]["version"]
                .clone();
            own["binutils"] = "9999".into();
        }
        let dir = project("bootlin.json", &json!({ "tarballs": { file: own } }));
        let after = said(&common::kflake(dir.path(), &bootlin));
        assert!(after.contains("+override"), "{after}");
    }
}

#[test]
fn what_it_chooses_runs_inside_the_sandbox() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = dir.path().join("linux-fake");
    common::succeeded(
        Command::new("cp")
            .arg("-r")
            .arg(root.join("tests/fake-kernel"))
            .arg(&tree)
            .output()
            .unwrap(),
    );
    fs::write(tree.join("scripts/behaviour"), "ok\n").unwrap();
    let mark = format!("/usr/share/.kflake-trust-{}", std::process::id());
    let attack = format!(
        "vmlinux: modules_prepare\n\
         \t@touch {mark} && echo WROTE-USR || true\n\
         \t@d=$$(dirname $$(dirname $$(command -v $(CROSS_COMPILE)gcc))); chmod u+w $$d && touch $$d/.t && echo WROTE-TOOLCHAIN || true\n\
         \t@echo x >/proc/sys/kernel/domainname && echo WROTE-PROC || true\n\
         \t@[ ! -e /etc/shadow ] || echo SAW-SHADOW\n\
         \t@[ ! -e {home} ] || echo SAW-SOURCE\n\
         \t@[ $$(id -u) != 0 ] || echo IS-ROOT\n\
         \t@cat /proc/net/dev | grep -v -e lo: -e '|' && echo SAW-NETWORK || true\n\
         \t@echo ATTACKED\n",
        home = root.to_str().unwrap()
    );
    let makefile = fs::read_to_string(tree.join("Makefile")).unwrap();
    let makefile = makefile.replace("vmlinux: modules_prepare\n", &attack);
    assert!(makefile.contains("ATTACKED"));
    fs::write(tree.join("Makefile"), makefile).unwrap();
    let source = ["kernel", "add", tree.to_str().unwrap()];
    common::succeeded(common::kflake(dir.path(), &source));
    let out = dir.path().join("out");
    let build = [
        "build",
        "6.1.9999",
        "arm64",
        "--config",
        "tiny",
        "--packages",
        "debian",
        "--toolchains",
        "debian",
        "--out",
    ];
    let output = common::succeeded(common::kflake(
        dir.path(),
        &[&build[..], &[out.to_str().unwrap()]].concat(),
    ));
    let log = fs::read_to_string(out.join("build.log")).unwrap();
    assert!(log.contains("ATTACKED"), "{log}\n{}", said(&output));
    for broke in ["WROTE-", "SAW-", "IS-ROOT"] {
        let hit = log.lines().find(|line| line.starts_with(broke));
        assert_eq!(hit, None, "{log}");
    }
    assert!(!Path::new(&mark).exists());
}
