//! `kflake pins add` and `kflake pins remove`: sources of toolchains that a project has of its own.

use std::path::PathBuf;

use serde_json::json;

use super::unreadable;
use crate::catalog::{inspect_source, store_name};
use crate::cli::{Context, Failure, Result, output};
use crate::exit;
use crate::files;
use crate::hash::Sha256;
use crate::id::{FileName, PinId};
use crate::nix::{Packages, Settings};
use crate::text::shown;

/// Build toolchains from your own source of a component
///
/// It has to be a tarball with one folder at the top that holds configure or a Makefile. Its sha256 is computed, the file
/// goes into the Nix store, and the entry into the project's `matrix/components.json`. Toolchains built from it are called
/// `…+override`, unless it is the very file that kflake pins, so that no report takes them for the pinned ones; patches are
/// not applied to it. `kflake pins remove` undoes this.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake pins add gcc 13.3.0 ./gcc-13.3.0-repacked.tar.xz\n  kflake pins add linux 6.1 /usr/src/linux-source-6.1.tar.xz"
)]
pub(super) struct AddArgs {
    /// What it is the source of
    #[arg(value_enum)]
    component: ComponentName,
    /// Its version
    version: FileName,
    /// The tarball
    file: PathBuf,
}

/// Undo `pins add`
///
/// The entry is removed from the project's `matrix/components.json`; if kflake pins that version itself, its own pin
/// applies again. The file stays in the Nix store until garbage is collected.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kflake pins remove gcc 13.3.0")]
pub(super) struct RemoveArgs {
    /// What it is the source of
    #[arg(value_enum)]
    component: ComponentName,
    /// Its version
    version: FileName,
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

/// Runs `kflake pins add`.
pub(super) fn add(args: &AddArgs, context: &Context) -> Result<u8> {
    let AddArgs {
        component,
        version,
        file: path,
    } = args;
    context.not_home()?;
    let catalog = context.catalog()?;
    let unreadable = |error| unreadable(path, &error);
    let file = files::open(path).map_err(unreadable)?;
    inspect_source(path).map_err(|error| Failure::new(exit::USAGE, error))?;
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
    let id = id_of(*component, version)?;
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
    let root = context.root(&format!("{kind}-{version}"))?;
    let stored = nix
        .add_fixed(&settings, path, name.as_str())
        .map_err(Failure::nix)?;
    nix.add_root(&settings, &stored, &root)
        .map_err(Failure::nix)?;
    if is_pinned {
        output::line(&format!(
            "{id}: {name}, {sha256}: the file that kflake pins"
        ))?;
        return Ok(exit::OK);
    }
    let mut project = context.edit("components.json")?;
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

/// Runs `kflake pins remove`.
pub(super) fn remove(args: &RemoveArgs, context: &Context) -> Result<u8> {
    let id = id_of(args.component, &args.version)?;
    let io = |error| Failure::new(exit::IO, error);
    let mut project = context.edit("components.json")?;
    if !project.remove_in("components", id.as_str()) {
        return Err(Failure::message(
            exit::USAGE,
            format!("{id} was not added in this project"),
            Some(
                "`kflake pins list --own` shows those that were; kflake's own pins stay".to_owned(),
            ),
        ));
    }
    project.save().map_err(io)?;
    context.forget_root(&format!("{}-{}", args.component.as_str(), args.version))?;
    output::line(&format!("{id}: removed from {}", shown(project.path())))?;
    Ok(exit::OK)
}

fn id_of(component: ComponentName, version: &FileName) -> Result<PinId> {
    let id = format!("{}/{version}", component.as_str());
    id.parse()
        .map_err(|error| Failure::message(exit::USAGE, format!("{error}"), None))
}
