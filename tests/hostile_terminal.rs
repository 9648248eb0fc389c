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
    on_a_terminal_with(project, arguments, &[])
}

/// The same, with more in the environment.
fn on_a_terminal_with(
    project: &Path,
    arguments: &[&OsStr],
    environment: &[(&str, &str)],
) -> (String, i32) {
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
        .envs(environment.iter().copied())
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
        let command = line.contains("##[") || line.contains("##vso[");
        assert!(!begins && !command, "{what}: {line:?}");
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

#[test]
fn no_history_comparison_or_coverage_acts() {
    let dir = tempfile::tempdir().unwrap();
    hostile_report(dir.path());
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reports");
    let other = samples.join("small.json");
    let other = other.to_str().unwrap();
    for line in [
        "report . --against OTHER",
        "report OTHER --against .",
        "report . --against OTHER --format markdown",
        "report . --against OTHER --format html",
        "report . --against OTHER --format json",
        "report history . OTHER",
        "report history . OTHER --format html",
        "report history . OTHER --format svg",
        "report history . OTHER --format json",
    ] {
        let words = line.split(' ').map(|word| match word {
            "OTHER" => OsStr::new(other),
            word => OsStr::new(word),
        });
        let words: Vec<&OsStr> = words.collect();
        let (text, code) = on_a_terminal(dir.path(), &words);
        assert!(
            code == 0 || line.contains("--against") && code == 1,
            "{line}: {code}: {text}"
        );
        assert!(text.len() > 100, "{line}: {text}");
        assert_inert(line, &text);
    }
}

#[test]
fn what_a_log_says_is_only_text() {
    let dir = tempfile::tempdir().unwrap();
    let log =
        format!("  CC      a.o\na.c:1:1: error: ##[error]x {HOSTILE}\nmake: *** [a.o] Error 1\n");
    let only = "::error::x\n";
    for (name, log) in [("cause", log.as_str()), ("command", only), (HOSTILE, &log)] {
        std::fs::write(dir.path().join(name), log).unwrap();
        for more in [None, Some("--json")] {
            let words = ["explain", "--log", name].into_iter().chain(more);
            let words: Vec<&OsStr> = words.map(OsStr::new).collect();
            let (text, code) = on_a_terminal(dir.path(), &words);
            assert_eq!(code, 0, "{text}");
            assert_inert(name, &text);
            if more.is_some() {
                let value: serde_json::Value = serde_json::from_str(&text)
                    .unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
                let first = value["first_error"].as_str().unwrap();
                assert!(first.contains("error"), "{first}");
            }
        }
    }
}

#[test]
fn prose_of_data_that_loads_is_only_text() {
    // control characters in it do not load
    let prose: String = HOSTILE.chars().filter(|c| !c.is_control()).collect();
    let prose = format!("::error::y {prose}");
    let dir = tempfile::tempdir().unwrap();
    let matrix = dir.path().join("matrix");
    std::fs::create_dir(&matrix).unwrap();
    let write = |file: &str, value: serde_json::Value| {
        std::fs::write(matrix.join(file), value.to_string()).unwrap();
    };
    let fact = |tool: &str| {
        serde_json::json!({
            "tool": tool, "kernel": { "from": "6.1.9998", "below": "6.1.9999" },
            "window": { "accept": { "from": "99", "below": null } }, "severity": "refuses", "confidence": "folklore",
            "reason": prose, "evidence": prose,
        })
    };
    write(
        "constraints.json",
        serde_json::json!({ "own-fact": fact("gcc"), "own-fact-of-llvm": fact("llvm") }),
    );
    let sha256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    write(
        "kernels.json",
        serde_json::json!({ "6.1.9998": { "file": "linux-6.1.9998.tar.xz", "sha256": sha256, "note": prose } }),
    );
    for (line, code) in [
        ("explain own-fact", 0),
        ("resolve 6.1.9998 arm64 --explain", 4),
        ("resolve 6.1.9998 arm64 --json", 4),
        ("kernel list 6.1.9998", 0),
        ("kernel list 6.1.9998 --json", 0),
        ("check", 1),
    ] {
        let words: Vec<&OsStr> = line.split(' ').map(OsStr::new).collect();
        let (text, got) = on_a_terminal(dir.path(), &words);
        assert_eq!(got, code, "{line}: {text}");
        assert!(
            text.contains("9998") || text.contains("own-fact"),
            "{line}: {text}"
        );
        assert_inert(line, &text);
    }
}

#[test]
fn doctor_names_hostile_places_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(HOSTILE);
    std::fs::create_dir(&folder).unwrap();
    let nix = format!("/missing-{HOSTILE}");
    let mirror = format!("file:///missing-{HOSTILE} /missing-{HOSTILE}");
    let environment = [
        ("KFLAKE_NIX", nix.as_str()),
        ("NIX_MIRRORS_debian", &mirror),
        ("NIX_MIRRORS_kernel", &mirror),
    ];
    for line in [
        "doctor",
        "doctor --json",
        "pins mirrors",
        "pins mirrors --export",
    ] {
        let words: Vec<&OsStr> = line.split(' ').map(OsStr::new).collect();
        let (text, code) = on_a_terminal_with(&folder, &words, &environment);
        assert!(text.contains("missing-"), "{line}: {code}: {text}");
        // a shell reads these back as they were
        if line != "pins mirrors --export" {
            assert_inert(line, &text);
        }
    }
}

#[test]
fn what_a_build_says_reaches_no_terminal_runner_or_file_as_it_is() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("hostile");
    let project = project.path();
    let runner = [("GITHUB_ACTIONS", "true")];
    for line in [
        "validate --cell k6-arm64 --events events",
        "build 6.1.9999 arm64 --config tiny --out out",
        "build 6.1.9999 arm64 --config tiny --out out --verbose",
        "report",
    ] {
        let debian = if line == "report" {
            &[]
        } else {
            common::DEBIAN
        };
        let words = line.split(' ').chain(debian.iter().copied());
        let words: Vec<&OsStr> = words.map(OsStr::new).collect();
        for environment in [&[][..], &runner] {
            let (text, code) = on_a_terminal_with(project, &words, environment);
            assert_eq!(code, i32::from(line != "report"), "{line}: {text}");
            assert!(text.contains("PWN"), "{line}: {text}");
            // the bars are redrawn in place
            let text = ["\u{1b}[2K", "\u{1b}[1A", "\u{1b}[1B"]
                .iter()
                .fold(text, |text, moved| text.replace(moved, ""))
                .replace('\r', "\n");
            // what kflake itself tells the runner
            let own =
                |line: &&str| !line.starts_with("::group::") && !line.starts_with("::endgroup::");
            let rest: Vec<&str> = text.lines().filter(own).collect();
            assert_inert(line, &rest.join("\n"));
        }
    }
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let events = read(&project.join("events"));
    assert!(events.contains("PWN"), "{events}");
    for line in events.lines() {
        assert_inert("events", line);
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    for name in [
        "report.json",
        "report.html",
        "report.md",
        "junit.xml",
        "journal.jsonl",
    ] {
        assert_inert(name, &read(&project.join("report").join(name)));
    }
    let log = std::fs::read_dir(project.join("report/logs")).unwrap();
    let log = read(&log.last().unwrap().unwrap().path());
    assert!(log.contains("PWN") && !log.contains('\u{1b}'), "{log}");
}
