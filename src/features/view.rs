//! What one scope is answered: the finished body with its tag and encodings.
//!
//! Made on the sync thread once per change and scope, read by shards. A view is complete and immutable;
//! compressed forms that become ready later make a new view that shares the rest
//! ([`ScopeView::with_compressed`]). If the body came out as before, the new view shares body, tag and
//! compressed forms with the previous one and only refers to the new environment.

use super::body::{Selection, is_visible};
use super::compress::Coding;
use super::environment::EnvironmentData;
use super::etag::Etag;
use super::fragment::Fragment;
use crate::tokens::scope::Scope;
use std::sync::Arc;

/// Room for the keys and the query around the fragments.
const FRAME_BYTES: usize = 256;

/// The answer to one scope.
#[derive(Debug, Clone)]
pub struct ScopeView {
    /// The data the body was made of.
    pub environment: Arc<EnvironmentData>,
    /// The scope it was made for.
    pub scope: Scope,
    /// Tag of the body in all its encodings.
    pub etag: Etag,
    /// The body.
    pub identity: Arc<[u8]>,
    /// The body as gzip; `None` while it is not ready or if it is not worth it.
    pub gzip: Option<Arc<[u8]>>,
    /// The body as brotli; as above.
    pub br: Option<Arc<[u8]>>,
    /// The body as zstd; as above.
    pub zstd: Option<Arc<[u8]>>,
    /// Features the scope would see if they had a project: hidden from every client list.
    pub without_project: usize,
}

/// Makes the view of a scope. `previous` is the view of the same scope before the change.
pub fn assemble(
    environment: &Arc<EnvironmentData>,
    scope: &Scope,
    previous: Option<&Arc<ScopeView>>,
) -> Arc<ScopeView> {
    let previous = previous.filter(|previous| previous.scope == *scope);
    if let Some(previous) = previous.filter(|previous| Arc::ptr_eq(&previous.environment, environment)) {
        return Arc::clone(previous);
    }
    let without_project = environment.features.iter().filter(|feature| feature.project.is_none()).count();
    let mut body = Vec::with_capacity(body_bytes_max(environment, scope));
    select(environment, scope, None).write_visible(&mut body);
    Arc::new(match previous.filter(|previous| *previous.identity == *body) {
        Some(previous) => {
            ScopeView { environment: Arc::clone(environment), without_project, ..(**previous).clone() }
        }
        None => ScopeView {
            environment: Arc::clone(environment),
            scope: scope.clone(),
            etag: Etag::of(&body),
            identity: body.into(),
            gzip: None,
            br: None,
            zstd: None,
            without_project,
        },
    })
}

/// Bytes of the body, or a little more; only a query with very long names needs the buffer to grow.
fn body_bytes_max(environment: &EnvironmentData, scope: &Scope) -> usize {
    let shown = environment.features.iter().filter(|feature| is_visible(&scope.projects, feature));
    let features: usize = shown.map(|feature| feature.json.len() + 1).sum();
    let segments: usize = environment.segments.iter().map(|segment| segment.json.len() + 1).sum();
    let meta = environment.meta.as_ref().map_or(0, |meta| meta.json.len());
    FRAME_BYTES + features + segments + meta
}

fn select<'s>(environment: &'s EnvironmentData, scope: &'s Scope, prefix: Option<&'s str>) -> Selection<'s> {
    Selection {
        environment,
        environment_name: scope.environment.as_deref(),
        projects: &scope.projects,
        prefix,
    }
}

impl ScopeView {
    /// Appends the body for `?namePrefix=` to `out` and returns its tag. Runs on a shard: it costs a search,
    /// a copy and a hash of what is answered, and allocates nothing but what `out` needs to grow.
    pub fn with_prefix(&self, prefix: &str, out: &mut Vec<u8>) -> Etag {
        let start = out.len();
        select(&self.environment, &self.scope, Some(prefix)).write_visible(out);
        Etag::of(out.get(start..).unwrap_or_default())
    }

    /// The feature of this name if the scope sees it (http-api.md 10.2).
    pub fn feature(&self, name: &str) -> Option<&Fragment> {
        let feature = self.environment.find(name)?;
        is_visible(&self.scope.projects, feature).then_some(&**feature)
    }

    /// The body in this coding, if it is ready.
    pub fn encoded(&self, coding: Coding) -> Option<&Arc<[u8]>> {
        match coding {
            Coding::Gzip => self.gzip.as_ref(),
            Coding::Brotli => self.br.as_ref(),
            Coding::Zstd => self.zstd.as_ref(),
        }
    }

    /// The same view with a compressed form more (or less).
    pub fn with_compressed(&self, coding: Coding, body: Option<Arc<[u8]>>) -> Self {
        let mut view = self.clone();
        match coding {
            Coding::Gzip => view.gzip = body,
            Coding::Brotli => view.br = body,
            Coding::Zstd => view.zstd = body,
        }
        view
    }
}
