//! docs/eras.md says what the data say.

use kflake::catalog::Catalog;

const DOCUMENT: &str = include_str!("../docs/eras.md");

/// The cells of the table rows whose first cell is a name in backquotes.
fn rows() -> Vec<Vec<&'static str>> {
    DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

fn row(name: &str) -> Vec<&'static str> {
    let name = format!("`{name}`");
    rows()
        .into_iter()
        .find(|row| row[0] == name)
        .unwrap_or_else(|| panic!("docs/eras.md has no row {name}"))
}

/// `2.6.24 up to 4.9`, `below 3.18`, `from 5`.
fn in_words(from: Option<String>, below: Option<String>) -> String {
    match (from, below) {
        (Some(from), Some(below)) => format!("{from} up to {below}"),
        (None, Some(below)) => format!("below {below}"),
        (Some(from), None) => format!("from {from}"),
        (None, None) => String::new(),
    }
}

#[test]
fn tables_are_those_of_the_data() {
    let catalog = Catalog::embedded().unwrap();
    let comma = |list: Vec<String>| list.join(", ");

    for (id, era) in &catalog.eras {
        let row = row(id.as_ref());
        assert_eq!(
            row[2],
            comma(era.sources.iter().map(ToString::to_string).collect()),
            "{id}"
        );
        assert_eq!(row[4], era.kernel.to_string(), "{id}");
        let preferred = era.sources.iter().filter_map(|source| {
            let versions = era.prefer.get(source)?.iter().map(ToString::to_string);
            Some(format!("{source} {}", comma(versions.collect())))
        });
        assert_eq!(row[3], preferred.collect::<Vec<_>>().join("; "), "{id}");
    }
    for (id, it) in &catalog.source_toolchains {
        let row = row(id.as_ref());
        let musl = it.musl.as_ref().map_or("–".to_owned(), ToString::to_string);
        let facts = [
            it.gcc.to_string(),
            it.binutils.to_string(),
            musl,
            comma(it.eras.iter().map(ToString::to_string).collect()),
        ];
        assert_eq!(row[1..5], facts, "{id}");
    }
    for (id, fix) in &catalog.fixes {
        let row = row(id.as_ref());
        let text = |bound: &Option<_>| bound.as_ref().map(ToString::to_string);
        assert_eq!(
            row[1],
            in_words(text(&fix.kernel.from), text(&fix.kernel.below)),
            "{id}"
        );
        assert_eq!(
            row[2],
            comma(fix.arches.iter().map(ToString::to_string).collect()),
            "{id}"
        );
        let gcc = fix.gcc.as_ref().map_or(String::new(), |it| {
            in_words(
                it.from.as_ref().map(ToString::to_string),
                it.below.as_ref().map(ToString::to_string),
            )
        });
        assert_eq!(row[3], gcc, "{id}");
    }
    let known = catalog.eras.len() + catalog.source_toolchains.len() + catalog.fixes.len();
    assert_eq!(
        rows().len(),
        known,
        "a row is about nothing that the data has"
    );
}
