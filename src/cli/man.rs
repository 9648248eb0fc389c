//! `kflake man`: the manual, made from the definition of the command line.

use std::io;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_mangen::Man;

use super::{Cli, Context, Failure, Result, output};
use crate::exit;
use crate::files;
use crate::report::text::count;
use crate::text::shown;

/// Write the manual: one page for kflake, and one for each command
#[derive(clap::Args)]
pub struct Args {
    /// Folder for the pages
    #[arg(value_name = "DIR", value_parser = super::place::output())]
    folder: PathBuf,
}

/// Runs `kflake man`.
pub fn run(args: &Args, _context: &Context) -> Result<u8> {
    let pages = pages().and_then(|pages| {
        std::fs::create_dir_all(&args.folder)?;
        for (name, page) in &pages {
            files::replace(&args.folder.join(name), page)?;
        }
        Ok(pages.len())
    });
    let written = pages.map_err(|source| {
        let what = format!(
            "cannot write the manual to {}: {source}",
            shown(&args.folder)
        );
        Failure::message(exit::IO, what, None)
    })?;
    output::line(&format!(
        "{}: {} written",
        shown(&args.folder),
        count(written, "page")
    ))?;
    Ok(exit::OK)
}

/// File name and text of each page: of kflake, and of every command in it that `--help` lists.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    let mut left = vec![root];
    while let Some(command) = left.pop() {
        let page = Man::new(command.clone());
        let mut text = Vec::new();
        page.render(&mut text)?;
        pages.push((page.get_filename(), text));
        left.extend(
            command
                .get_subcommands()
                .filter(|it| !it.is_hide_set())
                .cloned(),
        );
    }
    Ok(pages)
}
