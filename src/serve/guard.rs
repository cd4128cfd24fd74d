//! Who may ask: from the token in the header to the scope it may see (http-api.md 8.1, brink column).
//!
//! The token is found by one look-up of its keyed hash; an unknown one is asked about once, by the control
//! thread, while the request waits. Doubt is a 503, never a 4xx, but for peers that bring nothing but made-up tokens
//! (see [`super::strangers`]) and where validation is deferred.

use std::ops::ControlFlow::{self, Break, Continue};

use brink_shards::{Attempt, Call, Outcome, Request};

use super::{
    Edge,
    failure::Failure,
    refusals::Deferred,
    route::{Api, Route},
    strangers::{Strangers, Treatment},
};
use crate::{
    messages::{Ask, Verdict},
    tokens::{key::TokenKey, table::Entry, token::Token},
};

const FORBIDDEN: Failure = Failure::Forbidden { allow: None };

impl Edge {
    /// Admits tokens whose kind may use the route: the index of the scope they see. Breaks if the token has to be asked
    /// about first.
    pub(super) fn admit(
        &self,
        route: &Route<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<ControlFlow<Outcome, usize>, Failure> {
        let presented = request.head.find(&self.rules.auth_header).unwrap_or_default().trim_ascii();
        if presented.is_empty() {
            return Err(FORBIDDEN);
        }
        let key = self.keys.key(presented);
        match self.replica.token(key) {
            Some(entry) if may_use(&entry, route) => {
                self.admitted(key, request, call);
                self.notice(key, presented, &entry);
                usize::try_from(entry.scope).map(Continue).map_err(|_| FORBIDDEN)
            }
            Some(_) => Err(FORBIDDEN),
            None => self.ask_about(key, presented, request, call),
        }
    }

    /// A token that its request has waited for speaks for its peer.
    fn admitted(&self, key: TokenKey, request: &Request<'_>, call: &Call<'_, Verdict>) {
        if let Attempt::Answered(Verdict::Look) = call.attempt() {
            let peer = self.rules.client_ip.accountable(request);
            self.strangers.borrow_mut().confirmed(key, peer);
        }
    }

    fn ask_about(
        &self,
        key: TokenKey,
        presented: &[u8],
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<ControlFlow<Outcome, usize>, Failure> {
        let peer = self.rules.client_ip.accountable(request);
        let mut strangers = self.strangers.borrow_mut();
        match call.attempt() {
            Attempt::First => {}
            Attempt::Answered(Verdict::Refused { .. }) => {
                strangers.refused(key, peer, self.desk.now_ms());
                return Err(FORBIDDEN);
            }
            Attempt::Answered(verdict) => {
                strangers.undecided(key, peer);
                return Err(Failure::NoVerdict { status: verdict.trouble() });
            }
            Attempt::TimedOut => {
                strangers.undecided(key, peer);
                return Err(Failure::NoVerdict { status: None });
            }
        }
        if !self.desk.may_ask() || (!self.desk.defers() && self.desk.is_refused(key)) {
            return Err(FORBIDDEN);
        }
        let token = Token::from_header(presented).map_err(|_| FORBIDDEN)?;
        if self.desk.defers() {
            return Err(self.defer(key, token, &mut strangers));
        }
        match strangers.meet(key, peer, self.desk.now_ms()) {
            Treatment::Ask => {}
            Treatment::Refuse { hint } => {
                // A hint that finds no room is one of many.
                let _ = hint && self.desk.tell(Ask::Hint { key, token });
                return Err(FORBIDDEN);
            }
        }
        let wait = self.desk.ask(call, |waiter| Ask::Validate { key, token, waiter });
        if wait.is_none() {
            strangers.undecided(key, peer);
        }
        wait.map(Break).ok_or(Failure::NoVerdict { status: None })
    }

    /// What a token is told that is validated later (tokens.md 4.4): 401 at first sight, 403 until it is confirmed.
    fn defer(&self, key: TokenKey, token: Token, strangers: &mut Strangers) -> Failure {
        let standing = self.desk.deferred(key);
        if standing != Deferred::Waiting && strangers.may_hint(self.desk.now_ms()) {
            self.desk.defer(key, token);
        }
        if standing == Deferred::New { Failure::Unvalidated } else { FORBIDDEN }
    }
}

fn may_use(entry: &Entry, route: &Route<'_>) -> bool {
    match route {
        Route::Frontend(_) => entry.may_use_frontend_api(),
        // What counts is not secret, and backend tokens report here too (security.md 1.8).
        Route::Metrics(Api::Frontend { .. }) | Route::Register(Api::Frontend { .. }) => {
            entry.may_use_frontend_api() || entry.may_use_client_api()
        }
        _ => entry.may_use_client_api(),
    }
}
