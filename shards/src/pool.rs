//! The shards of a process: started together, told together, ended together.

use std::{
    fmt,
    net::TcpListener,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustls::ServerConfig;

use crate::{
    cpu::Plan,
    driver::{Driver, glommio::Uring},
    limits::PEER_SHARE_PERCENT,
    link::Transport,
    mailbox::{Broadcast, Mailbox, Order},
    service::Service,
    session::Timeouts,
    shard::{self, Shard, ShardConfig},
    stats::Stats,
};

/// What a pool is made of.
pub struct PoolConfig {
    /// How many shards, and on which CPUs.
    pub plan: Plan,
    /// Requests tell by its index which port they came to.
    pub ports: Vec<Port>,
    /// Deadlines of connections.
    pub timeouts: Timeouts,
    /// Connections over all shards; each may hold its part.
    pub connections_max: usize,
    /// Bytes that may wait for the reader of a stream behind the frame that is being sent, before it is cut; usually
    /// [`crate::STREAM_BYTES_MAX`]. One frame may wait whatever its length.
    pub stream_bytes_max: usize,
}

/// One port, on all shards.
pub struct Port {
    /// One per shard, see [`crate::bind`].
    pub listeners: Vec<TcpListener>,
    /// How its connections are made.
    pub transport: Transport,
}

impl Port {
    /// HTTP.
    pub fn plain(listeners: Vec<TcpListener>) -> Self {
        Self { listeners, transport: Transport::Plain }
    }

    /// HTTPS.
    pub fn tls(listeners: Vec<TcpListener>, config: Arc<ServerConfig>) -> Self {
        Self { listeners, transport: Transport::Tls(config) }
    }
}

/// Why a pool could not be started.
#[derive(Debug)]
pub struct StartError {
    /// Index of the shard that failed first.
    pub shard: usize,
    /// What its thread or executor said.
    pub cause: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} could not be started: {}", self.shard, self.cause)
    }
}

impl std::error::Error for StartError {}

/// A shard has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its index.
    pub shard: usize,
    /// By a panic, not because it was told to drain. The process should end: nobody accepts on its listener.
    pub panicked: bool,
}

/// The running shards.
pub struct ShardPool<S: Service> {
    broadcast: Broadcast<S>,
    threads: Vec<JoinHandle<()>>,
    ended: Receiver<Ended>,
    stats: Vec<Arc<Stats>>,
}

impl<S: Service> ShardPool<S> {
    /// Starts the shards of the plan, one thread each, every one with its executor, and waits until all run. `make` is called on
    /// each shard's thread with the shard's index. A shard accepts connections once it has its first state.
    ///
    /// # Errors
    /// If a thread or an executor cannot be made; the shards already running are ended.
    pub fn start(
        config: PoolConfig,
        make: impl Fn(usize, &Arc<Stats>) -> S + Clone + Send + 'static,
    ) -> Result<Self, StartError> {
        let count = config.plan.shards;
        let (broadcast, mailboxes) = Broadcast::new(count);
        let (ended_tx, ended) = bounded(count);
        let connections_max = (config.connections_max / count.max(1)).max(1);
        let mut pool = Self { broadcast, threads: Vec::new(), ended, stats: Vec::new() };
        let (transports, listeners): (Vec<_>, Vec<_>) =
            config.ports.into_iter().map(|port| (port.transport, port.listeners.into_iter())).unzip();
        let mut listeners = listeners;
        for (index, mailbox) in mailboxes.into_iter().enumerate() {
            let seat = Seat {
                config: ShardConfig {
                    index,
                    timeouts: config.timeouts,
                    connections_max,
                    stream_bytes_max: config.stream_bytes_max,
                    connections_per_peer_max: (connections_max * PEER_SHARE_PERCENT / 100).max(1),
                },
                cpu: config.plan.cpu(index),
                listeners: listeners.iter_mut().filter_map(Iterator::next).collect(),
                transports: transports.clone(),
                mailbox,
                stats: Arc::new(Stats::default()),
                ended: ended_tx.clone(),
            };
            pool.stats.push(Arc::clone(&seat.stats));
            match seat.start(make.clone()) {
                Ok(thread) => pool.threads.push(thread),
                Err(cause) => {
                    pool.drain(Duration::ZERO);
                    return Err(StartError { shard: index, cause });
                }
            }
        }
        Ok(pool)
    }

    /// The way to speak to the shards.
    pub fn broadcast(&self) -> &Broadcast<S> {
        &self.broadcast
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.threads.len()
    }

    /// The counters of each shard.
    pub fn stats(&self) -> &[Arc<Stats>] {
        &self.stats
    }

    /// Receives each shard's end.
    pub fn ended(&self) -> &Receiver<Ended> {
        &self.ended
    }

    /// Tells every service that the process will stop; serving goes on.
    pub fn announce_stop(&self) {
        self.broadcast.order_all(|| Order::AnnounceStop);
    }

    /// Stops accepting, lets open requests finish for at most this long, ends the shards. Idle connections are
    /// closed at once. True if every shard ended in time.
    pub fn drain(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        self.broadcast.order_all(|| Order::Drain(deadline));
        // A shard looks at its deadline itself; one that hangs is left to the end of the process.
        let patience = deadline + Duration::from_secs(1);
        (0..self.threads.len()).all(|_| self.ended.recv_deadline(patience).is_ok())
    }
}

/// Everything one shard's thread takes with it.
struct Seat<S: Service> {
    config: ShardConfig,
    cpu: Option<usize>,
    /// One for each port.
    listeners: Vec<TcpListener>,
    /// The same.
    transports: Vec<Transport>,
    mailbox: Mailbox<S>,
    stats: Arc<Stats>,
    ended: Sender<Ended>,
}

impl<S: Service> Seat<S> {
    /// Starts the thread and waits until its executor runs.
    fn start(
        self,
        make: impl Fn(usize, &Arc<Stats>) -> S + Send + 'static,
    ) -> Result<JoinHandle<()>, String> {
        let (made_tx, made) = bounded::<Result<(), String>>(1);
        let thread = thread::Builder::new()
            .name(format!("shard-{}", self.config.index))
            .spawn(move || self.live(make, made_tx))
            .map_err(|error| error.to_string())?;
        match made.recv() {
            Ok(Ok(())) => Ok(thread),
            Ok(Err(cause)) => Err(cause),
            Err(_) => Err("its thread ended before the executor was made".to_owned()),
        }
    }

    fn live(self, make: impl Fn(usize, &Arc<Stats>) -> S, made: Sender<Result<(), String>>) {
        let index = self.config.index;
        let ended = self.ended.clone();
        let run = AssertUnwindSafe(|| {
            let told = made.clone();
            // The receiver waits until one of the two is sent.
            let ok = move || drop(told.send(Ok(())));
            if let Err(cause) = Uring::run(self.cpu, ok, || self.into_main(make)) {
                drop(made.send(Err(cause)));
            }
        });
        let panicked = catch_unwind(run).is_err();
        // The pool may be gone already; then nobody asks.
        let _ = ended.send(Ended { shard: index, panicked });
    }

    fn into_main(self, make: impl Fn(usize, &Arc<Stats>) -> S) -> impl Future<Output = ()> + 'static
    where
        S: 'static,
    {
        let service = make(self.config.index, &self.stats);
        let shard = Rc::new(Shard::new(self.config, self.transports, service, self.stats));
        shard::run::<Uring, S>(shard, self.listeners, self.mailbox)
    }
}
