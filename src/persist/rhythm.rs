//! When to write: tokens at most every five seconds, features at most every ten, tokens also every minute or so.
//! Pure: time is an argument (persistence.md 8, rules 6, 7 and 10).
//!
//! A change waits a moment for others to come along. After a failure everything waits, longer each time; the end of
//! the process waits for nothing.

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// How long a change waits for company.
const GATHER: Duration = Duration::from_millis(500);
/// Between two writes of tokens that follow from changes.
const TOKENS_PAUSE: Duration = Duration::from_secs(5);
/// Between two writes of features.
const FEATURES_PAUSE: Duration = Duration::from_secs(10);
/// Between two writes of tokens that follow from nothing; less or more a tenth of it, so that a fleet with one store
/// does not write in step.
const TICK: Duration = Duration::from_secs(60);
/// After the first failure; doubled with each, up to [`TICK`].
const RETRY: Duration = Duration::from_secs(5);

/// What is to be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// Tokens, because they may have changed.
    pub tokens: bool,
    /// Tokens, changed or not: another writer may have put other ones there.
    pub tokens_anyway: bool,
    /// Features and all that goes with them, because they may have changed.
    pub features: bool,
}

impl Due {
    /// Everything, as at the end.
    pub const ALL: Self = Self { tokens: true, tokens_anyway: true, features: true };

    /// Whether there is anything to do.
    pub fn is_some(self) -> bool {
        self != Self::default()
    }
}

/// See the module.
#[derive(Debug)]
pub struct Rhythm {
    tokens: Series,
    features: Series,
    tick: Instant,
    /// After a failure.
    rest_until: Option<Instant>,
    setbacks: u32,
    random: SmallRng,
}

/// The writes of one kind.
#[derive(Debug, Default)]
struct Series {
    due: Option<Instant>,
    last: Option<Instant>,
}

impl Series {
    fn changed(&mut self, pause: Duration, now: Instant) {
        let soonest = self.last.map_or(now, |last| last + pause);
        self.due.get_or_insert((now + GATHER).max(soonest));
    }

    fn take(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

impl Rhythm {
    /// Nothing to write yet.
    pub fn new(now: Instant, seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let tick = now + jittered(TICK, &mut random);
        let series = Series::default;
        Self { tokens: series(), features: series(), tick, rest_until: None, setbacks: 0, random }
    }

    /// Tokens may have changed.
    pub fn tokens_changed(&mut self, now: Instant) {
        self.tokens.changed(TOKENS_PAUSE, now);
    }

    /// Features may have changed.
    pub fn features_changed(&mut self, now: Instant) {
        self.features.changed(FEATURES_PAUSE, now);
    }

    /// When to look again.
    pub fn next(&self) -> Instant {
        let dates = [self.tokens.due, self.features.due, Some(self.tick)];
        let first = dates.into_iter().flatten().min().unwrap_or(self.tick);
        self.rest_until.map_or(first, |rest| rest.max(first))
    }

    /// Takes out what is to be written now.
    pub fn take_due(&mut self, now: Instant) -> Due {
        if self.rest_until.is_some_and(|rest| now < rest) {
            return Due::default();
        }
        let tokens_anyway = self.tick <= now;
        if tokens_anyway {
            self.tick = now + jittered(TICK, &mut self.random);
        }
        Due { tokens: self.tokens.take(now), tokens_anyway, features: self.features.take(now) }
    }

    /// This was written, or nothing differed.
    pub fn written(&mut self, due: Due, now: Instant) {
        (self.rest_until, self.setbacks) = (None, 0);
        if due.tokens || due.tokens_anyway {
            self.tokens.last = Some(now);
        }
        if due.features {
            self.features.last = Some(now);
        }
    }

    /// It could not be written, or not read: rest, and try the same again.
    pub fn failed(&mut self, due: Due, now: Instant) {
        let rest = RETRY.saturating_mul(1 << self.setbacks.min(8)).min(TICK);
        let until = now + jittered(rest, &mut self.random);
        self.setbacks = self.setbacks.saturating_add(1);
        self.rest_until = Some(until);
        if due.tokens || due.tokens_anyway {
            self.tokens.due.get_or_insert(until);
        }
        if due.features {
            self.features.due.get_or_insert(until);
        }
    }
}

fn jittered(time: Duration, random: &mut SmallRng) -> Duration {
    time.mul_f64(random.random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    /// Looks whenever it is time to, and lists what was due and when, in tenths of a second.
    fn run(
        rhythm: &mut Rhythm,
        start: Instant,
        until: f64,
        changes: &[(f64, bool, bool)],
    ) -> Vec<(u64, Due)> {
        let mut seen = Vec::new();
        let mut changes = changes.iter().peekable();
        for tenth in 0..(until * 10.0) as u64 {
            let now = at(start, tenth as f64 / 10.0);
            while let Some((_, tokens, features)) = changes.next_if(|(when, ..)| at(start, *when) <= now) {
                if *tokens {
                    rhythm.tokens_changed(now);
                }
                if *features {
                    rhythm.features_changed(now);
                }
            }
            let due = rhythm.take_due(now);
            if due.is_some() {
                seen.push((tenth, due));
                rhythm.written(due, now);
            }
            assert!(rhythm.next() > now, "it would look again at once");
        }
        seen
    }

    #[test]
    fn a_burst_of_changes_is_two_writes() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start, 7);
        let burst: Vec<_> = (0..30).map(|tenth| (f64::from(tenth) / 10.0, true, true)).collect();
        let seen = run(&mut rhythm, start, 40.0, &burst);
        let tokens = Due { tokens: true, ..Due::default() };
        let features = Due { features: true, ..Due::default() };
        let both = Due { tokens: true, features: true, ..Due::default() };
        assert_eq!(seen, [(5, both), (55, tokens), (105, features)]);
    }

    #[test]
    fn tokens_are_written_every_minute_give_or_take_a_tenth() {
        let mut ticks = Vec::new();
        for seed in 0..50 {
            let start = Instant::now();
            let seen = run(&mut Rhythm::new(start, seed), start, 70.0, &[]);
            assert!(
                matches!(seen[..], [(_, Due { tokens_anyway: true, tokens: false, features: false })]),
                "{seen:?}"
            );
            ticks.push(seen[0].0);
        }
        ticks.sort_unstable();
        assert!(ticks[0] >= 540 && ticks[49] <= 660, "{ticks:?}");
        assert!(ticks[49] - ticks[0] > 60, "a fleet spreads: {ticks:?}");
    }

    #[test]
    fn after_failures_it_rests_longer_and_forgets_nothing() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start, 7);
        rhythm.features_changed(start);
        let mut now = rhythm.next();
        for rest in [5, 10, 20, 40, 60, 60] {
            let due = rhythm.take_due(now);
            assert!(due.features, "{rest}");
            rhythm.failed(due, now);
            assert_eq!(rhythm.take_due(now + SECOND), Due::default());
            let wait = rhythm.next() - now;
            assert!(wait >= rest * SECOND * 9 / 10 && wait <= rest * SECOND * 11 / 10, "{wait:?} for {rest}");
            now = rhythm.next();
        }
        let due = rhythm.take_due(now);
        rhythm.written(due, now);
        rhythm.failed(Due::ALL, now);
        assert!(rhythm.next() <= now + 6 * SECOND, "a success forgives");
    }
}
