//! What the small Unleash knows: a document, and one flag in it that changes. Pure.

use serde_json::{Value, json};

/// The flag that changes.
const NAME: &str = "loadtest-flip";

/// A text that stands in a change and nowhere else; all are of one length.
pub fn marker(flip: u64) -> String {
    format!("flip-{flip:08}-x")
}

pub struct Content {
    /// Without the flag that changes.
    document: Value,
    first_revision: u64,
    flips: u64,
}

impl Content {
    pub fn new(document: Value) -> Self {
        let first_revision = document["meta"]["revisionId"].as_u64().unwrap_or(1);
        Self { document, first_revision, flips: 0 }
    }

    pub fn flip(&mut self, flip: u64) {
        self.flips = flip;
    }

    pub fn flips(&self) -> u64 {
        self.flips
    }

    pub fn revision(&self) -> u64 {
        self.first_revision + self.flips
    }

    /// As `GET /api/client/features` answers it.
    pub fn document(&self) -> String {
        let mut document = self.document.clone();
        document["meta"]["revisionId"] = json!(self.revision());
        document["meta"]["etag"] = json!(format!("\"loadtest:{}\"", self.revision()));
        document["features"] = self.features();
        document.to_string()
    }

    /// Everything, as an event.
    pub fn hydration(&self) -> String {
        let event = json!({
            "type": "hydration",
            "eventId": self.revision(),
            "features": self.features(),
            "segments": self.document["segments"].as_array().cloned().unwrap_or_default(),
        });
        json!({ "events": [event] }).to_string()
    }

    /// The last change, as an event.
    pub fn update(&self) -> String {
        let event =
            json!({ "type": "feature-updated", "eventId": self.revision(), "feature": self.feature() });
        json!({ "events": [event] }).to_string()
    }

    fn features(&self) -> Value {
        let features = self.document["features"].as_array().into_iter().flatten();
        features.cloned().chain([self.feature()]).collect()
    }

    fn feature(&self) -> Value {
        let project = self.document["features"][0]["project"].as_str().unwrap_or("default");
        json!({
            "name": NAME,
            "type": "release",
            "enabled": self.flips % 2 == 1,
            "project": project,
            "stale": false,
            "impressionData": false,
            "variants": [],
            "strategies": [{
                "name": "flexibleRollout",
                "constraints": [],
                "parameters": { "rollout": "50", "stickiness": "default", "groupId": marker(self.flips) },
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_shows_the_last_change_once() {
        let mut content =
            Content::new(json!({"features": [{"name": "a", "project": "p"}], "meta": {"revisionId": 7}}));
        content.flip(3);
        assert_eq!(content.revision(), 10);
        for text in [content.document(), content.hydration(), content.update()] {
            assert_eq!(text.matches(&marker(3)).count(), 1, "{text}");
            assert!(text.contains("10") && text.contains(r#""project":"p""#), "{text}");
        }
        assert!(!content.update().contains(r#""name":"a""#));
    }
}
