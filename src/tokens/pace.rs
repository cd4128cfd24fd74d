//! Pauses: doubling between two bounds, ±10 % of chance so that a fleet does not act in step, and a least distance.

use std::time::{Duration, Instant};

use rand::{Rng, RngCore};

/// A pause that doubles with each setback.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubling {
    /// After the first setback.
    pub(super) first: Duration,
    /// Never longer than this.
    pub(super) longest: Duration,
}

impl Doubling {
    /// The pause after `setbacks` in a row; 0 and 1 both mean the first.
    pub(super) fn pause(self, setbacks: u32) -> Duration {
        let factor = 1_u32.checked_shl(setbacks.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

/// Keeps calls apart by a least distance.
#[derive(Debug)]
pub(super) struct Spacing {
    gap: Duration,
    /// No call before this.
    free_from: Option<Instant>,
}

impl Spacing {
    /// The first call may be made at once.
    pub(super) fn new(gap: Duration) -> Self {
        Self { gap, free_from: None }
    }

    /// Another distance from the next call on.
    pub(super) fn set_gap(&mut self, gap: Duration) {
        self.gap = gap;
    }

    /// A call is made.
    pub(super) fn depart(&mut self, now: Instant) {
        self.free_from = Some(now + self.gap);
    }

    /// When the next call may be made: not before `now`.
    pub(super) fn next(&self, now: Instant) -> Instant {
        self.free_from.map_or(now, |free_from| free_from.max(now))
    }
}

/// The pause, longer or shorter by up to a tenth.
pub(super) fn jittered(pause: Duration, random: &mut dyn RngCore) -> Duration {
    pause.mul_f64(random.random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn doubles_up_to_the_longest() {
        let pace = Doubling { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
        let seconds = |setbacks: &[u32]| -> Vec<u64> {
            setbacks.iter().map(|count| pace.pause(*count).as_secs()).collect()
        };
        assert_eq!(seconds(&[0, 1, 2, 3, 6, 7, 8]), [1, 1, 2, 4, 32, 60, 60]);
        assert_eq!(seconds(&[31, 32, 33, u32::MAX]), [60; 4]);
    }

    #[test]
    fn a_long_first_pause_is_capped() {
        let pace = Doubling { first: Duration::from_secs(60), longest: Duration::from_secs(5) };
        assert_eq!(pace.pause(1).as_secs(), 5);
    }

    #[test]
    fn calls_are_kept_apart() {
        let (now, gap) = (Instant::now(), Duration::from_millis(125));
        let mut spacing = Spacing::new(gap);
        assert_eq!(spacing.next(now), now);
        spacing.depart(now);
        assert_eq!(spacing.next(now), now + gap);
        assert_eq!(spacing.next(now + gap), now + gap);
        assert_eq!(spacing.next(now + 3 * gap), now + 3 * gap);
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_varies() {
        let mut random = SmallRng::seed_from_u64(1);
        let pauses: Vec<Duration> =
            (0..100).map(|_| jittered(Duration::from_secs(100), &mut random)).collect();
        let (low, high) = (Duration::from_secs(90), Duration::from_secs(110));
        assert!(pauses.iter().all(|pause| (low..=high).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
