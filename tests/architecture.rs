//! `docs/architecture.md` lists the rooms of `src/`, lowest first, and what each uses. The code has to agree: the uses are read from
//! the sources, and none may point upwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The uses of each room, by its name.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// Names of rooms behind `crate::` in `text`, of a path or of a group in braces.
fn rooms_in(text: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect()
    };
    let mut rooms = BTreeSet::new();
    for (at, path) in text.match_indices("crate::") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            rooms.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut first = true;
        for (index, c) in group.char_indices() {
            if depth == 0 && first {
                rooms.insert(word(&group[index..]));
                first = false;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => first = true,
                _ => {}
            }
        }
    }
    rooms.remove("");
    rooms
}

/// `source` without comments and without the tests at its end.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests {").next();
    let lines = source.unwrap_or_default().lines();
    let code = lines.filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// Whether the file is a module of tests.
fn is_tests(path: &Path) -> bool {
    let parent = path.parent().expect("a file is in a folder");
    let name = path.file_stem().and_then(|it| it.to_str()).unwrap_or("");
    let declared = format!("#[cfg(test)]\nmod {name};");
    let holders = [parent.join("mod.rs"), parent.with_extension("rs")];
    holders
        .iter()
        .any(|holder| fs::read_to_string(holder).is_ok_and(|text| text.contains(&declared)))
}

fn read(path: &Path, room: &str, uses: &mut Uses) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder of sources") {
            read(&entry.expect("an entry").path(), room, uses);
        }
    } else if path.extension().is_some_and(|it| it == "rs") && !is_tests(path) {
        let found = rooms_in(&code(&fs::read_to_string(path).expect("a source")));
        let used = uses.entry(room.to_owned()).or_default();
        used.extend(found.into_iter().filter(|other| other != room));
    }
}

fn of_the_code() -> Uses {
    let mut uses = Uses::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).expect("src") {
        let path = entry.expect("an entry").path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if room != "lib" && room != "main" {
            read(&path, &room, &mut uses);
        }
    }
    uses
}

/// The rows of the page: room and its uses, in the page's order.
fn of_the_page() -> Vec<(String, BTreeSet<String>)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let text = fs::read_to_string(page).expect("docs/architecture.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line
            .strip_prefix("| `")?
            .split('|')
            .map(str::trim)
            .collect();
        let [room, _, uses, ""] = cells[..] else {
            return None;
        };
        let uses = uses.split(',').map(|it| it.trim().to_owned());
        let uses = uses.filter(|it| !it.is_empty() && it != "nothing");
        Some((room.trim_end_matches('`').to_owned(), uses.collect()))
    };
    text.lines().filter_map(row).collect()
}

/// Puts the uses of `code` into the rows of the page.
fn write_page(code: &Uses) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let text = fs::read_to_string(&path).expect("docs/architecture.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line
            .strip_prefix("| `")?
            .split('|')
            .map(str::trim)
            .collect();
        let [room, what, _, ""] = cells[..] else {
            return None;
        };
        let uses: Vec<&str> = code
            .get(room.trim_end_matches('`'))?
            .iter()
            .map(String::as_str)
            .collect();
        let uses = match uses.is_empty() {
            true => "nothing".to_owned(),
            false => uses.join(", "),
        };
        Some(format!("| `{room} | {what} | {uses} |"))
    };
    let lines = text
        .lines()
        .map(|line| row(line).unwrap_or(line.to_owned()));
    let new: String = lines.map(|line| line + "\n").collect();
    fs::write(path, new).expect("docs/architecture.md can be written");
}

#[test]
fn the_page_shows_what_the_code_uses() {
    let code = of_the_code();
    if std::env::var_os("KFLAKE_WRITE_DOCS").is_some() {
        write_page(&code);
    }
    let page = of_the_page();
    let listed: BTreeSet<&String> = page.iter().map(|(room, _)| room).collect();
    assert_eq!(listed, code.keys().collect(), "each room has one row");
    let wrong: Vec<String> = page
        .iter()
        .filter(|(room, uses)| code[room] != *uses)
        .map(|(room, _)| {
            let uses: Vec<&str> = code[room].iter().map(String::as_str).collect();
            format!("{room}: {}", uses.join(", "))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "the code uses other rooms (`make architecture` writes them down):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_room_uses_one_above_it() {
    let mut below = BTreeSet::new();
    for (room, uses) in of_the_page() {
        let above: Vec<&String> = uses.difference(&below).collect();
        assert!(
            above.is_empty(),
            "{room} uses {above:?}, which is not below it"
        );
        assert!(below.insert(room), "each room has one row");
    }
}

#[test]
fn uses_are_found_in_every_spelling() {
    let text = "use crate::a::{X, crate_b};\nuse crate::{b::{C, D}, e};\nlet x = crate::f::g();\nuse othercrate::no;";
    let found: Vec<String> = rooms_in(text).into_iter().collect();
    assert_eq!(found, ["a", "b", "e", "f"]);
    let source = "use crate::a;\n// crate::b\n#[cfg(test)]\nmod tests {\nuse crate::c;\n}";
    assert_eq!(
        rooms_in(&code(source)).into_iter().collect::<Vec<_>>(),
        ["a"]
    );
}
