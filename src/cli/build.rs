//! `kflake build`: one kernel, of one's own configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::session::{BuildArgs, BuildSession, ConfigArgs};
use super::{Context, Failure, Result, output};
use crate::build::{Artifacts, BuildError, Reproduction, Timing};
use crate::catalog::{Arch, Purpose};
use crate::exit;
use crate::id::ArchId;
use crate::project::{ConfigChoice, FragmentChoice, Request, Thing};
use crate::report::text::duration;
use crate::suggest::nearest;
use crate::text::shown;
use crate::version::KernelVersion;

/// Build a kernel of your own configuration, with the toolchain that fits it
///
/// Every symbol that was asked for is compared with the final configuration; where they differ, config-report.txt says why.
#[derive(clap::Args)]
pub struct Args {
    /// Kernel version, such as 6.1.192
    version: KernelVersion,
    /// Arch, such as arm64; aarch64, amd64, ppc64le and the like are understood
    arch: String,
    #[command(flatten)]
    config: ConfigArgs,
    /// What to build: config, kernel, modules, dtbs, headers, or the name of a Kbuild target
    #[arg(
        long,
        short,
        value_name = "TARGET,…",
        value_delimiter = ',',
        default_value = "config,kernel,modules"
    )]
    targets: Vec<String>,
    /// Folder for what was built: new, empty, or filled by an earlier build
    #[arg(long, short, value_name = "DIR", value_parser = super::place::output())]
    out: PathBuf,
    #[command(flatten)]
    session: BuildArgs,
}

/// Builds, and lays out the result.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let start = Instant::now();
    let fail = |error: BuildError| Failure::new(error.exit_code(), error);
    let catalog = context.catalog()?;
    let targets = checked(&args.targets, &catalog.arches).map_err(fail)?;
    let version = catalog.registered(&args.version);
    let arch = catalog.arch(&args.arch).map_err(Failure::unknown)?;
    let session = BuildSession::new(&catalog, context, &args.session)?;
    let planner = &session.planner;
    let selection = planner
        .select(version, arch, Purpose::Kernel)
        .map_err(fail)?;
    fit(&targets, arch, &catalog.arches).map_err(fail)?;
    let config = planner
        .config(args.config.config.as_deref(), version, arch, &selection)
        .map_err(fail)?;
    let request = Request {
        config,
        fragments: planner.fragments(&args.config.fragments).map_err(fail)?,
        strict: args.config.strict,
        targets: Some(targets.clone()),
        wanted: vec![Thing::Kernel],
        ..selection.request(version, arch)
    };
    let artifacts = Artifacts::open(&args.out).map_err(fail)?;
    session.say(&format!(
        "Linux {version} for {arch}: {}",
        selection.reasons.first().map_or("", String::as_str)
    ));
    let builds = session.evaluate(request.clone())?;
    let built = session.realise(&builds, Thing::Kernel)?;
    let log = session
        .nix
        .read_log(&session.settings, &built.build.drv)
        .map_err(Failure::nix)?;
    let out = built.build.outputs.get("out").map_or("", String::as_str);
    let again = reproduction(args, context, &request, targets).map_err(fail)?;
    let source = catalog.kernels.get(version).map(|pin| pin.sha256);
    let Some(source) = source else {
        return Err(Failure::message(exit::DATA, "the kernel has no pin", None));
    };
    let timing = Timing {
        build: built.seconds,
        total: start.elapsed().as_secs_f64(),
    };
    let (release, report) = artifacts
        .kernel(
            &session.nix.real_path(out),
            &selection,
            &source,
            &again,
            &log,
            timing,
            &session.nix.version().to_string(),
        )
        .map_err(fail)?;
    if let Some(report) = report {
        for request in report.unmet() {
            output::note(&format!("CONFIG_{request}"));
        }
        for missing in &report.missing_files {
            output::note(&format!("warning: CONFIG_{missing}"));
        }
        if let Some(drift) = &report.drift {
            output::note(&format!(
                "base configuration: {} symbols new in {version}, {} gone, {} changed (config-report.txt lists them)",
                drift.new.len(),
                drift.gone.len(),
                drift.changed.len()
            ));
        }
    }
    let took = built.seconds.map_or("cached".to_owned(), |seconds| {
        format!("built in {}", duration(seconds))
    });
    output::line(&format!(
        "{}: Linux {release} for {arch}, {took}",
        shown(&args.out)
    ))?;
    Ok(exit::OK)
}

/// Targets of kflake's, and the usual ones of Kbuild's: what is nearly one of them is a slip, and what is not is the tree's own.
const TARGETS: &[&str] = &[
    "config",
    "kernel",
    "modules",
    "dtbs",
    "headers",
    "dev",
    "all",
    "vmlinux",
    "prepare",
    "scripts",
    "headers_install",
    "headers_check",
    "modules_prepare",
    "modules_install",
    "perf",
    "kselftest",
    "htmldocs",
    "tags",
];

/// Whether `target` is the image `name`, or one of its kinds: `Image.gz`.
fn is_image(target: &str, name: &str) -> bool {
    let rest = target.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The architectures by name.
type Arches = BTreeMap<ArchId, Arch>;

/// The names of all images.
fn images(arches: &Arches) -> impl Iterator<Item = &str> {
    let images = arches.values().flat_map(|arch| &arch.images);
    images.map(String::as_str)
}

/// Refuses images that kernels for `arch` are not made into; make would say so after it configured one.
fn fit(targets: &[String], arch: &ArchId, arches: &Arches) -> std::result::Result<(), BuildError> {
    let own = arches.get(arch).map_or(&[][..], |arch| &arch.images);
    if own.is_empty() {
        return Ok(());
    }
    let mut others = targets.iter().filter(|target| {
        // vendors have that for any arch
        !is_image(target, "uImage")
            && images(arches).any(|name| is_image(target, name))
            && !own.iter().any(|name| is_image(target, name))
    });
    match others.next() {
        Some(target) => Err(BuildError::TargetOfOtherArch {
            target: target.clone(),
            arch: arch.to_string(),
            images: own.join(", "),
        }),
        None => Ok(()),
    }
}

/// The targets, `config` first and each once.
fn checked(targets: &[String], arches: &Arches) -> std::result::Result<Vec<String>, BuildError> {
    let mut list = vec!["config".to_owned()];
    for target in targets {
        let valid = target.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && target
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_./+-".contains(&b))
            && !target.contains("..");
        if !valid {
            return Err(BuildError::Target {
                target: shown(target).to_string(),
            });
        }
        let known = TARGETS.iter().copied();
        if !known.clone().any(|it| it == target)
            && !images(arches).any(|name| is_image(target, name))
            && let Some(meant) = nearest(target, known.chain(images(arches)))
        {
            return Err(BuildError::TargetSlip {
                target: target.clone(),
                meant: meant.to_owned(),
            });
        }
        if !list.contains(target) {
            list.push(target.clone());
        }
    }
    Ok(list)
}

/// The project's own data, as names below its folder and where the files are.
fn project_data(
    project: &Path,
    below: &Path,
    files: &mut Vec<(String, PathBuf)>,
) -> std::result::Result<(), BuildError> {
    let folder = project.join(below);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(BuildError::io(&folder))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(BuildError::io(&folder))?.path());
    }
    paths.sort();
    for path in paths {
        let name = below.join(path.file_name().unwrap_or_default());
        let facts = std::fs::symlink_metadata(&path).map_err(BuildError::io(&path))?;
        if facts.is_dir() {
            project_data(project, &name, files)?;
        } else if path.is_file() {
            files.push((name.to_string_lossy().into_owned(), path));
        }
        // pipes, and links to folders, are no data
    }
    Ok(())
}

/// The command that builds this again, its files and the project's own data named as they lie in `inputs/`.
fn reproduction(
    args: &Args,
    context: &Context,
    request: &Request,
    targets: Vec<String>,
) -> std::result::Result<Reproduction, BuildError> {
    let mut command: Vec<String> = vec!["kflake".into()];
    let mut inputs = Vec::new();
    project_data(&context.project, Path::new("matrix"), &mut inputs)?;
    if !inputs.is_empty() {
        command.extend(["-C".into(), "inputs".into()]);
    }
    command.extend(["build".into(), args.version.to_string(), args.arch.clone()]);
    let config = match &request.config {
        ConfigChoice::File(path) => {
            inputs.push(("base.config".to_owned(), path.clone()));
            "inputs/base.config".to_owned()
        }
        ConfigChoice::Named(name) | ConfigChoice::Profile(name) => name.clone(),
        ConfigChoice::Board => "defconfig".to_owned(),
    };
    command.extend(["--config".into(), config.clone()]);
    for (index, given) in args.config.fragments.iter().enumerate() {
        let word = if Path::new(given).is_file() {
            // under its own name, which reports repeat
            let file = Path::new(given).file_name().unwrap_or_default();
            let name = format!("{index}/{}", file.to_string_lossy());
            if let Some(FragmentChoice::File { file, .. }) = request.fragments.get(index) {
                inputs.push((name.clone(), file.clone()));
            }
            format!("inputs/{name}")
        } else {
            given.clone()
        };
        command.extend(["-K".into(), word]);
    }
    command.extend(["--targets".into(), targets.join(",")]);
    if args.config.strict {
        command.push("--strict".into());
    }
    command.extend(args.session.words(context));
    Ok(Reproduction {
        command,
        inputs,
        config,
        fragments: args.config.fragments.clone(),
        targets,
        cores: args.session.cores(context),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn a_slip_is_told_from_a_target_of_the_tree() {
        let arches = Catalog::embedded().unwrap().arches;
        let check = |name: &str| checked(&[name.to_owned()], &arches);
        for (slip, meant) in [
            ("cofnig", "config"),
            ("module", "modules"),
            ("kernl", "kernel"),
            ("zImgae", "zImage"),
        ] {
            let error = check(slip).unwrap_err();
            assert!(error.to_string().contains(slip), "{error}");
            let help = miette::Diagnostic::help(&error).unwrap().to_string();
            assert_eq!(help, format!("did you mean {meant}?"));
        }
        for target in [
            "Image.gz",
            "uImage",
            "drivers/net/",
            "zImage-dtb",
            "kernel/fork.o",
            "vexpress.dtb",
            "compile_commands.json",
        ] {
            assert!(check(target).is_ok(), "{target}");
        }
        assert!(check("../x").is_err() && check("a b").is_err());
    }

    #[test]
    fn an_image_of_another_arch_is_refused() {
        let arches = Catalog::embedded().unwrap().arches;
        for (arch, target, images) in [
            ("arm64", "zImage", Some("Image, vmlinuz.efi")),
            ("arm64", "bzImage", Some("Image")),
            ("arm64", "uImage.gz", None),
            ("armhf", "vmlinuz.efi", Some("zImage, Image")),
            ("x86_64", "Image", Some("bzImage")),
            ("riscv64", "zImage", Some("Image")),
            ("mipsel", "Image.gz", Some("vmlinuz")),
            ("arm64", "Image.gz-dtb", None),
            ("arm64", "zImage-dtb", None),
            ("arm64", "vmlinux", None),
            ("armel", "uImage", None),
            ("powerpc", "cuImage.mpc8313erdb", None),
            ("xtensa", "zImage", None),
        ] {
            let targets = ["config".to_owned(), target.to_owned()];
            let refused = fit(&targets, &arch.parse().unwrap(), &arches).err();
            let help = refused.map(|error| miette::Diagnostic::help(&error).unwrap().to_string());
            let said = match images {
                Some(images) => help.is_some_and(|help| help.contains(images)),
                None => help.is_none(),
            };
            assert!(said, "{arch} {target}");
        }
    }
}
