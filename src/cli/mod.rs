//! The command line: one small file per subcommand, and the only place that prints.

mod boot;
mod build;
mod build_module;
mod check;
mod choices;
mod completions;
mod container;
mod doctor;
mod explain;
mod failure;
mod gc;
mod r#gen;
mod image;
mod init;
mod kernel;
mod kernel_folder;
mod kernel_list;
mod limit;
pub mod lints;
mod man;
mod nix;
mod output;
mod pins;
mod place;
mod probe;
mod progress;
pub mod render;
mod report;
mod resolve;
mod sdk;
mod session;
mod validate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use choices::Choices;
pub use failure::{Failure, Result};

use crate::catalog::{Catalog, LoadError, ProjectFile, SourceKind};
use crate::exit;
use crate::files;
use crate::flake;
use crate::id::ToolchainId;
use crate::interrupt;
use crate::nix::{Apt, Mirrors, Nix};
use crate::packages::Packages;
use crate::project::{Flake, Home, Project};
use crate::report::text::count;
use crate::run::Tools;
use crate::text::{clean, shown};

/// Build any Linux kernel from 2.6 to today with the toolchain that fits it.
#[derive(Parser)]
#[command(
    name = "kflake",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(
    after_help = "Exit codes: 0 done and passed; 1 done, and the answer is no; 2 wrong command line or input; \
    3 invalid matrix data; 4 no toolchain fits; 5 the arch does not exist in that kernel, or `validate` has nothing to try; 6 Nix missing or unusable; \
    7 Nix could not evaluate; 8 a file could not be read or written; 9 no container engine; 125 `boot`: the machine ended before the program; 130 interrupted by Ctrl-C (143 by SIGTERM, 129 by SIGHUP); 141 the reader of the output left \
    before the work was done."
)]
struct Cli {
    /// Project folder, with the generated flake and data of your own in `matrix/` [default: the closest folder with a
    /// kflake.toml, from here upwards, else this one]
    #[arg(short = 'C', long, global = true, value_name = "DIR", value_parser = place::path())]
    project: Option<PathBuf>,
    /// Use a Nix store below this folder, created if missing, instead of /nix
    #[arg(long, global = true, value_name = "DIR", value_parser = place::path())]
    store: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Boot(boot::Args),
    Build(build::Args),
    BuildModule(build_module::Args),
    Gc(gc::Args),
    Gen(r#gen::Args),
    Init(init::Args),
    Image(image::Args),
    Kernel(kernel::Args),
    Nix(nix::Args),
    Pins(pins::Args),
    Probe(probe::Args),
    Container(container::Args),
    Doctor(doctor::Args),
    Resolve(resolve::Args),
    Check(check::Args),
    Explain(lints::Args),
    Report(report::Args),
    Sdk(sdk::Args),
    Validate(Box<validate::Args>),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(man::Args),
}

/// What every subcommand gets.
pub struct Context {
    /// The project folder.
    pub project: PathBuf,
    /// What the project remembers.
    choices: Choices,
    /// Whether somebody made the folder a project, or named it.
    chosen: bool,
    /// The folder of the store to work in; none: the one that Nix takes.
    pub store: Option<PathBuf>,
}

/// The project's flake with the toolchains `include` of `sources`, brought up to date, of which it says how much had to be written.
fn flake_with(
    context: &Context,
    catalog: &Catalog,
    tools: Tools<'_>,
    sources: Vec<SourceKind>,
    include: Vec<ToolchainId>,
) -> Result<Flake> {
    let options = flake::Options {
        sources,
        include,
        packages: tools.settings.packages.clone(),
        suite: None,
        nixpkgs: None,
    };
    let flake = Project::new(&context.project)
        .flake(catalog, &options, Home::Project, tools.stop)
        .map_err(|error| Failure::new(error.exit_code(), error))?;
    say_written(&context.project, flake.written());
    Ok(flake)
}

/// Says how many files of the project's flake had to be written, where any had to.
fn say_written(project: &std::path::Path, written: Option<flake::Written>) {
    if let Some(written) = written.filter(|it| it.written + it.removed > 0) {
        output::note(&format!(
            "flake: brought {} up to date ({} written)",
            shown(project),
            count(written.written, "file")
        ));
    }
}

/// Refuses what -C names where it is no folder: whoever mistypes it would be answered for another project.
fn is_folder(named: &Path) -> Result<()> {
    let found = std::fs::metadata(named);
    let (what, help) = match &found {
        Ok(facts) if facts.is_dir() => return Ok(()),
        Ok(_) => (
            "-C names no folder, but a file",
            "name the folder".to_owned(),
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (
            "-C names a folder that is not there",
            format!("`kflake init {}` makes it a project", shown(named)),
        ),
        // whoever reads there says why
        Err(_) => return Ok(()),
    };
    let text = format!("{what}: {}", shown(named));
    Err(Failure::message(exit::USAGE, text, Some(help)))
}

impl Context {
    /// The context of a command on `project`; none: the nearest one upwards, else this folder. `reads`: whether what the project
    /// remembers is wanted. `makes`: whether the command makes a folder that is not there.
    fn new(
        project: Option<PathBuf>,
        store: Option<PathBuf>,
        reads: bool,
        makes: bool,
    ) -> Result<Context> {
        let here = std::env::current_dir();
        if project.as_ref().is_none_or(|it| it.is_relative())
            && here
                .as_ref()
                .is_err_and(|it| it.kind() == std::io::ErrorKind::NotFound)
        {
            return Err(Failure::message(
                exit::IO,
                "the folder that this shell is in is gone: somebody removed it",
                Some("`cd` to one that is there".to_owned()),
            ));
        }
        if let Some(folder) = project.as_ref().filter(|_| !makes) {
            is_folder(folder)?;
        }
        let here = here.ok();
        let found = match (&project, &here) {
            (None, Some(here)) if reads => choices::find(here),
            _ => None,
        };
        let chosen = project.is_some() || found.is_some();
        let found = found.filter(|it| Some(it) != here.as_ref());
        let project = project.or(found).unwrap_or_else(|| PathBuf::from("."));
        let choices = match reads {
            true => {
                Choices::read(&project).map_err(|error| Failure::new(error.exit_code(), error))?
            }
            false => Choices::default(),
        };
        Ok(Context {
            project,
            choices,
            chosen,
            store,
        })
    }

    /// Refuses to make a home folder, or the root of all, a project by accident: only who names it means it.
    fn not_home(&self) -> Result<()> {
        let own = |path: &Path| path.canonicalize().ok();
        let here = own(&self.project);
        let home = std::env::var_os("HOME").and_then(|home| own(Path::new(&home)));
        let what = match here {
            _ if self.chosen => return Ok(()),
            Some(here) if here == Path::new("/") => "the root of the file system",
            Some(here) if Some(&here) == home.as_ref() => "your home folder",
            _ => return Ok(()),
        };
        Err(Failure::message(
            exit::USAGE,
            format!("this is {what} and was never made a project: nothing was written"),
            Some("`kflake init DIR` makes a folder a project; -C . uses this one".to_owned()),
        ))
    }

    /// Sources of toolchains: those that were asked for, else those that the project remembers.
    fn toolchains(&self, asked: &[SourceKind]) -> Vec<SourceKind> {
        match asked.is_empty() {
            true => self.choices.toolchains.clone(),
            false => asked.to_owned(),
        }
    }

    /// The matrix, with the project's own data over it.
    fn catalog(&self) -> Result<Catalog> {
        let catalog = Catalog::load(&self.project).map_err(Failure::load)?;
        let findings = crate::check::trespasses(&catalog);
        match findings.is_empty() {
            true => Ok(catalog),
            false => Err(Failure::load(LoadError::Findings { findings })),
        }
    }

    /// Opens `name` of the project's own data, to change it.
    fn edit(&self, name: &str) -> Result<ProjectFile> {
        self.not_home()?;
        ProjectFile::open(&self.project, name).map_err(|error| Failure::new(exit::IO, error))
    }

    /// Where the link `name` belongs that keeps something in the store for this project.
    fn root(&self, name: &str) -> Result<PathBuf> {
        let refused = |path, source| Failure::new(exit::IO, files::LockError::Io { path, source });
        let roots = files::state(&self.project, "roots")
            .map_err(|source| refused(self.project.join(files::STATE), source))?;
        // Nix would blame its store
        files::may_write(&roots).map_err(|source| refused(roots.clone(), source))?;
        Ok(roots.join(name))
    }

    /// Lets the store forget what the link `name` keeps for this project.
    fn forget_root(&self, name: &str) -> Result<()> {
        let root = self.root(name)?;
        files::remove(&root)
            .map(drop)
            .map_err(|source| Failure::new(exit::IO, files::LockError::Io { path: root, source }))
    }

    /// Nix, in the store that the command line names.
    fn nix(&self) -> Result<Nix> {
        Nix::probe(self.store.as_deref()).map_err(Failure::nix)
    }

    /// The package set that a command works with: the one that was asked for, else the one that the project remembers, else the
    /// one that its lock has.
    fn packages(&self, asked: Option<&Packages>) -> Result<Packages> {
        match asked.or(self.choices.packages.as_ref()) {
            Some(packages) => Ok(packages.clone()),
            None => Project::new(&self.project)
                .packages()
                .map_err(|error| Failure::new(error.exit_code(), error)),
        }
    }

    /// Where pins are looked for: what the matrix says, this machine's apt for Debian's, and what the environment overrides.
    fn mirrors(&self, catalog: &Catalog) -> Mirrors {
        let bases = catalog
            .mirrors
            .iter()
            .map(|(scheme, urls)| (scheme.to_string(), urls.clone()));
        Mirrors::new(bases)
            .with_apt(&Apt::read(Path::new("/etc/apt")))
            .with_environment(std::env::vars_os())
    }
}

/// Parses the command line, runs it, and prints the error if there is one.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(error),
    };
    if let Err(error) = interrupt::listen(files::drop_unfinished) {
        output::complain(&format!("error: cannot listen for signals: {error}\n"));
        return exit::IO.into();
    }
    match run(cli) {
        // whoever left needs no words about it
        Ok(exit::INTERRUPTED) if output::reader_left() => exit::UNREAD.into(),
        Err(failure) if failure.code == exit::INTERRUPTED && output::reader_left() => {
            exit::UNREAD.into()
        }
        Ok(exit::INTERRUPTED) => interrupt::exit_code().into(),
        Ok(code) => code.into(),
        Err(failure) if failure.code == exit::INTERRUPTED => {
            output::note("interrupted");
            interrupt::exit_code().into()
        }
        Err(failure) => {
            output::complain(&render::diagnostic(
                &*failure.report,
                render::terminal_width(),
            ));
            failure.code.into()
        }
    }
}

/// Prints what clap has to say: help and version where they were asked for, else what is wrong with the command line.
fn refuse(mut error: clap::Error) -> ExitCode {
    use clap::error::ContextValue;
    let foreign: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(clean(text)))),
            ContextValue::Strings(list) => {
                let list = list.iter().map(|text| clean(text)).collect();
                Some((kind, ContextValue::Strings(list)))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in foreign {
        error.insert(kind, value);
    }
    let text = match slip(&mut error) {
        None => error.render().ansi().to_string(),
        Some(tip) => format!("{}\n  tip: {tip}\n", error.render().ansi()),
    };
    if error.use_stderr() {
        output::complain(&render::lines(&text, render::terminal_width()));
        return exit::USAGE.into();
    }
    match output::print(&text) {
        Ok(()) => exit::OK.into(),
        Err(failure) => failure.code.into(),
    }
}

/// What other tools call what kflake does.
const OTHER_WORDS: [(&str, &str); 15] = [
    ("module", "build-module"),
    ("modules", "build-module"),
    ("dkms", "build-module"),
    ("config", "build --targets config"),
    ("defconfig", "build --targets config"),
    ("menuconfig", "build --targets config"),
    ("configure", "build --targets config"),
    ("run", "boot"),
    ("qemu", "boot"),
    ("start", "boot"),
    ("update", "pins update"),
    ("upgrade", "pins update"),
    ("test", "validate"),
    ("clean", "gc"),
    ("version", "--version"),
];

/// What was probably meant where clap has no advice, or advice that leads astray.
fn slip(error: &mut clap::Error) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let said = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let given = said(error, ContextKind::InvalidArg);
            // what looks like an option is a slip, and seldom the value of another
            error.remove(ContextKind::Suggested);
            let bare = given.trim_start_matches(['\u{2013}', '\u{2014}', '\u{2212}']);
            (bare != given).then(|| format!("an option begins with two hyphens: --{bare}"))
        }
        // the value was taken for an option
        ErrorKind::InvalidValue if said(error, ContextKind::InvalidValue).is_empty() => {
            let option = said(error, ContextKind::InvalidArg);
            option.starts_with("--make-flag").then(|| {
                "a value that begins with a hyphen is joined to its option: --make-flag=-x"
                    .to_owned()
            })
        }
        ErrorKind::ValueValidation => {
            let is_version = said(error, ContextKind::InvalidArg).contains("VERSION");
            let value = said(error, ContextKind::InvalidValue);
            let catalog = Catalog::embedded().ok().filter(|_| is_version)?;
            if catalog.arch(&value).is_ok() {
                Some("the version comes first, then the arch: 6.1.192 arm64".to_owned())
            } else if catalog.cell(&value).is_ok() {
                Some(format!(
                    "{value} is a cell; here a version and an arch are asked for: 6.1.192 arm64"
                ))
            } else {
                None
            }
        }
        ErrorKind::InvalidSubcommand => {
            let given = said(error, ContextKind::InvalidSubcommand);
            let (_, meant) = OTHER_WORDS.iter().find(|(word, _)| *word == given)?;
            error.remove(ContextKind::SuggestedSubcommand);
            Some(format!("did you mean kflake {meant}?"))
        }
        _ => None,
    }
}

/// Runs one subcommand; its value is the exit code.
fn run(cli: Cli) -> Result<u8> {
    let about_none = matches!(
        cli.command,
        Command::Init(_) | Command::Completions(_) | Command::Man(_)
    );
    let makes = match &cli.command {
        Command::Gen(_) => true,
        Command::Kernel(args) => args.makes_folder(),
        Command::Pins(args) => args.makes_folder(),
        _ => about_none,
    };
    let context = &Context::new(cli.project, cli.store, !about_none, makes)?;
    match cli.command {
        Command::Boot(args) => boot::run(&args, context),
        Command::Build(args) => build::run(&args, context),
        Command::BuildModule(args) => build_module::run(&args, context),
        Command::Gc(args) => gc::run(&args, context),
        Command::Gen(args) => r#gen::run(args, context),
        Command::Init(args) => init::run(args, context),
        Command::Image(args) => image::run(&args, context),
        Command::Kernel(args) => kernel::run(args, context),
        Command::Nix(args) => nix::run(&args, context),
        Command::Pins(args) => pins::run(args, context),
        Command::Probe(args) => probe::run(&args, context),
        Command::Container(args) => container::run(&args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Resolve(args) => resolve::run(&args, context),
        Command::Check(args) => check::run(&args, context),
        Command::Explain(args) => lints::run(&args, context),
        Command::Sdk(args) => sdk::run(&args, context),
        Command::Report(args) => report::run(args, context),
        Command::Validate(args) => validate::run(&args, context),
        Command::Completions(args) => completions::run(&args, context),
        Command::Man(args) => man::run(&args, context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed for a command line that is refused.
    fn refused(words: &str) -> String {
        let words = std::iter::once("kflake").chain(words.split(' '));
        let Err(mut error) = Cli::try_parse_from(words) else {
            return String::new();
        };
        let tip = slip(&mut error).unwrap_or_default();
        format!("{error}\n{tip}")
    }

    #[test]
    fn refusals_fit_the_terminal() {
        for words in ["resolve latest arm64", "image"] {
            let said = refused(words);
            assert!(said.lines().any(|line| line.len() > 80), "{words}: {said}");
            let filled = render::lines(&said, Some(80));
            assert!(
                filled.lines().all(|line| line.len() <= 80),
                "{words}: {filled}"
            );
            let words_of = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(words_of(&filled), words_of(&said));
        }
    }

    #[test]
    fn slips_of_the_command_line_get_the_advice_that_fits() {
        for (words, advice) in [
            (
                "build 6.1.192 arm64 --out o \u{2014}config x",
                "two hyphens: --config",
            ),
            ("build 6.1.192 arm64 --out o --taregts x", "--targets"),
            ("resolve arm64 6.1.192", "the version comes first"),
            ("resolve aarch64 6.1.192", "the version comes first"),
            ("resolve k6-arm64 arm64", "k6-arm64 is a cell"),
            ("module x", "did you mean kflake build-module?"),
            ("config", "did you mean kflake build --targets config?"),
            ("version", "did you mean kflake --version?"),
            ("bulid", "'build'"),
            ("boot 6.1.192 arm64 --smp 0", "it has to be 1 or more"),
            ("boot 6.1.192 arm64 --smp 4x", "it is not a whole number"),
            (
                "build-module m --kernel 6.1 --arch arm64 --out o --make-flag -j4",
                "joined to its option: --make-flag=-x",
            ),
            ("validate --jobs 0", "it has to be 1 or more"),
            ("validate --retries x", "it is not a whole number"),
            (
                "build 6.1.192 arm64 --out o -j 99999999999999999999",
                "that is too many",
            ),
        ] {
            let said = refused(words);
            assert!(said.contains(advice), "{words}: {said}");
            assert!(!said.contains("to pass"), "{words}: {said}");
        }
        let said = refused("boot 6.1.192 arm64 --gdb=99999");
        assert!(
            said.contains("a port is a number from 1 to 65535"),
            "{said}"
        );
        for (_, meant) in OTHER_WORDS {
            if meant == "--version" {
                assert!(refused(meant).starts_with("kflake "));
                continue;
            }
            let said = refused(&format!("{meant} --no-such-option"));
            assert!(said.contains("'--no-such-option'"), "{meant}: {said}");
        }
        assert_eq!(refused("resolve 6.1.192 arm64"), "");
        // an option of no command's gets no advice that leads astray
        let said = refused("resolve 6.1.192 arm64 --cross-compile x");
        assert!(
            said.contains("unexpected argument '--cross-compile'"),
            "{said}"
        );
        assert!(!said.contains("tip"), "{said}");
    }
}
