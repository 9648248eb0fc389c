//! The report as one self-contained page.
//!
//! Everything is in the file and nothing is fetched: a content security policy names the digests of the page's own
//! style and script and allows nothing else, so that even text that slipped through the escaper could not act. The page
//! reads without scripts; the script adds filters, keyboard movement and a panel for a cell's details.

mod cell;
mod parts;

use std::fmt::Write as _;

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use crate::text::inert_markup;
use crate::validate::RunRecord;

use super::compare::Changes;
use super::grid::Grid;
use super::text::{clean, count, duration, nix_name};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("app.js");

/// The page of `run`; with `against`, with what changed since that older run.
pub fn render(run: &RunRecord, against: Option<(&RunRecord, &Changes)>) -> String {
    let grid = Grid::of(run);
    let changes = against.map(|(_, changes)| changes);
    let mut out = String::with_capacity(64 * 1024);
    head(&mut out, run);
    out.push_str("<body>\n<a class=\"skip\" href=\"#matrix\">To the matrix</a>\n");
    banner(&mut out, run);
    out.push_str("<main>\n");
    parts::tiles(&mut out, run);
    if let Some((old, changes)) = against {
        parts::changes(&mut out, run, old, changes);
    }
    parts::filters(&mut out, run, changes);
    parts::matrix(&mut out, run, &grid, changes);
    parts::failures(&mut out, run);
    parts::warnings(&mut out, run);
    parts::reasons(&mut out, run);
    cell::list(&mut out, run, changes);
    out.push_str("</main>\n");
    out.push_str(SHEET);
    footer(&mut out, run);
    let _ = write!(out, "<script>{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

/// The panel that shows one cell; the script fills it.
const SHEET: &str = r#"<dialog id="sheet" aria-labelledby="sheet-title">
<div class="bar"><h2 id="sheet-title"></h2>
<button type="button" id="previous" aria-label="Previous cell">←</button>
<button type="button" id="next" aria-label="Next cell">→</button>
<button type="button" id="close">Close</button></div>
<div class="body"></div>
</dialog>
"#;

fn head(out: &mut String, run: &RunRecord) {
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; script-src {}; \
        base-uri 'none'; form-action 'none'\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
        <title>Kernel coverage, {}</title>\n<style>{STYLE}</style>\n</head>\n",
        digest(STYLE),
        digest(SCRIPT),
        run.started.strftime("%Y-%m-%d")
    );
}

/// How a content security policy names a style or script: `'sha256-…'`.
pub(super) fn digest(text: &str) -> String {
    format!(
        "'sha256-{}'",
        BASE64.encode(&Sha256::digest(text.as_bytes()))
    )
}

fn banner(out: &mut String, run: &RunRecord) {
    let took = run.finished.map_or_else(String::new, |finished| {
        format!(
            " · {}",
            duration(finished.duration_since(run.started).as_secs_f64())
        )
    });
    let mut notes = String::new();
    if run.interrupted {
        notes.push_str(" <span class=\"note\">interrupted</span>");
    } else if run.finished.is_none() {
        notes.push_str(" <span class=\"note\">not finished</span>");
    }
    let _ = write!(
        out,
        "<header class=\"top\"><div><h1>Kernel coverage</h1>\n<p><time datetime=\"{}\">{}</time>{took} · {} · kflake {} · \
        {}{notes}</p></div>\n<div class=\"tools js-only\"><button type=\"button\" id=\"theme\">Dark</button></div></header>\n",
        run.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        run.started.strftime("%-d %B %Y, %H:%M UTC"),
        count(run.cells.len(), "cell"),
        escape(&run.kflake),
        escape(&nix_name(&run.nix))
    );
}

fn footer(out: &mut String, run: &RunRecord) {
    out.push_str("<footer>");
    if !run.command.is_empty() {
        let _ = write!(
            out,
            "<p>Made by <code>{}</code></p>",
            escape(&super::metadata::shell(&run.command))
        );
    }
    out.push_str(
        "<p>A passed boot means that init, linked by the cell’s own toolchain, ran as process 1 under QEMU and said so.</p></footer>\n",
    );
}

/// `text` as HTML text or attribute value, with whatever could act made visible first.
pub(super) fn escape(text: &str) -> String {
    escape_lines(&clean(text))
}

/// `text` that has been cleaned, line by line.
fn escape_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    inert_markup(&out)
}

#[cfg(test)]
mod tests;
