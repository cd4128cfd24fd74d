//! What the sync thread and the persist thread hand each other.
//!
//! Sync offers a [`Backup`] after each change; only the newest waits. Persist reports what it found in the store, once,
//! or in parts as the store becomes readable. Each part is numbered: a backup that was made before the latest part was
//! taken in lacks it, and is never written.

use std::{fmt, sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::format::EventIds;
use crate::{
    features::{environment::EnvironmentData, model::Document},
    tokens::{
        record::TokenRecord,
        scope::{Projects, Scope},
    },
};

/// All that is to survive a restart. Holds secrets.
#[derive(Clone, Default)]
pub struct Backup {
    /// How many [`Restored`] it contains.
    pub restores: u64,
    /// Valid tokens, in full.
    pub tokens: Arc<[TokenRecord]>,
    /// What is loaded, by name.
    pub environments: Vec<Arc<EnvironmentData>>,
    /// For which scopes it is complete.
    pub loaded: Vec<Scope>,
    /// Where streams resume.
    pub event_ids: EventIds,
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tokens, environments) = (self.tokens.len(), self.environments.len());
        f.debug_struct("Backup")
            .field("tokens", &tokens)
            .field("environments", &environments)
            .finish_non_exhaustive()
    }
}

/// What was found in the store.
#[derive(Debug, Default)]
pub struct Restored {
    /// As they were stored, useless ones included.
    pub tokens: Vec<TokenRecord>,
    /// Environments that could be read.
    pub environments: Vec<RestoredEnvironment>,
    /// Where streams resume.
    pub event_ids: EventIds,
    /// How long ago the features were written, if anybody knows.
    pub age: Option<Duration>,
}

/// One environment of a backup.
#[derive(Debug)]
pub struct RestoredEnvironment {
    /// Its name.
    pub name: Arc<str>,
    /// Its features.
    pub document: Document,
    /// The projects that had been loaded when it was written.
    pub loaded: Vec<Projects>,
}

/// From persist to sync.
#[derive(Debug)]
pub enum Report {
    /// This is in the store; it may be nothing.
    Restored(Box<Restored>),
    /// The store cannot be read now; what is in it will come if that changes.
    Unreachable,
}

/// Sync's end.
#[derive(Debug)]
pub struct Link {
    /// What persist found.
    pub reports: Receiver<Report>,
    backups: Sender<Backup>,
    /// The same queue, to take out what is not the newest any more.
    unread: Receiver<Backup>,
}

/// Persist's end.
#[derive(Debug)]
pub struct Far {
    /// To sync. At most one report for each attempt to read, so it is never full for long.
    pub reports: Sender<Report>,
    /// From sync: the newest.
    pub backups: Receiver<Backup>,
}

/// Reports that sync has not picked up. It always does: it waits for nothing else.
const REPORTS_MAX: usize = 16;

/// Both ends.
pub fn link() -> (Link, Far) {
    let (report, reports) = bounded(REPORTS_MAX);
    let (offer, offers) = bounded(1);
    (Link { reports, backups: offer, unread: offers.clone() }, Far { reports: report, backups: offers })
}

impl Link {
    /// Offers a newer backup; an older one that nobody has taken is dropped.
    pub fn offer(&self, backup: Backup) {
        let mut backup = backup;
        while let Err(TrySendError::Full(back)) = self.backups.try_send(backup) {
            let _ = self.unread.try_recv();
            backup = back;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_backup_waits() {
        let (link, far) = link();
        for restores in 0..5 {
            link.offer(Backup { restores, ..Backup::default() });
        }
        assert_eq!(far.backups.try_iter().map(|backup| backup.restores).collect::<Vec<_>>(), [4]);
        drop(far);
        link.offer(Backup::default());
    }

    #[test]
    fn debug_hides_the_secrets() {
        let record = r#"{"token":"*:a.s3cret-of-a-token-0001","projects":["*"]}"#;
        let tokens: Vec<TokenRecord> = vec![serde_json::from_str(record).expect("a record")];
        let backup = Backup { tokens: tokens.into(), ..Backup::default() };
        assert!(!format!("{backup:?}").contains("s3cret"));
    }
}
