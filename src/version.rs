//! Versions: the kernel's, with the kernel's own ordering, and those of tools.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest version accepted, in bytes: what fits `utsname.release` (65 with its NUL).
const MAX_LEN: usize = 64;

/// A Linux kernel version: `2.6.39.4`, `5.10`, `6.12-rc3`, `5.10.229-rehost+`.
///
/// A leading `v` is accepted and dropped. Ordering is the kernel's: `6.12-rc3` < `6.12` < `6.12.1`; a
/// local suffix (`-hadron`, `-rehost+`) only breaks ties. `5.10` and `5.10.0` are the same version.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^v?[1-9][0-9]*(\.(0|[1-9][0-9]*)){1,3}(-rc(0|[1-9][0-9]*))?([-+][A-Za-z0-9+._~-]*)?$"))]
pub struct KernelVersion {
    numbers: [u16; 4],
    rc: Option<u16>,
    local: String,
    text: String,
}

/// Why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a {what}: {reason}", printable(text))]
pub struct VersionError {
    text: String,
    what: &'static str,
    reason: &'static str,
}

/// `text` made fit to print: control characters escaped, at most [`MAX_LEN`] characters.
fn printable(text: &str) -> String {
    let cut: String = text.chars().take(MAX_LEN).collect();
    let mut shown = cut.escape_debug().to_string();
    if cut.len() < text.len() {
        shown.push('…');
    }
    shown
}

const KERNEL_SHAPE: &str =
    "a version looks like 2.6.39.4, 3.18.140, 5.10, 6.12-rc3 or 5.10.229-suffix";

impl KernelVersion {
    /// Before every version that can be written.
    pub const BEGINNING: KernelVersion = KernelVersion {
        numbers: [0; 4],
        rc: Some(0),
        local: String::new(),
        text: String::new(),
    };

    /// The numbers, padded with zeros: 5.10 is `[5, 10, 0, 0]`.
    pub fn numbers(&self) -> [u16; 4] {
        self.numbers
    }

    /// The release candidate's number, for `6.12-rc3`.
    pub fn rc(&self) -> Option<u16> {
        self.rc
    }

    /// What follows the upstream version: `-rehost+`, or nothing.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The version without its local suffix, which no upstream fact depends on.
    pub fn upstream(&self) -> KernelVersion {
        let text = self.text[..self.text.len() - self.local.len()].to_owned();
        KernelVersion {
            numbers: self.numbers,
            rc: self.rc,
            local: String::new(),
            text,
        }
    }

    /// The version as written, without a leading `v`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Position in the kernel's order, local suffix aside: a final release sorts as the highest candidate.
    pub fn rank(&self) -> Rank {
        (self.numbers, self.rc.map_or(u32::MAX, u32::from))
    }

    /// Where the release begins that this version is, or is a candidate for: before its first candidate.
    ///
    /// The result is spelled with `-rc0`, which no kernel was ever called.
    pub fn opening(&self) -> KernelVersion {
        let mut text: Vec<String> = self.numbers.iter().map(u16::to_string).collect();
        while text.len() > 2 && text.last().is_some_and(|number| number == "0") {
            text.pop();
        }
        KernelVersion {
            numbers: self.numbers,
            rc: Some(0),
            local: String::new(),
            text: format!("{}-rc0", text.join(".")),
        }
    }
}

/// A position in the kernel's order: the numbers, and the candidate's number or the highest for a release.
pub type Rank = ([u16; 4], u32);

impl FromStr for KernelVersion {
    type Err = VersionError;

    fn from_str(input: &str) -> Result<Self, VersionError> {
        let fail = |reason| VersionError {
            text: input.to_owned(),
            what: "kernel version",
            reason,
        };
        let text = input.strip_prefix('v').unwrap_or(input);
        if text.len() > MAX_LEN {
            return Err(fail("it is longer than 64 bytes"));
        }
        let split = text
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (dotted, rest) = text.split_at(split);
        let (numbers, count) = parse_numbers::<4>(dotted).ok_or(fail(KERNEL_SHAPE))?;
        if count < 2 || numbers[0] == 0 {
            return Err(fail(KERNEL_SHAPE));
        }
        let (rc, local) = match rest.strip_prefix("-rc") {
            Some(after) => {
                let digits = after
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(after.len());
                let rc = parse_number(&after[..digits]).ok_or(fail(KERNEL_SHAPE))?;
                (Some(rc), &after[digits..])
            }
            None => (None, rest),
        };
        let local_ok = local.is_empty()
            || (local.starts_with(['-', '+'])
                && (local.len() > 1 || local == "+")
                && local
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-+._~".contains(&b)));
        if !local_ok {
            return Err(fail(KERNEL_SHAPE));
        }
        Ok(KernelVersion {
            numbers,
            rc,
            local: local.to_owned(),
            text: text.to_owned(),
        })
    }
}

/// Dotted numbers, at least one and at most `N`, with how many there were.
fn parse_numbers<const N: usize>(dotted: &str) -> Option<([u16; N], usize)> {
    let mut numbers = [0; N];
    let mut count = 0;
    for part in dotted.split('.') {
        *numbers.get_mut(count)? = parse_number(part)?;
        count += 1;
    }
    Some((numbers, count))
}

/// One number without sign or leading zeros.
fn parse_number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    (plain && canonical).then(|| digits.parse().ok())?
}

impl Ord for KernelVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank()
            .cmp(&other.rank())
            .then_with(|| self.local.cmp(&other.local))
    }
}

impl PartialOrd for KernelVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for KernelVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for KernelVersion {}

impl Hash for KernelVersion {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        self.local.hash(state);
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl TryFrom<String> for KernelVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<KernelVersion> for String {
    fn from(version: KernelVersion) -> String {
        version.text
    }
}

/// A tool's version: dotted numbers, up to four of them (`12.2.0`, `2.35.2`, `1.1.24`).
///
/// Compared number by number, missing ones counting as zero, so `2.31` equals `2.31.0`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){0,3}$"))]
pub struct ToolVersion {
    numbers: [u16; 4],
    text: String,
}

impl ToolVersion {
    /// The numbers, padded with zeros.
    pub fn numbers(&self) -> [u16; 4] {
        self.numbers
    }

    /// The version as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the version is `prefix` or begins with it, number by number: 12.2.0 begins with 12, not with 1.
    pub fn starts_with(&self, prefix: &ToolVersion) -> bool {
        let count = prefix.text.split('.').count();
        self.numbers[..count] == prefix.numbers[..count]
    }

    /// The first number: 12 for gcc 12.2.0.
    pub fn major(&self) -> u16 {
        self.numbers[0]
    }
}

impl FromStr for ToolVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let (numbers, _) = parse_numbers(text).ok_or(VersionError {
            text: text.to_owned(),
            what: "tool version",
            reason: "it looks like 12.2.0, 2.35.2 or 1.1.24",
        })?;
        Ok(ToolVersion {
            numbers,
            text: text.to_owned(),
        })
    }
}

impl Ord for ToolVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers)
    }
}

impl PartialOrd for ToolVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ToolVersion {
    fn eq(&self, other: &Self) -> bool {
        self.numbers == other.numbers
    }
}

impl Eq for ToolVersion {}

impl Hash for ToolVersion {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.numbers.hash(state);
    }
}

impl fmt::Display for ToolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl TryFrom<String> for ToolVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<ToolVersion> for String {
    fn from(version: ToolVersion) -> String {
        version.text
    }
}

/// A half-open range `[from, below)`; an absent bound is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range<V> {
    /// The first version inside; none: no lower bound.
    pub from: Option<V>,
    /// The first version beyond; none: no upper bound.
    pub below: Option<V>,
}

impl<V: Ord> Range<V> {
    /// Whether `version` lies inside.
    pub fn contains(&self, version: &V) -> bool {
        self.from.as_ref().is_none_or(|from| version >= from)
            && self.below.as_ref().is_none_or(|below| version < below)
    }

    /// Whether no version can lie inside.
    pub fn is_empty(&self) -> bool {
        matches!((&self.from, &self.below), (Some(from), Some(below)) if from >= below)
    }
}

impl Range<KernelVersion> {
    /// Whether a fact with these bounds holds for `version`.
    ///
    /// A release candidate is held to both sides of a boundary: what begins with 6.12 was merged before 6.12-rc1, and what
    /// ends with 6.12 may not have ended by then. So both `from 6.12` and `below 6.12` hold for 6.12-rc3. A bound that is
    /// itself a candidate is taken as it is written. Local suffixes don't count.
    pub fn holds_for(&self, version: &KernelVersion) -> bool {
        let rank = version.rank();
        self.first().is_none_or(|first| rank >= first.rank())
            && self.below.as_ref().is_none_or(|below| rank < below.rank())
    }

    /// The first position for which [`Range::holds_for`]; none: from the beginning.
    pub fn first(&self) -> Option<KernelVersion> {
        let from = self.from.as_ref()?;
        Some(match from.rc {
            Some(_) => from.clone(),
            None => from.opening(),
        })
    }
}

impl<V: fmt::Display> fmt::Display for Range<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.below) {
            (Some(from), Some(below)) => write!(f, "from {from}, below {below}"),
            (Some(from), None) => write!(f, "from {from}"),
            (None, Some(below)) => write!(f, "below {below}"),
            (None, None) => f.write_str("all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kernel(text: &str) -> KernelVersion {
        text.parse().expect(text)
    }

    #[test]
    fn accepts_what_kernels_are_called() {
        for text in [
            "2.6.39.4",
            "3.18.140",
            "5.10",
            "6.12-rc3",
            "5.10.229-rehost+",
            "6.1.192-hadron",
            "6.12-rc3-next-20241010",
            "7.2",
        ] {
            assert_eq!(kernel(text).as_str(), text);
        }
        assert_eq!(kernel("v6.6.1"), kernel("6.6.1"));
        assert_eq!(kernel("5.10"), kernel("5.10.0"));
        assert_eq!(kernel("5.10.229-rehost+").upstream(), kernel("5.10.229"));
        assert_eq!(kernel("6.12-rc3-x").upstream().as_str(), "6.12-rc3");
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "6",
            "6.",
            ".6",
            "6..1",
            "6.1.2.3.4",
            "06.1",
            "6.01",
            "k6",
            "6.1 ",
            "6.1-",
            "6.1\n",
            "6.1-${x}",
            "6.1-rc",
            "6.12-rc03",
            "latest",
            "6.x",
            "0.1",
            "6.1/..",
            "70000.1",
            "vv6.1",
            "6.1-\"",
        ] {
            let error = text.parse::<KernelVersion>().expect_err(text).to_string();
            assert!(error.contains("not a kernel version"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
        assert!(
            "6.1-"
                .to_owned()
                .repeat(40)
                .parse::<KernelVersion>()
                .is_err()
        );
    }

    #[test]
    fn orders_as_the_kernel_does() {
        let order = [
            "2.6.9",
            "2.6.10",
            "2.6.31",
            "2.6.31.1",
            "2.6.39.4",
            "3.0-rc1",
            "3.0",
            "5.9",
            "5.10-rc1",
            "5.10",
            "5.10.229",
            "5.10.229-rehost+",
            "6.12-rc3",
            "6.12-rc10",
            "6.12",
            "6.12.1",
        ];
        for pair in order.windows(2) {
            assert!(kernel(pair[0]) < kernel(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn candidates_are_held_to_both_sides_of_a_boundary() {
        let range = |from: Option<&str>, below: Option<&str>| Range {
            from: from.map(kernel),
            below: below.map(kernel),
        };
        let candidate = kernel("6.12-rc3");
        assert!(range(Some("6.12"), None).holds_for(&candidate));
        assert!(range(None, Some("6.12")).holds_for(&candidate));
        assert!(!range(None, Some("6.12")).holds_for(&kernel("6.12")));
        assert!(!range(Some("6.12"), None).holds_for(&kernel("6.11.9")));
        assert!(!range(Some("6.12-rc4"), None).holds_for(&candidate));
        assert!(!range(None, Some("6.12-rc3")).holds_for(&candidate));
        assert!(!range(None, Some("6.12.1")).holds_for(&kernel("6.12.1-local")));
        assert!(range(Some("6.12.1"), None).holds_for(&kernel("6.12.1-local")));
        assert_eq!(kernel("6.12.0").opening().as_str(), "6.12-rc0");
        assert!(kernel("6.12").opening() < kernel("6.12-rc1"));
        assert!(kernel("6.12").opening() > kernel("6.11.99"));
    }

    #[test]
    fn tool_versions_compare_by_number() {
        let tool = |text: &str| text.parse::<ToolVersion>().expect(text);
        assert!(tool("2.9") < tool("2.31"));
        assert_eq!(tool("2.31"), tool("2.31.0"));
        assert!(tool("12.2.0").starts_with(&tool("12")) && !tool("12.2.0").starts_with(&tool("1")));
        assert!(
            tool("9.3.0").starts_with(&tool("9.3")) && !tool("9.4.0").starts_with(&tool("9.3"))
        );
        assert!("12.2.0-14".parse::<ToolVersion>().is_err());
        assert!("".parse::<ToolVersion>().is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_round_trips(text in "\\PC{0,70}|v?[0-9.]{1,12}(-rc[0-9])?(-[a-z+]{1,4})?") {
            if let Ok(version) = text.parse::<KernelVersion>() {
                prop_assert_eq!(kernel(version.as_str()), version);
            }
        }

        #[test]
        fn order_is_total(a in "[2-6]\\.[0-9]{1,2}(\\.[0-9])?(-rc[0-9])?", b in "[2-6]\\.[0-9]{1,2}(\\.[0-9])?(-rc[0-9])?") {
            if let (Ok(a), Ok(b)) = (a.parse::<KernelVersion>(), b.parse::<KernelVersion>()) {
                prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            }
        }
    }
}
