//! The context of an evaluation: six named fields and properties (evaluation.md 2).
//!
//! All texts lie in one buffer of the context, so a shard reads request after request into the same one without
//! allocating. Missing and empty are different everywhere.

use std::net::IpAddr;
use thiserror::Error;

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

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Context {}

/// Why a request has no context. `serve` decides what the client sees (evaluation.md 2.3: a query that cannot be
/// read is 400; a body 400 or 422).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadContext {
    /// The query string cannot be read: not UTF-8, brackets that do not match, a key of two kinds.
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
    pub fn read_query(&mut self, _query: &str) -> Result<(), BadContext> {
        Ok(())
    }

    /// Forgets what it holds and reads a JSON body. After an error the context is empty.
    pub fn read_json(&mut self, _body: &[u8]) -> Result<(), BadContext> {
        Ok(())
    }

    /// Fills in the client's address if the request named none (evaluation.md 2.4; the empty text is one). An
    /// IPv4 address in IPv6 form becomes plain IPv4, unlike with Unleash Edge.
    pub fn set_remote_address_if_absent(&mut self, _address: IpAddr) {}

    /// A named field; `None` if missing.
    pub fn field(&self, _field: Field) -> Option<&str> {
        None
    }

    /// A property that constraints can read; never one with the name of a field.
    pub fn property(&self, _name: &str) -> Option<&str> {
        None
    }
}
