//! Everything gathered for one environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use super::{
    application::{Application, ApplicationKey},
    drops::{Dropped, Drops, Reason},
    entry::Tally,
    hours::Hours,
    impact::{Arrival, Labels, Metric, Named, Value, metric_bytes, sample_bytes},
    limits::SAMPLES_MAX,
    room::Room,
};
use crate::tokens::token::Token;

/// The four tables of metrics.md 1.1, of one environment.
#[derive(Debug, Default, PartialEq)]
pub struct Tables {
    pub hours: Hours,
    pub applications: BTreeMap<ApplicationKey, Application>,
    /// By application and name.
    pub impact: BTreeMap<(Box<str>, Box<str>), Metric>,
    pub seen: BTreeSet<Token>,
}

/// The bounds of a collection: counts apart from the rest, so that neither can starve the other.
#[derive(Debug, PartialEq, Eq)]
pub struct Books {
    pub usage: Room,
    pub other: Room,
    pub drops: Drops,
}

impl Books {
    pub fn new(usage: Room, other: Room) -> Self {
        Self { usage, other, drops: Drops::default() }
    }

    pub fn bytes(&self) -> usize {
        self.usage.bytes + self.other.bytes
    }

    /// For counts.
    pub fn usage(&mut self) -> Tally<'_> {
        Tally { room: &mut self.usage, drops: &mut self.drops }
    }
}

impl Tables {
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
            && self.applications.is_empty()
            && self.impact.is_empty()
            && self.seen.is_empty()
    }

    /// Takes a registration: the newer of two counts.
    pub fn register(&mut self, application: Application, arrival: Arrival, books: &mut Books) {
        let key = application.key();
        let known = self.applications.get(&key).map(Application::bytes);
        if known.is_some() && arrival == Arrival::Returned {
            return;
        }
        if let Some(bytes) = known {
            books.other.release(bytes, 1);
        }
        match books.other.admit(application.bytes()) {
            Ok(()) => drop(self.applications.insert(key, application)),
            Err(reason) => {
                self.applications.remove(&key);
                books.drops.count(reason, 0);
            }
        }
    }

    /// Takes a seen token.
    pub fn see(&mut self, token: Token, books: &mut Books) {
        if self.seen.contains(&token) {
            return;
        }
        match books.other.admit(token_bytes(&token)) {
            Ok(()) => drop(self.seen.insert(token)),
            Err(reason) => books.drops.count(reason, 0),
        }
    }

    /// Takes an impact metric.
    pub fn measure(&mut self, named: Named, arrival: Arrival, books: &mut Books) {
        let Named { app, name, metric } = named;
        let key = (app, name);
        match self.impact.get(&key).map(|known| known.kind) {
            Some(kind) if kind != metric.kind => return books.drops.count(Reason::KindConflict, 0),
            Some(_) => {}
            None => match books.other.admit(metric_bytes(&key.1, &metric.help) + key.0.len()) {
                Ok(()) => {
                    let empty = Metric { kind: metric.kind, help: metric.help, samples: BTreeMap::new() };
                    self.impact.insert(key.clone(), empty);
                }
                Err(reason) => return books.drops.count(reason, 0),
            },
        }
        if let Some(known) = self.impact.get_mut(&key) {
            for (labels, value) in metric.samples {
                add_sample(known, labels, value, arrival, books);
            }
        }
    }

    /// What would be lost with them.
    pub fn dropped(&self) -> Dropped {
        let mut dropped = self.hours.dropped();
        let others = self.applications.len() + self.impact.len() + self.seen.len();
        dropped.add(Dropped { elements: u64::try_from(others).unwrap_or(u64::MAX), evaluations: 0 });
        dropped
    }

    /// What all but the hours take of a room: bytes and entries.
    pub fn size_but_for_hours(&self) -> (usize, usize) {
        let applications = self.applications.values().map(Application::bytes);
        let tokens = self.seen.iter().map(token_bytes);
        let metrics = self.impact.iter().map(|((app, name), metric)| {
            let samples =
                metric.samples.iter().map(|(labels, value)| sample_bytes(labels, value)).sum::<usize>();
            metric_bytes(name, &metric.help) + app.len() + samples
        });
        let entries = self.applications.len() + self.seen.len() + self.impact.len();
        (applications.chain(tokens).chain(metrics).sum(), entries)
    }
}

fn add_sample(metric: &mut Metric, labels: Labels, value: Value, arrival: Arrival, books: &mut Books) {
    let kind = metric.kind;
    let count = metric.samples.len();
    if let Some(known) = metric.samples.get_mut(&labels) {
        let before = sample_bytes(&labels, known);
        let merged = {
            let mut merged = known.clone();
            merged.merge(kind, value, arrival);
            merged
        };
        let more = sample_bytes(&labels, &merged).saturating_sub(before);
        match books.other.grow(more) {
            Ok(()) => drop(mem::replace(known, merged)),
            Err(reason) => books.drops.count(reason, 0),
        }
        return;
    }
    let room = if count < SAMPLES_MAX {
        books.other.grow(sample_bytes(&labels, &value))
    } else {
        Err(Reason::Entries)
    };
    match room {
        Ok(()) => drop(metric.samples.insert(labels, value)),
        Err(reason) => books.drops.count(reason, 0),
    }
}

/// Text, its count, its place in the tree.
fn token_bytes(token: &Token) -> usize {
    token.text().len() + 16 + 3 * size_of::<Token>()
}
