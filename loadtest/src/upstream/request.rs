//! Requests of an edge, as far as the small Unleash looks at them.

use std::io::{self, ErrorKind, Read};

const HEADERS_MAX: usize = 96;
/// A registration or a report of a load test's edge is far smaller.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// What an edge asks.
pub struct Asked {
    pub method: String,
    target: String,
    pub if_none_match: Option<String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The next request of a connection; `None` at its end. `kept` holds what came behind the last one.
pub fn read(stream: &mut impl Read, kept: &mut Vec<u8>) -> io::Result<Option<Asked>> {
    let mut scratch = [0; 16 << 10];
    loop {
        if let Some((asked, used)) = parse(kept)? {
            kept.drain(..used);
            return Ok(Some(asked));
        }
        if kept.len() > REQUEST_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let count = stream.read(&mut scratch)?;
        if count == 0 {
            return Ok(None);
        }
        kept.extend_from_slice(scratch.get(..count).unwrap_or_default());
    }
}

fn parse(bytes: &[u8]) -> io::Result<Option<(Asked, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut fields);
    let Ok(progress) = parsed.parse(bytes) else { return Err(ErrorKind::InvalidData.into()) };
    let httparse::Status::Complete(head) = progress else { return Ok(None) };
    let value = |name: &str| {
        let field = parsed.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(field.value).into_owned())
    };
    // Edges send bodies with a length; one in chunks would be taken for the next request and refused.
    let length = value("content-length").and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    let Some(body) = bytes.get(head..).and_then(|rest| rest.get(..length)) else { return Ok(None) };
    let asked = Asked {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        if_none_match: value("if-none-match"),
        body: body.to_vec(),
    };
    Ok(Some((asked, head + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_however_they_come() {
        let wire = b"POST /edge/validate?x=1 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /a HTTP/1.1\r\nIf-None-Match: \"7\"\r\n\r\n";
        for piece in [1, 7, wire.len()] {
            let mut pieces = Pieces(wire.chunks(piece).collect());
            let mut kept = Vec::new();
            let mut next = || read(&mut pieces, &mut kept).expect("it is readable");
            let first = next().expect("a request");
            assert_eq!((&*first.method, first.path(), &*first.body), ("POST", "/edge/validate", &b"{}"[..]));
            let second = next().expect("a request");
            assert_eq!((second.path(), second.if_none_match.as_deref()), ("/a", Some("\"7\"")));
            assert!(next().is_none());
        }
    }

    /// A connection that brings one piece at a time.
    struct Pieces<'p>(std::collections::VecDeque<&'p [u8]>);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }
}
