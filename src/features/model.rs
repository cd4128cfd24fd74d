//! A features document as it came from upstream or a file: normalised, but not yet part of an environment.

use super::fragment::{Fragment, MetaFragment, SegmentFragment};
use super::warning::Warnings;
use std::sync::Arc;

/// A document that was accepted. Made by [`super::parse`] and [`super::bootstrap`], used up by the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Format version as given, 2 today.
    pub version: u64,
    /// Sorted by name (bytes), each name once.
    pub features: Vec<Arc<Fragment>>,
    /// Sorted by id, each id once; also those no feature refers to.
    pub segments: Vec<Arc<SegmentFragment>>,
    /// `meta`, if there was one.
    pub meta: Option<Arc<MetaFragment>>,
    /// What was odd about it.
    pub warnings: Warnings,
}

impl Document {
    /// `meta.revisionId`
    pub fn revision(&self) -> Option<u64> {
        self.meta.as_ref()?.revision_id
    }
}
