use std::path::Path;

use super::*;
use crate::id::PinId;

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("matrix")).unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join("matrix").join(name), text).unwrap();
    }
    dir
}

fn findings(files: &[(&str, &str)]) -> Vec<(String, String)> {
    match Catalog::load(project(files).path()) {
        Ok(_) => vec![],
        Err(LoadError::Findings { findings }) => findings
            .iter()
            .map(|it| (it.code.to_string(), it.pointer.to_string()))
            .collect(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn embedded_data_loads_and_is_well_formed() {
    let catalog = Catalog::embedded().unwrap();
    assert!(!catalog.debian.toolchains.is_empty());
    assert!(catalog.toolchains().len() >= catalog.debian.toolchains.len());
    let form: Vec<String> = catalog.form().iter().map(ToString::to_string).collect();
    assert_eq!(form, Vec::<String>::new());
}

#[test]
fn a_project_without_data_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::load(dir.path()).unwrap();
    assert_eq!(catalog.eras.len(), Catalog::embedded().unwrap().eras.len());
}

#[test]
fn the_repository_itself_is_a_harmless_project() {
    let catalog = Catalog::load(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(catalog.project_files.is_empty());
}

#[test]
fn a_projects_entries_replace_add_and_remove() {
    let before = Catalog::embedded().unwrap();
    assert!(before.mirrors.contains_key("gnu") && before.mirrors.contains_key("musl"));
    let dir = project(&[(
        "mirrors.json",
        r#"{"$schema": "x", "gnu": ["https://mirror.example/gnu/"], "own": [], "musl": null}"#,
    )]);
    let after = Catalog::load(dir.path()).unwrap();
    assert_eq!(after.mirrors["gnu"], ["https://mirror.example/gnu/"]);
    assert!(after.mirrors.contains_key("own") && !after.mirrors.contains_key("musl"));
    assert_eq!(after.mirrors["kernel"], before.mirrors["kernel"]);
}

#[test]
fn every_problem_is_named_with_its_place() {
    let found = findings(&[(
        "eras.json",
        r#"{
  "k9": {"title": "nine", "from": "nine", "sources": [], "kernel": "9.1"},
  "nine": {"title": "nine", "from": "9.0", "sources": ["debian", "ubuntu"], "kernel": "9.1"},
  "k10": {"title": "ten", "from": "10.0", "sources": [], "kernel": "10.1", "belwo": "11.0"},
  "k11": {"title": 11, "from": "11.0", "sources": [], "kernel": "11.1"},
  "k12": {"from": "12.0", "sources": [], "kernel": "12.1"},
  "k12": {"title": "twelve", "from": "12.0", "sources": [], "kernel": "12.1", "title": "again"}
}"#,
    )]);
    let expected = [
        ("K003", "/k9/from"),
        ("K006", "/nine"),
        ("K003", "/nine/sources/1"),
        ("K004", "/k10/belwo"),
        ("K003", "/k11/title"),
        ("K005", "/k12"),
        ("K002", "/k12"),
        ("K002", "/k12/title"),
    ];
    let mut found: Vec<_> = found.iter().map(|(code, at)| (&**code, &**at)).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn problems_of_form_have_codes() {
    for (name, text, code) in [
        ("eras.json", "{", "K001"),
        ("eras.json", "{} {}", "K001"),
        ("eras.json", "{\"a\": nope}", "K001"),
        ("eras.json", "// no\n{}", "K001"),
        ("eras.json", "\u{feff}{}", "K001"),
        ("eras.json", "[]", "K003"),
        ("eras.json", "null", "K003"),
        ("evidence.json", "{}", "K003"),
        ("debian.json", r#"{"pinns": {}}"#, "K004"),
        ("debian.json", r#"{"pins": []}"#, "K003"),
        ("era.json", "{}", "K007"),
        (
            "bootlin.json",
            r#"{"tarballs": {"a.tar": {"arch_dir": "a", "libc": "musl", "flavour": "stable", "release": "1", "sha256": "00"}}}"#,
            "K009",
        ),
    ] {
        let found = findings(&[(name, text)]);
        assert_eq!(
            found.first().map(|(code, _)| code.as_str()),
            Some(code),
            "{text}"
        );
    }
}

#[test]
fn deep_nesting_and_binary_files_are_findings() {
    let deep = "[".repeat(100_000);
    assert_eq!(findings(&[("eras.json", &deep)])[0].0, "K001");
    let dir = project(&[]);
    std::fs::write(dir.path().join("matrix/eras.json"), b"{\"k\xff\": 1}").unwrap();
    let Err(LoadError::Findings { findings }) = Catalog::load(dir.path()) else {
        panic!("loaded")
    };
    assert_eq!(findings[0].code, codes::UNREADABLE);
}

#[test]
fn a_syntax_error_behind_a_wide_character_can_be_shown() {
    let dir = project(&[("eras.json", "{\"k9\": \"£\u{0}\"}")]);
    let Err(LoadError::Findings { findings }) = Catalog::load(dir.path()) else {
        panic!("loaded")
    };
    assert_eq!(findings[0].code, codes::SYNTAX);
    assert_eq!(findings[0].line_column(), Some((1, 9)));
}

#[test]
fn a_finding_points_into_the_users_file() {
    let dir = project(&[(
        "eras.json",
        "{\n  \"k9\": {\"title\": \"ä\", \"form\": 1}\n}",
    )]);
    let Err(error) = Catalog::load(dir.path()) else {
        panic!("loaded")
    };
    let LoadError::Findings { findings } = &error else {
        panic!("{error}")
    };
    assert_eq!(findings[0].line_column(), Some((2, 24)));
    let shown = crate::cli::render::diagnostic(&error, None);
    assert!(
        shown.contains("K004") && shown.contains("eras.json:2:24"),
        "{shown}"
    );
    assert!(shown.contains("\"form\": 1"), "{shown}");
}

#[test]
fn a_kernel_in_the_place_of_a_pinned_one_is_known_as_such() {
    let own = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let embedded = Catalog::embedded().unwrap();
    let version = |text: &str| text.parse::<crate::version::KernelVersion>().unwrap();
    let pinned = embedded.kernels[&version("6.1")].sha256.sri();
    let entry = |name: &str, sha256: &str| {
        format!(r#""{name}": {{"file": "linux-own.tar", "sha256": "{sha256}"}}"#)
    };
    for (name, sha256, origin) in [
        ("6.1", own, SourceOrigin::Override),
        ("6.1.0", own, SourceOrigin::Override),
        ("6.1", pinned.as_str(), SourceOrigin::Pinned),
        ("6.1-vendor", own, SourceOrigin::Registered),
        ("6.1.9999", own, SourceOrigin::Registered),
    ] {
        let dir = project(&[("kernels.json", &format!("{{{}}}", entry(name, sha256)))]);
        let catalog = Catalog::load(dir.path()).unwrap();
        assert_eq!(catalog.kernels[&version(name)].origin, origin, "{name}");
        let others = catalog.kernels.iter().filter(|it| *it.0 != version(name));
        for (other, pin) in others {
            assert_eq!(pin.origin, SourceOrigin::Pinned, "{other}");
        }
    }
}

#[test]
fn an_archive_of_the_projects_own_is_not_taken_for_bootlins() {
    let own = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let pinned = "armv7-eabihf--musl--stable-2025.08-1.tar.xz";
    let pin = Catalog::embedded().unwrap().bootlin.tarballs[pinned].sha256;
    let tarball = |file: &str, release: &str, sha256: &str| {
        format!(
            r#""{file}": {{"arch_dir": "armv7-eabihf", "libc": "musl", "flavour": "stable", "release": "{release}",
                "sha256": "{sha256}"}}"#
        )
    };
    for (file, release, sha256, id) in [
        (
            pinned,
            "2025.08-1",
            own,
            "2025.08-1-armv7-eabihf-musl-stable+override",
        ),
        (
            pinned,
            "2025.08-1",
            pin.sri().as_str(),
            "2025.08-1-armv7-eabihf-musl-stable",
        ),
        (
            "sdk.tar.gz",
            "own",
            own,
            "own-armv7-eabihf-musl-stable+override",
        ),
    ] {
        let text = format!(
            r#"{{"releases": {{"own/stable": {{"gcc": {{"version": "14.3.0", "confidence": "measured"}},
                "binutils": {{"version": "2.43.1", "confidence": "measured"}},
                "musl": {{"version": "1.2.5", "confidence": "measured"}}}}}}, "tarballs": {{{}}}}}"#,
            tarball(file, release, sha256)
        );
        let dir = project(&[("bootlin.json", &text)]);
        let catalog = Catalog::load(dir.path()).unwrap();
        let id = format!("bootlin-{id}")
            .parse::<crate::id::ToolchainId>()
            .unwrap();
        let toolchain = &catalog.toolchains()[&id];
        assert_eq!(toolchain.is_overridden(), sha256 == own, "{id}");
        assert_eq!(toolchain.libc.as_deref(), Some("musl-1.2.5"), "{id}");
        // the others keep their names
        let overridden = catalog
            .toolchains()
            .values()
            .filter(|it| it.is_overridden());
        assert_eq!(overridden.count(), usize::from(sha256 == own), "{id}");
    }
}

#[test]
fn a_component_of_the_projects_own_renames_the_toolchains_built_from_it() {
    let repacked = |sha256: &str| {
        format!(
            r#"{{"components": {{"gcc/13.3.0": {{"kind": "gcc", "version": "13.3.0", "file": "gcc-13.3.0-repacked.tar.xz",
                "sha256": "{sha256}", "blessed": true}}}}}}"#
        )
    };
    let id = |id: &str| id.parse::<crate::id::ToolchainId>().unwrap();
    let own = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let dir = project(&[("components.json", &repacked(own))]);
    let catalog = Catalog::load(dir.path()).unwrap();
    assert!(
        !catalog
            .toolchains()
            .contains_key(&id("musl-13.3.0-mips64el"))
    );
    let toolchain = &catalog.toolchains()[&id("musl-13.3.0-mips64el+override")];
    let Origin::Source { overridden, .. } = &toolchain.origin else {
        panic!("{toolchain:?}")
    };
    assert_eq!(
        overridden.iter().map(PinId::as_str).collect::<Vec<_>>(),
        ["gcc/13.3.0"]
    );
    // the file has no address, but a name in the store
    let files = catalog.pinned_files();
    let file = files
        .iter()
        .find(|it| it.what == "component gcc/13.3.0")
        .unwrap();
    assert_eq!(
        (file.name.as_str(), &file.url),
        ("gcc-13.3.0-repacked.tar.xz", &None)
    );
    // other toolchains keep their names
    assert!(
        catalog
            .toolchains()
            .contains_key(&id("musl-14.3.0-mips64el"))
    );

    // the pinned file from elsewhere is still the pinned file
    let pinned = Catalog::embedded().unwrap().components.components["gcc/13.3.0"]
        .sha256
        .unwrap();
    let dir = project(&[("components.json", &repacked(&pinned.sri()))]);
    let catalog = Catalog::load(dir.path()).unwrap();
    assert!(
        catalog
            .toolchains()
            .contains_key(&id("musl-13.3.0-mips64el"))
    );
}

#[test]
fn a_source_toolchain_names_components_that_are_pinned() {
    let catalog = Catalog::embedded().unwrap();
    for (id, definition) in &catalog.source_toolchains {
        let components: Vec<_> = definition.components().collect();
        assert!(components.len() >= 4, "{id}");
        for (kind, component) in components {
            let pin = &catalog.components.components[&component];
            assert_eq!(pin.kind, kind, "{component}");
            assert!(pin.sha256.is_some() && pin.url.is_some(), "{component}");
        }
    }
}

/// The text read anew for each of them would take minutes.
#[test]
fn many_problems_on_a_line_are_found_in_one_pass() {
    let text = format!("[{}]", vec!["{}"; 20_000].join(","));
    let Err(LoadError::Findings { findings }) = Catalog::of_texts(&[("evidence.json", &text)])
    else {
        panic!("it loads");
    };
    assert_eq!(findings.len(), 20_000);
    let last = findings.last().and_then(Finding::span);
    assert_eq!(last, Some(text.len() - 3..text.len() - 1));
}

/// Each finding holds the way to its place: of a long one, a file of 300 KB took gigabytes.
#[test]
fn a_long_way_to_many_problems_is_one_problem() {
    let twice = vec!["\"a\":0"; 20_000].join(",");
    let long = "k".repeat(200_000);
    let deep: String = (0..100).map(|_| "{\"twenty-characters-each\":").collect();
    for text in [
        format!("{{\"{long}\":{{{twice}}}}}"),
        format!("{deep}{{{twice}}}{}", "}".repeat(100)),
    ] {
        let Err(LoadError::Findings { findings }) = Catalog::of_texts(&[("kernels.json", &text)])
        else {
            panic!("it loads");
        };
        assert_eq!(findings.len(), 1, "{:?}", findings[1].message);
        let said = &findings[0].message;
        assert!(said.contains("longer than 1024 bytes"), "{said}");
        assert!(findings[0].pointer.to_string().len() <= 2048);
    }
}

#[test]
fn of_very_many_problems_the_first_are_named() {
    let text = format!("[{}]", vec!["{}"; 30_000].join(","));
    let Err(LoadError::Findings { findings }) = Catalog::of_texts(&[("evidence.json", &text)])
    else {
        panic!("it loads");
    };
    assert_eq!(findings.len(), 20_000);
    let last = &findings[19_999].message;
    assert_eq!(last, "this file has more problems than these 20000");
}

/// kflake's own rows are taken as they are; a project's are compared with them.
#[test]
fn no_row_of_the_evidence_stands_twice() {
    let catalog = Catalog::embedded().unwrap();
    let rows = catalog.evidence();
    assert!(!rows.is_empty());
    for (index, row) in rows.iter().enumerate() {
        assert!(!rows[..index].contains(row), "row {index}");
    }
}
