//! What the control thread says of itself when asked: tokens, refreshes, environments. For pages and reports.
//!
//! A copy, made on request; holds no secret: token texts are masked where it is made.

use std::{sync::Arc, time::SystemTime};

use crate::{
    features::environment::EnvironmentData,
    tokens::{record::TokenRecord, registry::Listing},
};

/// The state of the control side at one moment.
#[derive(Debug, Clone)]
pub struct Described {
    /// Known tokens, masked, and how many are refused.
    pub tokens: Listing,
    /// One for each token of the refresh set; none in offline mode.
    pub refreshes: Vec<Refresh>,
    /// What is loaded, by name.
    pub environments: Vec<Arc<EnvironmentData>>,
    /// What the readiness probe is told.
    pub ready: bool,
}

/// How the refreshes of one token stand.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The token, masked.
    pub token: TokenRecord,
    /// Tag of the last document.
    pub etag: Option<String>,
    /// When the next fetch is due; may lie in the past.
    pub next: Option<SystemTime>,
    /// When the last document came.
    pub last_document: Option<SystemTime>,
    /// When the last call ended, however it did.
    pub last_check: Option<SystemTime>,
    /// Features of the last document.
    pub features: Option<usize>,
    /// `meta.revisionId` of the last document.
    pub revision_id: Option<u64>,
    /// Failures in a row.
    pub failures: u32,
    /// How features are kept fresh: `polling`, `delta` or `streaming`.
    pub mode: &'static str,
    /// Whether the stream is open, where there is to be one.
    pub stream_up: Option<bool>,
}
