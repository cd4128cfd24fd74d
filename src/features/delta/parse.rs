//! From the bytes of a delta to [`Changes`].
//!
//! As in Unleash Edge 20.4 a missing key or an unreadable feature makes the whole document unreadable. Other than there, a
//! kind of change that is not known is left out and counted, ids have 64 bits, and a whole features document is taken for a
//! hydration.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::sync::Arc;

use super::super::environment::EnvironmentData;
use super::super::error::DocumentError;
use super::super::fragment::{Fragment, SegmentFragment, source_of};
use super::super::json;
use super::super::parse::{parse_document, read_features, read_segments};
use super::super::path::Path;
use super::super::warning::Warnings;
use super::{Change, Changes};

/// Reads a message. `known` is what the environment holds so far: its fragments are reused where the source text is the
/// same. The result does not depend on it otherwise.
///
/// # Errors
/// If anything in it cannot be read; then none of it counts.
pub fn parse_changes(bytes: &[u8], known: &EnvironmentData) -> Result<Changes, DocumentError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| DocumentError::NotUtf8 { good_bytes: error.valid_up_to() })?;
    let frame: Frame<'_> = object(text.trim_matches([' ', '\t', '\r', '\n']), &Path::Root("document"))?;
    let Some(events) = frame.events else {
        return match frame.features {
            Some(_) => whole_document(bytes, known),
            None => Err(missing("events")),
        };
    };
    let mut changes = Changes { list: Vec::new(), unknown: 0, warnings: Warnings::default() };
    let root = Path::Root("events");
    for (index, event) in events.into_iter().enumerate() {
        match read(event.get(), known, &root.index(index), &mut changes.warnings)? {
            Some(change) => changes.list.push(change),
            None => changes.unknown += 1,
        }
    }
    Ok(changes)
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default)]
    events: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    features: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hydration<'a> {
    event_id: u64,
    #[serde(borrow)]
    features: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    segments: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeatureUpdated<'a> {
    event_id: u64,
    #[serde(borrow)]
    feature: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeatureRemoved {
    event_id: u64,
    feature_name: Box<str>,
    project: Option<Box<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SegmentUpdated<'a> {
    event_id: u64,
    #[serde(borrow)]
    segment: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SegmentRemoved {
    event_id: u64,
    segment_id: i64,
}

/// `None` for a kind that is not known.
fn read(
    raw: &str,
    known: &EnvironmentData,
    path: &Path<'_>,
    warnings: &mut Warnings,
) -> Result<Option<Change>, DocumentError> {
    let Kind { kind } = owned(raw, path)?;
    Ok(Some(match &*kind {
        "hydration" => {
            let wire: Hydration<'_> = object(raw, path)?;
            let features = read_features(&wire.features, known, warnings)?;
            let segments = read_segments(&wire.segments.unwrap_or_default(), known, warnings)?;
            Change::Hydration { event_id: Some(wire.event_id), features, segments }
        }
        "feature-updated" => {
            let wire: FeatureUpdated<'_> = object(raw, path)?;
            let raw = wire.feature.get();
            let feature = Fragment::parse_at(raw, source_of(raw), &path.key("feature"))?;
            Change::FeatureUpdated { event_id: wire.event_id, feature: Arc::new(feature) }
        }
        "feature-removed" => {
            let FeatureRemoved { event_id, feature_name, project } = owned(raw, path)?;
            Change::FeatureRemoved { event_id, name: feature_name, project }
        }
        "segment-updated" => {
            let wire: SegmentUpdated<'_> = object(raw, path)?;
            let raw = wire.segment.get();
            let segment = SegmentFragment::parse_at(raw, source_of(raw), &path.key("segment"))?;
            Change::SegmentUpdated { event_id: wire.event_id, segment: Arc::new(segment) }
        }
        "segment-removed" => {
            let SegmentRemoved { event_id, segment_id } = owned(raw, path)?;
            Change::SegmentRemoved { event_id, segment: segment_id }
        }
        _ => return Ok(None),
    }))
}

/// serde alone would also take a list of the values in order.
fn object<'a, T: Deserialize<'a>>(raw: &'a str, path: &Path<'_>) -> Result<T, DocumentError> {
    let value = serde_json::from_str(raw);
    match json::type_of(raw) {
        json::Type::Object => Ok(value?),
        // What is no JSON at all is said first.
        _ => {
            serde_json::from_str::<serde::de::IgnoredAny>(raw)?;
            let (path, found) = (path.to_string().into(), json::describe(raw).into());
            Err(DocumentError::Shape { path, expected: "object", found })
        }
    }
}

fn owned<T: DeserializeOwned>(raw: &str, path: &Path<'_>) -> Result<T, DocumentError> {
    object(raw, path)
}

fn whole_document(bytes: &[u8], known: &EnvironmentData) -> Result<Changes, DocumentError> {
    let document = parse_document(bytes, known)?;
    let event_id = document.revision();
    let (features, segments) = (document.features, document.segments);
    let list = vec![Change::Hydration { event_id, features, segments }];
    Ok(Changes { list, unknown: 0, warnings: document.warnings })
}

fn missing(key: &'static str) -> DocumentError {
    let (path, expected) = (format!("document.{key}").into(), "list");
    DocumentError::Shape { path, expected, found: "nothing".into() }
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{any_json, features, nothing, wire};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn parse(text: &str) -> Changes {
        parse_changes(text.as_bytes(), &nothing()).expect("a good delta")
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let error = parse_changes(text.as_bytes(), &nothing()).expect_err("refused").to_string();
        assert!(error.contains(expected), "{text}: {error} should contain {expected}");
    }

    #[test]
    fn the_five_kinds() {
        let changes = parse(
            r#" {"other":1,"events":[
                {"type":"hydration","eventId":40,"features":[{"name":"b","enabled":true},{"name":"a","enabled":true}],
                 "segments":[{"id":1,"name":"eu","constraints":[]}]},
                {"eventId":18446744073709551615,"type":"feature-updated","feature":{"name":"f","enabled":false,"project":"p2"}},
                {"type":"feature-removed","eventId":44,"featureName":"c","project":"p1","x":[1]},
                {"type":"segment-updated","eventId":45,"segment":{"id":9000000000,"constraints":[]}},
                {"type":"segment-removed","eventId":46,"segmentId":-1}]} "#,
        );
        let kinds: Vec<_> = changes.list.iter().map(|change| (change.kind(), change.event_id())).collect();
        let expected = [
            ("hydration", Some(40)),
            ("feature-updated", Some(u64::MAX)),
            ("feature-removed", Some(44)),
            ("segment-updated", Some(45)),
            ("segment-removed", Some(46)),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(changes.event_id_max(), Some(u64::MAX));
        assert!(changes.hydrates() && !changes.is_incremental() && !changes.is_incomplete());
        let Some(Change::Hydration { features, segments, .. }) = changes.list.first() else { panic!() };
        assert_eq!(features.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(segments.len(), 1);
    }

    #[test]
    fn what_is_unknown_is_left_out_and_counted() {
        let removed = r#"{"type":"segment-removed","eventId":1,"segmentId":1}"#;
        let unknown = r#"{"type":"flag-frozen","features":7,"eventId":"x"}"#;
        let changes = parse(&format!(r#"{{"events":[{unknown},{removed},{unknown}]}}"#));
        assert_eq!((changes.list.len(), changes.unknown), (1, 2));
        assert!(changes.is_incomplete() && changes.is_incremental());
        let hydration = r#"{"type":"hydration","eventId":1,"features":[]}"#;
        assert!(!parse(&format!(r#"{{"events":[{unknown},{hydration}]}}"#)).is_incomplete());
        assert!(parse(&format!(r#"{{"events":[{unknown}]}}"#)).is_incomplete());
        assert_eq!(parse(r#"{"events":[]}"#).event_id_max(), None);
    }

    #[test]
    fn a_whole_document_is_a_hydration() {
        let document = wire(&[json!({"name": "f", "enabled": true})]);
        let changes = parse(&document);
        let Some(Change::Hydration { event_id, features, segments }) = changes.list.first() else { panic!() };
        assert_eq!((*event_id, features.len(), segments.len(), changes.list.len()), (Some(7), 1, 5, 1));
        assert_eq!(parse(r#"{"version":2,"features":[]}"#).event_id_max(), None);
    }

    #[test]
    fn bad_deltas_are_refused() {
        let one = |event: &str| format!(r#"{{"events":[{event}]}}"#);
        for (text, expected) in [
            (String::new(), "EOF"),
            ("[]".into(), "document: expected object, found list"),
            ("{}".into(), "document.events: expected list, found nothing"),
            (r#"{"events":null}"#.into(), "document.events: expected list"),
            (r#"{"events":{}}"#.into(), "invalid type: map"),
            (r#"{"events":[]"#.into(), "EOF"),
            (r#"{"events":[]} x"#.into(), "trailing"),
            (one("7"), "events[0]: expected object, found number 7"),
            (one("{}"), "missing field `type`"),
            (one(r#"{"type":7}"#), "invalid type"),
            (one(r#"{"type":"hydration","features":[]}"#), "missing field `eventId`"),
            (one(r#"{"type":"hydration","eventId":-1,"features":[]}"#), "invalid value"),
            (one(r#"{"type":"hydration","eventId":1}"#), "missing field `features`"),
            (one(r#"{"type":"hydration","eventId":1,"features":[{}]}"#), "features[0]"),
            (one(r#"{"type":"feature-updated","eventId":1}"#), "missing field `feature`"),
            (
                one(r#"{"type":"feature-updated","eventId":1,"feature":{"enabled":true}}"#),
                "events[0].feature.name",
            ),
            (one(r#"{"type":"feature-removed","eventId":1}"#), "missing field `featureName`"),
            (one(r#"{"type":"segment-updated","eventId":1,"segment":[]}"#), "events[0].segment"),
            (one(r#"{"type":"segment-removed","eventId":1,"segmentId":"1"}"#), "invalid type"),
        ] {
            check_refused(&text, expected);
        }
        assert!(parse_changes(b"{\"events\":[\xff]}", &nothing()).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn a_hydration_reads_like_a_document(features in features(), id: u64) {
            let document: Value = serde_json::from_str(&wire(&features)).expect("JSON");
            let event = json!({"type": "hydration", "eventId": id, "features": document["features"], "segments": document["segments"]});
            let changes = parse(&json!({"events": [event]}).to_string());
            let expected = super::super::super::samples::document(&wire(&features));
            let hydration = Change::Hydration { event_id: Some(id), features: expected.features, segments: expected.segments };
            prop_assert_eq!(changes.list, [hydration]);
        }

        #[test]
        fn arbitrary_json_never_panics(kind in "hydration|feature-updated|feature-removed|segment-updated|segment-removed|x", value in any_json(), id in any_json()) {
            let event = json!({"type": kind, "eventId": id, "features": value, "segments": [value], "feature": value, "featureName": value,
                               "project": value, "segment": value, "segmentId": value});
            let _ = parse_changes(json!({"events": [event, value]}).to_string().as_bytes(), &nothing());
        }

        #[test]
        fn cut_and_spoilt_deltas_never_panic(features in features(), at in any::<prop::sample::Index>(), byte: u8) {
            let text = json!({"events": [{"type": "hydration", "eventId": 1, "features": features}]}).to_string();
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            let _ = parse_changes(bytes.get(..at).unwrap_or_default(), &nothing());
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            let _ = parse_changes(&bytes, &nothing());
        }
    }
}
