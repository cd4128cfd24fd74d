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
mod cors;
mod desk;
mod failure;
mod guard;
mod peers;
mod refusals;
mod replica;
mod route;
#[cfg(test)]
mod tests;

use std::{
    cell::Cell,
    ops::ControlFlow::{Break, Continue},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use brink_shards::{
    Call, Outcome, Request, RequestBody, Service,
    http::{head::Method, path},
};
pub use desk::Desk;
use failure::Failure;
use replica::Replica;
use route::Route;

use crate::{config::settings::Server, messages::Verdict, snapshot::Snapshot, tokens::key::KeyHasher};

/// What the configuration says about answering, prepared once per shard.
#[derive(Debug)]
pub struct Rules {
    base_path: String,
    auth_header: String,
    cors: cors::Cors,
    peers: peers::Peers,
}

impl Rules {
    /// Prepares the rules.
    pub fn new(server: &Server) -> Self {
        Self {
            base_path: server.base_path.clone(),
            auth_header: server.auth_header.clone(),
            cors: cors::Cors::new(&server.cors),
            peers: peers::Peers::new(&server.allow, &server.deny),
        }
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
    /// The process will stop: not ready any more.
    stopping: bool,
}

impl Edge {
    /// A service with nothing to serve yet.
    pub fn new(rules: Rules, keys: KeyHasher, desk: Desk) -> Self {
        let rules = Rc::new(rules);
        Self { rules, keys, desk, replica: Replica::default(), scratch: Cell::default(), stopping: false }
    }

    fn respond(
        &self,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        if !self.rules.peers.admits(request.peer) {
            return Err(Failure::Forbidden { allow: None });
        }
        if let Method::Options = request.head.method {
            return Ok(self.rules.cors.preflight(route, request, call));
        }
        match route {
            Route::Unknown => Err(Failure::NotFound),
            Route::Health | Route::Ready => self.backstage(route, request, call),
            Route::Features | Route::Feature(_) => self.client(route, request, call),
        }
    }

    fn backstage(
        &self,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        route.check_method(&request.head.method)?;
        match route {
            Route::Health => Ok(backstage::health(call)),
            _ if self.stopping || !self.replica.is_ready() => Err(Failure::NotReady),
            _ => Ok(backstage::ready(call)),
        }
    }

    /// The token comes before the method: nobody learns from a 405 what a wrong token would not show.
    fn client(
        &self,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let method = route.check_method(&request.head.method);
        let admission = self.admit(request, call).map_err(|failure| failure.with_allow_of(&method))?;
        let scope = match admission {
            Continue(scope) => scope,
            Break(wait) => return Ok(wait),
        };
        method?;
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

    fn apply(&mut self, snapshot: Arc<Snapshot>) {
        self.replica = Replica::new(snapshot);
    }

    fn note(&mut self, verdict: &Verdict) {
        self.desk.note(verdict);
    }

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, Verdict>) -> Outcome {
        let rules = Rc::clone(&self.rules);
        let path = path::normalise(request.head.target.path);
        let route = Route::find(&path, &rules.base_path);
        self.respond(&route, request, call)
            .unwrap_or_else(|failure| failure.reply(&rules.cors, &route, request, call))
    }

    fn announce_stop(&mut self) {
        self.stopping = true;
    }

    fn tick(&mut self, elapsed: Duration) {
        self.desk.tick(elapsed);
    }
}
