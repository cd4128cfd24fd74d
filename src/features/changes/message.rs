//! How events stand on the wire: the document `{"events":[…]}`, alone or as the data of a server-sent event.
//!
//! Fields of a message come in the order `event`, `id`, `data`, as Unleash Edge 20.4 sends them; its data is one line,
//! since fragments are JSON without blanks.

use super::resume::ResumeToken;
use std::io::Write;

/// What keeps a silent stream alive.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first message of a stream.
    Connected,
    /// Each later one.
    Updated,
    /// The document alone.
    Document,
}

/// Up to the first event. A message without a token has no `id`: its client stands where it stood.
pub(super) fn write_head(kind: Kind, token: Option<ResumeToken>, out: &mut Vec<u8>) {
    let name = match kind {
        Kind::Connected => Some("unleash-connected"),
        Kind::Updated => Some("unleash-updated"),
        Kind::Document => None,
    };
    if let Some(name) = name {
        writeln!(out, "event: {name}").expect("a vector takes all that is written");
        if let Some(token) = token {
            writeln!(out, "id: {token}").expect("a vector takes all that is written");
        }
        out.extend_from_slice(b"data: ");
    }
    out.extend_from_slice(b"{\"events\":[");
}

/// From the last event on.
pub(super) fn tail(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Document => b"]}",
        Kind::Connected | Kind::Updated => b"]}\n\n",
    }
}

/// [`tail`] of a message.
pub(super) fn write_tail(out: &mut Vec<u8>) {
    out.extend_from_slice(tail(Kind::Updated));
}

/// A comma before each event but the first.
#[derive(Debug, Default)]
pub(super) struct Separator {
    has_first: bool,
}

impl Separator {
    pub(super) fn push(&mut self, out: &mut Vec<u8>) {
        if self.has_first {
            out.push(b',');
        }
        self.has_first = true;
    }

    pub(super) fn has_first(&self) -> bool {
        self.has_first
    }
}
