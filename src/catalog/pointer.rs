//! JSON pointers (RFC 6901), and where in a text they point.

use std::fmt;
use std::ops::Range;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use serde::Serialize;
use serde::de::IgnoredAny;

/// A place in a JSON document: `/k6/sources/0`; the whole document is the empty pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// The whole document.
    pub fn root() -> Self {
        Pointer::default()
    }

    /// The place below this one with the name (or index) `part`.
    #[must_use]
    pub fn join(&self, part: impl fmt::Display) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.to_string());
        Pointer(parts)
    }

    /// The place below this one that `other` names.
    #[must_use]
    pub fn extend(&self, other: &Pointer) -> Self {
        Pointer(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// The names on the way, outermost first.
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

impl<S: fmt::Display> FromIterator<S> for Pointer {
    fn from_iter<I: IntoIterator<Item = S>>(parts: I) -> Self {
        Pointer(parts.into_iter().map(|part| part.to_string()).collect())
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            write!(f, "/{}", part.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl From<Pointer> for String {
    fn from(pointer: Pointer) -> String {
        pointer.to_string()
    }
}

/// The syntax tree of `text`; none where it is not JSON.
pub(super) fn syntax_tree(text: &str) -> Option<Value<'_>> {
    // serde's reader is strict and bounds the depth, the tree's is neither
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let parsed = jsonc_parser::parse_to_ast(text, &Default::default(), &Default::default());
    parsed.ok()?.value
}

/// The bytes of `text` that `pointer` names: a property with its name, or an element. Where the text holds only the
/// beginning of the path, the deepest part that is there. None where the text is not JSON.
pub fn locate(text: &str, pointer: &Pointer) -> Option<Range<usize>> {
    let tree = syntax_tree(text)?;
    Some(locate_in(text, &tree, pointer))
}

/// The same in a text whose tree is at hand.
pub(super) fn locate_in(text: &str, tree: &Value<'_>, pointer: &Pointer) -> Range<usize> {
    let mut value = tree;
    let mut span = value.range();
    // the opening brace says "here" better than a thousand lines do
    let mut found = span.start..span.start + usize::from(span.end > span.start);
    for part in pointer.parts() {
        let next = match value {
            Value::Object(object) => object
                .properties
                .iter()
                .rev()
                .find(|property| property.name.as_str() == part)
                .map(|property| (property.name.range(), &property.value)),
            Value::Array(array) => part
                .parse()
                .ok()
                .and_then(|index: usize| array.elements.get(index))
                .map(|element| (element.range(), element)),
            _ => None,
        };
        let Some((name, inner)) = next else {
            return found;
        };
        value = inner;
        span = name;
        let whole = span.start..value.range().end;
        found = if text[whole.clone()].contains('\n') {
            span.start..span.end
        } else {
            whole
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "k6": {"sources": ["debian", "nowhere"], "a/b": 1},
  "k7": {
    "title": "seven"
  }
}"#;

    fn at(parts: &[&str]) -> &'static str {
        &TEXT[locate(TEXT, &parts.iter().collect()).unwrap()]
    }

    #[test]
    fn finds_properties_and_elements() {
        assert_eq!(at(&["k6", "sources", "1"]), "\"nowhere\"");
        assert_eq!(at(&["k6", "a/b"]), "\"a/b\": 1");
        assert_eq!(at(&["k7", "title"]), "\"title\": \"seven\"");
    }

    #[test]
    fn points_at_the_name_of_what_spans_lines() {
        assert_eq!(at(&["k7"]), "\"k7\"");
        assert_eq!(at(&[]), "{");
    }

    #[test]
    fn stops_where_the_path_ends() {
        assert_eq!(at(&["k7", "below"]), "\"k7\"");
        assert_eq!(
            at(&["k6", "sources", "9"]),
            r#""sources": ["debian", "nowhere"]"#
        );
    }

    #[test]
    fn is_spelled_as_the_rfc_says() {
        assert_eq!(
            Pointer::from_iter(["a/b", "c~d", "0"]).to_string(),
            "/a~1b/c~0d/0"
        );
        assert_eq!(Pointer::root().to_string(), "");
    }
}
