//! A measurement that cannot have been made.

use jiff::{Timestamp, ToSpan as _, civil::{Date, date}, tz::TimeZone};

use super::{Lint, Run, Sink};
use crate::catalog::{Evidence, Level, Purpose, SourceOrigin, codes};
use crate::resolve::Unresolved;

pub(super) static LINT: Lint = Lint {
    code: codes::IMPOSSIBLE_EVIDENCE,
    name: "impossible-evidence",
    level: Level::Error,
    summary: "A measurement that cannot have been made.",
    explanation: "It cannot have been measured: the arch did not exist in that kernel, the kernel belongs to no era, the date is invalid, in the future or before kflake existed, the time is negative or more than a year, or what passed has a failure class. Such an entry was written by hand or corrupted, and must not count as proof: remove it. Where the kernel did support the arch, the matrix is wrong and wants to be corrected.",
    run: Run::OnCatalog(run),
};

/// The day on which kflake was begun.
const FIRST_DAY: Date = date(2026, 11, 20);
/// Seconds of a year: no build takes as long.
const LONGEST: f64 = 365.0 * 86400.0;

fn run(sink: &mut Sink<'_>) {
    let today = today();
    for (index, it) in sink.catalog.evidence().iter().enumerate() {
        if let Some(what) = impossible(sink, it, today) {
            let said = format!("{what}: {} on {}, {} {}", it.kernel, it.arch, it.stage, it.outcome);
            sink.add_evidence(index, &said);
        }
    }
}

/// The last day that it can be anywhere on earth.
fn today() -> Option<Date> {
    let tomorrow = Timestamp::now().checked_add(14.hours()).ok()?;
    Some(tomorrow.to_zoned(TimeZone::UTC).date())
}

fn impossible(sink: &Sink<'_>, it: &Evidence, today: Option<Date>) -> Option<String> {
    let passed = it.outcome == "passed";
    match it.date.parse::<Date>() {
        // as it is written, and not in another way that means the same
        Ok(date) if date.to_string() != it.date => return Some(format!("{} is no day", it.date)),
        Ok(date) if today.is_some_and(|today| date > today) => {
            return Some(format!("{} is in the future", it.date));
        }
        Ok(date) if date < FIRST_DAY => {
            return Some(format!("kflake did not exist yet on {}", it.date));
        }
        Ok(_) => {}
        Err(_) => return Some(format!("{} is no day", it.date)),
    }
    if !(0.0..LONGEST).contains(&it.seconds) {
        return Some(format!("{} seconds is not a possible time", it.seconds));
    }
    if passed && it.failure.is_some() {
        return Some("it passed, and has a class of failure".to_owned());
    }
    let boot = it.stage == "boot";
    if !boot && it.bare_init {
        return Some("only a boot has an init".to_owned());
    }
    let heard = boot && passed;
    if !heard && !it.warnings.is_empty() {
        return Some("only the kernel of a boot that passed is listened to".to_owned());
    }
    let source = it.source.as_ref();
    let pinned = sink.catalog.kernels.get(&it.kernel);
    if let (Some(source), Some(pin)) = (source, pinned)
        && pin.origin == SourceOrigin::Pinned
        && source.sha256 == pin.sha256
        && source.origin != SourceOrigin::Pinned
    {
        return Some("its source is the pinned one, and it says otherwise".to_owned());
    }
    match sink.resolver.pick(&it.kernel, &it.arch, Purpose::Kernel) {
        Err(Unresolved::Unsupported { support, .. }) => {
            Some(format!("the arch is not supported there ({})", support.reason))
        }
        Err(Unresolved::NoEra { .. }) => Some("the kernel is of no era".to_owned()),
        _ => None,
    }
}
