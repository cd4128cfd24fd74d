//! What one shard notices about its requests. Owned by the shard's service; shares nothing but the channel.
//!
//! Without an access log, spans or lines at trace a request costs two branches: one on its status when it is handled,
//! one on what was noticed when it is answered. The handling that writes the answer is the one that counts: a request
//! that waits is noticed when it is asked again. Draws are random, so that no rhythm of a client meets one of ours.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use brink_shards::{Answered, Request};
use crossbeam_channel::{Receiver, Sender, bounded};
use rand::{RngCore, SeedableRng, rngs::SmallRng};

use super::{
    failing::{Failing, Failures},
    mask::is_secret_name,
    record::{Overheard, PathText, Place, Record, Surface, verb},
    traceparent::Parent,
};
use crate::config::settings::Share;

/// From this status on an answer is a failure of ours.
const FAILURE_FROM: u16 = 500;

/// Messages under way, about 5 MB of memory: what all shards together notice between two looks of the thread, at half a
/// million requests per second.
pub const MESSAGES_MAX: usize = 16 * 1024;

/// The same where only failures are listened for; a shard keeps what is not taken until its next tick.
const FAILURES_MAX: usize = 256;

/// From a shard to the thread.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are records, and a box would be an allocation of a shard"
)]
pub enum Message {
    /// A request that is spoken about.
    Answered(Record),
    /// Answers that failed.
    Failing(Failing),
}

/// What witnesses listen for.
#[derive(Debug, Clone, Default)]
pub struct Interest {
    /// Of requests that make a line of the access log.
    pub lines: Share,
    /// Of requests that make a span.
    pub spans: Share,
    /// Everything below `/api` makes a line at trace.
    pub is_tracing: bool,
    /// The header SDKs put their token in, lower case.
    pub auth_header: Arc<str>,
}

/// What all witnesses have in common: their interest, and the way to the thread.
#[derive(Clone)]
pub struct Hearing {
    interest: Interest,
    messages: Sender<Message>,
    /// Messages that were not taken.
    dropped: Arc<AtomicU64>,
}

/// See the module. The default notices nothing.
#[derive(Default)]
pub struct Witness {
    ear: Option<Ear>,
    /// Anything but failures is listened for.
    listens: bool,
    /// The request that was handled last; how it ends is not filled in yet.
    noticed: Option<Record>,
    failures: Failures,
}

struct Ear {
    hearing: Hearing,
    draws: SmallRng,
}

impl Hearing {
    /// Witnesses with this interest tell what they notice to the receiver.
    pub fn new(interest: Interest) -> (Self, Receiver<Message>) {
        let messages_max = if interest.is_any() { MESSAGES_MAX } else { FAILURES_MAX };
        let (messages, told) = bounded(messages_max);
        (Self { interest, messages, dropped: Arc::default() }, told)
    }

    /// The witness of one shard; seeds must differ.
    pub fn witness(&self, seed: u64) -> Witness {
        let ear = Ear { hearing: self.clone(), draws: SmallRng::seed_from_u64(seed) };
        Witness { ear: Some(ear), listens: self.listens(), ..Witness::default() }
    }

    /// Whether anything but failures is listened for.
    pub(super) fn listens(&self) -> bool {
        self.interest.is_any()
    }

    /// Messages that were not taken since the start.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    fn tell(&self, message: Message) -> bool {
        self.messages.try_send(message).is_ok()
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Interest {
    fn is_any(&self) -> bool {
        self.is_tracing || !self.lines.is_none() || !self.spans.is_none()
    }
}

impl Witness {
    /// Whether a request whose answer has this status is to be noticed; 0 is no answer yet.
    pub fn cares_for(&self, status: u16) -> bool {
        status >= FAILURE_FROM || (self.listens && status != 0)
    }

    /// Notices a request that is being answered.
    #[inline(never)]
    pub fn notice(&mut self, place: Place, request: &Request<'_>) {
        self.noticed = self.ear.as_mut().map(|ear| ear.hear(place, request));
    }

    /// The request that was noticed last, if any, is answered.
    pub fn answer(&mut self, answered: &Answered) {
        if self.noticed.is_some() {
            self.tell(answered);
        }
    }

    /// Tells of failures that came together since the last tick.
    pub fn tick(&mut self) {
        if let Some(ear) = &self.ear {
            self.failures.tick(|failing| ear.hearing.tell(Message::Failing(failing)));
        }
    }

    #[inline(never)]
    fn tell(&mut self, answered: &Answered) {
        let (Some(mut record), Some(ear)) = (self.noticed.take(), &self.ear) else { return };
        let Answered { status, body_bytes, took } = *answered;
        if status >= FAILURE_FROM && record.place.surface != Surface::Probe {
            let failing = Failing { place: record.place, status, count: 1, took_max: took };
            if !self.failures.add(failing, |failing| ear.hearing.tell(Message::Failing(failing))) {
                ear.hearing.drop_one();
            }
        }
        if !(record.makes_line || record.makes_span || record.overheard.is_some()) {
            return;
        }
        (record.status, record.body_bytes, record.took) = (status, body_bytes, took);
        if !ear.hearing.tell(Message::Answered(record)) {
            ear.hearing.drop_one();
        }
    }
}

impl Ear {
    fn hear(&mut self, place: Place, request: &Request<'_>) -> Record {
        let Interest { lines, spans, is_tracing, .. } = self.hearing.interest;
        let (makes_line, makes_span) = (self.draws(lines), self.draws(spans));
        let overheard = (is_tracing && place.surface == Surface::Api).then(|| {
            let is_secret = |name: &str| {
                name.eq_ignore_ascii_case(&self.hearing.interest.auth_header) || is_secret_name(name)
            };
            Box::new(Overheard::new(request, is_secret))
        });
        let traceparent = if makes_span { request.head.find("traceparent") } else { None };
        Record {
            place,
            peer: request.origin.peer,
            method: verb(&request.head.method),
            path: PathText::new(request.head.target.path),
            status: 0,
            body_bytes: 0,
            took: Duration::ZERO,
            makes_line,
            makes_span,
            parent: traceparent.and_then(Parent::parse),
            overheard,
        }
    }

    fn draws(&mut self, share: Share) -> bool {
        !share.is_none() && u64::from(self.draws.next_u32()) < share.of_draws()
    }
}
