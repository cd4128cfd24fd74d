//! What the sync thread says of itself when asked.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{Sync, is_ready, loads::Target};
use crate::{
    config::settings::Fetching,
    described::{Described, Refresh},
    tokens::{
        record::{KindWord, Status, TokenRecord},
        refresh::RefreshToken,
    },
};

impl Sync {
    pub(super) fn describe(&self, now: Instant, now_utc: SystemTime) -> Described {
        let at = |instant: Instant| match instant.checked_duration_since(now) {
            Some(ahead) => now_utc + ahead,
            None => now_utc - now.saturating_duration_since(instant),
        };
        let refreshes = self.registry.refresh_set().iter().map(|refresh| self.describe_refresh(refresh, at));
        Described {
            tokens: self.registry.listing(),
            refreshes: refreshes.collect(),
            environments: self.catalog.environments().map(Arc::clone).collect(),
            ready: is_ready(&self.registry, &self.catalog),
        }
    }

    fn describe_refresh(&self, refresh: &RefreshToken, at: impl Fn(Instant) -> SystemTime) -> Refresh {
        let key = &refresh.key;
        let target = self.loads.look(*key);
        let document = target.and_then(|target| target.document);
        Refresh {
            token: TokenRecord {
                token: refresh.token.to_string(),
                kind: Some(KindWord::Backend),
                environment: refresh.scope.environment.as_deref().map(str::to_owned),
                projects: refresh.scope.projects.names().into_iter().map(str::to_owned).collect(),
                status: Status::Validated,
            },
            etag: self.schedule.etag(key).map(str::to_owned),
            next: self.schedule.due_at(key).map(at),
            last_document: document.map(|document| document.at),
            last_check: target.and_then(|target: &Target| target.checked),
            features: document.map(|document| document.features),
            revision_id: document.and_then(|document| document.revision_id),
            failures: self.schedule.failures(key).unwrap_or_default(),
            mode: match self.follows.fetching() {
                Fetching::Polling => "polling",
                Fetching::Delta => "delta",
                Fetching::Streaming => "streaming",
            },
            stream_up: self.follows.is_up(key),
        }
    }
}
