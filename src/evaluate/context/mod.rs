//! The context of an evaluation: six named fields and properties (evaluation.md 2).
//!
//! All texts lie in one buffer of the context, so a shard reads request after request into the same one without
//! allocating. [`query`] and [`json`] fill a [`Draft`] in the order of the source; settling it applies the rules
//! on repeated and moved names. Missing and empty are different everywhere.

mod draft;
mod form;
mod json;
mod query;
mod tree;

use super::part::Part;
use draft::Draft;
use std::fmt::Write;
use std::net::IpAddr;
use thiserror::Error;

/// Longest value of a field or property. A value is hashed once per rollout and searched once per constraint, so
/// this bounds what one request can cost; a target of 8 KiB cannot reach it, a body of 2 MiB can. Unleash Edge has
/// no such bound.
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// Text kept for the next request; one long context does not hold on to its memory.
const KEPT_BYTES_MAX: usize = 64 << 10;
/// Properties kept room for, likewise.
const KEPT_PROPERTIES_MAX: usize = 1 << 10;

/// The named fields. Every other name is a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// `userId`
    UserId,
    /// `sessionId`
    SessionId,
    /// `environment`: what the request says, not the token's.
    Environment,
    /// `appName`
    AppName,
    /// `currentTime`, as text.
    CurrentTime,
    /// `remoteAddress`
    RemoteAddress,
}

impl Field {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::UserId,
        Self::SessionId,
        Self::Environment,
        Self::AppName,
        Self::CurrentTime,
        Self::RemoteAddress,
    ];

    /// The name in documents and requests. Case counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserId => "userId",
            Self::SessionId => "sessionId",
            Self::Environment => "environment",
            Self::AppName => "appName",
            Self::CurrentTime => "currentTime",
            Self::RemoteAddress => "remoteAddress",
        }
    }

    /// The field of this name, if it is one.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "userId" => Self::UserId,
            "sessionId" => Self::SessionId,
            "environment" => Self::Environment,
            "appName" => Self::AppName,
            "currentTime" => Self::CurrentTime,
            "remoteAddress" => Self::RemoteAddress,
            _ => return None,
        })
    }
}

/// Who asks. Holds no borrow of the request; read the next one into it to reuse its memory.
#[derive(Debug, Clone, Default)]
pub struct Context {
    text: String,
    fields: [Option<Part>; Field::ALL.len()],
    /// Sorted by name, each once, none with the name of a field.
    properties: Vec<Property>,
    draft: Draft,
}

/// Name and value of a property, as parts of the context's text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    name: Part,
    value: Part,
}

/// Why a request has no context. `serve` decides what the client sees (evaluation.md 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadContext {
    /// The query string cannot be read: not UTF-8, brackets that do not match, a key of two kinds (400).
    #[error("query string cannot be read")]
    Query,
    /// The body is not JSON (400).
    #[error("body is not JSON")]
    NotJson,
    /// The body is JSON but not an object (422).
    #[error("Expected an object")]
    NotAnObject,
    /// `context` is there and is not an object (a query: 400, a body: 422).
    #[error("Expected 'context' to be an object")]
    ContextNotAnObject,
    /// A value is longer than [`VALUE_BYTES_MAX`] (413).
    #[error("a value of the context is longer than {VALUE_BYTES_MAX} bytes")]
    ValueTooLong,
}

impl Context {
    /// The context of a query string without its `?` (evaluation.md 2.3).
    pub fn from_query(query: &str) -> Result<Self, BadContext> {
        let mut context = Self::default();
        context.read_query(query)?;
        Ok(context)
    }

    /// The context of a JSON body (evaluation.md 2.2).
    pub fn from_json(body: &[u8]) -> Result<Self, BadContext> {
        let mut context = Self::default();
        context.read_json(body)?;
        Ok(context)
    }

    /// Forgets what it holds and reads a query string. After an error the context is empty.
    pub fn read_query(&mut self, query: &str) -> Result<(), BadContext> {
        self.clear();
        let read = query::read(query, &mut self.draft, &mut self.text);
        read.and_then(|()| self.settle()).inspect_err(|_| self.clear())
    }

    /// Forgets what it holds and reads a JSON body. After an error the context is empty.
    pub fn read_json(&mut self, body: &[u8]) -> Result<(), BadContext> {
        self.clear();
        let read = json::read(body, &mut self.draft, &mut self.text);
        read.and_then(|()| self.settle()).inspect_err(|_| self.clear())
    }

    /// Fills in the client's address if the request named none (evaluation.md 2.4; the empty text is one). An
    /// IPv4 address in IPv6 form becomes plain IPv4, unlike with Unleash Edge.
    pub fn set_remote_address_if_absent(&mut self, address: IpAddr) {
        let Some(slot) = self.fields.get_mut(Field::RemoteAddress as usize) else { return };
        if slot.is_some() {
            return;
        }
        let start = self.text.len();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{}", address.to_canonical());
        *slot = Some(Part { start, end: self.text.len() });
    }

    /// A named field; `None` if missing.
    pub fn field(&self, field: Field) -> Option<&str> {
        Some(self.field_part(field)?.of_text(&self.text))
    }

    /// A property that constraints can read; never one with the name of a field.
    pub fn property(&self, name: &str) -> Option<&str> {
        let at =
            self.properties.binary_search_by(|property| property.name.of_text(&self.text).cmp(name)).ok()?;
        Some(self.properties.get(at)?.value.of_text(&self.text))
    }

    /// The properties, sorted by name.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.property_parts().map(|(name, value)| (name, value.of_text(&self.text)))
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn field_part(&self, field: Field) -> Option<Part> {
        self.fields.get(field as usize).copied().flatten()
    }

    pub(super) fn property_parts(&self) -> impl Iterator<Item = (&str, Part)> {
        self.properties.iter().map(|property| (property.name.of_text(&self.text), property.value))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES_MAX);
        self.properties.clear();
        self.properties.shrink_to(KEPT_PROPERTIES_MAX);
        self.fields = Default::default();
        self.draft.clear();
    }

    fn settle(&mut self) -> Result<(), BadContext> {
        self.fields = self.draft.settled_fields();
        self.draft.settle_properties(&self.text, &mut self.properties);
        let values =
            self.fields.iter().flatten().chain(self.properties.iter().map(|property| &property.value));
        let longest = values.map(|value| value.range().len()).max();
        if longest > Some(VALUE_BYTES_MAX) { Err(BadContext::ValueTooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_numbered_in_order() {
        for (number, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, number);
            assert_eq!(Field::named(field.name()), Some(field));
        }
        assert_eq!(Field::named("userid"), None);
    }

    #[test]
    fn the_address_fills_a_gap_only() {
        #[track_caller]
        fn check(query: &str, address: &str, expected: &str) {
            let mut context = Context::from_query(query).expect("a good query");
            context.set_remote_address_if_absent(address.parse().expect("an address"));
            assert_eq!(context.field(Field::RemoteAddress), Some(expected), "{query}");
        }
        check("", "10.0.0.1", "10.0.0.1");
        check("", "::1", "::1");
        check("", "::ffff:10.0.0.1", "10.0.0.1");
        check("remoteAddress", "10.0.0.1", "10.0.0.1");
        check("remoteAddress=", "10.0.0.1", "");
        check("remoteAddress=::ffff:1.2.3.4", "10.0.0.1", "::ffff:1.2.3.4");
    }

    #[test]
    fn values_have_a_bound() {
        let of = |bytes: usize| format!(r#"{{"userId":"{}"}}"#, "x".repeat(bytes));
        assert!(Context::from_json(of(VALUE_BYTES_MAX).as_bytes()).is_ok());
        let too_long = of(VALUE_BYTES_MAX + 1);
        assert_eq!(Context::from_json(too_long.as_bytes()).err(), Some(BadContext::ValueTooLong));
        let dropped = format!(r#"{{"a":[{too_long}],"b":{{"c":{too_long}}},"userId":{{}}}}"#);
        assert!(Context::from_json(dropped.as_bytes()).is_ok());
    }

    #[test]
    fn nothing_is_left_of_the_request_before() {
        let mut context = Context::from_query("userId=7&plan=team").expect("a good query");
        context.read_query("plan2=x").expect("a good query");
        assert_eq!(context.field(Field::UserId), None);
        assert_eq!(context.properties().collect::<Vec<_>>(), [("plan2", "x")]);
        context.read_query("userId=7&plan=team&x[=").expect_err("a bad query");
        assert_eq!(context.field(Field::UserId), None);
        assert_eq!(context.properties().count(), 0);
        context.read_json(b"{}").expect("good JSON");
        assert_eq!(context.properties().count(), 0);
    }
}
