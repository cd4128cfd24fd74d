//! One connection of the bare server.
//!
//! It either reads, or has answers left to send and does not read: a client that does not fetch
//! its answers cannot make us owe it more than one batch.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use super::response::Response;
use crate::poll::Interest;

/// Longest request that is accepted.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 64;

/// What the loop has to do for the connection.
pub enum Turn {
    /// Nothing: it is watched for the right thing.
    Same,
    Watch(Interest),
    Close,
}

/// What one attempt to read gave.
enum Arrival {
    Requests(usize),
    Nothing,
    Over,
}

/// A connection and what is unfinished on it.
pub struct Connection {
    stream: TcpStream,
    /// The beginning of an unfinished request; empty nearly always.
    leftover: Vec<u8>,
    /// Answers not yet sent completely.
    owed: usize,
    /// Bytes already sent of the first of them.
    sent: usize,
    /// The loop watches for room to write.
    writing: bool,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, leftover: Vec::new(), owed: 0, sent: 0, writing: false }
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Does what can be done without waiting.
    pub fn turn(&mut self, scratch: &mut [u8], response: &Response) -> Turn {
        if self.owed == 0 {
            match self.arrival(scratch) {
                Arrival::Requests(count) => self.owed = count,
                Arrival::Nothing => return Turn::Same,
                Arrival::Over => return Turn::Close,
            }
        }
        if self.send(response.bytes()).is_err() {
            return Turn::Close;
        }
        let blocked = self.owed > 0;
        if blocked == self.writing {
            return Turn::Same;
        }
        self.writing = blocked;
        Turn::Watch(if blocked { Interest::Writable } else { Interest::Readable })
    }

    fn arrival(&mut self, scratch: &mut [u8]) -> Arrival {
        let count = match self.stream.read(scratch) {
            Ok(0) => return Arrival::Over,
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Arrival::Nothing;
            }
            Err(_) => return Arrival::Over,
        };
        let Some(arrived) = scratch.get(..count) else { return Arrival::Over };
        // The common case parses where the bytes are; only a split request is copied.
        let joined;
        let bytes = if self.leftover.is_empty() {
            arrived
        } else {
            joined = [&self.leftover, arrived].concat();
            joined.as_slice()
        };
        let Some((requests, used)) = count_requests(bytes) else { return Arrival::Over };
        let rest = bytes.get(used..).unwrap_or_default().to_vec();
        if rest.len() > REQUEST_BYTES_MAX {
            return Arrival::Over;
        }
        self.leftover = rest;
        if requests == 0 { Arrival::Nothing } else { Arrival::Requests(requests) }
    }

    /// Sends until nothing is owed or the socket is full.
    fn send(&mut self, answer: &[u8]) -> io::Result<()> {
        while self.owed > 0 {
            match self.stream.write(answer.get(self.sent..).unwrap_or_default()) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.sent >= answer.len() {
                self.sent = 0;
                self.owed -= 1;
            }
        }
        Ok(())
    }
}

/// The number of whole requests in front, and the bytes they take. `None` for what is not HTTP.
fn count_requests(bytes: &[u8]) -> Option<(usize, usize)> {
    let (mut requests, mut used) = (0, 0);
    while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        match httparse::Request::new(&mut headers).parse(rest) {
            Ok(httparse::Status::Complete(length)) => {
                let length = length + content_length(&headers);
                if length > rest.len() {
                    break;
                }
                requests += 1;
                used += length;
            }
            Ok(httparse::Status::Partial) => break,
            Err(_) => return None,
        }
    }
    Some((requests, used))
}

/// The length of the body that is announced; 0 without one. Requests of this kit have no chunks.
fn content_length(headers: &[httparse::Header<'_>]) -> usize {
    let lengths = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-length"));
    let mut values = lengths.filter_map(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    values.next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_requests_are_counted_with_their_bodies() {
        let check = |bytes: &str, wanted| assert_eq!(count_requests(bytes.as_bytes()), wanted, "{bytes:?}");
        check("GET / HTTP/1.1\r\n\r\n", Some((1, 18)));
        check("GET / HTTP/1.1\r\n\r\nGET / HT", Some((1, 18)));
        check("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{", Some((0, 0)));
        check("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n\r\n", Some((2, 58)));
        check("{}", None);
    }
}
