//! The report as JUnit XML: one suite per kernel, one test case per cell and stage.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::text::inert_markup;
use crate::validate::{CellRecord, Outcome, RunRecord, Stage, StageRecord};

use super::failures::first_error;
use super::grid::Grid;
use super::metadata::{reproducer, shell};
use super::text::clean;

/// The whole report.
///
/// `failed` and `timed-out` are failures, `blocked` is an error (the test could not be run), `skipped` and
/// `unsupported` are skipped. Cached stages count as passed. What failed as expected is skipped, and what passed although it was
/// expected to fail is a failure.
pub fn render(run: &RunRecord) -> String {
    let mut report = Report::new("kflake");
    if let Some(finished) = run.finished {
        report.set_time(seconds(finished.duration_since(run.started).as_secs_f64()));
    }
    let grid = Grid::of(run);
    for (at, column) in grid.columns.iter().enumerate() {
        let parts = [
            Some(column.era.to_string()),
            column.kernel.as_ref().map(ToString::to_string),
            column.variant.as_ref().map(|variant| clean(variant)),
        ];
        let name: Vec<String> = parts.into_iter().flatten().collect();
        let mut suite = TestSuite::new(name.join(" "));
        suite.extra.insert(
            "timestamp".into(),
            run.started
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string()
                .as_str()
                .into(),
        );
        suite.add_property(Property::new("kflake", clean(&run.kflake)));
        suite.add_property(Property::new("nix", clean(&run.nix)));
        let mut total = Duration::ZERO;
        for cell in grid
            .entries
            .iter()
            .filter_map(|row| row[at])
            .map(|at| &run.cells[at])
        {
            for (at, stage) in cell.stages.iter().enumerate() {
                let case = case(run, cell, stage, said_before(&cell.stages[..at], stage));
                // a report may claim more time than there is
                total = total.saturating_add(case.time.unwrap_or_default());
                suite.add_test_case(case);
            }
        }
        suite.set_time(total);
        report.add_test_suite(suite);
    }
    inert_markup(&report.to_string().expect("XML is written to memory"))
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

/// The stage before, of the same cell, that was blocked for the same reason: one cause is one error.
fn said_before(before: &[StageRecord], stage: &StageRecord) -> Option<Stage> {
    let same = |it: &&StageRecord| it.outcome == Outcome::Blocked && it.reason == stage.reason;
    let first = before.iter().find(same)?;
    (stage.outcome == Outcome::Blocked).then_some(first.stage)
}

/// The case of `stage`; `said`: the stage that says what it is blocked by, if one does.
fn case(run: &RunRecord, cell: &CellRecord, stage: &StageRecord, said: Option<Stage>) -> TestCase {
    let reason = clean(first_error(stage).unwrap_or(stage.outcome.as_str()));
    let status = match stage.outcome {
        _ if stage.fails_as_expected() => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(clean(&stage.detail()));
            status
        }
        _ if stage.is_surprise() => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(clean(&stage.detail()));
            status.set_type("expected-to-fail");
            status
        }
        Outcome::Passed | Outcome::Cached => TestCaseStatus::success(),
        Outcome::Failed | Outcome::TimedOut => {
            unsuccessful(NonSuccessKind::Failure, stage, &reason)
        }
        Outcome::Blocked if said.is_none() => unsuccessful(NonSuccessKind::Error, stage, &reason),
        Outcome::Blocked => {
            let first = said.map_or("", |stage| stage.as_str());
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("blocked by the same as its {first}"));
            status
        }
        Outcome::Skipped | Outcome::Unsupported => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("{}: {reason}", stage.outcome));
            status
        }
    };
    let mut case = TestCase::new(stage.stage.as_str(), status);
    case.set_classname(clean(&cell.id));
    case.set_time(seconds(stage.seconds.unwrap_or_default()));
    if stage.outcome.is_success() && !stage.is_plain() {
        let mut lines = vec![stage.detail()];
        lines.extend(stage.warnings.iter().skip(1).cloned());
        let lines: Vec<String> = lines.iter().map(|line| clean(line)).collect();
        case.set_system_out(lines.join("\n"));
    }
    if let Some(failure) = stage.failure.as_ref().filter(|_| said.is_none()) {
        let tail: Vec<String> = failure.log_tail.iter().map(|line| clean(line)).collect();
        case.set_system_out(tail.join("\n"));
        case.set_system_err(format!("to reproduce: {}", shell(&reproducer(run, cell))));
    }
    case
}

/// A failure or an error, its class as the type.
fn unsuccessful(kind: NonSuccessKind, stage: &StageRecord, reason: &str) -> TestCaseStatus {
    let class = stage
        .failure
        .as_ref()
        .and_then(|failure| failure.class.as_deref());
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(reason.to_owned());
    status.set_type(class.map_or_else(|| stage.outcome.to_string(), clean));
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use std::collections::BTreeSet;
    use std::process::Command;

    #[test]
    fn absurd_times_are_no_panic() {
        let mut run = samples::small_later();
        for cell in &mut run.cells {
            for stage in &mut cell.stages {
                stage.seconds = Some(1e19);
            }
        }
        assert!(render(&run).contains("<testsuite "));
    }

    /// Checks `xml` against `tests/data/reports/junit.xsd`.
    fn valid(xml: &str) -> Result<(), String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), xml).expect("written");
        let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/reports/junit.xsd");
        let output = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema", schema])
            .arg(file.path())
            .output()
            .expect("xmllint runs; it is in Debian's libxml2-utils");
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    #[test]
    fn small_run() {
        insta::assert_snapshot!(render(&samples::small_later()));
    }

    #[test]
    fn every_report_fits_the_schema() {
        for (name, run) in samples::files() {
            valid(&render(&run)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        valid(&render(&samples::three_hundred())).expect("a valid report");
    }

    #[test]
    fn the_schema_refuses_what_is_wrong() {
        let good = render(&samples::small_later());
        let wrong = [
            good.replace("<testcase", "<test")
                .replace("</testcase", "</test"),
            good.replace("tests=\"", "tests=\"x"),
            good.replace(" classname=", " klass="),
            good.replacen("<failure", "<broken/><failure", 1),
        ];
        for bad in wrong {
            assert!(bad != good && valid(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_add_up() {
        let run = samples::sixty();
        let xml = render(&run);
        let with = |outcomes: &[Outcome]| {
            run.cells
                .iter()
                .flat_map(|c| &c.stages)
                .filter(|s| outcomes.contains(&s.outcome))
                .count()
        };
        assert_eq!(xml.matches("<testcase").count(), 240);
        assert_eq!(
            xml.matches("<failure").count(),
            with(&[Outcome::Failed, Outcome::TimedOut])
        );
        let stages = run.cells.iter().map(|cell| &cell.stages);
        let again: usize = stages
            .map(|stages| {
                let blocked = stages.iter().filter(|it| it.outcome == Outcome::Blocked);
                let reasons: Vec<_> = blocked.map(|it| &it.reason).collect();
                reasons.len() - reasons.iter().collect::<BTreeSet<_>>().len()
            })
            .sum();
        assert!(again > 0, "one cause is told once");
        assert_eq!(
            xml.matches("<error").count(),
            with(&[Outcome::Blocked]) - again
        );
        assert_eq!(
            xml.matches("<skipped").count(),
            with(&[Outcome::Skipped, Outcome::Unsupported]) + again
        );
    }
}
