//! The rules of the source that keep what is delicate in one room each: what prints, how paths and foreign text get there, and what
//! replaces or removes files.

use std::path::{Path, PathBuf};

/// Words that write to a terminal by themselves, and the files that may hold them.
const RULES: &[(&str, &[&str])] = &[
    ("println!", &[]),
    ("print!(", &[]),
    ("eprint!(", &[]),
    ("dbg!", &[]),
    ("stdout().lock", &["src/cli/output.rs"]),
    ("stderr().lock", &["src/cli/output.rs"]),
    ("anstream::", &["src/cli/output.rs"]),
    // shows a path as it is: `text::shown` shows it clean
    (".display()", &[]),
    // panics where a variable is no UTF-8
    ("env::vars()", &[]),
    ("env::args()", &[]),
    // replace or remove what is there, whosever it is: `files` has what asks first
    (
        "fs::write(",
        &[
            "src/build/planner.rs",
            "src/nix/bootstrap.rs",
            "src/nix/users.rs",
        ],
    ),
    (
        "File::create(",
        &[
            "src/catalog/kernel_tree.rs",
            "src/cli/progress/mod.rs",
            "src/run/process.rs",
        ],
    ),
    ("fs::copy(", &["src/nix/add.rs"]),
    // one within a scratch folder, where a layout is written
    ("fs::rename(", &["src/files/own.rs", "src/build/oci.rs"]),
    ("remove_dir_all(", &["src/files/scratch.rs"]),
    (
        "fs::remove_file(",
        &[
            "src/files/own.rs",
            "src/files/write.rs",
            "src/flake/write.rs",
            "src/run/process.rs",
        ],
    ),
    // stays behind a process that was killed: `files::Scratch` does not
    (
        "tempfile::",
        &[
            "src/files/own.rs",
            "src/files/scratch.rs",
            "src/files/write.rs",
        ],
    ),
    // draws by itself; what it draws is cleaned where it is set
    ("multi.println", &["src/cli/progress/bars.rs"]),
    ("bar.set_message", &["src/cli/progress/bars.rs"]),
    ("set_prefix", &["src/cli/session.rs"]),
];

/// The Rust files below `folder`.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|it| it == "rs") {
            into.push(path);
        }
    }
}

/// A file's lines that are neither comments nor part of its tests.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // tests that lend others their helpers are seen from outside
    let tests = [
        "#[cfg(test)]\nmod tests {",
        "#[cfg(test)]\npub(super) mod tests {",
    ];
    let code = tests
        .into_iter()
        .fold(text, |text, tests| text.split(tests).next().unwrap());
    let numbered = code.lines().enumerate().map(|(at, line)| (at + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// What breaks a rule in `file`, which holds `text`.
fn offences(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (word, allowed) in RULES {
        if allowed.contains(&file) {
            continue;
        }
        let hits = lines(text).filter(|(_, line)| line.contains(word));
        found.extend(hits.map(|(at, line)| format!("{file}:{at}: {}", line.trim())));
    }
    found
}

#[test]
fn what_is_delicate_stays_in_its_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 100, "{}", files.len());
    let mut found = Vec::new();
    for file in &files {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap();
        if !name.ends_with("tests.rs") {
            found.extend(offences(name, &std::fs::read_to_string(file).unwrap()));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_rules_find_what_they_are_for() {
    for line in ["eprintln!(\"x\")", "path.display()", "anstream::stdout()"] {
        assert!(!offences("src/x.rs", line).is_empty(), "{line}");
        assert!(
            offences("src/x.rs", &format!("// {line}")).is_empty(),
            "{line}"
        );
    }
    assert!(offences("src/cli/output.rs", "anstream::stdout()").is_empty());
}
