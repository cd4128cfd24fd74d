//! Offline mode: a features file, and tokens by configuration.

use std::{sync::Arc, time::Duration};

use crossbeam_channel::bounded;

use super::{
    Failed, Prepared, new_registry,
    open::{Serving, open},
    show::{export_measurements, exposition, identity, watch_panics, watch_queues},
    stop::{Keepers, until_stopped},
};
use crate::{
    config::{Config, lists, settings},
    limits::ASKS_MAX,
    observe::tally::{Tally, TokenStates},
    offline,
    pages::{self, PAGE_ASKS_MAX},
    serve::{Desk, Edge},
    tokens::{
        key::KeyHasher,
        registry::{self, TokenRegistry},
        table::TokenKind,
    },
};

/// An offline process has nobody to validate tokens with; the registry wants a number.
const NEVER: Duration = Duration::from_secs(3600);

/// Serves until the program is told to stop.
pub(super) fn serve(
    config: &Config,
    settings: &settings::Offline,
    mut ready: Prepared,
) -> Result<(), Failed> {
    let document = offline::read(&settings.bootstrap_file)?;
    let keys = KeyHasher::new(rand::random());
    let registry = tokens(settings, keys);
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

fn tokens(settings: &settings::Offline, keys: KeyHasher) -> TokenRegistry {
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
        let tokens = tokens_of(&tokens(&settings, keys));
        tally.tokens_stand(&TokenStates::of(&tokens.table));
        tokens
    })
}
