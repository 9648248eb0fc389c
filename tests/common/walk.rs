//! Pages of `docs/` that are walked through: their files are written, and their commands given, in order, to one shell.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The page's files, by name, and its commands.
pub fn parts(page: &str) -> (Vec<(String, String)>, Vec<String>) {
    let (mut files, mut commands) = (Vec::new(), Vec::new());
    let mut lines = page.lines();
    let mut name = None;
    while let Some(line) = lines.next() {
        if let Some(fence) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match (fence, name.take()) {
                ("console", None) => {
                    for line in body {
                        let command = line
                            .strip_prefix("$ ")
                            .unwrap_or_else(|| panic!("{line:?} is no command"));
                        commands.push(command.to_owned());
                    }
                }
                (_, Some(name)) => files.push((name, body.join("\n") + "\n")),
                (fence, None) => panic!("a block of {fence:?} without a name"),
            }
        } else if let Some(file) = line
            .strip_prefix('`')
            .and_then(|line| line.strip_suffix("`:"))
        {
            name = Some(file.to_owned());
        }
    }
    (files, commands)
}

/// What `page` says under the heading `heading`, to the next one of its rank.
pub fn section<'p>(page: &'p str, heading: &str) -> &'p str {
    let from = page.find(&format!("\n{heading}\n")).expect("it is there") + 1;
    let rank = heading.split(' ').next().expect("a heading");
    let rest = &page[from + heading.len()..];
    let end = rest.find(&format!("\n{rank} ")).unwrap_or(rest.len());
    &rest[..end]
}

/// Writes the files into `dir`.
pub fn write(dir: &Path, files: Vec<(String, String)>) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Runs the commands in `dir`, with kflake and `programs` ahead of others; what they printed.
pub fn run(
    dir: &Path,
    commands: &[String],
    programs: &[&Path],
    variables: &[(&str, &str)],
) -> String {
    let mut script = String::from("set -eu\n");
    for command in commands {
        // each is shown before it runs, and `!` must not hide that a command succeeded
        let line = match command.strip_prefix("! ") {
            Some(failing) => {
                format!("if {failing}; then echo 'it should have failed' >&2; exit 1; fi")
            }
            None => command.clone(),
        };
        writeln!(script, "cat <<'SHOWN' >&2\n$ {command}\nSHOWN\n{line}").unwrap();
    }
    let kflake = Path::new(env!("CARGO_BIN_EXE_kflake")).parent().unwrap();
    let own = programs.iter().copied().chain([kflake]).map(PathBuf::from);
    let others = std::env::var_os("PATH").unwrap();
    let path = own.chain(std::env::split_paths(&others));
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir)
        .env("PATH", std::env::join_paths(path).unwrap())
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    // a console ends its lines in its own way
    let said = String::from_utf8(super::succeeded(output).stdout).unwrap();
    said.replace('\r', "")
}
