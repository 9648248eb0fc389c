//! The fetcher of Debian's package set, with mirrors that serve something else, or have no end.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};

/// Fetches `f`, whose content is `right`, from the folders in `mirrors`; files may have `limit` KiB.
fn fetch(dir: &Path, mirrors: &[&str], limit: u32) -> Output {
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template/debian-packages/fetchurl.sh");
    let hash = data_encoding::BASE64.encode(&Sha256::digest(b"right\n"));
    let bases: Vec<String> = mirrors
        .iter()
        .map(|name| format!("file://{}/", dir.join(name).to_str().unwrap()))
        .collect();
    Command::new("bash")
        .arg0("bash")
        .args(["-c", &format!("ulimit -f {limit}; exec bash \"$0\"")])
        .arg(script)
        .current_dir(dir)
        .env("NIX_BUILD_TOP", dir)
        .env("out", dir.join("out"))
        .env("outputHash", format!("sha256-{hash}"))
        .env("name", "f")
        .env("urls", "mirror://x/f")
        .env("NIX_MIRRORS_x", bases.join(" "))
        .output()
        .unwrap()
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
        "larger than any file",
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
