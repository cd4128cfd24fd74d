//! Response heads, written straight into the buffer they are sent from.

use super::{date::DateCache, head::Version, status};

/// Sent when a client waits before it sends the body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The `connection` line of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionHeader {
    /// None: HTTP/1.1 goes on.
    None,
    /// This answer is the last.
    Close,
    /// HTTP/1.0 goes on.
    KeepAlive,
}

/// A head in the making.
#[must_use = "a head without its end is not an answer"]
pub struct HeadWriter<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> HeadWriter<'o> {
    /// Appends the status line.
    pub fn start(out: &'o mut Vec<u8>, version: Version, status: u16) -> Self {
        status::write_line(version, status, out);
        Self { out }
    }

    /// Appends a header. Bytes that would end the line become blanks, so that a reflected value cannot split the
    /// answer.
    pub fn header(&mut self, name: &str, value: &[u8]) {
        debug_assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        if value.iter().all(|byte| is_safe(*byte)) {
            self.out.extend_from_slice(value);
        } else {
            self.out.extend(value.iter().map(|byte| if is_safe(*byte) { *byte } else { b' ' }));
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// Appends lines written beforehand, each with its line end.
    pub fn raw(&mut self, lines: &[u8]) {
        debug_assert!(lines.is_empty() || lines.ends_with(b"\r\n"));
        self.out.extend_from_slice(lines);
    }

    /// Appends the length of the body.
    pub fn content_length(&mut self, length: usize) {
        self.out.extend_from_slice(b"content-length: ");
        write_decimal(length, self.out);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Appends date and connection and ends the head; the body follows in the same buffer.
    pub fn finish(self, date: &DateCache, connection: ConnectionHeader) -> &'o mut Vec<u8> {
        self.out.extend_from_slice(date.line());
        self.out.extend_from_slice(match connection {
            ConnectionHeader::None => b"\r\n".as_slice(),
            ConnectionHeader::Close => b"connection: close\r\n\r\n",
            ConnectionHeader::KeepAlive => b"connection: keep-alive\r\n\r\n",
        });
        self.out
    }
}

/// Answers a request that is refused before anybody looks at it: no body, no other headers, the end.
pub fn refusal(out: &mut Vec<u8>, status: u16, date: &DateCache) {
    let mut head = HeadWriter::start(out, Version::Http11, status);
    head.content_length(0);
    head.finish(date, ConnectionHeader::Close);
}

fn is_safe(byte: u8) -> bool {
    !matches!(byte, b'\r' | b'\n' | 0)
}

fn write_decimal(mut number: usize, out: &mut Vec<u8>) {
    // 20 digits hold any 64-bit number.
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_is_written_in_order() {
        let mut out = b"before".to_vec();
        let mut head = HeadWriter::start(&mut out, Version::Http10, 200);
        head.header("a", b"b");
        head.raw(b"c: d\r\n");
        head.content_length(0);
        head.finish(&DateCache::new(0), ConnectionHeader::KeepAlive).extend_from_slice(b"body");
        let text = "beforeHTTP/1.0 200 OK\r\na: b\r\nc: d\r\ncontent-length: 0\r\n\
                    date: Thu, 01 Jan 1970 00:00:00 GMT\r\nconnection: keep-alive\r\n\r\nbody";
        assert_eq!(String::from_utf8_lossy(&out), text);
    }

    #[test]
    fn a_refusal_has_nothing_but_the_necessary() {
        let mut out = Vec::new();
        refusal(&mut out, 431, &DateCache::new(0));
        let text = "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\
                    date: Thu, 01 Jan 1970 00:00:00 GMT\r\nconnection: close\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out), text);
    }

    proptest! {
        #[test]
        fn no_value_splits_the_answer(value in proptest::collection::vec(any::<u8>(), 0..40), length: usize) {
            let mut out = Vec::new();
            let mut head = HeadWriter::start(&mut out, Version::Http11, 200);
            head.header("x", &value);
            head.content_length(length);
            head.finish(&DateCache::new(0), ConnectionHeader::None);
            let lines: Vec<&[u8]> = out.split(|byte| *byte == b'\n').collect();
            prop_assert_eq!(lines.len(), 6);
            let expected = format!("content-length: {length}\r");
            prop_assert_eq!(lines[2], expected.as_bytes());
        }
    }
}
