//! The rounds of all environments, each independent of the others. Pure.
//!
//! Owned by the report thread. An environment joins when it first has something to send; from then on it has its own
//! dates, its own stretch and at most one round under way. Bounded by the ledger, and by forgetting environments that no
//! token of ours reports for.

use std::{collections::BTreeMap, sync::Arc, time::Duration, time::Instant};

use rand::Rng;

use super::{
    answer::Answer,
    pace::{Course, Pace},
    round::{Ended, Fate, Load, Piece, Round},
};

/// See the module.
#[derive(Debug)]
pub struct Rounds<L> {
    interval: Duration,
    environments: BTreeMap<Arc<str>, Environment<L>>,
    /// The process stops: one more round each, at once.
    hurried: bool,
}

#[derive(Debug)]
struct Environment<L> {
    pace: Pace,
    round: Option<Round<L>>,
    /// The last round has begun.
    is_last: bool,
}

impl<L: Load> Rounds<L> {
    /// No environments yet.
    pub fn new(interval: Duration) -> Self {
        Self { interval, environments: BTreeMap::new(), hurried: false }
    }

    /// An environment has something to send; a new one gets its first date.
    pub fn expect(&mut self, name: &Arc<str>, now: Instant, random: &mut impl Rng) {
        if !self.environments.contains_key(name) {
            let pace = Pace::new(self.interval, now, random);
            let environment = Environment { pace, round: None, is_last: false };
            self.environments.insert(Arc::clone(name), environment);
        }
    }

    /// Environments whose next round should begin. Each goes into [`Rounds::begin`],
    /// [`Rounds::skip`] or [`Rounds::forget`].
    pub fn due(&self, now: Instant) -> Vec<Arc<str>> {
        let due = self.environments.iter().filter(|(_, environment)| {
            let is_time = if self.hurried { !environment.is_last } else { environment.pace.due() <= now };
            environment.round.is_none() && is_time
        });
        due.map(|(name, _)| Arc::clone(name)).collect()
    }

    /// Begins a round.
    pub fn begin(&mut self, name: &str, loads: Vec<L>) {
        let Some(environment) = self.environments.get_mut(name) else { return };
        let mut round = Round::new(loads);
        if self.hurried {
            round.hurry();
        }
        environment.is_last = self.hurried;
        environment.round = Some(round);
    }

    /// There is nothing to send: the next date.
    pub fn skip(&mut self, name: &str, now: Instant, random: &mut impl Rng) {
        let Some(environment) = self.environments.get_mut(name) else { return };
        environment.is_last = self.hurried;
        environment.pace.ended(Course::Clean, now, random);
    }

    /// There is nothing to send, and nothing to expect: should there be again, it gets a first date.
    pub fn forget(&mut self, name: &str) {
        self.environments.remove(name);
    }

    /// A piece to post now.
    pub fn next(&mut self, now: Instant) -> Option<(Arc<str>, Piece<L>)> {
        self.environments.iter_mut().find_map(|(name, environment)| {
            let piece = environment.round.as_mut()?.next(now)?;
            Some((Arc::clone(name), piece))
        })
    }

    /// A piece has come back; perhaps it was the last of its round.
    pub fn answered(
        &mut self,
        name: &str,
        piece: Piece<L>,
        answer: Answer,
        now: Instant,
        random: &mut impl Rng,
    ) -> (Fate<L>, Option<Ended<L>>) {
        let Some(environment) = self.environments.get_mut(name) else { return (Fate::Open, None) };
        let Some(round) = &mut environment.round else { return (Fate::Open, None) };
        let fate = round.answered(piece, answer, now, random);
        let over = if round.is_over() { environment.round.take() } else { None };
        let ended = over.map(Round::end);
        if let Some(ended) = &ended {
            environment.pace.ended(ended.course, now, random);
        }
        (fate, ended)
    }

    /// When the next thing is to be done without an answer.
    pub fn wakes(&self) -> Option<Instant> {
        let wakes = self.environments.values().filter_map(|environment| match &environment.round {
            Some(round) => round.wakes(),
            None if self.hurried => None,
            None => Some(environment.pace.due()),
        });
        wakes.min()
    }

    /// From here on every environment has one more round, due at once, with one attempt per piece.
    pub fn hurry(&mut self) {
        self.hurried = true;
        let rounds = self.environments.values_mut().filter_map(|environment| environment.round.as_mut());
        rounds.for_each(Round::hurry);
    }

    /// Ends all rounds; what they have not sent yet and is not on its way.
    pub fn abandon(&mut self) -> Vec<L> {
        let rounds = self.environments.values_mut().filter_map(|environment| environment.round.take());
        rounds.flat_map(Round::abandon).collect()
    }

    /// Whether no round is under way, and none is to begin.
    pub fn are_idle(&self) -> bool {
        self.environments
            .values()
            .all(|environment| environment.round.is_none() && (!self.hurried || environment.is_last))
    }

    /// The interval as it is stretched most now.
    pub fn stretched(&self) -> Duration {
        let paces = self.environments.values().map(|environment| environment.pace.stretched());
        paces.max().unwrap_or(self.interval)
    }
}

#[cfg(test)]
mod tests;
