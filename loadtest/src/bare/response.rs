//! The one answer of the bare server, with a head like that of a features answer.

/// Bytes made once and sent as they are.
pub struct Response {
    bytes: Vec<u8>,
}

impl Response {
    /// An answer with this body. Statuses 204 and 304 have neither body nor length.
    pub fn new(status: u16, body: Vec<u8>) -> Self {
        let reason = match status {
            200 => "OK",
            204 => "No Content",
            304 => "Not Modified",
            403 => "Forbidden",
            _ => "Other",
        };
        let length = match status {
            204 | 304 => String::new(),
            _ => format!("content-length: {}\r\n", body.len()),
        };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\netag: \"a1b2c3d4e5f60718\"\r\n\
             access-control-allow-origin: *\r\nvary: accept-encoding\r\n{length}\
             date: Mon, 01 Jun 2026 10:00:00 GMT\r\n\r\n"
        );
        let mut bytes = head.into_bytes();
        if !matches!(status, 204 | 304) {
            bytes.extend_from_slice(&body);
        }
        Self { bytes }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
