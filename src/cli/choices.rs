//! `kflake.toml`: what a project remembers, so that no command has to be told again.
//!
//! Nothing in it can run a program or name a place outside the project; options on the command line overrule it.

use std::num::NonZeroUsize;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::de::{Deserialize, Deserializer, Error as _};
use thiserror::Error;

use super::limit::Limit;
use crate::catalog::SourceKind;
use crate::exit;
use crate::files;
use crate::packages::Packages;
use crate::suggest::nearest;
use crate::text::{brief, shown};
use crate::validate::Expectation;

/// Its name; the folder that has it is a project.
pub const FILE: &str = "kflake.toml";
/// Where a report goes unless something else is said.
const REPORT: &str = "report";
/// The most of it that is read, in bytes: it is written by hand.
const MAX: u64 = 1 << 20;

/// What a project remembers.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Choices {
    /// Where a build's own tools come from: `"nixpkgs"`, `"debian"` or `"debian:SUITE"`, as `--packages` has it.
    #[serde(deserialize_with = "spelled")]
    pub packages: Option<Packages>,
    /// Sources of toolchains that may be taken, the preferred first, as `--toolchains` has them; empty: each era's own order.
    pub toolchains: Vec<SourceKind>,
    /// Folder in the project for what `validate` reports, as `--report` has it.
    pub report: Option<ReportFolder>,
    /// Failures that `validate` has to expect.
    pub expect_fail: Vec<Expectation>,
    /// What options are where they are not given.
    pub defaults: Defaults,
}

/// Options of the commands that build.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Defaults {
    /// Builds at once, as `validate --jobs` has it.
    pub jobs: Option<NonZeroUsize>,
    /// Cores that a build may use, as `--cores` has it.
    pub cores: Option<NonZeroUsize>,
    /// New tries of what failed through the network or the machine, as `--retries` has it.
    pub retries: Option<u32>,
    /// How long builds may take, as `--timeout` has it: `["3h", "kernel=5h"]`.
    #[serde(deserialize_with = "spelled_all")]
    pub timeout: Vec<Limit>,
    /// How long builds may be silent, as `--silence-timeout` has it.
    #[serde(deserialize_with = "spelled_all")]
    pub silence_timeout: Vec<Limit>,
}

/// A folder within the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFolder(PathBuf);

impl FromStr for ReportFolder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = Path::new(text);
        let inside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let named = path
            .components()
            .any(|part| matches!(part, Component::Normal(_)));
        match inside && named && !text.chars().any(char::is_control) {
            true => Ok(ReportFolder(path.to_owned())),
            false => Err(format!(
                "the report's folder is one in the project, such as \"{REPORT}\"; `--report` may name any other"
            )),
        }
    }
}

impl<'de> Deserialize<'de> for ReportFolder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A value that is written as the command line has it.
fn spelled<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

/// A list of such values.
fn spelled_all<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let texts: Vec<String> = Vec::deserialize(deserializer)?;
    let read = |text: &String| text.parse().map_err(D::Error::custom);
    texts.iter().map(read).collect()
}

/// Why a `kflake.toml` cannot be followed.
#[derive(Debug, Error, Diagnostic)]
pub enum ChoicesError {
    /// The file system refused.
    #[error("cannot read {}: {}", shown(path), files::reason(path, source))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is a link, and what it leads to is not there.
    #[error("{} is a link to what is not there", shown(path))]
    #[diagnostic(help("remove it, or point it at the file with the project's choices"))]
    Nowhere {
        /// The link.
        path: PathBuf,
    },
    /// Something in it is not as it should be.
    #[error("{what}")]
    Bad {
        /// What.
        what: String,
        /// The file and what it holds.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// Where.
        #[label]
        at: SourceSpan,
        /// What to do.
        #[help]
        help: String,
    },
}

impl ChoicesError {
    /// The exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            ChoicesError::Io { .. } => exit::IO,
            ChoicesError::Nowhere { .. } | ChoicesError::Bad { .. } => exit::USAGE,
        }
    }
}

/// The keys that there are, for slips.
const KEYS: [&str; 15] = [
    "packages",
    "toolchains",
    "report",
    "defaults",
    "expect-fail",
    "cell",
    "kernel",
    "stage",
    "class",
    "reason",
    "jobs",
    "cores",
    "retries",
    "timeout",
    "silence-timeout",
];

impl Choices {
    /// What `project` remembers; where it has no such file, nothing.
    ///
    /// # Errors
    /// When the file cannot be read or followed.
    pub fn read(project: &Path) -> Result<Choices, ChoicesError> {
        let path = project.join(FILE);
        match files::read(&path, MAX) {
            Ok(bytes) => parse(&bytes, &path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => match path.is_symlink() {
                true => Err(ChoicesError::Nowhere { path }),
                false => Ok(Choices::default()),
            },
            Err(source) => Err(ChoicesError::Io { path, source }),
        }
    }

    /// The folder for reports of `project`.
    pub fn report(&self, project: &Path) -> PathBuf {
        let own = self.report.as_ref();
        project.join(own.map_or(Path::new(REPORT), |folder| &folder.0))
    }

    /// The folder for reports of `project`, to be written to.
    ///
    /// # Errors
    /// When a link in the project leads out of it.
    pub fn own_report(&self, project: &Path) -> std::io::Result<PathBuf> {
        let own = self.report.as_ref();
        files::inside(project, own.map_or(Path::new(REPORT), |folder| &folder.0))
    }

    /// The text of a new file with these choices: each key with a word about it, those that are not chosen as comments.
    pub fn to_text(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let packages = self.packages.as_ref().map(|it| quoted(&it.to_string()));
        let sources: Vec<String> = self
            .toolchains
            .iter()
            .map(|it| quoted(it.as_str()))
            .collect();
        let toolchains = (!sources.is_empty()).then(|| format!("[{}]", sources.join(", ")));
        let report = self.report.as_ref();
        let report = report.map(|folder| quoted(&folder.0.to_string_lossy()));
        let line = |key: &str, value: Option<String>, example: &str| match value {
            Some(value) => format!("{key} = {value}\n"),
            None => format!("# {key} = {example}\n"),
        };
        format!(
            "# What kflake remembers of this project. Options on the command line override it.\n\n\
             # Where a build's own tools come from: nixpkgs, debian, or debian:SUITE.\n{}\n\
             # Toolchain sources to use, in order of preference: bootlin, musl, kernel-only, debian, korg, llvm.\n{}\n\
             # Folder in this one for what `kflake validate` reports.\n{}\n\
             [defaults]\n# jobs = 2\n# cores = 4\n# retries = 1\n# timeout = [\"3h\", \"kernel=5h\"]\n# silence-timeout = [\"30m\"]\n\n\
             # Failures that `kflake validate` expects, each in a section of its own.\n\
             # [[expect-fail]]\n# cell = \"k3-mipsel\"\n# stage = \"boot\"\n# reason = \"...\"\n",
            line("packages", packages, "\"nixpkgs\""),
            line("toolchains", toolchains, "[\"bootlin\", \"musl\"]"),
            line("report", report, "\"report\""),
        )
    }
}

fn parse(bytes: &[u8], path: &Path) -> Result<Choices, ChoicesError> {
    let bad =
        |what: String, help: String, text: String, at: std::ops::Range<usize>| ChoicesError::Bad {
            what,
            text: Arc::new(NamedSource::new(path.to_string_lossy(), text)),
            at: at.into(),
            help,
        };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = error.valid_up_to();
        let text = String::from_utf8_lossy(bytes).into_owned();
        bad(
            "this is not UTF-8 text".to_owned(),
            "save the file as UTF-8".to_owned(),
            text,
            good..good,
        )
    })?;
    toml::from_str(text).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        let word = text.get(at.clone()).unwrap_or_default();
        let unknown = error.message().starts_with("unknown field");
        let meant = nearest(word, KEYS).filter(|meant| unknown && *meant != word);
        let (what, help) = match (unknown, meant) {
            (true, Some(meant)) => (
                format!("there is no key `{}`", brief(word)),
                format!("did you mean {meant}?"),
            ),
            (true, None) => (
                format!("there is no key `{}` here", brief(word)),
                "packages, toolchains and report go at the top; jobs, cores, retries, timeout and silence-timeout in [defaults]; \
                 cell, kernel, stage, class and reason in [[expect-fail]]".to_owned(),
            ),
            _ if error.message().ends_with(", expected a sequence") => (
                "this is a list".to_owned(),
                format!("write it in brackets: [{}]", brief(word.trim())),
            ),
            _ if error.message() == "invalid type: sequence, expected a string" => (
                "this is one value, not a list".to_owned(),
                format!("leave out the brackets: {}", brief(word.trim_matches(['[', ']', ' ']))),
            ),
            _ if error.message().starts_with("invalid type: string") && !error.message().ends_with("map") => (
                "this is a number".to_owned(),
                format!("leave out the quotes: {}", brief(word.trim_matches(['"', '\'']))),
            ),
            _ => (
                error.message().to_owned(),
                "fix this line; `kflake init --help` says what the file may hold".to_owned(),
            ),
        };
        bad(what, help, text.to_owned(), at)
    })
}

/// The nearest folder with such a file, from `from` upwards. Above `from`, folders that everybody may write to (`/tmp`) are passed over.
pub fn find(from: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;

    let everybodys = |dir: &Path| {
        std::fs::metadata(dir).is_ok_and(|facts| facts.permissions().mode() & 0o002 != 0)
    };
    // a link that leads nowhere is told, not passed over
    let has_one = |dir: &&Path| {
        let file = dir.join(FILE);
        file.is_file() || (file.is_symlink() && !file.exists())
    };
    from.ancestors()
        .filter(has_one)
        .find(|dir| *dir == from || !everybodys(dir))
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render;

    fn read(text: &str) -> Result<Choices, ChoicesError> {
        parse(text.as_bytes(), Path::new("kflake.toml"))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let choices = Choices {
            packages: Some("debian:trixie".parse().unwrap()),
            toolchains: vec![SourceKind::Debian, SourceKind::KernelOnly],
            report: Some("out/a \"report\"".parse().unwrap()),
            ..Choices::default()
        };
        assert_eq!(read(&choices.to_text()).unwrap(), choices);
        let none = Choices::default();
        assert_eq!(read(&none.to_text()).unwrap(), none);
        // what stands there as a comment is right as well
        let all = none.to_text().replace("\n# jobs", "\njobs");
        let all: String = all
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = ") || rest.starts_with('[') => {
                    format!("{rest}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let all = read(&all).unwrap();
        assert_eq!(all.packages, Some(Packages::Nixpkgs));
        assert_eq!(all.defaults.timeout.len(), 2);
        assert_eq!(all.expect_fail[0].cell, "k3-mipsel");
        assert_eq!(all.report(Path::new("p")), Path::new("p/report"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, what, help) in [
            (
                "\npakages = \"debian\"",
                2,
                "no key `pakages`",
                "did you mean packages?",
            ),
            (
                "packages = \"guix\"",
                1,
                "the package sets are nixpkgs",
                "fix this line",
            ),
            ("packages = 3", 1, "expected a string", "fix this line"),
            (
                "toolchains = \"debian\"",
                1,
                "this is a list",
                "in brackets: [\"debian\"]",
            ),
            (
                "packages = [\"debian\"]",
                1,
                "this is one value",
                "the brackets: \"debian\"",
            ),
            (
                "[defaults]\njobs = \"4\"",
                2,
                "this is a number",
                "the quotes: 4",
            ),
            (
                "[defaults]\ntimeout = \"3h\"",
                2,
                "this is a list",
                "in brackets: [\"3h\"]",
            ),
            (
                "toolchains = [\"debian\",\n\"gcc\"]",
                2,
                "unknown variant `gcc`",
                "fix this line",
            ),
            (
                "report = \"../elsewhere\"",
                1,
                "in the project",
                "fix this line",
            ),
            ("report = \"/etc\"", 1, "in the project", "fix this line"),
            ("report = \".\"", 1, "in the project", "fix this line"),
            ("cores = 3", 1, "no key `cores` here", "[defaults]"),
            (
                "[[expect-fail]]\ncell = \"k3-mipsel\"\nstage = \"boot\"",
                1,
                "missing field `reason`",
                "fix this line",
            ),
            (
                "[[expect-fail]]\nstages = \"boot\"",
                2,
                "no key `stages`",
                "did you mean stage?",
            ),
            ("[defaults]\ncores = 0", 2, "nonzero", "fix this line"),
            (
                "[defaults]\ntimeout = [\"5d\"]",
                2,
                "a time looks like",
                "fix this line",
            ),
            ("a = [", 1, "", "fix this line"),
            ("x = \"\u{1b}[31m\"", 1, "", "fix this line"),
        ] {
            let error = read(text).expect_err(text);
            let shown = render::diagnostic(&error, None);
            assert!(
                shown.contains(&format!("kflake.toml:{line}:")),
                "{text}: {shown}"
            );
            assert!(
                shown.contains(what) && shown.contains(help),
                "{text}: {shown}"
            );
            assert!(!shown.contains("\u{1b}[31m\""), "{text}: {shown}");
        }
        assert!(parse(b"packages = \"\xff\"", Path::new("x")).is_err());
    }
}
