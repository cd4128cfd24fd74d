//! The request path: one request in, one answer out, from this core's replica.
//!
//! ```text
//!   normalise path -> route (base path) -> peer allowed? -> OPTIONS? -> token -> method -> handler
//! ```
//!
//! [`Edge`] is the service on one shard. It reads no clock (time comes with the tick), no file and no socket,
//! and takes no lock; what it cannot answer goes to the control thread through its [`Desk`].

mod access;
mod backstage;
mod client;
mod client_ip;
mod cors;
mod delta;
mod desk;
mod docs;
mod entity;
mod evaluator;
mod failure;
mod frontend;
mod generations;
mod guard;
mod gzip;
mod heartbeat;
mod json_body;
mod kept;
mod limits;
mod meter;
mod peers;
mod ports;
mod redirect;
mod refusals;
mod replica;
mod route;
mod strangers;
mod streaming;
mod streams;
#[cfg(test)]
mod tests;
mod usage;
mod validate;

use std::{
    cell::{Cell, RefCell},
    ops::ControlFlow::{Break, Continue},
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use backstage::Backstage;
use brink_shards::{
    Answered, Call, Now, Outcome, Request, RequestBody, Service,
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
use route::{Api, PageRoute, Route};
use strangers::Strangers;
use streams::Streams;
use usage::Gatherer;

use crate::{
    config::settings::{self, Endpoints, ProxyTrust, Role, Server},
    messages::{Notice, Verdict},
    observe::{access::Witness, meter::Meter},
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

impl Rules {
    /// A path without the base path, where it has it.
    fn below_base<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(&*self.base_path).unwrap_or(path)
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
    gatherer: RefCell<Gatherer>,
    strangers: RefCell<Strangers>,
    streams: RefCell<Streams>,
    /// As of the last tick.
    now_unix_ms: i64,
    /// The process will stop: not ready any more.
    stopping: bool,
    meter: Meter,
    seat: Option<Seat>,
    witness: Witness,
}

/// Where a service runs.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// Index of its shard.
    pub shard: usize,
    /// Tells the time where a tick is too coarse.
    pub clock: fn() -> Instant,
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
            gatherer: RefCell::default(),
            strangers: RefCell::default(),
            streams: RefCell::default(),
            now_unix_ms: 0,
            stopping: false,
            meter: Meter::default(),
            seat: None,
            witness: Witness::default(),
        }
    }

    /// The service of this shard. Without a seat it measures what it does and cannot be asked for it.
    #[must_use]
    pub fn seated(self, seat: Seat) -> Self {
        Self { seat: Some(seat), ..self }
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
            Route::Frontend(Wanted::All)
            | Route::Metrics(Api::Frontend { all: true })
            | Route::Register(Api::Frontend { all: true })
                if !self.rules.endpoints.all =>
            {
                Err(Failure::NotFound)
            }
            Route::Heartbeat if !self.desk.relays() => Err(Failure::NotFound),
            Route::Validate => {
                route.check_method(&request.head.method)?;
                self.validate(request, call)
            }
            Route::Features
            | Route::Feature(_)
            | Route::Delta
            | Route::Streaming
            | Route::Frontend(_)
            | Route::Metrics(_)
            | Route::Register(_)
            | Route::MetricsBulk
            | Route::MetricsEdge
            | Route::Heartbeat => self.api(route, request, call),
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
            Route::Page(PageRoute::StatusPage) => Ok(backstage::status_page(call)),
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
        match route {
            Route::Frontend(wanted) => return self.frontend(scope, wanted, request, call),
            Route::Metrics(_) | Route::Register(_) | Route::MetricsBulk | Route::MetricsEdge => {
                return self.report(scope, route, request, call);
            }
            Route::Heartbeat => return self.heartbeat(request, call),
            _ => {}
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
            Route::Delta => self.delta(serving, request, call),
            Route::Streaming => self.stream(scope, serving, request, call),
            _ => self.features(scope, serving, request, call),
        }
    }
}

impl Service for Edge {
    type State = Arc<Snapshot>;
    type Answer = Verdict;
    type Notice = Notice;

    fn apply(&mut self, snapshot: Arc<Snapshot>) {
        let published = snapshot.published;
        self.replica = Replica::new(snapshot);
        self.streams.get_mut().follow(&self.replica);
        self.measure_applied(published);
    }

    fn note(&mut self, verdict: &Verdict) {
        self.desk.note(verdict);
    }

    fn told(&mut self, notice: Notice) {
        match notice {
            Notice::Measure(answers) => self.show_figures(&answers),
        }
    }

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, Verdict>) -> Outcome {
        let rules = Rc::clone(&self.rules);
        let path = path::normalise(request.head.target.path);
        let route = Route::find(&path, &rules.base_path).accepting(request.head.lines("accept"));
        self.meter_request(&route, &path, request);
        let outcome = match call.take_unfinished() {
            Some(unfinished) => self.go_on(unfinished, request, call),
            None if rules.ports.role(request.origin) == Role::Redirect => rules.redirect.reply(request, call),
            None => self.respond(&route, request, call),
        };
        let outcome = outcome
            .unwrap_or_else(|failure| failure.reply(&rules.cors, &self.replica, &route, request, call));
        if self.witness.cares_for(call.status()) {
            self.witness.notice(access::place(&route, rules.below_base(&path)), request);
        }
        outcome
    }

    fn answered(&mut self, answered: &Answered) {
        self.meter.answer(answered.status, answered.body_bytes, answered.took);
        self.witness.answer(answered);
    }

    fn announce_stop(&mut self) {
        self.stopping = true;
        self.streams.get_mut().end();
    }

    fn tick(&mut self, now: &Now) {
        self.desk.tick(now.elapsed);
        self.witness.tick();
        self.streams.get_mut().keep_alive(now.elapsed);
        self.now_unix_ms = i64::try_from(now.unix.as_millis()).unwrap_or(i64::MAX);
        self.hand_over_in_time(u64::try_from(now.elapsed.as_millis()).unwrap_or(u64::MAX));
    }

    fn ended(&mut self) {
        self.hand_over();
    }
}
