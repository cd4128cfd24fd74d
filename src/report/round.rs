//! One round of one environment: what was gathered, in pieces, on its way to upstream. Pure.
//!
//! ```text
//!   waiting --next--> in flight --answered--> sent | dropped (too large, rejected) | kept
//!      ^  ^-- halves (413, 400) --/    |
//!      \---- resting (no connection) <-/
//! ```
//! Every load that goes in comes out exactly once, whole or in halves. A piece is sent again only after an answer, or
//! after a failure that left upstream without it; [`Answer::Silent`] is kept for the next round. Pieces with
//! applications go first and are waited for: upstream wants to know an application before its metrics.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rand::Rng;

use super::{
    answer::Answer,
    limits::{
        BISECTION_POSTS_MAX, HALVING_POSTS_MAX, POSTS_IN_FLIGHT_MAX, RETRIES_MAX, RETRY_PAUSE_MAX,
        RETRY_PAUSE_MIN,
    },
    pace::Course,
};
use crate::upstream::backoff::Backoff;

const RETRY: Backoff = Backoff { base: RETRY_PAUSE_MIN, cap: RETRY_PAUSE_MAX };

/// What a round carries.
pub trait Load: Sized {
    /// Two parts of it, or itself if it is a single element.
    ///
    /// # Errors
    /// It is a single element.
    fn halve(self) -> Result<(Self, Self), Self>;

    /// Whether it holds applications.
    fn has_applications(&self) -> bool;
}

/// A load on its way; goes out by [`Round::next`] and must come back by [`Round::answered`].
#[derive(Debug)]
pub struct Piece<L> {
    /// What to post.
    pub load: L,
    /// Attempts without a connection.
    retries: u32,
    /// Index into [`Round::bisections`].
    origin: usize,
}

/// What became of a piece.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate<L> {
    /// Upstream has it.
    Sent(L),
    /// It is given up.
    Dropped(L, Reason),
    /// The round still has it.
    Open,
}

/// Why a piece is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A single element that upstream finds too large.
    TooLarge,
    /// Among these is one that upstream does not accept.
    Rejected,
}

/// A round that is over.
#[derive(Debug)]
pub struct Ended<L> {
    /// To be sent with a later round.
    pub kept: Vec<L>,
    /// How it went.
    pub course: Course,
}

/// See the module.
#[derive(Debug)]
pub struct Round<L> {
    /// Those with applications stand first.
    waiting: VecDeque<Piece<L>>,
    /// To be tried again at their date.
    resting: Vec<(Instant, Piece<L>)>,
    in_flight: usize,
    in_flight_with_applications: usize,
    kept: Vec<L>,
    course: Course,
    /// Posts left for bisecting, per piece the round began with.
    bisections: Vec<u32>,
    /// Posts left for halving.
    halvings: u32,
    /// Nothing more is sent: upstream cannot or will not take it now.
    given_up: bool,
    /// The process stops: one attempt each.
    hurried: bool,
}

impl<L: Load> Round<L> {
    /// A round of these loads.
    pub fn new(loads: Vec<L>) -> Self {
        let bisections = vec![BISECTION_POSTS_MAX; loads.len()];
        let pieces = loads.into_iter().enumerate().map(|(origin, load)| Piece { load, retries: 0, origin });
        let (first, second): (Vec<_>, Vec<_>) = pieces.partition(|piece| piece.load.has_applications());
        Self {
            waiting: first.into_iter().chain(second).collect(),
            resting: Vec::new(),
            in_flight: 0,
            in_flight_with_applications: 0,
            kept: Vec::new(),
            course: Course::Clean,
            bisections,
            halvings: HALVING_POSTS_MAX,
            given_up: false,
            hurried: false,
        }
    }

    /// A piece to post now.
    pub fn next(&mut self, now: Instant) -> Option<Piece<L>> {
        if self.in_flight >= POSTS_IN_FLIGHT_MAX {
            return None;
        }
        let piece = self.rested(now).or_else(|| self.first_waiting())?;
        self.in_flight += 1;
        self.in_flight_with_applications += usize::from(piece.load.has_applications());
        Some(piece)
    }

    fn rested(&mut self, now: Instant) -> Option<Piece<L>> {
        let at = self.resting.iter().position(|(due, _)| *due <= now)?;
        Some(self.resting.swap_remove(at).1)
    }

    fn first_waiting(&mut self) -> Option<Piece<L>> {
        let is_first = self.waiting.front()?.load.has_applications();
        let applications_are_open = self.in_flight_with_applications > 0
            || self.resting.iter().any(|(_, piece)| piece.load.has_applications());
        if !is_first && applications_are_open {
            return None;
        }
        self.waiting.pop_front()
    }

    /// A piece has come back.
    pub fn answered(
        &mut self,
        piece: Piece<L>,
        answer: Answer,
        now: Instant,
        random: &mut impl Rng,
    ) -> Fate<L> {
        self.in_flight -= 1;
        self.in_flight_with_applications -= usize::from(piece.load.has_applications());
        match answer {
            Answer::Sent => return Fate::Sent(piece.load),
            Answer::TooLarge => return self.halve(piece),
            Answer::Rejected => return self.bisect(piece),
            Answer::Unreachable if piece.retries < RETRIES_MAX && !self.given_up && !self.hurried => {
                let retries = piece.retries + 1;
                let due = now + RETRY.delay(retries, random);
                self.resting.push((due, Piece { retries, ..piece }));
            }
            Answer::Broken => self.keep(piece, Course::Failed { retry_after: None }),
            Answer::Unreachable | Answer::Silent | Answer::Refused => self.give_up(piece, None),
            Answer::Later { retry_after } => self.give_up(piece, retry_after),
            Answer::Outdated => {
                self.give_up(piece, None);
                self.course = Course::Outdated;
            }
        }
        Fate::Open
    }

    /// When it wants to go on without an answer.
    pub fn wakes(&self) -> Option<Instant> {
        self.resting.iter().map(|(due, _)| *due).min()
    }

    /// No pauses and no retries from here on.
    pub fn hurry(&mut self) {
        self.hurried = true;
        let resting = std::mem::take(&mut self.resting);
        resting.into_iter().for_each(|(_, piece)| self.waiting.push_front(piece));
    }

    /// Whether nothing is left to be sent or awaited.
    pub fn is_over(&self) -> bool {
        self.in_flight == 0 && self.waiting.is_empty() && self.resting.is_empty()
    }

    /// What is left when it is over.
    pub fn end(self) -> Ended<L> {
        debug_assert!(self.is_over());
        Ended { kept: self.kept, course: self.course }
    }

    /// What it has not sent yet and is not on its way.
    pub fn abandon(self) -> impl Iterator<Item = L> {
        let resting = self.resting.into_iter().map(|(_, piece)| piece);
        let unsent = self.waiting.into_iter().chain(resting).map(|piece| piece.load);
        unsent.chain(self.kept)
    }

    fn keep(&mut self, piece: Piece<L>, course: Course) {
        self.kept.push(piece.load);
        self.course = self.course.and(course);
    }

    /// Keeps everything that is not on its way.
    fn give_up(&mut self, piece: Piece<L>, retry_after: Option<Duration>) {
        self.keep(piece, Course::Failed { retry_after });
        self.given_up = true;
        self.kept.extend(self.waiting.drain(..).map(|piece| piece.load));
        self.kept.extend(self.resting.drain(..).map(|(_, piece)| piece.load));
    }

    fn halve(&mut self, piece: Piece<L>) -> Fate<L> {
        if self.halvings < 2 {
            self.keep(piece, Course::Failed { retry_after: None });
            return Fate::Open;
        }
        match piece.load.halve() {
            Ok(halves) => {
                self.halvings -= 2;
                self.wait_again(halves, piece.origin);
                Fate::Open
            }
            Err(single) => Fate::Dropped(single, Reason::TooLarge),
        }
    }

    fn bisect(&mut self, piece: Piece<L>) -> Fate<L> {
        let Some(left) = self.bisections.get_mut(piece.origin).filter(|left| **left >= 2) else {
            return Fate::Dropped(piece.load, Reason::Rejected);
        };
        match piece.load.halve() {
            Ok(halves) => {
                *left -= 2;
                self.wait_again(halves, piece.origin);
                Fate::Open
            }
            Err(single) => Fate::Dropped(single, Reason::Rejected),
        }
    }

    /// Halves go behind all others of their kind, so that the posts for bisecting are spent on the largest parts.
    fn wait_again(&mut self, (first, second): (L, L), origin: usize) {
        if self.given_up {
            self.kept.extend([first, second]);
            self.course = self.course.and(Course::Failed { retry_after: None });
            return;
        }
        for load in [first, second] {
            let has_applications = load.has_applications();
            let at = if has_applications { self.first_without_applications() } else { self.waiting.len() };
            self.waiting.insert(at, Piece { load, retries: 0, origin });
        }
    }

    fn first_without_applications(&self) -> usize {
        self.waiting.iter().take_while(|piece| piece.load.has_applications()).count()
    }
}

#[cfg(test)]
mod tests;
