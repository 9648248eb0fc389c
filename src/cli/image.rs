//! `kflake image`: compilers and SDKs as container images, and what was built with them.

mod list;
mod payload;
mod subject;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use payload::PayloadArgs;
pub use subject::Subject;

use super::session::{BuildArgs, BuildSession, ConfigArgs};
use super::{Context, Failure, Result, output, sdk};
use crate::build::{Artifacts, BuildError, IMAGE_ARCHIVE, Layout};
use crate::catalog::{Catalog, Purpose};
use crate::exit;
use crate::flake;
use crate::id::CellId;
use crate::interrupt;
use crate::project::{Request, Thing};
use crate::registry::{self, RegistryError};
use crate::text::shown;

/// Make container images of compilers, with everything that a kernel build needs
///
/// Nix makes the images, from the package set that builds use and without a container engine; the same cell always gives
/// the same digest.
#[derive(clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["name", "toolchain", "sdk", "all", "list", "payload"]),
    group = clap::ArgGroup::new("where").required(true).multiple(true).args(["out", "push", "list"]),
    after_help = "Examples:\n  kflake image k6-arm64 --out image && skopeo copy oci:image docker://registry.example/gcc:12-arm64\n  \
    kflake image gcc:12-arm64 --push registry.example\n  \
    kflake image k6-arm64 --format docker-archive --out image && podman load -i image/image.tar\n  \
    kflake image --sdk k6-arm64 --out image\n  kflake image --all --era k6 --push registry.example/kflake\n  \
    kflake image --payload staging --name greet --base oci:base --kernel sdk --out image\n  \
    kflake image --payload staging --name greet --arch arm64 --format sysext --out extensions"
)]
pub struct Args {
    /// Cell, such as k6-arm64; a compiler as kernel.org names its images: gcc:12-arm64, gcc:arm64 (--list shows them); or what boots kernels of an arch: qemu:arm64
    name: Option<String>,
    /// A compiler by its id, such as debian-12.2.0-arm64
    #[arg(long, value_name = "ID")]
    toolchain: Option<String>,
    /// The SDK of a cell: its compiler, a C library, and the kernel's prepared tree
    #[arg(long, value_name = "CELL")]
    sdk: Option<String>,
    /// Every cell that has a toolchain here
    #[arg(long)]
    all: bool,
    /// With --all: only those of this era, such as k6
    #[arg(long, visible_alias = "band", requires = "all")]
    era: Option<String>,
    /// List the names of images, and the cells that compilers are for
    #[arg(long)]
    list: bool,
    /// With --list: print JSON
    #[arg(long, requires = "list")]
    json: bool,
    /// What to write: an OCI image layout, one file for `docker load` and `podman load`, or, from a payload, a system
    /// extension
    #[arg(long, value_enum, default_value_t = Format::Oci)]
    format: Format,
    /// Folder for the image: new, empty, or filled by an earlier run; with --all, a folder of such folders
    #[arg(long, short, value_name = "DIR", value_parser = super::place::output())]
    out: Option<PathBuf>,
    /// Push the image with skopeo to this registry, or a path in it, under the name by which it was requested
    #[arg(long, value_name = "REGISTRY")]
    push: Option<String>,
    /// Allow plain HTTP, and any certificate, for the registry
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    payload: PayloadArgs,
    #[command(flatten)]
    session: BuildArgs,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// An OCI image layout
    Oci,
    /// One file, image.tar
    DockerArchive,
    /// A squashfs image for systemd-sysext, NAME.raw
    Sysext,
}

/// Builds, and lays out the result.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    if args.list {
        return list::run(&catalog, args.session.sources(context), args.json);
    }
    if args.insecure && args.push.is_none() && !args.payload.has_registry() {
        return Err(Failure::message(
            exit::USAGE,
            "--insecure is for a registry, and none is named",
            Some("name one with --push or --base, or leave it out".to_owned()),
        ));
    }
    if let Some(name) = &args.push {
        registry::is_registry(name).map_err(failed)?;
    }
    if args.push.is_some() || args.payload.has_registry() {
        within(registry::have_skopeo)?;
    }
    if args.payload.is_given() {
        return payload::run(args, &catalog);
    }
    if matches!(args.format, Format::Sysext) {
        return Err(Failure::message(
            exit::USAGE,
            "a system extension is made of staged files, and none are named",
            Some("name their folder with --payload DIR".to_owned()),
        ));
    }
    let subjects = subjects(args, &catalog, context)?;
    // taken first: a folder that is not kflake's is told before anything is built
    let folders: Vec<Option<Artifacts>> = subjects
        .iter()
        .map(|it| {
            let out = args.out.as_ref().map(|out| match args.all {
                true => out.join(it.short()),
                false => out.clone(),
            });
            out.map(|out| Artifacts::open(&out)).transpose()
        })
        .collect::<std::result::Result<_, BuildError>>()
        .map_err(unbuilt)?;
    let session = BuildSession::new(&catalog, context, &args.session)?;
    let mut failures = 0;
    for (subject, artifacts) in subjects.iter().zip(&folders) {
        match one(subject, artifacts.as_ref(), args, &catalog, &session) {
            Ok(()) => {}
            Err(failure) if subjects.len() == 1 || failure.code == exit::INTERRUPTED => {
                return Err(failure);
            }
            Err(failure) => {
                failures += 1;
                output::note(&format!("{subject}: {}", failure.report));
            }
        }
    }
    if failures > 0 {
        let all = subjects.len();
        return Err(Failure::message(
            exit::FAILED,
            format!("{failures} of {all} images could not be made"),
            Some("the reasons are above; `kflake image CELL` says more about one".to_owned()),
        ));
    }
    Ok(exit::OK)
}

/// What was asked for.
fn subjects<'c>(args: &Args, catalog: &'c Catalog, context: &Context) -> Result<Vec<Subject<'c>>> {
    let sources = args.session.sources(context);
    let one = if let Some(name) = &args.name {
        Subject::named(name, catalog, sources)
    } else if let Some(id) = &args.toolchain {
        Subject::toolchain(id, catalog)
    } else if let Some(cell) = &args.sdk {
        catalog.cell(cell).map(Subject::Sdk)
    } else {
        let era = args.era.as_deref().map(|text| catalog.era(text));
        let era = era.transpose().map_err(Failure::unknown)?;
        let cells = flake::cells_with_toolchain(catalog, sources);
        let cells = cells
            .into_iter()
            .filter(|it| era.is_none_or(|era| it.era == *era));
        return Ok(cells.map(Subject::Cell).collect());
    };
    Ok(vec![one.map_err(Failure::unknown)?])
}

/// One image: built, laid out, pushed.
fn one(
    subject: &Subject<'_>,
    artifacts: Option<&Artifacts>,
    args: &Args,
    catalog: &Catalog,
    session: &BuildSession<'_>,
) -> Result<()> {
    let layout = build(subject, catalog, session)?;
    let said = format!(
        "image for {subject}: {} ({} MB)",
        layout.digest(),
        layout.size().div_ceil(1_000_000)
    );
    if let Some(artifacts) = artifacts {
        let file = match args.format {
            Format::DockerArchive => artifacts
                .image_archive(&layout, &tag(&subject.short(), &layout))
                .map(|()| artifacts.path().join(IMAGE_ARCHIVE)),
            _ => artifacts.layout(&layout).map(|()| artifacts.path().into()),
        };
        let file: PathBuf = file.map_err(unbuilt)?;
        output::line(&format!("{}: {said}", shown(&file)))?;
    }
    if let Some(registry) = &args.push {
        let target = format!("{}/{}", registry.trim_end_matches('/'), subject.reference());
        push(&layout, &target, args.insecure)?;
        output::line(&format!("{target}: {said}"))?;
    }
    Ok(())
}

/// Takes an image to a registry.
fn push(layout: &Layout, target: &str, insecure: bool) -> Result<()> {
    within(|stop| registry::push(layout.dir(), target, insecure, stop))
}

/// What ends by itself when kflake is to stop.
fn within<T>(act: impl FnOnce(&AtomicBool) -> std::result::Result<T, RegistryError>) -> Result<T> {
    interrupt::finish(act).map_err(failed)
}

fn failed(error: RegistryError) -> Failure {
    Failure::new(error.exit_code(), error)
}

fn unbuilt(error: BuildError) -> Failure {
    Failure::new(error.exit_code(), error)
}

/// The image of `subject`, built.
pub fn build(
    subject: &Subject<'_>,
    catalog: &Catalog,
    session: &BuildSession<'_>,
) -> Result<Layout> {
    let (request, thing) = match subject {
        Subject::Cell(cell) => (of_cell(cell, catalog, session)?, Thing::Image),
        Subject::Qemu(cell) => (of_cell(cell, catalog, session)?, Thing::BootImage),
        Subject::Toolchain(it, _) => {
            let request = Request::new(it.id.as_str(), it.arch.clone(), it.id.clone());
            (request, Thing::Image)
        }
        Subject::Sdk(cell) => {
            let version = flake::cell_kernel(catalog, &catalog.eras[&cell.era]);
            let config = ConfigArgs::default();
            let (request, _) = sdk::request(cell, version, &config, false, session)?;
            (request, Thing::SdkImage)
        }
    };
    let builds = session.evaluate(Request {
        wanted: vec![thing],
        ..request
    })?;
    let built = session.realise(&builds, thing)?;
    let out = Path::new(built.build.out().unwrap_or_default());
    Layout::open(&session.nix.real_path(out)).map_err(unbuilt)
}

fn of_cell(cell: &CellId, catalog: &Catalog, session: &BuildSession<'_>) -> Result<Request> {
    let version = flake::cell_kernel(catalog, &catalog.eras[&cell.era]);
    let selection = session
        .planner
        .choose(version, &cell.arch, Purpose::Kernel)
        .map_err(unbuilt)?;
    Ok(selection.request(version, &cell.arch))
}

/// The name that engines have an image by: another image, another tag.
pub fn tag(name: &str, layout: &Layout) -> String {
    let digits = layout.digest().trim_start_matches("sha256:");
    // engines know lower case only
    let name = name.to_ascii_lowercase().replace('+', "-");
    format!("kflake/{name}:{}", digits.get(..12).unwrap_or(digits))
}
