//! The truth about tokens: which are known, how they stand, and what upstream is to be asked next.
//!
//! Owned by the sync thread, the only one that calls it. A state machine without clock, channel or
//! client: questions come in by [`TokenRegistry::ask`], work goes out by `next_batch`, answers come back
//! by `answered` or `unanswered` (in `validation`), and shards get a [`TokenTable`]. Invariants: a token is
//! asked about by at most one call at a time; a valid token stays valid until an answer omits it; a
//! refusal always ends; queue, negative cache and records are bounded.
//!
//! ```text
//!   shard --ask--> asked --\
//!   start-up, suspects --> agenda --> next_batch --> upstream --> answered / unanswered
//!   every interval ----> round --/                                    |
//!   refusals of asked tokens <-- negative <--- Verdicts, TokenTable <-/
//! ```

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::SmallRng};

use super::{
    agenda::Agenda,
    asked::AskedTokens,
    key::{KeyHasher, KeyMap, TokenKey},
    known::{Grant, Identity, Known, Origin, State},
    limits::{
        ASKED_SPACING, DEFERRED_SPACING, NEGATIVE_TTL_MAX, RETRY_MIN, REVALIDATION_INTERVAL_MAX,
        REVALIDATION_INTERVAL_MIN, TOKENS_MAX,
    },
    mask::mask,
    negative::NegativeCache,
    pace::Spacing,
    record::{Status, TokenRecord},
    refresh::{RefreshToken, minimal_cover},
    revalidation::Round,
    scope::{Projects, Scope},
    table::{Row, TokenKind, TokenTable},
    token::Token,
    validation::InFlight,
};

/// Who may fetch features, and whether upstream exists (tokens.md 4.3 and 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No upstream: the configured tokens and no others.
    Offline,
    /// Start-up tokens fetch; others must lie in their scope.
    Strict,
    /// Every valid backend token fetches.
    Dynamic,
}

/// How to make a registry.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// See [`Mode`].
    pub mode: Mode,
    /// The hasher the shards use, too.
    pub hasher: KeyHasher,
    /// `--token-revalidation-interval-seconds`.
    pub revalidation_interval: Duration,
    /// For jitter.
    pub seed: u64,
}

/// What becomes of a shard's question about an unknown token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// There is a verdict in the table; the shard's snapshot was older.
    Decided,
    /// Upstream did not confirm it lately: 403 until then.
    Refused {
        /// End of the refusal.
        until: Instant,
    },
    /// Already waiting for a verdict; this one is for all who asked.
    Joined,
    /// Waits for a verdict now.
    Queued,
    /// The queue or the registry is full: no verdict to be had.
    Full,
}

/// Whether a refresh token covers a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Yes.
    Covered,
    /// Not yet: a start-up token of the environment has no verdict so far.
    Undecided,
    /// No, and that is certain: 403 in strict mode (http-api.md 8.2).
    Outside,
}

/// What the registry holds, for gauges and tests of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Tokens with a record.
    pub known: usize,
    /// Asked tokens without verdict.
    pub asked: usize,
    /// Refusals remembered.
    pub refused: usize,
}

/// For `/internal-backstage/tokens`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Valid tokens, texts masked, in order of arrival.
    pub tokens: Vec<TokenRecord>,
    /// Refused ones.
    pub invalid: usize,
}

/// See the module.
#[derive(Debug)]
pub struct TokenRegistry {
    pub(super) mode: Mode,
    pub(super) hasher: KeyHasher,
    pub(super) random: SmallRng,
    pub(super) interval: Duration,
    pub(super) known: KeyMap<Known>,
    /// Keys of start-up tokens, in the order given; each is in `known` for ever.
    pub(super) startup: Vec<TokenKey>,
    /// Tokens without record that shards asked about.
    pub(super) asked: AskedTokens,
    pub(super) negative: NegativeCache,
    /// Has a date for each record that is of the agenda and not in flight.
    pub(super) agenda: Agenda,
    pub(super) round: Round,
    pub(super) in_flight: InFlight,
    /// Keeps calls about asked tokens apart from all others.
    pub(super) spacing: Spacing,
    /// Nobody waits for verdicts, so a failed call must not lose its questions.
    pub(super) deferring: bool,
    /// What start-up tokens that are still to be issued will cover.
    pub(super) promised: Vec<Scope>,
    /// The minimal cover of the candidates; brought up to date by `rebuild_refresh_set`.
    refresh: Vec<RefreshToken>,
    /// Number of records ever made.
    sequence: u64,
}

impl TokenRegistry {
    /// An empty registry; the first revalidation round begins one interval after `now`.
    pub fn new(setup: Setup, now: Instant) -> Self {
        let mut random = SmallRng::seed_from_u64(setup.seed);
        let interval =
            setup.revalidation_interval.clamp(REVALIDATION_INTERVAL_MIN, REVALIDATION_INTERVAL_MAX);
        Self {
            mode: setup.mode,
            hasher: setup.hasher,
            round: Round::new(interval, now, &mut random),
            random,
            interval,
            known: KeyMap::default(),
            startup: Vec::new(),
            asked: AskedTokens::default(),
            negative: NegativeCache::default(),
            agenda: Agenda::default(),
            in_flight: InFlight::default(),
            spacing: Spacing::new(ASKED_SPACING),
            deferring: false,
            promised: Vec::new(),
            refresh: Vec::new(),
            sequence: 0,
        }
    }

    /// Nobody waits for a verdict (`EDGE_DEFER_TOKEN_VALIDATION`): calls about asked tokens are made once per second, and
    /// what a failed one asked is asked again (tokens.md 4.4, brink).
    #[must_use]
    pub fn deferring(mut self) -> Self {
        self.deferring = true;
        self.spacing.set_gap(DEFERRED_SPACING);
        self
    }

    /// Adds a token of `--tokens`, to be validated at once. One given twice counts once; one that a backup
    /// brought before stays valid until its answer.
    pub fn add_startup(&mut self, token: Token, now: Instant) {
        let key = self.key(&token);
        if !self.startup.contains(&key) {
            self.enlist(key, token, now);
            self.startup.push(key);
            self.rebuild_refresh_set();
        }
    }

    /// Makes the record of a start-up token, or one of another origin that of a start-up token.
    pub(super) fn enlist(&mut self, key: TokenKey, token: Token, now: Instant) {
        match self.known.get_mut(&key) {
            Some(known) if known.origin == Origin::Startup => return,
            Some(known) if known.token().is_some() => known.origin = Origin::Startup,
            _ => {
                let grant = Grant::claimed(&token);
                let identity = Identity::Plain(token);
                self.insert(key, Known::new(identity, Origin::Startup, State::Undecided, grant));
            }
        }
        if self.asked.withdraw(key)
            && let Some(known) = self.known.get_mut(&key)
        {
            // The call that is under way is about this record now.
            known.in_flight = true;
        }
        let is_open = |known: &Known| known.is_unanswered_startup() && !known.in_flight;
        if self.known.get(&key).is_some_and(is_open) {
            self.agenda.set(key, now);
        }
    }

    /// Adds what a backup holds; returns how many records were of use.
    ///
    /// Usable are validated records of a known kind. They authenticate at once and are validated as soon
    /// as upstream answers. A start-up token found among them counts as valid until its answer; what an
    /// answer has said already is not touched (persistence.md 8, rule 8). The table and the refresh set
    /// may differ afterwards.
    pub fn restore(&mut self, records: impl IntoIterator<Item = TokenRecord>, now: Instant) -> usize {
        let taken = records.into_iter().filter(|record| self.restore_one(record, now)).count();
        if taken > 0 {
            self.round.hasten(now);
            self.rebuild_refresh_set();
        }
        taken
    }

    fn restore_one(&mut self, record: &TokenRecord, now: Instant) -> bool {
        let Ok(token) = Token::parse(&record.token) else { return false };
        let Some(grant) = Grant::of_record(record, &token) else { return false };
        if record.status != Status::Validated {
            return false;
        }
        let (key, full) = (self.key(&token), self.is_full());
        let refused = self.negative.refused_until(key, now).is_some();
        match self.known.get_mut(&key) {
            Some(known)
                if matches!(known.state, State::Undecided | State::Presumed) && !known.is_in_backup =>
            {
                (known.state, known.grant, known.is_in_backup) = (State::Presumed, grant, true);
                true
            }
            Some(_) => false,
            None if full || refused => false,
            None => {
                let known = Known::new(Identity::Plain(token), Origin::Restored, State::Presumed, grant);
                self.insert(key, Known { is_in_backup: true, ..known });
                true
            }
        }
    }

    /// Counts undecided start-up tokens of a restored environment as valid until their answer
    /// (upstream.md 10, row "tokens unreadable"); returns how many. The table and the refresh set may differ
    /// afterwards.
    pub fn presume_startup(&mut self, environment: &str) -> usize {
        let mut presumed = 0;
        for key in &self.startup {
            let Some(known) = self.known.get_mut(key) else { continue };
            if known.state == State::Undecided
                && known.grant.scope.environment.as_deref() == Some(environment)
            {
                known.state = State::Presumed;
                presumed += 1;
            }
        }
        self.rebuild_refresh_set();
        presumed
    }

    /// Adds a token of offline mode: any text (tokens.md 8). Of two with one text the later wins.
    pub fn add_offline(&mut self, kind: TokenKind, text: &str) {
        let text = text.trim_ascii();
        if text.is_empty() {
            return;
        }
        let opaque = || Scope { environment: None, projects: Projects::Named(Box::default()) };
        let scope = Token::parse(text).map_or_else(|_| opaque(), |token| token.scope());
        let key = self.hasher.key(text.as_bytes());
        self.insert(
            key,
            Known::new(Identity::Masked(mask(text)), Origin::Offline, State::Trusted, Grant { kind, scope }),
        );
    }

    /// A shard met a token that its table does not list. `key` is the key of `token`.
    pub fn ask(&mut self, key: TokenKey, token: Token, now: Instant) -> Asked {
        debug_assert_eq!(key, self.key(&token), "the shards' hasher is the registry's");
        if self.known.contains_key(&key) {
            return self.ask_known(key, now);
        }
        if self.mode == Mode::Offline {
            return Asked::Refused { until: now + NEGATIVE_TTL_MAX };
        }
        if let Some(until) = self.negative.refused_until(key, now) {
            return Asked::Refused { until };
        }
        if self.asked.contains(key) {
            return Asked::Joined;
        }
        if self.asked.is_full() || self.is_full() {
            return Asked::Full;
        }
        self.asked.push(key, token);
        Asked::Queued
    }

    fn ask_known(&mut self, key: TokenKey, now: Instant) -> Asked {
        let Some(known) = self.known.get(&key) else { return Asked::Full };
        match known.state {
            State::Undecided => {
                self.hasten(key, now);
                Asked::Joined
            }
            State::Refused => Asked::Refused { until: self.agenda.date(key).unwrap_or(now + RETRY_MIN) },
            State::Presumed | State::Confirmed | State::Suspect | State::Trusted => Asked::Decided,
        }
    }

    /// A fetch with this token was answered 401 or 403: ask upstream at once whether it still exists.
    ///
    /// It stays valid and in the refresh set until an answer omits it (tokens.md 6).
    pub fn suspect(&mut self, key: TokenKey, now: Instant) {
        let Some(known) = self.known.get_mut(&key) else { return };
        if known.is_of_the_round() {
            (known.state, known.setbacks) = (State::Suspect, 0);
            if !known.in_flight {
                self.agenda.set(key, now);
            }
        } else if known.state == State::Presumed {
            self.hasten(key, now);
        }
    }

    /// Brings a token's date forward, but not to less than a second after its last call.
    fn hasten(&mut self, key: TokenKey, now: Instant) {
        let tried_at = self.known.get(&key).and_then(|known| known.tried_at);
        let soonest = tried_at.map_or(now, |tried_at| now.max(tried_at + RETRY_MIN));
        self.agenda.hasten(key, soonest);
    }

    /// The look-up for the next snapshot.
    pub fn table(&self) -> TokenTable {
        TokenTable::build(self.known.iter().filter_map(|(key, known)| {
            let Grant { kind, scope } = &known.grant;
            Some(Row { key: *key, kind: *kind, standing: known.standing()?, scope })
        }))
    }

    /// The tokens to fetch with, ordered by scope: a minimal cover of all that may (tokens.md 7.2).
    ///
    /// In strict mode these are start-up tokens and restored ones inside their scope, in dynamic mode all
    /// valid backend tokens. Of several with one scope a start-up token is used, else the oldest.
    pub fn refresh_set(&self) -> &[RefreshToken] {
        &self.refresh
    }

    /// Whether a refresh token covers the scope.
    pub fn coverage(&self, scope: &Scope) -> Coverage {
        if self.covered(scope) {
            return Coverage::Covered;
        }
        // Which projects a token without verdict has is known only to upstream: the environment decides.
        match self.undecided_environments().any(|environment| Some(environment) == scope.environment.as_ref())
        {
            true => Coverage::Undecided,
            false => Coverage::Outside,
        }
    }

    /// Whether a refresh token is known that covers the scope.
    pub fn covered(&self, scope: &Scope) -> bool {
        self.refresh.iter().any(|refresh| refresh.scope.covers(scope))
    }

    /// Whether a refresh token of this environment is known, or a start-up token that may become one.
    pub fn fetches(&self, environment: &str) -> bool {
        self.environments().iter().any(|name| **name == *environment)
    }

    /// Whether features of a project are fetched by a refresh token, or may be by a start-up token without verdict.
    pub fn may_refresh(&self, environment: &str, project: &str) -> bool {
        let is_ours = |name: Option<&Arc<str>>| name.is_some_and(|name| **name == *environment);
        let seen = |scope: &Scope| is_ours(scope.environment.as_ref()) && scope.projects.sees(project);
        self.refresh.iter().any(|refresh| seen(&refresh.scope))
            || self.undecided_environments().any(|name| is_ours(Some(name)))
    }

    /// Whether tokens that come later may fetch.
    pub fn is_dynamic(&self) -> bool {
        self.mode == Mode::Dynamic
    }

    /// Whether any token is known, valid or not: the ready rule of http-api.md 11.2. Tokens that only
    /// requests brought and upstream did not confirm do not count.
    pub fn any_known(&self) -> bool {
        !self.known.is_empty() || !self.promised.is_empty()
    }

    /// Whether a start-up token has no answer of upstream yet.
    pub fn startup_undecided(&self) -> bool {
        !self.promised.is_empty() || self.startup_tokens().any(Known::is_unanswered_startup)
    }

    /// The text of a known token, where it is kept.
    pub fn token(&self, key: TokenKey) -> Option<&Token> {
        self.known.get(&key)?.token()
    }

    /// What a backup is to hold: tokens that upstream or an earlier backup confirmed, in full, in order of arrival.
    /// Secrets.
    pub fn backup(&self) -> Vec<TokenRecord> {
        self.in_order().filter_map(Known::backup_record).collect()
    }

    /// What the backstage shows: valid tokens, masked, and the number of refused ones.
    pub fn listing(&self) -> Listing {
        let refused = self.known.values().filter(|known| known.state == State::Refused).count();
        let valid = self.in_order().filter(|known| known.state.is_valid());
        Listing { tokens: valid.map(Known::masked_record).collect(), invalid: refused + self.negative.len() }
    }

    /// How much is held.
    pub fn sizes(&self) -> Sizes {
        Sizes { known: self.known.len(), asked: self.asked.len(), refused: self.negative.len() }
    }

    pub(super) fn key(&self, token: &Token) -> TokenKey {
        self.hasher.key(token.text().as_bytes())
    }

    /// Whether no further token may be admitted that the configuration does not name.
    fn is_full(&self) -> bool {
        self.known.len() + self.asked.len() >= TOKENS_MAX
    }

    /// Adds a record, in place of one with the same key.
    pub(super) fn insert(&mut self, key: TokenKey, known: Known) {
        self.known.insert(key, Known { sequence: self.sequence, ..known });
        self.sequence += 1;
    }

    fn in_order(&self) -> impl Iterator<Item = &Known> {
        let mut all: Vec<&Known> = self.known.values().collect();
        all.sort_unstable_by_key(|known| known.sequence);
        all.into_iter()
    }

    fn startup_tokens(&self) -> impl Iterator<Item = &Known> {
        self.startup.iter().filter_map(|key| self.known.get(key))
    }

    fn undecided_environments(&self) -> impl Iterator<Item = &Arc<str>> {
        let undecided = self.startup_tokens().filter(|known| known.state == State::Undecided);
        let scopes = undecided.map(|known| &known.grant.scope).chain(&self.promised);
        scopes.filter_map(|scope| scope.environment.as_ref())
    }

    /// Environments that are fetched, or would be if an undecided start-up token proved valid.
    pub fn environments(&self) -> BTreeSet<Arc<str>> {
        let fetched = self.refresh.iter().filter_map(|refresh| refresh.scope.environment.as_ref());
        fetched.chain(self.undecided_environments()).cloned().collect()
    }

    /// Computes the refresh set anew and returns the one before.
    pub(super) fn rebuild_refresh_set(&mut self) -> Vec<RefreshToken> {
        let mut candidates: Vec<(TokenKey, &Known, &Token)> = self.refresh_candidates().collect();
        candidates.sort_unstable_by_key(|(_, known, _)| (known.origin, known.sequence));
        let cover = minimal_cover(candidates, |(_, known, _)| &known.grant.scope).into_iter();
        let refresh = cover.map(|(key, known, token)| RefreshToken {
            key,
            token: token.clone(),
            scope: known.grant.scope.clone(),
        });
        let refresh = refresh.collect();
        std::mem::replace(&mut self.refresh, refresh)
    }

    fn refresh_candidates(&self) -> impl Iterator<Item = (TokenKey, &Known, &Token)> {
        let startup_scopes = self.startup_scopes();
        let valid = self.known.iter().filter(|(_, known)| known.is_valid_backend());
        let may_fetch = valid.filter(move |(_, known)| self.may_fetch(known, &startup_scopes));
        may_fetch.filter_map(|(key, known)| Some((*key, known, known.token()?)))
    }

    fn may_fetch(&self, known: &Known, startup_scopes: &[&Scope]) -> bool {
        match (self.mode, known.origin) {
            (Mode::Offline, _) | (_, Origin::Pretrusted | Origin::Offline) => false,
            (Mode::Dynamic, _) | (Mode::Strict, Origin::Startup) => true,
            (Mode::Strict, Origin::Restored) => {
                startup_scopes.iter().any(|scope| scope.covers(&known.grant.scope))
            }
            (Mode::Strict, Origin::Asked) => false,
        }
    }

    /// What the start-up tokens claim or were granted, refused ones and frontend tokens left out.
    fn startup_scopes(&self) -> Vec<&Scope> {
        let standing = self.startup_tokens().filter(|known| known.state != State::Refused);
        let backend = standing.filter(|known| known.grant.kind == TokenKind::Backend);
        backend.map(|known| &known.grant.scope).chain(&self.promised).collect()
    }
}
