//! `GET /api/client/delta` (delta-and-streaming.md 4.3): what a client has missed, for those who poll.
//!
//! The client gives back the tag it was given. What it is answered was written when the change was published; only a
//! hydration is copied, around the lists of the features body. brink answers wherever there is data, however
//! it came.

use brink_shards::{Body, Call, Outcome, Request};

use super::{Edge, client::name_prefix, failure::Failure, replica::Serving};
use crate::{
    features::changes::{Kind, ResumeToken, write_missed},
    messages::Verdict,
};

impl Edge {
    /// What changed since the client's tag, or everything.
    pub(super) fn delta(
        &self,
        serving: &Serving,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let prefix = name_prefix(request.head.target.query.unwrap_or_default())?.unwrap_or_default();
        let changes = &serving.view.history;
        let given = request.head.find("if-none-match").and_then(ResumeToken::read);
        let mut body = self.scratch.take();
        body.clear();
        let is_any = match given.and_then(|token| changes.since(token)) {
            Some(missed) => write_missed(Kind::Document, missed, &prefix, &mut body),
            None => {
                serving.view.hydration(Kind::Document, &prefix).write(&serving.identity, &mut body);
                true
            }
        };
        let lines = format!("content-type: application/json\r\netag: \"{}\"\r\n", changes.token());
        let reply = call.reply(if is_any { 200 } else { 304 }).lines(lines.as_bytes());
        let reply = self.rules.cors.add(request, reply);
        let outcome = reply.send(if is_any { Body::Bytes(&body) } else { Body::None });
        self.scratch.set(body);
        Ok(outcome)
    }
}
