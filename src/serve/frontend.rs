//! `/api/frontend`, `/api/proxy` and their relatives: evaluated features (http-api.md 10.10 to 10.12).
//!
//! A context is read from the query or the body, the engine of the token's environment writes the answer into
//! memory that the shard keeps, and an ETag over it lets a client that has it already be told so. Longer answers are
//! compressed for clients that take gzip. What takes long, be it evaluating or compressing, is left in between so
//! that others have their turn: see [`super::evaluator`].

use std::ops::ControlFlow::{self, Break, Continue};

use brink_shards::{Body, Call, Outcome, Request, Unfinished as Kept, http::head::Method};

use super::{
    Edge,
    client::is_known_to_client,
    entity::Entity,
    evaluator::{Evaluated, Evaluator, Left, Stage, Unfinished},
    failure::Failure,
    json_body,
    limits::SLICE_WORK,
};
use crate::{
    evaluate::{BadContext, Context},
    features::etag::Etag,
    messages::Verdict,
    snapshot::FrontendState,
};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'p> {
    /// Features that are on.
    Enabled,
    /// All features.
    All,
    /// One feature, its name still percent-encoded.
    One(&'p str),
}

impl Edge {
    /// Evaluates for a token's scope. Breaks off to read the body first.
    pub(super) fn frontend(
        &self,
        scope: usize,
        wanted: &Wanted<'_>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let engine = match self.replica.frontend(scope) {
            Some(FrontendState::Serving(engine)) => engine,
            Some(FrontendState::Loading) => return Err(Failure::Loading),
            Some(FrontendState::Absent { may_come: true }) => return Err(Failure::NoEnvironment { scope }),
            Some(FrontendState::Absent { may_come: false }) | None if matches!(wanted, Wanted::One(_)) => {
                return Err(Failure::NotFound);
            }
            Some(FrontendState::Absent { .. }) | None => return Err(Failure::Forbidden { allow: None }),
        };
        let Some(described) = self.replica.describe(scope) else { return Err(Failure::NotFound) };
        let evaluator = &mut *self.evaluator.borrow_mut();
        if let Break(outcome) = read_context(&mut evaluator.sheet.context, request)? {
            return Ok(outcome);
        }
        evaluator.sheet.context.set_remote_address_if_absent(self.rules.client_ip.of(request));
        match evaluator.begin(engine, wanted, described, self.now_unix_ms) {
            Evaluated::Done => Ok(self.send_evaluated(evaluator, None, request, call)),
            Evaluated::NotFound => Err(Failure::NotFound),
            Evaluated::More((asked, rest)) => {
                let left = Left { snapshot: self.replica.snapshot(), scope, asked, rest };
                self.leave_evaluation(evaluator, None, left, request, call)
            }
        }
    }

    /// Goes on with a request that was left.
    pub(super) fn go_on(
        &self,
        unfinished: Kept,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        // What this service gets back it has given.
        let mut unfinished = unfinished.downcast::<Unfinished>().map_err(|_| Failure::NotFound)?;
        let evaluator = &mut *self.evaluator.borrow_mut();
        evaluator.exchange(&mut unfinished);
        match unfinished.stage.take() {
            Some(Stage::Press(entity, gzip)) => {
                Ok(self.send_pressed(evaluator, Some(unfinished), (entity, gzip), request, call))
            }
            Some(Stage::Evaluate(left)) => match evaluator.go_on(left, SLICE_WORK) {
                Evaluated::Done => Ok(self.send_evaluated(evaluator, Some(unfinished), request, call)),
                Evaluated::NotFound => Err(Failure::NotFound),
                Evaluated::More(left) => {
                    self.leave_evaluation(evaluator, Some(unfinished), left, request, call)
                }
            },
            None => Err(Failure::NotFound),
        }
    }

    /// If it cannot be left, because too many are, it is brought to its end.
    fn leave_evaluation(
        &self,
        evaluator: &mut Evaluator,
        held: Option<Box<Unfinished>>,
        left: Left,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let mut stage = match evaluator.leave(held, Stage::Evaluate(left)) {
            Ok(unfinished) => return Ok(Outcome::Yield(unfinished)),
            Err(stage) => stage,
        };
        while let Stage::Evaluate(left) = stage {
            match evaluator.go_on(left, usize::MAX) {
                Evaluated::Done => break,
                Evaluated::NotFound => return Err(Failure::NotFound),
                Evaluated::More(left) => stage = Stage::Evaluate(left),
            }
        }
        Ok(self.send_evaluated(evaluator, None, request, call))
    }

    /// Sends the answer in the sheet, or only says that the client has it.
    fn send_evaluated(
        &self,
        evaluator: &mut Evaluator,
        held: Option<Box<Unfinished>>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Outcome {
        let answer = &evaluator.sheet.answer;
        let content = Etag::of(answer);
        if is_known_to_client(request, &content) {
            return self.begin_entity(304, Entity::of(content), request, call).send(Body::None);
        }
        self.send_entity(evaluator, held, Entity::of(content), request, call)
    }
}

/// Reads the context from where the method has it. Breaks off to read the body first.
fn read_context(context: &mut Context, request: &Request<'_>) -> Result<ControlFlow<Outcome>, Failure> {
    let Method::Post = request.head.method else {
        let query = request.head.target.query.unwrap_or_default();
        return context.read_query(query).map(Continue).map_err(|_| Failure::BadContextQuery);
    };
    let body = match json_body::read(request)? {
        Continue(body) => body,
        Break(outcome) => return Ok(Break(outcome)),
    };
    context.read_json(body).map(Continue).map_err(|bad| match bad {
        BadContext::Query | BadContext::NotJson => Failure::BodyNotJson("not a JSON document".into()),
        BadContext::NotAnObject => Failure::BodyOfWrongShape("expected an object".into()),
        BadContext::ContextNotAnObject => {
            Failure::BodyOfWrongShape("Expected 'context' to be an object".into())
        }
        BadContext::ValueTooLong => Failure::BodyTooLarge,
    })
}
