//! What a subscriber holds, reduced to what tells two states apart, and the changes it is told of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

/// A feature: project, content and segments.
#[derive(Debug, PartialEq)]
pub struct Feature {
    project: String,
    description: String,
    segments: Vec<i64>,
}

/// A state.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Content {
    features: BTreeMap<Arc<str>, Arc<Feature>>,
    segments: BTreeMap<i64, Arc<str>>,
}

/// A change of it.
#[derive(Debug)]
pub enum Change {
    Everything(Content),
    Feature(Arc<str>, Arc<Feature>),
    NoFeature(Arc<str>),
    Segment(i64, Arc<str>),
    NoSegment(i64),
}

/// What a token and a prefix leave of everything.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    pub token: &'static str,
    /// All, if there are none.
    pub projects: &'static [&'static str],
    pub prefix: &'static str,
}

impl Content {
    /// Of a list of features, or a hydration.
    pub fn read(lists: &Value) -> Result<Self, String> {
        let list = |key: &str| lists[key].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut content = Self::default();
        for segment in list("segments") {
            let (id, segment) = segment_of(segment)?;
            content.segments.insert(id, segment);
        }
        for feature in list("features") {
            let (name, feature) = feature_of(feature)?;
            content.put(&name, &feature)?;
        }
        Ok(content)
    }

    /// What is seen of it: the features, and the segments that features of its projects refer to.
    pub fn seen_by(&self, sight: &Sight) -> Self {
        let is_ours = |feature: &Feature| {
            sight.projects.is_empty() || sight.projects.iter().any(|&project| project == feature.project)
        };
        let ours: Vec<_> = self.features.iter().filter(|(_, feature)| is_ours(feature)).collect();
        let referred: BTreeSet<i64> =
            ours.iter().flat_map(|(_, feature)| feature.segments.iter().copied()).collect();
        let features = ours.into_iter().filter(|(name, _)| name.starts_with(sight.prefix));
        let segments = self.segments.iter().filter(|(id, _)| referred.contains(id));
        Self {
            features: features.map(|(name, feature)| (Arc::clone(name), Arc::clone(feature))).collect(),
            segments: segments.map(|(id, segment)| (*id, Arc::clone(segment))).collect(),
        }
    }

    /// # Errors
    /// If a feature comes before a segment that it refers to.
    pub fn apply(&mut self, change: &Change) -> Result<(), String> {
        match change {
            Change::Everything(content) => *self = content.clone(),
            Change::Feature(name, feature) => self.put(name, feature)?,
            Change::NoFeature(name) => drop(self.features.remove(name)),
            Change::Segment(id, segment) => drop(self.segments.insert(*id, Arc::clone(segment))),
            Change::NoSegment(id) => drop(self.segments.remove(id)),
        }
        Ok(())
    }

    fn put(&mut self, name: &Arc<str>, feature: &Arc<Feature>) -> Result<(), String> {
        match feature.segments.iter().find(|id| !self.segments.contains_key(id)) {
            Some(id) => Err(format!("{name} comes before its segment {id}")),
            None => {
                self.features.insert(Arc::clone(name), Arc::clone(feature));
                Ok(())
            }
        }
    }

    /// How it differs from what it should be.
    pub fn difference(&self, expected: &Self) -> String {
        let mut lines = Vec::new();
        let names: BTreeSet<_> = self.features.keys().chain(expected.features.keys()).collect();
        for name in names {
            let (mine, theirs) = (self.features.get(name), expected.features.get(name));
            if mine != theirs {
                lines.push(format!("{name}: {mine:?} instead of {theirs:?}"));
            }
        }
        let ids: BTreeSet<_> = self.segments.keys().chain(expected.segments.keys()).collect();
        for id in ids {
            let (mine, theirs) = (self.segments.get(id), expected.segments.get(id));
            if mine != theirs {
                lines.push(format!("segment {id}: {mine:?} instead of {theirs:?}"));
            }
        }
        lines.join("; ")
    }
}

/// Reads a list of events.
///
/// # Errors
/// If a client would not understand it.
pub fn read_events(text: &str) -> Result<Vec<Change>, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    let events = document["events"].as_array().ok_or_else(|| format!("no events: {text}"))?;
    events.iter().map(change_of).collect()
}

fn change_of(event: &Value) -> Result<Change, String> {
    let odd = || format!("an odd event: {event}");
    let name = |value: &Value| value.as_str().map(Arc::from).ok_or_else(odd);
    if !event["eventId"].is_u64() {
        return Err(odd());
    }
    Ok(match event["type"].as_str().unwrap_or_default() {
        "hydration" => Change::Everything(Content::read(event)?),
        "feature-updated" => {
            let (name, feature) = feature_of(&event["feature"])?;
            Change::Feature(name, feature)
        }
        "feature-removed" if event["project"].is_string() => Change::NoFeature(name(&event["featureName"])?),
        "segment-updated" => {
            let (id, segment) = segment_of(&event["segment"])?;
            Change::Segment(id, segment)
        }
        "segment-removed" => Change::NoSegment(event["segmentId"].as_i64().ok_or_else(odd)?),
        _ => return Err(odd()),
    })
}

fn feature_of(feature: &Value) -> Result<(Arc<str>, Arc<Feature>), String> {
    let text = |key: &str| feature[key].as_str().ok_or_else(|| format!("no {key}: {feature}"));
    let strategies = feature["strategies"].as_array().ok_or_else(|| format!("no strategies: {feature}"))?;
    let segments = strategies.iter().filter_map(|strategy| strategy["segments"].as_array()).flatten();
    let content = Feature {
        project: text("project")?.to_owned(),
        description: text("description")?.to_owned(),
        segments: segments.filter_map(Value::as_i64).collect(),
    };
    Ok((text("name")?.into(), Arc::new(content)))
}

fn segment_of(segment: &Value) -> Result<(i64, Arc<str>), String> {
    let id = segment["id"].as_i64().ok_or_else(|| format!("no id: {segment}"))?;
    Ok((id, segment["constraints"][0]["values"].to_string().into()))
}
