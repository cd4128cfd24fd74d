//! CORS headers (http-api.md 4), written once and copied into every answer.
//!
//! Advisory only: a request of a foreign origin is served, without the header that would let its browser
//! read the answer.

use brink_shards::{Body, Call, Outcome, Reply, Request, StreamReply};

use super::route::Route;
use crate::{config::settings, messages::Verdict};

/// An answer that takes headers: one with an end, or a stream.
pub trait Headed: Sized {
    /// Adds one.
    fn header(self, name: &str, value: &[u8]) -> Self;
    /// Adds lines written beforehand.
    fn lines(self, lines: &[u8]) -> Self;
}

impl Headed for Reply<'_> {
    fn header(self, name: &str, value: &[u8]) -> Self {
        self.header(name, value)
    }

    fn lines(self, lines: &[u8]) -> Self {
        self.lines(lines)
    }
}

impl Headed for StreamReply<'_> {
    fn header(self, name: &str, value: &[u8]) -> Self {
        self.header(name, value)
    }

    fn lines(self, lines: &[u8]) -> Self {
        self.lines(lines)
    }
}

/// The prepared headers.
#[derive(Debug)]
pub struct Cors {
    /// On every answer.
    common: Box<[u8]>,
    /// On preflight answers only.
    preflight: Box<[u8]>,
    /// `None`: any; then `common` says so.
    origins: Option<Vec<String>>,
    /// The requested headers are mirrored instead of `*`, which browsers do not let cover `Authorization`.
    mirrors_headers: bool,
}

impl Cors {
    /// Writes the header lines for a configuration.
    pub fn new(settings: &settings::Cors) -> Self {
        let any = |list: &Option<String>| list.clone().unwrap_or_else(|| "*".to_owned());
        let origin = match settings.origins {
            None => "access-control-allow-origin: *\r\n",
            Some(_) => "vary: origin\r\n",
        };
        let common = format!("access-control-expose-headers: {}\r\n{origin}", any(&settings.exposed_headers));
        let mut preflight = format!(
            "access-control-allow-methods: {}\r\naccess-control-max-age: {}\r\n",
            any(&settings.methods),
            settings.max_age_s
        );
        if let Some(headers) = &settings.allowed_headers {
            preflight.push_str(&format!("access-control-allow-headers: {headers}\r\n"));
        }
        Self {
            common: common.into_bytes().into(),
            preflight: preflight.into_bytes().into(),
            origins: settings.origins.clone(),
            mirrors_headers: settings.allowed_headers.is_none(),
        }
    }

    /// Adds the headers of any answer.
    pub fn add<R: Headed>(&self, request: &Request<'_>, reply: R) -> R {
        let reply = reply.lines(&self.common);
        match (&self.origins, request.head.known.origin) {
            (Some(allowed), Some(origin)) if allowed.iter().any(|one| one.as_bytes() == origin) => {
                reply.header("access-control-allow-origin", origin)
            }
            _ => reply,
        }
    }

    /// Answers an OPTIONS request on any path.
    pub fn preflight(
        &self,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Outcome {
        let mut reply = call.reply(200);
        if !route.is_backstage() {
            reply = self.add(request, reply).lines(&self.preflight);
            if self.mirrors_headers {
                reply = match request.head.known.access_control_request_headers {
                    Some(requested) => reply
                        .header("access-control-allow-headers", requested)
                        .lines(b"vary: access-control-request-headers\r\n"),
                    None => reply.lines(b"access-control-allow-headers: *\r\n"),
                };
            }
        }
        if let Some(allow) = route.allow() {
            reply = reply.header("allow", allow.as_bytes());
        }
        reply.send(Body::Empty)
    }
}
