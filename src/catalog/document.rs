//! Reading one file: fast where it is right, thorough where it is not.
//!
//! A file is first read straight into its types. Only when that fails is it read again, slowly, to name every problem in
//! it and not only the first.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::codes::{self, Code};
use super::finding::{Finding, Level, SourceFile};
use super::pointer::{Pointer, locate_in, syntax_tree};
use super::table::SCHEMA_KEY;
use crate::text::{brief, clean};

/// How a text becomes what a section holds.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// An object keyed by id: the key's and the entry's check.
    Entries(fn(&str) -> Result<(), String>, Check),
    /// A list: the element's check.
    List(Check),
    /// One value.
    One(Check),
}

type Check = fn(&str) -> Result<(), EntryError>;

/// What a file holds: one section for the whole, or several by name.
pub(super) enum Layout {
    /// The file is the section.
    Whole(Shape),
    /// An object of sections.
    Sections(&'static [(&'static str, Shape)]),
}

/// Why an entry is not what it should be, and where in it.
pub(super) struct EntryError {
    pointer: Pointer,
    message: String,
}

impl EntryError {
    /// `message` about the place `pointer` of the entry.
    pub(super) fn new(pointer: Pointer, message: String) -> EntryError {
        EntryError { pointer, message }
    }
}

/// The check of a key type.
pub(super) fn key<K: FromStr<Err: fmt::Display>>(text: &str) -> Result<(), String> {
    text.parse::<K>()
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The check of an entry type; `null` is accepted where a project may take an entry out.
pub(super) fn entry<V: DeserializeOwned>(text: &str) -> Result<(), EntryError> {
    value::<Option<V>>(text)
}

/// The check of a value that must be there.
pub(super) fn value<V: DeserializeOwned>(text: &str) -> Result<(), EntryError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, V>(&mut deserializer) {
        Ok(_) => Ok(()),
        Err(error) => Err(EntryError {
            pointer: error
                .path()
                .iter()
                .filter_map(|segment| match segment {
                    serde_path_to_error::Segment::Seq { index } => Some(index.to_string()),
                    serde_path_to_error::Segment::Map { key } => Some(key.clone()),
                    _ => None,
                })
                .collect(),
            message: without_place(&error.inner().to_string()),
        }),
    }
}

/// serde's message without ` at line 1 column 2`: the place in the entry is not the place in the file.
fn without_place(message: &str) -> String {
    match message.rsplit_once(" at line ") {
        Some((before, place)) if place.contains(" column ") => before.to_owned(),
        _ => message.to_owned(),
    }
}

/// The longest way to a place in a file, in bytes of the names on it. Each problem there carries the way.
const MAX_WAY: usize = 1024;
/// Problems of one file that are named. Nobody mends more before looking again.
const MAX_NAMED: usize = 20_000;

/// Every problem of form in `file`: syntax, duplicate keys, names and values of the wrong kind.
pub(super) fn diagnose(file: &SourceFile, layout: &Layout) -> Vec<Finding> {
    let mut findings = Findings {
        file,
        list: vec![],
        lost: false,
        left_off: false,
    };
    let text = file.text();
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        findings.syntax(&error);
        return findings.list;
    }
    let Some(root) = syntax_tree(text) else {
        findings.add(
            codes::SYNTAX,
            Pointer::root(),
            "this is not JSON that can be shown".into(),
            None,
        );
        return findings.list;
    };
    findings.duplicates(&root, &mut Vec::new());
    match layout {
        _ if findings.lost => {}
        Layout::Whole(shape) => findings.section(&root, &Pointer::root(), *shape),
        Layout::Sections(sections) => findings.sections(&root, sections),
    }
    // with the tree at hand: a file of a thousand problems is not read a thousand times
    for finding in &mut findings.list {
        if finding.offset.is_none() {
            finding.offset = Some(locate_in(text, &root, &finding.pointer));
        }
    }
    findings.list.sort_by_key(|finding| {
        let start = finding.offset.as_ref().map(|span| span.start);
        (start, finding.code)
    });
    if findings.left_off
        && let Some(last) = findings.list.last_mut()
    {
        last.message = format!("this file has more problems than these {MAX_NAMED}");
    }
    findings.list
}

struct Findings<'a> {
    file: &'a SourceFile,
    list: Vec<Finding>,
    /// Whether a way was too long to be followed.
    lost: bool,
    /// Whether there are more problems than are named.
    left_off: bool,
}

impl Findings<'_> {
    fn add(&mut self, code: Code, pointer: Pointer, message: String, help: Option<String>) {
        self.add_at(None, code, pointer, message, help);
    }

    /// The same of a place that is known.
    fn add_at(
        &mut self,
        offset: Option<std::ops::Range<usize>>,
        code: Code,
        pointer: Pointer,
        message: String,
        help: Option<String>,
    ) {
        if self.list.len() >= MAX_NAMED {
            self.left_off = true;
            return;
        }
        self.list.push(Finding {
            code,
            level: Level::Error,
            file: self.file.clone(),
            pointer,
            offset,
            message: clean(&message),
            help,
        });
    }

    fn syntax(&mut self, error: &serde_json::Error) {
        let line_start = self
            .file
            .text()
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum::<usize>();
        let start = line_start + error.column().saturating_sub(1);
        let start = start.min(self.file.text().len());
        // columns are counted in bytes, and may name the middle of a character
        let start = (0..=start)
            .rev()
            .find(|at| self.file.text().is_char_boundary(*at))
            .unwrap_or_default();
        let message = without_place(&error.to_string());
        let help = match error.classify() {
            serde_json::error::Category::Eof => "the file ends too early: was it cut off?",
            _ => "a JSON checker or the editor's JSON mode shows what the parser expects here",
        };
        self.add_at(
            Some(start..start),
            codes::SYNTAX,
            Pointer::root(),
            format!("not JSON: {message}"),
            Some(help.into()),
        );
    }

    /// Looks for names that are twice in an object, below `way`.
    fn duplicates<'v>(&mut self, value: &'v Value<'_>, way: &mut Vec<Cow<'v, str>>) {
        match value {
            Value::Object(object) => {
                let mut seen = std::collections::BTreeSet::new();
                for property in &object.properties {
                    let name = property.name.as_str();
                    let length: usize = way.iter().map(|part| part.len()).sum();
                    if length + name.len() > MAX_WAY {
                        self.too_long(way, property.name.range());
                        continue;
                    }
                    if !seen.insert(name) {
                        self.duplicate(name, way, property.name.range());
                    }
                    way.push(name.into());
                    self.duplicates(&property.value, way);
                    way.pop();
                }
            }
            Value::Array(array) => {
                for (index, element) in array.elements.iter().enumerate() {
                    if matches!(element, Value::Object(_) | Value::Array(_)) {
                        way.push(index.to_string().into());
                        self.duplicates(element, way);
                        way.pop();
                    }
                }
            }
            _ => {}
        }
    }

    fn duplicate(&mut self, name: &str, way: &[Cow<'_, str>], range: jsonc_parser::common::Range) {
        self.add_at(
            Some(range.start..range.end),
            codes::DUPLICATE_KEY,
            way.iter().collect::<Pointer>().join(name),
            format!("the key `{}` appears twice", brief(name)),
            Some("keep one of them: JSON readers silently drop the other".into()),
        );
    }

    fn too_long(&mut self, way: &[Cow<'_, str>], range: jsonc_parser::common::Range) {
        self.lost = true;
        self.add_at(
            Some(range.start..range.end),
            codes::BAD_KEY,
            way.iter().collect(),
            format!("the path to this place is longer than {MAX_WAY} bytes"),
            None,
        );
    }

    fn sections(&mut self, root: &Value<'_>, sections: &[(&str, Shape)]) {
        let Some(object) = self.object(root, &Pointer::root()) else {
            return;
        };
        for property in &object.properties {
            let name = property.name.as_str();
            let pointer = Pointer::root().join(name);
            if name == SCHEMA_KEY {
                continue;
            }
            match sections.iter().find(|(known, _)| *known == name) {
                Some((_, shape)) => self.section(&property.value, &pointer, *shape),
                None => {
                    let known: Vec<_> = sections.iter().map(|(name, _)| *name).collect();
                    self.add(
                        codes::UNKNOWN_FIELD,
                        pointer,
                        format!("this file has no part called `{}`", brief(name)),
                        Some(format!("its parts are {}", known.join(", "))),
                    );
                }
            }
        }
    }

    fn object<'v, 't>(
        &mut self,
        value: &'v Value<'t>,
        pointer: &Pointer,
    ) -> Option<&'v Object<'t>> {
        let object = value.as_object();
        if object.is_none() {
            self.add(
                codes::WRONG_VALUE,
                pointer.clone(),
                "expected an object keyed by id".into(),
                None,
            );
        }
        object
    }

    fn section(&mut self, value: &Value<'_>, pointer: &Pointer, shape: Shape) {
        match shape {
            Shape::One(check) => self.entry(value, pointer, check),
            Shape::List(check) => match value.as_array() {
                Some(array) => {
                    for (index, element) in array.elements.iter().enumerate() {
                        self.entry(element, &pointer.join(index), check);
                    }
                }
                None => self.add(
                    codes::WRONG_VALUE,
                    pointer.clone(),
                    "expected a list".into(),
                    None,
                ),
            },
            Shape::Entries(key, check) => {
                let Some(object) = self.object(value, pointer) else {
                    return;
                };
                for property in &object.properties {
                    let name = property.name.as_str();
                    if name == SCHEMA_KEY {
                        continue;
                    }
                    let pointer = pointer.join(name);
                    if let Err(message) = key(name) {
                        self.add(codes::BAD_KEY, pointer.clone(), message, None);
                    }
                    self.entry(&property.value, &pointer, check);
                }
            }
        }
    }

    fn entry(&mut self, value: &Value<'_>, pointer: &Pointer, check: Check) {
        let range = value.range();
        let Some(text) = self.file.text().get(range.start..range.end) else {
            return;
        };
        if let Err(error) = check(text) {
            // the walk over the tree has named every duplicate, this one too
            if error.message.starts_with("duplicate ") {
                return;
            }
            let (code, help) = codes::of_form(&error.message);
            self.add(code, pointer.extend(&error.pointer), error.message, help);
        }
    }
}
