//! A request: GET, or POST with a JSON body. Header values are never printed: they hold tokens.

use std::fmt;
use std::str::FromStr;

/// One header of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub value: String,
}

impl Header {
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }
}

/// Shows the name only; the value may be a secret.
impl fmt::Debug for Header {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ***", self.name)
    }
}

/// Reads `Name: value`, as curl and wrk write it.
impl FromStr for Header {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
        let (name, value) = (name.trim(), value.trim());
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err("the name holds characters that a header name may not hold");
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("the value holds control characters");
        }
        Ok(Self::new(name, value))
    }
}

/// A request; GET unless it has a body.
#[derive(Clone, Debug)]
pub struct Request {
    /// Path and query.
    pub path: String,
    pub headers: Vec<Header>,
    /// Sent by POST.
    pub body: Option<String>,
}

impl Request {
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// The same as POST with this JSON.
    #[must_use]
    pub fn post_json(self, body: &str) -> Self {
        Self { body: Some(body.to_owned()), ..self }.with("Content-Type", "application/json")
    }

    pub fn method(&self) -> &'static str {
        if self.body.is_some() { "POST" } else { "GET" }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Header::new(name, value));
        self
    }

    /// The bytes on the wire.
    pub fn encode(&self, host: &str) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method(), self.path);
        for header in &self.headers {
            text.push_str(&format!("{}: {}\r\n", header.name, header.value));
        }
        let body = self.body.as_deref().unwrap_or_default();
        if self.body.is_some() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_refused() {
        let check = |text: &str, wanted: Option<(&str, &str)>| {
            let read = text.parse::<Header>().ok();
            assert_eq!(read, wanted.map(|(name, value)| Header::new(name, value)), "{text:?}");
        };
        check("Authorization: *:development.x", Some(("Authorization", "*:development.x")));
        check("a:b", Some(("a", "b")));
        check("a:", Some(("a", "")));
        check("no colon", None);
        check(": value", None);
        check("a b: c", None);
        check("a: b\r\nc: d", None);
    }

    #[test]
    fn values_are_masked() {
        let request = Request::new("/x").with("Authorization", "secret");
        assert!(!format!("{request:?}").contains("secret"));
    }

    #[test]
    fn a_request_is_encoded() {
        let request = Request::new("/a?b=1").with("X", "y");
        assert_eq!(request.encode("h:1"), b"GET /a?b=1 HTTP/1.1\r\nHost: h:1\r\nX: y\r\n\r\n");
        let posted = Request::new("/a").post_json("{}").encode("h:1");
        let expected =
            b"POST /a HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(posted, expected);
    }
}
