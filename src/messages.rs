//! What shards and the control thread say to each other.
//!
//! Shard to control: [`Ask`], over one bounded channel; when it is full the shard answers 503 (or, for
//! [`Ask::Encode`], tries again with the next request). Control to shard: snapshots (newest only) and
//! [`Verdict`]s, each the answer to one ticket. Anyone to all shards: [`Notice`]s.

use std::{sync::Arc, time::Duration};

use brink_shards::TicketId;
use crossbeam_channel::Sender;

use crate::{
    config::lists::TokenLists,
    described::Described,
    features::compress::Coding,
    observe::meter::Figures,
    pages::Document,
    tokens::{key::TokenKey, scope::Scope, token::Token},
    upstream::Relayed,
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
    /// A token that is in no table, which nobody waits for. Not answered; if lost, the token is asked about when it comes
    /// again.
    Hint {
        /// Where it would be found.
        key: TokenKey,
        /// The token.
        token: Token,
    },
    /// Tokens of `/edge/validate` that are in no table. Answered once, when there is a verdict about each of them or can
    /// be none about one; if lost, the ticket times out.
    ValidateAll {
        /// Each once.
        tokens: Vec<(TokenKey, Token)>,
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
    /// From the report thread: upstream answered 401 or 403 to a post with this token. Not answered; if lost, the
    /// next such answer says it again.
    Suspect {
        /// The token.
        key: TokenKey,
    },
    /// From the thread that reads lists of tokens again: these are in force now. If lost, the old ones stay.
    Reload(Box<TokenLists>),
    /// From a plain thread: say how things are. Whoever asks has gone if nobody receives it.
    Describe(Sender<Described>),
}

/// Asked by a shard of the relay threads: a heartbeat of an edge below us, to be passed on as it is (upstream.md 11).
/// Answered by [`Verdict::Relayed`] or [`Verdict::Unavailable`]; if lost, the ticket times out.
#[derive(Debug)]
pub struct Heartbeat {
    /// The caller's, sent to upstream.
    pub token: Token,
    /// As on the request line.
    pub query: Option<String>,
    /// As it came.
    pub body: Vec<u8>,
    /// Who waits.
    pub waiter: Waiter,
}

/// Told to every shard.
#[derive(Debug, Clone)]
pub enum Notice {
    /// By a thread that wants to know what the shards have measured. Each answers once, at once; there is room for all
    /// answers, and one that comes too late is dropped with the channel.
    Measure(Sender<Measured>),
}

/// What one shard has measured since it began.
#[derive(Debug)]
pub struct Measured {
    /// Its index.
    pub shard: usize,
    /// A copy of its numbers.
    pub figures: Box<Figures>,
}

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
    /// Upstream's answer to the call that was to be passed on.
    Relayed(Arc<Relayed>),
}

impl Verdict {
    /// Status of upstream's answer that was no verdict.
    pub fn trouble(&self) -> Option<u16> {
        match self {
            Self::Unavailable { status } => *status,
            _ => None,
        }
    }
}
