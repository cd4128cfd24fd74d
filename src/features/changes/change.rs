//! One change of one scope, ready to be sent.
//!
//! Written once, on the control side, and shared by all shards and subscribers of the scope: the message of a stream, in
//! which the list of events is also what is put together with others for those who missed several. Cut down to a
//! name prefix it is written anew, by whoever needs that.

use super::difference::Difference;
use super::message::{Kind, Separator, write_head, write_tail};
use super::resume::ResumeToken;
use crate::features::json::push_text;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Change {
    token: ResumeToken,
    message: Arc<[u8]>,
    events: Box<[Event]>,
}

/// Where an event stands in the message.
#[derive(Debug)]
struct Event {
    place: Range<usize>,
    /// Of the feature it is about; segments have none.
    name: Option<Box<str>>,
}

impl Change {
    /// Writes the events of a change that leads to this token.
    pub(super) fn write(token: ResumeToken, difference: &Difference<'_>) -> Self {
        let mut writer = Writer::new(token, difference.events());
        for segment in &difference.segments_updated {
            writer.event("segment-updated", None, |out| push_member(out, "segment", segment.json.as_bytes()));
        }
        for feature in &difference.features_removed {
            writer.event("feature-removed", Some(&feature.name), |out| {
                out.extend_from_slice(b",\"featureName\":");
                push_text(out, &feature.name);
                out.extend_from_slice(b",\"project\":");
                push_text(out, feature.project_or_default());
            });
        }
        for feature in &difference.features_updated {
            let json = feature.json.as_bytes();
            writer.event("feature-updated", Some(&feature.name), |out| push_member(out, "feature", json));
        }
        for id in &difference.segments_removed {
            writer.event("segment-removed", None, |out| {
                push_member(out, "segmentId", id.to_string().as_bytes());
            });
        }
        writer.finish()
    }

    /// Where a client stands that has got it.
    pub fn token(&self) -> ResumeToken {
        self.token
    }

    /// `unleash-updated` with all its events.
    pub fn message(&self) -> &Arc<[u8]> {
        &self.message
    }

    /// Number of events.
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// The JSON of the events that a client with this prefix needs: those of segments, and of features under such names.
    pub fn select(&self, prefix: &str) -> impl Iterator<Item = &[u8]> {
        let is_needed = move |event: &&Event| event.name.as_ref().is_none_or(|name| name.starts_with(prefix));
        let json = |event: &Event| self.message.get(event.place.clone()).unwrap_or_default();
        self.events.iter().filter(is_needed).map(json)
    }

    /// As [`Change::message`], for a client with this prefix; `None` if nothing is left of it.
    pub fn message_for(&self, prefix: &str) -> Option<Vec<u8>> {
        let mut separator = Separator::default();
        let mut out = Vec::new();
        write_head(Kind::Updated, Some(self.token), &mut out);
        for event in self.select(prefix) {
            separator.push(&mut out);
            out.extend_from_slice(event);
        }
        write_tail(&mut out);
        separator.has_first().then_some(out)
    }
}

fn push_member(out: &mut Vec<u8>, key: &str, json: &[u8]) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(json);
}

struct Writer {
    token: ResumeToken,
    out: Vec<u8>,
    separator: Separator,
    events: Vec<Event>,
}

impl Writer {
    fn new(token: ResumeToken, events: usize) -> Self {
        let mut out = Vec::new();
        write_head(Kind::Updated, Some(token), &mut out);
        Self { token, out, separator: Separator::default(), events: Vec::with_capacity(events) }
    }

    fn event(&mut self, kind: &str, name: Option<&str>, write_rest: impl FnOnce(&mut Vec<u8>)) {
        self.separator.push(&mut self.out);
        let start = self.out.len();
        write!(self.out, "{{\"type\":\"{kind}\",\"eventId\":{}", self.token.revision)
            .expect("a vector takes all that is written");
        write_rest(&mut self.out);
        self.out.push(b'}');
        self.events.push(Event { place: start..self.out.len(), name: name.map(Box::from) });
    }

    fn finish(mut self) -> Change {
        write_tail(&mut self.out);
        Change { token: self.token, message: self.out.into(), events: self.events.into() }
    }
}
