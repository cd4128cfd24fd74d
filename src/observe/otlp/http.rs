//! OTLP over HTTP: JSON with gzip, one URL per kind of record below the endpoint.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use ureq::Agent;
use url::Url;

use super::send::{Headers, Payload, SendError, TIMEOUT, Why};
use crate::observe::collector;

/// What collectors wish for is not believed beyond this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

/// See the module.
pub struct Http {
    agent: Agent,
    traces: Path,
    logs: Path,
    metrics: Path,
}

struct Path {
    url: Url,
    headers: HeaderMap,
}

impl Http {
    /// Calls below this URL.
    pub fn new(base: &Url, headers: Headers) -> Self {
        let path = |below: &str, given: HeaderMap| Path { url: below_base(base, below), headers: all(given) };
        Self {
            agent: collector::agent(base, TIMEOUT),
            traces: path("v1/traces", headers.traces),
            logs: path("v1/logs", headers.logs),
            metrics: path("v1/metrics", headers.metrics),
        }
    }

    /// Sends one message.
    pub fn send(&mut self, payload: &Payload, timeout: Duration) -> Result<u64, SendError> {
        let (path, body) = match payload {
            Payload::Logs(request) => (&self.logs, body(request)),
            Payload::Traces(request) => (&self.traces, body(request)),
            Payload::Metrics(request) => (&self.metrics, body(request)),
        };
        let body = body.map_err(|_| SendError::lasting(Why::Unsendable))?;
        let mut post = self.agent.post(path.url.as_str());
        if let Some(headers) = post.headers_mut() {
            headers.extend(path.headers.clone());
        }
        if timeout < TIMEOUT {
            post = post.config().timeout_global(Some(timeout)).build();
        }
        let response = post.send(body.as_slice()).map_err(|error| unreachable(&error))?;
        match response.status().as_u16() {
            200..=299 => Ok(0),
            status => Err(refusal(status, response.headers())),
        }
    }
}

/// Which statuses are worth another try is fixed by the specification (OTLP/HTTP, "Retryable Response Codes").
fn refusal(status: u16, headers: &HeaderMap) -> SendError {
    let why = Why::Status(status);
    if !matches!(status, 429 | 502 | 503 | 504) {
        return SendError::lasting(why);
    }
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let wait = seconds.map_or(Duration::ZERO, Duration::from_secs).min(RETRY_AFTER_MAX);
    SendError { wait, ..SendError::passing(why) }
}

/// Says what kind of error it is; the text of some holds the URL.
fn unreachable(error: &ureq::Error) -> SendError {
    SendError::passing(Why::Unreachable(match error {
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => "bad URL".to_owned(),
        other => other.to_string(),
    }))
}

fn below_base(base: &Url, below: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}/{below}", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn all(mut given: HeaderMap) -> HeaderMap {
    given.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    given.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let program = HeaderValue::from_static(concat!("brink/", env!("CARGO_PKG_VERSION")));
    given.entry(header::USER_AGENT).or_insert(program);
    given
}

fn body(request: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&serde_json::to_vec(request)?)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_own_paths_below_the_endpoint() {
        let check = |base: &str, expected: &str| {
            assert_eq!(below_base(&Url::parse(base).unwrap(), "v1/logs").as_str(), expected);
        };
        check("http://c:4318", "http://c:4318/v1/logs");
        check("http://c:4318/", "http://c:4318/v1/logs");
        check("https://c/otlp/", "https://c/otlp/v1/logs");
    }

    #[test]
    fn statuses_say_whether_to_try_again() {
        let check = |status: u16, retry_after: &str, is_final: bool, wait: u64| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap());
            let expected = SendError { why: Why::Status(status), wait: Duration::from_secs(wait), is_final };
            assert_eq!(refusal(status, &headers), expected);
        };
        check(400, "7", true, 0);
        check(401, "7", true, 0);
        check(500, "7", true, 0);
        check(429, "7", false, 7);
        check(503, "soon", false, 0);
        check(503, "99999", false, 60);
        check(302, "", true, 0);
    }
}
