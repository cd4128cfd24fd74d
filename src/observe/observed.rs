//! What instance data says of this process, in figures (metrics.md 2.2): gathered on request, for the report thread.
//!
//! Everything counts from the start of the process. What a report wants since the one before is the difference, see
//! [`Consumption::since`].

use std::collections::BTreeMap;

use super::{consumption::Consumption, tally::UpstreamLatency, timing::Latency};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Requests, by kind of answer and route without the base path.
    pub traffic: Traffic,
    /// Calls to upstream.
    pub latency_upstream: UpstreamLatency,
    /// By announced interval.
    pub consumption: Consumption,
    /// Streams open now.
    pub streaming_clients: u64,
    /// `None` if the system does not say.
    pub process: Option<ProcessFigures>,
}

/// Latency of requests, by route.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traffic {
    /// 200 and 202 to GET.
    pub get: BTreeMap<&'static str, Latency>,
    /// 200 and 202 to other methods.
    pub post: BTreeMap<&'static str, Latency>,
    /// 304.
    pub cached_responses: BTreeMap<&'static str, Latency>,
    /// 403.
    pub access_denied: BTreeMap<&'static str, Latency>,
}

/// What the process has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessFigures {
    /// User and system time in whole seconds.
    pub cpu_seconds: f64,
    /// Resident memory in bytes.
    pub resident_bytes: f64,
}
