//! Instance data: what upstream is told of this process every minute (metrics.md part 2). Pure.
//!
//! Figures are those of [`Observed`], which count from the start; what is wanted "since the last report" is the
//! difference to what upstream took last. Keys and their order are those of Unleash Edge 20.4.

use std::{collections::BTreeMap, time::SystemTime};

use serde::Serialize;
use serde_json::value::RawValue;

use super::standing::Revision;
use crate::{
    COMPATIBLE_VERSION,
    clock::rfc3339,
    config::settings::Instance,
    observe::{consumption::Interval, observed::Observed, timing::Latency},
};

/// What does not change while the process lives.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `identifier`: the same as `unleash-instanceid`.
    pub identifier: String,
    /// `--app-name`.
    pub app_name: String,
    /// `AWS_REGION`.
    pub region: Option<String>,
    /// By Unleash, as `EDGE_HOSTING` says.
    pub hosted: bool,
    /// Of the process.
    pub started: SystemTime,
}

impl Identity {
    /// From the configuration.
    pub fn new(instance: &Instance, started: SystemTime) -> Self {
        Self {
            identifier: instance.instance_id.clone(),
            app_name: instance.app_name.clone(),
            region: instance.region.clone(),
            hosted: instance.hosted,
            started,
        }
    }

    /// The document.
    pub fn document(&self, contents: &Contents<'_>) -> Vec<u8> {
        let Contents { observed, reported, revisions, children, for_old_edges } = contents;
        let since = observed.consumption.since(&reported.consumption);
        let document = Document {
            identifier: &self.identifier,
            app_name: &self.app_name,
            hosting: if self.hosted { "hosted" } else { "self-hosted" },
            region: self.region.as_deref(),
            edge_version: COMPATIBLE_VERSION,
            process_metrics: observed.process.map(|process| ProcessMetrics {
                cpu_usage: process.cpu_seconds,
                memory_usage: process.resident_bytes,
            }),
            started: rfc3339(self.started),
            traffic: traffic(observed),
            latency_upstream: LatencyUpstream {
                features: observed.latency_upstream.features.into(),
                metrics: observed.latency_upstream.metrics.into(),
                edge: observed.latency_upstream.edge.into(),
            },
            requests_since_last_report: requests_since(observed, reported),
            connected_streaming_clients: observed.streaming_clients,
            connected_edges: children,
            connection_consumption_since_last_report: ConnectionConsumption {
                features: [group(&since.features)],
                metrics: [group(&since.metrics)],
            },
            request_consumption_since_last_report: since
                .frontend
                .map(|requests| RequestConsumption {
                    metered_group: GROUP,
                    metered_group_of_old: for_old_edges.then_some(GROUP),
                    requests,
                })
                .into_iter()
                .collect(),
            edge_api_key_revision_ids: revisions.iter().map(ApiKeyRevision::from).collect(),
        };
        serde_json::to_vec(&document).expect("texts, numbers and JSON that was read before can be written")
    }
}

/// What changes from one report to the next.
#[derive(Debug)]
pub struct Contents<'a> {
    /// Figures.
    pub observed: &'a Observed,
    /// As upstream knows them.
    pub reported: &'a Observed,
    /// Per refresh token.
    pub revisions: &'a [Revision],
    /// Documents of edges below us, passed on as they came.
    pub children: &'a [&'a RawValue],
    /// Unleash Edge 19.15 writes `meteredGroup` and reads `metered_group`, and refuses a document without it.
    pub for_old_edges: bool,
}

/// The one group that requests are metered in.
const GROUP: &str = "default";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    identifier: &'a str,
    app_name: &'a str,
    hosting: &'static str,
    region: Option<&'a str>,
    edge_version: &'static str,
    process_metrics: Option<ProcessMetrics>,
    started: String,
    traffic: Traffic,
    latency_upstream: LatencyUpstream,
    /// Unleash Edge 20.4 leaves it empty, older ones fill it as here.
    requests_since_last_report: BTreeMap<&'static str, Requests>,
    connected_streaming_clients: u64,
    connected_edges: &'a [&'a RawValue],
    connection_consumption_since_last_report: ConnectionConsumption,
    request_consumption_since_last_report: Vec<RequestConsumption>,
    edge_api_key_revision_ids: Vec<ApiKeyRevision<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessMetrics {
    cpu_usage: f64,
    memory_usage: f64,
}

type ByRoute = BTreeMap<&'static str, Figures>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Traffic {
    cached_responses: ByRoute,
    get: ByRoute,
    post: ByRoute,
    access_denied: ByRoute,
}

#[derive(Serialize)]
struct Requests {
    requests200: u64,
    requests304: u64,
}

#[derive(Serialize)]
struct LatencyUpstream {
    features: Figures,
    metrics: Figures,
    edge: Figures,
}

/// Milliseconds; the count is written with a decimal point, too.
#[derive(Serialize)]
struct Figures {
    avg: f64,
    count: f64,
    p99: f64,
}

#[derive(Serialize)]
struct ConnectionConsumption {
    features: [Group; 1],
    metrics: [Group; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    metered_group: &'static str,
    data_points: Vec<DataPoint>,
}

#[derive(Serialize)]
struct DataPoint {
    interval: [u32; 2],
    requests: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestConsumption {
    metered_group: &'static str,
    #[serde(rename = "metered_group", skip_serializing_if = "Option::is_none")]
    metered_group_of_old: Option<&'static str>,
    requests: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApiKeyRevision<'a> {
    environment: &'a str,
    projects: Vec<&'a str>,
    revision_id: u64,
    last_updated: String,
}

impl From<Latency> for Figures {
    fn from(latency: Latency) -> Self {
        Self { avg: latency.avg_ms, count: latency.count as f64, p99: latency.p99_ms }
    }
}

impl<'a> From<&'a Revision> for ApiKeyRevision<'a> {
    fn from(revision: &'a Revision) -> Self {
        Self {
            environment: &revision.environment,
            projects: revision.projects.names(),
            revision_id: revision.revision_id,
            last_updated: rfc3339(revision.last_updated),
        }
    }
}

fn traffic(observed: &Observed) -> Traffic {
    let by_route = |latencies: &BTreeMap<&'static str, Latency>| {
        latencies.iter().map(|(route, latency)| (*route, Figures::from(*latency))).collect()
    };
    let traffic = &observed.traffic;
    Traffic {
        cached_responses: by_route(&traffic.cached_responses),
        get: by_route(&traffic.get),
        post: by_route(&traffic.post),
        access_denied: by_route(&traffic.access_denied),
    }
}

fn requests_since(observed: &Observed, reported: &Observed) -> BTreeMap<&'static str, Requests> {
    let since = observed.requests.iter().map(|(route, now)| {
        let before = reported.requests.get(route).copied().unwrap_or_default();
        let requests200 = now.ok.saturating_sub(before.ok);
        let requests304 = now.not_modified.saturating_sub(before.not_modified);
        (*route, Requests { requests200, requests304 })
    });
    since.filter(|(_, requests)| requests.requests200 + requests.requests304 > 0).collect()
}

fn group(intervals: &BTreeMap<Interval, u64>) -> Group {
    let points = intervals.iter().map(|(interval, requests)| DataPoint {
        interval: [interval.from_ms, interval.to_ms],
        requests: *requests,
    });
    Group { metered_group: GROUP, data_points: points.collect() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        observe::{
            endpoint::Metered,
            observed::{self, ProcessFigures},
            tally::UpstreamLatency,
        },
        tokens::scope::Projects,
    };

    fn identity() -> Identity {
        Identity {
            identifier: "01M7".into(),
            app_name: "my-edge".into(),
            region: None,
            hosted: false,
            started: SystemTime::UNIX_EPOCH + Duration::new(1_795_227_760, 628_412_739),
        }
    }

    fn written(contents: &Contents<'_>) -> String {
        String::from_utf8(identity().document(contents)).unwrap()
    }

    #[test]
    fn the_document_is_that_of_unleash_edge() {
        let latency = |avg_ms, count, p99_ms| Latency { avg_ms, count, p99_ms };
        let mut observed = Observed {
            streaming_clients: 2,
            latency_upstream: UpstreamLatency { features: latency(3.667, 3, 19.7), ..Default::default() },
            process: Some(ProcessFigures { cpu_seconds: 0.0, resident_bytes: 21_794_816.0 }),
            ..Observed::default()
        };
        observed.traffic.get.insert("/api/client/features", latency(0.257, 1, 0.496));
        observed.traffic.access_denied.insert("/api/client/features", latency(18.819, 7, 49.417));
        observed.consumption.count(Metered::Features, None);
        observed.consumption.count_frontend();
        observed.requests.insert("/api/client/features", observed::Requests { ok: 1, not_modified: 5 });
        observed.requests.insert("/api/frontend", observed::Requests { ok: 4, not_modified: 0 });
        let reported = observed.clone();
        observed.consumption.count(Metered::Metrics, None);
        observed.requests.insert("/api/client/features", observed::Requests { ok: 1, not_modified: 8 });
        let revision = Revision {
            environment: "development".into(),
            projects: Projects::All,
            revision_id: 7,
            last_updated: SystemTime::UNIX_EPOCH + Duration::new(1_795_227_760, 683_076_436),
        };
        let child = RawValue::from_string(r#"{"identifier":"child", "x":1}"#.into()).unwrap();
        let contents = Contents {
            observed: &observed,
            reported: &reported,
            revisions: &[revision],
            children: &[&child],
            for_old_edges: false,
        };
        let expected = concat!(
            r#"{"identifier":"01M7","appName":"my-edge","hosting":"self-hosted","region":null,"edgeVersion":"20.4.1","#,
            r#""processMetrics":{"cpuUsage":0.0,"memoryUsage":21794816.0},"started":"2026-11-21T02:22:40.628412739Z","#,
            r#""traffic":{"cachedResponses":{},"get":{"/api/client/features":{"avg":0.257,"count":1.0,"p99":0.496}},"#,
            r#""post":{},"accessDenied":{"/api/client/features":{"avg":18.819,"count":7.0,"p99":49.417}}},"#,
            r#""latencyUpstream":{"features":{"avg":3.667,"count":3.0,"p99":19.7},"#,
            r#""metrics":{"avg":0.0,"count":0.0,"p99":0.0},"edge":{"avg":0.0,"count":0.0,"p99":0.0}},"#,
            r#""requestsSinceLastReport":{"/api/client/features":{"requests200":0,"requests304":3}},"connectedStreamingClients":2,"#,
            r#""connectedEdges":[{"identifier":"child", "x":1}],"#,
            r#""connectionConsumptionSinceLastReport":{"features":[{"meteredGroup":"default","dataPoints":[]}],"#,
            r#""metrics":[{"meteredGroup":"default","dataPoints":[{"interval":[0,60000],"requests":1}]}]},"#,
            r#""requestConsumptionSinceLastReport":[{"meteredGroup":"default","requests":0}],"#,
            r#""edgeApiKeyRevisionIds":[{"environment":"development","projects":["*"],"revisionId":7,"#,
            r#""lastUpdated":"2026-11-21T02:22:40.683076436Z"}]}"#,
        );
        assert_eq!(written(&contents), expected);
    }

    #[test]
    fn nothing_observed_yet_is_a_document_too() {
        let (observed, reported) = (Observed::default(), Observed::default());
        let contents = Contents {
            observed: &observed,
            reported: &reported,
            revisions: &[],
            children: &[],
            for_old_edges: false,
        };
        let text = written(&contents);
        assert!(
            text.contains(r#""processMetrics":null"#) && text.contains(r#""connectedEdges":[]"#),
            "{text}"
        );
        assert!(text.contains(r#""requestConsumptionSinceLastReport":[]"#), "{text}");
    }
}
