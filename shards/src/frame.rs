//! One payload of a stream, made once and sent to many.
//!
//! A frame belongs to a shard and is counted there: pushing it to a feed copies a pointer. Its parts are bytes of its
//! own or ranges of a [`Shared`] body, so a frame that quotes a body of megabytes is a few dozen bytes. On the wire
//! of HTTP/1.1 a frame is one chunk (RFC 9112 section 7.1), whose size line is written here, once.

use std::{io::Write, ops::Range, rc::Rc};

use crate::output::Shared;

/// A size line: up to 16 hexadecimal digits and the line end.
const SIZE_LINE_BYTES: usize = 18;

/// One payload, shared by the feeds of a shard.
#[derive(Debug, Clone)]
pub struct Frame(Rc<Payload>);

#[derive(Debug)]
struct Payload {
    size_line: ([u8; SIZE_LINE_BYTES], usize),
    length: usize,
    parts: Box<[Part]>,
}

/// A piece of a frame.
#[derive(Debug, Clone)]
pub enum Part {
    /// Bytes of its own.
    Own(Box<[u8]>),
    /// Bytes of the program.
    Static(&'static [u8]),
    /// A range of a body that is kept anyway.
    Range(Shared, Range<usize>),
}

impl Part {
    /// A range of a shared body; what lies beyond its end is left out.
    pub fn range(body: &Shared, range: Range<usize>) -> Self {
        let end = range.end.min(body.len());
        Self::Range(Rc::clone(body), range.start.min(end)..end)
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Static(bytes) => bytes,
            Self::Range(body, range) => body.get(range.clone()).unwrap_or(&[]),
        }
    }
}

impl From<Vec<u8>> for Part {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Own(bytes.into())
    }
}

impl From<&'static [u8]> for Part {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Static(bytes)
    }
}

impl<const N: usize> From<&'static [u8; N]> for Part {
    fn from(bytes: &'static [u8; N]) -> Self {
        Self::Static(bytes)
    }
}

impl From<&Shared> for Part {
    fn from(body: &Shared) -> Self {
        Self::Range(Rc::clone(body), 0..body.len())
    }
}

impl Frame {
    /// A frame of one part.
    pub fn bytes(bytes: impl Into<Part>) -> Self {
        Self::parts([bytes.into()])
    }

    /// A frame of several parts, in this order. Empty ones are left out. One gathered send takes about 30 parts, so
    /// a handful of them costs nothing.
    pub fn parts(parts: impl IntoIterator<Item = Part>) -> Self {
        let parts: Box<[Part]> = parts.into_iter().filter(|part| !part.bytes().is_empty()).collect();
        let length = parts.iter().map(|part| part.bytes().len()).sum();
        Self(Rc::new(Payload { size_line: size_line(length), length, parts }))
    }

    /// Bytes of the payload.
    pub fn len(&self) -> usize {
        self.0.length
    }

    /// Whether there is nothing in it. Pushing it does nothing.
    pub fn is_empty(&self) -> bool {
        self.0.length == 0
    }

    /// What stands on the wire, piece by piece.
    pub(crate) fn pieces(&self, chunked: bool) -> impl Iterator<Item = &[u8]> {
        let (line, length) = &self.0.size_line;
        let before = line.get(..*length).filter(|_| chunked);
        let after = chunked.then_some(b"\r\n".as_slice());
        before.into_iter().chain(self.0.parts.iter().map(Part::bytes)).chain(after)
    }

    /// Bytes on the wire.
    pub(crate) fn wire_len(&self, chunked: bool) -> usize {
        let framing = if chunked { self.0.size_line.1 + b"\r\n".len() } else { 0 };
        self.0.length + framing
    }
}

fn size_line(length: usize) -> ([u8; SIZE_LINE_BYTES], usize) {
    let mut line = [0; SIZE_LINE_BYTES];
    let mut rest = line.as_mut_slice();
    let written = write!(rest, "{length:x}\r\n");
    debug_assert!(written.is_ok(), "16 digits hold any 64-bit number");
    let left = rest.len();
    (line, SIZE_LINE_BYTES - left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_chunk_of_its_parts() {
        let body: Shared = Rc::new(b"0123456789".as_slice().into());
        let check = |frame: Frame, payload: &str, wire: &str| {
            let text = |chunked| String::from_utf8(frame.pieces(chunked).collect::<Vec<_>>().concat());
            assert_eq!((text(false).as_deref(), frame.len()), (Ok(payload), payload.len()));
            assert_eq!((text(true).as_deref(), frame.wire_len(true)), (Ok(wire), wire.len()));
            assert_eq!(frame.wire_len(false), payload.len());
        };
        check(Frame::bytes(b"abc"), "abc", "3\r\nabc\r\n");
        check(Frame::bytes(&body), "0123456789", "a\r\n0123456789\r\n");
        let parts = [b"<".into(), Part::range(&body, 2..4), Vec::new().into(), b">".to_vec().into()];
        check(Frame::parts(parts), "<23>", "4\r\n<23>\r\n");
        check(Frame::parts([Part::range(&body, 8..99), Part::range(&body, 20..30)]), "89", "2\r\n89\r\n");
        let inverted = Range { start: 5, end: 3 };
        assert!(Frame::bytes(Part::range(&body, inverted)).is_empty());
    }

    #[test]
    fn the_longest_size_line_fits() {
        assert_eq!(size_line(usize::MAX).1, SIZE_LINE_BYTES);
    }
}
