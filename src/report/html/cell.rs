//! One cell's details.

use std::fmt::Write as _;

use crate::catalog::{MeasuredSource, SourceOrigin};
use crate::validate::{CellRecord, RunRecord, StageRecord, ToolchainRecord};

use super::super::compare::Changes;
use super::super::grid::CellOutcome;
use super::super::metadata::{reproducer, shell};
use super::super::text::{clean, duration, is_plain_path};
use super::parts::{change_of, class_title, meaning, name, told};
use super::{escape, escape_lines};

/// All cells, each folded.
pub fn list(out: &mut String, run: &RunRecord, changes: Option<&Changes>) {
    if run.cells.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<details class=\"all\"><summary>All cells <span class=\"muted\">{}</span></summary>",
        run.cells.len()
    );
    for (at, cell) in run.cells.iter().enumerate() {
        let (verdict, _) = told(CellOutcome::of(cell));
        let name = escape(&name(cell));
        let _ = writeln!(
            out,
            "<details id=\"c{at}\" data-name=\"{name}\"><summary>{name} <span class=\"muted\">{verdict}</span></summary><div class=\"body\">"
        );
        body(out, run, cell);
        if let Some(changed) = changes.and_then(|_| change_of(run, changes, at)) {
            before(out, changes, cell, changed.as_str());
        }
        out.push_str("</div></details>\n");
    }
    out.push_str("</details>\n");
}

fn body(out: &mut String, run: &RunRecord, cell: &CellRecord) {
    stages(out, cell);
    for stage in &cell.stages {
        failure(out, stage);
    }
    let command = escape(&shell(&reproducer(run, cell)));
    let _ = writeln!(
        out,
        "<h3 class=\"cap\">Reproduce</h3><div class=\"copy\"><pre>{command}</pre><button type=\"button\" data-copy class=\"js-only\">Copy</button></div>"
    );
    facts(out, cell);
    if !cell.reasons.is_empty() {
        let basis = cell.basis.map_or(String::new(), |basis| {
            format!(" <span class=\"muted\">{}</span>", basis.as_str())
        });
        let _ = write!(
            out,
            "<h3 class=\"cap\">Why this toolchain{basis}</h3><ol class=\"why\">"
        );
        for reason in &cell.reasons {
            let _ = write!(out, "<li>{}</li>", escape(reason));
        }
        out.push_str("</ol>\n");
    }
    store(out, cell);
}

fn stages(out: &mut String, cell: &CellRecord) {
    out.push_str(
        "<table class=\"plain\"><thead><tr><th scope=\"col\">Stage</th><th scope=\"col\">Outcome</th><th scope=\"col\">Time</th>\
        <th scope=\"col\">Why</th></tr></thead><tbody>\n",
    );
    for stage in &cell.stages {
        let time = match stage.seconds {
            Some(seconds) => duration(seconds),
            None => "–".to_owned(),
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"num\">{time}</td><td>{}</td></tr>",
            stage.stage,
            escape(&stage.detail()),
            stage.reason.as_deref().map_or_else(String::new, escape)
        );
    }
    out.push_str("</tbody></table>\n");
    for console in cell
        .stages
        .iter()
        .filter_map(|stage| stage.console.as_deref())
    {
        link(out, "What the machine said", console);
    }
}

fn failure(out: &mut String, stage: &StageRecord) {
    let Some(failure) = &stage.failure else {
        return;
    };
    let class = class_title(failure.class.as_deref());
    let phase = failure
        .phase
        .as_deref()
        .map_or_else(String::new, |phase| format!(" · {}", escape(phase)));
    let _ = writeln!(
        out,
        "<h3 class=\"cap\">{} {}</h3><p><strong>{class}</strong>{phase}</p>",
        stage.stage, stage.outcome
    );
    meaning(out, failure.class.as_deref(), Some(stage.stage));
    if let Some(error) = &failure.first_error {
        let _ = writeln!(out, "<pre>{}</pre>", escape(error));
    }
    if !failure.log_tail.is_empty() {
        let lines: Vec<String> = failure.log_tail.iter().map(|line| clean(line)).collect();
        let _ = writeln!(
            out,
            "<details open><summary>Log, last {} lines</summary><pre tabindex=\"0\">{}</pre></details>",
            lines.len(),
            escape_lines(&lines.join("\n"))
        );
    }
    if let Some(log) = &failure.log {
        link(out, "Whole log", log);
    }
}

/// A file of the report's folder.
fn link(out: &mut String, what: &str, file: &str) {
    let shown = escape(file);
    let _ = match is_plain_path(file) {
        true => writeln!(out, "<p>{what}: <a href=\"{shown}\">{shown}</a></p>"),
        false => writeln!(out, "<p>{what}: <code>{shown}</code></p>"),
    };
}

fn facts(out: &mut String, cell: &CellRecord) {
    out.push_str("<h3 class=\"cap\">Built with</h3><dl>");
    let mut row = |term: &str, value: Option<String>| {
        let _ = write!(
            out,
            "<dt>{term}</dt><dd>{}</dd>",
            value.map_or_else(|| "–".to_owned(), |v| escape(&v))
        );
    };
    match &cell.toolchain {
        Some(toolchain) => {
            row("toolchain", Some(toolchain.id.clone()));
            row("source", Some(toolchain.source.to_string()));
            let compiler = &toolchain.compiler;
            row(compiler.name(), Some(compiler.version().to_string()));
            row(
                "binutils",
                toolchain.binutils.as_ref().map(ToString::to_string),
            );
            row("libc", toolchain.libc.clone());
            if let Some(kernel) = &cell.kernel
                && toolchain.init_is_bare(kernel)
            {
                row("init", Some(bare_init(toolchain)));
            }
            row("target", Some(toolchain.target.clone()));
        }
        None => row("toolchain", None),
    }
    row("kernel", cell.kernel.as_ref().map(ToString::to_string));
    row("kernel's source", cell.source.as_ref().map(source));
    row("configuration", cell.profile.clone());
    row("board", cell.board.clone());
    let tools = cell.stages.iter().flat_map(|stage| &stage.tools);
    let tools: std::collections::BTreeSet<String> = tools
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let tools: Vec<String> = tools.into_iter().collect();
    row("tools", (!tools.is_empty()).then(|| tools.join(", ")));
    out.push_str("</dl>\n");
}

/// A kernel's source in words.
fn source(source: &MeasuredSource) -> String {
    let whose = match source.origin {
        SourceOrigin::Pinned => "",
        SourceOrigin::Registered => ", registered by the project",
        SourceOrigin::Override => ", in the place of the one that kflake pins",
    };
    format!("{}{whose}", source.sha256)
}

/// Why init is linked without a C library.
fn bare_init(toolchain: &ToolchainRecord) -> String {
    match (&toolchain.libc, &toolchain.oldest_kernel) {
        (Some(libc), Some(oldest)) => {
            format!("linked without the C library: {libc} asks for Linux {oldest}")
        }
        _ => "linked without a C library".to_owned(),
    }
}

fn store(out: &mut String, cell: &CellRecord) {
    if cell
        .stages
        .iter()
        .all(|stage| stage.drv.is_none() && stage.out.is_none())
    {
        return;
    }
    out.push_str("<details><summary>Store paths</summary><dl>");
    for stage in &cell.stages {
        for path in [&stage.drv, &stage.out].into_iter().flatten() {
            let _ = write!(
                out,
                "<dt>{}</dt><dd><code>{}</code></dd>",
                stage.stage,
                escape(path)
            );
        }
    }
    out.push_str("</dl></details>\n");
}

/// How the cell stood in the older run.
fn before(out: &mut String, changes: Option<&Changes>, cell: &CellRecord, word: &str) {
    let changed = changes.and_then(|changes| {
        changes
            .cells
            .iter()
            .find(|changed| changed.new.is_some_and(|new| std::ptr::eq(new, cell)))
    });
    let Some(changed) = changed else { return };
    let _ = write!(
        out,
        "<h3 class=\"cap\">Since the older run</h3><p><strong>{word}</strong>"
    );
    if let Some((stage, before, after)) = changed.in_words() {
        let _ = write!(out, ": {stage} {before} → {}", escape(&after));
    }
    if !changed.because.is_empty() {
        let _ = write!(out, " with {}", escape(&changed.because.join(", ")));
    }
    out.push_str("</p>\n");
}
