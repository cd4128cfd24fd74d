//! JSON over HTTP: the documents as a collector reads them, and collectors with bad habits.

use std::{io::Read, time::Instant};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::{
    collector::{TOKEN, exporting},
    fake_upstream::{FakeUpstream, Habit, Request, on},
};

const SECRET_PATH: &str = "/internal-backstage/features/*:development.s3cret-of-a-path-0001";

fn taking() -> FakeUpstream {
    let collector = FakeUpstream::start();
    collector.set_habit(Habit::Answer(
        200,
        vec![("content-type", "application/json".into())],
        b"{}".to_vec(),
    ));
    collector
}

fn document(request: &Request) -> Value {
    assert_eq!(request.only("content-type"), Some("application/json"));
    assert_eq!(request.only("content-encoding"), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(request.body.as_slice()).read_to_string(&mut text).expect("gzip");
    serde_json::from_str(&text).expect("JSON")
}

/// Everything of one kind, out of all documents.
fn all(requests: &[Request], path: &str, pointer: [&str; 3]) -> Vec<Value> {
    let [resources, scopes, records] = pointer;
    let documents = on(requests, path).filter(|request| request.method == "POST").map(document);
    let list = |value: &Value, name: &str| value[name].as_array().expect("a list").clone();
    documents
        .flat_map(|document| list(&document, resources))
        .flat_map(|resource| list(&resource, scopes))
        .flat_map(|scope| list(&scope, records))
        .collect()
}

fn logs(requests: &[Request]) -> Vec<Value> {
    all(requests, "/v1/logs", ["resourceLogs", "scopeLogs", "logRecords"])
}

fn spans(requests: &[Request]) -> Vec<Value> {
    all(requests, "/v1/traces", ["resourceSpans", "scopeSpans", "spans"])
}

fn attribute<'a>(record: &'a Value, key: &str) -> &'a Value {
    let attributes = record["attributes"].as_array().expect("a list");
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    &found.unwrap_or_else(|| panic!("{key} in {record}"))["value"]
}

#[test]
fn documents_are_what_collectors_read() {
    let collector = taking();
    let headers = [("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2"), ("ACCESS_LOG", "1")];
    let mut brink = exporting(&(collector.url() + "/otlp/"), "http", &headers);
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    brink.get("/api/client/features", &[("authorization", TOKEN), ("traceparent", traceparent)]);
    brink.get(SECRET_PATH, &[]);
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());

    let requests = collector.requests();
    assert!(requests.iter().all(|request| request.only("api-key") == Some("hunter2")));
    assert!(requests.iter().all(|request| request.target.starts_with("/otlp/v1/")));
    let logs = logs(&requests);
    let stopped = logs
        .iter()
        .find(|record| record["body"] == json!({"stringValue": "Stopped"}))
        .expect("the last line");
    assert_eq!((&stopped["severityNumber"], &stopped["severityText"]), (&json!(9), &json!("INFO")));
    let at: u64 = stopped["timeUnixNano"].as_str().expect("64 bits are a text").parse().expect("a number");
    assert!(at > 1_700_000_000_000_000_000);
    assert_eq!(attribute(stopped, "target"), &json!({"stringValue": "brink::app::stop"}));
    let lines: Vec<&Value> =
        logs.iter().filter(|record| attribute(record, "target")["stringValue"] == "brink::access").collect();
    assert_eq!(lines.len(), 2, "the access log, too");
    assert_eq!(attribute(lines[0], "status"), &json!({"intValue": "200"}));

    let spans = spans(&requests);
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0]["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(spans[0]["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(spans[0]["spanId"].as_str().map(str::len), Some(16));
    assert_eq!((&spans[0]["kind"], &spans[0]["name"]), (&json!(2), &json!("GET /api/client/features")));
    assert_eq!(attribute(&spans[0], "http.response.status_code"), &json!({"intValue": "200"}));
    assert_eq!(
        attribute(&spans[1], "url.path"),
        &json!({"stringValue": "/internal-backstage/features/****"})
    );
    let texts: String = requests.iter().map(|request| document(request).to_string()).collect();
    assert!(!texts.contains("s3cret") && !texts.contains("back0000000000"), "{texts}");
    assert!(!brink.log().contains("hunter2"));
}

#[test]
fn a_collector_that_is_away_for_a_while_gets_everything_later() {
    let collector = taking();
    collector.set_habit_times(1, Habit::Status(503));
    collector.set_habit_times(1, Habit::Closes);
    let mut brink = exporting(&collector.url(), "http", &[]);
    brink.wait_for_log("Telemetry is exported again");
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0));
    let log = brink.log();
    assert_eq!(log.matches("Could not export telemetry").count(), 1, "{log}");
    let logs = logs(&collector.requests());
    let said = |text: &str| logs.iter().filter(|record| record["body"]["stringValue"] == text).count();
    assert!(said("Shards are running") >= 1 && said("Stopped") == 1, "{logs:?}");
    assert!(!log.contains("Telemetry was dropped"), "{log}");
}

#[test]
fn a_collector_that_never_answers_delays_the_end_by_three_seconds_at_most() {
    let collector = FakeUpstream::start();
    collector.set_habit(Habit::NeverAnswers);
    let mut brink = exporting(&collector.url(), "http", &[]);
    let asked = Instant::now();
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    let took = asked.elapsed().as_secs_f64();
    assert!(took < 6.0, "{took} s\n{}", brink.log());
    assert!(brink.log().contains("Stopped"));
    assert!(brink.log().contains("Telemetry could not be delivered before the end logs="), "{}", brink.log());
}
