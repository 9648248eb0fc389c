//! Why a derivation is not there after the process that was to build it: decided from what is known, without looking anywhere.

use super::process::Stop;
use crate::nix::DrvPath;

/// Why a derivation is not in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It was stopped, being silent or too long at it for so many seconds.
    TimedOut { silent: bool, seconds: u64 },
    /// What it needs failed; the derivation at the root of it.
    Blocked { by: DrvPath },
    /// Its process was stopped for another reason: its turn comes again, or the end of the run leaves it.
    CutShort,
    /// It failed by itself.
    Failed,
}

/// Decides about `drv`, whose process was told to `stop` or was not. `after_stop` says whether its own build ended after that; none: it
/// had not begun. `blocker` is what it needs and did not come about.
pub(super) fn absence(
    drv: &DrvPath,
    stop: Option<&Stop>,
    after_stop: Option<bool>,
    blocker: Option<DrvPath>,
) -> Absence {
    match (stop, blocker) {
        (
            Some(Stop::Timeout {
                drv: late,
                silent,
                seconds,
            }),
            _,
        ) if late == drv => Absence::TimedOut {
            silent: *silent,
            seconds: *seconds,
        },
        (_, Some(by)) => Absence::Blocked { by },
        (Some(_), None) if after_stop.unwrap_or(true) => Absence::CutShort,
        _ => Absence::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_counts_for_what_it_was_for_and_cuts_short_the_rest() {
        let late = |drv: &str| Stop::Timeout {
            drv: DrvPath::named(drv),
            silent: true,
            seconds: 9,
        };
        let by = || Some(DrvPath::named("input"));
        let timed_out = Absence::TimedOut {
            silent: true,
            seconds: 9,
        };
        assert_eq!(
            absence(&DrvPath::named("a"), None, None, None),
            Absence::Failed
        );
        assert_eq!(
            absence(&DrvPath::named("a"), None, Some(false), None),
            Absence::Failed
        );
        assert_eq!(
            absence(&DrvPath::named("a"), Some(&late("a")), Some(true), by()),
            timed_out
        );
        let blocked = Absence::Blocked {
            by: DrvPath::named("input"),
        };
        assert_eq!(absence(&DrvPath::named("a"), None, None, by()), blocked);
        assert_eq!(
            absence(&DrvPath::named("a"), Some(&Stop::Run), Some(true), by()),
            blocked
        );
        for stop in [late("b"), Stop::Run] {
            assert_eq!(
                absence(&DrvPath::named("a"), Some(&stop), None, None),
                Absence::CutShort
            );
            assert_eq!(
                absence(&DrvPath::named("a"), Some(&stop), Some(true), None),
                Absence::CutShort
            );
            // it had failed before
            assert_eq!(
                absence(&DrvPath::named("a"), Some(&stop), Some(false), None),
                Absence::Failed
            );
        }
    }
}
