//! A request's head: line, headers, and what they say about body and connection.
//!
//! httparse splits the lines; everything it lets pass that two servers could read differently is refused here.
//! One pass over the headers finds all that the server side always asks for.

use std::{fmt, mem::MaybeUninit};

pub use super::{framing::Framing, refusal::Refusal, target::Target};
use super::{
    framing::{FramingLines, Persistence},
    limits::{HEAD_BYTES_MAX, HEADERS_MAX, LEADING_EMPTY_LINES_MAX, TARGET_BYTES_MAX},
};

/// Room for the header lines of one head, on the caller's stack.
pub type HeaderSlots<'b> = [MaybeUninit<httparse::Header<'b>>; HEADERS_MAX];

/// A request method. Case counts (RFC 9110 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method<'b> {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `PATCH`
    Patch,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `CONNECT`
    Connect,
    /// Any other token.
    Other(&'b str),
}

/// A version of HTTP that is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// First values of the headers that are always asked for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Known<'b> {
    /// `If-None-Match`
    pub if_none_match: Option<&'b [u8]>,
    /// `Accept-Encoding`
    pub accept_encoding: Option<&'b [u8]>,
    /// `Origin`
    pub origin: Option<&'b [u8]>,
    /// `Content-Type`
    pub content_type: Option<&'b [u8]>,
    /// `Accept`
    pub accept: Option<&'b [u8]>,
    /// `Access-Control-Request-Headers`
    pub access_control_request_headers: Option<&'b [u8]>,
}

/// A whole head. Printing it shows no target and no header: both may hold secrets.
pub struct Head<'b> {
    /// What to do.
    pub method: Method<'b>,
    /// With what.
    pub target: Target<'b>,
    /// In which version the answer must be readable.
    pub version: Version,
    /// All header lines, in order; values without blanks around them.
    pub headers: &'b [httparse::Header<'b>],
    /// Some of them.
    pub known: Known<'b>,
    /// The body that follows.
    pub framing: Framing,
    /// The client wants to use the connection again.
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
}

impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("version", &self.version)
            .field("headers", &self.headers.len())
            .field("framing", &self.framing)
            .field("keep_alive", &self.keep_alive)
            .field("expect_continue", &self.expect_continue)
            .finish_non_exhaustive()
    }
}

/// How far a head has come.
#[derive(Debug)]
pub enum HeadProgress<'b> {
    /// More bytes are needed.
    Partial,
    /// It is whole; it took so many bytes of the input.
    Complete {
        /// Bytes of the head, leading empty lines included.
        consumed: usize,
        /// The head.
        head: Head<'b>,
    },
    /// It will not be answered properly.
    Refused(Refusal),
}

impl<'b> Method<'b> {
    fn parse(text: &'b str) -> Self {
        match text {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "PATCH" => Self::Patch,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "CONNECT" => Self::Connect,
            other => Self::Other(other),
        }
    }

    /// As on the wire.
    pub fn as_str(&self) -> &'b str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Patch => "PATCH",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
            Self::Other(text) => text,
        }
    }
}

impl<'b> Head<'b> {
    /// Value of the first header of this name.
    pub fn find(&self, name: &str) -> Option<&'b [u8]> {
        self.lines(name).next()
    }

    /// Values of all headers of this name, in order.
    pub fn lines<'n>(&self, name: &'n str) -> impl Iterator<Item = &'b [u8]> + use<'b, 'n> {
        let is_named = move |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_named).map(|header| header.value)
    }
}

/// Reads a head from the start of the input.
///
/// The decision does not depend on how the input was split: what is refused when it is whole is never accepted in
/// part, and limits hold while a head is still incomplete.
pub fn parse_head<'b>(input: &'b [u8], slots: &'b mut HeaderSlots<'b>) -> HeadProgress<'b> {
    let skipped = match leading_empty_lines(input) {
        Ok(skipped) => skipped,
        Err(refusal) => return HeadProgress::Refused(refusal),
    };
    let text = input.get(skipped..).unwrap_or_default();
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(text, slots) {
        Ok(httparse::Status::Complete(length)) => match finish(request, text, length) {
            Ok(head) => HeadProgress::Complete { consumed: skipped + length, head },
            Err(refusal) => HeadProgress::Refused(refusal),
        },
        Ok(httparse::Status::Partial) => check_partial(text),
        Err(error) => HeadProgress::Refused(refusal_of(error, text)),
    }
}

/// Bytes of the empty lines that some clients send between requests.
fn leading_empty_lines(input: &[u8]) -> Result<usize, Refusal> {
    let mut skipped = 0;
    while input.get(skipped..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
        skipped += 2;
        if skipped > 2 * LEADING_EMPTY_LINES_MAX {
            return Err(Refusal::Malformed);
        }
    }
    match input.get(skipped) {
        Some(b'\n') => Err(Refusal::Malformed),
        _ => Ok(skipped),
    }
}

/// Limits and line ends of what is there so far.
fn check_partial<'b>(text: &[u8]) -> HeadProgress<'b> {
    let refusal = if is_target_too_long(text) {
        Refusal::TargetTooLong
    } else if text.len() >= HEAD_BYTES_MAX {
        Refusal::HeadTooLarge
    } else if has_bare_line_feed(text) {
        Refusal::Malformed
    } else {
        return HeadProgress::Partial;
    };
    HeadProgress::Refused(refusal)
}

fn is_target_too_long(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    words.nth(1).is_some_and(|target| target.len() > TARGET_BYTES_MAX)
}

/// RFC 9112 2.2 lets a server take a lone LF as a line end. Others do not, so we do not.
fn has_bare_line_feed(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', text)
        .any(|at| at.checked_sub(1).and_then(|before| text.get(before)) != Some(&b'\r'))
}

fn refusal_of(error: httparse::Error, text: &[u8]) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => Refusal::HeadTooLarge,
        _ if is_target_too_long(text) => Refusal::TargetTooLong,
        _ => Refusal::Malformed,
    }
}

/// Checks a head that httparse takes for whole, and reads what the headers say.
fn finish<'b>(request: httparse::Request<'b, 'b>, text: &[u8], length: usize) -> Result<Head<'b>, Refusal> {
    let path = request.path.unwrap_or_default();
    if path.len() > TARGET_BYTES_MAX {
        return Err(Refusal::TargetTooLong);
    }
    if length > HEAD_BYTES_MAX {
        return Err(Refusal::HeadTooLarge);
    }
    if has_bare_line_feed(text.get(..length).unwrap_or_default()) {
        return Err(Refusal::Malformed);
    }
    let version = if request.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let headers: &'b [httparse::Header<'b>] = request.headers;
    let survey = Survey::of(headers)?;
    let framing = survey.framing.decide(version)?;
    let has_body = !matches!(framing, Framing::None | Framing::Length(0));
    Ok(Head {
        method: Method::parse(request.method.unwrap_or_default()),
        target: Target::parse(path)?,
        version,
        headers,
        known: survey.known,
        framing,
        keep_alive: survey.persistence.goes_on(version),
        expect_continue: survey.expects_continue && has_body && version == Version::Http11,
    })
}

/// What one pass over the headers finds.
#[derive(Default)]
struct Survey<'b> {
    known: Known<'b>,
    framing: FramingLines<'b>,
    persistence: Persistence,
    expects_continue: bool,
    has_host: bool,
}

impl<'b> Survey<'b> {
    fn of(headers: &[httparse::Header<'b>]) -> Result<Self, Refusal> {
        let mut survey = Self::default();
        for header in headers {
            survey.note(header.name, header.value)?;
        }
        Ok(survey)
    }

    /// The length tells most names apart before any is compared.
    fn note(&mut self, name: &str, value: &'b [u8]) -> Result<(), Refusal> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match name.len() {
            // Two of them are two ideas of who is asked (RFC 9112 3.2); none is fine here.
            4 if is("host") && std::mem::replace(&mut self.has_host, true) => {
                return Err(Refusal::Malformed);
            }
            6 if is("origin") => first(&mut self.known.origin, value),
            6 if is("accept") => first(&mut self.known.accept, value),
            6 if is("expect") => {
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Refusal::UnknownExpectation);
                }
                self.expects_continue = true;
            }
            10 if is("connection") => self.persistence.note(value),
            12 if is("content-type") => first(&mut self.known.content_type, value),
            13 if is("if-none-match") => first(&mut self.known.if_none_match, value),
            14 if is("content-length") => self.framing.note_length(value),
            15 if is("accept-encoding") => first(&mut self.known.accept_encoding, value),
            17 if is("transfer-encoding") => self.framing.note_coding(value),
            30 if is("access-control-request-headers") => {
                first(&mut self.known.access_control_request_headers, value);
            }
            _ => {}
        }
        Ok(())
    }
}

fn first<'b>(place: &mut Option<&'b [u8]>, value: &'b [u8]) {
    place.get_or_insert(value);
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
