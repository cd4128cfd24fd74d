//! This core's copy of the snapshot: the same data, counted and prepared so that a request writes nothing that
//! another core reads.

use std::{cell::Cell, rc::Rc, sync::Arc};

use brink_shards::{Shared, http::accept_encoding::Coding as Wanted};

use crate::{
    features::{compress::Coding, view::ScopeView},
    snapshot::{FrontendState, ScopeState, Snapshot},
    tokens::{
        key::TokenKey,
        table::{Entry, TokenTable},
    },
};

/// The snapshot of one shard. Replaced as a whole.
#[derive(Default)]
pub struct Replica {
    /// Stands before `snapshot` because it is dropped first: once the snapshot is let go the publisher may free
    /// it, and whatever is still counted from here would be freed on the shard.
    scopes: Box<[ScopeReplica]>,
    snapshot: Arc<Snapshot>,
}

/// One scope, ready to be sent.
pub enum ScopeReplica {
    /// There is data.
    Serving(Box<Serving>),
    /// See [`ScopeState::Loading`].
    Loading,
    /// See [`ScopeState::Fetching`].
    Fetching,
    /// See [`ScopeState::Uncovered`].
    Uncovered,
}

/// The bodies of one scope.
pub struct Serving {
    /// What they were made of.
    pub view: Arc<ScopeView>,
    /// `content-type`, `etag` and `vary`, as header lines.
    pub lines: Box<[u8]>,
    /// The body itself.
    pub identity: Shared,
    gzip: Option<Shared>,
    br: Option<Shared>,
    zstd: Option<Shared>,
    /// Which forms were asked for already, a bit each.
    demanded: Cell<u8>,
}

impl Replica {
    /// Prepares a snapshot; the one before is given back when this returns.
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        let scopes = snapshot.scopes.iter().map(ScopeReplica::new).collect();
        Self { snapshot, scopes }
    }

    /// The snapshot itself, for a request that outlives it: as long as it is held, the publisher frees nothing of it.
    /// Writes the shared count, so not for every request.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// What is known of a token.
    pub fn token(&self, key: TokenKey) -> Option<Entry> {
        let tokens: &TokenTable = &self.snapshot.tokens;
        tokens.find(key).copied()
    }

    /// What a token sees.
    pub fn scope_of(&self, entry: &Entry) -> Option<&crate::tokens::scope::Scope> {
        self.snapshot.tokens.scope(entry)
    }

    /// The scope at an index of the token table.
    pub fn scope(&self, index: usize) -> Option<&ScopeReplica> {
        self.scopes.get(index)
    }

    /// What frontend tokens of a scope are answered. Not copied: an engine is only read.
    pub fn frontend(&self, index: usize) -> Option<&FrontendState> {
        self.snapshot.frontends.get(index)
    }

    /// See [`Snapshot::ready`].
    pub fn is_ready(&self) -> bool {
        self.snapshot.ready
    }

    /// The scope's own description, to name it to the control thread.
    pub fn describe(&self, index: usize) -> Option<&crate::tokens::scope::Scope> {
        self.snapshot.tokens.scopes().get(index)
    }
}

impl ScopeReplica {
    fn new(state: &ScopeState) -> Self {
        match state {
            ScopeState::Serving(view) => Self::Serving(Box::new(Serving::new(view))),
            ScopeState::Loading => Self::Loading,
            ScopeState::Fetching => Self::Fetching,
            ScopeState::Uncovered => Self::Uncovered,
        }
    }
}

impl Serving {
    fn new(view: &Arc<ScopeView>) -> Self {
        let own = |form: &Option<Arc<[u8]>>| form.as_ref().map(|body| Rc::new(Arc::clone(body)));
        Self {
            lines: entity_lines(&view.etag).into_bytes().into(),
            identity: Rc::new(Arc::clone(&view.identity)),
            gzip: own(&view.gzip),
            br: own(&view.br),
            zstd: own(&view.zstd),
            demanded: Cell::new(0),
            view: Arc::clone(view),
        }
    }

    /// The body in a coding, if it is there.
    pub fn form(&self, coding: Coding) -> Option<&Shared> {
        match coding {
            Coding::Gzip => self.gzip.as_ref(),
            Coding::Brotli => self.br.as_ref(),
            Coding::Zstd => self.zstd.as_ref(),
        }
    }

    /// True the first time a coding is wanted that is not there.
    pub fn demands(&self, coding: Coding) -> bool {
        let bit = 1 << coding as u8;
        let before = self.demanded.replace(self.demanded.get() | bit);
        self.form(coding).is_none() && before & bit == 0
    }
}

/// The lines that describe a body under an entity tag.
pub fn entity_lines(etag: &str) -> String {
    format!("content-type: application/json\r\netag: {etag}\r\nvary: accept-encoding\r\n")
}

/// The stored form for what a client would take; `None` is the body itself.
pub fn stored(wanted: Wanted) -> Option<Coding> {
    match wanted {
        Wanted::Identity => None,
        Wanted::Gzip => Some(Coding::Gzip),
        Wanted::Brotli => Some(Coding::Brotli),
        Wanted::Zstd => Some(Coding::Zstd),
    }
}
