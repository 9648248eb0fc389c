//! `kflake validate`: builds and boots what the matrix promises, and reports what became of it.

mod args;
mod bands;
mod cost;
mod dry;
mod resume;

pub use args::Args;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::choices::FILE;
use super::progress::{Detail, Watch};
use super::{Context, Failure, Result, kernel_folder, output, render};
use crate::blame::FailureTable;
use crate::catalog::Catalog;
use crate::doctor;
use crate::exit;
use crate::interrupt::{self, Finishing};
use crate::nix::Settings;
use crate::report::text::count;
use crate::report::{folder, json, terminal};
use crate::text::shown;
use crate::validate::{self, Expected, Manifest, Plan, RunError, RunRecord, StageRecord, Tools};

/// Runs `kflake validate`.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let (args, started) = match args.resume {
        true => resume::going_on(args, context)?,
        false => (args.clone(), Timestamp::now()),
    };
    let args = &args;
    let catalog = context.catalog()?;
    let selection = args.selection(context)?;
    let whole =
        validate::plan(&catalog, &selection).map_err(|error| Failure::new(exit::USAGE, error))?;
    let expected = Expected::of(&context.choices.expect_fail, &catalog)
        .map_err(|error| Failure::new(exit::USAGE, error))?;
    let (selected, any_to_try) = (whole.cells.len(), whole.tries());
    let plan = match args.shard {
        Some(shard) => validate::share(shard, whole),
        None => whole,
    };
    if args.dry_run {
        let text = if args.json {
            dry::json(&plan)?
        } else {
            dry::text(&plan, selected, render::output_width())
        };
        output::print(&text)?;
        return Ok(exit::OK);
    }
    context.not_home()?;
    args.may_report(context)?;
    let kernels: BTreeSet<_> = plan
        .cells
        .iter()
        .filter_map(|cell| cell.kernel.as_ref())
        .collect();
    kernel_folder::warn(kernels, &catalog, context);
    let nix = context.nix()?;
    let settings = Settings {
        packages: context.packages(args.packages.as_ref())?,
        mirrors: context.mirrors(&catalog),
    };
    let stop = interrupt::flag();
    let table = FailureTable::new(&catalog);
    let tools = Tools {
        nix: &nix,
        settings: &settings,
        table: &table,
        stop: &stop,
    };
    let options = args.options(context, &catalog, started);
    let manifest = prepare(args, context, &catalog, tools, &plan, started)?;
    let free = doctor::free_space(&nix.real_path("/nix/store"));
    let large = cost::is_large(&plan);
    if large {
        let cost = validate::cost(tools, &plan, &manifest, &options).map_err(run_error)?;
        if !cost::agreed(&cost, free, args.yes) {
            output::note("nothing was built");
            return Ok(exit::INTERRUPTED);
        }
    }
    let mut watch = Watch::new(
        Detail::Failures,
        args.events.as_deref(),
        // said already
        free.filter(|_| !large),
    )?;
    let _finishing = Finishing::begin();
    let tell = &mut |event: &_| watch.tell(event);
    let mut record = validate::run(tools, &plan, &manifest, &options, tell).map_err(run_error)?;
    expected.mark(&mut record);
    watch.finish()?;
    folder::write(&options.report, &record).map_err(|error| Failure::new(exit::IO, error))?;
    if args.record {
        let added =
            validate::record_evidence(&catalog, &context.project, &record).map_err(run_error)?;
        output::note(&format!(
            "added {} to matrix/evidence.json",
            count(added, "measurement")
        ));
    }
    if args.json {
        output::print(&json::to_string(&record))?;
    } else {
        let style = super::report::terminal_style(None);
        output::print(&terminal::render(&record, &style))?;
        output::note(&format!(
            "report: {}",
            shown(options.report.join("report.html"))
        ));
    }
    for (cell, stage) in validate::surprises(&record) {
        let kernel = cell.kernel.as_ref().map(ToString::to_string);
        output::note(&format!(
            "{} {}: {} passed, and {FILE} expects it to fail: take it out of [[expect-fail]]",
            cell.id,
            kernel.unwrap_or_default(),
            stage.stage
        ));
    }
    let lacking = args.bands.then(|| bands::not_tried(&record)).flatten();
    let code = exit_code(&record, args.bands);
    match &lacking {
        Some(lacking) => output::note(lacking),
        // the others show what the selection comes to
        None if code == exit::UNSUPPORTED && any_to_try && !plan.tries() => {
            output::note(&dry::empty(&plan));
            return Ok(exit::OK);
        }
        None if code == exit::UNSUPPORTED => {
            let why = "the matrix has nothing to build in any of these cells";
            output::note(&format!("nothing was tried: {why}"));
        }
        None => {}
    }
    Ok(code)
}

/// Brings the flake up to date, says so, and evaluates it.
fn prepare(
    args: &Args,
    context: &Context,
    catalog: &Catalog,
    tools: Tools<'_>,
    plan: &Plan,
    started: Timestamp,
) -> Result<Manifest> {
    let sources = context.toolchains(&args.toolchains);
    let flake = super::flake_with(context, catalog, tools, sources, plan.toolchains())?;
    validate::evaluate(tools.nix, tools.settings, &flake, plan, started).map_err(run_error)
}

fn run_error(error: RunError) -> Failure {
    Failure::new(error.exit_code(), error)
}

/// `bands`: what lacks a file was not tried.
fn exit_code(record: &RunRecord, bands: bool) -> u8 {
    let cells = record.cells.iter();
    let tried = cells.filter(|cell| !bands || !bands::lacks_a_file(cell));
    let outcomes = || tried.clone().flat_map(|cell| &cell.stages);
    let failed = outcomes().any(StageRecord::is_news);
    let passed = outcomes().any(|it| it.outcome.is_success() || it.fails_as_expected());
    match (record.interrupted, failed, passed) {
        (true, ..) => exit::INTERRUPTED,
        (false, true, _) => exit::FAILED,
        (false, false, true) => exit::OK,
        // a run that tried nothing shows nothing
        (false, false, false) => exit::UNSUPPORTED,
    }
}
