//! When the next round of an environment is due (metrics.md 1.6, brink column). Pure.
//!
//! The first round comes after a random part of the interval, so that a fleet started at one moment does not report at
//! one moment; later ones after the interval ±10 %. Failed rounds stretch it by 1, 2, 4, 8, 10 intervals, one that
//! succeeds ends that at once.

use std::time::{Duration, Instant};

use rand::Rng;

use super::limits::STRETCH_MAX;

/// How a round went as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Course {
    /// Every element is delivered, or dropped because upstream will never take it.
    #[default]
    Clean,
    /// Something was kept.
    Failed {
        /// The longest time upstream asked us to stay away.
        retry_after: Option<Duration>,
    },
    /// Upstream does not know bulk metrics.
    Outdated,
}

/// The dates of one environment.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    interval: Duration,
    stretch: u32,
    due: Instant,
}

impl Pace {
    /// Begins within one interval.
    pub fn new(interval: Duration, now: Instant, random: &mut impl Rng) -> Self {
        Self { interval, stretch: 0, due: now + interval.mul_f64(random.random_range(0.0..=1.0)) }
    }

    /// When the next round is due.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// The interval as it is stretched now.
    pub fn stretched(&self) -> Duration {
        self.interval * (1 + self.stretch)
    }

    /// A round has ended.
    pub fn ended(&mut self, course: Course, now: Instant, random: &mut impl Rng) {
        self.stretch = match course {
            Course::Clean => 0,
            Course::Failed { .. } => (self.stretch * 2).clamp(1, STRETCH_MAX),
            Course::Outdated => STRETCH_MAX,
        };
        let pause = self.stretched().mul_f64(random.random_range(0.9..=1.1));
        let asked = match course {
            Course::Failed { retry_after: Some(wait) } => wait.min(self.interval * (1 + STRETCH_MAX)),
            _ => Duration::ZERO,
        };
        self.due = now + pause.max(asked);
    }
}

impl Course {
    /// Of two things that happened in one round, what counts.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Clean, course) | (course, Self::Clean) => course,
            (Self::Outdated, _) | (_, Self::Outdated) => Self::Outdated,
            (Self::Failed { retry_after: mine }, Self::Failed { retry_after: theirs }) => {
                Self::Failed { retry_after: mine.max(theirs) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(60);
    const FAILED: Course = Course::Failed { retry_after: None };

    fn asked(seconds: u64) -> Course {
        Course::Failed { retry_after: Some(Duration::from_secs(seconds)) }
    }

    /// Ends these rounds one after another; the last pause must be this many seconds, ±10 %.
    #[track_caller]
    fn check(courses: &[Course], seconds: f64) {
        for seed in 0..50 {
            let mut random = SmallRng::seed_from_u64(seed);
            let now = Instant::now();
            let mut pace = Pace::new(INTERVAL, now, &mut random);
            assert!(pace.due() >= now && pace.due() <= now + INTERVAL);
            courses.iter().for_each(|course| pace.ended(*course, now, &mut random));
            let pause = (pace.due() - now).as_secs_f64();
            assert!(pause >= seconds * 0.8999 && pause <= seconds * 1.1001, "{courses:?}: {pause}");
        }
    }

    #[test]
    fn failed_rounds_stretch_the_interval_and_one_success_ends_it() {
        check(&[Course::Clean], 60.0);
        check(&[FAILED], 120.0);
        check(&[FAILED; 2], 180.0);
        check(&[FAILED; 3], 300.0);
        check(&[FAILED; 4], 540.0);
        check(&[FAILED; 5], 660.0);
        check(&[FAILED; 50], 660.0);
        check(&[FAILED, FAILED, FAILED, Course::Clean], 60.0);
        check(&[Course::Outdated], 660.0);
        check(&[Course::Outdated, Course::Clean], 60.0);
    }

    #[test]
    fn upstream_may_ask_for_a_longer_pause_up_to_the_cap() {
        let wait = |seconds| {
            let (now, mut random) = (Instant::now(), SmallRng::seed_from_u64(1));
            let mut pace = Pace::new(INTERVAL, now, &mut random);
            pace.ended(asked(seconds), now, &mut random);
            (pace.due() - now).as_secs()
        };
        assert!((108..=132).contains(&wait(5)), "less than the interval asks for nothing");
        assert_eq!(wait(400), 400);
        assert_eq!(wait(86_400), 660);
    }

    #[test]
    fn the_worst_of_a_round_counts() {
        assert_eq!(Course::Clean.and(FAILED), FAILED);
        assert_eq!(asked(3).and(asked(5)).and(FAILED), asked(5));
        assert_eq!(asked(3).and(Course::Outdated).and(Course::Clean), Course::Outdated);
    }
}
