//! The page's parts, top to bottom.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::validate::{CellRecord, Outcome, RunRecord, Stage};

use super::super::compare::{Change, Changes, standing};
use super::super::failures::{self, because};
use super::super::grid::{CellOutcome, Grid, warned};
use super::super::terminal::tallies;
use super::super::text::count;
use super::escape;

/// Columns from which cells are drawn small.
const DENSE: usize = 7;
/// Reasons listed per verdict; the rest is counted, and is in the list of cells.
const REASONS_SHOWN: usize = 40;

/// Verdicts in the order of the page, with their marks.
const VERDICTS: [(CellOutcome, &str, &str); 7] = [
    (CellOutcome::Passed, "passed", "✓"),
    (CellOutcome::Failed, "failed", "✕"),
    (CellOutcome::TimedOut, "timed out", "!"),
    (CellOutcome::Blocked, "blocked", "–"),
    (CellOutcome::Expected, "failed as expected", "e"),
    (CellOutcome::Skipped, "skipped", "·"),
    (CellOutcome::Unsupported, "unsupported", "/"),
];

/// A verdict's name and mark.
pub fn told(verdict: CellOutcome) -> (&'static str, &'static str) {
    let found = VERDICTS.iter().find(|(known, ..)| *known == verdict);
    found.map_or(("", ""), |(_, name, mark)| (name, mark))
}

/// `k6-arm64 6.1.192`.
pub fn name(cell: &CellRecord) -> String {
    match &cell.kernel {
        Some(kernel) => format!("{} {kernel}", cell.id),
        None => cell.id.clone(),
    }
}

/// Index of `cell` in `run`, which is its anchor: `c12`.
pub fn anchor(run: &RunRecord, cell: &CellRecord) -> Option<usize> {
    run.cells.iter().position(|other| std::ptr::eq(other, cell))
}

/// A link to a cell; plain text where the run does not have it.
fn link(run: &RunRecord, cell: &CellRecord) -> String {
    let name = escape(&name(cell));
    match anchor(run, cell) {
        Some(at) => format!("<a href=\"#c{at}\">{name}</a>"),
        None => format!("<span class=\"mono\">{name}</span>"),
    }
}

/// What became of cell number `at` since the older run.
pub fn change_of(run: &RunRecord, changes: Option<&Changes>, at: usize) -> Option<Change> {
    let cell = &run.cells[at];
    changes?
        .cells
        .iter()
        .find(|changed| changed.new.is_some_and(|new| std::ptr::eq(new, cell)))
        .map(|c| c.change)
}

pub fn tiles(out: &mut String, run: &RunRecord) {
    out.push_str("<h2 class=\"hush\">Totals</h2>\n<ul class=\"tiles\">\n");
    for (stage, tally) in tallies(&run.coverage) {
        let title = match stage {
            Stage::Toolchain => "toolchains work",
            Stage::Kernel => "kernels build",
            Stage::Module => "modules build",
            Stage::Boot => "kernels boot",
        };
        if tally.total == 0 {
            let _ = writeln!(
                out,
                "<li><b>–</b><span>{title}</span> <span class=\"muted\">not tried</span></li>"
            );
            continue;
        }
        let passed = tally.passed.min(tally.total);
        let share = 100 * passed / tally.total;
        let _ = writeln!(
            out,
            "<li><b>{passed}<small> / {}</small></b><span>{title}</span> <span class=\"muted num\">{share} %</span>\
            <svg viewBox=\"0 0 {} 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"track\" width=\"{}\" height=\"4\"/>\
            <rect class=\"fill\" width=\"{passed}\" height=\"4\"/></svg></li>",
            tally.total, tally.total, tally.total
        );
    }
    out.push_str("</ul>\n");
}

pub fn changes(out: &mut String, run: &RunRecord, old: &RunRecord, changes: &Changes) {
    let since = old.started.strftime("%-d %B %Y, %H:%M UTC");
    let _ = writeln!(out, "<section id=\"changes\"><h2>Since {since}</h2>");
    if changes.cells.is_empty() {
        let _ = writeln!(
            out,
            "<p>Nothing changed: {} as before.</p></section>",
            count(changes.unchanged, "cell")
        );
        return;
    }
    out.push_str(
        "<div class=\"card\"><table class=\"plain\"><thead><tr><th scope=\"col\">Change</th><th scope=\"col\">Cell</th>\
        <th scope=\"col\">What</th><th scope=\"col\" class=\"wide\">With</th></tr></thead><tbody>\n",
    );
    for change in Change::ALL {
        for changed in changes.of(change) {
            let what = match changed.in_words() {
                Some((stage, before, after)) => format!("{stage}: {before} → {}", escape(&after)),
                None => standing(changed.cell()),
            };
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\">{}</th><td class=\"links\">{}</td><td>{what}</td><td class=\"wide\">{}</td></tr>",
                change.as_str(),
                link(run, changed.cell()),
                escape(&changed.because.join(", "))
            );
        }
    }
    let _ = writeln!(
        out,
        "</tbody></table></div><p class=\"muted\">{} as before.</p></section>",
        count(changes.unchanged, "cell")
    );
}

pub fn filters(out: &mut String, run: &RunRecord, changes: Option<&Changes>) {
    let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
    let mut compilers: BTreeMap<(&str, u16), usize> = BTreeMap::new();
    let mut verdicts: BTreeMap<CellOutcome, usize> = BTreeMap::new();
    for cell in &run.cells {
        *verdicts.entry(CellOutcome::of(cell)).or_default() += 1;
        if let Some(toolchain) = &cell.toolchain {
            *sources.entry(toolchain.source.as_str()).or_default() += 1;
            let compiler = &toolchain.compiler;
            *compilers
                .entry((compiler.name(), compiler.major()))
                .or_default() += 1;
        }
    }
    out.push_str("<h2 class=\"hush\" id=\"matrix\">Matrix</h2>\n<details class=\"fold js-only\" open><summary>Filter</summary>\n<form class=\"filters\" aria-label=\"Filter the cells\">\n");
    out.push_str("<fieldset><legend>Outcome</legend>");
    for (verdict, name, mark) in VERDICTS {
        let Some(n) = verdicts.get(&verdict) else {
            continue;
        };
        let word = verdict.as_str();
        let _ = write!(
            out,
            "<label class=\"chip\"><input type=\"checkbox\" name=\"outcome\" value=\"{word}\">\
            <span><i class=\"mark {word}\" aria-hidden=\"true\">{mark}</i>{name} {n}</span></label>"
        );
    }
    out.push_str("</fieldset>\n");
    if let Some(changes) = changes {
        out.push_str("<fieldset><legend>Change</legend>");
        for change in [Change::Broken, Change::Warns, Change::Fixed, Change::New] {
            let n = changes.of(change).count();
            if n > 0 {
                let word = change.as_str();
                let _ = write!(
                    out,
                    "<label class=\"chip\"><input type=\"checkbox\" name=\"change\" value=\"{word}\"><span>{word} {n}</span></label>"
                );
            }
        }
        out.push_str("</fieldset>\n");
    }
    let _ = write!(
        out,
        "<label>Source<select name=\"source\"><option value=\"\">all sources</option>"
    );
    for (source, n) in sources {
        let _ = write!(out, "<option value=\"{source}\">{source} ({n})</option>");
    }
    let _ = write!(
        out,
        "</select></label>\n<label>Compiler<select name=\"compiler\"><option value=\"\">all versions</option>"
    );
    for ((name, major), n) in compilers {
        let _ = write!(
            out,
            "<option value=\"{name}-{major}\">{name} {major} ({n})</option>"
        );
    }
    out.push_str(
        "</select></label>\n<label>Search<input type=\"search\" name=\"text\" placeholder=\"mips 5.10 relocation\" autocomplete=\"off\"></label>\n\
        <button type=\"reset\" id=\"clear\" hidden>Clear</button>\n</form></details>\n",
    );
    let _ = writeln!(
        out,
        "<p class=\"count js-only\" aria-live=\"polite\" role=\"status\">{}</p>",
        count(run.cells.len(), "cell")
    );
}

pub fn matrix(out: &mut String, run: &RunRecord, grid: &Grid, changes: Option<&Changes>) {
    if grid.columns.is_empty() {
        out.push_str("<p>No cells.</p>\n");
        return;
    }
    let dense = match grid.columns.len() {
        ..DENSE => "",
        DENSE.. => " dense",
    };
    legend(out, run);
    let _ = writeln!(
        out,
        "<p class=\"cue js-only\" hidden>More kernels to the right →</p>\n\
        <div class=\"frame\"><div class=\"scroll\" role=\"region\" aria-label=\"Coverage matrix\" tabindex=\"0\">\n<table class=\"matrix{dense}\">\n\
        <caption class=\"hush\">Arches down, kernels across, grouped by era. Each cell tells the furthest stage that passed. \
        Arrow keys move between cells, Enter opens one.</caption>"
    );
    out.push_str("<thead><tr><td class=\"corner\"></td>");
    for (era, span) in grid.eras() {
        let _ = write!(
            out,
            "<th scope=\"colgroup\" colspan=\"{span}\" class=\"first\">{era}</th>"
        );
    }
    out.push_str("</tr>\n<tr><th scope=\"col\" class=\"corner\">arch</th>");
    for (at, column) in grid.columns.iter().enumerate() {
        let kernel = column
            .kernel
            .as_ref()
            .map_or("any kernel", |kernel| kernel.as_str());
        let variant = column
            .variant
            .as_ref()
            .map_or_else(String::new, |v| format!("<span>{}</span>", escape(v)));
        let _ = write!(
            out,
            "<th scope=\"col\"{}>{}{variant}</th>",
            first(grid, at),
            escape(kernel)
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for (arch, row) in grid.arches.iter().zip(&grid.entries) {
        let _ = write!(out, "<tr><th scope=\"row\">{arch}</th>");
        for (at, entry) in row.iter().enumerate() {
            let _ = write!(out, "<td{}>", first(grid, at));
            if let Some(number) = *entry {
                cell(out, run, number, change_of(run, changes, number));
            }
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div></div>\n");
}

/// The class of an era's first column.
fn first(grid: &Grid, at: usize) -> &'static str {
    if at == 0 || grid.columns[at - 1].era != grid.columns[at].era {
        " class=\"first\""
    } else {
        ""
    }
}

fn cell(out: &mut String, run: &RunRecord, number: usize, change: Option<Change>) {
    let cell = &run.cells[number];
    let verdict = CellOutcome::of(cell);
    let (verdict_name, mark) = told(verdict);
    let furthest = cell.furthest();
    let depth = furthest.map_or(0, |stage| stage as usize + 1);
    let word = match (verdict, furthest) {
        (CellOutcome::Unsupported, _) => "n/a",
        (_, Some(stage)) => stage.as_str(),
        (CellOutcome::Skipped, None) => "–",
        (_, None) => "none",
    };
    let toolchain = cell.toolchain.as_ref();
    let classes: Vec<&str> = cell
        .stages
        .iter()
        .filter_map(|s| s.failure.as_ref()?.class.as_deref())
        .collect();
    let text = format!(
        "{} {} {} {}",
        name(cell),
        cell.era,
        toolchain.map_or("", |toolchain| toolchain.target.as_str()),
        classes.join(" ")
    );
    // what is read out begins with what is seen
    let spoken = match (verdict, furthest) {
        (CellOutcome::Passed, Some(stage)) if warned(cell) => {
            format!("{}: {stage} passed with warnings", name(cell))
        }
        (CellOutcome::Passed, Some(stage)) => format!("{}: {stage} passed", name(cell)),
        (
            CellOutcome::Failed
            | CellOutcome::TimedOut
            | CellOutcome::Blocked
            | CellOutcome::Expected,
            _,
        ) => {
            format!("{}: {word} passed, then {verdict_name}", name(cell))
        }
        _ => format!("{}: {word}, {verdict_name}", name(cell)),
    };
    let changed = change.map_or("", Change::as_str);
    let spoken = if changed.is_empty() {
        spoken
    } else {
        format!("{spoken}, {changed}")
    };
    let _ = write!(
        out,
        "<a class=\"cell at{depth} {}\" href=\"#c{number}\" aria-label=\"{}\" data-outcome=\"{}\" data-change=\"{changed}\" \
        data-source=\"{}\" data-compiler=\"{}\" data-text=\"{}\"><span class=\"word\">{word}</span>",
        verdict.as_str(),
        escape(&spoken),
        verdict.as_str(),
        toolchain.map_or("", |toolchain| toolchain.source.as_str()),
        toolchain.map_or_else(String::new, |toolchain| {
            let compiler = &toolchain.compiler;
            format!("{}-{}", compiler.name(), compiler.major())
        }),
        escape(&text.to_lowercase())
    );
    if verdict == CellOutcome::Passed && warned(cell) {
        out.push_str("<i class=\"mark warned\" aria-hidden=\"true\">⚠</i>");
    }
    if matches!(
        verdict,
        CellOutcome::Failed | CellOutcome::TimedOut | CellOutcome::Blocked | CellOutcome::Expected
    ) {
        let _ = write!(
            out,
            "<i class=\"mark {}\" aria-hidden=\"true\">{mark}</i>",
            verdict.as_str()
        );
    }
    if verdict != CellOutcome::Unsupported {
        pipe(out, cell);
    }
    if !changed.is_empty() {
        let _ = write!(out, "<span class=\"change\">{changed}</span>");
    }
    out.push_str("</a>");
}

/// The four stages as a row of shapes: a bar passed, a cross failed, a triangle timed out, an outline was blocked, a dot
/// was skipped.
fn pipe(out: &mut String, cell: &CellRecord) {
    out.push_str("<svg class=\"pipe\" viewBox=\"0 0 52 9\" aria-hidden=\"true\">");
    for (at, stage) in Stage::ALL.into_iter().enumerate() {
        shape(
            out,
            13 * at,
            cell.stage(stage)
                .map_or(Outcome::Skipped, |record| record.outcome),
        );
    }
    out.push_str("</svg>");
}

fn shape(out: &mut String, x: usize, outcome: Outcome) {
    let _ = match outcome {
        Outcome::Passed | Outcome::Cached => {
            write!(
                out,
                "<rect class=\"p\" x=\"{x}\" y=\"1.5\" width=\"11\" height=\"6\" rx=\"1.5\"/>"
            )
        }
        Outcome::Failed => write!(
            out,
            "<path class=\"x\" d=\"M{} 1.2l6.6 6.6m0-6.6l-6.6 6.6\"/>",
            x + 2
        ),
        Outcome::TimedOut => write!(out, "<path class=\"w\" d=\"M{} .5l5 8h-10z\"/>", x + 5),
        Outcome::Blocked => {
            write!(
                out,
                "<rect class=\"o\" x=\"{x}.5\" y=\"2\" width=\"10\" height=\"5\" rx=\"1\"/>"
            )
        }
        Outcome::Skipped | Outcome::Unsupported => write!(
            out,
            "<circle class=\"d\" cx=\"{}\" cy=\"4.5\" r=\"1.4\"/>",
            x + 5
        ),
    };
}

fn legend(out: &mut String, run: &RunRecord) {
    out.push_str("<ul class=\"legend\" aria-label=\"Legend\">\n");
    out.push_str("<li>furthest stage:");
    for stage in Stage::ALL {
        let _ = write!(
            out,
            " <span class=\"cell at{}\">{stage}</span>",
            stage as usize + 1
        );
    }
    out.push_str("</li>\n<li><svg class=\"pipe\" viewBox=\"0 0 52 9\" aria-hidden=\"true\">");
    for at in 0..Stage::ALL.len() {
        shape(out, 13 * at, Outcome::Passed);
    }
    out.push_str("</svg>a mark for each of the four:</li>\n");
    let occurs = |outcomes: &[Outcome]| {
        run.cells
            .iter()
            .flat_map(|c| &c.stages)
            .any(|s| outcomes.contains(&s.outcome))
    };
    let shapes = [
        (Outcome::Passed, "passed"),
        (Outcome::Failed, "failed"),
        (Outcome::TimedOut, "timed out"),
        (Outcome::Blocked, "blocked"),
        (Outcome::Skipped, "skipped"),
    ];
    for (outcome, name) in shapes {
        if outcome == Outcome::Passed || occurs(&[outcome]) {
            out.push_str("<li><svg class=\"pipe one\" viewBox=\"0 0 11 9\" aria-hidden=\"true\">");
            shape(out, 0, outcome);
            let _ = writeln!(out, "</svg>{name}</li>");
        }
    }
    if run
        .cells
        .iter()
        .any(|cell| CellOutcome::of(cell) == CellOutcome::Unsupported)
    {
        out.push_str("<li><span class=\"mono\">n/a</span> never supported upstream</li>\n");
    }
    out.push_str("</ul>\n");
}

pub fn failures(out: &mut String, run: &RunRecord) {
    let classes = failures::by_class(run);
    if classes.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<section id=\"failures\"><h2>Failures <span class=\"muted\">{}</span></h2>\n<div class=\"cards\">",
        failures::tally(&classes)
    );
    for class in &classes {
        let _ = write!(
            out,
            "<article class=\"card\"><h3><i class=\"mark failed\" aria-hidden=\"true\">✕</i>{} <span class=\"muted\">{}</span></h3>",
            class_title(class.class),
            count(class.len(), "cell")
        );
        meaning(out, class.class, class.stage());
        out.push_str("<ul>");
        for kind in &class.kinds {
            out.push_str("<li><div class=\"links\">");
            for cell in &kind.cells {
                out.push_str(&link(run, cell));
            }
            let phase = kind
                .phase
                .map_or_else(String::new, |phase| format!(" in {}", escape(phase)));
            let how = if kind.outcome == Outcome::TimedOut {
                "timed out"
            } else {
                "failed"
            };
            let _ = writeln!(
                out,
                "</div><span class=\"muted\">{} {how}{phase}</span><pre>{}</pre></li>",
                kind.stage,
                escape(kind.first_error.unwrap_or("the log does not say why"))
            );
        }
        out.push_str("</ul></article>\n");
    }
    out.push_str("</div></section>\n");
}

/// A class by its title, with its id; hostile where the table does not have it.
pub fn class_title(class: Option<&str>) -> String {
    match (class, class.and_then(failures::explain)) {
        (Some(class), Some(known)) => format!(
            "{} <code class=\"muted\">{}</code>",
            escape(&known.title),
            escape(class)
        ),
        (Some(class), None) => escape(class),
        (None, _) => "No class matches".to_owned(),
    }
}

/// What a class means, and what to do about it in `stage`.
pub fn meaning(out: &mut String, class: Option<&str>, stage: Option<Stage>) {
    let Some(known) = class.and_then(failures::explain) else {
        return;
    };
    let _ = write!(out, "<p class=\"meaning\">{}", escape(&known.explanation));
    if let Some(advice) = known.advice_for(stage) {
        let _ = write!(out, " <strong>{}</strong>", escape(advice));
    }
    if !known.points_to.is_empty() {
        let ids: Vec<String> = known
            .points_to
            .iter()
            .map(|id| format!("<code>{id}</code>"))
            .collect();
        let _ = write!(out, " <span class=\"muted\">See {}.</span>", ids.join(", "));
    }
    out.push_str("</p>\n");
}

/// What the kernels of boots that passed complained of.
pub fn warnings(out: &mut String, run: &RunRecord) {
    let warned: Vec<_> = failures::warned(run).collect();
    if warned.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<details class=\"card\" open><summary><strong>Warnings</strong> <span class=\"muted\">{}, passed all the same</span></summary><ul>",
        count(warned.len(), "stage")
    );
    for (cell, stage) in warned.iter().take(REASONS_SHOWN) {
        let _ = writeln!(
            out,
            "<li><div class=\"links\">{}</div>{} {}</li>",
            link(run, cell),
            stage.stage,
            escape(&stage.detail())
        );
    }
    if warned.len() > REASONS_SHOWN {
        let _ = writeln!(
            out,
            "<li class=\"muted\">and {}</li>",
            count(warned.len() - REASONS_SHOWN, "other stage")
        );
    }
    out.push_str("</ul></details>\n");
}

pub fn reasons(out: &mut String, run: &RunRecord) {
    let told = [
        (
            CellOutcome::Expected,
            "Failed as expected",
            "the project knows of it",
        ),
        (CellOutcome::Blocked, "Blocked", "what they need failed"),
        (
            CellOutcome::Unsupported,
            "Unsupported",
            "not counted against coverage",
        ),
        (CellOutcome::Skipped, "Skipped", "not tried"),
    ];
    for (verdict, title, note) in told {
        let groups = because(run, verdict);
        if groups.is_empty() {
            continue;
        }
        let cells: usize = groups.iter().map(|group| group.cells.len()).sum();
        let _ = writeln!(
            out,
            "<details class=\"card\"><summary><strong>{title}</strong> <span class=\"muted\">{}, {note}</span></summary><ul>",
            count(cells, "cell")
        );
        for group in groups.iter().take(REASONS_SHOWN) {
            let links: Vec<String> = group.cells.iter().map(|cell| link(run, cell)).collect();
            let reason = escape(group.reason.unwrap_or("no reason is recorded"));
            let advice = group.advice.map_or_else(String::new, |advice| {
                format!(" <strong>{}</strong>", escape(advice))
            });
            let _ = writeln!(
                out,
                "<li><div class=\"links\">{}</div>{reason}{advice}</li>",
                links.join(" ")
            );
        }
        if groups.len() > REASONS_SHOWN {
            let _ = writeln!(
                out,
                "<li class=\"muted\">and {}</li>",
                count(groups.len() - REASONS_SHOWN, "other reason")
            );
        }
        out.push_str("</ul></details>\n");
    }
}
