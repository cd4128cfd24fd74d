//! Which token speaks for an environment when usage is reported (metrics.md 1.5.3, brink column).

use std::sync::Arc;

use super::{
    key::TokenKey,
    known::{Known, State},
    registry::TokenRegistry,
    table::TokenKind,
    token::Token,
};

/// A token to report with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporter {
    /// What it reports for.
    pub environment: Arc<str>,
    /// Its key, to name it to the registry.
    pub key: TokenKey,
    /// Sent to upstream.
    pub token: Token,
}

impl TokenRegistry {
    /// One token per environment: the first start-up token that upstream has not refused, else the oldest valid
    /// backend token. Start-up tokens stand first, in the order given, so the first of all is the one for instance data.
    pub fn reporters(&self) -> Vec<Reporter> {
        let startup = self.startup.iter().filter_map(|key| Some((*key, self.known.get(key)?)));
        let startup = startup.filter(|(_, known)| known.state != State::Refused);
        let mut valid: Vec<_> = self.known.iter().filter(|(_, known)| known.state.is_valid()).collect();
        valid.sort_unstable_by_key(|(_, known)| known.sequence);
        let valid = valid.into_iter().map(|(key, known)| (*key, known));
        let mut reporters: Vec<Reporter> = Vec::new();
        for reporter in startup.chain(valid).filter_map(|(key, known)| reporter(key, known)) {
            if reporters.iter().all(|other| other.environment != reporter.environment) {
                reporters.push(reporter);
            }
        }
        reporters
    }
}

fn reporter(key: TokenKey, known: &Known) -> Option<Reporter> {
    let environment = known.grant.scope.environment.clone()?;
    let token = known.token().filter(|_| known.grant.kind == TokenKind::Backend)?;
    Some(Reporter { environment, key, token: token.clone() })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::tokens::{
        key::KeyHasher,
        record::{KindWord, Status, TokenRecord},
        registry::{Mode, Setup},
    };

    /// What upstream says of a token: its kind, or nothing. A text that ends in `?` was not asked about yet.
    type Listed = (&'static str, Option<KindWord>);

    /// Start-up tokens and asked ones, in this order; the tokens that report, in order.
    #[track_caller]
    fn check(startup: &[Listed], asked: &[Listed], expected: &[&str]) {
        let now = Instant::now();
        let hasher = KeyHasher::new([7; 16]);
        let interval = Duration::from_secs(3_600);
        let setup = Setup { mode: Mode::Dynamic, hasher, revalidation_interval: interval, seed: 1 };
        let mut registry = TokenRegistry::new(setup, now);
        let token = |text: &str| Token::parse(text).expect(text);
        startup.iter().for_each(|(text, _)| registry.add_startup(token(text), now));
        answer(&mut registry, startup, now);
        for (one, second) in asked.iter().zip(1..) {
            let now = now + Duration::from_secs(second);
            registry.ask(hasher.key(one.0.as_bytes()), token(one.0), now);
            answer(&mut registry, &[*one], now);
        }
        let reporters: Vec<String> =
            registry.reporters().iter().map(|reporter| reporter.token.text().to_owned()).collect();
        assert_eq!(reporters, expected, "{startup:?} {asked:?}");
    }

    fn answer(registry: &mut TokenRegistry, listed: &[Listed], now: Instant) {
        if listed.iter().any(|(text, _)| text.ends_with('?')) {
            return;
        }
        let record = |(text, kind): &Listed| {
            let (token, projects) = ((*text).to_owned(), vec!["*".to_owned()]);
            let kind = Some((*kind)?);
            Some(TokenRecord { token, kind, environment: None, projects, status: Status::Validated })
        };
        while let Some(batch) = registry.next_batch(now, 10) {
            registry.answered(batch, listed.iter().filter_map(record).collect(), now);
        }
    }

    const BACKEND: Option<KindWord> = Some(KindWord::Backend);
    const FRONTEND: Option<KindWord> = Some(KindWord::Frontend);

    #[test]
    fn startup_tokens_go_before_validated_ones() {
        check(&[("*:dev.a", BACKEND), ("*:dev.b", BACKEND)], &[("*:dev.c", BACKEND)], &["*:dev.a"]);
        check(&[("*:dev.a", BACKEND)], &[("*:prod.c", BACKEND)], &["*:dev.a", "*:prod.c"]);
        check(&[("*:dev.a", None)], &[("*:dev.c", BACKEND), ("*:dev.d", BACKEND)], &["*:dev.c"]);
        check(&[("*:dev.a", None), ("*:dev.b", BACKEND)], &[], &["*:dev.b"]);
        check(&[("*:dev.a", FRONTEND)], &[("*:dev.c", FRONTEND)], &[]);
        check(&[], &[("*:dev.c", FRONTEND), ("*:dev.d", BACKEND)], &["*:dev.d"]);
        // Nobody has asked upstream yet: better this token than none.
        check(&[("*:dev.a?", None)], &[], &["*:dev.a?"]);
        check(&[], &[], &[]);
    }
}
