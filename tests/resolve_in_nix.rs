//! resolve.nix and the resolver give the same answers.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use kflake::catalog::{Catalog, Purpose, SourceKind};
use kflake::flake::{self, Options};
use kflake::resolve::{Answer, Interval, Resolver, SourceOrder, Unresolved};
use kflake::version::KernelVersion;
use proptest::prelude::*;
use serde_json::{Value, json};

const PURPOSES: [(&str, Purpose); 2] =
    [("kernel", Purpose::Kernel), ("userland", Purpose::Userland)];

/// Every kernel ever tagged, every pinned one, and around every bound what could fall on its wrong side.
fn versions(catalog: &Catalog, resolver: &Resolver<'_>) -> BTreeSet<String> {
    let mut bounds = BTreeSet::new();
    for arch in catalog.arches.keys() {
        for (_, purpose) in PURPOSES {
            let intervals = resolver.intervals(arch, purpose).into_iter();
            bounds.extend(intervals.flat_map(|it| [it.from, it.below]).flatten());
        }
    }
    let around = bounds.iter().flat_map(|bound| {
        let [a, b, c, d] = bound.numbers();
        let before = match (b, c, d) {
            (0, 0, 0) => format!("{}.99", a - 1),
            (_, 0, 0) => format!("{a}.{}.9", b - 1),
            (_, _, 0) => format!("{a}.{b}.{}", c - 1),
            _ => format!("{a}.{b}.{c}.{}", d - 1),
        };
        let plain = format!("{a}.{b}.{c}");
        [
            bound.to_string(),
            before,
            format!("{a}.{b}-rc7"),
            format!("{plain}-rc1"),
            format!("{plain}.1"),
            format!("v{plain}-local+"),
            plain,
        ]
    });
    let odd = ["1.2.3", "2.4.37", "65535.65535", "99.0"].map(str::to_owned);
    let tagged: Vec<String> =
        serde_json::from_str(include_str!("data/kernel-versions.json")).unwrap();
    let kernels = catalog.kernels.keys().map(ToString::to_string);
    around
        .chain(odd)
        .chain(kernels)
        .chain(tagged)
        .filter(|text| text.parse::<KernelVersion>().is_ok())
        .collect()
}

fn in_words(answer: Option<&Answer>) -> Value {
    match answer {
        Some(Answer::Toolchain(id)) => json!(id),
        Some(Answer::Unsupported(reason)) => json!(format!("unsupported: {reason}")),
        Some(Answer::NoToolchain(reason)) => json!(format!("no-toolchain: {reason}")),
        Some(Answer::NoEra) | None => Value::Null,
    }
}

/// All versions, arches and purposes at once: what Nix says, and what the resolver's table does.
#[test]
fn every_version_on_every_arch() {
    if !common::have_nix() {
        return;
    }
    let catalog = Catalog::embedded().unwrap();
    // all in the eras' own order, and a sample in another
    for (sources, step) in [(vec![], 1), (vec![SourceKind::Debian], 5)] {
        let resolver = Resolver::new(&catalog, SourceOrder::from(sources.clone()));
        let versions: BTreeSet<String> = versions(&catalog, &resolver)
            .into_iter()
            .step_by(step)
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let tree = flake::generate(
            &catalog,
            &Options {
                sources,
                ..Options::default()
            },
        )
        .unwrap();
        flake::Plan::new(&tree, dir.path())
            .unwrap()
            .apply(false)
            .unwrap();
        fs::write(
            dir.path().join("versions.json"),
            json!(versions).to_string(),
        )
        .unwrap();
        let answers = common::eval(
            dir.path(),
            r#"let
                r = import ./resolve.nix;
                versions = builtins.fromJSON (builtins.readFile ./versions.json);
                arches = builtins.attrNames (import ./matrix.nix).arches;
                say = found: if found.toolchain != null then found.toolchain else "${found.outcome}: ${found.reason}";
              in
              map (purpose: map (version:
                if (builtins.tryEval (r.eraFor version)).success
                then map (arch: say (r.resolve { inherit version arch purpose; })) arches
                else null) versions) [ "kernel" "userland" ]"#,
        );
        let mut counted = 0;
        for (p, (name, purpose)) in PURPOSES.into_iter().enumerate() {
            let tables: Vec<Vec<Interval>> = catalog
                .arches
                .keys()
                .map(|arch| resolver.intervals(arch, purpose))
                .collect();
            for (v, text) in versions.iter().enumerate() {
                let version: KernelVersion = text.parse().unwrap();
                for (a, arch) in catalog.arches.keys().enumerate() {
                    let inside = tables[a].iter().find(|it| it.contains(&version));
                    let wanted = in_words(inside.map(|it| &it.outcome));
                    let answer = &answers[p][v];
                    let said = answer.get(a).unwrap_or(answer);
                    assert_eq!(*said, wanted, "{name} {text} {arch}");
                    counted += 1;
                }
            }
        }
        assert!(counted > 100_000 / step, "{counted}");
    }
}

/// Asked one by one, without the table: a sample, because that weighs every candidate.
#[test]
fn a_sample_asked_one_by_one() {
    if !common::have_nix() {
        return;
    }
    let catalog = Catalog::embedded().unwrap();
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    let versions: Vec<String> = versions(&catalog, &resolver)
        .into_iter()
        .step_by(37)
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let tree = flake::generate(&catalog, &Options::default()).unwrap();
    flake::Plan::new(&tree, dir.path())
        .unwrap()
        .apply(false)
        .unwrap();
    let arches: Vec<_> = catalog.arches.keys().collect();
    let questions: Vec<_> = versions
        .iter()
        .enumerate()
        .map(|(n, version)| (version, arches[n % arches.len()]))
        .collect();
    fs::write(
        dir.path().join("questions.json"),
        json!(questions).to_string(),
    )
    .unwrap();
    let answers = common::eval(
        dir.path(),
        r#"let r = import ./resolve.nix; in
          map (question: let
            version = builtins.head question;
            found = r.resolve { inherit version; arch = builtins.elemAt question 1; };
          in if (builtins.tryEval (r.eraFor version)).success
             then if found.toolchain != null then found.toolchain else found.outcome
             else "no-era")
          (builtins.fromJSON (builtins.readFile ./questions.json))"#,
    );
    for (n, (version, arch)) in questions.into_iter().enumerate() {
        let version: KernelVersion = version.parse().unwrap();
        let wanted = match resolver.resolve(&version, arch, Purpose::Kernel) {
            Ok(resolution) => resolution.toolchain.id.to_string(),
            Err(Unresolved::Unsupported { .. }) => "unsupported".into(),
            Err(Unresolved::NoToolchain { .. }) => "no-toolchain".into(),
            Err(Unresolved::NoEra { .. }) => "no-era".into(),
            Err(Unresolved::UnknownArch { .. }) => unreachable!("the arches are the catalog's"),
        };
        assert_eq!(answers[n], json!(wanted), "{version} {arch}");
    }
}

#[test]
fn nonsense_is_an_error_that_says_so() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = flake::generate(&Catalog::embedded().unwrap(), &Options::default()).unwrap();
    flake::Plan::new(&tree, dir.path())
        .unwrap()
        .apply(false)
        .unwrap();
    for (code, message) in [
        (r#"r.toolchainFor "6.x" "arm64""#, "is not a kernel version"),
        (
            r#"r.toolchainFor "6.1\"" "arm64""#,
            "is not a kernel version",
        ),
        (r#"r.toolchainFor 6.1 "arm64""#, "is not a kernel version"),
        (r#"r.eraFor "latest""#, "is not a kernel version"),
        (r#"r.eraFor "1.0""#, "no kernel generation covers 1.0"),
        (
            r#"r.toolchainFor "6.1" "vax""#,
            "unknown architecture \"vax\"; one of arm64",
        ),
        (r#"r.toolchainFor "2.6.31" "arm64""#, "unsupported"),
    ] {
        let file = dir.path().join("ask.nix");
        fs::write(&file, format!("let r = import ./resolve.nix; in {code}")).unwrap();
        let output = common::nix("nix-instantiate")
            .args(["--store", "dummy://", "--eval"])
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(message),
            "{code}: {said}"
        );
    }
}

/// The table of cases that Rust's own tests go through as well.
#[test]
fn the_table_of_versions_holds_in_nix() {
    if !common::have_nix() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = flake::generate(&Catalog::default(), &Options::default()).unwrap();
    flake::Plan::new(&tree, dir.path())
        .unwrap()
        .apply(false)
        .unwrap();
    let table = include_str!("data/versions.json");
    fs::write(dir.path().join("versions.json"), table).unwrap();
    let said = common::eval(
        dir.path(),
        r#"let
            r = import ./resolve.nix;
            v = import ./versions.nix;
            table = builtins.fromJSON (builtins.readFile ./versions.json);
            at = builtins.elemAt;
            local = text: (r.parse text).local;
            starts = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
          in {
            order = builtins.genList (n: r.compare (at table.order n) (at table.order (n + 1))) (builtins.length table.order - 1);
            equal = map (row: r.compare (at row 0) (at row 1)) table.equal;
            read = map (row: [ (r.compare (at row 0) (at row 1)) (local (at row 0)) ]) table.read;
            refused = map (row: (builtins.tryEval (r.parse (at row 0))).success) table.refused;
            release = map (row: r.compare (at row 0) (at row 1) == 0 && starts (local (at row 0)) (local (at row 1))) table.release;
            patterns = map (row: v.releasePattern (at row 0)) table.release;
            within = builtins.genList (n: map (version: v.within { from = at table.order n; below = at table.order (n + 1); } version) table.order)
              (builtins.length table.order - 1);
          }"#,
    );
    let table: Value = serde_json::from_str(table).unwrap();
    let rows = |kind: &str| table[kind].as_array().unwrap().iter();
    assert_eq!(
        said["order"],
        json!(rows("order").skip(1).map(|_| -1).collect::<Vec<_>>())
    );
    assert_eq!(
        said["equal"],
        json!(rows("equal").map(|_| 0).collect::<Vec<_>>())
    );
    let read: Vec<_> = rows("read").map(|row| json!([0, row[2]])).collect();
    assert_eq!(said["read"], json!(read));
    for (row, accepted) in rows("refused").zip(said["refused"].as_array().unwrap()) {
        assert_eq!(*accepted, json!(false), "{row}");
    }
    let release: Vec<_> = rows("release").map(|row| &row[2]).collect();
    assert_eq!(said["release"], json!(release));
    // of neighbours, a range from the first to below the second has the first alone
    for (n, within) in said["within"].as_array().unwrap().iter().enumerate() {
        let alone: Vec<_> = (0..rows("order").len()).map(|it| it == n).collect();
        assert_eq!(*within, json!(alone), "{}", table["order"][n]);
    }
    // what a build compares a tree's own name with
    for (row, pattern) in rows("release").zip(said["patterns"].as_array().unwrap()) {
        let matched = Command::new("perl")
            .args(["-e", "exit($ARGV[0] !~ /$ARGV[1]/)"])
            .args([row[1].as_str().unwrap(), pattern.as_str().unwrap()])
            .status()
            .unwrap();
        assert_eq!(json!(matched.success()), row[2], "{row} {pattern}");
    }
}

#[test]
fn tools_are_compared_number_by_number() {
    if !common::have_nix() {
        return;
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/flake-template/versions.nix");
    let dir = tempfile::tempdir().unwrap();
    let said = common::eval(
        dir.path(),
        &format!(
            r#"map ((import {file}).toolWithin {{ from = "4.9"; below = "12.2.0"; }})
              [ "4.8.5" "4.9" "4.9.0" "4.10" "9" "12.1" "12.2" "12.2.0" ]"#
        ),
    );
    assert_eq!(
        said,
        json!([false, true, true, true, true, true, false, false])
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Nix parses and compares version texts as Rust does, including those that are none.
    #[test]
    fn versions_are_read_alike(texts in prop::collection::vec(
        "v?[0-9]{1,2}(\\.(0|[1-9][0-9]{0,4}|0[0-9]|)){1,4}((-0[.]|-0[0-9]{4,6}|[-~_.])?rc[0-9]{0,6})?([-+_~.a-z]{0,2}[A-Za-z0-9+._~-]{0,4})?[ \n\"$/]?",
        200,
    )) {
        if common::have_nix() {
            let dir = tempfile::tempdir().unwrap();
            let tree = flake::generate(&Catalog::default(), &Options::default()).unwrap();
            flake::Plan::new(&tree, dir.path()).unwrap().apply(false).unwrap();
            fs::write(dir.path().join("texts.json"), json!(texts).to_string()).unwrap();
            let read = common::eval(dir.path(), r#"
                let
                  r = import ./resolve.nix;
                  texts = builtins.fromJSON (builtins.readFile ./texts.json);
                  valid = builtins.filter (text: (builtins.tryEval (r.parse text)).success) texts;
                in {
                  inherit valid;
                  parts = map r.parse valid;
                  order = builtins.genList (n: r.compare (builtins.elemAt valid n) (builtins.elemAt valid (n + 1)))
                    (if valid == [ ] then 0 else builtins.length valid - 1);
                }"#);
            let valid: Vec<KernelVersion> = texts.iter().filter_map(|text| text.parse().ok()).collect();
            let texts: Vec<&String> = texts.iter().filter(|text| text.parse::<KernelVersion>().is_ok()).collect();
            prop_assert_eq!(&read["valid"], &json!(texts));
            let parts: Vec<Value> = valid.iter().map(|version| json!({
                "local": version.local(), "numbers": version.numbers(), "rc": version.rc(),
            })).collect();
            prop_assert_eq!(&read["parts"], &json!(parts));
            let order: Vec<i8> = valid.windows(2).map(|pair| pair[0].rank().cmp(&pair[1].rank()) as i8).collect();
            prop_assert_eq!(&read["order"], &json!(order));
        }
    }
}
