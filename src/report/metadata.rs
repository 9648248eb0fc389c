//! `metadata.json` of the cells of a run, and the commands that build them again.

use std::collections::BTreeMap;

use crate::catalog::MeasuredSource;
use crate::tuxmake::{self, Build, Compiler, Metadata, Program, Results, Source, Status, Target};
use crate::validate::{CellRecord, Outcome, RunRecord};

fn status(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Passed | Outcome::Cached => Status::Pass,
        Outcome::Failed | Outcome::Blocked | Outcome::TimedOut => Status::Fail,
        Outcome::Skipped | Outcome::Unsupported => Status::Skip,
    }
}

/// Describes `cell` of `run`.
fn describe(run: &RunRecord, cell: &CellRecord) -> Metadata {
    let asked = |outcome| status(outcome) != Status::Skip;
    let mut artifacts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for stage in &cell.stages {
        let mut add = |what: &str, file: &Option<String>| {
            if let Some(file) = file {
                let files = artifacts.entry(what.to_owned()).or_default();
                files.push(file.clone());
            }
        };
        add(stage.stage.as_str(), &stage.out);
        if let Some(failure) = &stage.failure {
            add("log", &failure.log);
        }
    }
    let outcomes = || cell.stages.iter().map(|stage| stage.outcome);
    let overall = if outcomes().any(Outcome::is_failure) {
        Status::Fail
    } else if outcomes().any(Outcome::is_success) {
        Status::Pass
    } else {
        Status::Skip
    };
    let targets = cell.stages.iter().map(|stage| {
        let target = Target {
            status: status(stage.outcome),
            duration: stage.seconds,
            tools: stage.tools.clone(),
            warnings: stage.warnings.clone(),
        };
        (stage.stage.to_string(), target)
    });
    let durations = cell.stages.iter();
    let durations = durations.filter(|stage| stage.seconds.is_some());
    let compiler = cell.toolchain.as_ref().map(|toolchain| {
        let name = tuxmake::program(&toolchain.compiler, &toolchain.target);
        let version = toolchain.compiler.version().to_string();
        Compiler {
            version_full: format!("{name} {version} ({})", toolchain.source),
            name,
            version,
            toolchain: toolchain.id.clone(),
            binutils: toolchain.binutils.as_ref().map(ToString::to_string),
            libc: toolchain.libc.clone(),
        }
    });
    Metadata {
        build: Build {
            targets: {
                let stages = cell.stages.iter().filter(|it| asked(it.outcome));
                stages.map(|it| it.stage.to_string()).collect()
            },
            kconfig: cell.profile.as_ref().map(|profile| match profile.as_str() {
                "tiny" => "tinyconfig".to_owned(),
                other => other.to_owned(),
            }),
            reproducer_cmdline: reproducer(run, cell),
            ..Build::new(
                &cell.arch,
                cell.toolchain.as_ref().map(|toolchain| &toolchain.compiler),
            )
        },
        results: Results {
            status: overall,
            targets: targets.collect(),
            artifacts,
            errors: None,
            warnings: None,
            duration: durations
                .map(|stage| (stage.stage.to_string(), stage.seconds))
                .collect(),
        },
        source: Source {
            kernelrelease: None,
            kernelversion: cell.kernel.as_ref().map(ToString::to_string),
            sha256: cell.source.as_ref().map(|source| source.sha256.to_string()),
            overridden: cell
                .source
                .as_ref()
                .is_some_and(MeasuredSource::is_override),
        },
        compiler,
        hardware: None,
        runtime: Program {
            name: "nix",
            version: run.nix.clone(),
        },
        kflake: Program {
            name: "kflake",
            version: run.kflake.clone(),
        },
        system_map: None,
        vmlinux: None,
    }
}

/// `cell` of `run`: indented, ending in a newline.
pub fn to_json(run: &RunRecord, cell: &CellRecord) -> String {
    json(&describe(run, cell))
}

/// Every cell of `run`, in plan order, as a JSON list.
pub fn all_to_json(run: &RunRecord) -> String {
    let all: Vec<Metadata> = run.cells.iter().map(|cell| describe(run, cell)).collect();
    json(&all)
}

fn json(metadata: &impl serde::Serialize) -> String {
    let mut text = crate::text::json_pretty(metadata).expect("metadata has only string keys");
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
    // a report that was merged of runs with different commands has none
    let packages = match run.command.is_empty() {
        true => run.packages.as_deref(),
        false => given(&run.command, "--packages"),
    };
    if let Some(packages) = packages {
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
        insta::assert_snapshot!(to_json(&run, &run.cells[1]));
    }

    #[test]
    fn an_unsupported_cell_is_skipped() {
        let run = samples::sixty();
        let cell = run
            .cells
            .iter()
            .find(|cell| cell.toolchain.is_none())
            .expect("an unsupported cell");
        let metadata = describe(&run, cell);
        assert_eq!(metadata.results.status, Status::Skip);
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
