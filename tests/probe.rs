//! `kflake probe` on a kernel that is made to refuse compilers.

mod common;

use std::fs;

use serde_json::Value;

/// Probes the fake kernel of `project`; what it prints.
fn probe(project: &std::path::Path, more: &[&str]) -> (Option<i32>, String) {
    let args = ["probe", "6.1.9999", "arm64", "--packages", "debian"];
    let output = common::kflake(project, &[&args, more].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{errors}");
    (output.status.code(), text)
}

fn json(path: &std::path::Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_compilers_that_work_are_found_and_the_others_ruled_out_on_demand() {
    if !common::have_nix() {
        return;
    }
    let project = tempfile::tempdir().unwrap();
    let project = project.path();
    // what is in the store from before is no measurement
    let kernel = common::pack_new_kernel(project, "gcc-12-only");
    common::add_kernel(project, &kernel);
    let (code, text) = probe(project, &["--json"]);
    assert_eq!(code, Some(0), "{text}");
    let told: Value = serde_json::from_str(&text).unwrap();
    let row = told["candidates"].as_array().unwrap();
    let works: Vec<&str> = row
        .iter()
        .filter(|it| it["result"] == "works")
        .map(|it| it["gcc"].as_str().unwrap())
        .collect();
    assert!(works.iter().all(|gcc| gcc.starts_with("12.")), "{text}");
    assert!(!works.is_empty(), "{text}");
    let failed = || row.iter().filter(|it| it["result"] == "fails");
    assert!(failed().count() >= 2, "{text}");
    for it in failed() {
        assert_eq!(it["stage"], "kernel");
        assert!(
            it["detail"].as_str().unwrap().contains("for gcc 12"),
            "{it}"
        );
    }
    let ids: Vec<&String> = told["constraints"].as_object().unwrap().keys().collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(!project.join("matrix/constraints.json").exists());
    let measured = |project: &std::path::Path| {
        json(&project.join("matrix/evidence.json"))
            .as_array()
            .unwrap()
            .len()
    };
    let before = measured(project);
    assert!(before >= 3 + failed().count(), "{before}");

    let (code, text) = probe(project, &["--write"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.lines()
            .any(|line| line.starts_with("only gcc 12.") || line.contains(" to gcc 12.")),
        "{text}"
    );
    let written = json(&project.join("matrix/constraints.json"));
    for id in ids {
        assert_eq!(written[id], told["constraints"][id], "{id}");
    }
    let checked = common::succeeded(common::kflake(project, &["check"]));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("0 errors"));
    let resolve = ["resolve", "6.1.9999", "arm64", "--toolchains", "debian"];
    let resolved = common::succeeded(common::kflake(project, &resolve));
    let resolved = String::from_utf8_lossy(&resolved.stdout).into_owned();
    assert!(resolved.contains("12.2.0"), "{resolved}");
    assert!(resolved.contains("measured"), "{resolved}");
    // and another kernel of the series is left alone
    let resolve = ["resolve", "6.1.9998", "arm64", "--toolchains", "debian"];
    let other = common::succeeded(common::kflake(project, &resolve));
    let other = String::from_utf8_lossy(&other.stdout).into_owned();
    assert!(!other.contains("probed-"), "{other}");
}

#[test]
fn one_compiler_is_tried_on_the_kernels_at_hand() {
    if !common::have_nix() {
        return;
    }
    let project = common::fake_project("ok");
    let project = project.path();
    let args = "probe --kernel-range --gcc 12.2 arm64 --packages debian --stage kernel";
    let args: Vec<&str> = args.split(' ').collect();
    let output = common::succeeded(common::kflake(project, &args));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("gcc 12.2 for arm64: 1 kernel"), "{text}");
    assert!(
        text.contains("only Linux 6.1.9999 works; 1 of 1 tried"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_probed_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for (args, code, said) in [
        ("probe 2.6.31 arm64", 5, "does not run on arm64"),
        ("probe 6.1 arm46", 2, "arm64"),
        ("probe --kernel-range arm64", 2, "--gcc"),
        (
            "probe --kernel-range --gcc 12 arm64",
            2,
            "kflake kernel add",
        ),
        ("probe arm64", 2, "required"),
    ] {
        let args: Vec<&str> = args.split(' ').collect();
        let output = common::kflake(dir.path(), &args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(said), "{args:?}: {errors}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
