//! What is sent upstream in one go: everything of one environment, or a piece of it.

use std::{fmt, sync::Arc};

use super::{
    application::Application,
    drops::Dropped,
    entry::Entry,
    impact::Named,
    limits::{PIECE_BYTES_MAX, PIECE_OVERHEAD_BYTES, UNSPLIT_BYTES_MAX},
    wire::{BatchOut, EvaluationsOut, json, json_bytes, texts},
};
use crate::tokens::token::Token;

/// Elements of one environment, moved out of the ledger. Whoever has it sends it, puts it back or counts it as
/// dropped.
#[must_use = "what is neither sent nor put back is lost without being counted"]
#[derive(Clone, PartialEq)]
pub struct Batch {
    /// Of the token to send it with.
    pub environment: Arc<str>,
    pub(super) applications: Vec<Application>,
    pub(super) metrics: Vec<Evaluations>,
    pub(super) impact: Vec<Named>,
    pub(super) seen_tokens: Vec<Token>,
}

/// The counts of one flag, by one application, within one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluations {
    pub app: Arc<str>,
    pub feature: Box<str>,
    pub entry: Entry,
}

impl Batch {
    pub(super) fn new(environment: Arc<str>) -> Self {
        Self {
            environment,
            applications: Vec::new(),
            metrics: Vec::new(),
            impact: Vec::new(),
            seen_tokens: Vec::new(),
        }
    }

    /// True if there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.applications.len() + self.metrics.len() + self.impact.len() + self.seen_tokens.len()
    }

    /// Whether there are registrations in it, which upstream should have before counts.
    pub fn has_applications(&self) -> bool {
        !self.applications.is_empty()
    }

    /// What would be lost with it.
    pub fn dropped(&self) -> Dropped {
        let evaluations = self.metrics.iter().map(|one| one.entry.evaluations()).fold(0, u64::saturating_add);
        Dropped { elements: u64::try_from(self.len()).unwrap_or(u64::MAX), evaluations }
    }

    /// The body of `POST /api/client/metrics/bulk`.
    pub fn body(&self) -> Vec<u8> {
        json(&self.out())
    }

    /// Length of the body.
    pub fn body_bytes(&self) -> usize {
        json_bytes(&self.out())
    }

    fn out(&self) -> BatchOut<'_> {
        BatchOut {
            applications: &self.applications,
            metrics: self.metrics.iter().map(|one| one.out(&self.environment)).collect(),
            impact_metrics: &self.impact,
            seen_tokens: texts(&self.seen_tokens),
        }
    }

    /// In pieces that upstream takes (metrics.md 1.5.2), registrations first. A single element that is too large makes
    /// a piece of its own.
    pub fn split(self) -> Vec<Self> {
        if self.is_empty() {
            return Vec::new();
        }
        if self.body_bytes() < UNSPLIT_BYTES_MAX {
            return vec![self];
        }
        let Self { environment, applications, metrics, impact, seen_tokens } = self;
        let mut pieces = Pieces::new(Arc::clone(&environment));
        for one in applications {
            pieces.with_room(json_bytes(&one)).applications.push(one);
        }
        for one in metrics {
            pieces.with_room(json_bytes(&one.out(&environment))).metrics.push(one);
        }
        for one in impact {
            pieces.with_room(json_bytes(&one)).impact.push(one);
        }
        for one in seen_tokens {
            pieces.with_room(json_bytes(&one.text())).seen_tokens.push(one);
        }
        pieces.finish()
    }

    /// Two halves, to find out which elements upstream does not take.
    ///
    /// # Errors
    /// Gives it back if there is one element or none.
    pub fn halve(mut self) -> Result<(Self, Self), Self> {
        if self.len() < 2 {
            return Err(self);
        }
        let mut stay = self.len() / 2;
        let rest = Self {
            environment: Arc::clone(&self.environment),
            applications: split_off(&mut self.applications, &mut stay),
            metrics: split_off(&mut self.metrics, &mut stay),
            impact: split_off(&mut self.impact, &mut stay),
            seen_tokens: split_off(&mut self.seen_tokens, &mut stay),
        };
        Ok((self, rest))
    }
}

impl Evaluations {
    fn out<'b>(&'b self, environment: &'b str) -> EvaluationsOut<'b> {
        EvaluationsOut::new(environment, &self.app, &self.feature, &self.entry)
    }
}

/// By numbers: there are secrets in it.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("environment", &self.environment)
            .field("applications", &self.applications.len())
            .field("metrics", &self.metrics.len())
            .field("impact", &self.impact.len())
            .field("seen_tokens", &self.seen_tokens.len())
            .finish()
    }
}

/// Takes off what is behind the first `stay` elements; `stay` is then how many more may stay elsewhere.
fn split_off<T>(list: &mut Vec<T>, stay: &mut usize) -> Vec<T> {
    let at = list.len().min(*stay);
    *stay -= at;
    list.split_off(at)
}

/// Pieces being filled, one after the other.
struct Pieces {
    done: Vec<Batch>,
    filling: Batch,
    bytes: usize,
}

impl Pieces {
    fn new(environment: Arc<str>) -> Self {
        Self { done: Vec::new(), filling: Batch::new(environment), bytes: PIECE_OVERHEAD_BYTES }
    }

    /// A piece with room for an element of this length and its comma.
    fn with_room(&mut self, bytes: usize) -> &mut Batch {
        let bytes = bytes + 1;
        if !self.filling.is_empty() && self.bytes + bytes > PIECE_BYTES_MAX {
            self.next();
        }
        self.bytes += bytes;
        &mut self.filling
    }

    fn next(&mut self) {
        let next = Batch::new(Arc::clone(&self.filling.environment));
        self.done.push(std::mem::replace(&mut self.filling, next));
        self.bytes = PIECE_OVERHEAD_BYTES;
    }

    fn finish(mut self) -> Vec<Batch> {
        if !self.filling.is_empty() {
            self.done.push(self.filling);
        }
        self.done
    }
}
