//! The threads that make the blocking calls: each takes a job, calls upstream, reads the answer, reports.
//!
//! Jobs are bounded by what the schedule and the registry let out at once. Parsing happens here, so that a large
//! document does not hold up the sync thread.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::refresh::Trouble;
use crate::{
    features::{
        delta::{Asked, Changes, parse_changes},
        environment::EnvironmentData,
        model::Document,
        parse::parse_document,
    },
    observe::tally::{Operation, Tally},
    tokens::{
        key::TokenKey,
        limits::{ASKED_BATCHES_MAX, KNOWN_BATCHES_MAX},
        record::TokenRecord,
        refresh::RefreshToken,
        token::Token,
        validation::Batch,
    },
    upstream::{
        TokenRequest,
        client::{self, Client},
        error::CallError,
        guarded::guarded,
        limits::FETCHES_IN_FLIGHT_MAX,
        wire::Registration,
    },
};

/// Threads for fetching and registering: as many as may be under way, but few documents arrive at once.
const FETCH_THREADS: usize = 4;
/// Threads for validation: one for each call that may be under way, so that no call waits behind slow ones.
const VALIDATION_THREADS: usize = ASKED_BATCHES_MAX + KNOWN_BATCHES_MAX;

const _: () = assert!(FETCH_THREADS <= FETCHES_IN_FLIGHT_MAX);

/// One fetch.
pub struct FetchJob {
    /// Whose.
    pub key: TokenKey,
    /// Sent.
    pub token: Token,
    /// What for.
    pub what: Fetching,
    /// Of the last answer.
    pub etag: Option<String>,
    /// How far the changes were that come otherwise.
    pub asked: Asked,
    /// What is known so far; unchanged features are taken from it.
    pub known: Arc<EnvironmentData>,
}

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetching {
    /// The whole list.
    List,
    /// Changes.
    Delta,
}

/// What a fetch came to.
pub struct Fetched {
    /// Whose.
    pub key: TokenKey,
    /// What was fetched.
    pub what: Fetching,
    /// As the job said.
    pub asked: Asked,
    /// `None`: not modified.
    pub result: Result<Option<Fresh<Content>>, Trouble>,
}

/// Something new.
pub struct Fresh<C> {
    /// For the next fetch.
    pub etag: Option<String>,
    /// Read and normalised.
    pub content: C,
}

/// What a fetch brings.
pub enum Content {
    /// A list.
    List(Document),
    /// A delta.
    Changes(Changes),
}

/// What a thread reports.
pub enum Outcome {
    /// A validation.
    Validated(Batch, Result<Vec<TokenRecord>, CallError>),
    /// A fetch.
    Fetched(Fetched),
    /// A request for start-up tokens.
    Issued(Result<Vec<TokenRecord>, CallError>),
}

enum Job {
    Fetch(FetchJob),
    Register(Token, Registration),
    Issue(TokenRequest),
}

/// The way to the threads; they end when it is dropped.
pub struct Calls {
    client: Arc<Client>,
    jobs: Sender<Job>,
    validations: Sender<Batch>,
    outcomes: Receiver<Outcome>,
    interval: Duration,
}

impl Calls {
    /// Starts the threads.
    pub fn start(client: &Arc<Client>, tally: &Arc<Tally>, interval: Duration) -> io::Result<Self> {
        let (jobs, job_inbox) = unbounded();
        let (validations, validation_inbox) = unbounded();
        let (report, outcomes) = unbounded();
        let worker = Worker { client: Arc::clone(client), report, tally: Arc::clone(tally) };
        for index in 0..FETCH_THREADS {
            let worker = worker.clone();
            let inbox: Receiver<Job> = job_inbox.clone();
            let name = format!("fetch-{index}");
            thread::Builder::new()
                .name(name)
                .spawn(move || inbox.iter().for_each(|job| worker.work(job, interval)))?;
        }
        for index in 0..VALIDATION_THREADS {
            let worker = worker.clone();
            let inbox: Receiver<Batch> = validation_inbox.clone();
            let name = format!("validate-{index}");
            thread::Builder::new()
                .name(name)
                .spawn(move || inbox.iter().for_each(|batch| worker.validate(batch)))?;
        }
        Ok(Self { client: Arc::clone(client), jobs, validations, outcomes, interval })
    }

    /// Where the threads report.
    pub fn outcomes(&self) -> &Receiver<Outcome> {
        &self.outcomes
    }

    /// Advice for a failed validation.
    pub fn hint(&self, error: &CallError) -> Option<&'static str> {
        self.client.hint(error)
    }

    /// Fetches features.
    pub fn fetch(&self, job: FetchJob) {
        self.order(Job::Fetch(job));
    }

    /// Registers us as an application of a token; nobody waits for the outcome.
    pub fn register(&self, token: &RefreshToken) {
        let registration = Registration {
            environment: token.scope.environment.as_deref().unwrap_or_default().to_owned(),
            projects: token.scope.projects.names().into_iter().map(str::to_owned).collect(),
            interval: self.interval,
            started: SystemTime::now(),
        };
        self.order(Job::Register(token.token.clone(), registration));
    }

    /// Requests start-up tokens.
    pub fn issue(&self, request: TokenRequest) {
        self.order(Job::Issue(request));
    }

    /// Asks about tokens.
    pub fn validate(&self, batch: Batch) {
        // The threads hold the other end until we are dropped.
        let _ = self.validations.send(batch);
    }

    fn order(&self, job: Job) {
        let _ = self.jobs.send(job);
    }
}

#[derive(Clone)]
struct Worker {
    client: Arc<Client>,
    report: Sender<Outcome>,
    tally: Arc<Tally>,
}

impl Worker {
    fn work(&self, job: Job, interval: Duration) {
        match job {
            Job::Fetch(job) => {
                let fetched = guarded(|| Ok(self.fetch(&job, interval)));
                let result = fetched.unwrap_or_else(|cause| Err(Trouble::Call(cause)));
                let FetchJob { key, what, asked, .. } = job;
                self.say(Outcome::Fetched(Fetched { key, what, asked, result }));
            }
            Job::Issue(request) => {
                let issue = || self.client.issue_tokens(&request, SystemTime::now(), rand::random());
                let result = guarded(|| self.timed(Operation::RequestTokens, issue, |_| 200));
                self.say(Outcome::Issued(result));
            }
            Job::Register(token, registration) => {
                let registered = guarded(|| {
                    let register = || self.client.register(token.text(), &registration);
                    self.timed(Operation::Register, register, |_| 202)
                });
                if let Err(error) = registered {
                    tracing::debug!("Could not register upstream with {token}: {error}");
                }
            }
        }
    }

    fn fetch(&self, job: &FetchJob, interval: Duration) -> Result<Option<Fresh<Content>>, Trouble> {
        let (token, etag) = (job.token.text(), job.etag.as_deref());
        let fetch = || match job.what {
            Fetching::List => self.client.features(token, etag, interval),
            Fetching::Delta => self.client.delta(token, etag),
        };
        let operation = match job.what {
            Fetching::List => Operation::Features,
            Fetching::Delta => Operation::Delta,
        };
        let answer = self.timed(operation, fetch, |fetched| match fetched {
            client::Fetched::NotModified => 304,
            client::Fetched::Document { .. } => 200,
        });
        match answer.map_err(Trouble::Call)? {
            client::Fetched::NotModified => Ok(None),
            client::Fetched::Document { etag, body } => {
                let content = match job.what {
                    Fetching::List => parse_document(&body, &job.known).map(Content::List),
                    Fetching::Delta => parse_changes(&body, &job.known).map(Content::Changes),
                };
                Ok(Some(Fresh { etag, content: content.map_err(Trouble::Document)? }))
            }
        }
    }

    fn validate(&self, batch: Batch) {
        let tokens: Vec<&str> = batch.tokens().map(Token::text).collect();
        let result = guarded(|| self.timed(Operation::Validate, || self.client.validate(&tokens), |_| 200));
        drop(tokens);
        self.say(Outcome::Validated(batch, result));
    }

    /// Makes a call and counts it. `status`: that of a successful answer, which the client does not hand out.
    fn timed<T>(
        &self,
        operation: Operation,
        call: impl FnOnce() -> Result<T, CallError>,
        status: impl FnOnce(&T) -> u16,
    ) -> Result<T, CallError> {
        let began = Instant::now();
        let result = call();
        self.tally.called(operation, result.as_ref().map(status), began.elapsed());
        result
    }

    fn say(&self, outcome: Outcome) {
        // Nobody listens any more: the process is ending.
        let _ = self.report.send(outcome);
    }
}
