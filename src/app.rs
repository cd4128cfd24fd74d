//! From a checked configuration to a running process, and back to an exit code.
//!
//! The order matters: signals are blocked before any thread exists; what can fail by configuration fails before
//! the port opens; the port opens before anything is asked of upstream.

mod stop;

use std::{
    fmt::Display,
    io::Write,
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant, SystemTime},
};

use brink_shards::{
    Broadcast, ListenError, PoolConfig, Port, ShardPool, Stats, Timeouts, bind, cpu, preflight,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use stop::{Keepers, until_stopped};

use crate::{
    config::{
        Config, lists,
        settings::{self, Mode, Opening, Role, Server, Share, StartScope},
    },
    control::Control,
    features::model::Document,
    limits::{ASKS_MAX, BODY_TIMEOUT, HEAD_TIMEOUT, SEND_TIMEOUT},
    messages::Ask,
    observe::{
        access,
        exposition::{self, Exposition},
        gather::Gatherer,
        log,
        observed::Observer,
        otlp, remote_write,
        tally::{Tally, TokenStates},
    },
    offline,
    pages::{self, PAGE_ASKS_MAX, PageAsk, status::Identity},
    persist, prepare, probe, reload,
    report::{
        self, Reporting,
        limits::{BUCKETS_PER_SHARD, RELAYS_MAX},
        standing::standing,
    },
    serve::{Desk, Edge, Rules, Seat},
    signals,
    sync::{self, Sync},
    tls::Certificates,
    tokens::{
        key::KeyHasher,
        registry::{self, TokenRegistry},
        table::TokenKind,
    },
    upstream::{Client, TokenRequest},
};

/// The host does not offer what serving needs (`EX_CONFIG` of sysexits.h).
const EXIT_HOST: u8 = 78;

/// An offline process has nobody to validate tokens with; the registry wants a number.
const NEVER: Duration = Duration::from_secs(3600);

/// What stands before anything is served.
struct Prepared {
    signals: signals::Blocked,
    /// Counts log lines that were dropped.
    log_dropped: Arc<AtomicU64>,
    /// Talks about requests.
    access: access::Access,
    /// Sends telemetry. Dropped after `access`, whose last lines and spans it is to have.
    export: Option<otlp::Export>,
}

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
        Mode::Prepare(settings) => prepare::run(settings).map_err(Failed::from),
        Mode::Edge(settings) => prepared(config, |ready| serve_edge(config, settings, ready)),
        Mode::Offline(settings) => prepared(config, |ready| serve_offline(config, settings, ready)),
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
fn prepared(config: &Config, serve: impl FnOnce(Prepared) -> Result<(), Failed>) -> Result<(), Failed> {
    let signals = signals::block()?;
    let (taps, intake) = config.otlp.as_ref().map(|_| otlp::taps()).unzip();
    let (log_tap, span_tap) = taps.map(|taps| (taps.logs, taps.spans)).unzip();
    let flush = log::init(config.log_format, &log::Surroundings::of_process(), log_tap);
    let export = match (&config.otlp, intake) {
        (Some(settings), Some(intake)) => {
            let transport = otlp::Transport::new(settings)?;
            Some(otlp::start(transport, otlp::Origin::new(&config.instance), intake, otlp::Pace::default())?)
        }
        _ => None,
    };
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
    let access = access::start(access::Setup {
        lines: config.access_log,
        spans: config.otlp.as_ref().map_or_else(Share::default, |settings| settings.spans),
        span_sink: Box::new(move |record| {
            if let Some(spans) = &span_tap {
                spans.put(record);
            }
        }),
        auth_header: config.server.auth_header.clone(),
    })?;
    serve(Prepared { signals, log_dropped: flush.dropped(), access, export })
}

fn serve_offline(config: &Config, settings: &settings::Offline, mut ready: Prepared) -> Result<(), Failed> {
    let document = offline::read(&settings.bootstrap_file)?;
    let keys = KeyHasher::new(rand::random());
    let registry = offline_tokens(settings, keys);
    let tally = Arc::new(Tally::new(&config.instance));
    tally.tokens_stand(&TokenStates::of(&registry.table()));
    let (ask, asks) = bounded(ASKS_MAX);
    let (page_ask, page_asks) = bounded(PAGE_ASKS_MAX);
    let control_asks = ask.clone();
    let hearing = ready.access.hearing().clone();
    let Serving { pool, certificates: _certificates } = open(config, &mut ready.signals, move |rules| {
        let desk = Desk::offline(ask.clone()).with_pages(page_ask.clone());
        Edge::new(rules, keys, desk, rand::random()).with_witness(hearing.witness(rand::random()))
    })?;
    watch_panics(&ready.access, &pool);
    let setup = offline::Setup {
        path: settings.bootstrap_file.clone(),
        document,
        reload: settings.reload_interval,
        tokens: tokens_of(&registry),
        reread: reread(settings.clone(), keys, Arc::clone(&tally)),
        hangups: ready.signals.on_hangup(),
        broadcast: pool.broadcast().clone(),
        asks,
    };
    let control = offline::start(setup)?;
    watch_queues(&tally, &control_asks, &page_asks);
    let sources = pages::Sources {
        broadcast: pool.broadcast().clone(),
        control: control_asks,
        reports: None,
        exposition: exposition(config, &pool, &tally, &ready.log_dropped),
        identity: identity(config),
    };
    let _pages = pages::start(sources, page_asks)?;
    export_measurements(config, &pool, &tally, &ready);
    until_stopped(pool, &control, Keepers::default(), ready.signals, &config.stopping)
}

/// Panics in handlers are counted by the shards, below all services.
fn watch_panics(access: &access::Access, pool: &ShardPool<Edge>) {
    let stats = pool.stats().to_vec();
    access.watch_panics(move || stats.iter().map(|shard| shard.panics.value()).sum());
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

fn tokens_of(registry: &TokenRegistry) -> offline::Tokens {
    offline::Tokens { table: registry.table(), listing: registry.listing() }
}

/// Reads the files of tokens again, each time; a bad one keeps the list that is in force.
fn reread(mut settings: settings::Offline, keys: KeyHasher, tally: Arc<Tally>) -> offline::Reread {
    Box::new(move || {
        for file in lists::read_offline(&mut settings) {
            tracing::error!("Tokens were not read again, the old ones stay: {file}");
        }
        let tokens = tokens_of(&offline_tokens(&settings, keys));
        tally.tokens_stand(&TokenStates::of(&tokens.table));
        tokens
    })
}

fn serve_edge(config: &Config, settings: &settings::Edge, mut ready: Prepared) -> Result<(), Failed> {
    let client = Arc::new(Client::new(&settings.upstream)?);
    let requests_tokens = settings.hmac.as_ref().map(TokenRequest::new).transpose()?;
    let defers = settings.defer_token_validation;
    let tally = Arc::new(Tally::new(&config.instance));
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
    let registry = edge_tokens(settings, keys);
    let (ask, asks) = bounded::<Ask>(ASKS_MAX);
    let (page_ask, page_asks) = bounded(PAGE_ASKS_MAX);
    let (relay, heartbeats) = bounded(RELAYS_MAX);
    let (bucket, buckets) = bounded(BUCKETS_PER_SHARD * cpu::plan(config.server.workers).shards);
    let (teller, told) = standing();
    let control_asks = ask.clone();
    let hearing = ready.access.hearing().clone();
    let Serving { pool, certificates: _certificates } = open(config, &mut ready.signals, move |rules| {
        let desk = Desk::edge(ask.clone()).with_pages(page_ask.clone());
        let desk = desk.with_usage(bucket.clone()).with_relay(relay.clone()).deferring(defers);
        Edge::new(rules, keys, desk, rand::random()).with_witness(hearing.witness(rand::random()))
    })?;
    watch_panics(&ready.access, &pool);
    let mut observer = Observer::new(Arc::clone(&tally), gatherer(pool.broadcast()));
    watch_length(&tally, "buckets", &buckets);
    watch_length(&tally, "heartbeats", &heartbeats);
    let reporting = report::Setup {
        client: Arc::clone(&client),
        interval: settings.metrics_interval,
        instance: config.instance.clone(),
        buckets,
        heartbeats,
        broadcast: pool.broadcast().clone(),
        standing: told,
        control: control_asks.clone(),
        keys,
        tally: Arc::clone(&tally),
        observe: Box::new(move || observer.observe()),
        seed: rand::random(),
    };
    let reporting = Reporting::start(reporting)?;
    let setup = sync::Setup {
        registry,
        interval: settings.features_refresh_interval,
        client,
        requests_tokens,
        broadcast: pool.broadcast().clone(),
        asks,
        teller,
        persist: restore,
        bootstrap,
        seed: rand::random(),
        tally: Arc::clone(&tally),
    };
    let control = Sync::start(setup)?;
    reload::start(settings.token_files.clone(), ready.signals.on_hangup(), control_asks.clone())?;
    watch_queues(&tally, &control_asks, &page_asks);
    let sources = pages::Sources {
        broadcast: pool.broadcast().clone(),
        control: control_asks,
        reports: Some(reporting.inquiries().clone()),
        exposition: exposition(config, &pool, &tally, &ready.log_dropped),
        identity: identity(config),
    };
    let _pages = pages::start(sources, page_asks)?;
    export_measurements(config, &pool, &tally, &ready);
    let push = |target| {
        let labels = remote_write::labels(&config.instance, target);
        remote_write::start(target, labels, exposition(config, &pool, &tally, &ready.log_dropped))
    };
    let _pushes = settings.remote_write.as_ref().map(push).transpose()?;
    let keepers = Keepers { reporting: Some(reporting), persist };
    until_stopped(pool, &control, keepers, ready.signals, &config.stopping)
}

fn edge_tokens(settings: &settings::Edge, keys: KeyHasher) -> TokenRegistry {
    let mode = match settings.start_scope {
        StartScope::Strict => registry::Mode::Strict,
        StartScope::Dynamic => registry::Mode::Dynamic,
    };
    let mut registry = new_registry(mode, keys, settings.token_revalidation_interval);
    if settings.defer_token_validation {
        registry = registry.deferring();
    }
    match &settings.hmac {
        Some(hmac) => registry.promise(hmac.environments.iter().map(String::as_str)),
        None => settings.tokens.iter().for_each(|token| registry.add_startup(token.clone(), Instant::now())),
    }
    settings.pretrusted_tokens.iter().for_each(|token| registry.add_pretrusted(token));
    registry
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

fn identity(config: &Config) -> Identity {
    Identity {
        app_name: config.instance.app_name.clone(),
        instance_id: config.instance.instance_id.clone(),
        started: SystemTime::now(),
        shows_tokens: config.endpoints.tokens,
    }
}

fn watch_queues(tally: &Tally, asks: &Sender<Ask>, pages: &Receiver<PageAsk>) {
    let asks = asks.clone();
    tally.watch_queue("asks", move || asks.len());
    watch_length(tally, "pages", pages);
}

fn watch_length<T: Send + 'static>(tally: &Tally, name: &'static str, queue: &Receiver<T>) {
    let queue = queue.clone();
    tally.watch_queue(name, move || queue.len());
}

/// What one thread shows of everything that is measured.
fn exposition(
    config: &Config,
    pool: &ShardPool<Edge>,
    tally: &Arc<Tally>,
    log_dropped: &Arc<AtomicU64>,
) -> Exposition {
    Exposition::new(exposition::Sources {
        tally: Arc::clone(tally),
        gatherer: gatherer(pool.broadcast()),
        shards: pool.stats().to_vec(),
        log_dropped: Arc::clone(log_dropped),
        names: exposition::Names {
            app_name: config.instance.app_name.clone(),
            instance_id: config.instance.instance_id.clone(),
            base_path: config.server.base_path.clone(),
        },
    })
}

/// What is measured goes to the collector, too, if there is one.
fn export_measurements(config: &Config, pool: &ShardPool<Edge>, tally: &Arc<Tally>, ready: &Prepared) {
    if let Some(export) = &ready.export {
        let mut shown = exposition(config, pool, tally, &ready.log_dropped);
        export.measure(Box::new(move || shown.families()));
    }
}

/// Asks all shards for their figures.
fn gatherer(broadcast: &Broadcast<Edge>) -> Gatherer {
    let broadcast = broadcast.clone();
    Gatherer::new(broadcast.shards(), move |notice| broadcast.tell(notice))
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
    move |shard, _| {
        let seat = Seat { shard, clock: Instant::now };
        let rules = Rules::new(&config.server, &config.proxy_trust, &config.endpoints, &config.backstage);
        make(rules.on(&roles, api_port)).seated(seat)
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
