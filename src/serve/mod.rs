//! The request path: one request in, one answer out, from this core's replica.
//!
//! ```text
//!   normalise path -> route (base path) -> peer allowed? -> OPTIONS? -> token -> method -> handler
//! ```
//!
//! [`Edge`] is the service on one shard. It reads no clock (time comes with the tick), no file and no socket,
//! and takes no lock; what it cannot answer goes to the control thread through its [`Desk`].

mod backstage;
mod client;
mod client_ip;
mod cors;
mod desk;
mod docs;
mod evaluator;
mod failure;
mod frontend;
mod guard;
mod gzip;
mod kept;
mod limits;
mod peers;
mod ports;
mod redirect;
mod refusals;
mod replica;
mod route;
#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    ops::ControlFlow::{Break, Continue},
    rc::Rc,
    sync::Arc,
};

use backstage::Backstage;
use brink_shards::{
    Call, Now, Outcome, Request, RequestBody, Service,
    http::{head::Method, path},
};
use client_ip::ClientIp;
pub use desk::Desk;
use docs::Docs;
use evaluator::Evaluator;
use failure::Failure;
use frontend::Wanted;
use ports::Ports;
use redirect::Redirect;
use replica::Replica;
use route::{PageRoute, Route};

use crate::{
    config::settings::{self, Endpoints, ProxyTrust, Role, Server},
    messages::{Notice, Verdict},
    snapshot::Snapshot,
    tokens::key::KeyHasher,
};

/// What the configuration says about answering, prepared once per shard.
#[derive(Debug)]
pub struct Rules {
    base_path: String,
    auth_header: String,
    cors: cors::Cors,
    peers: peers::Peers,
    client_ip: ClientIp,
    endpoints: Endpoints,
    backstage: Backstage,
    docs: Docs,
    ports: Ports,
    redirect: Redirect,
}

impl Rules {
    /// Prepares the rules.
    pub fn new(
        server: &Server,
        trust: &ProxyTrust,
        endpoints: &Endpoints,
        backstage: &settings::Backstage,
    ) -> Self {
        Self {
            base_path: server.base_path.clone(),
            auth_header: server.auth_header.clone(),
            cors: cors::Cors::new(&server.cors),
            peers: peers::Peers::new(&server.allow, &server.deny),
            client_ip: ClientIp::new(trust),
            endpoints: endpoints.clone(),
            backstage: Backstage::new(backstage),
            docs: Docs::new(server),
            ports: Ports::default(),
            redirect: Redirect::new(trust),
        }
    }

    /// What the ports are for, by their index, and which of them redirects lead to. Without this all are for the API.
    #[must_use]
    pub fn on(mut self, roles: &[Role], https_port: u16) -> Self {
        self.ports = Ports::new(roles);
        self.redirect.set_port(https_port);
        self
    }
}

/// The service of one shard.
pub struct Edge {
    rules: Rc<Rules>,
    keys: KeyHasher,
    desk: Desk,
    replica: Replica,
    /// Bodies that are made for one request; kept to reuse the memory.
    scratch: Cell<Vec<u8>>,
    evaluator: RefCell<Evaluator>,
    /// As of the last tick.
    now_unix_ms: i64,
    /// The process will stop: not ready any more.
    stopping: bool,
}

impl Edge {
    /// A service with nothing to serve yet. `seed` is for random draws and must differ from shard to shard.
    pub fn new(rules: Rules, keys: KeyHasher, desk: Desk, seed: u64) -> Self {
        Self {
            rules: Rc::new(rules),
            keys,
            desk,
            replica: Replica::default(),
            scratch: Cell::default(),
            evaluator: RefCell::new(Evaluator::new(seed)),
            now_unix_ms: 0,
            stopping: false,
        }
    }

    fn respond(
        &self,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        if !self.rules.peers.admits(request.origin.peer) {
            return Err(Failure::Forbidden { allow: None });
        }
        if let Method::Options = request.head.method {
            return Ok(self.rules.cors.preflight(route, request, call));
        }
        match route {
            Route::Unknown => Err(Failure::NotFound),
            _ if !self.rules.backstage.has(route, self.rules.ports.role(request.origin)) => {
                Err(Failure::NotFound)
            }
            Route::Health | Route::Ready | Route::Page(_) => self.backstage(route, request, call),
            Route::Docs(_) if !self.rules.endpoints.openapi => Err(Failure::NotFound),
            Route::Docs(doc) => {
                route.check_method(&request.head.method)?;
                Ok(self.rules.docs.reply(*doc, call))
            }
            Route::Frontend(Wanted::All) if !self.rules.endpoints.all => Err(Failure::NotFound),
            Route::Metrics(_)
            | Route::Register(_)
            | Route::MetricsBulk
            | Route::MetricsEdge
            | Route::Heartbeat => Err(Failure::NotFound),
            Route::Features | Route::Feature(_) | Route::Frontend(_) => self.api(route, request, call),
        }
    }

    fn backstage(
        &self,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        match route {
            Route::Page(page) if !backstage::is_served(page, &self.rules.endpoints) => {
                return Err(Failure::NotFound);
            }
            Route::Page(_) if !self.rules.backstage.admits(request, self.keys) => {
                return Err(Failure::Unauthorized);
            }
            _ => route.check_method(&request.head.method)?,
        }
        match route {
            Route::Health => Ok(backstage::health(call)),
            Route::Page(PageRoute::FeaturesOf(token)) => self.features_of(token, request, call),
            Route::Page(page) => backstage::page(page, &self.desk, call),
            _ if self.stopping || !self.replica.is_ready() => Err(Failure::NotReady),
            _ => Ok(backstage::ready(call)),
        }
    }

    /// The token comes before the method: nobody learns from a 405 what a wrong token would not show.
    fn api(
        &self,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let method = route.check_method(&request.head.method);
        let admission = self.admit(route, request, call).map_err(|failure| failure.with_allow_of(&method))?;
        let scope = match admission {
            Continue(scope) => scope,
            Break(wait) => return Ok(wait),
        };
        method?;
        if let Route::Frontend(wanted) = route {
            return self.frontend(scope, wanted, request, call);
        }
        if request.body == RequestBody::Expected && !request.head.expect_continue {
            // The body says nothing to us, but must be read for the connection to go on.
            return Ok(Outcome::ReadBody);
        }
        let serving = match self.serving(scope, call)? {
            Continue(serving) => serving,
            Break(wait) => return Ok(wait),
        };
        match route {
            Route::Feature(name) => self.feature(serving, name, request, call),
            _ => self.features(scope, serving, request, call),
        }
    }
}

impl Service for Edge {
    type State = Arc<Snapshot>;
    type Answer = Verdict;
    type Notice = Notice;

    fn apply(&mut self, snapshot: Arc<Snapshot>) {
        self.replica = Replica::new(snapshot);
    }

    fn note(&mut self, verdict: &Verdict) {
        self.desk.note(verdict);
    }

    fn told(&mut self, notice: Notice) {
        match notice {}
    }

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, Verdict>) -> Outcome {
        let rules = Rc::clone(&self.rules);
        let path = path::normalise(request.head.target.path);
        let route = Route::find(&path, &rules.base_path);
        let outcome = match call.take_unfinished() {
            Some(unfinished) => self.go_on(unfinished, request, call),
            None if rules.ports.role(request.origin) == Role::Redirect => rules.redirect.reply(request, call),
            None => self.respond(&route, request, call),
        };
        outcome.unwrap_or_else(|failure| failure.reply(&rules.cors, &self.replica, &route, request, call))
    }

    fn announce_stop(&mut self) {
        self.stopping = true;
    }

    fn tick(&mut self, now: &Now) {
        self.desk.tick(now.elapsed);
        self.now_unix_ms = i64::try_from(now.unix.as_millis()).unwrap_or(i64::MAX);
    }
}
