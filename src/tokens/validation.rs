//! The registry's exchange with upstream: what to ask, and what the answers change.
//!
//! Two kinds of calls never mix: tokens we hold ourselves, and texts that anybody may have sent. So no
//! flood and no text that upstream chokes on can delay a start-up token or a revalidation. A call that
//! fails changes no token's standing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Instant,
};

use super::{
    key::TokenKey,
    known::{Grant, Identity, Known, Origin, State},
    limits::{
        ASKED_BATCHES_MAX, BATCH_TOKENS_MAX, KNOWN_BATCHES_MAX, REFUSED_RETRY_MIN, RETRY_MAX, RETRY_MIN,
    },
    pace::{Doubling, jittered},
    record::TokenRecord,
    refresh::RefreshToken,
    registry::{Mode, TokenRegistry},
    token::Token,
    verdicts::{Decision, StartupAnswer, Verdicts},
};

/// The tokens of one validation call. It must come back, by `answered` or `unanswered`: until then its
/// tokens are not asked about again, and it takes one of the few places for calls in flight.
#[derive(Debug)]
#[must_use = "a batch that does not come back blocks its tokens"]
pub struct Batch {
    lane: Lane,
    tokens: Vec<(TokenKey, Token)>,
}

/// Why a batch is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Shards met its tokens.
    Asked,
    /// We hold its tokens: from the agenda or of the round.
    Known,
}

/// Batches that have not come back.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    asked: usize,
    known: usize,
}

impl InFlight {
    fn has_room(&self, lane: Lane) -> bool {
        match lane {
            Lane::Asked => self.asked < ASKED_BATCHES_MAX,
            Lane::Known => self.known < KNOWN_BATCHES_MAX,
        }
    }

    fn depart(&mut self, lane: Lane) {
        *self.count(lane) += 1;
    }

    fn land(&mut self, lane: Lane) {
        let count = self.count(lane);
        *count = count.saturating_sub(1);
    }

    fn count(&mut self, lane: Lane) -> &mut usize {
        match lane {
            Lane::Asked => &mut self.asked,
            Lane::Known => &mut self.known,
        }
    }
}

impl Batch {
    /// The tokens to send.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &Token> {
        self.tokens.iter().map(|(_, token)| token)
    }
}

impl TokenRegistry {
    /// The next call to make, of at most `max` tokens (and never more than 1 000).
    ///
    /// To be called until it gives nothing. Tokens we hold come first: start-up tokens and suspects when
    /// their pause is over, then the revalidation round; then what shards asked. Nothing is given while
    /// too many calls are in flight.
    pub fn next_batch(&mut self, now: Instant, max: usize) -> Option<Batch> {
        let max = max.clamp(1, BATCH_TOKENS_MAX);
        if self.mode == Mode::Offline {
            return None;
        }
        self.negative.age(now);
        self.known_batch(now, max).or_else(|| self.asked_batch(now, max))
    }

    /// When `next_batch` will have something: not after `now` if at once, `None` if only an event changes
    /// that (a question, or a batch that comes back).
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        if self.mode == Mode::Offline {
            return None;
        }
        let asked = self.in_flight.has_room(Lane::Asked) && self.asked.any_waiting();
        let asked = asked.then(|| self.spacing.next(now));
        let known = self.in_flight.has_room(Lane::Known).then(|| self.round.next(now));
        let known = known.map(|round| self.agenda.next().map_or(round, |agenda| agenda.min(round)));
        asked.into_iter().chain(known).min()
    }

    /// Upstream answered 200: what is listed is valid, the rest of the batch is not.
    ///
    /// The last of several records of one token counts; records without usable kind count as not listed;
    /// records nobody asked for are ignored.
    pub fn answered(&mut self, batch: Batch, listed: Vec<TokenRecord>, now: Instant) -> Verdicts {
        let expected = self.environments();
        let mut listed: HashMap<String, TokenRecord> =
            listed.into_iter().map(|record| (record.token.clone(), record)).collect();
        let mut verdicts = Verdicts::default();
        self.in_flight.land(batch.lane);
        for (key, token) in batch.tokens {
            self.asked.land(key);
            let grant = listed.remove(token.text()).and_then(|record| Grant::of_record(&record, &token));
            match grant {
                // One of ours that was given up while the call was under way: nobody has asked for it.
                Some(_) if batch.lane == Lane::Known && !self.known.contains_key(&key) => {}
                Some(grant) => self.confirm(key, token, grant, &mut verdicts),
                None => self.refuse(key, &token, now, &mut verdicts),
            }
        }
        if batch.lane == Lane::Known {
            // Upstream is back for our own tokens: a round that pauses need not wait longer.
            self.round.succeeded();
        }
        self.settle(&expected, &mut verdicts);
        verdicts
    }

    /// The call failed: nothing is known more than before. Returns tokens that requests may wait for; they
    /// get no verdict now.
    pub fn unanswered(&mut self, batch: Batch, now: Instant) -> Vec<TokenKey> {
        self.in_flight.land(batch.lane);
        let (mut undecided, mut of_the_round) = (Vec::new(), Vec::new());
        for (key, _) in batch.tokens {
            if self.deferring && self.asked.put_back(key) {
                undecided.push(key);
                continue;
            }
            if self.asked.land(key) || self.is_undecided(key) {
                undecided.push(key);
            }
            match self.known.get_mut(&key) {
                None => {}
                Some(known) if known.is_of_the_round() => {
                    known.in_flight = false;
                    of_the_round.push(key);
                }
                Some(known) => {
                    known.in_flight = false;
                    self.postpone(key, now);
                }
            }
        }
        if !of_the_round.is_empty() {
            self.round.failed(of_the_round, now, &mut self.random);
        }
        undecided
    }

    fn is_undecided(&self, key: TokenKey) -> bool {
        self.known.get(&key).is_some_and(|known| known.state == State::Undecided)
    }

    fn asked_batch(&mut self, now: Instant, max: usize) -> Option<Batch> {
        if !self.in_flight.has_room(Lane::Asked) || !self.asked.any_waiting() || self.spacing.next(now) > now
        {
            return None;
        }
        self.in_flight.depart(Lane::Asked);
        self.spacing.depart(now);
        Some(Batch { lane: Lane::Asked, tokens: self.asked.take(max) })
    }

    fn known_batch(&mut self, now: Instant, max: usize) -> Option<Batch> {
        if !self.in_flight.has_room(Lane::Known) {
            return None;
        }
        let mut keys = self.agenda.take_due(now, max);
        if keys.is_empty() {
            keys = self.take_of_the_round(now, max);
        }
        if keys.is_empty() {
            return None;
        }
        self.in_flight.depart(Lane::Known);
        self.spacing.depart(now);
        let tokens = keys.into_iter().filter_map(|key| self.depart(key, now)).collect();
        Some(Batch { lane: Lane::Known, tokens })
    }

    fn take_of_the_round(&mut self, now: Instant, max: usize) -> Vec<TokenKey> {
        if self.round.is_to_begin(now) {
            let keys = self.round_keys();
            self.round.begin(keys, now, &mut self.random);
        }
        loop {
            let taken = self.round.take(now, max);
            if taken.is_empty() {
                return taken;
            }
            // Some may have been lost, or come under suspicion, since the round began.
            let current: Vec<TokenKey> =
                taken.into_iter().filter(|key| self.is_for_the_round(*key)).collect();
            if !current.is_empty() {
                return current;
            }
        }
    }

    /// All tokens of the round, oldest first.
    fn round_keys(&self) -> Vec<TokenKey> {
        let ours = self.known.iter().filter(|(_, known)| known.is_of_the_round() && !known.in_flight);
        let mut keys: Vec<(u64, TokenKey)> = ours.map(|(key, known)| (known.sequence, *key)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    fn is_for_the_round(&self, key: TokenKey) -> bool {
        self.known.get(&key).is_some_and(|known| known.is_of_the_round() && !known.in_flight)
    }

    fn depart(&mut self, key: TokenKey, now: Instant) -> Option<(TokenKey, Token)> {
        let known = self.known.get_mut(&key)?;
        let token = known.token()?.clone();
        (known.in_flight, known.tried_at) = (true, Some(now));
        Some((key, token))
    }

    fn confirm(&mut self, key: TokenKey, token: Token, grant: Grant, verdicts: &mut Verdicts) {
        self.negative.forgive(key);
        self.agenda.remove(key);
        let Some(known) = self.known.get_mut(&key) else {
            verdicts.changed = true;
            verdicts.decided.push((key, Decision::Accepted));
            return self
                .insert(key, Known::new(Identity::Plain(token), Origin::Asked, State::Confirmed, grant));
        };
        let unanswered = matches!(known.state, State::Undecided | State::Presumed | State::Refused);
        if known.origin == Origin::Startup && (unanswered || known.grant.kind != grant.kind) {
            verdicts.startup.push((token, StartupAnswer::Confirmed(grant.kind)));
        }
        if !known.state.is_valid() {
            verdicts.decided.push((key, Decision::Accepted));
        }
        verdicts.changed |= !known.state.is_valid() || known.grant != grant;
        (known.state, known.grant) = (State::Confirmed, grant);
        (known.in_flight, known.setbacks) = (false, 0);
    }

    fn refuse(&mut self, key: TokenKey, token: &Token, now: Instant, verdicts: &mut Verdicts) {
        match self.known.get(&key) {
            Some(known) if known.origin == Origin::Startup => self.refuse_startup(key, token, now, verdicts),
            Some(_) => {
                self.known.remove(&key);
                self.agenda.remove(key);
                self.negative.refuse(key, now);
                verdicts.changed = true;
                verdicts.revoked.push(key);
            }
            None => {
                let until = self.negative.refuse(key, now);
                verdicts.decided.push((key, Decision::Refused { until }));
            }
        }
    }

    /// A refused start-up token keeps its record: it is tried again, and shards need not ask.
    fn refuse_startup(&mut self, key: TokenKey, token: &Token, now: Instant, verdicts: &mut Verdicts) {
        let Some(known) = self.known.get_mut(&key) else { return };
        let before = std::mem::replace(&mut known.state, State::Refused);
        known.in_flight = false;
        if before != State::Refused {
            known.setbacks = 0;
            verdicts.changed = true;
        }
        let until = self.postpone(key, now);
        match before {
            State::Undecided => verdicts.decided.push((key, Decision::Refused { until })),
            _ if before.is_valid() => verdicts.revoked.push(key),
            _ => {}
        }
        verdicts.startup.push((token.clone(), StartupAnswer::Refused));
    }

    /// Puts a token of the agenda at its next date, later with each setback.
    fn postpone(&mut self, key: TokenKey, now: Instant) -> Instant {
        let pause = self.known.get_mut(&key).map_or(RETRY_MAX, |known| {
            known.setbacks = known.setbacks.saturating_add(1);
            let refused = Doubling { first: REFUSED_RETRY_MIN, longest: self.interval };
            let doubtful = Doubling { first: RETRY_MIN, longest: RETRY_MAX };
            if known.state == State::Refused { refused } else { doubtful }.pause(known.setbacks)
        });
        let date = now + jittered(pause, &mut self.random);
        self.agenda.set(key, date);
        date
    }

    /// Brings the refresh set up to date with what the batch changed.
    pub(super) fn settle(&mut self, expected: &BTreeSet<Arc<str>>, verdicts: &mut Verdicts) {
        if !verdicts.changed {
            return;
        }
        let before = self.rebuild_refresh_set();
        let lacks = |set: &[RefreshToken], token: &RefreshToken| !set.iter().any(|one| one == token);
        let after = self.refresh_set();
        verdicts.joined = after.iter().filter(|token| lacks(&before, token)).cloned().collect();
        verdicts.left = before.iter().filter(|token| lacks(after, token)).cloned().collect();
        verdicts.environments_lost = expected.difference(&self.environments()).cloned().collect();
    }
}
