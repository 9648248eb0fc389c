//! The terminal's matrix as a picture: what a README shows.

use std::fmt::Write as _;

use crate::text::inert_markup;
use crate::validate::RunRecord;

use super::terminal::{self, Style};
use super::text::width;

/// Width and height of a character cell, and the frame around the text, in pixels.
const CHAR: f64 = 8.4;
const LINE: f64 = 19.0;
const FRAME: f64 = 18.0;

const STYLE: &str = "text{font:14px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1b1f24;white-space:pre}\
.bg{fill:#fbfaf7;stroke:#dedad1}.b{font-weight:700}.d{fill:#6a727c}.g{fill:#0b6e4f;font-weight:700}.c{fill:#0a6a8a}\
.r{fill:#b5360d;font-weight:700}.y{fill:#8a5a00;font-weight:700}\
@media (prefers-color-scheme:dark){text{fill:#e8e6e0}.bg{fill:#14181c;stroke:#2d333a}.d{fill:#949ca6}.g{fill:#5fd0a5}\
.c{fill:#6cc3e0}.r{fill:#ff8a5c}.y{fill:#f2b544}}";

/// The matrix of `run` at `columns`, as SVG that follows the reader's light or dark.
pub fn render(run: &RunRecord, columns: usize) -> String {
    let style = Style {
        width: columns,
        color: true,
        unicode: true,
    };
    let text = terminal::matrix(run, &style);
    let lines: Vec<Vec<(String, &str)>> = text.lines().map(runs).collect();
    let used = lines
        .iter()
        .map(|line| line.iter().map(|(text, _)| width(text)).sum::<usize>())
        .max()
        .unwrap_or(0);
    let wide = (used as f64 * CHAR + 2.0 * FRAME).ceil();
    let high = (lines.len() as f64 * LINE + 2.0 * FRAME).ceil();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" role=\"img\" \
        aria-label=\"Coverage matrix: arches down, kernels across\">\n<title>Coverage matrix</title>\n<style>{STYLE}</style>\n\
        <rect class=\"bg\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"10\"/>",
        wide - 1.0,
        high - 1.0
    );
    for (row, line) in lines.iter().enumerate() {
        let y = FRAME + LINE * row as f64 + 14.0;
        let mut column = 0;
        for (text, class) in line {
            let used = width(text);
            if !text.trim().is_empty() {
                let indent = text.len() - text.trim_start_matches(' ').len();
                let shown = text.trim_matches(' ');
                let x = FRAME + (column + indent) as f64 * CHAR;
                let class = if class.is_empty() {
                    String::new()
                } else {
                    format!(" class=\"{class}\"")
                };
                // each run is pinned to its columns, whatever font the reader has
                let _ = writeln!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{y:.0}\" textLength=\"{:.1}\"{class}>{}</text>",
                    width(shown) as f64 * CHAR,
                    escape(shown)
                );
            }
            column += used;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn escape(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    inert_markup(&text)
}

/// A line of the terminal report as runs of one colour each. The report's own codes are the only escapes in it.
fn runs(line: &str) -> Vec<(String, &'static str)> {
    let mut out: Vec<(String, &'static str)> = Vec::new();
    let mut class = "";
    let mut rest = line;
    loop {
        let (text, after) = rest
            .split_once('\u{1b}')
            .map_or((rest, None), |(text, after)| (text, Some(after)));
        if !text.is_empty() {
            match out.last_mut() {
                Some((last, known)) if *known == class => last.push_str(text),
                _ => out.push((text.to_owned(), class)),
            }
        }
        let Some((code, after)) = after.and_then(|after| after.split_once('m')) else {
            return out;
        };
        class = match code.trim_start_matches('[') {
            "0" | "" => "",
            "1" if class.is_empty() => "b",
            "2" => "d",
            "31" => "r",
            "32" => "g",
            "33" => "y",
            "36" => "c",
            _ => class,
        };
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn colours_become_classes() {
        let plain: Vec<(String, &str)> =
            runs("\u{1b}[1m\u{1b}[32mTK\u{1b}[0m\u{1b}[1m\u{1b}[31m✗\u{1b}[0m-");
        let told: Vec<(&str, &str)> = plain
            .iter()
            .map(|(text, class)| (text.as_str(), *class))
            .collect();
        assert_eq!(told, [("TK", "g"), ("✗", "r"), ("-", "")]);
    }

    #[test]
    fn small_run() {
        insta::assert_snapshot!(render(&samples::small(), 80));
    }

    #[test]
    fn hostile_text_stays_text() {
        let mut run = samples::hostile();
        // a variant is the only free text in the matrix
        run.cells[1] = run.cells[0].clone();
        run.cells[1].profile = Some("<script>&".to_owned());
        let svg = render(&run, 200);
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'), "{svg}");
        assert!(svg.contains("&lt;script&gt;&amp;"), "{svg}");
    }
}
