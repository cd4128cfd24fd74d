//! From a checked configuration to a running process, and back to an exit code.
//!
//! The order matters: signals are blocked before any thread exists; what can fail by configuration fails before
//! the port opens; the port opens before anything is asked of upstream.

mod deltas;
mod edge;
mod offline;
mod open;
mod show;
mod stop;

use std::{
    fmt::Display,
    io::Write,
    process::ExitCode,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use brink_shards::preflight;

use crate::{
    config::{
        Config,
        settings::{Mode, Share},
    },
    observe::{access, log, otlp},
    prepare, probe, signals,
    tokens::{
        key::KeyHasher,
        registry::{self, TokenRegistry},
    },
};

/// The host does not offer what serving needs (`EX_CONFIG` of sysexits.h).
const EXIT_HOST: u8 = 78;

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
        Mode::Edge(settings) => prepared(config, |ready| edge::serve(config, settings, ready)),
        Mode::Offline(settings) => prepared(config, |ready| offline::serve(config, settings, ready)),
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

fn new_registry(mode: registry::Mode, hasher: KeyHasher, revalidation_interval: Duration) -> TokenRegistry {
    let setup = registry::Setup { mode, hasher, revalidation_interval, seed: rand::random() };
    TokenRegistry::new(setup, Instant::now())
}
