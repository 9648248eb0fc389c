use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::report::compare::compare;
use crate::report::samples;
use crate::validate::RunRecord;

fn style(width: usize) -> Style {
    Style {
        width,
        ..Style::default()
    }
}

fn all() -> [RunRecord; 6] {
    [
        samples::empty(),
        samples::small(),
        samples::small_later(),
        samples::sixty(),
        samples::three_hundred(),
        samples::hostile(),
    ]
}

#[test]
fn small_at_80() {
    assert_snapshot!(render(&samples::small(), &style(80)));
}

#[test]
fn sixty_at_80() {
    assert_snapshot!(render(&samples::sixty(), &style(80)));
}

#[test]
fn sixty_at_200() {
    assert_snapshot!(render(&samples::sixty(), &style(200)));
}

#[test]
fn three_hundred_at_80() {
    assert_snapshot!(render(&samples::three_hundred(), &style(80)));
}

#[test]
fn three_hundred_at_200() {
    assert_snapshot!(render(&samples::three_hundred(), &style(200)));
}

#[test]
fn hostile_at_80() {
    assert_snapshot!(render(&samples::hostile(), &style(80)));
}

#[test]
fn changes_at_80() {
    let (old, new) = (samples::small(), samples::small_later());
    assert_snapshot!(render_changes(&old, &compare(&old, &new), &style(80)));
}

#[test]
fn plain_ascii_at_60() {
    let style = Style {
        width: 60,
        color: false,
        unicode: false,
    };
    let text = render(&samples::sixty(), &style);
    assert!(text.is_ascii(), "{text}");
    assert_snapshot!(text);
}

#[test]
fn colour_says_nothing_more() {
    for run in all() {
        let plain = render(&run, &style(100));
        let colored = render(
            &run,
            &Style {
                color: true,
                ..style(100)
            },
        );
        let stripped = anstream::adapter::strip_str(&colored).to_string();
        let trim = |text: &str| {
            text.lines()
                .map(|line| line.trim_end().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(trim(&stripped), trim(&plain));
        assert_eq!(
            colored.contains("\x1b["),
            !run.cells.is_empty() || run.interrupted
        );
    }
}

#[test]
fn nothing_overflows_or_acts() {
    for run in all() {
        for width in [0, 40, 79, 80, 132, 200] {
            for unicode in [true, false] {
                let style = Style {
                    width,
                    color: false,
                    unicode,
                };
                let later = samples::small_later();
                let text =
                    render(&run, &style) + &render_changes(&run, &compare(&run, &later), &style);
                for line in text.lines() {
                    let limit = width.max(Style::NARROWEST);
                    assert!(
                        crate::report::text::width(line) <= limit,
                        "{width}: {line:?}"
                    );
                    assert!(!line.trim_start().starts_with("::"), "{line:?}");
                    assert!(!line.contains("##["), "{line:?}");
                    assert!(!line.chars().any(char::is_control), "{line:?}");
                    assert!(unicode || line.is_ascii(), "{line:?}");
                }
            }
        }
    }
}

#[test]
fn columns_stay_aligned_when_an_era_has_two_toolchains() {
    let run = samples::Sample::new("2026-11-20T05:10:00Z", 9)
        .cell("k6", "arm64", "6.1.192", "TKMB")
        .cell("k6", "arm64", "6.1.192", "TKx-")
        .with(|cell| {
            let toolchain = cell.toolchain.as_mut().expect("a toolchain");
            toolchain.source = crate::catalog::SourceKind::Bootlin;
            toolchain.id = "bootlin-musl-2023.08-arm64".to_owned();
        })
        .cell("k6", "armel", "6.6.1", "TK..")
        .build();
    assert_snapshot!(matrix(&run, &style(80)));
}

proptest! {
    #[test]
    fn any_text_is_shown_safely(text in any::<String>(), width in 0usize..120) {
        let run = samples::Sample::new("2026-11-20T05:10:00Z", 9)
            .cell("k6", "arm64", "6.1.192", "TKx-")
            .fails(Some(&text), &text, &text)
            .with(|cell| cell.id = text.clone())
            .build();
        for line in render(&run, &style(width)).lines() {
            prop_assert!(crate::report::text::width(line) <= width.max(Style::NARROWEST), "{line:?}");
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(!line.trim_start().starts_with("::"), "{line:?}");
        }
    }
}
