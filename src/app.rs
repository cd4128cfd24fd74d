//! From a checked configuration to a running process, and back to an exit code.
//!
//! The order matters: signals are blocked before any thread exists; what can fail by configuration fails before
//! the port opens; the port opens before anything is asked of upstream.

use std::{
    fmt::Display,
    io::Write,
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use brink_shards::{ListenError, PoolConfig, Port, ShardPool, Stats, Timeouts, bind, cpu, preflight};
use crossbeam_channel::{Receiver, bounded, select};

use crate::{
    config::{
        self, Config,
        settings::{self, Mode, Opening, Role, Server, StartScope, Stopping},
    },
    control::Control,
    limits::{ASKS_MAX, BODY_TIMEOUT, HEAD_TIMEOUT, SEND_TIMEOUT},
    messages::Ask,
    observe::log,
    offline,
    pages::{self, PAGE_ASKS_MAX},
    probe,
    serve::{Desk, Edge, Rules},
    signals,
    sync::{self, Sync},
    tls::Certificates,
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
        Mode::Prepare(_) => Err(Failed::Start("offline prepare is not built in yet".to_owned())),
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
    mut signals: signals::Blocked,
) -> Result<(), Failed> {
    let document = offline::read(&settings.bootstrap_file)?;
    let keys = KeyHasher::new(rand::random());
    let registry = offline_tokens(settings, keys);
    let (ask, asks) = bounded(ASKS_MAX);
    let (page_ask, page_asks) = bounded(PAGE_ASKS_MAX);
    let control_asks = ask.clone();
    let Serving { pool, certificates: _certificates } = open(config, &mut signals, move |rules| {
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
    until_stopped(pool, &control, signals, &config.stopping)
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

fn serve_edge(
    config: &Config,
    settings: &settings::Edge,
    mut signals: signals::Blocked,
) -> Result<(), Failed> {
    let client = Arc::new(Client::new(&settings.upstream)?);
    warn_about(&client, settings);
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
    let Serving { pool, certificates: _certificates } = open(config, &mut signals, move |rules| {
        let desk = Desk::edge(ask.clone()).with_pages(page_ask.clone());
        Edge::new(rules, keys, desk, rand::random())
    })?;
    let setup = sync::Setup {
        registry,
        interval: settings.features_refresh_interval,
        client,
        broadcast: pool.broadcast().clone(),
        asks,
        seed: rand::random(),
    };
    let control = Sync::start(setup)?;
    let sources = pages::Sources {
        broadcast: pool.broadcast().clone(),
        control: control_asks,
        app_name: config.instance.app_name.clone(),
    };
    let _pages = pages::start(sources, page_asks)?;
    until_stopped(pool, &control, signals, &config.stopping)
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

/// The shards, and the thread that looks after their certificate.
struct Serving {
    pool: ShardPool<Edge>,
    certificates: Option<Control>,
}

/// Opens the ports and starts the shards.
fn open(
    config: &Config,
    signals: &mut signals::Blocked,
    make: impl Fn(Rules) -> Edge + Clone + Send + 'static,
) -> Result<Serving, Failed> {
    let plan = cpu::plan(config.server.workers);
    let room = preflight::check(plan.shards).map_err(Failed::Host)?;
    let checked = config.tls.as_ref().map(|tls| Certificates::load(tls.files.clone())).transpose()?;
    let ports = bind_all(config, plan.shards, checked.as_ref().map(|checked| &checked.config))?;
    let addresses: Vec<SocketAddr> = ports.iter().filter_map(address).collect();
    let (shards, pinned) = (plan.shards, plan.pinned.is_some());
    let pool_config = PoolConfig {
        plan,
        ports,
        timeouts: timeouts(&config.server),
        connections_max: room.connections_max,
        stream_bytes_max: brink_shards::STREAM_BYTES_MAX,
    };
    let pool = ShardPool::start(pool_config, with_rules(config, &addresses, make))?;
    tracing::info!(shards, pinned, connections_max = room.connections_max, "Shards are running");
    if brink_shards::rings_flagged() < shards {
        tracing::warn!(
            "The io_uring flag COOP_TASKRUN is not in effect: requests cost about a quarter more CPU"
        );
    }
    let broadcast = pool.broadcast().clone();
    let certificates = checked.map(|checked| {
        checked.certificates.watch(signals.on_hangup(), move |config| broadcast.replace_tls(config))
    });
    say_where(config, &addresses);
    Ok(Serving { pool, certificates: certificates.transpose()? })
}

fn bind_all(
    config: &Config,
    shards: usize,
    tls: Option<&Arc<rustls::ServerConfig>>,
) -> Result<Vec<Port>, ListenError> {
    let open = |opening: Opening| {
        let listeners = bind(opening.address.ip(), opening.address.port(), shards)?;
        Ok(match tls.filter(|_| opening.tls) {
            Some(tls) => Port::tls(listeners, Arc::clone(tls)),
            None => Port::plain(listeners),
        })
    };
    config.openings().into_iter().map(open).collect()
}

/// Where a port really is: 0 was any that is free.
fn address(port: &Port) -> Option<SocketAddr> {
    port.listeners.first()?.local_addr().ok()
}

fn with_rules(
    config: &Config,
    addresses: &[SocketAddr],
    make: impl Fn(Rules) -> Edge + Clone + Send + 'static,
) -> impl Fn(usize, &Arc<Stats>) -> Edge + Clone + Send + 'static {
    let roles: Vec<Role> = config.openings().iter().map(|opening| opening.role).collect();
    let api_port = addresses.first().map_or(0, SocketAddr::port);
    let config = config.clone();
    move |_, _| {
        let rules = Rules::new(&config.server, &config.proxy_trust, &config.endpoints, &config.backstage);
        make(rules.on(&roles, api_port))
    }
}

fn say_where(config: &Config, addresses: &[SocketAddr]) {
    let base = if config.server.base_path.is_empty() { "/" } else { &config.server.base_path };
    for (opening, address) in config.openings().iter().zip(addresses) {
        let who = match opening.role {
            Role::Api => "Edge",
            Role::Backstage => "The backstage",
            Role::Redirect => "The redirect",
        };
        let protocol = if opening.tls { "TLS" } else { "HTTP" };
        tracing::info!("{who} is listening to {protocol} traffic on {address} at {base}");
    }
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
    if !stopping.drain_delay.is_zero() {
        thread::sleep(stopping.drain_delay);
    }
    if !pool.drain(stopping.timeout) {
        tracing::warn!("A shard did not end in time");
    }
    tracing::info!("Stopped");
    Ok(())
}
