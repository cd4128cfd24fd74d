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

/// serde would also take a list of the four values in order; that is not a features document.
fn read_wire(text: &str) -> Result<Wire<'_>, DocumentError> {
    let wire = serde_json::from_str(text)?;
    let start = text.trim_start();
    if json::type_of(start) != json::Type::Object {
        let (path, found) = ("document".into(), json::describe(start).into());
        return Err(DocumentError::Shape { path, expected: "object", found });
    }
    Ok(wire)
}

fn read_features(
    raws: &[&RawValue],
    known: &EnvironmentData,
    warnings: &mut Warnings,
) -> Result<Vec<Arc<Fragment>>, DocumentError> {
    let by_source: HashMap<u128, &Arc<Fragment>> =
        known.features.iter().map(|fragment| (fragment.source, fragment)).collect();
    let mut features = Vec::with_capacity(raws.len());
    for (index, raw) in raws.iter().enumerate() {
        let source = source_of(raw.get());
        features.push(match by_source.get(&source) {
            Some(fragment) => Arc::clone(fragment),
            None => {
                let path = Path::Root("features");
                Arc::new(Fragment::parse_at(raw.get(), source, &path.index(index))?)
            }
        });
    }
    keep_last_of_each(
        &mut features,
        |a, b| a.name.cmp(&b.name),
        |fragment| {
            warnings.note(|| Warning::DuplicateFeature { feature: fragment.name.clone() });
        },
    );
    Ok(features)
}

fn read_segments(
    raws: &[&RawValue],
    known: &EnvironmentData,
    warnings: &mut Warnings,
) -> Result<Vec<Arc<SegmentFragment>>, DocumentError> {
    let by_source: HashMap<u128, &Arc<SegmentFragment>> =
        known.segments.iter().map(|segment| (segment.source, segment)).collect();
    let mut segments = Vec::with_capacity(raws.len());
    for (index, raw) in raws.iter().enumerate() {
        let source = source_of(raw.get());
        segments.push(match by_source.get(&source) {
            Some(segment) => Arc::clone(segment),
            None => {
                let path = Path::Root("segments");
                Arc::new(SegmentFragment::parse_at(raw.get(), source, &path.index(index))?)
            }
        });
    }
    keep_last_of_each(
        &mut segments,
        |a, b| a.id.cmp(&b.id),
        |segment| {
            warnings.note(|| Warning::DuplicateSegment { segment: segment.id });
        },
    );
    Ok(segments)
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

fn note_oddities(features: &[Arc<Fragment>], segments: &[Arc<SegmentFragment>], warnings: &mut Warnings) {
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
