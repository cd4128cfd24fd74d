//! What the control side publishes and the shards serve from: complete, immutable, replaced as a whole.
//!
//! Made by the `Publisher` alone. No reader sees half a change: tokens, scopes and readiness of one snapshot
//! belong together.

use std::{sync::Arc, time::Instant};

use crate::{evaluate::Engine, features::view::ScopeView, tokens::table::TokenTable};

/// One state of the world.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Known tokens; their scopes index into `scopes`.
    pub tokens: Arc<TokenTable>,
    /// What client tokens of each scope of the table are answered.
    pub scopes: Box<[ScopeState]>,
    /// What frontend tokens of each scope of the table are answered.
    pub frontends: Box<[FrontendState]>,
    /// Whether `/internal-backstage/ready` says READY.
    pub ready: bool,
    /// When it was handed to the shards; set by the publisher.
    pub published: Option<Instant>,
}

/// What is known about the data of one scope.
#[derive(Debug, Clone)]
pub enum ScopeState {
    /// There is data.
    Serving(Arc<ScopeView>),
    /// A refresh token covers the scope and its first load is not decided yet: 503, try again soon.
    Loading,
    /// As `Loading`, in dynamic mode: the request may wait for the load that its own token caused.
    Fetching,
    /// No refresh token covers the scope: 403.
    Uncovered,
}

/// What is known about the environment that a scope's features are evaluated in.
#[derive(Debug, Clone)]
pub enum FrontendState {
    /// There is data.
    Serving(Arc<Engine>),
    /// A refresh token serves the environment and its first load is not decided yet: 503, try again soon.
    Loading,
    /// No refresh token serves the environment. `may_come`: dynamic mode, where the next token may change that.
    Absent {
        /// 511 with an explanation instead of 403.
        may_come: bool,
    },
}
