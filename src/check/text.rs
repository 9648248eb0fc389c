//! What several checks need.

use crate::catalog::{Catalog, SourceToolchain};

/// The components that a toolchain is built of: the entry's field, and the component's id.
pub(super) fn components_of(
    catalog: &Catalog,
    it: &SourceToolchain,
) -> Vec<(&'static str, String)> {
    // headers alone, or the whole kernel they are taken from
    let linux = |version: &String| {
        let headers = format!("linux-headers/{version}");
        let known = &catalog.components.components;
        match known.keys().any(|id| id.as_str() == headers) {
            true => headers,
            false => format!("linux/{version}"),
        }
    };
    let mut list = vec![
        ("gcc", format!("gcc/{}", it.gcc)),
        ("binutils", format!("binutils/{}", it.binutils)),
        ("gmp", format!("gmp/{}", it.gmp)),
        ("mpfr", format!("mpfr/{}", it.mpfr)),
    ];
    list.extend(
        it.mpc
            .as_ref()
            .map(|version| ("mpc", format!("mpc/{version}"))),
    );
    list.extend(
        it.musl
            .as_ref()
            .map(|version| ("musl", format!("musl/{version}"))),
    );
    list.extend(
        it.linux_headers
            .as_ref()
            .map(|version| ("linux_headers", linux(version))),
    );
    list
}

/// The most that a reason or a piece of evidence holds, in bytes.
const MAX_PROSE: usize = 8000;

fn only(text: &str, extra: &[u8]) -> bool {
    !text.is_empty()
        && text.len() <= 500
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
}

/// A name of a program, a machine, a target.
pub(super) fn word(text: &str) -> Option<&'static str> {
    let good = only(text, b"._+-") && !text.starts_with(['-', '.']);
    (!good).then_some("it is letters, digits and . _ + -, and begins with none of - and .")
}

/// What is appended to a name.
pub(super) fn suffix(text: &str) -> Option<&'static str> {
    (!only(text, b"._+-")).then_some("it is letters, digits and . _ + -")
}

/// One argument of a command line, such as QEMU's.
pub(super) fn argument(text: &str) -> Option<&'static str> {
    let good = text.is_empty() || only(text, b"._+-=,:/@ ") && !text.contains("..");
    (!good).then_some("it is letters, digits, spaces and . _ + - = , : / @, without `..`")
}

/// A file of a tree, relative to it.
pub(super) fn relative(text: &str) -> Option<&'static str> {
    let good = only(text, b"._+-/")
        && text
            .split('/')
            .all(|part| !part.is_empty() && part != ".." && !part.starts_with('-'));
    (!good).then_some("it is a path inside the tree: letters, digits and . _ + - /, without `..`")
}

/// An absolute path.
pub(super) fn path(text: &str) -> Option<&'static str> {
    match text.strip_prefix('/') {
        Some(rest) => relative(rest),
        None => Some("it is an absolute path"),
    }
}

/// A configuration symbol, or one with a value; `!` before it: the board cannot do without.
pub(super) fn assignment(text: &str) -> Option<&'static str> {
    let text = text.strip_prefix('!').unwrap_or(text);
    let (name, value) = text.split_once('=').unwrap_or((text, "y"));
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    let good = only(name, b"_") && argument(value).is_none();
    (!good).then_some("it is SYMBOL, !SYMBOL, SYMBOL=m, SYMBOL=0x10 or SYMBOL=\"text\"")
}

/// A symbol that a board turns off.
pub(super) fn switched_off(text: &str) -> Option<&'static str> {
    let good = only(text.strip_prefix('!').unwrap_or(text), b"_");
    (!good).then_some("it is SYMBOL or !SYMBOL")
}

/// Text for people.
pub(super) fn prose(text: &str) -> Option<&'static str> {
    if text.len() > MAX_PROSE {
        return Some("a text of more than 8000 bytes");
    }
    text.contains(char::is_control)
        .then_some("a text with control characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_are_refused_everywhere() {
        for text in [
            "${x}", "a\"b", "a\\b", "a\0", "a\rb", "a\nb", "`id`", "a;b", "../x", "a/../b",
        ] {
            for verdict in [word, argument, relative, path, assignment, suffix] {
                assert!(verdict(text).is_some(), "{text:?}");
            }
        }
        assert!(prose("a\u{1b}[31m").is_some() && prose(&"a".repeat(9000)).is_some());
    }

    #[test]
    fn honest_texts_pass() {
        assert_eq!(word("qemu-system-x86_64"), None);
        assert_eq!(argument("virt,gic-version=3"), None);
        assert_eq!(argument("console=ttyAMA0 panic=-1"), None);
        assert_eq!(relative("arch/arm64/boot/Image.gz"), None);
        assert_eq!(path("/lib/ld-musl-x86_64.so.1"), None);
        for text in [
            "SERIAL_8250",
            "!POWER_RESET",
            "NR_CPUS=4",
            "CMDLINE=\"console=ttyS0\"",
            "BASE=0x80000000",
        ] {
            assert_eq!(assignment(text), None, "{text}");
        }
    }
}
