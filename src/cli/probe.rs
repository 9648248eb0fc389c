//! `kflake probe`: which compilers build and boot a kernel, found by building.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::progress::{Detail, Watch};
use super::session::BuildArgs;
use super::{Context, Failure, Result, kernel_folder, output};
use crate::blame::FailureTable;
use crate::catalog::{Catalog, SourceKind};
use crate::doctor;
use crate::exit;
use crate::files;
use crate::id::{ArchId, ToolchainId};
use crate::interrupt::{self, Finishing};
use crate::nix::Settings;
use crate::probe::{self, Answer, Candidate, NothingToProbe, Proposal, Search, Trial, Tried};
use crate::project::Flake;
use crate::report::text::count;
use crate::resolve::SourceOrder;
use crate::text::clean;
use crate::validate::{self, RunRecord, Selection, Stage, Tools};
use crate::version::{KernelVersion, ToolVersion};

/// Find the oldest and the newest compiler that a kernel works with, by building it
///
/// Builds and boots the kernel with the compilers at hand: first with the one that the resolver picks, then with the oldest
/// and the newest, then halfway between one that works and one that fails, until both ends are known. A constraint that
/// rules a compiler out does not keep it from being tried. Each answer is added to the project's matrix/evidence.json, and
/// builds are kept in the Nix store, so that the same command picks up where it was interrupted. Where a compiler fails and
/// no constraint says so, one is proposed.
///
/// With --kernel-range, one compiler (--gcc) is tried on the kernels that the project has registered.
#[derive(clap::Args)]
#[command(
    allow_missing_positional = true,
    after_help = "Examples:\n  kflake probe 6.1.192 arm64 --packages debian\n  kflake probe 3.18.140 mipsel --stage kernel --write\n  \
    kflake probe --kernel-range --gcc 12 arm64"
)]
pub struct Args {
    /// Kernel version, such as 6.1.192
    #[arg(
        required_unless_present = "kernel_range",
        conflicts_with = "kernel_range"
    )]
    version: Option<KernelVersion>,
    /// Arch, such as arm64; aarch64, amd64, ppc64le and the like are understood
    #[arg(required = true)]
    arch: String,
    /// Try one compiler on a range of kernels, instead of a range of compilers on one kernel
    #[arg(long, requires = "gcc")]
    kernel_range: bool,
    /// The compiler for --kernel-range: 12, 12.2
    #[arg(long, value_name = "VERSION", requires = "kernel_range")]
    gcc: Option<ToolVersion>,
    /// The kernels for --kernel-range [default: those registered in the project]
    #[arg(
        long,
        value_name = "VERSION",
        value_delimiter = ',',
        requires = "kernel_range"
    )]
    kernel: Vec<KernelVersion>,
    /// How far a kernel has to get: kernel, module, boot [default: boot]
    #[arg(long, value_name = "STAGE", value_parser = super::limit::stage)]
    stage: Option<Stage>,
    /// Add the constraints that the answers ask for to the project's matrix/constraints.json
    #[arg(long)]
    write: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    session: BuildArgs,
}

/// Runs `kflake probe`.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let arch = catalog.arch(&args.arch).map_err(Failure::unknown)?;
    let mut sources = context.toolchains(&args.session.toolchains);
    if sources.is_empty() {
        // compilers that need no building
        sources.push(SourceKind::Debian);
    }
    let order = SourceOrder::from(sources.clone());
    let (row, first) = row(args, &catalog, &order, arch)?;
    context.not_home()?;
    let kernels: BTreeSet<&KernelVersion> = row.iter().map(|it| &it.kernel).collect();
    kernel_folder::warn(kernels, &catalog, context);
    let ids: Vec<ToolchainId> = row.iter().map(|it| it.toolchain.id.clone()).collect();
    let nix = context.nix()?;
    let settings = Settings {
        packages: context.packages(args.session.packages.as_ref())?,
        mirrors: context.mirrors(&catalog),
    };
    let table = FailureTable::new(&catalog);
    let stop = interrupt::flag();
    let tools = Tools {
        nix: &nix,
        settings: &settings,
        table: &table,
        stop: &stop,
    };
    let flake = super::flake_with(context, &catalog, tools, sources, ids)?;
    let builder = Builder {
        args,
        context,
        catalog: &catalog,
        arch,
        order,
        tools,
        flake: &flake,
    };

    if !args.json {
        output::line(&heading(args, arch, &row))?;
    }
    let mut search = Search::new(row.len(), first);
    let mut answers: Vec<Option<Answer>> = vec![None; row.len()];
    while let Some(next) = search.next() {
        let Some(answer) = builder.try_one(&row[next])? else {
            return Ok(exit::INTERRUPTED);
        };
        search.tell(next, answer.trial);
        if !args.json {
            output::line(&format!("  {}", outcome(args, &row[next], &answer)))?;
        }
        answers[next] = Some(answer);
    }
    let tried: Vec<Tried> = row
        .iter()
        .zip(search.trials())
        .zip(&answers)
        .map(|((candidate, trial), answer)| Tried {
            candidate,
            trial: *trial,
            stage: answer.as_ref().and_then(|it| it.stage),
            why: answer.as_ref().map_or("", |it| &it.text),
        })
        .collect();
    let proposals = probe::proposals(arch, &tried);
    match args.json {
        true => output::json(&as_json(arch, &tried, search.working(), &proposals))?,
        false => conclude(args, &tried, &search, &proposals)?,
    }
    if args.write && !proposals.is_empty() {
        write(context, &proposals)?;
    }
    Ok(match search.working() {
        Some(_) => exit::OK,
        None => exit::FAILED,
    })
}

/// What there is to try, and where to begin.
fn row<'c>(
    args: &Args,
    catalog: &'c Catalog,
    order: &SourceOrder,
    arch: &ArchId,
) -> Result<(Vec<Candidate<'c>>, usize)> {
    let fail = |error: NothingToProbe| {
        let code = match error {
            NothingToProbe::Kernel(_) => exit::UNSUPPORTED,
            NothingToProbe::NoToolchain { .. } | NothingToProbe::NoGcc { .. } => exit::NO_TOOLCHAIN,
            NothingToProbe::NoKernel { .. } => exit::USAGE,
        };
        Failure::new(code, error)
    };
    if let Some(version) = &args.version {
        let version = catalog.registered(version);
        return probe::compilers(catalog, order, version, arch).map_err(fail);
    }
    let registered = catalog.kernels.iter().filter(|(_, pin)| pin.url.is_none());
    let kernels: Vec<KernelVersion> = match args.kernel.is_empty() {
        true => registered.map(|(version, _)| version.clone()).collect(),
        false => {
            let asked = args.kernel.iter();
            asked.map(|it| catalog.registered(it).clone()).collect()
        }
    };
    let Some(gcc) = &args.gcc else {
        return Err(Failure::message(
            exit::USAGE,
            "--kernel-range needs --gcc",
            None,
        ));
    };
    let row = probe::kernels(catalog, order, &kernels, arch, gcc).map_err(fail)?;
    let middle = row.len() / 2;
    Ok((row, middle))
}

/// What it takes to try one candidate.
struct Builder<'a> {
    args: &'a Args,
    context: &'a Context,
    catalog: &'a Catalog,
    arch: &'a ArchId,
    order: SourceOrder,
    tools: Tools<'a>,
    flake: &'a Flake,
}

impl Builder<'_> {
    /// Builds and boots a candidate, and adds what was measured to the evidence; none: interrupted.
    fn try_one(&self, candidate: &Candidate<'_>) -> Result<Option<Answer>> {
        let fail = |error: validate::RunError| Failure::new(error.exit_code(), error);
        let selection = Selection {
            arches: vec![self.arch.to_string()],
            kernels: vec![candidate.kernel.clone()],
            toolchain: Some(candidate.toolchain.id.clone()),
            stage: self.args.stage,
            sources: self.order.clone(),
            ..Selection::default()
        };
        let plan = validate::plan(self.catalog, &selection)
            .map_err(|error| Failure::new(exit::USAGE, error))?;
        let manifest = validate::evaluate(
            self.tools.nix,
            self.tools.settings,
            self.flake,
            &plan,
            Timestamp::now(),
        )
        .map_err(fail)?;
        let options = self.args.session.options(
            self.context,
            self.catalog,
            report_folder(&self.context.project, self.arch, candidate)?,
        );
        let detail = match self.args.session.verbose {
            true => Detail::Everything,
            false => Detail::Builds,
        };
        let free = doctor::free_space(&self.tools.nix.real_path("/nix/store"));
        let mut watch = Watch::new(detail, None, free)?;
        let finishing = Finishing::begin();
        let tell = &mut |event: &_| watch.tell(event);
        let record: RunRecord =
            validate::run(self.tools, &plan, &manifest, &options, tell).map_err(fail)?;
        watch.finish()?;
        drop(finishing);
        if record.interrupted {
            return Ok(None);
        }
        validate::record_evidence(self.catalog, &self.context.project, &record).map_err(fail)?;
        let cell = record.cells.first();
        let furthest = self.args.stage.unwrap_or(Stage::Boot);
        Ok(cell.map(|cell| Answer::of(self.catalog, cell, furthest)))
    }
}

/// Where the logs of a candidate are kept.
fn report_folder(
    project: &Path,
    arch: &ArchId,
    candidate: &Candidate<'_>,
) -> Result<std::path::PathBuf> {
    let folder = files::state(project, "probe").map_err(|source| {
        let path = project.join(files::STATE);
        Failure::new(exit::IO, files::LockError::Io { path, source })
    })?;
    let Candidate {
        kernel, toolchain, ..
    } = candidate;
    let name = format!("{arch}-{}-{}", kernel.in_name(), toolchain.id);
    Ok(folder.join(name))
}

fn heading(args: &Args, arch: &ArchId, row: &[Candidate<'_>]) -> String {
    let ends = match row {
        [oldest, .., newest] => format!(", {} to {}", short(args, oldest), short(args, newest)),
        _ => String::new(),
    };
    match (&args.version, &args.gcc) {
        (None, Some(gcc)) => {
            format!("gcc {gcc} for {arch}: {}{ends}", count(row.len(), "kernel"))
        }
        _ => format!(
            "Linux {} on {arch}: {}{ends}",
            row[0].kernel,
            count(row.len(), "compiler")
        ),
    }
}

/// A candidate, by what varies along the row.
fn short(args: &Args, candidate: &Candidate<'_>) -> String {
    match args.version {
        Some(_) => candidate.toolchain.compiler.to_string(),
        None => format!("Linux {}", candidate.kernel),
    }
}

fn outcome(args: &Args, candidate: &Candidate<'_>, answer: &Answer) -> String {
    let binutils = candidate.toolchain.binutils.as_ref();
    let binutils = binutils.filter(|_| args.version.is_some());
    let binutils = binutils.map_or(String::new(), |it| format!(", binutils {it}"));
    let stage = answer.stage.map_or(String::new(), |it| it.to_string());
    let text = clean(&answer.text);
    let said = match answer.trial {
        Trial::Works => format!("works ({stage} {text})"),
        Trial::Fails => format!("fails at its {stage}: {text}"),
        Trial::Untried | Trial::Unclear => format!("cannot be told: {stage}: {text}"),
    };
    format!("{}{binutils}: {said}", short(args, candidate))
}

/// What the answers come to.
fn conclude(
    args: &Args,
    tried: &[Tried<'_, '_>],
    search: &Search,
    proposals: &[Proposal],
) -> Result<()> {
    let names = |index: usize| short(args, tried[index].candidate);
    let tries = tried.iter().filter(|it| it.trial != Trial::Untried).count();
    let tries = format!("{tries} of {} tried", tried.len());
    output::line(&match search.working() {
        None => format!("none is known to work; {tries}"),
        Some((one, other)) if one == other => format!("only {} works; {tries}", names(one)),
        Some((oldest, newest)) => {
            format!("{} to {} work; {tries}", names(oldest), names(newest))
        }
    })?;
    for it in tried {
        let ruled_out = it.candidate.ruled_out.join(", ");
        match it.trial {
            Trial::Works if !ruled_out.is_empty() => output::line(&format!(
                "{} is ruled out by {ruled_out}, and works here",
                short(args, it.candidate)
            ))?,
            Trial::Fails if !ruled_out.is_empty() => output::line(&format!(
                "{} is known to fail: {ruled_out}",
                short(args, it.candidate)
            ))?,
            _ => {}
        }
    }
    if !proposals.is_empty() && !args.write {
        output::note("for matrix/constraints.json of the project (--write adds it):");
        output::json(&entries(proposals))?;
    }
    Ok(())
}

fn entries(proposals: &[Proposal]) -> Map<String, Value> {
    proposals.iter().map(entry).collect()
}

/// An entry as people write it, without what is as usual.
fn entry(proposal: &Proposal) -> (String, Value) {
    let mut entry = json!(proposal.constraint);
    if let Value::Object(fields) = &mut entry {
        fields.retain(|name, value| !value.is_null() && name != "applies_to");
    }
    (proposal.id.to_string(), entry)
}

fn write(context: &Context, proposals: &[Proposal]) -> Result<()> {
    let mut file = context.edit("constraints.json")?;
    let mut changed = Vec::new();
    for (id, entry) in proposals.iter().map(entry) {
        if file.set(&id, entry) {
            changed.push(id);
        }
    }
    file.save().map_err(|error| Failure::new(exit::IO, error))?;
    output::note(&match changed.is_empty() {
        true => "matrix/constraints.json has it already".to_owned(),
        false => format!("added to matrix/constraints.json: {}", changed.join(", ")),
    });
    Ok(())
}

fn as_json(
    arch: &ArchId,
    tried: &[Tried<'_, '_>],
    working: Option<(usize, usize)>,
    proposals: &[Proposal],
) -> Value {
    let word = |trial: Trial| match trial {
        Trial::Untried => "untried",
        Trial::Works => "works",
        Trial::Fails => "fails",
        Trial::Unclear => "unclear",
    };
    let row: Vec<Value> = tried
        .iter()
        .map(|it| {
            json!({
                "kernel": it.candidate.kernel,
                "toolchain": it.candidate.toolchain.id,
                "gcc": it.candidate.toolchain.compiler.gcc(),
                "clang": it.candidate.toolchain.compiler.clang(),
                "binutils": it.candidate.toolchain.binutils,
                "result": word(it.trial),
                "stage": it.stage,
                "detail": (!it.why.is_empty()).then_some(it.why),
                "ruled_out_by": it.candidate.ruled_out,
            })
        })
        .collect();
    json!({
        "arch": arch,
        "candidates": row,
        "works": working.map(|(oldest, newest)| json!({"oldest": oldest, "newest": newest})),
        "constraints": entries(proposals),
    })
}
