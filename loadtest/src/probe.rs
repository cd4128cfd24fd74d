//! One blocking request on a connection of its own, or on a given one: to see whether a server is
//! ready and what exactly it answers.

use std::io::{self, Read, Write};

use crate::http::{AnswerReader, Progress, Request};
use crate::tls::{Endpoint, Stream};

/// Bytes taken from the socket in one call.
const READ_BYTES: usize = 64 * 1024;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub etag: Option<String>,
    pub encoding: Option<String>,
    /// The body as sent (compressed, if it is), without framing.
    pub body_bytes: u64,
    /// Head, framing and body.
    pub wire_bytes: u64,
}

/// Asks on a new connection, which is closed afterwards.
pub fn ask(endpoint: &Endpoint, request: &Request) -> io::Result<Answer> {
    ask_on(&mut endpoint.connect()?, request)
}

/// Asks on an open connection and leaves it open.
pub fn ask_on(stream: &mut Stream, request: &Request) -> io::Result<Answer> {
    let host = stream.socket().peer_addr()?.to_string();
    stream.write_all(&request.encode(&host))?;
    let mut reader = AnswerReader::new();
    let mut wire_bytes = 0;
    let mut scratch = vec![0; READ_BYTES];
    let unreadable =
        |broken| io::Error::new(io::ErrorKind::InvalidData, format!("unreadable answer: {broken:?}"));
    loop {
        let count = stream.read(&mut scratch)?;
        wire_bytes += count as u64;
        if count == 0 {
            reader.end().map_err(unreadable)?;
            break;
        }
        let arrived = scratch.get(..count).unwrap_or_default();
        if reader.feed(arrived).map_err(unreadable)? != Progress::More {
            break;
        }
    }
    Ok(Answer {
        status: reader.status(),
        etag: reader.header("etag"),
        encoding: reader.header("content-encoding"),
        body_bytes: reader.body_bytes(),
        wire_bytes,
    })
}
