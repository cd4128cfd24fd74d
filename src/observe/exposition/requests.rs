//! The families of requests: those of Unleash Edge 20.4, and those of an older guide.

use std::collections::BTreeMap;

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::Names;
use crate::observe::{
    clients::Combination,
    endpoint::{Endpoint, Verb},
    family,
    meter::{DURATION_BOUNDS, Durations, Figures, SIZE_BOUNDS, Series, SeriesKey},
};

/// All of them; those without a series are left out.
pub fn families(figures: &Figures, names: &Names) -> Vec<MetricFamily> {
    let shown = Shown { figures, names };
    let families = [shown.served(), shown.clients(), shown.streams()];
    families.into_iter().flatten().chain(shown.applied()).collect()
}

struct Shown<'f> {
    figures: &'f Figures,
    names: &'f Names,
}

impl Shown<'_> {
    /// By route, method and status.
    fn served(&self) -> Vec<MetricFamily> {
        let (mut totals, mut milliseconds, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
        for (key, series) in self.figures.all_series() {
            let endpoint = key.endpoint.label(&self.names.base_path);
            let (method, status) = (key.verb.label(), status_label(key.status));
            let labels = [
                ("app_name", &*self.names.app_name),
                ("endpoint", &endpoint),
                ("instance_id", &self.names.instance_id),
                ("method", method),
                ("status", &status),
            ];
            let durations = &series.durations;
            totals.push(family::counter(&labels, durations.count()));
            milliseconds.push(durations_in(&labels, durations, 1e3));
            let labels = [("endpoint", &*endpoint), ("method", method), ("status", &status)];
            seconds.push(durations_in(&labels, durations, 1.0));
        }
        let families = [
            family::of("http_requests_total", "Requests", MetricType::COUNTER, totals),
            family::of(
                "http_server_duration_milliseconds",
                "Server time",
                MetricType::HISTOGRAM,
                milliseconds,
            ),
            family::of("edge_request_duration_seconds", "Server time", MetricType::HISTOGRAM, seconds),
            family::of("http_response_size", "Bodies of answers, bytes", MetricType::HISTOGRAM, self.sizes()),
            family::of(
                "edge_cache_hit_total",
                "Requests answered from memory",
                MetricType::COUNTER,
                self.hits(),
            ),
        ];
        families.into_iter().flatten().collect()
    }

    fn sizes(&self) -> Vec<Metric> {
        let mut sums: BTreeMap<(Endpoint, Verb), Series> = BTreeMap::new();
        for (SeriesKey { endpoint, verb, .. }, series) in self.figures.all_series() {
            sums.entry((endpoint, verb)).or_default().add(series);
        }
        let bounds = SIZE_BOUNDS.map(|bound| bound as f64);
        let series = sums.iter().map(|((endpoint, verb), series)| {
            let labels = [
                ("app_name", &*self.names.app_name),
                ("endpoint", &endpoint.label(&self.names.base_path)),
                ("instance_id", &self.names.instance_id),
                ("method", verb.label()),
            ];
            family::histogram(&labels, &bounds, &series.sizes, series.size_sum as f64)
        });
        series.collect()
    }

    fn hits(&self) -> Vec<Metric> {
        let mut hits: BTreeMap<Endpoint, u64> = BTreeMap::new();
        for (key, series) in self.figures.all_series() {
            if key.endpoint.serves_features() && matches!(key.status, 200 | 304) {
                *hits.entry(key.endpoint).or_default() += series.durations.count();
            }
        }
        let base = &self.names.base_path;
        hits.iter()
            .map(|(endpoint, count)| family::counter(&[("endpoint", &endpoint.label(base))], *count))
            .collect()
    }

    /// Successful requests by who asked.
    fn clients(&self) -> Vec<MetricFamily> {
        let clients = &self.figures.clients;
        let (mut versions, mut specs, mut codings) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (Combination { endpoint, client }, count) in clients.counts() {
            let (name, version) = clients.name_sdk(client.sdk);
            *versions.entry((name, version)).or_default() += count;
            if let Some(spec) = clients.name_spec(client.spec) {
                *specs.entry((name, version, spec)).or_default() += count;
            }
            *codings.entry((client.codings, endpoint, name, version)).or_default() += count;
        }
        let (app_name, instance_id) = (&*self.names.app_name, &*self.names.instance_id);
        let named = |name, version| {
            [
                ("app_name", app_name),
                ("instance_id", instance_id),
                ("sdk_name", name),
                ("sdk_version", version),
            ]
        };
        let versions =
            versions.iter().map(|((name, version), count)| family::counter(&named(name, version), *count));
        let specs = specs.iter().map(|((name, version, spec), count)| {
            let [app_name, instance_id, name, version] = named(name, version);
            family::counter(&[app_name, instance_id, name, version, ("spec_version", spec)], *count)
        });
        let codings = codings.iter().map(|((codings, endpoint, name, version), count)| {
            let (codings, path) = (codings.label(), endpoint.label(&self.names.base_path));
            let [app_name, instance_id, name, version] = named(name, version);
            let labels =
                [("accept_encoding", &*codings), app_name, instance_id, ("path", &path), name, version];
            family::counter(&labels, *count)
        });
        let families = [
            family::of("client_sdk_version", "Requests by SDK", MetricType::COUNTER, versions.collect()),
            family::of(
                "client_spec_version",
                "Requests by specification",
                MetricType::COUNTER,
                specs.collect(),
            ),
            family::of(
                "request_content_encoding",
                "Requests by codings",
                MetricType::COUNTER,
                codings.collect(),
            ),
        ];
        families.into_iter().flatten().collect()
    }

    fn streams(&self) -> Vec<MetricFamily> {
        let Figures { streams_open, streams_made, .. } = *self.figures;
        if streams_made == 0 {
            return Vec::new();
        }
        let open = vec![family::gauge(&[], streams_open as f64)];
        let made = vec![family::counter(&[], streams_made)];
        let families = [
            family::of("connected_streaming_clients", "Streams open now", MetricType::GAUGE, open),
            family::of("streaming_connections_made", "Streams opened", MetricType::COUNTER, made),
        ];
        families.into_iter().flatten().collect()
    }

    fn applied(&self) -> Option<MetricFamily> {
        let applied = &self.figures.applied;
        let series = (applied.count() > 0).then(|| durations_in(&[], applied, 1.0));
        let help = "From publishing a state to serving it, on each shard";
        family::of(
            "brink_publish_to_applied_seconds",
            help,
            MetricType::HISTOGRAM,
            series.into_iter().collect(),
        )
    }
}

fn status_label(status: u16) -> String {
    if status == 0 { "other".to_owned() } else { status.to_string() }
}

/// `scale`: how many of the unit are a second.
fn durations_in(labels: &[(&str, &str)], durations: &Durations, scale: f64) -> Metric {
    // From whole microseconds, so that the bounds are short numbers in either unit.
    let bounds = DURATION_BOUNDS.map(|bound| bound.as_micros() as f64 / (1e6 / scale));
    family::histogram(labels, &bounds, &durations.counts, durations.sum.as_secs_f64() * scale)
}
