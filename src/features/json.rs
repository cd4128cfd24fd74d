//! Reading JSON one level at a time, as slices of the source.
//!
//! A value is handed on as the text it was written as. So a number that fits no machine type (`1e400`, an
//! integer of thirty digits) or a lone surrogate inside an unknown key passes through unharmed, where a
//! parsed tree would change or refuse it. The text given to the readers has been checked by serde_json
//! before; they answer `None` for what is not of their kind.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Nesting of lists and objects in a document, the document itself included: serde_json's own bound, which
/// it does not apply to skipped or raw values.
pub(super) const DEPTH_MAX: usize = 128;

/// The type of a JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Object,
    List,
    Text,
    Number,
    Boolean,
    Null,
}

/// The type of a value, by its first byte.
pub(super) fn type_of(raw: &str) -> Type {
    match raw.as_bytes().first() {
        Some(b'{') => Type::Object,
        Some(b'[') => Type::List,
        Some(b'"') => Type::Text,
        Some(b't' | b'f') => Type::Boolean,
        Some(b'n') | None => Type::Null,
        Some(_) => Type::Number,
    }
}

/// What a value is, for an error message: numbers and booleans in full (but short), the rest by type.
pub(super) fn describe(raw: &str) -> String {
    const CHARS_MAX: usize = 32;
    match type_of(raw) {
        Type::Object => "object".to_owned(),
        Type::List => "list".to_owned(),
        Type::Text => "text".to_owned(),
        Type::Null => "null".to_owned(),
        Type::Boolean => format!("boolean {raw}"),
        Type::Number => format!("number {}", raw.chars().take(CHARS_MAX).collect::<String>()),
    }
}

/// The characters of a text. `None` if it is no text or has an escape that is no character.
pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(raw).ok().map(Cow::Owned)
}

/// The elements of a list.
pub(super) fn list(raw: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw).ok()
}

/// The members of an object in the order of the source, duplicates included.
pub(super) fn members(raw: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    serde_json::from_str::<Members<'_>>(raw).ok().map(|members| members.0)
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            members.push((key.0, value.get()));
        }
        Ok(Members(members))
    }
}

/// Nested deeper than [`DEPTH_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

/// The text without blanks between its tokens. `outside` is the nesting around it.
pub(super) fn compact(raw: &str, outside: usize) -> Result<Cow<'_, str>, TooDeep> {
    let mut out = String::new();
    let mut kept_from = 0;
    let mut depth = outside;
    let mut bytes = raw.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => skip_text(&mut bytes),
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(TooDeep);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b' ' | b'\n' | b'\r' | b'\t' => {
                out.push_str(raw.get(kept_from..at).unwrap_or_default());
                kept_from = at + 1;
            }
            _ => {}
        }
    }
    if kept_from == 0 {
        return Ok(Cow::Borrowed(raw));
    }
    out.push_str(raw.get(kept_from..).unwrap_or_default());
    Ok(Cow::Owned(out))
}

/// Moves past the end of a text whose opening quote has been taken.
fn skip_text(bytes: &mut impl Iterator<Item = (usize, u8)>) {
    while let Some((_, byte)) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// Appends a text in quotes, with the escapes JSON asks for.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a text can always be written into a vector");
}

/// Appends a key in quotes. Keys hardly ever need escapes, so the usual one costs a copy.
pub(super) fn push_key(out: &mut String, key: &str) {
    if key.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        out.push_str(&serde_json::Value::from(key).to_string());
    } else {
        out.push('"');
        out.push_str(key);
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_removes_blanks_between_tokens_only() {
        let cases = [
            ("{}", "{}"),
            (" { } ", "{}"),
            ("{ \"a b\" : [ 1 ,\t2 ] ,\r\n\"c\\\" \" : \" \" }", "{\"a b\":[1,2],\"c\\\" \":\" \"}"),
            ("\"\\\\\" ", "\"\\\\\""),
            ("[ \"é \" ]", "[\"é \"]"),
        ];
        for (raw, expected) in cases {
            assert_eq!(compact(raw, 0).expect("not deep"), expected, "{raw:?}");
        }
    }

    #[test]
    fn depth_is_bounded_and_counts_what_is_outside() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(compact(&nested(DEPTH_MAX), 0).is_ok());
        assert_eq!(compact(&nested(DEPTH_MAX + 1), 0), Err(TooDeep));
        assert_eq!(compact(&nested(DEPTH_MAX - 1), 2), Err(TooDeep));
        assert!(compact(&"[]".repeat(1000), 0).is_ok());
    }

    #[test]
    fn members_keep_source_text_and_order() {
        let found = members(r#"{"b":1e400,"\u0061":"\ud800","b":[ ]}"#).expect("an object");
        let found: Vec<(&str, &str)> = found.iter().map(|(key, value)| (&**key, *value)).collect();
        assert_eq!(found, [("b", "1e400"), ("a", r#""\ud800""#), ("b", "[ ]")]);
        assert!(members("[]").is_none());
        assert!(list("{}").is_none());
    }

    #[test]
    fn texts() {
        assert_eq!(text(r#""plain""#).as_deref(), Some("plain"));
        assert_eq!(text(r#""t\u0061b\t""#).as_deref(), Some("tab\t"));
        assert_eq!(text(r#""\ud800""#), None);
        assert_eq!(text("12"), None);
    }
}
