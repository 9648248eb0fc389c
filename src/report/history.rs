//! Several runs in a row: how many cells passed over time.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::text::defuse;
use crate::validate::{Coverage, RunRecord, SCHEMA_VERSION, Stage, Tally};

use super::html::{digest, escape};
use super::terminal::tallies;
use super::text::{clean, count, pad, truncate, width};

/// One run of the history.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// When it began.
    pub started: Timestamp,
    /// kflake's version.
    pub kflake: String,
    /// Number of cells.
    pub cells: usize,
    /// Whether it was interrupted: fewer passed than could have.
    pub interrupted: bool,
    /// Counts per stage.
    pub coverage: Coverage,
}

/// The runs, oldest first.
pub fn points(runs: &[RunRecord]) -> Vec<Point> {
    let mut points: Vec<Point> = runs
        .iter()
        .map(|run| Point {
            started: run.started,
            kflake: run.kflake.clone(),
            cells: run.cells.len(),
            interrupted: run.interrupted || run.finished.is_none(),
            coverage: run.coverage,
        })
        .collect();
    points.sort_by_key(|point| point.started);
    points
}

fn tally(point: &Point, stage: Stage) -> Tally {
    match stage {
        Stage::Toolchain => point.coverage.toolchain,
        Stage::Kernel => point.coverage.kernel,
        Stage::Module => point.coverage.module,
        Stage::Boot => point.coverage.boot,
    }
}

/// Stages that any run tried.
fn tried(points: &[Point]) -> Vec<Stage> {
    let any = |stage: &Stage| points.iter().any(|point| tally(point, *stage).total > 0);
    Stage::ALL.into_iter().filter(any).collect()
}

/// The largest number of passed cells of any stage; at least 1.
fn most(points: &[Point]) -> usize {
    let passed = points
        .iter()
        .flat_map(|point| tallies(&point.coverage))
        .map(|(_, tally)| tally.passed);
    passed.max().unwrap_or(0).max(1)
}

/// A row per run and a spark line per stage; at most `columns` wide.
pub fn terminal(points: &[Point], columns: usize, unicode: bool) -> String {
    let mut out = String::new();
    let stages = tried(points);
    let mut head = format!("{}  {}", pad("run", 16), pad("cells", 5));
    for stage in &stages {
        let _ = write!(head, "  {}", pad(stage.as_str(), 9));
    }
    let rule = if unicode { "─" } else { "-" };
    let fit = |line: &str| truncate(line.trim_end(), columns, unicode);
    let _ = writeln!(out, "{}", fit(&head));
    let _ = writeln!(out, "{}", rule.repeat(width(head.trim_end()).min(columns)));
    for point in points {
        let mut line = format!(
            "{}  {:>5}",
            point.started.strftime("%Y-%m-%d %H:%M"),
            point.cells
        );
        for stage in &stages {
            let tally = tally(point, *stage);
            let shown = if tally.total == 0 {
                String::new()
            } else {
                format!("{}/{}", tally.passed, tally.total)
            };
            let _ = write!(line, "  {}", pad(&shown, 9));
        }
        if point.interrupted {
            line.push_str("  interrupted");
        }
        let _ = writeln!(out, "{}", fit(&defuse(&clean(&line))));
    }
    let _ = writeln!(out);
    let most = most(points);
    for stage in &stages {
        let passed: Vec<usize> = points
            .iter()
            .map(|point| tally(point, *stage).passed)
            .collect();
        let room = columns.saturating_sub(11 + 24).max(8);
        // the newest runs, where they don't all fit
        let shown = &passed[passed.len().saturating_sub(room)..];
        let first = shown.first().copied().unwrap_or(0);
        let last = shown.last().copied().unwrap_or(0);
        let line = format!(
            "{}  {}  {first} to {last} passed",
            pad(stage.as_str(), 9),
            spark(shown, most, unicode)
        );
        let _ = writeln!(out, "{}", fit(&line));
    }
    out
}

/// One character per value, its height the share of `most`.
fn spark(values: &[usize], most: usize, unicode: bool) -> String {
    let bars: Vec<char> = if unicode {
        "▁▂▃▄▅▆▇█".chars().collect()
    } else {
        "_.-=+*%#".chars().collect()
    };
    values
        .iter()
        .map(|value| {
            bars[(value * (bars.len() - 1))
                .div_ceil(most)
                .min(bars.len() - 1)]
        })
        .collect()
}

/// The counts as JSON.
pub fn json(points: &[Point]) -> String {
    let file = serde_json::json!({ "schema_version": SCHEMA_VERSION, "runs": points });
    format!("{}\n", crate::text::json_pretty(&file).unwrap_or_default())
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 120.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 44.0;

/// Colours by lightness, and a dash pattern each, so that lines are told apart without colour too.
const STYLE: &str = "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#59616b}.bg{fill:#fff;stroke:#dedad1}.grid{stroke:#e6e2da}\
path{fill:none;stroke-width:2.5;stroke-linejoin:round}.s0{stroke:#8a9aa5;stroke-dasharray:2 4}.s1{stroke:#5a8fa8;stroke-dasharray:7 4}\
.s2{stroke:#3a9d8f;stroke-dasharray:12 3 2 3}.s3{stroke:#0d6f67}circle{stroke:none}.f0{fill:#8a9aa5}.f1{fill:#5a8fa8}.f2{fill:#3a9d8f}.f3{fill:#0d6f67}\
@media (prefers-color-scheme:dark){text{fill:#a0a8b1}.bg{fill:#191d21;stroke:#2d333a}.grid{stroke:#2d333a}.s3{stroke:#49c2b2}.f3{fill:#49c2b2}}";

/// Passed cells per stage over the runs, as a picture.
pub fn svg(points: &[Point]) -> String {
    let most = most(points);
    let stages = tried(points);
    let x = |at: usize| {
        let steps = points.len().saturating_sub(1).max(1) as f64;
        LEFT + (WIDTH - LEFT - RIGHT) * at as f64 / steps
    };
    let y = |passed: usize| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - passed as f64 / most as f64);
    let told: Vec<String> = stages
        .iter()
        .map(|stage| {
            let counts: Vec<String> = points
                .iter()
                .map(|point| tally(point, *stage).passed.to_string())
                .collect();
            format!("{stage} {}", counts.join(", "))
        })
        .collect();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n\
        <title>Passed cells over {} runs</title>\n<desc>{}</desc>\n<style>{STYLE}</style>\n\
        <rect class=\"bg\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"10\"/>",
        points.len(),
        told.join("; "),
        WIDTH - 1.0,
        HEIGHT - 1.0
    );
    let mut marks = vec![0, most / 2, most];
    marks.dedup();
    for passed in marks {
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{1:.1}\" y2=\"{1:.1}\"/><text x=\"{2:.0}\" y=\"{3:.1}\" text-anchor=\"end\">{passed}</text>",
            WIDTH - RIGHT,
            y(passed),
            LEFT - 8.0,
            y(passed) + 4.5
        );
    }
    for (at, point) in points.iter().enumerate() {
        // first, last and a few between
        let every = points.len().div_ceil(6).max(1);
        if at % every == 0 || at + 1 == points.len() {
            let date = point.started.strftime("%Y-%m-%d");
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{date}</text>",
                x(at),
                HEIGHT - 16.0
            );
        }
    }
    // from the lowest line up, each label at least a line above the one below
    let mut lowest = f64::INFINITY;
    for stage in stages.iter().rev() {
        let class = *stage as usize;
        let mut path = String::new();
        for (at, point) in points.iter().enumerate() {
            let step = if at == 0 { 'M' } else { 'L' };
            let _ = write!(
                path,
                "{step}{:.1} {:.1}",
                x(at),
                y(tally(point, *stage).passed)
            );
        }
        let _ = writeln!(out, "<path class=\"s{class}\" d=\"{path}\"/>");
        let Some(last) = points.last() else { continue };
        let (end, height) = (x(points.len() - 1), y(tally(last, *stage).passed));
        let label = (height + 4.5).min(lowest - 15.0);
        lowest = label;
        let _ = writeln!(
            out,
            "<circle class=\"f{class}\" cx=\"{end:.1}\" cy=\"{height:.1}\" r=\"4\"/><text x=\"{:.1}\" y=\"{label:.1}\">{stage} {}</text>",
            end + 12.0,
            tally(last, *stage).passed
        );
    }
    out.push_str("</svg>\n");
    out
}

/// The history as one page that needs nothing else: the chart, and the counts as a table.
pub fn html(points: &[Point]) -> String {
    let stages = tried(points);
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
        content=\"default-src 'none'; style-src {} {}; base-uri 'none'; form-action 'none'\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Kernel coverage over time</title>\n\
        <style>{PAGE_STYLE}</style>\n</head>\n<body>\n<h1>Kernel coverage over time</h1>\n<p>Passed cells of {}</p>\n",
        digest(PAGE_STYLE),
        digest(STYLE),
        count(points.len(), "run")
    );
    out.push_str(&svg(points));
    out.push_str("<div class=\"scroll\" role=\"region\" aria-label=\"Runs\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">run</th><th scope=\"col\">cells</th>");
    for stage in &stages {
        let _ = write!(out, "<th scope=\"col\">{stage}</th>");
    }
    out.push_str("<th scope=\"col\">kflake</th></tr></thead>\n<tbody>\n");
    // the newest first: that is what one looks for
    for point in points.iter().rev() {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td>",
            point.started.strftime("%Y-%m-%d %H:%M UTC"),
            point.cells
        );
        for stage in &stages {
            let tally = tally(point, *stage);
            let shown = if tally.total == 0 {
                "–".to_owned()
            } else {
                format!("{}/{}", tally.passed, tally.total)
            };
            let _ = write!(out, "<td>{shown}</td>");
        }
        let note = if point.interrupted {
            ", interrupted"
        } else {
            ""
        };
        let _ = writeln!(out, "<td>{}{note}</td></tr>", escape(&point.kflake));
    }
    out.push_str("</tbody></table></div>\n</body>\n</html>\n");
    out
}

const PAGE_STYLE: &str = ":root{color-scheme:light dark}body{margin:2rem auto;width:min(100% - 2rem,60rem);font:16px/1.5 system-ui,'DejaVu Sans',sans-serif;\
background:#faf8f4;color:#1b1f24}h1{font-size:1.8rem;letter-spacing:-.02em;margin:0}p{color:#59616b;margin:.2rem 0 1rem}svg{width:100%;height:auto}\
.scroll{overflow-x:auto;margin-top:1.5rem}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{text-align:left;padding:.4rem .9rem .4rem 0;border-bottom:1px solid #dedad1;white-space:nowrap}thead th{color:#59616b;font-weight:500}\
:focus-visible{outline:3px solid #0b5fd0;outline-offset:2px}\
@media(prefers-color-scheme:dark){body{background:#111417;color:#e8e6e0}p,thead th{color:#a0a8b1}th,td{border-color:#2d333a}}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn runs() -> Vec<RunRecord> {
        // given in any order
        vec![
            samples::sixty(),
            samples::small(),
            samples::empty(),
            samples::small_later(),
        ]
    }

    #[test]
    fn a_table_and_spark_lines() {
        insta::assert_snapshot!(terminal(&points(&runs()), 80, true));
        assert!(terminal(&points(&runs()), 80, false).is_ascii());
    }

    #[test]
    fn nothing_overflows() {
        let many: Vec<RunRecord> = std::iter::repeat_with(runs).take(60).flatten().collect();
        for columns in [20, 40, 80, 200] {
            for line in terminal(&points(&many), columns, true).lines() {
                assert!(width(line) <= columns, "{columns}: {line:?}");
            }
        }
    }

    #[test]
    fn sparks_reach_from_nothing_to_all() {
        assert_eq!(spark(&[0, 1, 4, 8], 8, true), "▁▂▅█");
        assert_eq!(spark(&[], 1, true), "");
    }

    #[test]
    fn the_page_holds_the_chart_and_the_counts() {
        let page = html(&points(&[samples::sixty(), samples::hostile()]));
        assert!(
            page.contains("<td>39/47</td>") && page.contains("<svg "),
            "{page}"
        );
        assert!(
            page.contains("&lt;svg onload")
                && !page.contains("<svg onload")
                && !page.contains("<script"),
            "{page}"
        );
        // each style in the page is one that its policy names
        for style in page.split("<style>").skip(1) {
            let style = style.split("</style>").next().expect("a style ends");
            assert!(page.contains(&digest(style)), "{style}");
        }
    }

    #[test]
    fn one_run_and_none_are_pictures_too() {
        for runs in [vec![], vec![samples::small()]] {
            let svg = svg(&points(&runs));
            assert!(
                svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"),
                "{svg}"
            );
        }
        insta::assert_snapshot!(svg(&points(&runs())));
    }
}
