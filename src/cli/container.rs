//! `kflake container`: a command over a kernel tree, in the container image of a cell.

use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::image::{self, Subject};
use super::kernel::not_an_address;
use super::session::{BuildArgs, BuildSession};
use super::{Context, Failure, Result, output};
use crate::build::{Layout, is_layout};
use crate::catalog::{KernelFlaw, KernelTreeError, check_kernel};
use crate::container::{Ended, Engine, EngineError, Job, UPPER, WORK, mountable};
use crate::exit;
use crate::files;
use crate::interrupt::{self, Finishing};
use crate::text::shown;

/// What `--makefile` prints.
const MAKEFILE: &str = include_str!("container.mk");

/// Run a command over a kernel tree in a container with a cell's compiler
///
/// The tree is read only; what is built goes to --out, which the kernel's make knows as O=. The command runs as you, without a network,
/// and its exit code is passed on; 125 is the engine's own. podman or docker is used, whichever answers (KFLAKE_ENGINE names another).
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake container k6-arm64 --tree linux -- make -j2 defconfig Image modules\n  \
    kflake container --makefile > linux/GNUmakefile && make -C linux CONTAINER=k6-arm64 defconfig Image"
)]
pub struct Args {
    /// Cell, such as k6-arm64; a compiler by name, such as gcc:12-arm64; qemu:arm64, which boots what was built; the folder of an image that `kflake image` made; or an image that the engine knows (with `:` or `/` in its name)
    #[arg(value_name = "CELL|IMAGE", required_unless_present = "makefile")]
    image: Option<String>,
    /// The kernel tree
    #[arg(long, value_name = "DIR", default_value = ".", value_parser = super::place::path())]
    tree: PathBuf,
    /// Folder for what is built [default: build-CELL in the tree]
    #[arg(long, short, value_name = "DIR", value_parser = super::place::output())]
    out: Option<PathBuf>,
    /// Let the command write to the tree, where it then builds: what it changes goes to OUT/tree, and the tree stays as it is
    #[arg(long, requires = "out")]
    overlay: bool,
    /// Give the command access to the network
    #[arg(long)]
    network: bool,
    /// Print a GNUmakefile for a kernel tree, with which `make CONTAINER=CELL …` does this
    #[arg(long, exclusive = true)]
    makefile: bool,
    #[command(flatten)]
    session: BuildArgs,
    /// The command
    #[arg(
        last = true,
        value_name = "COMMAND",
        required_unless_present = "makefile"
    )]
    words: Vec<OsString>,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let fail = |error: EngineError| Failure::new(error.exit_code(), error);
    let Some(name) = args.image.as_deref().filter(|_| !args.makefile) else {
        output::raw(MAKEFILE.as_bytes())?;
        return Ok(exit::OK);
    };
    not_an_address(&args.tree)?;
    let tree = folder(&args.tree)?;
    check(&args.tree, None)?;
    mountable(&tree, "").map_err(fail)?;
    if let Some(out) = args.out.as_ref().filter(|_| !args.overlay) {
        is_apart(out, &tree)?;
    }
    // asked first: without an engine no image needs to be made
    let engine = within(Engine::find)?;
    let image = ready(name, args, context, &engine)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let out = tree.join(format!("build-{}", image.short));
            if out.is_symlink() {
                // the tree may be anybody's
                return Err(refused(
                    &out,
                    "it is a link, and what is built would go where the tree wants it",
                    "remove it, or name a folder with --out",
                ));
            }
            out
        }
    };
    let whole = std::path::absolute(&out).map_err(|error| io(&out, error))?;
    mountable(&whole, "").map_err(fail)?;
    fs::create_dir_all(&out).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory => Failure::message(
            exit::IO,
            format!("{}: it is not a folder", shown(&out)),
            Some("name another one with --out".to_owned()),
        ),
        _ => io(&out, error),
    })?;
    let out = folder(&out)?;
    if args.overlay {
        prepare_overlay(&tree, &out)?;
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let job = Job {
        image: &image.name,
        pull: image.pull,
        tree: &tree,
        out: &out,
        overlay: args.overlay,
        terminal,
        // a terminal that is not for the command alone would stop a job in the background
        input: terminal || !std::io::stdin().is_terminal(),
        network: args.network,
        words: &args.words,
    };
    let finishing = Finishing::hurrying();
    let ended = engine.run(&job, &interrupt::flag(), interrupt::hurry());
    let ended = ended.map_err(fail)?;
    drop(finishing);
    if args.overlay {
        // the kernel leaves an empty folder there; where it is another user's it stays, and serves the next run
        let _ = fs::remove_dir(out.join(WORK).join("work"));
        let _ = fs::remove_dir(out.join(WORK));
    }
    Ok(match ended {
        Ended::Code(code) => code,
        Ended::Died(signal) => {
            output::note(&format!(
                "{} was ended by signal {signal}; its container was removed",
                engine.name()
            ));
            exit::NO_STATUS
        }
        Ended::Interrupted => exit::INTERRUPTED,
    })
}

/// Refuses a tree that is none, or would not build; for the arch that the kernel calls `arch`, where that is known.
fn check(tree: &Path, arch: Option<&str>) -> Result<()> {
    match check_kernel(tree, arch) {
        // the command decides what it needs, and may be the one that cleans
        Ok(_)
        | Err(
            KernelTreeError::NoKernel { other: true, .. }
            | KernelTreeError::Flaw(KernelFlaw::NotClean { .. }),
        ) => Ok(()),
        Err(error) => Err(Failure::new(exit::USAGE, error)),
    }
}

/// Makes the folders of an overlay of `tree` in `out`.
fn prepare_overlay(tree: &Path, out: &Path) -> Result<()> {
    if out.starts_with(tree) || tree.starts_with(out) {
        return Err(refused(
            out,
            "an overlay of a tree cannot be kept inside the tree, nor the tree inside of it",
            "name another folder with --out DIR",
        ));
    }
    for name in [UPPER, WORK] {
        let folder = out.join(name);
        files::plain_folder(&folder).map_err(|error| io(&folder, error))?;
    }
    Ok(())
}

/// Makes sure that a build in `out` changes nothing of the tree's own: kbuild writes a makefile there, for one.
fn is_apart(out: &Path, tree: &Path) -> Result<()> {
    let Ok(whole) = out.canonicalize() else {
        // it is made; whether that works is seen then
        return Ok(());
    };
    let help = "name a folder of its own, such as the default: build-CELL in the tree";
    if tree.starts_with(&whole) {
        let reason = "the tree is in it, which nothing is to be written to";
        return Err(refused(out, reason, help));
    }
    let sources = ["Kconfig", "Makefile", "Kbuild"];
    let is_source = |name: &&str| {
        let file = whole.join(name);
        let generated = |text: Vec<u8>| {
            String::from_utf8_lossy(&text)
                .lines()
                .take(10)
                .any(|it| it.contains("Automatically generated"))
        };
        file.is_file() && !files::read(&file, files::MAX_DATA).is_ok_and(generated)
    };
    match sources.iter().find(|it| is_source(it)) {
        Some(name) if whole.starts_with(tree) => {
            let reason = format!("it is a part of the tree ({name} is there)");
            Err(refused(out, &reason, help))
        }
        _ => Ok(()),
    }
}

fn refused(path: &Path, reason: &str, help: &'static str) -> Failure {
    let error = EngineError::Folder {
        path: path.to_owned(),
        reason: reason.to_owned(),
        help,
    };
    Failure::new(error.exit_code(), error)
}

/// An image that the engine has, or can get.
struct Ready {
    name: String,
    short: String,
    pull: bool,
}

/// The image that `name` stands for, loaded.
fn ready(name: &str, args: &Args, context: &Context, engine: &Engine) -> Result<Ready> {
    let dir = Path::new(name);
    let (tag, short, layout) = if is_layout(dir) {
        let layout = Layout::open(dir).map_err(|error| Failure::new(error.exit_code(), error))?;
        (image::tag("image", &layout), "image".to_owned(), layout)
    } else if name.starts_with(['.', '/']) {
        return Err(refused(
            dir,
            "there is no image in this folder",
            "`kflake image --out DIR` makes one; an image that the engine knows has a name without \
             a dot or a slash before it",
        ));
    } else if name.contains([':', '/']) && !Subject::is_name(name) {
        let short = name.rsplit('/').next().unwrap_or(name);
        return Ok(Ready {
            name: name.to_owned(),
            short: short.replace(|it: char| !it.is_ascii_alphanumeric(), "-"),
            pull: true,
        });
    } else {
        let catalog = context.catalog()?;
        let sources = args.session.sources(context);
        let subject = Subject::named(name, &catalog, sources).map_err(Failure::unknown)?;
        if let Some(arch) = subject.builds_for() {
            check(&args.tree, Some(&catalog.arches[arch].linux_arch))?;
        }
        let session = BuildSession::new(&catalog, context, &args.session)?;
        let layout = image::build(&subject, &catalog, &session)?;
        let short = subject.short();
        (image::tag(&short, &layout), short, layout)
    };
    if !within(|stop| engine.has(&tag, stop))? {
        output::note(&format!("{}: loading {tag}", engine.name()));
        within(|stop| engine.load(stop, |to| layout.archive(&tag, to)))?;
    }
    Ok(Ready {
        name: tag,
        short,
        pull: false,
    })
}

/// What ends by itself when kflake is to stop.
fn within<T>(act: impl FnOnce(&AtomicBool) -> std::result::Result<T, EngineError>) -> Result<T> {
    interrupt::finish(act).map_err(|error| Failure::new(error.exit_code(), error))
}

fn folder(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| io(path, error))
}

fn io(path: &Path, error: std::io::Error) -> Failure {
    Failure::message(exit::IO, format!("{}: {error}", shown(path)), None)
}
