use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

#[test]
fn the_embedded_data_passes() {
    let catalog = Catalog::embedded().unwrap();
    let bad: Vec<String> = check(&catalog)
        .iter()
        .filter(|finding| finding.level != Level::Note)
        .map(|finding| {
            format!(
                "{} {}{}: {finding}",
                finding.code,
                finding.file.name(),
                finding.pointer
            )
        })
        .collect();
    assert!(bad.is_empty(), "{} findings\n{}", bad.len(), bad.join("\n"));
}

/// Where the fixtures are: `sound`, a small matrix in which nothing is wrong, and for each finding a folder with the files that are
/// different and the place that it is at.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checks")
}

/// The data files in `folder`, by name.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|it| it.path().extension().is_some_and(|it| it == "json"));
    files
        .map(|it| {
            let name = it.file_name().into_string().unwrap();
            (name, fs::read_to_string(it.path()).unwrap())
        })
        .collect()
}

/// The findings in the small matrix with `changed` in it: code and place.
fn found_with(changed: BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut all = texts(&fixtures().join("sound"));
    for (name, text) in changed {
        let before = all.insert(name, text.clone()).unwrap();
        assert_ne!(before, text, "nothing was changed");
    }
    let texts: Vec<(&str, &str)> = all
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let catalog = Catalog::of_texts(&texts)
        .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
    let findings = found_by(LINTS, &catalog).into_iter();
    findings
        .map(|it| {
            let place = format!("{}{}", it.file.name(), it.pointer);
            (it.code.to_string(), place)
        })
        .collect()
}

#[test]
fn a_sound_matrix_has_no_findings() {
    assert_eq!(found_with(BTreeMap::new()), vec![]);
}

/// Every check of the catalog has a fixture that it finds fault with, at the place that the fixture names. K121 looks at a project's
/// own data only.
#[test]
fn each_check_finds_what_it_is_for() {
    let mut proven = BTreeSet::new();
    for folder in fs::read_dir(fixtures()).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        if name == "sound" {
            continue;
        }
        let code = name.split('-').next().unwrap().to_owned();
        let place = fs::read_to_string(folder.path().join("finding")).unwrap();
        let found = found_with(texts(&folder.path()));
        let wanted = (code.clone(), format!("matrix/{}", place.trim_end()));
        assert!(found.contains(&wanted), "{name}: {wanted:?} in {found:?}");
        proven.insert(code);
    }
    let of_catalog = LINTS
        .iter()
        .filter(|it| matches!(it.run, Run::OnCatalog(_)));
    let all: BTreeSet<String> = of_catalog
        .map(|lint| lint.code.to_string())
        .filter(|code| code != "K121")
        .collect();
    assert_eq!(proven, all);
}

#[test]
fn what_was_measured_with_other_bytes_needs_no_toolchain_of_the_matrix() {
    let mut changed = texts(&fixtures().join("K119"));
    for text in changed.values_mut() {
        let toolchain = r#""overridden": true, "binutils""#;
        *text = text.replace(r#""binutils""#, toolchain);
    }
    let found = found_with(changed);
    assert!(!found.iter().any(|(code, _)| code == "K119"), "{found:?}");
}

/// A measurement, with `field` set to `value`.
fn measured(fields: &[(&str, serde_json::Value)]) -> serde_json::Value {
    let mut entry = serde_json::json!({
        "kernel": "6.1.192", "arch": "arm64", "toolchain": {"source": "debian", "gcc": "12.2.0", "binutils": "2.40"},
        "stage": "boot", "outcome": "passed", "seconds": 1.5, "date": "2026-11-20", "kflake": "0.1.0", "nix": "2.8.0",
    });
    for (field, value) in fields {
        entry[*field] = value.clone();
    }
    entry
}

/// The findings about measurements of a project with `list` as its own, by code, place and message.
fn about(list: &[serde_json::Value]) -> Vec<(String, String, String)> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("matrix")).unwrap();
    let text = serde_json::to_string(list).unwrap();
    fs::write(dir.path().join("matrix/evidence.json"), text).unwrap();
    let lints = ["K119", "K121"].map(|code| find(code).unwrap());
    let mut findings = found_by(&lints, &Catalog::load(dir.path()).unwrap());
    place(&mut findings);
    findings
        .into_iter()
        .map(|it| {
            assert_ne!(it.file.name(), "matrix/evidence.json", "the embedded file");
            (it.code.to_string(), it.pointer.to_string(), it.to_string())
        })
        .collect()
}

#[test]
fn impossible_evidence_is_found_in_the_file_that_it_is_in() {
    use serde_json::json;
    assert_eq!(about(&[measured(&[])]), []);
    for (fields, said) in [
        (
            vec![("kernel", json!("2.6.31"))],
            "the arch is not supported there",
        ),
        (vec![("kernel", json!("2.4.37"))], "the kernel is of no era"),
        (vec![("date", json!("2099-01-01"))], "is in the future"),
        (
            vec![("date", json!("1999-12-31"))],
            "kflake did not exist yet",
        ),
        (
            vec![("seconds", json!(1e308))],
            "seconds is not a possible time",
        ),
        (vec![("date", json!("2026-02-30"))], "is no day"),
        (vec![("date", json!("20261120"))], "is no day"),
        (vec![("date", json!("yesterday"))], "is no day"),
        (vec![("seconds", json!(-1))], "not a possible time"),
        (
            vec![("failure", json!("boot-silent"))],
            "a class of failure",
        ),
        (
            vec![("stage", json!("kernel")), ("bare_init", json!(true))],
            "only a boot has an init",
        ),
        (
            vec![("outcome", json!("failed")), ("warnings", json!(["x"]))],
            "listened to",
        ),
    ] {
        // the first two are good: the place is the entry's in its own file
        let found = about(&[
            measured(&[]),
            measured(&[("date", json!("2026-11-21"))]),
            measured(&fields),
        ]);
        assert_eq!(found.len(), 1, "{fields:?}: {found:?}");
        let (code, place, message) = &found[0];
        assert_eq!((code.as_str(), place.as_str()), ("K121", "/2"), "{message}");
        assert!(message.contains(said), "{message}");
    }
    let found = about(&[measured(&[]), measured(&[("stage", json!("dream"))])]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0.as_str(), found[0].1.as_str()), ("K119", "/1"));
}

#[test]
fn an_arch_is_no_stock_arch_where_its_kernel_cannot_be_built() {
    let found = |boards: &str, kernel: &str, arches: &str| {
        let eras = format!(
            r#"{{"k3": {{"title": "3", "from": "3.0", "below": "4.0", "sources": ["debian"], "kernel": "{kernel}", "stock_arches": {arches}}}}}"#
        );
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("matrix")).unwrap();
        fs::write(dir.path().join("matrix/eras.json"), eras).unwrap();
        fs::write(dir.path().join("matrix/boards.json"), boards).unwrap();
        let catalog = Catalog::load(dir.path()).unwrap();
        let findings = found_by(&[find("stock-arch").unwrap()], &catalog);
        let told = findings.iter().map(|it| format!("{}: {it}", it.pointer));
        let of_era: Vec<String> = told.filter(|it| it.starts_with("/k3/")).collect();
        of_era.join("\n")
    };
    assert_eq!(found("{}", "3.18.140", r#"["mipsel", "x86_64"]"#), "");
    // the arch came with 3.7
    let before = found("{}", "3.4.113", r#"["arm64"]"#);
    assert!(
        before.starts_with("/k3/stock_arches/0: arm64 does not exist in Linux 3.4.113: "),
        "{before}"
    );
    let without = r#"{"x86_64-pc": null}"#;
    assert_eq!(
        found(without, "3.18.140", r#"["mipsel", "x86_64"]"#),
        "/k3/stock_arches/1: no board for x86_64 runs Linux 3.18.140"
    );
    assert_eq!(
        found("{}", "3.18.140", r#"["x86_64", "x86_64"]"#),
        "/k3/stock_arches/1: x86_64 is named twice"
    );
}

#[test]
fn codes_and_names_are_unique_and_explained() {
    let mut seen = BTreeSet::new();
    for lint in LINTS {
        assert!(
            seen.insert(lint.code.to_string()) && seen.insert(lint.name.to_owned()),
            "{}",
            lint.code
        );
        assert!(
            lint.explanation.len() > 80 && lint.summary.ends_with('.'),
            "{}",
            lint.code
        );
        assert!(std::ptr::eq(find(lint.name).unwrap(), *lint));
        assert!(std::ptr::eq(
            find(&lint.code.to_string().to_lowercase()).unwrap(),
            *lint
        ));
    }
    assert!(find("K999").is_none());
}

/// Each reading the file for itself, a project of 20 KB that takes all pins out kept `check` busy for a minute.
#[test]
fn many_findings_share_one_reading_of_their_file() {
    let project = tempfile::tempdir().unwrap();
    let pins = Catalog::embedded().unwrap().debian.pins;
    let none: Vec<String> = pins.keys().map(|id| format!("\"{id}\": null")).collect();
    fs::create_dir(project.path().join("matrix")).unwrap();
    let text = format!("{{\"pins\": {{{}}}}}", none.join(", "));
    fs::write(project.path().join("matrix/debian.json"), text).unwrap();
    let findings = check(&Catalog::load(project.path()).unwrap());
    let of_pins: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.file.name() == "matrix/debian.json")
        .collect();
    assert!(of_pins.len() > 100, "{}", of_pins.len());
    let text = of_pins[0].file.text();
    for finding in of_pins {
        assert!(std::ptr::eq(finding.file.text(), text));
        let parts = finding.pointer.parts();
        let place = &text[finding.span().unwrap()];
        assert!(parts[0] == "pins" || place.contains('"'), "{place}");
    }
}
