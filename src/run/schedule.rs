//! Which unit is started next, and how long the rest takes.

use std::time::Instant;

use super::order::{Kind, Order, UnitId};
use crate::nix::DrvPath;

/// Where a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitState {
    /// It is to be started, not before a time.
    Waiting { not_before: Option<Instant> },
    /// A process works on it.
    Running,
    /// Each of its derivations has ended.
    Done,
}

/// The units of a run, and where each is.
#[derive(Debug)]
pub(super) struct Schedule {
    order: Order,
    states: Vec<UnitState>,
}

impl Schedule {
    pub(super) fn new(order: Order) -> Schedule {
        let states = vec![UnitState::Waiting { not_before: None }; order.units.len()];
        Schedule { order, states }
    }

    /// All units.
    pub(super) fn units(&self) -> impl Iterator<Item = UnitId> + use<> {
        self.order.ids()
    }

    /// The derivations of `unit`, inputs before what needs them.
    pub(super) fn drvs(&self, unit: UnitId) -> &[DrvPath] {
        &self.order[unit].drvs
    }

    pub(super) fn kind(&self, unit: UnitId) -> Kind {
        self.order[unit].kind
    }

    pub(super) fn set(&mut self, unit: UnitId, state: UnitState) {
        self.states[unit.0] = state;
    }

    /// Whether any unit is to be started yet.
    pub(super) fn anything_waits(&self) -> bool {
        let waits = |state: &UnitState| matches!(state, UnitState::Waiting { .. });
        self.states.iter().any(waits)
    }

    /// The unit to start at `now`, where there is `room` for its kind: of those that can start, the one with the longest way to the end.
    pub(super) fn next(&self, now: Instant, room: impl Fn(Kind) -> bool) -> Option<UnitId> {
        let done = |unit: &UnitId| self.states[unit.0] == UnitState::Done;
        let ready = |id: &UnitId| {
            let unit = &self.order[*id];
            let due = match self.states[id.0] {
                UnitState::Waiting { not_before } => not_before.is_none_or(|time| now >= time),
                UnitState::Running | UnitState::Done => false,
            };
            due && room(unit.kind) && unit.needs.iter().all(done)
        };
        self.units().filter(ready).max_by(|a, b| {
            let priority = |id: &UnitId| self.order[*id].priority;
            // of equals the first in plan order
            priority(a).total_cmp(&priority(b)).then(b.cmp(a))
        })
    }

    /// Seconds to the end with `jobs` builds at once: the work left over these, but no less than the longest chain. `spent` says how much
    /// went into a unit already. None where `known` knows no derivation that is left.
    pub(super) fn seconds_left(
        &self,
        jobs: usize,
        spent: impl Fn(UnitId) -> f64,
        known: impl Fn(&DrvPath) -> bool,
    ) -> Option<f64> {
        let mut work = 0.0;
        let mut chain: f64 = 0.0;
        let mut any_known = false;
        for id in self.units() {
            if self.states[id.0] == UnitState::Done {
                continue;
            }
            let unit = &self.order[id];
            any_known |= unit.drvs.iter().any(&known);
            let spent = spent(id);
            work += (unit.seconds - spent).max(0.0);
            chain = chain.max(unit.priority - spent);
        }
        any_known.then(|| chain.max(work / jobs as f64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::super::order::Unit;
    use super::*;

    fn unit(kind: Kind, needs: &[usize], priority: f64) -> Unit {
        Unit {
            kind,
            drvs: vec![DrvPath::named(&format!("d{priority}"))],
            needs: needs.iter().copied().map(UnitId).collect::<BTreeSet<_>>(),
            seconds: 1.0,
            priority,
        }
    }

    #[test]
    fn the_longest_way_goes_first_where_there_is_room_and_nothing_is_missing() {
        let units = vec![
            unit(Kind::Build, &[], 2.0),
            unit(Kind::Build, &[0], 9.0),
            unit(Kind::Build, &[], 3.0),
            unit(Kind::Build, &[], 3.0),
            unit(Kind::Fetch, &[], 1.0),
        ];
        let mut schedule = Schedule::new(Order { units });
        let now = Instant::now();
        assert_eq!(schedule.next(now, |_| true), Some(UnitId(2)));
        assert_eq!(
            schedule.next(now, |kind| kind == Kind::Fetch),
            Some(UnitId(4))
        );
        schedule.set(UnitId(2), UnitState::Running);
        assert_eq!(schedule.next(now, |_| true), Some(UnitId(3)));
        let later = now + Duration::from_secs(5);
        let not_before = Some(later);
        schedule.set(UnitId(3), UnitState::Waiting { not_before });
        assert_eq!(schedule.next(now, |_| true), Some(UnitId(0)));
        assert_eq!(schedule.next(later, |_| true), Some(UnitId(3)));
        schedule.set(UnitId(0), UnitState::Done);
        assert_eq!(schedule.next(now, |_| true), Some(UnitId(1)));
        assert!(schedule.anything_waits());
        for unit in schedule.units() {
            schedule.set(unit, UnitState::Done);
        }
        assert!(!schedule.anything_waits());
        assert_eq!(schedule.next(later, |_| true), None);
    }

    #[test]
    fn the_rest_takes_as_long_as_its_work_or_its_longest_chain() {
        let units = vec![unit(Kind::Build, &[], 1.0), unit(Kind::Build, &[], 1.5)];
        let mut schedule = Schedule::new(Order { units });
        let left = |schedule: &Schedule, jobs| schedule.seconds_left(jobs, |_| 0.0, |_| true);
        assert_eq!(left(&schedule, 1), Some(2.0));
        assert_eq!(left(&schedule, 2), Some(1.5));
        assert_eq!(schedule.seconds_left(1, |_| 0.5, |_| true), Some(1.0));
        assert_eq!(schedule.seconds_left(1, |_| 0.0, |_| false), None);
        schedule.set(UnitId(1), UnitState::Done);
        assert_eq!(left(&schedule, 2), Some(1.0));
    }
}
