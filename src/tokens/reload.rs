//! Changes of the configured tokens while the process runs: lists that are read again, tokens that are issued.
//!
//! A list replaces the one before. What is new joins as at the start; what is gone is forgotten altogether, so that
//! nothing is fetched with it any more; a request that still brings it makes it a token like any other. Tokens that an
//! upstream issues are its own word: valid without being asked about (tokens.md 9).

use std::time::Instant;

use super::{
    key::TokenKey,
    known::{Grant, Identity, Known, Origin, State},
    pretrusted::Pretrusted,
    record::TokenRecord,
    registry::TokenRegistry,
    scope::{Projects, Scope},
    table::TokenKind,
    token::Token,
    verdicts::{Decision, StartupAnswer, Verdicts},
};

impl TokenRegistry {
    /// Start-up tokens for all projects of these environments are to be issued: until they are, nothing is certain
    /// about these environments.
    pub fn promise<'n>(&mut self, environments: impl IntoIterator<Item = &'n str>) {
        let scope = |name: &str| Scope { environment: Some(name.into()), projects: Projects::All };
        self.promised = environments.into_iter().map(scope).collect();
    }

    /// Upstream has issued tokens: they are valid, and are the start-up tokens from now on. Records in no grammar or
    /// without usable kind are left out; `None`, and nothing changed, if none is left.
    pub fn issued(&mut self, records: Vec<TokenRecord>, now: Instant) -> Option<Verdicts> {
        let usable = records.iter().filter_map(|record| {
            let token = Token::parse(&record.token).ok()?;
            let grant = Grant::of_record(record, &token)?;
            Some((token, grant))
        });
        let usable: Vec<(Token, Grant)> = usable.collect();
        if usable.is_empty() {
            return None;
        }
        let expected = self.environments();
        let mut verdicts = Verdicts { changed: true, ..Verdicts::default() };
        self.promised.clear();
        let mut startup = Vec::with_capacity(usable.len());
        for (token, grant) in usable {
            let key = self.key(&token);
            self.enlist(key, token.clone(), now);
            self.agenda.remove(key);
            self.negative.forgive(key);
            if let Some(known) = self.known.get_mut(&key) {
                if !known.state.is_valid() {
                    verdicts.decided.push((key, Decision::Accepted));
                }
                verdicts.startup.push((token, StartupAnswer::Confirmed(grant.kind)));
                (known.state, known.grant, known.setbacks) = (State::Confirmed, grant, 0);
            }
            startup.push(key);
        }
        self.replace_list(startup, &mut verdicts);
        self.settle(&expected, &mut verdicts);
        Some(verdicts)
    }

    /// The list of start-up tokens was read again. New ones are validated at once; what the old list had and this one
    /// has not is forgotten.
    pub fn replace_startup(&mut self, tokens: Vec<Token>, now: Instant) -> Verdicts {
        let expected = self.environments();
        let mut verdicts = Verdicts { changed: true, ..Verdicts::default() };
        let mut startup = Vec::with_capacity(tokens.len());
        for token in tokens {
            let key = self.key(&token);
            if !startup.contains(&key) {
                self.enlist(key, token, now);
                startup.push(key);
            }
        }
        self.replace_list(startup, &mut verdicts);
        self.settle(&expected, &mut verdicts);
        verdicts
    }

    /// The list of pretrusted tokens was read again. The table differs afterwards.
    pub fn replace_pretrusted(&mut self, list: &[Pretrusted]) {
        self.known.retain(|_, known| known.origin != Origin::Pretrusted);
        list.iter().for_each(|pretrusted| self.add_pretrusted(pretrusted));
    }

    fn replace_list(&mut self, startup: Vec<TokenKey>, verdicts: &mut Verdicts) {
        let before = std::mem::replace(&mut self.startup, startup);
        for key in before {
            if self.startup.contains(&key) {
                continue;
            }
            self.agenda.remove(key);
            let Some(known) = self.known.remove(&key) else { continue };
            if known.state.is_valid() {
                verdicts.revoked.push(key);
            }
            // Whoever waits looks again, finds nothing, and asks anew when it comes back.
            if known.state == State::Undecided {
                verdicts.decided.push((key, Decision::Accepted));
            }
        }
    }

    /// Adds a token of `--pretrusted-tokens`. A start-up token with the same text stays what it is.
    pub fn add_pretrusted(&mut self, pretrusted: &Pretrusted) {
        let key = self.hasher.key(pretrusted.secret().as_bytes());
        if self.known.get(&key).is_some_and(|known| known.origin == Origin::Startup) {
            return;
        }
        let grant = Grant { kind: TokenKind::Frontend, scope: pretrusted.scope().clone() };
        self.insert(
            key,
            Known::new(Identity::Masked(pretrusted.masked()), Origin::Pretrusted, State::Trusted, grant),
        );
    }
}
