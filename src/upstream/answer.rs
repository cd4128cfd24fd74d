//! From what the HTTP client hands over to a bounded body or a [`CallError`].
//!
//! No header and no byte of upstream is trusted here: lengths may lie, codings may be damaged, tags may be
//! malformed. An error of the HTTP client is sorted by what the operator could do about it.

use std::{
    io::{self, Read},
    time::Duration,
};

use http::{
    HeaderMap, Response,
    header::{CONTENT_ENCODING, ETAG, HeaderName, RETRY_AFTER},
};
use ureq::{Body, Timeout};

use super::{
    error::{CallError, TimeLimit, Unreachable, Unreadable},
    limits::ERROR_BODY_BYTES_MAX,
    mask,
};

/// The whole body of a successful answer, decoded; at most `bytes_max` as sent and as decoded.
pub(super) fn body(response: Response<Body>, bytes_max: u64) -> Result<Vec<u8>, CallError> {
    let status = response.status().as_u16();
    let too_large = CallError::TooLarge { status, limit_bytes: bytes_max };
    if let Some(coding) = unknown_coding(response.headers()) {
        return Err(CallError::Unreadable { status, cause: Unreadable::Encoding(coding) });
    }
    let body = response.into_body();
    if body.content_length().is_some_and(|length| length > bytes_max) {
        return Err(too_large);
    }
    // One byte more than allowed tells a body at the bound from one beyond it.
    let beyond = bytes_max.saturating_add(1);
    let reader = body.into_with_config().limit(beyond).reader();
    let mut bytes = Vec::new();
    match reader.take(beyond).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > bytes_max => Err(too_large),
        Ok(_) => Ok(bytes),
        Err(error) => Err(body_failure(error, status, too_large)),
    }
}

/// A coding that the HTTP client did not undo. It takes the header away from those it does.
fn unknown_coding(headers: &HeaderMap) -> Option<String> {
    let coding = headers.get(CONTENT_ENCODING)?.to_str().unwrap_or("not text").trim();
    let shown: String = coding.chars().take(40).collect();
    (!coding.is_empty() && !coding.eq_ignore_ascii_case("identity")).then_some(shown)
}

fn body_failure(error: io::Error, status: u16, too_large: CallError) -> CallError {
    match ureq::Error::from(error) {
        ureq::Error::BodyExceedsLimit(_) => too_large,
        ureq::Error::Decompress(_, cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            CallError::Unreadable { status, cause: Unreadable::Truncated }
        }
        ureq::Error::Decompress(_, cause) => {
            CallError::Unreadable { status, cause: Unreadable::Encoding(cause.to_string()) }
        }
        ureq::Error::Protocol(cause) => {
            CallError::Unreadable { status, cause: Unreadable::Encoding(cause.to_string()) }
        }
        ureq::Error::Io(cause) if is_closed(&cause) => {
            CallError::Unreadable { status, cause: Unreadable::Truncated }
        }
        other => failure(other),
    }
}

/// An answer that is not success, with the start of its body; `secrets` are masked in it.
pub(super) fn refusal<'a>(response: Response<Body>, secrets: impl IntoIterator<Item = &'a str>) -> CallError {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let mut start = Vec::new();
    let reader = response.into_body().into_with_config().reader();
    // What could be read counts; that the rest failed does not change the status.
    let _ = reader.take(ERROR_BODY_BYTES_MAX).read_to_end(&mut start);
    CallError::Status { status, retry_after, detail: mask::excerpt(&start, secrets) }
}

/// `Retry-After` in its form of seconds, RFC 9110 section 10.2.3; a date counts as absent.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit mean "very long"; whoever waits has a cap.
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u32::MAX.into())))
}

/// The tag, if it has one of the two valid forms (upstream.md 8.4), byte for byte.
pub(super) fn etag(headers: &HeaderMap) -> Option<String> {
    let text = std::str::from_utf8(headers.get(ETAG)?.as_bytes()).ok()?;
    let opaque = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?.strip_suffix('"')?;
    (!opaque.contains('"')).then(|| text.to_owned())
}

/// A header as text, for versions that upstream tells.
pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Sorts a failure that came before the body.
pub(super) fn failure(error: ureq::Error) -> CallError {
    use ureq::Error;
    let cause = match error {
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            return CallError::TimedOut { limit: TimeLimit::Connect };
        }
        Error::Timeout(_) => return CallError::TimedOut { limit: TimeLimit::Request },
        Error::HostNotFound => Unreachable::HostNotFound,
        Error::Io(error) => io_failure(&error),
        Error::Rustls(error) => Unreachable::Tls(error.to_string()),
        Error::Tls(text) => Unreachable::Tls(text.to_owned()),
        Error::TlsRequired => Unreachable::Tls("no TLS connection came about".to_owned()),
        Error::ConnectProxyFailed(text) => Unreachable::Proxy(text),
        Error::Protocol(error) => Unreachable::NotHttp(error.to_string()),
        Error::LargeResponseHeader(..) => {
            Unreachable::NotHttp("the head of the answer is too large".to_owned())
        }
        // Its text is the URL, which may hold credentials.
        Error::BadUri(_) => Unreachable::Other("bad URL".to_owned()),
        other => Unreachable::Other(other.to_string()),
    };
    CallError::Unreachable { cause }
}

fn io_failure(error: &io::Error) -> Unreachable {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Unreachable::Tls(tls.to_string());
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Unreachable::Refused,
        _ if is_closed(error) => Unreachable::Closed,
        _ if is_lookup_failure(error) => Unreachable::HostNotFound,
        _ => Unreachable::Other(error.to_string()),
    }
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// The standard library has no stable kind for a failed look-up, only this text.
fn is_lookup_failure(error: &io::Error) -> bool {
    error.to_string().starts_with("failed to lookup address information")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, value: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_bytes(value).unwrap())])
    }

    #[test]
    fn tags_are_taken_byte_for_byte_or_not_at_all() {
        let cases: [(&[u8], bool); 12] = [
            (b"\"76d8bb0e:21:v1\"", true),
            (b"W/\"76d8bb0e:21:v1\"", true),
            (b"\"\"", true),
            ("\"schl\u{fc}ssel\"".as_bytes(), true),
            (b"76d8bb0e", false),
            (b"w/\"x\"", false),
            (b"\"", false),
            (b"W/\"", false),
            (b"\"a\"b\"", false),
            (b"\"a", false),
            (b"\"\xff\"", false),
            (b"", false),
        ];
        for (value, accepted) in cases {
            let expected = accepted.then(|| String::from_utf8(value.to_vec()).unwrap());
            assert_eq!(etag(&headers(ETAG, value)), expected, "{}", String::from_utf8_lossy(value));
        }
        assert_eq!(etag(&HeaderMap::new()), None);
    }

    #[test]
    fn retry_after_is_seconds() {
        let cases = [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999", Some(u64::from(u32::MAX))),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ];
        for (value, seconds) in cases {
            assert_eq!(
                retry_after(&headers(RETRY_AFTER, value.as_bytes())),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    #[test]
    fn failures_are_sorted_by_cause() {
        let io = |kind: io::ErrorKind| ureq::Error::Io(kind.into());
        let cases = [
            (io(io::ErrorKind::ConnectionRefused), Unreachable::Refused),
            (io(io::ErrorKind::ConnectionReset), Unreachable::Closed),
            (io(io::ErrorKind::UnexpectedEof), Unreachable::Closed),
            (ureq::Error::HostNotFound, Unreachable::HostNotFound),
            (ureq::Error::BadUri("http://u:pw@h".into()), Unreachable::Other("bad URL".into())),
            (ureq::Error::ConnectProxyFailed("no".into()), Unreachable::Proxy("no".into())),
        ];
        for (error, cause) in cases {
            assert_eq!(failure(error), CallError::Unreachable { cause });
        }
        let connect = failure(ureq::Error::Timeout(Timeout::Resolve));
        assert_eq!(connect, CallError::TimedOut { limit: TimeLimit::Connect });
        let whole = failure(ureq::Error::Timeout(Timeout::Global));
        assert_eq!(whole, CallError::TimedOut { limit: TimeLimit::Request });
    }
}
