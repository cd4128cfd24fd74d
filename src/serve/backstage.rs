//! `/internal-backstage`: probes and documents about the process. No CORS headers.
//!
//! Open by default, as in Unleash Edge 20.4; a token of its own and a port of its own can be set for all of it but
//! the probes, which stay open and on every port.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};

use brink_shards::{Attempt, Body, Call, Outcome, Request};

use super::{
    desk::Desk,
    docs::PAGE_LINES,
    failure::Failure,
    route::{PageRoute, Route},
};
use crate::{
    config::{
        secret::Secret,
        settings::{self, Endpoints, Role},
    },
    messages::Verdict,
    pages::Page,
    tokens::key::KeyHasher,
};

const JSON: &[u8] = b"content-type: application/json\r\n";

/// Who may see the backstage, and where.
#[derive(Debug)]
pub struct Backstage {
    has_own_port: bool,
    token: Option<Secret>,
}

impl Backstage {
    /// Takes the settings.
    pub fn new(settings: &settings::Backstage) -> Self {
        Self { has_own_port: settings.address.is_some(), token: settings.token.clone() }
    }

    /// Whether a route exists on a port of this role.
    pub fn has(&self, route: &Route<'_>, role: Role) -> bool {
        match route {
            Route::Health | Route::Ready => true,
            Route::Page(_) => !self.has_own_port || role == Role::Backstage,
            _ => role != Role::Backstage,
        }
    }

    /// Whether the request carries the token, if one is asked for: as a bearer token, or as the password of any
    /// user, because that is what browsers ask their users for. Compared by keyed hash, so how long it takes says nothing.
    pub fn admits(&self, request: &Request<'_>, keys: KeyHasher) -> bool {
        let Some(token) = &self.token else { return true };
        let wanted = keys.key(token.expose().as_bytes());
        let Some(presented) = request.head.find("authorization") else { return false };
        let Some((scheme, credentials)) = split_once(presented.trim_ascii(), b' ') else { return false };
        let credentials = credentials.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return keys.key(credentials) == wanted;
        }
        let decoded = scheme.eq_ignore_ascii_case(b"basic").then(|| BASE64_STANDARD.decode(credentials).ok());
        let decoded = decoded.flatten().unwrap_or_default();
        split_once(&decoded, b':').is_some_and(|(_, password)| keys.key(password) == wanted)
    }
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = bytes.iter().position(|byte| *byte == at)?;
    Some((bytes.get(..position)?, bytes.get(position + 1..)?))
}

/// Whether a document is not switched off.
pub fn is_served(page: &PageRoute<'_>, endpoints: &Endpoints) -> bool {
    match page {
        PageRoute::Prometheus => endpoints.metrics,
        PageRoute::MetricsBatch => endpoints.metrics_batch,
        PageRoute::Features | PageRoute::FeaturesOf(_) => endpoints.features,
        PageRoute::Tokens => endpoints.tokens,
        PageRoute::InstanceData => endpoints.instance_data,
        PageRoute::Info | PageRoute::StatusPage | PageRoute::Status => true,
    }
}

/// The process is alive and its shards answer.
pub fn health(call: &mut Call<'_, Verdict>) -> Outcome {
    call.reply(200).lines(JSON).send(Body::Bytes(br#"{"status":"OK"}"#))
}

/// There is something to serve.
pub fn ready(call: &mut Call<'_, Verdict>) -> Outcome {
    call.reply(200).lines(JSON).send(Body::Bytes(br#"{"status":"READY"}"#))
}

/// A document that the pages thread makes; the request waits for it.
pub fn page(page: &PageRoute<'_>, desk: &Desk, call: &mut Call<'_, Verdict>) -> Result<Outcome, Failure> {
    let page = match page {
        PageRoute::Prometheus => Page::Prometheus,
        PageRoute::Features => Page::Features,
        PageRoute::Tokens => Page::Tokens,
        PageRoute::Info => Page::Info,
        PageRoute::MetricsBatch => Page::MetricsBatch,
        PageRoute::InstanceData => Page::InstanceData,
        PageRoute::Status => Page::Status,
        PageRoute::FeaturesOf(_) | PageRoute::StatusPage => {
            return Err(Failure::NotFound);
        }
    };
    let document = match call.attempt() {
        Attempt::First => return desk.ask_for(call, page).ok_or(Failure::Busy),
        Attempt::Answered(Verdict::Page(document)) => Arc::clone(document),
        Attempt::Answered(_) | Attempt::TimedOut => return Err(Failure::Busy),
    };
    let reply = call.reply(document.status).header("content-type", document.content_type.as_bytes());
    Ok(reply.send(Body::Bytes(&document.body)))
}

/// The page for people. It is its own and fetches one document from where it came from, again and again.
pub fn status_page(call: &mut Call<'_, Verdict>) -> Outcome {
    call.reply(200).lines(PAGE_LINES).send(Body::Bytes(include_bytes!("status.html")))
}
