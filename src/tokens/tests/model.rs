//! Random histories of one registry, each step checked against a plain model.
//!
//! The model knows only this: which tokens an answer has listed last. The registry's table must say the
//! same at all times, whatever was asked, failed, lost or repeated in between.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

use super::*;
use crate::tokens::{
    key::KeyMap,
    known::State,
    limits::{ASKED_BATCHES_MAX, KNOWN_BATCHES_MAX, NEGATIVE_TTL_MAX, QUEUE_MAX},
};

const HISTORIES: u64 = 300;
const STEPS: usize = 150;
const STARTUP: [&str; 3] = ["*:dev.s1", "p1:dev.s2", "p1:prod.s3"];
const OTHERS: [&str; 7] =
    ["*:dev.a1", "p1:dev.a2", "p2:dev.a3", "*:prod.a4", "[]:prod.a5", "p1:test.a6", "x:y.a7"];
const WORDS: [KindWord; 4] = [KindWord::Backend, KindWord::Frontend, KindWord::Admin, KindWord::Invalid];

struct History {
    random: SmallRng,
    mode: Mode,
    now: Instant,
    registry: TokenRegistry,
    /// What upstream would list.
    upstream: BTreeMap<&'static str, KindWord>,
    /// The start-up tokens now.
    startup: Vec<&'static str>,
    /// Those that were taken from the list once: a call may still be under way when there is reason for the next one.
    relisted: BTreeSet<&'static str>,
    /// Calls under way, and whether each is about tokens that we hold.
    out: Vec<(bool, Batch)>,
    /// What an answer listed last.
    valid: BTreeMap<&'static str, KindWord>,
    /// Keys without verdict since they were asked.
    waiting: BTreeSet<TokenKey>,
}

impl History {
    fn begin(seed: u64) -> Self {
        let now = Instant::now();
        let mode = if seed.is_multiple_of(2) { Mode::Strict } else { Mode::Dynamic };
        let revalidation_interval = Duration::from_secs(300);
        let setup = Setup { mode, hasher: hasher(), revalidation_interval, seed };
        let mut registry = TokenRegistry::new(setup, now);
        STARTUP.iter().for_each(|text| registry.add_startup(token(text), now));
        Self {
            random: SmallRng::seed_from_u64(seed),
            mode,
            now,
            registry,
            upstream: BTreeMap::new(),
            startup: STARTUP.to_vec(),
            relisted: BTreeSet::new(),
            out: Vec::new(),
            valid: BTreeMap::new(),
            waiting: BTreeSet::new(),
        }
    }

    fn any_text(&mut self) -> &'static str {
        let all = [STARTUP.as_slice(), &OTHERS].concat();
        all.choose(&mut self.random).expect("not empty")
    }

    fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..30 => self.ask(),
            30..55 => self.send(),
            55..70 => self.answer(),
            70..78 => self.fail(),
            78..84 => self.suspect(),
            84..91 => self.change_upstream(),
            91..93 => self.relist(),
            _ => self.pass_time(),
        }
    }

    fn ask(&mut self) {
        let text = self.any_text();
        let is_valid = self.valid.contains_key(text);
        match self.registry.ask(key(text), token(text), self.now) {
            Asked::Decided => assert!(is_valid, "{text} has no verdict"),
            Asked::Refused { until } => {
                assert!(!is_valid && !self.waiting.contains(&key(text)), "{text} is not refused");
                assert!(until <= self.now + NEGATIVE_TTL_MAX, "{text} is refused for too long");
            }
            Asked::Queued => assert!(!is_valid && self.waiting.insert(key(text)), "{text} waits twice"),
            Asked::Joined => {
                let startup = self.startup.contains(&text);
                assert!(!is_valid && (startup || self.waiting.contains(&key(text))), "{text} joins nothing");
                self.waiting.insert(key(text));
            }
            Asked::Full => panic!("so few tokens fill nothing"),
        }
    }

    fn send(&mut self) {
        let max = self.random.random_range(1..5);
        if let Some(batch) = self.registry.next_batch(self.now, max) {
            let is_ours = self.is_ours(&batch);
            self.out.push((is_ours, batch));
        }
    }

    /// Whether a batch that departs is about tokens that we hold; no batch is of both kinds.
    fn is_ours(&self, batch: &Batch) -> bool {
        batch.tokens().all(|token| self.registry.known.contains_key(&key(token.text())))
    }

    /// The list of start-up tokens is another one.
    fn relist(&mut self) {
        let all = [STARTUP.as_slice(), &OTHERS[..2]].concat();
        let startup: Vec<&'static str> = all.into_iter().filter(|_| self.random.random_bool(0.6)).collect();
        let verdicts =
            self.registry.replace_startup(startup.iter().map(|text| token(text)).collect(), self.now);
        let gone = std::mem::replace(&mut self.startup, startup);
        for text in gone.into_iter().filter(|text| !self.startup.contains(text)) {
            self.relisted.insert(text);
            let heard = verdicts.decided.iter().any(|(one, _)| *one == key(text));
            assert!(!self.waiting.remove(&key(text)) || heard, "{text}: those who wait are not told");
            let was_valid = self.valid.remove(text).is_some();
            assert_eq!(verdicts.revoked.contains(&key(text)), was_valid, "{text} revoked");
        }
    }

    fn take_one(&mut self) -> Option<(bool, Batch)> {
        let places = self.out.len();
        (places > 0).then(|| self.random.random_range(0..places)).map(|place| self.out.swap_remove(place))
    }

    fn answer(&mut self) {
        let Some((is_ours, batch)) = self.take_one() else { return };
        // What was given up meanwhile does not come back.
        let counts = |text: &str| !is_ours || self.registry.known.contains_key(&key(text));
        let texts: Vec<String> =
            batch.tokens().map(|token| token.text().to_owned()).filter(|text| counts(text)).collect();
        // Everything upstream knows, asked or not, some of it twice with another kind first.
        let mut records = Vec::new();
        for (text, word) in &self.upstream {
            if self.random.random_bool(0.2) {
                records.push(listed(*WORDS.choose(&mut self.random).expect("not empty"), text));
            }
            records.push(listed(*word, text));
        }
        let verdicts = self.registry.answered(batch, records, self.now);
        for text in [STARTUP.as_slice(), &OTHERS].concat() {
            if texts.iter().any(|asked| asked == text) {
                self.judge(text, &verdicts);
            }
        }
        assert_eq!(self.waiting.iter().find(|key| verdicts.decided.iter().any(|(one, _)| one == *key)), None);
    }

    /// The answer is the verdict: waiters hear of it, and the model follows.
    fn judge(&mut self, text: &'static str, verdicts: &Verdicts) {
        let word = self.upstream.get(text).copied().filter(|word| *word != KindWord::Invalid);
        let heard = verdicts.decided.iter().find(|(one, _)| *one == key(text)).map(|(_, decision)| *decision);
        if self.waiting.remove(&key(text)) {
            assert_eq!(heard.map(|decision| decision == Decision::Accepted), Some(word.is_some()), "{text}");
        }
        let before = match word {
            Some(word) => self.valid.insert(text, word),
            None => self.valid.remove(text),
        };
        let lost = before.is_some() && word.is_none();
        assert_eq!(verdicts.revoked.contains(&key(text)), lost, "{text} revoked");
        assert!(verdicts.changed || before == word, "{text} changed unnoticed");
    }

    fn fail(&mut self) {
        let Some((is_ours, batch)) = self.take_one() else { return };
        let keys: BTreeSet<TokenKey> = batch.tokens().map(|token| key(token.text())).collect();
        let undecided: BTreeSet<TokenKey> = self.registry.unanswered(batch, self.now).into_iter().collect();
        assert!(undecided.is_subset(&keys));
        let told =
            |key: &TokenKey| undecided.contains(key) || (is_ours && !self.registry.known.contains_key(key));
        assert!(self.waiting.intersection(&keys).all(told), "a waiter is not told");
        self.waiting.retain(|key| !undecided.contains(key));
    }

    fn suspect(&mut self) {
        let text = self.any_text();
        self.registry.suspect(key(text), self.now);
    }

    fn change_upstream(&mut self) {
        let text = self.any_text();
        if self.upstream.remove(text).is_none() {
            self.upstream.insert(text, *WORDS.choose(&mut self.random).expect("not empty"));
        }
    }

    fn pass_time(&mut self) {
        let longest = *[20, 2_000, 90_000, 700_000].choose(&mut self.random).expect("not empty");
        self.now += Duration::from_millis(self.random.random_range(0..longest));
    }

    fn check(&self) {
        self.check_calls();
        self.check_table();
        self.check_refresh_set();
        self.check_agenda();
        let sizes = self.registry.sizes();
        assert!(sizes.asked <= QUEUE_MAX && sizes.known + sizes.asked <= STARTUP.len() + OTHERS.len());
    }

    fn check_calls(&self) {
        assert!(self.out.len() <= ASKED_BATCHES_MAX + KNOWN_BATCHES_MAX);
        let mut seen = BTreeSet::new();
        for token in self.out.iter().flat_map(|(_, batch)| batch.tokens()) {
            let is_first = seen.insert(token.text());
            assert!(is_first || self.relisted.contains(token.text()), "two calls ask about {token:?}");
        }
    }

    fn check_table(&self) {
        let table = self.registry.table();
        for text in [STARTUP.as_slice(), &OTHERS].concat() {
            let entry = table.find(key(text));
            let accepted = entry.filter(|entry| entry.standing == Standing::Validated);
            let expected = self.valid.get(text).and_then(|word| word.kind());
            assert_eq!(accepted.map(|entry| entry.kind), expected, "{text}");
        }
    }

    fn check_refresh_set(&self) {
        let cover = self.registry.refresh_set();
        let may_fetch = |text: &str| self.mode == Mode::Dynamic || self.startup.contains(&text);
        let backend = self.valid.iter().filter(|(text, word)| **word == KindWord::Backend && may_fetch(text));
        let scopes: Vec<Scope> = backend.map(|(text, _)| listed_scope(text)).collect();
        assert!(scopes.iter().all(|scope| self.registry.covered(scope)));
        assert!(cover.iter().all(|refresh| scopes.contains(&refresh.scope)));
    }

    /// What is to be asked at its own date has one, unless it is being asked.
    fn check_agenda(&self) {
        for (key, known) in &self.registry.known {
            let expected = known.state != State::Trusted && !known.is_of_the_round() && !known.in_flight;
            assert_eq!(self.registry.agenda.date(*key).is_some(), expected, "{known:?}");
        }
    }

    /// Upstream is well from now on: everything is decided as it says, without spinning.
    fn end_well(&mut self) {
        self.out.drain(..).collect::<Vec<_>>().into_iter().for_each(|(_, batch)| {
            self.registry.unanswered(batch, self.now);
        });
        self.waiting.clear();
        let end = self.now + Duration::from_secs(1_300);
        let mut rounds = 0;
        while self.now < end {
            while let Some(batch) = self.registry.next_batch(self.now, 100) {
                let is_ours = self.is_ours(&batch);
                self.out.push((is_ours, batch));
                self.answer();
                self.check();
            }
            let due = self.registry.next_due(self.now).expect("there is always a round to come");
            assert!(due > self.now, "due, but nothing to do");
            self.now = due;
            rounds += 1;
            assert!(rounds < 200, "far too many wake-ups");
            OTHERS.iter().filter(|_| rounds % 5 == 0).for_each(|text| {
                self.registry.ask(key(text), token(text), self.now);
            });
        }
        let usable = |word: &KindWord| *word != KindWord::Invalid;
        let expected: KeyMap<KindWord> = self
            .upstream
            .iter()
            .filter(|(_, word)| usable(word))
            .map(|(text, word)| (key(text), *word))
            .collect();
        let startup = self.startup.iter().filter(|text| expected.contains_key(&key(text)));
        assert!(
            startup.into_iter().all(|text| self.valid.contains_key(text)),
            "a start-up token was given up"
        );
        assert!(self.valid.keys().all(|text| expected.contains_key(&key(text))), "a lost token was kept");
        assert!(!self.registry.startup_undecided());
    }
}

fn listed_scope(text: &str) -> Scope {
    let record = listed(KindWord::Backend, text);
    scope(token(text).environment(), &record.projects.iter().map(String::as_str).collect::<Vec<&str>>())
}

#[test]
fn the_table_says_what_the_last_answers_said() {
    for seed in 0..HISTORIES {
        let told = std::panic::catch_unwind(|| {
            let mut history = History::begin(seed);
            for _ in 0..STEPS {
                history.step();
                history.check();
            }
            history.end_well();
        });
        assert!(told.is_ok(), "seed {seed}");
    }
}
