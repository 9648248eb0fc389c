//! `kflake doctor`: what this machine lacks.

use std::path::Path;

use anstyle::{AnsiColor, Style};

use super::{Context, Failure, Result, output, render};
use crate::catalog::Catalog;
use crate::container::{Engine, EngineError};
use crate::doctor::{Check, FlakeInUse, Health, examine};
use crate::exit;
use crate::files::Scratch;
use crate::flake::{self, Options};
use crate::interrupt;
use crate::nix::Nix;
use crate::project::{Project, ProjectError, package_set};
use crate::text;

/// Check this machine: Nix, its sandbox, disk, tools and mirrors
///
/// Exits with 1 if nothing could be built here; what only some builds need is reported, and does not count.
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
    let suite = context.packages(None)?.suite();
    let bootstrap = package_set(&catalog, &suite, &scratch.path().join("set"))
        .map_err(|error| Failure::new(error.exit_code(), error))?;
    let flake = flake_in_use(&catalog, context, &scratch.path().join("flake"))?;
    let aside = scratch.path().join("home");
    let made = std::fs::create_dir(&aside);
    made.map_err(|error| {
        Failure::new(
            exit::IO,
            ProjectError::Io {
                path: aside.clone(),
                error,
            },
        )
    })?;
    let engine = interrupt::finish(|stop| Engine::look(stop, &aside));
    if let Err(error @ EngineError::Interrupted) = engine {
        return Err(Failure::new(error.exit_code(), error));
    }
    let checks = examine(
        nix.as_ref(),
        engine.as_ref(),
        &context.mirrors(&catalog),
        &schemes,
        &context.project,
        &bootstrap,
        &flake,
    );
    if args.json {
        output::print(&format!("{}\n", text::json(&checks).unwrap_or_default()))?;
    } else {
        let words: String = checks.iter().map(in_words).collect();
        output::print(&render::hanging(&words, 18, render::output_width()))?;
    }
    let bad = checks.iter().any(|check| check.verdict == Health::Bad);
    Ok(if bad { exit::FAILED } else { exit::OK })
}

/// The flake that commands would use here; the project's own files are not touched, and of them only the lock is read.
fn flake_in_use(catalog: &Catalog, context: &Context, rules: &Path) -> Result<FlakeInUse> {
    let failed = |error: ProjectError| Failure::new(error.exit_code(), error);
    let options = Options {
        packages: context.packages(None)?,
        ..Options::default()
    };
    let tree = flake::generate(catalog, &options).map_err(|error| failed(error.into()))?;
    flake::Plan::new(&tree, rules)
        .and_then(|plan| plan.apply(false))
        .map_err(|error| failed(error.into()))?;
    let project = Project::new(&context.project);
    let own = !options.packages.is_debian() && project.has_lock().map_err(failed)?;
    let folder = if own { &context.project } else { rules };
    let absolute = |folder: &Path| {
        folder.canonicalize().map_err(|error| {
            failed(ProjectError::Io {
                path: folder.to_owned(),
                error,
            })
        })
    };
    Ok(FlakeInUse {
        folder: absolute(folder)?,
        rules: absolute(rules)?,
        packages: options.packages,
    })
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
