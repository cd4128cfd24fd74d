//! Streams, from the side of the sync thread: starting them, and what follows from their news.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::Rng;

use super::{
    Sync,
    follow::{CHECK_RESUMED, Following, Mark, Said},
    refresh::describe,
};
use crate::{
    features::delta::Changes,
    observe::tally::Operation,
    tokens::{key::TokenKey, refresh::RefreshToken},
    upstream::{
        error::CallError,
        limits::{STREAM_NEWS_MAX, STREAMS_MAX},
        stream::{
            self, Down, News,
            pace::{End, Patience},
            position::Gap,
        },
    },
};

/// A connection that ended sooner was of no use, and so many in a row are worth a line.
const SHORT: Duration = Duration::from_secs(5);
const SHORT_TIMES: u32 = 3;
/// The same reason is not said again before.
const GAP_SAID: Duration = Duration::from_secs(600);
/// A token that joins so soon after the start may have joined on a whole fleet.
const STARTING: Duration = Duration::from_secs(10);

impl Sync {
    /// Starts the streams that are missing, as far as there is room.
    pub(super) fn open_streams(&mut self, now: Instant) {
        let open = self.follows.by_token.values().filter(|one| one.stream.is_some()).count();
        let missing = self.registry.refresh_set().iter().filter(|refresh| {
            self.follows.by_token.get(&refresh.key).is_some_and(|one| one.stream.is_none())
        });
        let missing: Vec<RefreshToken> = missing.take(STREAMS_MAX.saturating_sub(open)).cloned().collect();
        for refresh in missing {
            self.follows.marks += 1;
            let mark = self.follows.marks;
            let seed = self.random.random();
            let Some(following) = self.follows.by_token.get_mut(&refresh.key) else { continue };
            let setup = stream::Setup {
                client: Arc::clone(&self.follows.client),
                token: refresh.token.clone(),
                known: Arc::clone(&following.known),
                spread: self.follows.started.elapsed() < STARTING,
                patience: Patience::default(),
                seed,
            };
            match stream::start(setup, (refresh.key, mark), self.follows.tell.clone()) {
                Ok(handle) => (following.stream, following.mark) = (Some(handle), mark),
                Err(error) => {
                    let scope = describe(&refresh.scope);
                    tracing::warn!(scope, "No thread for a stream, features are polled instead: {error}");
                    self.schedule.bring_forward(&refresh.key, now);
                }
            }
        }
    }

    /// A worker has told something. What others have told meanwhile goes into the same snapshot.
    pub(super) fn streamed_all(&mut self, mark: Mark, news: News, now: Instant) {
        self.streamed(mark, news, now);
        let queue = self.follows.news().clone();
        for (mark, news) in queue.try_iter().take(STREAM_NEWS_MAX) {
            self.streamed(mark, news, now);
        }
    }

    fn streamed(&mut self, (key, mark): Mark, news: News, now: Instant) {
        if self.follows.by_token.get(&key).is_none_or(|following| following.mark != mark) {
            // Of a worker that is ending.
            return;
        }
        match news {
            News::Opened { resumed, took } => self.stream_opened(key, resumed, took, now),
            News::Changes(changes) => self.stream_changes(key, changes, now),
            News::Down(down) => self.stream_down(key, down, now),
        }
    }

    fn stream_opened(&mut self, key: TokenKey, resumed: bool, took: Duration, now: Instant) {
        self.tally.called(Operation::Streaming, Ok(200), took);
        let check = self.between(CHECK_RESUMED[0], CHECK_RESUMED[1]);
        let Some(following) = self.follows.by_token.get_mut(&key) else { return };
        (following.up, following.heard, following.opened) = (true, false, now);
        self.tally.stream_up(&following.scope, true);
        let scope = describe(&following.scope);
        match following.said.replace(Said::Up) {
            None => tracing::info!(scope, "Following the stream of upstream"),
            Some(Said::Down(_)) => tracing::info!(scope, "Following the stream of upstream again"),
            Some(Said::Up) => tracing::debug!(scope, resumed, "The stream is open again"),
        }
        if following.follow.fold().is_hydrated() && self.follows.repairs && resumed {
            self.schedule.put_off(&key, now + check);
        }
    }

    fn stream_changes(&mut self, key: TokenKey, changes: Changes, now: Instant) {
        self.tally.streamed(changes.list.iter().map(|change| change.kind()), changes.unknown);
        let hydrates = changes.hydrates();
        if let Some(following) = self.follows.by_token.get_mut(&key) {
            following.heard = true;
        }
        self.take_changes(key, changes);
        // Others leave it alone, so that comparing takes place however often something changes.
        if hydrates {
            self.pace_polls(&key, now);
        }
        self.settle_loads();
        self.settle_restored();
    }

    fn stream_down(&mut self, key: TokenKey, down: Down, now: Instant) {
        let Down { end, error, gap, took } = down;
        if let Some((error, took)) = error.as_ref().zip(took) {
            self.tally.called(Operation::Streaming, Err(error), took);
        }
        self.tally.stream_reconnects(end.label());
        if let Some(gap) = &gap {
            self.tally.rehydrates(gap.label());
        }
        if end == End::Denied {
            self.registry.suspect(key, now);
        }
        let again = now + self.between(self.schedule.interval().mul_f64(0.9), self.schedule.interval());
        let Some(following) = self.follows.by_token.get_mut(&key) else { return };
        (following.up, following.heard) = (false, false);
        self.tally.stream_up(&following.scope, false);
        following.say_down(end, error.as_ref(), gap.as_ref(), now);
        let is_loaded = self.loads.look(key).is_some_and(|target| target.loaded);
        let is_first = self.schedule.failures(&key) == Some(0);
        if !is_loaded && is_first {
            self.schedule.bring_forward(&key, now);
        } else if is_loaded && self.follows.repairs {
            self.schedule.bring_forward(&key, again);
        }
    }
}

impl Following {
    /// Once per change: an ordinary end that is followed by a connection is none.
    fn say_down(&mut self, end: End, error: Option<&CallError>, gap: Option<&Gap>, now: Instant) {
        let scope = describe(&self.scope);
        if let Some(gap) = gap {
            let is_news = self.gap_said.is_none_or(|(label, at)| {
                label != gap.label() || now.saturating_duration_since(at) >= GAP_SAID
            });
            if is_news {
                tracing::warn!(scope, "Asking the stream for the whole state: {gap}");
                self.gap_said = Some((gap.label(), now));
            }
            return;
        }
        let Some(error) = error else {
            tracing::debug!(scope, end = end.label(), "The stream has ended");
            let is_short = now.saturating_duration_since(self.opened) < SHORT;
            self.short = if is_short { self.short.saturating_add(1) } else { 0 };
            if self.short == SHORT_TIMES {
                tracing::warn!(scope, "The stream of upstream ends soon after it begins, will keep trying");
            }
            return;
        };
        let said = Some(Said::Down(end.label()));
        if self.said != said {
            tracing::warn!(scope, "The stream of upstream cannot be had, will keep trying: {error}");
            self.said = said;
        }
    }
}
