//! A client that follows a scope: applies what it is sent as SDKs do, and remembers where it stood when.

use super::super::{Kind, ResumeToken, write_missed};
use crate::features::view::ScopeView;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What a client holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) features: BTreeMap<String, String>,
    pub(super) segments: BTreeMap<i64, String>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    events: Vec<Event<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    r#type: &'a str,
    event_id: u64,
    #[serde(borrow)]
    feature: Option<&'a RawValue>,
    #[serde(borrow)]
    segment: Option<&'a RawValue>,
    feature_name: Option<String>,
    project: Option<String>,
    segment_id: Option<i64>,
    #[serde(borrow, default)]
    features: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    segments: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    features: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    segments: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Feature {
    name: String,
    strategies: Vec<Strategy>,
}

#[derive(Deserialize)]
struct Strategy {
    #[serde(default)]
    segments: Vec<i64>,
}

#[derive(Deserialize)]
struct Segment {
    id: i64,
}

impl Held {
    /// What a client of the scope should hold, without a prefix.
    pub(super) fn of_body(view: &ScopeView) -> Self {
        let body: Body<'_> = serde_json::from_slice(&view.identity).expect("a body");
        let mut held = Self::default();
        held.replace(&body.features, &body.segments);
        held
    }

    fn replace(&mut self, features: &[&RawValue], segments: &[&RawValue]) {
        *self = Self::default();
        segments.iter().for_each(|segment| self.put_segment(segment));
        features.iter().for_each(|feature| self.put_feature(feature));
    }

    fn put_segment(&mut self, raw: &RawValue) {
        let segment: Segment = serde_json::from_str(raw.get()).expect("a segment");
        self.segments.insert(segment.id, raw.get().to_owned());
    }

    fn put_feature(&mut self, raw: &RawValue) {
        let feature: Feature = serde_json::from_str(raw.get()).expect("a feature");
        for id in feature.strategies.iter().flat_map(|strategy| &strategy.segments) {
            assert!(self.segments.contains_key(id), "{} comes before segment {id}", feature.name);
        }
        self.features.insert(feature.name, raw.get().to_owned());
    }

    fn apply(&mut self, document: &str) {
        let document: Document<'_> = serde_json::from_str(document).expect("a list of events");
        for event in document.events {
            let _ = event.event_id;
            match event.r#type {
                "hydration" => self.replace(&event.features, &event.segments),
                "feature-updated" => self.put_feature(event.feature.expect("feature")),
                "feature-removed" => {
                    assert!(event.project.is_some());
                    self.features.remove(&event.feature_name.expect("featureName"));
                }
                "segment-updated" => self.put_segment(event.segment.expect("segment")),
                "segment-removed" => _ = self.segments.remove(&event.segment_id.expect("segmentId")),
                other => panic!("a client does not know {other}"),
            }
        }
    }
}

/// One client, and what the shard keeps of it while it is connected.
#[derive(Debug, Clone, Default)]
pub(super) struct Subscriber {
    pub(super) prefix: String,
    pub(super) held: Held,
    pub(super) token: Option<String>,
    /// Where the shard sees it; `None` while it is not connected.
    pub(super) position: Option<ResumeToken>,
    /// Where it stood before, and what it held then.
    pub(super) past: Vec<(String, Held)>,
}

impl Subscriber {
    fn receive(&mut self, message: &[u8]) {
        let message = std::str::from_utf8(message).expect("text");
        let lines = message.strip_suffix("\n\n").expect("an end").lines();
        for line in lines {
            match line.split_once(": ").expect("a field") {
                ("event", "unleash-connected" | "unleash-updated") => {}
                ("id", token) => self.token = Some(token.to_owned()),
                ("data", document) => self.held.apply(document),
                field => panic!("unknown field {field:?}"),
            }
        }
        if let Some(token) = &self.token {
            self.past.push((token.clone(), self.held.clone()));
        }
    }

    /// Opens its stream, as the shard answers it.
    pub(super) fn connect(&mut self, view: &ScopeView) {
        let given = self.token.as_ref().and_then(|token| ResumeToken::read(token.as_bytes()));
        let mut message = Vec::new();
        match given.and_then(|token| view.history.since(token)) {
            Some(changes) => _ = write_missed(Kind::Connected, changes, &self.prefix, &mut message),
            None => view.hydration(Kind::Connected, &self.prefix).write(&view.identity, &mut message),
        }
        self.receive(&message);
        self.position = Some(view.history.token());
    }

    /// A new snapshot came to the shard.
    pub(super) fn follow(&mut self, view: &ScopeView) {
        let Some(position) = self.position else { return };
        match view.history.since(position) {
            Some(changes) => {
                for change in changes {
                    if self.prefix.is_empty() {
                        self.receive(change.message());
                    } else if let Some(message) = change.message_for(&self.prefix) {
                        self.receive(&message);
                    }
                }
            }
            None => {
                let mut message = Vec::new();
                view.hydration(Kind::Updated, &self.prefix).write(&view.identity, &mut message);
                self.receive(&message);
            }
        }
        self.position = Some(view.history.token());
    }
}
