//! `--resume`: the command line that the last run began with.

use clap::Parser as _;
use jiff::Timestamp;

use super::args::Args;
use crate::cli::{Cli, Command, Context, Failure, Result};
use crate::exit;
use crate::run::Journal;
use crate::text::{shell_words, shown};

/// `args`, with what the run that they go on with had selected, and when that began. What is named again has to be the same.
///
/// # Errors
/// Where there is no such run, or something else is named than it had.
pub fn going_on(args: &Args, context: &Context) -> Result<(Args, Timestamp)> {
    let folder = args.report(context);
    let past = Journal::look(&folder, &context.project).map_err(|error| {
        let file = folder.join("journal.jsonl");
        Failure::message(
            exit::IO,
            format!("cannot read {}: {error}", shown(&file)),
            None,
        )
    })?;
    let refuse = |what: String, help: String| Err(Failure::message(exit::USAGE, what, Some(help)));
    let Some((past, started)) = past.and_then(|past| past.started.map(|started| (past, started)))
    else {
        return refuse(
            format!(
                "there is no run of this project in {} to resume",
                shown(&folder)
            ),
            "leave out --resume to start one, or name its folder with --report".to_owned(),
        );
    };
    let began = match Cli::try_parse_from(&past.command) {
        Ok(Cli {
            command: Command::Validate(args),
            ..
        }) => *args,
        _ => {
            return refuse(
                format!(
                    "the run in {} began with a command line that this kflake does not know",
                    shown(&folder)
                ),
                "leave out --resume to start a new one".to_owned(),
            );
        }
    };
    if let Some(option) = args.differs(&began) {
        return refuse(
            format!("--resume keeps the run's own selection, and {option} asks for another"),
            format!(
                "it began with `{}`; leave out {option}, or --resume",
                shell_words(&past.command)
            ),
        );
    }
    Ok((args.after(began), started))
}
