//! From a checked configuration to a running process, and back to an exit code.
//!
//! The order matters: signals are blocked before any thread exists; what can fail by configuration fails before
//! the port opens; the port opens before anything is asked of upstream.

use std::{
    fmt::Display,
    io::Write,
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use brink_shards::{PoolConfig, ShardPool, Timeouts, bind, cpu, preflight};
use crossbeam_channel::{Receiver, bounded, select};

use crate::{
    config::{
        self, Config,
        settings::{self, Mode, Server, StartScope, Stopping},
    },
    control::Control,
    features::model::Document,
    limits::{ASKS_MAX, BODY_TIMEOUT, HEAD_TIMEOUT, SEND_TIMEOUT},
    messages::Ask,
    observe::log,
    offline,
    pages::{self, PAGE_ASKS_MAX},
    persist::{self, Persist},
    prepare, probe,
    serve::{Desk, Edge, Rules},
    signals,
    sync::{self, Sync},
    tokens::{
        key::KeyHasher,
        registry::{self, TokenRegistry},
        table::TokenKind,
    },
    upstream::Client,
};

/// The host does not offer what serving needs (`EX_CONFIG` of sysexits.h).
const EXIT_HOST: u8 = 78;

/// An offline process has nobody to validate tokens with; the registry wants a number.
const NEVER: Duration = Duration::from_secs(3600);

/// Why the process ends with an error.
enum Failed {
    /// `Error: <text>`, exit 1.
    Start(String),
    /// One paragraph each, exit 78.
    Host(Vec<preflight::Problem>),
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Start(error.to_string())
    }
}

/// Runs until the work is done or the program is told to stop; the result is its exit code.
pub fn run(config: &Config) -> ExitCode {
    let served = match &config.mode {
        Mode::Health(settings) => return probe::health(settings).print(),
        Mode::Ready(settings) => return probe::ready(settings).print(),
        _ if config::unsupported(config).is_some() => {
            Err(Failed::Start(config::unsupported(config).unwrap_or_default()))
        }
        Mode::Prepare(settings) => prepare::run(settings).map_err(Failed::from),
        Mode::Edge(settings) => prepared(config, |signals| serve_edge(config, settings, signals)),
        Mode::Offline(settings) => prepared(config, |signals| serve_offline(config, settings, signals)),
    };
    match served {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failed::Start(text)) => complain(&text),
        Err(Failed::Host(problems)) => {
            problems.iter().for_each(complain);
            return ExitCode::from(EXIT_HOST);
        }
    }
    ExitCode::FAILURE
}

fn complain(problem: impl Display) {
    // Nobody may be listening; the exit code says it too.
    let _ = writeln!(std::io::stderr(), "Error: {problem}");
}

/// Signals are blocked before the first thread starts, which is the one that writes logs.
fn prepared(
    config: &Config,
    serve: impl FnOnce(signals::Blocked) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let signals = signals::block()?;
    let _flush = log::init(config.log_format, &log::Surroundings::of_process());
    if !config.pending.is_empty() {
        let options = config.pending.join(", ");
        tracing::warn!(options, "These options are accepted and have no effect yet");
    }
    for notice in &config.notices {
        tracing::warn!("{notice}");
    }
    if config.proxy_trust.enabled && config.proxy_trust.servers.is_empty() {
        tracing::warn!("--trust-proxy without --proxy-trusted-servers believes any client about its address");
    }
    serve(signals)
}

fn serve_offline(
    config: &Config,
    settings: &settings::Offline,
    signals: signals::Blocked,
) -> Result<(), Failed> {
    let document = offline::read(&settings.bootstrap_file)?;
    let keys = KeyHasher::new(rand::random());
    let registry = offline_tokens(settings, keys);
    let (ask, asks) = bounded(ASKS_MAX);
    let (page_ask, page_asks) = bounded(PAGE_ASKS_MAX);
    let control_asks = ask.clone();
    let pool = open(config, move |rules| {
        let desk = Desk::offline(ask.clone()).with_pages(page_ask.clone());
        Edge::new(rules, keys, desk, rand::random())
    })?;
    let setup = offline::Setup {
        path: settings.bootstrap_file.clone(),
        document,
        reload: settings.reload_interval,
        tokens: registry.table(),
        listing: registry.listing(),
        broadcast: pool.broadcast().clone(),
        asks,
    };
    let control = offline::start(setup)?;
    let sources = pages::Sources {
        broadcast: pool.broadcast().clone(),
        control: control_asks,
        app_name: config.instance.app_name.clone(),
    };
    let _pages = pages::start(sources, page_asks)?;
    until_stopped(pool, &control, None, signals, &config.stopping)
}

fn offline_tokens(settings: &settings::Offline, keys: KeyHasher) -> TokenRegistry {
    let mut registry = new_registry(registry::Mode::Offline, keys, NEVER);
    let lists = [
        (TokenKind::Untyped, &settings.tokens),
        (TokenKind::Backend, &settings.client_tokens),
        (TokenKind::Frontend, &settings.frontend_tokens),
    ];
    for (kind, list) in lists {
        list.iter().for_each(|token| registry.add_offline(kind, token.expose()));
    }
    registry
}

fn serve_edge(config: &Config, settings: &settings::Edge, signals: signals::Blocked) -> Result<(), Failed> {
    let client = Arc::new(Client::new(&settings.upstream)?);
    let bootstrap = settings.bootstrap_file.as_deref().map(bootstrap).transpose()?;
    let store = settings.backup.as_ref().map(persist::open).transpose()?;
    warn_about(&client, settings);
    // It reads while the port opens.
    let (persist, restore) = match store {
        Some(store) => {
            persist::start(store, rand::random()).map(|(persist, start)| (Some(persist), Some(start)))?
        }
        None => (None, None),
    };
    let keys = KeyHasher::new(rand::random());
    let mode = match settings.start_scope {
        StartScope::Strict => registry::Mode::Strict,
        StartScope::Dynamic => registry::Mode::Dynamic,
    };
    let mut registry = new_registry(mode, keys, settings.token_revalidation_interval);
    for token in &settings.tokens {
        registry.add_startup(token.clone(), Instant::now());
    }
    settings.pretrusted_tokens.iter().for_each(|token| registry.add_pretrusted(token));
    let (ask, asks) = bounded::<Ask>(ASKS_MAX);
    let (page_ask, page_asks) = bounded(PAGE_ASKS_MAX);
    let control_asks = ask.clone();
    let pool = open(config, move |rules| {
        let desk = Desk::edge(ask.clone()).with_pages(page_ask.clone());
        Edge::new(rules, keys, desk, rand::random())
    })?;
    let setup = sync::Setup {
        registry,
        interval: settings.features_refresh_interval,
        client,
        broadcast: pool.broadcast().clone(),
        asks,
        persist: restore,
        bootstrap,
        seed: rand::random(),
    };
    let control = Sync::start(setup)?;
    let sources = pages::Sources {
        broadcast: pool.broadcast().clone(),
        control: control_asks,
        app_name: config.instance.app_name.clone(),
    };
    let _pages = pages::start(sources, page_asks)?;
    let served = until_stopped(pool, &control, persist.as_ref(), signals, &config.stopping);
    if served.is_err() {
        end(persist.as_ref());
    }
    served
}

/// Reads the file of hybrid mode. One that cannot be read ends the start, as other files of the configuration do.
fn bootstrap(path: &Path) -> Result<Document, Failed> {
    offline::read(path).map_err(|error| {
        let path = path.display();
        Failed::Start(format!(
            "{error} (--bootstrap-file, BOOTSTRAP_FILE: {path}); correct the file or leave the option out"
        ))
    })
}

fn new_registry(mode: registry::Mode, hasher: KeyHasher, revalidation_interval: Duration) -> TokenRegistry {
    let setup = registry::Setup { mode, hasher, revalidation_interval, seed: rand::random() };
    TokenRegistry::new(setup, Instant::now())
}

fn warn_about(client: &Client, settings: &settings::Edge) {
    if let Some(header) = client.overridden_token_header() {
        tracing::warn!(header, "A custom client header replaces the token on every call to upstream");
    }
    if settings.upstream.skip_ssl_verification {
        tracing::warn!("The certificate of the upstream is not verified (--skip-ssl-verification)");
    }
}

/// Opens the port and starts the shards.
fn open(
    config: &Config,
    make: impl Fn(Rules) -> Edge + Clone + Send + 'static,
) -> Result<ShardPool<Edge>, Failed> {
    let server = &config.server;
    let plan = cpu::plan(server.workers);
    let room = preflight::check(plan.shards).map_err(Failed::Host)?;
    let mut ports = vec![bind(server.interface, server.port, plan.shards)?];
    if let Some(address) = config.backstage.address {
        ports.push(bind(address.ip(), address.port(), plan.shards)?);
    }
    let addresses = ports.iter().filter_map(|listeners| listeners.first()?.local_addr().ok());
    let addresses: Vec<SocketAddr> = addresses.collect();
    let (shards, pinned) = (plan.shards, plan.pinned.is_some());
    let config = config.clone();
    let pool_config =
        PoolConfig { plan, ports, timeouts: timeouts(server), connections_max: room.connections_max };
    let pool = ShardPool::start(pool_config, move |_, _| {
        make(Rules::new(&config.server, &config.proxy_trust, &config.endpoints, &config.backstage))
    })?;
    tracing::info!(shards, pinned, connections_max = room.connections_max, "Shards are running");
    if brink_shards::rings_flagged() < shards {
        tracing::warn!(
            "The io_uring flag COOP_TASKRUN is not in effect: requests cost about a quarter more CPU"
        );
    }
    let base = if server.base_path.is_empty() { "/" } else { &server.base_path };
    for (role, address) in ["Edge", "The backstage"].into_iter().zip(addresses) {
        tracing::info!("{role} is listening to HTTP traffic on {address} at {base}");
    }
    Ok(pool)
}

fn timeouts(server: &Server) -> Timeouts {
    Timeouts {
        head: HEAD_TIMEOUT,
        body: BODY_TIMEOUT,
        request: server.request_timeout,
        idle: server.keepalive_timeout,
        send: SEND_TIMEOUT,
    }
}

fn until_stopped(
    pool: ShardPool<Edge>,
    control: &Control,
    persist: Option<&Persist>,
    signals: signals::Blocked,
    stopping: &Stopping,
) -> Result<(), Failed> {
    let stopped: Receiver<_> = signals.watch()?;
    select! {
        recv(stopped) -> signal => {
            if let Ok(signal) = signal {
                tracing::info!("{signal} received, stopping");
            }
        }
        recv(pool.ended()) -> _ => {
            let text = "a shard has ended by a panic: nobody would answer its share of new connections";
            return Err(Failed::Start(text.to_owned()));
        }
        recv(control.ended()) -> _ => {
            let text = "the control thread has ended by a panic: nothing would be refreshed any more";
            return Err(Failed::Start(text.to_owned()));
        }
    }
    pool.announce_stop();
    if let Some(persist) = persist {
        persist.flush();
    }
    if !stopping.drain_delay.is_zero() {
        thread::sleep(stopping.drain_delay);
    }
    if !pool.drain(stopping.timeout) {
        tracing::warn!("A shard did not end in time");
    }
    end(persist);
    tracing::info!("Stopped");
    Ok(())
}

/// What changed last is in the backup, or that is said.
fn end(persist: Option<&Persist>) {
    if persist.is_some_and(|persist| !persist.stop()) {
        tracing::warn!("The backup was not written in time");
    }
}
