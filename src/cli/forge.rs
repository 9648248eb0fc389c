//! What the commands that build one thing share: their options, Nix, and the line that shows progress.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Context, Failure, Result};
use crate::blame::FailureTable;
use crate::build::{BuildError, Built, Evaluated, Progress, Workshop, read_log, realise};
use crate::catalog::{Catalog, SourceKind};
use crate::interrupt::{self, Finishing};
use crate::nix::{Nix, Settings};
use crate::packages::Packages;
use crate::project::{Build, Project, Request};
use crate::text::{clean, clean_lines, shown};

/// Options about how to build.
#[derive(clap::Args)]
pub struct ForgeArgs {
    /// Where a build's own tools come from: nixpkgs, debian (pinned Debian packages), or debian:SUITE
    #[arg(long, value_name = "SET", default_value_t)]
    packages: Packages,
    /// Take toolchains from these sources only, in this order (bootlin, musl, kernel-only, debian, korg)
    #[arg(long, value_name = "SOURCE,…", value_delimiter = ',')]
    toolchains: Vec<SourceKind>,
    /// Cores to use; 0: all
    #[arg(long, short = 'j', value_name = "N", default_value_t = 0)]
    pub cores: usize,
    /// Show what the build says
    #[arg(long, short)]
    verbose: bool,
}

impl ForgeArgs {
    /// The options as words of a command line.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["--packages".to_owned(), self.packages.to_string()];
        if !self.toolchains.is_empty() {
            let names: Vec<&str> = self.toolchains.iter().map(|it| it.as_str()).collect();
            words.extend(["--toolchains".to_owned(), names.join(",")]);
        }
        words
    }
}

/// Options about a configuration.
#[derive(clap::Args)]
pub struct ConfigArgs {
    /// What to start from: a configuration that the tree knows by name, a .config file, or the profile `tiny`
    /// [default: the board's own, else defconfig]
    #[arg(long, alias = "kconfig", value_name = "CONFIG")]
    pub config: Option<String>,
    /// Lay over it, in order: CONFIG_X=y, `# CONFIG_X is not set`, a file, or a fragment of the tree (NAME.config)
    #[arg(short = 'K', long = "kconfig-add", value_name = "FRAGMENT")]
    pub fragments: Vec<String>,
    /// Fail when a requested symbol does not come out as asked
    #[arg(long)]
    pub strict: bool,
}

/// Nix and a workshop, ready.
pub struct Forge<'c> {
    pub nix: Nix,
    pub settings: Settings,
    pub workshop: Workshop<'c>,
    project: PathBuf,
    table: FailureTable,
    cores: usize,
    verbose: bool,
    pub stop: Arc<AtomicBool>,
}

impl<'c> Forge<'c> {
    pub fn new(catalog: &'c Catalog, context: &'c Context, args: &ForgeArgs) -> Result<Forge<'c>> {
        let nix = Nix::probe().map_err(Failure::nix)?;
        let settings = Settings {
            packages: args.packages.clone(),
            mirrors: context.mirrors(catalog),
        };
        let workshop = Workshop::new(
            catalog,
            Project::new(&context.project),
            args.toolchains.clone(),
        )
        .map_err(|error| Failure::new(error.exit_code(), error))?;
        Ok(Forge {
            nix,
            settings,
            workshop,
            project: context.project.clone(),
            table: FailureTable::new(catalog),
            // Nix hands a 0 on to builders as it is
            cores: match args.cores {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                cores => cores,
            },
            verbose: args.verbose,
            stop: interrupt::flag(),
        })
    }

    /// A line about what is going on.
    pub fn say(&self, text: &str) {
        super::output::note(text);
    }

    /// A line for those who want to see everything.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }

    /// What `request` evaluates to.
    pub fn evaluate(&self, request: Request) -> Result<Evaluated> {
        let evaluated = self
            .workshop
            .evaluate(&self.nix, &self.settings, request, &self.stop)
            .map_err(|error| Failure::new(error.exit_code(), error))?;
        super::say_written(&self.project, evaluated.written);
        Ok(evaluated)
    }

    /// Builds it, showing what is being built, and what went wrong first.
    pub fn realise(&self, build: &Build) -> Result<Built> {
        self.realise_source(build, None)
    }

    /// The same for what was made of a folder of the user's: messages name it, and not the copy that was built.
    pub fn realise_source(&self, build: &Build, source: Option<&Path>) -> Result<Built> {
        let terminal = std::io::stderr().is_terminal() && !self.verbose;
        let bar = if terminal {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {elapsed} {prefix}: {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        } else {
            ProgressBar::hidden()
        };
        let shown = RefCell::new(String::new());
        let _finishing = Finishing::begin();
        let result = realise(
            &self.nix,
            &self.settings,
            build,
            self.cores,
            &self.stop,
            &mut |progress| match progress {
                Progress::Started(name) => {
                    if terminal {
                        bar.set_prefix(name.to_owned());
                    } else if *shown.borrow() != name {
                        super::output::note(&format!("building {name}"));
                        name.clone_into(&mut shown.borrow_mut());
                    }
                }
                Progress::Said(line) if terminal => bar.set_message(line.to_owned()),
                Progress::Said(line) if self.verbose => super::output::note(line),
                Progress::Said(_) | Progress::Ended => {}
            },
        );
        bar.finish_and_clear();
        result.map_err(|error: BuildError| {
            let error = match error {
                BuildError::Failed { what, drv, lines } => {
                    self.tell_cause(&drv, &lines, source);
                    let lines = lines.iter().map(|line| in_source(line, source)).collect();
                    BuildError::Failed { what, drv, lines }
                }
                other => other,
            };
            Failure::new(error.exit_code(), error)
        })
    }

    /// Prints the line that tells why a build failed, as it stands in the log, and what kind of failure it is.
    fn tell_cause(&self, drv: &str, lines: &[String], source: Option<&Path>) {
        let mut log = read_log(&self.nix, &self.settings, drv).unwrap_or_default();
        // Nix's own words are in no log
        let unsaid = lines.iter().filter(|line| !log.contains(line.as_str()));
        let unsaid: String = unsaid.map(|line| format!("{line}\n")).collect();
        log.push_str(&unsaid);
        let blame = self.table.read_text(&log, None);
        let Some(line) = &blame.first_error else {
            return;
        };
        let bold = anstyle::Style::new().bold();
        let place = match &blame.function {
            Some(function) => format!("in {function}\n"),
            None => String::new(),
        };
        super::output::complain(&format!(
            "{bold}{}{bold:#}\n{}{}\n",
            clean(&in_source(line, source)),
            clean_lines(&place),
            super::lints::classed(&self.table, &blame)
        ));
    }
}

/// Where a build keeps its copy of what was given.
const COPY: &str = "/build/source";

/// `line` with the user's own path in place of the copy's.
fn in_source(line: &str, source: Option<&Path>) -> String {
    match source {
        None => line.to_owned(),
        Some(source) => line.replace(COPY, shown(source).as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_users_folder() {
        let line = "/build/source/a.c:1:2: error: x";
        assert_eq!(in_source(line, None), line);
        assert_eq!(
            in_source(line, Some(Path::new("/home/u/drv"))),
            "/home/u/drv/a.c:1:2: error: x"
        );
    }
}
