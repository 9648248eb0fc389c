//! `kflake sdk`: what a userland or a driver for a cell is cross-built with.

use std::path::{Path, PathBuf};

use super::session::{BuildArgs, BuildSession, ConfigArgs};
use super::{Context, Failure, Result, output};
use crate::build::{Artifacts, BuildError, SDK_ROOT};
use crate::catalog::{Catalog, Purpose, Toolchain};
use crate::exit;
use crate::flake;
use crate::id::CellId;
use crate::nix::Place;
use crate::project::{ConfigChoice, Request, SdkRequest, Thing};
use crate::text::shown;
use crate::version::KernelVersion;

/// Lay out an SDK for a cell: its compiler, the kernel's prepared tree, and files for make, Meson and CMake
///
/// `. DIR/environment` sets up a shell. DIR links to the Nix store, where the compiler and the kernel's tree are, and
/// protects them from garbage collection for as long as it exists.
///
/// The kernel is only built as far as `make modules_prepare`, which is enough for modules to build and load; if symbols are
/// versioned (CONFIG_MODVERSIONS), it is built completely. Module.symvers, against which a module's symbols are checked
/// when it is built, takes the whole kernel: --symvers.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake sdk k6-arm64 --out sdk && . sdk/environment && ./configure $CONFIGURE_FLAGS\n  \
    meson setup build --cross-file sdk/meson.cross\n  cmake -B build -DCMAKE_TOOLCHAIN_FILE=$PWD/sdk/toolchain.cmake"
)]
pub struct Args {
    /// Cell, such as k6-arm64
    cell: String,
    /// A kernel version of that cell [default: the cell's own]
    #[arg(long, value_name = "VERSION")]
    kernel: Option<KernelVersion>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Build the whole kernel for its Module.symvers, so that the symbols of modules are checked
    #[arg(long)]
    symvers: bool,
    /// Folder for the SDK: new, empty, or filled by an earlier run
    #[arg(long, short, value_name = "DIR", value_parser = super::place::output())]
    out: PathBuf,
    #[command(flatten)]
    session: BuildArgs,
}

/// Builds, and lays out the result.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let fail = |error: BuildError| Failure::new(error.exit_code(), error);
    let catalog = context.catalog()?;
    let (cell, version) = cell(args, &catalog)?;
    let session = BuildSession::new(&catalog, context, &args.session)?;
    if let Place::Private(store) = session.nix.place() {
        return Err(Failure::message(
            exit::USAGE,
            format!("an SDK links to files in /nix/store, but this Nix has its store in {}", shown(store)),
            Some("run as root or with the Nix daemon, or use the compiler in a shell: `kflake nix -- develop`".to_owned()),
        ));
    }
    let (request, programs) = request(&cell, &version, &args.config, args.symvers, &session)?;
    let artifacts = Artifacts::open(&args.out).map_err(fail)?;
    let builds = session.evaluate(request)?;
    let built = session.realise(&builds, Thing::Sdk)?;
    let out = built.build.out().unwrap_or_default();
    let root = artifacts.claim(SDK_ROOT).map_err(fail)?;
    let root = std::path::absolute(&root).map_err(|error| fail(BuildError::io(&root)(error)))?;
    session
        .nix
        .add_root(&session.settings, out, &root)
        .map_err(Failure::nix)?;
    artifacts.sdk(Path::new(out)).map_err(fail)?;
    output::line(&format!(
        "{}: SDK for {cell}: Linux {version}, {} {}",
        shown(&args.out),
        programs.target,
        programs.libc.as_deref().unwrap_or_default()
    ))?;
    Ok(exit::OK)
}

/// A request for the SDK of `cell` with that kernel, and what its programs are linked by. `symvers`: the whole kernel is wanted, for its
/// Module.symvers.
pub fn request<'c>(
    cell: &CellId,
    version: &KernelVersion,
    config: &ConfigArgs,
    symvers: bool,
    session: &BuildSession<'c>,
) -> Result<(Request, &'c Toolchain)> {
    let fail = |error: BuildError| Failure::new(error.exit_code(), error);
    let (arch, planner) = (&cell.arch, &session.planner);
    let selection = planner
        .select(version, arch, Purpose::Kernel)
        .map_err(fail)?;
    let programs = planner
        .linker_of_programs(version, arch, &selection)
        .map_err(fail)?;
    let plain = config.config.is_none() && config.fragments.is_empty() && !config.strict;
    let start = match (&config.config, selection.board) {
        (None, Some(_)) => ConfigChoice::Profile("tiny".to_owned()),
        (given, _) => planner
            .config(given.as_deref(), version, arch, &selection)
            .map_err(fail)?,
    };
    let targets: Option<&[&str]> = match (symvers, plain) {
        (false, _) => Some(&["config", "dev"]),
        // the kernel that validation builds
        (true, true) => None,
        (true, false) => Some(&["config", "kernel", "modules", "dev"]),
    };
    let request = Request {
        config: start,
        fragments: planner.fragments(&config.fragments).map_err(fail)?,
        strict: config.strict,
        targets: targets.map(|list| list.iter().map(ToString::to_string).collect()),
        sdk: Some(SdkRequest {
            name: format!("{cell}-{}", version.in_name()),
            toolchain: programs.id.clone(),
        }),
        wanted: vec![Thing::Sdk],
        ..selection.request(version, arch)
    };
    Ok((request, programs))
}

/// The cell and its kernel.
fn cell(args: &Args, catalog: &Catalog) -> Result<(CellId, KernelVersion)> {
    let cell = catalog.cell(&args.cell).map_err(Failure::unknown)?;
    let data = &catalog.eras[&cell.era];
    let version = match &args.kernel {
        None => flake::cell_kernel(catalog, data).clone(),
        Some(version) if data.contains(version) => catalog.registered(version).clone(),
        Some(version) => {
            return Err(Failure::message(
                exit::USAGE,
                format!("Linux {version} does not belong to {}", cell.era),
                Some("name the cell of the kernel's own generation; `kflake resolve VERSION ARCH` says which".to_owned()),
            ));
        }
    };
    Ok((cell, version))
}
