//! The pieces a body is made of: one normalised feature, segment or meta object, as compact JSON.
//!
//! A fragment is immutable and shared as `Arc` by every document, environment and view it is part of; the
//! catalog's owner makes it once per change of its source text. Two fragments have the same content exactly
//! if their JSON is equal: every other field but `source` follows from it.

use super::error::DocumentError;
use super::facts::{FeatureFacts, MetaFacts, SegmentFacts};
use super::normalise::normalise;
use super::path::Path;
use super::shape;
use xxhash_rust::xxh3::xxh3_128;

/// Lists and objects around a feature or segment of a document: the document and the list.
const OUTSIDE_ELEMENT: usize = 2;
/// Lists and objects around `meta`: the document.
const OUTSIDE_META: usize = 1;

/// The project a feature without `project` belongs to, wherever that counts (tokens.md 7.3).
pub const DEFAULT_PROJECT: &str = "default";

/// One feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Name, decoded.
    pub name: Box<str>,
    /// Project, decoded; `None` if upstream gave none: then it is never in a client list.
    pub project: Option<Box<str>>,
    /// The feature as it is served, without blanks.
    pub json: Box<str>,
    /// Segments its strategies refer to, sorted, each once.
    pub segments: Box<[i64]>,
    /// Operators of its constraints the protocol does not know, sorted, each once.
    pub unknown_operators: Box<[Box<str>]>,
    /// xxh3-128 of the source text: equal text need not be normalised again. Not made to withstand an
    /// attacker; upstream, who could make two texts collide, can send any flag it likes anyway.
    pub source: u128,
}

impl Fragment {
    /// Checks and normalises one feature object.
    pub fn parse(raw: &str) -> Result<Self, DocumentError> {
        Self::parse_at(raw, source_of(raw), &Path::Root("feature"))
    }

    pub(super) fn parse_at(raw: &str, source: u128, path: &Path<'_>) -> Result<Self, DocumentError> {
        let json = normalise(&shape::FEATURE, raw, path, OUTSIDE_ELEMENT)?;
        let facts: FeatureFacts<'_> = serde_json::from_str(&json)?;
        let (segments, unknown_operators) = (facts.segments(), facts.unknown_operators());
        Ok(Self { name: facts.name, project: facts.project, segments, unknown_operators, source, json })
    }

    /// The project it counts as when documents are merged.
    pub fn project_or_default(&self) -> &str {
        self.project.as_deref().unwrap_or(DEFAULT_PROJECT)
    }
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFragment {
    /// Id; unique in an environment.
    pub id: i64,
    /// The segment as it is served, without blanks.
    pub json: Box<str>,
    /// Operators of its constraints the protocol does not know, sorted, each once.
    pub unknown_operators: Box<[Box<str>]>,
    /// xxh3-128 of the source text.
    pub source: u128,
}

impl SegmentFragment {
    /// Checks and normalises one segment object.
    pub fn parse(raw: &str) -> Result<Self, DocumentError> {
        Self::parse_at(raw, source_of(raw), &Path::Root("segment"))
    }

    pub(super) fn parse_at(raw: &str, source: u128, path: &Path<'_>) -> Result<Self, DocumentError> {
        let json = normalise(&shape::SEGMENT, raw, path, OUTSIDE_ELEMENT)?;
        let facts: SegmentFacts<'_> = serde_json::from_str(&json)?;
        let (id, unknown_operators) = (facts.id, facts.unknown_operators());
        Ok(Self { id, unknown_operators, source, json })
    }
}

/// The `meta` object of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaFragment {
    /// The object as it is served, without blanks.
    pub json: Box<str>,
    /// `revisionId`. It is that of whichever token refreshed last, so not environment-wide.
    pub revision_id: Option<u64>,
}

impl MetaFragment {
    /// One that says nothing else.
    pub(super) fn of_revision(revision: u64) -> Self {
        Self { json: format!("{{\"revisionId\":{revision}}}").into(), revision_id: Some(revision) }
    }

    pub(super) fn parse(raw: &str) -> Result<Self, DocumentError> {
        let json = normalise(&shape::META, raw, &Path::Root("meta"), OUTSIDE_META)?;
        let facts: MetaFacts = serde_json::from_str(&json)?;
        Ok(Self { revision_id: facts.revision_id, json })
    }
}

/// The fingerprint of a source text.
pub(super) fn source_of(raw: &str) -> u128 {
    xxh3_128(raw.as_bytes())
}
