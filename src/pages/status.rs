//! `/internal-backstage/status`: what the status page shows, for it to fetch every second.
//!
//! Ours alone, so its shape may change with the page (`serve/status.html`). Holds no secret: tokens are masked.

use std::time::SystemTime;

use prometheus::proto::{Metric, MetricFamily};
use serde::Serialize;

use crate::{
    clock::rfc3339,
    described::{Described, Refresh},
    observe::{
        exposition::{Look, ShardLook},
        meter::DURATION_BOUNDS,
    },
    tokens::{mask::HIDDEN, record::TokenRecord},
};

/// Who shows it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `--app-name`
    pub app_name: String,
    /// `--instance-id`
    pub instance_id: String,
    /// When the process began.
    pub started: SystemTime,
    /// Tokens are shown, masked: not with `--disable-tokens-endpoint`.
    pub shows_tokens: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'d> {
    app_name: &'d str,
    instance_id: &'d str,
    version: &'static str,
    started: String,
    now: String,
    ready: bool,
    /// Upper ends of the buckets of durations, in seconds; one count more than these.
    duration_bounds: Vec<f64>,
    shards: Vec<Shard>,
    shards_missing: usize,
    environments: Vec<Environment<'d>>,
    refreshes: Vec<RefreshRow<'d>>,
    upstream: Vec<Calls>,
    counters: Vec<Counter>,
    tokens: &'d [TokenRecord],
    invalid_tokens: usize,
}

#[derive(Serialize)]
struct Shard {
    connections: u64,
    requests: u64,
    streams: u64,
    durations: Vec<u64>,
}

#[derive(Serialize)]
struct Environment<'d> {
    name: &'d str,
    features: usize,
    segments: usize,
    revision: Option<u64>,
    /// How it is kept fresh; nothing if no token fetches it.
    mode: Option<&'static str>,
    /// Whether all its streams are open, where there are to be some.
    stream: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefreshRow<'d> {
    token: &'d str,
    projects: &'d [String],
    features: Option<usize>,
    revision: Option<u64>,
    last_document: Option<String>,
    last_check: Option<String>,
    next: Option<String>,
    failures: u32,
}

/// Calls to upstream that ended alike; status `0` is no answer.
#[derive(Serialize)]
struct Calls {
    operation: String,
    status: String,
    count: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Counter {
    name: String,
    value: f64,
}

/// The document.
pub fn write(identity: &Identity, now: SystemTime, described: &Described, look: &Look) -> Vec<u8> {
    let shows_tokens = identity.shows_tokens;
    let status = Status {
        app_name: &identity.app_name,
        instance_id: &identity.instance_id,
        version: env!("CARGO_PKG_VERSION"),
        started: rfc3339(identity.started),
        now: rfc3339(now),
        ready: described.ready,
        duration_bounds: DURATION_BOUNDS.iter().map(|bound| bound.as_secs_f64()).collect(),
        shards: look.shards.iter().map(Shard::new).collect(),
        shards_missing: look.missing,
        environments: environments(described),
        refreshes: described.refreshes.iter().map(|one| RefreshRow::new(one, shows_tokens)).collect(),
        upstream: look.families.iter().filter(|family| family.name() == UPSTREAM).flat_map(calls).collect(),
        counters: look.families.iter().flat_map(counters).collect(),
        tokens: if shows_tokens { &described.tokens.tokens } else { &[] },
        invalid_tokens: described.tokens.invalid,
    };
    serde_json::to_vec(&status).unwrap_or_default()
}

const UPSTREAM: &str = "edge_upstream_latency";

/// Families whose values are shown as they are, and under which name.
const COUNTERS: [(&str, &str); 10] = [
    ("brink_queue_length", "waiting in queue"),
    ("brink_usage_dropped_total", "usage left out"),
    ("brink_log_lines_dropped_total", "log lines left out"),
    ("brink_requests_refused_total", "requests refused by the codec"),
    ("brink_connections_turned_away_total", "connections turned away"),
    ("brink_connections_timed_out_total", "connections closed by a deadline"),
    ("brink_accept_errors_total", "connections that could not be accepted"),
    ("brink_panics_total", "panics"),
    ("metrics_interval_between_send", "seconds between reports"),
    ("brink_restored_environments", "environments served from the backup"),
];

fn environments(described: &Described) -> Vec<Environment<'_>> {
    let rows = described.environments.iter().map(|environment| {
        let is_ours = |one: &&Refresh| one.token.environment.as_deref() == Some(&*environment.name);
        let ours: Vec<&Refresh> = described.refreshes.iter().filter(is_ours).collect();
        let streams: Vec<bool> = ours.iter().filter_map(|one| one.stream_up).collect();
        Environment {
            name: &environment.name,
            features: environment.features.len(),
            segments: environment.segments.len(),
            revision: environment.meta.as_ref().and_then(|meta| meta.revision_id),
            mode: ours.first().map(|one| one.mode),
            stream: (!streams.is_empty()).then(|| streams.iter().all(|up| *up)),
        }
    });
    rows.collect()
}

fn calls(family: &MetricFamily) -> impl Iterator<Item = Calls> {
    family.get_metric().iter().map(|metric| Calls {
        operation: label(metric, "operation"),
        status: label(metric, "status_code"),
        count: metric.get_histogram().get_sample_count(),
        seconds: metric.get_histogram().get_sample_sum(),
    })
}

/// Those of shards are added up.
fn counters(family: &MetricFamily) -> Vec<Counter> {
    let Some((_, name)) = COUNTERS.iter().find(|(known, _)| *known == family.name()) else {
        return Vec::new();
    };
    let value = |metric: &Metric| metric.get_counter().get_value() + metric.get_gauge().get_value();
    let of_shards = family.get_metric().iter().all(|metric| !label(metric, "shard").is_empty());
    if of_shards {
        let sum = family.get_metric().iter().map(value).sum();
        return vec![Counter { name: (*name).to_owned(), value: sum }];
    }
    let rows = family.get_metric().iter().map(|metric| {
        let labels: Vec<&str> = metric.get_label().iter().map(|pair| pair.value()).collect();
        Counter { name: [&[*name], labels.as_slice()].concat().join(" "), value: value(metric) }
    });
    rows.collect()
}

fn label(metric: &Metric, name: &str) -> String {
    let pair = metric.get_label().iter().find(|pair| pair.name() == name);
    pair.map(|pair| pair.value().to_owned()).unwrap_or_default()
}

impl Shard {
    fn new(look: &ShardLook) -> Self {
        Self {
            connections: look.connections,
            requests: look.requests,
            streams: look.streams,
            durations: look.durations.counts.to_vec(),
        }
    }
}

impl<'d> RefreshRow<'d> {
    fn new(refresh: &'d Refresh, shows_token: bool) -> Self {
        Self {
            token: if shows_token { &refresh.token.token } else { HIDDEN },
            projects: &refresh.token.projects,
            features: refresh.features,
            revision: refresh.revision_id,
            last_document: refresh.last_document.map(rfc3339),
            last_check: refresh.last_check.map(rfc3339),
            next: refresh.next.map(rfc3339),
            failures: refresh.failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::{
        config::settings::Instance,
        observe::tally::{Operation, Tally},
        tokens::registry::Listing,
    };

    fn look() -> Look {
        let instance = Instance {
            app_name: "a".into(),
            instance_id: "i".into(),
            client_id: "c".into(),
            region: None,
            hosted: false,
        };
        let tally = Tally::new(&instance);
        tally.called(Operation::Features, Ok(200), Duration::from_millis(2));
        tally.usage_dropped("bytes", 7);
        tally.watch_queue("asks", || 3);
        let mut shard = ShardLook { connections: 2, requests: 5, ..ShardLook::default() };
        shard.durations.record(Duration::from_micros(80));
        Look { families: tally.families(), shards: vec![shard, ShardLook::default()], missing: 1 }
    }

    #[test]
    fn it_says_what_the_page_shows() {
        let identity = Identity {
            app_name: "shop".into(),
            instance_id: "i-1".into(),
            started: SystemTime::UNIX_EPOCH,
            shows_tokens: true,
        };
        let described = Described {
            tokens: Listing { tokens: Vec::new(), invalid: 4 },
            refreshes: Vec::new(),
            environments: Vec::new(),
            ready: true,
        };
        let status: Value =
            serde_json::from_slice(&write(&identity, SystemTime::UNIX_EPOCH, &described, &look())).unwrap();
        assert_eq!((&status["appName"], &status["ready"]), (&"shop".into(), &true.into()));
        assert_eq!(status["shards"][0]["connections"], 2);
        assert_eq!(status["shards"][0]["durations"][0], 1);
        let bounds = status["durationBounds"].as_array().map(Vec::len);
        assert_eq!(
            status["shards"][1]["durations"].as_array().map(Vec::len),
            bounds.map(|bounds| bounds + 1)
        );
        assert_eq!(status["shardsMissing"], 1);
        assert_eq!(
            (&status["upstream"][0]["operation"], &status["upstream"][0]["count"]),
            (&"features".into(), &1.into())
        );
        assert_eq!(status["upstream"][0]["status"], "200");
        let counters = status["counters"].as_array().unwrap();
        let value = |name: &str| {
            counters.iter().find(|one| one["name"] == name).map(|one| one["value"].as_f64().unwrap())
        };
        assert_eq!(value("usage left out bytes"), Some(7.0));
        assert_eq!(value("waiting in queue asks"), Some(3.0));
        assert_eq!(status["invalidTokens"], 4);
    }
}
