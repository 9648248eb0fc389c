//! The report as Markdown: for a README or a CI step's summary.

use std::fmt::Write as _;

use crate::validate::{CellRecord, Outcome, RunRecord, StageRecord};

use super::compare::{Change, Changes, standing};
use super::failures;
use super::grid::{CellOutcome, Grid, warned};
use super::terminal::tallies;
use super::text::{clean, count, duration, nix_name, truncate};

/// Kinds of failure listed; the rest is counted.
const KINDS_SHOWN: usize = 40;
/// Longest error shown, in columns.
const ERROR_WIDTH: usize = 300;

/// Heading, totals, matrix, failures.
pub fn render(run: &RunRecord) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "## Kernel coverage\n");
    let _ = writeln!(out, "{}\n", summary(run));
    out.push_str(&matrix(run));
    out.push_str(&failure_list(run));
    out.push_str(&reason_list(
        run,
        CellOutcome::Expected,
        "Failed as expected",
    ));
    out.push_str(&reason_list(run, CellOutcome::Blocked, "Blocked"));
    out.push_str(&warning_list(run));
    out
}

/// Counts per stage and where the run came from, as one paragraph.
fn summary(run: &RunRecord) -> String {
    let counts: Vec<String> = tallies(&run.coverage)
        .into_iter()
        .filter(|(_, tally)| tally.total > 0)
        .map(|(stage, tally)| format!("{stage} **{}/{}**", tally.passed, tally.total))
        .collect();
    let took = match run.finished {
        Some(finished) => duration(finished.duration_since(run.started).as_secs_f64()),
        None => "not finished".to_owned(),
    };
    let interrupted = if run.interrupted { ", interrupted" } else { "" };
    let date = run.started.strftime("%Y-%m-%d");
    format!(
        "{}  \n{}, {date}, {took}{interrupted}, kflake {}, {}",
        if counts.is_empty() {
            "Nothing was tried.".to_owned()
        } else {
            counts.join(" · ")
        },
        count(run.cells.len(), "cell"),
        escape(&run.kflake),
        escape(&nix_name(&run.nix))
    )
}

/// The matrix as a table: the furthest stage that passed and, where it did not come through, what stopped it.
pub fn matrix(run: &RunRecord) -> String {
    let grid = Grid::of(run);
    let mut out = String::new();
    if grid.columns.is_empty() {
        return out;
    }
    let heads: Vec<String> = grid
        .columns
        .iter()
        .map(|column| {
            let mut head = column.era.to_string();
            for part in [
                column.kernel.as_ref().map(ToString::to_string),
                column.variant.clone(),
            ]
            .into_iter()
            .flatten()
            {
                let _ = write!(head, "<br>{}", escape(&part));
            }
            head
        })
        .collect();
    let _ = writeln!(out, "| arch | {} |", heads.join(" | "));
    let _ = writeln!(out, "|:--|{}", ":--|".repeat(heads.len()));
    for (arch, row) in grid.arches.iter().zip(&grid.entries) {
        let cells: Vec<String> = row
            .iter()
            .map(|at| at.map_or_else(String::new, |at| cell(&run.cells[at])))
            .collect();
        let _ = writeln!(out, "| {arch} | {} |", cells.join(" | "));
    }
    out.push_str("\nEach cell: the furthest stage that passed");
    let occurs = |verdict| {
        run.cells
            .iter()
            .any(|cell| CellOutcome::of(cell) == verdict)
    };
    if [
        CellOutcome::Failed,
        CellOutcome::TimedOut,
        CellOutcome::Blocked,
    ]
    .into_iter()
    .any(occurs)
    {
        out.push_str(", then what stopped it: ✗ failed, ⧗ timed out, ⊘ blocked");
    }
    if occurs(CellOutcome::Expected) {
        out.push_str("; (✗) failed as expected");
    }
    if run.cells.iter().any(warned) {
        let mut stages = run.cells.iter().flat_map(|cell| &cell.stages);
        out.push_str(match stages.any(StageRecord::is_surprise) {
            true => "; ⚠ passed with a warning, or though expected to fail",
            false => "; ⚠ passed while the kernel complained",
        });
    }
    out.push_str(".\n");
    out
}

fn cell(cell: &CellRecord) -> String {
    let verdict = CellOutcome::of(cell);
    let mut failures = cell.stages.iter().filter(|it| it.outcome.is_failure());
    let stopped = match verdict {
        CellOutcome::Expected => failures.next(),
        _ => failures.find(|stage| !stage.fails_as_expected()),
    };
    let furthest = cell.furthest();
    match (verdict, stopped) {
        (CellOutcome::Unsupported, _) => "n/a".to_owned(),
        (CellOutcome::Skipped, _) => "·".to_owned(),
        (_, Some(stage)) => {
            let mark = match stage.outcome {
                _ if stage.fails_as_expected() => "(✗)",
                Outcome::TimedOut => "⧗",
                Outcome::Blocked => "⊘",
                _ => "✗",
            };
            let came = furthest.map_or_else(String::new, |stage| format!("{stage}, "));
            format!("{came}{mark} {}", stage.stage)
        }
        (_, None) => furthest.map_or_else(
            || "·".to_owned(),
            |stage| match warned(cell) {
                true => format!("⚠ {stage}"),
                false => format!("✓ {stage}"),
            },
        ),
    }
}

fn failure_list(run: &RunRecord) -> String {
    let classes = failures::by_class(run);
    let mut out = String::new();
    if classes.is_empty() {
        return out;
    }
    let _ = writeln!(
        out,
        "\n<details><summary>Failures: {}</summary>\n",
        failures::tally(&classes)
    );
    let mut shown = 0;
    for class in &classes {
        let name = class
            .class
            .map_or_else(|| "no class matches".to_owned(), code);
        let title = class
            .class
            .and_then(failures::explain)
            .map_or_else(String::new, |known| format!(": {}", escape(&known.title)));
        let _ = writeln!(out, "- {name}{title}, {}", count(class.len(), "cell"));
        for kind in &class.kinds {
            shown += 1;
            if shown > KINDS_SHOWN {
                continue;
            }
            let names: Vec<String> = kind.cells.iter().map(|cell| name_of(cell)).collect();
            let error = kind
                .first_error
                .map_or_else(|| "the log does not say why".to_owned(), code);
            let _ = writeln!(out, "  - {} at {}: {error}", names.join(", "), kind.stage);
        }
    }
    if shown > KINDS_SHOWN {
        let _ = writeln!(
            out,
            "\n{} left out.",
            count(shown - KINDS_SHOWN, "further error")
        );
    }
    out.push_str("\n</details>\n");
    out
}

/// The cells with `verdict`, and why.
fn reason_list(run: &RunRecord, verdict: CellOutcome, title: &str) -> String {
    let groups = failures::because(run, verdict);
    let mut out = String::new();
    if groups.is_empty() {
        return out;
    }
    let cells: usize = groups.iter().map(|group| group.cells.len()).sum();
    let _ = writeln!(
        out,
        "\n<details><summary>{title}: {}</summary>\n",
        count(cells, "cell")
    );
    for group in groups.iter().take(KINDS_SHOWN) {
        let names: Vec<String> = group.cells.iter().map(|cell| name_of(cell)).collect();
        let reason = group
            .reason
            .map_or_else(|| "no reason is recorded".to_owned(), code);
        let advice = group
            .advice
            .map_or_else(String::new, |advice| format!(" {}", escape(advice)));
        let _ = writeln!(out, "- {}: {reason}{advice}", names.join(", "));
    }
    if groups.len() > KINDS_SHOWN {
        let _ = writeln!(
            out,
            "\n{} left out.",
            count(groups.len() - KINDS_SHOWN, "further reason")
        );
    }
    out.push_str("\n</details>\n");
    out
}

/// What the kernels of boots that passed complained of.
fn warning_list(run: &RunRecord) -> String {
    let warned: Vec<_> = failures::warned(run).collect();
    let mut out = String::new();
    if warned.is_empty() {
        return out;
    }
    let _ = writeln!(
        out,
        "\n<details><summary>Warnings: {}</summary>\n",
        count(warned.len(), "stage")
    );
    for (cell, stage) in warned.iter().take(KINDS_SHOWN) {
        let _ = writeln!(
            out,
            "- {} {}: {}",
            name_of(cell),
            stage.stage,
            code(&stage.detail())
        );
    }
    if warned.len() > KINDS_SHOWN {
        let _ = writeln!(
            out,
            "\n{} left out.",
            count(warned.len() - KINDS_SHOWN, "further stage")
        );
    }
    out.push_str("\n</details>\n");
    out
}

/// What changed since `old`.
pub fn render_changes(old: &RunRecord, changes: &Changes) -> String {
    let mut out = String::new();
    let date = old.started.strftime("%Y-%m-%d %H:%M UTC");
    let _ = writeln!(out, "\n### Changes since {date}\n");
    if changes.cells.is_empty() {
        let _ = writeln!(out, "None; {} as before.", count(changes.unchanged, "cell"));
        return out;
    }
    out.push_str("| | cell | stage | before | after | with |\n|:--|:--|:--|:--|:--|:--|\n");
    for change in Change::ALL {
        for changed in changes.of(change) {
            let name = name_of(changed.cell());
            let (stage, before, after) = match changed.in_words() {
                Some((stage, before, after)) if changed.warnings.is_empty() => {
                    (stage.to_string(), before, after)
                }
                Some((stage, before, after)) => (stage.to_string(), before, code(&after)),
                None if change == Change::Gone => {
                    (String::new(), standing(changed.cell()), String::new())
                }
                None => (String::new(), String::new(), standing(changed.cell())),
            };
            let with = escape(&changed.because.join(", "));
            let word = match change {
                Change::Broken => "**broken**",
                Change::Warns => "**warns**",
                other => other.as_str(),
            };
            let _ = writeln!(
                out,
                "| {word} | {name} | {stage} | {before} | {after} | {with} |"
            );
        }
    }
    let _ = writeln!(out, "\n{} as before.", count(changes.unchanged, "cell"));
    out
}

fn name_of(cell: &CellRecord) -> String {
    match &cell.kernel {
        Some(kernel) => format!("{} {}", escape(&cell.id), escape(kernel.as_str())),
        None => escape(&cell.id),
    }
}

/// Hostile text as code.
fn code(text: &str) -> String {
    let head: String = text.chars().take(2 * ERROR_WIDTH).collect();
    format!(
        "<code>{}</code>",
        escape(&truncate(&clean(&head), ERROR_WIDTH, true))
    )
}

/// `text` so that Markdown shows it as it is: what could be markup, a mention or a link becomes a character reference.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' | '\'' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '|' | '\\' | '~' | '$' | '@'
            | '#' | ':' | '!' | '{' | '}' | '%' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::compare;
    use crate::report::samples;

    #[test]
    fn sixty_cells() {
        insta::assert_snapshot!(render(&samples::sixty()));
    }

    #[test]
    fn changes() {
        let (old, new) = (samples::small(), samples::small_later());
        insta::assert_snapshot!(render_changes(&old, &compare(&old, &new)));
        let same = render_changes(&old, &compare(&old, &old));
        assert!(same.contains("None; 2 cells as before."), "{same}");
    }

    #[test]
    fn hostile_text_stays_text() {
        let run = samples::hostile();
        let text =
            render(&run) + &render_changes(&samples::small(), &compare(&samples::small(), &run));
        for bad in [
            "<script", "<img", "](", "::error", "##[", "\u{1b}", "\u{202e}", "\0", "`", "<!--",
            "**bold",
        ] {
            assert!(!text.contains(bad), "{bad:?} in {text}");
        }
        // a table row has as many cells as its head, whatever stands in them
        let bars = |line: &str| line.matches('|').count();
        let rows: Vec<usize> = text
            .lines()
            .filter(|l| l.starts_with("| "))
            .map(bars)
            .collect();
        assert!(rows[..13].iter().all(|n| *n == rows[0]), "{rows:?}");
    }
}
