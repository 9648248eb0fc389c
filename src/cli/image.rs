//! `kflake image`: a cell's compiler as a container image.

use std::path::{Path, PathBuf};

use super::session::{BuildArgs, BuildSession};
use super::{Context, Failure, Result, output};
use crate::build::{Artifacts, BuildError, IMAGE_ARCHIVE, Layout};
use crate::catalog::{Catalog, Purpose};
use crate::exit;
use crate::flake;
use crate::id::CellId;
use crate::project::{Request, Thing};
use crate::text::shown;

/// Make a container image of a cell's compiler, with everything that its kernel's build needs
///
/// The image is made by Nix, of the package set that builds use, without a container engine: the same cell gives the same digest.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake image k6-arm64 --out image && skopeo copy oci:image docker://registry.example/gcc:12-arm64\n  \
    kflake image k6-arm64 --format docker-archive --out image && podman load -i image/image.tar"
)]
pub struct Args {
    /// Cell, such as k6-arm64
    cell: String,
    /// What to write: an OCI image layout, or one file that `docker load` and `podman load` take
    #[arg(long, value_enum, default_value_t = Format::Oci)]
    format: Format,
    /// Folder for the image: new, empty, or filled by an earlier run
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    session: BuildArgs,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// An OCI image layout
    Oci,
    /// One file, image.tar
    DockerArchive,
}

/// Builds, and lays out the result.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let fail = |error: BuildError| Failure::new(error.exit_code(), error);
    let catalog = context.catalog()?;
    let cell = catalog.cell(&args.cell).map_err(Failure::unknown)?;
    let artifacts = Artifacts::open(&args.out).map_err(fail)?;
    let session = BuildSession::new(&catalog, context, &args.session)?;
    let layout = build(&cell, &catalog, &session)?;
    match args.format {
        Format::Oci => artifacts.layout(&layout),
        Format::DockerArchive => artifacts.image_archive(&layout, &tag(&cell.to_string(), &layout)),
    }
    .map_err(fail)?;
    let file = match args.format {
        Format::Oci => args.out.clone(),
        Format::DockerArchive => args.out.join(IMAGE_ARCHIVE),
    };
    output::line(&format!(
        "{}: image for {cell}: {} ({} MB)",
        shown(&file),
        layout.digest(),
        layout.size().div_ceil(1_000_000)
    ))?;
    Ok(exit::OK)
}

/// The image of `cell`, built.
pub fn build(cell: &CellId, catalog: &Catalog, session: &BuildSession<'_>) -> Result<Layout> {
    let fail = |error: BuildError| Failure::new(error.exit_code(), error);
    let version = flake::cell_kernel(catalog, &catalog.eras[&cell.era]);
    let selection = session
        .planner
        .choose(version, &cell.arch, Purpose::Kernel)
        .map_err(fail)?;
    let request = Request {
        wanted: vec![Thing::Image],
        ..selection.request(version, &cell.arch)
    };
    let builds = session.evaluate(request)?;
    let built = session.realise(&builds, Thing::Image)?;
    let out = Path::new(built.build.out().unwrap_or_default());
    Layout::open(&session.nix.real_path(out)).map_err(fail)
}

/// The name that engines have an image by: another image, another tag.
pub fn tag(cell: &str, layout: &Layout) -> String {
    let digits = layout.digest().trim_start_matches("sha256:");
    format!("kflake/{cell}:{}", digits.get(..12).unwrap_or(digits))
}
