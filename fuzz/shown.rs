//! What has to hold of every text that leaves kflake, judged without kflake's own rules.

use kflake::text;
use serde_json::Value;

/// Whether showing `c` does something or hides something.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Refuses a text with anything that a terminal or a CI runner obeys. Line ends are of the text.
///
/// # Errors
/// What it is.
pub fn inert(what: &str, text: &str) -> Result<(), String> {
    if let Some(c) = text.chars().find(|c| *c != '\n' && acts(*c)) {
        return Err(format!("{what} holds {c:?}: {}", around(text, c)));
    }
    for line in text.split('\n') {
        let obeyed = line.trim_start().starts_with("::") || has_command(line);
        if obeyed {
            let start: String = line.chars().take(200).collect();
            return Err(format!("{what} holds a workflow command: {start:?}"));
        }
    }
    Ok(())
}

/// The same of one line.
///
/// # Errors
/// What it is.
pub fn inert_line(what: &str, text: &str) -> Result<(), String> {
    match text.contains('\n') {
        true => Err(format!("{what} has more than a line: {text:?}")),
        false => inert(what, text),
    }
}

/// The same of a text with colours of kflake's own, with them and without them, as a pipe gets it.
///
/// # Errors
/// What it is.
pub fn inert_coloured(what: &str, text: &str) -> Result<(), String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        match end.filter(|end| rest[*end..].starts_with('m')) {
            Some(end) => rest = &rest[end + 1..],
            None => plain.push('\u{1b}'),
        }
    }
    plain.push_str(rest);
    inert(what, &plain)
}

/// The text of an error as it is printed, which is judged.
///
/// # Errors
/// What acts in it.
pub fn printed(error: &dyn std::fmt::Display) -> Result<String, String> {
    let said = error.to_string();
    if text::clean_lines(&said) != said {
        return Err(format!("an error holds what acts: {said:?}"));
    }
    let said = text::styled(&said);
    inert("an error", &said)?;
    Ok(said)
}

/// `##[`, `##vso[`.
fn has_command(line: &str) -> bool {
    line.match_indices("##").any(|(at, _)| {
        let word = line[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        word.starts_with('[')
    })
}

fn around(text: &str, c: char) -> String {
    let at = text.find(c).unwrap_or(0);
    let start: String = text[..at].chars().rev().take(40).collect();
    let start: String = start.chars().rev().collect();
    let end: String = text[at..].chars().take(40).collect();
    format!("{:?}", start + &end)
}

/// Refuses what is no JSON.
///
/// # Errors
/// Why it is none.
pub fn json(what: &str, text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("{what} is no JSON: {error}"))
}

/// Refuses `length` that no constant factor of the input's size explains.
///
/// # Errors
/// How much it is.
pub fn bounded(what: &str, length: usize, bound: usize) -> Result<(), String> {
    match length <= bound {
        true => Ok(()),
        false => Err(format!("{what} is {length} bytes, more than {bound}")),
    }
}

/// Elements that kflake writes in pages and pictures.
const ELEMENTS: &[&str] = &[
    "!doctype", "html", "head", "meta", "title", "style", "body", "a", "header", "div", "h1", "h2",
    "h3", "p", "time", "span", "button", "main", "ul", "ol", "li", "b", "small", "svg", "rect",
    "section", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "form",
    "fieldset", "legend", "label", "input", "i", "select", "option", "caption", "path", "circle",
    "line", "text", "g", "clipPath", "desc", "article", "pre", "code", "strong", "dl", "dt", "dd",
    "dialog", "footer", "script", "br",
];

/// Elements of JUnit's format.
const JUNIT: &[&str] = &[
    "?xml",
    "testsuites",
    "testsuite",
    "testcase",
    "properties",
    "property",
    "failure",
    "error",
    "skipped",
    "system-out",
    "system-err",
];

/// Elements that have no end.
const VOID: &[&str] = &["!doctype", "meta", "input", "br", "?xml"];

/// Refuses markup with elements, attributes or addresses that are not kflake's own, or that is not nested as it should be.
///
/// # Errors
/// What it is.
pub fn markup(what: &str, text: &str) -> Result<(), String> {
    let known = if what == "junit" { JUNIT } else { ELEMENTS };
    let mut open: Vec<&str> = vec![];
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let (closes, tag) = match rest.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
        let (name, mut tag) = tag.split_at(end.unwrap_or(tag.len()));
        if !known.contains(&name) {
            return Err(format!("{what} has an element {name:?}"));
        }
        if closes {
            if open.pop() != Some(name) {
                return Err(format!("{what} closes {name} that is not open"));
            }
            rest = tag;
            continue;
        }
        let mut alone = VOID.contains(&name);
        loop {
            tag = tag.trim_start();
            if let Some(after) = tag.strip_prefix('>') {
                tag = after;
                break;
            }
            if let Some(after) = tag.strip_prefix(['/', '?']) {
                (alone, tag) = (true, after);
                continue;
            }
            tag = attribute(what, tag)?;
        }
        rest = tag;
        if !alone {
            open.push(name);
        }
        // their text is no markup
        if matches!(name, "script" | "style") {
            let end = rest
                .find("</")
                .ok_or(format!("{what}: {name} has no end"))?;
            rest = &rest[end..];
        }
    }
    match open.pop() {
        Some(name) => Err(format!("{what}: {name} has no end")),
        None => Ok(()),
    }
}

/// Reads an attribute; what follows it.
fn attribute<'t>(what: &str, text: &'t str) -> Result<&'t str, String> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | ':')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let start: String = text.chars().take(60).collect();
    if name.is_empty() || name.starts_with("on") || matches!(name, "src" | "srcdoc" | "action") {
        return Err(format!("{what} has an attribute {start:?}"));
    }
    let Some(value) = rest.strip_prefix("=\"") else {
        // `hidden`, `html`
        return match rest.starts_with([' ', '>', '\n', '/']) {
            true => Ok(rest),
            false => Err(format!("{what} has an attribute {start:?}")),
        };
    };
    let (value, rest) = value
        .split_once('"')
        .ok_or(format!("{what}: {name} has no end"))?;
    if value.contains('<') {
        return Err(format!("{what}: {start:?} holds a <"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-/".contains(c);
    let inside = value.starts_with('#') || value.chars().all(plain) && !value.starts_with('/');
    if name == "href" && !inside {
        return Err(format!("{what} leads to {value:?}"));
    }
    Ok(rest)
}
