//! Instance data on its way: at most one document at a time, with what it takes along.
//!
//! Documents of edges below us leave the ledger for the post and come back if it fails; the figures of the last report
//! that arrived are kept, because the next one says what came since.

use std::time::Instant;

use rand::Rng;
use serde_json::value::RawValue;

use super::{
    Observe,
    instance::{Contents, Identity},
    minute::Minute,
    standing::Revision,
};
use crate::{
    observe::observed::Observed,
    upstream::CallError,
    usage::{Child, Ledger},
};

/// See the module.
pub struct Tidings {
    identity: Identity,
    observe: Observe,
    minute: Minute,
    /// What upstream knows, or has no use for.
    reported: Observed,
    /// Upstream could not read a document: from then on they suit old edges, too.
    for_old_edges: bool,
    under_way: Option<UnderWay>,
    last: Last,
}

struct UnderWay {
    observed: Observed,
    children: Vec<Child>,
}

/// The post at the end of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// The process goes on.
    Unwanted,
    /// To be sent.
    Wanted,
    /// Sent, or given up.
    Done,
}

impl Tidings {
    /// Due in a minute.
    pub fn new(identity: Identity, observe: Observe, now: Instant, random: &mut impl Rng) -> Self {
        let minute = Minute::new(now, random);
        let reported = Observed::default();
        Self {
            identity,
            observe,
            minute,
            reported,
            for_old_edges: false,
            under_way: None,
            last: Last::Unwanted,
        }
    }

    /// The document, if it is due.
    pub fn due(&mut self, revisions: &[Revision], ledger: &mut Ledger, now: Instant) -> Option<Vec<u8>> {
        if self.under_way.is_some() || !self.is_due(now) {
            return None;
        }
        if self.last == Last::Wanted {
            self.last = Last::Done;
        }
        let observed = (self.observe)();
        let children = ledger.take_children();
        let documents: Vec<&RawValue> = children.iter().map(Child::document).collect();
        let reported = &self.reported;
        let for_old_edges = self.for_old_edges;
        let contents =
            Contents { observed: &observed, reported, revisions, children: &documents, for_old_edges };
        let body = self.identity.document(&contents);
        self.under_way = Some(UnderWay { observed, children });
        Some(body)
    }

    fn is_due(&self, now: Instant) -> bool {
        match self.last {
            Last::Unwanted => self.minute.due() <= now,
            Last::Wanted => true,
            Last::Done => false,
        }
    }

    /// There is no token to send it with.
    pub fn skip(&mut self, now: Instant, random: &mut impl Rng) {
        if self.last == Last::Wanted {
            self.last = Last::Done;
        }
        if self.minute.due() <= now {
            self.minute.wait(now, random);
        }
    }

    /// The post was answered.
    pub fn answered(
        &mut self,
        result: &Result<u16, CallError>,
        ledger: &mut Ledger,
        now: Instant,
        random: &mut impl Rng,
    ) {
        let Some(under_way) = self.under_way.take() else { return };
        if self.minute.answered(result, now, random) {
            self.reported = under_way.observed;
        } else {
            ledger.put_back_children(under_way.children);
            if is_unreadable(result) && !std::mem::replace(&mut self.for_old_edges, true) {
                self.minute.hurry(now);
                // The one at the end is not lost by what is learned only now.
                if self.last == Last::Done {
                    self.last = Last::Wanted;
                }
            } else if self.last == Last::Wanted {
                // The one at the end would fail as well.
                self.last = Last::Done;
            }
        }
        if let Err(error) = result {
            tracing::debug!("Could not send instance data upstream: {error}");
        }
    }

    /// When it wants to act without an answer.
    pub fn wakes(&self) -> Option<Instant> {
        (self.under_way.is_none() && self.last == Last::Unwanted).then(|| self.minute.due())
    }

    /// The process stops: once more, at once.
    pub fn hurry(&mut self) {
        self.last = Last::Wanted;
    }

    /// Whether nothing is to be sent or awaited any more.
    pub fn are_told(&self) -> bool {
        self.last == Last::Done && self.under_way.is_none()
    }

    /// The document of `/internal-backstage/instancedata`.
    pub fn page(&mut self, revisions: &[Revision], ledger: &mut Ledger) -> Vec<u8> {
        let observed = (self.observe)();
        let reported = &self.reported;
        let contents =
            Contents { observed: &observed, reported, revisions, children: &[], for_old_edges: false };
        let this = self.identity.document(&contents);
        let children = ledger.take_children();
        let connected = serde_json::to_vec(&children).unwrap_or_else(|_| b"[]".to_vec());
        ledger.put_back_children(children);
        [b"{\"this_instance\":", &*this, b",\"connected_instances\":", &connected, b"}"].concat()
    }
}

fn is_unreadable(result: &Result<u16, CallError>) -> bool {
    matches!(result, Err(CallError::Status { status: 400 | 422, .. }))
}
