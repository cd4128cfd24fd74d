//! The round in which every validated token is asked about again (upstream.md 5.3).
//!
//! Owned by the registry. A round begins every interval ±10 %, takes its list once and works it off in
//! batches; a batch without verdict goes back and the round pauses, doubling. While a round lasts no
//! other begins.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rand::RngCore;

use super::{
    key::TokenKey,
    limits::{RETRY_MAX, RETRY_MIN},
    pace::{Doubling, jittered},
};

const RETRY: Doubling = Doubling { first: RETRY_MIN, longest: RETRY_MAX };

/// When the next round begins and what is left of this one.
#[derive(Debug)]
pub(super) struct Round {
    interval: Duration,
    begins: Instant,
    left: VecDeque<TokenKey>,
    /// No batch before this, after a failed one.
    paused_until: Option<Instant>,
    /// Failed batches in a row.
    setbacks: u32,
}

impl Round {
    /// The first round begins one interval after `now`, as in Unleash Edge 20.4.
    pub(super) fn new(interval: Duration, now: Instant, random: &mut dyn RngCore) -> Self {
        let begins = now + jittered(interval, random);
        Self { interval, begins, left: VecDeque::new(), paused_until: None, setbacks: 0 }
    }

    /// Begins the next round earlier.
    pub(super) fn hasten(&mut self, date: Instant) {
        self.begins = self.begins.min(date);
    }

    /// Whether the list for a new round is wanted.
    pub(super) fn is_to_begin(&self, now: Instant) -> bool {
        self.left.is_empty() && self.begins <= now
    }

    pub(super) fn begin(&mut self, keys: Vec<TokenKey>, now: Instant, random: &mut dyn RngCore) {
        self.left = keys.into();
        self.begins = now + jittered(self.interval, random);
    }

    /// Takes the next of the round; nothing while it pauses.
    pub(super) fn take(&mut self, now: Instant, max: usize) -> Vec<TokenKey> {
        if self.paused_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let count = max.min(self.left.len());
        self.left.drain(..count).collect()
    }

    pub(super) fn succeeded(&mut self) {
        (self.setbacks, self.paused_until) = (0, None);
    }

    /// No verdict on these: they are the next again, after a pause.
    pub(super) fn failed(&mut self, keys: Vec<TokenKey>, now: Instant, random: &mut dyn RngCore) {
        keys.into_iter().rev().for_each(|key| self.left.push_front(key));
        self.setbacks = self.setbacks.saturating_add(1);
        self.paused_until = Some(now + jittered(RETRY.pause(self.setbacks), random));
    }

    /// When it wants to act next; not after `now` if at once.
    pub(super) fn next(&self, now: Instant) -> Instant {
        match (self.left.is_empty(), self.paused_until) {
            (true, _) => self.begins,
            (false, Some(until)) => until,
            (false, None) => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;
    use crate::tokens::key::KeyHasher;

    const INTERVAL: Duration = Duration::from_secs(100);

    fn keys(count: u32) -> Vec<TokenKey> {
        (0..count).map(|number| KeyHasher::new([7; 16]).key(number.to_string().as_bytes())).collect()
    }

    #[test]
    fn a_round_is_worked_off_in_batches_and_the_next_begins_an_interval_later() {
        let (start, mut random) = (Instant::now(), SmallRng::seed_from_u64(1));
        let mut round = Round::new(INTERVAL, start, &mut random);
        assert!(!round.is_to_begin(start + INTERVAL * 8 / 10));
        let now = start + INTERVAL * 11 / 10;
        assert!(round.is_to_begin(now));
        round.begin(keys(5), now, &mut random);
        assert_eq!(round.next(now), now);
        assert_eq!([round.take(now, 3), round.take(now, 3)].concat(), keys(5));
        let wait = round.next(now) - now;
        assert!((INTERVAL * 9 / 10..=INTERVAL * 11 / 10).contains(&wait), "{wait:?}");
    }

    #[test]
    fn a_failed_batch_is_next_again_after_a_growing_pause() {
        let (mut now, mut random) = (Instant::now(), SmallRng::seed_from_u64(1));
        let mut round = Round::new(INTERVAL, now, &mut random);
        round.begin(keys(4), now, &mut random);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(round.take(now, 2), keys(2));
            round.failed(keys(2), now, &mut random);
            assert_eq!(round.take(now, 2), []);
            let pause = (round.next(now) - now).as_secs_f64();
            assert!((0.9..=1.1).contains(&(pause / f64::from(seconds))), "{pause} is not about {seconds}");
            now = round.next(now);
        }
        round.failed(Vec::new(), now, &mut random);
        assert_eq!(round.take(now, 9), []);
        round.succeeded();
        assert_eq!(round.take(now, 9), keys(4));
        round.failed(keys(4), now, &mut random);
        assert!(round.next(now) - now < RETRY_MIN * 2, "a success ends the growth");
    }
}
