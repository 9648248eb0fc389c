//! What a run over one candidate says of it.

use super::search::Trial;
use crate::catalog::{Catalog, Stage};
use crate::validate::{CellRecord, Outcome, is_the_machines};

/// What became of a candidate.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether it works.
    pub trial: Trial,
    /// The last stage that was tried.
    pub stage: Option<Stage>,
    /// What became of that, in a line.
    pub text: String,
}

impl Answer {
    /// What the record of its cell says, of which stages up to `furthest` were asked for. A candidate works where all of these passed. What the machine is to blame for tells nothing
    /// of a compiler, nor does a stage that ran out of time or was not tried.
    pub fn of(catalog: &Catalog, cell: &CellRecord, furthest: Stage) -> Answer {
        let mut stages = cell.stages.iter().filter(|it| it.stage <= furthest);
        let failed = stages.clone().find(|it| !it.outcome.is_success());
        let Some(failed) = failed else {
            let last = stages.next_back();
            return Answer {
                trial: last.map_or(Trial::Unclear, |_| Trial::Works),
                stage: last.map(|it| it.stage),
                text: last.map_or("nothing was tried".to_owned(), |it| it.detail()),
            };
        };
        let about_the_kernel = failed.outcome == Outcome::Failed
            && failed.stage != Stage::Toolchain
            && !is_the_machines(catalog, failed);
        let class = failed.failure.as_ref().and_then(|it| it.class.as_deref());
        let error = failed
            .failure
            .as_ref()
            .and_then(|it| it.first_error.as_deref());
        let error = error.or(failed.reason.as_deref());
        let words: Vec<&str> = [class, error].into_iter().flatten().collect();
        let text = match words.is_empty() {
            true => failed.outcome.to_string(),
            false => words.join(": "),
        };
        Answer {
            trial: match about_the_kernel {
                true => Trial::Fails,
                false => Trial::Unclear,
            },
            stage: Some(failed.stage),
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(stages: Value) -> Answer {
        let cell = json!({
            "id": "k6-arm64", "era": "k6", "arch": "arm64", "kernel": "6.1", "toolchain": null, "stages": stages,
        });
        let cell: CellRecord = serde_json::from_value(cell).unwrap();
        Answer::of(&Catalog::embedded().unwrap(), &cell, Stage::Boot)
    }

    fn failed(stage: &str, outcome: &str, class: &str) -> Value {
        json!([
            {"stage": "toolchain", "outcome": "cached", "seconds": null},
            {"stage": stage, "outcome": outcome, "seconds": 1.0,
             "failure": {"class": class, "phase": null, "first_error": "it broke"}},
        ])
    }

    #[test]
    fn only_what_the_kernel_or_its_compiler_did_counts() {
        let good = json!([{"stage": "kernel", "outcome": "cached", "seconds": null}, {"stage": "boot", "outcome": "passed", "seconds": 3.0}]);
        let told = answer(good);
        assert_eq!((told.trial, told.stage), (Trial::Works, Some(Stage::Boot)));
        let cell = json!({
            "id": "k6-arm64", "era": "k6", "arch": "arm64", "kernel": "6.1", "toolchain": null, "stages": [
                {"stage": "kernel", "outcome": "passed", "seconds": 1.0}, {"stage": "module", "outcome": "skipped", "seconds": null},
            ],
        });
        let cell: CellRecord = serde_json::from_value(cell).unwrap();
        let told = Answer::of(&Catalog::embedded().unwrap(), &cell, Stage::Kernel);
        assert_eq!(
            (told.trial, told.stage),
            (Trial::Works, Some(Stage::Kernel))
        );
        let told = answer(failed("kernel", "failed", "kernel-compile"));
        assert_eq!(told.trial, Trial::Fails);
        assert_eq!(told.text, "kernel-compile: it broke");
        for (stage, outcome, class) in [
            ("kernel", "failed", "out-of-disk"),
            ("kernel", "timed-out", "kernel-compile"),
            ("toolchain", "failed", "kernel-compile"),
            ("kernel", "blocked", "kernel-compile"),
        ] {
            assert_eq!(
                answer(failed(stage, outcome, class)).trial,
                Trial::Unclear,
                "{stage} {outcome}"
            );
        }
        assert_eq!(answer(json!([])).trial, Trial::Unclear);
    }
}
