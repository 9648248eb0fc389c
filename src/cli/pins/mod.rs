//! `kflake pins`: the files that the matrix pins, and where they come from.

mod component;
mod list;
mod update;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{Context, Failure, Result, output, render};
use crate::catalog::PinnedFile;
use crate::exit;
use crate::files;
use crate::hash::Sha256;
use crate::nix::{Packages, Settings};
use crate::report::text::count;
use crate::text::{clean, shell_words, shown};

/// Look at pinned files, and supply them from copies that you have
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Add those files of a folder that are pinned to the Nix store
    ///
    /// Their names do not matter: the sha256 decides. Builds then need no network for them.
    Import {
        /// Folder to look through, with all below it
        dir: PathBuf,
    },
    List(list::ListArgs),
    Show(list::ShowArgs),
    Add(component::AddArgs),
    Remove(component::RemoveArgs),
    Update(update::Args),
    /// Show where each mirror scheme is looked for
    ///
    /// `NIX_MIRRORS_<scheme>` overrides them: addresses or folders, separated by blanks.
    Mirrors {
        /// As shell commands: `eval "$(kflake pins mirrors --export)"` makes a plain `nix build` find them
        #[arg(long)]
        export: bool,
    },
}

impl Args {
    /// Whether it makes the project's folder where that is missing.
    pub fn makes_folder(&self) -> bool {
        matches!(self.action, Action::Add(_))
    }
}

/// Runs `kflake pins`.
///
/// # Errors
/// When a file or the data cannot be read, or Nix refuses a file.
pub fn run(args: Args, context: &Context) -> Result<u8> {
    match args.action {
        Action::List(args) => list::list(&args, context),
        Action::Show(args) => list::show(&args, context),
        Action::Add(args) => component::add(&args, context),
        Action::Remove(args) => component::remove(&args, context),
        Action::Update(args) => update::run(&args, context),
        Action::Import { dir } => import(&dir, context),
        Action::Mirrors { export } => mirrors(export, context),
    }
}

fn import(dir: &Path, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let mut by_hash = BTreeMap::<Sha256, Vec<PinnedFile>>::new();
    for file in catalog.pinned_files() {
        by_hash.entry(file.sha256).or_default().push(file);
    }
    let nix = context.nix()?;
    let settings = Settings {
        packages: Packages::default(),
        mirrors: context.mirrors(&catalog),
    };
    let (mut known, mut unknown) = (0, 0);
    for path in files_below(dir)? {
        let unreadable = |error| unreadable(&path, &error);
        let hash =
            Sha256::of_reader(files::open(&path).map_err(unreadable)?).map_err(unreadable)?;
        let Some(pins) = by_hash.get(&hash) else {
            unknown += 1;
            continue;
        };
        for pin in pins {
            nix.add_fixed(&settings, &path, &pin.name)
                .map_err(Failure::nix)?;
            output::line(&format!("{}: {}", pin.what, shown(&path)))?;
        }
        known += 1;
    }
    output::line(&format!(
        "{} in the store now; {unknown} not pinned by the matrix",
        count(known, "pinned file")
    ))?;
    Ok(if known == 0 { exit::FAILED } else { exit::OK })
}

/// The plain files in `dir` and below, in order; links are not followed.
fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let fail = |error| unreadable(&folder, &error);
        for entry in fs::read_dir(&folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let kind = entry.file_type().map_err(fail)?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::message(
        exit::IO,
        format!("cannot read {}: {error}", shown(path)),
        None,
    )
}

fn mirrors(export: bool, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    for (variable, urls) in context.mirrors(&catalog).variables() {
        if export && !is_name(&variable) {
            // a scheme of the project's own whose name no shell can hold, and no fetcher reads
            output::note(&format!("left out: {variable} is not a variable's name"));
        } else if export {
            output::line(&format!("export {variable}={}", shell_words(&[urls])))?;
        } else {
            let scheme = variable.trim_start_matches("NIX_MIRRORS_");
            let shown = if urls.is_empty() {
                "nowhere: no address is known"
            } else {
                &urls
            };
            let line = format!("{scheme:10} {}", clean(shown));
            output::print(&render::hanging(&line, 11, render::output_width()))?;
        }
    }
    Ok(exit::OK)
}

/// Whether a shell takes `text` for a variable's name.
fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
