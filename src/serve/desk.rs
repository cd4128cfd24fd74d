//! The shard's way to the control thread, and what it remembers of the answers.

use std::{cell::RefCell, time::Duration};

use brink_shards::{Call, Outcome, TicketId};
use crossbeam_channel::Sender;

use super::refusals::{Deferred, Refusals};
use crate::{
    messages::{Ask, Heartbeat, Verdict, Waiter},
    pages::{Page, PageAsk},
    tokens::{key::TokenKey, token::Token},
    usage::Bucket,
};

/// How long a request waits for the control thread. Upstream's own limit is 5 s by default; a little more
/// lets its outcome arrive rather than ours.
const WAIT: Duration = Duration::from_secs(6);

/// Asks on behalf of requests.
pub struct Desk {
    control: Sender<Ask>,
    /// `None`: there are no pages.
    pages: Option<Sender<PageAsk>>,
    /// `None`: what is reported is counted and not kept.
    usage: Option<Sender<Bucket>>,
    /// `None`: there is no upstream that a heartbeat could be passed on to.
    relay: Option<Sender<Heartbeat>>,
    /// False in offline mode: there is nobody to ask about tokens.
    has_upstream: bool,
    /// Requests do not wait for verdicts (`EDGE_DEFER_TOKEN_VALIDATION`).
    defers: bool,
    refusals: RefCell<Refusals>,
    now_ms: u64,
}

impl Desk {
    /// A desk of an edge, which may ask about tokens.
    pub fn edge(control: Sender<Ask>) -> Self {
        Self { has_upstream: true, ..Self::offline(control) }
    }

    /// A desk in offline mode, where a token is known or refused.
    pub fn offline(control: Sender<Ask>) -> Self {
        let refusals = RefCell::default();
        let (pages, usage, relay) = (None, None, None);
        Self { control, pages, usage, relay, has_upstream: false, defers: false, refusals, now_ms: 0 }
    }

    /// Whether requests are answered without waiting for a verdict about their token.
    #[must_use]
    pub fn deferring(self, defers: bool) -> Self {
        Self { defers, ..self }
    }

    /// See [`Desk::deferring`].
    pub fn defers(&self) -> bool {
        self.defers
    }

    /// Time since the shard began, as of the last tick.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Sends requests for pages there. Without it there are none.
    #[must_use]
    pub fn with_pages(self, pages: Sender<PageAsk>) -> Self {
        Self { pages: Some(pages), ..self }
    }

    /// Passes heartbeats on there. Without it there is no such route.
    #[must_use]
    pub fn with_relay(self, relay: Sender<Heartbeat>) -> Self {
        Self { relay: Some(relay), ..self }
    }

    /// Whether heartbeats are passed on.
    pub fn relays(&self) -> bool {
        self.relay.is_some()
    }

    /// Hands usage over there. Without it reports are accepted, counted and not kept.
    #[must_use]
    pub fn with_usage(self, usage: Sender<Bucket>) -> Self {
        Self { usage: Some(usage), ..self }
    }

    /// Whether what is reported will be handed over.
    pub fn keeps_usage(&self) -> bool {
        self.usage.is_some()
    }

    /// Hands a bucket over; gives it back if there is no room, or nobody.
    pub fn hand_over(&self, bucket: Bucket) -> Option<Bucket> {
        match &self.usage {
            Some(usage) => usage.try_send(bucket).err().map(|unsent| unsent.into_inner()),
            None => Some(bucket),
        }
    }

    /// Whether unknown tokens can be asked about at all.
    pub fn may_ask(&self) -> bool {
        self.has_upstream
    }

    /// Whether the token was refused a short while ago.
    pub fn is_refused(&self, key: TokenKey) -> bool {
        self.refusals.borrow().contains(key, self.now_ms)
    }

    /// Where an unknown token stands if verdicts are not waited for.
    pub fn deferred(&self, key: TokenKey) -> Deferred {
        self.refusals.borrow().deferred(key, self.now_ms)
    }

    /// Hands a token in to be validated some time; false if there is no room.
    pub fn defer(&self, key: TokenKey, token: Token) -> bool {
        let sent = self.tell(Ask::Hint { key, token });
        if sent {
            self.refusals.borrow_mut().defer(key, self.now_ms);
        }
        sent
    }

    /// Asks, and lets the request wait. `None` if the control thread has too much to do.
    pub fn ask(&self, call: &mut Call<'_, Verdict>, ask: impl FnOnce(Waiter) -> Ask) -> Option<Outcome> {
        wait_for(call, |waiter| self.control.try_send(ask(waiter)).is_ok())
    }

    /// Asks for a page, and lets the request wait. `None` if too many are wanted.
    pub fn ask_for(&self, call: &mut Call<'_, Verdict>, page: Page) -> Option<Outcome> {
        let pages = self.pages.as_ref()?;
        wait_for(call, |waiter| pages.try_send(PageAsk { page, waiter }).is_ok())
    }

    /// Passes a heartbeat on, and lets the request wait. `None` if too many wait already.
    pub fn pass_on(
        &self,
        call: &mut Call<'_, Verdict>,
        heartbeat: impl FnOnce(Waiter) -> Heartbeat,
    ) -> Option<Outcome> {
        let relay = self.relay.as_ref()?;
        wait_for(call, |waiter| relay.try_send(heartbeat(waiter)).is_ok())
    }

    /// Says something that needs no answer; false if there was no room.
    pub fn tell(&self, ask: Ask) -> bool {
        self.control.try_send(ask).is_ok()
    }

    /// Remembers refusals.
    pub fn note(&mut self, verdict: &Verdict) {
        if let Verdict::Refused { key, remember } = verdict {
            let remember_ms = u64::try_from(remember.as_millis()).unwrap_or(u64::MAX);
            self.refusals.get_mut().insert(*key, self.now_ms.saturating_add(remember_ms));
        }
    }

    /// Takes the time.
    pub fn tick(&mut self, elapsed: Duration) {
        self.now_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.refusals.get_mut().age(self.now_ms);
    }
}

fn wait_for(call: &mut Call<'_, Verdict>, send: impl FnOnce(Waiter) -> bool) -> Option<Outcome> {
    let ticket: TicketId = call.ticket();
    if send(Waiter { shard: call.shard(), ticket }) {
        return Some(Outcome::Wait(ticket, WAIT));
    }
    call.discard(ticket);
    None
}
