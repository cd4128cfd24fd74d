//! From the bytes of a features document to a [`Document`].
//!
//! The outermost object is read by serde; each feature and segment is kept as a slice of the source, hashed,
//! and normalised only if the environment does not already hold a fragment made of the same text. So a large
//! document with one changed flag costs one scan, a hash per flag, and the work of one flag.
//!
//! `query` and unknown outermost keys are ignored, as Unleash Edge 20.4 does: `query` is rebuilt per token.

use super::environment::EnvironmentData;
use super::error::DocumentError;
use super::fragment::{Fragment, MetaFragment, SegmentFragment, source_of};
use super::json;
use super::model::Document;
use super::path::Path;
use super::warning::{Warning, Warnings};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;

/// Reads a document. `known` is what the environment holds so far (it may be empty): its fragments are
/// reused where the source text is the same. The result does not depend on it otherwise.
pub fn parse_document(bytes: &[u8], known: &EnvironmentData) -> Result<Document, DocumentError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| DocumentError::NotUtf8 { good_bytes: error.valid_up_to() })?;
    let wire = read_wire(text)?;
    let mut warnings = Warnings::default();
    let features = read_features(&wire.features, known, &mut warnings)?;
    let segments = read_segments(wire.segments.as_deref().unwrap_or_default(), known, &mut warnings)?;
    let meta = wire.meta.map(|meta| MetaFragment::parse(meta.get())).transpose()?.map(Arc::new);
    note_oddities(&features, &segments, &mut warnings);
    Ok(Document { version: wire.version, features, segments, meta, warnings })
}

#[derive(Deserialize)]
struct Wire<'a> {
    version: u64,
    #[serde(borrow)]
    features: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    segments: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    meta: Option<&'a RawValue>,
}

/// serde alone would also take a list of the four values in order; that is not a features document.
fn read_wire(text: &str) -> Result<Wire<'_>, DocumentError> {
    let start = text.trim_start();
    if json::type_of(start) == json::Type::Object {
        return Ok(serde_json::from_str(text)?);
    }
    serde_json::from_str::<IgnoredAny>(text)?;
    let (path, found) = ("document".into(), json::describe(start.trim_end()).into());
    Err(DocumentError::Shape { path, expected: "object", found })
}

pub(super) fn read_features(
    raws: &[&RawValue],
    known: &EnvironmentData,
    warnings: &mut Warnings,
) -> Result<Vec<Arc<Fragment>>, DocumentError> {
    let known = known.features.iter().map(|fragment| (fragment.source, fragment)).collect();
    let mut features = read_elements(raws, &Path::Root("features"), &known, Fragment::parse_at)?;
    let note = |fragment: &Fragment| {
        warnings.note(|| Warning::DuplicateFeature { feature: fragment.name.clone() });
    };
    keep_last_of_each(&mut features, |a, b| a.name.cmp(&b.name), note);
    Ok(features)
}

pub(super) fn read_segments(
    raws: &[&RawValue],
    known: &EnvironmentData,
    warnings: &mut Warnings,
) -> Result<Vec<Arc<SegmentFragment>>, DocumentError> {
    let known = known.segments.iter().map(|segment| (segment.source, segment)).collect();
    let mut segments = read_elements(raws, &Path::Root("segments"), &known, SegmentFragment::parse_at)?;
    let note = |segment: &SegmentFragment| {
        warnings.note(|| Warning::DuplicateSegment { segment: segment.id });
    };
    keep_last_of_each(&mut segments, |a, b| a.id.cmp(&b.id), note);
    Ok(segments)
}

/// Takes each element from the known ones if its text is known, else parses it.
fn read_elements<T>(
    raws: &[&RawValue],
    path: &Path<'_>,
    known: &HashMap<u128, &Arc<T>>,
    parse: impl Fn(&str, u128, &Path<'_>) -> Result<T, DocumentError>,
) -> Result<Vec<Arc<T>>, DocumentError> {
    let read = |(index, raw): (usize, &&RawValue)| {
        let source = source_of(raw.get());
        match known.get(&source) {
            Some(element) => Ok(Arc::clone(element)),
            None => parse(raw.get(), source, &path.index(index)).map(Arc::new),
        }
    };
    raws.iter().enumerate().map(read).collect()
}

/// Sorts, and of equal ones keeps the one that came last.
fn keep_last_of_each<T>(
    list: &mut Vec<Arc<T>>,
    order: impl Fn(&T, &T) -> std::cmp::Ordering,
    mut dropped: impl FnMut(&T),
) {
    list.reverse();
    list.sort_by(|a, b| order(a, b));
    list.dedup_by(|earlier, kept| {
        let is_same = order(earlier, kept).is_eq();
        if is_same {
            dropped(earlier);
        }
        is_same
    });
}

/// `segments` is sorted by id.
pub(super) fn note_oddities(
    features: &[Arc<Fragment>],
    segments: &[Arc<SegmentFragment>],
    warnings: &mut Warnings,
) {
    for feature in features {
        if feature.project.is_none() {
            warnings.note(|| Warning::NoProject { feature: feature.name.clone() });
        }
        for operator in &feature.unknown_operators {
            let (feature, operator) = (&feature.name, operator);
            warnings
                .note(|| Warning::UnknownOperator { feature: feature.clone(), operator: operator.clone() });
        }
        for &segment in &feature.segments {
            if segments.binary_search_by(|held| held.id.cmp(&segment)).is_err() {
                warnings.note(|| Warning::MissingSegment { feature: feature.name.clone(), segment });
            }
        }
    }
    for segment in segments {
        for operator in &segment.unknown_operators {
            warnings
                .note(|| Warning::UnknownSegmentOperator { segment: segment.id, operator: operator.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{any_json, document, environment, features, nothing, wire};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn check_refused(bytes: &[u8], expected: &str) {
        let error = parse_document(bytes, &nothing()).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error} should contain {expected}");
    }

    #[test]
    fn the_frame_of_a_document() {
        let document = document(
            r#" {"query":{"x":1},"zzz":[1],"features":[],"version":2,"segments":null,"meta":null} "#,
        );
        assert_eq!((document.version, document.features.len(), document.segments.len()), (2, 0, 0));
        assert_eq!(document.meta, None);
        assert!(document.warnings.is_empty());
    }

    #[test]
    fn bad_documents_are_refused() {
        let cases: [(&[u8], &str); 16] = [
            (b"", "EOF while parsing a value at line 1 column 0"),
            (b"{\"version\":2\n", "EOF while parsing an object at line 2 column 0"),
            (br#"{"features":[]}"#, "missing field `version` at line 1 column 15"),
            (br#"{"version":2}"#, "missing field `features`"),
            (br#"{"version":2,"features":null}"#, "invalid type: null"),
            (br#"{"version":"2","features":[]}"#, "invalid type: string"),
            (br#"{"version":-1,"features":[]}"#, "invalid value: integer `-1`"),
            (br#"{"version":2.0,"features":[]}"#, "invalid type: floating point"),
            (br#"{"version":2,"features":[],"segments":{}}"#, "invalid type: map"),
            (br#"{"version":2,"features":[]} x"#, "trailing characters"),
            (br#"[2,[],null,null]"#, "document: expected object, found list"),
            (b" 7\n", "document: expected object, found number 7"),
            (b"{\"version\":2,\"features\":[\xff]}", "invalid UTF-8 after 25 bytes"),
            (br#"{"version":2,"features":[7]}"#, "features[0]: expected object, found number 7"),
            (
                br#"{"version":2,"features":[],"segments":[{"id":1}]}"#,
                "segments[0].constraints: expected list",
            ),
            (br#"{"version":2,"features":[],"meta":3}"#, "meta: expected object, found number 3"),
        ];
        for (bytes, expected) in cases {
            check_refused(bytes, expected);
        }
    }

    #[test]
    fn the_path_names_feature_strategy_and_parameter() {
        let good = r#"{"name":"f","enabled":true}"#;
        let bad = r#"{"name":"f","enabled":true,"strategies":[{"name":"s","parameters":{"rollout":50}}]}"#;
        let text = format!(r#"{{"version":2,"features":[{good},{good},{good},{bad}]}}"#);
        check_refused(
            text.as_bytes(),
            "features[3].strategies[0].parameters.rollout: expected text, found number 50",
        );
    }

    #[test]
    fn nesting_is_bounded_at_128_levels_in_all() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"version":2,"features":[{{"name":"f","enabled":true,"x":{open}{close}}}]}}"#)
        };
        assert!(parse_document(nested(125).as_bytes(), &nothing()).is_ok());
        check_refused(nested(126).as_bytes(), "features[0]: nested too deeply");
        check_refused(nested(100_000).as_bytes(), "features[0]: nested too deeply");
    }

    #[test]
    fn of_two_features_or_segments_of_one_name_the_last_counts() {
        let document = document(
            r#"{"version":2,"features":[{"name":"f","enabled":true,"project":"p"},{"name":"f","enabled":false,"project":"p"}],
                "segments":[{"id":1,"constraints":[],"n":1},{"id":1,"constraints":[],"n":2}]}"#,
        );
        let json: Vec<&str> = document.features.iter().map(|feature| &*feature.json).collect();
        assert_eq!(json, [r#"{"name":"f","enabled":false,"project":"p"}"#]);
        let json: Vec<&str> = document.segments.iter().map(|segment| &*segment.json).collect();
        assert_eq!(json, [r#"{"id":1,"constraints":[],"n":2}"#]);
        let expected =
            [Warning::DuplicateFeature { feature: "f".into() }, Warning::DuplicateSegment { segment: 1 }];
        assert_eq!(document.warnings.list(), expected);
    }

    #[test]
    fn odd_values_are_warnings() {
        let document = document(
            r#"{"version":2,"features":[{"name":"f","enabled":true,"strategies":[{"name":"s","segments":[2,1],
                 "constraints":[{"contextName":"c","operator":"FOO"},{"contextName":"c","operator":"IN"}]}]}],
                "segments":[{"id":1,"constraints":[{"contextName":"c","operator":"BAR"}]}]}"#,
        );
        let expected = [
            Warning::NoProject { feature: "f".into() },
            Warning::UnknownOperator { feature: "f".into(), operator: "FOO".into() },
            Warning::MissingSegment { feature: "f".into(), segment: 2 },
            Warning::UnknownSegmentOperator { segment: 1, operator: "BAR".into() },
        ];
        assert_eq!(document.warnings.list(), expected);
        assert_eq!(document.features.first().map(|feature| &*feature.segments), Some(&[1, 2][..]));
    }

    #[test]
    fn only_changed_features_are_made_anew() {
        let feature = |name: &str, on: bool| json!({"name": name, "enabled": on, "project": "p"});
        let before = environment(&wire(&[feature("a", true), feature("b", true), feature("c", true)]));
        let changed = wire(&[feature("c", true), feature("b", false), feature("a", true)]);
        let after = parse_document(changed.as_bytes(), &before).expect("good");
        let is_shared: Vec<bool> =
            after.features.iter().zip(&*before.features).map(|(new, old)| Arc::ptr_eq(new, old)).collect();
        assert_eq!(is_shared, [true, false, true]);
        assert!(after.segments.iter().zip(&*before.segments).all(|(new, old)| Arc::ptr_eq(new, old)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn reuse_gives_what_a_fresh_parse_gives(old in features(), new in features(), shared in features()) {
            let before = environment(&wire(&[old, shared.clone()].concat()));
            let text = wire(&[shared, new].concat());
            let reused = parse_document(text.as_bytes(), &before);
            prop_assert_eq!(reused, parse_document(text.as_bytes(), &nothing()));
        }

        #[test]
        fn a_parsed_feature_parses_to_itself(features in features()) {
            let once = document(&wire(&features));
            for feature in &once.features {
                let again = Fragment::parse(&feature.json).expect("its own output");
                prop_assert_eq!(&again.json, &feature.json);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = parse_document(&bytes, &nothing());
        }

        #[test]
        fn arbitrary_json_never_panics(features in prop::collection::vec(any_json(), 0..4), meta in any_json()) {
            let text = json!({"version": 2, "features": features, "segments": features, "meta": meta});
            let _ = parse_document(text.to_string().as_bytes(), &nothing());
        }

        #[test]
        fn cut_and_spoilt_documents_never_panic(features in features(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = wire(&features).into_bytes();
            let at = at.index(bytes.len());
            let _ = parse_document(bytes.get(..at).unwrap_or_default(), &nothing());
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
            let _ = parse_document(&bytes, &nothing());
        }

        #[test]
        fn wrong_values_in_a_feature_never_panic(key in "name|strategies|variants|createdAt|dependencies", value in any_json()) {
            let mut feature = json!({"name": "f", "enabled": true});
            if let Some(members) = feature.as_object_mut() {
                members.insert(key, Value::Array(vec![value]));
            }
            let _ = Fragment::parse(&feature.to_string());
        }
    }
}
