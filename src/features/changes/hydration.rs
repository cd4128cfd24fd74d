//! The event that holds everything: a frame around the lists that stand in the scope's body anyway.
//!
//! A body of several megabytes is not held twice, so whoever sends a hydration sends five parts, two of them ranges of
//! the body.

use super::message::{Kind, tail, write_head};
use super::resume::ResumeToken;
use crate::features::body::Lists;
use std::io::Write;
use std::ops::Range;

/// The parts, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hydration {
    /// Up to the list of features.
    pub head: Vec<u8>,
    /// The features, in the identity body.
    pub features: Range<usize>,
    /// Between the lists.
    pub middle: &'static [u8],
    /// The segments, in the identity body; empty if it has none.
    pub segments: Range<usize>,
    /// What closes it.
    pub tail: Vec<u8>,
}

impl Hydration {
    pub(super) fn new(kind: Kind, token: ResumeToken, lists: &Lists) -> Self {
        let mut head = Vec::new();
        write_head(kind, Some(token), &mut head);
        write!(head, "{{\"type\":\"hydration\",\"eventId\":{},\"features\":", token.revision)
            .expect("a vector takes all that is written");
        let middle: &[u8] = if lists.segments.is_empty() { b",\"segments\":[]" } else { b",\"segments\":" };
        let tail = [b"}", tail(kind)].concat();
        Self { head, features: lists.features.clone(), middle, segments: lists.segments.clone(), tail }
    }

    /// All of it, copied.
    pub fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        let features = body.get(self.features.clone()).unwrap_or_default();
        self.write_with(|out| out.extend_from_slice(features), body, out);
    }

    /// All of it with another list of features, copied.
    pub(super) fn write_with(
        &self,
        write_features: impl FnOnce(&mut Vec<u8>),
        body: &[u8],
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&self.head);
        write_features(out);
        out.extend_from_slice(self.middle);
        out.extend_from_slice(body.get(self.segments.clone()).unwrap_or_default());
        out.extend_from_slice(&self.tail);
    }
}
