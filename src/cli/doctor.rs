//! `kflake doctor`: what this machine lacks.

use anstyle::{AnsiColor, Style};

use super::{Context, Failure, Result, output};
use crate::doctor::{Check, Health, examine};
use crate::exit;
use crate::files::Scratch;
use crate::id::Suite;
use crate::nix::Nix;
use crate::project::package_set;
use crate::text;

/// Check this machine: Nix, its sandbox, disk, tools and mirrors
///
/// Exits with 1 when nothing could be built here; things that only some builds need are told, and don't count.
#[derive(clap::Args)]
pub struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `kflake doctor`.
///
/// # Errors
/// When the project's data cannot be read.
pub fn run(args: Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let schemes: Vec<String> = catalog.mirrors.keys().map(ToString::to_string).collect();
    let nix = Nix::probe(context.store.as_deref());
    let scratch = Scratch::new().map_err(|error| Failure::new(exit::IO, error))?;
    let bootstrap = package_set(&catalog, &Suite::default(), scratch.path())
        .map_err(|error| Failure::new(error.exit_code(), error))?;
    let checks = examine(
        nix.as_ref(),
        &context.mirrors(&catalog),
        &schemes,
        &context.project,
        &bootstrap,
    );
    if args.json {
        output::print(&format!("{}\n", text::json(&checks).unwrap_or_default()))?;
    } else {
        output::print(&checks.iter().map(in_words).collect::<String>())?;
    }
    let bad = checks.iter().any(|check| check.verdict == Health::Bad);
    Ok(if bad { exit::FAILED } else { exit::OK })
}

fn in_words(check: &Check) -> String {
    let (word, color) = match check.verdict {
        Health::Good => ("ok", AnsiColor::Green),
        Health::Poor => ("warn", AnsiColor::Yellow),
        Health::Bad => ("bad", AnsiColor::Red),
    };
    let style = Style::new().fg_color(Some(color.into()));
    let mut out = format!(
        "{style}{word:4}{style:#}  {:10}  {}\n",
        check.name,
        text::clean(&check.found)
    );
    if let Some(advice) = &check.advice {
        out += &format!("{:18}→ {}\n", "", text::clean(advice));
    }
    out
}
