//! What a scrape shows: the families, names and labels of metrics.md 3.2 and 3.3, and sums that agree.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use super::*;
use crate::{
    config::settings::Instance,
    messages::{Measured, Notice},
    observe::{
        endpoint::{Endpoint, Evaluation, Verb},
        meter::{Heard, Meter},
        tally::{Operation, TokenStates},
    },
    tokens::scope::{Projects, Scope},
    upstream::error::{CallError, Unreachable},
};

#[path = "../../../tests/support/scrape.rs"]
mod scrape;
use scrape::Scrape;

/// Shown before anything has happened.
const ALWAYS: &[&str] = &[
    "brink_accept_errors_total{shard} counter",
    "brink_build_info{compatible_with,version} gauge",
    "brink_connections_accepted_total{shard} counter",
    "brink_connections_open{shard} gauge",
    "brink_connections_timed_out_total{shard} counter",
    "brink_connections_turned_away_total{shard} counter",
    "brink_log_lines_dropped_total{} counter",
    "brink_panics_total{shard} counter",
    "brink_requests_refused_total{shard} counter",
    "brink_requests_total{shard} counter",
    "brink_shards_unmeasured{} gauge",
    "brink_snapshots_applied_total{shard} counter",
    "brink_streams_slow_total{shard} counter",
    "brink_tls_handshakes_failed_total{shard} counter",
    "brink_tls_handshakes_full_total{shard} counter",
    "brink_tls_handshakes_resumed_total{shard} counter",
    "process_cpu_seconds_total{} counter",
    "process_max_fds{} gauge",
    "process_open_fds{} gauge",
    "process_resident_memory_bytes{} gauge",
    "process_start_time_seconds{} gauge",
    "process_threads{} gauge",
    "process_virtual_memory_bytes{} gauge",
];

/// Shown with the first use.
const USED: &[&str] = &[
    "brink_publish_to_applied_seconds{} histogram",
    "brink_queue_length{queue} gauge",
    "brink_restored_environments{} gauge",
    "brink_stream_drift_total{} counter",
    "brink_stream_events_total{type} counter",
    "brink_stream_rehydrations_total{reason} counter",
    "brink_upstream_stream_reconnects_total{reason} counter",
    "brink_upstream_stream_up{environment,projects} gauge",
    "brink_usage_dropped_total{reason} counter",
    "client_feature_delta_fetch{app_name,instance_id,status_code} histogram",
    "client_feature_fetch{app_name,instance_id,status_code} histogram",
    "client_feature_fetch_failures{app_name,instance_id,status_code} gauge",
    "client_metrics_upload{app_name,instance_id,status_code} histogram",
    "client_register_failures{app_name,instance_id,status_code} gauge",
    "client_sdk_version{app_name,instance_id,sdk_name,sdk_version} counter",
    "client_spec_version{app_name,instance_id,sdk_name,sdk_version,spec_version} counter",
    "connected_streaming_clients{} gauge",
    "delta_last_update{environment,projects} gauge",
    "delta_revision_id{environment,projects} gauge",
    "edge_cache_hit_total{endpoint} counter",
    "edge_request_duration_seconds{endpoint,method,status} histogram",
    "edge_tokens_validated_total{result} counter",
    "edge_upstream_errors_total{operation,status_code} counter",
    "edge_upstream_latency{operation,status_code} histogram",
    "feature_toggle_usage_total{active,appName,toggle} counter",
    "http_requests_total{app_name,endpoint,instance_id,method,status} counter",
    "http_response_size{app_name,endpoint,instance_id,method} histogram",
    "http_server_duration_milliseconds{app_name,endpoint,instance_id,method,status} histogram",
    "instance_data_upload{app_name,instance_id,status_code} histogram",
    "metrics_interval_between_send{} gauge",
    "metrics_send_error{} gauge",
    "metrics_size_in_bytes{} histogram",
    "metrics_upstream_http_errors{status_code} gauge",
    "polling_last_update{environment,projects} gauge",
    "polling_revision_id{environment,projects} gauge",
    "request_content_encoding{accept_encoding,app_name,instance_id,path,sdk_name,sdk_version} counter",
    "streaming_connections_made{} counter",
    "token_status{app_name,instance_id,status} gauge",
    "token_validation_failures{app_name,instance_id,status_code} gauge",
];

fn instance() -> Instance {
    Instance {
        app_name: "my \"edge\"".to_owned(),
        instance_id: "01M7".to_owned(),
        client_id: "self-hosted".to_owned(),
        region: None,
        hosted: false,
    }
}

/// What shows these meters, one a shard.
pub fn exposition(tally: &Arc<Tally>, meters: Vec<Meter>) -> Exposition {
    let shards = meters.len();
    // Meters live on one thread each; here they stand behind a lock, since the gatherer may move.
    let meters = Mutex::new(meters);
    let gatherer = Gatherer::new(shards, move |notice| {
        let Notice::Measure(answers) = notice;
        for (shard, meter) in meters.lock().expect("one thread").iter().enumerate() {
            let figures = Box::new(meter.figures().clone());
            answers.send(Measured { shard, figures }).expect("somebody waits");
        }
    });
    let Instance { app_name, instance_id, .. } = instance();
    Exposition::new(Sources {
        tally: Arc::clone(tally),
        gatherer,
        shards: (0..shards).map(|_| Arc::default()).collect(),
        log_dropped: Arc::default(),
        names: Names { app_name, instance_id, base_path: "/base".to_owned() },
    })
}

fn read(exposition: &mut Exposition) -> Scrape {
    Scrape::read(&String::from_utf8(exposition.text()).expect("text"))
}

/// `name{labels} type` of every family.
fn families(scrape: &Scrape) -> Vec<String> {
    let row = |(name, kind): (&String, &String)| {
        let suffix = if kind == "histogram" { "_count" } else { "" };
        let (_, labels, _) = scrape.all(&format!("{name}{suffix}")).next().expect("no family is empty");
        let labels: Vec<&str> = labels.keys().map(|label| &**label).collect();
        format!("{name}{{{}}} {kind}", labels.join(","))
    };
    scrape.types.iter().map(row).collect()
}

fn scope() -> Scope {
    Scope { environment: Some("development".into()), projects: Projects::from_names(["a", "b"]) }
}

fn refused(status: u16) -> CallError {
    CallError::Status { status, retry_after: None, detail: String::new() }
}

/// Does everything once that is counted on the control side.
fn exercise(tally: &Tally) {
    let took = Duration::from_micros(1_500);
    let unreachable = CallError::Unreachable { cause: Unreachable::Refused };
    for operation in [
        Operation::Features,
        Operation::Delta,
        Operation::Streaming,
        Operation::Validate,
        Operation::Register,
        Operation::Metrics,
        Operation::InstanceData,
        Operation::Heartbeat,
        Operation::RequestTokens,
    ] {
        tally.called(operation, Ok(200), took);
        tally.called(operation, Err(&refused(403)), took);
        tally.called(operation, Err(&unreachable), took);
    }
    tally.validated(3, 2);
    tally.tokens_stand(&TokenStates { invalid: 1, trusted: 2, unknown: 3, validated: 4 });
    tally.polled(&scope(), Some(7), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
    tally.delta_applied(&scope(), Some(9), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000));
    tally.stream_up(&scope(), true);
    tally.stream_reconnects("ended");
    tally.streamed(["hydration", "feature-updated"], 1);
    tally.rehydrates("unreadable");
    tally.drifted();
    tally.used("svc", "flag", 2, 1);
    tally.batch_built(20_000);
    tally.upload_interval(Duration::from_secs(60));
    tally.usage_dropped("bytes", 5);
    tally.watch_queue("asks", || 3);
    tally.restored_stand(2);
}

fn ask(meter: &mut Meter, endpoint: Endpoint, verb: Verb, status: u16) {
    let heard = Heard {
        sdk: Some(b"unleash-node-sdk:6.12.1"),
        spec: Some(b"5.2.1"),
        accept_encoding: Some(b"gzip, br"),
        interval_ms: Some(15_000),
    };
    meter.ask(endpoint, verb, &heard);
    meter.answer(status, 700, Duration::from_micros(40));
}

/// Requests of one shard.
fn meter(requests: usize) -> Meter {
    let mut meter = Meter::default();
    for _ in 0..requests {
        ask(&mut meter, Endpoint::Features, Verb::Get, 200);
        ask(&mut meter, Endpoint::Features, Verb::Get, 304);
        ask(&mut meter, Endpoint::Feature, Verb::Get, 404);
        ask(&mut meter, Endpoint::Proxy(Evaluation::Enabled), Verb::Post, 200);
    }
    meter.applied(Duration::from_micros(300));
    meter.streams(1, 1);
    meter
}

#[test]
fn families_appear_with_their_first_use() {
    let tally = Arc::new(Tally::new(&instance()));
    let scrape = read(&mut exposition(&tally, vec![Meter::default()]));
    assert_eq!(families(&scrape), ALWAYS);
    exercise(&tally);
    let scrape = read(&mut exposition(&tally, vec![meter(1)]));
    let mut all: Vec<&str> = [ALWAYS, USED].concat();
    all.sort_by_key(|row| row.split('{').next());
    assert_eq!(families(&scrape), all);
}

#[test]
fn requests_of_all_shards_are_added_up() {
    let tally = Arc::new(Tally::new(&instance()));
    let scrape = read(&mut exposition(&tally, vec![meter(3), meter(4)]));
    let check = |name: &str, labels: &[(&str, &str)], sum: f64| {
        assert_eq!(scrape.sum(name, labels), sum, "{name} {labels:?}");
    };
    let features = ("endpoint", "/base/api/client/features");
    let instance = [("app_name", "my \"edge\""), ("instance_id", "01M7")];
    check("http_requests_total", &instance, 28.0);
    check("http_requests_total", &[features, ("method", "GET"), ("status", "200")], 7.0);
    check("http_requests_total", &[("endpoint", "/{unknown}"), ("status", "404")], 7.0);
    check("http_requests_total", &[("endpoint", "/base/api/proxy"), ("method", "POST")], 7.0);
    check("http_server_duration_milliseconds_count", &[features], 14.0);
    check("http_server_duration_milliseconds_bucket", &[features, ("status", "200"), ("le", "0.1")], 7.0);
    check("edge_request_duration_seconds_bucket", &[features, ("status", "200"), ("le", "0.0001")], 7.0);
    check("http_response_size_bucket", &[features, ("le", "500")], 0.0);
    check("http_response_size_bucket", &[features, ("le", "750")], 14.0);
    check("http_response_size_sum", &[features], 9_800.0);
    check("edge_cache_hit_total", &[features], 14.0);
    check("edge_cache_hit_total", &[("endpoint", "/base/api/proxy")], 7.0);
    let sdk = [("sdk_name", "unleash-node-sdk"), ("sdk_version", "6.12.1")];
    check("client_sdk_version", &sdk, 14.0);
    check("client_spec_version", &[("spec_version", "5.2.1")], 14.0);
    check("request_content_encoding", &[("accept_encoding", "br,gzip"), ("path", "/base/api/proxy")], 7.0);
    check("connected_streaming_clients", &[], 2.0);
    check("brink_publish_to_applied_seconds_bucket", &[("le", "0.0005")], 2.0);
}

#[test]
fn bounds_are_those_of_unleash_edge() {
    let tally = Arc::new(Tally::new(&instance()));
    exercise(&tally);
    let scrape = read(&mut exposition(&tally, vec![meter(1)]));
    let check = |name: &str, bounds: &str| {
        let (_, labels, _) = scrape.all(name).next().expect("used");
        let mut own: Vec<_> = scrape
            .all(name)
            .filter(|(_, others, _)| {
                others.iter().all(|(label, value)| label == "le" || labels[label] == *value)
            })
            .map(|(_, labels, _)| labels["le"].replace("+Inf", "inf").parse::<f64>().expect("a number"))
            .collect();
        own.sort_by(f64::total_cmp);
        assert_eq!(
            own,
            bounds.split(' ').map(|bound| bound.parse().expect("a number")).collect::<Vec<f64>>()
        );
    };
    check(
        "http_server_duration_milliseconds_bucket",
        "0.1 0.5 1 2.5 5 10 25 50 100 250 500 1000 2500 5000 10000 inf",
    );
    check("http_response_size_bucket", "5 10 100 250 500 750 1000 2500 5000 10000 25000 50000 100000 inf");
    check("client_feature_fetch_bucket", "1 2 5 10 20 50 100 200 500 1000 5000 inf");
    check("client_feature_delta_fetch_bucket", "1 2 5 10 20 50 100 200 500 1000 5000 inf");
    check("client_metrics_upload_bucket", "1 2 5 10 20 50 100 200 500 1000 inf");
    check("instance_data_upload_bucket", "1 2 5 10 20 50 100 200 500 1000 inf");
    check("metrics_size_in_bytes_bucket", "1000 10000 20000 50000 75000 100000 250000 500000 1000000 inf");
}

#[test]
fn calls_to_upstream_are_counted_by_what_came_of_them() {
    let tally = Arc::new(Tally::new(&instance()));
    exercise(&tally);
    tally.called(Operation::Metrics, Err(&refused(501)), Duration::ZERO);
    let scrape = read(&mut exposition(&tally, Vec::new()));
    let check = |name: &str, labels: &[(&str, &str)], sum: f64| {
        assert_eq!(scrape.sum(name, labels), sum, "{name} {labels:?}");
    };
    check("client_feature_fetch_count", &[], 2.0);
    check("client_feature_fetch_failures", &[], 2.0);
    check("client_feature_fetch_failures", &[("status_code", "403")], 2.0);
    check("client_register_failures", &[], 1.0);
    check("token_validation_failures", &[], 1.0);
    check("metrics_upstream_http_errors", &[("status_code", "403")], 1.0);
    check("metrics_upstream_http_errors", &[("status_code", "501")], 1.0);
    // One without an answer, one with an answer that is none of the usual refusals.
    check("metrics_send_error", &[], 2.0);
    check("edge_upstream_latency_count", &[("operation", "features")], 3.0);
    check("edge_upstream_errors_total", &[("operation", "validate"), ("status_code", "0")], 1.0);
    check("edge_upstream_errors_total", &[("operation", "validate"), ("status_code", "403")], 1.0);
    check("edge_upstream_errors_total", &[("status_code", "200")], 0.0);
    check("edge_tokens_validated_total", &[("result", "valid")], 3.0);
    check("edge_tokens_validated_total", &[("result", "invalid")], 2.0);
    check("token_status", &[("status", "unknown")], 3.0);
    check("polling_revision_id", &[("environment", "development"), ("projects", "a,b")], 7.0);
    check("polling_last_update", &[], 1_000.0);
    check("delta_revision_id", &[], 9.0);
    check("feature_toggle_usage_total", &[("active", "true"), ("appName", "svc"), ("toggle", "flag")], 2.0);
    check("feature_toggle_usage_total", &[("active", "false")], 1.0);
    check("metrics_interval_between_send", &[], 60.0);
    check("brink_usage_dropped_total", &[("reason", "bytes")], 5.0);
    check("brink_queue_length", &[("queue", "asks")], 3.0);
    check("brink_restored_environments", &[], 2.0);
    let latency = tally.upstream_latency();
    assert_eq!((latency.features.count, latency.features.avg_ms), (6, 1.5));
    assert_eq!((latency.metrics.count, latency.edge.count), (4, 3));
}
