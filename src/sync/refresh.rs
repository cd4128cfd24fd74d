//! Features: fetching them when due, and what follows from each outcome.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use super::{
    Sync,
    calls::{Content, FetchJob, Fetched, Fetching, Fresh},
};
use crate::{
    config::settings,
    features::{
        catalog::Applied, delta::Asked, environment::EnvironmentData, error::DocumentError, model::Document,
    },
    messages::{Verdict, Waiter},
    tokens::{key::TokenKey, refresh::RefreshToken, scope::Scope},
    upstream::error::CallError,
};

/// What went wrong with a fetch.
#[derive(Debug)]
pub enum Trouble {
    /// The call.
    Call(CallError),
    /// What it brought.
    Document(DocumentError),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Document(error) => write!(f, "the answer cannot be used: {error}"),
        }
    }
}

impl Trouble {
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Call(error) => error.retry_after(),
            Self::Document(_) => None,
        }
    }

    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_refusal())
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Call(mine), Self::Call(theirs)) => mine.same_kind(theirs),
            (Self::Document(_), Self::Document(_)) => true,
            _ => false,
        }
    }
}

impl Sync {
    /// Registers a token upstream and fetches with it from now on.
    pub(super) fn join(&mut self, joined: RefreshToken, now: Instant) {
        self.schedule.insert(joined.key, now, &mut self.random);
        self.loads.join(joined.key, joined.scope.clone());
        self.calls.register(&joined);
        self.follow(&joined, now);
        self.changed = true;
    }

    /// Stops to fetch with a token.
    pub(super) fn leave(&mut self, key: &TokenKey, now: Instant) {
        self.schedule.remove(key);
        self.loads.leave(*key);
        self.unfollow(key, now);
    }

    pub(super) fn fetch_due(&mut self, now: Instant) {
        for key in self.schedule.due(now) {
            match self.fetch_job(key, now) {
                Some(job) => self.calls.fetch(job),
                None => self.schedule.forget(&key),
            }
        }
    }

    fn fetch_job(&mut self, key: TokenKey, now: Instant) -> Option<FetchJob> {
        let refresh = self.registry.refresh_set().iter().find(|refresh| refresh.key == key)?;
        let environment = refresh.scope.environment.clone()?;
        let known = self.catalog.environment(&environment).map(Arc::clone);
        let known = known.unwrap_or_else(|| Arc::new(EnvironmentData::empty(environment)));
        let (what, etag, asked) = self.follows.plan(&key, self.schedule.etag(&key), now);
        Some(FetchJob { key, token: refresh.token.clone(), what, etag, asked, known })
    }

    pub(super) fn await_data(&mut self, scope: Scope, waiter: Waiter) {
        self.loads.wait(scope, waiter);
        self.settle_loads();
    }

    pub(super) fn fetched(&mut self, fetched: Fetched, now: Instant) {
        let Fetched { key, what, asked, result } = fetched;
        // Before anything else: a call whose token has left meanwhile gives its place back, too.
        match &result {
            Ok(_) => self.schedule.succeeded(&key, now, &mut self.random),
            Err(trouble) => self.schedule.failed(&key, now, trouble.retry_after(), &mut self.random),
        }
        if let Some(target) = self.loads.target(key) {
            target.checked = Some(SystemTime::now());
        }
        match result {
            Ok(fresh) => {
                self.no_trouble(key);
                match fresh.map(|Fresh { etag, content }| (etag, content)) {
                    Some((etag, Content::List(content))) => {
                        self.list_came(key, Fresh { etag, content }, asked, now);
                    }
                    Some((etag, Content::Changes(content))) => {
                        self.delta_fetched(key, Fresh { etag, content }, asked);
                    }
                    None => {}
                }
            }
            Err(trouble) => {
                let goes_on = what == Fetching::Delta && self.delta_failed(key, &trouble, now);
                if !goes_on {
                    self.not_refreshed(key, trouble, now);
                }
            }
        }
        self.pace_polls(&key, now);
        self.settle_loads();
        self.settle_restored();
    }

    fn list_came(&mut self, key: TokenKey, fresh: Fresh<Document>, asked: Asked, now: Instant) {
        if self.follows.fetching() != settings::Fetching::Polling {
            return self.list_fetched(key, fresh, asked, now);
        }
        let Some(scope) = self.loads.look(key).map(|target| target.scope.clone()) else { return };
        self.schedule.set_etag(&key, fresh.etag);
        self.tally.polled(&scope, fresh.content.revision(), SystemTime::now());
        self.apply(key, &scope, fresh.content);
    }

    /// Takes a whole document over, wherever it is from.
    pub(super) fn apply(&mut self, key: TokenKey, scope: &Scope, document: Document) {
        let Some(environment) = &scope.environment else { return };
        self.no_trouble(key);
        self.revisions_changed |= document.revision().is_some();
        if let Some(target) = self.loads.target(key) {
            target.note(&document);
        }
        let first = !self.loads.has_loaded(scope);
        let applied = self.catalog.apply(environment, &scope.projects, document);
        self.loads.loaded(key);
        self.changed |= applied.changed || first;
        log_applied(scope, &applied, first);
        self.share_known(&key);
    }

    fn no_trouble(&mut self, key: TokenKey) {
        let Some(target) = self.loads.target(key) else { return };
        if let Some(trouble) = target.trouble.take() {
            let scope = describe(&target.scope);
            tracing::info!(scope, "Features are fetched again, after: {trouble}");
        }
    }

    fn not_refreshed(&mut self, key: TokenKey, trouble: Trouble, now: Instant) {
        let Some(target) = self.loads.target(key) else { return };
        let scope = target.scope.clone();
        let is_news = !target.trouble.as_ref().is_some_and(|before| before.is_like(&trouble));
        if is_news {
            tracing::warn!(scope = describe(&scope), "Could not fetch features, will keep trying: {trouble}");
        }
        let refused = trouble.is_refusal();
        target.trouble = Some(trouble);
        // A first load that failed is not under way any more: requests are told instead of kept waiting.
        self.changed |= !self.loads.has_loaded(&scope);
        if refused {
            self.registry.suspect(key, now);
        }
    }

    /// Wakes requests whose wait for a first load is over.
    pub(super) fn settle_loads(&mut self) {
        let over = self.loads.decided();
        self.answers.extend(over.into_iter().map(|waiter| (waiter, Verdict::Loaded)));
    }
}

fn log_applied(scope: &Scope, applied: &Applied, first: bool) {
    let scope = describe(scope);
    if first {
        tracing::info!(scope, features = applied.after, "Features are loaded");
    } else if applied.changed && applied.after == 0 && applied.before > 0 {
        tracing::warn!(scope, before = applied.before, "Upstream says there are no features any more");
    } else if applied.changed {
        tracing::debug!(scope, features = applied.after, "Features have changed");
    }
    if applied.changed {
        for warning in applied.warnings.list() {
            tracing::warn!(scope, "Odd data from upstream: {warning}");
        }
    }
}

pub(super) fn describe(scope: &Scope) -> String {
    let environment = scope.environment.as_deref().unwrap_or("*");
    format!("{}:{environment}", scope.projects.names().join(","))
}
