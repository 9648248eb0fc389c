//! The line to show of a failure of no known kind.

use super::super::Reading;
use super::super::grammar::Kind;
use super::CLUSTER;

type Line = (u64, String);

/// What looks most like a cause, where no line looks like an error: what was said last before make's first error, or what only says
/// that something failed.
pub(super) fn line(reading: &Reading) -> Option<Line> {
    let words = reading.last_words.clone();
    let outcome = reading.outcome.as_ref();
    let of_tool = outcome.is_some_and(|(_, _, of_tool)| *of_tool);
    let outcome: Option<Line> = outcome.map(|(number, text, _)| (*number, text.clone()));
    let ends = |kind| matches!(kind, Kind::Make(_) | Kind::Recipe);
    let end = reading.hits.iter().find(|hit| ends(hit.kind));
    let end = end.map_or(u64::MAX, |hit| hit.number);
    // the source that a note points to stands below it
    let said = words.as_ref().map_or(0, |(number, _)| *number);
    let note = reading
        .note
        .clone()
        .filter(|(number, _)| said < number + CLUSTER && !of_tool);
    if note.is_some() {
        return note;
    }
    match (&words, &outcome) {
        // words that do not stand right before the failure are of something else
        (Some((said, _)), Some((failed, _))) if *said + 1 != end.min(*failed) => outcome,
        _ => words.or(outcome).or_else(|| reading.last.clone()),
    }
}
