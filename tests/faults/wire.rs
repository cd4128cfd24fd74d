//! HTTP as an upstream sees it: reading requests, writing heads.

use std::io::{self, Read, Write};

/// Plain or TLS.
pub trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

/// A request, as much of it as matters here.
pub struct Request {
    /// As on the request line.
    pub target: String,
    /// Names in lower case, each line as sent otherwise.
    head: String,
    pub body: Vec<u8>,
}

impl Request {
    /// Reads one; `None` at the end of the connection.
    pub fn read(stream: &mut impl Read, unread: &mut Vec<u8>) -> io::Result<Option<Self>> {
        let Some(head) = read_head(stream, unread)? else { return Ok(None) };
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut request = Self { target, head, body: Vec::new() };
        let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while unread.len() < length {
            if !read_more(stream, unread)? {
                return Ok(None);
            }
        }
        request.body = unread.drain(..length).collect();
        Ok(Some(request))
    }

    /// The value of a header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// Reads a head, line by line up to the empty one, which is left out.
pub fn read_head(stream: &mut impl Read, unread: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(end) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&unread[..end]).into_owned();
            unread.drain(..end + 4);
            return Ok(Some(head));
        }
        if !read_more(stream, unread)? {
            return Ok(None);
        }
    }
}

/// Reads until the other side gives up.
pub fn read_to_end(stream: &mut impl Read) {
    let mut unread = Vec::new();
    while matches!(read_more(stream, &mut unread), Ok(true)) {
        unread.clear();
    }
}

fn read_more(stream: &mut impl Read, unread: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; 16 * 1024];
    let read = stream.read(&mut chunk)?;
    unread.extend_from_slice(&chunk[..read]);
    Ok(read > 0)
}

/// An answer as it goes over the wire.
pub struct Answer {
    pub status: u16,
    /// Each with its line end.
    pub headers: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16, headers: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: headers.into(), body: body.into() }
    }

    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "content-type: application/json\r\n", body)
    }

    /// The head, with this line for the body's length.
    pub fn head(&self, length: &str) -> Vec<u8> {
        format!("HTTP/1.1 {} Status\r\n{}{length}\r\n", self.status, self.headers).into_bytes()
    }

    /// The head with the length that is true, or another.
    pub fn head_of(&self, length: usize) -> Vec<u8> {
        let has_body = !matches!(self.status, 204 | 304);
        self.head(&if has_body { format!("content-length: {length}\r\n") } else { String::new() })
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        [self.head_of(self.body.len()), self.body.clone()].concat()
    }
}
