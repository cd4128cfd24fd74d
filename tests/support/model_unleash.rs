//! What an Unleash with deltas holds and says, as plain values: no sockets, no clock.
//!
//! One environment, seen by a token for everything. Ids have gaps, a window of the last changes is kept, and a client that is
//! ahead is told nothing, as Unleash does (delta-and-streaming.md 2 and 4.1).
#![allow(dead_code, reason = "each test binary uses another part of it")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Changes that can be resumed from.
const WINDOW: usize = 20;

/// See the module.
#[derive(Debug, Clone)]
pub struct Unleash {
    /// Id of the last change.
    pub revision: u64,
    features: BTreeMap<String, Value>,
    segments: BTreeMap<i64, Value>,
    log: Vec<(u64, Value)>,
    /// Grows with every change of history, so that tags differ.
    life: u64,
}

impl Unleash {
    /// An empty one.
    pub fn new(revision: u64) -> Self {
        Self {
            revision,
            features: BTreeMap::new(),
            segments: BTreeMap::new(),
            log: vec![(revision, Value::Null)],
            life: 0,
        }
    }

    /// Creates or changes a feature; `content` is something to tell two versions by.
    pub fn set(&mut self, name: &str, project: &str, content: u64, segment: Option<i64>) {
        let id = self.next_id();
        if let Some(segment) = segment {
            // A change of a flag brings its segments along.
            let value = self.segments.entry(segment).or_insert_with(|| segment_of(segment, 0)).clone();
            self.note(id, json!({"type": "segment-updated", "eventId": id, "segment": value}));
        }
        let feature = feature_of(name, project, content, segment);
        self.features.insert(name.to_owned(), feature.clone());
        self.note(id, json!({"type": "feature-updated", "eventId": id, "feature": feature}));
    }

    /// Archives a feature; nothing if there is none.
    pub fn remove(&mut self, name: &str) {
        let Some(feature) = self.features.remove(name) else { return };
        let id = self.next_id();
        self.note(id, removed(id, name, &feature["project"]));
    }

    /// Moves a feature to another project; nothing if there is none.
    pub fn move_to(&mut self, name: &str, project: &str) {
        let Some(feature) = self.features.get_mut(name) else { return };
        let before = std::mem::replace(&mut feature["project"], project.into());
        let feature = feature.clone();
        let id = self.next_id();
        self.note(id, removed(id, name, &before));
        self.note(id, json!({"type": "feature-updated", "eventId": id, "feature": feature}));
    }

    /// Creates or changes a segment.
    pub fn set_segment(&mut self, segment: i64, content: u64) {
        let id = self.next_id();
        let value = segment_of(segment, content);
        self.segments.insert(segment, value.clone());
        self.note(id, json!({"type": "segment-updated", "eventId": id, "segment": value}));
    }

    /// Starts from another database: other ids, nothing to resume from.
    pub fn restart(&mut self, revision: u64) {
        self.revision = revision;
        self.log = vec![(revision, Value::Null)];
        self.life += 1;
    }

    /// Forgets everything it holds; a new history needs [`Self::restart`], too.
    pub fn clear(&mut self) {
        self.features.clear();
        self.segments.clear();
    }

    /// The whole state as an event.
    pub fn hydration(&self) -> Value {
        json!({"type": "hydration", "eventId": self.revision, "features": self.features.values().collect::<Vec<_>>(),
               "segments": self.segments.values().collect::<Vec<_>>()})
    }

    /// What a client at this id is told; nothing if it is up to date.
    pub fn since(&self, id: Option<u64>) -> Vec<Value> {
        match id {
            Some(id) if id >= self.revision => Vec::new(),
            Some(id) if self.log.iter().any(|(held, _)| *held == id) => {
                let later = self.log.iter().filter(|(held, event)| *held > id && !event.is_null());
                later.map(|(_, event)| event.clone()).collect()
            }
            _ => vec![self.hydration()],
        }
    }

    /// The body of a features request.
    pub fn list(&self) -> String {
        let mut referred: Vec<i64> = Vec::new();
        for feature in self.features.values() {
            referred.extend(
                feature["strategies"][0]["segments"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_i64),
            );
        }
        let segments: Vec<&Value> =
            self.segments.iter().filter(|(id, _)| referred.contains(id)).map(|(_, value)| value).collect();
        json!({"version": 2, "features": self.features.values().collect::<Vec<_>>(), "segments": segments,
               "meta": {"etag": self.tag(), "queryHash": "76d8bb0e", "revisionId": self.revision}})
        .to_string()
    }

    /// Its tag.
    pub fn tag(&self) -> String {
        format!("\"76d8bb0e:{}:v{}\"", self.revision, self.life)
    }

    /// Names of the features, in order.
    pub fn names(&self) -> Vec<&str> {
        self.features.keys().map(String::as_str).collect()
    }

    fn next_id(&mut self) -> u64 {
        // Others use the ids between.
        self.revision += 1 + self.revision % 3;
        self.revision
    }

    fn note(&mut self, id: u64, event: Value) {
        self.log.push((id, event));
        // Never in the middle of one id.
        while self.log.len() > WINDOW && self.log.first().map(|one| one.0) != self.log.last().map(|one| one.0)
        {
            self.log.remove(0);
        }
    }
}

fn removed(id: u64, name: &str, project: &Value) -> Value {
    json!({"type": "feature-removed", "eventId": id, "featureName": name, "project": project})
}

fn feature_of(name: &str, project: &str, content: u64, segment: Option<i64>) -> Value {
    let segments: Vec<i64> = segment.into_iter().collect();
    json!({"name": name, "type": "release", "project": project, "enabled": true, "description": content.to_string(),
           "strategies": [{"name": "default", "segments": segments}]})
}

fn segment_of(id: i64, content: u64) -> Value {
    json!({"id": id, "name": "s", "constraints": [{"contextName": "region", "operator": "IN", "values": [content.to_string()]}]})
}

/// One event of a stream as it goes over the wire. `id` is left out where there is none.
pub fn frame(name: &str, id: Option<u64>, events: &[Value]) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("event: {name}\n{id}data: {}\n\n", json!({"events": events}))
}
