//! What the request path tells those who talk about single requests: the pattern of a route, never its parameters.

use super::{
    Edge,
    docs::Doc,
    meter::endpoint,
    route::{PageRoute, Route},
};
use crate::observe::{
    access::{Place, Surface, Witness},
    endpoint::Endpoint,
};

impl Edge {
    /// The service with somebody to tell about its requests.
    #[must_use]
    pub fn with_witness(self, witness: Witness) -> Self {
        Self { witness, ..self }
    }
}

/// What a route is called. The path below the base path tells the two names of the frontend API apart.
pub fn place(route: &Route<'_>, below_base: &str) -> Place {
    let surface = match route {
        Route::Health | Route::Ready => Surface::Probe,
        Route::Page(_) | Route::Docs(_) => Surface::Other,
        Route::Unknown if !below_base.starts_with("/api/") => Surface::Other,
        _ => Surface::Api,
    };
    Place { pattern: pattern(route, below_base), surface }
}

fn pattern(route: &Route<'_>, below_base: &str) -> &'static str {
    match route {
        Route::Health => "/internal-backstage/health",
        Route::Ready => "/internal-backstage/ready",
        Route::Page(PageRoute::Prometheus) => "/internal-backstage/metrics",
        Route::Page(PageRoute::MetricsBatch) => "/internal-backstage/metricsbatch",
        Route::Page(PageRoute::Features) => "/internal-backstage/features",
        Route::Page(PageRoute::FeaturesOf(_)) => "/internal-backstage/features/{token}",
        Route::Page(PageRoute::Tokens) => "/internal-backstage/tokens",
        Route::Page(PageRoute::InstanceData) => "/internal-backstage/instancedata",
        Route::Page(PageRoute::Info) => "/internal-backstage/info",
        Route::Page(PageRoute::StatusPage) => "/internal-backstage/",
        Route::Page(PageRoute::Status) => "/internal-backstage/status",
        Route::Docs(Doc::Elsewhere | Doc::Page) => "/docs/openapi/",
        Route::Docs(Doc::Document) => "/docs/openapi.json",
        _ => endpoint(route, below_base).unwrap_or(Endpoint::Unknown).pattern(),
    }
}
