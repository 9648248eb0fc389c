//! `kflake kernel`: the kernels that a project builds.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;

use super::kernel_folder::{self, Taken};
use super::{Context, Failure, Result, kernel_list, output};
use crate::catalog::{
    Catalog, KernelFile, SourceOrigin, check_kernel, from_network, pack_kernel, store_name,
};
use crate::exit;
use crate::files::Scratch;
use crate::nix::{Packages, Settings};
use crate::text::shown;
use crate::version::KernelVersion;

/// Manage the kernels that the project builds
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Register a kernel with the project: a tarball on disk, an unpacked source, or a version that the matrix pins
    ///
    /// The version is read from the source's Makefile, the sha256 is computed, and the file is added to the Nix store, so
    /// that building it needs no network. A folder is packed first, as it is now and without `.git`: the same files give
    /// the same sha256. The entry goes into the project's `matrix/kernels.json`, and from then on the kernel stands for its
    /// era in `kflake validate`.
    #[command(
        after_help = "Examples:\n  kflake kernel add /usr/src/linux-source-6.1.tar.xz\n  kflake kernel add ./linux\n  \
        kflake kernel add 6.6.30"
    )]
    Add {
        /// Tarball (packed with xz, gzip, bzip2 or lzma, or not), folder or version
        #[arg(value_name = "FILE|FOLDER|VERSION", value_parser = super::place::path())]
        kernel: PathBuf,
    },
    /// Undo `kernel add`
    ///
    /// The entry is removed from the project's `matrix/kernels.json`; if kflake pins that version itself, its own pin
    /// applies again. The file stays in the Nix store until garbage is collected.
    #[command(after_help = "Example:\n  kflake kernel remove 6.1.192")]
    Remove {
        /// The kernel's version
        version: KernelVersion,
    },
    List(kernel_list::Args),
}

impl Args {
    /// Whether it makes the project's folder where that is missing.
    pub fn makes_folder(&self) -> bool {
        matches!(self.action, Action::Add { .. })
    }
}

/// Runs `kflake kernel`.
///
/// # Errors
/// When the kernel cannot be read or registered.
pub fn run(args: Args, context: &Context) -> Result<u8> {
    match args.action {
        Action::Add { kernel } => add(&kernel, context),
        Action::Remove { version } => remove(&version, context),
        Action::List(args) => kernel_list::run(&args, context),
    }
}

fn add(kernel: &Path, context: &Context) -> Result<u8> {
    context.not_home()?;
    let catalog = context.catalog()?;
    if kernel.is_file() {
        if std::io::stderr().is_terminal() {
            output::note(&format!(
                "Reading {}, which may take a minute",
                shown(kernel)
            ));
        }
        let file = KernelFile::inspect(kernel).map_err(|error| Failure::new(exit::USAGE, error))?;
        if let Some(warning) = outside(&file.outside, "archive") {
            output::note(&warning);
        }
        return add_file(kernel, &file, &catalog, context).map(|()| exit::OK);
    }
    not_an_address(kernel)?;
    let text = kernel.to_string_lossy();
    // a version is one even where a folder bears its name
    match text.parse::<KernelVersion>() {
        Ok(version) => add_version(&version, kernel, &catalog, context),
        Err(_) if kernel.is_dir() => add_folder(kernel, &catalog, context),
        Err(error) => Err(Failure::message(
            exit::USAGE,
            // a path is meant as one
            match text.contains('/') {
                true => format!("{}: no such file or folder", shown(kernel)),
                false => format!("{}: no such file, and {error}", shown(kernel)),
            },
            Some(
                "name a kernel's tarball or folder, or a version that `kflake kernel list` shows"
                    .to_owned(),
            ),
        )),
    }
}

/// Refuses an address on the network in the place of a path.
pub fn not_an_address(given: &Path) -> Result<()> {
    let help = from_network(given).filter(|_| !given.exists());
    help.map_or(Ok(()), |help| {
        let text = format!(
            "{} is an address, and kflake takes a kernel from this machine",
            shown(given)
        );
        Err(Failure::message(exit::USAGE, text, Some(help)))
    })
}

fn add_folder(tree: &Path, catalog: &Catalog, context: &Context) -> Result<u8> {
    let refused = |error| Failure::new(exit::USAGE, error);
    let version = check_kernel(tree, None).map_err(refused)?;
    let scratch = Scratch::new().map_err(|error| Failure::new(exit::IO, error))?;
    if std::io::stderr().is_terminal() {
        output::note(&format!("Packing {}, which may take a minute", shown(tree)));
    }
    let when = Timestamp::now();
    let packed = pack_kernel(tree, &version, scratch.path()).map_err(refused)?;
    if let Some(warning) = outside(&packed.outside, "tree") {
        output::note(&format!("{warning}, and add the folder again"));
    }
    let file =
        KernelFile::of_packed(&packed.path).map_err(|error| Failure::new(exit::USAGE, error))?;
    add_file(&packed.path, &file, catalog, context)?;
    let folder = std::path::absolute(tree).unwrap_or_else(|_| tree.to_owned());
    let taken = Taken {
        folder,
        sha256: file.sha256,
        when,
    };
    kernel_folder::remember(&file.version, taken, context)?;
    Ok(exit::OK)
}

/// What is said of links that lead out of a source, `what`: each, and where it leads.
pub fn outside(links: &[(PathBuf, PathBuf)], what: &str) -> Option<String> {
    let (link, target) = links.first()?;
    let more = match links.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "warning: {} leads to {}, outside the {what}{more}: a build finds nothing there; copy in what it needs",
        shown(link),
        shown(target)
    ))
}

fn add_file(path: &Path, file: &KernelFile, catalog: &Catalog, context: &Context) -> Result<()> {
    let KernelFile {
        version,
        sha256,
        size,
        name,
        ..
    } = file;
    let era = catalog.eras.iter().find(|(_, era)| era.contains(version));
    let Some((era, _)) = era else {
        return Err(Failure::message(
            exit::USAGE,
            format!("no era of the matrix covers Linux {version}"),
            None,
        ));
    };
    let nix = context.nix()?;
    let settings = Settings {
        packages: Packages::default(),
        mirrors: context.mirrors(catalog),
    };
    let root = context.root(&format!("linux-{version}"))?;
    let stored = nix
        .add_fixed(&settings, path, &store_name(name.as_str()))
        .map_err(Failure::nix)?;
    nix.add_root(&settings, &stored, &root)
        .map_err(Failure::nix)?;
    register(
        version,
        json!({ "file": name, "sha256": sha256, "size": size }),
        context,
    )?;
    output::line(&format!("Linux {version} ({era}): {name}, {sha256}"))?;
    let now = context.catalog()?;
    if let Some(pin) = now.kernels.get(version)
        && pin.origin == SourceOrigin::Override
    {
        output::note(&format!(
            "warning: kflake pins different bytes for Linux {version}: this project's results are marked `override`, and what was measured with the pinned bytes does not apply to it"
        ));
    }
    Ok(())
}

fn add_version(
    version: &KernelVersion,
    given: &Path,
    catalog: &Catalog,
    context: &Context,
) -> Result<u8> {
    let Some(pin) = catalog.kernels.get(version) else {
        let help = match given.is_dir() {
            true => format!("`kflake kernel add ./{}` takes the folder of that name", shown(given)),
            false => "`kflake kernel list` shows those it has; a tarball on disk can be added by its path".to_owned(),
        };
        return Err(Failure::message(
            exit::USAGE,
            format!("the matrix has no tarball of Linux {version}"),
            Some(help),
        ));
    };
    register(version, json!(pin), context)?;
    output::line(&format!("Linux {version}: {}", pin.sha256))?;
    Ok(exit::OK)
}

fn remove(version: &KernelVersion, context: &Context) -> Result<u8> {
    let io = |error| Failure::new(exit::IO, error);
    let mut file = context.edit("kernels.json")?;
    // however it is spelled: 6.6.0 is 6.6
    let same = |key: &&str| {
        let key = key.parse::<KernelVersion>();
        key.is_ok_and(|it| it.rank() == version.rank() && it.local() == version.local())
    };
    let Some(key) = file.keys().find(same).map(str::to_owned) else {
        return Err(Failure::message(
            exit::USAGE,
            format!("Linux {version} was not added in this project"),
            Some(format!(
                "{} lists those that were; kflake's own pins stay",
                shown(file.path())
            )),
        ));
    };
    file.remove(&key);
    file.save().map_err(io)?;
    context.forget_root(&format!("linux-{key}"))?;
    output::line(&format!("Linux {key}: removed from {}", shown(file.path())))?;
    Ok(exit::OK)
}

/// Writes the entry of `version` into the project's `matrix/kernels.json`.
fn register(version: &KernelVersion, entry: serde_json::Value, context: &Context) -> Result<()> {
    let mut file = context.edit("kernels.json")?;
    if file.set(version.as_str(), entry) {
        file.save().map_err(|error| Failure::new(exit::IO, error))?;
    }
    Ok(())
}
