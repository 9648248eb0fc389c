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

/// A small matrix in which nothing is wrong, as `(file, text)`.
fn sound() -> Vec<(&'static str, String)> {
    let texts = [
        (
            "eras.json",
            r#"{"k6": {"title": "6", "from": "6.0", "sources": ["bootlin", "musl", "debian"], "kernel": "6.1", "prefer": {"bootlin": ["12"]}}}"#,
        ),
        (
            "arches.json",
            r#"{"arm64": {"linux_arch": "arm64", "bits": 64, "endian": "little", "elf_machine": 183, "uname": "aarch64",
              "bootlin": [{"name": "aarch64", "triples": {"musl": "aarch64-linux-musl"}}],
              "source": {"musl": "aarch64-linux-musl", "kernel_only": "aarch64-linux-gnu"},
              "support": [{"kernel": {"from": "3.7", "below": null}, "reason": "r", "evidence": "e"}], "boards": ["virt"]}}"#,
        ),
        (
            "kernels.json",
            r#"{"6.1": {"url": "mirror://kernel/linux-6.1.tar.xz", "sha256": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}"#,
        ),
        (
            "boards.json",
            r#"{"virt": {"arch": "arm64", "kernel": {"from": "3.7", "below": null}, "qemu": "qemu-system-aarch64", "machine": "virt",
              "mem": "512M", "image": "arch/arm64/boot/Image", "make_target": "Image"}}"#,
        ),
        ("mirrors.json", r#"{"kernel": ["https://mirror.example/"]}"#),
        (
            "bootlin.json",
            r#"{"releases": {"2024.02-1/stable": {"gcc": {"version": "12.3.0", "confidence": "documented"},
              "binutils": {"version": "2.41", "confidence": "documented"}},
              "2022.08-1/stable": {"gcc": {"version": "11.3.0", "confidence": "documented"},
              "binutils": {"version": "2.38", "confidence": "documented"}}},
              "tarballs": {"a.tar.xz": {"arch_dir": "aarch64", "libc": "musl", "flavour": "stable", "release": "2024.02-1",
              "sha256": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
              "b.tar.xz": {"arch_dir": "aarch64", "libc": "musl", "flavour": "stable", "release": "2022.08-1",
              "sha256": "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}}"#,
        ),
        (
            "constraints.json",
            r#"{"new": {"kernel": {"from": "6.0", "below": null}, "tool": "gcc", "window": {"accept": {"from": "5", "below": null}},
              "severity": "refuses", "reason": "r", "evidence": "e", "confidence": "documented"}}"#,
        ),
        ("fixes.json", "{}"),
        (
            "components.json",
            &components(
                "true",
                "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            ),
        ),
        (
            "source-toolchains.json",
            r#"{"musl-9.4.0": {"source": "musl", "eras": ["k6"], "arches": ["arm64"], "gcc": "9.4.0", "binutils": "2.33.1",
              "musl": "1.2.5", "gmp": "6.1.2", "mpfr": "4.0.2"}}"#,
        ),
        ("evidence.json", "[]"),
    ];
    texts.map(|(file, text)| (file, text.to_owned())).to_vec()
}

fn components(gcc_is_blessed: &str, gcc_hash: &str) -> String {
    let one = |id: &str, kind: &str, version: &str, blessed: &str, sha256: &str| {
        let sha256 = match sha256 {
            "" => "null".to_owned(),
            text => format!("{text:?}"),
        };
        format!(
            r#""{id}": {{"kind": "{kind}", "version": "{version}", "blessed": {blessed}, "sha256": {sha256}}}"#
        )
    };
    let hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let list = [
        one("gcc/9.4.0", "gcc", "9.4.0", gcc_is_blessed, gcc_hash),
        one("binutils/2.33.1", "binutils", "2.33.1", "true", hash),
        one("musl/1.2.5", "musl", "1.2.5", "true", hash),
        one("gmp/6.1.2", "gmp", "6.1.2", "true", hash),
        one("mpfr/4.0.2", "mpfr", "4.0.2", "true", hash),
    ];
    format!(r#"{{"components": {{{}}}}}"#, list.join(","))
}

/// The codes, each with its place, that the small matrix has when `change` was made to `file`.
fn codes_after(file: &str, change: impl FnOnce(String) -> String) -> Vec<(String, String)> {
    let mut texts = sound();
    let text = texts.iter_mut().find(|(name, _)| *name == file).unwrap();
    let before = text.1.clone();
    text.1 = change(before.clone());
    assert_ne!(before, text.1, "nothing was changed");
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let catalog = Catalog::of_texts(&texts)
        .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
    let mut sink_codes: Vec<(String, String)> = vec![];
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    for lint in LINTS {
        if let Run::OnCatalog(run) = lint.run {
            let mut sink = Sink::new(&catalog, &resolver, lint);
            run(&mut sink);
            for finding in sink.findings {
                assert_eq!(finding.code, lint.code);
                sink_codes.push((
                    finding.code.to_string(),
                    format!("{}{}", finding.file.name(), finding.pointer),
                ));
            }
        }
    }
    sink_codes
}

#[test]
fn a_sound_matrix_has_no_findings() {
    assert_eq!(codes_after("fixes.json", |_| "{ }".into()), vec![]);
}

/// Each change, and the finding that must come of it.
#[test]
fn each_check_finds_what_it_is_for() {
    let replace =
        |from: &'static str, to: &'static str| move |text: String| text.replacen(from, to, 1);
    let constraint = |more: &'static str| {
        move |text: String| format!("{}, {more}}}", text.trim_end().strip_suffix('}').unwrap())
    };
    let only = |code: &str, place: &str, found: Vec<(String, String)>| {
        let is = |(c, p): &(String, String)| c == code && p == &format!("matrix/{place}");
        assert!(found.iter().any(is), "{code} at {place}: {found:?}");
    };
    only(
        "K101",
        "arches.json/arm64/boards/0",
        codes_after("arches.json", replace(r#"["virt"]"#, r#"["virtual"]"#)),
    );
    only(
        "K101",
        "boards.json/virt/arch",
        codes_after("boards.json", replace("arm64", "arm46")),
    );
    only(
        "K101",
        "bootlin.json/tarballs/a.tar.xz/release",
        codes_after(
            "bootlin.json",
            replace("2024.02-1/stable", "2024.01-1/stable"),
        ),
    );
    only(
        "K101",
        "kernels.json/6.1/url",
        codes_after(
            "kernels.json",
            replace("mirror://kernel", "mirror://colonel"),
        ),
    );
    only(
        "K101",
        "source-toolchains.json/musl-9.4.0/mpfr",
        codes_after("source-toolchains.json", replace("4.0.2", "4.0.3")),
    );
    only(
        "K102",
        "constraints.json/new/kernel",
        codes_after(
            "constraints.json",
            replace(r#""below": null}"#, r#""below": "5.0"}"#),
        ),
    );
    only(
        "K102",
        "constraints.json/new/window/accept",
        codes_after(
            "constraints.json",
            replace(
                r#"{"from": "5", "below": null}"#,
                r#"{"from": "5", "below": "5"}"#,
            ),
        ),
    );
    let second = r#", "6.1.1": {"url": "mirror://kernel/linux-6.1.tar.xz", "sha256": "sha256-AAAAQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}}"#;
    only(
        "K103",
        "kernels.json/6.1.1/sha256",
        codes_after("kernels.json", |text| {
            format!("{}{second}", text.strip_suffix('}').unwrap())
        }),
    );
    only(
        "K104",
        "constraints.json/new/window",
        codes_after(
            "constraints.json",
            constraint(
                r#""old": {"kernel": {"from": null, "below": "6.2"}, "tool": "gcc", "window": {"accept": {"from": null, "below": "5"}},
          "severity": "breaks-boot", "reason": "r", "evidence": "e", "confidence": "reported"}"#,
            ),
        ),
    );
    only(
        "K105",
        "eras.json/k6/prefer/bootlin",
        codes_after(
            "constraints.json",
            constraint(
                r#""late": {"kernel": {"from": null, "below": "6.2"}, "tool": "binutils", "window": {"accept": {"from": null, "below": "2.40"}},
          "severity": "breaks-boot", "reason": "r", "evidence": "e", "confidence": "reported"}"#,
            ),
        ),
    );
    let hash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    only(
        "K106",
        "source-toolchains.json/musl-9.4.0/gcc",
        codes_after("components.json", |_| components("false", hash)),
    );
    only(
        "K107",
        "boards.json/virt/kernel",
        codes_after(
            "boards.json",
            replace(
                r#"{"from": "3.7", "below": null}"#,
                r#"{"from": null, "below": "3.7"}"#,
            ),
        ),
    );
    only(
        "K108",
        "arches.json/arm64",
        codes_after("arches.json", replace(r#"["virt"]"#, "[]")),
    );
    let impossible = constraint(
        r#""never": {"kernel": {"from": "6.1", "below": null}, "tool": "gcc-target-abi", "window": {"property": "elfv1"},
          "severity": "refuses", "reason": "r", "evidence": "e", "confidence": "reported"}"#,
    );
    only(
        "K109",
        "kernels.json/6.1",
        codes_after("constraints.json", impossible),
    );
    only(
        "K110",
        "arches.json/arm64",
        codes_after("constraints.json", impossible),
    );
    only(
        "K111",
        "eras.json/k6/below",
        codes_after(
            "eras.json",
            replace(r#""from": "6.0""#, r#""from": "6.0", "below": "7.0""#),
        ),
    );
    let lifts = r#"{"f": {"kernel": {"from": null, "below": "5.0"}, "lifts": ["new"], "reason": "r", "evidence": "e", "apply": []}}"#;
    only(
        "K112",
        "fixes.json/f/lifts/0",
        codes_after("fixes.json", |_| lifts.into()),
    );
    only(
        "K113",
        "constraints.json/new/tool",
        codes_after("constraints.json", replace(r#""gcc""#, r#""gccc""#)),
    );
    only(
        "K114",
        "constraints.json/new",
        codes_after("constraints.json", replace("6.0", "6.0-mine")),
    );
    only(
        "K115",
        "eras.json/k6/prefer/bootlin/0",
        codes_after("eras.json", replace(r#"["12"]"#, r#"["13"]"#)),
    );
    only(
        "K116",
        "eras.json/k6/kernel",
        codes_after(
            "eras.json",
            replace(r#""kernel": "6.1""#, r#""kernel": "6.2""#),
        ),
    );
    only(
        "K117",
        "boards.json/virt/cmdline",
        codes_after(
            "boards.json",
            replace(
                r#""machine": "virt""#,
                r#""machine": "virt", "cmdline": "${x}""#,
            ),
        ),
    );
    only(
        "K117",
        "constraints.json/new",
        codes_after(
            "constraints.json",
            replace(r#""reason": "r""#, r#""reason": "\u001b[31m""#),
        ),
    );
    only(
        "K118",
        "source-toolchains.json/musl-9.4.0/gcc",
        codes_after("components.json", |_| components("true", "")),
    );
    let measured = r#"[{"kernel": "6.1", "arch": "arm64", "toolchain": {"source": "debian", "gcc": "12.2.0", "binutils": "2.40"},
      "stage": "kernel", "outcome": "passed", "seconds": 1, "date": "2026-11-20", "kflake": "0.1.0", "nix": "2.8.0"}]"#;
    only(
        "K119",
        "evidence.json/0",
        codes_after("evidence.json", |_| measured.into()),
    );
    let own = measured.replace(r#""2.40""#, r#""2.40", "overridden": true"#);
    let codes = codes_after("evidence.json", |_| own);
    assert!(!codes.iter().any(|(code, _)| code == "K119"), "{codes:?}");
    only(
        "K120",
        "mirrors.json/kernel/0",
        codes_after(
            "mirrors.json",
            replace("https://mirror.example/", "https://mirror.example"),
        ),
    );
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
    std::fs::create_dir(dir.path().join("matrix")).unwrap();
    let text = serde_json::to_string(list).unwrap();
    std::fs::write(dir.path().join("matrix/evidence.json"), text).unwrap();
    let findings = check(&Catalog::load(dir.path()).unwrap());
    let of_evidence = findings.into_iter().filter(|it| {
        let code = it.code.to_string();
        code == "K119" || code == "K121"
    });
    of_evidence
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
        (vec![("date", json!("2099-01-01"))], "has not come yet"),
        (vec![("date", json!("1999-12-31"))], "there was no kflake"),
        (vec![("seconds", json!(1e308))], "seconds are no time"),
        (vec![("date", json!("2026-02-30"))], "is no day"),
        (vec![("date", json!("20261120"))], "is no day"),
        (vec![("date", json!("yesterday"))], "is no day"),
        (vec![("seconds", json!(-1))], "no time"),
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
fn codes_and_names_are_unique_and_explained() {
    let mut seen = std::collections::BTreeSet::new();
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
    std::fs::create_dir(project.path().join("matrix")).unwrap();
    let text = format!("{{\"pins\": {{{}}}}}", none.join(", "));
    std::fs::write(project.path().join("matrix/debian.json"), text).unwrap();
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
