//! From a normalised path to what is asked for. Access is decided by route, never by path text.

use brink_shards::http::head::Method;

use super::{failure::Failure, frontend::Wanted};

/// What a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'p> {
    /// `GET|POST /api/client/features`
    Features,
    /// `GET /api/client/features/{name}`, the name still percent-encoded.
    Feature(&'p str),
    /// `GET|POST /api/frontend`, `/api/proxy`, each also with `/all` or `/features/{name}`.
    Frontend(Wanted<'p>),
    /// `GET /internal-backstage/health`, `GET /health`
    Health,
    /// `GET /internal-backstage/ready`, `GET /ready`
    Ready,
    /// Everything else.
    Unknown,
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

    fn below_base(path: &'p str) -> Self {
        match path {
            "/api/client/features" => Self::Features,
            "/internal-backstage/health" | "/health" => Self::Health,
            "/internal-backstage/ready" | "/ready" => Self::Ready,
            _ => match path.strip_prefix("/api/client/features/").and_then(single) {
                Some(name) => Self::Feature(name),
                None => Self::evaluated(path).map_or(Self::Unknown, Self::Frontend),
            },
        }
    }

    fn evaluated(path: &'p str) -> Option<Wanted<'p>> {
        let below = path.strip_prefix("/api/frontend").or_else(|| path.strip_prefix("/api/proxy"))?;
        match below {
            "" => Some(Wanted::Enabled),
            "/all" => Some(Wanted::All),
            _ => below.strip_prefix("/features/").and_then(single).map(Wanted::One),
        }
    }

    /// The `allow` header; `None` where nothing is.
    pub fn allow(&self) -> Option<&'static str> {
        match self {
            Self::Features | Self::Frontend(_) => Some("GET,HEAD,POST"),
            Self::Feature(_) | Self::Health | Self::Ready => Some("GET,HEAD"),
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
        matches!(self, Self::Health | Self::Ready)
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
        check("/internal-backstage/health", "", Route::Health);
        check("/foo/internal-backstage/ready", "/foo", Route::Ready);
        check("/internal-backstage/ready", "/foo", Route::Unknown);
        check("/health", "/foo", Route::Health);
        check("/foo/ready", "/foo", Route::Ready);
        check("/", "", Route::Unknown);
        check("*", "", Route::Unknown);
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
        check(Route::Health, Method::Head, true);
        check(Route::Ready, Method::Trace, false);
    }
}
