//! `kflake image --payload`: staged files as an image, as a layer on another, or as a system extension.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::{Args, Format, failed, push, tag, unbuilt, within};
use crate::build::{
    Artifacts, Base, BuildError, Extension, ExtensionRelease, FieldError, ForKernel, IMAGE_ARCHIVE,
    Layout, Payload, Platform, check_modules, is_layout, write_sysext,
};
use crate::catalog::Catalog;
use crate::cli::{Failure, Result, output};
use crate::exit;
use crate::files::Scratch;
use crate::id::ArchId;
use crate::interrupt::{self, Finishing};
use crate::registry::{self, RegistryError};
use crate::text::{clean_line, shown};

/// Time of all that is exported, unless `SOURCE_DATE_EPOCH` says another: that of kflake's own images.
const TIME: u32 = 1;
/// See [`time`].
const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// What an export is made of.
#[derive(clap::Args)]
pub struct PayloadArgs {
    /// Files that `make install DESTDIR=DIR` staged, to export: as an image of their own, as a layer on --base, or as a system extension
    #[arg(long, value_name = "DIR", help_heading = HEADING, requires = "called")]
    payload: Option<PathBuf>,
    /// Name of the export
    #[arg(long = "name", id = "called", value_name = "NAME", help_heading = HEADING, requires = "payload")]
    called: Option<String>,
    /// The image to put the files on top of: the folder of an image layout, or an image in a registry, which skopeo fetches
    #[arg(long, value_name = "oci:DIR|REF", help_heading = HEADING, requires = "payload")]
    base: Option<String>,
    /// Arch that the files are for, such as arm64 [default: that of --kernel or --base]
    #[arg(long, help_heading = HEADING, requires = "payload")]
    arch: Option<String>,
    /// The kernel that modules in the payload have to be for: the folder of an SDK, the image of one, or a release such as 6.1.192
    #[arg(long, value_name = "DIR|oci:DIR|RELEASE", help_heading = HEADING, requires = "payload")]
    kernel: Option<String>,
    /// Field of a system extension's release file, such as ID=debian; may be repeated [default: ID=_any and the arch]
    #[arg(long, value_name = "KEY=VALUE", help_heading = HEADING, requires = "payload")]
    extension_release: Vec<String>,
}

const HEADING: &str = "Exporting files";

impl PayloadArgs {
    /// Whether files are to be exported.
    pub fn is_given(&self) -> bool {
        self.payload.is_some()
    }

    /// Whether something comes from a registry.
    pub fn has_registry(&self) -> bool {
        self.base.as_deref().is_some_and(|it| folder(it).is_none())
    }
}

/// Exports.
pub fn run(args: &Args, catalog: &Catalog) -> Result<u8> {
    let own = &args.payload;
    let (Some(root), Some(name)) = (&own.payload, &own.called) else {
        return Err(usage("--payload and --name go together", None));
    };
    let is_sysext = matches!(args.format, Format::Sysext);
    is_name(name)?;
    for (given, option) in [
        (own.base.is_some(), "--base"),
        (args.push.is_some(), "--push"),
    ] {
        if is_sysext && given {
            let text = format!("{option} is for images, and a system extension is not one");
            return Err(usage(&text, None));
        }
    }
    if !is_sysext && !own.extension_release.is_empty() {
        let text = "--extension-release is for system extensions";
        return Err(usage(text, Some("give --format sysext as well")));
    }
    let time = time()?;
    let payload = Payload::read(root).map_err(unbuilt)?;
    if let Some(out) = &args.out {
        is_outside(out, root)?;
    }
    let kernel = own.kernel.as_deref().map(kernel).transpose()?;
    let named = own.arch.as_deref().or_else(|| kernel.as_ref()?.arch());
    let named = named.map(|it| catalog.arch(it).map_err(Failure::unknown));
    let named = named.transpose()?;
    let scratch = Scratch::new().map_err(|error| unbuilt(error.into()))?;
    let below = match &own.base {
        Some(base) => {
            let wanted = named.map(|id| Platform::of(id.as_str(), &catalog.arches[id]));
            Some(fetch(base, wanted.as_ref(), args.insecure, scratch.path())?)
        }
        None => None,
    };
    let reference = own.base.as_deref().filter(|it| folder(it).is_none());
    // what is wrong with a base is said of the name that was given, and not of where it was fetched to
    let of_base = |error: BuildError| match (&below, reference) {
        (Some(below), Some(name)) => of_registry(error, below.dir(), name),
        _ => unbuilt(error),
    };
    let base = below.as_ref().map(Base::read).transpose();
    let base = base.map_err(of_base)?;
    let (id, platform) = platform(catalog, named, below.as_ref())?;
    let arch = &catalog.arches[id];
    let checked = check_modules(&payload, kernel.as_ref(), base.as_ref(), arch);
    let checked = checked.map_err(unbuilt)?;
    for entry in payload.entries().iter().filter(|it| it.sets_id()) {
        output::note(&format!(
            "{}: runs as root, whoever starts it (mode {:04o})",
            shown(payload.at(&entry.path)),
            entry.mode
        ));
    }
    let releases = checked.releases();
    let modules = match (checked.count, &releases) {
        (1, Some(release)) => format!(", a kernel module for {}", clean_line(release)),
        (count, Some(releases)) => format!(", {count} kernel modules for {}", clean_line(releases)),
        _ => String::new(),
    };

    if is_sysext {
        let systemd = arch.systemd.as_deref().unwrap_or(id.as_str());
        let fields = ExtensionRelease::new(systemd, &own.extension_release);
        let fields = fields.map_err(|error: FieldError| usage(&error.to_string(), None))?;
        let file = scratch.path().join("image");
        write_sysext(&payload, name, &fields, time, &file).map_err(unbuilt)?;
        if let Some(out) = &args.out {
            let _whole = Finishing::begin();
            let called = format!("{name}.raw");
            let artifacts = Artifacts::open(out).map_err(unbuilt)?;
            artifacts.sysext(&called, &file).map_err(unbuilt)?;
            let path = artifacts.path().join(called);
            output::line(&format!("{}: system extension{modules}", shown(path)))?;
        }
        return Ok(done());
    }
    let extension = Extension {
        name,
        payload: &payload,
        platform: &platform,
        base: below.as_ref().zip(base.as_ref()),
        reference,
        kernel: releases.as_deref(),
        time: time.into(),
    };
    let layout = extension.write(&scratch.path().join("image"));
    let layout = layout.map_err(of_base)?;
    let said = format!(
        "image {name}: {} ({} MB){modules}",
        layout.digest(),
        layout.size().div_ceil(1_000_000)
    );
    // taken last: what is refused leaves no folder behind
    if let Some(out) = &args.out {
        let _whole = Finishing::begin();
        let artifacts = Artifacts::open(out).map_err(unbuilt)?;
        let file = match args.format {
            Format::DockerArchive => artifacts
                .image_archive(&layout, &tag(name, &layout))
                .map(|()| artifacts.path().join(IMAGE_ARCHIVE)),
            _ => artifacts.layout(&layout).map(|()| artifacts.path().into()),
        };
        let file: PathBuf = file.map_err(unbuilt)?;
        output::line(&format!("{}: {said}", shown(&file)))?;
    }
    if done() != exit::OK {
        return Ok(done());
    }
    if let Some(registry) = &args.push {
        // engines know lower case only
        let name = name.to_ascii_lowercase();
        let target = format!("{}/{name}:latest", registry.trim_end_matches('/'));
        push(&layout, &target, args.insecure)?;
        output::line(&format!("{target}: {said}"))?;
    }
    Ok(exit::OK)
}

/// The exit code of what was put in place whole, though a signal may have come meanwhile.
fn done() -> u8 {
    match interrupt::flag().load(Ordering::Relaxed) {
        true => exit::INTERRUPTED,
        false => exit::OK,
    }
}

/// The folder that `text` names: `oci:DIR`, or DIR where an image is there.
fn folder(text: &str) -> Option<&Path> {
    let named = text.strip_prefix("oci:").map(Path::new);
    named.or_else(|| Some(Path::new(text)).filter(|it| is_layout(it)))
}

/// The image that `text` names, fetched into `scratch` where it is in a registry.
fn fetch(text: &str, wanted: Option<&Platform>, insecure: bool, scratch: &Path) -> Result<Layout> {
    let Some(dir) = folder(text) else {
        let fetched = scratch.join("base");
        let platform = wanted.map(|it| (it.architecture(), it.variant()));
        within(|stop| registry::pull(text, platform, &fetched, insecure, stop))?;
        return Layout::open(&fetched).map_err(|error| match error {
            // skopeo leaves out what is to be had at another address only
            BuildError::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
                failed(RegistryError::Pull {
                    source_name: clean_line(text),
                    reason: "the registry does not hold all of its layers".to_owned(),
                    help: "some of them are at another address; an image in a folder that holds \
                           them all is named oci:DIR"
                        .to_owned(),
                })
            }
            other => of_registry(other, &fetched, text),
        });
    };
    Layout::open(dir).map_err(|error| match error {
        BuildError::Io { path, error } if error.kind() == std::io::ErrorKind::NotFound => {
            unbuilt(BuildError::Payload {
                path,
                reason: "it is missing, so this is not an image layout".to_owned(),
                help: "--base takes oci:DIR, such as `kflake image` and `skopeo copy` write, or \
                       an image in a registry"
                    .to_owned(),
            })
        }
        other => unbuilt(other),
    })
}

/// An error about an image that was fetched to `dir`, of its name in the registry.
fn of_registry(error: BuildError, dir: &Path, name: &str) -> Failure {
    let (path, reason, help) = match &error {
        BuildError::Layout { path, reason } => {
            let help = "the registry's copy is broken: push the image again, or name another";
            (path, reason, help)
        }
        BuildError::Payload { path, reason, .. } => {
            let help = "a base is a container image, with layers that are tar files, plain or \
                        compressed with gzip or zstd";
            (path, reason, help)
        }
        _ => return unbuilt(error),
    };
    let Ok(place) = path.strip_prefix(dir) else {
        return unbuilt(error);
    };
    let place = match (place.strip_prefix("blobs/sha256"), place.file_name()) {
        (Ok(digest), _) => format!("sha256:{}: ", shown(digest)),
        (_, Some(file)) => format!("{}: ", shown(file)),
        _ => String::new(),
    };
    let text = format!("{}: {place}{reason}", clean_line(name));
    Failure::message(error.exit_code(), text, Some(help.to_owned()))
}

/// The arch of the export, and how images say it: as named, or as the base says.
fn platform<'c>(
    catalog: &'c Catalog,
    named: Option<&'c ArchId>,
    below: Option<&Layout>,
) -> Result<(&'c ArchId, Platform)> {
    let of = |id: &ArchId| Platform::of(id.as_str(), &catalog.arches[id]);
    let below = below.map(Platform::of_image).transpose().map_err(unbuilt)?;
    match (named, below) {
        (Some(id), None) => Ok((id, of(id))),
        (Some(id), Some(below)) if below.fits(&of(id)) => Ok((id, below)),
        (Some(id), Some(below)) => Err(usage(
            &format!(
                "the files are for {id}, and the base image is for {}",
                clean_line(below.architecture())
            ),
            Some("name a base image for the same machines"),
        )),
        (None, Some(below)) => {
            let mut known = catalog.arches.keys().filter(|id| below.fits(&of(id)));
            match (known.next(), known.next()) {
                (Some(id), None) => Ok((id, below)),
                _ => Err(usage(
                    &format!(
                        "the base image is for {:?}, which is not a single arch",
                        clean_line(below.architecture())
                    ),
                    Some("name it with --arch"),
                )),
            }
        }
        (None, None) => Err(usage(
            "nothing says which machines the files are for",
            Some("name their arch with --arch, such as arm64"),
        )),
    }
}

/// The kernel that `text` names.
fn kernel(text: &str) -> Result<ForKernel> {
    if let Some(dir) = folder(text) {
        let layout = Layout::open(dir).map_err(unbuilt)?;
        return ForKernel::of_image(&layout).map_err(unbuilt);
    }
    let dir = Path::new(text);
    if dir.is_dir() {
        return ForKernel::of_folder(dir).map_err(unbuilt);
    }
    if text.contains('/') || !text.starts_with(|it: char| it.is_ascii_digit()) {
        return Err(usage(
            &format!("--kernel {}: there is no such folder", shown(text)),
            Some(
                "a kernel is the folder of an SDK, oci:DIR of its image, or a release such as 6.1.192",
            ),
        ));
    }
    Ok(ForKernel::of_text(text))
}

/// Whether `name` can be that of a file, and of an image.
fn is_name(name: &str) -> Result<()> {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"._-".contains(&it);
    match name.len() <= 100
        && name.bytes().all(is_plain)
        && name.starts_with(|it: char| it.is_ascii_alphanumeric())
    {
        true => Ok(()),
        false => Err(usage(
            &format!("--name {}: not a valid name", shown(name)),
            Some(
                "a name is made of letters, digits, dots, dashes and underscores, and begins with one of the first two",
            ),
        )),
    }
}

/// What is written into the payload's folder would be a part of it, and a payload in a folder that is written anew may go.
fn is_outside(out: &Path, root: &Path) -> Result<()> {
    let whole = |path: &Path| path.canonicalize().map_err(BuildError::io(path));
    let root = whole(root).map_err(unbuilt)?;
    let out = std::path::absolute(out).map_err(|error| unbuilt(BuildError::io(out)(error)))?;
    let there = out.ancestors().find_map(|it| it.canonicalize().ok());
    let within = match there {
        Some(it) if it.starts_with(&root) => "--out is inside the payload",
        Some(_) if out.canonicalize().is_ok_and(|it| root.starts_with(it)) => {
            "the payload is within --out"
        }
        _ => return Ok(()),
    };
    Err(usage(
        &format!("{}: {within}", shown(&out)),
        Some("name a folder outside it"),
    ))
}

/// Time of what is exported, in seconds since 1970.
fn time() -> Result<u32> {
    let Some(text) = env::var_os(EPOCH).filter(|it| !it.is_empty()) else {
        return Ok(TIME);
    };
    let seconds = text.to_str().and_then(|it| it.parse().ok());
    seconds.ok_or_else(|| {
        usage(
            &format!("{EPOCH} is {}, which is not a time", shown(&text)),
            Some("it is a number of seconds since 1970, before the year 2106"),
        )
    })
}

fn usage(text: &str, help: Option<&str>) -> Failure {
    Failure::message(exit::USAGE, text, help.map(str::to_owned))
}
