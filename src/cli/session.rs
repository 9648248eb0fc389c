//! What the commands that build one thing share: their options, Nix, and the run.

mod realise;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;

use super::limit::{BOOT_MARGIN, Limit, by_stage};
use super::{Context, Failure, Result, kernel_folder};
use crate::blame::FailureTable;
use crate::build::{Evaluated, Planner};
use crate::catalog::{Catalog, SourceKind};
use crate::interrupt;
use crate::nix::{Nix, Settings};
use crate::packages::Packages;
use crate::project::{Project, Request, STATE};
use crate::run::{Limits, Options, Stage};

/// Time for what a person asks for by itself: a kernel of every module takes long on a small machine.
const LONG: Duration = Duration::from_secs(12 * 3600);

/// Options about how to build.
#[derive(clap::Args)]
pub struct BuildArgs {
    /// Where a build's own tools come from: nixpkgs, debian (pinned Debian packages), or debian:SUITE [default: what
    /// kflake.toml says, else what the project's flake.lock has]
    #[arg(long, value_name = "SET")]
    pub(super) packages: Option<Packages>,
    /// Take toolchains from these sources only, in this order (bootlin, musl, kernel-only, debian, korg, llvm) [default: what
    /// kflake.toml says, else each era's own]
    #[arg(long, value_name = "SOURCE,…", value_delimiter = ',')]
    pub(super) toolchains: Vec<SourceKind>,
    /// Cores to use; 0: all [default: all]
    #[arg(long, short = 'j', value_name = "N", value_parser = super::limit::whole::<usize>)]
    cores: Option<usize>,
    /// Stop a build after this time: 90s, 20m, 3h; for one stage: kernel=5h [default: 12h]
    #[arg(long, value_name = "[STAGE=]TIME", value_delimiter = ',')]
    timeout: Vec<Limit>,
    /// Stop a build after this time without output [default: 30m]
    #[arg(long, value_name = "[STAGE=]TIME", value_delimiter = ',')]
    silence_timeout: Vec<Limit>,
    /// Retry downloads, and builds that failed through the machine's fault, this many times [default: 1]
    #[arg(long, value_name = "N", value_parser = super::limit::whole::<u32>)]
    retries: Option<u32>,
    /// Show the build's output
    #[arg(long, short)]
    pub(super) verbose: bool,
}

impl BuildArgs {
    /// The options, and what the project remembers, as words of a command line.
    pub fn words(&self, context: &Context) -> Vec<String> {
        let mut words = Vec::new();
        let packages = self.packages.as_ref();
        if let Some(packages) = packages.or(context.choices.packages.as_ref()) {
            words.extend(["--packages".to_owned(), packages.to_string()]);
        }
        let toolchains = context.toolchains(&self.toolchains);
        if !toolchains.is_empty() {
            let names: Vec<&str> = toolchains.iter().map(|it| it.as_str()).collect();
            words.extend(["--toolchains".to_owned(), names.join(",")]);
        }
        words
    }
}

impl BuildArgs {
    /// Sources of toolchains, as asked for or as the project remembers.
    pub fn sources(&self, context: &Context) -> Vec<SourceKind> {
        context.toolchains(&self.toolchains)
    }

    /// Cores to use, as asked for or as the project remembers; 0: all.
    pub fn cores(&self, context: &Context) -> usize {
        let own = context.choices.defaults.cores.map(NonZeroUsize::get);
        self.cores.or(own).unwrap_or(0)
    }

    /// How a run is to be done, with its logs in `logs`.
    pub(super) fn options(&self, context: &Context, catalog: &Catalog, logs: PathBuf) -> Options {
        let project = &context.project;
        let defaults = &context.choices.defaults;
        let state = project.join(STATE);
        let long = Stage::ALL.map(|stage| (stage, LONG));
        let mut wall: BTreeMap<Stage, Duration> = long.into();
        wall.extend(by_stage(&defaults.timeout, BOOT_MARGIN));
        wall.extend(by_stage(&self.timeout, BOOT_MARGIN));
        let mut silence = by_stage(&defaults.silence_timeout, BOOT_MARGIN);
        silence.extend(by_stage(&self.silence_timeout, BOOT_MARGIN));
        Options {
            report: logs,
            // a folder without state is none of kflake's yet, and stays so
            history: state.is_dir().then(|| state.join("history.json")),
            roots: None,
            sizes: catalog.file_sizes(),
            jobs: 1,
            // Nix hands a 0 on to builders as it is
            cores: match self.cores(context) {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                cores => cores,
            },
            limits: Limits { wall, silence },
            fail_fast: false,
            retries: self.retries.or(defaults.retries).unwrap_or(1),
            started: Timestamp::now(),
            resume: false,
            project: project.to_owned(),
            command: Vec::new(),
        }
    }
}

/// Options about a configuration.
#[derive(clap::Args, Default)]
pub struct ConfigArgs {
    /// What to start from: a configuration that the tree knows by name, a .config file, or the profile `tiny`
    /// [default: the board's own, else defconfig]
    #[arg(long, alias = "kconfig", value_name = "CONFIG")]
    pub config: Option<String>,
    /// Apply on top, in order: CONFIG_X=y, `# CONFIG_X is not set`, a file, or a fragment of the tree (NAME.config)
    #[arg(short = 'K', long = "kconfig-add", value_name = "FRAGMENT")]
    pub fragments: Vec<String>,
    /// Fail if a requested symbol does not end up as asked
    #[arg(long)]
    pub strict: bool,
}

/// Nix and a planner, ready.
pub struct BuildSession<'c> {
    pub nix: Nix,
    pub settings: Settings,
    pub planner: Planner<'c>,
    catalog: &'c Catalog,
    context: &'c Context,
    table: FailureTable,
    options: Options,
    verbose: bool,
    pub stop: Arc<AtomicBool>,
}

impl<'c> BuildSession<'c> {
    pub fn new(
        catalog: &'c Catalog,
        context: &'c Context,
        args: &BuildArgs,
    ) -> Result<BuildSession<'c>> {
        let nix = context.nix()?;
        let settings = Settings {
            packages: context.packages(args.packages.as_ref())?,
            mirrors: context.mirrors(catalog),
        };
        let planner = Planner::new(
            catalog,
            Project::new(&context.project),
            context.toolchains(&args.toolchains),
        )
        .map_err(|error| Failure::new(error.exit_code(), error))?;
        let options = args.options(context, catalog, planner.logs());
        Ok(BuildSession {
            nix,
            settings,
            planner,
            catalog,
            context,
            table: FailureTable::new(catalog),
            options,
            verbose: args.verbose,
            stop: interrupt::flag(),
        })
    }

    /// A line about what is going on.
    pub fn say(&self, text: &str) {
        super::output::note(text);
    }

    /// A line for those who want to see everything.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }

    /// What `request` evaluates to.
    pub fn evaluate(&self, request: Request) -> Result<Evaluated> {
        // a kernel of the user's own is the one that is named
        let given = request.boot.as_ref().is_some_and(|it| it.kernel.is_some());
        if !given {
            kernel_folder::warn(&request.version, self.catalog, self.context);
        }
        let evaluated = self
            .planner
            .evaluate(&self.nix, &self.settings, request, &self.stop)
            .map_err(|error| Failure::new(error.exit_code(), error))?;
        super::say_written(&self.context.project, evaluated.written);
        Ok(evaluated)
    }
}
