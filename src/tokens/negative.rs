//! Refusals of tokens we hold no text of: keys, dates and counts (security.md 4.1).
//!
//! Owned by the registry. Bounded and O(1): two generations of half the bound each. New and met entries
//! live in the young one; when it is full, or after [`NEGATIVE_AGE_MAX`], it becomes the old one and the old one is
//! dropped. So at least half the bound of the latest refusals is remembered, and after a flood the memory is given back. A
//! refusal that has expired still counts towards the next one's length as long as it is remembered.

use std::time::Instant;

use super::{
    key::{KeyMap, TokenKey},
    limits::{NEGATIVE_AGE_MAX, NEGATIVE_MAX, NEGATIVE_TTL_MAX, NEGATIVE_TTL_MIN},
    pace::Doubling,
};

const TTL: Doubling = Doubling { first: NEGATIVE_TTL_MIN, longest: NEGATIVE_TTL_MAX };

/// What upstream did not confirm, for a while.
#[derive(Debug)]
pub(super) struct NegativeCache {
    young: KeyMap<Refusal>,
    old: KeyMap<Refusal>,
    /// Entries per generation.
    generation_max: usize,
    /// When the young generation grows old though it is not full.
    turns_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Refusal {
    until: Instant,
    /// Refusals in a row.
    strikes: u32,
}

impl Default for NegativeCache {
    fn default() -> Self {
        Self::with_capacity(NEGATIVE_MAX)
    }
}

impl NegativeCache {
    fn with_capacity(max: usize) -> Self {
        let (young, old) = (KeyMap::default(), KeyMap::default());
        Self { young, old, generation_max: (max / 2).max(1), turns_at: None }
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Until when this key is refused without asking; `None` if upstream must be asked.
    pub(super) fn refused_until(&mut self, key: TokenKey, now: Instant) -> Option<Instant> {
        let refusal = self.take(key)?;
        self.put(key, refusal);
        (now < refusal.until).then_some(refusal.until)
    }

    /// Upstream did not confirm the key: 60 s, doubling to 10 min with each time.
    pub(super) fn refuse(&mut self, key: TokenKey, now: Instant) -> Instant {
        let strikes = self.take(key).map_or(0, |refusal| refusal.strikes).saturating_add(1);
        let until = now + TTL.pause(strikes);
        self.put(key, Refusal { until, strikes });
        until
    }

    /// Forgets what was not met for long. To be called now and then.
    pub(super) fn age(&mut self, now: Instant) {
        if self.len() == 0 {
            self.turns_at = None;
        } else if now >= *self.turns_at.get_or_insert(now + NEGATIVE_AGE_MAX) {
            self.old = std::mem::take(&mut self.young);
            self.turns_at = Some(now + NEGATIVE_AGE_MAX);
        }
    }

    /// Upstream confirmed the key.
    pub(super) fn forgive(&mut self, key: TokenKey) {
        self.take(key);
    }

    fn take(&mut self, key: TokenKey) -> Option<Refusal> {
        self.young.remove(&key).or_else(|| self.old.remove(&key))
    }

    fn put(&mut self, key: TokenKey, refusal: Refusal) {
        if self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, refusal);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tokens::key::KeyHasher;

    fn key(number: u32) -> TokenKey {
        KeyHasher::new([7; 16]).key(number.to_string().as_bytes())
    }

    #[test]
    fn a_refusal_expires_and_grows_with_repetition() {
        let mut cache = NegativeCache::default();
        let mut now = Instant::now();
        for seconds in [60, 120, 240, 480, 600, 600] {
            assert_eq!(cache.refused_until(key(1), now), None);
            let until = cache.refuse(key(1), now);
            assert_eq!(until - now, Duration::from_secs(seconds));
            assert_eq!(cache.refused_until(key(1), until - Duration::from_millis(1)), Some(until));
            now = until;
        }
        cache.forgive(key(1));
        assert_eq!(cache.refuse(key(1), now) - now, NEGATIVE_TTL_MIN);
    }

    #[test]
    fn the_latest_half_is_always_remembered_and_the_bound_holds() {
        let mut cache = NegativeCache::with_capacity(10);
        let now = Instant::now();
        for number in 0..1_000 {
            cache.refuse(key(number), now);
            assert!(cache.len() <= 10);
            let recent = number.saturating_sub(4)..=number;
            assert!(
                recent
                    .into_iter()
                    .all(|n| cache.young.contains_key(&key(n)) || cache.old.contains_key(&key(n)))
            );
        }
        assert_eq!(cache.refused_until(key(0), now), None);
    }

    #[test]
    fn what_is_not_met_any_more_gives_its_memory_back() {
        let (mut cache, start) = (NegativeCache::default(), Instant::now());
        (0..1_000).for_each(|number| _ = cache.refuse(key(number), start));
        cache.age(start);
        cache.age(start + NEGATIVE_AGE_MAX);
        assert!(cache.refused_until(key(0), start).is_some());
        assert_eq!(cache.len(), 1_000);
        cache.age(start + 2 * NEGATIVE_AGE_MAX);
        assert_eq!(cache.len(), 1, "the one that was met");
        cache.age(start + 3 * NEGATIVE_AGE_MAX);
        assert_eq!((cache.len(), cache.young.capacity(), cache.old.capacity()), (0, 0, 0));
    }

    #[test]
    fn one_that_keeps_asking_is_not_evicted() {
        let mut cache = NegativeCache::with_capacity(10);
        let now = Instant::now();
        cache.refuse(key(0), now);
        for number in 1..1_000 {
            cache.refuse(key(number), now);
            assert!(cache.refused_until(key(0), now).is_some(), "after {number}");
        }
    }
}
