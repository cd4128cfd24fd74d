//! Who may ask: from the token in the header to the scope it may see (http-api.md 8.1, brink column).
//!
//! The token is found by one look-up of its keyed hash; an unknown one is asked about once, by the control
//! thread, while the request waits. Doubt is a 503, never a 4xx.

use std::ops::ControlFlow::{self, Break, Continue};

use brink_shards::{Attempt, Call, Outcome, Request};

use super::{
    Edge,
    failure::Failure,
    route::{Api, Route},
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
                self.notice(key, presented, &entry);
                usize::try_from(entry.scope).map(Continue).map_err(|_| FORBIDDEN)
            }
            Some(_) => Err(FORBIDDEN),
            None => self.ask_about(key, presented, call),
        }
    }

    fn ask_about(
        &self,
        key: TokenKey,
        presented: &[u8],
        call: &mut Call<'_, Verdict>,
    ) -> Result<ControlFlow<Outcome, usize>, Failure> {
        if !self.desk.may_ask() || self.desk.is_refused(key) {
            return Err(FORBIDDEN);
        }
        match call.attempt() {
            Attempt::First => {}
            Attempt::Answered(Verdict::Refused { .. }) => return Err(FORBIDDEN),
            Attempt::Answered(Verdict::Unavailable { status }) => {
                return Err(Failure::NoVerdict { status: *status });
            }
            Attempt::Answered(Verdict::Look | Verdict::Loaded | Verdict::Page(_)) | Attempt::TimedOut => {
                return Err(Failure::NoVerdict { status: None });
            }
        }
        let token = Token::from_header(presented).map_err(|_| FORBIDDEN)?;
        self.desk
            .ask(call, |waiter| Ask::Validate { key, token, waiter })
            .map(Break)
            .ok_or(Failure::NoVerdict { status: None })
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
