//! Texts become Nix strings that are one string each, without interpolation, and mean the text.

use kflake::flake::escape;
use rnix::ast::{self, HasEntry, InterpolPart};
use rowan::ast::AstNode;

use crate::{Target, signature};

/// Any text.
pub struct Strings;

impl Target for Strings {
    fn name(&self) -> &'static str {
        "escape"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        [
            "", "plain", "a\"b", "$", "${x}", "$${x}", "\\${x}", "\r\n", "'' ''", "a\\", "\t",
            "or", "a.b",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
    }

    fn words(&self) -> &[&'static str] {
        &[
            "$", "{", "}", "${", "\\", "\"", "''", "\r", "\n", "\t", "in", "rec", "''${", "$$",
            "\\$", "#", "/*",
        ]
    }

    fn run(&self, input: &[u8]) -> Result<u64, String> {
        let text = String::from_utf8_lossy(input);
        let written = escape::string(&text);
        let read = read_string(&written)?;
        if read != text {
            return Err(format!("{written} means {read:?}"));
        }
        // two texts next to each other do not become something else
        let joined = format!("\"{}{}\"", escape::escape(&text), escape::escape("{x}"));
        if read_string(&joined)? != format!("{text}{{x}}") {
            return Err(format!("{joined} is not the two texts"));
        }
        let name = escape::attr(&text);
        let set = format!("{{ {name} = 1; }}");
        let parsed = rnix::Root::parse(&set);
        let count = parsed.tree().expr().and_then(|expr| match expr {
            ast::Expr::AttrSet(set) => Some(
                set.attrpath_values()
                    .filter_map(|it| Some(it.attrpath()?.attrs().count()))
                    .collect::<Vec<_>>(),
            ),
            _ => None,
        });
        if !parsed.errors().is_empty() || count != Some(vec![1]) {
            return Err(format!("{set} is not a set of one attribute"));
        }
        let kinds: Vec<u8> = text.bytes().map(kind).collect();
        let pairs: std::collections::BTreeSet<&[u8]> = kinds.windows(3).collect();
        Ok(signature((pairs, name.starts_with('"'))))
    }
}

/// What a byte is to the escaper.
fn kind(byte: u8) -> u8 {
    match byte {
        b'$' | b'{' | b'"' | b'\\' | b'\'' | b'\n' | b'\r' | b'\t' | b'}' => byte,
        0..=31 => 1,
        128.. => 2,
        _ => 0,
    }
}

/// The value of a Nix expression that must be one string without interpolation.
fn read_string(code: &str) -> Result<String, String> {
    let parsed = rnix::Root::parse(code);
    if let Some(error) = parsed.errors().first() {
        return Err(format!("{code:?} is no Nix: {error}"));
    }
    let root = parsed.tree();
    let Some(ast::Expr::Str(string)) = root.expr() else {
        return Err(format!("{code:?} is not one string"));
    };
    if string.syntax().text_range() != root.syntax().text_range() {
        return Err(format!("{code:?} has more than a string"));
    }
    let mut text = String::new();
    for part in string.normalized_parts() {
        match part {
            InterpolPart::Literal(literal) => text.push_str(&literal),
            InterpolPart::Interpolation(_) => return Err(format!("{code:?} interpolates")),
        }
    }
    Ok(text)
}
