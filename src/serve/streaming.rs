//! `GET /api/client/streaming` (delta-and-streaming.md 5 and 7): opens a stream and says where it stands.
//!
//! The first message holds everything, what the client has missed, or nothing. What follows comes from [`super::streams`].

use brink_shards::{Call, Frame, Outcome, Request};

use super::{
    Edge,
    client::name_prefix,
    failure::Failure,
    replica::Serving,
    route::EVENT_STREAM,
    streams::{Follower, hydration},
};
use crate::{
    features::changes::{Kind, ResumeToken, write_missed},
    messages::Verdict,
};

/// Nobody on the way is to keep messages back: `no-transform` turns compression off, the other is known to nginx.
const HEADERS: &[u8] = b"cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\n";

impl Edge {
    /// Opens a stream for a token that was admitted to this scope.
    pub(super) fn stream(
        &self,
        scope: usize,
        serving: &Serving,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let prefix = name_prefix(request.head.target.query.unwrap_or_default())?.unwrap_or_default();
        let presented = request.head.find(&self.rules.auth_header).unwrap_or_default().trim_ascii();
        let scope = self.replica.describe(scope).ok_or(Failure::Forbidden { allow: None })?;
        if self.stopping {
            return Err(Failure::Busy);
        }
        let mut streams = self.streams.borrow_mut();
        let token = self.keys.key(presented);
        if !streams.has_room(token) {
            return Err(Failure::TooManyStreams);
        }
        let given = request.head.find("last-event-id").and_then(ResumeToken::read);
        let first = first_message(serving, given, &prefix);
        let reply = call.open(200).header("content-type", EVENT_STREAM).lines(HEADERS);
        let (feed, outcome) = self.rules.cors.add(request, reply).feed([first]);
        // HEAD has no stream.
        if !feed.is_gone() {
            let position = serving.view.history.token();
            streams.add(Follower { token, prefix: prefix.into(), scope, position }, feed);
        }
        Ok(outcome)
    }
}

fn first_message(serving: &Serving, given: Option<ResumeToken>, prefix: &str) -> Frame {
    match given.and_then(|token| serving.view.history.since(token)) {
        Some(missed) => {
            let mut message = Vec::new();
            write_missed(Kind::Connected, missed, prefix, &mut message);
            Frame::bytes(message)
        }
        None => hydration(serving, Kind::Connected, prefix),
    }
}
