//! Tokens: what shards ask, what upstream answers, what follows from it.

use std::{collections::HashMap, time::Instant};

use super::{GATHER, Sync};
use crate::{
    messages::{Verdict, Waiter},
    tokens::{
        key::TokenKey,
        limits::BATCH_TOKENS_MAX,
        record::TokenRecord,
        registry::Asked,
        table::TokenKind,
        token::Token,
        validation::Batch,
        verdicts::{Decision, StartupAnswer, Verdicts},
    },
    upstream::error::CallError,
};

/// Requests that wait for a verdict, by token.
#[derive(Debug, Default)]
pub struct Waiting {
    by_token: HashMap<TokenKey, Vec<Waiter>>,
    /// Whether upstream's last validation failed; logged when it changes.
    in_trouble: bool,
}

impl Waiting {
    /// Takes out everybody.
    pub(super) fn take_all(&mut self) -> Vec<Waiter> {
        self.by_token.drain().flat_map(|(_, waiters)| waiters).collect()
    }
}

impl Sync {
    pub(super) fn asked_about(&mut self, key: TokenKey, token: Token, waiter: Waiter, now: Instant) {
        match self.registry.ask(key, token, now) {
            Asked::Decided => self.answers.push((waiter, Verdict::Look)),
            Asked::Refused { until } => {
                let remember = until.saturating_duration_since(now);
                self.answers.push((waiter, Verdict::Refused { key, remember }));
            }
            Asked::Full => self.answers.push((waiter, Verdict::Unavailable { status: None })),
            Asked::Joined | Asked::Queued => {
                self.waiting.by_token.entry(key).or_default().push(waiter);
                self.gather_until.get_or_insert(now + GATHER);
            }
        }
    }

    pub(super) fn validate_due(&mut self, now: Instant) {
        while let Some(batch) = self.registry.next_batch(now, BATCH_TOKENS_MAX) {
            self.calls.validate(batch);
        }
    }

    pub(super) fn validated(
        &mut self,
        batch: Batch,
        result: Result<Vec<TokenRecord>, CallError>,
        now: Instant,
    ) {
        match result {
            Ok(listed) => {
                if std::mem::take(&mut self.waiting.in_trouble) {
                    tracing::info!("Upstream validates tokens again");
                }
                let asked = batch.tokens().len();
                self.tally.validated(listed.len().min(asked), asked.saturating_sub(listed.len()));
                let verdicts = self.registry.answered(batch, listed, now);
                self.take_over(verdicts, now);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.waiting.in_trouble, true) {
                    tracing::warn!("Could not validate tokens upstream, will keep trying: {error}");
                    if let Some(hint) = self.calls.hint(&error) {
                        tracing::error!("A likely cause: {hint}");
                    }
                }
                let verdict = Verdict::Unavailable { status: error.status() };
                for key in self.registry.unanswered(batch, now) {
                    self.reply(key, &verdict);
                }
            }
        }
    }

    fn take_over(&mut self, verdicts: Verdicts, now: Instant) {
        self.tokens_changed |= verdicts.changed;
        for (token, answer) in &verdicts.startup {
            log_startup(token, *answer);
        }
        for left in &verdicts.left {
            self.schedule.remove(&left.key);
            self.loads.leave(left.key);
        }
        for joined in verdicts.joined {
            self.join(joined, now);
        }
        for environment in verdicts.environments_lost {
            tracing::warn!(%environment, "No token fetches this environment any more: its data is dropped");
            self.catalog.remove(&environment);
            self.loads.forget(&environment);
            self.forget_restored(&environment);
            self.changed = true;
        }
        for (key, decision) in verdicts.decided {
            let verdict = match decision {
                Decision::Accepted => Verdict::Look,
                Decision::Refused { until } => {
                    Verdict::Refused { key, remember: until.saturating_duration_since(now) }
                }
            };
            self.reply(key, &verdict);
        }
        self.settle_loads();
        self.settle_restored();
    }

    fn reply(&mut self, key: TokenKey, verdict: &Verdict) {
        let waiters = self.waiting.by_token.remove(&key).unwrap_or_default();
        self.answers.extend(waiters.into_iter().map(|waiter| (waiter, verdict.clone())));
    }
}

fn log_startup(token: &Token, answer: StartupAnswer) {
    match answer {
        StartupAnswer::Confirmed(TokenKind::Backend) => tracing::info!("Start-up token {token} is valid"),
        StartupAnswer::Confirmed(kind) => tracing::error!(
            "Start-up token {token} is a {kind:?} token and cannot fetch features: give a backend token by --tokens"
        ),
        StartupAnswer::Refused => tracing::error!(
            "Start-up token {token} is not confirmed by upstream: check it there; it is tried again"
        ),
    }
}
