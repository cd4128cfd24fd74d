//! The failures of one shard since its last tick, so that a storm of them costs a counter and not a message each.
//!
//! The first of its kind is told at once, later ones with the tick. What the channel does not take is kept and told
//! with the next tick. Owned by the shard's witness; allocates when something fails and not before.

use std::time::Duration;

use super::record::Place;

/// Kinds that are told apart: every route of this program with two statuses. A kind beyond is counted as dropped.
const KINDS_MAX: usize = 64;

/// Ticks without a failure after which a kind is forgotten, and its next failure told at once again; ten seconds.
const QUIET_TICKS: u32 = 20;

/// Failures of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// What was asked for.
    pub place: Place,
    /// 500 or more.
    pub status: u16,
    /// How many; not 0.
    pub count: u64,
    /// The slowest of them.
    pub took_max: Duration,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Failures {
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    untold: Failing,
    quiet_ticks: u32,
}

impl Failures {
    /// Notes one; `tell` says whether the news was taken. False if it could not even be noted.
    pub fn add(&mut self, one: Failing, tell: impl FnOnce(Failing) -> bool) -> bool {
        let is_same = |kind: &&mut Kind| {
            kind.untold.status == one.status && kind.untold.place.pattern == one.place.pattern
        };
        if let Some(kind) = self.kinds.iter_mut().find(is_same) {
            kind.untold.count += one.count;
            kind.untold.took_max = kind.untold.took_max.max(one.took_max);
            return true;
        }
        if self.kinds.len() >= KINDS_MAX {
            return false;
        }
        let count = if tell(one) { 0 } else { one.count };
        self.kinds.push(Kind { untold: Failing { count, ..one }, quiet_ticks: 0 });
        true
    }

    /// Tells what has come together, and forgets what has become quiet.
    pub fn tick(&mut self, mut tell: impl FnMut(Failing) -> bool) {
        for kind in &mut self.kinds {
            if kind.untold.count == 0 {
                kind.quiet_ticks += 1;
                continue;
            }
            kind.quiet_ticks = 0;
            if tell(kind.untold) {
                kind.untold.count = 0;
                kind.untold.took_max = Duration::ZERO;
            }
        }
        self.kinds.retain(|kind| kind.quiet_ticks < QUIET_TICKS);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::record::Surface, *};

    fn failing(pattern: &'static str, status: u16, took_ms: u64) -> Failing {
        let place = Place { pattern, surface: Surface::Api };
        Failing { place, status, count: 1, took_max: Duration::from_millis(took_ms) }
    }

    /// Ticks and returns what is told.
    fn tick(failures: &mut Failures, is_taken: bool) -> Vec<(&'static str, u16, u64, u128)> {
        let mut told = Vec::new();
        failures.tick(|one| {
            told.push((one.place.pattern, one.status, one.count, one.took_max.as_millis()));
            is_taken
        });
        told
    }

    #[test]
    fn the_first_of_a_kind_is_told_at_once_and_the_others_together() {
        let mut failures = Failures::default();
        let mut told = 0;
        for one in [failing("a", 503, 1), failing("a", 503, 9), failing("a", 503, 2), failing("b", 503, 3)] {
            assert!(failures.add(one, |one| {
                told += one.count;
                true
            }));
        }
        assert_eq!(told, 2);
        assert_eq!(tick(&mut failures, true), [("a", 503, 2, 9)]);
        assert_eq!(tick(&mut failures, true), []);
    }

    #[test]
    fn what_is_not_taken_is_told_later_and_never_lost() {
        let mut failures = Failures::default();
        failures.add(failing("a", 500, 5), |_| false);
        assert_eq!(tick(&mut failures, false), [("a", 500, 1, 5)]);
        failures.add(failing("a", 500, 7), |_| panic!("known"));
        assert_eq!(tick(&mut failures, true), [("a", 500, 2, 7)]);
        assert_eq!(tick(&mut failures, true), []);
    }

    #[test]
    fn a_quiet_kind_is_new_again() {
        let mut failures = Failures::default();
        let mut told = 0;
        let mut add = |failures: &mut Failures| {
            failures.add(failing("a", 500, 1), |_| {
                told += 1;
                true
            });
            told
        };
        assert_eq!(add(&mut failures), 1);
        for _ in 1..QUIET_TICKS {
            tick(&mut failures, true);
        }
        assert_eq!(add(&mut failures), 1, "not quiet for long enough");
        for _ in 0..=QUIET_TICKS {
            tick(&mut failures, true);
        }
        assert_eq!(add(&mut failures), 2);
    }

    #[test]
    fn kinds_are_bounded() {
        let mut failures = Failures::default();
        let statuses = 500..;
        let noted =
            statuses.take(KINDS_MAX + 1).filter(|status| failures.add(failing("a", *status, 1), |_| true));
        assert_eq!(noted.count(), KINDS_MAX);
    }
}
