//! `kflake nix`: Nix as kflake itself runs it.

use std::ffi::OsString;
use std::sync::atomic::AtomicBool;

use super::{Context, Failure, Result, output};
use crate::exit;
use crate::flake::Options;
use crate::nix::Settings;
use crate::project::{Home, Project};

/// Run Nix with the settings that kflake uses: `kflake nix -- build .#k6-arm64`
///
/// Takes care of what a plain `nix build` in the project may lack on this machine: flakes are enabled, the sandbox is
/// closed and has a /bin/sh, builds do not run as root, mirrors are the ones that `kflake pins mirrors` lists, and the seed
/// of the Debian package set is in the store.
#[derive(clap::Args)]
pub struct Args {
    /// Print the settings instead, as a nix.conf
    #[arg(long, conflicts_with = "words")]
    settings: bool,

    /// Arguments for Nix: `build .#k6-arm64`, `develop`, `run .#boot-k6-arm64`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required_unless_present = "settings",
        value_name = "WORDS"
    )]
    words: Vec<OsString>,
}

/// Runs `kflake nix`.
///
/// # Errors
/// When there is no Nix, or what builds begin with cannot be had.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let nix = context.nix()?;
    let settings = Settings {
        packages: context.packages(None)?,
        mirrors: context.mirrors(&catalog),
    };
    let flake = Project::new(&context.project)
        .flake(
            &catalog,
            &Options {
                sources: context.toolchains(&[]),
                packages: settings.packages.clone(),
                ..Options::default()
            },
            Home::Existing,
            &AtomicBool::new(false),
        )
        .map_err(|error| Failure::new(error.exit_code(), error))?;
    if let Some(bootstrap) = flake.bootstrap() {
        nix.prepare(&settings, bootstrap).map_err(Failure::nix)?;
        nix.add_package_set(&settings, bootstrap)
            .map_err(Failure::nix)?;
    }
    // others may go on with the flake while Nix is at work
    drop(flake);
    if args.settings {
        output::print(&settings.nix_config(&nix, false))?;
        return Ok(exit::OK);
    }
    let mut command = settings.interactive(&nix);
    command.env_remove("NO_COLOR").env_remove("NIX_PAGER");
    let status = command
        .current_dir(&context.project)
        .args(words(&args.words, settings.packages.is_debian()))
        .status()
        .map_err(|error| {
            Failure::message(exit::NO_NIX, format!("Nix could not be run: {error}"), None)
        })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(exit::INTERRUPTED))
}

/// The words for Nix. Debian's package set takes its mirrors from the environment, which Nix lets a flake read only when told so.
fn words(given: &[OsString], debian: bool) -> Vec<OsString> {
    let mut words = given.to_vec();
    let word = |at: usize| given.get(at).and_then(|word| word.to_str());
    let command = match word(0) {
        Some("flake") if matches!(word(1), Some("check" | "show")) => 2,
        Some(
            "build" | "bundle" | "develop" | "edit" | "eval" | "fmt" | "log" | "path-info"
            | "print-dev-env" | "run" | "search" | "shell" | "why-depends",
        ) => 1,
        _ => return words,
    };
    if debian {
        words.insert(command, "--impure".into());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_reach_the_package_set() {
        let said = |text: &str, debian| {
            let given: Vec<OsString> = text.split(' ').map(OsString::from).collect();
            let words = words(&given, debian);
            words.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(said("build .#x -L", true), "build --impure .#x -L");
        assert_eq!(said("run .#x -- build", true), "run --impure .#x -- build");
        assert_eq!(said("flake check", true), "flake check --impure");
        for text in ["flake update", "store gc", "--help", "-L build .#x"] {
            assert_eq!(said(text, true), text);
        }
        assert_eq!(said("build .#x", false), "build .#x");
    }
}
