//! `kflake image --payload`: files that were staged, as an image, as a layer on another, and as a system extension.

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use backhand::{FilesystemReader, InnerNode};
use common::module::module;
use common::walk;
use flate2::read::GzDecoder;
use serde_json::Value;

const PAGE: &str = include_str!("../docs/images.md");

/// A folder to work in.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// `kflake image --payload staging --name greet`, with `more`: exit code, output and complaints.
    fn export(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
        command
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .env_remove("SOURCE_DATE_EPOCH")
            .args(["image", "--payload", "staging", "--name", "greet"])
            .args(more);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    #[track_caller]
    fn exported(&self, more: &[&str]) -> String {
        let (code, said, errors) = self.export(more);
        assert_eq!(code, Some(0), "{errors}");
        said + &errors
    }

    #[track_caller]
    fn refused(&self, more: &[&str], code: i32, expected: &str) {
        let (is, _, errors) = self.export(&[more, &["--out", "refused"]].concat());
        let errors = errors
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace("│ ", "");
        assert_eq!(is, Some(code), "{errors}");
        assert!(errors.contains(expected), "{expected:?} is not in {errors}");
        assert!(!self.at("refused").exists());
    }

    /// The image in the folder `name`: its manifest, its configuration, and its layers' members.
    fn image(&self, name: &str) -> (Value, Value, Vec<BTreeMap<String, tar::Header>>) {
        let dir = self.at(name);
        let json =
            |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
        let blob = |it: &Value| {
            let digest = it["digest"].as_str().unwrap();
            dir.join("blobs").join(digest.replace(':', "/"))
        };
        let index = json(&dir.join("index.json"));
        let manifest = json(&blob(&index["manifests"][0]));
        let config = json(&blob(&manifest["config"]));
        let layers = manifest["layers"].as_array().unwrap();
        let layers = layers.iter().map(|it| {
            let mut archive = tar::Archive::new(GzDecoder::new(File::open(blob(it)).unwrap()));
            let entries = archive.entries().unwrap().map(|entry| {
                let entry = entry.unwrap();
                let name = entry.path().unwrap().display().to_string();
                (
                    name.trim_end_matches('/').to_owned(),
                    entry.header().clone(),
                )
            });
            entries.collect()
        });
        let layers = layers.collect();
        (manifest, config, layers)
    }

    fn digest(&self, name: &str) -> Value {
        let index = fs::read(self.at(name).join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        index["manifests"][0]["digest"].clone()
    }

    /// What is in the system extension `name`: names, with modes and what files hold or links lead to.
    fn extension(&self, name: &str) -> BTreeMap<String, (u16, String)> {
        let file = std::io::BufReader::new(File::open(self.at(name)).unwrap());
        let image = FilesystemReader::from_reader(file).unwrap();
        let mut found = BTreeMap::new();
        for node in image.files() {
            assert_eq!((node.header.uid, node.header.gid), (0, 0));
            let text = match &node.inner {
                InnerNode::File(it) => {
                    let mut bytes = Vec::new();
                    image.file(it).reader().read_to_end(&mut bytes).unwrap();
                    String::from_utf8_lossy(&bytes).into_owned()
                }
                InnerNode::Symlink(it) => it.link.display().to_string(),
                _ => String::new(),
            };
            let name = node.fullpath.display().to_string();
            found.insert(name, (node.header.permissions, text));
        }
        found
    }
}

const VERMAGIC: &str = "6.1.192 SMP mod_unload aarch64";
const ARM64: &[&str] = &["--arch", "arm64"];

#[test]
fn every_line_of_the_page_on_exports_works() {
    let desk = Desk::new();
    desk.file("staging/usr/bin/greet", "a program");
    desk.file("hello.ko", module(183, VERMAGIC));
    let (files, commands) = walk::parts(walk::section(PAGE, "### Exports"));
    assert!(files.is_empty() && commands.len() >= 11, "{commands:?}");
    // no Nix and no engine is there to be asked
    let said = walk::run(
        desk.0.path(),
        &commands,
        &[],
        &[("KFLAKE_ENGINE", "/nonexistent")],
    );
    assert!(said.contains("a kernel module for 6.1.192"), "{said}");
    for name in ["greet-image", "base", "on-base", "with-module", "again"] {
        let digest = desk.digest(name);
        assert!(said.contains(digest.as_str().unwrap()), "{name}: {said}");
    }
    assert!(!desk.at("refused").exists());
    let release = &desk.extension("extensions/greet.raw")["/usr/lib/extension-release.d/extension-release.greet"];
    assert_eq!(release.1, "ID=debian\nARCHITECTURE=arm64\nVERSION_ID=12\n");
}

#[test]
fn an_export_of_the_same_files_elsewhere_and_later_is_the_same() {
    let desks = [Desk::new(), Desk::new()];
    for (desk, names) in desks.iter().zip([["b", "a"], ["a", "b"]]) {
        for name in names {
            desk.file(&format!("staging/usr/bin/{name}"), name.repeat(100_000));
        }
        symlink("/etc/shadow", desk.at("staging/usr/out")).unwrap();
        desk.file("rootfs/usr/lib/x", "x");
    }
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
    for name in ["staging/usr/bin/a", "staging/usr", "rootfs/usr/lib/x"] {
        let file = File::open(desks[0].at(name)).unwrap();
        file.set_modified(then).unwrap();
    }
    let exported = desks.each_ref().map(|desk| {
        desk.exported(&[ARM64, &["--out", "image"]].concat());
        desk.exported(&["--base", "oci:image", "--out", "layer"]);
        let sysext = [ARM64, &["--format", "sysext", "--out", "extension"]].concat();
        desk.exported(&sysext);
        let archive = [ARM64, &["--format", "docker-archive", "--out", "archive"]].concat();
        desk.exported(&archive);
        let digest = |name: &str| {
            let file = File::open(desk.at(name)).unwrap();
            kflake::hash::Sha256::of_reader(file).unwrap().hex()
        };
        let files = ["extension/greet.raw", "archive/image.tar"].map(digest);
        (desk.digest("image"), desk.digest("layer"), files)
    });
    assert_eq!(exported[0], exported[1]);

    let (manifest, config, layers) = desks[0].image("image");
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(config["created"], "1970-01-01T00:00:01Z");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let names: Vec<&String> = layers[0].keys().collect();
    assert_eq!(
        names,
        ["usr", "usr/bin", "usr/bin/a", "usr/bin/b", "usr/out"]
    );
    for header in layers[0].values() {
        let facts = (
            header.mtime().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
        );
        assert_eq!(facts, (1, 0, 0));
    }
    assert!(layers[0]["usr/out"].entry_type().is_symlink());
}

#[test]
fn a_layer_leaves_the_image_below_as_it_is() {
    let desk = Desk::new();
    for name in ["base/usr/lib/lib.so", "base/etc/x"] {
        desk.file(name, "base");
    }
    symlink("usr/lib", desk.at("base/lib")).unwrap();
    fs::rename(desk.at("base"), desk.at("staging")).unwrap();
    desk.exported(&[ARM64, &["--out", "below"]].concat());
    fs::remove_dir_all(desk.at("staging")).unwrap();

    desk.file("staging/usr/lib/new.so", "new");
    desk.file("staging/opt/x", "x");
    fs::set_permissions(desk.at("staging/usr"), fs::Permissions::from_mode(0o700)).unwrap();
    desk.exported(&["--base", "oci:below", "--out", "above"]);
    let (below, _, _) = desk.image("below");
    let (above, config, layers) = desk.image("above");
    assert_eq!(above["layers"][0], below["layers"][0]);
    let base = &above["annotations"]["org.opencontainers.image.base.digest"];
    assert_eq!(*base, desk.digest("below"));
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    assert_eq!(config["history"].as_array().unwrap().len(), 2);
    // folders of the image below are not made anew, with whatever permissions the staged ones have
    let names: Vec<&String> = layers[1].keys().collect();
    assert_eq!(names, ["opt", "opt/x", "usr/lib/new.so"]);

    let base = &["--base", "oci:below"][..];
    desk.refused(
        &[base, &["--arch", "x86_64"]].concat(),
        2,
        "the base image is for arm64",
    );
    desk.refused(&["--base", "oci:missing"], 2, "no image layout");
    desk.file("staging/lib/y", "y");
    desk.refused(base, 2, "a link to usr/lib there, which it would replace");
    let blob = above["layers"][0]["digest"]
        .as_str()
        .unwrap()
        .replace(':', "/");
    desk.file(&format!("below/blobs/{blob}"), "another");
    desk.refused(base, 1, "its digest is another one");
}

#[test]
fn modules_are_tied_to_the_kernel() {
    let desk = Desk::new();
    let place = "staging/usr/lib/modules/6.1.192/extra/a.ko";
    desk.file(place, module(183, VERMAGIC));
    desk.file("sdk/kernel-misc/kernel-release", "6.1.192\n");
    desk.file("sdk/sdk.json", "{\"arch\": \"arm64\"}");
    // the SDK says which arch it is for
    let said = desk.exported(&["--kernel", "sdk", "--out", "below"]);
    assert!(said.contains("a kernel module for 6.1.192"), "{said}");
    let (manifest, _, _) = desk.image("below");
    assert_eq!(manifest["annotations"]["kflake.payload.kernel"], "6.1.192");
    desk.file("sdk/kernel-misc/kernel-vermagic", format!("{VERMAGIC}\n"));
    desk.exported(&["--kernel", "sdk", "--format", "sysext", "--out", "raw"]);

    // the modules that are there speak for their kernel
    let base = &["--base", "oci:below"][..];
    desk.exported(&[base, &["--out", "above"]].concat());
    for other in [
        "6.1.192 SMP preempt mod_unload aarch64",
        "6.1.191 SMP mod_unload aarch64",
    ] {
        desk.file("staging/opt/b.ko", module(183, other));
        desk.refused(base, 1, "the modules of the base image");
        desk.refused(&["--kernel", "sdk"], 1, "the kernel is");
    }
    // another kernel's, where it is named, need not be theirs
    fs::remove_file(desk.at(place)).unwrap();
    desk.exported(&[base, &["--kernel", "6.1.191", "--out", "above"]].concat());

    desk.refused(ARM64, 2, "nothing says which kernel");
    desk.refused(
        &[ARM64, &["--kernel", "sdk/none"]].concat(),
        2,
        "there is no such folder",
    );
    desk.refused(
        &[ARM64, &["--kernel", "staging"]].concat(),
        2,
        "no folder of an SDK",
    );
    desk.refused(
        &[ARM64, &["--kernel", "oci:below"]].concat(),
        2,
        "no image of an SDK",
    );
    desk.file("staging/opt/b.ko", "#!/bin/sh\n");
    desk.refused(&["--kernel", "sdk"], 1, "no ELF file");
}

#[test]
fn an_extension_brings_usr_and_opt_and_says_what_it_fits() {
    let desk = Desk::new();
    let sysext = [ARM64, &["--format", "sysext"]].concat();
    for number in 0..700 {
        desk.file(
            &format!("staging/usr/share/many/{number}"),
            number.to_string(),
        );
    }
    desk.file("staging/usr/bin/large", "kflake ".repeat(100_000));
    let noise: Vec<u8> = (0..500_000).map(|_| fastrand::u8(..)).collect();
    for name in ["one", "two"] {
        desk.file(&format!("staging/opt/{name}"), &noise);
    }
    desk.file("staging/usr/bin/su", "su");
    fs::set_permissions(
        desk.at("staging/usr/bin/su"),
        fs::Permissions::from_mode(0o4755),
    )
    .unwrap();
    desk.file("staging/usr/share/line\nend", "odd");
    symlink("../../../../etc/shadow", desk.at("staging/usr/bin/link")).unwrap();
    let said = desk.exported(&[&sysext[..], &["--out", "raw"]].concat());
    assert!(
        said.contains("runs as root, whoever starts it (mode 4755)"),
        "{said}"
    );
    // what is there twice is kept once
    let bytes = fs::read(desk.at("raw/greet.raw")).unwrap();
    let used = u64::from_le_bytes(bytes[40..48].try_into().unwrap());
    assert_eq!(bytes.len() as u64, used.next_multiple_of(4096));
    assert!(used < 900_000, "{used}");
    let files = desk.extension("raw/greet.raw");
    assert_eq!(files["/usr/bin/su"], (0o4755, "su".to_owned()));
    assert_eq!(files["/usr/bin/large"].1, "kflake ".repeat(100_000));
    assert_eq!(files["/usr/bin/link"].1, "../../../../etc/shadow");
    assert_eq!(files["/usr/share/line\nend"].1, "odd");
    assert_eq!(files["/usr/share/many/699"].1, "699");
    let release = "/usr/lib/extension-release.d/extension-release.greet";
    assert_eq!(
        files[release],
        (0o644, "ID=_any\nARCHITECTURE=arm64\n".to_owned())
    );
    // systemd has a spelling of its own
    let x86 = ["--arch", "amd64", "--format", "sysext", "--out", "x86"];
    desk.exported(&x86);
    assert!(
        desk.extension("x86/greet.raw")[release]
            .1
            .contains("ARCHITECTURE=x86-64\n")
    );

    // the folder that an SDK's sdk-export makes says it itself
    desk.file(&format!("staging{release}"), "ID=own\n");
    desk.exported(&[&sysext[..], &["--out", "own"]].concat());
    assert_eq!(desk.extension("own/greet.raw")[release].1, "ID=own\n");
    let field = |text: &'static str| [&sysext[..], &["--extension-release", text]].concat();
    desk.refused(&field("ID=debian"), 2, "says itself what it fits");
    fs::remove_dir_all(desk.at("staging/usr/lib")).unwrap();
    for (text, expected) in [
        ("ID", "not KEY=VALUE"),
        ("id=x", "capital letters"),
        ("ID=a\nb", "a value is made of"),
        ("ID=$(x)", "a value is made of"),
    ] {
        desk.refused(&field(text), 2, expected);
    }
    desk.refused(
        &[ARM64, &["--extension-release", "ID=x"]].concat(),
        2,
        "for system extensions",
    );
    desk.refused(
        &[&sysext[..], &["--base", "oci:x"]].concat(),
        2,
        "is for images",
    );
    symlink("../share", desk.at("staging/usr/lib")).unwrap();
    desk.refused(&sysext, 2, "it has to be a folder");
    fs::remove_file(desk.at("staging/usr/lib")).unwrap();
    desk.file("staging/etc/greet.conf", "");
    desk.refused(&sysext, 2, "the folders usr and opt, and nothing else");
}

#[test]
fn what_cannot_be_exported_is_told_and_nothing_is_written() {
    let desk = Desk::new();
    desk.refused(ARM64, 2, "there is no such folder");
    fs::create_dir(desk.at("staging")).unwrap();
    desk.refused(ARM64, 2, "there is nothing in it");
    desk.file("staging/x", "x");
    desk.refused(&[], 2, "nothing says which machines");
    desk.refused(&["--arch", "amr64"], 2, "did you mean arm64?");
    desk.refused(&[ARM64, &["--insecure"]].concat(), 2, "none is named");
    let (code, _, errors) = desk.export(&[ARM64, &["--out", "staging/out"]].concat());
    assert_eq!(code, Some(2), "{errors}");
    assert!(!desk.at("staging/out").exists());
    for name in ["../x", "a b", "", ".x", "a\nb"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
        command.current_dir(desk.0.path());
        command.args([
            "image",
            "--payload",
            "staging",
            "--arch",
            "arm64",
            "--out",
            "refused",
        ]);
        let output = command.arg(format!("--name={name}")).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name:?}");
        assert!(!desk.at("refused").exists());
    }

    // a folder of somebody's own is left alone
    desk.file("theirs/index.json", "mine");
    let (code, _, errors) = desk.export(&[ARM64, &["--out", "theirs"]].concat());
    assert_eq!(code, Some(8), "{errors}");
    assert_eq!(
        fs::read_to_string(desk.at("theirs/index.json")).unwrap(),
        "mine"
    );

    desk.file("staging/.wh.etc", "");
    desk.refused(ARM64, 2, "removes a file of the layers below");
    fs::remove_file(desk.at("staging/.wh.etc")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(desk.at("staging/socket")).unwrap();
    desk.refused(ARM64, 2, "a socket, and a payload holds files");
    drop(socket);
}
