//! `/api/client/features` and `/api/client/features/{name}` (http-api.md 10.1, 10.2).
//!
//! The list is a choice among finished bodies: a 304 costs a comparison, a 200 a pointer. Only `?namePrefix`
//! and single features are assembled here, by copying fragments.

use std::ops::ControlFlow::{self, Break, Continue};

use brink_shards::{
    Attempt, Body, Call, Outcome, Request,
    http::{
        accept_encoding::{self, Choice, Offered},
        etag,
        path::{self, Query},
    },
};

use super::{
    Edge,
    failure::Failure,
    replica::{ScopeReplica, Serving, entity_lines, stored},
};
use crate::{
    features::{compress::Coding, etag::Etag},
    messages::{Ask, Verdict},
    tokens::table::Entry,
};

const NOT_UTF8: Failure = Failure::BadQuery("Failed to deserialize query string: not UTF-8");

const DUPLICATE: Failure =
    Failure::BadQuery("Failed to deserialize query string: duplicate field `namePrefix`");

impl Edge {
    /// The features of a scope.
    pub(super) fn features(
        &self,
        scope: usize,
        serving: &Serving,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        if let Some(query) = request.head.target.query
            && let Some(prefix) = name_prefix(query)?
        {
            let mut body = self.scratch.take();
            body.clear();
            let tag = serving.view.with_prefix(&prefix, &mut body);
            let outcome = self.send_made(&tag, &body, request, call);
            self.scratch.set(body);
            return Ok(outcome);
        }
        if is_known_to_client(request, &serving.view.etag) {
            let reply = call.reply(304).lines(&serving.lines);
            return Ok(self.rules.cors.add(request, reply).send(Body::None));
        }
        Ok(self.send_stored(scope, serving, request, call))
    }

    /// `/internal-backstage/features/{token}`: what the token sees, for whoever also sends it in the header. Without
    /// CORS headers, like all of the backstage.
    pub(super) fn features_of(
        &self,
        token: &str,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let named = path::percent_decode(token).ok_or(Failure::NotFound)?;
        let presented = request.head.find(&self.rules.auth_header).unwrap_or_default().trim_ascii();
        let key = self.keys.key(presented);
        if key != self.keys.key(named.as_bytes()) {
            return Err(Failure::Forbidden { allow: None });
        }
        let entry = self.replica.token(key).filter(Entry::may_use_client_api).ok_or(Failure::NotFound)?;
        let scope = usize::try_from(entry.scope).map_err(|_| Failure::NotFound)?;
        match self.serving(scope, call)? {
            Continue(serving) => {
                let reply = call.reply(200).lines(&serving.lines);
                Ok(reply.send(Body::Shared(&serving.identity)))
            }
            Break(wait) => Ok(wait),
        }
    }

    /// One feature.
    pub(super) fn feature(
        &self,
        serving: &Serving,
        name: &str,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let name = path::percent_decode(name).ok_or(Failure::NotFound)?;
        let feature = serving.view.feature(&name).ok_or(Failure::NotFound)?;
        let body = feature.json.as_bytes();
        Ok(self.send_made(&Etag::of(body), body, request, call))
    }

    /// The data of a scope; breaks if the request has to wait for its first load.
    pub(super) fn serving(
        &self,
        scope: usize,
        call: &mut Call<'_, Verdict>,
    ) -> Result<ControlFlow<Outcome, &Serving>, Failure> {
        match self.replica.scope(scope) {
            Some(ScopeReplica::Serving(serving)) => Ok(Continue(serving)),
            Some(ScopeReplica::Loading) => Err(Failure::Loading),
            Some(ScopeReplica::Uncovered) | None => Err(Failure::Forbidden { allow: None }),
            Some(ScopeReplica::Fetching) => match (call.attempt(), self.replica.describe(scope)) {
                (Attempt::First | Attempt::Answered(Verdict::Look), Some(wanted)) => {
                    let wait = self.desk.ask(call, |waiter| Ask::AwaitData { scope: wanted.clone(), waiter });
                    wait.map(Break).ok_or(Failure::Loading)
                }
                _ => Err(Failure::Loading),
            },
        }
    }

    /// Sends the best form there is, and asks for the better one that the client would have taken.
    fn send_stored(
        &self,
        scope: usize,
        serving: &Serving,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Outcome {
        let mut status = 200;
        let mut form = None;
        if request.head.known.accept_encoding.is_some() {
            let lines = || request.head.lines("accept-encoding");
            match accept_encoding::choose(lines(), offered(serving)) {
                Choice::Use(coding) => form = stored(coding),
                Choice::NotAcceptable => status = 406,
            }
            if let Some(wanted) = stored(accept_encoding::wanted(lines())) {
                self.demand(scope, serving, wanted);
            }
        }
        let reply = self.rules.cors.add(request, call.reply(status).lines(&serving.lines));
        match form.and_then(|coding| Some((coding, serving.form(coding)?))) {
            Some((coding, body)) => {
                reply.header("content-encoding", coding.name().as_bytes()).send(Body::Shared(body))
            }
            None => reply.send(Body::Shared(&serving.identity)),
        }
    }

    fn demand(&self, scope: usize, serving: &Serving, coding: Coding) {
        if serving.demands(coding)
            && let Some(scope) = self.replica.describe(scope)
        {
            // No room: a later snapshot's first request asks again.
            self.desk.tell(Ask::Encode { scope: scope.clone(), coding });
        }
    }

    /// Sends a body made for this request.
    fn send_made(
        &self,
        tag: &str,
        body: &[u8],
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Outcome {
        let matches = is_known_to_client(request, tag);
        let reply = call.reply(if matches { 304 } else { 200 }).lines(entity_lines(tag).as_bytes());
        let reply = self.rules.cors.add(request, reply);
        reply.send(if matches { Body::None } else { Body::Bytes(body) })
    }
}

/// Whether the client has what would be sent.
pub(super) fn is_known_to_client(request: &Request<'_>, tag: &str) -> bool {
    request.head.known.if_none_match.is_some() && etag::none_match(request.head.lines("if-none-match"), tag)
}

fn offered(serving: &Serving) -> Offered {
    Offered {
        gzip: serving.form(Coding::Gzip).is_some(),
        br: serving.form(Coding::Brotli).is_some(),
        zstd: serving.form(Coding::Zstd).is_some(),
    }
}

/// The parameter, which may stand there once. All others are ignored.
pub(super) fn name_prefix(query: &str) -> Result<Option<String>, Failure> {
    let mut found = None;
    for parameter in Query::new(query) {
        let (key, value) = parameter.map_err(|_| NOT_UTF8)?;
        if key == "namePrefix" && found.replace(value.into_owned()).is_some() {
            return Err(DUPLICATE);
        }
    }
    Ok(found)
}
