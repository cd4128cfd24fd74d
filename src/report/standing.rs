//! What the report thread knows of tokens and revisions: told by the sync thread whenever it changes, newest only.

use std::{sync::Arc, time::SystemTime};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use crate::tokens::{reporter::Reporter, scope::Projects};

/// One state of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// See [`crate::tokens::registry::TokenRegistry::reporters`].
    pub reporters: Vec<Reporter>,
    /// One per refresh token that has brought a revision.
    pub revisions: Vec<Revision>,
}

/// What a refresh token brought last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its environment.
    pub environment: Arc<str>,
    /// Its projects.
    pub projects: Projects,
    /// `meta.revisionId`.
    pub revision_id: u64,
    /// When the document came.
    pub last_updated: SystemTime,
}

/// The sync thread's end: a state that was not picked up yet gives way to a newer one.
#[derive(Debug)]
pub struct Teller {
    newest: Sender<Standing>,
    unread: Receiver<Standing>,
}

/// Both ends.
pub fn standing() -> (Teller, Receiver<Standing>) {
    let (newest, unread) = bounded(1);
    (Teller { newest, unread: unread.clone() }, unread)
}

impl Teller {
    /// Tells the newest state.
    pub fn tell(&self, standing: Standing) {
        let mut newest = standing;
        while let Err(TrySendError::Full(refused)) = self.newest.try_send(newest) {
            newest = refused;
            drop(self.unread.try_recv());
        }
    }
}

impl Standing {
    /// The token that reports for an environment.
    pub fn reporter(&self, environment: &str) -> Option<&Reporter> {
        self.reporters.iter().find(|reporter| *reporter.environment == *environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_what_is_heard() {
        let (teller, heard) = standing();
        let with = |revision_id| {
            let (environment, projects) = ("dev".into(), Projects::All);
            let last_updated = SystemTime::UNIX_EPOCH;
            let revision = Revision { environment, projects, revision_id, last_updated };
            Standing { revisions: vec![revision], ..Standing::default() }
        };
        (1..4).for_each(|id| teller.tell(with(id)));
        assert_eq!(heard.try_recv().ok(), Some(with(3)));
        assert!(heard.try_recv().is_err());
    }
}
