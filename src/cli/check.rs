//! `kflake check`: whether the matrix data holds together.

use super::{Context, Failure, Result, output};
use crate::catalog::{Catalog, Finding, Level, LoadError};
use crate::{check, exit};

/// Check the matrix data, with the project's own over it
///
/// Prints a finding per problem, with its code, and its place in the file; `kflake explain CODE` says what a code means.
/// Exits with 1 if there is an error or a warning, with 3 if the data cannot even be loaded.
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
        let value = serde_json::json!({ "schema_version": 1, "findings": findings });
        output::print(&format!("{value:#}\n"))?;
        return Ok(code);
    }
    let count = |level| {
        findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    };
    let notes = count(Level::Note);
    for finding in findings
        .iter()
        .filter(|it| args.notes || it.level != Level::Note)
    {
        output::print(&rendered(finding))?;
    }
    let hidden = match notes {
        0 => String::new(),
        _ if args.notes => String::new(),
        _ => "; --notes shows the notes".into(),
    };
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    output::print(&format!(
        "{errors} errors, {warnings} warnings, {notes} notes{hidden}
"
    ))?;
    Ok(code)
}

fn rendered(finding: &Finding) -> String {
    let mut text = String::new();
    let handler = miette::GraphicalReportHandler::new().with_width(80);
    match handler.render_report(&mut text, finding) {
        Ok(()) => text + "\n",
        Err(_) => format!("{}: {finding}\n", finding.code),
    }
}
