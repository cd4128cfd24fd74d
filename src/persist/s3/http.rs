//! HTTP for S3 and for where its credentials come from: one call, bounded in time and size.
//!
//! Errors hold neither URLs nor headers: both are signed, or hold tokens.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Request, Response};
use rustls::crypto::ring;
use ureq::{
    Agent, AsSendBody, Body,
    tls::{Certificate, RootCerts, TlsConfig, TlsProvider},
};

use crate::{persist::store::StoreError, upstream};

/// What S3 may hold for us: eight environments as large as upstream may send them.
const BODY_BYTES_MAX: u64 = 8 * upstream::limits::BODY_BYTES_MAX;

/// An answer that came, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The text of an XML element that holds no others, or `None`.
    pub fn element(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(&self.body).ok()?;
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.trim())
    }
}

/// Whom a call may go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Proxies of the environment, the system's roots for TLS.
    Outside,
    /// A service beside this machine; plain HTTP, never a proxy.
    Beside,
}

/// A client for this way.
pub fn agent(way: Way) -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
    let config = match way {
        Way::Beside => config.proxy(None),
        Way::Outside => {
            let found = rustls_native_certs::load_native_certs().certs;
            let roots: Vec<_> = found.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
                .root_certs(RootCerts::new_with_certs(&roots));
            config.tls_config(tls.build())
        }
    };
    config.build().new_agent()
}

/// Makes one call that ends by `deadline`.
///
/// # Errors
/// If no complete answer came.
pub fn call(agent: &Agent, request: Request<&[u8]>, deadline: Instant) -> Result<Answer, StoreError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(StoreError::TimedOut);
    }
    let (parts, body) = request.into_parts();
    let answer = if body.is_empty() && parts.method != http::Method::PUT && parts.method != http::Method::POST
    {
        run(agent, Request::from_parts(parts, ()), left)
    } else {
        run(agent, Request::from_parts(parts, body), left)
    };
    let answer = answer.map_err(|error| fault(&error))?;
    let status = answer.status().as_u16();
    let body = answer.into_body().into_with_config().limit(BODY_BYTES_MAX).read_to_vec();
    Ok(Answer { status, body: body.map_err(|error| fault(&error))? })
}

fn run(
    agent: &Agent,
    request: Request<impl AsSendBody>,
    limit: Duration,
) -> Result<Response<Body>, ureq::Error> {
    let request = agent.configure_request(request).timeout_global(Some(limit)).build();
    agent.run(request)
}

/// Only what is known to hold nothing of the request.
fn fault(error: &ureq::Error) -> StoreError {
    let reason = match error {
        ureq::Error::Timeout(_) => return StoreError::TimedOut,
        ureq::Error::Io(cause) if cause.kind() == std::io::ErrorKind::TimedOut => {
            return StoreError::TimedOut;
        }
        ureq::Error::Io(cause) => cause.to_string(),
        ureq::Error::HostNotFound => "the host is not found".to_owned(),
        ureq::Error::ConnectionFailed => "the connection failed".to_owned(),
        ureq::Error::Rustls(cause) => format!("TLS: {cause}"),
        ureq::Error::BodyExceedsLimit(bytes) => format!("the answer is larger than {bytes} bytes"),
        _ => "the call failed".to_owned(),
    };
    StoreError::Http { reason }
}
