//! The calls that tell upstream something, or pass on what others tell it: usage, instance data, heartbeats.
//!
//! Bodies come ready; what an answer means for what was sent is the report thread's business.

use std::{fmt, time::Duration};

use http::{HeaderMap, Response, header::CONTENT_TYPE};
use ureq::Body;

use super::{answer, client::Client, error::CallError, limits::RELAYED_BODY_BYTES_MAX};

/// The answer of upstream to a call that was passed on.
#[derive(Clone, PartialEq, Eq)]
pub struct Relayed {
    /// Its status.
    pub status: u16,
    /// `content-type`, if there was one.
    pub content_type: Option<String>,
    /// The whole body, decoded.
    pub body: Vec<u8>,
}

impl Client {
    /// `POST /api/client/metrics/bulk` (metrics.md 1.5): the status, any 2xx is success. `limit` shortens the time limit.
    pub fn usage(&self, token: &str, body: &[u8], limit: Option<Duration>) -> Result<u16, CallError> {
        let url = self.url("/api/client/metrics/bulk");
        self.delivered(self.post_to(&url, Some(token), body, limit)?, token)
    }

    /// `POST /api/client/metrics/edge` (metrics.md 2.1): the status, any 2xx is success.
    pub fn instance(&self, token: &str, body: &[u8], limit: Duration) -> Result<u16, CallError> {
        let url = self.url("/api/client/metrics/edge");
        self.delivered(self.post_to(&url, Some(token), body, Some(limit))?, token)
    }

    /// `POST /api/client/edge-licensing/heartbeat` with the caller's token, query and body (upstream.md 11). An error
    /// is the absence of an answer; every status is one.
    pub fn heartbeat(&self, token: &str, query: Option<&str>, body: &[u8]) -> Result<Relayed, CallError> {
        let mut url = self.url("/api/client/edge-licensing/heartbeat");
        url.set_query(query);
        let response = self.post_to(&url, Some(token), body, None)?;
        let status = response.status().as_u16();
        let content_type = answer::text(response.headers(), &CONTENT_TYPE);
        Ok(Relayed { status, content_type, body: answer::body(response, RELAYED_BODY_BYTES_MAX)? })
    }

    fn delivered(&self, response: Response<Body>, token: &str) -> Result<u16, CallError> {
        let status = response.status().as_u16();
        if !response.status().is_success() {
            return Err(self.refusal(response, &[token]));
        }
        if !is_empty(response.headers()) {
            // Reading the rest lets the connection be used again; that it fails takes nothing back.
            let _ = answer::body(response, RELAYED_BODY_BYTES_MAX);
        }
        Ok(status)
    }
}

fn is_empty(headers: &HeaderMap) -> bool {
    headers.get(http::header::CONTENT_LENGTH).is_some_and(|length| length == "0")
}

impl fmt::Debug for Relayed {
    /// Not the body: a licence is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relayed").field("status", &self.status).finish_non_exhaustive()
    }
}
