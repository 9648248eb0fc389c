//! `report.json`: what reads as a report can be written and read again, and every format tells it without anything that acts.

use std::collections::BTreeSet;
use std::path::Path;

use kflake::report::grid::Grid;
use kflake::report::{
    badge, compare, folder, history, html, json, jsonl, junit, markdown, metadata, svg, terminal,
};
use kflake::validate::{RunRecord, Stage};

use crate::shown::{self, bounded, inert, inert_coloured, markup, printed};
use crate::{Target, linear, signature};

/// Bytes that a page has whatever is on it.
const FIXED: usize = 128 << 10;
/// Bytes of a page per byte of the report. A class of failure is explained wherever its name stands; a character that acts is spelled out
/// in several places.
const FACTOR: usize = 200;
/// Bytes of a page per place in the matrix.
const PLACE: usize = 200;

/// A report, read back and told in every format, alone and against another.
pub struct Reports {
    seeds: Vec<Vec<u8>>,
    words: Vec<&'static str>,
    /// What it is compared with.
    older: RunRecord,
}

impl Reports {
    /// With the sample reports of the tests, cut to a few cells.
    pub fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reports");
        let read = |name: &str| std::fs::read(folder.join(name)).expect("a sample report");
        let mut seeds: Vec<Vec<u8>> = ["small.json", "small-later.json", "empty.json"]
            .map(read)
            .into();
        let older = json::parse(&seeds[0], &folder).expect("a sample report is one");
        let mut words = vec![];
        for name in ["hostile.json", "sixty.json"] {
            let whole = json::parse(&read(name), &folder).expect("a sample report is one");
            for cells in whole.cells.chunks(2) {
                let part = RunRecord {
                    cells: cells.to_vec(),
                    ..whole.clone()
                };
                let text = json::to_string(&part);
                words.extend(crate::strings(&text));
                if text.len() < 16 << 10 {
                    seeds.push(text.into_bytes());
                }
            }
        }
        words.sort_unstable();
        words.dedup();
        Reports {
            seeds,
            words,
            older,
        }
    }

    fn formats(&self, run: &RunRecord, room: usize) -> Result<usize, String> {
        let all = [
            ("json", json::to_string(run)),
            ("jsonl", jsonl::render(run)),
            ("metadata", metadata::all_to_json(run)),
            ("markdown", markdown::render(run)),
            ("junit", junit::render(run)),
            ("html", html::render(run, None)),
            ("svg", svg::render(run, 80)),
            ("badge", badge::render(run)),
        ];
        for (format, text) in &all {
            inert(format, text)?;
            bounded(format, text.len(), room)?;
            match *format {
                "json" | "metadata" => drop(shown::json(format, text)?),
                "jsonl" => {
                    for line in text.lines() {
                        shown::json(format, line)?;
                    }
                }
                "markdown" => {}
                _ => markup(format, text)?,
            }
        }
        for width in [0, 40, 80, 300] {
            for (color, unicode) in [(true, true), (false, false)] {
                let style = terminal::Style {
                    width,
                    color,
                    unicode,
                };
                let text = terminal::render(run, &style);
                inert_coloured("terminal", &text)?;
                bounded("terminal", text.len(), room)?;
                if !unicode && !text.is_ascii() {
                    return Err("a terminal without Unicode gets Unicode".into());
                }
            }
        }
        Ok(all.iter().map(|(_, text)| text.len()).sum())
    }

    fn compared(&self, run: &RunRecord, room: usize) -> Result<(), String> {
        for (old, new) in [(&self.older, run), (run, &self.older)] {
            let changes = compare(old, new);
            let style = terminal::Style::default();
            let text = terminal::render_changes(old, &changes, &style);
            inert_coloured("changes", &text)?;
            let text = markdown::render_changes(old, &changes);
            inert("markdown of changes", &text)?;
            let text = json::changes_to_string(old, new, &changes);
            inert("json of changes", &text)?;
            shown::json("json of changes", &text)?;
            let text = html::render(new, Some((old, &changes)));
            inert("html of changes", &text)?;
            markup("html of changes", &text)?;
            bounded("html of changes", text.len(), room)?;
        }
        if !compare(run, run).cells.is_empty() {
            return Err("a report differs from itself".into());
        }
        let points = history::points(&[run.clone(), self.older.clone()]);
        inert_coloured("history", &history::terminal(&points, 80, true))?;
        inert("json of a history", &history::json(&points))?;
        for text in [history::html(&points), history::svg(&points)] {
            inert("page of a history", &text)?;
            markup("page of a history", &text)?;
        }
        Ok(())
    }
}

/// The files of a report's folder have names of their own in it.
fn files(run: &RunRecord) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for (name, _) in folder::files(run) {
        let plain = |part: &str| {
            !part.starts_with('.')
                && !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
        };
        if !name.split('/').all(plain) {
            return Err(format!("{name:?} is no plain name"));
        }
        if !names.insert(name.clone()) {
            return Err(format!("two files are called {name:?}"));
        }
    }
    Ok(())
}

impl Target for Reports {
    fn name(&self) -> &'static str {
        "report"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        self.seeds.clone()
    }

    fn words(&self) -> &[&'static str] {
        &self.words
    }

    fn patience(&self, bytes: usize) -> std::time::Duration {
        // three dozen pages are made of it
        40 * linear(bytes)
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let path = Path::new("report.json");
        let run = match json::parse(input, path) {
            Ok(run) => run,
            Err(error) => {
                let said = printed(&error)?;
                bounded("an error", said.len(), 2000 + 12 * input.len())?;
                let words: Vec<&str> = said.split(' ').skip(1).take(4).collect();
                return Ok(signature(words.join(" ")));
            }
        };
        let text = json::to_string(&run);
        let again = json::parse(text.as_bytes(), path)
            .map_err(|error| format!("what was written is no report: {error}"))?;
        if again != run {
            return Err("another report is read than was written".into());
        }
        let grid = Grid::of(&run);
        let places = grid.arches.len() * grid.columns.len();
        let room = FIXED + FACTOR * input.len() + PLACE * places;
        let length = self.formats(&run, room)?;
        self.compared(&run, 2 * room)?;
        files(&run)?;
        let cells = run.cells.iter().map(|cell| {
            let outcomes = Stage::ALL.map(|stage| cell.stage(stage).map(|it| it.outcome));
            let told = cell.stages.iter().any(|it| it.failure.is_some());
            (outcomes, told, cell.kernel.is_some())
        });
        let cells: BTreeSet<u64> = cells.take(6).map(signature).collect();
        Ok(signature((
            cells,
            length.ilog2(),
            grid.columns.len().min(9),
        )))
    }
}
