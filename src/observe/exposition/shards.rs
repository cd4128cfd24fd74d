//! The counters that shards keep for their connections.

use std::sync::Arc;

use brink_shards::{Counter, Stats};
use prometheus::proto::{Metric, MetricFamily, MetricType};

use crate::observe::family;

/// A counter of [`Stats`], and how it is called.
struct Shown {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    of: fn(&Stats) -> &Counter,
}

const SHOWN: [Shown; 13] = [
    counter("brink_accept_errors_total", "Connections that could not be accepted", |stats| {
        &stats.accept_errors
    }),
    counter("brink_connections_accepted_total", "Connections accepted", |stats| &stats.accepted),
    Shown {
        name: "brink_connections_open",
        help: "Connections open now",
        kind: MetricType::GAUGE,
        of: |stats| &stats.open,
    },
    counter("brink_connections_timed_out_total", "Connections closed by a deadline", |stats| {
        &stats.timed_out
    }),
    counter("brink_connections_turned_away_total", "Connections beyond a limit", |stats| &stats.turned_away),
    counter("brink_panics_total", "Requests that ended by a panic", |stats| &stats.panics),
    counter("brink_requests_refused_total", "Requests that are not HTTP as it should be", |stats| {
        &stats.refused
    }),
    counter("brink_requests_total", "Requests answered, refused ones included", |stats| &stats.requests),
    counter("brink_snapshots_applied_total", "Published states taken over", |stats| &stats.applied),
    counter("brink_streams_slow_total", "Streams cut because their reader was too slow", |stats| {
        &stats.streams_slow
    }),
    counter("brink_tls_handshakes_failed_total", "TLS connections ended by an alert", |stats| {
        &stats.tls_failed
    }),
    counter("brink_tls_handshakes_full_total", "TLS handshakes with certificate and key", |stats| {
        &stats.tls_full
    }),
    counter("brink_tls_handshakes_resumed_total", "TLS handshakes that resumed a session", |stats| {
        &stats.tls_resumed
    }),
];

const fn counter(name: &'static str, help: &'static str, of: fn(&Stats) -> &Counter) -> Shown {
    Shown { name, help, kind: MetricType::COUNTER, of }
}

/// One series per shard each, and how many shards did not say what their services measured.
pub fn families(shards: &[Arc<Stats>], missing: usize) -> Vec<MetricFamily> {
    let shown = SHOWN.iter().filter_map(|shown| {
        let series = shards.iter().enumerate().map(|(index, stats)| series(shown, index, stats));
        family::of(shown.name, shown.help, shown.kind, series.collect())
    });
    let missing = vec![family::gauge(&[], missing as f64)];
    let help = "Shards whose figures are those of an earlier time";
    shown.chain(family::of("brink_shards_unmeasured", help, MetricType::GAUGE, missing)).collect()
}

fn series(shown: &Shown, index: usize, stats: &Stats) -> Metric {
    let value = (shown.of)(stats).value();
    let labels = [("shard", &*index.to_string())];
    match shown.kind {
        MetricType::GAUGE => family::gauge(&labels, value as f64),
        _ => family::counter(&labels, value),
    }
}
