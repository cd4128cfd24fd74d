//! Sending what was made for one request: evaluated features, deltas. Longer answers are compressed for clients that take
//! gzip, in pieces, and what was compressed is kept by its content ([`super::kept`]).
//!
//! The answer stands in the evaluator's sheet. 304 is for the caller to decide: what a client has to give back for
//! it differs.

use brink_shards::{
    Body, Call, Outcome, Reply, Request,
    http::{
        accept_encoding::{self, Choice, Coding, Offered},
        head::Method,
    },
};

use super::{
    Edge,
    evaluator::{Evaluator, Stage, Unfinished},
    gzip::{Gzip, Pressed},
    limits::{GZIP_BYTES_MIN, SLICE_GZIP_BYTES},
};
use crate::{
    features::{changes::ResumeToken, etag::Etag},
    messages::Verdict,
};

const LINES: &[u8] = b"content-type: application/json\r\nvary: accept-encoding\r\n";

/// What an answer is known by.
#[derive(Debug, Clone, Copy)]
pub struct Entity {
    /// The tag of its content, and so the client's, if there is no other.
    pub content: Etag,
    /// What the client is given as a tag.
    pub token: Option<ResumeToken>,
}

impl Entity {
    /// One that is known by its content alone.
    pub fn of(content: Etag) -> Self {
        Self { content, token: None }
    }
}

impl Edge {
    /// Sends the answer in the sheet.
    pub(super) fn send_entity(
        &self,
        evaluator: &mut Evaluator,
        held: Option<Box<Unfinished>>,
        entity: Entity,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Outcome {
        let answer = &evaluator.sheet.answer;
        match chosen(request, answer.len()) {
            Choice::NotAcceptable => self.begin_entity(406, entity, request, call).send(Body::Bytes(answer)),
            // The answer to HEAD describes the answer as it is: nothing is compressed to know a length.
            Choice::Use(Coding::Gzip) if request.head.method != Method::Head => {
                if let Some(kept) = evaluator.kept.find(&entity.content) {
                    return self.begin_gzipped(entity, request, call).send(Body::Shared(&kept));
                }
                let gzip = evaluator.take_gzip();
                self.send_pressed(evaluator, held, (entity, gzip), request, call)
            }
            Choice::Use(_) => self.begin_entity(200, entity, request, call).send(Body::Bytes(answer)),
        }
    }

    /// Compresses the answer in the sheet and sends it.
    pub(super) fn send_pressed(
        &self,
        evaluator: &mut Evaluator,
        held: Option<Box<Unfinished>>,
        (entity, mut gzip): (Entity, Box<Gzip>),
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Outcome {
        let mut pressed = gzip.take(&evaluator.sheet.answer, SLICE_GZIP_BYTES);
        if pressed == Pressed::Partly {
            match evaluator.leave(held, Stage::Press(entity, gzip)) {
                Ok(unfinished) => return Outcome::Yield(unfinished),
                Err(Stage::Press(_, back)) => gzip = back,
                Err(Stage::Evaluate(_)) => gzip = evaluator.take_gzip(),
            }
            pressed = gzip.take(&evaluator.sheet.answer, usize::MAX);
        }
        let outcome = if pressed == Pressed::Whole {
            let kept = evaluator.kept.keep(&entity.content, gzip.bytes());
            let body = kept.as_ref().map_or(Body::Bytes(gzip.bytes()), Body::Shared);
            self.begin_gzipped(entity, request, call).send(body)
        } else {
            self.begin_entity(200, entity, request, call).send(Body::Bytes(&evaluator.sheet.answer))
        };
        evaluator.put_back_gzip(gzip);
        outcome
    }

    /// Begins an answer that is known by this.
    pub(super) fn begin_entity<'c>(
        &self,
        status: u16,
        entity: Entity,
        request: &Request<'_>,
        call: &'c mut Call<'_, Verdict>,
    ) -> Reply<'c> {
        let reply = call.reply(status).lines(LINES);
        let reply = match entity.token {
            Some(token) => reply.header("etag", format!("\"{token}\"").as_bytes()),
            None => reply.header("etag", entity.content.as_bytes()),
        };
        self.rules.cors.add(request, reply)
    }

    fn begin_gzipped<'c>(
        &self,
        entity: Entity,
        request: &Request<'_>,
        call: &'c mut Call<'_, Verdict>,
    ) -> Reply<'c> {
        self.begin_entity(200, entity, request, call).header("content-encoding", b"gzip")
    }
}

/// The coding of an answer of this length, by the rules of stored bodies: only that gzip is all there is.
fn chosen(request: &Request<'_>, answer_bytes: usize) -> Choice {
    if request.head.known.accept_encoding.is_none() {
        return Choice::Use(Coding::Identity);
    }
    let gzip = answer_bytes >= GZIP_BYTES_MIN;
    accept_encoding::choose(request.head.lines("accept-encoding"), Offered { gzip, br: false, zstd: false })
}
