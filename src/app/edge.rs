//! Edge mode: data from upstream, usage to it, and what survives a restart.

use std::{path::Path, sync::Arc, time::Instant};

use brink_shards::cpu;
use crossbeam_channel::bounded;

use super::{
    Failed, Prepared, deltas, new_registry,
    open::{Serving, open},
    show::{export_measurements, exposition, gatherer, identity, watch_length, watch_panics, watch_queues},
    stop::{Keepers, until_stopped},
};
use crate::{
    config::{
        Config,
        settings::{self, StartScope},
    },
    features::model::Document,
    limits::ASKS_MAX,
    messages::Ask,
    observe::{observed::Observer, remote_write, tally::Tally},
    offline,
    pages::{self, PAGE_ASKS_MAX},
    persist, reload,
    report::{
        self, Reporting,
        limits::{BUCKETS_PER_SHARD, RELAYS_MAX},
        standing::standing,
    },
    serve::{Desk, Edge},
    sync::{self, Sync},
    tokens::{
        key::KeyHasher,
        registry::{self, TokenRegistry},
    },
    upstream::{Client, TokenRequest},
};

/// Serves until the program is told to stop.
pub(super) fn serve(config: &Config, settings: &settings::Edge, mut ready: Prepared) -> Result<(), Failed> {
    let client = Arc::new(Client::new(&settings.upstream)?);
    let requests_tokens = settings.hmac.as_ref().map(TokenRequest::new).transpose()?;
    let defers = settings.defer_token_validation;
    let tally = Arc::new(Tally::new(&config.instance));
    let bootstrap = settings.bootstrap_file.as_deref().map(bootstrap).transpose()?;
    let store = settings.backup.as_ref().map(persist::open).transpose()?;
    warn_about(&client, settings);
    deltas::check(&client, settings).map_err(Failed::Start)?;
    // It reads while the port opens.
    let (persist, restore) = match store {
        Some(store) => {
            persist::start(store, rand::random()).map(|(persist, start)| (Some(persist), Some(start)))?
        }
        None => (None, None),
    };
    let keys = KeyHasher::new(rand::random());
    let registry = tokens(settings, keys);
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
        fetching: settings.fetching,
        repairs: settings.repairs_by_polling,
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

fn tokens(settings: &settings::Edge, keys: KeyHasher) -> TokenRegistry {
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

fn warn_about(client: &Client, settings: &settings::Edge) {
    if let Some(header) = client.overridden_token_header() {
        tracing::warn!(header, "A custom client header replaces the token on every call to upstream");
    }
    if settings.upstream.skip_ssl_verification {
        tracing::warn!("The certificate of the upstream is not verified (--skip-ssl-verification)");
    }
}
