//! One thing, built by the runner that validation uses; and in words, why it could not be built.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::BuildSession;
use crate::blame::{Blame, NIX};
use crate::build::{BuildError, Evaluated};
use crate::cli::progress::{Detail, Watch};
use crate::cli::{Failure, Result, lints, output};
use crate::doctor;
use crate::interrupt::Finishing;
use crate::project::{Buildable, Thing};
use crate::run::{Failed, Single, Tools, build_one};
use crate::text::{clean, clean_line, clean_lines, shown};
use crate::validate::Stage;

/// Lines of a failed log that are shown.
const TAIL: usize = 25;
/// Lines of a log that are looked at for kflake's own words.
const RECENT: usize = 4 * TAIL;

/// A finished build.
pub struct Built<'e> {
    /// What was built.
    pub build: &'e Buildable,
    /// Seconds that it took; none: it was in the store already.
    pub seconds: Option<f64>,
}

impl BuildSession<'_> {
    /// Builds `thing`, showing what is being built, and what went wrong first.
    pub fn realise<'e>(&self, evaluated: &'e Evaluated, thing: Thing) -> Result<Built<'e>> {
        self.realise_source(evaluated, thing, None)
    }

    /// The same for what was made of a folder of the user's: messages name it, and not the copy that was built.
    pub fn realise_source<'e>(
        &self,
        evaluated: &'e Evaluated,
        thing: Thing,
        source: Option<&Path>,
    ) -> Result<Built<'e>> {
        let fail = |error: BuildError| Failure::new(error.exit_code(), error);
        let build = evaluated.build(thing).map_err(fail)?;
        let tools = Tools {
            nix: &self.nix,
            settings: &self.settings,
            table: &self.table,
            stop: &self.stop,
        };
        let detail = match self.verbose {
            true => Detail::Everything,
            false => Detail::Builds,
        };
        let free = doctor::free_space(&self.nix.real_path("/nix/store"));
        let mut watch = Watch::new(detail, None, free)?;
        let label = evaluated.label(thing);
        let _finishing = Finishing::begin();
        let ended = build_one(tools, build, &label, &self.options, &mut |event| {
            watch.tell(event);
        });
        watch.finish()?;
        match ended.map_err(|error| fail(error.into()))? {
            Single::There { seconds } => Ok(Built { build, seconds }),
            Single::Interrupted => Err(fail(BuildError::Interrupted)),
            Single::Failed(failed) => Err(fail(self.explain(&failed, label.stage, source))),
        }
    }

    /// Prints the line that tells why a build failed, as it stands in the log, and what kind of failure it is; what is left is
    /// the end of the log.
    fn explain(
        &self,
        failed: &Failed,
        stage: Option<crate::run::Stage>,
        source: Option<&Path>,
    ) -> BuildError {
        let log = failed.failure.as_ref().and_then(|it| it.log.as_ref());
        let log = log.map(|name| self.options.report.join(name));
        let mut told = None;
        let open = || log.as_ref().and_then(|path| File::open(path).ok());
        if let Some(file) = open()
            && let Ok(mut blame) = self.table.read(BufReader::new(file), stage)
        {
            // of a build that was stopped the log cannot tell
            let class = failed.failure.as_ref().and_then(|it| it.class.as_ref());
            let class = class.and_then(|id| id.parse().ok());
            if blame.class != class {
                blame.class = class;
                blame.first_error = Some(failed.reason.clone());
            }
            let line = blame.first_error.as_ref().unwrap_or(&failed.reason);
            let line = in_source(line, source);
            self.complain(&line, &blame);
            told = Some(line);
        }
        let said = open().and_then(|file| last_lines(file).ok());
        let lines = explanation(said.unwrap_or_else(|| vec![failed.reason.clone()]));
        let mut lines: Vec<String> = lines.iter().map(|line| in_source(line, source)).collect();
        if let (Some(told), [only]) = (&told, &lines[..])
            && told == only
        {
            lines.clear();
        }
        BuildError::Failed {
            what: failed.name.clone(),
            drv: failed.drv.clone(),
            lines,
        }
    }

    /// Says what a machine's console tells of the end of its kernel, where it is of a known kind.
    pub fn blame_console(&self, console: &str) {
        let blame = self.table.read_text(console, Some(Stage::Boot));
        if let (Some(_), Some(line)) = (&blame.class, &blame.first_error) {
            self.complain(line, &blame);
        }
    }

    /// The line that tells the cause of a failure, and its class.
    fn complain(&self, line: &str, blame: &Blame) {
        let bold = anstyle::Style::new().bold();
        let place = match &blame.function {
            Some(function) => format!("in {function}\n"),
            None => String::new(),
        };
        output::complain(&format!(
            "{bold}{}{bold:#}\n{}{}\n",
            clean(line),
            clean_lines(&place),
            lints::classed(&self.table, blame)
        ));
    }
}

/// The last lines of a log.
fn last_lines(file: File) -> io::Result<Vec<String>> {
    let mut lines = VecDeque::with_capacity(RECENT + 1);
    for line in BufReader::new(file).split(b'\n') {
        lines.push_back(clean_line(&String::from_utf8_lossy(&line?)));
        if lines.len() > RECENT {
            lines.pop_front();
        }
    }
    Ok(lines.into())
}

/// The lines that say what went wrong: kflake's own, else the last of the log.
fn explanation(said: Vec<String>) -> Vec<String> {
    let ours: Vec<String> = said
        .iter()
        .filter(|line| line.starts_with("kflake: "))
        .cloned()
        .collect();
    // a failed compilation is explained by the compiler, a script by what it said, a failed boot by the console, a wrong
    // configuration by us alone
    let elsewhere = ours.last().is_some_and(|line| {
        line.contains(": compile: ")
            || line.contains(": dkms-script: ")
            || line.starts_with("kflake: boot: ")
    });
    if !ours.is_empty() && !elsewhere {
        return ours;
    }
    // Nix's own words matter where no builder said anything
    let builders: Vec<String> = said
        .iter()
        .filter(|line| !line.starts_with(NIX))
        .cloned()
        .collect();
    let said = match builders.is_empty() {
        true => said,
        false => builders,
    };
    let from = said.len().saturating_sub(TAIL);
    said[from..].to_vec()
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

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_shown_of_a_failure() {
        let config = lines(&[
            "make: entering",
            "kflake: kernel: config: X: requested y, got n: depends on NET (n)",
            "x",
        ]);
        assert_eq!(explanation(config).len(), 1);
        let compile = lines(&[
            "foo.c:1: error: no",
            "kflake: kernel: compile: make vmlinux failed",
        ]);
        assert_eq!(explanation(compile.clone()), compile);
        let script = lines(&[
            "Can not find iptables version, try setting it with --ipt-ver=",
            "kflake: module: dkms-script: PRE_BUILD of dkms.conf failed: ./configure",
        ]);
        assert_eq!(explanation(script.clone()), script);
        let nix = format!("{NIX}no space");
        assert_eq!(explanation(vec![nix.clone()]), [nix.as_str()]);
        assert_eq!(explanation(lines(&["oops", &nix])), ["oops"]);
    }

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
