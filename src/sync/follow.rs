//! Deltas and streams: which refresh token is followed how, what its changes and polls come to, and when it is polled.
//!
//! ```text
//!   stream workers --News (bounded)--> Sync --Follow--> whole Document --> Catalog
//!   fetch workers  --delta or list --/   `--> Schedule: when to poll, and what for
//! ```
//!
//! With a stream, a list is polled to compare ([`CHECK`]) and after a resumption; without one it is polled at the refresh
//! interval, until the stream is back. Before there is a state a delta is asked for first. With `--strict` nothing is polled
//! but the first state. With `--delta` the same, with delta calls in place of the stream. Nothing that happens here takes data
//! away.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use rand::Rng;

use super::{
    Sync,
    calls::{Fetching as How, Fresh},
    refresh::{Trouble, describe},
};
use crate::{
    config::settings::Fetching,
    features::{
        delta::{Asked, Changes, Follow, Polled},
        environment::EnvironmentData,
        model::Document,
    },
    tokens::{key::TokenKey, refresh::RefreshToken, scope::Scope},
    upstream::{
        client::Client,
        error::CallError,
        limits::STREAM_NEWS_MAX,
        stream::{Handle, Known, News, position::Gap},
    },
};

/// How often a list is fetched to compare with, to a tenth.
const CHECK: Duration = Duration::from_secs(600);
/// When it is fetched after a resumption: an upstream with another history may have nothing to say about our id.
pub const CHECK_RESUMED: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];
/// A stream that has brought no state by then is not waited for.
const FIRST_STATE: Duration = Duration::from_secs(5);
/// How long upstream is not asked for deltas again after it had none.
const WITHOUT_DELTAS: Duration = Duration::from_secs(600);
/// Not to be polled any more.
const NEVER: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Whose news, and of which of its workers.
pub type Mark = (TokenKey, u64);

/// All that are followed. Empty when features are polled.
pub struct Follows {
    pub(super) fetching: Fetching,
    /// Lists may be polled.
    pub(super) repairs: bool,
    pub(super) by_token: HashMap<TokenKey, Following>,
    pub(super) client: Arc<Client>,
    pub(super) started: Instant,
    /// Workers started so far.
    pub(super) marks: u64,
    news: Receiver<(Mark, News)>,
    pub(super) tell: Sender<(Mark, News)>,
}

/// One refresh token.
pub struct Following {
    pub(super) scope: Scope,
    pub(super) follow: Follow,
    pub(super) known: Known,
    pub(super) stream: Option<Handle>,
    pub(super) mark: u64,
    /// The stream is open.
    pub(super) up: bool,
    /// It has said something since.
    pub(super) heard: bool,
    /// What was said about the stream last.
    pub(super) said: Option<Said>,
    /// Why the whole state was asked for when that was said last.
    pub(super) gap_said: Option<(&'static str, Instant)>,
    /// When it was opened last.
    pub(super) opened: Instant,
    /// Connections in a row that ended at once.
    pub(super) short: u32,
    /// Of the last list that shows what is known.
    pub(super) list_tag: Option<String>,
    /// A comparison has shown a difference, and none since has not.
    pub(super) drifting: bool,
    /// The next comparison is to come soon.
    pub(super) look_again: bool,
    /// When a list is due for comparison, with delta calls.
    pub(super) check_at: Instant,
    /// Upstream has no deltas: not asked for before.
    pub(super) without_deltas: Option<Instant>,
}

#[derive(PartialEq)]
pub enum Said {
    Up,
    Down(&'static str),
}

impl Follows {
    pub fn new(fetching: Fetching, repairs: bool, client: Arc<Client>) -> Self {
        let (tell, news) = bounded(STREAM_NEWS_MAX);
        Self {
            fetching,
            repairs,
            by_token: HashMap::new(),
            client,
            started: Instant::now(),
            marks: 0,
            news,
            tell,
        }
    }

    /// What the workers tell.
    pub fn news(&self) -> &Receiver<(Mark, News)> {
        &self.news
    }

    /// How features are kept fresh.
    pub fn fetching(&self) -> Fetching {
        self.fetching
    }

    /// Whether the token's stream is open; nothing where there is none to be.
    pub fn is_up(&self, key: &TokenKey) -> Option<bool> {
        (self.fetching == Fetching::Streaming).then(|| self.by_token.get(key).is_some_and(|one| one.up))
    }

    /// What to fetch, with which tag (`polling`: the one the schedule keeps), and how far the changes are.
    pub fn plan(&self, key: &TokenKey, polling: Option<&str>, now: Instant) -> (How, Option<String>, Asked) {
        let polling = polling.map(str::to_owned);
        let Some(following) = self.by_token.get(key) else { return (How::List, polling, Asked::default()) };
        let asked = following.follow.asking();
        let may_list = following.without_deltas.is_some_and(|until| now < until);
        let lists = match self.fetching {
            _ if may_list => true,
            Fetching::Streaming => following.follow.fold().is_hydrated(),
            _ => self.repairs && following.follow.fold().is_hydrated() && now >= following.check_at,
        };
        match (lists, self.fetching) {
            (true, _) => (How::List, following.list_tag.clone(), asked),
            (false, Fetching::Delta) => (How::Delta, polling, asked),
            (false, _) => (How::Delta, None, asked),
        }
    }
}

impl Following {
    /// Changes come, or are asked for: a list is there to compare with.
    fn is_served(&self, fetching: Fetching) -> bool {
        match fetching {
            Fetching::Polling => false,
            Fetching::Delta => self.without_deltas.is_none(),
            Fetching::Streaming => self.heard,
        }
    }
}

impl Sync {
    /// Begins to follow a token that has joined the refresh set.
    pub(super) fn follow(&mut self, joined: &RefreshToken, now: Instant) {
        if self.follows.fetching == Fetching::Polling || self.follows.by_token.contains_key(&joined.key) {
            return;
        }
        let environment = joined.scope.environment.clone().unwrap_or_else(|| Arc::from("*"));
        let known = self.catalog.environment(&environment).map(Arc::clone);
        let known = known.unwrap_or_else(|| Arc::new(EnvironmentData::empty(environment)));
        let following = Following {
            scope: joined.scope.clone(),
            follow: Follow::default(),
            known: Arc::new(std::sync::Mutex::new(known)),
            stream: None,
            mark: 0,
            up: false,
            heard: false,
            said: None,
            gap_said: None,
            opened: now,
            short: 0,
            list_tag: None,
            drifting: false,
            look_again: false,
            check_at: now + self.between(CHECK.mul_f64(0.9), CHECK),
            without_deltas: None,
        };
        self.follows.by_token.insert(joined.key, following);
        if self.follows.fetching == Fetching::Streaming {
            self.tally.stream_up(&joined.scope, false);
            self.schedule.put_off(&joined.key, now + FIRST_STATE);
            self.open_streams(now);
        }
    }

    /// Ends it for a token that has left.
    pub(super) fn unfollow(&mut self, key: &TokenKey, now: Instant) {
        let Some(left) = self.follows.by_token.remove(key) else { return };
        if self.follows.fetching == Fetching::Streaming {
            self.tally.stream_gone(&left.scope);
            drop(left);
            self.open_streams(now);
        }
    }

    /// Applies changes, of a stream or of a delta call.
    pub(super) fn take_changes(&mut self, key: TokenKey, changes: Changes) {
        let Some(following) = self.follows.by_token.get_mut(&key) else { return };
        let is_empty = changes.list.is_empty();
        match following.follow.changed(changes) {
            Ok(Some(document)) => {
                following.list_tag = None;
                let scope = following.scope.clone();
                self.tally.delta_applied(&scope, document.revision(), SystemTime::now());
                self.apply(key, &scope, document);
            }
            Ok(None) => {
                debug_assert!(is_empty);
                self.tally.delta_applied(&following.scope, None, SystemTime::now());
            }
            // The worker does not know yet that everything was forgotten here.
            Err(_) => {
                if let Some(stream) = &following.stream {
                    stream.rehydrate();
                }
            }
        }
    }

    /// A delta call has brought changes.
    pub(super) fn delta_fetched(&mut self, key: TokenKey, fresh: Fresh<Changes>, asked: Asked) {
        let Fresh { etag, content: changes } = fresh;
        let Some(following) = self.follows.by_token.get_mut(&key) else { return };
        if following.without_deltas.take().is_some() && self.follows.fetching == Fetching::Delta {
            let scope = describe(&following.scope);
            tracing::info!(scope, "Upstream has deltas again: lists are not polled any more");
        }
        if following.follow.asking() != asked {
            // The stream has come in between; what was true before it is not to replace what it says.
            return;
        }
        let (is_empty, is_incomplete) = (changes.list.is_empty(), changes.is_incomplete());
        let id = changes.event_id_max();
        self.tally.streamed(changes.list.iter().map(|change| change.kind()), changes.unknown);
        self.take_changes(key, changes);
        if is_incomplete {
            self.tally.rehydrates(Gap::Unknown.label());
        }
        let etag = etag.or_else(|| id.map(|id| format!("\"{id}\""))).filter(|_| !is_incomplete);
        if etag.is_some() || !is_empty || is_incomplete {
            self.schedule.set_etag(&key, etag);
        }
    }

    /// A list has come for a token that is followed.
    pub(super) fn list_fetched(&mut self, key: TokenKey, fresh: Fresh<Document>, asked: Asked, now: Instant) {
        let check = now + self.between(CHECK.mul_f64(0.9), CHECK);
        let Some(following) = self.follows.by_token.get_mut(&key) else { return };
        let scope = following.scope.clone();
        self.tally.polled(&scope, fresh.content.revision(), SystemTime::now());
        following.check_at = check;
        let is_served = following.is_served(self.follows.fetching);
        let polled = following.follow.polled(&fresh.content, asked, is_served);
        let is_kept = matches!(polled, Polled::Same | Polled::Take | Polled::Restart);
        following.list_tag = fresh.etag.filter(|_| is_kept);
        match polled {
            Polled::Same => self.agrees(&key),
            Polled::Behind => {}
            // What was overtaken was not compared.
            Polled::Late | Polled::Ahead => self.look_again(&key, now),
            Polled::Take => self.apply(key, &scope, fresh.content),
            Polled::Drift => self.drifted(&key, &scope),
            Polled::Restart => {
                self.drifted(&key, &scope);
                self.apply(key, &scope, fresh.content);
            }
        }
    }

    fn agrees(&mut self, key: &TokenKey) {
        if let Some(following) = self.follows.by_token.get_mut(key) {
            following.drifting = false;
        }
    }

    /// Changes may be a moment behind lists, or before them; where they are asked for, that comes first.
    fn look_again(&mut self, key: &TokenKey, now: Instant) {
        let soon = now + self.schedule.interval().mul_f64(1.5);
        if let Some(following) = self.follows.by_token.get_mut(key) {
            (following.check_at, following.look_again) = (soon, true);
        }
    }

    /// Begins again without an id. Said once, until a list shows the same as the changes: where upstream writes a feature in
    /// two ways this comes back with each comparison.
    fn drifted(&mut self, key: &TokenKey, scope: &Scope) {
        self.tally.drifted();
        let Some(following) = self.follows.by_token.get_mut(key) else { return };
        let is_news = !std::mem::replace(&mut following.drifting, true);
        let scope = describe(scope);
        if is_news {
            tracing::warn!(
                scope,
                "A fetched list differs from what the changes add up to: asking for the whole state"
            );
        } else {
            tracing::debug!(scope, "A fetched list differs again from what the changes add up to");
        }
        if self.follows.fetching == Fetching::Delta {
            self.tally.rehydrates(Gap::Drift.label());
            self.schedule.set_etag(key, None);
        }
        let stream = self.follows.by_token.get(key).and_then(|following| following.stream.as_ref());
        if let Some(stream) = stream {
            stream.rehydrate();
        }
    }

    /// A delta call has failed. Without deltas, lists are fetched, unless that is not wanted. True if one is fetched at once,
    /// so that nothing has failed yet.
    pub(super) fn delta_failed(&mut self, key: TokenKey, trouble: &Trouble, now: Instant) -> bool {
        // What cannot be read now cannot be read later: the whole state is asked for.
        if matches!(trouble, Trouble::Document(_)) {
            self.tally.rehydrates("unreadable");
            self.schedule.set_etag(&key, None);
        }
        let is_missing = matches!(trouble, Trouble::Call(CallError::Status { status: 404, .. }));
        let streams = self.follows.fetching == Fetching::Streaming;
        if !self.follows.repairs || !(is_missing || streams) {
            return false;
        }
        let Some(following) = self.follows.by_token.get_mut(&key) else { return false };
        let is_news = following.without_deltas.replace(now + WITHOUT_DELTAS).is_none();
        if is_news && !streams {
            let scope = describe(&following.scope);
            tracing::warn!(
                scope,
                "Upstream has no deltas (404 on /api/client/delta): whole lists are polled"
            );
        }
        self.schedule.bring_forward(&key, now);
        !trouble.is_refusal()
    }

    /// When the token is polled next, where that is not the schedule's affair.
    pub(super) fn pace_polls(&mut self, key: &TokenKey, now: Instant) {
        if self.follows.fetching != Fetching::Streaming {
            return;
        }
        let check = self.between(CHECK.mul_f64(0.9), CHECK);
        let Some(following) = self.follows.by_token.get_mut(key) else { return };
        let soon = std::mem::take(&mut following.look_again);
        let check = if soon { self.schedule.interval() } else { check };
        let is_loaded = self.loads.look(*key).is_some_and(|target| target.loaded);
        if following.heard && following.follow.fold().is_hydrated() && self.follows.repairs {
            self.schedule.put_off(key, now + check);
        } else if is_loaded && !self.follows.repairs {
            self.schedule.put_off(key, now + NEVER);
        }
    }

    /// What the environment holds now, for readers of the next messages.
    pub(super) fn share_known(&self, key: &TokenKey) {
        let Some(following) = self.follows.by_token.get(key) else { return };
        let environment = following.scope.environment.as_deref().unwrap_or_default();
        if let Some(data) = self.catalog.environment(environment) {
            *following.known.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(data);
        }
    }

    pub(super) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low).mul_f64(self.random.random_range(0.0..=1.0))
    }
}
