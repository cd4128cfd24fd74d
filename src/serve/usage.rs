//! `/api/client/metrics`, `/register`, `/metrics/bulk`, `/metrics/edge` and their frontend forms (http-api.md 10.5
//! to 10.8, 10.13), and the tokens that are in use.
//!
//! Everything goes into this shard's [`Bucket`], which moves to the report thread about once a second. If there is no
//! room there the bucket stays and goes on filling, up to its own bounds. What was taken is always 202: whether and
//! when it reaches upstream is not the client's concern.

use std::ops::ControlFlow::{Break, Continue};

use brink_shards::{Body, Call, Outcome, Reply, Request};

use super::{
    Edge,
    failure::Failure,
    json_body,
    route::{Api, Route},
};
use crate::{
    messages::Verdict,
    tokens::{
        key::{KeyMap, TokenKey},
        table::{Entry, Standing, TokenKind},
        token::Token,
    },
    usage::{
        Bucket, Reason, SdkType,
        post::{BadBody, Poster, Toggles},
    },
};

/// Least time between two hand-overs, so that busy shards do not keep the report thread busy.
const HAND_OVER_MS: u64 = 900;

/// Of the body `null`, as Unleash Edge 20.4 has it.
const NULL: &[u8] =
    b"content-type: application/json\r\netag: \"4-292691467350511291627521268689328549594\"\r\n";

/// Which Edge we are like. Edges below us compare it as a semantic version.
const EDGE_VERSION: &[u8] = b"x-edge-version: 20.4.1\r\n";

/// What a shard gathers until it hands over.
#[derive(Default)]
pub struct Gatherer {
    bucket: Bucket,
    toggles: Toggles<'static>,
    /// Tokens that are in the bucket, or that do not belong there.
    noticed: KeyMap<()>,
    handed_over_ms: u64,
}

impl Edge {
    /// Takes a report of the bearer of a token with this scope.
    pub(super) fn report(
        &self,
        scope: usize,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let body = match json_body::read(request)? {
            Continue(body) => body,
            Break(outcome) => return Ok(outcome),
        };
        let Some(scope) = self.replica.describe(scope) else {
            return Err(Failure::Forbidden { allow: None });
        };
        let poster = Poster::new(scope, sdk_type(route), self.now_unix_ms);
        let Gatherer { bucket, toggles, .. } = &mut *self.gatherer.borrow_mut();
        let taken = match route {
            Route::Register(_) => bucket.take_registration(body, &poster),
            Route::MetricsBulk => bucket.take_bulk(body, &poster),
            Route::MetricsEdge => bucket.take_instance(body),
            _ => bucket.take_metrics(body, &poster, toggles),
        };
        taken.map_err(|bad| match bad {
            BadBody::NotJson(why) => Failure::BodyNotJson(why.into()),
            BadBody::WrongShape(why) => Failure::BodyOfWrongShape(why.into()),
        })?;
        let reply = self.rules.cors.add(request, call.reply(202));
        Ok(accepted(route, reply))
    }

    /// Remembers that a valid token is in use: once per hand-over, and only one that upstream knows.
    pub(super) fn notice(&self, key: TokenKey, presented: &[u8], entry: &Entry) {
        if !self.desk.keeps_usage() {
            return;
        }
        let Gatherer { bucket, noticed, .. } = &mut *self.gatherer.borrow_mut();
        if noticed.contains_key(&key) {
            return;
        }
        noticed.insert(key, ());
        let scope = self.replica.scope_of(entry);
        if let (Standing::Validated, Some(scope), Ok(token)) =
            (entry.standing, scope, Token::from_header(presented))
        {
            let environment = scope.environment.as_deref().unwrap_or(token.environment());
            bucket.see(token.clone(), environment, entry.kind == TokenKind::Backend);
        }
    }

    /// Hands over what was gathered. Without anybody to take it, it is counted and forgotten.
    pub(super) fn hand_over(&mut self) {
        let gatherer = self.gatherer.get_mut();
        if !self.desk.keeps_usage() {
            return gatherer.bucket.give_up(Reason::Offline);
        }
        if gatherer.bucket.is_empty() {
            return;
        }
        match self.desk.hand_over(std::mem::take(&mut gatherer.bucket)) {
            Some(kept) => gatherer.bucket = kept,
            None => gatherer.noticed.clear(),
        }
    }

    /// Hands over if it is time to.
    pub(super) fn hand_over_in_time(&mut self, now_ms: u64) {
        let gatherer = self.gatherer.get_mut();
        if now_ms.saturating_sub(gatherer.handed_over_ms) >= HAND_OVER_MS {
            gatherer.handed_over_ms = now_ms;
            self.hand_over();
        }
    }
}

#[cfg(test)]
impl Edge {
    /// What is gathered now.
    pub(super) fn bucket(&self) -> std::cell::Ref<'_, Bucket> {
        std::cell::Ref::map(self.gatherer.borrow(), |gatherer| &gatherer.bucket)
    }
}

/// What an SDK is that does not say it.
fn sdk_type(route: &Route<'_>) -> SdkType {
    match route {
        Route::Metrics(Api::Frontend { .. }) | Route::Register(Api::Frontend { .. }) => SdkType::Frontend,
        _ => SdkType::Backend,
    }
}

/// No entity tag of the request matters here: the report is taken, and 304 would say something else (security.md 6.5).
fn accepted(route: &Route<'_>, reply: Reply<'_>) -> Outcome {
    match route {
        Route::Metrics(Api::Frontend { .. }) | Route::Register(Api::Frontend { .. }) => {
            reply.send(Body::Empty)
        }
        Route::Register(Api::Client) => reply.lines(EDGE_VERSION).send(Body::Empty),
        _ => reply.lines(NULL).send(Body::Bytes(b"null")),
    }
}
