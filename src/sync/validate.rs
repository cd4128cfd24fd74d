//! Tokens: what shards ask, what upstream answers, what follows from it.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use super::{
    GATHER, Sync,
    claims::{Claim, Claims},
};
use crate::{
    features::{model::Document, warning::Warnings},
    messages::{Verdict, Waiter},
    tokens::{
        key::TokenKey,
        limits::BATCH_TOKENS_MAX,
        record::TokenRecord,
        registry::Asked,
        scope::Projects,
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
    claims: Claims,
    /// Whether upstream's last validation failed; logged when it changes.
    in_trouble: bool,
}

impl Waiting {
    /// Takes out everybody.
    pub(super) fn take_all(&mut self) -> Vec<Waiter> {
        self.claims.take_all()
    }
}

impl Sync {
    /// A token that no shard knows. Without a claim nobody waits.
    pub(super) fn asked_about(&mut self, key: TokenKey, token: Token, claim: Option<Claim>, now: Instant) {
        let verdict = match self.registry.ask(key, token, now) {
            Asked::Decided => Verdict::Look,
            Asked::Refused { until } => {
                Verdict::Refused { key, remember: until.saturating_duration_since(now) }
            }
            Asked::Full => Verdict::Unavailable { status: None },
            Asked::Joined | Asked::Queued => {
                self.gather_until.get_or_insert(now + GATHER);
                return claim.into_iter().for_each(|claim| self.waiting.claims.wait(key, claim));
            }
        };
        self.answers.extend(claim.and_then(|claim| self.waiting.claims.settle(claim, verdict)));
    }

    pub(super) fn asked_about_all(&mut self, tokens: Vec<(TokenKey, Token)>, waiter: Waiter, now: Instant) {
        let group = self.waiting.claims.group(waiter, tokens.len());
        for (key, token) in tokens {
            self.asked_about(key, token, Some(group), now);
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

    pub(super) fn take_over(&mut self, verdicts: Verdicts, now: Instant) {
        self.tokens_changed |= verdicts.changed;
        for (token, answer) in &verdicts.startup {
            log_startup(token, *answer);
            if *answer == StartupAnswer::Refused {
                self.issue.renew(now);
            }
        }
        let mut narrowed = BTreeSet::new();
        for left in verdicts.left {
            self.leave(&left.key, now);
            narrowed.extend(left.scope.environment);
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
        narrowed.iter().for_each(|environment| self.forget_uncovered(environment));
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

    /// Drops what no refresh token of the environment sees any more: nobody would ever change it again.
    fn forget_uncovered(&mut self, environment: &Arc<str>) {
        let Some(data) = self.catalog.environment(environment) else { return };
        let projects: BTreeSet<&str> =
            data.features.iter().map(|feature| feature.project_or_default()).collect();
        let is_lost = |project: &&&str| !self.registry.may_refresh(environment, project);
        let lost: Vec<String> =
            projects.iter().filter(is_lost).map(|project| (*project).to_owned()).collect();
        let covering = self.registry.refresh_set().iter().map(|refresh| &refresh.scope);
        self.loads.narrow(environment, &covering.collect::<Vec<_>>());
        if lost.is_empty() {
            return;
        }
        tracing::warn!(%environment, projects = lost.join(","), "No token fetches these projects any more: their data is dropped");
        let nothing = Document {
            version: 0,
            features: Vec::new(),
            segments: Vec::new(),
            meta: None,
            warnings: Warnings::default(),
        };
        let applied = self.catalog.apply(environment, &Projects::from_names(lost), nothing);
        self.changed |= applied.changed;
    }

    fn reply(&mut self, key: TokenKey, verdict: &Verdict) {
        self.answers.extend(self.waiting.claims.decide(key, verdict));
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
