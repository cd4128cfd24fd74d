//! The blocking client for all calls to upstream (upstream.md 3 to 8).
//!
//! Built once from the settings, cloned into every worker thread; clones share one connection pool, one TLS
//! configuration and one proxy choice. A call blocks for at most `--upstream-socket-timeout`. The client
//! keeps no tokens and no tags, never retries, and never sends a token to another origin. Callers measure
//! the time of a call themselves.

use std::{
    fmt,
    time::{Duration, Instant},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{CONTENT_TYPE, IF_NONE_MATCH, LOCATION},
};
use serde_json::to_vec;
use ureq::{Agent, Body, Proxy, ProxyProtocol, config::Config, unversioned::resolver::DefaultResolver};
use url::Url;

use super::{
    answer,
    error::{CallError, ClientError, Unreadable},
    forward,
    headers::{Headers, USER_AGENT_TEXT},
    limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX, IDLE_CONNECTION_AGE, IDLE_CONNECTIONS_MAX, REDIRECTS_MAX},
    proxy,
    socket::{self, KeptAlive},
    tls,
    url::{Base, redirect_target},
    wire::{Registrant, Registration, ValidateRequest, read_validated},
};
use crate::{config::settings, tokens::record::TokenRecord};

const UNLEASH_INTERVAL: HeaderName = HeaderName::from_static("unleash-interval");
const UNLEASH_VERSION: HeaderName = HeaderName::from_static("x-unleash-version");
const EDGE_VERSION: HeaderName = HeaderName::from_static("x-edge-version");

/// Blocking calls to one upstream. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    /// Makes further agents, for connections that can be closed on their own.
    maker: AgentMaker,
    base: Base,
    headers: Headers,
    registrant: Registrant,
    /// The whole-request limit, redirects included.
    call_limit: Duration,
    body_bytes_max: u64,
}

/// A successful answer to a features request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// 304: the data behind the tag that was sent still holds.
    NotModified,
    /// 2xx with a body, decoded but not parsed.
    Document {
        /// The tag to send next time, byte for byte; `None` if upstream sent none or a malformed one.
        etag: Option<String>,
        /// JSON text, or whatever upstream sent instead.
        body: Vec<u8>,
    },
}

/// Who answered a registration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registered {
    /// `X-Unleash-Version`: the upstream is an Unleash server.
    pub unleash_version: Option<String>,
    /// `X-Edge-Version`: the upstream is another edge.
    pub edge_version: Option<String>,
}

impl Client {
    /// Reads all files and checks all settings once; proxies come from the environment.
    pub fn new(settings: &settings::Upstream) -> Result<Self, ClientError> {
        Self::with_variables(settings, |name| std::env::var(name).ok())
    }

    /// As [`Client::new`], with the proxy variables looked up by `variable` instead of in the environment.
    pub fn with_variables(
        settings: &settings::Upstream,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ClientError> {
        let base = Base::new(&settings.url)?;
        let headers = Headers::new(settings)?;
        let proxy = proxy_from(&base, variable)?;
        let maker = AgentMaker::new(settings, proxy)?;
        let agent = maker.make();
        let registrant =
            Registrant { app_name: settings.app_name.clone(), instance_id: settings.instance_id.clone() };
        let call_limit = settings.socket_timeout;
        Ok(Self { agent, maker, base, headers, registrant, call_limit, body_bytes_max: BODY_BYTES_MAX })
    }

    /// Replaces the bound of bodies, [`BODY_BYTES_MAX`].
    #[must_use]
    pub fn with_body_bytes_max(mut self, body_bytes_max: u64) -> Self {
        self.body_bytes_max = body_bytes_max;
        self
    }

    /// Name of the token header if a custom header replaces it on every call: worth a warning at start.
    pub fn overridden_token_header(&self) -> Option<&str> {
        self.headers.overridden_token_header()
    }

    /// Advice for a failed validation, where the URL explains it (upstream.md 2).
    pub fn hint(&self, error: &CallError) -> Option<&'static str> {
        (self.base.ends_in_api() && matches!(error, CallError::Status { .. }))
            .then_some("the upstream URL ends in /api; remove that suffix from --upstream-url (UPSTREAM_URL)")
    }

    /// Closes all connections and makes running calls of all clones fail soon, and new ones at once.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }

    /// `GET /api/client/features` (upstream.md 8.3). `etag` must be one that upstream sent.
    pub fn features(
        &self,
        token: &str,
        etag: Option<&str>,
        interval: Duration,
    ) -> Result<Fetched, CallError> {
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let own = vec![(UNLEASH_INTERVAL, HeaderValue::from(interval_ms))];
        self.get_unless_known("/api/client/features", token, etag, own)
    }

    /// `GET /api/client/delta` (delta-and-streaming.md 4): changes since the tag, or the whole state. `etag` is the one that
    /// upstream sent, or an event id in quotes. No interval is told, as Unleash Edge 19 and 20.4 do.
    pub fn delta(&self, token: &str, etag: Option<&str>) -> Result<Fetched, CallError> {
        self.get_unless_known("/api/client/delta", token, etag, Vec::new())
    }

    fn get_unless_known(
        &self,
        path: &str,
        token: &str,
        etag: Option<&str>,
        mut own: Vec<(HeaderName, HeaderValue)>,
    ) -> Result<Fetched, CallError> {
        if let Some(etag) = etag {
            let tag = HeaderValue::from_str(etag).map_err(|_| CallError::Unsendable { part: "tag" })?;
            own.push((IF_NONE_MATCH, tag));
        }
        let headers = self.headers.assemble(Some(token), own)?;
        let response = self.get(self.base.join(path), headers, token)?;
        match response.status() {
            StatusCode::NOT_MODIFIED if etag.is_some() => Ok(Fetched::NotModified),
            StatusCode::NOT_MODIFIED => Err(CallError::UnexpectedNotModified),
            status if status.is_success() => {
                let etag = answer::etag(response.headers());
                Ok(Fetched::Document { etag, body: answer::body(response, self.body_bytes_max)? })
            }
            _ => Err(self.refusal(response, &[token])),
        }
    }

    /// `POST /edge/validate` (upstream.md 5.1): the tokens upstream confirms. Only status 200 counts.
    ///
    /// Sends no token header: the tokens themselves are the proof. The caller sends at most 1000 at a time.
    pub fn validate(&self, tokens: &[&str]) -> Result<Vec<TokenRecord>, CallError> {
        let body =
            to_vec(&ValidateRequest { tokens }).map_err(|_| CallError::Unsendable { part: "token list" })?;
        let response = self.post("/edge/validate", None, &body)?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response, tokens));
        }
        let body = answer::body(response, self.body_bytes_max)?;
        read_validated(&body)
            .map_err(|cause| CallError::Unreadable { status: 200, cause: Unreadable::Json(cause) })
    }

    /// `POST /api/client/register` (upstream.md 7). Any 2xx is success; the answer's body is not read.
    pub fn register(&self, token: &str, registration: &Registration) -> Result<Registered, CallError> {
        let body = registration
            .body(&self.registrant)
            .map_err(|_| CallError::Unsendable { part: "registration" })?;
        let response = self.post("/api/client/register", Some(token), &body)?;
        if !response.status().is_success() {
            return Err(self.refusal(response, &[token]));
        }
        Ok(Registered {
            unleash_version: answer::text(response.headers(), &UNLEASH_VERSION),
            edge_version: answer::text(response.headers(), &EDGE_VERSION),
        })
    }

    fn post(&self, path: &str, token: Option<&str>, body: &[u8]) -> Result<Response<Body>, CallError> {
        self.post_to(&self.base.join(path), token, body, None)
    }

    /// A POST is never redirected: a 3xx is an answer like any other that is not success. `limit` replaces the limit of
    /// the whole request if it is shorter.
    pub(super) fn post_to(
        &self,
        url: &Url,
        token: Option<&str>,
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<Response<Body>, CallError> {
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut request =
            Request::post(url.as_str()).body(body).map_err(|_| CallError::Unsendable { part: "URL" })?;
        *request.headers_mut() = self.headers.assemble(token, [json])?;
        match limit.filter(|limit| *limit < self.call_limit) {
            None => self.agent.run(request),
            // Only here: a request with a configuration of its own cannot use the agent's cached TLS setup.
            Some(_) => {
                let request = self.agent.configure_request(request).timeout_global(limit).build();
                self.agent.run(request)
            }
        }
        .map_err(answer::failure)
    }

    /// A POST with headers of its own in place of token and custom headers.
    pub(super) fn post_signed(
        &self,
        path: &str,
        own: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        body: &[u8],
    ) -> Result<Response<Body>, CallError> {
        let url = self.base.join(path);
        let mut request =
            Request::post(url.as_str()).body(body).map_err(|_| CallError::Unsendable { part: "URL" })?;
        *request.headers_mut() = self.headers.without_custom(own);
        self.agent.run(request).map_err(answer::failure)
    }

    pub(super) fn body_bytes_max(&self) -> u64 {
        self.body_bytes_max
    }

    /// An agent of its own, with the same settings.
    pub(super) fn new_agent(&self) -> Agent {
        self.maker.make()
    }

    /// The headers of a call with a token.
    pub(super) fn headers_for(
        &self,
        token: &str,
        own: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<HeaderMap, CallError> {
        self.headers.assemble(Some(token), own)
    }

    /// The whole-request limit.
    pub(super) fn call_limit(&self) -> Duration {
        self.call_limit
    }

    pub(super) fn url(&self, path: &str) -> Url {
        self.base.join(path)
    }

    /// Follows redirects within the origin, all of them together within the one time limit.
    fn get(&self, url: Url, headers: HeaderMap, token: &str) -> Result<Response<Body>, CallError> {
        let started = Instant::now();
        let mut response = self.agent.run(get_request(&url, &headers)?).map_err(answer::failure)?;
        let mut url = url;
        for _ in 0..REDIRECTS_MAX {
            if !is_redirect(response.status()) {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            url = redirect_target(&url, location).map_err(|why| self.not_followed(&response, &why, token))?;
            // Only here: a request with a configuration of its own cannot use the agent's cached TLS setup.
            let left = self.call_limit.saturating_sub(started.elapsed());
            let request = get_request(&url, &headers)?;
            let request = self.agent.configure_request(request).timeout_global(Some(left)).build();
            response = self.agent.run(request).map_err(answer::failure)?;
        }
        if is_redirect(response.status()) {
            return Err(self.not_followed(&response, "too many redirects", token));
        }
        Ok(response)
    }

    pub(super) fn not_followed(&self, response: &Response<Body>, reason: &str, token: &str) -> CallError {
        let detail = super::mask::excerpt(reason.as_bytes(), self.headers.secrets().chain([token]));
        CallError::Status {
            status: response.status().as_u16(),
            retry_after: answer::retry_after(response.headers()),
            detail,
        }
    }

    pub(super) fn refusal(&self, response: Response<Body>, tokens: &[&str]) -> CallError {
        answer::refusal(response, self.headers.secrets().chain(tokens.iter().copied()))
    }
}

pub(super) fn get_request(url: &Url, headers: &HeaderMap) -> Result<Request<()>, CallError> {
    let mut request =
        Request::get(url.as_str()).body(()).map_err(|_| CallError::Unsendable { part: "URL" })?;
    *request.headers_mut() = headers.clone();
    Ok(request)
}

impl fmt::Debug for Client {
    /// Neither headers nor URL: both may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.base.url().host_str()).finish_non_exhaustive()
    }
}

/// 300 and 304 to 306 are not redirects that can be followed.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn proxy_from(base: &Base, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, ClientError> {
    let Some(choice) = proxy::choose(base.url(), variable) else { return Ok(None) };
    match Proxy::new(&choice.value) {
        Ok(proxy) => Ok(Some(proxy)),
        Err(_) => Err(ClientError::Proxy { variable: choice.variable }),
    }
}

/// What agents are made of.
#[derive(Clone)]
struct AgentMaker {
    config: Config,
    /// A plain upstream behind a plain proxy needs requests in absolute form; see [`forward`].
    forward: Option<Proxy>,
    keepalive: Duration,
}

impl AgentMaker {
    fn new(settings: &settings::Upstream, proxy: Option<Proxy>) -> Result<Self, ClientError> {
        let needs_forward =
            |proxy: &Proxy| settings.url.scheme() == "http" && proxy.protocol() == ProxyProtocol::Http;
        let (forward, tunnel) = match proxy {
            Some(proxy) if needs_forward(&proxy) => (Some(proxy), None),
            proxy => (None, proxy),
        };
        Ok(Self { config: configuration(settings, tunnel)?, forward, keepalive: settings.keepalive_timeout })
    }

    fn make(&self) -> Agent {
        let (config, sockets) = (self.config.clone(), KeptAlive::every(self.keepalive));
        match &self.forward {
            Some(proxy) => forward::agent(config, sockets, proxy),
            None => Agent::with_parts(config, socket::connector(sockets), DefaultResolver::default()),
        }
    }
}

/// One configuration for all calls. Redirects and statuses are ours to judge.
fn configuration(settings: &settings::Upstream, proxy: Option<Proxy>) -> Result<Config, ClientError> {
    Ok(Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(proxy)
        .user_agent(USER_AGENT_TEXT)
        .timeout_resolve(Some(settings.connect_timeout))
        .timeout_connect(Some(settings.connect_timeout))
        .timeout_global(Some(settings.socket_timeout))
        .max_response_header_size(HEAD_BYTES_MAX)
        .max_idle_connections(IDLE_CONNECTIONS_MAX)
        .max_idle_connections_per_host(IDLE_CONNECTIONS_MAX)
        .max_idle_age(IDLE_CONNECTION_AGE)
        .tls_config(tls::configuration(settings)?)
        .build())
}
