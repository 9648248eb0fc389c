//! `kflake pins`: the files that the matrix pins, and where they come from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{Context, Failure, Result, output};
use crate::catalog::{PinnedFile, ProjectFile, store_name};
use crate::exit;
use crate::files;
use crate::hash::Sha256;
use crate::id::{FileName, PinId};
use crate::nix::{Packages, Settings};
use crate::report::text::count;
use crate::text::{shell_words, shown};

/// Look at pinned files and take them from where you have them
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Put the files of a folder that a pin knows into the Nix store
    ///
    /// Whatever they are called: the sha256 decides. Builds then need no network for them.
    Import {
        /// Folder to look through, with all below it
        dir: PathBuf,
    },
    /// Build toolchains from a file of your own: a component's source
    ///
    /// Its sha256 is computed, the file goes into the Nix store, and the entry into `matrix/components.json` of the
    /// project. Toolchains built from it are called `…+override` if it is not the very file that kflake pins, so that no
    /// report takes them for the pinned ones; patches do not carry over to it.
    #[command(
        after_help = "Examples:\n  kflake pins add gcc 13.3.0 ./gcc-13.3.0-repacked.tar.xz\n  kflake pins add linux 6.1 /usr/src/linux-source-6.1.tar.xz"
    )]
    Add {
        /// What it is the source of
        #[arg(value_enum)]
        component: ComponentName,
        /// Its version
        version: FileName,
        /// The tarball
        file: PathBuf,
    },
    /// Show where each mirror scheme is looked for
    ///
    /// `NIX_MIRRORS_<scheme>` overrides: addresses or folders, separated by blanks.
    Mirrors {
        /// As shell commands: `eval "$(kflake pins mirrors --export)"` makes a plain `nix build` find them
        #[arg(long)]
        export: bool,
    },
}

/// The sources that toolchains are built from.
#[derive(Clone, Copy, clap::ValueEnum)]
enum ComponentName {
    Gcc,
    Binutils,
    Musl,
    Gmp,
    Mpfr,
    Mpc,
    /// A kernel, for its headers
    Linux,
}

impl ComponentName {
    /// As ids and data spell it.
    fn as_str(self) -> &'static str {
        match self {
            ComponentName::Gcc => "gcc",
            ComponentName::Binutils => "binutils",
            ComponentName::Musl => "musl",
            ComponentName::Gmp => "gmp",
            ComponentName::Mpfr => "mpfr",
            ComponentName::Mpc => "mpc",
            ComponentName::Linux => "linux",
        }
    }
}

/// Runs `kflake pins`.
///
/// # Errors
/// When the folder cannot be read or Nix refuses a file.
pub fn run(args: Args, context: &Context) -> Result<u8> {
    match args.action {
        Action::Add {
            component,
            version,
            file,
        } => add(component, &version, &file, context),
        Action::Import { dir } => import(&dir, context),
        Action::Mirrors { export } => mirrors(export, context),
    }
}

fn add(component: ComponentName, version: &FileName, path: &Path, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let unreadable = |error| unreadable(path, &error);
    let file = files::open(path).map_err(unreadable)?;
    let sha256 = Sha256::of_reader(file).map_err(unreadable)?;
    let given = path.file_name().unwrap_or_default().to_string_lossy();
    let name: FileName = store_name(&given).parse().map_err(|error| {
        Failure::message(
            exit::USAGE,
            format!("{error}"),
            Some("rename the file, for example to gcc-13.3.0.tar.xz".to_owned()),
        )
    })?;
    let kind = component.as_str();
    let id: PinId = format!("{kind}/{version}")
        .parse()
        .map_err(|error| Failure::message(exit::USAGE, format!("{error}"), None))?;
    let known = catalog.components.components.get(&id);
    let is_pinned = known.is_some_and(|it| it.sha256 == Some(sha256) && !it.overridden);
    // a pinned file is looked for under the name that the pin gives it
    let pinned_name = known
        .filter(|_| is_pinned)
        .and_then(|it| it.pinned(&id)?.name.parse().ok());
    let name: FileName = pinned_name.unwrap_or(name);

    let nix = context.nix()?;
    let settings = Settings {
        packages: Packages::default(),
        mirrors: context.mirrors(&catalog),
    };
    let stored = nix
        .add_fixed(&settings, path, name.as_str())
        .map_err(Failure::nix)?;
    let root = context.root(&format!("{kind}-{version}"))?;
    nix.add_root(&settings, &stored, &root)
        .map_err(Failure::nix)?;
    if is_pinned {
        output::line(&format!(
            "{id}: {name}, {sha256}: the file that kflake pins"
        ))?;
        return Ok(exit::OK);
    }
    let mut project = ProjectFile::open(&context.project, "components.json")
        .map_err(|error| Failure::new(exit::IO, error))?;
    let entry = json!({
        "kind": kind, "version": version, "file": name, "sha256": sha256,
        "blessed": known.is_some_and(|it| it.blessed),
    });
    if project.set_in("components", id.as_str(), entry) {
        project
            .save()
            .map_err(|error| Failure::new(exit::IO, error))?;
    }
    output::line(&format!(
        "{id}: {name}, {sha256}: a file of the project's own"
    ))?;
    Ok(exit::OK)
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
            output::line(&format!("{scheme:10} {shown}"))?;
        }
    }
    Ok(exit::OK)
}

/// Whether a shell takes `text` for a variable's name.
fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
