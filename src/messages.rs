//! What shards and the control thread say to each other.
//!
//! Shard to control: [`Ask`], over one bounded channel; when it is full the shard answers 503 (or, for
//! [`Ask::Encode`], tries again with the next request). Control to shard: snapshots (newest only) and
//! [`Verdict`]s, each the answer to one ticket.

use std::{sync::Arc, time::Duration};

use brink_shards::TicketId;
use crossbeam_channel::Sender;

use crate::{
    described::Described,
    features::compress::Coding,
    pages::Document,
    tokens::{key::TokenKey, scope::Scope, token::Token},
};

/// Asked by a shard.
#[derive(Debug)]
pub enum Ask {
    /// A token that is in no table. Answered by a [`Verdict`]; if lost, the ticket times out.
    Validate {
        /// Where it would be found.
        key: TokenKey,
        /// The token.
        token: Token,
        /// Who waits.
        waiter: Waiter,
    },
    /// A known token whose scope is being fetched for the first time. Answered when the fetch is decided.
    AwaitData {
        /// The scope that is wanted.
        scope: Scope,
        /// Who waits.
        waiter: Waiter,
    },
    /// A client would take the body of this scope in this coding. Not answered: the form comes with a later
    /// snapshot.
    Encode {
        /// Whose body.
        scope: Scope,
        /// Wanted form.
        coding: Coding,
    },
    /// From a plain thread: say how things are. Whoever asks has gone if nobody receives it.
    Describe(Sender<Described>),
}

/// Told to every shard.
#[derive(Debug, Clone)]
pub enum Notice {}

/// A waiting request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiter {
    /// Its shard.
    pub shard: usize,
    /// Its ticket there.
    pub ticket: TicketId,
}

/// Answer to a waiting request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Look again: the snapshot published before this answer knows.
    Look,
    /// The first load that the request waited for is decided: look again, and do not ask a second time.
    Loaded,
    /// Upstream does not confirm the token.
    Refused {
        /// The token.
        key: TokenKey,
        /// How long not to ask again.
        remember: Duration,
    },
    /// Upstream could not be asked, or did not give a usable answer.
    Unavailable {
        /// Its status, if it answered with one.
        status: Option<u16>,
    },
    /// The document that was asked for.
    Page(Arc<Document>),
}
