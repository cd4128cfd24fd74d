//! Calls to upstream, as the families of Unleash Edge 20.4 show them and as those of the older guide do.
//!
//! An answer is a status; a call without one counts as status `0` in the families that count failures of the network at
//! all. A call whose answer could not be used failed, whatever its status.

use std::{sync::Mutex, time::Duration};

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::{lock, maker::Maker};
use crate::{
    observe::timing::{Latency, Timing},
    upstream::error::CallError,
};

/// Milliseconds.
const FETCH_BUCKETS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0];
/// Milliseconds.
const UPLOAD_BUCKETS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
/// Seconds.
const SECONDS_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// What upstream was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A whole list of features.
    Features,
    /// A delta.
    Delta,
    /// The opening of a stream.
    Streaming,
    /// Verdicts about tokens.
    Validate,
    /// A registration.
    Register,
    /// An upload of usage.
    Metrics,
    /// An upload of instance data.
    InstanceData,
    /// A heartbeat passed on.
    Heartbeat,
    /// Start-up tokens by shared secret.
    RequestTokens,
}

/// Latency of calls, as instance data groups them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UpstreamLatency {
    /// Features and deltas.
    pub features: Latency,
    /// Uploads of usage.
    pub metrics: Latency,
    /// Uploads of instance data.
    pub edge: Latency,
}

#[derive(Default)]
struct Timings {
    features: Timing,
    metrics: Timing,
    edge: Timing,
}

/// See the module.
pub struct Calls {
    latency: HistogramVec,
    errors: IntCounterVec,
    fetches: HistogramVec,
    delta_fetches: HistogramVec,
    fetch_failures: IntGaugeVec,
    register_failures: IntGaugeVec,
    validation_failures: IntGaugeVec,
    uploads: HistogramVec,
    instance_uploads: HistogramVec,
    upload_refusals: IntGaugeVec,
    upload_errors: IntGaugeVec,
    timings: Mutex<Timings>,
}

impl Operation {
    /// The label `operation`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Delta => "delta",
            Self::Streaming => "streaming",
            Self::Validate => "validate",
            Self::Register => "register",
            Self::Metrics => "metrics",
            Self::InstanceData => "instance_data",
            Self::Heartbeat => "heartbeat",
            Self::RequestTokens => "request_tokens",
        }
    }
}

impl Calls {
    /// Registers the families.
    pub fn new(plain: &Maker<'_>, named: &Maker<'_>) -> Self {
        let status = ["status_code"];
        let both = ["operation", "status_code"];
        let failures = |name, help| named.gauge(name, help, &status);
        Self {
            latency: plain.histogram(
                "edge_upstream_latency",
                "Calls to upstream, seconds",
                &both,
                &SECONDS_BUCKETS,
            ),
            errors: plain.counter(
                "edge_upstream_errors_total",
                "Failed calls to upstream; 0: no answer",
                &both,
            ),
            fetches: named.histogram(
                "client_feature_fetch",
                "Fetches of features, milliseconds",
                &status,
                &FETCH_BUCKETS,
            ),
            delta_fetches: named.histogram(
                "client_feature_delta_fetch",
                "Fetches of deltas, milliseconds",
                &status,
                &FETCH_BUCKETS,
            ),
            fetch_failures: failures("client_feature_fetch_failures", "Fetches that were refused"),
            register_failures: failures("client_register_failures", "Registrations that were refused"),
            validation_failures: failures(
                "token_validation_failures",
                "Validations of tokens that were refused",
            ),
            uploads: named.histogram(
                "client_metrics_upload",
                "Uploads of usage metrics, milliseconds",
                &status,
                &UPLOAD_BUCKETS,
            ),
            instance_uploads: named.histogram(
                "instance_data_upload",
                "Uploads of instance data, milliseconds",
                &status,
                &UPLOAD_BUCKETS,
            ),
            upload_refusals: plain.gauge(
                "metrics_upstream_http_errors",
                "Uploads of usage metrics that were refused",
                &status,
            ),
            upload_errors: plain.gauge(
                "metrics_send_error",
                "Uploads of usage metrics that failed unexpectedly",
                &[],
            ),
            timings: Mutex::default(),
        }
    }

    /// See [`super::Tally::called`].
    pub fn called(&self, operation: Operation, outcome: Result<u16, &CallError>, took: Duration) {
        let status = outcome.map_or_else(CallError::status, Some);
        let label = status.unwrap_or_default().to_string();
        let both = [operation.label(), &label];
        self.latency.with_label_values(&both).observe(took.as_secs_f64());
        if outcome.is_err() {
            self.errors.with_label_values(&both).inc();
        }
        self.time(operation, took);
        match status {
            Some(status) => self.answered(operation, status, outcome.is_err(), took),
            None if operation == Operation::Metrics => {
                self.upload_errors.with_label_values::<&str>(&[]).inc()
            }
            None => {}
        }
    }

    /// What Unleash Edge counts: calls that upstream has answered.
    fn answered(&self, operation: Operation, status: u16, failed: bool, took: Duration) {
        let status_label = status.to_string();
        let label = [status_label.as_str()];
        let (times, failures) = match operation {
            Operation::Features => (Some(&self.fetches), Some(&self.fetch_failures)),
            Operation::Delta => (Some(&self.delta_fetches), Some(&self.fetch_failures)),
            Operation::Register => (None, Some(&self.register_failures)),
            Operation::Validate => (None, Some(&self.validation_failures)),
            Operation::Metrics => (Some(&self.uploads), Some(&self.upload_refusals)),
            Operation::InstanceData => (Some(&self.instance_uploads), None),
            Operation::Streaming | Operation::Heartbeat | Operation::RequestTokens => (None, None),
        };
        if let Some(times) = times {
            times.with_label_values(&label).observe(took.as_secs_f64() * 1e3);
        }
        if let Some(failures) = failures.filter(|_| failed) {
            failures.with_label_values(&label).inc();
        }
        if failed && operation == Operation::Metrics && !is_expected_of_uploads(status) {
            self.upload_errors.with_label_values::<&str>(&[]).inc();
        }
    }

    fn time(&self, operation: Operation, took: Duration) {
        let mut timings = lock(&self.timings);
        match operation {
            Operation::Features | Operation::Delta => timings.features.record(took),
            Operation::Metrics => timings.metrics.record(took),
            Operation::InstanceData => timings.edge.record(took),
            _ => {}
        }
    }

    /// Of all calls so far.
    pub fn latency(&self) -> UpstreamLatency {
        let timings = lock(&self.timings);
        UpstreamLatency {
            features: timings.features.latency(),
            metrics: timings.metrics.latency(),
            edge: timings.edge.latency(),
        }
    }
}

/// Refusals that are not counted in `metrics_send_error` (metrics.md 1.7).
fn is_expected_of_uploads(status: u16) -> bool {
    matches!(status, 400 | 401 | 403 | 404 | 413 | 429 | 500 | 502 | 503 | 504)
}
