//! `/api/frontend`, `/api/proxy` and their relatives: evaluated features (http-api.md 10.10 to 10.12).
//!
//! A context is read from the query or the body, the engine of the token's environment writes the answer into
//! memory that the shard keeps, and an ETag over it lets a client that has it already be told so. Answers are not
//! compressed: see `docs/ARCHITECTURE.md`.

use std::ops::ControlFlow::{self, Break, Continue};

use brink_shards::{
    Call, Outcome, Request,
    http::{head::Method, path},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Edge, failure::Failure, json_body};
use crate::{
    evaluate::{Ask, BadContext, Context, Engine, Scratch},
    features::etag::Etag,
    messages::Verdict,
    snapshot::FrontendState,
    tokens::scope::Scope,
};

/// What evaluations of one shard reuse.
pub struct Evaluator {
    context: Context,
    scratch: Scratch,
    answer: Vec<u8>,
    /// Seeds the draws of each request.
    random: SmallRng,
}

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

impl Evaluator {
    /// Fresh memory; `seed` must differ from shard to shard.
    pub fn new(seed: u64) -> Self {
        Self {
            context: Context::default(),
            scratch: Scratch::default(),
            answer: Vec::new(),
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Writes the answer; false if there is no such feature.
    fn evaluate(&mut self, engine: &Engine, wanted: &Wanted<'_>, scope: &Scope, now_unix_ms: i64) -> bool {
        let Self { context, scratch, answer, random } = self;
        answer.clear();
        let ask = Ask { context, projects: &scope.projects, now_unix_ms, seed: random.random() };
        match wanted {
            Wanted::Enabled => drop(engine.write_enabled(&ask, scratch, answer)),
            Wanted::All => drop(engine.write_all(&ask, scratch, answer)),
            Wanted::One(name) => {
                let found = path::percent_decode(name)
                    .is_some_and(|name| engine.write_one(&name, &ask, scratch, answer).is_some());
                return found;
            }
        }
        true
    }
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
        let mut evaluator = self.evaluator.borrow_mut();
        if let Break(outcome) = read_context(&mut evaluator.context, request)? {
            return Ok(outcome);
        }
        evaluator.context.set_remote_address_if_absent(self.rules.client_ip.of(request));
        if !evaluator.evaluate(engine, wanted, described, self.now_unix_ms) {
            return Err(Failure::NotFound);
        }
        let tag = Etag::of(&evaluator.answer);
        Ok(self.send_made(&tag, &evaluator.answer, request, call))
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
