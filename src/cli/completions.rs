//! `kflake completions`: what a shell completes, made from the definition of the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Context, Result, output};
use crate::exit;

/// Print a script that lets a shell complete kflake's commands and options
///
/// For the shell that runs: `source <(kflake completions bash)`. `make install` and kflake's Nix package put the scripts
/// where the shells look for them.
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Runs `kflake completions`.
pub fn run(args: &Args, _context: &Context) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kflake", &mut script);
    output::raw(&script)?;
    Ok(exit::OK)
}
