//! A selection over several machines: `kflake validate --shard`. No Nix is needed for what is looked at here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What `words` say in `folder`, and their exit code.
fn kflake(folder: &Path, words: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kflake"))
        .args(words)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("HOME", "/nonexistent")
        .env("KFLAKE_NIX", "/nonexistent/nix")
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

/// The cells that a dry run of `words` would try, and the share that it says it is.
fn cells(folder: &Path, words: &[&str]) -> (Vec<String>, Option<String>) {
    let words = [&["validate", "--dry-run", "--json"], words].concat();
    let (code, text) = kflake(folder, &words);
    assert_eq!(code, 0, "{text}");
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    let name = |cell: &serde_json::Value| format!("{} {}", cell["id"], cell["kernel"]);
    let cells = plan["cells"].as_array().unwrap().iter().map(name);
    (cells.collect(), plan["shard"].as_str().map(str::to_owned))
}

#[test]
fn the_shards_of_a_selection_are_the_selection() {
    let dir = tempfile::tempdir().unwrap();
    let selection = ["--tag", "32-bit", "--exclude", "mips", "--stage", "kernel"];
    let (whole, none) = cells(dir.path(), &selection);
    assert_eq!(none, None);
    let mut all = Vec::new();
    for number in 1..=3 {
        let shard = format!("{number}/3");
        let (own, said) = cells(dir.path(), &[&selection[..], &["--shard", &shard]].concat());
        assert_eq!(said.as_deref(), Some(shard.as_str()));
        assert!(own.len() * 6 > whole.len(), "{shard}: {own:?}");
        // whichever way it is asked for
        let turned = [&["--shard", &shard, "--stage=kernel"], &selection[..4]].concat();
        assert_eq!(cells(dir.path(), &turned).0, own);
        all.extend(own);
    }
    let sorted = |cells: &[String]| cells.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(all.len(), whole.len());
    assert_eq!(sorted(&all), sorted(&whole));

    let words = ["validate", "--dry-run", "--cell", "k6-arm64", "--shard"];
    let said = |shard| kflake(dir.path(), &[&words[..], &[shard]].concat());
    let (code, text) = said("1/2");
    assert_eq!(code, 0, "{text}");
    assert!(
        text.ends_with("shard 1/2: 1 of 1 cells would be tried; 1 are selected\n"),
        "{text}"
    );
    assert_eq!(
        said("2/2"),
        (
            0,
            "shard 2/2: 0 of 0 cells would be tried; 1 are selected\n".to_owned()
        )
    );
    for (shard, why) in [
        ("0/3", "counted from 1"),
        ("4/3", "no shard 4 of 3"),
        ("3", "looks like 2/5"),
        ("a/b", "looks like 2/5"),
        ("1/99999999999", "is too many"),
    ] {
        let (code, text) = said(shard);
        assert!(code == 2 && text.contains(why), "{shard}: {text}");
    }
}

#[test]
fn a_run_goes_on_with_its_own_shard() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap();
    fs::write(folder.join("kflake.toml"), "").unwrap();
    fs::create_dir(folder.join("report")).unwrap();
    let command = ["kflake", "validate", "--era", "k6", "--shard", "2/4"];
    let line = serde_json::json!({
        "event": "begin", "version": 3, "started": "2026-11-20T05:00:00Z", "project": folder, "command": command,
        "missing": [],
    });
    fs::write(folder.join("report/journal.jsonl"), format!("{line}\n")).unwrap();
    let began = cells(&folder, &command[2..]);
    assert_eq!(cells(&folder, &["--resume"]), began);
    assert_eq!(cells(&folder, &["--resume", "--shard", "2/4"]), began);
    for other in ["1/4", "2/5"] {
        let words = ["validate", "--resume", "--dry-run", "--shard", other];
        let (code, text) = kflake(&folder, &words);
        assert!(
            code == 2 && text.contains("--shard") && text.contains("--shard 2/4"),
            "{text}"
        );
    }
}
