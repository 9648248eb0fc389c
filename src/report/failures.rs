//! What went wrong, gathered: failures by class, then cells that could not be tried, or were never supported.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::catalog::{Catalog, FailureClass};
use crate::id::FailureId;
use crate::validate::{CellRecord, FailureRecord, Outcome, RunRecord, Stage, StageRecord};

use super::grid::CellOutcome;
use super::text::count;

/// All failures of one class.
#[derive(Debug)]
pub struct Class<'a> {
    /// The class; none: no signature matched.
    pub class: Option<&'a str>,
    /// Failures that say the same, the most frequent first.
    pub kinds: Vec<Kind<'a>>,
}

impl Class<'_> {
    /// The stage that all of them failed at.
    pub fn stage(&self) -> Option<Stage> {
        let (first, rest) = self.kinds.split_first()?;
        let same = rest.iter().all(|kind| kind.stage == first.stage);
        same.then_some(first.stage)
    }

    /// Number of failed stages.
    pub fn len(&self) -> usize {
        self.kinds.iter().map(|kind| kind.cells.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

/// Failures of the same stage with the same first error.
#[derive(Debug)]
pub struct Kind<'a> {
    /// The stage that failed.
    pub stage: Stage,
    /// How.
    pub outcome: Outcome,
    /// The build phase, if all agree.
    pub phase: Option<&'a str>,
    /// The first line that says what went wrong; else the stage's reason.
    pub first_error: Option<&'a str>,
    /// The cells, in plan order.
    pub cells: Vec<&'a CellRecord>,
}

/// The stages of a run that failed by themselves, and were not expected to.
pub fn failed(run: &RunRecord) -> impl Iterator<Item = (&CellRecord, &StageRecord)> {
    run.cells.iter().flat_map(|cell| {
        cell.stages
            .iter()
            .filter(|stage| matches!(stage.outcome, Outcome::Failed | Outcome::TimedOut))
            .filter(|stage| !stage.fails_as_expected())
            .map(move |stage| (cell, stage))
    })
}

/// The stages of a run that passed while the kernel complained.
pub fn warned(run: &RunRecord) -> impl Iterator<Item = (&CellRecord, &StageRecord)> {
    run.cells.iter().flat_map(|cell| {
        cell.stages
            .iter()
            .filter(|stage| stage.outcome.is_success() && !stage.is_plain())
            .map(move |stage| (cell, stage))
    })
}

/// What a failed stage has to say first.
pub fn first_error(stage: &StageRecord) -> Option<&str> {
    let said = stage
        .failure
        .as_ref()
        .and_then(|failure| failure.first_error.as_deref());
    said.or(stage.reason.as_deref())
}

/// The failures of `run` by class, the largest class first, those without a class last.
pub fn by_class(run: &RunRecord) -> Vec<Class<'_>> {
    let mut classes: BTreeMap<Option<&str>, Vec<Kind<'_>>> = BTreeMap::new();
    for (cell, stage) in failed(run) {
        let failure: Option<&FailureRecord> = stage.failure.as_ref();
        let class = failure.and_then(|failure| failure.class.as_deref());
        let phase = failure.and_then(|failure| failure.phase.as_deref());
        let kinds = classes.entry(class).or_default();
        let error = first_error(stage);
        let same = kinds.iter_mut().find(|kind| {
            kind.stage == stage.stage && kind.outcome == stage.outcome && kind.first_error == error
        });
        match same {
            Some(kind) => {
                kind.cells.push(cell);
                kind.phase = kind.phase.filter(|known| Some(*known) == phase);
            }
            None => kinds.push(Kind {
                stage: stage.stage,
                outcome: stage.outcome,
                phase,
                first_error: error,
                cells: vec![cell],
            }),
        }
    }
    let mut out: Vec<Class> = classes
        .into_iter()
        .map(|(class, kinds)| Class { class, kinds })
        .collect();
    for class in &mut out {
        class
            .kinds
            .sort_by_key(|kind| std::cmp::Reverse(kind.cells.len()));
    }
    out.sort_by_key(|class| (class.class.is_none(), std::cmp::Reverse(class.len())));
    out
}

/// What is known of the class `id`: its title, what it means, what to do.
pub fn explain(id: &str) -> Option<&'static FailureClass> {
    static CLASSES: OnceLock<BTreeMap<FailureId, FailureClass>> = OnceLock::new();
    CLASSES
        .get_or_init(|| Catalog::embedded().map_or_else(|_| BTreeMap::new(), |it| it.failures))
        .get(id)
}

/// `7 stages in 6 classes`, `7 stages, 2 of them without a class`.
pub fn tally(classes: &[Class]) -> String {
    let stages: usize = classes.iter().map(Class::len).sum();
    let unknown: usize = classes
        .iter()
        .filter(|class| class.class.is_none())
        .map(Class::len)
        .sum();
    let known = classes.iter().filter(|class| class.class.is_some()).count();
    let stages = count(stages, "stage");
    match (known, unknown) {
        (0, _) => format!("{stages}, without a class"),
        (_, 0) => format!("{stages} in {}", count(known, "class")),
        _ => format!(
            "{stages} in {}, {unknown} without one",
            count(known, "class")
        ),
    }
}

/// Cells with the same verdict for the same reason.
#[derive(Debug)]
pub struct Because<'a> {
    /// The reason, if one is recorded.
    pub reason: Option<&'a str>,
    /// What to do about it, where the class of what failed is known.
    pub advice: Option<&'static str>,
    /// The cells, in plan order.
    pub cells: Vec<&'a CellRecord>,
}

/// The cells of `run` with `verdict`, by reason.
pub fn because(run: &RunRecord, verdict: CellOutcome) -> Vec<Because<'_>> {
    let mut out: Vec<Because> = Vec::new();
    for cell in run
        .cells
        .iter()
        .filter(|cell| CellOutcome::of(cell) == verdict)
    {
        let why = |stage: &StageRecord| match verdict {
            CellOutcome::Expected => stage.fails_as_expected(),
            _ => !stage.outcome.is_success() && stage.reason.is_some(),
        };
        let stage = cell.stages.iter().find(|stage| why(stage));
        let reason = stage.and_then(|stage| match verdict {
            CellOutcome::Expected => stage.expected.as_deref(),
            _ => stage.reason.as_deref(),
        });
        let failure = stage.and_then(|stage| stage.failure.as_ref());
        let class = failure.and_then(|failure| explain(failure.class.as_deref()?));
        match out.iter_mut().find(|group| group.reason == reason) {
            Some(group) => group.cells.push(cell),
            None => out.push(Because {
                reason,
                advice: class.and_then(|class| class.advice_for(stage.map(|it| it.stage))),
                cells: vec![cell],
            }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{
        badge, html, json, jsonl, junit, markdown, metadata, samples, svg, terminal,
    };

    #[test]
    fn every_format_tells_what_was_expected() {
        let run = samples::expected();
        let style = terminal::Style::default();
        let terminal = terminal::render(&run, &style);
        assert!(terminal.contains("TKMe module"), "{terminal}");
        assert!(terminal.contains("e failed as expected"), "{terminal}");
        assert!(terminal.contains("TKMb boot"), "{terminal}");
        assert!(terminal.contains("although it was expected"), "{terminal}");
        assert!(!terminal.contains("boot-silent"), "{terminal}");
        let page = html::render(&run, None);
        assert!(page.contains("data-outcome=\"failed-as-expected\""));
        assert!(page.contains("timed-out as expected: the board&#39;s &lt;clock&gt;"));
        let markdown = markdown::render(&run);
        assert!(markdown.contains("module, (✗) boot") && markdown.contains("⚠ boot"));
        assert!(markdown.contains("Failed as expected: 1 cell"));
        assert!(markdown.contains("or though expected to fail"));
        let junit = junit::render(&run);
        // the one that nobody expected, and the boot that passed
        assert_eq!(junit.matches("<failure").count(), 2, "{junit}");
        assert!(
            junit.contains("<skipped message=\"timed-out as expected"),
            "{junit}"
        );
        assert!(
            junit.contains("passed although it was expected")
                || junit.contains("cached although it was expected")
        );
        for text in [json::to_string(&run), jsonl::render(&run)] {
            assert_eq!(text.matches("stands still").count(), 2, "{text}");
        }
    }

    #[test]
    fn every_format_tells_that_a_kernel_complained() {
        let (plain, run) = (samples::small(), samples::complaining());
        let style = terminal::Style::default();
        let words = "with 1 warning: WARNING at kernel/x.c:12";
        // markup spells the colon out
        let spelled = words.replace(':', "&#58;");
        for text in [
            terminal::render(&run, &style),
            html::render(&run, None),
            markdown::render(&run),
            junit::render(&run),
        ] {
            assert!(text.contains(words) || text.contains(&spelled), "{text}");
        }
        for text in [
            json::to_string(&run),
            jsonl::render(&run),
            metadata::all_to_json(&run),
        ] {
            assert!(text.contains("WARNING at kernel/x.c:12"), "{text}");
        }
        assert!(badge::render(&run).contains(", 1 with warnings"));
        assert!(terminal::render(&run, &style).contains("TKMb boot"));
        assert_ne!(svg::render(&run, 80), svg::render(&plain, 80));
        assert!(markdown::matrix(&run).contains("⚠ boot"));
        assert!(!markdown::matrix(&plain).contains('⚠'));
    }
}
