//! From a normalised path to what is asked for. Access is decided by route, never by path text.

use brink_shards::http::head::Method;

use super::{docs::Doc, failure::Failure, frontend::Wanted};

/// The type of streams.
pub const EVENT_STREAM: &[u8] = b"text/event-stream";

/// What a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'p> {
    /// `GET|POST /api/client/features`
    Features,
    /// `GET /api/client/features/{name}`, the name still percent-encoded.
    Feature(&'p str),
    /// `GET|POST /api/frontend`, `/api/proxy`, each also with `/all` or `/features/{name}`.
    Frontend(Wanted<'p>),
    /// `GET /api/client/delta`
    Delta,
    /// `GET /api/client/streaming`
    Streaming,
    /// `POST /api/client/metrics`, and the frontend and proxy forms.
    Metrics(Api),
    /// `POST /api/client/register`, and the frontend and proxy forms.
    Register(Api),
    /// `POST /api/client/metrics/bulk`
    MetricsBulk,
    /// `POST /api/client/metrics/edge`
    MetricsEdge,
    /// `POST /api/client/edge-licensing/heartbeat`
    Heartbeat,
    /// `POST /edge/validate`
    Validate,
    /// `GET /internal-backstage/health`, `GET /health`
    Health,
    /// `GET /internal-backstage/ready`, `GET /ready`
    Ready,
    /// Another document below `GET /internal-backstage/`.
    Page(PageRoute<'p>),
    /// `GET /docs/openapi` and what belongs to it.
    Docs(Doc),
    /// Everything else.
    Unknown,
}

/// Whose form of a route is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Below `/api/client`: backend tokens.
    Client,
    /// Below `/api/frontend` or `/api/proxy`, or below their `/all`: frontend and backend tokens.
    Frontend {
        /// Goes with `--disable-all-endpoint`.
        all: bool,
    },
}

/// The documents of the backstage that are made on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageRoute<'p> {
    /// `metrics`, `prometheus`
    Prometheus,
    /// `metricsbatch`
    MetricsBatch,
    /// `features`
    Features,
    /// `features/{token}`, the token still percent-encoded.
    FeaturesOf(&'p str),
    /// `tokens`
    Tokens,
    /// `instancedata`
    InstanceData,
    /// `info`
    Info,
    /// The page for people, at `/internal-backstage` itself; paths are normalised to have no slash at the end.
    StatusPage,
    /// `status`: what it shows.
    Status,
}

impl<'p> Route<'p> {
    /// Reads a normalised path. Everything lives below the base path; the short probes live beside it too,
    /// because probes are often written that way.
    pub fn find(path: &'p str, base_path: &str) -> Self {
        if let "/health" = path {
            return Self::Health;
        }
        if let "/ready" = path {
            return Self::Ready;
        }
        path.strip_prefix(base_path).map_or(Self::Unknown, Self::below_base)
    }

    /// What is meant by a client that takes this: older guides put streams where a feature called `streaming` would be.
    pub fn accepting<'a>(self, mut accepts: impl Iterator<Item = &'a [u8]>) -> Self {
        let is_stream = |accept: &[u8]| {
            accept.windows(EVENT_STREAM.len()).any(|part| part.eq_ignore_ascii_case(EVENT_STREAM))
        };
        match self {
            Self::Feature("streaming") if accepts.any(is_stream) => Self::Streaming,
            route => route,
        }
    }

    fn below_base(path: &'p str) -> Self {
        match path {
            "/api/client/features" => Self::Features,
            "/api/client/delta" => Self::Delta,
            "/api/client/streaming" => Self::Streaming,
            "/api/client/metrics" => Self::Metrics(Api::Client),
            "/api/client/register" => Self::Register(Api::Client),
            "/api/client/metrics/bulk" => Self::MetricsBulk,
            "/api/client/metrics/edge" => Self::MetricsEdge,
            "/api/client/edge-licensing/heartbeat" => Self::Heartbeat,
            "/edge/validate" => Self::Validate,
            "/internal-backstage/health" | "/health" => Self::Health,
            "/internal-backstage/ready" | "/ready" => Self::Ready,
            "/docs/openapi" | "/swagger-ui" | "/swagger-ui/" => Self::Docs(Doc::Elsewhere),
            "/docs/openapi/" | "/docs/openapi/index.html" => Self::Docs(Doc::Page),
            "/docs/openapi.json" | "/api-doc/openapi.json" => Self::Docs(Doc::Document),
            _ => Self::named(path)
                .or_else(|| Self::page(path))
                .or_else(|| Self::frontend(path))
                .unwrap_or(Self::Unknown),
        }
    }

    fn named(path: &'p str) -> Option<Self> {
        path.strip_prefix("/api/client/features/").and_then(single).map(Self::Feature)
    }

    fn page(path: &'p str) -> Option<Self> {
        let below = path.strip_prefix("/internal-backstage")?;
        let page = match below.strip_prefix('/') {
            Some(below) => Self::page_below(below)?,
            None if below.is_empty() => PageRoute::StatusPage,
            None => return None,
        };
        Some(Self::Page(page))
    }

    fn page_below(below: &'p str) -> Option<PageRoute<'p>> {
        Some(match below {
            "status" => PageRoute::Status,
            "metrics" | "prometheus" => PageRoute::Prometheus,
            "metricsbatch" => PageRoute::MetricsBatch,
            "features" => PageRoute::Features,
            "tokens" => PageRoute::Tokens,
            "instancedata" => PageRoute::InstanceData,
            "info" => PageRoute::Info,
            _ => PageRoute::FeaturesOf(below.strip_prefix("features/").and_then(single)?),
        })
    }

    fn frontend(path: &'p str) -> Option<Self> {
        let below = path.strip_prefix("/api/frontend").or_else(|| path.strip_prefix("/api/proxy"))?;
        match below {
            "" => Some(Self::Frontend(Wanted::Enabled)),
            "/all" => Some(Self::Frontend(Wanted::All)),
            "/client/metrics" => Some(Self::Metrics(Api::Frontend { all: false })),
            "/client/register" => Some(Self::Register(Api::Frontend { all: false })),
            "/all/client/metrics" => Some(Self::Metrics(Api::Frontend { all: true })),
            "/all/client/register" => Some(Self::Register(Api::Frontend { all: true })),
            _ => below
                .strip_prefix("/features/")
                .and_then(single)
                .map(|name| Self::Frontend(Wanted::One(name))),
        }
    }

    /// The `allow` header; `None` where nothing is.
    pub fn allow(&self) -> Option<&'static str> {
        match self {
            Self::Features | Self::Frontend(_) => Some("GET,HEAD,POST"),
            Self::Feature(_)
            | Self::Delta
            | Self::Streaming
            | Self::Health
            | Self::Ready
            | Self::Page(_)
            | Self::Docs(_) => Some("GET,HEAD"),
            Self::Metrics(_)
            | Self::Register(_)
            | Self::MetricsBulk
            | Self::MetricsEdge
            | Self::Heartbeat
            | Self::Validate => Some("POST"),
            Self::Unknown => None,
        }
    }

    /// Whether the route takes the method; a GET route takes HEAD too.
    pub fn check_method(&self, method: &Method<'_>) -> Result<(), Failure> {
        let allow = self.allow().unwrap_or_default();
        if allow.split(',').any(|allowed| allowed == method.as_str()) {
            return Ok(());
        }
        Err(Failure::MethodNotAllowed { allow })
    }

    /// Whether CORS headers are left away: nothing of the backstage is for browsers of other origins.
    pub fn is_backstage(&self) -> bool {
        matches!(self, Self::Health | Self::Ready | Self::Page(_))
    }
}

/// A path that is one segment.
fn single(segment: &str) -> Option<&str> {
    (!segment.is_empty() && !segment.contains('/')).then_some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_routes() {
        let check = |path, base, route| assert_eq!(Route::find(path, base), route, "{path} under {base:?}");
        check("/api/client/features", "", Route::Features);
        check("/foo/api/client/features", "/foo", Route::Features);
        check("/api/client/features", "/foo", Route::Unknown);
        check("/fooapi/client/features", "/foo", Route::Unknown);
        check("/foo", "/foo", Route::Unknown);
        check("/api/client/features/alpha", "", Route::Feature("alpha"));
        check("/api/client/features/frontend-x", "", Route::Feature("frontend-x"));
        check("/api/client/features/a/b", "", Route::Unknown);
        check("/API/client/features", "", Route::Unknown);
        check("/api/frontend", "", Route::Frontend(Wanted::Enabled));
        check("/foo/api/proxy/all", "/foo", Route::Frontend(Wanted::All));
        check("/api/frontend/features/a", "", Route::Frontend(Wanted::One("a")));
        check("/api/proxy/features/a", "", Route::Frontend(Wanted::One("a")));
        check("/api/frontend/features", "", Route::Unknown);
        check("/api/frontend/a", "", Route::Unknown);
        check("/api/frontends", "", Route::Unknown);
        check("/api/./client/features", "", Route::Unknown);
        check("/api/client/metrics", "", Route::Metrics(Api::Client));
        check("/api/client/delta", "", Route::Delta);
        check("/foo/api/client/streaming", "/foo", Route::Streaming);
        check("/api/client/features/streaming", "", Route::Feature("streaming"));
        check("/api/client/streaming/x", "", Route::Unknown);
        check("/api/client/metrics/", "", Route::Unknown);
        check("/api/client/metrics/bulk", "", Route::MetricsBulk);
        check("/api/client/metrics/edge", "", Route::MetricsEdge);
        check("/api/client/edge-licensing/heartbeat", "", Route::Heartbeat);
        check("/api/client/register", "", Route::Register(Api::Client));
        check("/api/frontend/client/metrics", "", Route::Metrics(Api::Frontend { all: false }));
        check("/api/proxy/all/client/metrics", "", Route::Metrics(Api::Frontend { all: true }));
        check("/api/proxy/client/register", "", Route::Register(Api::Frontend { all: false }));
        check("/api/frontend/all/client/register", "", Route::Register(Api::Frontend { all: true }));
        check("/edge/validate", "", Route::Validate);
        check("/foo/edge/validate", "/foo", Route::Validate);
        check("/edge/validate/x", "", Route::Unknown);
        check("/internal-backstage/metrics", "", Route::Page(PageRoute::Prometheus));
        check("/foo/internal-backstage/prometheus", "/foo", Route::Page(PageRoute::Prometheus));
        check("/internal-backstage/features/x", "", Route::Page(PageRoute::FeaturesOf("x")));
        check("/internal-backstage/features/", "", Route::Unknown);
        check("/internal-backstage", "", Route::Page(PageRoute::StatusPage));
        check("/foo/internal-backstage", "/foo", Route::Page(PageRoute::StatusPage));
        check("/internal-backstages", "", Route::Unknown);
        check("/internal-backstage/status", "", Route::Page(PageRoute::Status));
        check("/metrics", "", Route::Unknown);
        check("/docs/openapi", "", Route::Docs(Doc::Elsewhere));
        check("/foo/swagger-ui/", "/foo", Route::Docs(Doc::Elsewhere));
        check("/docs/openapi/", "", Route::Docs(Doc::Page));
        check("/docs/openapi/index.html", "", Route::Docs(Doc::Page));
        check("/docs/openapi/swagger-ui.css", "", Route::Unknown);
        check("/api-doc/openapi.json", "", Route::Docs(Doc::Document));
        check("/docs", "", Route::Unknown);
        check("/internal-backstage/health", "", Route::Health);
        check("/foo/internal-backstage/ready", "/foo", Route::Ready);
        check("/internal-backstage/ready", "/foo", Route::Unknown);
        check("/health", "/foo", Route::Health);
        check("/foo/ready", "/foo", Route::Ready);
        check("/", "", Route::Unknown);
        check("*", "", Route::Unknown);
    }

    #[test]
    fn a_feature_called_streaming_is_a_stream_for_those_who_want_one() {
        let check = |name, accept: &[&str], route| {
            let accepts = accept.iter().map(|value| value.as_bytes());
            assert_eq!(Route::Feature(name).accepting(accepts), route, "{name} {accept:?}");
        };
        check("streaming", &[], Route::Feature("streaming"));
        check("streaming", &["application/json", "*/*"], Route::Feature("streaming"));
        check("streaming", &["text/event-stream"], Route::Streaming);
        check("streaming", &["application/json", "x, Text/Event-Stream;q=0.5"], Route::Streaming);
        check("other", &["text/event-stream"], Route::Feature("other"));
    }

    #[test]
    fn methods_are_checked_by_route() {
        let check = |route: Route<'_>, method: Method<'_>, fine| {
            assert_eq!(route.check_method(&method).is_ok(), fine, "{route:?} {method:?}");
        };
        check(Route::Features, Method::Get, true);
        check(Route::Features, Method::Head, true);
        check(Route::Features, Method::Post, true);
        check(Route::Features, Method::Other("PURGE"), false);
        check(Route::Feature("x"), Method::Post, false);
        check(Route::Streaming, Method::Get, true);
        check(Route::Streaming, Method::Head, true);
        check(Route::Delta, Method::Post, false);
        check(Route::Validate, Method::Post, true);
        check(Route::Validate, Method::Get, false);
        check(Route::Health, Method::Head, true);
        check(Route::Ready, Method::Trace, false);
    }
}
