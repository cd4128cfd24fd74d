//! What an answer of upstream changed: all the sync thread needs to know of it.
//!
//! Plain values, made by the registry, read once.

use std::{sync::Arc, time::Instant};

use super::{key::TokenKey, refresh::RefreshToken, table::TokenKind, token::Token};

/// The outcome of one answered batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// The table differs: publish it before waking anybody.
    pub changed: bool,
    /// Tokens that had no verdict before and requests may wait for.
    pub decided: Vec<(TokenKey, Decision)>,
    /// Tokens that entered the refresh set: to be registered upstream and fetched.
    pub joined: Vec<RefreshToken>,
    /// Tokens that left the refresh set: lost, or covered by another now. One whose scope changed has left
    /// with the old scope and joined with the new one.
    pub left: Vec<RefreshToken>,
    /// Tokens that were valid and are not any more; their streams end.
    pub revoked: Vec<TokenKey>,
    /// Environments that no refresh token serves any more, confirmed: their data is to be dropped. Not
    /// named while a start-up token of theirs is still without verdict.
    pub environments_lost: Vec<Arc<str>>,
    /// Start-up tokens whose answer is new, and every refusal of one: to be logged.
    pub startup: Vec<(Token, StartupAnswer)>,
}

/// The verdict about a token somebody asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// In the table now.
    Accepted,
    /// Not confirmed; asking again before this date is useless. A table that lists the token later wins.
    Refused {
        /// End of the refusal.
        until: Instant,
    },
}

/// What upstream said about a start-up token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartupAnswer {
    /// Valid. Anything but [`TokenKind::Backend`] cannot fetch features and deserves an error in the log.
    Confirmed(TokenKind),
    /// Not listed; it is tried again later.
    Refused,
}
