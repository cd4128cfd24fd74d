//! Everything that is measured, as families of Prometheus: for a scrape as text, for a push as they are.
//!
//! Gathers from the shards, the control side and the process, and sorts by name. Owned by the thread that shows it; each
//! has its own. Names, labels and buckets: metrics.md 3.2 and 3.3.

mod requests;
mod shards;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use brink_shards::Stats;
use prometheus::{
    Encoder, TextEncoder,
    proto::{MetricFamily, MetricType},
};

use super::{
    family,
    gather::Gatherer,
    meter::{Durations, Figures},
    tally::Tally,
};
use crate::COMPATIBLE_VERSION;

/// The media type of the text format.
pub const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// What the labels of requests say about this process.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// `--app-name`
    pub app_name: String,
    /// `--instance-id`
    pub instance_id: String,
    /// `--base-path`, as it stands before every route.
    pub base_path: String,
}

/// What an exposition is made of.
pub struct Sources {
    /// Of the control side.
    pub tally: Arc<Tally>,
    /// Of the shards' services.
    pub gatherer: Gatherer,
    /// Of the shards themselves.
    pub shards: Vec<Arc<Stats>>,
    /// Log lines that were dropped.
    pub log_dropped: Arc<AtomicU64>,
    /// For labels.
    pub names: Names,
}

/// What there is to see at one moment.
pub struct Look {
    /// All families, by name.
    pub families: Vec<MetricFamily>,
    /// By index.
    pub shards: Vec<ShardLook>,
    /// Shards that did not answer: theirs are older figures.
    pub missing: usize,
}

/// One shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShardLook {
    /// Open now.
    pub connections: u64,
    /// Answered so far, refused ones included.
    pub requests: u64,
    /// Streams open now.
    pub streams: u64,
    /// How long the requests took that are measured: those of the API.
    pub durations: Durations,
}

impl ShardLook {
    fn new(stats: &Stats, figures: Option<&Figures>) -> Self {
        let mut durations = Durations::default();
        let series = figures.into_iter().flat_map(Figures::all_series);
        series.for_each(|(_, series)| durations.add(&series.durations));
        Self {
            connections: stats.open.value(),
            requests: stats.requests.value(),
            streams: figures.map_or(0, |figures| figures.streams_open),
            durations,
        }
    }
}

/// See the module.
pub struct Exposition {
    sources: Sources,
}

impl Exposition {
    /// Shows these.
    pub fn new(sources: Sources) -> Self {
        Self { sources }
    }

    /// All families, by name.
    pub fn families(&mut self) -> Vec<MetricFamily> {
        self.look().families
    }

    /// Everything, and each shard by itself.
    pub fn look(&mut self) -> Look {
        let Sources { tally, gatherer, shards, log_dropped, names } = &mut self.sources;
        let gathered = gatherer.gather();
        let mut families = tally.families();
        families.extend(requests::families(gathered.figures, names));
        families.extend(shards::families(shards, gathered.missing));
        families.extend(own(log_dropped.load(Ordering::Relaxed)));
        families.sort_by(|one, other| one.name().cmp(other.name()));
        let each = shards.iter().zip(gathered.each);
        let shards = each.map(|(stats, figures)| ShardLook::new(stats, figures.as_deref())).collect();
        Look { families, shards, missing: gathered.missing }
    }

    /// The text format 0.0.4.
    pub fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.families(), &mut text) {
            tracing::error!("The metrics cannot be written: {error}");
        }
        text
    }
}

/// What brink says about itself.
fn own(log_dropped: u64) -> impl Iterator<Item = MetricFamily> {
    let version = [("compatible_with", COMPATIBLE_VERSION), ("version", env!("CARGO_PKG_VERSION"))];
    let built = vec![family::gauge(&version, 1.0)];
    let dropped = vec![family::counter(&[], log_dropped)];
    let families = [
        family::of("brink_build_info", "What runs here", MetricType::GAUGE, built),
        family::of(
            "brink_log_lines_dropped_total",
            "Log lines that nobody took",
            MetricType::COUNTER,
            dropped,
        ),
    ];
    families.into_iter().flatten()
}

#[cfg(test)]
mod tests;
