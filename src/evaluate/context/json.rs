//! A context from a JSON body (evaluation.md 2.2).
//!
//! Read in one pass, without a tree: what counts is noted, the rest is only checked, because one bad value
//! (a number out of range, a surrogate without its other half, 128 levels) refuses the whole body.

use super::super::part::Part;
use super::BadContext;
use super::draft::{Draft, Layer, Repeats};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write};

/// Notes what a body says.
pub(super) fn read(body: &[u8], draft: &mut Draft, text: &mut String) -> Result<(), BadContext> {
    draft.restart(Repeats::LastWins);
    let mut reader = Reader { draft, text, wrapping: Wrapping::None };
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = Body { reader: &mut reader }.deserialize(&mut json).map_err(|_| BadContext::NotJson)?;
    match (value, reader.wrapping) {
        (Value::Object, Wrapping::None | Wrapping::Object) => json.end().map_err(|_| BadContext::NotJson),
        (Value::Object, Wrapping::Other) => Err(BadContext::ContextNotAnObject),
        _ => Err(BadContext::NotAnObject),
    }
}

/// What `context` was, if it was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    None,
    /// Only what is in it counts.
    Object,
    Other,
}

/// What a value is; texts are appended to the context's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Text(Part),
    /// A number or a boolean, as text.
    Scalar(Part),
    Object,
    /// A list or null.
    Nothing,
}

struct Reader<'r> {
    draft: &'r mut Draft,
    text: &'r mut String,
    wrapping: Wrapping,
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The body itself.
    Body,
    /// `context` of the body.
    Context,
    /// `properties` of one of them.
    Properties,
    /// Somewhere else: not read.
    Elsewhere,
}

impl Reader<'_> {
    fn append(&mut self, text: &str) -> Part {
        Part::appended_text(self.text, text)
    }

    fn append_shown(&mut self, shown: impl fmt::Display) -> Part {
        let start = self.text.len();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{shown}");
        Part { start, end: self.text.len() }
    }

    /// Where the object under this key of an object stands.
    fn place_under(&self, place: Place, name: Part) -> Place {
        match (place, name.of_text(self.text)) {
            (Place::Body, "context") => Place::Context,
            (Place::Body | Place::Context, "properties") => Place::Properties,
            _ => Place::Elsewhere,
        }
    }

    /// Notes a member of an object at `place`.
    fn note(&mut self, place: Place, name: Part, value: Value) {
        let is_outside = place == Place::Body && self.wrapping != Wrapping::None;
        match (place, name.of_text(self.text)) {
            (Place::Elsewhere, _) => {}
            (Place::Body, "context") => {
                self.wrapping = if value == Value::Object { Wrapping::Object } else { Wrapping::Other };
            }
            _ if is_outside => {}
            (Place::Body | Place::Context, "properties") => {
                if value != Value::Object {
                    self.draft.clear_properties();
                }
            }
            (Place::Properties, _) => self.draft.note(Layer::Properties, name, value.as_text(), self.text),
            (_, named) => {
                let is_field = super::Field::named(named).is_some();
                let value = if is_field { value.as_text() } else { value.only_text() };
                self.draft.note(Layer::Top, name, value, self.text);
            }
        }
    }
}

impl Value {
    fn as_text(self) -> Option<Part> {
        match self {
            Self::Text(part) | Self::Scalar(part) => Some(part),
            Self::Object | Self::Nothing => None,
        }
    }

    fn only_text(self) -> Option<Part> {
        match self {
            Self::Text(part) => Some(part),
            _ => None,
        }
    }
}

/// The whole body.
struct Body<'a, 'r> {
    reader: &'a mut Reader<'r>,
}

impl<'de> DeserializeSeed<'de> for Body<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Reading { reader: self.reader, place: Place::Body }.deserialize(deserializer)
    }
}

/// A value; if it is an object, it stands at `place`.
struct Reading<'a, 'r> {
    reader: &'a mut Reader<'r>,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Reading<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_, '_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Scalar(self.reader.append_shown(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Scalar(self.reader.append_shown(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Scalar(self.reader.append_shown(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = serde_json::Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?;
        Ok(Value::Scalar(self.reader.append_shown(number)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(self.reader.append(value)))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let start = self.reader.text.len();
        while list
            .next_element_seed(Reading { reader: &mut *self.reader, place: Place::Elsewhere })?
            .is_some()
        {
            self.reader.text.truncate(start);
        }
        Ok(Value::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Self { reader, place } = self;
        match place {
            // Only what is inside counts, from now on.
            Place::Context => reader.draft.clear(),
            Place::Properties => reader.draft.clear_properties(),
            Place::Body | Place::Elsewhere => {}
        }
        let start = reader.text.len();
        while let Some(name) = map.next_key_seed(Reading { reader: &mut *reader, place: Place::Elsewhere })? {
            let Value::Text(name) = name else { return Err(A::Error::custom("key is not text")) };
            let mut inner = reader.place_under(place, name);
            if place == Place::Body && inner == Place::Properties && reader.wrapping == Wrapping::Object {
                inner = Place::Elsewhere;
            }
            let value = map.next_value_seed(Reading { reader: &mut *reader, place: inner })?;
            reader.note(place, name, value);
            if place == Place::Elsewhere {
                reader.text.truncate(start);
            }
        }
        Ok(Value::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Context, Field};
    use super::*;

    fn shown(body: &str) -> Result<Vec<String>, BadContext> {
        let context = Context::from_json(body.as_bytes())?;
        let fields = Field::ALL.iter().filter_map(|field| Some((field.name(), context.field(*field)?)));
        let fields = fields.map(|(name, value)| format!("{name}:{value}"));
        Ok(fields.chain(context.properties().map(|(name, value)| format!("{name}={value}"))).collect())
    }

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        assert_eq!(shown(body), Ok(expected.iter().map(|text| (*text).to_owned()).collect()), "{body}");
    }

    #[test]
    fn reads_as_the_contract_says() {
        check(r#"{"userId":7}"#, &["userId:7"]);
        check(r#"{"userId":true}"#, &["userId:true"]);
        check(r#"{"userId":null,"properties":{"userId":"7"}}"#, &[]);
        check(r#"{"properties":{"userId":7}}"#, &["userId:7"]);
        check(r#"{"properties":{"n":1,"b":true,"z":null,"o":{},"l":[1]}}"#, &["b=true", "n=1"]);
        check(r#"{"foo":"x","bar":7,"baz":true}"#, &["foo=x"]);
        check(r#"{"properties":{"foo":"p"},"foo":"t"}"#, &["foo=t"]);
        check(r#"{"foo":"t","properties":{"foo":"p"}}"#, &["foo=t"]);
        check(r#"{"properties":{"foo":"p"},"foo":7}"#, &["foo=p"]);
        check(r#"{"properties":null}"#, &[]);
        check(r#"{"properties":"x"}"#, &[]);
        check(r#"{"context":{"userId":"7"},"userId":"8"}"#, &["userId:7"]);
        check(r#"{"userId":"8","plan":"a","context":{"userId":"7"}}"#, &["userId:7"]);
        check(r#"{"context":{"userId":"7"},"properties":{"a":"b"}}"#, &["userId:7"]);
        check(r#"{"userId":"a","userId":"b"}"#, &["userId:b"]);
        check(r#"{"userid":"7"}"#, &["userid=7"]);
        check("{}", &[]);
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        check(r#"{"properties":{"a":"1"},"properties":{"b":"2"}}"#, &["b=2"]);
        check(r#"{"properties":{"a":"1"},"properties":null}"#, &[]);
        check(r#"{"properties":{"a":"1","a":null}}"#, &[]);
        check(r#"{"a":"1","a":2,"properties":{"a":"3"}}"#, &["a=3"]);
        check(r#"{"context":5,"context":{"a":"1"}}"#, &["a=1"]);
        check(r#"{"context":{"a":"1"},"context":{"b":"2"}}"#, &["b=2"]);
        check(r#"{"properties":{"userId":"1"},"properties":{}}"#, &[]);
        check(r#"{"context":{"context":{"a":"1"},"b":"2"}}"#, &["b=2"]);
        check(r#"{"context":{"context":"x"}}"#, &["context=x"]);
    }

    #[test]
    fn numbers_are_written_as_json() {
        for (number, text) in [
            ("7", "7"),
            ("-3", "-3"),
            ("7.0", "7.0"),
            ("1e3", "1000.0"),
            ("100.50", "100.5"),
            ("-0", "-0.0"),
            ("1e-7", "1e-7"),
            ("1e16", "1e+16"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "1.8446744073709552e+19"),
        ] {
            check(&format!(r#"{{"userId":{number}}}"#), &[&format!("userId:{text}")]);
        }
    }

    #[test]
    fn errors() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        for body in [
            "",
            " ",
            "{",
            "nope",
            "[1",
            r#"{"a":1e400}"#,
            r#"{"a":{"b":[1e400]}}"#,
            r#"{"a":"\ud800"}"#,
            "{} x",
            &deep,
            r#"{"a":1,}"#,
        ] {
            assert_eq!(shown(body), Err(BadContext::NotJson), "{body}");
        }
        assert_eq!(Context::from_json(b"{\"a\":\"\xff\"}").err(), Some(BadContext::NotJson));
        for body in ["[]", "null", "5", r#""x""#, r#"["a",{"b":1}]"#] {
            assert_eq!(shown(body), Err(BadContext::NotAnObject), "{body}");
        }
        for body in
            [r#"{"context":null,"userId":"8"}"#, r#"{"context":"x"}"#, r#"{"context":{},"context":[]}"#]
        {
            assert_eq!(shown(body), Err(BadContext::ContextNotAnObject), "{body}");
        }
    }

    #[test]
    fn ignored_values_leave_no_text() {
        let context = Context::from_json(br#"{"x":{"long":"text","more":["a","b"]},"y":["long","texts"]}"#);
        assert!(context.is_ok_and(|context| context.text().len() < 8));
    }
}
