use super::*;
use crate::catalog::{MeasuredSource, SourceOrigin};
use crate::id::ToolchainId;

const ERAS: &str = r#"{
  "k4": {"title": "4 and 5", "from": "4.0", "below": "6.0", "sources": ["bootlin", "kernel-only", "debian"], "kernel": "5.10",
         "prefer": {"debian": ["10", "12"]}},
  "k6": {"title": "6", "from": "6.0", "sources": ["debian", "kernel-only"], "kernel": "6.1", "prefer": {"debian": ["12"]}}
}"#;

const ARCHES: &str = r#"{
  "arm64": {"linux_arch": "arm64", "bits": 64, "endian": "little", "elf_machine": 183, "uname": "aarch64",
    "source": {"musl": "aarch64-linux-musl", "kernel_only": "aarch64-linux-gnu"},
    "support": [{"kernel": {"from": "4.2", "below": null}, "reason": "No arch/arm64 yet.", "evidence": "the tree"}]},
  "mipsel": {"linux_arch": "mips", "bits": 32, "endian": "little", "elf_machine": 8, "uname": "mips"},
  "never": {"linux_arch": "x", "bits": 32, "endian": "big", "elf_machine": 1, "uname": "x",
    "support": [{"kernel": null, "reason": "Nobody ported it.", "evidence": "none"}]}
}"#;

const DEBIAN: &str = r#"{"pins": {}, "toolchains": {
  "debian-10": {"arch": "arm64", "suite": "s", "gcc": "10.2.1", "binutils": "2.35.2", "libc": "glibc-2.31", "target": "aarch64-linux-gnu", "suffix": "-10", "pins": [], "runtime_pins": []},
  "debian-12": {"arch": "arm64", "suite": "s", "gcc": "12.2.0", "binutils": "2.40", "libc": "glibc-2.36", "target": "aarch64-linux-gnu", "suffix": "-12", "pins": [], "runtime_pins": []},
  "debian-14": {"arch": "arm64", "suite": "s", "gcc": "14.2.0", "binutils": "2.44", "libc": "glibc-2.41", "target": "aarch64-linux-gnu", "suffix": "-14", "pins": [], "runtime_pins": []}
}}"#;

const SOURCE: &str = r#"{
  "kernel-only-5.4.0": {"source": "kernel-only", "eras": ["k4"], "arches": ["arm64"], "gcc": "5.4.0", "binutils": "2.27",
    "gmp": "6.1", "mpfr": "3.1", "mpc": "1.0"}
}"#;

fn constraint(id: &str, kernel: &str, tool: &str, window: &str, more: &str) -> String {
    format!(
        r#""{id}": {{"kernel": {kernel}, "tool": "{tool}", "window": {window}, "severity": "breaks-build",
        "reason": "because", "evidence": "seen", "confidence": "reported"{more}}}"#
    )
}

const BELOW_5: &str = r#"{"from": null, "below": "5.0"}"#;
const ALL: &str = r#"{"from": null, "below": null}"#;

fn catalog(constraints: &[String], fixes: &str) -> Catalog {
    let constraints = format!("{{{}}}", constraints.join(","));
    let loaded = Catalog::of_texts(&[
        ("eras.json", ERAS),
        ("arches.json", ARCHES),
        ("debian.json", DEBIAN),
        ("source-toolchains.json", SOURCE),
        ("constraints.json", &constraints),
        ("fixes.json", fixes),
    ]);
    loaded.unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

fn arch(text: &str) -> ArchId {
    text.parse().unwrap()
}

fn version(text: &str) -> KernelVersion {
    text.parse().unwrap()
}

fn taken(catalog: &Catalog, order: &[SourceKind], at: &str) -> String {
    let resolver = Resolver::new(catalog, order.to_vec().into());
    match resolver.resolve(&version(at), &arch("arm64"), Purpose::Kernel) {
        Ok(resolution) => resolution.toolchain.id.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_eras_order_and_preference_decide() {
    let catalog = catalog(&[], "{}");
    assert_eq!(taken(&catalog, &[], "5.10"), "kernel-only-5.4.0-arm64");
    assert_eq!(taken(&catalog, &[], "6.1"), "debian-12");
    assert_eq!(taken(&catalog, &[SourceKind::Debian], "5.10"), "debian-10");
    let reordered = [SourceKind::KernelOnly, SourceKind::Debian];
    assert_eq!(
        taken(&catalog, &reordered, "6.1"),
        "kernel-only-5.4.0-arm64"
    );
    assert_eq!(
        taken(&catalog, &reordered, "6.0-rc1"),
        "kernel-only-5.4.0-arm64"
    );
}

#[test]
fn hard_constraints_reject_and_the_newest_unpreferred_comes_last() {
    let old_gcc = constraint(
        "no-12",
        ALL,
        "gcc",
        r#"{"accept": {"from": "13", "below": null}}"#,
        "",
    );
    assert_eq!(taken(&catalog(&[old_gcc], "{}"), &[], "6.1"), "debian-14");
}

#[test]
fn soft_constraints_warn() {
    let window = r#"{"accept": {"from": "13", "below": null}}"#;
    for more in [r#", "only_if": "CONFIG_X=y""#, ""] {
        let mut text = constraint("soft", ALL, "gcc", window, more);
        if more.is_empty() {
            text = text.replace("breaks-build", "warns");
        }
        let catalog = catalog(&[text], "{}");
        let resolver = Resolver::new(&catalog, SourceOrder::Era);
        let resolution = resolver
            .resolve(&version("6.1"), &arch("arm64"), Purpose::Kernel)
            .unwrap();
        assert_eq!(resolution.toolchain.id.as_str(), "debian-12");
        assert_eq!(resolution.verdict().warned.len(), 1);
        assert!(
            resolution.reasons()[1].contains("gcc 12.2.0 is older than 13"),
            "{:?}",
            resolution.reasons()
        );
    }
}

#[test]
fn a_fix_that_applies_lifts() {
    let text = constraint(
        "too-new",
        ALL,
        "gcc",
        r#"{"accept": {"from": null, "below": "11"}}"#,
        "",
    );
    let fix = |kernel: &str| {
        format!(
            r#"{{"mend": {{"kernel": {kernel}, "gcc": {{"from": "12", "below": "13"}}, "lifts": ["too-new"], "reason": "r",
            "evidence": "e", "apply": []}}}}"#
        )
    };
    let lifted = catalog(std::slice::from_ref(&text), &fix(ALL));
    let resolver = Resolver::new(&lifted, SourceOrder::Era);
    let resolution = resolver
        .resolve(&version("6.1"), &arch("arm64"), Purpose::Kernel)
        .unwrap();
    assert_eq!(resolution.toolchain.id.as_str(), "debian-12");
    assert_eq!(resolution.verdict().lifted[0].fix.as_str(), "mend");
    // not for these kernels, so the preferred one stays rejected
    let other = catalog(&[text], &fix(BELOW_5));
    assert_eq!(taken(&other, &[], "6.1"), "debian-10");
}

#[test]
fn programs_need_a_libc() {
    let catalog = catalog(&[], "{}");
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    let resolution = resolver
        .resolve(&version("5.10"), &arch("arm64"), Purpose::Userland)
        .unwrap();
    assert_eq!(resolution.toolchain.id.as_str(), "debian-10");
    let only = Resolver::new(&catalog, SourceOrder::Only(vec![SourceKind::KernelOnly]));
    let error = only
        .resolve(&version("5.10"), &arch("arm64"), Purpose::Userland)
        .unwrap_err();
    assert!(error.to_string().contains("in the way: no-libc"), "{error}");
}

#[test]
fn nothing_fits_names_the_smallest_set_in_the_way() {
    let constraints = [
        constraint(
            "old",
            ALL,
            "gcc",
            r#"{"accept": {"from": "11", "below": null}}"#,
            "",
        ),
        constraint(
            "new",
            ALL,
            "binutils",
            r#"{"accept": {"from": null, "below": "2.38"}}"#,
            "",
        ),
        constraint(
            "also-old",
            ALL,
            "binutils",
            r#"{"accept": {"from": "2.30", "below": null}}"#,
            "",
        ),
    ];
    let catalog = catalog(&constraints, "{}");
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    match resolver.resolve(&version("5.10"), &arch("arm64"), Purpose::Kernel) {
        Err(Unresolved::NoToolchain(it)) => {
            let NothingFits {
                obstacles,
                candidates,
                ..
            } = *it;
            let obstacles: Vec<_> = obstacles.iter().map(ToString::to_string).collect();
            assert_eq!(obstacles, ["new", "old"]);
            assert_eq!(candidates.len(), 4);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_is_told_apart() {
    let catalog = catalog(&[], "{}");
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    let ask = |at: &str, on: &str| resolver.resolve(&version(at), &arch(on), Purpose::Kernel);
    assert!(matches!(
        ask("4.1.9", "arm64"),
        Err(Unresolved::Unsupported { .. })
    ));
    assert!(ask("4.2-rc1", "arm64").is_ok());
    assert!(matches!(
        ask("6.1", "never"),
        Err(Unresolved::Unsupported { .. })
    ));
    assert!(matches!(
        ask("6.1", "vax"),
        Err(Unresolved::UnknownArch { .. })
    ));
    assert!(matches!(
        ask("3.19", "arm64"),
        Err(Unresolved::NoEra { .. })
    ));
    match ask("6.1", "mipsel") {
        Err(Unresolved::NoToolchain(it)) => assert!(it.candidates.is_empty()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn measured_failures_warn_and_measured_passes_count() {
    let mut catalog = catalog(&[], "{}");
    let row = |outcome: &str| -> crate::catalog::Evidence {
        serde_json::from_value(serde_json::json!({
            "kernel": "6.1", "arch": "arm64", "toolchain": {"source": "debian", "gcc": "12.2.0", "binutils": "2.40"},
            "stage": "kernel", "outcome": outcome, "seconds": 1.0, "date": "2026-11-20", "kflake": "0.1.0", "nix": "2.8.0"
        }))
        .unwrap()
    };
    catalog.set_evidence(vec![row("failed")]);
    let basis = |catalog: &Catalog| {
        let resolver = Resolver::new(catalog, SourceOrder::Era);
        let resolution = resolver
            .resolve(&version("6.1"), &arch("arm64"), Purpose::Kernel)
            .unwrap();
        assert_eq!(resolution.toolchain.id.as_str(), "debian-12");
        assert_eq!(resolution.verdict().warned.len(), 1);
        resolution.basis
    };
    assert_eq!(basis(&catalog), Confidence::Documented);
    catalog.set_evidence(vec![row("failed"), row("passed")]);
    assert_eq!(basis(&catalog), Confidence::Measured);
}

#[test]
fn boots_in_the_same_series_are_nearby_and_change_no_answer() {
    let mut catalog = catalog(&[], "{}");
    let row = |kernel: &str, gcc: &str, outcome: &str, date: &str| -> crate::catalog::Evidence {
        serde_json::from_value(serde_json::json!({
            "kernel": kernel, "arch": "arm64", "toolchain": {"source": "debian", "gcc": gcc, "binutils": "2.40"},
            "stage": "boot", "outcome": outcome, "seconds": 1.0, "date": date, "kflake": "0.1.0", "nix": "2.8.0"
        }))
        .unwrap()
    };
    catalog.set_evidence(vec![
        row("6.1.9", "11.2.0", "passed", "2026-11-22"),
        row("6.1.7", "12.2.0", "passed", "2026-11-20"),
        // the newest of a kernel and toolchain counts
        row("6.1.8", "12.2.0", "passed", "2026-11-20"),
        row("6.1.8", "12.2.0", "failed", "2026-11-21"),
        row("6.2", "12.2.0", "passed", "2026-11-22"),
        row("6.1", "12.2.0", "failed", "2026-11-19"),
    ]);
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    let resolution = resolver
        .resolve(&version("6.1"), &arch("arm64"), Purpose::Kernel)
        .unwrap();
    assert_eq!(resolution.toolchain.id.as_str(), "debian-12");
    assert_eq!(resolution.basis, Confidence::Documented);
    let nearby = resolution.nearby.iter().map(|it| it.kernel.to_string());
    assert_eq!(nearby.collect::<Vec<_>>(), ["6.1.7", "6.1.9"]);
}

#[test]
fn what_was_measured_with_another_source_does_not_count() {
    let digest = |text: &str| crate::hash::Sha256::of_bytes(text.as_bytes());
    let source = |text: &str, origin| MeasuredSource {
        sha256: digest(text),
        origin,
    };
    let (pinned, own) = (SourceOrigin::Pinned, SourceOrigin::Override);
    for (here, measured, counts) in [
        (source("a", pinned), None, true),
        (source("a", pinned), Some(source("a", pinned)), true),
        // another archive of the same release
        (source("a", pinned), Some(source("b", pinned)), true),
        (source("a", pinned), Some(source("b", own)), false),
        (source("a", own), None, false),
        (source("a", own), Some(source("b", pinned)), false),
        (source("a", own), Some(source("b", own)), false),
        (source("a", own), Some(source("a", own)), true),
        (source("a", SourceOrigin::Registered), None, false),
    ] {
        assert_eq!(
            here.is_told_of_by(measured.as_ref()),
            counts,
            "{here:?} {measured:?}"
        );
    }
}

#[test]
fn the_table_says_what_the_resolver_says() {
    let constraints = [
        constraint(
            "a",
            r#"{"from": "4.9", "below": "5.10.3"}"#,
            "gcc",
            r#"{"avoid": {"from": "5", "below": "6"}}"#,
            "",
        ),
        constraint(
            "b",
            r#"{"from": "6.2-rc4", "below": "6.5"}"#,
            "gcc",
            r#"{"accept": {"from": "13", "below": null}}"#,
            "",
        ),
        constraint(
            "c",
            r#"{"from": "6.16", "below": null}"#,
            "gcc",
            r#"{"accept": {"from": "15", "below": null}}"#,
            "",
        ),
    ];
    let fixes = r#"{"f": {"kernel": {"from": "5.4.7", "below": "5.5-rc2"}, "lifts": ["a"], "reason": "r", "evidence": "e", "apply": []}}"#;
    let catalog = catalog(&constraints, fixes);
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    for purpose in [Purpose::Kernel, Purpose::Userland] {
        for at in ["arm64", "mipsel", "never"].map(arch) {
            let table = resolver.intervals(&at, purpose);
            assert!(table.first().unwrap().from.is_none() && table.last().unwrap().below.is_none());
            for pair in table.windows(2) {
                assert_eq!(pair[0].below, pair[1].from);
                assert_ne!(pair[0].outcome, pair[1].outcome);
            }
            for text in [
                "2.6.39.4", "4.0-rc1", "4.1", "4.2-rc3", "4.2", "4.8.17", "4.9-rc1", "4.9",
                "5.4.6", "5.4.7", "5.4.7-x", "5.5-rc1", "5.5-rc2", "5.5", "5.10.2", "5.10.3",
                "5.10.3-x", "6.0-rc1", "6.1", "6.2-rc3", "6.2-rc4", "6.2", "6.4.9", "6.5-rc1",
                "6.5", "6.15.9", "6.16-rc1", "6.16", "99.0",
            ] {
                let asked = version(text);
                let rows: Vec<_> = table.iter().filter(|row| row.contains(&asked)).collect();
                assert_eq!(rows.len(), 1, "{text}");
                let direct = resolver.resolve(&asked, &at, purpose);
                let same = match (&rows[0].outcome, &direct) {
                    (Answer::Toolchain(id), Ok(resolution)) => *id == resolution.toolchain.id,
                    (Answer::Unsupported(_), Err(Unresolved::Unsupported { .. })) => true,
                    (Answer::NoToolchain(_), Err(Unresolved::NoToolchain(_))) => true,
                    (Answer::NoEra, Err(Unresolved::NoEra { .. })) => true,
                    _ => false,
                };
                assert!(same, "{text} on {at}: {:?} and {direct:?}", rows[0]);
            }
        }
    }
}

#[test]
fn a_candidate_release_is_held_to_both_sides() {
    let rising = [
        constraint(
            "before",
            r#"{"from": null, "below": "6.16"}"#,
            "gcc",
            r#"{"accept": {"from": null, "below": "14"}}"#,
            "",
        ),
        constraint(
            "after",
            r#"{"from": "6.16", "below": null}"#,
            "gcc",
            r#"{"accept": {"from": "11", "below": null}}"#,
            "",
        ),
    ];
    let catalog = catalog(&rising, "{}");
    let order = [SourceKind::Debian];
    assert_eq!(taken(&catalog, &order, "6.15.9"), "debian-12");
    assert_eq!(taken(&catalog, &order, "6.16-rc3"), "debian-12");
    let ids: Vec<ToolchainId> = catalog.toolchains().keys().cloned().collect();
    assert_eq!(ids.len(), 4);
}
