//! The options of `kflake validate`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use jiff::Timestamp;

use crate::catalog::{Catalog, Compiler, SourceKind};
use crate::cli::limit::{BOOT_MARGIN, Limit, by_stage, stage};
use crate::cli::{Context, Failure, Result};
use crate::exit;
use crate::files::Own;
use crate::packages::Packages;
use crate::project::STATE;
use crate::validate::{BootLimits, Limits, Options, Selection, Shard, Stage};
use crate::version::{KernelVersion, ToolVersion};

/// Build and boot the matrix, or part of it, and report what really works
///
/// Brings the project's generated flake up to date, evaluates it once, and has Nix build the stages of every selected cell:
/// toolchain, kernel, module, boot. Reports of earlier runs are kept in runs/ in the report folder. Exits with 0 if
/// everything passed, 1 if something failed, 5 if there was nothing to try, 130 if interrupted. With --bands, a kernel that
/// needs a file which could not be fetched counts as not tried. A shard without a cell to try exits with 0 if another has one. What
/// kflake.toml expects to fail is no failure; that it passes is one.
#[derive(Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  kflake validate --era k6 --arch arm64 --packages debian --toolchains debian\n  \
    kflake validate --tag big-endian --stage kernel --dry-run\n  kflake validate --bands\n  kflake validate --resume"
)]
pub struct Args {
    /// Only these eras: k2.6 (or k26), k3, k4, k6, k7
    #[arg(
        long,
        visible_alias = "band",
        value_name = "ERA",
        value_delimiter = ','
    )]
    era: Vec<String>,
    /// Only these arches
    #[arg(long, value_name = "ARCH", value_delimiter = ',')]
    arch: Vec<String>,
    /// Only these cells: k6-arm64
    #[arg(long, value_name = "CELL", value_delimiter = ',')]
    cell: Vec<String>,
    /// Only cells with all these tags: big-endian, little-endian, 32-bit, 64-bit, a source, a libc, the kernel's ARCH
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tag: Vec<String>,
    /// Leave out cells, eras, arches or tags
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    exclude: Vec<String>,
    /// Go no further than this stage [default: boot]
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    stage: Option<Stage>,
    /// The stock kernel of each era, with its boards' own configurations, as the flake's validate-bands has them; no further than
    /// the kernel, unless --stage says so
    #[arg(long, conflicts_with_all = ["kernel", "profile"])]
    pub bands: bool,
    /// These kernels instead of the eras' own
    #[arg(long, value_name = "VERSION", value_delimiter = ',')]
    kernel: Vec<KernelVersion>,
    /// Only this share of the cells that are selected: 2/5 is the second of five. All shares together are the selection, and no cell
    /// is in two
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Only toolchains with this gcc: 12, 12.2
    #[arg(long, value_name = "VERSION")]
    gcc: Option<ToolVersion>,
    /// Only toolchains with this clang: 19
    #[arg(long, value_name = "VERSION", conflicts_with = "gcc")]
    clang: Option<ToolVersion>,
    /// Configuration: tiny, or board for the board's own defconfig
    #[arg(long, value_name = "PROFILE", value_parser = ["tiny", "board"])]
    profile: Option<String>,
    /// Where a build's own tools come from: nixpkgs, debian (pinned Debian packages), or debian:SUITE [default: what
    /// kflake.toml says, else what the project's flake.lock has]
    #[arg(long, value_name = "SET")]
    pub packages: Option<Packages>,
    /// Toolchain sources to use, in order of preference [default: what kflake.toml says, else each era's own order]
    #[arg(long, value_name = "SOURCE,…", value_delimiter = ',')]
    pub toolchains: Vec<SourceKind>,
    /// Folder for report.json, logs and journal [default: what kflake.toml says, else report/ in the project]
    #[arg(long, value_name = "DIR", value_parser = crate::cli::place::output())]
    report: Option<PathBuf>,
    /// Show the plan, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Start a large run without asking; the estimate of its cost is shown all the same
    #[arg(long, short)]
    pub yes: bool,
    /// Print JSON: the report, or with --dry-run the plan
    #[arg(long)]
    pub json: bool,
    /// Builds to run at once [default: depends on this machine's cores]
    #[arg(long, value_name = "N", value_parser = crate::cli::limit::whole::<NonZeroUsize>)]
    jobs: Option<NonZeroUsize>,
    /// Cores that each build may use [default: depends on this machine's cores]
    #[arg(long, value_name = "N", value_parser = crate::cli::limit::whole::<NonZeroUsize>)]
    cores: Option<NonZeroUsize>,
    /// Stop a build after this time: 90s, 20m, 3h; for one stage: boot=5m
    #[arg(long, value_name = "[STAGE=]TIME", value_delimiter = ',')]
    timeout: Vec<Limit>,
    /// Stop a build after this time without output
    #[arg(long, value_name = "[STAGE=]TIME", value_delimiter = ',')]
    silence_timeout: Vec<Limit>,
    /// End the run at the first failure
    #[arg(long)]
    fail_fast: bool,
    /// Retry downloads, and builds that failed through the machine's fault, this many times [default: 1]
    #[arg(long, value_name = "N", value_parser = crate::cli::limit::whole::<u32>)]
    retries: Option<u32>,
    /// Build these stages of the cells again, and the ones after them, even if they were built before: boot, kernel
    #[arg(long, value_name = "STAGE", value_parser = stage, value_delimiter = ',', conflicts_with = "resume")]
    fresh: Vec<Stage>,
    /// Continue the last run in the report folder, with the same selection; what failed through the machine's fault is
    /// tried again
    #[arg(long)]
    pub resume: bool,
    /// Add what was measured to the project's matrix/evidence.json
    #[arg(long)]
    pub record: bool,
    /// Write events to this file, one JSON object per line
    #[arg(long, value_name = "FILE", value_parser = crate::cli::place::output())]
    pub events: Option<PathBuf>,
}

impl Args {
    /// The folder for the report.
    pub fn report(&self, context: &Context) -> PathBuf {
        let own = || context.choices.report(&context.project);
        self.report.clone().unwrap_or_else(own)
    }

    /// Refuses a folder for the report that holds something else, before anything is written; and one that the project has chosen, and
    /// that a link leads to: only who names it may have it anywhere.
    pub fn may_report(&self, context: &Context) -> Result<()> {
        if let Some(folder) = &self.report {
            return Own::may_open(folder).map_err(|error| Failure::new(exit::IO, error));
        }
        let own = context.choices.own_report(&context.project);
        let own = own.map_err(|error| {
            let help = "name a folder with --report, or put one in the place of the link";
            Failure::message(exit::IO, error.to_string(), Some(help.to_owned()))
        })?;
        Own::may_open(&own).map_err(|error| Failure::new(exit::IO, error))
    }

    /// An option about what to run that is given, and is not as in `began`.
    pub fn differs(&self, began: &Args) -> Option<&'static str> {
        fn lists<T: PartialEq>(own: &[T], other: &[T]) -> bool {
            !own.is_empty() && own != other
        }
        fn one<T: PartialEq>(own: Option<&T>, other: Option<&T>) -> bool {
            own.is_some() && own != other
        }
        let all = [
            ("--era", lists(&self.era, &began.era)),
            ("--arch", lists(&self.arch, &began.arch)),
            ("--cell", lists(&self.cell, &began.cell)),
            ("--tag", lists(&self.tag, &began.tag)),
            ("--exclude", lists(&self.exclude, &began.exclude)),
            ("--bands", self.bands && !began.bands),
            ("--kernel", lists(&self.kernel, &began.kernel)),
            ("--shard", one(self.shard.as_ref(), began.shard.as_ref())),
            ("--stage", one(self.stage.as_ref(), began.stage.as_ref())),
            ("--gcc", one(self.gcc.as_ref(), began.gcc.as_ref())),
            ("--clang", one(self.clang.as_ref(), began.clang.as_ref())),
            (
                "--profile",
                one(self.profile.as_ref(), began.profile.as_ref()),
            ),
            (
                "--packages",
                one(self.packages.as_ref(), began.packages.as_ref()),
            ),
            ("--toolchains", lists(&self.toolchains, &began.toolchains)),
        ];
        all.iter()
            .find(|(_, differs)| *differs)
            .map(|(name, _)| *name)
    }

    /// These options about how to run, on what `began` had selected.
    pub fn after(&self, began: Args) -> Args {
        let or = |own: &Vec<Limit>, other: Vec<Limit>| match own.is_empty() {
            true => other,
            false => own.clone(),
        };
        Args {
            report: self.report.clone(),
            dry_run: self.dry_run,
            json: self.json,
            yes: self.yes,
            jobs: self.jobs.or(began.jobs),
            cores: self.cores.or(began.cores),
            timeout: or(&self.timeout, began.timeout),
            silence_timeout: or(&self.silence_timeout, began.silence_timeout),
            fail_fast: self.fail_fast,
            retries: self.retries.or(began.retries),
            resume: true,
            record: self.record,
            events: self.events.clone(),
            ..began
        }
    }

    /// What is asked for.
    pub fn selection(&self, context: &Context) -> Result<Selection> {
        let all: Vec<SourceKind> = context.toolchains(&self.toolchains);
        let clang = self.clang.clone().map(Compiler::Clang);
        let compiler = self.gcc.clone().map(Compiler::Gcc).or(clang);
        if let Some(compiler) = &compiler
            && self.stage.is_none()
            && self.toolchains.is_empty()
            && self.kernel.is_empty()
            && self.era.is_empty()
            && !self.bands
        {
            // a compiler alone would take every cell of every era off its toolchain
            return Err(Failure::message(
                exit::USAGE,
                format!("--{} needs to know for which kernels", compiler.name()),
                Some("add --era or --kernel".to_owned()),
            ));
        }
        Ok(Selection {
            eras: self.era.clone(),
            arches: self.arch.clone(),
            cells: self.cell.clone(),
            tags: self.tag.clone(),
            exclude: self.exclude.clone(),
            kernels: self.kernel.clone(),
            stock: self.bands,
            compiler,
            toolchain: None,
            stage: self.stage,
            sources: all.into(),
            profile: self.profile.clone(),
            boot: self.boot_limits(context),
            fresh: self.fresh.clone(),
        })
    }

    /// What is said of boots by name goes into the boot test, where QEMU is watched.
    fn boot_limits(&self, context: &Context) -> BootLimits {
        let said = |limits: &[Limit]| {
            let boot = limits
                .iter()
                .rfind(|limit| limit.stage == Some(Stage::Boot))?;
            u32::try_from(boot.time.as_secs()).ok()
        };
        let own = &context.choices.defaults;
        let first = |asked: &[Limit], own: &[Limit]| said(asked).or_else(|| said(own));
        let default = BootLimits::default();
        BootLimits {
            wall: first(&self.timeout, &own.timeout).unwrap_or(default.wall),
            silence: first(&self.silence_timeout, &own.silence_timeout).unwrap_or(default.silence),
        }
    }

    /// How the run is to be done.
    pub fn options(&self, context: &Context, catalog: &Catalog, started: Timestamp) -> Options {
        let project = &context.project;
        let own = &context.choices.defaults;
        let times = |own: &[Limit], asked: &[Limit]| {
            let mut times = by_stage(own, BOOT_MARGIN);
            times.extend(by_stage(asked, BOOT_MARGIN));
            times
        };
        let state = project.join(STATE);
        let machine = available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = self
            .jobs
            .or(own.jobs)
            .map_or_else(|| default_jobs(machine), NonZeroUsize::get);
        let cores = self
            .cores
            .or(own.cores)
            .map_or_else(|| default_cores(machine, jobs), NonZeroUsize::get);
        Options {
            report: self.report(context),
            history: Some(state.join("history.json")),
            roots: Some(state.join("roots")),
            sizes: catalog.file_sizes(),
            jobs,
            cores,
            limits: Limits {
                wall: times(&own.timeout, &self.timeout),
                silence: times(&own.silence_timeout, &self.silence_timeout),
            },
            fail_fast: self.fail_fast,
            retries: self.retries.or(own.retries).unwrap_or(1),
            started,
            resume: self.resume,
            project: project.clone(),
            command: command(),
        }
    }
}

/// Two builds at least, so that one's serial parts are filled by the other.
fn default_jobs(machine: usize) -> usize {
    (machine / 4).max(2)
}

/// Twice what there is, shared out: builds are seldom all in their parallel parts at once, and the last one has all.
fn default_cores(machine: usize, jobs: usize) -> usize {
    (2 * machine).div_ceil(jobs).clamp(1, machine)
}

/// The command line, as it can be repeated.
fn command() -> Vec<String> {
    let words = std::env::args_os().skip(1);
    // for people: a word that is no UTF-8 cannot be in JSON
    let words = words.map(|word| word.to_string_lossy().into_owned());
    std::iter::once("kflake".to_owned()).chain(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_kept_busy_but_not_flooded() {
        for (machine, jobs, cores) in [(1, 2, 1), (2, 2, 2), (4, 2, 4), (16, 4, 8), (64, 16, 8)] {
            assert_eq!(default_jobs(machine), jobs, "{machine}");
            assert_eq!(default_cores(machine, jobs), cores, "{machine}");
        }
    }
}
