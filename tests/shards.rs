//! A selection over several machines: `kflake validate --shard`, `kflake report merge`. No Nix is needed for what is looked at here.

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
        text.ends_with("shard 1/2: 1 of 1 cells would be tried; 1 is selected\n"),
        "{text}"
    );
    assert_eq!(
        said("2/2"),
        (
            0,
            "shard 2/2: 0 of 0 cells would be tried; 1 is selected\n".to_owned()
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

/// A report's folder, with the sample `name` in it as `change` makes it, and its logs.
fn report(folder: &Path, name: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reports");
    let text = fs::read_to_string(sample.join(format!("{name}.json"))).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    change(&mut report);
    fs::create_dir_all(folder.join("logs")).unwrap();
    for cell in report["cells"].as_array().unwrap() {
        for stage in cell["stages"].as_array().unwrap() {
            if let Some(log) = stage["failure"]["log"]
                .as_str()
                .filter(|it| it.split('/').count() == 2)
            {
                fs::write(folder.join(log), "the log of a shard").unwrap();
            }
        }
    }
    fs::write(folder.join("report.json"), report.to_string()).unwrap();
}

#[test]
fn the_reports_of_shards_become_one_with_its_logs() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let parts = |of: usize, own: usize| {
        move |report: &mut serde_json::Value| {
            report["shard"] = format!("{}/{of}", own + 1).into();
            let cells = report["cells"].as_array_mut().unwrap();
            let mut at = 0..;
            cells.retain(|_| at.next().unwrap() % of == own);
        }
    };
    for own in 0..3 {
        report(&dir.join(format!("s/{own}")), "sixty", parts(3, own));
    }
    let merge = ["report", "merge", "s/0", "s/1", "s/2", "--out", "all"];
    assert_eq!(
        kflake(dir, &merge),
        (
            0,
            "report: all/report.html (60 cells of 3 reports)\n".to_owned()
        )
    );
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let page = read("all/report.html");
    let logs: Vec<&str> = page
        .split("<a href=\"")
        .skip(1)
        .filter_map(|it| it.split('"').next())
        .filter(|it| it.starts_with("logs/"))
        .collect();
    assert!(logs.len() > 3, "{logs:?}");
    for log in logs {
        assert!(read(&format!("all/{log}")).starts_with("the log of"));
    }
    let junit = read("all/junit.xml");
    assert_eq!(junit.matches("<testcase").count(), 240);
    for format in ["terminal", "html", "markdown", "junit", "json", "jsonl"] {
        let (code, text) = kflake(dir, &["report", "all", "--format", format]);
        assert!(code == 0 && text.contains("k6"), "{format}: {text}");
    }
    // the same again, beside the one before; and no sooner than all is well
    let first = read("all/report.json");
    assert_eq!(kflake(dir, &merge).0, 0);
    assert_eq!(read("all/report.json"), first);
    assert_eq!(fs::read_dir(dir.join("all/runs")).unwrap().count(), 1);
    let (code, text) = kflake(dir, &["report", "merge", "s/0", "s/2", "--out", "all"]);
    assert!(code == 0 && text.contains("not finished: 2/3\n"), "{text}");
    assert!(kflake(dir, &["report", "all"]).1.contains("not finished"));
}

#[test]
fn what_cannot_be_merged_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    report(&dir.join("a"), "small", |_| {});
    report(&dir.join("b"), "small-later", |report| {
        report["packages"] = "nixpkgs".into()
    });
    report(&dir.join("new"), "small", |report| {
        report["schema_version"] = 7.into()
    });
    fs::create_dir_all(dir.join("none")).unwrap();
    fs::create_dir_all(dir.join("mine")).unwrap();
    fs::write(dir.join("mine/report.html"), "mine").unwrap();
    fs::create_dir(dir.join("linked")).unwrap();
    std::os::unix::fs::symlink("../a/report.json", dir.join("linked/report.json")).unwrap();
    for (words, code, why) in [
        (
            &["a", "none", "--out", "out"][..],
            2,
            "none holds no report",
        ),
        (&["a", "nowhere", "--out", "out"], 2, "cannot read nowhere"),
        (&["a", "new", "--out", "out"], 2, "schema version 7"),
        (
            &["a", "b", "--out", "out"],
            2,
            "with the package set debian",
        ),
        (&["a", "linked", "--out", "out"], 8, "a symbolic link"),
        (&["a", "--out", "mine"], 8, "is not empty"),
        (&["a", "--out", "a"], 2, "is a report to merge"),
        (&["a", "--out", "/"], 2, "the root of the file system"),
        (&["a"], 2, "--out"),
        (&["--out", "out"], 2, "DIR"),
    ] {
        let (got, text) = kflake(dir, &[&["report", "merge"], words].concat());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            got == code && text.contains(why),
            "{words:?}: {got}: {text}"
        );
        assert!(!dir.join("out").exists(), "{words:?}");
    }
    assert_eq!(fs::read_dir(dir.join("mine")).unwrap().count(), 1);
    assert!(!dir.join("a/.kflake-files").exists());
}

#[test]
fn a_hostile_report_takes_nothing_from_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let secret = dir.join("secret.log");
    fs::write(&secret, "a secret").unwrap();
    report(&dir.join("a"), "hostile", |report| {
        let names = [
            "logs/link.log",
            "logs/up/secret.log",
            "logs/../../secret.log",
        ];
        let cells = report["cells"].as_array_mut().unwrap();
        let stages = cells
            .iter_mut()
            .flat_map(|it| it["stages"].as_array_mut().unwrap());
        let failed = stages.filter(|it| it["failure"].is_object());
        for (at, stage) in failed.enumerate().skip(3) {
            stage["failure"]["log"] = names[at % 3].into();
        }
    });
    let logs = dir.join("a/logs");
    let _ = fs::remove_file(logs.join("link.log"));
    std::os::unix::fs::symlink("../../secret.log", logs.join("link.log")).unwrap();
    std::os::unix::fs::symlink("../..", logs.join("up")).unwrap();
    // a file without end is left where it is
    let large = logs.join("large.log");
    fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
    report(&dir.join("b"), "small-later", |report| {
        report["cells"][1]["stages"][2]["failure"]["log"] = "logs/large.log".into();
    });
    fs::rename(&large, dir.join("b/logs/large.log")).unwrap();
    let (code, text) = kflake(dir, &["report", "merge", "a", "b", "--out", "all"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("cannot be had") && !text.contains('\u{1b}'),
        "{text}"
    );
    let files = walk(&dir.join("all"));
    for file in &files {
        let facts = fs::symlink_metadata(file).unwrap();
        assert!(facts.is_file() && facts.len() < 4 << 20, "{file:?}");
        let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        assert!(!text.contains("a secret"), "{file:?}");
    }
    assert!(files.len() > 10);
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a", "all", "b", "secret.log"]);
}

/// The files in `folder` and below.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match fs::symlink_metadata(&path).unwrap().is_dir() {
            true => files.extend(walk(&path)),
            false => files.push(path),
        }
    }
    files
}
