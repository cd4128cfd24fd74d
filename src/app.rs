//! From a checked configuration to a running process, and back to an exit code.
//!
//! The order matters: signals are blocked before any thread exists; what can fail by configuration fails before
//! the port opens; the port opens before anything is asked of upstream.

use std::{io::Write, net::TcpListener, process::ExitCode, sync::Arc, time::Duration};

use brink_shards::{PoolConfig, ShardPool, Timeouts, bind, cpu, preflight};
use crossbeam_channel::{Receiver, bounded, select};

use crate::{
    config::settings::{Config, Edge as EdgeSettings, Mode, Offline as OfflineSettings, Server},
    limits::{ASKS_MAX, BODY_TIMEOUT, HEAD_TIMEOUT, SEND_TIMEOUT},
    messages::Ask,
    observe::log,
    offline,
    serve::{Desk, Edge, Rules},
    signals,
    sync::{self, Sync},
    tokens::{
        key::KeyHasher,
        registry::{self, TokenRegistry},
        table::TokenKind,
        token::Token,
    },
    upstream::client::Client,
};

/// The host does not offer what serving needs (`EX_CONFIG` of sysexits.h).
const EXIT_HOST: u8 = 78;

/// Why the process ends before it serves, or in the middle.
enum Stop {
    /// `Error: <text>`, exit 1.
    Failed(String),
    /// One paragraph each, exit 78.
    Host(Vec<preflight::Problem>),
}

impl<E: std::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the server until a signal.
pub fn run(config: &Config) -> ExitCode {
    let _logs = log::start(&config.log);
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed(text)) => {
            complain(&format!("Error: {text}"));
            ExitCode::FAILURE
        }
        Err(Stop::Host(problems)) => {
            problems.iter().for_each(|problem| complain(&format!("Error: {problem}")));
            ExitCode::from(EXIT_HOST)
        }
    }
}

fn complain(text: &str) {
    // Nobody may be listening; the exit code says it too.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn serve(config: &Config) -> Result<(), Stop> {
    let signals = signals::block()?;
    let keys = KeyHasher::new(rand::random());
    let (asks_tx, asks) = bounded(ASKS_MAX);
    let desk = match &config.mode {
        Mode::Edge(_) => Desk::edge,
        Mode::Offline(_) => Desk::offline,
    };
    let source = Source::prepare(&config.mode, keys)?;
    let pool = open(&config.server, move |rules| Edge::new(rules, keys, desk(asks_tx.clone())))?;
    let stop = source.start(&pool, asks)?;
    let stopped = signals.watch()?;
    let result = select! {
        recv(stopped) -> signal => {
            if let Ok(signal) = signal {
                tracing::info!("{signal} received, stopping");
            }
            Ok(())
        }
        recv(pool.ended()) -> ended => Err(Stop::Failed(format!(
            "a shard has ended ({ended:?}): its share of new connections would not be answered"
        ))),
    };
    drain(pool, config);
    drop(stop);
    result
}

/// Opens the port and starts the shards.
fn open(
    server: &Server,
    make: impl Fn(Rules) -> Edge + Clone + Send + 'static,
) -> Result<ShardPool<Edge>, Stop> {
    let plan = cpu::plan(server.workers);
    let room = preflight::check(plan.shards).map_err(Stop::Host)?;
    let listeners = bind(server.interface, server.port, plan.shards)?;
    let address = listeners.first().map(TcpListener::local_addr).transpose()?;
    let timeouts = Timeouts {
        head: HEAD_TIMEOUT,
        body: BODY_TIMEOUT,
        request: server.request_timeout,
        idle: server.keepalive_timeout,
        send: SEND_TIMEOUT,
    };
    tracing::info!(shards = plan.shards, pinned = plan.pinned.is_some(), "Starting shards");
    let pool_config = PoolConfig { plan, listeners, timeouts, connections_max: room.connections_max };
    let settings = server.clone();
    let pool = ShardPool::start(pool_config, move |_, _| make(Rules::new(&settings)))?;
    if let Some(address) = address {
        let base = if server.base_path.is_empty() { "/" } else { &server.base_path };
        tracing::info!("Edge is listening to HTTP traffic on {address} at {base}");
    }
    if pool.shards() > brink_sys_flagged() {
        tracing::warn!("The io_uring set-up flag is not in effect: requests cost about a quarter more CPU");
    }
    Ok(pool)
}

fn brink_sys_flagged() -> usize {
    brink_shards::rings_flagged()
}

fn drain(pool: ShardPool<Edge>, config: &Config) {
    pool.announce_stop();
    if !config.server.drain_delay.is_zero() {
        std::thread::sleep(config.server.drain_delay);
    }
    if !pool.drain(config.server.shutdown_timeout) {
        tracing::warn!("Some requests were still open at the end of the shutdown timeout");
    }
    tracing::info!("Stopped");
}

/// Where the data comes from, checked as far as it can be before the port opens.
enum Source {
    Offline(Box<offline::Prepared>),
    Edge(Box<Prepared>),
}

struct Prepared {
    client: Arc<Client>,
    registry: TokenRegistry,
    interval: Duration,
}
