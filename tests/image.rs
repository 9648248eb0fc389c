//! Container images: what is in them, and what two of them share.

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

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
    let out = project.join(cell);
    let out_text = out.to_str().unwrap();
    let command = [&["image", cell, "--out", out_text], common::DEBIAN].concat();
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

/// Names of a kernel's build, its user and its time, as builds and images have them.
#[test]
fn images_name_a_build_as_kflake_does() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    let script = fs::read_to_string(template.join("build-kernel.sh")).unwrap();
    let image = fs::read_to_string(template.join("image.nix")).unwrap();
    let said = |text: &str| -> BTreeSet<String> {
        let plain = regex::Regex::new(r"KBUILD_BUILD_(USER|HOST|VERSION)=(\w+)").unwrap();
        let stamp = regex::Regex::new(r#"KBUILD_BUILD_TIMESTAMP='?([^'"\n]*)"#).unwrap();
        plain
            .captures_iter(text)
            .map(|it| format!("{}={}", &it[1], &it[2]))
            .chain(stamp.captures_iter(text).map(|it| it[1].to_owned()))
            .collect()
    };
    assert_eq!(said(&script).len(), 4);
    assert_eq!(said(&script), said(&image));
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
