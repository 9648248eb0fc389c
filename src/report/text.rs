//! Text laid out: measured, cut, padded, wrapped.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use crate::text::clean;

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut to `columns`, with `…` (or `~` without Unicode) where something is missing.
pub fn truncate(text: &str, columns: usize, unicode: bool) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        out.push(c);
    }
    if columns > 0 {
        out.push(if unicode { '…' } else { '~' });
    }
    out
}

/// `text` filled up with spaces to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let fill = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(fill))
}

/// `words` joined by `, ` into lines of at most `columns`.
pub fn wrap_list(words: &[String], columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (at, word) in words.iter().enumerate() {
        let comma = usize::from(at + 1 < words.len());
        if !line.is_empty() && width(&line) + 1 + width(word) + comma > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if comma == 1 {
            line.push(',');
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// `text` broken at spaces into lines of at most `columns`; a longer word is cut across lines.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let wide = width(word);
        if used > 0 && used + 1 + wide > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if used > 0 {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += wide;
        }
    }
    lines.push(line);
    lines
}

/// `0.4 s`, `12 s`, `3 min 4 s`, `2 h 5 min`; nothing sensible, such as a negative time, reads as `?`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// `3.2 GiB`, `120 MiB`, `4 KiB`: bytes as people read them.
pub fn size(bytes: u64) -> String {
    match bytes {
        0 => "nothing".to_owned(),
        _ if bytes >= 1 << 30 => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
        _ if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        _ => format!("{} KiB", bytes.div_ceil(1 << 10)),
    }
}

/// `1 cell`, `2 cells`.
pub fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        _ => format!("{n} {}", plural(what)),
    }
}

fn plural(what: &str) -> String {
    match what {
        "class" => "classes".to_owned(),
        _ => format!("{what}s"),
    }
}

/// `Nix 2.8.0`, also where Nix's own `nix (Nix) 2.8.0` was recorded.
pub fn nix_name(recorded: &str) -> String {
    match recorded
        .strip_prefix("nix (")
        .and_then(|rest| rest.split_once(") "))
    {
        Some((flavour, version)) => format!("{flavour} {version}"),
        None => format!("Nix {recorded}"),
    }
}

/// Whether `path` is a plain relative path that stays below the report: only then it becomes a link, and is a file's to copy.
pub fn is_plain_path(path: &str) -> bool {
    path.split('/').all(|part| {
        !matches!(part, "" | "." | "..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn truncates_by_columns() {
        assert_eq!(truncate("abcdef", 4, true), "abc…");
        assert_eq!(truncate("日本語", 5, true), "日本…");
        assert_eq!(truncate("日本語", 4, false), "日~");
        assert_eq!(truncate("abc", 0, true), "");
    }

    #[test]
    fn wraps_lists_and_text() {
        let words: Vec<String> = ["aa", "bb", "cc"].map(str::to_owned).into();
        assert_eq!(wrap_list(&words, 7), ["aa, bb,", "cc"]);
        assert_eq!(wrap("one two  three", 8), ["one two ", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    #[test]
    fn sizes_read_well() {
        let said = [0, 1, 120 << 20, 3 << 30].map(size);
        assert_eq!(said, ["nothing", "1 KiB", "120 MiB", "3.0 GiB"]);
    }

    #[test]
    fn durations_read_well() {
        let cases = [
            (0.04, "0.0 s"),
            (9.94, "9.9 s"),
            (9.97, "10 s"),
            (59.6, "1 min"),
            (61.0, "1 min 1 s"),
            (3600.0, "1 h"),
            (7500.0, "2 h 5 min"),
            (f64::NAN, "?"),
            (-1.0, "?"),
        ];
        for (seconds, shown) in cases {
            assert_eq!(duration(seconds), shown);
        }
    }

    proptest! {
        #[test]
        fn truncated_text_fits(text in any::<String>()) {
            prop_assert!(width(&truncate(&clean(&text), 20, true)) <= 20);
        }

        #[test]
        fn wrapped_lines_fit(text in any::<String>(), columns in 2usize..40) {
            for line in wrap(&clean(&text), columns) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
        }
    }

    #[test]
    fn only_paths_below_the_report_become_links() {
        assert!(is_plain_path("logs/k6-arm64-kernel.log"));
        for path in [
            "../x",
            "/etc/passwd",
            "javascript:alert(1)",
            "http://h/x",
            "a//b",
            "",
            ".",
            "a/../b",
            "a b",
            "//h/x",
        ] {
            assert!(!is_plain_path(path), "{path}");
        }
    }
}
