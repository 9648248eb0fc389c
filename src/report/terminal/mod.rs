//! The report for a terminal: the matrix at a glance, the failures, what changed.

use anstyle::{AnsiColor, Style as Ansi};

use crate::text::defuse;
use crate::validate::{CellRecord, Coverage, Outcome, RunRecord, Stage, StageRecord, Tally};

use super::compare::{Change, Changes, standing};
use super::failures::{self, Because};
use super::grid::{CellOutcome, Column, Grid, letter, unsupported, warned};
use super::text::{clean, count, duration, nix_name, pad, truncate, width, wrap, wrap_list};

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns to fill; at least [`Style::NARROWEST`] are used.
    pub width: usize,
    /// Whether to colour. Everything is also said without.
    pub color: bool,
    /// Whether the terminal shows Unicode; else plain ASCII.
    pub unicode: bool,
}

impl Style {
    /// The narrowest table that stays a table.
    pub const NARROWEST: usize = 40;
}

impl Default for Style {
    fn default() -> Self {
        Style {
            width: 80,
            color: false,
            unicode: true,
        }
    }
}

/// The mark of a stage that failed as expected.
const EXPECTED: &str = "e";
/// Kinds of failure shown per class; the rest is counted.
const KINDS_SHOWN: usize = 6;
/// Reasons shown per verdict; the rest is counted.
const REASONS_SHOWN: usize = 8;
/// Stages with warnings shown; the rest is counted.
const WARNED_SHOWN: usize = 20;
/// Lines that a list of cells may take.
const LIST_LINES: usize = 4;
/// Lines that an error or reason may take.
const ERROR_LINES: usize = 3;

/// The whole report: heading, matrix, totals, failures, what was not tried.
pub fn render(run: &RunRecord, style: &Style) -> String {
    let mut page = Page::new(style);
    page.heading(run);
    page.matrix(run);
    page.totals(&run.coverage);
    page.failures(run);
    page.reasons(
        run,
        CellOutcome::Expected,
        "Failed as expected",
        "the project knows of it",
    );
    page.warnings(run);
    page.reasons(
        run,
        CellOutcome::Blocked,
        "Blocked",
        "what they need failed",
    );
    page.reasons(
        run,
        CellOutcome::Unsupported,
        "Unsupported",
        "not counted against coverage",
    );
    page.reasons(run, CellOutcome::Skipped, "Skipped", "not tried");
    page.finish()
}

/// Only the matrix with its legend.
pub fn matrix(run: &RunRecord, style: &Style) -> String {
    let mut page = Page::new(style);
    page.matrix(run);
    page.finish().trim_start_matches('\n').to_owned()
}

/// What changed against `old`.
pub fn render_changes(old: &RunRecord, changes: &Changes, style: &Style) -> String {
    let mut page = Page::new(style);
    page.changes(old, changes);
    page.finish()
}

struct Page {
    out: String,
    width: usize,
    color: bool,
    unicode: bool,
}

/// What a piece of text means; its colour follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Partly,
    Bad,
    Slow,
}

impl Page {
    fn new(style: &Style) -> Page {
        Page {
            out: String::new(),
            width: style.width.max(Style::NARROWEST),
            color: style.color,
            unicode: style.unicode,
        }
    }

    /// What was drawn; wherever a line was broken, it begins no workflow command.
    fn finish(&self) -> String {
        defuse(&self.out)
    }

    /// `text` in the colour of `tone`. `text` must be clean.
    fn paint(&self, tone: Tone, text: &str) -> String {
        let ansi = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => Ansi::new().bold(),
            Tone::Faint => Ansi::new().dimmed(),
            Tone::Good => AnsiColor::Green.on_default().bold(),
            Tone::Partly => AnsiColor::Cyan.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Slow => AnsiColor::Yellow.on_default().bold(),
        };
        if self.color && !text.is_empty() {
            format!("{ansi}{text}{ansi:#}")
        } else {
            text.to_owned()
        }
    }

    fn glyph(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    /// `text` clean, and ASCII where the terminal is.
    fn safe(&self, text: &str) -> String {
        let cleaned = defuse(&clean(text));
        if self.unicode {
            return cleaned;
        }
        cleaned
            .chars()
            .map(|c| match c {
                c if c.is_ascii() => c.to_string(),
                '→' => "->".to_owned(),
                '…' => "~".to_owned(),
                '‘' | '’' => "'".to_owned(),
                c => c.escape_unicode().to_string(),
            })
            .collect()
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end_matches(' '));
        self.out.push('\n');
    }

    fn title(&mut self, title: &str, note: &str) {
        let parts = [
            (title.to_owned(), Tone::Strong),
            (note.to_owned(), Tone::Faint),
        ];
        self.line("");
        self.flow(&parts, "  ");
    }

    fn heading(&mut self, run: &RunRecord) {
        let mut parts = vec![
            (format!("kflake {}", self.safe(&run.kflake)), Tone::Strong),
            (nix_name(&self.safe(&run.nix)), Tone::Plain),
            (moment(run.started), Tone::Plain),
            (count(run.cells.len(), "cell"), Tone::Plain),
        ];
        match run.finished {
            Some(finished) => {
                let seconds = finished.duration_since(run.started).as_secs_f64();
                parts.push((duration(seconds), Tone::Plain));
            }
            None => parts.push(("not finished".to_owned(), Tone::Slow)),
        }
        if run.interrupted {
            parts.push(("interrupted".to_owned(), Tone::Slow));
        }
        for (outcome, tone) in [
            (Outcome::Passed, Tone::Good),
            (Outcome::Cached, Tone::Plain),
        ] {
            let stages = run.cells.iter().flat_map(|cell| &cell.stages);
            let many = stages.filter(|stage| stage.outcome == outcome).count();
            if many > 0 {
                parts.push((format!("{} {outcome}", count(many, "stage")), tone));
            }
        }
        self.flow(&parts, self.glyph(" · ", " - "));
    }

    /// Parts in a row, as many to a line as fit.
    fn flow(&mut self, parts: &[(String, Tone)], gap: &str) {
        let mut line = String::new();
        let mut used = 0;
        for (text, tone) in parts {
            let text = truncate(text, self.width, self.unicode);
            if used > 0 && used + width(gap) + width(&text) > self.width {
                self.line(&std::mem::take(&mut line));
                used = 0;
            }
            if used > 0 {
                line.push_str(gap);
                used += width(gap);
            }
            used += width(&text);
            line.push_str(&self.paint(*tone, &text));
        }
        self.line(&line);
    }

    // --- the matrix -------------------------------------------------------------------------------------------------

    fn matrix(&mut self, run: &RunRecord) {
        let grid = Grid::of(run);
        if grid.columns.is_empty() {
            self.line("");
            self.line("No cells.");
            return;
        }
        let heads: Vec<[String; 3]> = grid
            .columns
            .iter()
            .map(|column| self.column_head(column))
            .collect();
        let label = grid
            .arches
            .iter()
            .map(|arch| width(arch.as_str()))
            .max()
            .unwrap_or(0)
            .max(4);

        let word = |at: &usize| word(&run.cells[*at]).map_or(0, width);
        let longest = grid
            .entries
            .iter()
            .flatten()
            .flatten()
            .map(word)
            .max()
            .unwrap_or(0);
        let widths = |body: usize| -> Vec<usize> {
            heads
                .iter()
                .map(|head| head.iter().map(|h| width(h)).max().unwrap_or(0).max(body))
                .collect()
        };
        let fits = |columns: &[usize]| {
            label + columns.iter().map(|wide| wide + GAP).sum::<usize>() <= self.width
        };
        let spelled = widths(LETTERS + 1 + longest);
        let with_words = longest > 0 && fits(&spelled);
        let columns = if with_words { spelled } else { widths(LETTERS) };

        let mut from = 0;
        while from < columns.len() {
            let mut below = from;
            let mut used = label;
            while below < columns.len()
                && (below == from || used + GAP + columns[below] <= self.width)
            {
                used += GAP + columns[below];
                below += 1;
            }
            self.block(run, &grid, &heads, &columns, label, from..below, with_words);
            from = below;
        }
        self.legend(run, with_words);
    }

    fn column_head(&self, column: &Column) -> [String; 3] {
        let limit = 24;
        [
            column.era.to_string(),
            column.kernel.as_ref().map_or_else(String::new, |kernel| {
                truncate(&self.safe(kernel.as_str()), limit, self.unicode)
            }),
            column.variant.as_ref().map_or_else(String::new, |variant| {
                truncate(&self.safe(variant), limit, self.unicode)
            }),
        ]
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a block")]
    fn block(
        &mut self,
        run: &RunRecord,
        grid: &Grid,
        heads: &[[String; 3]],
        columns: &[usize],
        label: usize,
        range: std::ops::Range<usize>,
        with_words: bool,
    ) {
        self.line("");
        for level in 0..3 {
            if range.clone().all(|at| heads[at][level].is_empty()) {
                continue;
            }
            let mut line = pad(if level == 1 { "arch" } else { "" }, label);
            for at in range.clone() {
                // an era is named over its first column only
                let repeated = level == 0 && at > range.start && heads[at - 1][0] == heads[at][0];
                let head = if repeated {
                    ""
                } else {
                    heads[at][level].as_str()
                };
                let tone = if level == 0 {
                    Tone::Strong
                } else {
                    Tone::Faint
                };
                line.push_str(&" ".repeat(GAP));
                line.push_str(&self.paint(tone, head));
                line.push_str(&" ".repeat(columns[at].saturating_sub(width(head))));
            }
            self.line(&line);
        }
        let rule = self.glyph("─", "-");
        let whole: usize = label + range.clone().map(|at| columns[at] + GAP).sum::<usize>();
        let line = self.paint(Tone::Faint, &rule.repeat(whole.min(self.width)));
        self.line(&line);
        for (arch, row) in grid.arches.iter().zip(&grid.entries) {
            // a block without anything of an arch leaves it out
            if range.clone().all(|at| row[at].is_none()) {
                continue;
            }
            let mut line = pad(arch.as_str(), label);
            for at in range.clone() {
                line.push_str(&" ".repeat(GAP));
                let (shown, used) = match row[at] {
                    Some(cell) => self.cell(&run.cells[cell], with_words),
                    None => (String::new(), 0),
                };
                line.push_str(&shown);
                line.push_str(&" ".repeat(columns[at].saturating_sub(used)));
            }
            self.line(&line);
        }
    }

    /// A cell and the columns that it takes.
    fn cell(&self, cell: &CellRecord, with_word: bool) -> (String, usize) {
        if unsupported(cell) {
            return (self.paint(Tone::Faint, "n/a"), 3);
        }
        let mut shown = String::new();
        let whole = cell
            .stage(Stage::Boot)
            .is_some_and(|boot| boot.outcome.is_success());
        for stage in Stage::ALL {
            let record = cell.stage(stage);
            let (mark, tone) = match record.map(|record| record.outcome) {
                Some(outcome)
                    if outcome.is_success() && !record.is_some_and(StageRecord::is_plain) =>
                {
                    (letter(stage).to_ascii_lowercase().to_string(), Tone::Slow)
                }
                Some(outcome) if outcome.is_success() => {
                    let tone = if whole { Tone::Good } else { Tone::Partly };
                    (letter(stage).to_string(), tone)
                }
                Some(_) if record.is_some_and(StageRecord::fails_as_expected) => {
                    (EXPECTED.to_owned(), Tone::Plain)
                }
                Some(outcome) => {
                    let tone = match outcome {
                        Outcome::Failed => Tone::Bad,
                        Outcome::TimedOut => Tone::Slow,
                        _ => Tone::Faint,
                    };
                    (self.mark(outcome).to_owned(), tone)
                }
                None => (self.mark(Outcome::Skipped).to_owned(), Tone::Faint),
            };
            shown.push_str(&self.paint(tone, &mark));
        }
        let mut used = LETTERS;
        if let Some(word) = word(cell).filter(|_| with_word) {
            let tone = match whole {
                true if warned(cell) => Tone::Slow,
                true => Tone::Good,
                false => Tone::Plain,
            };
            shown.push(' ');
            shown.push_str(&self.paint(tone, word));
            used += 1 + width(word);
        }
        (shown, used)
    }

    /// The mark of a stage that has not passed.
    fn mark(&self, outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Passed | Outcome::Cached => "",
            Outcome::Failed => self.glyph("✗", "x"),
            Outcome::TimedOut => "!",
            Outcome::Blocked => "-",
            Outcome::Skipped => self.glyph("·", "."),
            Outcome::Unsupported => "/",
        }
    }

    /// Only what occurs is explained.
    fn legend(&mut self, run: &RunRecord, with_words: bool) {
        let mut parts = vec![
            "T toolchain".to_owned(),
            "K kernel".to_owned(),
            "M module".to_owned(),
            "B boot: passed".to_owned(),
        ];
        let told = [
            (Outcome::Failed, "failed"),
            (Outcome::TimedOut, "timed out"),
            (Outcome::Blocked, "blocked"),
            (Outcome::Skipped, "skipped"),
            (Outcome::Unsupported, "unsupported"),
        ];
        for (outcome, name) in told {
            let occurs = run
                .cells
                .iter()
                .filter(|cell| !unsupported(cell))
                .flat_map(|cell| &cell.stages)
                .any(|stage| stage.outcome == outcome && !stage.fails_as_expected());
            if occurs {
                parts.push(format!("{} {name}", self.mark(outcome)));
            }
        }
        let mut stages = run.cells.iter().flat_map(|cell| &cell.stages);
        if stages.any(StageRecord::fails_as_expected) {
            parts.push(format!("{EXPECTED} failed as expected"));
        }
        if run.cells.iter().any(warned) {
            parts.push("b passed with warnings".to_owned());
        }
        if run.cells.iter().any(unsupported) {
            parts.push("n/a unsupported".to_owned());
        }
        if with_words {
            parts.push("word: furthest stage".to_owned());
        }
        let parts: Vec<_> = parts.into_iter().map(|part| (part, Tone::Faint)).collect();
        self.line("");
        self.flow(&parts, "  ");
    }

    // --- totals -----------------------------------------------------------------------------------------------------

    fn totals(&mut self, coverage: &Coverage) {
        let all = tallies(coverage);
        if all.iter().all(|(_, tally)| tally.total == 0) {
            return;
        }
        self.line("");
        let bar = self.width.saturating_sub(28).min(48);
        for (stage, tally) in all {
            if tally.total == 0 {
                continue;
            }
            let passed = tally.passed.min(tally.total);
            let filled = if passed == tally.total {
                bar
            } else {
                (bar * passed / tally.total).min(bar.saturating_sub(1))
            };
            let tone = if passed == tally.total {
                Tone::Good
            } else {
                Tone::Partly
            };
            let full = self.paint(tone, &self.glyph("█", "#").repeat(filled));
            let rest = self.paint(Tone::Faint, &self.glyph("░", ".").repeat(bar - filled));
            let name = pad(stage.as_str(), 9);
            let percent = 100 * passed / tally.total;
            self.line(&format!(
                "{name}  {full}{rest}  {passed}/{}  {percent} %",
                tally.total
            ));
        }
    }

    // --- failures ---------------------------------------------------------------------------------------------------

    fn failures(&mut self, run: &RunRecord) {
        let classes = failures::by_class(run);
        if classes.is_empty() {
            return;
        }
        self.title("Failures", &failures::tally(&classes));
        for class in &classes {
            let name = class
                .class
                .map_or_else(|| "no class matches".to_owned(), |class| self.safe(class));
            let cells = count(class.len(), "cell");
            let room = self.width - 4 - width(&cells);
            let name = self.paint(Tone::Bad, &truncate(&name, room, self.unicode));
            self.line("");
            self.line(&format!("  {name}  {cells}"));
            if let Some(known) = class.class.and_then(failures::explain) {
                let mut said = format!("{}.", known.title);
                if let Some(advice) = known.advice_for(class.stage()) {
                    said = format!("{said} {advice}");
                }
                if !known.points_to.is_empty() {
                    let ids: Vec<&str> = known.points_to.iter().map(AsRef::as_ref).collect();
                    said = format!("{said} See {}.", ids.join(", "));
                }
                for line in wrap(&self.safe(&said), self.width - 4) {
                    let line = self.paint(Tone::Faint, &line);
                    self.line(&format!("    {line}"));
                }
            }
            for kind in class.kinds.iter().take(KINDS_SHOWN) {
                let names: Vec<String> = kind.cells.iter().map(|cell| self.name(cell)).collect();
                self.list(&names, 4);
                let what = match (kind.outcome, kind.phase) {
                    (Outcome::TimedOut, _) => format!("{}, timed out", kind.stage),
                    (_, Some(phase)) => format!("{}, in {}", kind.stage, self.safe(phase)),
                    (_, None) => kind.stage.to_string(),
                };
                let what = self.paint(Tone::Faint, &truncate(&what, self.width - 4, self.unicode));
                self.line(&format!("    {what}"));
                self.quote(kind.first_error.unwrap_or("the log does not say why"), 4);
            }
            if class.kinds.len() > KINDS_SHOWN {
                let more = count(class.kinds.len() - KINDS_SHOWN, "other error");
                self.line(&format!("    and {more} of this class"));
            }
        }
    }

    /// `k6-arm64 6.1.192`.
    fn name(&self, cell: &CellRecord) -> String {
        let name = match &cell.kernel {
            Some(kernel) => format!("{} {kernel}", cell.id),
            None => cell.id.clone(),
        };
        truncate(&self.safe(&name), self.width - 6, self.unicode)
    }

    fn list(&mut self, names: &[String], indent: usize) {
        let lines = wrap_list(names, self.width - indent);
        let shown: usize = lines.len().min(LIST_LINES);
        for line in &lines[..shown] {
            self.line(&format!("{}{line}", " ".repeat(indent)));
        }
        if lines.len() > shown {
            let told: usize = lines[..shown]
                .iter()
                .map(|line| line.matches(", ").count() + 1)
                .sum();
            let more = count(names.len().saturating_sub(told), "more cell");
            self.line(&format!("{}and {more}", " ".repeat(indent)));
        }
    }

    /// Hostile text behind a bar, so that none of it stands at the start of a line.
    fn quote(&mut self, text: &str, indent: usize) {
        let bar = self.paint(Tone::Faint, self.glyph("│", "|"));
        let room = self.width - indent - 2;
        // wrapping megabytes to show three lines would be a waste
        let head: String = text.chars().take(room * (ERROR_LINES + 1)).collect();
        let mut lines = wrap(&self.safe(&head), room);
        if lines.len() > ERROR_LINES {
            lines.truncate(ERROR_LINES);
            let last = &mut lines[ERROR_LINES - 1];
            *last = truncate(&format!("{last}{}", " ".repeat(room)), room, self.unicode);
            let cut = self.glyph("…", "~");
            *last = format!("{}{cut}", last.trim_end_matches(cut).trim_end());
        }
        for line in lines {
            self.line(&format!("{}{bar} {line}", " ".repeat(indent)));
        }
    }

    /// What the kernels of boots that passed complained of.
    fn warnings(&mut self, run: &RunRecord) {
        let warned: Vec<_> = failures::warned(run).collect();
        if warned.is_empty() {
            return;
        }
        let note = format!("{}, passed all the same", count(warned.len(), "stage"));
        self.title("Warnings", &note);
        for (cell, stage) in warned.iter().take(WARNED_SHOWN) {
            let name = self.name(cell);
            self.line(&truncate(
                &format!("  {name} {}", stage.stage),
                self.width,
                self.unicode,
            ));
            self.quote(&stage.detail(), 2);
        }
        if warned.len() > WARNED_SHOWN {
            self.line(&format!("  and {} more", warned.len() - WARNED_SHOWN));
        }
    }

    fn reasons(&mut self, run: &RunRecord, verdict: CellOutcome, title: &str, note: &str) {
        let groups = failures::because(run, verdict);
        if groups.is_empty() {
            return;
        }
        let cells: usize = groups.iter().map(|group| group.cells.len()).sum();
        self.title(title, &format!("{}, {note}", count(cells, "cell")));
        for Because {
            reason,
            advice,
            cells,
        } in groups.iter().take(REASONS_SHOWN)
        {
            let names: Vec<String> = cells.iter().map(|cell| self.name(cell)).collect();
            self.list(&names, 2);
            if let Some(reason) = reason {
                self.quote(reason, 2);
            }
            if let Some(advice) = advice {
                for line in wrap(&self.safe(advice), self.width - 2) {
                    let line = self.paint(Tone::Faint, &line);
                    self.line(&format!("  {line}"));
                }
            }
        }
        let rest: usize = groups
            .iter()
            .skip(REASONS_SHOWN)
            .map(|group| group.cells.len())
            .sum();
        if rest > 0 {
            let more = count(rest, "more cell");
            self.line(&format!("  and {more} for other reasons"));
        }
    }

    // --- changes ----------------------------------------------------------------------------------------------------

    fn changes(&mut self, old: &RunRecord, changes: &Changes) {
        let since = moment(old.started);
        let mut told: Vec<String> = Change::ALL
            .into_iter()
            .map(|change| (change, changes.of(change).count()))
            .filter(|(_, n)| *n > 0)
            .map(|(change, n)| format!("{n} {}", change.as_str()))
            .collect();
        told.push(format!("{} as before", changes.unchanged));
        self.title("Changes", &format!("since {since}: {}", told.join(", ")));
        for change in Change::ALL {
            let (mark, tone) = match change {
                Change::Broken => (self.glyph("✗", "x"), Tone::Bad),
                Change::Warns => (self.glyph("⚠", "!"), Tone::Bad),
                Change::Fixed => (self.glyph("✓", "+"), Tone::Good),
                Change::New => ("+", Tone::Partly),
                Change::Gone => ("-", Tone::Faint),
            };
            for changed in changes.of(change) {
                let name = self.name(changed.cell());
                let what = match changed.in_words() {
                    Some((stage, before, after)) => {
                        let after = self.safe(&after);
                        format!("{stage} {before} {} {after}", self.glyph("→", "->"))
                    }
                    None => standing(changed.cell()),
                };
                let head = self.paint(tone, &format!("{mark} {}", pad(change.as_str(), 6)));
                let room = self.width - 10;
                let body = truncate(&format!("{}  {what}", pad(&name, 24)), room, self.unicode);
                self.line(&format!("{head}  {body}"));
                if !changed.because.is_empty() {
                    let because = truncate(
                        &self.safe(&changed.because.join(", ")),
                        room - 2,
                        self.unicode,
                    );
                    let because = self.paint(Tone::Faint, &because);
                    self.line(&format!("            {because}"));
                }
            }
        }
    }
}

/// A moment, to the minute.
fn moment(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Space between columns.
const GAP: usize = 2;
/// Columns of a cell without its word.
const LETTERS: usize = 4;

/// The word beside the letters: the furthest stage.
fn word(cell: &CellRecord) -> Option<&'static str> {
    if unsupported(cell) {
        return None;
    }
    Some(cell.furthest().map_or("none", Stage::as_str))
}

/// The counts with their stages.
pub fn tallies(coverage: &Coverage) -> [(Stage, Tally); 4] {
    [
        (Stage::Toolchain, coverage.toolchain),
        (Stage::Kernel, coverage.kernel),
        (Stage::Module, coverage.module),
        (Stage::Boot, coverage.boot),
    ]
}

#[cfg(test)]
mod tests;
