//! What requests are counted under: a closed set of route patterns, methods and classes of answers.
//!
//! A pattern is the route with its parameters as `{name}`, never the path that a client sent. Documents of the backstage and
//! probes are not counted at all, so they have no endpoint here.

/// A route, as metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `/api/client/features`
    Features,
    /// `/api/client/features/{feature_name}`
    Feature,
    /// `/api/client/delta`
    Delta,
    /// `/api/client/streaming`
    Streaming,
    /// `/api/client/metrics`
    Metrics,
    /// `/api/client/metrics/bulk`
    MetricsBulk,
    /// `/api/client/metrics/edge`
    MetricsEdge,
    /// `/api/client/register`
    Register,
    /// `/api/client/edge-licensing/heartbeat`
    Heartbeat,
    /// `/edge/validate`
    Validate,
    /// Below `/api/frontend`.
    Frontend(Evaluation),
    /// Below `/api/proxy`.
    Proxy(Evaluation),
    /// No route, or an answer 404.
    Unknown,
}

/// The routes for frontend SDKs, which exist below two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evaluation {
    /// The name itself.
    Enabled,
    /// `/all`
    All,
    /// `/features/{feature_name}`
    One,
    /// `/client/metrics`
    Metrics,
    /// `/client/register`
    Register,
    /// `/all/client/metrics`
    AllMetrics,
    /// `/all/client/register`
    AllRegister,
}

/// A group of consumption (metrics.md 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metered {
    /// Fetches: intervals of 5 s, from 15 s on.
    Features,
    /// Posts of metrics: intervals of 60 s.
    Metrics,
    /// Posts of a whole edge, which count among metrics with the intervals of features, as Unleash Edge 20.4 has it.
    Bulk,
}

/// A method; those that a client makes up count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the method of its name")]
pub enum Verb {
    Connect,
    Delete,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
    Trace,
    Other,
}

/// The classes of answers that instance data tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// 200 or 202 to a GET.
    Get,
    /// 200 or 202 to another method.
    Post,
    /// 304.
    Cached,
    /// 403.
    Denied,
}

impl Endpoint {
    /// The pattern without the base path.
    pub fn pattern(self) -> &'static str {
        use Evaluation::{All, AllMetrics, AllRegister, Enabled, Metrics, One, Register};
        match self {
            Self::Features => "/api/client/features",
            Self::Feature => "/api/client/features/{feature_name}",
            Self::Delta => "/api/client/delta",
            Self::Streaming => "/api/client/streaming",
            Self::Metrics => "/api/client/metrics",
            Self::MetricsBulk => "/api/client/metrics/bulk",
            Self::MetricsEdge => "/api/client/metrics/edge",
            Self::Register => "/api/client/register",
            Self::Heartbeat => "/api/client/edge-licensing/heartbeat",
            Self::Validate => "/edge/validate",
            Self::Frontend(Enabled) => "/api/frontend",
            Self::Frontend(All) => "/api/frontend/all",
            Self::Frontend(One) => "/api/frontend/features/{feature_name}",
            Self::Frontend(Metrics) => "/api/frontend/client/metrics",
            Self::Frontend(Register) => "/api/frontend/client/register",
            Self::Frontend(AllMetrics) => "/api/frontend/all/client/metrics",
            Self::Frontend(AllRegister) => "/api/frontend/all/client/register",
            Self::Proxy(Enabled) => "/api/proxy",
            Self::Proxy(All) => "/api/proxy/all",
            Self::Proxy(One) => "/api/proxy/features/{feature_name}",
            Self::Proxy(Metrics) => "/api/proxy/client/metrics",
            Self::Proxy(Register) => "/api/proxy/client/register",
            Self::Proxy(AllMetrics) => "/api/proxy/all/client/metrics",
            Self::Proxy(AllRegister) => "/api/proxy/all/client/register",
            Self::Unknown => "/{unknown}",
        }
    }

    /// The label `endpoint`.
    pub fn label(self, base_path: &str) -> String {
        match self {
            Self::Unknown => self.pattern().to_owned(),
            _ => format!("{base_path}{}", self.pattern()),
        }
    }

    /// Whether instance data reports the traffic of the route (metrics.md 2.2).
    pub fn is_reported(self) -> bool {
        use Evaluation::Enabled;
        matches!(
            self,
            Self::Features
                | Self::Metrics
                | Self::MetricsBulk
                | Self::MetricsEdge
                | Self::Frontend(Enabled)
                | Self::Proxy(Enabled)
        )
    }

    /// Whether features are served there.
    pub fn serves_features(self) -> bool {
        use Evaluation::{All, Enabled, One};
        matches!(
            self,
            Self::Features
                | Self::Feature
                | Self::Frontend(Enabled | All | One)
                | Self::Proxy(Enabled | All | One)
        )
    }

    /// Whether answers are given there to anybody, without a token.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Validate | Self::Unknown)
    }

    /// Whether it is one of the routes for frontend SDKs.
    pub fn is_frontend(self) -> bool {
        matches!(self, Self::Frontend(_) | Self::Proxy(_))
    }

    /// Whose consumption a request there is.
    pub fn metered(self) -> Option<Metered> {
        match self {
            Self::Features | Self::Feature | Self::Delta => Some(Metered::Features),
            Self::Metrics => Some(Metered::Metrics),
            Self::MetricsBulk | Self::MetricsEdge => Some(Metered::Bulk),
            _ => None,
        }
    }
}

impl Verb {
    /// The label `method`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Trace => "TRACE",
            Self::Other => "other",
        }
    }
}

impl Class {
    /// The class of an answer, if instance data has one for it.
    pub fn of(verb: Verb, status: u16) -> Option<Self> {
        match status {
            200 | 202 if verb == Verb::Get => Some(Self::Get),
            200 | 202 => Some(Self::Post),
            304 => Some(Self::Cached),
            403 => Some(Self::Denied),
            _ => None,
        }
    }
}
