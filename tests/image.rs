//! Container images: what is in them, and what two of them share.

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::later::LaterClock;
use flate2::read::GzDecoder;
use serde_json::Value;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn blob(layout: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().unwrap();
    layout.join("blobs").join(digest.replace(':', "/"))
}

fn manifest(layout: &Path) -> Value {
    json(&blob(
        layout,
        &json(&layout.join("index.json"))["manifests"][0],
    ))
}

/// The image of `cell`, in a folder of the project.
fn image(project: &Path, cell: &str) -> PathBuf {
    image_of(project, &[cell])
}

/// The image that `words` ask for, in a folder of the project.
fn image_of(project: &Path, words: &[&str]) -> PathBuf {
    let out = project.join(words.join(" ").replace(':', "-"));
    let out_text = out.to_str().unwrap();
    let command = [&["image", "--out", out_text], words, common::DEBIAN].concat();
    let said = common::succeeded(common::kflake(project, &command)).stdout;
    let said = String::from_utf8(said).unwrap();
    let digest = json(&out.join("index.json"))["manifests"][0]["digest"].clone();
    assert!(said.contains(digest.as_str().unwrap()), "{said}");
    out
}

#[test]
fn two_images_of_a_compiler_family_differ_in_their_last_layer_only() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = ["k6-arm64", "k6-armhf"].map(|cell| image(dir.path(), cell));
    let [arm64, armhf] = images.each_ref().map(|layout| manifest(layout));
    let layers = |manifest: &Value| manifest["layers"].as_array().unwrap().clone();
    let (one, two) = (layers(&arm64), layers(&armhf));
    assert_eq!((one.len(), two.len()), (3, 3));
    assert_eq!(one[..2], two[..2]);
    assert_ne!(one[2], two[2]);

    let config = json(&blob(&images[0], &arm64["config"]));
    let environment: BTreeSet<&str> = config["config"]["Env"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for variable in [
        "ARCH=arm64",
        "CROSS_COMPILE=aarch64-linux-gnu-",
        "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:01 UTC 1970",
        "KBUILD_BUILD_USER=kflake",
        "KBUILD_BUILD_HOST=kflake",
        "KBUILD_BUILD_VERSION=1",
        "SOURCE_DATE_EPOCH=1",
    ] {
        assert!(environment.contains(variable), "{environment:?}");
    }
    let notes = &arm64["annotations"];
    assert_eq!(notes, &config["config"]["Labels"]);
    assert_eq!(notes["kflake.toolchain"], "debian-12.2.0-arm64");
    assert_eq!(
        notes["kflake.toolchain.digest"],
        config["rootfs"]["diff_ids"][2]
    );
    let reason = notes["kflake.toolchain.reason"].as_str().unwrap();
    assert!(reason.contains("first choice for k6"), "{reason}");

    let mut names = BTreeSet::new();
    let mut size = 0;
    for layer in &one {
        let file = File::open(blob(&images[0], layer)).unwrap();
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let facts = entry.header();
            let name = entry.path().unwrap().display().to_string();
            assert_eq!(
                (
                    facts.mtime().unwrap(),
                    facts.uid().unwrap(),
                    facts.gid().unwrap()
                ),
                (1, 0, 0),
                "{name}"
            );
            // equal files may be one in the store, and are each its own here
            assert!(!facts.entry_type().is_hard_link(), "{name}");
            size += facts.size().unwrap();
            let name = name.trim_end_matches('/').to_owned();
            let again = !names.insert(name.clone());
            assert!(
                !again || facts.entry_type().is_dir(),
                "{name} is there twice"
            );
        }
    }
    for name in [
        "bin",
        "tmp",
        "etc/passwd",
        "opt/cross",
        "usr/bin/sh",
        "usr/bin/env",
        "usr/bin/cc",
        "usr/bin/make",
        "usr/bin/bc",
        "usr/bin/flex",
        "usr/bin/bison",
        "usr/bin/perl",
        "usr/bin/python3",
        "usr/bin/openssl",
        "usr/bin/cpio",
        "usr/bin/rsync",
        "usr/bin/depmod",
        "usr/bin/xz",
        "usr/bin/zstd",
        "usr/bin/pahole",
        "usr/bin/git",
        "usr/include/libelf.h",
        "usr/include/ncurses.h",
    ] {
        assert!(names.contains(name), "{name} is missing");
    }
    // what docs/images.md says
    assert!(size < 400_000_000, "{size}");
}

#[test]
fn an_image_asked_for_by_name_is_of_the_cells_compiler() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let list = ["image", "--list", "--json", "--toolchains", "debian"];
    let listed = common::succeeded(common::kflake(dir.path(), &list)).stdout;
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    let own = listed.as_array().unwrap().iter();
    let mut own = own.filter(|it| it["name"] == "gcc:12.2-arm64");
    let own = own.next().unwrap();
    assert_eq!(own["toolchain"], "debian-12.2.0-arm64");
    assert_eq!(own["cells"][0], "k6-arm64");

    let names = ["gcc:12-arm64", "gcc:12.2-x86-arm64"].map(|name| image(dir.path(), name));
    let by_id = image_of(dir.path(), &["--toolchain", "debian-12.2.0-arm64"]);
    let of_cell = manifest(&image(dir.path(), "k6-arm64"));
    let id = manifest(&by_id);
    for name in &names {
        assert_eq!(manifest(name), id);
    }
    // the compiler's facts are the cell's, and that it is for the cell is not said
    assert_eq!(id["layers"], of_cell["layers"]);
    assert_eq!(id["annotations"]["kflake.toolchain"], "debian-12.2.0-arm64");
    assert_eq!(of_cell["annotations"]["kflake.cell"], "k6-arm64");
    assert_eq!(id["annotations"]["kflake.cell"], Value::Null);

    for (name, said) in [
        ("gcc:12-amr64", "did you mean arm64?"),
        ("gcc:12.3-arm64", "did you mean gcc:12.2-arm64?"),
        ("k6-amr64", "did you mean arm64?"),
    ] {
        let command = [&["image", name, "--out", "no"], common::DEBIAN].concat();
        let output = common::kflake(dir.path(), &command);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(said), "{errors}");
        assert!(!dir.path().join("no").exists());
    }
}

#[test]
fn the_image_of_an_sdk_is_a_layer_more_and_sets_what_a_shell_would() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let sdk = image_of(project.path(), &["--sdk", "k6-arm64"]);
    let compiler = image(project.path(), "k6-arm64");
    let (own, below) = (manifest(&sdk), manifest(&compiler));
    let layers = |it: &Value| it["layers"].as_array().unwrap().clone();
    assert_eq!(layers(&own).len(), 4);
    assert_eq!(layers(&own)[..3], layers(&below)[..]);
    let notes = &own["annotations"];
    assert_eq!(notes["kflake.sdk.kernel"], "6.1.9999");
    assert_eq!(notes["kflake.sdk.release"], "6.1.9999");
    // which is the kernel of what is exported with it
    let staging = project.path().join("staging");
    fs::create_dir(&staging).unwrap();
    let module = common::module::module(183, "6.1.9999 SMP mod_unload aarch64");
    fs::write(staging.join("own.ko"), module).unwrap();
    let kernel = format!("oci:{}", sdk.display());
    let (staging, out) = (staging.to_str().unwrap(), project.path().join("export"));
    let export = [
        "image",
        "--payload",
        staging,
        "--name",
        "own",
        "--kernel",
        &kernel,
    ];
    let export = [&export[..], &["--out", out.to_str().unwrap()]].concat();
    common::succeeded(common::kflake(project.path(), &export));
    fs::write(
        format!("{staging}/own.ko"),
        common::module::module(183, "6.1.9998"),
    )
    .unwrap();
    let refused = common::kflake(project.path(), &export);
    assert_eq!(refused.status.code(), Some(1));
    let digest = "kflake.toolchain.digest";
    assert_eq!(notes[digest], below["annotations"][digest]);

    let file = File::open(blob(&sdk, &layers(&own)[3])).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut text = None;
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        if path.ends_with("environment") {
            let mut script = String::new();
            entry.read_to_string(&mut script).unwrap();
            text = Some(script);
        } else if path == Path::new("opt/sdk") {
            let link = entry.link_name().unwrap().unwrap().into_owned();
            assert!(link.starts_with("/nix/store"), "{link:?}");
        }
    }
    // what the SDK's script exports is in the image's environment
    let script = text.expect("the SDK has its script");
    let config = json(&blob(&sdk, &own["config"]));
    let variables: BTreeSet<&str> = config["config"]["Env"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let exported = regex::Regex::new(r"(?m)^export (\w+)=(.*)$").unwrap();
    let mut plain = 0;
    for line in exported.captures_iter(&script) {
        let (name, value) = (&line[1], line[2].trim_matches('"'));
        if name == "PATH" {
            let value = value.replace("$PATH", "/opt/cross/bin:/usr/local/bin:/usr/bin:/bin");
            assert!(variables.contains(format!("PATH={value}").as_str()));
        } else {
            let is = format!("{name}={value}");
            assert!(variables.contains(is.as_str()), "{is}: {variables:?}");
            plain += 1;
        }
    }
    assert!(plain > 15, "{script}");
    for odd in ["PWD", "SHLVL", "_", "OLDPWD"] {
        let odd = format!("{odd}=");
        assert!(!variables.iter().any(|it| it.starts_with(&odd)), "{odd}");
    }
}

#[test]
fn an_image_made_again_elsewhere_and_another_day_is_the_same() {
    if !common::have_nix() {
        return;
    }
    let clock = LaterClock::new();
    let folders = [common::fake_project("ok"), common::fake_project("ok")];
    let words = [&["gen", "--force"], common::DEBIAN].concat();
    let build = |folder: &Path, more: &[String]| {
        // what a layer holds beside the files that are written into it is named by its second reference
        let expression = "let it = import ./default.nix { pkgs = import ./debian-packages { }; }; image = it.image-sdk-k6-arm64; \
                          environment = builtins.elemAt (builtins.head image.layers).exportReferencesGraph 1; \
                          in [ environment ] ++ image.layers ++ [ image it.image-k6-arm64 it.image-qemu-arm64 ]";
        let mut command = Command::new("nix-build");
        command
            .env("NIX_CONFIG", common::build_config())
            .env("NIX_MIRRORS_debian", common::debian_mirror())
            .current_dir(folder)
            .args(["--no-out-link", "-E", expression])
            .args(more);
        String::from_utf8(common::succeeded(command.output().unwrap()).stdout).unwrap()
    };
    for folder in &folders {
        common::succeeded(common::kflake(folder.path(), &words));
    }
    let [one, two] = folders.each_ref().map(|it| build(it.path(), &[]));
    assert_eq!(one.lines().count(), 8, "{one}");
    assert_eq!(one, two);
    // Nix builds each once more, and compares
    let again = [&["--check".to_owned()][..], &clock.options()].concat();
    assert_eq!(build(folders[1].path(), &again), one);
}

#[test]
fn an_image_with_qemu_shares_the_tools_and_boots() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (compiler, qemu) = (
        image(dir.path(), "k6-arm64"),
        image(dir.path(), "qemu:aarch64"),
    );
    let (compiler, told) = (manifest(&compiler), manifest(&qemu));
    let layers = told["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2, "{layers:?}");
    assert_eq!(layers[0], compiler["layers"][0]);
    assert_eq!(told["annotations"]["kflake.arch"], "arm64");
    let config = json(&blob(&qemu, &told["config"]));
    assert_eq!(config["config"]["Cmd"], serde_json::json!(["boot"]));
    let file = File::open(blob(&qemu, &layers[1])).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|it| it.unwrap().path().unwrap().display().to_string())
        .collect();
    for end in [
        "usr/local/bin/boot",
        "/bin/qemu-system-aarch64",
        "/lib/machines.json",
    ] {
        assert!(names.iter().any(|it| it.ends_with(end)), "{end}");
    }
}

#[test]
fn what_boots_is_named_by_its_arch() {
    let dir = tempfile::tempdir().unwrap();
    let listed = common::succeeded(common::kflake(dir.path(), &["image", "--list"])).stdout;
    let listed = String::from_utf8(listed).unwrap();
    assert!(listed.contains("\nqemu:arm64 "), "{listed}");
    assert!(!listed.contains("\nqemu:powerpcle "), "{listed}");
    for (name, why) in [
        ("qemu:arm46", "arm64"),
        ("qemu:powerpcle", "--list"),
        ("qemu:", "known: arm64"),
    ] {
        let output = common::kflake(dir.path(), &["image", name, "--out", "x"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(why), "{name}: {said}");
    }
}

/// Who builds a kernel, and when, is written in one file: what builds and images have is the same.
#[test]
fn one_file_says_who_builds() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    let mut told = Vec::new();
    for entry in fs::read_dir(template).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && fs::read_to_string(&path).unwrap().contains("KBUILD_BUILD_") {
            told.push(path.file_name().unwrap().to_owned());
        }
    }
    assert_eq!(told, ["build-identity.nix"]);
}

#[test]
fn a_folder_that_is_not_kflakes_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let theirs = dir.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("index.json"), "mine").unwrap();
    let out = theirs.to_str().unwrap();
    let command = [&["image", "k6-arm64", "--out", out], common::DEBIAN].concat();
    let output = common::kflake(dir.path(), &command);
    assert_eq!(output.status.code(), Some(8));
    let mut text = String::new();
    File::open(theirs.join("index.json"))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "mine");
}
