//! `kflake explain`: what a finding's code means.

use super::{Context, Failure, Result, output};
use crate::{check, exit};

/// Say what the code of a finding means, and what to do about it
#[derive(clap::Args)]
pub struct Args {
    /// Code, such as K101, or name, such as unknown-reference; none: list them all
    code: Option<String>,
}

/// Explains and prints.
pub fn run(args: &Args, _context: &Context) -> Result<u8> {
    let Some(code) = &args.code else {
        let line = |lint: &&check::Lint| {
            let first = format!("{}  {:<8} {:<18} ", lint.code, lint.level, lint.name);
            let next = " ".repeat(first.len());
            let options = textwrap::Options::new(80)
                .initial_indent(&first)
                .subsequent_indent(&next);
            textwrap::fill(lint.summary, options) + "\n"
        };
        output::print(&check::LINTS.iter().map(line).collect::<String>())?;
        return Ok(exit::OK);
    };
    let Some(lint) = check::find(code) else {
        let message = format!(
            "no finding has the code {:?}",
            crate::catalog::printable(code)
        );
        let help = "`kflake explain` without a code lists them all".to_owned();
        return Err(Failure::message(exit::USAGE, message, Some(help)));
    };
    let bold = anstyle::Style::new().bold();
    let title = format!("{bold}{} {}{bold:#} ({})", lint.code, lint.name, lint.level);
    let (summary, explanation) = (
        textwrap::fill(lint.summary, 80),
        textwrap::fill(lint.explanation, 80),
    );
    output::print(&format!("{title}\n\n{summary}\n\n{explanation}\n"))?;
    Ok(exit::OK)
}
