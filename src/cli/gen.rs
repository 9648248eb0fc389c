//! `kflake gen`: writes the flake.

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use super::choices::{self, Choices};
use super::{Context, Failure, Result, init, output};
use crate::catalog::{Catalog, SourceKind};
use crate::exit;
use crate::flake::{self, Options, Plan, Tree, Written};
use crate::nix::{Nix, Settings};
use crate::packages::Packages;
use crate::project::{Project, ProjectError, bootstrap};
use crate::report::text::count;
use crate::text::shown;

/// Write the flake: the matrix as Nix, the builders, and a package set for machines without nixpkgs
///
/// The matrix is the built-in one, with the project's own `matrix/` folder laid over it. Files that are up to date are left
/// alone; a file that kflake did not write is never overwritten, unless --force is given. In a folder without a
/// kflake.toml, --packages and --toolchains are remembered in a new one.
#[derive(clap::Args)]
pub struct Args {
    /// Folder to write to [default: the project folder]
    #[arg(long, value_name = "DIR", value_parser = super::place::output())]
    out: Option<PathBuf>,

    /// Write nothing: show what would change, and exit with 1 if anything would
    #[arg(long)]
    check: bool,

    /// Overwrite files that kflake did not write
    #[arg(long, conflicts_with = "check")]
    force: bool,

    /// Toolchain sources to use, in order of preference: bootlin, musl, kernel-only, debian, korg, llvm [default: what
    /// kflake.toml says, else each era's own order]
    #[arg(long, value_name = "SOURCE,…", value_delimiter = ',')]
    toolchains: Vec<SourceKind>,

    /// The package set that flake.nix names: nixpkgs, debian (pinned Debian packages), or debian:SUITE [default: the one in
    /// kflake.toml, else the one in flake.lock, else nixpkgs]
    #[arg(long, value_name = "SET")]
    packages: Option<Packages>,
}

/// Runs `kflake gen`.
pub fn run(args: Args, context: &Context) -> Result<u8> {
    // the process ends with it: taking it apart piece by piece would be a twentieth of the work
    let catalog = ManuallyDrop::new(context.catalog()?);
    let given = (!args.toolchains.is_empty() || args.packages.is_some()).then(|| Choices {
        packages: args.packages.clone(),
        toolchains: args.toolchains.clone(),
        ..context.choices.clone()
    });
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            if !args.check {
                context.not_home()?;
            }
            context.project.clone()
        }
    };
    // what is remembered is a wish as much as an option is, where the lock has another package set
    let remembered = context.choices.packages.clone();
    let locked = Project::new(&out).packages().ok();
    let packages = args
        .packages
        .or(remembered.filter(|it| locked.as_ref() != Some(it)));
    let options = Options {
        sources: context.toolchains(&args.toolchains),
        packages: packages.clone().unwrap_or_default(),
        ..Options::default()
    };
    let _alone = match args.check {
        true => None,
        false => Project::new(&out)
            .hold()
            .map_err(|error| Failure::new(error.exit_code(), error))?,
    };
    let tree = match packages {
        Some(_) => flake::generate(&catalog, &options).map_err(ProjectError::from),
        None => Project::new(&out).tree(&catalog, &options),
    }
    .map_err(|error| Failure::new(error.exit_code(), error))?;
    let plan = Plan::new(&tree, &out).map_err(|error| Failure::new(exit::IO, error))?;
    if args.check {
        output::print(&plan.diff())?;
        return Ok(if plan.is_done() {
            exit::OK
        } else {
            exit::FAILED
        });
    }
    let done = plan
        .apply(args.force)
        .map_err(|error| Failure::new(exit::IO, error))?;
    output::line(&format!("{}: {}", shown(&out), in_words(done)))?;
    if let Some(given) = given.filter(|_| args.out.is_none()) {
        remember(&given, &out, context)?;
    }
    if options.packages.is_debian() {
        plant(&catalog, &options, &out, context);
    }
    if let Some(hint) = untracked(&tree, &out) {
        output::note(&hint);
    }
    Ok(exit::OK)
}

/// Writes down what was chosen, where nothing is written down yet.
fn remember(given: &Choices, out: &Path, context: &Context) -> Result<()> {
    let path = out.join(choices::FILE);
    if !path.exists() {
        init::write(out, given)?;
        output::note(&format!(
            "{} remembers these choices for every command",
            shown(&path)
        ));
    } else if *given != context.choices {
        output::note(&format!(
            "{} says otherwise, and still applies to the next command",
            shown(&path)
        ));
    }
    Ok(())
}

/// Puts what unpacks the Debian package set into the store, so that a plain `nix build` works from here on. Without Nix or a mirror that
/// has to wait, and the flake is none the worse.
fn plant(catalog: &Catalog, options: &Options, out: &Path, context: &Context) {
    let Ok(nix) = Nix::probe(context.store.as_deref()) else {
        return;
    };
    let settings = Settings {
        packages: options.packages.clone(),
        mirrors: context.mirrors(catalog),
    };
    let out = out.canonicalize().unwrap_or_else(|_| out.to_owned());
    let Some(bootstrap) = bootstrap(catalog, &options.packages.suite(), &out) else {
        return;
    };
    let planted = nix.plant(&settings, &bootstrap);
    let added = planted.and_then(|_| nix.add_package_set(&settings, &bootstrap));
    if let Err(error) = added {
        output::note(&format!(
            "warning: `nix build` will not work here until `kflake gen` or any kflake build has run with a mirror within reach: {error}"
        ));
    }
}

fn in_words(done: Written) -> String {
    let removed = match done.removed {
        0 => String::new(),
        n => format!(", {n} removed"),
    };
    format!(
        "{} written{removed}, {} unchanged",
        count(done.written, "file"),
        done.unchanged
    )
}

/// What to tell a user whose files Nix would not see: in a git checkout, a flake is only what git tracks.
fn untracked(tree: &Tree, out: &Path) -> Option<String> {
    let out = out.canonicalize().ok()?;
    out.ancestors().find(|dir| dir.join(".git").exists())?;
    let listed = duct::cmd!("git", "-C", &out, "ls-files", "-z", "--", ".")
        .stderr_null()
        .read()
        .ok()?;
    let tracked: std::collections::BTreeSet<&str> = listed.split('\0').collect();
    let lock = tree.lock.as_ref().map(|_| "flake.lock");
    let paths = tree.files.keys().map(|path| path.as_str()).chain(lock);
    let missing = paths.filter(|path| !tracked.contains(path)).count();
    (missing > 0).then(|| {
        format!(
            "git does not track {missing} of these files, and Nix sees only what git tracks: `git add` them, or name the \
             flake as path:{}",
            shown(out)
        )
    })
}
