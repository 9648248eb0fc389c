//! `kflake build-module`: a module against a kernel, and whether it fits.

use std::path::PathBuf;

use super::session::{BuildArgs, BuildSession, ConfigArgs};
use super::{Context, Failure, Result, kernel, output};
use crate::build::{
    Artifacts, BuildError, ModuleReport, ModuleSource, joined_make_flag, refused_make_flag,
};
use crate::catalog::Purpose;
use crate::exit;
use crate::files;
use crate::project::{ConfigChoice, ModuleBoot, ModuleRequest, Request, Thing};
use crate::text::shown;
use crate::validate::{BootRecord, detail};
use crate::version::KernelVersion;

/// Build a module against a kernel, and check that the two fit
///
/// Only as much of the kernel is built as the module needs: all of it if symbols are versioned (CONFIG_MODVERSIONS),
/// otherwise no more than `modules_prepare`. The ELF header, vermagic and symbol versions of the result are compared with
/// the kernel's.
///
/// A dkms.conf in the folder is followed: its MAKE, PRE_BUILD, POST_BUILD and PATCH, the modules that it lists and their
/// names, and the kernels that it excludes (BUILD_EXCLUSIVE_*).
///
/// With --boot the whole kernel is built, and started under QEMU with an init that loads the modules; boot.log is its
/// console. If the kernel complains there (WARNING, BUG, Oops, KASAN, UBSAN, lockdep, a stall), that is a failure, unless
/// --allow-splats is given.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake build-module hello --kernel 6.1.192 --arch arm64 --out module\n  \
    kflake build-module hello --kernel 6.1.192 --arch arm64 --config tiny --boot --expect 'hello: loaded' --out module"
)]
pub struct Args {
    /// The module's source: a folder with a Makefile, Kbuild or dkms.conf, a tar of one (plain or packed with xz, gzip, bzip2 or lzma),
    /// or a -dkms package. A build sees nothing outside of it
    source: PathBuf,
    /// Kernel version, such as 6.1.192
    #[arg(long, value_name = "VERSION")]
    kernel: KernelVersion,
    /// Arch, such as arm64; aarch64, amd64, ppc64le and the like are understood
    #[arg(long)]
    arch: String,
    #[command(flatten)]
    config: ConfigArgs,
    /// Argument for the module's make, such as CONFIG_FOO=m or KCFLAGS=-DDEBUG, and not what the build says itself (M, ARCH,
    /// CROSS_COMPILE, targets and the like); may be repeated
    #[arg(long = "make-flag", value_name = "FLAG")]
    make_flags: Vec<String>,
    /// What another module exports: its Module.symvers, or the --out folder of its build, whose modules --boot loads as well;
    /// may be repeated
    #[arg(long, value_name = "FILE|DIR")]
    symvers: Vec<PathBuf>,
    /// Boot the kernel, and load the module there
    #[arg(long)]
    boot: bool,
    /// Text that must appear on the console of that boot, such as the module's message; may be repeated
    #[arg(long, value_name = "TEXT", requires = "boot")]
    expect: Vec<String>,
    /// Accept a boot in which the kernel complained, with a WARNING or an Oops for example
    #[arg(long, requires = "boot")]
    allow_splats: bool,
    /// Folder for the module: new, empty, or filled by an earlier build
    #[arg(long, short, value_name = "DIR", value_parser = super::place::output())]
    out: PathBuf,
    #[command(flatten)]
    session: BuildArgs,
}

/// Builds, checks, and lays out the result.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let fail = |error: BuildError| Failure::new(error.exit_code(), error);
    let module = module(args).map_err(fail)?;
    let folder = module.folder.is_dir().then(|| module.folder.clone());
    let catalog = context.catalog()?;
    let version = catalog.registered(&args.kernel);
    let arch = catalog.arch(&args.arch).map_err(Failure::unknown)?;
    let session = BuildSession::new(&catalog, context, &args.session)?;
    let planner = &session.planner;
    let selection = planner
        .select(version, arch, Purpose::Kernel)
        .map_err(fail)?;
    let config = planner
        .config(args.config.config.as_deref(), version, arch, &selection)
        .map_err(fail)?;
    if args.boot && selection.board.is_none() {
        return Err(fail(BuildError::NoMachine {
            version: version.to_string(),
            arch: arch.to_string(),
        }));
    }
    let fragments = planner.fragments(&args.config.fragments).map_err(fail)?;
    // a kernel like the one that validation boots is that one
    let plain =
        matches!(config, ConfigChoice::Profile(_)) && fragments.is_empty() && !args.config.strict;
    let targets = match (args.boot, plain) {
        (true, true) => None,
        (true, false) => Some(["config", "kernel", "dev"].as_slice()),
        (false, _) => Some(["config", "dev"].as_slice()),
    };
    let request = Request {
        config,
        fragments,
        strict: args.config.strict,
        targets: targets.map(|list| list.iter().map(ToString::to_string).collect()),
        module: Some(module),
        wanted: match args.boot {
            true => vec![Thing::Module, Thing::ModuleBoot],
            false => vec![Thing::Module],
        },
        ..selection.request(version, arch)
    };
    let artifacts = Artifacts::open(&args.out).map_err(fail)?;
    session.say(&format!(
        "Linux {version} for {arch}: {}",
        selection.reasons.first().map_or("", String::as_str)
    ));
    let builds = session.evaluate(request)?;
    let built = session.realise_source(&builds, Thing::Module, folder.as_deref())?;
    let out = built.build.outputs.get("out").map_or("", String::as_str);
    let out = &session.nix.real_path(out);
    artifacts.copy_all(out).map_err(fail)?;
    let report = ModuleReport::read(out).map_err(fail)?;
    for line in report.lines() {
        output::line(&line)?;
    }
    if args.boot {
        let built = session.realise(&builds, Thing::ModuleBoot)?;
        let out = session.nix.real_path(built.build.out().unwrap_or_default());
        let boot = BootRecord::read(&out).map_err(|reason| {
            fail(BuildError::Answer {
                what: "boot.json",
                reason,
            })
        })?;
        let log = out.join("boot.log");
        let text = files::read(&log, files::MAX_DATA)
            .map_err(|error| fail(BuildError::io(&log)(error)))?;
        artifacts.write("boot.log", &text, false).map_err(fail)?;
        let kept = artifacts.path().join("boot.log");
        if !boot.warnings.is_empty() && !args.allow_splats {
            return Err(fail(BuildError::Splats {
                warnings: boot.warnings,
                log: kept,
            }));
        }
        output::line(&format!(
            "{}; {} holds the console",
            detail("booted and loaded", &boot.warnings),
            shown(kept)
        ))?;
    }
    Ok(exit::OK)
}

/// The `Module.symvers` and the modules that `--symvers` stands for.
fn others(given: &[PathBuf]) -> std::result::Result<(Vec<PathBuf>, Vec<PathBuf>), BuildError> {
    let (mut symvers, mut modules) = (vec![], vec![]);
    for path in given {
        let bad = |reason: String, help: &str| BuildError::ModuleSource {
            path: path.clone(),
            reason,
            help: help.to_owned(),
        };
        let found = path.canonicalize().map_err(|error| {
            bad(
                error.to_string(),
                "give the other module's Module.symvers, or the --out folder of its build",
            )
        })?;
        if !found.is_dir() {
            symvers.push(found);
            continue;
        }
        let file = found.join("Module.symvers");
        if !file.is_file() {
            return Err(bad(
                "the folder has no Module.symvers".to_owned(),
                "a module that exports nothing leaves none: it needs EXPORT_SYMBOL for what others use",
            ));
        }
        symvers.push(file);
        let entries = std::fs::read_dir(&found).map_err(BuildError::io(&found))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| file.extension().is_some_and(|it| it == "ko"))
            .collect();
        files.sort();
        modules.append(&mut files);
    }
    Ok((symvers, modules))
}

fn module(args: &Args) -> std::result::Result<ModuleRequest, BuildError> {
    let bad = |reason: &str, help: &str| BuildError::ModuleSource {
        path: args.source.clone(),
        reason: reason.to_owned(),
        help: help.to_owned(),
    };
    if let Some((reason, help)) = args.make_flags.iter().find_map(|it| refused_make_flag(it)) {
        return Err(bad(&reason, &help));
    }
    let ModuleSource {
        path: folder,
        outside,
    } = ModuleSource::read(&args.source, !args.symvers.is_empty())?;
    if let Some(warning) = kernel::outside(&outside, "folder") {
        output::note(&warning);
    }
    let name: String = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
        .take(60)
        .collect();
    let name = name.trim_start_matches(['.', '-']);
    let (symvers, before) = others(&args.symvers)?;
    Ok(ModuleRequest {
        name: if name.is_empty() { "module" } else { name }.to_owned(),
        folder,
        make_flags: args
            .make_flags
            .iter()
            .map(|it| joined_make_flag(it))
            .collect(),
        symvers,
        boot: args.boot.then(|| ModuleBoot {
            expect: args.expect.clone(),
            before,
        }),
    })
}
