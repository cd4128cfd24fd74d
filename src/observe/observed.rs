//! What instance data says of this process, in figures (metrics.md 2.2): gathered on request, for the report thread.
//!
//! Everything counts from the start of the process. What a report wants since the one before is the difference, see
//! [`Consumption::since`].

use std::{collections::BTreeMap, sync::Arc};

use prometheus::{core::Collector, process_collector::ProcessCollector, proto::MetricFamily};

use super::{
    consumption::Consumption,
    endpoint::{Class, Endpoint},
    gather::Gatherer,
    meter::Figures,
    tally::{Tally, UpstreamLatency},
    timing::Latency,
};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Requests, by kind of answer and route without the base path.
    pub traffic: Traffic,
    /// Answers 200 and 304, by route without the base path.
    pub requests: BTreeMap<&'static str, Requests>,
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

/// Requests of one route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// Answered 200.
    pub ok: u64,
    /// Answered 304.
    pub not_modified: u64,
}

/// What the process has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessFigures {
    /// User and system time in whole seconds.
    pub cpu_seconds: f64,
    /// Resident memory in bytes.
    pub resident_bytes: f64,
}

/// Gathers what instance data says; owned by the thread that reports it.
pub struct Observer {
    tally: Arc<Tally>,
    gatherer: Gatherer,
    process: ProcessCollector,
}

impl Observer {
    /// Looks at the control side through its tally, at the shards through a gatherer.
    pub fn new(tally: Arc<Tally>, gatherer: Gatherer) -> Self {
        Self { tally, gatherer, process: ProcessCollector::for_self() }
    }

    /// Looks now. Takes as long as the slowest shard, a quarter of a second at most.
    pub fn observe(&mut self) -> Observed {
        let process = process_figures(&self.process.collect());
        let figures = self.gatherer.gather().figures;
        Observed {
            traffic: Traffic::of(figures),
            requests: requests(figures),
            latency_upstream: self.tally.upstream_latency(),
            consumption: figures.consumption.clone(),
            streaming_clients: figures.streams_open,
            process,
        }
    }
}

impl Traffic {
    fn of(figures: &Figures) -> Self {
        let mut traffic = Self::default();
        for (endpoint, class, timing) in figures.traffic() {
            let routes = match class {
                Class::Get => &mut traffic.get,
                Class::Post => &mut traffic.post,
                Class::Cached => &mut traffic.cached_responses,
                Class::Denied => &mut traffic.access_denied,
            };
            routes.insert(endpoint.pattern(), timing.latency());
        }
        traffic
    }
}

fn requests(figures: &Figures) -> BTreeMap<&'static str, Requests> {
    let mut requests: BTreeMap<_, Requests> = BTreeMap::new();
    let reported = figures.all_series().filter(|(key, _)| Endpoint::is_reported(key.endpoint));
    for (key, series) in reported {
        let count = series.durations.count();
        match key.status {
            200 => requests.entry(key.endpoint.pattern()).or_default().ok += count,
            304 => requests.entry(key.endpoint.pattern()).or_default().not_modified += count,
            _ => {}
        }
    }
    requests
}

fn process_figures(families: &[MetricFamily]) -> Option<ProcessFigures> {
    let first = |name: &str| {
        families.iter().find(|family| family.name() == name).and_then(|family| family.get_metric().first())
    };
    let cpu_seconds = first("process_cpu_seconds_total")?.get_counter().get_value();
    let resident_bytes = first("process_resident_memory_bytes")?.get_gauge().get_value();
    Some(ProcessFigures { cpu_seconds, resident_bytes })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        config::settings::Instance,
        messages::{Measured, Notice},
        observe::{
            endpoint::{Evaluation, Verb},
            meter::{Heard, Meter},
            tally::Operation,
        },
    };

    fn instance() -> Instance {
        let text = |text: &str| text.to_owned();
        Instance {
            app_name: text("a"),
            instance_id: text("i"),
            client_id: text("c"),
            region: None,
            hosted: false,
        }
    }

    fn figures() -> Figures {
        let mut meter = Meter::default();
        let mut answer = |endpoint, verb, status, took_us| {
            meter.ask(endpoint, verb, &Heard { interval_ms: Some(15_000), ..Heard::default() });
            meter.answer(status, 10, Duration::from_micros(took_us));
        };
        answer(Endpoint::Features, Verb::Get, 200, 100);
        answer(Endpoint::Features, Verb::Get, 200, 300);
        answer(Endpoint::Features, Verb::Get, 304, 50);
        answer(Endpoint::Features, Verb::Post, 200, 70);
        answer(Endpoint::Features, Verb::Get, 403, 20);
        answer(Endpoint::Features, Verb::Get, 503, 20);
        answer(Endpoint::Feature, Verb::Get, 200, 20);
        answer(Endpoint::Metrics, Verb::Post, 202, 40);
        answer(Endpoint::Frontend(Evaluation::Enabled), Verb::Get, 200, 40);
        answer(Endpoint::Frontend(Evaluation::All), Verb::Get, 200, 40);
        meter.figures().clone()
    }

    /// `route count avg p99`
    fn rows(latencies: &BTreeMap<&'static str, Latency>) -> Vec<String> {
        let row = |(route, latency): (&&str, &Latency)| {
            format!("{route} {} {} {}", latency.count, latency.avg_ms, latency.p99_ms)
        };
        latencies.iter().map(row).collect()
    }

    #[test]
    fn instance_data_has_the_routes_that_unleash_edge_reports() {
        let tally = Arc::new(Tally::new(&instance()));
        tally.called(Operation::Features, Ok(304), Duration::from_millis(2));
        let gatherer = Gatherer::new(1, |notice| {
            let Notice::Measure(answers) = notice;
            let _ = answers.send(Measured { shard: 0, figures: Box::new(figures()) });
        });
        let observed = Observer::new(tally, gatherer).observe();
        let Traffic { get, post, cached_responses, access_denied } = &observed.traffic;
        // 301 µs: two significant digits.
        assert_eq!(rows(get), ["/api/client/features 2 0.2 0.301", "/api/frontend 1 0.04 0.04"]);
        assert_eq!(rows(post), ["/api/client/features 1 0.07 0.07", "/api/client/metrics 1 0.04 0.04"]);
        assert_eq!(rows(cached_responses), ["/api/client/features 1 0.05 0.05"]);
        assert_eq!(rows(access_denied), ["/api/client/features 1 0.02 0.02"]);
        assert_eq!(observed.requests["/api/client/features"], Requests { ok: 3, not_modified: 1 });
        assert_eq!(observed.consumption.features.values().sum::<u64>(), 5);
        assert_eq!(observed.consumption.metrics.values().sum::<u64>(), 1);
        assert_eq!(observed.consumption.frontend, Some(2));
        assert_eq!(
            (observed.latency_upstream.features.count, observed.latency_upstream.features.avg_ms),
            (1, 2.0)
        );
        assert!(observed.process.is_some_and(|process| process.resident_bytes > 1e6));
    }
}
