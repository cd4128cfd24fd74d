//! The report thread: owner of the ledger, of the rounds and of the dates of instance data.
//!
//! Blocks on nothing but its inbox. A batch leaves the ledger for a round and comes back when it could not be
//! delivered; whatever is given up is counted. When the process stops, each environment gets one more round with one
//! attempt per piece, instance data is sent once, and what is left at the deadline is said.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, never, select};
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    Inquiry, Setup,
    answer::Answer,
    instance::Identity,
    limits::{SEEN_TOKENS_PAUSE, SHORT_CALL, USAGE_BYTES_MAX},
    round::{Ended, Fate, Load, Reason},
    rounds::Rounds,
    standing::Standing,
    tidings::Tidings,
    uploads::{Outcome, Upload, Uploads},
};
use crate::{
    messages::Ask,
    observe::tally::Tally,
    tokens::{key::KeyHasher, token::Token},
    upstream::CallError,
    usage::{self, Batch, Bucket, Drops, Hop, Ledger},
};

/// The loop looks around at least this often.
const IDLE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Bookkeeper {
    ledger: Ledger,
    rounds: Rounds<Batch>,
    /// One per environment that `rounds` knows and that had something to send.
    accounts: HashMap<Arc<str>, Account>,
    tidings: Tidings,
    standing: Standing,
    uploads: Uploads,
    /// Pieces with the upload threads: what is lost with them if the process does not wait.
    afloat: usage::Dropped,
    /// Those of the ledger's that `tally` knows.
    drops: Drops,
    buckets: Receiver<Bucket>,
    told: Receiver<Standing>,
    control: Sender<Ask>,
    keys: KeyHasher,
    tally: Arc<Tally>,
    random: SmallRng,
    /// The process stops: when everything must be done.
    deadline: Option<Instant>,
}

/// What is remembered of an environment from one round to the next.
#[derive(Default)]
struct Account {
    /// What the round under way is sent with.
    token: Option<Token>,
    /// Memory of the round under way.
    bytes: usize,
    /// When tokens were last reported.
    seen_told: Option<Instant>,
    /// What went wrong last; said when it changes.
    trouble: Option<CallError>,
    /// The round under way has lost elements, and that was said.
    loss_told: bool,
}

impl Load for Batch {
    fn halve(self) -> Result<(Self, Self), Self> {
        Self::halve(self)
    }

    fn has_applications(&self) -> bool {
        Self::has_applications(self)
    }
}

impl From<Reason> for usage::Reason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::TooLarge => Self::TooLarge,
            Reason::Rejected => Self::Rejected,
        }
    }
}

impl Bookkeeper {
    /// With nothing in the ledger.
    pub fn new(setup: Setup, identity: Identity, uploads: Uploads) -> Self {
        let mut random = SmallRng::seed_from_u64(setup.seed);
        let via = Hop {
            app_name: identity.app_name.as_str().into(),
            instance_id: identity.identifier.as_str().into(),
        };
        setup.tally.upload_interval(setup.interval);
        Self {
            ledger: Ledger::new(via, USAGE_BYTES_MAX),
            rounds: Rounds::new(setup.interval),
            accounts: HashMap::new(),
            tidings: Tidings::new(identity, setup.observe, Instant::now(), &mut random),
            standing: Standing::default(),
            uploads,
            afloat: usage::Dropped::default(),
            drops: Drops::default(),
            buckets: setup.buckets,
            told: setup.standing,
            control: setup.control,
            keys: setup.keys,
            tally: setup.tally,
            random,
            deadline: None,
        }
    }

    /// Runs until everything is delivered after `finish`, its deadline has come, or `stopped` is disconnected.
    pub fn run(
        &mut self,
        inquired: &Receiver<Inquiry>,
        finish: &Receiver<Instant>,
        stopped: &Receiver<Infallible>,
    ) {
        let outcomes = self.uploads.outcomes().clone();
        loop {
            let now = Instant::now();
            self.begin_due(now);
            self.post(now);
            self.tell_instance(now);
            if self.is_done(now) {
                return self.say_what_is_left();
            }
            select! {
                recv(self.buckets) -> bucket => match bucket {
                    Ok(bucket) => self.absorb(bucket, Instant::now()),
                    // The shards have ended.
                    Err(_) => self.buckets = never(),
                },
                recv(self.told) -> standing => match standing {
                    Ok(standing) => self.standing = standing,
                    Err(_) => self.told = never(),
                },
                recv(outcomes) -> outcome => match outcome {
                    Ok(outcome) => self.came_back(outcome, Instant::now()),
                    Err(_) => return,
                },
                recv(inquired) -> inquiry => match inquiry {
                    Ok(inquiry) => self.inquired(&inquiry),
                    Err(_) => return,
                },
                recv(finish) -> deadline => match deadline {
                    Ok(deadline) => self.hurry(deadline, Instant::now()),
                    Err(_) => return,
                },
                recv(stopped) -> _ => return,
                default(self.idle_for(now)) => {}
            }
        }
    }

    fn idle_for(&self, now: Instant) -> Duration {
        let wakes = [self.rounds.wakes(), self.tidings.wakes(), self.deadline];
        let next = wakes.into_iter().flatten().min();
        next.map_or(IDLE, |next| next.saturating_duration_since(now).min(IDLE))
    }

    fn absorb(&mut self, bucket: Bucket, now: Instant) {
        for increment in bucket.increments() {
            self.tally.used(increment.app, increment.toggle, increment.yes, increment.no);
        }
        self.ledger.absorb(bucket);
        for environment in self.ledger.environments() {
            self.rounds.expect(&environment, now, &mut self.random);
        }
        self.count_drops();
    }

    /// Adds to the tally what the ledger has left out since the last time.
    fn count_drops(&mut self) {
        let known = std::mem::replace(&mut self.drops, self.ledger.drops().clone());
        for (reason, dropped) in self.drops.iter() {
            let more = dropped.elements.saturating_sub(known.of(reason).elements);
            if more > 0 {
                self.tally.usage_dropped(reason.label(), more);
            }
        }
    }

    fn begin_due(&mut self, now: Instant) {
        for environment in self.rounds.due(now) {
            if self.begin(&environment, now) {
                continue;
            }
            if self.standing.reporter(&environment).is_some() {
                self.rounds.skip(&environment, now, &mut self.random);
            } else {
                // Edges below us may name environments that nobody has: none of them is remembered for ever.
                self.rounds.forget(&environment);
                self.accounts.remove(&environment);
            }
        }
    }

    /// False if there is nothing to send.
    fn begin(&mut self, environment: &Arc<str>, now: Instant) -> bool {
        let before = self.ledger.bytes();
        let Some(batch) = self.ledger.take(environment) else { return false };
        let account = self.accounts.entry(Arc::clone(environment)).or_default();
        let told_lately = account.seen_told.is_some_and(|told| now < told + SEEN_TOKENS_PAUSE);
        if batch.has_only_seen_tokens() && told_lately && self.deadline.is_none() {
            self.ledger.put_back(batch);
            return false;
        }
        self.tally.batch_built(batch.body_bytes());
        let reporter = self.standing.reporter(environment).map(|reporter| &reporter.token);
        let Some(token) = reporter.or_else(|| self.ledger.token_seen(environment)).cloned() else {
            tracing::warn!(%environment, "Usage is dropped: there is no token to report it with");
            self.ledger.forgo(batch, usage::Reason::NoToken);
            self.count_drops();
            return false;
        };
        account.token = Some(token);
        account.bytes = before.saturating_sub(self.ledger.bytes());
        account.loss_told = false;
        self.rounds.begin(environment, batch.split());
        self.set_under_way();
        true
    }

    /// Room is kept for what may come back.
    fn set_under_way(&mut self) {
        self.ledger.set_under_way(self.accounts.values().map(|account| account.bytes).sum());
    }

    fn post(&mut self, now: Instant) {
        while let Some((environment, piece)) = self.rounds.next(now) {
            let token = self.accounts.get(&environment).and_then(|account| account.token.clone());
            let Some(token) = token else { continue };
            self.afloat.add(piece.load.dropped());
            let limit = self.deadline.map(|_| SHORT_CALL);
            self.uploads.upload(Upload { environment, piece, token, limit });
        }
    }

    fn came_back(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Uploaded { upload, result } => self.uploaded(upload, &result, now),
            Outcome::Told(result) => {
                self.tidings.answered(&result, &mut self.ledger, now, &mut self.random);
            }
        }
    }

    fn uploaded(&mut self, upload: Upload, result: &Result<u16, CallError>, now: Instant) {
        let Upload { environment, piece, token, .. } = upload;
        self.afloat.subtract(piece.load.dropped());
        let answer = Answer::of(result);
        if let Err(error) = result {
            self.failed(&environment, answer, error, &token);
        }
        let (fate, ended) = self.rounds.answered(&environment, piece, answer, now, &mut self.random);
        match fate {
            Fate::Sent(_) | Fate::Open => {}
            Fate::Dropped(batch, reason) => {
                self.ledger.forgo(batch, reason.into());
                self.count_drops();
            }
        }
        if let Some(ended) = ended {
            self.ended(&environment, ended, now);
        }
    }

    /// Says what is new about a failure, and has the token checked if it was refused.
    fn failed(&mut self, environment: &Arc<str>, answer: Answer, error: &CallError, token: &Token) {
        let Some(account) = self.accounts.get_mut(environment) else { return };
        if let Answer::Rejected | Answer::TooLarge = answer {
            if !std::mem::replace(&mut account.loss_told, true) {
                tracing::warn!(%environment, "Upstream does not take some usage, which will be dropped: {error}");
            }
            return;
        }
        if !account.trouble.as_ref().is_some_and(|before| before.same_kind(error)) {
            tracing::warn!(%environment, "Could not send usage upstream, will keep trying: {error}");
        }
        account.trouble = Some(error.clone());
        if answer == Answer::Refused {
            let key = self.keys.key(token.text().as_bytes());
            // No room: the next refusal says it again.
            let _ = self.control.try_send(Ask::Suspect { key });
        }
    }

    fn ended(&mut self, environment: &Arc<str>, ended: Ended<Batch>, now: Instant) {
        let is_clean = ended.kept.is_empty();
        if let Some(account) = self.accounts.get_mut(environment) {
            account.bytes = 0;
            account.seen_told = is_clean.then_some(now).or(account.seen_told);
            if is_clean && let Some(trouble) = account.trouble.take() {
                tracing::info!(%environment, "Usage is sent upstream again, after: {trouble}");
            }
        }
        self.set_under_way();
        ended.kept.into_iter().for_each(|batch| self.ledger.put_back(batch));
        self.rounds.expect(environment, now, &mut self.random);
        self.count_drops();
        self.tally.upload_interval(self.rounds.stretched());
    }

    fn tell_instance(&mut self, now: Instant) {
        let Some(token) = self.standing.reporters.first().map(|reporter| &reporter.token) else {
            return self.tidings.skip(now, &mut self.random);
        };
        if let Some(body) = self.tidings.due(&self.standing.revisions, &mut self.ledger, now) {
            self.uploads.tell(super::uploads::InstancePost { body, token: token.clone() });
        }
    }

    fn inquired(&mut self, inquiry: &Inquiry) {
        // Who asked may have given up waiting.
        let _ = match inquiry {
            Inquiry::MetricsBatch(answer) => answer.try_send(self.ledger.page()),
            Inquiry::InstanceData(answer) => {
                answer.try_send(self.tidings.page(&self.standing.revisions, &mut self.ledger))
            }
        };
    }

    /// The shards have ended: takes in what they handed over last, and has everything sent once.
    fn hurry(&mut self, deadline: Instant, now: Instant) {
        while let Ok(bucket) = self.buckets.try_recv() {
            self.absorb(bucket, now);
        }
        while let Ok(standing) = self.told.try_recv() {
            self.standing = standing;
        }
        self.deadline = Some(deadline);
        self.rounds.hurry();
        self.tidings.hurry();
    }

    fn is_done(&self, now: Instant) -> bool {
        let Some(deadline) = self.deadline else { return false };
        now >= deadline || (self.rounds.are_idle() && self.tidings.are_told())
    }

    fn say_what_is_left(&mut self) {
        let mut left = self.afloat;
        let waiting = self.rounds.abandon();
        waiting.iter().for_each(|batch| left.add(batch.dropped()));
        for environment in self.ledger.environments() {
            left.add(self.ledger.take(&environment).map(|batch| batch.dropped()).unwrap_or_default());
        }
        let usage::Dropped { elements, evaluations } = left;
        if elements > 0 {
            tracing::warn!(
                elements,
                evaluations,
                "Stopped before upstream has confirmed all usage: this is lost"
            );
        }
    }
}
