//! What kflake's Nix asks of nixpkgs, and that the Debian package sets give it: the clauses are in `nixpkgs-contract.nix`.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rnix::ast::{Attr, Expr, Lambda, Param, Select};
use rowan::ast::AstNode;
use serde_json::{Value, json};

/// Files that nixpkgs' `callPackage` could load: the names of their arguments are packages.
const CALLED: &[&str] = &[
    "boot.nix",
    "build-kernel.nix",
    "image.nix",
    "kbuild.nix",
    "mk-prebuilt-toolchain.nix",
    "mk-source-toolchain.nix",
    "module.nix",
    "sdk.nix",
];

/// Arguments of theirs that this flake gives, not the package set, and one that a package set may lack.
const GIVEN: &[&str] = &[
    "bootTest",
    "elfTools",
    "fetchPin",
    "fixes",
    "kernelTools",
    "muslCrossMake",
    "patchelfUnstable",
    "patches",
    "pkgs",
    "prefixMapFor",
];

/// Evaluates `attribute` of the contract, for the package set that the Nix expression `pkgs` is.
fn held(nix: &Path, pkgs: &str, attribute: &str) -> Value {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nixpkgs-contract.nix");
    let code = format!(
        "(import {} {{ pkgs = {pkgs}; }}).{attribute}",
        contract.display()
    );
    let output = common::nix(nix.to_str().unwrap())
        .args(["eval", "--impure", "--json", "--expr", &code])
        .output()
        .unwrap();
    serde_json::from_slice(&common::succeeded(output).stdout).unwrap()
}

fn set(dir: &Path) -> String {
    format!("import {}/debian-packages {{ }}", dir.display())
}

#[test]
fn every_suite_keeps_it_under_every_nix() {
    if !common::have_nix() {
        return;
    }
    let catalog = kflake::catalog::Catalog::embedded().unwrap();
    let programs = common::nixes();
    for suite in catalog.host_tools.keys() {
        let dir = tempfile::tempdir().unwrap();
        kflake::project::package_set(&catalog, suite, dir.path()).unwrap();
        for nix in &programs {
            let problems = held(nix, &set(dir.path()), "problems");
            assert_eq!(problems, json!([]), "{suite} under {}", nix.display());
        }
    }
}

#[test]
fn a_set_that_breaks_it_is_told() {
    if !common::have_nix() {
        return;
    }
    let dir = common::package_set();
    let set = set(dir.path());
    for (change, clause) in [
        (
            "{ fetchurl = args: set.fetchurl (args // { name = \"x\"; }); }",
            "fetchurl: digest and name decide the path",
        ),
        ("{ bc = null; }", "bc is a package with a version"),
        ("{ zstd = 1; }", "zstd, where there is one, is a package"),
        (
            "{ lib = set.lib // { escapeShellArg = word: word; }; }",
            "lib.escapeShellArg does what it does in nixpkgs",
        ),
    ] {
        let broken = format!("let set = {set}; in set // {change}");
        assert_eq!(held(Path::new("nix"), &broken, "problems"), json!([clause]));
    }
}

#[test]
fn builders_find_what_it_promises() {
    if !common::have_nix() {
        return;
    }
    let dir = common::package_set();
    let file = dir.path().join("builds.nix");
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nixpkgs-contract.nix");
    let code = format!(
        "(import {} {{ pkgs = {}; }}).builds",
        contract.display(),
        set(dir.path())
    );
    fs::write(&file, code).unwrap();
    common::succeeded(common::nix_build(&file));
}

/// Names of packages, and of functions of `lib`, that the Nix of a folder uses.
#[derive(Debug, Default)]
struct Used {
    packages: BTreeSet<String>,
    lib: BTreeSet<String>,
}

impl Used {
    fn read(&mut self, path: &Path) {
        let text = fs::read_to_string(path).unwrap();
        let root = rnix::Root::parse(&text).ok().unwrap();
        for node in root.syntax().descendants() {
            if let Some(select) = Select::cast(node.clone()) {
                let name = select.attrpath().and_then(|path| path.attrs().next());
                self.note(select.expr(), name);
            }
            if let Some(inherit) = rnix::ast::Inherit::cast(node) {
                let from = inherit.from().and_then(|from| from.expr());
                for name in inherit.attrs() {
                    self.note(from.clone(), Some(name));
                }
            }
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let called = CALLED.contains(&name);
        if let (true, Some(Expr::Lambda(lambda))) = (called, root.expr()) {
            self.packages.extend(arguments(&lambda));
        }
    }

    fn note(&mut self, from: Option<Expr>, name: Option<Attr>) {
        let (Some(Expr::Ident(from)), Some(Attr::Ident(name))) = (from, name) else {
            return;
        };
        match from.to_string().as_str() {
            "pkgs" => self.packages.insert(name.to_string()),
            "lib" => self.lib.insert(name.to_string()),
            _ => false,
        };
    }
}

/// The arguments of a function that are packages.
fn arguments(lambda: &Lambda) -> Vec<String> {
    let Some(Param::Pattern(pattern)) = lambda.param() else {
        return Vec::new();
    };
    let names = pattern.pat_entries().filter_map(|entry| entry.ident());
    names
        .map(|name| name.to_string())
        .filter(|name| !GIVEN.contains(&name.as_str()))
        .collect()
}

#[test]
fn it_covers_what_the_builders_use_and_nothing_else() {
    if !common::have_nix() {
        return;
    }
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("flake-template");
    let mut used = Used::default();
    let mut called = 0;
    for entry in fs::read_dir(template).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "nix") {
            called += usize::from(CALLED.iter().any(|name| path.ends_with(name)));
            used.read(&path);
        }
    }
    assert_eq!(called, CALLED.len());
    let dir = common::package_set();
    let names = held(Path::new("nix"), &set(dir.path()), "names");
    let covered =
        |kind: &str| -> BTreeSet<String> { serde_json::from_value(names[kind].clone()).unwrap() };
    assert_eq!(used.packages, covered("packages"));
    assert_eq!(used.lib, covered("lib"));
}
