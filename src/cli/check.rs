//! `kflake check`: whether the matrix data holds together.

use super::{Context, Failure, Result, output, render};
use crate::catalog::{Catalog, Finding, Level, LoadError};
use crate::report::text::count as count_of;
use crate::validate::Expected;
use crate::{check, exit};

/// Findings shown; the rest is counted.
const SHOWN: usize = 200;

/// Check the matrix data, including the project's own
///
/// Prints each problem with its code and its place in the file; `kflake explain CODE` says what a code means. Exits with 1
/// if there is an error or a warning, with 3 if the data cannot even be loaded.
#[derive(clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Show notes too
    #[arg(long)]
    notes: bool,
}

/// Checks and prints.
pub fn run(args: &Args, context: &Context) -> Result<u8> {
    let (findings, code) = match Catalog::load(&context.project) {
        Ok(catalog) => {
            Expected::of(&context.choices.expect_fail, &catalog)
                .map_err(|error| Failure::new(exit::USAGE, error))?;
            let findings = check::check(&catalog);
            let code = match check::is_bad(&findings) {
                true => exit::FAILED,
                false => exit::OK,
            };
            (findings, code)
        }
        Err(LoadError::Findings { findings }) => (findings, exit::DATA),
        Err(error) => return Err(Failure::load(error)),
    };
    if args.json {
        output::json(&serde_json::json!({ "schema_version": 1, "findings": findings }))?;
        return Ok(code);
    }
    let count = |level| {
        findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    };
    let notes = count(Level::Note);
    let shown = |it: &&Finding| args.notes || it.level != Level::Note;
    for finding in findings.iter().filter(shown).take(SHOWN) {
        output::print(&format!(
            "{}\n",
            render::diagnostic(finding, render::terminal_width())
        ))?;
    }
    let left = findings.iter().filter(shown).count().saturating_sub(SHOWN);
    if left > 0 {
        output::print(&format!("… and {left} more, which --json lists\n\n"))?;
    }
    let hidden = match notes {
        0 => String::new(),
        _ if args.notes => String::new(),
        _ => "; --notes shows the notes".into(),
    };
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    output::line(&format!(
        "{}, {}, {}{hidden}",
        count_of(errors, "error"),
        count_of(warnings, "warning"),
        count_of(notes, "note")
    ))?;
    Ok(code)
}
