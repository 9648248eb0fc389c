//! The fetcher of Debian's package set, with mirrors that serve something else, or have no end.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

/// Fetches `f`, whose content is `right`, from the folders in `mirrors`; files may have `limit` KiB.
fn fetch(dir: &Path, mirrors: &[&str], limit: u32) -> Output {
    let bases: Vec<String> = mirrors
        .iter()
        .map(|name| format!("file://{}/", dir.join(name).to_str().unwrap()))
        .collect();
    let limit = format!("ulimit -f {limit}");
    fetcher(dir, &bases, &limit).output().unwrap()
}

/// What fetches `f` from `mirrors`, once `before` was run.
fn fetcher(dir: &Path, mirrors: &[String], before: &str) -> Command {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template/debian-packages/fetchurl.sh");
    let hash = data_encoding::BASE64.encode(&Sha256::digest(b"right\n"));
    let mut command = Command::new("bash");
    command
        .arg0("bash")
        .args(["-c", &format!("{before}; exec bash \"$0\"")])
        .arg(script)
        .current_dir(dir)
        .env("NIX_BUILD_TOP", dir)
        .env("out", dir.join("out"))
        .env("outputHash", format!("sha256-{hash}"))
        .env("name", "f")
        .env("urls", "mirror://x/f")
        .env("NIX_MIRRORS_x", mirrors.join(" "))
        .env_remove("http_proxy");
    command
}

/// A mirror that never ends, and tells its size or not; and how many bytes it got rid of.
fn endless(size: Option<u64>) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // the whole of its request, so that closing does not reset what was sent
            let _ = stream.read(&mut [0; 4096]);
            let length = size.map_or(String::new(), |size| format!("Content-Length: {size}\r\n"));
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n"
            );
            while stream.write_all(&[b'x'; 1 << 14]).is_ok() {
                count.fetch_add(1 << 14, Ordering::Relaxed);
            }
        }
    });
    (address, sent)
}

fn mirrors(dir: &Path) {
    for name in ["portal", "large", "good", "empty"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    fs::write(dir.join("portal/f"), "<html>sign in first</html>").unwrap();
    fs::write(dir.join("large/f"), vec![0; 1 << 20]).unwrap();
    fs::write(dir.join("good/f"), "right\n").unwrap();
}

#[test]
fn wrong_bytes_and_too_many_of_them_lead_to_the_next_mirror() {
    let dir = tempfile::tempdir().unwrap();
    mirrors(dir.path());
    let output = fetch(dir.path(), &["empty", "portal", "large", "good"], 64);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(
        fs::read_to_string(dir.path().join("out")).unwrap(),
        "right\n"
    );
    assert!(!dir.path().join("out.part").exists());
}

#[test]
fn what_became_of_each_mirror_is_told() {
    let dir = tempfile::tempdir().unwrap();
    mirrors(dir.path());
    let output = fetch(dir.path(), &["empty", "large"], 64);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for words in [
        "fetch: unavailable: f",
        "no such file",
        "larger than 2147483648 bytes, which f is not",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!dir.path().join("out").exists());
    // a file with another hash is Nix's to refuse, which tells both
    let output = fetch(dir.path(), &["portal", "large"], 64);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another file (sha256 "), "{said}");
    assert!(dir.path().join("out").exists());
}

#[test]
fn the_package_set_s_own_fetcher_passes_wrong_bytes_over() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    mirrors(dir.path());
    let set = common::package_set();
    // as pins and kernels are written; a file that no earlier run can have left in the store
    let text = format!("right {:?}\n", std::time::SystemTime::now());
    fs::write(dir.path().join("good/f"), &text).unwrap();
    let hash = data_encoding::BASE64.encode(&Sha256::digest(&text));
    let expression = format!(
        r#"(import {}/debian-packages {{ }}).fetchurl {{ url = "mirror://test/f"; hash = "sha256-{hash}"; }}"#,
        set.path().display()
    );
    let base = |name: &str| format!("file://{}", dir.path().join(name).display());
    let settings = common::build_config();
    let shown = format!("extra-sandbox-paths = {}", dir.path().display());
    let output = Command::new("nix-build")
        .args(["--no-out-link", "-E", &expression])
        .env("NIX_CONFIG", format!("{settings}{shown}\n"))
        .env("NIX_MIRRORS_debian", common::debian_mirror())
        .env(
            "NIX_MIRRORS_test",
            format!("{} {}", base("portal"), base("good")),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let out = common::succeeded(output).stdout;
    let out = String::from_utf8(out).unwrap();
    assert_eq!(fs::read_to_string(out.trim()).unwrap(), text);
    assert!(!said.contains("command not found"), "{said}");
}

/// busybox, which Debian's package set begins with, in the store.
fn busybox() -> PathBuf {
    let dir = tempfile::tempdir().unwrap();
    common::succeeded(common::kflake(dir.path(), &["gen", "--packages", "debian"]));
    let catalog = kflake::catalog::Catalog::embedded().unwrap();
    let seed = &catalog.host_tools_of(&Default::default()).unwrap().seed;
    let words = ["--print-fixed-path", "--recursive", "sha256"];
    let mut nix = common::nix("nix-store");
    nix.args(words).arg(seed.hash.hex()).arg(seed.name.as_str());
    let said = common::succeeded(nix.output().unwrap()).stdout;
    PathBuf::from(String::from_utf8(said).unwrap().trim())
}

/// The address of a machine on which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

#[test]
fn busybox_goes_from_mirror_to_mirror_as_well() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    mirrors(dir.path());
    let bin = busybox().join("bin");
    let address = common::serve(dir.path().to_owned());
    let fetch = |mirrors: &[String]| {
        let script = "flake-template/debian-packages/fetchurl.sh";
        Command::new(bin.join("sh"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
            .env_clear()
            .env("PATH", &bin)
            .env("NIX_BUILD_TOP", dir.path())
            .env("out", dir.path().join("out"))
            .env(
                "outputHash",
                format!(
                    "sha256-{}",
                    data_encoding::BASE64.encode(&Sha256::digest(b"right\n"))
                ),
            )
            .env("name", "f")
            .env("urls", "mirror://x/f")
            .env("NIX_MIRRORS_x", mirrors.join(" "))
            // a proxy that does not answer is gone around
            .env("http_proxy", nobody())
            .output()
            .unwrap()
    };
    let at = |name: &str| format!("{address}{name}/");
    let bad = [nobody(), "file:///nowhere".to_owned(), at("empty")];
    let output = fetch(&bad);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for words in [
        "fetch: unavailable: f",
        "not reachable",
        "no such file",
        "not there",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let output = fetch(&[&bad[..], &[at("portal"), at("large"), at("good")]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let out = fs::read_to_string(dir.path().join("out"));
    assert_eq!(out.unwrap(), "right\n");
}

#[test]
fn a_package_that_one_mirror_lacks_comes_from_the_next() {
    if !common::have_nix() {
        return;
    }
    busybox();
    let set = common::package_set();
    let dir = tempfile::tempdir().unwrap();
    let now = format!("{:?}", std::time::SystemTime::now());
    fs::write(dir.path().join("x.deb"), &now).unwrap();
    let address = common::serve(dir.path().to_owned());
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(&now));
    let expression = format!(
        "let pinned = builtins.fromJSON (builtins.readFile {0}/debian-packages/pins.json); in \
         builtins.head (import {0}/debian-packages/debs.nix {{ system = \"x86_64-linux\"; pinned = pinned // {{ \
         snapshot = \"{address}none\"; libraries.base = [ \"x\" ]; \
         pins = pinned.pins // {{ x = {{ name = \"x.deb\"; path = \"x.deb\"; sha256 = \"{hash}\"; size = {1}; }}; }}; }}; }}).libraries.base.debs",
        set.path().to_str().unwrap(),
        now.len()
    );
    let build = |mirrors: String| {
        Command::new("nix-build")
            .args(["--no-out-link", "-E", &expression])
            .env("NIX_CONFIG", common::build_config())
            .env("NIX_MIRRORS_debian", mirrors)
            .output()
            .unwrap()
    };
    let output = build(nobody());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("x.deb could not be fetched"), "{said}");
    assert!(
        said.contains(&format!("{address}none/x.deb: not there")),
        "{said}"
    );
    let path = common::succeeded(build(format!("{} {address}", nobody()))).stdout;
    let path = String::from_utf8(path).unwrap();
    assert_eq!(fs::read_to_string(path.trim()).unwrap(), now);
}

#[test]
fn a_mirror_without_end_is_left_at_the_size_of_the_pin() {
    let dir = tempfile::tempdir().unwrap();
    mirrors(dir.path());
    let good = format!("file://{}/good/", dir.path().to_str().unwrap());
    for size in [None, Some(1 << 40)] {
        let (mirror, sent) = endless(size);
        let output = fetcher(dir.path(), &[mirror, good.clone()], "true")
            .env("curlOptsList", "--max-filesize 6")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{size:?}: {said}");
        let fetched = fs::read(dir.path().join("out")).unwrap();
        assert_eq!(fetched, b"right\n", "{size:?}");
        // what was on its way in buffers, and no more
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < 32 << 20, "{size:?}: {sent}");
        fs::remove_file(dir.path().join("out")).unwrap();
    }
}

#[test]
fn more_than_the_pin_says_is_told() {
    let dir = tempfile::tempdir().unwrap();
    mirrors(dir.path());
    let base = |name: &str| format!("file://{}/{name}/", dir.path().to_str().unwrap());
    let fetch = |mirror: &str, size: &str| {
        let mut command = fetcher(dir.path(), &[base(mirror)], "true");
        let size = format!("--max-filesize {size}");
        command.env("curlOptsList", size).output().unwrap()
    };
    let output = fetch("large", "6");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("larger than 6 bytes, which f is not"),
        "{said}"
    );
    assert!(fetch("good", "6").status.success());
}

#[test]
fn without_a_limit_nothing_is_fetched() {
    let dir = tempfile::tempdir().unwrap();
    mirrors(dir.path());
    let base = format!("file://{}/good/", dir.path().to_str().unwrap());
    // a shell that cannot set it
    let before = "ulimit() { [ $# = 1 ] && echo unlimited; }; export -f ulimit";
    let output = fetcher(dir.path(), &[base], before).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("kflake: fetch: unlimited: "), "{said}");
    assert!(!dir.path().join("out").exists());
}
