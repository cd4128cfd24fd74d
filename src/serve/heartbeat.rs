//! `POST /api/client/edge-licensing/heartbeat`: an edge below us asks upstream about its licence (http-api.md 10.9).
//!
//! We have none of our own and invent no answer: token, query and body go up as they came, status and body come down
//! as upstream gave them. No answer is a 503.

use std::sync::Arc;

use brink_shards::{Attempt, Body, Call, Outcome, Request, RequestBody};

use super::{Edge, failure::Failure};
use crate::{
    messages::{Heartbeat, Verdict},
    tokens::token::Token,
    upstream::Relayed,
};

impl Edge {
    /// Passes a heartbeat on, or its answer back.
    pub(super) fn heartbeat(
        &self,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let body = match request.body {
            RequestBody::Complete(body) => body,
            RequestBody::Expected => return Ok(Outcome::ReadBody),
            RequestBody::TooLarge => return Err(Failure::BodyTooLarge),
        };
        let relayed = match call.attempt() {
            // The verdict about its token, which it may have waited for first.
            Attempt::First | Attempt::Answered(Verdict::Look) => return self.pass_on(request, body, call),
            Attempt::Answered(Verdict::Relayed(relayed)) => Arc::clone(relayed),
            Attempt::Answered(_) | Attempt::TimedOut => return Err(Failure::Busy),
        };
        if !is_an_answer(relayed.status) {
            return Err(Failure::Busy);
        }
        Ok(self.pass_back(&relayed, request, call))
    }

    fn pass_on(
        &self,
        request: &Request<'_>,
        body: &[u8],
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let presented = request.head.find(&self.rules.auth_header).unwrap_or_default();
        let token = Token::from_header(presented).map_err(|_| Failure::Forbidden { allow: None })?;
        let query = request.head.target.query.map(str::to_owned);
        let body = body.to_vec();
        let wait = self.desk.pass_on(call, |waiter| Heartbeat { token, query, body, waiter });
        wait.ok_or(Failure::Busy)
    }

    fn pass_back(&self, relayed: &Relayed, request: &Request<'_>, call: &mut Call<'_, Verdict>) -> Outcome {
        let mut reply = self.rules.cors.add(request, call.reply(relayed.status));
        if let Some(content_type) = &relayed.content_type {
            reply = reply.header("content-type", content_type.as_bytes());
        }
        reply.send(if relayed.body.is_empty() { Body::Empty } else { Body::Bytes(&relayed.body) })
    }
}

/// Not a redirect, which was not followed, and nothing that has no body by definition.
fn is_an_answer(status: u16) -> bool {
    matches!(status, 200..=203 | 400..=599)
}
