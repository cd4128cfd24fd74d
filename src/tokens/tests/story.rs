//! What stories about tokens are told with: a registry, its clock, an upstream played by the test.

use super::*;
use crate::tokens::limits::{ASKED_SPACING, BATCH_TOKENS_MAX};

pub(super) const ALL: usize = BATCH_TOKENS_MAX;
pub(super) const STAR: &str = "*:dev.star";
pub(super) const OTHER: &str = "*:prod.other";
pub(super) const P1: &str = "p1:dev.one";
pub(super) const BROWSER: &str = "*:dev.browser";

pub(super) const VALID_BACKEND: Option<(TokenKind, Standing)> =
    Some((TokenKind::Backend, Standing::Validated));
pub(super) const REFUSED_BACKEND: Option<(TokenKind, Standing)> =
    Some((TokenKind::Backend, Standing::Refused));

/// A registry and its clock.
pub(super) struct Story {
    pub(super) registry: TokenRegistry,
    pub(super) now: Instant,
}

impl Story {
    pub(super) fn begin(mode: Mode, startup: &[&str]) -> Self {
        let now = Instant::now();
        let mut registry = registry(mode, now);
        startup.iter().for_each(|text| registry.add_startup(token(text), now));
        Self { registry, now }
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    pub(super) fn ask(&mut self, text: &str) -> Asked {
        self.registry.ask(key(text), token(text), self.now)
    }

    /// The next batch, after the distance that calls keep.
    #[track_caller]
    pub(super) fn batch(&mut self) -> Batch {
        if let Some(batch) = self.registry.next_batch(self.now, ALL) {
            return batch;
        }
        let due = self.registry.next_due(self.now).expect("something is due");
        assert!(due <= self.now + ASKED_SPACING, "due in {:?}", due - self.now);
        self.now = due;
        self.registry.next_batch(self.now, ALL).expect("something to ask")
    }

    pub(super) fn texts(batch: &Batch) -> Vec<&str> {
        batch.tokens().map(Token::text).collect()
    }

    #[track_caller]
    pub(super) fn is_idle(&mut self) {
        let batch = self.registry.next_batch(self.now, ALL);
        assert!(batch.is_none(), "{batch:?}");
        let due = self.registry.next_due(self.now);
        assert!(due.is_none_or(|due| due > self.now), "due at once, but nothing to do");
    }

    /// The next batch is this one, and upstream lists these.
    #[track_caller]
    pub(super) fn exchange(&mut self, asked: &[&str], listed: Vec<TokenRecord>) -> Verdicts {
        let batch = self.batch();
        assert_eq!(Self::texts(&batch), asked);
        self.registry.answered(batch, listed, self.now)
    }

    #[track_caller]
    pub(super) fn fail(&mut self) -> Vec<TokenKey> {
        let batch = self.batch();
        self.registry.unanswered(batch, self.now)
    }

    /// Waits as long as the registry wants to, and returns the seconds.
    #[track_caller]
    pub(super) fn wait_until_due(&mut self) -> f64 {
        let due = self.registry.next_due(self.now).expect("something is due");
        let pause = due.saturating_duration_since(self.now);
        self.now += pause;
        pause.as_secs_f64()
    }

    /// As above, through rounds that find nothing to ask, to the next batch.
    #[track_caller]
    pub(super) fn wait_for_batch(&mut self) -> (f64, Batch) {
        let mut pause = self.wait_until_due();
        loop {
            match self.registry.next_batch(self.now, ALL) {
                Some(batch) => return (pause, batch),
                None => pause += self.wait_until_due(),
            }
        }
    }

    pub(super) fn standing(&self, text: &str) -> Option<(TokenKind, Standing)> {
        self.registry.table().find(key(text)).map(|entry| (entry.kind, entry.standing))
    }

    pub(super) fn refreshed(&self) -> Vec<&str> {
        self.registry.refresh_set().iter().map(|refresh| refresh.token.text()).collect()
    }
}
