//! gRPC: what arrives, with which headers, and what a refusal changes.

use std::time::Duration;

use brink::{
    config::{
        secret::{Secret, SecretUrl},
        settings::{Instance, Otlp, OtlpHeaders, OtlpProtocol, Share},
    },
    observe::otlp,
};
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::metric::Data,
};
use prometheus::{IntCounter, core::Collector as _};
use tonic::Code;

use crate::collector::{Collector, TOKEN, Taken, exporting};

/// The messages of all log records.
fn messages(taken: &Taken) -> Vec<String> {
    let resources = taken.logs.iter().flat_map(|(request, _)| &request.resource_logs);
    let records = resources.flat_map(|resource| &resource.scope_logs).flat_map(|scope| &scope.log_records);
    let bodies = records.filter_map(|record| record.body.as_ref()?.value.as_ref());
    bodies
        .map(|value| if let Value::StringValue(text) = value { text.clone() } else { panic!("{value:?}") })
        .collect()
}

fn texts(attributes: &[KeyValue]) -> Vec<(&str, &str)> {
    attributes
        .iter()
        .filter_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some((attribute.key.as_str(), text.as_str())),
            _ => None,
        })
        .collect()
}

#[test]
fn logs_and_spans_arrive_with_the_names_of_the_process() {
    let collector = Collector::start(&[]);
    let keys =
        [("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a"), ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-key=b%20c")];
    let mut brink = exporting(&collector.url(), "grpc", &keys);
    assert_eq!(brink.get("/api/client/features", &[("authorization", TOKEN)]).status, 200);
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());

    let taken = collector.taken();
    let said = messages(&taken);
    for expected in ["Shards are running", "SIGTERM received, stopping", "Stopped"] {
        assert!(said.iter().any(|one| one == expected), "{expected}: {said:?}");
        assert!(brink.log().contains(expected), "standard output has it too");
    }
    let (logs, key) = &taken.logs[0];
    assert_eq!(key.as_deref(), Some("a"));
    let resource = logs.resource_logs[0].resource.as_ref().expect("a resource");
    assert_eq!(
        texts(&resource.attributes),
        [
            ("service.name", "shop"),
            ("service.instance.id", "one-of-many"),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("client_id", "self-hosted"),
        ]
    );
    let (traces, key) = &taken.traces[0];
    assert_eq!(key.as_deref(), Some("b c"));
    let spans = &traces.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["GET /api/client/features"]);
    assert!(spans[0].end_time_unix_nano > spans[0].start_time_unix_nano);
}

#[test]
fn a_collector_that_refuses_costs_two_lines_and_no_record() {
    let collector = Collector::start(&[Code::Aborted, Code::ResourceExhausted]);
    let mut brink = exporting(&collector.url(), "grpc", &[("OTEL_EXPORTER_OTLP_HEADERS", "x-key=hunter2")]);
    brink.wait_for_log("Telemetry is exported again");
    let taken = collector.wait_for("lines", |taken| !taken.logs.is_empty());
    let said = messages(&taken);
    assert!(said.iter().any(|one| one == "Shards are running"), "{said:?}");
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0));

    let failures = brink.log().lines().filter(|line| line.contains("Could not export telemetry")).count();
    assert_eq!(failures, 1, "{}", brink.log());
    assert!(brink.log().contains("the collector answered ABORTED"));
    let fed_back = messages(&collector.taken()).into_iter().find(|one| one.contains("elemetry"));
    assert_eq!(fed_back, None, "its own lines are not exported");
    assert!(!brink.log().contains("hunter2"), "not even when the collector repeats it");
}

#[test]
fn metrics_arrive_at_their_pace_and_once_more_at_the_end() {
    let collector = Collector::start(&[]);
    let settings = Otlp {
        endpoint: SecretUrl::new(collector.url().parse().expect("a URL")),
        protocol: OtlpProtocol::Grpc,
        headers: OtlpHeaders { metrics: vec![("x-key".into(), Secret::new("m"))], ..OtlpHeaders::default() },
        spans: Share::default(),
    };
    let instance = Instance {
        app_name: "a".into(),
        instance_id: "i".into(),
        client_id: "c".into(),
        region: None,
        hosted: false,
    };
    let (_taps, intake) = otlp::taps();
    let transport = otlp::Transport::new(&settings).expect("a usable endpoint");
    let pace = otlp::Pace { metrics: Duration::from_millis(1) };
    let export = otlp::start(transport, otlp::Origin::new(&instance), intake, pace).expect("a thread");
    let counter = IntCounter::new("asked_total", "How often").expect("a name");
    let counted = counter.clone();
    export.measure(Box::new(move || {
        counted.inc();
        counted.collect()
    }));
    collector.wait_for("figures", |taken| taken.metrics.len() >= 2);
    counter.inc_by(1000);
    drop(export);

    let taken = collector.taken();
    let (last, key) = taken.metrics.last().expect("some");
    assert_eq!(key.as_deref(), Some("m"));
    let metric = &last.resource_metrics[0].scope_metrics[0].metrics[0];
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    assert_eq!(metric.name, "asked_total");
    let value = format!("{:?}", sum.data_points[0].value);
    assert!(counter.get() > 1000 && value == format!("Some(AsDouble({}.0))", counter.get()), "{value}");
}
