//! Writing one object of a document anew, in the order and with the defaults of http-api.md 7.1.
//!
//! Driven by the tables of [`super::shape`]; this file knows how, not which keys. Known keys come first and
//! are checked, unknown keys follow in the order of the source and are copied as they were written. A key
//! given twice counts once, with its last value. Texts and numbers keep their spelling (escapes included),
//! except dates and unknown operators that went through an Unleash Edge.

use super::date;
use super::error::DocumentError;
use super::json::{self, Type};
use super::path::Path;
use super::shape::{Absent, FIELDS_MAX, Field, Kind, Shape};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Room for the keys that are written although they were not in the source.
const GROWTH_BYTES: usize = 64;

/// Writes an object of a document anew. `outside` is how many lists and objects are around it.
pub(super) fn normalise(
    shape: &Shape,
    raw: &str,
    path: &Path<'_>,
    outside: usize,
) -> Result<Box<str>, DocumentError> {
    let source = json::compact(raw, outside)
        .map_err(|json::TooDeep| DocumentError::TooDeep { path: path.to_string().into() })?;
    let mut out = String::with_capacity(source.len() + GROWTH_BYTES);
    write_object(&mut out, shape, &source, path)?;
    Ok(out.into())
}

fn write_object(out: &mut String, shape: &Shape, raw: &str, path: &Path<'_>) -> Result<(), DocumentError> {
    let (known, extras) = sort_members(shape, raw, path)?;
    let mut members = Members::open(out);
    for (field, value) in shape.fields.iter().zip(known) {
        write_field(&mut members, field, value, path)?;
    }
    for (key, value) in extras {
        members.begin_foreign(&key).push_str(value);
    }
    members.close();
    Ok(())
}

/// The value of each known key, in the order of the shape.
type Known<'a> = [Option<&'a str>; FIELDS_MAX];
/// Keys and values the shape does not know.
type Extras<'a> = Vec<(Cow<'a, str>, &'a str)>;

fn sort_members<'a>(
    shape: &Shape,
    raw: &'a str,
    path: &Path<'_>,
) -> Result<(Known<'a>, Extras<'a>), DocumentError> {
    let members = json::members(raw).ok_or_else(|| refused(path, "object", raw))?;
    let mut known = [None; FIELDS_MAX];
    let mut extras = Vec::new();
    for (key, value) in members {
        let at = shape.fields.iter().position(|field| field.key == key);
        match at.and_then(|at| known.get_mut(at)) {
            Some(slot) => *slot = Some(value),
            None => extras.push((key, value)),
        }
    }
    Ok((known, last_of_each(extras)))
}

/// Drops all but the last member of a key and keeps the order.
fn last_of_each<'a>(members: Extras<'a>) -> Extras<'a> {
    if members.len() < 2 {
        return members;
    }
    let last: BTreeMap<Cow<'a, str>, usize> =
        members.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
    let is_last = |(at, (key, _)): &(usize, (Cow<'a, str>, &'a str))| last.get(key) == Some(at);
    members.into_iter().enumerate().filter(is_last).map(|(_, member)| member).collect()
}

fn write_field(
    members: &mut Members<'_>,
    field: &Field,
    value: Option<&str>,
    path: &Path<'_>,
) -> Result<(), DocumentError> {
    let path = path.key(field.key);
    let given = value.filter(|value| json::type_of(value) != Type::Null);
    match (given, &field.absent) {
        (Some(value), _) => write_value(members.begin(field.key), &field.kind, value, &path),
        (None, Absent::Omit) => Ok(()),
        (None, Absent::Write(text)) => {
            members.begin(field.key).push_str(text);
            Ok(())
        }
        (None, Absent::WriteUnlessNull(text)) if value.is_none() => {
            members.begin(field.key).push_str(text);
            Ok(())
        }
        (None, Absent::Refuse | Absent::WriteUnlessNull(_)) => match value {
            Some(null) => Err(refused(&path, field.kind.expected(), null)),
            None => Err(shape_error(&path, field.kind.expected(), "nothing".to_owned())),
        },
    }
}

fn write_value(out: &mut String, kind: &Kind, raw: &str, path: &Path<'_>) -> Result<(), DocumentError> {
    let refuse = || refused(path, kind.expected(), raw);
    let copy_if = |out: &mut String, good: bool| {
        if !good {
            return Err(refuse());
        }
        out.push_str(raw);
        Ok(())
    };
    match kind {
        Kind::Text => copy_if(out, json::text(raw).is_some()),
        Kind::Boolean => copy_if(out, json::type_of(raw) == Type::Boolean),
        Kind::Whole => copy_if(out, raw.parse::<i64>().is_ok() || raw.parse::<u64>().is_ok()),
        Kind::Unsigned => copy_if(out, raw.parse::<u64>().is_ok()),
        Kind::Id => copy_if(out, raw.parse::<i64>().is_ok()),
        Kind::Choice { among, .. } => {
            copy_if(out, json::text(raw).is_some_and(|text| among.contains(&&*text)))
        }
        Kind::Date => write_date(out, &json::text(raw).ok_or_else(refuse)?).ok_or_else(refuse),
        Kind::Operator => write_operator(out, raw).ok_or_else(refuse),
        Kind::Parameters => write_parameters(out, raw, path),
        Kind::ListOf(element) => write_list(out, element, raw, path),
        Kind::Object(shape) => write_object(out, shape, raw, path),
    }
}

/// A date is written without escapes: one that is recognised needs none.
fn write_date(out: &mut String, text: &str) -> Option<()> {
    if !date::is_date(text) {
        return None;
    }
    out.push('"');
    out.push_str(&date::without_zero_fraction(text.trim()));
    out.push('"');
    Some(())
}

/// An operator is any text. Unleash Edge writes `{"UNKNOWN":"FOO"}` for an unknown `FOO`; below an edge the
/// original comes back to light.
fn write_operator(out: &mut String, raw: &str) -> Option<()> {
    if json::text(raw).is_some() {
        out.push_str(raw);
        return Some(());
    }
    match json::members(raw)?.as_slice() {
        [(key, value)] if key == "UNKNOWN" => {
            json::text(value)?;
            out.push_str(value);
            Some(())
        }
        _ => None,
    }
}

fn write_parameters(out: &mut String, raw: &str, path: &Path<'_>) -> Result<(), DocumentError> {
    let members = json::members(raw).ok_or_else(|| refused(path, "object", raw))?;
    let sorted: BTreeMap<Cow<'_, str>, &str> = members.into_iter().collect();
    let mut members = Members::open(out);
    for (key, value) in &sorted {
        write_value(members.begin_foreign(key), &Kind::Text, value, &path.key(key))?;
    }
    members.close();
    Ok(())
}

fn write_list(out: &mut String, kind: &Kind, raw: &str, path: &Path<'_>) -> Result<(), DocumentError> {
    let elements = json::list(raw).ok_or_else(|| refused(path, "list", raw))?;
    out.push('[');
    for (index, element) in elements.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_value(out, kind, element.get(), &path.index(index))?;
    }
    out.push(']');
    Ok(())
}

impl Kind {
    fn expected(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Date => "date",
            Self::Boolean => "boolean",
            Self::Whole | Self::Id => "whole number of 64 bits",
            Self::Unsigned => "unsigned number",
            Self::Choice { expected, .. } => expected,
            Self::Operator => "operator",
            Self::Parameters | Self::Object(_) => "object",
            Self::ListOf(_) => "list",
        }
    }
}

fn refused(path: &Path<'_>, expected: &'static str, raw: &str) -> DocumentError {
    shape_error(path, expected, json::describe(raw))
}

fn shape_error(path: &Path<'_>, expected: &'static str, found: String) -> DocumentError {
    DocumentError::Shape { path: path.to_string().into(), expected, found: found.into() }
}

/// An object being written.
struct Members<'o> {
    out: &'o mut String,
    is_first: bool,
}

impl<'o> Members<'o> {
    fn open(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, is_first: true }
    }

    /// Writes a key that needs no escapes; the caller appends the value.
    fn begin(&mut self, key: &str) -> &mut String {
        self.separate();
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out
    }

    /// Writes a key of the source; the caller appends the value.
    fn begin_foreign(&mut self, key: &str) -> &mut String {
        self.separate();
        json::push_key(self.out, key);
        self.out.push(':');
        self.out
    }

    fn separate(&mut self) {
        if !self.is_first {
            self.out.push(',');
        }
        self.is_first = false;
    }

    fn close(self) {
        self.out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::extras;
    use super::super::shape;
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn check(shape: &Shape, raw: &str, expected: &str) {
        let written = normalise(shape, raw, &Path::Root("it"), 0);
        assert_eq!(written.as_deref().map_err(ToString::to_string), Ok(expected), "{raw}");
    }

    fn check_refused(shape: &Shape, raw: &str, expected: &str) {
        let refused = normalise(shape, raw, &Path::Root("it"), 0).map_err(|error| error.to_string());
        assert_eq!(refused, Err(expected.to_owned()), "{raw}");
    }

    fn strategy(inner: &str) -> String {
        format!(r#"{{"name":"f","enabled":true,"strategies":[{{"name":"s"{inner}}}]}}"#)
    }

    fn check_strategy(raw: &str, expected: &str) {
        check(&shape::FEATURE, &strategy(raw), &strategy(expected));
    }

    #[test]
    fn feature_keys_come_in_order_and_absent_ones_are_left_out() {
        check(&shape::FEATURE, r#"{"enabled":false,"name":"f"}"#, r#"{"name":"f","enabled":false}"#);
        check(
            &shape::FEATURE,
            r#"{ "dependencies": [], "variants": [], "strategies": [], "project": "p", "impressionData": true,
                 "stale": false, "enabled": true, "lastSeenAt": "2022-06-15T12:00:00.000Z",
                 "createdAt": "2022-06-15T12:00:00.120Z", "description": "d", "type": "t", "name": "f" }"#,
            r#"{"name":"f","type":"t","description":"d","createdAt":"2022-06-15T12:00:00.120Z","lastSeenAt":"2022-06-15T12:00:00Z","enabled":true,"stale":false,"impressionData":true,"project":"p","strategies":[],"variants":[],"dependencies":[]}"#,
        );
        check(
            &shape::FEATURE,
            r#"{"name":"f","enabled":true,"type":null,"description":null,"createdAt":null,"lastSeenAt":null,
                "stale":null,"impressionData":null,"project":null,"strategies":null,"variants":null,"dependencies":null}"#,
            r#"{"name":"f","enabled":true}"#,
        );
    }

    #[test]
    fn strategies_always_have_variants() {
        check_strategy("", r#","variants":[]"#);
        check_strategy(r#","variants":null"#, r#","variants":[]"#);
        check_strategy(
            r#","variants":[],"parameters":{"b":"2","a":"1"},"constraints":[],"segments":[1,-2],"sortOrder":3"#,
            r#","sortOrder":3,"segments":[1,-2],"constraints":[],"parameters":{"a":"1","b":"2"},"variants":[]"#,
        );
        check_strategy(
            r#","disabled":null,"title":"t","id":"i""#,
            r#","variants":[],"disabled":null,"title":"t","id":"i""#,
        );
        check_strategy(
            r#","variants":[{"stickiness":"s","payload":{"value":"v","type":"t"},"weightType":"fix","weight":1,"name":"n"}]"#,
            r#","variants":[{"name":"n","weight":1,"payload":{"type":"t","value":"v"},"stickiness":"s","weightType":"fix"}]"#,
        );
    }

    #[test]
    fn constraints_always_have_both_flags() {
        check_strategy(
            r#","constraints":[{"operator":"IN","contextName":"c"}]"#,
            r#","constraints":[{"contextName":"c","operator":"IN","caseInsensitive":false,"inverted":false}],"variants":[]"#,
        );
        check_strategy(
            r#","constraints":[{"value":"v","values":["a"],"inverted":true,"caseInsensitive":true,"operator":"FOO","contextName":"c"}]"#,
            r#","constraints":[{"contextName":"c","operator":"FOO","caseInsensitive":true,"inverted":true,"values":["a"],"value":"v"}],"variants":[]"#,
        );
    }

    #[test]
    fn an_unknown_operator_comes_back_from_an_edge() {
        check_strategy(
            r#","constraints":[{"contextName":"c","operator":{"UNKNOWN":"FOO"}}]"#,
            r#","constraints":[{"contextName":"c","operator":"FOO","caseInsensitive":false,"inverted":false}],"variants":[]"#,
        );
    }

    #[test]
    fn variants_and_dependencies() {
        check(
            &shape::FEATURE,
            r#"{"name":"f","enabled":true,"dependencies":[{"variants":["v"],"enabled":false,"feature":"p"},{"feature":"q"}],
                "variants":[{"overrides":[{"values":["1"],"contextName":"userId"}],"payload":null,"stickiness":"s",
                             "weightType":"variable","weight":0,"name":"n"}]}"#,
            r#"{"name":"f","enabled":true,"variants":[{"name":"n","weight":0,"weightType":"variable","stickiness":"s","overrides":[{"contextName":"userId","values":["1"]}]}],"dependencies":[{"feature":"p","enabled":false,"variants":["v"]},{"feature":"q"}]}"#,
        );
    }

    #[test]
    fn segments_and_meta() {
        check(
            &shape::SEGMENT,
            r#"{"name":"n","constraints":[],"id":-9223372036854775808}"#,
            r#"{"id":-9223372036854775808,"constraints":[],"name":"n"}"#,
        );
        check(&shape::META, "{}", r#"{"etag":null,"revisionId":null,"queryHash":null}"#);
        check(
            &shape::META,
            r#"{"extra":1,"revisionId":21,"etag":"\"76d8:21\""}"#,
            r#"{"etag":"\"76d8:21\"","revisionId":21,"queryHash":null,"extra":1}"#,
        );
    }

    #[test]
    fn a_key_given_twice_counts_once_with_its_last_value() {
        check(
            &shape::FEATURE,
            r#"{"name":"a","x":1,"y":2,"enabled":true,"x":3,"name":"b"}"#,
            r#"{"name":"b","enabled":true,"y":2,"x":3}"#,
        );
        check_strategy(r#","parameters":{"k":"1","k":"2"}"#, r#","parameters":{"k":"2"},"variants":[]"#);
    }

    #[test]
    fn numbers_and_texts_of_unknown_keys_keep_their_spelling() {
        let odd = r#"{"name":"f","enabled":true,"x":[1e400,123456789012345678901234567890,-0.0,1.50,"\ud800","\u0041"]}"#;
        check(&shape::FEATURE, odd, odd);
        let keys = r#"{"name":"f","enabled":true,"é\"\n":1}"#;
        check(&shape::FEATURE, keys, keys);
    }

    #[test]
    fn wrong_shapes_are_refused_with_their_path() {
        let cases = [
            ("[]", "it: expected object, found list"),
            (r#"{"enabled":true}"#, "it.name: expected text, found nothing"),
            (r#"{"name":null,"enabled":true}"#, "it.name: expected text, found null"),
            (r#"{"name":7,"enabled":true}"#, "it.name: expected text, found number 7"),
            (r#"{"name":"\ud800","enabled":true}"#, "it.name: expected text, found text"),
            (r#"{"name":"f"}"#, "it.enabled: expected boolean, found nothing"),
            (r#"{"name":"f","enabled":"yes"}"#, "it.enabled: expected boolean, found text"),
            (r#"{"name":"f","enabled":1}"#, "it.enabled: expected boolean, found number 1"),
            (r#"{"name":"f","enabled":true,"project":["p"]}"#, "it.project: expected text, found list"),
            (r#"{"name":"f","enabled":true,"stale":0}"#, "it.stale: expected boolean, found number 0"),
            (r#"{"name":"f","enabled":true,"createdAt":"soon"}"#, "it.createdAt: expected date, found text"),
            (r#"{"name":"f","enabled":true,"createdAt":16}"#, "it.createdAt: expected date, found number 16"),
            (r#"{"name":"f","enabled":true,"strategies":{}}"#, "it.strategies: expected list, found object"),
            (
                r#"{"name":"f","enabled":true,"strategies":[null]}"#,
                "it.strategies[0]: expected object, found null",
            ),
            (
                r#"{"name":"f","enabled":true,"variants":[{"name":"v","weight":1.0}]}"#,
                "it.variants[0].weight: expected whole number of 64 bits, found number 1.0",
            ),
            (
                r#"{"name":"f","enabled":true,"variants":[{"name":"v","weight":1e400}]}"#,
                "it.variants[0].weight: expected whole number of 64 bits, found number 1e400",
            ),
            (
                r#"{"name":"f","enabled":true,"variants":[{"name":"v","weight":1,"weightType":"most"}]}"#,
                "it.variants[0].weightType: expected fix or variable, found text",
            ),
            (
                r#"{"name":"f","enabled":true,"variants":[{"name":"v","weight":1,"payload":{"type":"t"}}]}"#,
                "it.variants[0].payload.value: expected text, found nothing",
            ),
            (
                r#"{"name":"f","enabled":true,"variants":[{"name":"v","weight":1,"overrides":[{"contextName":"c","values":null}]}]}"#,
                "it.variants[0].overrides[0].values: expected list, found null",
            ),
            (
                r#"{"name":"f","enabled":true,"dependencies":[{"enabled":true}]}"#,
                "it.dependencies[0].feature: expected text, found nothing",
            ),
        ];
        for (raw, expected) in cases {
            check_refused(&shape::FEATURE, raw, expected);
        }
    }

    #[test]
    fn wrong_shapes_in_strategies_are_refused_with_their_path() {
        let cases = [
            (r#","parameters":{"rollout":50}"#, "parameters.rollout: expected text, found number 50"),
            (r#","parameters":{"rollout":null}"#, "parameters.rollout: expected text, found null"),
            (r#","parameters":[]"#, "parameters: expected object, found list"),
            (r#","segments":["1"]"#, "segments[0]: expected whole number of 64 bits, found text"),
            (
                r#","segments":[9223372036854775808]"#,
                "segments[0]: expected whole number of 64 bits, found number 9223372036854775808",
            ),
            (r#","sortOrder":"1""#, "sortOrder: expected whole number of 64 bits, found text"),
            (r#","variants":{}"#, "variants: expected list, found object"),
            (
                r#","constraints":[{"operator":"IN"}]"#,
                "constraints[0].contextName: expected text, found nothing",
            ),
            (
                r#","constraints":[{"contextName":"c","operator":7}]"#,
                "constraints[0].operator: expected operator, found number 7",
            ),
            (
                r#","constraints":[{"contextName":"c","operator":{"KNOWN":"x"}}]"#,
                "constraints[0].operator: expected operator, found object",
            ),
            (
                r#","constraints":[{"contextName":"c","operator":"IN","inverted":null}]"#,
                "constraints[0].inverted: expected boolean, found null",
            ),
            (
                r#","constraints":[{"contextName":"c","operator":"IN","values":[1]}]"#,
                "constraints[0].values[0]: expected text, found number 1",
            ),
        ];
        for (inner, expected) in cases {
            check_refused(&shape::FEATURE, &strategy(inner), &format!("it.strategies[0].{expected}"));
        }
    }

    #[test]
    fn segments_and_meta_are_checked_too() {
        check_refused(
            &shape::SEGMENT,
            r#"{"constraints":[]}"#,
            "it.id: expected whole number of 64 bits, found nothing",
        );
        check_refused(&shape::SEGMENT, r#"{"id":1}"#, "it.constraints: expected list, found nothing");
        check_refused(
            &shape::META,
            r#"{"revisionId":-1}"#,
            "it.revisionId: expected unsigned number, found number -1",
        );
        check_refused(&shape::META, r#"{"etag":1}"#, "it.etag: expected text, found number 1");
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        check_refused(&shape::META, &deep, "it: nested too deeply");
    }

    /// An object with all it needs and the extras behind.
    fn with(mut object: Value, extras: &serde_json::Map<String, Value>) -> Value {
        let members = object.as_object_mut().expect("an object");
        members.extend(extras.iter().map(|(key, value)| (key.clone(), value.clone())));
        object
    }

    fn feature_full_of(extras: &serde_json::Map<String, Value>) -> Value {
        let constraint = with(
            json!({"contextName": "c", "operator": "IN", "caseInsensitive": false, "inverted": false}),
            extras,
        );
        let payload = with(json!({"type": "t", "value": "v"}), extras);
        let variant = with(json!({"name": "v", "weight": 1, "payload": payload}), extras);
        let overridden = with(json!({"contextName": "c", "values": []}), extras);
        let feature_variant =
            with(json!({"name": "v", "weight": 1, "payload": payload, "overrides": [overridden]}), extras);
        let strategy = with(json!({"name": "s", "constraints": [constraint], "variants": [variant]}), extras);
        let dependency = with(json!({"feature": "p"}), extras);
        with(
            json!({"name": "f", "enabled": true, "strategies": [strategy], "variants": [feature_variant],
                   "dependencies": [dependency]}),
            extras,
        )
    }

    proptest! {
        #[test]
        fn unknown_keys_survive_at_every_level(extras in extras()) {
            let feature = feature_full_of(&extras).to_string();
            check(&shape::FEATURE, &feature, &feature);
            let constraint = json!({"contextName": "c", "operator": "IN", "caseInsensitive": false, "inverted": false});
            let constraint = with(constraint, &extras);
            let segment = with(json!({"id": 1, "constraints": [constraint]}), &extras).to_string();
            check(&shape::SEGMENT, &segment, &segment);
            let meta = with(json!({"etag": null, "revisionId": 1, "queryHash": "q"}), &extras).to_string();
            check(&shape::META, &meta, &meta);
        }

        #[test]
        fn blanks_change_nothing(extras in extras()) {
            let feature = feature_full_of(&extras);
            let wide = serde_json::to_string_pretty(&feature).expect("JSON");
            check(&shape::FEATURE, &wide, &feature.to_string());
        }
    }
}
