//! `metadata.json`, one per cell: what was built, how, and how to build it again, under the names that TuxMake uses,
//! so that what reads TuxMake's files reads these.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::catalog::MeasuredSource;
use crate::validate::{CellRecord, Outcome, RunRecord};

/// A cell as TuxMake would describe a build.
#[derive(Debug, Serialize)]
pub struct Metadata {
    /// What was asked for.
    pub build: BuildSection,
    /// What came of it.
    pub results: Results,
    /// The compiler; none where no toolchain fits.
    pub compiler: Option<Compiler>,
    /// The source.
    pub source: Source,
    /// What ran the build.
    pub runtime: Version,
    /// Who wrote this, in the place where TuxMake names itself.
    pub kflake: Version,
}

/// What was asked for.
#[derive(Debug, Serialize)]
pub struct BuildSection {
    /// The stages that were asked for.
    pub targets: Vec<&'static str>,
    /// kflake's name of the arch, which is mostly TuxMake's.
    pub target_arch: String,
    /// `gcc-12`.
    pub toolchain: Option<String>,
    /// Compiler wrapper: `none`.
    pub wrapper: &'static str,
    /// Environment given by the user: none.
    pub environment: BTreeMap<String, String>,
    /// The configuration: `tinyconfig`, or a defconfig's name.
    pub kconfig: Option<String>,
    /// Fragments given by the user: none.
    pub kconfig_add: Vec<String>,
    /// `nix`.
    pub runtime: &'static str,
    /// Command that builds this cell again.
    pub reproducer_cmdline: Vec<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Results {
    /// `PASS`, `FAIL` or `SKIP`.
    pub status: &'static str,
    /// Per stage.
    pub targets: BTreeMap<&'static str, Target>,
    /// Store paths per stage, and logs of failures relative to the report.
    pub artifacts: BTreeMap<&'static str, Vec<String>>,
    /// Seconds per stage that was built in this run.
    pub duration: BTreeMap<&'static str, f64>,
}

/// One stage.
#[derive(Debug, Serialize)]
pub struct Target {
    /// `PASS`, `FAIL` or `SKIP`.
    pub status: &'static str,
    /// Seconds; none where nothing was built in this run.
    pub duration: Option<f64>,
    /// Versions of the programs that made it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tools: BTreeMap<String, String>,
    /// What the kernel complained of while it passed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The compiler.
#[derive(Debug, Serialize)]
pub struct Compiler {
    /// `gcc` or `clang`.
    pub name: &'static str,
    /// Its version.
    pub version: String,
    /// With target and source.
    pub version_full: String,
    /// binutils.
    pub binutils: Option<String>,
    /// libc with version.
    pub libc: Option<String>,
}

/// The source.
#[derive(Debug, Serialize)]
pub struct Source {
    /// The kernel's version.
    pub kernelversion: Option<String>,
    /// Digest of what it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether that took the place of what kflake pins for the version.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub overridden: bool,
}

/// A program.
#[derive(Debug, Serialize)]
pub struct Version {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: String,
}

/// TuxMake knows three outcomes.
fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed | Outcome::Cached => "PASS",
        Outcome::Failed | Outcome::Blocked | Outcome::TimedOut => "FAIL",
        Outcome::Skipped | Outcome::Unsupported => "SKIP",
    }
}

impl Metadata {
    /// Describes `cell` of `run`.
    pub fn of(run: &RunRecord, cell: &CellRecord) -> Metadata {
        let asked = |outcome| !matches!(outcome, Outcome::Skipped | Outcome::Unsupported);
        let mut artifacts: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for stage in &cell.stages {
            if let Some(out) = &stage.out {
                artifacts
                    .entry(stage.stage.as_str())
                    .or_default()
                    .push(out.clone());
            }
            if let Some(log) = stage
                .failure
                .as_ref()
                .and_then(|failure| failure.log.as_ref())
            {
                artifacts.entry("log").or_default().push(log.clone());
            }
        }
        let outcomes = || cell.stages.iter().map(|stage| stage.outcome);
        let overall = if outcomes().any(Outcome::is_failure) {
            "FAIL"
        } else if outcomes().any(Outcome::is_success) {
            "PASS"
        } else {
            "SKIP"
        };
        Metadata {
            build: BuildSection {
                targets: cell
                    .stages
                    .iter()
                    .filter(|s| asked(s.outcome))
                    .map(|s| s.stage.as_str())
                    .collect(),
                target_arch: cell.arch.to_string(),
                toolchain: cell
                    .toolchain
                    .as_ref()
                    .map(|t| format!("{}-{}", t.compiler.name(), t.compiler.major())),
                wrapper: "none",
                environment: BTreeMap::new(),
                kconfig: cell.profile.as_ref().map(|profile| match profile.as_str() {
                    "tiny" => "tinyconfig".to_owned(),
                    other => other.to_owned(),
                }),
                kconfig_add: Vec::new(),
                runtime: "nix",
                reproducer_cmdline: reproducer(run, cell),
            },
            results: Results {
                status: overall,
                targets: cell
                    .stages
                    .iter()
                    .map(|stage| {
                        let target = Target {
                            status: status(stage.outcome),
                            duration: stage.seconds,
                            tools: stage.tools.clone(),
                            warnings: stage.warnings.clone(),
                        };
                        (stage.stage.as_str(), target)
                    })
                    .collect(),
                artifacts,
                duration: cell
                    .stages
                    .iter()
                    .filter_map(|s| Some((s.stage.as_str(), s.seconds?)))
                    .collect(),
            },
            compiler: cell.toolchain.as_ref().map(|toolchain| Compiler {
                name: toolchain.compiler.name(),
                version: toolchain.compiler.version().to_string(),
                version_full: format!(
                    "{}-{} ({})",
                    toolchain.target, toolchain.compiler, toolchain.source
                ),
                binutils: toolchain.binutils.as_ref().map(ToString::to_string),
                libc: toolchain.libc.clone(),
            }),
            source: Source {
                kernelversion: cell.kernel.as_ref().map(ToString::to_string),
                sha256: cell.source.as_ref().map(|source| source.sha256.to_string()),
                overridden: cell
                    .source
                    .as_ref()
                    .is_some_and(MeasuredSource::is_override),
            },
            runtime: Version {
                name: "nix",
                version: run.nix.clone(),
            },
            kflake: Version {
                name: "kflake",
                version: run.kflake.clone(),
            },
        }
    }

    /// As text: indented, ending in a newline.
    pub fn to_json(&self) -> String {
        let mut text = crate::text::json_pretty(self).expect("metadata has only string keys");
        text.push('\n');
        text
    }
}

/// Every cell of `run`, in plan order, as a JSON list.
pub fn all_to_json(run: &RunRecord) -> String {
    let all: Vec<Metadata> = run
        .cells
        .iter()
        .map(|cell| Metadata::of(run, cell))
        .collect();
    let mut text = crate::text::json_pretty(&all).expect("metadata has only string keys");
    text.push('\n');
    text
}

/// The command that builds `cell` again, on the machine and in the project of `run`.
///
/// The cell, its kernel and its toolchain are named; the run's own package set is kept.
pub fn reproducer(run: &RunRecord, cell: &CellRecord) -> Vec<String> {
    let mut command: Vec<String> = ["kflake", "validate", "--cell"].map(str::to_owned).into();
    command.push(cell.id.clone());
    let mut option = |name: &str, value: String| command.extend([name.to_owned(), value]);
    if let Some(kernel) = &cell.kernel {
        option("--kernel", kernel.to_string());
    }
    if let Some(toolchain) = &cell.toolchain {
        option("--toolchains", toolchain.source.to_string());
    }
    if let Some(packages) = given(&run.command, "--packages") {
        option("--packages", packages.to_owned());
    }
    // of stock kernels (--bands) the command does not say it
    if cell.profile.as_deref() == Some("board") {
        option("--profile", "board".to_owned());
    } else if let Some(profile) = given(&run.command, "--profile") {
        option("--profile", profile.to_owned());
    }
    let last = cell
        .stages
        .iter()
        .rev()
        .find(|s| !matches!(s.outcome, Outcome::Skipped | Outcome::Unsupported));
    if let Some(stage) = last.filter(|stage| stage.stage != crate::validate::Stage::Boot) {
        option("--stage", stage.stage.to_string());
    }
    command
}

/// The value of option `name` in `command`, as `--name value` or `--name=value`.
fn given<'a>(command: &'a [String], name: &str) -> Option<&'a str> {
    let at = command
        .iter()
        .position(|word| word.split('=').next() == Some(name))?;
    match command[at].split_once('=') {
        Some((_, value)) => Some(value),
        None => command.get(at + 1).map(String::as_str),
    }
}

/// `command` as a line that a POSIX shell reads back as the same words; characters that could act on a terminal are
/// escaped, see [`super::text::clean`].
pub fn shell(command: &[String]) -> String {
    let shown: Vec<String> = command
        .iter()
        .map(|word| super::text::clean(word))
        .collect();
    crate::text::shell_words(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_cell_is_described_as_tuxmake_would() {
        let run = samples::small_later();
        insta::assert_snapshot!(Metadata::of(&run, &run.cells[1]).to_json());
    }

    #[test]
    fn an_unsupported_cell_is_skipped() {
        let run = samples::sixty();
        let cell = run
            .cells
            .iter()
            .find(|cell| cell.toolchain.is_none())
            .expect("an unsupported cell");
        let metadata = Metadata::of(&run, cell);
        assert_eq!(metadata.results.status, "SKIP");
        assert!(metadata.build.targets.is_empty() && metadata.compiler.is_none());
    }

    #[test]
    fn the_command_keeps_what_the_run_was_given() {
        let run = samples::small();
        assert_eq!(
            shell(&reproducer(&run, &run.cells[0])),
            "kflake validate --cell k6-arm64 --kernel 6.1.192 --toolchains debian --packages debian"
        );
        let mut run = run;
        run.command = ["kflake", "validate", "--bands"].map(str::to_owned).into();
        run.cells[0].profile = Some("board".to_owned());
        assert_eq!(
            shell(&reproducer(&run, &run.cells[0])),
            "kflake validate --cell k6-arm64 --kernel 6.1.192 --toolchains debian --profile board"
        );
        assert_eq!(
            given(&["--packages=debian".to_owned()], "--packages"),
            Some("debian")
        );
        assert_eq!(given(&["--packages".to_owned()], "--packages"), None);
    }

    #[test]
    fn shell_words_survive_a_shell() {
        let words = [
            "a b",
            "$(touch pwned)",
            "'\"`\\",
            "",
            "plain-1.2",
            "*",
            "~",
            "#x",
            "!!",
        ]
        .map(str::to_owned);
        let script = format!("printf '%s\\n' {}", shell(&words));
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("sh runs");
        let lines: Vec<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect();
        assert_eq!(lines, words);
    }
}
