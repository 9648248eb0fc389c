//! `kflake report`: what a run has to say, in many formats, and against older runs.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use super::{Context, Failure, Result, output};
use crate::exit;
use crate::files::{Own, OwnError};
use crate::report::merge::{self, Part};
use crate::report::text::count;
use crate::report::{
    badge, compare, coverage, folder, history, html, json, jsonl, junit, markdown, metadata, svg,
    terminal,
};
use crate::text::shown;
use crate::validate::{RUNS, RunRecord};

/// Show what a run found, in many formats, and what changed since an older run
///
/// Exits with 1 if `--against` finds that anything regressed, else with 0, whatever the report says.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    show: Show,
}

#[derive(Subcommand)]
enum Action {
    History(HistoryArgs),
    Coverage(CoverageArgs),
    Merge(MergeArgs),
}

/// Plot how many cells passed, over several runs
#[derive(clap::Args)]
struct HistoryArgs {
    /// Folders with a report.json and earlier runs beside it, or report.json files themselves, in any order
    #[arg(value_name = "DIR", required = true)]
    dirs: Vec<PathBuf>,
    /// What to write
    #[arg(long, short, value_enum, default_value_t = HistoryFormat::Terminal)]
    format: HistoryFormat,
    /// Write to a file instead of the terminal; it is replaced as a whole
    #[arg(long, short, value_name = "FILE", value_parser = super::place::output())]
    output: Option<PathBuf>,
    /// Columns to fill [default: the terminal's, else 80]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(20..))]
    width: Option<u16>,
}

/// What a history can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HistoryFormat {
    /// A row per run and a sparkline per stage
    Terminal,
    /// The chart and the counts, as one page that needs nothing else
    Html,
    /// A line chart, as SVG
    Svg,
    /// The counts
    Json,
}

/// Write what has been measured and what has not, from the matrix's evidence
#[derive(clap::Args)]
struct CoverageArgs {
    /// Write to a file instead of the terminal; it is replaced as a whole
    #[arg(long, short, value_name = "FILE", value_parser = super::place::output())]
    output: Option<PathBuf>,
    /// Compare with a file instead of writing; exit with 1 if it differs
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    check: Option<PathBuf>,
}

/// Make one report of several, such as those of the shards of a run
///
/// The folder is as one that `kflake validate` wrote, with the logs: every other `kflake report` works on it. Of a cell that several
/// reports have, the run that began last counts, and what differs is told. Exits with 0, whatever the reports say.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  kflake report merge shards/* --out merged && kflake report merged --format markdown"
)]
struct MergeArgs {
    /// Folders with a report.json and its logs, or report.json files themselves, in any order
    #[arg(value_name = "DIR", required = true)]
    dirs: Vec<PathBuf>,
    /// Folder for the report: new, empty, or filled by kflake; a report that is there moves to runs/ in it
    #[arg(
        long,
        short,
        alias = "output",
        value_name = "DIR",
        value_parser = super::place::output()
    )]
    out: PathBuf,
}

#[derive(clap::Args)]
struct Show {
    /// Folder with the report.json, or the file itself [default: the project's]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// What to write
    #[arg(long, short, value_enum, default_value_t = Format::Terminal)]
    format: Format,
    /// Write to a file instead of the terminal; it is replaced as a whole
    #[arg(long, short, value_name = "FILE", value_parser = super::place::output())]
    output: Option<PathBuf>,
    /// Compare with this older run; a cell that regressed makes the exit code 1
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,
    /// Columns to fill [default: the terminal's, else 80]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(1..))]
    width: Option<u16>,
}

/// What a report can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The matrix, the failures, what changed: for people at a terminal
    Terminal,
    /// One page that needs nothing else: for people with a browser
    Html,
    /// For READMEs and step summaries
    Markdown,
    /// The report itself; with `--against`, what changed
    Json,
    /// One object per line and stage
    Jsonl,
    /// JUnit XML, for CI servers
    Junit,
    /// A badge, as SVG
    Badge,
    /// The terminal's matrix as a picture, as SVG
    Svg,
    /// Each cell in the shape of TuxMake's metadata.json
    Metadata,
}

/// Runs `kflake report`.
pub fn run(args: Args, context: &Context) -> Result<u8> {
    match args.action {
        Some(Action::History(args)) => plot(&args),
        Some(Action::Coverage(args)) => measured(&args, context),
        Some(Action::Merge(args)) => merged(&args),
        None => show(args.show, context),
    }
}

fn show(args: Show, context: &Context) -> Result<u8> {
    let own = || match context.choices.report(&context.project) {
        report if report.join(json::FILE).is_file() => report,
        _ => context.project.clone(),
    };
    let run = read(&args.dir.clone().unwrap_or_else(own))?;
    let old = args.against.as_deref().map(read).transpose()?;
    let changes = old.as_ref().map(|old| (old, compare(old, &run)));
    let width = args.width.map(usize::from);

    let text = match args.format {
        Format::Terminal => {
            let style = style(args.output.as_deref(), width);
            let mut text = terminal::render(&run, &style);
            if let Some((old, changes)) = &changes {
                text += &terminal::render_changes(old, changes, &style);
            }
            text
        }
        Format::Html => html::render(&run, changes.as_ref().map(|(old, changes)| (*old, changes))),
        Format::Markdown => {
            let mut text = markdown::render(&run);
            if let Some((old, changes)) = &changes {
                text += &markdown::render_changes(old, changes);
            }
            text
        }
        Format::Json => match &changes {
            Some((old, changes)) => json::changes_to_string(old, &run, changes),
            None => json::to_string(&run),
        },
        Format::Jsonl => jsonl::render(&run),
        Format::Junit => junit::render(&run),
        Format::Badge => badge::render(&run),
        Format::Svg => svg::render(&run, width.unwrap_or(80)),
        Format::Metadata => metadata::all_to_json(&run),
    };
    deliver(args.output.as_deref(), &text)?;
    match changes {
        Some((_, changes)) if changes.regressed() => Ok(exit::FAILED),
        _ => Ok(exit::OK),
    }
}

/// The folder of a report, after those of the earlier runs that are kept in it.
fn with_earlier(dir: &Path) -> Vec<PathBuf> {
    let report = json::locate(dir);
    let runs = report.parent().unwrap_or(dir).join(RUNS);
    let kept = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let mut dirs: Vec<PathBuf> = match dir.is_dir() {
        true => kept
            .map(|entry| entry.path())
            .filter(|it| it.join(json::FILE).is_file())
            .collect(),
        false => Vec::new(),
    };
    dirs.sort();
    dirs.push(dir.to_owned());
    dirs
}

fn plot(args: &HistoryArgs) -> Result<u8> {
    let dirs = args.dirs.iter().flat_map(|dir| with_earlier(dir));
    let runs = dirs.map(|dir| read(&dir)).collect::<Result<Vec<_>>>()?;
    let points = history::points(&runs);
    let text = match args.format {
        HistoryFormat::Terminal => {
            let style = style(args.output.as_deref(), args.width.map(usize::from));
            history::terminal(&points, style.width, style.unicode)
        }
        HistoryFormat::Html => history::html(&points),
        HistoryFormat::Svg => history::svg(&points),
        HistoryFormat::Json => history::json(&points),
    };
    deliver(args.output.as_deref(), &text)?;
    Ok(exit::OK)
}

fn measured(args: &CoverageArgs, context: &Context) -> Result<u8> {
    let text = coverage::render(&context.catalog()?);
    let Some(file) = &args.check else {
        deliver(args.output.as_deref(), &text)?;
        return Ok(exit::OK);
    };
    let kept = crate::files::read_text(file).map_err(|error| {
        Failure::message(
            exit::IO,
            format!("cannot read {}: {error}", shown(file)),
            None,
        )
    })?;
    if kept == text {
        return Ok(exit::OK);
    }
    let (file, old, new) = (
        shown(file),
        count(kept.lines().count(), "line"),
        count(text.lines().count(), "line"),
    );
    output::note(&format!(
        "{file} is out of date ({old} there, {new} now): `kflake report coverage --output {file}` writes it"
    ));
    Ok(exit::FAILED)
}

fn merged(args: &MergeArgs) -> Result<u8> {
    let part = |dir: &PathBuf| {
        let run = json::read_below(dir).map_err(unreadable)?;
        let name = shown(dir).to_string();
        Ok(Part { name, run })
    };
    let parts = args.dirs.iter().map(part).collect::<Result<Vec<_>>>()?;
    let files: Vec<PathBuf> = args.dirs.iter().map(|dir| json::locate(dir)).collect();
    let folder = |file: &PathBuf| match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let folders: Vec<PathBuf> = files.iter().map(folder).collect();
    let inside = |folder: &&PathBuf| match (folder.canonicalize(), args.out.canonicalize()) {
        (Ok(folder), Ok(out)) => folder.starts_with(out),
        _ => false,
    };
    if let Some(folder) = folders.iter().find(inside) {
        let what = format!(
            "{} is a report to merge, and would be replaced",
            shown(folder)
        );
        let help = "name another folder with --out".to_owned();
        return Err(Failure::message(exit::USAGE, what, Some(help)));
    }
    let mut merged = merge::merge(&parts).map_err(|error| Failure::new(exit::USAGE, error))?;

    let io = |error: OwnError| Failure::new(exit::IO, error);
    let own = Own::open(&args.out).map_err(io)?;
    crate::validate::make_room(&own).map_err(io)?;
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let lost = merge::copy_logs(&mut merged, &folders, &own).map_err(io)?;
    folder::write_into(&own, &merged.run).map_err(io)?;
    for note in &merged.notes {
        output::note(note);
    }
    if lost > 0 {
        output::note(&format!(
            "warning: {} that the reports name cannot be had, and the new one does not name",
            count(lost, "log")
        ));
    }
    output::note(&format!(
        "report: {} ({} of {})",
        shown(args.out.join("report.html")),
        count(merged.run.cells.len(), "cell"),
        count(parts.len(), "report"),
    ));
    Ok(exit::OK)
}

/// The style for `output`: a file is plain, else as this terminal wants.
fn style(output: Option<&Path>, width: Option<usize>) -> terminal::Style {
    match output {
        Some(_) => terminal::Style {
            width: width.unwrap_or(80),
            color: false,
            unicode: true,
        },
        None => terminal_style(width),
    }
}

/// How this terminal wants to be written to; `width` overrules it.
///
/// Colour is always drawn: printing through `anstream` takes it out where it is not wanted.
pub(super) fn terminal_style(width: Option<usize>) -> terminal::Style {
    let measured = || {
        let stdout = io::stdout();
        let (width, _) =
            terminal_size::terminal_size_of(&stdout).filter(|_| stdout.is_terminal())?;
        Some(usize::from(width.0))
    };
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    terminal::Style {
        width: width.or_else(told).or_else(measured).unwrap_or(80),
        color: true,
        unicode: locale.contains("utf-8") || locale.contains("utf8"),
    }
}

fn read(path: &Path) -> Result<RunRecord> {
    json::read(path).map_err(unreadable)
}

fn unreadable(error: json::ReadError) -> Failure {
    let code = match &error {
        json::ReadError::Io { source, .. } if source.kind() != io::ErrorKind::NotFound => exit::IO,
        _ => exit::USAGE,
    };
    Failure::new(code, error)
}

/// Puts `text` into `file`, or onto the terminal.
fn deliver(file: Option<&Path>, text: &str) -> Result<()> {
    if let Some(file) = file {
        return json::replace(file, text.as_bytes()).map_err(|error| Failure::new(exit::IO, error));
    }
    output::print(text)
}
