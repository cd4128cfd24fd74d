//! When to validate single tokens: start-up tokens without verdict, refused ones, suspects.
//!
//! Owned by the registry. A key has at most one date; a key in flight has none. Few keys are here (the
//! configuration's and those under suspicion): everything else goes by the revalidation round.

use std::{collections::BTreeSet, time::Instant};

use super::key::{KeyMap, TokenKey};

/// Dates of keys, in order.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    order: BTreeSet<(Instant, TokenKey)>,
    dates: KeyMap<Instant>,
}

impl Agenda {
    /// Puts a key at a date, instead of the one it had.
    pub(super) fn set(&mut self, key: TokenKey, date: Instant) {
        self.remove(key);
        self.order.insert((date, key));
        self.dates.insert(key, date);
    }

    /// Moves a key to an earlier date; one without a date stays without.
    pub(super) fn hasten(&mut self, key: TokenKey, date: Instant) {
        if self.date(key).is_some_and(|set| date < set) {
            self.set(key, date);
        }
    }

    pub(super) fn remove(&mut self, key: TokenKey) {
        if let Some(date) = self.dates.remove(&key) {
            self.order.remove(&(date, key));
        }
    }

    pub(super) fn date(&self, key: TokenKey) -> Option<Instant> {
        self.dates.get(&key).copied()
    }

    /// The earliest date of all.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(date, _)| *date)
    }

    /// Takes out what is due, oldest first.
    pub(super) fn take_due(&mut self, now: Instant, max: usize) -> Vec<TokenKey> {
        let due = self.order.iter().take_while(|(date, _)| *date <= now);
        let keys: Vec<TokenKey> = due.take(max).map(|(_, key)| *key).collect();
        keys.iter().for_each(|key| self.remove(*key));
        keys
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tokens::key::KeyHasher;

    fn keys() -> [TokenKey; 3] {
        [b"a", b"b", b"c"].map(|text| KeyHasher::new([7; 16]).key(text))
    }

    #[test]
    fn gives_what_is_due_oldest_first() {
        let ([a, b, c], start) = (keys(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut agenda = Agenda::default();
        for (key, seconds) in [(a, 3), (b, 1), (c, 9)] {
            agenda.set(key, at(seconds));
        }
        assert_eq!(agenda.next(), Some(at(1)));
        assert_eq!(agenda.take_due(at(0), 9), []);
        assert_eq!(agenda.take_due(at(5), 1), [b]);
        assert_eq!(agenda.take_due(at(5), 9), [a]);
        assert_eq!((agenda.date(a), agenda.date(c)), (None, Some(at(9))));
    }

    #[test]
    fn a_key_has_one_date() {
        let ([a, b, _], start) = (keys(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut agenda = Agenda::default();
        agenda.set(a, at(5));
        agenda.set(a, at(7));
        agenda.hasten(a, at(8));
        agenda.hasten(b, at(1));
        assert_eq!(agenda.next(), Some(at(7)));
        agenda.hasten(a, at(2));
        assert_eq!((agenda.take_due(at(9), 9), agenda.next()), (vec![a], None));
    }
}
