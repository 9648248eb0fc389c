//! Versions: the kernel's, with the kernel's own ordering, and those of tools.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest version accepted, in bytes: what fits `utsname.release` (65 with its NUL).
const MAX_LEN: usize = 64;

/// A Linux kernel version: `2.6.39.4`, `5.10`, `6.12-rc3`, `5.10.229-rehost+`, `2.6.36.4brcmarm`.
///
/// A leading `v` is accepted and dropped. Ordering is the kernel's: `6.12-rc3` < `6.12` < `6.12.1`; a local suffix (`-hadron`,
/// `-rehost+`) only breaks ties. `5.10` and `5.10.0` are the same version, and so are the spellings that distributions have for
/// a candidate: `6.1~rc3`, `6.1_rc3`, `6.1.0-0.rc3`, `6.1.0-060100rc3`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^v?[1-9][0-9]*(\.(0|[1-9][0-9]*)){1,3}([-+_~A-Za-z.][A-Za-z0-9+._~-]*)?$"))]
pub struct KernelVersion {
    numbers: [u16; 4],
    rc: Option<u16>,
    local: String,
    text: String,
}

/// Why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a {what}: {reason}", crate::text::brief(text))]
pub struct VersionError {
    text: String,
    what: &'static str,
    reason: String,
}

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

    /// The release that it is a point release of: `6.1` of 6.1.192, `2.6.32` of 2.6.32.71.
    pub fn series(&self) -> String {
        match self.numbers {
            [2, minor, patch, _] => format!("2.{minor}.{patch}"),
            [major, minor, ..] => format!("{major}.{minor}"),
        }
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
        let (dotted, _) = split_numbers(&self.text);
        let text = match self.rc {
            Some(rc) => format!("{dotted}-rc{rc}"),
            None => dotted.to_owned(),
        };
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

    /// The version for a name in the Nix store, which cannot hold `~`.
    pub fn in_name(&self) -> String {
        self.text.replace('~', "-")
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
        let text = input.strip_prefix('v').unwrap_or(input);
        read_kernel(text).map_err(|reason| VersionError {
            text: input.to_owned(),
            what: "kernel version",
            reason,
        })
    }
}

/// Reads a kernel's version, or says what of it is in the way.
fn read_kernel(text: &str) -> Result<KernelVersion, String> {
    let (dotted, rest) = split_numbers(text);
    // most are numbers, and nothing else
    let plain = dotted.starts_with(|c: char| c.is_ascii_digit()) && rest.is_empty();
    if !plain || text.len() > MAX_LEN {
        refuse_slips(text, rest)?;
    }
    let numbers = read_numbers(dotted)?;
    let (rc, local) = split_candidate(rest)?;
    if !local.is_empty() && !local.contains(|c: char| c.is_ascii_alphanumeric() || c == '+') {
        return Err(format!("nothing follows `{local}`"));
    }
    if let Some(after) = local.strip_prefix('.')
        && !after.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        let odd = &local[..1 + usize::from(after.starts_with('.'))];
        return Err(format!("a number is missing at `{odd}`"));
    }
    if !dotted.contains('.') {
        return Err(format!(
            "`{dotted}` is one number, and a version has two to four, such as 6.1 or 2.6.39.4"
        ));
    }
    Ok(KernelVersion {
        numbers,
        rc,
        local: local.to_owned(),
        text: text.to_owned(),
    })
}

/// Refuses the ways in which versions are misspelled, and what stands for several; `rest` is what follows the numbers.
fn refuse_slips(text: &str, rest: &str) -> Result<(), String> {
    refuse_foreign_text(text)?;
    if [".x", ".X", ".y", ".Y", ".*"].contains(&rest) {
        return Err(format!(
            "`{rest}` stands for a whole series: name one release of it"
        ));
    }
    if let Some((epoch, after)) = text.split_once(':')
        && epoch.bytes().all(|b| b.is_ascii_digit())
        && read_kernel(after).is_ok()
    {
        return Err(format!(
            "`{epoch}:` is the epoch of a package: give only `{after}`"
        ));
    }
    if let Some((version, _)) = text.split_once('/')
        && read_kernel(version).is_ok()
    {
        return Err(format!("give only `{version}`"));
    }
    if let Some(part) = letter_for_digit(rest) {
        return Err(format!(
            "`{part}` has a letter in the place of a digit: l and I are not 1, o is not 0"
        ));
    }
    if let Some(odd) = text.chars().find(|c| !is_of_version(*c)) {
        let odd = match odd {
            '"' | '\'' | '\\' => odd.to_string(),
            _ => odd.escape_debug().to_string(),
        };
        return Err(format!("`{odd}` has no place in a version"));
    }
    Ok(())
}

/// Refuses what has more, or something else, around a version, naming the version where there is one.
fn refuse_foreign_text(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.contains(char::is_whitespace) {
        let mut words = text.split_whitespace();
        return Err(match words.find_map(|word| read_kernel(word).ok()) {
            Some(version) => format!("give only `{version}`"),
            None => "it has blanks".to_owned(),
        });
    }
    if text.len() > MAX_LEN {
        return Err(format!("it is longer than {MAX_LEN} bytes"));
    }
    let first_digit = text.find(|c: char| c.is_ascii_digit());
    let before = &text[..first_digit.unwrap_or(text.len())];
    if before.is_empty() {
        return Ok(());
    }
    if let Some(reason) = within_a_name(text) {
        return Err(reason);
    }
    Err(format!(
        "it begins with `{}`, not with a number as 2.6.39.4, 5.10, 6.12-rc3 and 6.12-rc3-next-20241010 do",
        crate::text::brief(before)
    ))
}

/// What to give in the place of a name of a file, folder, branch or tag; none where there is no version in it.
fn within_a_name(text: &str) -> Option<String> {
    let name = text.trim_end_matches('/').rsplit('/').next()?;
    if name.starts_with("next-2") {
        return Some(
            "it names a day of linux-next: give what `make kernelversion` prints in that tree, such as 6.12.0-rc3-next-20241010"
                .to_owned(),
        );
    }
    let starts = name.char_indices().filter(|(at, c)| {
        c.is_ascii_digit() && !name[..*at].ends_with(|c: char| c.is_ascii_digit() || c == '.')
    });
    for (at, _) in starts {
        let (dotted, rest) = split_numbers(&name[at..]);
        if !dotted.contains('.') {
            continue;
        }
        if rest.starts_with(".y") || rest.starts_with(".x") {
            return Some(format!(
                "`{dotted}{}` stands for a whole series: name one release of it",
                &rest[..2]
            ));
        }
        if let Ok(version) = read_kernel(&name[at..]) {
            return Some(format!("give only `{}`", version.upstream()));
        }
    }
    None
}

/// What follows the numbers, if it is a number with letters that look like digits: `l92` of 6.1.l92.
fn letter_for_digit(rest: &str) -> Option<&str> {
    let part = rest.strip_prefix('.')?;
    let end = part.find(|c: char| !c.is_ascii_alphanumeric());
    let part = &part[..end.unwrap_or(part.len())];
    let looks = |c: char| c.is_ascii_digit() || "lIoO".contains(c);
    let mixed = part.contains(|c: char| c.is_ascii_digit())
        && part.contains(|c: char| c.is_ascii_alphabetic());
    (mixed && part.chars().all(looks)).then_some(part)
}

/// The dotted numbers that `text` begins with, and what follows them.
fn split_numbers(text: &str) -> (&str, &str) {
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let mut end = digits(text);
    while let Some(after) = text[end..].strip_prefix('.') {
        match digits(after) {
            0 => break,
            more => end += 1 + more,
        }
    }
    text.split_at(end)
}

/// What a version's suffix may consist of: all that a store path may, and `~`.
fn is_of_version(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-+._~".contains(c)
}

fn read_numbers(dotted: &str) -> Result<[u16; 4], String> {
    let mut numbers = [0; 4];
    for (index, part) in dotted.split('.').enumerate() {
        let Some(number) = numbers.get_mut(index) else {
            return Err(format!(
                "`.{part}` is one number too many: four are the most"
            ));
        };
        *number = read_number(part)?;
    }
    match numbers[0] {
        0 => Err("there is no Linux `0`".to_owned()),
        _ => Ok(numbers),
    }
}

fn read_number(digits: &str) -> Result<u16, String> {
    match parse_number(digits) {
        Some(number) => Ok(number),
        None if digits.starts_with('0') => Err(format!("`{digits}` begins with a zero")),
        None => Err(format!("`{digits}` is too large")),
    }
}

/// The candidate's number that `rest` begins with, if it does, and what follows.
///
/// Upstream says `-rc3`; distributions `~rc3`, `_rc3`, `.rc3`, `rc3`, `-0.rc3` and, with the version once more, `-060100rc3`.
fn split_candidate(rest: &str) -> Result<(Option<u16>, &str), String> {
    let Some(at) = rest.find("rc") else {
        return Ok((None, rest));
    };
    let (lead, after) = (&rest[..at], &rest[at + 2..]);
    let repeated = lead
        .strip_prefix("-0")
        .is_some_and(|it| it.len() == 5 && it.bytes().all(|b| b.is_ascii_digit()));
    let led = ["", "-", "~", "_", ".", "-0."].contains(&lead) || repeated;
    if !led || after.starts_with(|c: char| c.is_ascii_alphabetic()) {
        // a suffix with these letters in it: -perf-rc1, -rcar
        return Ok((None, rest));
    }
    let end = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    if end == 0 {
        let named = &rest[..at + 2];
        return Err(format!("`{named}` lacks the candidate's number"));
    }
    Ok((Some(read_number(&after[..end])?), &after[end..]))
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
            reason: "it looks like 12.2.0, 2.35.2 or 1.1.24".to_owned(),
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
        let first = self.from.as_ref().map(|from| match from.rc {
            Some(_) => from.rank(),
            None => (from.numbers, 0),
        });
        first.is_none_or(|first| rank >= first)
            && self.below.as_ref().is_none_or(|below| rank < below.rank())
    }

    /// The first version for which [`Range::holds_for`]; none: from the beginning.
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

    /// The rows of tests/data/versions.json that Nix is run through as well.
    fn rows(kind: &str) -> Vec<Vec<serde_json::Value>> {
        let table: serde_json::Value =
            serde_json::from_str(include_str!("../tests/data/versions.json")).unwrap();
        let rows: Vec<Vec<serde_json::Value>> =
            serde_json::from_value(table[kind].clone()).unwrap();
        assert!(rows.len() > 5, "{kind}");
        rows
    }

    #[test]
    fn reads_what_kernels_are_called() {
        for row in rows("read") {
            let [text, upstream, local] = [0, 1, 2].map(|n| row[n].as_str().unwrap());
            let version = kernel(text);
            assert_eq!(version.as_str(), text.trim_start_matches('v'));
            assert_eq!(version.upstream().rank(), kernel(upstream).rank(), "{text}");
            assert_eq!(version.upstream().rank(), version.rank(), "{text}");
            assert_eq!(version.upstream().local(), "");
            assert_eq!(version.local(), local, "{text}");
        }
        for row in rows("equal") {
            let [one, other] = [0, 1].map(|n| kernel(row[n].as_str().unwrap()));
            assert_eq!(one, other);
        }
        assert_eq!(kernel("6.12-rc3-x").upstream().as_str(), "6.12-rc3");
        assert_eq!(kernel("6.1~rc3-1").upstream().as_str(), "6.1-rc3");
    }

    #[test]
    fn names_what_is_in_the_way() {
        for row in rows("refused") {
            let [text, named] = [0, 1].map(|n| row[n].as_str().unwrap());
            let error = text.parse::<KernelVersion>().expect_err(text).to_string();
            let (shown, reason) = error.split_once(" is not a kernel version: ").unwrap();
            assert!(reason.contains(named), "{named}: {error}");
            assert!(!error.contains('\n'), "{shown}");
        }
        let long = "6.1-".to_owned() + &"x".repeat(61);
        let error = long.parse::<KernelVersion>().unwrap_err().to_string();
        assert!(error.contains("longer than 64 bytes"), "{error}");
    }

    #[test]
    fn orders_as_the_kernel_does() {
        let table: serde_json::Value =
            serde_json::from_str(include_str!("../tests/data/versions.json")).unwrap();
        let order: Vec<KernelVersion> = serde_json::from_value(table["order"].clone()).unwrap();
        assert!(order.len() > 20);
        for (n, one) in order.iter().enumerate() {
            for other in &order[n + 1..] {
                assert!(one < other && one.rank() < other.rank(), "{one} {other}");
            }
        }
        assert!(kernel("5.10.229") < kernel("5.10.229-rehost+"));
        assert!(kernel("5.10.229-rehost+") < kernel("5.10.230"));
    }

    /// What a kernel calls itself is told from what was asked for by reading both.
    #[test]
    fn a_release_is_the_version_with_any_suffix() {
        for row in rows("release") {
            let [asked, release] = [0, 1].map(|n| kernel(row[n].as_str().unwrap()));
            let same = asked.rank() == release.rank() && release.local().starts_with(asked.local());
            assert_eq!(same, row[2].as_bool().unwrap(), "{asked} {release}");
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

    /// Every kernel that was ever tagged.
    fn tagged() -> Vec<String> {
        serde_json::from_str(include_str!("../tests/data/kernel-versions.json")).unwrap()
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_round_trips(text in "\\PC{0,70}|v?[0-9.]{1,12}([-~_.]?(0\\.)?rc[0-9]*)?([-_.~]?[a-z+]{0,4})?") {
            match text.parse::<KernelVersion>() {
                Ok(version) => {
                    prop_assert_eq!(&kernel(version.as_str()), &version);
                    let upstream = version.upstream();
                    prop_assert_eq!(upstream.rank(), version.rank());
                    prop_assert_eq!(kernel(upstream.as_str()), upstream);
                }
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
            }
        }

        /// A suffix that does not speak of candidates leaves every tagged version where it is.
        #[test]
        fn a_suffix_changes_no_place(tagged in prop::sample::select(tagged()), suffix in "[-_~+]?[a-q][A-Za-z0-9._~+-]{0,20}") {
            let (plain, suffixed) = (kernel(&tagged), kernel(&format!("{tagged}{suffix}")));
            prop_assert_eq!(plain.rank(), suffixed.rank());
            prop_assert_eq!(suffixed.local(), suffix.as_str());
            prop_assert_eq!(suffixed.upstream(), plain);
        }

        /// However a candidate is spelled, it is that candidate, and with more zeros its numbers say the same.
        #[test]
        fn spellings_of_one_version_are_equal(tagged in prop::sample::select(tagged())) {
            let version = kernel(&tagged);
            let (dotted, _) = split_numbers(&tagged);
            if let Some(rc) = version.rc() {
                for lead in ["-rc", "~rc", "_rc", ".rc", "rc", "-0.rc", "-060100rc"] {
                    prop_assert_eq!(&kernel(&format!("{dotted}{lead}{rc}")), &version);
                }
            }
            if dotted.matches('.').count() < 3 {
                let padded = format!("{dotted}.0{}", &tagged[dotted.len()..]);
                prop_assert_eq!(kernel(&padded), version);
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
