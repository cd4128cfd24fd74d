//! How long a loop waits after failures in a row: exponential growth, full jitter, a cap.
//!
//! Pure: the caller counts its failures and passes the randomness. Used by loops that have no period of
//! their own (start-up validation, streams, token issuing); polling has its own rule in
//! [`super::schedule`], because its waits grow with the interval.

use std::time::Duration;

use rand::Rng;

/// An exponential back-off. Copied freely, keeps no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the wait after the first failure.
    pub base: Duration,
    /// No wait is longer.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row: uniform between half of `base` and the ceiling.
    ///
    /// The randomness covers almost the whole range, so that a fleet that lost its upstream at one moment
    /// does not come back at one moment. The floor keeps a run of small draws from turning into a storm.
    pub fn delay(&self, failures: u32, rng: &mut impl Rng) -> Duration {
        let ceiling = self.ceiling(failures);
        between((self.base / 2).min(ceiling), ceiling, rng)
    }

    /// The longest wait after `failures` failures in a row: `base` doubled each time, at most `cap`.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }
}

/// A duration between `low` and `high`, both included; `low` if they are the wrong way round.
pub(super) fn between(low: Duration, high: Duration, rng: &mut impl Rng) -> Duration {
    low + high.saturating_sub(low).mul_f64(rng.random_range(0.0..=1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    const START: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };

    #[test]
    fn ceiling_doubles_up_to_the_cap() {
        let ceilings: Vec<u64> = (0..9).map(|failures| START.ceiling(failures).as_secs()).collect();
        assert_eq!(ceilings, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(START.ceiling(u32::MAX).as_secs(), 60);
    }

    proptest! {
        #[test]
        fn delay_stays_between_floor_and_ceiling(failures: u32, seed: u64, base_ms in 1u64..100_000, cap_ms in 1u64..100_000) {
            let backoff = Backoff { base: Duration::from_millis(base_ms), cap: Duration::from_millis(cap_ms) };
            let delay = backoff.delay(failures, &mut StdRng::seed_from_u64(seed));
            prop_assert!(delay <= backoff.cap);
            prop_assert!(delay <= backoff.ceiling(failures));
            prop_assert!(delay >= (backoff.base / 2).min(backoff.cap));
        }
    }

    #[test]
    fn delays_of_a_fleet_differ() {
        let mut rng = StdRng::seed_from_u64(7);
        let delays: std::collections::BTreeSet<Duration> =
            (0..100).map(|_| START.delay(5, &mut rng)).collect();
        assert!(delays.len() > 90, "only {} different delays", delays.len());
    }
}
