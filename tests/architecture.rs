//! `docs/architecture.md` lists the rooms of `src/`, lowest first, and what each uses. The code has to agree: the uses are read from
//! the sources, and none may point upwards. Within a room, no two files may use each other, straight or by way of others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The uses of each room, by its name.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The paths in `text` that begin with `crate`, `super` or `self`, a group in braces spelled out.
fn paths_in(text: &str) -> Vec<Vec<&str>> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut paths = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            // the middle of a longer path or word
            if !text[..at].ends_with(|c: char| is_word(c) || c == ':') {
                spell_out(&text[at..], &mut Vec::new(), &mut paths);
            }
        }
    }
    paths
}

/// Puts the path that `text` begins with behind `before`; a group gives one path per member. Returns what follows.
fn spell_out<'a>(
    text: &'a str,
    before: &mut Vec<&'a str>,
    paths: &mut Vec<Vec<&'a str>>,
) -> &'a str {
    let length = before.len();
    let mut rest = text.trim_start();
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            rest = group;
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = spell_out(rest, before, paths).trim_start();
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                rest = rest[end..].trim_start_matches(',').trim_start();
            }
            rest = rest.strip_prefix('}').unwrap_or(rest);
            break;
        }
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        before.push(&rest[..end]);
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(further) => rest = further,
            None => {
                paths.push(before.clone());
                break;
            }
        }
    }
    before.truncate(length);
    rest
}

/// Names of rooms behind `crate::` in `text`.
fn rooms_in(text: &str) -> BTreeSet<String> {
    let paths = paths_in(text).into_iter();
    let rooms = paths.filter(|path| path[0] == "crate");
    rooms
        .filter_map(|path| path.get(1).filter(|room| !room.is_empty()).copied())
        .map(str::to_owned)
        .collect()
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

/// A file of a room, by the names on the way to it from `src/`: `nix/mod.rs` is `[nix]`, `nix/store.rs` is `[nix, store]`.
type Module = Vec<String>;

/// The modules of the file or folder `path`, which is the module `name`, each with its code.
fn modules(path: &Path, name: Module, found: &mut BTreeMap<Module, String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut name = name.clone();
            if stem != "mod" {
                name.push(stem);
            }
            modules(&path, name, found);
        }
    } else if path.extension().is_some_and(|it| it == "rs") && !is_tests(path) {
        let text = fs::read_to_string(path).expect("a source");
        found.insert(name, code(&text));
    }
}

/// What each of `modules` uses of the others, but for those that it lies in and those that lie in it.
fn uses_of_modules(modules: &BTreeMap<Module, String>) -> BTreeMap<&Module, BTreeSet<&Module>> {
    let uses = |name: &Module, code: &str| {
        let mut used = BTreeSet::new();
        for path in paths_in(code) {
            let mut whole: Module = match path[0] {
                "crate" => Vec::new(),
                "self" => name.clone(),
                _ => name[..name.len() - 1].to_vec(),
            };
            for part in &path[1..] {
                match *part {
                    "super" => drop(whole.pop()),
                    part => whole.push(part.to_owned()),
                }
            }
            let named = (1..=whole.len()).rev();
            let found = named.filter_map(|length| modules.get_key_value(&whole[..length]));
            used.extend(found.map(|(module, _)| module).next());
        }
        used.retain(|other| !other.starts_with(name) && !name.starts_with(other));
        used
    };
    let modules = modules.iter();
    modules
        .map(|(name, code)| (name, uses(name, code)))
        .collect()
}

/// A way from `start` back to itself, if there is one.
fn circle<'a>(
    start: &'a Module,
    uses: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
) -> Option<Vec<&'a Module>> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![start]];
    while let Some(way) = ways.pop() {
        for next in &uses[way[way.len() - 1]] {
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push([&way[..], &[*next]].concat());
            }
        }
    }
    None
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
fn no_two_files_of_a_room_use_each_other() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    modules(&src, Vec::new(), &mut found);
    found.retain(|name, _| !matches!(name[..], [ref it] if it == "lib" || it == "main"));
    let uses = uses_of_modules(&found);
    assert!(uses.values().map(BTreeSet::len).sum::<usize>() > 100);
    let circles: Vec<String> = uses
        .keys()
        .filter_map(|module| circle(module, &uses))
        .map(|way| {
            let names: Vec<String> = way.iter().map(|module| module.join("/")).collect();
            names.join(" -> ")
        })
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_of_files_is_found() {
    let module = |name: &str| -> Module { name.split('/').map(str::to_owned).collect() };
    let found = BTreeMap::from([
        (module("a"), "mod b; use self::b::X;".to_owned()),
        (module("a/b"), "use super::{c::{Y, Z}, Up};".to_owned()),
        (module("a/c"), "fn f() -> crate::a::d::W {}".to_owned()),
        (module("a/d"), "use super::super::a::b;".to_owned()),
        (module("a/e"), "use super::b::X;".to_owned()),
    ]);
    let uses = uses_of_modules(&found);
    let way = circle(&module("a/b"), &uses).expect("a circle").len();
    assert_eq!(way, 3);
    assert_eq!(circle(&module("a"), &uses), None);
    assert_eq!(circle(&module("a/e"), &uses), None);
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
