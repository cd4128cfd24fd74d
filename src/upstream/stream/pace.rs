//! When a stream is opened again, and how long silence is borne (delta-and-streaming.md 6.3): pure, time and randomness
//! are arguments.
//!
//! Where Unleash Edge 20.4 reconnects without any delay, or in step with its fleet, every wait here is drawn at random.
//! One connection that lasted [`HEALTHY`] forgets all failures before it.

use std::time::Duration;

use rand::Rng;

use super::super::backoff::{Backoff, between};

/// So many waits in a row are short, about half a minute in all: who has lost a stream for that long has it again within
/// three seconds of upstream's return.
const SHORT_TIMES: u32 = 20;
/// Those waits.
const SHORT: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(2_500)];
/// After more failures in a row: 1, 2, 4 … 60 s.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };
/// A fleet that starts together does not connect together.
const START_MAX: Duration = Duration::from_secs(2);
/// A connection that lasted so long was a good one.
pub const HEALTHY: Duration = Duration::from_secs(60);
/// The longest wait that `Retry-After` gets.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Bounds of what the stream's own `retry` may ask for.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// How a connection came to its end, or why there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// No connection, or no answer.
    Unreachable,
    /// 401 or 403.
    Denied,
    /// Another status that is not success, or no event stream.
    Refused {
        /// `Retry-After`
        retry_after: Option<Duration>,
    },
    /// Upstream ended the stream, or it broke.
    Ended,
    /// Not a byte for too long.
    Silent,
    /// We ended it, to begin again without an id.
    Rehydrate,
}

impl End {
    /// The label `reason` of `brink_upstream_stream_reconnects_total`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::Refused { .. } => "refused",
            Self::Ended => "ended",
            Self::Silent => "silent",
            Self::Rehydrate => "rehydration",
        }
    }
}

/// Counts failures in a row. See the module.
#[derive(Debug, Default)]
pub struct Pace {
    failures: u32,
    /// What the stream asked for.
    retry: Option<Duration>,
}

impl Pace {
    /// The wait before the first connection.
    pub fn start(&self, random: &mut impl Rng) -> Duration {
        between(Duration::ZERO, START_MAX, random)
    }

    /// The stream has said how long to wait; it holds until it says something else.
    pub fn asked(&mut self, retry: Duration) {
        let [least, most] = RETRY;
        self.retry = Some(retry.clamp(least, most));
    }

    /// The wait before the next connection. `up`: how long the stream was open, nothing if it never was.
    pub fn ended(&mut self, end: End, up: Duration, random: &mut impl Rng) -> Duration {
        if up >= HEALTHY {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        match end {
            End::Denied => between(BACKOFF.cap / 2, BACKOFF.cap, random),
            End::Refused { retry_after: Some(asked) } => {
                let asked = asked.min(RETRY_AFTER_MAX);
                self.unasked(random).max(between(asked, asked.mul_f64(1.1), random))
            }
            _ => self.unasked(random),
        }
    }

    /// The wait if upstream's answer asks for none.
    fn unasked(&self, random: &mut impl Rng) -> Duration {
        let base = self.retry.unwrap_or(BACKOFF.base);
        match self.failures.checked_sub(SHORT_TIMES) {
            Some(beyond @ 1..) => Backoff { base, ..BACKOFF }.delay(beyond, random),
            _ => match self.retry {
                Some(asked) => between(asked, asked.mul_f64(1.5), random),
                None => between(SHORT[0], SHORT[1], random),
            },
        }
    }
}

/// How long a connection may be silent: two and a half of the largest pause between keep-alives that was met, within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Never give up earlier.
    pub least: Duration,
    /// Never wait longer; and that long before the first keep-alive was met.
    pub most: Duration,
    /// The largest pause before a keep-alive.
    pub met: Option<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { least: Duration::from_secs(45), most: Duration::from_secs(90), met: None }
    }
}

impl Patience {
    /// A keep-alive has come after such a pause.
    pub fn kept_alive(&mut self, pause: Duration) {
        self.met = Some(self.met.map_or(pause, |met| met.max(pause)));
    }

    /// The limit of the next connection.
    pub fn limit(&self) -> Duration {
        self.met.map_or(self.most, |met| met.mul_f64(2.5).clamp(self.least, self.most))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    const REFUSED: End = End::Refused { retry_after: None };

    /// Lowest and highest of many draws of the wait after this many equal ends, in milliseconds.
    fn draws(end: End, times: u32, up: Duration, retry: Option<u64>) -> (u128, u128) {
        let waits = (0..2_000).map(|seed| {
            let (mut pace, mut random) = (Pace::default(), StdRng::seed_from_u64(seed));
            retry.into_iter().for_each(|retry| pace.asked(Duration::from_millis(retry)));
            let waits = (0..times).map(|_| pace.ended(end, up, &mut random));
            waits.last().map_or(0, |wait| wait.as_millis())
        });
        let waits: Vec<u128> = waits.collect();
        (waits.iter().copied().min().unwrap_or(0), waits.iter().copied().max().unwrap_or(0))
    }

    /// The draws fill this range, to a twentieth.
    #[track_caller]
    fn check(end: End, times: u32, up_seconds: u64, retry: Option<u64>, low: u128, high: u128) {
        let (least, most) = draws(end, times, Duration::from_secs(up_seconds), retry);
        let slack = (high - low) / 20 + 1;
        assert!((low..=low + slack).contains(&least), "{end:?} {times}: from {least}, not {low}");
        assert!((high - slack..=high).contains(&most), "{end:?} {times}: to {most}, not {high}");
    }

    #[test]
    fn the_reconnect_table() {
        let wants = |seconds| End::Refused { retry_after: Some(Duration::from_secs(seconds)) };
        for (end, times, up, retry, low, high) in [
            // Short ones first, however the connection ended.
            (End::Unreachable, 1, 0, None, 500, 2_500),
            (End::Ended, 1, 0, None, 500, 2_500),
            (End::Silent, 1, 90, None, 500, 2_500),
            (End::Rehydrate, 1, 5, None, 500, 2_500),
            (REFUSED, 20, 0, None, 500, 2_500),
            // Then longer and longer, unless one was healthy.
            (End::Unreachable, 21, 0, None, 500, 1_000),
            (REFUSED, 22, 0, None, 500, 2_000),
            (End::Ended, 25, 0, None, 500, 16_000),
            (End::Rehydrate, 50, 5, None, 500, 60_000),
            (End::Ended, 50, 60, None, 500, 2_500),
            // What upstream's answer asked for.
            (wants(20), 1, 0, None, 20_000, 22_000),
            (wants(4_000), 1, 0, None, 300_000, 330_000),
            (End::Denied, 1, 0, None, 30_000, 60_000),
            (End::Denied, 9, 0, None, 30_000, 60_000),
            // What the stream asked for, within bounds.
            (End::Ended, 1, 5, Some(5_000), 5_000, 7_500),
            (End::Ended, 1, 5, Some(1), 1_000, 1_500),
            (End::Ended, 1, 5, Some(9_000_000), 60_000, 90_000),
            (End::Ended, 22, 5, Some(5_000), 2_500, 10_000),
        ] {
            check(end, times, up, retry, low, high);
        }
    }

    #[test]
    fn a_start_is_spread_over_two_seconds() {
        let mut random = StdRng::seed_from_u64(1);
        let waits: Vec<u128> = (0..500).map(|_| Pace::default().start(&mut random).as_millis()).collect();
        assert!(waits.iter().all(|wait| *wait <= 2_000));
        assert!(waits.iter().any(|wait| *wait < 100) && waits.iter().any(|wait| *wait > 1_900));
    }

    #[test]
    fn patience_follows_the_keep_alives() {
        let limit = |pauses: &[u64]| {
            let mut patience = Patience::default();
            pauses.iter().for_each(|pause| patience.kept_alive(Duration::from_secs(*pause)));
            patience.limit().as_secs()
        };
        let rows: [(&[u64], u64); 5] =
            [(&[], 90), (&[1], 45), (&[20, 30, 3], 75), (&[60], 90), (&[30, 15], 75)];
        for (pauses, expected) in rows {
            assert_eq!(limit(pauses), expected, "{pauses:?}");
        }
    }

    proptest! {
        #[test]
        fn it_never_hammers(ends in prop::collection::vec(0..6_usize, 1..40), seed: u64) {
            let all = [End::Unreachable, End::Denied, REFUSED, End::Ended, End::Silent, End::Rehydrate];
            let (mut pace, mut random) = (Pace::default(), StdRng::seed_from_u64(seed));
            for end in ends {
                let wait = pace.ended(all[end], Duration::from_secs(1), &mut random);
                prop_assert!(wait >= Duration::from_millis(500), "{wait:?}");
                prop_assert!(wait <= Duration::from_secs(60), "{wait:?}");
            }
        }
    }
}
