//! `kflake explain`: what a finding's code means.

use super::{Context, Failure, Result};
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
        for lint in check::LINTS {
            anstream::println!(
                "{}  {:<8} {:<18} {}",
                lint.code,
                lint.level,
                lint.name,
                lint.summary
            );
        }
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
    anstream::println!(
        "{bold}{} {}{bold:#} ({})\n",
        lint.code,
        lint.name,
        lint.level
    );
    anstream::println!("{}\n", textwrap::fill(lint.summary, 80));
    anstream::println!("{}", textwrap::fill(lint.explanation, 80));
    Ok(exit::OK)
}
