//! Hostile names, data and arguments on a real terminal, where nothing is stripped on the way: what kflake prints there holds
//! colours of its own and nothing else that acts.

mod common;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// What drives a terminal, turns text around, or hides.
const HOSTILE: &str = "x\u{1b}]0;pwned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{61c}\u{200b}\u{2028}\u{feff}::error::y ##[z]";

/// What a command prints on a terminal, and its exit code. Both are told apart by nothing there.
fn on_a_terminal(project: &Path, arguments: &[&OsStr]) -> (String, i32) {
    let quoted = |word: &OsStr| {
        let mut out = b"'".to_vec();
        for byte in word.as_bytes() {
            match byte {
                b'\'' => out.extend(b"'\\''"),
                byte => out.push(*byte),
            }
        }
        out.push(b'\'');
        OsString::from_vec(out)
    };
    let mut session = OsString::new();
    for word in [OsStr::new(env!("CARGO_BIN_EXE_kflake"))]
        .iter()
        .chain(arguments)
    {
        session.push(quoted(word));
        session.push(" ");
    }
    let output = Command::new("script")
        .arg("-qec")
        .arg(&session)
        .arg("/dev/null")
        .current_dir(project)
        .stdin(Stdio::null())
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .output()
        .expect("script runs; it is in Debian's bsdutils");
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    (text, output.status.code().unwrap_or(-1))
}

/// `text` without colours; anything else that acts stays.
fn uncoloured(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let end = after.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        match end {
            Some(end) if after[end..].starts_with('m') => rest = &after[end + 1..],
            _ => {
                out.push_str("\u{1b}[");
                rest = after;
            }
        }
    }
    out + rest
}

#[track_caller]
fn assert_inert(what: &str, text: &str) {
    let plain = uncoloured(text);
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!plain.contains(acts), "{what}: {plain:?}");
    for line in plain.lines() {
        let begins = line.trim_start().starts_with("::");
        assert!(!begins && !line.contains("##["), "{what}: {line:?}");
    }
}

#[test]
fn no_argument_or_path_reaches_a_terminal_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let name = format!("{}.tar", HOSTILE.replace('/', "_"));
    std::fs::write(path.join(&name), "no tarball").unwrap();
    std::fs::create_dir(path.join(HOSTILE)).unwrap();
    std::fs::write(path.join(HOSTILE).join("Makefile"), "x").unwrap();
    let missing = format!("missing-{HOSTILE}");
    let fragment = format!("CONFIG_{HOSTILE}=y");
    let words = |line: &str| -> Vec<OsString> {
        line.split(' ')
            .map(|word| match word {
                "FILE" => name.clone().into(),
                "FOLDER" => HOSTILE.into(),
                "MISSING" => missing.clone().into(),
                "TEXT" => HOSTILE.into(),
                "SYMBOL" => fragment.clone().into(),
                "BYTES" => OsString::from_vec(b"\xff\x1b[2J\xfe".to_vec()),
                word => word.into(),
            })
            .collect()
    };
    for line in [
        "kernel add FILE",
        "kernel add FOLDER",
        "kernel add MISSING",
        "kernel add BYTES",
        "kernel list --band TEXT",
        "kernel list TEXT",
        "TEXT",
        "--TEXT",
        "gen --out MISSING/x --check TEXT",
        "gen --out FILE",
        "resolve TEXT arm64",
        "resolve 6.1 TEXT",
        "resolve 6.1 BYTES",
        "explain TEXT",
        "report MISSING",
        "report FILE",
        "report FOLDER",
        "report BYTES",
        "report coverage --check FILE",
        "pins import MISSING",
        "pins add gcc TEXT FILE",
        "pins add gcc 13.3.0 FILE",
        "pins show TEXT",
        "pins remove gcc TEXT",
        "pins update --suite TEXT",
        "pins update --rename TEXT",
        "pins update --keyring MISSING",
        "kernel remove TEXT",
        "validate --cell TEXT --dry-run",
        "validate --arch TEXT --dry-run",
        "validate --timeout TEXT --dry-run",
        "sdk TEXT --out x",
        "build 6.1.192 arm64 --out FILE --targets TEXT",
        "build 6.1.192 TEXT --out o",
        "build-module MISSING --kernel 6.1.192 --arch arm64 --out o",
        "build-module FOLDER --kernel 6.1.192 --arch arm64 --out o --make-flag TEXT",
    ] {
        let words = words(line);
        let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
        let (text, code) = on_a_terminal(path, &words);
        assert_inert(line, &text);
        assert!(code != 0 && code < 100, "{line}: {code}: {text}");
        assert!(text.contains("rror"), "{line}: {text:?}");
    }
}

#[test]
fn no_data_reaches_a_terminal_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let matrix = dir.path().join("matrix");
    std::fs::create_dir(&matrix).unwrap();
    let text = serde_json::json!({ HOSTILE: { HOSTILE: HOSTILE }, "6.1.192": { "file": HOSTILE } });
    for (file, text) in [
        ("kernels.json", text.to_string()),
        ("boards.json", format!("{{\"{HOSTILE}\": ")),
        (HOSTILE, "{}".to_owned()),
    ] {
        let name = if file == HOSTILE {
            format!("{HOSTILE}.json")
        } else {
            file.to_owned()
        };
        std::fs::write(matrix.join(name), text).unwrap();
    }
    for command in ["check", "gen", "kernel list", "pins mirrors", "doctor"] {
        let words: Vec<&OsStr> = command.split(' ').map(OsStr::new).collect();
        let (text, code) = on_a_terminal(dir.path(), &words);
        assert_inert(command, &text);
        assert_eq!(code, 3, "{command}: {text}");
    }
}

/// The sample run full of hostile text.
fn hostile_report(dir: &Path) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reports/hostile.json");
    std::fs::copy(sample, dir.join("report.json")).unwrap();
}

#[test]
fn no_format_of_a_report_acts_on_a_terminal_or_a_runner() {
    let dir = tempfile::tempdir().unwrap();
    hostile_report(dir.path());
    for format in [
        "terminal", "html", "markdown", "json", "jsonl", "junit", "badge", "svg", "metadata",
    ] {
        let words = ["report", ".", "--format", format].map(OsStr::new);
        let (text, code) = on_a_terminal(dir.path(), &words);
        assert_eq!(code, 0, "{format}: {text}");
        assert!(text.len() > 200, "{format}: {text}");
        assert_inert(format, &text);
        let file = dir.path().join("written");
        let output = common::kflake(
            dir.path(),
            &[
                "report",
                dir.path().to_str().unwrap(),
                "--format",
                format,
                "--output",
                file.to_str().unwrap(),
            ],
        );
        common::succeeded(output);
        assert_inert(format, &std::fs::read_to_string(&file).unwrap());
    }
}
