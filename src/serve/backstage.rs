//! `/internal-backstage`: probes. No token, no CORS headers.

use std::sync::Arc;

use brink_shards::{Attempt, Body, Call, Outcome};

use super::{desk::Desk, failure::Failure};
use crate::{messages::Verdict, pages::Page};

const JSON: &[u8] = b"content-type: application/json\r\n";

/// The process is alive and its shards answer.
pub fn health(call: &mut Call<'_, Verdict>) -> Outcome {
    call.reply(200).lines(JSON).send(Body::Bytes(br#"{"status":"OK"}"#))
}

/// There is something to serve.
pub fn ready(call: &mut Call<'_, Verdict>) -> Outcome {
    call.reply(200).lines(JSON).send(Body::Bytes(br#"{"status":"READY"}"#))
}

/// A document that the pages thread makes; the request waits for it.
pub fn page(page: Page, desk: &Desk, call: &mut Call<'_, Verdict>) -> Result<Outcome, Failure> {
    let document = match call.attempt() {
        Attempt::First => return desk.ask_for(call, page).ok_or(Failure::Busy),
        Attempt::Answered(Verdict::Page(document)) => Arc::clone(document),
        Attempt::Answered(_) | Attempt::TimedOut => return Err(Failure::Busy),
    };
    let reply = call.reply(document.status).header("content-type", document.content_type.as_bytes());
    Ok(reply.send(Body::Bytes(&document.body)))
}
