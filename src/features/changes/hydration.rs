//! The event that holds everything: a frame around the lists that stand in the scope's body anyway.
//!
//! A body of several megabytes is not held twice, so whoever sends a hydration sends five parts, two of them ranges of
//! the body.

use super::message::{Kind, tail, write_head};
use super::resume::ResumeToken;
use std::io::Write;
use std::ops::Range;

/// The parts, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hydration {
    /// Up to the list of features.
    pub head: Vec<u8>,
    /// The features without the brackets around them, in the identity body. Names are sorted, so those with a prefix are
    /// a range, too.
    pub features: Range<usize>,
    /// Between the lists.
    pub middle: &'static [u8],
    /// The segments, in the identity body; empty if it has none.
    pub segments: Range<usize>,
    /// What closes it.
    pub tail: Vec<u8>,
}

impl Hydration {
    pub(super) fn new(
        kind: Kind,
        token: ResumeToken,
        features: Range<usize>,
        segments: Range<usize>,
    ) -> Self {
        let mut head = Vec::new();
        write_head(kind, Some(token), &mut head);
        write!(head, "{{\"type\":\"hydration\",\"eventId\":{},\"features\":[", token.revision)
            .expect("a vector takes all that is written");
        let middle: &[u8] = if segments.is_empty() { b"],\"segments\":[]" } else { b"],\"segments\":" };
        let tail = [b"}", tail(kind)].concat();
        Self { head, features, middle, segments, tail }
    }

    /// All of it, copied.
    pub fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(body.get(self.features.clone()).unwrap_or_default());
        out.extend_from_slice(self.middle);
        out.extend_from_slice(body.get(self.segments.clone()).unwrap_or_default());
        out.extend_from_slice(&self.tail);
    }
}
