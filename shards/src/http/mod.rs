//! HTTP/1.1 for a server, sans-io: bytes in, structures out; structures in, bytes out.
//!
//! Pure: no socket, no clock, no allocation on the way of an ordinary request. The rules are RFC 9112 (messages) and
//! RFC 9110 (semantics), strict where leniency would let two parties disagree about where a message ends, and
//! otherwise as forgiving as Unleash Edge 20.4.
//!
//! ```text
//!   bytes -> head (line, headers, framing) -> chunked (body)      encode -> bytes
//!            path, accept_encoding, etag: questions about a head   date, status: its parts
//! ```

pub mod accept_encoding;
pub mod chunked;
pub mod date;
pub mod encode;
pub mod etag;
mod framing;
pub mod head;
pub mod limits;
mod list;
pub mod path;
pub mod refusal;
pub mod status;
mod target;
