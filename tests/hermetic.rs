//! `scripts/hermetic`: what it says of a kernel whose source is not at hand. The comparison itself takes hours: `make hermetic`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// apt as it is where the archive cannot be reached.
const APT: &str = "#!/bin/sh
if [ \"$1\" = indextargets ]; then echo http://archive.example/debian; exit; fi
echo 'E: the archive does not answer' >&2
exit 100
";

/// Runs the script on the rows that `only` matches; a kflake of its own must not be asked for anything.
fn hermetic(dir: &Path, only: &str, files: &[&str]) -> (Output, String) {
    for (name, text) in [("apt-get", APT), ("kflake", "#!/bin/sh\nexit 70\n")] {
        let file = dir.join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/hermetic"))
        .args(files)
        .env("PATH", format!("{}:{path}", dir.display()))
        .env("KFLAKE", dir.join("kflake"))
        .env("PROJECT", dir.join("project"))
        .env("XDG_CACHE_HOME", dir.join("cache"))
        .env("ONLY", only)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    (output, said)
}

#[test]
fn a_download_that_fails_is_a_failure_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (output, said) = hermetic(dir.path(), "5.10", &[]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(
        said,
        "k4-arm64 5.10\n  FAILED: its source could not be had from bullseye: E: the archive does not answer\n"
    );
}

#[test]
fn a_series_without_a_file_is_skipped_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let other = ["linux-2.6.31.tar.gz", "linux-9.1.tar.gz"];
    let (output, said) = hermetic(dir.path(), "^[34] ", &other);
    assert!(output.status.success(), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    for (line, series) in lines.iter().zip(["k4-i386 4", "k3-armel 3"]) {
        assert!(
            line.starts_with(&format!("{series}: skipped: no file of this series")),
            "{line}"
        );
    }
}
