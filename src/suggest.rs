//! Did you mean: the known name that is nearest to one that is not.

use strsim::osa_distance;

/// The name of `known` that `text` is most likely a slip of; none where nothing is near.
///
/// A slip is a letter too many, too few, wrong or swapped with its neighbour: one in short names, up to three in long ones.
pub fn nearest<'n>(text: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let text = text.to_ascii_lowercase();
    let length = text.chars().count();
    let allowed = match length {
        0..=2 => return None,
        3..=5 => 1,
        6..=11 => 2,
        12..=64 => 3,
        _ => return None,
    };
    known
        .into_iter()
        // lengths are compared first: the distance takes time
        .filter(|name| name.chars().count().abs_diff(length) <= allowed)
        .map(|name| (osa_distance(&text, &name.to_ascii_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["config", "kernel", "modules", "dtbs", "headers", "arm64"];
        for (text, meant) in [
            ("cofnig", Some("config")),
            ("Kernal", Some("kernel")),
            ("module", Some("modules")),
            ("dtb", Some("dtbs")),
            ("amr64", Some("arm64")),
            ("header", Some("headers")),
            ("vax", None),
            ("Image", None),
            ("", None),
            ("z", None),
        ] {
            assert_eq!(nearest(text, known), meant, "{text}");
        }
        let long = "x".repeat(10_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
    }
}
