//! Where a request's body ends (RFC 9112 6.3), and whether the connection goes on (9.3).
//!
//! Whatever two parties could read differently is refused: that is what request smuggling lives on.

use super::{head::Version, list::elements, refusal::Refusal};

/// The body that follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// None.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks until the last one.
    Chunked,
}

/// What the headers say about framing, gathered in one pass.
#[derive(Debug, Default, Clone, Copy)]
pub struct FramingLines<'b> {
    pub content_length: Option<&'b [u8]>,
    pub transfer_encoding: Option<&'b [u8]>,
    /// One of the two stood there twice. Identical lengths could be accepted; no client sends them, and a
    /// proxy that joins them may read them otherwise.
    pub repeated: bool,
}

impl<'b> FramingLines<'b> {
    pub fn note_length(&mut self, value: &'b [u8]) {
        self.repeated |= self.content_length.replace(value).is_some();
    }

    pub fn note_coding(&mut self, value: &'b [u8]) {
        self.repeated |= self.transfer_encoding.replace(value).is_some();
    }

    pub fn decide(&self, version: Version) -> Result<Framing, Refusal> {
        match (self.content_length, self.transfer_encoding) {
            _ if self.repeated => Err(Refusal::Malformed),
            (None, None) => Ok(Framing::None),
            (Some(length), None) => parse_length(length).map(Framing::Length).ok_or(Refusal::Malformed),
            (Some(_), Some(_)) => Err(Refusal::Malformed),
            // HTTP/1.0 knows no transfer codings; a proxy of that age would pass the chunks on as a body.
            (None, Some(_)) if version == Version::Http10 => Err(Refusal::Malformed),
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
            (None, Some(codings)) => Err(refuse_codings(codings)),
        }
    }
}

/// Anything but a lone `chunked`. With one final `chunked` behind other codings the end of the body could be found,
/// only not what it says; otherwise not even that.
fn refuse_codings(codings: &[u8]) -> Refusal {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let ends_well = elements(codings).last().is_some_and(is_chunked);
    let chunked = elements(codings).filter(|coding| is_chunked(coding)).count();
    if ends_well && chunked == 1 && elements(codings).count() > 1 {
        Refusal::UnknownCoding
    } else {
        Refusal::Malformed
    }
}

/// Digits only: no sign, no blanks inside, no list.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Whether the connection stays open after the answer, as `Connection` lines have it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Persistence {
    close: bool,
    keep_alive: bool,
}

impl Persistence {
    pub fn note(&mut self, line: &[u8]) {
        for option in elements(line) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    pub fn goes_on(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }
}
