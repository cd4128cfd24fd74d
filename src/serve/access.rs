//! What the request path tells those who talk about single requests: the pattern of a route, never its parameters.

use super::{
    Edge,
    docs::Doc,
    frontend::Wanted,
    route::{Api, PageRoute, Route},
};
use crate::observe::access::{Place, Surface, Witness};

impl Edge {
    /// The service with somebody to tell about its requests.
    #[must_use]
    pub fn with_witness(self, witness: Witness) -> Self {
        Self { witness, ..self }
    }
}

/// What a route is called. `path` tells the two names of the frontend API apart.
pub fn place(route: &Route<'_>, path: &str) -> Place {
    let surface = match route {
        Route::Health | Route::Ready => Surface::Probe,
        Route::Page(_) | Route::Docs(_) => Surface::Other,
        Route::Unknown if !path.contains("/api/") => Surface::Other,
        _ => Surface::Api,
    };
    Place { pattern: pattern(route, path.contains("/api/proxy")), surface }
}

fn pattern(route: &Route<'_>, is_proxy: bool) -> &'static str {
    let either = |proxy, frontend| if is_proxy { proxy } else { frontend };
    match route {
        Route::Features => "/api/client/features",
        Route::Feature(_) => "/api/client/features/{feature_name}",
        Route::Frontend(Wanted::Enabled) => either("/api/proxy", "/api/frontend"),
        Route::Frontend(Wanted::All) => either("/api/proxy/all", "/api/frontend/all"),
        Route::Frontend(Wanted::One(_)) => {
            either("/api/proxy/features/{feature_name}", "/api/frontend/features/{feature_name}")
        }
        Route::Metrics(Api::Client) => "/api/client/metrics",
        Route::Metrics(Api::Frontend { all: false }) => {
            either("/api/proxy/client/metrics", "/api/frontend/client/metrics")
        }
        Route::Metrics(Api::Frontend { all: true }) => {
            either("/api/proxy/all/client/metrics", "/api/frontend/all/client/metrics")
        }
        Route::Register(Api::Client) => "/api/client/register",
        Route::Register(Api::Frontend { all: false }) => {
            either("/api/proxy/client/register", "/api/frontend/client/register")
        }
        Route::Register(Api::Frontend { all: true }) => {
            either("/api/proxy/all/client/register", "/api/frontend/all/client/register")
        }
        Route::MetricsBulk => "/api/client/metrics/bulk",
        Route::MetricsEdge => "/api/client/metrics/edge",
        Route::Heartbeat => "/api/client/edge-licensing/heartbeat",
        Route::Health => "/internal-backstage/health",
        Route::Ready => "/internal-backstage/ready",
        Route::Page(PageRoute::Prometheus) => "/internal-backstage/metrics",
        Route::Page(PageRoute::MetricsBatch) => "/internal-backstage/metricsbatch",
        Route::Page(PageRoute::Features) => "/internal-backstage/features",
        Route::Page(PageRoute::FeaturesOf(_)) => "/internal-backstage/features/{token}",
        Route::Page(PageRoute::Tokens) => "/internal-backstage/tokens",
        Route::Page(PageRoute::InstanceData) => "/internal-backstage/instancedata",
        Route::Page(PageRoute::Info) => "/internal-backstage/info",
        Route::Docs(Doc::Elsewhere | Doc::Page) => "/docs/openapi/",
        Route::Docs(Doc::Document) => "/docs/openapi.json",
        Route::Unknown => "/{unknown}",
    }
}
