//! `kflake boot`: a kernel under QEMU, with a terminal as its console or a program to run.

mod given;
mod input;
mod root;

use std::cell::RefCell;
use std::io::IsTerminal;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use given::{boot_request, hardware};
use root::Root;

use super::session::{BuildArgs, BuildSession};
use super::{Context, Failure, Result, limit};
use crate::build::{
    Append, BuildError, Console, Ending, Hardware, Initramfs, Limit, Limits, Modules, Nonce, Shown,
    Watched, watch,
};
use crate::catalog::{Board, Memory, Purpose};
use crate::exit;
use crate::files::Scratch;
use crate::interrupt::Finishing;
use crate::kconfig::{Config, Report};
use crate::project::{BootRequest, Buildable, ConfigChoice, Request, Thing};
use crate::text::{shell_words, shown};
use crate::version::KernelVersion;

/// Lines of the kernel's that are shown when a program was not run.
const TAIL: usize = 15;
/// How much of a console is kept to tell what ended its kernel, in bytes, at least.
const KEPT: usize = 1 << 20;

/// The initramfs with the nonce of this run, in a folder of its own.
const INITRD: &str = "initramfs.cpio";

/// Start a kernel under QEMU: with this terminal as its console, or to run one program
///
/// The kernel is the one that `kflake validate` boots, or a file. Without a program, a terminal gets a small shell, where
/// Ctrl-A X stops the machine at once; elsewhere init says where it runs and powers off, as in a boot test. With a program,
/// its output is printed and its exit code passed on (128 plus the number of the signal that killed it); 125 means that the
/// machine stopped before the program ended. What is piped into kflake is read to the end, and becomes the program's
/// standard input.
///
/// If the kernel complains on the way (WARNING, BUG, Oops, KASAN, UBSAN, lockdep, a stall), kflake says so at the end, and
/// counts a run that was fine otherwise as failed, unless --allow-splats is given; on a terminal it only says so.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake boot 6.1.192 arm64\n  kflake boot 6.1.192 arm64 -- ./busybox-arm64 uname -a\n  \
    kflake boot 6.1.192 arm64 --kernel out/Image --initrd rootfs.cpio.gz\n  \
    kflake boot 6.1.192 arm64 --root staging -- /usr/bin/greet\n  \
    kflake boot 6.1.192 arm64 --memory 1G --smp 4 --net --disk disk.img"
)]
pub struct Args {
    /// Kernel version, such as 6.1.192
    version: KernelVersion,
    /// Arch, such as arm64; aarch64, amd64, ppc64le and the like are understood
    arch: String,
    /// Start this kernel instead, on the machine for that version and arch: its file, or the folder that it was built in
    #[arg(long, value_name = "FILE|DIR")]
    kernel: Option<PathBuf>,
    /// Give the kernel this device tree; some machines need one with --kernel
    #[arg(long, value_name = "FILE")]
    dtb: Option<PathBuf>,
    /// Start with this initramfs instead of kflake's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["program", "module"])]
    initrd: Option<PathBuf>,
    /// Use this folder as the root, packed into an initramfs: with its own init, or with kflake's to run a PROGRAM from the
    /// folder
    #[arg(long, value_name = "DIR", conflicts_with = "initrd")]
    root: Option<PathBuf>,
    /// Build the kernel with this as well: CONFIG_X=y, `# CONFIG_X is not set`, a file, or a fragment of the tree; may be repeated
    #[arg(
        short = 'K',
        long = "kconfig-add",
        value_name = "FRAGMENT",
        conflicts_with = "kernel"
    )]
    fragments: Vec<String>,
    /// Add words to the kernel's command line; may be repeated
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    append: Vec<Append>,
    /// The machine's memory: 512M, 2G [default: the board's]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
    /// The number of its processors, with a kernel that uses them [default: the board's]
    #[arg(long, value_name = "N", value_parser = super::limit::whole::<NonZeroU8>)]
    smp: Option<NonZeroU8>,
    /// Attach this file as a disk (/dev/vda, then /dev/vdb, …), with a kernel that has a driver for it; what the machine
    /// writes to it stays. May be repeated
    #[arg(long, value_name = "FILE")]
    disk: Vec<PathBuf>,
    /// Give it a network of its own, connected through this machine, with a kernel that asks for an address there
    #[arg(long)]
    net: bool,
    /// Wait for a debugger on this port of this machine [default: 1234]
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1234",
        value_parser = limit::port
    )]
    gdb: Option<u16>,
    /// Have init load this module (.ko, or packed: .ko.xz, .ko.zst, .ko.gz) first; may be repeated, in any order
    #[arg(long, value_name = "FILE")]
    module: Vec<PathBuf>,
    /// Stop the machine after this many seconds; 0: never [default: 120; on a terminal, until init runs]
    #[arg(long, value_name = "SECONDS")]
    wall: Option<u64>,
    /// Stop it after this many seconds without output; 0: never [default: 30; on a terminal, until init runs]
    #[arg(long, value_name = "SECONDS")]
    silence: Option<u64>,
    /// Accept a boot in which the kernel complained, with a WARNING or an Oops for example
    #[arg(long)]
    allow_splats: bool,
    /// Print QEMU's command line; build and start nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    session: BuildArgs,
    /// A statically linked program for that arch (a file on this machine), and its arguments
    #[arg(last = true, value_name = "PROGRAM")]
    program: Vec<String>,
}

/// Builds what is missing, and starts it.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let fail = |error: BuildError| Failure::new(error.exit_code(), error);
    let catalog = context.catalog()?;
    let version = catalog.registered(&args.version);
    let arch = catalog.arch(&args.arch).map_err(Failure::unknown)?;
    if !args.dry_run && !catalog.has_kflakes_tools() {
        return Err(fail(BuildError::ForeignTools));
    }
    let session = BuildSession::new(&catalog, context, &args.session)?;
    let planner = &session.planner;
    let selection = match args.kernel {
        None => planner.select(version, arch, Purpose::Kernel),
        Some(_) => planner.choose(version, arch, Purpose::Kernel),
    }
    .map_err(fail)?;
    let interactive = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let scratch = Scratch::new().map_err(|error| fail(error.into()))?;
    let mut hardware = hardware(args).map_err(fail)?;
    let root = args.root.as_deref();
    let root = root
        .map(|folder| Root::read(folder, &args.program, !args.module.is_empty()))
        .transpose();
    let root = root.map_err(fail)?;
    if let Some(root) = &root {
        root.runs(&args.program, arch, &catalog).map_err(fail)?;
    }
    let board = selection.board.map(|(_, board)| board);
    let mut fragments = args.fragments.clone();
    if let Some(board) = board {
        let symbols = hardware.symbols(board).map_err(|what| {
            let help = "supply what it needs with --root DIR, or use another arch";
            Failure::message(exit::USAGE, what, Some(help.to_owned()))
        })?;
        if args.kernel.is_none() {
            // what the user says comes last, and counts
            let own = symbols
                .iter()
                .map(|(symbol, _)| format!("CONFIG_{symbol}=y"));
            fragments = own.chain(fragments).collect();
        }
        if let Some(root) = &root {
            root.pack(board, scratch.path(), &mut hardware)?;
        }
    }
    let mut boot = boot_request(
        args,
        &catalog,
        arch,
        &selection,
        interactive,
        scratch.path(),
    )
    .map_err(fail)?;
    let inside = root.as_ref().is_some_and(|root| root.init.is_none());
    if root.is_some() && !inside {
        boot.initrd = Some(scratch.path().join(root::ARCHIVE));
    }
    // what runs a program needs a C library that the kernel will do for; without one there is an init of its own kind
    let (init, shell) = match planner.linker_of_programs(version, arch, &selection) {
        Ok(toolchain) if interactive || inside || boot.program.is_some() => {
            (toolchain, interactive || inside)
        }
        Err(error) if inside || boot.program.is_some() => return Err(fail(error)),
        _ => (selection.toolchain, false),
    };
    let request = Request {
        // what validation boots
        config: ConfigChoice::Profile("tiny".to_owned()),
        fragments: planner.fragments(&fragments).map_err(fail)?,
        boot: Some(BootRequest {
            toolchain: init.id.clone(),
            shell,
            ..boot
        }),
        wanted: vec![Thing::Machine],
        ..selection.request(version, arch)
    };
    let evaluated = session.evaluate(request)?;
    let machine = evaluated.build(Thing::Machine).map_err(fail)?;
    let added = match board {
        Some(board) => hardware.words(board, &machine.command),
        None => Ok(Vec::new()),
    };
    let added = added.map_err(|error| {
        Failure::message(exit::IO, format!("cannot read the disk: {error}"), None)
    })?;
    if args.dry_run {
        let words = [&machine.command[..], &added].concat();
        super::output::print(&format!("{}\n", shell_words(&words)))?;
        return Ok(exit::OK);
    }
    session.realise(&evaluated, Thing::Machine)?;
    if let (None, Some(board)) = (&args.kernel, board) {
        has_all(&session, machine, &hardware, board)?;
    }
    let start = Start {
        scratch: &scratch,
        added,
        root: root.as_ref(),
        interactive,
    };
    start.run(args, &session, machine)
}

/// The folder of the kernel that `machine` starts.
fn kernel_of(session: &BuildSession<'_>, machine: &Buildable) -> Option<PathBuf> {
    let mut words = machine.command.iter().skip_while(|word| *word != "-kernel");
    let image = session.nix.real_path(words.nth(1)?);
    Some(image.parent()?.to_owned())
}

/// Says what the configuration of the kernel is not as asked in, and refuses one that cannot use what the machine has.
fn has_all(
    session: &BuildSession<'_>,
    machine: &Buildable,
    hardware: &Hardware,
    board: &Board,
) -> Result<()> {
    let Some(folder) = kernel_of(session, machine) else {
        return Ok(());
    };
    let report = crate::files::read(&folder.join("config-report.json"), crate::files::MAX_DATA);
    let report: Option<Report> = report
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let own = hardware.symbols(board).unwrap_or_default();
    let mut lacking = None;
    if !own.is_empty()
        && let Ok(config) = Config::read(&folder.join("config"))
    {
        lacking = hardware.lacking(board, &config);
    }
    let unmet = report.iter().flat_map(Report::unmet);
    let mut why = None;
    for request in unmet {
        if Some(request.symbol.as_str()) == lacking {
            why.clone_from(&request.reason);
        } else if !own.iter().any(|(symbol, _)| *symbol == request.symbol) {
            session.say(&format!("CONFIG_{request}"));
        }
    }
    match lacking {
        None => Ok(()),
        Some(symbol) => Err(Failure::message(
            exit::FAILED,
            format!(
                "this kernel came out without CONFIG_{symbol}, which the machine needs: {}",
                why.as_deref().unwrap_or("not known why")
            ),
            Some("add what it needs with -K, or leave the option out".to_owned()),
        )),
    }
}

/// A machine that is ready to start.
struct Start<'a> {
    scratch: &'a Scratch,
    /// Words for QEMU, after those that it is built with.
    added: Vec<String>,
    root: Option<&'a Root>,
    interactive: bool,
}

impl Start<'_> {
    fn run(&self, args: &Args, session: &BuildSession<'_>, machine: &Buildable) -> Result<u8> {
        let Start {
            scratch,
            interactive,
            ..
        } = *self;
        let fail = |error: BuildError| Failure::new(error.exit_code(), error);
        let out = machine.out().unwrap_or_default();
        let script = format!("{out}/bin/kflake-boot");
        let mut command = session.settings.installed(&session.nix, out, &script);
        command.args(&self.added);
        let input = match args.program.is_empty() {
            true => None,
            false => input::piped(&session.stop)?,
        };
        if !interactive {
            command.stdin(Stdio::null());
        }
        let nonce = match &machine.initrd {
            None => None,
            Some(initrd) => {
                let nonce =
                    Nonce::new().map_err(|error| fail(BuildError::io("/dev/urandom")(error)))?;
                nonce
                    .write_into(&session.nix.real_path(initrd), &scratch.path().join(INITRD))
                    .map_err(|error| fail(BuildError::io(initrd)(error)))?;
                let archive = scratch.path().join(INITRD);
                if let Some(root) = self.root {
                    root.add(&archive, &args.program)
                        .map_err(|error| root.failed(&error))?;
                }
                if let Some(input) = input {
                    let add = || {
                        let mut more = Initramfs::behind(&archive)?;
                        more.file("kflake_stdin", &input)?;
                        more.finish()
                    };
                    add().map_err(|error| fail(BuildError::io(&archive)(error)))?;
                }
                command
                    .current_dir(scratch.path())
                    .env("KFLAKE_INITRD", INITRD);
                Some(nonce)
            }
        };
        let alone = args.program.is_empty();
        // an initramfs of the user's own does not say that it runs
        let unknown = args.gdb.is_some()
            || interactive
                && (args.initrd.is_some() || self.root.is_some_and(|root| root.init.is_some()));
        let limit = |given: Option<u64>, default: u64| {
            let seconds = given.unwrap_or(if unknown { 0 } else { default });
            (seconds > 0).then(|| Limit {
                time: Duration::from_secs(seconds),
                boot_only: interactive && given.is_none(),
            })
        };
        let seconds = |limit: Option<Limit>| limit.map_or(0, |limit| limit.time.as_secs());
        let limits = Limits {
            wall: limit(args.wall, 120),
            silence: limit(args.silence, 30),
        };
        if let Some(port) = args.gdb {
            let vmlinux = kernel_of(session, machine).map(|folder| folder.join("vmlinux"));
            let vmlinux = vmlinux
                .filter(|path| path.is_file())
                .unwrap_or_else(|| "vmlinux".into());
            session.say(&format!(
                "waiting for a debugger: gdb {} -ex 'target remote :{port}'",
                shown(&vmlinux)
            ));
        }
        if interactive {
            session.say("Ctrl-A X ends the machine at once.");
        }
        let kernel = RefCell::new(Vec::<String>::new());
        let mut console = Vec::new();
        let _finishing = Finishing::begin();
        let Watched { ending, warnings } = watch(
        command,
        Console::new(!alone, nonce.as_ref(), args.module.len()),
        limits,
        &session.stop,
        &mut |shown| match shown {
            Shown::Bytes(bytes) => {
                super::output::pass_on(bytes);
                console.extend_from_slice(bytes);
                if console.len() > 2 * KEPT {
                    console.drain(..KEPT);
                }
            }
            Shown::Kernel(line) => {
                session.detail(line);
                kernel.borrow_mut().push(line.to_owned());
            }
            Shown::Unguarded => session.say(
                "this kernel lets a program change init, which says how it ended (CONFIG_MULTIUSER is off, or it is older than 2.6.26)",
            ),
        },
    )
    .map_err(fail)?;
        let well = matches!(ending, Ending::Program(0) | Ending::Off);
        if !warnings.is_empty() {
            if well && !interactive && !args.allow_splats {
                return Err(fail(BuildError::BootSplats { warnings }));
            }
            session.say(&format!("the kernel complained: {}", warnings.join("; ")));
        }
        let lines = kernel.into_inner();
        match ending {
            Ending::Early(_) | Ending::Panic(_) | Ending::Wall(_) | Ending::Silence(_) => {
                let console = match alone {
                    true => String::from_utf8_lossy(&console).into_owned(),
                    false => lines.join("\n"),
                };
                session.blame_console(&console);
            }
            _ => {}
        }
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        let (what, class) = match ending {
            Ending::Program(status) => return Ok(status),
            Ending::Off => return Ok(exit::OK),
            Ending::NotRun(why) => (
                format!("init could not run the program: {}", errno(&why)),
                "",
            ),
            Ending::NotLoaded(modules) => (
                not_loaded(&modules, &args.module),
                "the kernel's own message about it is above init's line",
            ),
            Ending::Early(last) if last.is_empty() => (
                "the machine powered off without printing anything on its console".to_owned(),
                "either this kernel is not for that machine, or it has no driver for its console",
            ),
            Ending::Early(last) if alone => (
                format!(
                    "the machine powered off before init printed its line; the last line: {last}"
                ),
                "",
            ),
            Ending::Early(last) => (
                format!("the machine powered off before the program ended; the last line: {last}"),
                "",
            ),
            Ending::Panic(words) => (words, ""),
            Ending::Wall(last) => (
                format!(
                    "still running after {} s; the last line: {last}",
                    seconds(limits.wall)
                ),
                "--wall 0 removes the limit",
            ),
            Ending::Silence(last) => (
                format!(
                    "no output for {} s; the last line: {}",
                    seconds(limits.silence),
                    if last.is_empty() {
                        "none at all"
                    } else {
                        &last
                    }
                ),
                "--silence 0 removes the limit",
            ),
            Ending::Qemu(status) => (
                format!("QEMU could not start the machine ({status})"),
                "its own message is above",
            ),
        };
        let code = if alone { exit::FAILED } else { exit::NO_STATUS };
        let text = if tail.is_empty() || alone {
            what
        } else {
            format!("{what}\n{tail}")
        };
        Err(Failure::message(
            code,
            text,
            (!class.is_empty()).then(|| class.to_owned()),
        ))
    }
}

/// The words of `boot-run.c` about a program that does not start.
fn errno(why: &str) -> String {
    let number = why
        .strip_prefix("exec ")
        .and_then(|number| number.parse().ok());
    number.map_or_else(|| why.to_owned(), errno_words)
}

/// What the number of an error means in the machine.
fn errno_words(number: i32) -> String {
    // the first errors are the same on every architecture
    match number {
        1..=34 => std::io::Error::from_raw_os_error(number).to_string(),
        number => format!("error {number}"),
    }
}

/// Which of the modules in `files` did not load.
fn not_loaded(modules: &Modules, files: &[PathBuf]) -> String {
    let each = modules.failed.iter().map(|(index, error)| {
        let name = files
            .get(*index)
            .map_or_else(|| format!("module {index}"), |file| shown(file).to_string());
        format!("{name}: {}", errno_words(*error))
    });
    let each: Vec<String> = each.collect();
    let which = match each.is_empty() {
        true => String::new(),
        false => format!("\n{}", each.join("\n")),
    };
    format!(
        "{} of {} modules loaded{which}",
        modules.loaded, modules.put
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_start_is_told_in_words() {
        assert!(
            errno("exec 8").contains("Exec format error"),
            "{}",
            errno("exec 8")
        );
        let modules = Modules {
            put: 2,
            loaded: 1,
            failed: vec![(1, 8)],
        };
        let text = not_loaded(&modules, &["a.ko".into(), "b.ko".into()]);
        assert!(
            text.starts_with("1 of 2 modules loaded\nb.ko: Exec format error"),
            "{text}"
        );
        assert_eq!(errno("fork"), "fork");
    }
}
