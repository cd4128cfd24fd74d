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
        out.push_str(raw);
        if good { Ok(()) } else { Err(refuse()) }
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
