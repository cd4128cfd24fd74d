//! Status lines.

use super::head::Version;

/// The phrase of a status (RFC 9110 15), empty for one we never send.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        303 => "See Other",
        304 => "Not Modified",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// Appends the status line. Numbers outside 100 to 999 become 500.
pub fn write_line(version: Version, status: u16, out: &mut Vec<u8>) {
    let status = if (100..=999).contains(&status) { status } else { 500 };
    let digit = |place: u16| b'0' + (status / place % 10) as u8;
    out.extend_from_slice(match version {
        Version::Http10 => b"HTTP/1.0 ",
        Version::Http11 => b"HTTP/1.1 ",
    });
    out.extend_from_slice(&[digit(100), digit(10), digit(1), b' ']);
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_valid_for_every_number() {
        for status in 0..1_100 {
            let mut line = Vec::new();
            write_line(Version::Http11, status, &mut line);
            let mut response = httparse::Response::new(&mut []);
            line.extend_from_slice(b"\r\n");
            assert!(response.parse(&line).is_ok_and(|parsed| parsed.is_complete()), "{status}");
            let expected = if (100..1_000).contains(&status) { status } else { 500 };
            assert_eq!((response.code, response.reason), (Some(expected), Some(reason(expected))));
        }
    }
}
