//! `kflake image --payload`: files that were staged, as an image, as a layer on another, and as a system extension.

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use backhand::{FilesystemReader, InnerNode};
use common::module::module;
use common::walk;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

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

    /// A folder for kflake's temporary files.
    fn tmp(&self) -> PathBuf {
        let tmp = self.at("tmp");
        fs::create_dir_all(&tmp).unwrap();
        tmp
    }

    /// Temporary folders that a run left.
    fn left(&self) -> usize {
        let all = fs::read_dir(self.at("tmp")).unwrap().flatten();
        let within = all.flat_map(|it| fs::read_dir(it.path()).unwrap().flatten());
        within.filter(|it| it.path().is_dir()).count()
    }

    /// A skopeo that does `copy` when it is to copy, with the folder that it is to fill in `$dir`.
    fn skopeo(&self, copy: &str) {
        let at = self.at("").display().to_string();
        self.file(
            "bin/skopeo",
            format!(
                "#!/bin/sh\nPATH=/usr/bin:/bin\ncase $* in --version) exit ;; esac\n\
                 cd {at}; echo \"$*\" >said; for word; do :; done; dir=${{word#oci:}}\n{copy}\n"
            ),
        );
        fs::set_permissions(self.at("bin/skopeo"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `kflake image --payload staging --name greet`, with `more`: exit code, output and complaints.
    fn export(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
        command
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .env_remove("SOURCE_DATE_EPOCH")
            .env("TMPDIR", self.tmp())
            .args(["image", "--payload", "staging", "--name", "greet"])
            .args(more);
        if self.at("bin").is_dir() {
            command.env("PATH", self.at("bin"));
        }
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

    /// How many blobs are in the image in the folder `name`.
    fn blobs(&self, name: &str) -> usize {
        fs::read_dir(self.at(name).join("blobs/sha256"))
            .unwrap()
            .count()
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
    desk.refused(&["--base", "oci:missing"], 2, "not an image layout");
    desk.file("staging/lib/y", "y");
    desk.refused(base, 2, "a link to usr/lib there, which it would replace");
    let blob = above["layers"][0]["digest"]
        .as_str()
        .unwrap()
        .replace(':', "/");
    desk.file(&format!("below/blobs/{blob}"), "another");
    desk.refused(base, 1, "it has 7 bytes, and should have");
}

#[test]
fn a_layer_replaces_nothing_by_something_of_another_kind() {
    let desk = Desk::new();
    desk.file("staging/lib/ld.so", "base");
    desk.file("staging/usr/lib/x", "base");
    desk.file("staging/usr/share", "base");
    symlink("../tmp", desk.at("staging/usr/tmp")).unwrap();
    desk.exported(&[ARM64, &["--out", "below"]].concat());
    let base = &["--base", "oci:below"][..];
    for (name, link, expected) in [
        (
            "lib",
            Some("usr/lib"),
            "it is a link, and the base image has a folder there",
        ),
        (
            "usr",
            None,
            "it is a file, and the base image has a folder there",
        ),
        (
            "usr/lib",
            None,
            "it is a file, and the base image has a folder there",
        ),
        (
            "usr/share/x",
            None,
            "it is a folder, and the base image has a file there",
        ),
        (
            "usr/tmp/x",
            None,
            "the base image has a link to ../tmp there",
        ),
    ] {
        fs::remove_dir_all(desk.at("staging")).unwrap();
        match link {
            Some(target) => {
                fs::create_dir(desk.at("staging")).unwrap();
                symlink(target, desk.at("staging").join(name)).unwrap();
            }
            None => desk.file(&format!("staging/{name}"), "x"),
        }
        desk.refused(base, 2, expected);
    }
    // what is of one kind, and so hides itself alone, may be replaced
    fs::remove_dir_all(desk.at("staging")).unwrap();
    desk.file("staging/usr/share", "new");
    symlink("/tmp", desk.at("staging/usr/tmp")).unwrap();
    desk.exported(&[base, &["--out", "above"]].concat());
}

/// A base image to be made wrong: what its one layer unpacks to, how it is packed, and what describes it.
struct Below {
    plain: Vec<u8>,
    packed: Vec<u8>,
    layer: Value,
    config: Value,
    index: Value,
}

impl Below {
    fn new() -> Below {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        tar.append_data(&mut header, "etc/x", &b"base"[..]).unwrap();
        let plain = tar.into_inner().unwrap();
        Below {
            packed: gzip(&plain),
            plain,
            layer: json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip" }),
            config: json!({ "architecture": "arm64", "rootfs": { "type": "layers" } }),
            index: json!({}),
        }
    }

    /// Writes it as the layout `dir`. What was set already stays.
    fn write(mut self, dir: &Path) {
        let blobs = dir.join("blobs/sha256");
        let _ = fs::remove_dir_all(dir);
        fs::create_dir_all(&blobs).unwrap();
        let digest = |bytes: &[u8]| kflake::hash::Sha256::of_bytes(bytes).hex();
        let put = |bytes: &[u8]| {
            fs::write(blobs.join(digest(bytes)), bytes).unwrap();
            json!({ "digest": format!("sha256:{}", digest(bytes)), "size": bytes.len() })
        };
        let fill = |into: &mut Value, from: Value| {
            for (name, value) in from.as_object().unwrap() {
                if into.get(name).is_none() {
                    into[name] = value.clone();
                }
            }
        };
        fill(&mut self.layer, put(&self.packed));
        let id = format!("sha256:{}", digest(&self.plain));
        fill(&mut self.config["rootfs"], json!({ "diff_ids": [id] }));
        let config = put(self.config.to_string().as_bytes());
        let manifest = json!({ "config": config, "layers": [self.layer] });
        let manifest = put(manifest.to_string().as_bytes());
        fill(&mut self.index, json!({ "manifests": [manifest] }));
        fs::write(dir.join("index.json"), self.index.to_string()).unwrap();
        fs::write(dir.join("oci-layout"), "{}").unwrap();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn a_base_that_is_not_what_it_says_is_refused() {
    let desk = Desk::new();
    desk.file("staging/usr/x", "x");
    let base = &["--base", "oci:below"][..];
    type Change = fn(&mut Below);
    let cases: &[(Change, i32, &str)] = &[
        (
            |it| it.layer["size"] = u64::MAX.into(),
            1,
            "and should have 18446744073709551615",
        ),
        (
            |it| it.layer["digest"] = "sha256:../../../etc/passwd".into(),
            1,
            "is no SHA-256",
        ),
        (
            |it| it.layer["digest"] = format!("sha256:{}", "0".repeat(64)).into(),
            2,
            "it is missing",
        ),
        (
            |it| it.config["rootfs"]["diff_ids"] = json!([]),
            1,
            "tells of 0",
        ),
        (
            |it| it.config["rootfs"] = json!({ "diff_ids": "x" }),
            1,
            "tells of 0",
        ),
        (|it| it.plain.push(0), 1, "does not unpack to what"),
        (
            |it| it.packed = it.packed[..it.packed.len() - 9].into(),
            1,
            "cannot be unpacked",
        ),
        (
            |it| it.packed = b"no gzip at all".into(),
            1,
            "cannot be unpacked: invalid gzip header",
        ),
        (|it| it.packed.extend(b"more"), 1, "cannot be unpacked"),
        (
            |it| it.config["config"] = "x".into(),
            1,
            "its configuration cannot be an image's",
        ),
        (
            |it| it.config["config"] = json!({ "Labels": 1 }),
            1,
            "its labels cannot be an image's",
        ),
        (
            |it| it.config["architecture"] = "\u{1b}[31mred".into(),
            2,
            "is for \"red\"",
        ),
        (
            |it| it.layer["mediaType"] = "x".repeat(10_000).into(),
            2,
            "does not read layers of the type",
        ),
        (
            |it| it.index["manifests"] = json!([]),
            1,
            "not an index of one image",
        ),
    ];
    Below::new().write(&desk.at("below"));
    desk.exported(&[base, &["--out", "good"]].concat());
    for (change, code, expected) in cases {
        let mut below = Below::new();
        change(&mut below);
        below.write(&desk.at("below"));
        desk.refused(base, *code, expected);
    }
}

#[test]
fn layers_and_modules_packed_by_zstd_are_read() {
    let desk = Desk::new();
    let zstd = |bytes: &[u8]| {
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        ruzstd::encoding::compress_to_vec(bytes, level)
    };
    let place = "staging/usr/lib/modules/6.1.192/extra/a.ko.zst";
    desk.file(place, zstd(&module(183, VERMAGIC)));
    let mut below = Below::new();
    below.packed = zstd(&below.plain);
    below.layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd".into();
    below.write(&desk.at("below"));
    let base = &["--base", "oci:below"][..];
    desk.exported(&[base, &["--kernel", "6.1.192", "--out", "above"]].concat());
    desk.refused(
        &[base, &["--kernel", "6.1.193"]].concat(),
        1,
        "the kernel is `6.1.193`",
    );
    // a module of another byte order has the same machine
    let mut big = module(8, VERMAGIC);
    desk.file(place, zstd(&big));
    desk.exported(&["--arch", "mips64el", "--kernel", "6.1.192", "--out", "mips"]);
    desk.refused(
        &["--arch", "mips64eb", "--kernel", "6.1.192"],
        1,
        "a module for a machine other than",
    );
    big.truncate(100);
    desk.file(place, zstd(&big));
    desk.refused(
        &["--arch", "mips64el", "--kernel", "6.1.192"],
        1,
        "cannot tell which kernel",
    );
}

#[test]
fn modules_of_two_kernels_are_said_to_be_so() {
    let desk = Desk::new();
    for release in ["6.1.191", "6.1.192"] {
        let vermagic = format!("{release} SMP mod_unload aarch64");
        let place = format!("usr/lib/modules/{release}/extra/a.ko");
        desk.file(&format!("staging/{place}"), module(183, &vermagic));
        desk.exported(
            &[
                ARM64,
                &["--kernel", release, "--out", &format!("of-{release}")],
            ]
            .concat(),
        );
        fs::remove_dir_all(desk.at("staging")).unwrap();
    }
    // one on top of the other: both kernels are known there
    for release in ["6.1.191", "6.1.192"] {
        let vermagic = format!("{release} SMP mod_unload aarch64");
        let place = format!("usr/lib/modules/{release}/extra/b.ko");
        desk.file(&format!("staging/{place}"), module(183, &vermagic));
    }
    desk.refused(
        &["--base", "oci:of-6.1.191"],
        1,
        "the modules of the base image for",
    );
    fs::remove_dir_all(desk.at("staging/usr/lib/modules/6.1.191")).unwrap();
    desk.exported(&[
        "--base",
        "oci:of-6.1.191",
        "--kernel",
        "6.1.192",
        "--out",
        "both",
    ]);
    let place = "staging/usr/lib/modules/6.1.191/extra/c.ko";
    desk.file(place, module(183, "6.1.191 SMP mod_unload aarch64"));
    let said = desk.exported(&["--base", "oci:both", "--out", "more"]);
    assert!(
        said.contains("2 kernel modules for 6.1.191, 6.1.192"),
        "{said}"
    );
    let (manifest, _, _) = desk.image("more");
    assert_eq!(
        manifest["annotations"]["kflake.payload.kernel"],
        "6.1.191, 6.1.192"
    );
}

#[test]
fn an_image_is_made_anew_in_its_own_folder() {
    let desk = Desk::new();
    desk.file("staging/usr/x", "x");
    desk.exported(&[ARM64, &["--out", "image"]].concat());
    desk.file("staging/usr/y", "y");
    desk.exported(&["--base", "oci:image", "--out", "image"]);
    let (_, _, layers) = desk.image("image");
    assert_eq!(layers.len(), 2);
    assert_eq!(desk.blobs("image"), 4);
}

/// What fails on the way leaves the folder that was to be filled as it was.
#[test]
fn an_output_is_there_whole_or_not_at_all() {
    let desk = Desk::new();
    desk.file("staging/usr/x", "x");
    desk.exported(&[ARM64, &["--format", "sysext", "--out", "out"]].concat());
    // something of the user's has the place of what is written after the blobs
    desk.file("out/index.json", "mine");
    let (code, _, errors) = desk.export(&[ARM64, &["--out", "out"]].concat());
    assert_eq!(code, Some(8), "{errors}");
    assert!(!desk.at("out/blobs").exists());
    assert!(desk.at("out/greet.raw").exists());
    assert_eq!(
        fs::read_to_string(desk.at("out/index.json")).unwrap(),
        "mine"
    );
}

/// Nothing is left of a run that is ended: neither where temporary files go nor where the image was to be.
const REMOTE: &[&str] = &["--base", "registry.example/x:latest"];

#[test]
fn what_is_wrong_with_a_fetched_base_is_said_of_its_name() {
    let desk = Desk::new();
    desk.file("staging/usr/x", "x");
    desk.skopeo("cp -r below $dir");
    Below::new().write(&desk.at("below"));
    desk.exported(&[REMOTE, &["--out", "good"]].concat());
    type Change = fn(&mut Below);
    let cases: &[(Change, i32, &str)] = &[
        (
            |it| it.plain.push(0),
            1,
            ": the layer does not unpack to what the image's configuration says",
        ),
        (
            |it| it.packed = b"(\xb5/\xfdno gzip".into(),
            1,
            ": the layer cannot be unpacked",
        ),
        (
            |it| {
                it.layer["mediaType"] = "application/vnd.cncf.helm.chart.content.v1.tar+gzip".into()
            },
            2,
            "kflake does not read layers of the type",
        ),
        (
            |it| it.index["manifests"] = json!([]),
            1,
            "index.json: it is not an index of one image",
        ),
        (
            |it| it.config["config"] = "x".into(),
            1,
            "cannot be an image's",
        ),
    ];
    for (change, code, expected) in cases {
        let mut below = Below::new();
        change(&mut below);
        below.write(&desk.at("below"));
        desk.refused(REMOTE, *code, expected);
        let (_, _, errors) = desk.export(&[REMOTE, &["--out", "refused"]].concat());
        assert!(
            errors.contains("error: registry.example/x:latest:"),
            "{errors}"
        );
        let tmp = desk.at("tmp").display().to_string();
        assert!(
            !errors.contains(&tmp) && !errors.contains("oci:NEW"),
            "{errors}"
        );
    }
    desk.skopeo("mkdir $dir");
    desk.refused(REMOTE, 1, "does not hold all of its layers");
}

#[test]
fn a_registry_is_asked_for_the_arch_of_the_files() {
    let desk = Desk::new();
    desk.file("staging/usr/x", "x");
    desk.skopeo("echo 'no image found in image index for architecture x' >&2; exit 1");
    let said = || fs::read_to_string(desk.at("said")).unwrap();
    desk.refused(
        REMOTE,
        2,
        "registry.example/x:latest: these are images for several machines",
    );
    assert!(said().contains("--override-arch unnamed "), "{}", said());
    desk.refused(
        &[REMOTE, ARM64].concat(),
        1,
        "there is none for the arch of the files",
    );
    assert!(said().contains("--override-arch arm64 ") && !said().contains("variant"));
    desk.refused(
        &[REMOTE, &["--arch", "armhf"]].concat(),
        1,
        "no image found",
    );
    assert!(
        said().contains("--override-arch arm --override-variant v7 "),
        "{}",
        said()
    );
}

#[test]
fn what_skopeo_says_is_shown_within_bounds() {
    let desk = Desk::new();
    desk.file("staging/usr/x", "x");
    desk.skopeo("head -c 9000000 /dev/zero >&2; printf '\\n\\033[31mred\\033[0m unauthorized\\n' >&2; exit 1");
    let (code, _, errors) = desk.export(&[REMOTE, ARM64, &["--out", "refused"]].concat());
    assert_eq!(code, Some(1), "{errors}");
    assert!(
        !errors.contains('\u{1b}') && errors.len() < 2000,
        "{errors}"
    );
    assert!(errors.contains("skopeo login"), "{errors}");
    desk.skopeo("kill -9 $$");
    desk.refused(&[REMOTE, ARM64].concat(), 1, "skopeo was ended by signal 9");
    fs::remove_file(desk.at("bin/skopeo")).unwrap();
    desk.refused(&[REMOTE, ARM64].concat(), 9, "it is not there");
    assert_eq!(desk.left(), 0);
}

#[test]
fn ctrl_c_ends_skopeo_and_what_it_started() {
    let desk = Desk::new();
    desk.file("staging/usr/x", "x");
    desk.skopeo("echo $$ >group; trap '' INT TERM; sleep 1000; sleep 1000");
    for way in ["--base", "--push"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
        command
            .current_dir(desk.0.path())
            .env("PATH", desk.at("bin"))
            .env("TMPDIR", desk.tmp())
            .args(["image", "--payload", "staging", "--name", "greet"])
            .args(ARM64)
            .args([way, "registry.example/x"]);
        if way == "--base" {
            command.args(["--out", "out"]);
        }
        let mut child = command.spawn().unwrap();
        let mut tries = 0;
        while !fs::read_to_string(desk.at("group")).is_ok_and(|it| it.ends_with('\n')) {
            assert!(tries < 600 && child.try_wait().unwrap().is_none());
            tries += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{way}");
        let group = fs::read_to_string(desk.at("group")).unwrap();
        let lives = || {
            let all = fs::read_dir("/proc").unwrap().flatten();
            let mut stats = all.filter_map(|it| fs::read_to_string(it.path().join("stat")).ok());
            stats.any(|it| {
                let facts: Vec<&str> = it.rsplit(") ").next().unwrap().split(' ').collect();
                facts[0] != "Z" && facts[2] == group.trim()
            })
        };
        let mut tries = 0;
        while lives() {
            assert!(tries < 100, "{way}: something of skopeo's lives");
            tries += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(desk.left(), 0, "{way}");
        assert!(!desk.at("out").exists());
        fs::remove_file(desk.at("group")).unwrap();
    }
}

#[test]
fn an_ended_run_leaves_nothing() {
    let desk = Desk::new();
    // enough for a run to be in the midst of it, and of no room
    fs::create_dir_all(desk.at("staging/usr")).unwrap();
    let file = File::create(desk.at("staging/usr/large")).unwrap();
    file.set_len(64 << 30).unwrap();
    fs::create_dir(desk.at("tmp")).unwrap();
    for format in ["oci", "sysext"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kflake"))
            .current_dir(desk.0.path())
            .env("TMPDIR", desk.at("tmp"))
            .args([
                "image",
                "--payload",
                "staging",
                "--name",
                "greet",
                "--out",
                "out",
            ])
            .args(ARM64)
            .args(["--format", format])
            .spawn()
            .unwrap();
        let begun = || {
            let all = fs::read_dir(desk.at("tmp")).unwrap().flatten();
            let within = all.flat_map(|it| fs::read_dir(it.path()).unwrap().flatten());
            within.filter(|it| it.path().is_dir()).count()
        };
        let mut tries = 0;
        while begun() == 0 {
            assert!(tries < 600 && child.try_wait().unwrap().is_none());
            tries += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(begun(), 0, "{format}");
        assert!(!desk.at("out").exists());
    }
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
        "not the folder of an SDK",
    );
    desk.refused(
        &[ARM64, &["--kernel", "oci:below"]].concat(),
        2,
        "not the image of an SDK",
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
    for (text, expected) in [
        ("", "it has no ID="),
        ("ID=\n", "it has no ID="),
        (
            "ID=_any\nARCHITECTURE=x86-64\n",
            "it says ARCHITECTURE=x86-64, and the files are for arm64",
        ),
    ] {
        desk.file(&format!("staging{release}"), text);
        desk.refused(&sysext, 2, expected);
    }
    desk.file(&format!("staging{release}"), "ID=own\n");
    desk.file("staging/usr/lib/os-release", "ID=own\n");
    desk.refused(&sysext, 2, "it is the system's own");
    fs::remove_file(desk.at("staging/usr/lib/os-release")).unwrap();
    // another extension is no part of an earlier one
    desk.file("raw/notes", "mine");
    let other = [
        "--payload",
        "staging",
        "--name",
        "other",
        "--format",
        "sysext",
        "--out",
        "raw",
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
    command.current_dir(desk.0.path()).arg("image");
    assert!(command.args(other).args(ARM64).status().unwrap().success());
    for name in ["greet.raw", "other.raw", "notes"] {
        assert!(desk.at("raw").join(name).exists(), "{name}");
    }
    let field = |text: &'static str| [&sysext[..], &["--extension-release", text]].concat();
    desk.refused(&field("ID=debian"), 2, "say what it fits");
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
#[ignore = "mounts file systems as root: `make test-sysext`"]
fn systemd_merges_an_extension_and_refuses_one_for_another_system() {
    let desk = Desk::new();
    desk.file("staging/usr/bin/greet", "hello");
    desk.file("root/usr/lib/os-release", "ID=debian\nVERSION_ID=12\n");
    desk.file("root/usr/bin/own", "own");
    for folder in ["root/run", "root/opt", "root/var/lib/extensions"] {
        fs::create_dir_all(desk.at(folder)).unwrap();
    }
    let arch = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        arch => arch,
    };
    let merged = |fields: &[&str]| {
        let fields = fields.iter().flat_map(|it| ["--extension-release", it]);
        let options = ["--arch", arch, "--format", "sysext", "--out", "made"];
        desk.exported(&options.into_iter().chain(fields).collect::<Vec<_>>());
        let placed = desk.at("root/var/lib/extensions/greet.raw");
        fs::copy(desk.at("made/greet.raw"), placed).unwrap();
        // in a place of its own, where nothing of this machine's changes
        let script = "mount -t tmpfs tmpfs /run && mkdir /run/systemd && mount --bind root root && mount --make-shared root
            systemd-sysext --root=\"$PWD/root\" merge >&2 && cat root/usr/bin/own root/usr/bin/greet";
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .current_dir(desk.0.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    };
    let (files, errors) = merged(&[]);
    assert_eq!(files, "ownhello", "{errors}");
    let (files, errors) = merged(&["ID=debian", "VERSION_ID=12"]);
    assert_eq!(files, "ownhello", "{errors}");
    let (files, errors) = merged(&["ID=debian", "VERSION_ID=13"]);
    assert!(!files.contains("hello"), "{errors}");
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
    desk.exported(&[ARM64, &["--out", "image"]].concat());
    fs::rename(desk.at("staging"), desk.at("image/staging")).unwrap();
    symlink("image/staging", desk.at("staging")).unwrap();
    let (code, _, errors) = desk.export(&[ARM64, &["--out", "image"]].concat());
    assert!(
        code == Some(2) && errors.contains("the payload is within --out"),
        "{errors}"
    );
    fs::remove_file(desk.at("staging")).unwrap();
    fs::rename(desk.at("image/staging"), desk.at("staging")).unwrap();
    let file = desk.at("file");
    fs::write(&file, "").unwrap();
    for out in ["file", "/proc/kflake/out"] {
        let (code, _, errors) = desk.export(&[ARM64, &["--out", out]].concat());
        assert_eq!(code, Some(8), "{errors}");
    }
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
    desk.refused(ARM64, 2, "removes a file from the layers below");
    fs::remove_file(desk.at("staging/.wh.etc")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(desk.at("staging/socket")).unwrap();
    desk.refused(ARM64, 2, "a socket, and a payload holds files");
    drop(socket);
}
