//! `GET /api/client/delta` (delta-and-streaming.md 4.3): what a client has missed, for those who poll.
//!
//! The client gives back the tag it was given. What it is answered was written when the change was published; only a
//! hydration is copied, around the lists of the features body. Longer ones go out compressed, as evaluated answers do. brink
//! answers wherever there is data, however it came.

use brink_shards::{Body, Call, Outcome, Request};

use super::{Edge, client::name_prefix, entity::Entity, failure::Failure, replica::Serving};
use crate::{
    features::{
        changes::{Kind, ResumeToken, write_missed},
        etag::Etag,
    },
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
        let evaluator = &mut *self.evaluator.borrow_mut();
        let body = &mut evaluator.sheet.answer;
        body.clear();
        let is_any = match given.and_then(|token| changes.since(token)) {
            Some(missed) => write_missed(Kind::Document, missed, &prefix, body),
            None => {
                serving.view.hydration(Kind::Document, &prefix).write(&serving.identity, body);
                true
            }
        };
        let entity = Entity { content: Etag::of(body), token: Some(changes.token()) };
        Ok(if is_any {
            self.send_entity(evaluator, None, entity, request, call)
        } else {
            self.begin_entity(304, entity, request, call).send(Body::None)
        })
    }
}
