//! The sync thread: owner of the token registry, the catalog and the schedule; keeps them as upstream says and
//! tells the shards.
//!
//! ```text
//!   asks of shards --\                           /--> fetch workers, validation workers (blocking calls)
//!   outcomes of calls --> Sync: change state --> dispatch what is due
//!   news of streams -/                           |
//!   finished forms -/                            \--> publish if changed, then answer waiting requests
//! ```
//!
//! Blocks on nothing but its inbox. Last good data is never given up because of an answer alone: a 401 or 403
//! on a fetch makes the token a suspect, and only `/edge/validate` answering 200 without it takes data away.

mod calls;
mod claims;
mod describe;
mod follow;
mod issue;
mod loads;
mod refresh;
mod reload;
mod restore;
mod stream;
mod validate;

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use brink_shards::Broadcast;
use calls::{Calls, Outcome};
use claims::Claim;
use crossbeam_channel::{Receiver, select};
use follow::Follows;
use loads::Loads;
use rand::{SeedableRng, rngs::SmallRng};
use restore::Restore;

use crate::{
    config::settings::Fetching,
    control::Control,
    features::{catalog::Catalog, model::Document},
    messages::{Ask, Verdict, Waiter},
    observe::tally::{Tally, TokenStates},
    persist,
    publish::{Data, DataState, FrontendData, Publisher},
    report::standing::{Standing, Teller},
    serve::Edge,
    tokens::{
        registry::{Coverage, TokenRegistry},
        scope::Scope,
        table::TokenTable,
    },
    upstream::{Client, TokenRequest, limits::FETCHES_IN_FLIGHT_MAX, schedule::Schedule},
};

/// Unknown tokens that arrive within this time of each other are asked about in one call.
const GATHER: Duration = Duration::from_millis(10);

/// The loop looks around at least this often, to free what shards gave back.
const IDLE: Duration = Duration::from_secs(1);

/// What the sync thread is made of.
pub struct Setup {
    /// Start-up tokens are in it.
    pub registry: TokenRegistry,
    /// Refresh interval.
    pub interval: Duration,
    /// How features are kept fresh.
    pub fetching: Fetching,
    /// Lists may be polled where deltas or streams are wanted.
    pub repairs: bool,
    /// Unleash or another edge.
    pub client: Arc<Client>,
    /// To request start-up tokens with, where they are not configured. Their environments are promised in the registry.
    pub requests_tokens: Option<TokenRequest>,
    /// The shards.
    pub broadcast: Broadcast<Edge>,
    /// From the shards and the report thread.
    pub asks: Receiver<Ask>,
    /// To the report thread.
    pub teller: Teller,
    /// Where data survives a restart.
    pub persist: Option<persist::Start>,
    /// Data to serve until upstream answers.
    pub bootstrap: Option<Document>,
    /// For jitter.
    pub seed: u64,
    /// Counts what is done here.
    pub tally: Arc<Tally>,
}

/// See the module.
pub struct Sync {
    registry: TokenRegistry,
    catalog: Catalog,
    schedule: Schedule<crate::tokens::key::TokenKey>,
    loads: Loads,
    /// Folds and streams.
    follows: Follows,
    publisher: Publisher,
    calls: Calls,
    broadcast: Broadcast<Edge>,
    asks: Receiver<Ask>,
    teller: Teller,
    random: SmallRng,
    waiting: validate::Waiting,
    /// Start-up tokens that are requested from upstream.
    issue: issue::Issue,
    /// The registry differs from the published table.
    tokens_changed: bool,
    tokens: Arc<TokenTable>,
    /// Anything differs from the published snapshot.
    changed: bool,
    /// A document has brought a revision that was not told yet.
    revisions_changed: bool,
    /// To be sent after the next publish.
    answers: Vec<(Waiter, Verdict)>,
    /// Asked tokens are gathered until then.
    gather_until: Option<Instant>,
    tally: Arc<Tally>,
    /// When the states of tokens are shown again.
    show_tokens_at: Instant,
    restore: Restore,
}

impl Sync {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub fn start(setup: Setup) -> std::io::Result<Control> {
        let broadcast = setup.broadcast.clone();
        let publisher = Publisher::new(Box::new(move |snapshot| broadcast.publish(snapshot)))?;
        let calls = Calls::start(&setup.client, &setup.tally, setup.interval)?;
        let follows = Follows::new(setup.fetching, setup.repairs, Arc::clone(&setup.client));
        let news = follows.news().clone();
        setup.tally.watch_queue("stream_news", move || news.len());
        let mut sync = Self {
            schedule: Schedule::new(setup.interval, FETCHES_IN_FLIGHT_MAX),
            registry: setup.registry,
            catalog: Catalog::default(),
            loads: Loads::default(),
            follows,
            publisher,
            calls,
            broadcast: setup.broadcast,
            asks: setup.asks,
            teller: setup.teller,
            random: SmallRng::seed_from_u64(setup.seed),
            waiting: validate::Waiting::default(),
            issue: issue::Issue::new(setup.requests_tokens),
            tokens_changed: true,
            tokens: Arc::default(),
            changed: true,
            revisions_changed: false,
            answers: Vec::new(),
            gather_until: None,
            tally: setup.tally,
            show_tokens_at: Instant::now(),
            restore: Restore::new(setup.persist, setup.bootstrap),
        };
        Control::start("sync", move |stopped| sync.run(stopped))
    }

    fn run(&mut self, stopped: &Receiver<Infallible>) {
        self.begin(stopped);
        loop {
            let now = Instant::now();
            self.dispatch(now);
            self.tell();
            self.publish();
            self.answer();
            self.show_tokens(now);
            let asks = self.asks.clone();
            let outcomes = self.calls.outcomes().clone();
            let made = self.publisher.made().clone();
            let reports = self.restore.reports();
            let news = self.follows.news().clone();
            select! {
                recv(asks) -> ask => match ask {
                    Ok(ask) => self.asked(ask, Instant::now()),
                    Err(_) => return,
                },
                recv(outcomes) -> outcome => match outcome {
                    Ok(outcome) => self.called(outcome, Instant::now()),
                    Err(_) => return,
                },
                recv(news) -> news => match news {
                    Ok((mark, news)) => self.streamed_all(mark, news, Instant::now()),
                    Err(_) => return,
                },
                recv(made) -> form => match form {
                    Ok(form) => self.publisher.accept(form),
                    Err(_) => return,
                },
                recv(reports) -> report => self.reported(report.ok()),
                recv(stopped) -> _ => return,
                default(self.idle_for(now)) => { self.publisher.sweep(); }
            }
        }
    }

    /// Starts every call that is due.
    fn dispatch(&mut self, now: Instant) {
        if self.gather_until.is_none_or(|until| now >= until) {
            self.gather_until = None;
            self.validate_due(now);
        }
        self.fetch_due(now);
        self.issue_due(now);
    }

    fn idle_for(&self, now: Instant) -> Duration {
        let validation = match self.gather_until {
            Some(until) => Some(until),
            None => self.registry.next_due(now),
        };
        let due = [validation, self.schedule.next_due(), self.issue.next_due()];
        let next = due.into_iter().flatten().min();
        next.map_or(IDLE, |next| next.saturating_duration_since(now).min(IDLE))
    }

    fn asked(&mut self, ask: Ask, now: Instant) {
        match ask {
            Ask::Validate { key, token, waiter } => {
                self.asked_about(key, token, Some(Claim::Request(waiter)), now);
            }
            Ask::Hint { key, token } => self.asked_about(key, token, None, now),
            Ask::ValidateAll { tokens, waiter } => self.asked_about_all(tokens, waiter, now),
            Ask::Reload(lists) => self.reload(*lists, now),
            Ask::AwaitData { scope, waiter } => self.await_data(scope, waiter),
            Ask::Encode { scope, coding } => self.publisher.demand(scope, coding),
            Ask::Suspect { key } => self.registry.suspect(key, now),
            // Whoever asked may have given up.
            Ask::Describe(to) => drop(to.try_send(self.describe(now, SystemTime::now()))),
        }
    }

    /// Tells the report thread which tokens to use and what was brought. Before publishing, which takes the marks away.
    fn tell(&mut self) {
        if std::mem::take(&mut self.revisions_changed) || self.tokens_changed {
            let reporters = self.registry.reporters();
            self.teller.tell(Standing { reporters, revisions: self.loads.revisions() });
        }
    }

    fn called(&mut self, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Validated(batch, result) => self.validated(batch, result, now),
            Outcome::Issued(result) => self.issued(result, now),
            Outcome::Fetched(fetched) => self.fetched(fetched, now),
        }
    }

    fn publish(&mut self) {
        if self.tokens_changed {
            self.tokens = Arc::new(self.registry.table());
        }
        if !self.tokens_changed && !self.changed {
            return;
        }
        let tokens_changed = std::mem::take(&mut self.tokens_changed);
        self.changed = false;
        self.offer_backup(tokens_changed);
        // Before the data can be seen: whoever sees data of the backup finds it said.
        self.tally.restored_stand(self.restore.restored_environments());
        let Self { registry, catalog, loads, publisher, .. } = self;
        let ready = is_ready(registry, catalog);
        publisher.publish(Arc::clone(&self.tokens), ready, |scope| Data {
            clients: data_of(registry, catalog, loads, scope),
            frontends: frontend_data_of(registry, catalog, scope),
        });
    }

    /// Counting them takes a millisecond where there are many, so not for each change.
    fn show_tokens(&mut self, now: Instant) {
        if now < self.show_tokens_at {
            return;
        }
        self.show_tokens_at = now + IDLE;
        let (known, sizes) = (TokenStates::of(&self.tokens), self.registry.sizes());
        self.tally.tokens_stand(&TokenStates {
            invalid: known.invalid + sizes.refused,
            unknown: sizes.asked + sizes.known.saturating_sub(self.tokens.len()),
            ..known
        });
    }

    fn answer(&mut self) {
        for (waiter, verdict) in self.answers.drain(..) {
            self.broadcast.answer(waiter.shard, waiter.ticket, verdict);
        }
    }
}

/// As in http-api.md 11.2.
fn is_ready(registry: &TokenRegistry, catalog: &Catalog) -> bool {
    !registry.any_known() || catalog.environments().next().is_some()
}

/// What is known about the data of a scope. Data that was loaded for a scope stays, whichever token fetches it
/// later; 403 only when it is certain that no refresh token covers it.
fn data_of(registry: &TokenRegistry, catalog: &Catalog, loads: &Loads, scope: &Scope) -> DataState {
    let coverage = registry.coverage(scope);
    if coverage == Coverage::Outside {
        return DataState::Uncovered;
    }
    let environment = scope.environment.as_deref().and_then(|name| catalog.environment(name));
    match environment {
        Some(environment) if loads.has_loaded(scope) => DataState::Loaded(Arc::clone(environment)),
        _ if coverage == Coverage::Covered && loads.is_first_under_way(scope) => DataState::Fetching,
        _ => DataState::Loading,
    }
}

/// What frontend tokens of a scope are evaluated against: whatever is loaded of their environment (tokens.md 4.3).
fn frontend_data_of(registry: &TokenRegistry, catalog: &Catalog, scope: &Scope) -> FrontendData {
    let name = scope.environment.as_deref().unwrap_or_default();
    match catalog.environment(name) {
        Some(environment) => FrontendData::Loaded(Arc::clone(environment)),
        None if registry.fetches(name) => FrontendData::Loading,
        None => FrontendData::Absent { may_come: registry.is_dynamic() },
    }
}
