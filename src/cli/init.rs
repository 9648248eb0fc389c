//! `kflake init`: makes a folder a project.

use std::fs;
use std::path::{Path, PathBuf};

use super::choices::{self, Choices, ReportFolder};
use super::{Context, Failure, Result, output};
use crate::catalog::SourceKind;
use crate::exit;
use crate::files;
use crate::packages::Packages;
use crate::text::shown;

/// Make a folder a project: write a kflake.toml that remembers your choices
///
/// Every command looks for a kflake.toml in the current folder and the ones above it, and takes from it whatever no option
/// sets: the package set, the order of toolchains, the folder for reports, jobs, cores, retries and time limits. It also
/// lists the failures that `kflake validate` expects.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  kflake init boards --packages debian --toolchains debian && cd boards && kflake gen"
)]
pub struct Args {
    /// The folder, created if missing [default: this one]
    #[arg(value_parser = super::place::output())]
    dir: Option<PathBuf>,
    /// Where a build's own tools come from: nixpkgs, debian (pinned Debian packages), or debian:SUITE
    #[arg(long, value_name = "SET")]
    packages: Option<Packages>,
    /// Toolchain sources to use, in order of preference: bootlin, musl, kernel-only, debian, korg, llvm
    #[arg(long, value_name = "SOURCE,…", value_delimiter = ',')]
    toolchains: Vec<SourceKind>,
    /// Folder in the project for the reports of `kflake validate`
    #[arg(long, value_name = "DIR")]
    report: Option<ReportFolder>,
}

/// Runs `kflake init`.
///
/// # Errors
/// When there is such a file already, or it cannot be written.
pub fn run(args: Args, context: &Context) -> Result<u8> {
    let named = args.dir.is_some();
    let folder = args.dir.unwrap_or_else(|| context.project.clone());
    if !named {
        context.not_home()?;
    }
    let choices = Choices {
        packages: args.packages,
        toolchains: args.toolchains,
        report: args.report,
        ..Choices::default()
    };
    let path = folder.join(choices::FILE);
    if fs::symlink_metadata(&path).is_ok() {
        return Err(Failure::message(
            exit::USAGE,
            format!("{} already exists", shown(&path)),
            Some("edit it; it was left unchanged".to_owned()),
        ));
    }
    write(&folder, &choices)?;
    output::line(&format!("{}: written", shown(&path)))?;
    Ok(exit::OK)
}

/// Writes the file, and a .gitignore where there is none, for what kflake keeps in a project and nobody wants in its history.
pub fn write(folder: &Path, choices: &Choices) -> Result<()> {
    let put = |path: &Path, text: &str| {
        fs::create_dir_all(folder)
            .and_then(|()| files::replace(path, text.as_bytes()))
            .map_err(|error| {
                let text = format!(
                    "cannot write {}: {}",
                    shown(path),
                    files::reason(path, &error)
                );
                Failure::message(exit::IO, text, None)
            })
    };
    put(&folder.join(choices::FILE), &choices.to_text())?;
    let ignore = folder.join(".gitignore");
    if fs::symlink_metadata(&ignore).is_err() {
        let report = choices.report(Path::new("/"));
        let text = format!(
            "/{}/\n{}/\n/result\n/result-*\n",
            files::STATE,
            report.to_string_lossy()
        );
        put(&ignore, &text)?;
    }
    Ok(())
}
