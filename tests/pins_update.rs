//! `kflake pins update` against a little archive that a key made for the test signs.

mod common;

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// An archive, and the key that signs it.
struct Archive {
    dir: tempfile::TempDir,
    date: Timestamp,
    valid: Option<Timestamp>,
    codename: &'static str,
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = self.gpg("gpgconf").args(["--kill", "all"]).output();
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

fn run(command: &mut Command) -> Output {
    common::succeeded(command.output().expect("it runs"))
}

impl Archive {
    /// None where gpg is missing: `make deps` installs it.
    fn new() -> Option<Archive> {
        let found = Command::new("gpg").arg("--version").output().is_ok();
        if !found {
            common::pass_over("no gpg");
        }
        if !found || !common::have_nix() {
            return None;
        }
        let archive = Archive {
            dir: tempfile::Builder::new().prefix("arc").tempdir().unwrap(),
            date: Timestamp::now() - 1.hour(),
            valid: None,
            codename: "bookworm",
        };
        let home = archive.at("gpg");
        fs::create_dir(&home).unwrap();
        run(Command::new("chmod").arg("700").arg(&home));
        let words = [
            "--quick-generate-key",
            "archive@test.example",
            "ed25519",
            "sign",
            "never",
        ];
        run(archive.gpg("gpg").args(["--passphrase", ""]).args(words));
        let keys = archive.at("keys.gpg");
        run(archive
            .gpg("gpg")
            .arg("--output")
            .arg(&keys)
            .arg("--export"));
        archive.publish(&packages());
        Some(archive)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn gpg(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("GNUPGHOME", self.at("gpg"));
        if program == "gpg" {
            command.args(["--batch", "--quiet", "--yes"]);
        }
        command
    }

    fn suite(&self) -> PathBuf {
        self.at("dists/bookworm")
    }

    fn list(&self) -> PathBuf {
        self.suite().join("main/binary-amd64/Packages.xz")
    }

    /// Puts a list of packages and its InRelease in place.
    fn publish(&self, list: &str) {
        let path = self.list();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let plain = path.with_extension("");
        fs::write(&plain, list).unwrap();
        run(Command::new("xz").arg("-0f").arg(&plain));
        self.sign(&fs::read(&path).unwrap());
    }

    fn sign(&self, packed: &[u8]) {
        let time = |at: Timestamp| at.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
        let mut text = format!("Codename: {}\nDate: {}\n", self.codename, time(self.date));
        if let Some(until) = self.valid {
            text += &format!("Valid-Until: {}\n", time(until));
        }
        text += &format!(
            "SHA256:\n {} {} main/binary-amd64/Packages.xz\n",
            hex(packed),
            packed.len()
        );
        fs::write(self.at("Release"), text).unwrap();
        let release = self.suite().join("InRelease");
        let mut gpg = self.gpg("gpg");
        gpg.arg("--clearsign").arg("--output").arg(release);
        run(gpg.arg(self.at("Release")));
    }

    /// A project whose tools are of this archive, as it is at the beginning.
    fn project(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("matrix")).unwrap();
        let pin = |name: &str, version: &str, bytes: &[u8]| {
            json!({
                "package": name, "version": version, "suite": "bookworm",
                "url": format!("mirror://debian/pool/{name}_{version}.deb"), "size": bytes.len(), "sha256": hex(bytes),
            })
        };
        let tools = json!({ "bookworm": {
            "snapshot": "https://snapshot.example/archive/debian/20200101T000000Z",
            "seed": { "name": "busybox-1.0", "package": "bookworm/busybox-static", "hash": hex(b"") },
            "tools": {
                "bash": { "packages": ["bookworm/bash"], "libraries": "none" },
                "dash": { "packages": ["bookworm/dash"], "libraries": "none" },
            },
            "qemu": {},
            "libraries": {},
            "pins": {
                "bookworm/bash": pin("bash", "5.2-1", b"bash 5.2-1"),
                "bookworm/busybox-static": pin("busybox-static", "1.0-1", b"busybox-static 1.0-1"),
                "bookworm/dash": pin("dash", "0.5-1", b"dash 0.5-1"),
            },
        }});
        fs::write(dir.path().join("matrix/host-tools.json"), tools.to_string()).unwrap();
        dir
    }

    fn command(&self, project: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kflake"));
        command.arg("-C").arg(project);
        command.args(["pins", "update", "--suite", "bookworm", "--keyring"]);
        command.arg(self.at("keys.gpg")).args(args);
        command
            .env("NIX_MIRRORS_debian", self.dir.path())
            .env("NO_COLOR", "1");
        command
    }

    fn update(&self, project: &Path, args: &[&str]) -> (Option<i32>, String, String) {
        said(self.command(project, args).output().unwrap())
    }

    /// What is said of an archive that cannot be believed; nothing may be written then.
    fn refused(&self) -> String {
        let project = self.project();
        let before = fs::read(project.path().join("matrix/host-tools.json")).unwrap();
        let (code, out, err) = self.update(project.path(), &["--write"]);
        assert_eq!(code, Some(8), "{out}{err}");
        assert_eq!(out, "");
        let after = fs::read(project.path().join("matrix/host-tools.json")).unwrap();
        assert_eq!(before, after);
        // lines are wrapped for people
        err.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn stanza(name: &str, version: &str, bytes: &[u8]) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nFilename: pool/{name}_{version}.deb\nSize: {}\nSHA256: {}\n\n",
        bytes.len(),
        hex(bytes)
    )
}

/// What the projects of these tests pin, and one package more.
fn packages() -> String {
    [
        stanza("bash", "5.2-1", b"bash 5.2-1"),
        stanza("busybox-static", "1.0-1", b"busybox-static 1.0-1"),
        stanza("dash", "0.5-1", b"dash 0.5-1"),
        stanza("zsh", "1", b""),
    ]
    .concat()
}

/// A Debian package that holds `bin/busybox`.
fn busybox(dir: &Path) -> Vec<u8> {
    fs::create_dir_all(dir.join("root/bin")).unwrap();
    fs::write(dir.join("root/bin/busybox"), "#!/bin/sh\n").unwrap();
    let data = dir.join("data.tar.xz");
    let mut tar = Command::new("tar");
    run(tar
        .arg("-cJf")
        .arg(&data)
        .arg("-C")
        .arg(dir.join("root"))
        .arg("./bin"));
    let data = fs::read(data).unwrap();
    let mut deb = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("data.tar.xz", &data)] {
        let size = content.len();
        deb.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
                0, 0, 0, 100_644
            )
            .bytes(),
        );
        deb.extend(content);
        deb.resize(deb.len().next_multiple_of(2), b'\n');
    }
    deb
}

#[test]
fn pins_that_are_current_are_left_alone() {
    let Some(archive) = Archive::new() else {
        return;
    };
    let project = archive.project();
    let (code, out, err) = archive.update(project.path(), &[]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(out, "bookworm: 3 packages, all up to date\n");
}

#[test]
fn what_changed_is_shown_and_written_when_it_is_whole() {
    let Some(archive) = Archive::new() else {
        return;
    };
    let project = archive.project();
    let file = project.path().join("matrix/host-tools.json");
    let before = fs::read(&file).unwrap();
    let deb = busybox(&archive.at("deb"));
    fs::create_dir(archive.at("pool")).unwrap();
    fs::write(archive.at("pool/busybox-static_1.1~rc2-1.deb"), &deb).unwrap();
    archive.publish(
        &[
            stanza("bash", "5.10-1", b"bash 5.10-1"),
            stanza("busybox-static", "1.1~rc2-1", &deb),
            stanza("dash2", "0.4", b"dash2")
                .replace("Filename", "Provides: dash (= 0.4)\nFilename"),
        ]
        .concat(),
    );
    // a package is gone: nothing of that suite is written
    let (code, out, err) = archive.update(project.path(), &["--write"]);
    assert_eq!(code, Some(1), "{out}{err}");
    for line in [
        "5.2-1 → 5.10-1",
        "1.0-1 → 1.1~rc2-1",
        "gone from the archive; it may have become dash2",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(err.contains("not updated: bookworm"), "{err}");
    assert_eq!(fs::read(&file).unwrap(), before);

    let renamed = ["--rename", "bookworm/dash=bookworm/dash2"];
    let (code, out, err) = archive.update(project.path(), &renamed);
    assert_eq!(code, Some(1), "{out}{err}");
    for line in [
        "--- a/matrix/host-tools.json\n",
        "-      \"bookworm/bash\": {\"package\": \"bash\", \"version\": \"5.2-1\", ",
        "+      \"bookworm/bash\": {\"package\": \"bash\", \"version\": \"5.10-1\", ",
        "+      \"dash\": { \"packages\": [\"bookworm/dash2\"], \"libraries\": \"none\" }",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert_eq!(fs::read(&file).unwrap(), before);

    let (code, out, err) = archive.update(project.path(), &[&renamed[..], &["--write"]].concat());
    assert_eq!(code, Some(0), "{out}{err}");
    let written: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let tools = &written["bookworm"];
    let at = archive.date + 6.hours();
    let stamp = at.strftime("%Y%m%dT%H%M%SZ").to_string();
    assert_eq!(
        tools["snapshot"],
        format!("https://snapshot.example/archive/debian/{stamp}")
    );
    assert_eq!(tools["pins"]["bookworm/dash2"]["version"], "0.4");
    assert_eq!(tools["pins"]["bookworm/busybox-static"]["size"], deb.len());
    assert_eq!(tools["seed"]["name"], "busybox-1.1~rc2".replace('~', "-"));

    // the seed's digest is the one that Nix gives the folder
    let seed = archive.at("seed/bin");
    fs::create_dir_all(&seed).unwrap();
    fs::copy(archive.at("deb/root/bin/busybox"), seed.join("busybox")).unwrap();
    run(Command::new("chmod").arg("555").arg(seed.join("busybox")));
    std::os::unix::fs::symlink("busybox", seed.join("sh")).unwrap();
    let mut nix = common::nix("nix-hash");
    let hash = run(nix.args(["--type", "sha256"]).arg(archive.at("seed"))).stdout;
    let digest = data_encoding::HEXLOWER.decode(String::from_utf8(hash).unwrap().trim().as_bytes());
    let digest = format!("sha256-{}", data_encoding::BASE64.encode(&digest.unwrap()));
    assert_eq!(tools["seed"]["hash"], digest);

    let (code, out, _) = archive.update(project.path(), &[]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "bookworm: 3 packages, all up to date\n")
    );
}

#[test]
fn a_signature_has_to_be_good() {
    let Some(archive) = Archive::new() else {
        return;
    };
    let release = archive.suite().join("InRelease");
    let good = fs::read_to_string(&release).unwrap();
    for (text, words) in [
        (good.replace("SHA256", "SHA256 "), "BAD signature"),
        (
            fs::read_to_string(archive.at("Release")).unwrap(),
            "not one signed text",
        ),
        (format!("{good}{good}"), "not one signed text"),
        (format!("Codename: trixie\n{good}"), "not one signed text"),
    ] {
        fs::write(&release, text).unwrap();
        let said = archive.refused();
        assert!(
            said.contains("signature is not good") && said.contains(words),
            "{said}"
        );
    }
    // by a key that the keyring does not have
    let other = Archive::new().unwrap();
    fs::copy(other.suite().join("InRelease"), &release).unwrap();
    let said = archive.refused();
    assert!(said.contains("No public key"), "{said}");
}

#[test]
fn an_index_holds_for_its_time() {
    let Some(mut archive) = Archive::new() else {
        return;
    };
    archive.valid = Some(Timestamp::now() - 1.minute());
    archive.publish(&packages());
    assert!(
        archive
            .refused()
            .contains("its index has expired: it was valid until")
    );
    archive.valid = None;
    archive.date = Timestamp::now() + 1.hour();
    archive.publish(&packages());
    assert!(archive.refused().contains("which is in the future"));
    archive.date = Timestamp::now();
    archive.codename = "trixie";
    archive.publish(&packages());
    assert!(
        archive
            .refused()
            .contains("the index of trixie in that place")
    );
}

#[test]
fn a_list_has_to_be_the_one_that_is_signed() {
    let Some(archive) = Archive::new() else {
        return;
    };
    fs::write(archive.list(), "another").unwrap();
    let said = archive.refused();
    assert!(
        said.contains("Packages.xz is not the file that InRelease names"),
        "{said}"
    );
    archive.sign(b"another");
    let said = archive.refused();
    assert!(said.contains("cannot be unpacked"), "{said}");
    archive.publish(&packages().replace("Size: 10\n", ""));
    let said = archive.refused();
    assert!(said.contains("the package bash: it has no Size"), "{said}");
    fs::remove_file(archive.list()).unwrap();
    let said = archive.refused();
    assert!(said.contains("Packages.xz cannot be fetched"), "{said}");
    fs::remove_file(archive.suite().join("InRelease")).unwrap();
    let said = archive.refused();
    assert!(
        said.contains("dists/bookworm/InRelease cannot be fetched"),
        "{said}"
    );
}

#[test]
fn without_gpgv_or_keys_nothing_is_believed() {
    let Some(archive) = Archive::new() else {
        return;
    };
    let project = archive.project();
    let (code, _, err) = archive.update(project.path(), &["--keyring", "/nonexistent/keys"]);
    assert_eq!(code, Some(2), "given twice: {err}");
    let missing = |command: &mut Command| said(command.output().unwrap());
    let mut command = archive.command(project.path(), &[]);
    let (code, out, err) = missing(command.env("PATH", archive.at("nothing")));
    assert_eq!((code, out.as_str()), (Some(8), ""), "{err}");
    assert!(
        err.contains("gpgv") && err.contains("apt-get install gpgv"),
        "{err}"
    );
    fs::remove_file(archive.at("keys.gpg")).unwrap();
    let (code, out, err) = archive.update(project.path(), &[]);
    assert_eq!((code, out.as_str()), (Some(8), ""), "{err}");
    assert!(err.contains("debian-archive-keyring"), "{err}");
}

#[test]
fn mirrors_that_do_not_do_are_passed_over_by_name() {
    let Some(archive) = Archive::new() else {
        return;
    };
    let project = archive.project();
    let other = Archive::new().unwrap();
    let (empty, strange) = (
        archive.at("empty"),
        other.dir.path().to_str().unwrap().to_owned(),
    );
    let good = common::serve(archive.dir.path().to_owned());
    let mirrors = format!("{} {strange} {good}", empty.display());
    let mut command = archive.command(project.path(), &[]);
    let (code, out, err) = said(command.env("NIX_MIRRORS_debian", mirrors).output().unwrap());
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(
        err.contains("empty/: dists/bookworm/InRelease cannot be fetched"),
        "{err}"
    );
    assert!(err.contains("signature is not good"), "{err}");
    assert!(err.contains(&format!("bookworm: {good}")), "{err}");
    // nobody answers there any more
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = archive.command(project.path(), &[]);
    let (code, _, err) = said(
        command
            .env("NIX_MIRRORS_debian", format!("http://{gone}/"))
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(8), "{err}");
    assert!(err.contains("cannot be fetched"), "{err}");
}

#[test]
fn an_index_without_end_is_not_fetched_to_its_end() {
    let Some(archive) = Archive::new() else {
        return;
    };
    let project = archive.project();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            let chunk = vec![b'x'; 1 << 20];
            while stream.write_all(&chunk).is_ok() {}
        }
    });
    let mut command = archive.command(project.path(), &[]);
    command.env("NIX_MIRRORS_debian", format!("http://{address}/"));
    let (code, _, err) = said(command.output().unwrap());
    assert_eq!(code, Some(8), "{err}");
    assert!(err.contains("it is larger than 8 MiB"), "{err}");
}
