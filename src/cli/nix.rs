//! `kflake nix`: Nix as kflake itself runs it.

use std::sync::atomic::AtomicBool;

use super::{Context, Failure, Result, output};
use crate::exit;
use crate::flake::Options;
use crate::nix::{Nix, Settings};
use crate::packages::Packages;
use crate::project::{Home, Project};

/// Run Nix with the settings that kflake uses: `kflake nix -- build .#k6-arm64`
///
/// What a plain `nix build` in the project may lack on this machine is seen to: flakes are switched on, the sandbox is closed and has a
/// /bin/sh, builds do not run as root, mirrors are the ones that `kflake pins mirrors` lists, and what the Debian package set begins
/// with is in the store.
#[derive(clap::Args)]
pub struct Args {
    /// Print the settings instead, as a nix.conf has them
    #[arg(long, conflicts_with = "words")]
    settings: bool,

    /// Words for Nix: `build .#k6-arm64`, `develop`, `run .#boot-k6-arm64`
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required_unless_present = "settings",
        value_name = "WORDS"
    )]
    words: Vec<std::ffi::OsString>,
}

/// Runs `kflake nix`.
///
/// # Errors
/// When there is no Nix, or what builds begin with cannot be had.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let nix = Nix::probe().map_err(Failure::nix)?;
    let settings = Settings {
        packages: Packages::default(),
        mirrors: context.mirrors(&catalog),
    };
    let flake = Project::new(&context.project)
        .flake(
            &catalog,
            &Options::default(),
            Home::Existing,
            &AtomicBool::new(false),
        )
        .map_err(|error| Failure::new(error.exit_code(), error))?;
    if let Some(bootstrap) = flake.bootstrap() {
        nix.prepare(&settings, bootstrap).map_err(Failure::nix)?;
    }
    // others may go on with the flake while Nix is at work
    drop(flake);
    if args.settings {
        output::print(&settings.nix_config(&nix, false))?;
        return Ok(exit::OK);
    }
    let mut command = settings.guarded(&nix, "nix").map_err(Failure::nix)?;
    command.env_remove("NO_COLOR").env_remove("NIX_PAGER");
    let status = command
        .current_dir(&context.project)
        .args(&args.words)
        .status()
        .map_err(|error| {
            Failure::message(exit::NO_NIX, format!("Nix could not be run: {error}"), None)
        })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(exit::INTERRUPTED))
}
