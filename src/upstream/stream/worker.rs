//! The thread of one stream.
//!
//! It blocks in reads, in waits and on a full channel towards the sync thread. Each ends at once when its [`Handle`] is
//! dropped: the agent of the connection is shut down, the wait is woken, and the sync thread goes on emptying the channel. A
//! connection that is just being made, or a name being looked up, is abandoned; it ends within `--upstream-request-timeout`.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rand::{SeedableRng, rngs::SmallRng};
use ureq::Agent;

use super::{
    line::{Cut, Line, Opening},
    pace::{End, Pace, Patience},
    position::{Gap, Position},
    sse::{Item, Parser},
};
use crate::{
    features::{
        delta::{Changes, parse_changes},
        environment::EnvironmentData,
    },
    tokens::token::Token,
    upstream::{client::Client, error::CallError, guarded::guarded},
};

/// Bytes taken from a connection at a time.
const READ_BYTES: usize = 32 * 1024;

/// What the environment holds so far: whatever upstream sends again is taken from there. The sync thread writes it.
pub type Known = Arc<Mutex<Arc<EnvironmentData>>>;

/// What a worker is made of.
pub struct Setup {
    /// Upstream.
    pub client: Arc<Client>,
    /// Whose stream.
    pub token: Token,
    /// See [`Known`].
    pub known: Known,
    /// The first connection waits a little, so that a fleet does not connect at one moment.
    pub spread: bool,
    /// How long silence is borne.
    pub patience: Patience,
    /// For the waits.
    pub seed: u64,
}

/// What a worker tells.
#[derive(Debug)]
pub enum News {
    /// A connection is there.
    Opened {
        /// With an id.
        resumed: bool,
        /// How long it took to the head of the answer.
        took: Duration,
    },
    /// Changes have come.
    Changes(Changes),
    /// There is no connection, and there will be another attempt.
    Down(Down),
}

/// Why there is none.
#[derive(Debug)]
pub struct Down {
    /// How it ended.
    pub end: End,
    /// Why it was not opened.
    pub error: Option<CallError>,
    /// Why the next one begins without an id.
    pub gap: Option<Gap>,
    /// How long it took until it was not opened.
    pub took: Option<Duration>,
}

/// The way to the thread; it ends when this is dropped.
pub struct Handle {
    switch: Arc<Mutex<Switch>>,
    _wake: Sender<()>,
}

/// What is told to a thread that may be blocked.
#[derive(Default)]
struct Switch {
    /// Of the connection under way.
    agent: Option<Agent>,
    over: bool,
    drifted: bool,
}

impl Down {
    fn by(end: End) -> Self {
        Self { end, error: None, gap: None, took: None }
    }
}

impl Handle {
    /// Begins again without an id: a polled document shows something else.
    pub fn rehydrate(&self) {
        let mut switch = lock(&self.switch);
        switch.drifted = true;
        switch.cut();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut switch = lock(&self.switch);
        switch.over = true;
        switch.cut();
    }
}

impl Switch {
    fn cut(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.shutdown();
        }
    }
}

/// Starts a thread that tells its news, each with `mark`.
///
/// # Errors
/// If the system has no thread left.
pub fn start<K: Clone + Send + 'static>(
    setup: Setup,
    mark: K,
    news: Sender<(K, News)>,
) -> io::Result<Handle> {
    let (wake, woken) = bounded(0);
    let switch = Arc::<Mutex<Switch>>::default();
    let mut worker = Worker {
        tell: Box::new(move |one| news.send((mark.clone(), one)).is_ok()),
        random: SmallRng::seed_from_u64(setup.seed),
        pace: Pace::default(),
        position: Position::default(),
        patience: setup.patience,
        switch: Arc::clone(&switch),
        woken,
        setup,
    };
    thread::Builder::new().name("stream".to_owned()).spawn(move || worker.run())?;
    Ok(Handle { switch, _wake: wake })
}

struct Worker {
    setup: Setup,
    /// False if nobody listens any more.
    tell: Box<dyn Fn(News) -> bool + Send>,
    random: SmallRng,
    pace: Pace,
    position: Position,
    patience: Patience,
    switch: Arc<Mutex<Switch>>,
    woken: Receiver<()>,
}

/// How one connection went.
struct Went {
    down: Down,
    /// How long it was open.
    up: Duration,
}

impl Worker {
    fn run(&mut self) {
        let mut wait = if self.setup.spread { self.pace.start(&mut self.random) } else { Duration::ZERO };
        while self.sleeps(wait) {
            let Some(agent) = self.begin() else { return };
            let went = guarded(|| Ok(self.connect(&agent))).unwrap_or_else(|error| {
                // What made the parser panic is not to come again.
                self.position.forget();
                Went { down: Down { error: Some(error), ..Down::by(End::Ended) }, up: Duration::ZERO }
            });
            let Some(down) = self.ended(went.down) else { return };
            wait = self.pace.ended(down.end, went.up, &mut self.random);
            if !(self.tell)(News::Down(down)) {
                return;
            }
        }
    }

    /// False if the thread is to end.
    fn sleeps(&self, wait: Duration) -> bool {
        self.woken.recv_timeout(wait) == Err(RecvTimeoutError::Timeout)
    }

    /// The agent of the next connection; `None` if the thread is to end.
    fn begin(&mut self) -> Option<Agent> {
        let agent = self.setup.client.new_agent();
        let mut switch = lock(&self.switch);
        if std::mem::take(&mut switch.drifted) {
            self.position.forget();
        }
        switch.agent = Some(agent.clone());
        (!switch.over).then_some(agent)
    }

    /// What was told meanwhile explains the end; `None` if the thread is to end.
    fn ended(&mut self, down: Down) -> Option<Down> {
        let mut switch = lock(&self.switch);
        switch.cut();
        if switch.over {
            return None;
        }
        if !std::mem::take(&mut switch.drifted) {
            return Some(down);
        }
        self.position.forget();
        Some(Down { gap: Some(Gap::Drift), ..Down::by(End::Rehydrate) })
    }

    fn connect(&mut self, agent: &Agent) -> Went {
        let id = self.position.begin();
        let resumed = id.is_some();
        let silence = self.patience.limit();
        let opening = Opening { token: self.setup.token.text(), id, silence };
        let began = Instant::now();
        let line = match Line::open(&self.setup.client, agent, &opening) {
            Ok(line) => line,
            Err(error) => {
                let took = Some(began.elapsed());
                let down = Down { took, error: Some(error.clone()), ..Down::by(end_of(&error)) };
                return Went { down, up: Duration::ZERO };
            }
        };
        let opened = Instant::now();
        (self.tell)(News::Opened { resumed, took: began.elapsed() });
        let down = self.follow(line);
        Went { down, up: opened.elapsed() }
    }

    fn follow(&mut self, mut line: Line) -> Down {
        let bytes_max = usize::try_from(self.setup.client.body_bytes_max()).unwrap_or(usize::MAX);
        let mut parser = Parser::new(bytes_max);
        let mut buffer = vec![0; READ_BYTES];
        let mut heard = Instant::now();
        loop {
            let bytes = match line.read(&mut buffer) {
                Ok(bytes) => bytes,
                Err(cut) => return self.cut(cut),
            };
            let pause = std::mem::replace(&mut heard, Instant::now()).elapsed();
            let mut gap = None;
            let fed = parser.feed(bytes, |item| {
                if gap.is_none() {
                    gap = self.take(item, pause);
                }
            });
            let gap = gap.or_else(|| fed.is_err().then_some(Gap::TooLarge));
            if gap.is_some() {
                self.position.forget();
                return Down { gap, ..Down::by(End::Rehydrate) };
            }
        }
    }

    fn take(&mut self, item: Item, pause: Duration) -> Option<Gap> {
        match item {
            Item::Comment => {
                self.patience.kept_alive(pause);
                self.position.kept_alive();
                None
            }
            Item::Retry(retry) => {
                self.pace.asked(retry);
                None
            }
            Item::Event(event) => {
                let known = Arc::clone(&lock(&self.setup.known));
                let received = self.position.received(event, &known, parse_changes);
                if let Some(changes) = received.changes {
                    (self.tell)(News::Changes(changes));
                }
                received.gap
            }
        }
    }

    fn cut(&mut self, cut: Cut) -> Down {
        match cut {
            Cut::Ended => Down::by(End::Ended),
            Cut::Silent => {
                let gap = self.position.silent().then_some(Gap::Silence);
                Down { gap, ..Down::by(End::Silent) }
            }
        }
    }
}

fn end_of(error: &CallError) -> End {
    match error.status() {
        Some(401 | 403) => End::Denied,
        Some(_) => End::Refused { retry_after: error.retry_after() },
        None => End::Unreachable,
    }
}

/// A panic elsewhere leaves nothing half done in these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
