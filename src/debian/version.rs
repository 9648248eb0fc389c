//! The order of Debian's package versions.

use std::cmp::Ordering;

/// How `a` and `b` compare, as dpkg has it: epochs, then upstream versions, then revisions.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (epoch_a, upstream_a, revision_a) = parts(a);
    let (epoch_b, upstream_b, revision_b) = parts(b);
    compare_part(epoch_a, epoch_b)
        .then_with(|| compare_part(upstream_a, upstream_b))
        .then_with(|| compare_part(revision_a, revision_b))
}

/// The version that upstream gave it: `1.35.0` of `1:1.35.0-4+b1`.
pub(super) fn upstream(version: &str) -> &str {
    parts(version).1
}

fn parts(version: &str) -> (&str, &str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Texts and numbers in turns: texts by their letters, numbers by their value.
fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let (text_a, text_b);
        (text_a, a) = split(a, |byte| !byte.is_ascii_digit());
        (text_b, b) = split(b, |byte| !byte.is_ascii_digit());
        let longest = text_a.len().max(text_b.len());
        let texts = (0..longest).map(|at| weight(text_a.get(at)).cmp(&weight(text_b.get(at))));
        let order = texts.fold(Ordering::Equal, Ordering::then);
        if order.is_ne() {
            return order;
        }
        let (number_a, number_b);
        (number_a, a) = split(a, u8::is_ascii_digit);
        (number_b, b) = split(b, u8::is_ascii_digit);
        let (number_a, number_b) = (significant(number_a), significant(number_b));
        let order = number_a.len().cmp(&number_b.len());
        let order = order.then_with(|| number_a.cmp(number_b));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn split(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| belongs(byte)).count())
}

fn significant(number: &[u8]) -> &[u8] {
    split(number, |digit| *digit == b'0').1
}

/// A tilde comes before the end, the end before letters, letters before all else.
fn weight(byte: Option<&u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(letter) if letter.is_ascii_alphabetic() => 0x100 + u16::from(*letter),
        Some(other) => 0x200 + u16::from(*other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        // `dpkg --compare-versions A lt B` says yes to each of these with the next
        let rising = [
            "1.0~rc1-1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1+b13",
            "1.0-1+deb12u1",
            "1.0-1.1",
            "1.0+dfsg-1",
            "1.0.1-1",
            "1.2-1",
            "1.10-1",
            "1.10a-1",
            "1:0.1~~-1",
            "1:0.1~-1",
            "1:0.1-1~bpo12+1",
            "1:0.1-1",
            "2:0",
            "10:0",
        ];
        for (at, a) in rising.iter().enumerate() {
            assert_eq!(compare(a, a), Ordering::Equal, "{a}");
            for b in &rising[at + 1..] {
                assert_eq!(compare(a, b), Ordering::Less, "{a} {b}");
                assert_eq!(compare(b, a), Ordering::Greater, "{b} {a}");
            }
        }
        for (a, b) in [
            ("1.0", "1.0-0"),
            ("0:1", "1"),
            ("1.01", "1.1"),
            ("1-01", "1-1"),
        ] {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn the_upstream_version_stands_between_epoch_and_revision() {
        assert_eq!(upstream("1:1.35.0-4+deb12u1+b1"), "1.35.0");
        assert_eq!(upstream("1.0-rc-1"), "1.0-rc");
        assert_eq!(upstream("2"), "2");
    }
}
