//! How data files are laid out: as people can review them.

use std::path::Path;

use serde_json::{Map, Value};

use crate::text;

/// The parts of one suite's host tools that have a line for each entry.
const LISTS: [&str; 4] = ["tools", "qemu", "libraries", "pins"];

/// The text of the data file `path`, which holds `entries`.
pub(super) fn text_of(path: &Path, entries: &Map<String, Value>) -> String {
    let mut text = match path.file_name() {
        Some(name) if name == "host-tools.json" => host_tools(entries),
        _ => text::json_pretty(entries).unwrap_or_default(),
    };
    text.push('\n');
    text
}

/// Host tools: one pin a line, which a diff then shows.
fn host_tools(entries: &Map<String, Value>) -> String {
    object(entries, 0, &|_, value| match value {
        Value::Object(suite) => object(suite, 1, &|part, value| match value {
            Value::Object(list) if LISTS.contains(&part) => object(list, 2, &|_, entry| {
                // pins are long enough without blanks inside their braces
                line(entry, if part == "pins" { "" } else { " " })
            }),
            other => line(other, " "),
        }),
        other => line(other, " "),
    })
}

/// An object with a line, or several, for each entry.
fn object(
    entries: &Map<String, Value>,
    depth: usize,
    value: &dyn Fn(&str, &Value) -> String,
) -> String {
    if entries.is_empty() {
        return "{}".to_owned();
    }
    let indent = "  ".repeat(depth);
    let lines = entries
        .iter()
        .map(|(key, it)| format!("{indent}  {}: {}", quoted(key), value(key, it)));
    let lines: Vec<String> = lines.collect();
    format!("{{\n{}\n{indent}}}", lines.join(",\n"))
}

/// `value` on one line; `blank` stands inside the braces.
fn line(value: &Value, blank: &str) -> String {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            let entries = entries
                .iter()
                .map(|(key, it)| format!("{}: {}", quoted(key), line(it, blank)));
            let entries: Vec<String> = entries.collect();
            format!("{{{blank}{}{blank}}}", entries.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|it| line(it, blank)).collect();
            format!("[{}]", items.join(", "))
        }
        other => text::json(other).unwrap_or_default(),
    }
}

fn quoted(text: &str) -> String {
    line(&Value::from(text), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::load::embedded_text;

    #[test]
    fn host_tools_are_laid_out_as_kflakes_own() {
        let own = embedded_text("host-tools.json").unwrap();
        let entries: Map<String, Value> = serde_json::from_str(own).unwrap();
        assert_eq!(text_of(Path::new("matrix/host-tools.json"), &entries), own);
    }

    #[test]
    fn nothing_is_laid_out_as_nothing() {
        for name in ["host-tools.json", "kernels.json"] {
            assert_eq!(text_of(Path::new(name), &Map::new()), "{}\n");
        }
    }
}
