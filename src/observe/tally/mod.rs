//! What control threads count: calls to upstream, tokens, refreshes, usage.
//!
//! One per process, behind an `Arc`; every control thread adds to it by plain methods, the thread that writes a page or
//! pushes reads it. Shards never touch it. Counters are those of the prometheus crate; a family appears with its first
//! use. Names, labels, types and buckets are those of Unleash Edge 20.4 (metrics.md 3.2, 3.3), its gauges that only
//! ever rise included.

mod calls;
mod maker;
mod toggles;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use prometheus::{
    GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec, Registry, process_collector::ProcessCollector,
    proto::MetricFamily,
};

pub use self::calls::{Operation, UpstreamLatency};
use self::{calls::Calls, maker::Maker, toggles::Toggles};
use crate::{
    config::settings::Instance,
    tokens::{
        scope::Scope,
        table::{Standing, TokenTable},
    },
    upstream::error::CallError,
};

/// Buckets of `metrics_size_in_bytes`.
const BATCH_BYTES: [f64; 9] = [1e3, 1e4, 2e4, 5e4, 7.5e4, 1e5, 2.5e5, 5e5, 1e6];

/// See the module.
pub struct Tally {
    registry: Registry,
    calls: Calls,
    toggles: Mutex<Toggles>,
    validated: IntCounterVec,
    token_status: IntGaugeVec,
    revision: IntGaugeVec,
    refreshed: IntGaugeVec,
    delta_revision: IntGaugeVec,
    delta_applied: IntGaugeVec,
    stream_up: IntGaugeVec,
    stream_reconnects: IntCounterVec,
    stream_events: IntCounterVec,
    rehydrations: IntCounterVec,
    drifts: IntCounterVec,
    batch_bytes: HistogramVec,
    upload_interval: GaugeVec,
    dropped: IntCounterVec,
    restored: IntGaugeVec,
    queues: Mutex<Vec<Queue>>,
    queue_length: IntGaugeVec,
}

/// Known tokens by state, as `token_status` shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenStates {
    /// Upstream does not confirm them.
    pub invalid: usize,
    /// Accepted without asking upstream.
    pub trusted: usize,
    /// Without a verdict.
    pub unknown: usize,
    /// Confirmed by upstream.
    pub validated: usize,
}

impl TokenStates {
    /// Those of a table, which knows no token without a verdict.
    pub fn of(table: &TokenTable) -> Self {
        let mut states = Self::default();
        for standing in table.standings() {
            match standing {
                Standing::Validated => states.validated += 1,
                Standing::Trusted => states.trusted += 1,
                Standing::Refused => states.invalid += 1,
            }
        }
        states
    }
}

struct Queue {
    name: &'static str,
    length: Box<dyn Fn() -> usize + Send>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(instance: &Instance) -> Self {
        let registry = Registry::new();
        let plain = Maker::new(&registry);
        let named = Maker::new(&registry).naming(instance);
        let of_scope = ["environment", "projects"];
        let process = registry.register(Box::new(ProcessCollector::for_self()));
        debug_assert!(process.is_ok(), "the first and only one of its names");
        Self {
            calls: Calls::new(&plain, &named),
            toggles: Mutex::default(),
            validated: plain.counter(
                "edge_tokens_validated_total",
                "Tokens that upstream has answered",
                &["result"],
            ),
            token_status: named.gauge("token_status", "Tokens by state", &["status"]),
            revision: plain.gauge("polling_revision_id", "Revision of the last fetched features", &of_scope),
            refreshed: plain.gauge(
                "polling_last_update",
                "When features were last fetched, Unix seconds",
                &of_scope,
            ),
            delta_revision: plain.gauge(
                "delta_revision_id",
                "Highest event of the last applied delta",
                &of_scope,
            ),
            delta_applied: plain.gauge(
                "delta_last_update",
                "When a delta was last applied, Unix seconds",
                &of_scope,
            ),
            stream_up: plain.gauge("brink_upstream_stream_up", "The stream of upstream is open", &of_scope),
            stream_reconnects: plain.counter(
                "brink_upstream_stream_reconnects_total",
                "Ends of streams, and attempts that failed",
                &["reason"],
            ),
            stream_events: plain.counter(
                "brink_stream_events_total",
                "Changes that upstream has sent, by kind",
                &["type"],
            ),
            rehydrations: plain.counter(
                "brink_stream_rehydrations_total",
                "Whole states that were asked for because something was missing",
                &["reason"],
            ),
            drifts: plain.counter(
                "brink_stream_drift_total",
                "Fetched lists that differ from what the changes add up to",
                &[],
            ),
            batch_bytes: plain.histogram(
                "metrics_size_in_bytes",
                "Size of usage metrics before they are split",
                &[],
                &BATCH_BYTES,
            ),
            upload_interval: plain.float_gauge(
                "metrics_interval_between_send",
                "Seconds between two uploads of usage metrics",
                &[],
            ),
            dropped: plain.counter(
                "brink_usage_dropped_total",
                "Usage that was not sent upstream and never will be",
                &["reason"],
            ),
            restored: plain.gauge(
                "brink_restored_environments",
                "Environments whose data is that of the backup, at least in part: upstream has not answered for all yet",
                &[],
            ),
            queues: Mutex::default(),
            queue_length: plain.gauge(
                "brink_queue_length",
                "Messages between threads that were not picked up yet",
                &["queue"],
            ),
            registry,
        }
    }

    /// A call to upstream has ended: with this status, or with a failure.
    pub fn called(&self, operation: Operation, outcome: Result<u16, &CallError>, took: Duration) {
        self.calls.called(operation, outcome, took);
    }

    /// How long calls took so far, for instance data.
    pub fn upstream_latency(&self) -> UpstreamLatency {
        self.calls.latency()
    }

    /// Upstream has answered for so many tokens.
    pub fn validated(&self, valid: usize, invalid: usize) {
        for (result, count) in [("valid", valid), ("invalid", invalid)] {
            if count > 0 {
                self.validated.with_label_values(&[result]).inc_by(count as u64);
            }
        }
    }

    /// So the tokens stand.
    pub fn tokens_stand(&self, states: &TokenStates) {
        let TokenStates { invalid, trusted, unknown, validated } = *states;
        let states =
            [("invalid", invalid), ("trusted", trusted), ("unknown", unknown), ("validated", validated)];
        for (status, count) in states {
            self.token_status.with_label_values(&[status]).set(saturated(count));
        }
    }

    /// A whole list of features has come for this scope.
    pub fn polled(&self, scope: &Scope, revision: Option<u64>, at: SystemTime) {
        let [environment, projects] = labels_of(scope);
        self.refreshed.with_label_values(&[&environment, &projects]).set(unix_seconds(at));
        if let Some(revision) = revision {
            self.revision.with_label_values(&[&environment, &projects]).set(saturated(revision));
        }
    }

    /// A delta has been applied to this scope, up to this event; nothing is known of it if the delta was empty.
    pub fn delta_applied(&self, scope: &Scope, event_id: Option<u64>, at: SystemTime) {
        let [environment, projects] = labels_of(scope);
        if let Some(event_id) = event_id {
            self.delta_revision.with_label_values(&[&environment, &projects]).set(saturated(event_id));
        }
        self.delta_applied.with_label_values(&[&environment, &projects]).set(unix_seconds(at));
    }

    /// Whether the stream of this scope is open.
    pub fn stream_up(&self, scope: &Scope, up: bool) {
        self.stream_up.with_label_values(&labels_of(scope)).set(up.into());
    }

    /// The scope has no stream any more.
    pub fn stream_gone(&self, scope: &Scope) {
        // Absent is what it shall be.
        let _ = self.stream_up.remove_label_values(&labels_of(scope));
    }

    /// A stream has ended, or could not be opened, for this reason out of a closed set.
    pub fn stream_reconnects(&self, reason: &'static str) {
        self.stream_reconnects.with_label_values(&[reason]).inc();
    }

    /// Changes of these kinds have come, and some of kinds that are not known.
    pub fn streamed(&self, kinds: impl IntoIterator<Item = &'static str>, unknown: usize) {
        kinds.into_iter().for_each(|kind| self.stream_events.with_label_values(&[kind]).inc());
        if unknown > 0 {
            self.stream_events.with_label_values(&["unknown"]).inc_by(unknown as u64);
        }
    }

    /// A whole state is asked for, for this reason out of a closed set.
    pub fn rehydrates(&self, reason: &'static str) {
        self.rehydrations.with_label_values(&[reason]).inc();
    }

    /// A fetched list differs from what the changes add up to.
    pub fn drifted(&self) {
        self.drifts.with_label_values::<&str>(&[]).inc();
    }

    /// SDKs report that they have evaluated a toggle so often. To be called when a report arrives, not when it is put
    /// back after a failed upload.
    pub fn used(&self, app_name: &str, toggle: &str, yes: u64, no: u64) {
        lock(&self.toggles).used(app_name, toggle, yes, no);
    }

    /// All usage of an environment is about to be sent; before it is split.
    pub fn batch_built(&self, bytes: usize) {
        self.batch_bytes.with_label_values::<&str>(&[]).observe(bytes as f64);
    }

    /// The time to the next upload.
    pub fn upload_interval(&self, interval: Duration) {
        self.upload_interval.with_label_values::<&str>(&[]).set(interval.as_secs_f64());
    }

    /// Usage is lost, for this reason out of a closed set.
    pub fn usage_dropped(&self, reason: &'static str, count: u64) {
        self.dropped.with_label_values(&[reason]).inc_by(count);
    }

    /// So many environments are served from the backup, at least in part.
    pub fn restored_stand(&self, environments: usize) {
        self.restored.with_label_values::<&str>(&[]).set(saturated(environments));
    }

    /// Shows the length of a queue from now on.
    pub fn watch_queue(&self, name: &'static str, length: impl Fn() -> usize + Send + 'static) {
        lock(&self.queues).push(Queue { name, length: Box::new(length) });
    }

    /// All families, by name.
    pub fn families(&self) -> Vec<MetricFamily> {
        for Queue { name, length } in &*lock(&self.queues) {
            self.queue_length.with_label_values(&[name]).set(saturated(length()));
        }
        let mut families = self.registry.gather();
        families.extend(lock(&self.toggles).family());
        families
    }
}

fn labels_of(scope: &Scope) -> [String; 2] {
    let environment = scope.environment.as_deref().unwrap_or("*");
    [environment.to_owned(), scope.projects.names().join(",")]
}

fn unix_seconds(at: SystemTime) -> i64 {
    saturated(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
}

fn saturated(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// What a panicking thread was counting is still a count.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
