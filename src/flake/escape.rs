//! The one place where strings become Nix.
//!
//! [`escape`] makes a text fit between double quotes; [`string`], [`attr`] and [`value`] build on it. What a Nix string
//! cannot carry faithfully is refused by [`check`] before anything is rendered.

use serde_json::Value;

/// Words that cannot be attribute names without quotes.
const KEYWORDS: [&str; 10] = [
    "assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with",
];

/// Data that has no faithful spelling in Nix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{pointer}: {problem}")]
#[diagnostic(
    code(kflake::flake::unrepresentable),
    help("correct the value in the project's matrix/ folder")
)]
pub struct Unrepresentable {
    /// Where in the rendered data, as a JSON pointer.
    pub pointer: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// `text` as the inside of a double-quoted Nix string.
///
/// A `$` is escaped before `{` and at the end, so that neither this text nor one written after it opens an
/// interpolation; CR is escaped because Nix reads a bare CR LF as LF.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    push_escaped(&mut out, text);
    out
}

fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    // most texts have nothing to escape
    let special = |byte: u8| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t' | b'$');
    while let Some(at) = rest.bytes().position(special) {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        out.push_str(match rest.as_bytes()[at] {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            _ if after.is_empty() || after.starts_with('{') => "\\$",
            _ => "$",
        });
        rest = after;
    }
    out.push_str(rest);
}

/// `text` as a Nix string, quotes included.
pub fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    push_string(&mut out, text);
    out
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

/// `name` as an attribute name: bare where Nix allows it, quoted otherwise.
pub fn attr(name: &str) -> String {
    let bare = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_'-".contains(&b))
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !KEYWORDS.contains(&name);
    if bare { name.to_owned() } else { string(name) }
}

/// The standard style's longest line, its indentation aside.
const WIDTH: usize = 100;

/// `value` as a Nix expression in the standard style, which can stand in a list; `depth` is how far the line that it begins on is
/// indented, in steps of two blanks. The data must have passed [`check`].
pub fn value(value: &Value, depth: usize) -> String {
    let mut out = String::new();
    write_value(&mut out, value, depth, 0);
    out
}

/// `lead` is what stands on the line before the value, its indentation aside.
fn write_value(out: &mut String, value: &Value, depth: usize, lead: usize) {
    match value {
        Value::Array(items) if items.is_empty() => out.push_str("[ ]"),
        Value::Object(fields) if fields.is_empty() => out.push_str("{ }"),
        Value::Array(items) => {
            if let [item] = &items[..]
                && let Some(text) = short(item)
                // with its brackets, their blanks, and the semicolon
                && lead + text.chars().count() + 5 <= WIDTH
            {
                out.push_str(&format!("[ {text} ]"));
                return;
            }
            out.push_str("[\n");
            for item in items {
                indent(out, depth + 1);
                write_value(out, item, depth + 1, 0);
                out.push('\n');
            }
            indent(out, depth);
            out.push(']');
        }
        Value::Object(fields) => {
            out.push_str("{\n");
            for (name, field) in fields {
                let name = attr(name);
                indent(out, depth + 1);
                out.push_str(&name);
                out.push_str(" =");
                let lead = name.chars().count() + 3;
                // behind a name in quotes, a long text goes to a line of its own
                let length = || short(field).map_or(0, |text| text.chars().count() + 1);
                if !name.starts_with('"') || lead + length() <= WIDTH {
                    out.push(' ');
                } else {
                    out.push('\n');
                    indent(out, depth + 2);
                }
                write_value(out, field, depth + 1, lead);
                out.push_str(";\n");
            }
            indent(out, depth);
            out.push('}');
        }
        Value::String(text) => push_string(out, text),
        _ => out.push_str(&short(value).unwrap_or_default()),
    }
}

/// What takes no more than a word; none for lists and sets that hold something.
fn short(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "null".to_owned(),
        Value::Bool(is) => is.to_string(),
        Value::Number(number) => {
            let text = number.to_string();
            // a bare minus is an operator, which a list does not take
            match text.starts_with('-') {
                true => format!("({text})"),
                false => text,
            }
        }
        Value::String(text) => string(text),
        Value::Array(items) if items.is_empty() => "[ ]".to_owned(),
        Value::Object(fields) if fields.is_empty() => "{ }".to_owned(),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Pairs of names, in quotes, and short texts as a set, in their order.
pub fn texts(pairs: &[Value], depth: usize) -> String {
    let mut out = String::from("{\n");
    for pair in pairs {
        let text = |n: usize| pair.get(n).and_then(Value::as_str).unwrap_or_default();
        indent(&mut out, depth + 1);
        push_string(&mut out, text(0));
        out.push_str(" = ");
        push_string(&mut out, text(1));
        out.push_str(";\n");
    }
    indent(&mut out, depth);
    out.push('}');
    out
}

/// A binding of `name`, in quotes, to a function's result for two texts, in the standard style, on a line that is indented by `depth`.
pub fn binding(name: &str, function: &str, first: &str, second: &str, depth: usize) -> String {
    let name = string(name);
    let call = format!("{function} {} {};", string(first), string(second));
    let one_line = name.chars().count() + 3 + call.chars().count() <= WIDTH;
    let mut out = format!("{name} =");
    if one_line {
        out.push(' ');
    } else {
        out.push('\n');
        indent(&mut out, depth + 1);
    }
    out.push_str(&call);
    out
}

/// Refuses data that Nix cannot read back as it is, or that would not look like what it is: control characters other
/// than tab and line ends, characters that reorder the text around them, numbers that are no 64-bit integers.
///
/// # Errors
/// The first offender, with its JSON pointer.
pub fn check(data: &Value) -> Result<(), Unrepresentable> {
    check_at(data, &mut Vec::new())
}

fn check_at<'a>(data: &'a Value, path: &mut Vec<&'a str>) -> Result<(), Unrepresentable> {
    let fail = |path: &[&str], problem| {
        Err(Unrepresentable {
            pointer: pointer(path),
            problem,
        })
    };
    match data {
        Value::Null | Value::Bool(_) => Ok(()),
        // i64::MIN has no literal: Nix reads the digits first and the minus afterwards
        Value::Number(number) => match number.as_i64() {
            Some(i64::MIN) | None => fail(path, "this number is not a 64-bit integer"),
            Some(_) => Ok(()),
        },
        Value::String(text) => match problem(text) {
            Some(problem) => fail(path, problem),
            None => Ok(()),
        },
        Value::Array(items) => items.iter().try_for_each(|item| {
            path.push("-");
            check_at(item, path)?;
            path.pop();
            Ok(())
        }),
        Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
            path.push(name);
            if let Some(problem) = problem(name) {
                return fail(path, problem);
            }
            check_at(field, path)?;
            path.pop();
            Ok(())
        }),
    }
}

fn problem(text: &str) -> Option<&'static str> {
    // nearly every text; without an early end, many bytes are looked at at once
    let odd = |odd: bool, byte: u8| odd | !(b' '..=b'~').contains(&byte);
    if !text.bytes().fold(false, odd) {
        return None;
    }
    text.chars().find_map(|c| match c {
        '\t' | '\n' | '\r' => None,
        c if c.is_control() => Some("this text holds a control character"),
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("this text holds a character that reorders the text around it")
        }
        _ => None,
    })
}

fn pointer(path: &[&str]) -> String {
    path.iter()
        .map(|part| {
            let part: String = part.chars().take(80).collect();
            format!(
                "/{}",
                part.replace('~', "~0").replace('/', "~1").escape_debug()
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn every_special_character_is_escaped() {
        assert_eq!(escape("a\"b\\c\r\n\t"), r#"a\"b\\c\r\n\t"#);
        assert_eq!(escape("${x} $${x} $x $"), r"\${x} $\${x} $x \$");
        assert_eq!(escape("it's 100 % plain"), "it's 100 % plain");
    }

    #[test]
    fn names_are_quoted_only_where_they_must_be() {
        for name in ["k6-arm64", "_x'", "orange", "true"] {
            assert_eq!(attr(name), name);
        }
        for name in [
            "", "6.1", "a.b", "-x", "'x", "a b", "${x}", "or", "in", "with", "ä",
        ] {
            assert_eq!(attr(name), format!("\"{}\"", escape(name)));
        }
    }

    #[test]
    fn values_can_stand_in_lists() {
        assert_eq!(
            value(&json!({"a.b": [1, -1, null, true, {}], "c": "${d}"}), 0),
            "{\n  \"a.b\" = [\n    1\n    (-1)\n    null\n    true\n    { }\n  ];\n  c = \"\\${d}\";\n}"
        );
    }

    fn data() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z ${}\"\\\\]{0,130}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z][a-z0-9.]{0,8}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_are_in_the_standard_style(data in data()) {
            let code = value(&json!({"x": data}), 0) + "\n";
            prop_assert_eq!(nixfmt_rs::format(&code).expect("it is Nix"), code);
        }

        #[test]
        fn bindings_are_in_the_standard_style(name in "[a-z./]{1,40}", first in "[a-z]{0,60}", second in "[a-z]{0,60}") {
            let code = format!("{{\n  {}\n}}\n", binding(&name, "file", &first, &second, 1));
            prop_assert_eq!(nixfmt_rs::format(&code).expect("it is Nix"), code);
        }
    }

    #[test]
    fn what_nix_cannot_carry_is_refused_with_its_place() {
        let refused = |data: Value| check(&data).expect_err("refused").to_string();
        assert_eq!(
            refused(json!({"boards": {"a/b": ["x", "y\0"]}})),
            "/boards/a~1b/-: this text holds a control character"
        );
        assert!(refused(json!("\u{1b}[2J")).contains("control"));
        assert!(refused(json!("\u{202e}")).contains("reorders"));
        assert!(refused(json!({"\u{7}": 1})).starts_with("/\\u{7}: "));
        assert!(refused(json!(1.5)).contains("integer"));
        assert!(refused(json!(u64::MAX)).contains("integer"));
        assert!(refused(json!(i64::MIN)).contains("integer"));
        assert_eq!(check(&json!(["\r\n\t", i64::MAX, -1, "ä"])), Ok(()));
    }
}
