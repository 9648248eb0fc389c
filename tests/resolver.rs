//! What the embedded matrix must say: facts about kernels and compilers that anyone can look up, and the agreement of the
//! interval tables with the resolver over every kernel version there is.

use kflake::catalog::{Catalog, Origin, Purpose, SourceKind, Toolchain};
use kflake::id::ArchId;
use kflake::resolve::{Answer, Resolution, Resolver, SourceOrder, Unresolved};
use kflake::version::{KernelVersion, ToolVersion};

fn catalog() -> Catalog {
    Catalog::embedded().unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

fn version(text: &str) -> KernelVersion {
    text.parse().unwrap()
}

fn arch(text: &str) -> ArchId {
    text.parse().unwrap()
}

fn tool(text: &str) -> ToolVersion {
    text.parse().unwrap()
}

fn ask<'c>(resolver: &Resolver<'c>, at: &str, on: &str) -> Result<Resolution<'c>, Unresolved<'c>> {
    resolver.resolve(&version(at), &arch(on), Purpose::Kernel)
}

fn taken<'c>(resolver: &Resolver<'c>, at: &str, on: &str) -> &'c Toolchain {
    match ask(resolver, at, on) {
        Ok(resolution) => resolution.toolchain,
        Err(error) => panic!("{at} on {on}: {error}"),
    }
}

/// binutils 2.31 makes x86_64 kernels before 4.16 that build and stay silent, but for the fix that sets the size of pages.
#[test]
fn old_x86_64_gets_old_binutils_or_a_fix() {
    let catalog = catalog();
    let debian = SourceOrder::Only(vec![SourceKind::Debian]);
    let resolver = Resolver::new(&catalog, debian);
    let fixed = |at: &str| {
        let resolution = ask(&resolver, at, "x86_64").unwrap();
        let lifted = &resolution.verdict().lifted;
        lifted
            .iter()
            .any(|it| it.fix.as_str() == "x86_64-2mb-pages")
    };
    // a candidate may not have what 4.16 has
    for at in ["3.4.113", "4.10", "4.14.41", "4.15.18", "4.16-rc1"] {
        assert!(fixed(at), "{at}");
    }
    assert!(!fixed("5.10"));
    let mut catalog = catalog;
    catalog
        .fixes
        .retain(|id, _| id.as_str() != "x86_64-2mb-pages");
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    for at in ["4.10", "4.15.18", "4.16-rc1"] {
        let binutils = taken(&resolver, at, "x86_64").binutils.clone().unwrap();
        assert!(binutils < tool("2.31"), "{at}");
    }
}

/// gcc 4.8 refuses the aliases in arch/mips/mm/page.c of 2.6.26 to 3.4.
#[test]
fn mips_page_c_gets_a_gcc_that_accepts_it_or_a_fix() {
    let mut catalog = catalog();
    {
        let resolver = Resolver::new(&catalog, SourceOrder::from(vec![SourceKind::Debian]));
        assert_eq!(
            taken(&resolver, "2.6.31", "mipsel").compiler.version(),
            &tool("10.2.1"),
            "by way of a fix"
        );
    }
    catalog
        .fixes
        .retain(|id, _| id.as_str() != "mips-page-alias");
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    for on in ["mipsel", "mipseb"] {
        assert!(taken(&resolver, "2.6.31", on).compiler.version() < &tool("4.8"));
        assert!(taken(&resolver, "3.4.113", on).compiler.version() < &tool("4.8"));
    }
}

/// 3.16 to 4.10 pass no -mabi to a big-endian compiler, which must default to ELFv1.
#[test]
fn big_endian_powerpc64_gets_elfv1() {
    let catalog = catalog();
    for order in [
        vec![],
        vec![SourceKind::Debian],
        vec![SourceKind::KernelOnly],
    ] {
        let resolver = Resolver::new(&catalog, SourceOrder::from(order.clone()));
        match ask(&resolver, "3.18", "powerpc64") {
            Ok(resolution) => assert!(
                resolution
                    .toolchain
                    .properties
                    .iter()
                    .any(|it| it == "elfv1"),
                "{}",
                resolution.toolchain.id
            ),
            // a source may have nothing, but never a wrong one
            Err(error) => assert!(!order.is_empty(), "{error}"),
        }
    }
}

/// Before its port an arch is not "without a toolchain" but unsupported, with the reason.
#[test]
fn arches_begin_where_they_begin() {
    let catalog = catalog();
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    for (on, last_without, first) in [
        ("riscv64", "4.14.336", "4.15"),
        ("arm64", "3.6.11", "3.7"),
        ("loongarch64", "5.18.19", "5.19"),
        ("powerpc64le", "3.12.74", "3.13"),
    ] {
        match ask(&resolver, last_without, on) {
            Err(Unresolved::Unsupported { support, .. }) => assert!(!support.reason.is_empty()),
            other => panic!("{on}: {other:?}"),
        }
        let at_first = ask(&resolver, first, on);
        assert!(
            !matches!(at_first, Err(Unresolved::Unsupported { .. })),
            "{on}: {at_first:?}"
        );
        let candidate = ask(&resolver, &format!("{first}-rc1"), on);
        assert!(
            !matches!(candidate, Err(Unresolved::Unsupported { .. })),
            "{on}: {candidate:?}"
        );
    }
    for at in ["2.6.31", "3.18", "5.10", "6.12-rc3", "7.1"] {
        assert!(matches!(
            ask(&resolver, at, "powerpcle"),
            Err(Unresolved::Unsupported { .. })
        ));
    }
}

/// What rejects a toolchain of these versions at this kernel, if any does.
fn rejects(catalog: &Catalog, at: &str, on: &str, gcc: &str, binutils: &str) -> Vec<String> {
    let constraints = catalog.constraints.iter().filter(|(_, it)| {
        it.is_hard() && it.applies_to == Purpose::Kernel && it.applies(&arch(on), &version(at))
    });
    let accepted = |tool_name: &str, actual: &str, it: &kflake::catalog::Constraint| {
        it.tool.0 != tool_name
            || match &it.window {
                kflake::catalog::Window::Accept(range) => range.contains(&tool(actual)),
                kflake::catalog::Window::Avoid(range) => !range.contains(&tool(actual)),
                kflake::catalog::Window::Property(_) => true,
            }
    };
    constraints
        .filter(|(_, it)| !accepted("gcc", gcc, it) || !accepted("binutils", binutils, it))
        .map(|(id, _)| id.to_string())
        .collect()
}

/// The floors that the kernel documents, each at its first kernel and the one before it, with the compiler at the floor and
/// the one below.
#[test]
fn documented_floors_hold_at_each_boundary() {
    let catalog = catalog();
    // arch, last kernel of the old floor, first of the new, old floor, last gcc below the new floor, new floor
    for (on, before, first, below, floor) in [
        ("mipsel", "4.18.20", "4.19", "4.5.4", "4.6.0"),
        ("mipsel", "5.7.19", "5.8", "4.8.5", "4.9.0"),
        ("mipsel", "5.14.21", "5.15", "4.9.4", "5.1.0"),
        ("mipsel", "6.15.11", "6.16", "7.5.0", "8.1.0"),
        ("x86_64", "6.14.11", "6.15", "7.5.0", "8.1.0"),
        ("arm64", "5.10.197", "5.10.198", "4.9.4", "5.1.0"),
    ] {
        let gcc_rejects = |at: &str, gcc: &str| -> Vec<String> {
            let floor = |id: &String| id.starts_with("gcc-min");
            rejects(&catalog, at, on, gcc, "2.35")
                .into_iter()
                .filter(floor)
                .collect()
        };
        assert_eq!(
            gcc_rejects(before, below),
            Vec::<String>::new(),
            "{on} {before} takes gcc {below}"
        );
        assert!(
            !gcc_rejects(first, below).is_empty(),
            "{on} {first} refuses gcc {below}"
        );
        assert_eq!(
            gcc_rejects(first, floor),
            Vec::<String>::new(),
            "{on} {first} takes gcc {floor}"
        );
        assert!(
            !gcc_rejects(
                &format!("{first}-rc1").replace("5.10.198-rc1", "5.10.198"),
                below
            )
            .is_empty()
        );
    }
    assert!(!rejects(&catalog, "4.18.20", "mipsel", "3.1", "2.25").is_empty());
    for (before, first, below, floor) in [
        ("4.12.14", "4.13", "2.19", "2.20"),
        ("5.2.21", "5.3", "2.20", "2.21"),
        ("5.6.19", "5.7", "2.22", "2.23"),
        ("6.1.192", "6.2", "2.24", "2.25"),
        ("6.15.11", "6.16", "2.29", "2.30"),
    ] {
        let binutils_rejects = |at: &str, binutils: &str| -> Vec<String> {
            let floor = |id: &String| id.starts_with("binutils-min");
            rejects(&catalog, at, "s390x", "12.2.0", binutils)
                .into_iter()
                .filter(floor)
                .collect()
        };
        assert_eq!(
            binutils_rejects(before, below),
            Vec::<String>::new(),
            "{before} takes binutils {below}"
        );
        assert!(
            !binutils_rejects(first, below).is_empty(),
            "{first} refuses binutils {below}"
        );
        assert_eq!(
            binutils_rejects(first, floor),
            Vec::<String>::new(),
            "{first} takes binutils {floor}"
        );
    }
}

/// s390's floors are of clang: 13 from 5.14, 14 from 5.19, 15 from 6.1; its linker's floor, 18.1 from 6.9 on, comes on top.
#[test]
fn s390_has_floors_of_its_own() {
    let catalog = catalog();
    let floor = |at: &str| {
        let own = catalog.constraints.values().filter(|it| {
            it.tool.0 == "llvm" && !it.arches.is_empty() && it.applies(&arch("s390x"), &version(at))
        });
        own.filter_map(|it| match &it.window {
            kflake::catalog::Window::Accept(range) => range.from.clone(),
            _ => None,
        })
        .max()
    };
    assert_eq!(floor("5.13.19"), None);
    assert_eq!(floor("5.14"), Some(tool("13")));
    assert_eq!(floor("5.18.19"), Some(tool("13")));
    assert_eq!(floor("5.19"), Some(tool("14")));
    assert_eq!(floor("6.0.19"), Some(tool("14")));
    assert_eq!(floor("6.1"), Some(tool("15")));
    assert_eq!(floor("6.12"), Some(tool("18.1")));
}

/// Debian's gcc 10 stands for 4.x and 5.x, gcc 12 for 6.x, gcc 14 for 7.x; loongarch64's first there is gcc 13.
#[test]
fn debian_alone_serves_by_era() {
    let catalog = catalog();
    let resolver = Resolver::new(&catalog, SourceOrder::Only(vec![SourceKind::Debian]));
    for (at, on, gcc) in [
        ("5.10.229", "arm64", 10),
        ("6.1.192", "arm64", 12),
        ("6.1.192", "mipsel", 12),
        ("6.12", "x86_64", 12),
        ("7.1", "arm64", 14),
    ] {
        let toolchain = taken(&resolver, at, on);
        assert_eq!(toolchain.compiler.major(), gcc, "{at} on {on}");
        assert!(matches!(toolchain.origin, Origin::Debian { .. }));
    }
    assert!(taken(&resolver, "6.6", "loongarch64").compiler.major() >= 13);
}

/// Programs get a libc.
#[test]
fn userland_has_a_libc() {
    let catalog = catalog();
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    for at in ["2.6.31", "3.18.140", "5.10", "6.6", "7.1"] {
        for on in ["armel", "mipsel", "powerpc", "x86_64"] {
            let resolution = resolver
                .resolve(&version(at), &arch(on), Purpose::Userland)
                .unwrap();
            assert!(
                resolution.toolchain.libc.is_some(),
                "{at} on {on}: {}",
                resolution.toolchain.id
            );
        }
    }
}

/// Every kernel version there is, on every arch, for both purposes, through the resolver and through its table.
#[test]
fn tables_agree_with_the_resolver_everywhere() {
    let catalog = catalog();
    let versions: Vec<String> =
        serde_json::from_str(include_str!("data/kernel-versions.json")).unwrap();
    assert!(versions.len() > 5000);
    let versions: Vec<KernelVersion> = versions.iter().map(|text| version(text)).collect();
    // all in the eras' own order, and a sample in another
    for (order, step) in [(vec![], 1), (vec![SourceKind::Debian], 11)] {
        let resolver = Resolver::new(&catalog, SourceOrder::from(order));
        for on in catalog.arches.keys() {
            for purpose in [Purpose::Kernel, Purpose::Userland] {
                let table = resolver.intervals(on, purpose);
                for asked in versions.iter().step_by(step) {
                    let mut rows = table.iter().filter(|row| row.contains(asked));
                    let (Some(row), None) = (rows.next(), rows.next()) else {
                        panic!("{asked} on {on} is not in exactly one row");
                    };
                    let direct = resolver.pick(asked, on, purpose);
                    let same = match (&row.outcome, &direct) {
                        (Answer::Toolchain(id), Ok(Some(toolchain))) => *id == toolchain.id,
                        (Answer::NoToolchain(_), Ok(None))
                        | (Answer::Unsupported(_), Err(Unresolved::Unsupported { .. }))
                        | (Answer::NoEra, Err(Unresolved::NoEra { .. })) => true,
                        _ => false,
                    };
                    assert!(same, "{asked} on {on}: {row:?}, {direct:?}");
                }
            }
        }
    }
}

/// glibc says "kernel too old" and exits on kernels older than it was configured for: Debian's before 3.2, Bootlin's before
/// their headers' version. A kernel can be built with them all the same.
#[test]
fn programs_start_on_the_kernel() {
    let catalog = catalog();
    let resolver = Resolver::new(&catalog, SourceOrder::Only(vec![SourceKind::Debian]));
    let outcome = resolver.resolve(&version("3.1.10"), &arch("i386"), Purpose::Userland);
    assert!(matches!(outcome, Err(Unresolved::NoToolchain { .. })));
    for at in ["3.2-rc1", "3.2"] {
        let outcome = resolver.resolve(&version(at), &arch("i386"), Purpose::Userland);
        assert!(outcome.is_ok(), "{at}");
    }
    assert!(ask(&resolver, "3.1.10", "i386").is_ok());

    let resolver = Resolver::new(&catalog, SourceOrder::Only(vec![SourceKind::Bootlin]));
    for (at, oldest) in [("4.3.6", None), ("4.4", Some("4.4"))] {
        let outcome = resolver.resolve(&version(at), &arch("sparc64"), Purpose::Userland);
        let oldest_kernel = outcome
            .ok()
            .and_then(|it| it.toolchain.oldest_kernel.clone());
        assert_eq!(oldest_kernel, oldest.map(version), "{at}");
    }
}

/// The short way of asking and the one with reasons give the same toolchain: a sample, since reasons take time.
#[test]
fn reasons_do_not_change_the_answer() {
    let catalog = catalog();
    let versions: Vec<String> =
        serde_json::from_str(include_str!("data/kernel-versions.json")).unwrap();
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    for (index, text) in versions.iter().enumerate().step_by(67) {
        let asked = version(text);
        let on = catalog
            .arches
            .keys()
            .nth(index % catalog.arches.len())
            .unwrap();
        let short = resolver.pick(&asked, on, Purpose::Kernel).ok().flatten();
        let long = resolver.resolve(&asked, on, Purpose::Kernel);
        let long = long
            .as_ref()
            .ok()
            .map(|resolution| &resolution.toolchain.id);
        assert_eq!(
            short.map(|toolchain| &toolchain.id),
            long,
            "{asked} on {on}"
        );
    }
}

/// LLVM where the tree can be built with it, in a version that the tree takes; elsewhere the reason is a fact of the data.
#[test]
fn llvm_is_taken_where_the_tree_knows_it() {
    let catalog = catalog();
    let resolver = Resolver::new(&catalog, SourceOrder::Only(vec![SourceKind::Llvm]));
    let clang = |at: &str, on: &str| {
        let it = taken(&resolver, at, on);
        assert_eq!(
            (it.source, &it.binutils),
            (SourceKind::Llvm, &None),
            "{}",
            it.id
        );
        it.compiler.clang().unwrap().major()
    };
    for (at, on, major) in [
        ("5.10.223", "arm64", 14),
        ("5.15", "x86_64", 14),
        ("6.1.192", "riscv64", 19),
        ("6.1.192", "armhf", 19),
        ("6.12.95", "s390x", 19),
        ("6.12.95", "loongarch64", 19),
        ("7.2.12", "mipsel", 19),
    ] {
        assert_eq!(clang(at, on), major, "{at} on {on}");
    }
    for (at, on, fact) in [
        ("4.19.300", "arm64", "llvm-none-before-5.10"),
        ("5.9", "x86_64", "llvm-none-before-5.10"),
        ("6.1.192", "s390x", "llvm-s390-lld"),
        ("6.1.192", "powerpc64le", "llvm-powerpc-lld"),
        ("6.1.192", "loongarch64", "llvm-loongarch-none"),
    ] {
        let Err(Unresolved::NoToolchain(nothing)) = ask(&resolver, at, on) else {
            panic!("{at} on {on}");
        };
        let obstacles: Vec<String> = nothing.obstacles.iter().map(ToString::to_string).collect();
        assert_eq!(obstacles, [fact], "{at} on {on}");
    }
    for on in ["m68k", "sparc64", "sh4"] {
        let error = ask(&resolver, "6.12", on).unwrap_err().to_string();
        assert_eq!(error, format!("no toolchain for {on} comes from llvm"));
    }
}

/// What is known of gcc and binutils says nothing of LLVM, nor the other way round.
#[test]
fn facts_of_one_compiler_do_not_judge_the_other() {
    let catalog = catalog();
    let both = SourceOrder::Only(vec![SourceKind::Debian, SourceKind::Llvm]);
    let resolver = Resolver::new(&catalog, both);
    for at in ["4.4", "5.10", "6.1", "6.18", "7.2"] {
        let Ok(resolution) = ask(&resolver, at, "arm64") else {
            panic!("{at}");
        };
        for candidate in &resolution.candidates {
            for objection in &candidate.verdict.rejected {
                let tool = objection.constraint.unwrap().tool.name();
                let is_clang = candidate.toolchain.compiler.clang().is_some();
                assert_eq!(tool == "llvm", is_clang, "{at}: {}", candidate.toolchain.id);
            }
        }
    }
}
