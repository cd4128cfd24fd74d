//! What the parts of a process show of themselves: to whom, and under which names.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::SystemTime,
};

use brink_shards::{Broadcast, ShardPool};
use crossbeam_channel::{Receiver, Sender};

use super::Prepared;
use crate::{
    config::Config,
    messages::Ask,
    observe::{
        access,
        exposition::{self, Exposition},
        gather::Gatherer,
        tally::Tally,
    },
    pages::{PageAsk, status::Identity},
    serve::Edge,
};

/// Panics in handlers are counted by the shards, below all services.
pub(super) fn watch_panics(access: &access::Access, pool: &ShardPool<Edge>) {
    let stats = pool.stats().to_vec();
    access.watch_panics(move || stats.iter().map(|shard| shard.panics.value()).sum());
}

pub(super) fn identity(config: &Config) -> Identity {
    Identity {
        app_name: config.instance.app_name.clone(),
        instance_id: config.instance.instance_id.clone(),
        started: SystemTime::now(),
        shows_tokens: config.endpoints.tokens,
    }
}

pub(super) fn watch_queues(tally: &Tally, asks: &Sender<Ask>, pages: &Receiver<PageAsk>) {
    let asks = asks.clone();
    tally.watch_queue("asks", move || asks.len());
    watch_length(tally, "pages", pages);
}

pub(super) fn watch_length<T: Send + 'static>(tally: &Tally, name: &'static str, queue: &Receiver<T>) {
    let queue = queue.clone();
    tally.watch_queue(name, move || queue.len());
}

/// What one thread shows of everything that is measured.
pub(super) fn exposition(
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
pub(super) fn export_measurements(
    config: &Config,
    pool: &ShardPool<Edge>,
    tally: &Arc<Tally>,
    ready: &Prepared,
) {
    if let Some(export) = &ready.export {
        let mut shown = exposition(config, pool, tally, &ready.log_dropped);
        export.measure(Box::new(move || shown.families()));
    }
}

/// Asks all shards for their figures.
pub(super) fn gatherer(broadcast: &Broadcast<Edge>) -> Gatherer {
    let broadcast = broadcast.clone();
    Gatherer::new(broadcast.shards(), move |notice| broadcast.tell(notice))
}
