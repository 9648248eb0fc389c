//! `kflake explain`: what a code, a failure class, a constraint or a fix means, and what a log says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Context, Failure, Result, output};
use crate::blame::{Blame, FailureTable};
use crate::catalog::{Catalog, Constraint, FailureClass, Fix, Stage};
use crate::files::{self, Content};
use crate::suggest::nearest;
use crate::text::{brief, clean_line, shown};
use crate::{check, exit};

/// The most of a log that is read.
const MAX_LOG: u64 = 256 << 20;

/// Explain a code, a failure class, a constraint or a fix; or what went wrong, from a log
///
/// --log takes any build log or console output, from kflake or not: it shows the line that names the cause, the class of
/// the failure, and what to do about it. If the failure is of no known class, it says so.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kflake explain K101\n  kflake explain compiler-too-old\n  kflake explain --log build.log --stage kernel\n  \
    make 2>&1 | kflake explain --log - --json"
)]
pub struct Args {
    /// Code of a finding (K101, unknown-reference), or id of a failure class, a constraint or a fix; none: list the codes
    #[arg(conflicts_with = "log")]
    code: Option<String>,
    /// Read this log; - for standard input
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// What was built or started: toolchain, kernel, module or boot [default: what the log itself says]
    #[arg(long, value_name = "STAGE", requires = "log")]
    stage: Option<Stage>,
    /// Print JSON: class, first_error, line_number, advice, constraint and more
    #[arg(long, requires = "log")]
    json: bool,
}

/// Explains and prints.
///
/// # Errors
/// When the code is unknown, or the log or the matrix cannot be read.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    if let Some(path) = &args.log {
        return log(path, args, context);
    }
    let Some(code) = &args.code else {
        let line = |lint: &&check::Lint| {
            let first = format!("{}  {:<8} {:<18} ", lint.code, lint.level, lint.name);
            let next = " ".repeat(first.len());
            let options = textwrap::Options::new(80)
                .initial_indent(&first)
                .subsequent_indent(&next);
            textwrap::fill(lint.summary, options) + "\n"
        };
        let list = check::LINTS.iter().map(line).collect::<String>();
        let more = "\nFailure classes, constraints and fixes are explained by their ids, and logs with\n--log FILE.\n";
        output::print(&(list + more))?;
        return Ok(exit::OK);
    };
    if let Some(lint) = check::find(code) {
        let title = format!("{} {} ({})", lint.code, lint.name, lint.level);
        output::print(&sheet(
            &title,
            &[lint.summary.into(), lint.explanation.into()],
        ))?;
        return Ok(exit::OK);
    }
    let catalog = context.catalog()?;
    let Some(text) = entry(&catalog, code) else {
        return Err(unknown(&catalog, code));
    };
    output::print(&text)?;
    Ok(exit::OK)
}

/// A title and paragraphs, filled.
fn sheet(title: &str, paragraphs: &[String]) -> String {
    let bold = anstyle::Style::new().bold();
    let mut text = format!("{bold}{}{bold:#}\n", clean_line(title));
    for paragraph in paragraphs.iter().filter(|it| !it.is_empty()) {
        text.push('\n');
        text.push_str(&textwrap::fill(&clean_line(paragraph), 80));
        text.push('\n');
    }
    text
}

/// What the matrix says of `id`.
fn entry(catalog: &Catalog, id: &str) -> Option<String> {
    if let Some(class) = catalog.failures.get(id) {
        return Some(sheet(&format!("{id} (failure class)"), &of_class(class)));
    }
    if let Some(constraint) = catalog.constraints.get(id) {
        return Some(sheet(
            &format!("{id} (constraint)"),
            &of_constraint(constraint),
        ));
    }
    let fix = catalog.fixes.get(id)?;
    Some(sheet(&format!("{id} (fix)"), &of_fix(fix)))
}

fn ids(words: &str, list: &[impl ToString]) -> String {
    let list: Vec<String> = list.iter().map(ToString::to_string).collect();
    match list.is_empty() {
        true => String::new(),
        false => format!("{words} {}", list.join(", ")),
    }
}

fn of_class(class: &FailureClass) -> Vec<String> {
    vec![
        format!("{}.", class.title),
        class.explanation.clone(),
        class.advice.clone().unwrap_or_default(),
        at_stages(class),
        ids("Known from the constraints", &class.points_to),
    ]
}

/// What to do in stages where that is something else.
fn at_stages(class: &FailureClass) -> String {
    let all = class.advice_at.iter();
    let all: Vec<String> = all
        .map(|(stage, advice)| format!("Of a failure at {stage}: {advice}"))
        .collect();
    all.join(" ")
}

fn of_constraint(constraint: &Constraint) -> Vec<String> {
    let shim = constraint.shim.as_ref();
    let fix = shim.and_then(|shim| shim.fix.as_ref());
    vec![
        format!(
            "Linux {}: about {}, {}, {}.",
            constraint.kernel,
            constraint.tool.0,
            constraint.severity.as_str(),
            constraint.confidence.as_str()
        ),
        ids("Only on", &constraint.arches),
        constraint.reason.clone(),
        format!("Evidence: {}", constraint.evidence),
        fix.map_or_else(String::new, |fix| format!("Lifted by the fix {fix}.")),
    ]
}

fn of_fix(fix: &Fix) -> Vec<String> {
    vec![
        format!("Linux {}.", fix.kernel),
        ids("Only on", &fix.arches),
        fix.reason.clone(),
        ids("Lifts the constraints", &fix.lifts),
        format!("Evidence: {}", fix.evidence),
    ]
}

fn unknown(catalog: &Catalog, code: &str) -> Failure {
    let codes: Vec<String> = check::LINTS
        .iter()
        .map(|lint| lint.code.to_string())
        .collect();
    let names = check::LINTS.iter().map(|lint| lint.name);
    let known = codes
        .iter()
        .map(String::as_str)
        .chain(names)
        .chain(catalog.failures.keys().map(AsRef::as_ref))
        .chain(catalog.constraints.keys().map(AsRef::as_ref))
        .chain(catalog.fixes.keys().map(AsRef::as_ref));
    let meant = match nearest(code, known) {
        Some(meant) => format!("did you mean {meant}? "),
        None => String::new(),
    };
    Failure::message(
        exit::USAGE,
        format!(
            "no finding, failure class, constraint or fix is called `{}`",
            brief(code)
        ),
        Some(format!(
            "{meant}`kflake explain` without an argument lists the codes"
        )),
    )
}

/// What a log says.
/// The text of the log `path` that `input` holds: unpacked, where it is packed as logs are.
fn unpacked(
    mut input: Box<dyn BufRead>,
    path: &Path,
    failed: impl Fn(io::Error) -> Failure,
) -> Result<Box<dyn BufRead>> {
    let start = input.fill_buf().map_err(failed)?;
    let content = Content::of(start);
    let wide = [[0xff, 0xfe], [0xfe, 0xff]]
        .iter()
        .any(|mark| start.starts_with(mark));
    let (what, help) = match content {
        _ if wide => (
            "UTF-16 text, as some shells of Windows write it".to_owned(),
            "save it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE > build.log",
        ),
        Content::Gzip => {
            return Ok(Box::new(BufReader::new(
                flate2::bufread::MultiGzDecoder::new(input),
            )));
        }
        Content::Xz => return Ok(Box::new(BufReader::new(files::unxz(input)))),
        Content::Zip | Content::SevenZip | Content::Rar | Content::Tar => (
            content.to_string(),
            "unpack it, and give the log that is in it",
        ),
        Content::Elf | Content::Pdf => (content.to_string(), "give the log itself, as text"),
        content => match content.packed_by() {
            Some(by) => (format!("packed by {by}"), "unpack it first"),
            None => return Ok(input),
        },
    };
    Err(Failure::message(
        exit::USAGE,
        format!("{} is {what}", shown(path)),
        Some(help.to_owned()),
    ))
}

fn log(path: &Path, args: &Args, context: &Context) -> Result<u8> {
    let catalog = context.catalog()?;
    let table = FailureTable::new(&catalog);
    let failed =
        |error: io::Error| Failure::message(exit::IO, format!("{}: {error}", shown(path)), None);
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let input = unpacked(input, path, failed)?;
    let blame = table
        .read(input.take(MAX_LOG), args.stage)
        .map_err(failed)?;
    match args.json {
        true => output::json(&as_json(&table, &blame))?,
        false => output::print(&as_text(&table, &blame))?,
    }
    Ok(exit::OK)
}

/// What was read of a log, for programs.
pub fn as_json(table: &FailureTable, blame: &Blame) -> Value {
    let class = blame.class.as_ref().and_then(|id| table.get(id.as_str()));
    let fixes = blame.constraint.as_ref().map(|id| table.fixes_of(id));
    json!({
        "schema_version": 1,
        "class": blame.class,
        "title": class.map(|class| &class.title),
        "first_error": blame.first_error,
        "line_number": blame.line_number,
        "function": blame.function,
        "explanation": class.map(|class| &class.explanation),
        "advice": class.and_then(|class| class.advice_for(blame.stage)),
        "constraint": blame.constraint,
        "constraints": class.map_or(&[][..], |class| &class.points_to),
        "fixes": fixes.unwrap_or_default(),
    })
}

/// What was read of a log, for people: the line as it stands there, which is not filled; then the class.
pub fn as_text(table: &FailureTable, blame: &Blame) -> String {
    let bold = anstyle::Style::new().bold();
    let Some(line) = &blame.first_error else {
        return match blame.tail.iter().all(String::is_empty) {
            true => "the log is empty\n".to_owned(),
            false => {
                "the log says that something failed, but not what: look for the lines before it\n"
                    .to_owned()
            }
        };
    };
    let number = blame.line_number.unwrap_or_default();
    let mut text = format!("{bold}{line}{bold:#}\n(line {number}");
    if let Some(function) = &blame.function {
        text.push_str(&format!(", in {function}"));
    }
    text.push_str(")\n\n");
    text.push_str(&classed(table, blame));
    text
}

/// The class of a failure and what to do about it, filled; where it is of none, that.
pub(super) fn classed(table: &FailureTable, blame: &Blame) -> String {
    let known = blame
        .class
        .as_ref()
        .and_then(|id| Some((id, table.get(id.as_str())?)));
    let Some((id, class)) = known else {
        return match blame.first_error {
            Some(_) => "class: unknown; this is the line that looks most like the cause\n",
            None => "class: unknown; the log does not say why\n",
        }
        .to_owned();
    };
    let mut text = format!("class: {id}\n");
    let mut add = |words: &str| {
        text.push_str(&textwrap::fill(&clean_line(words), 80));
        text.push('\n');
    };
    add(&format!("{}. {}", class.title, class.explanation));
    if let Some(advice) = class.advice_for(blame.stage) {
        add(advice);
    }
    if let Some(constraint) = &blame.constraint {
        let fixes = ids("; a fix lifts it:", table.fixes_of(constraint));
        add(&format!("`kflake explain {constraint}` says more{fixes}"));
    }
    text
}
