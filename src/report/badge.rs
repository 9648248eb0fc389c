//! A badge: the share of the furthest stage asked for that passed, as an SVG picture.

use std::fmt::Write as _;

use crate::validate::{RunRecord, Stage, Tally};

use super::grid::warned;
use super::terminal::tallies;

/// The furthest stage that was asked for, with its counts.
fn furthest(run: &RunRecord) -> Option<(Stage, Tally)> {
    tallies(&run.coverage)
        .into_iter()
        .rev()
        .find(|(_, tally)| tally.total > 0)
}

/// The badge as SVG: `kernels booted | 39/47`.
pub fn render(run: &RunRecord) -> String {
    let (label, value, color) = match furthest(run) {
        None => ("kernels", "not tried".to_owned(), "#6e7781"),
        Some((stage, tally)) => {
            let label = match stage {
                Stage::Toolchain => "toolchains",
                Stage::Kernel => "kernels built",
                Stage::Module => "kernels with module",
                Stage::Boot => "kernels booted",
            };
            // the number says it too, so the colour is free to be coarse; white reads on all of them
            let color = match 100 * tally.passed / tally.total {
                100 => "#0a6b4f",
                75..100 => "#2f6fab",
                25..75 => "#8a5a00",
                _ => "#a1341f",
            };
            let value = match run.cells.iter().filter(|cell| warned(cell)).count() {
                0 => format!("{}/{}", tally.passed, tally.total),
                n => format!("{}/{}, {n} with warnings", tally.passed, tally.total),
            };
            (label, value, color)
        }
    };
    draw(label, &value, color)
}

/// Both texts are ours, not a log's; digits and letters only.
fn draw(label: &str, value: &str, color: &str) -> String {
    // about what 11 px Verdana takes; `textLength` makes it so with any font
    let wide = |text: &str| {
        text.chars()
            .map(|c| if "il/ 1t".contains(c) { 5 } else { 7 })
            .sum::<usize>()
    };
    let (left, right) = (wide(label) + 14, wide(value) + 14);
    let whole = left + right;
    let mut out = String::new();
    let _ = writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{label}: {value}">"#
    );
    let _ = writeln!(out, "<title>{label}: {value}</title>");
    let _ = writeln!(
        out,
        r#"<clipPath id="r"><rect width="{whole}" height="20" rx="4"/></clipPath>"#
    );
    let _ = writeln!(
        out,
        r##"<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#3d444d"/><rect x="{left}" width="{right}" height="20" fill="{color}"/></g>"##
    );
    let _ = writeln!(
        out,
        r##"<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">"##
    );
    for (text, middle) in [(label, left / 2), (value, left + right / 2)] {
        let _ = writeln!(
            out,
            r#"<text x="{middle}" y="14" textLength="{}">{text}</text>"#,
            wide(text)
        );
    }
    out.push_str("</g>\n</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn badges() {
        insta::assert_snapshot!(render(&samples::sixty()));
        assert!(render(&samples::small()).contains("kernels booted: 2/2"));
        assert!(render(&samples::empty()).contains("kernels: not tried"));
    }
}
