//! Tests of the registry as a whole: told as stories, and against a model.

mod model;
mod reload;
mod stories;
mod storm;
mod story;

use std::time::{Duration, Instant};

use super::{
    key::{KeyHasher, TokenKey},
    pretrusted::Pretrusted,
    record::{KindWord, Status, TokenRecord},
    registry::{Asked, Coverage, Mode, Setup, TokenRegistry},
    scope::{Projects, Scope},
    table::{Standing, TokenKind},
    token::Token,
    validation::Batch,
    verdicts::{Decision, StartupAnswer, Verdicts},
};

const INTERVAL: Duration = Duration::from_secs(3_600);

fn hasher() -> KeyHasher {
    KeyHasher::new([7; 16])
}

fn registry(mode: Mode, now: Instant) -> TokenRegistry {
    TokenRegistry::new(Setup { mode, hasher: hasher(), revalidation_interval: INTERVAL, seed: 1 }, now)
}

fn token(text: &str) -> Token {
    Token::parse(text).expect("test tokens are in grammar")
}

fn key(text: &str) -> TokenKey {
    hasher().key(text.as_bytes())
}

/// A record as upstream lists it, environment and project as in the text.
fn listed(kind: KindWord, text: &str) -> TokenRecord {
    let token = token(text);
    TokenRecord {
        token: text.into(),
        kind: Some(kind),
        environment: Some(token.environment().into()),
        projects: vec![token.project_part().into()],
        status: Status::Validated,
    }
}

fn scope(environment: &str, projects: &[&str]) -> Scope {
    Scope { environment: Some(environment.into()), projects: Projects::from_names(projects) }
}
