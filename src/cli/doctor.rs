//! `kflake doctor`: what this machine lacks.

use anstyle::{AnsiColor, Style};

use super::{Context, Failure, Result};
use crate::doctor::{Check, Verdict, examine};
use crate::exit;
use crate::id::Suite;
use crate::nix::Nix;
use crate::project::{ProjectError, package_set};

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
    let nix = Nix::probe();
    let scratch = tempfile::Builder::new()
        .prefix("kflake-")
        .tempdir()
        .map_err(|error| {
            Failure::new(
                exit::IO,
                ProjectError::Io {
                    path: std::env::temp_dir(),
                    error,
                },
            )
        })?;
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
        anstream::println!("{}", serde_json::json!(checks));
    } else {
        checks.iter().for_each(print);
    }
    let bad = checks.iter().any(|check| check.verdict == Verdict::Bad);
    Ok(if bad { exit::FAILED } else { exit::OK })
}

fn print(check: &Check) {
    let (word, color) = match check.verdict {
        Verdict::Good => ("ok", AnsiColor::Green),
        Verdict::Poor => ("warn", AnsiColor::Yellow),
        Verdict::Bad => ("bad", AnsiColor::Red),
    };
    let style = Style::new().fg_color(Some(color.into()));
    anstream::println!(
        "{style}{word:4}{style:#}  {:10}  {}",
        check.name,
        printable_whole(&check.found)
    );
    if let Some(advice) = &check.advice {
        anstream::println!("{:18}→ {}", "", printable_whole(advice));
    }
}

/// `text` without control characters, uncut.
fn printable_whole(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
