//! `POST /edge/validate`: edges below us ask which tokens are valid (http-api.md 10.14).
//!
//! No token is needed. What this core's table knows is answered from it; unknown tokens in grammar go to the control
//! thread, all in one message, and the request waits for all verdicts. An answer is complete or it is a 503: whatever it
//! left out would count as revoked below. Admin tokens are listed to nobody (security.md 1.5), pretrusted ones neither.

use std::ops::ControlFlow::{Break, Continue};

use brink_shards::{Attempt, Body, Call, Outcome, Request};
use serde::Deserialize;

use super::{Edge, failure::Failure, json_body, limits::TOKENS_PER_CALL_MAX};
use crate::{
    messages::{Ask, Verdict},
    tokens::{
        key::{KeyMap, TokenKey},
        record::{Status, TokenList, TokenRecord},
        table::{Entry, Standing, TokenKind},
        token::Token,
    },
};

const JSON: &[u8] = b"content-type: application/json\r\n";

/// What is sent to us.
#[derive(Deserialize)]
struct Asked {
    tokens: Vec<String>,
}

/// The tokens of a request, each once.
struct Sorted {
    valid: Vec<TokenRecord>,
    unknown: Vec<(TokenKey, Token)>,
}

impl Edge {
    /// Tells which of the tokens are valid.
    pub(super) fn validate(
        &self,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let body = match json_body::read(request)? {
            Continue(body) => body,
            Break(outcome) => return Ok(outcome),
        };
        let Sorted { valid, unknown } = self.sort(&read(body)?);
        let open = match call.attempt() {
            // Whatever is unknown still has its verdict.
            Attempt::Answered(Verdict::Look) => false,
            Attempt::Answered(verdict) => return Err(Failure::NoVerdict { status: verdict.trouble() }),
            Attempt::TimedOut => return Err(Failure::NoVerdict { status: None }),
            Attempt::First => self.desk.may_ask() && !unknown.is_empty(),
        };
        if open && self.desk.defers() {
            self.hand_in(unknown);
        } else if open {
            return self.ask_about_all(unknown, request, call);
        }
        Ok(self.list(valid, request, call))
    }

    /// Looks every text in grammar up.
    fn sort(&self, texts: &[String]) -> Sorted {
        let mut seen = KeyMap::with_capacity_and_hasher(texts.len(), Default::default());
        let mut sorted = Sorted { valid: Vec::new(), unknown: Vec::new() };
        for text in texts {
            let Ok(token) = Token::parse(text) else { continue };
            let key = self.keys.key(token.text().as_bytes());
            if seen.insert(key, ()).is_some() {
                continue;
            }
            match self.replica.token(key) {
                Some(entry) => sorted.valid.extend(self.record(&token, &entry)),
                None if self.desk.is_refused(key) => {}
                None => sorted.unknown.push((key, token)),
            }
        }
        sorted
    }

    /// How a known token is listed, if it is.
    fn record(&self, token: &Token, entry: &Entry) -> Option<TokenRecord> {
        if entry.standing != Standing::Validated || entry.kind == TokenKind::Admin {
            return None;
        }
        let scope = self.replica.scope_of(entry)?;
        Some(TokenRecord {
            token: token.text().to_owned(),
            kind: entry.kind.word(),
            environment: scope.environment.as_deref().map(str::to_owned),
            projects: scope.projects.names().into_iter().map(str::to_owned).collect(),
            status: Status::Validated,
        })
    }

    fn ask_about_all(
        &self,
        tokens: Vec<(TokenKey, Token)>,
        request: &Request<'_>,
        call: &mut Call<'_, Verdict>,
    ) -> Result<Outcome, Failure> {
        let peer = self.rules.client_ip.accountable(request);
        if !self.strangers.borrow_mut().may_call(peer, self.desk.now_ms()) {
            return Err(Failure::NoVerdict { status: None });
        }
        let wait = self.desk.ask(call, |waiter| Ask::ValidateAll { tokens, waiter });
        wait.ok_or(Failure::NoVerdict { status: None })
    }

    /// Nobody waits where validation is deferred: unknown tokens are not listed, and asked about some time.
    fn hand_in(&self, tokens: Vec<(TokenKey, Token)>) {
        for (key, token) in tokens {
            if !self.strangers.borrow_mut().may_hint(self.desk.now_ms()) || !self.desk.defer(key, token) {
                return;
            }
        }
    }

    fn list(&self, tokens: Vec<TokenRecord>, request: &Request<'_>, call: &mut Call<'_, Verdict>) -> Outcome {
        // Texts, numbers and lists only: this cannot fail.
        let body = serde_json::to_vec(&TokenList { tokens }).unwrap_or_default();
        self.rules.cors.add(request, call.reply(200)).lines(JSON).send(Body::Bytes(&body))
    }
}

/// The error never quotes the body, which holds tokens.
fn read(body: &[u8]) -> Result<Vec<String>, Failure> {
    let asked: Asked = serde_json::from_slice(body).map_err(|error| {
        let place = format!("at line {} column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => {
                Failure::BodyOfWrongShape(format!("expected a list of texts named `tokens` {place}").into())
            }
            _ => Failure::BodyNotJson(place.into()),
        }
    })?;
    if asked.tokens.len() > TOKENS_PER_CALL_MAX { Err(Failure::BodyTooLarge) } else { Ok(asked.tokens) }
}
