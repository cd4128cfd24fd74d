//! When instance data is due, and what its answers mean (metrics.md 2.1). Pure.

use std::time::{Duration, Instant};

use rand::Rng;

use super::limits::{INSTANCE_INTERVAL, STRETCH_MAX};
use crate::upstream::CallError;

/// The dates of instance data.
#[derive(Debug)]
pub struct Minute {
    due: Instant,
    /// Answers in a row that say upstream has no use for it.
    refusals: u32,
}

impl Minute {
    /// The first post comes a minute after the start.
    pub fn new(now: Instant, random: &mut impl Rng) -> Self {
        let mut minute = Self { due: now, refusals: 0 };
        minute.wait(now, random);
        minute
    }

    /// When the next post is due.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// A post was answered. True if what it held counts as reported: upstream has it, or has no use for it, as open
    /// source Unleash (404).
    pub fn answered(&mut self, result: &Result<u16, CallError>, now: Instant, random: &mut impl Rng) -> bool {
        let is_refused = matches!(result, Err(CallError::Status { status: 403 | 404, .. }));
        match result {
            Ok(_) => self.refusals = 0,
            Err(_) if is_refused => self.refusals = (self.refusals + 1).min(STRETCH_MAX),
            Err(_) => {}
        }
        self.pause(is_refused, now, random);
        result.is_ok() || is_refused
    }

    /// It is to be sent again now.
    pub fn hurry(&mut self, now: Instant) {
        self.due = now;
    }

    /// It cannot be sent now.
    pub fn wait(&mut self, now: Instant, random: &mut impl Rng) {
        self.pause(false, now, random);
    }

    fn pause(&mut self, is_refused: bool, now: Instant, random: &mut impl Rng) {
        let stretch = if is_refused { self.refusals } else { 0 };
        let pause: Duration = INSTANCE_INTERVAL * (1 + stretch);
        self.due = now + pause.mul_f64(random.random_range(0.9..=1.1));
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    fn status(status: u16) -> Result<u16, CallError> {
        match status {
            200..=299 => Ok(status),
            _ => Err(CallError::Status { status, retry_after: None, detail: String::new() }),
        }
    }

    /// After these answers: whether the last one counts as reported, and the pause in minutes, ±10 %.
    #[track_caller]
    fn check(answers: &[u16], reported: bool, minutes: f64) {
        let (now, mut random) = (Instant::now(), SmallRng::seed_from_u64(2));
        let mut minute = Minute::new(now, &mut random);
        let mut counts = false;
        for answer in answers {
            counts = minute.answered(&status(*answer), now, &mut random);
        }
        assert_eq!(counts, reported, "{answers:?}");
        let pause = (minute.due() - now).as_secs_f64() / 60.0;
        assert!((minutes * 0.8999..=minutes * 1.1001).contains(&pause), "{answers:?}: {pause}");
    }

    #[test]
    fn refusals_count_as_reported_and_make_it_rarer() {
        check(&[], false, 1.0);
        check(&[202], true, 1.0);
        check(&[404], true, 2.0);
        check(&[404, 403], true, 3.0);
        check(&[404; 30], true, 11.0);
        check(&[404, 404, 202], true, 1.0);
        check(&[500, 500], false, 1.0);
        check(&[401], false, 1.0);
        check(&[404, 500], false, 1.0);
    }
}
