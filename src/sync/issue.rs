//! Start-up tokens that upstream issues for a secret (tokens.md 9): requested at the start, and again until it answers.
//!
//! Until then the registry holds a promise for their environments, so that nobody is refused who will be served. The
//! program never ends for want of tokens: upstream may come back, or be configured, at any time.

use std::time::{Duration, Instant};

use super::Sync;
use crate::{
    config::secret::Secret,
    tokens::record::TokenRecord,
    upstream::{TokenRequest, backoff::Backoff, error::CallError},
};

/// Between requests that failed.
const RETRY: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// Before others are requested in place of issued tokens that upstream does not confirm any more.
const RENEWAL: Duration = Duration::from_secs(60);

/// Whether and when tokens are requested.
#[derive(Debug)]
pub struct Issue {
    request: Option<TokenRequest>,
    state: State,
    /// In a row.
    failures: u32,
    /// What went wrong last; logged when it changes.
    trouble: Option<Trouble>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing to request.
    Idle,
    /// To be requested then.
    Due(Instant),
    /// Requested, not answered.
    Calling,
    /// The same, with a secret that has been replaced since: the answer does not count.
    Outdated,
}

#[derive(Debug)]
enum Trouble {
    Call(CallError),
    NothingUsable,
}

impl Issue {
    /// At once, if there is a request to make.
    pub fn new(request: Option<TokenRequest>) -> Self {
        let state = if request.is_some() { State::Due(Instant::now()) } else { State::Idle };
        Self { request, state, failures: 0, trouble: None }
    }

    /// When the next request is due.
    pub fn next_due(&self) -> Option<Instant> {
        match self.state {
            State::Due(due) => Some(due),
            State::Idle | State::Calling | State::Outdated => None,
        }
    }

    /// Tokens that were issued are not confirmed any more: others are requested after a while.
    pub fn renew(&mut self, now: Instant) {
        if self.request.is_some() && self.state == State::Idle {
            self.state = State::Due(now + RENEWAL);
        }
    }
}

impl Trouble {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Call(mine), Self::Call(theirs)) => mine.same_kind(theirs),
            (Self::NothingUsable, Self::NothingUsable) => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::NothingUsable => f.write_str("upstream issued no token that can be used"),
        }
    }
}

impl Sync {
    pub(super) fn issue_due(&mut self, now: Instant) {
        if self.issue.next_due().is_some_and(|due| due <= now)
            && let Some(request) = &self.issue.request
        {
            self.calls.issue(request.clone());
            self.issue.state = State::Calling;
        }
    }

    /// The secret was read again. The tokens issued before stay until there are others.
    pub(super) fn issue_again(&mut self, secret: &Secret, now: Instant) {
        let Some(request) = &mut self.issue.request else { return };
        match request.with_secret(secret) {
            Ok(renewed) => {
                *request = renewed;
                self.issue.state = match self.issue.state {
                    State::Idle | State::Due(_) => State::Due(now),
                    State::Calling | State::Outdated => State::Outdated,
                };
            }
            Err(error) => tracing::error!("The client secret that was read again is not used: {error}"),
        }
    }

    pub(super) fn issued(&mut self, result: Result<Vec<TokenRecord>, CallError>, now: Instant) {
        if self.issue.state == State::Outdated {
            self.issue.state = State::Due(now);
            return;
        }
        let verdicts = match result {
            Ok(records) => self.registry.issued(records, now).ok_or(Trouble::NothingUsable),
            Err(error) => Err(Trouble::Call(error)),
        };
        match verdicts {
            Ok(verdicts) => {
                tracing::info!(tokens = verdicts.startup.len(), "Upstream has issued start-up tokens");
                (self.issue.state, self.issue.failures, self.issue.trouble) = (State::Idle, 0, None);
                self.take_over(verdicts, now);
            }
            Err(trouble) => self.not_issued(trouble, now),
        }
    }

    fn not_issued(&mut self, trouble: Trouble, now: Instant) {
        let issue = &mut self.issue;
        if !issue.trouble.as_ref().is_some_and(|before| before.is_like(&trouble)) {
            tracing::error!(
                "Could not request start-up tokens with --unleash-client-secret, will keep trying: {trouble}"
            );
        }
        issue.trouble = Some(trouble);
        issue.failures = issue.failures.saturating_add(1);
        issue.state = State::Due(now + RETRY.delay(issue.failures, &mut self.random));
    }
}
