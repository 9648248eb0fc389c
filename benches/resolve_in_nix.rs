//! What asking the generated `resolve.nix` costs in Nix, alone and through an import of nixpkgs, side by side.
//!
//! nixpkgs is the folder that `KFLAKE_NIXPKGS` names, or `<nixpkgs>`; without either, only the first is measured.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kflake::catalog::Catalog;
use kflake::flake::{Options, Plan, generate};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Runs of each; the fastest counts, for it was disturbed the least.
const RUNS: u32 = 5;

/// The toolchain of every version on every arch.
const ALL: &str = r#"let
  inherit (import ./resolve.nix) resolve;
  versions = builtins.fromJSON (builtins.readFile ./versions.json);
  arches = builtins.attrNames (import ./matrix.nix).arches;
in map (version: map (arch: (resolve { inherit version arch; }).toolchain) arches) versions"#;

fn main() -> Result<()> {
    if Command::new("nix-instantiate")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        println!("resolve.nix: skipped: there is no nix-instantiate here");
        return Ok(());
    }
    let catalog = Catalog::embedded()?;
    let dir = tempfile::tempdir()?;
    Plan::new(&generate(&catalog, &Options::default())?, dir.path())?.apply(false)?;
    let one: Vec<String> = vec!["6.12.1".to_owned()];
    let known: Vec<String> = catalog.kernels.keys().map(ToString::to_string).collect();
    let nixpkgs = nixpkgs();
    for (what, versions) in [("one version", one), ("every pinned version", known)] {
        fs::write(
            dir.path().join("versions.json"),
            serde_json::to_string(&versions)?,
        )?;
        fs::write(dir.path().join("alone.nix"), ALL)?;
        let pairs = versions.len() * catalog.arches.len();
        let Some(nixpkgs) = &nixpkgs else {
            let alone = (0..RUNS)
                .map(|_| evaluate(dir.path(), "alone.nix"))
                .collect::<Result<Vec<_>>>()?;
            println!(
                "resolve.nix, {what} on every arch ({pairs} answers): {:.3} s",
                fastest(&alone)
            );
            println!(
                "    through nixpkgs: skipped: none is reachable; KFLAKE_NIXPKGS=DIR names a copy"
            );
            continue;
        };
        let through = format!(
            "let pkgs = import {nixpkgs} {{ }}; in builtins.seq pkgs.stdenv.hostPlatform.system (pkgs.lib.id ({ALL}))"
        );
        fs::write(dir.path().join("through.nix"), through)?;
        let (mut alone, mut with) = (vec![], vec![]);
        for _ in 0..RUNS {
            alone.push(evaluate(dir.path(), "alone.nix")?);
            with.push(evaluate(dir.path(), "through.nix")?);
        }
        let (alone, with) = (fastest(&alone), fastest(&with));
        println!(
            "resolve.nix, {what} on every arch ({pairs} answers): {alone:.3} s; through nixpkgs {with:.3} s; ratio {:.2}",
            alone / with
        );
    }
    Ok(())
}

/// The nixpkgs to import, as a Nix expression.
fn nixpkgs() -> Option<String> {
    if let Some(dir) = std::env::var_os("KFLAKE_NIXPKGS") {
        return Path::new(&dir)
            .canonicalize()
            .ok()
            .map(|dir| dir.display().to_string());
    }
    let found = Command::new("nix-instantiate")
        .args(["--find-file", "nixpkgs"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    found.status.success().then(|| "<nixpkgs>".to_owned())
}

fn fastest(times: &[Duration]) -> f64 {
    times.iter().min().map_or(f64::NAN, Duration::as_secs_f64)
}

/// Seconds to evaluate a file. Importing nixpkgs may put files into the store, so neither is read-only.
fn evaluate(dir: &Path, file: &str) -> Result<Duration> {
    let started = Instant::now();
    let output = Command::new("nix-instantiate")
        .args(["--read-write-mode", "--eval", "--strict", "--json", file])
        .current_dir(dir)
        .output()?;
    let took = started.elapsed();
    if !output.status.success() {
        return Err(format!("{file}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(took)
}
