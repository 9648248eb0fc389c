//! What a kernel complains of on its console while it goes on: a warning, an oops that kills only a task, a stall.
//!
//! The table is the one that boot tests go by: `splats.json` beside the generated flake, which `boot-supervise.pl` reads.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::pattern::regex;

/// The most complaints that are kept, and the most of one that is.
const KEPT: usize = 100;
const LENGTH: usize = 200;

/// What stands before a line of the kernel's where lines have times, and nowhere else.
static STAMP: LazyLock<Regex> = LazyLock::new(|| regex(r"\[ *[0-9]+\.[0-9]{6}\]"));

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let text = include_str!("../../flake-template/splats.json");
    let data: Data = serde_json::from_str(text).unwrap_or_default();
    Table {
        prefix: regex(&data.prefix),
        rows: data
            .rows
            .into_iter()
            .map(|row| (row.kind, regex(&row.pattern), row.words))
            .collect(),
    }
});

struct Table {
    prefix: Regex,
    rows: Vec<(Kind, Regex, String)>,
}

#[derive(Default, Deserialize)]
struct Data {
    prefix: String,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    kind: Kind,
    pattern: String,
    words: String,
}

/// What a line is to the report that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Its beginning.
    Report,
    /// A part of it, and the beginning of one where there is none.
    Part,
    /// Its end, and one by itself where there is none.
    End,
}

/// What a kernel complained of, line by line.
#[derive(Debug, Default)]
pub struct Splats {
    within: bool,
    found: Vec<String>,
}

impl Splats {
    /// Takes a line that only the kernel, or kflake's init, can have said; without control characters.
    pub fn kernel(&mut self, line: &str) {
        let rest = match TABLE.prefix.find(line) {
            Some(prefix) => &line[prefix.end()..],
            None => line,
        };
        let fits = TABLE.rows.iter().find_map(|(kind, pattern, words)| {
            let group = pattern.captures(rest)?.get(1);
            Some((
                *kind,
                words.replacen("$1", group.map_or("", |it| it.as_str()), 1),
            ))
        });
        let Some((kind, words)) = fits else {
            return;
        };
        let new = kind == Kind::Report || !self.within;
        self.within = kind != Kind::End;
        if new && self.found.len() < KEPT {
            self.found.push(match words.char_indices().nth(LENGTH) {
                Some((at, _)) => format!("{}...", &words[..at]),
                None => words,
            });
        }
    }

    /// Takes a line of a console that programs write to as well: what stands behind a time of the kernel's is taken for the
    /// kernel's, and may stand after a program's words.
    pub fn mixed(&mut self, line: &str) {
        if let Some(stamp) = STAMP.find(line) {
            self.kernel(&line[stamp.start()..]);
        }
    }

    /// What it complained of so far.
    pub fn found(&self) -> &[String] {
        &self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        lines: Vec<String>,
        warnings: Vec<String>,
    }

    #[test]
    fn complaints_are_those_of_the_table() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/data/splats.json")).unwrap();
        assert!(cases.len() > 20 && TABLE.rows.len() > 10);
        for case in cases {
            let mut splats = Splats::default();
            case.lines.iter().for_each(|line| splats.kernel(line));
            assert_eq!(splats.found(), case.warnings, "{}", case.name);
        }
    }

    #[test]
    fn a_flood_of_complaints_has_bounds() {
        let mut splats = Splats::default();
        for n in 0..5000 {
            splats.kernel(&format!("WARNING: at {}.c:{n} f()", "x".repeat(2000)));
        }
        assert_eq!(splats.found().len(), KEPT);
        assert!(splats.found().iter().all(|it| it.len() < 300));
    }

    #[test]
    fn among_a_programs_lines_only_those_with_a_time_are_the_kernels() {
        let mut splats = Splats::default();
        for line in [
            "WARNING: at my own code",
            "BUG: 3 of 5 tests failed",
            "Call trace:",
            "[INFO] BUG: none",
            "12:01 [1.5] WARNING: late",
        ] {
            splats.mixed(line);
        }
        assert!(splats.found().is_empty(), "{:?}", splats.found());
        splats
            .mixed("testing ... [    1.500000] WARNING: CPU: 0 PID: 9 at kernel/x.c:12 f+0x1/0x2");
        splats.mixed("ok");
        splats.mixed("[    1.500001][    T9] Call trace:");
        assert_eq!(splats.found(), ["WARNING at kernel/x.c:12"]);
    }
}
