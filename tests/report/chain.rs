//! An edge below an edge, both ours, below a fake upstream: what passes through both, in either direction.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    brink::Brink,
    fake_upstream::{FakeUpstream, HEARTBEAT, Habit, INSTANCE, on},
    scene::{TOKEN, answers, document, edge, features, project, serves},
    usage::{
        METRICS, OFTEN, REGISTER, bucket, elements, has_taken, post_as, registration, report, reporting,
    },
};

const HOUR: &str = "2026-11-21T02:10:00Z";

/// The names that the two go by.
const UPPER: [&str; 4] = ["--app-name", "upper", "--instance-id", "u-1"];
const LOWER: [&str; 4] = ["--app-name", "lower", "--instance-id", "l-1"];

struct Chain {
    up: FakeUpstream,
    upper: Brink,
    lower: Brink,
}

impl Chain {
    /// Both have loaded the feature `old`, and report every second.
    fn start() -> Self {
        let (up, upper) = reporting(&UPPER);
        let url = format!("http://{}", upper.address);
        let lower = Brink::start(&edge(&url, &[&["-t", TOKEN], &OFTEN[..], &LOWER].concat()));
        serves(&lower, TOKEN, &["old"]);
        Self { up, upper, lower }
    }

    /// The lower one first, as in a roll-out from below.
    fn stop(mut self) -> FakeUpstream {
        for brink in [&mut self.lower, &mut self.upper] {
            brink.signal("TERM");
            assert_eq!(brink.wait(), Some(0), "{}", brink.log());
        }
        self.up
    }
}

#[test]
fn features_and_verdicts_come_down_through_both() {
    let (stranger, nobody) =
        ("p1:development.s3cret-of-a-stranger-01", "p1:development.s3cret-of-nobody-0001");
    let chain = Chain::start();
    chain.up.set_features("development", project("p1", &["a", "b"]));
    let [below, above] = [&chain.lower, &chain.upper].map(|brink| serves(brink, TOKEN, &["a", "b"]));
    assert_eq!(below.json()["features"], above.json()["features"]);
    chain.up.add_token(stranger, "client", &["p1"]);
    serves(&chain.lower, stranger, &["a", "b"]);
    answers(&chain.lower, nobody, 403);
    let asked = json!({"tokens": [stranger, nobody, TOKEN]});
    let listed = post_as(&mut chain.lower.connect(), TOKEN, "/edge/validate", &asked).json();
    let listed = listed["tokens"].as_array().cloned().unwrap_or_default();
    let names = listed.iter().filter_map(|one| one["token"].as_str()).collect::<BTreeSet<_>>();
    assert_eq!(names, BTreeSet::from([stranger, TOKEN]));
    chain.up.set_features("development", document(&["c"]));
    serves(&chain.lower, TOKEN, &["c"]);
    assert_eq!(features(&chain.lower, stranger).names(), [""; 0], "of another project than p1");
}

#[test]
fn heartbeats_go_up_through_both() {
    let chain = Chain::start();
    let valid = r#"{"edgeLicenseState":"Valid"}"#;
    chain.up.set_habit_on(HEARTBEAT, Habit::Answer(202, Vec::new(), valid.into()));
    let path = "/api/client/edge-licensing/heartbeat?connectionId=01M7";
    let response = post_as(&mut chain.lower.connect(), TOKEN, path, &json!({}));
    assert_eq!((response.status, response.text().as_str()), (202, valid));
}

#[test]
fn usage_of_both_is_counted_once_and_applications_name_their_hops() {
    let chain = Chain::start();
    report(&chain.lower, REGISTER, &registration("svc"));
    let mut body = bucket(HOUR, &[("fa", 1)]);
    body["impactMetrics"] =
        json!([{"type": "counter", "name": "c1", "help": "h", "samples": [{"value": 2.0}]}]);
    for _ in 0..50 {
        report(&chain.lower, METRICS, &body);
        report(&chain.upper, METRICS, &bucket(HOUR, &[("fa", 10)]));
    }
    has_taken(&chain.up, 550);
    report(&chain.lower, METRICS, &bucket(HOUR, &[("fa", 3)]));
    let up = chain.stop();
    has_taken(&up, 553);
    let requests = up.requests();
    let application = elements(&requests, "applications").into_iter().find(|one| one["appName"] == "svc");
    assert_eq!(
        application.expect("it was registered")["connectVia"],
        json!([{"appName": "lower", "instanceId": "l-1"}, {"appName": "upper", "instanceId": "u-1"}])
    );
    let samples = elements(&requests, "impactMetrics").into_iter().map(|metric| metric["samples"].clone());
    let impact: f64 = samples.filter_map(|samples| samples[0]["value"].as_f64()).sum();
    assert!((impact - 100.0).abs() < f64::EPSILON, "{impact}");
    assert_eq!(elements(&requests, "seenTokens").first(), Some(&json!(TOKEN)));
}

#[test]
fn the_upper_ones_document_holds_that_of_the_lower_one() {
    let chain = Chain::start();
    assert_eq!(features(&chain.lower, TOKEN).status, 200);
    let up = chain.stop();
    let requests = up.requests();
    let documents: Vec<Value> = on(&requests, INSTANCE).map(|request| request.json()).collect();
    assert_eq!(documents.len(), 1);
    assert_eq!((&documents[0]["appName"], &documents[0]["identifier"]), (&json!("upper"), &json!("u-1")));
    let below = documents[0]["connectedEdges"].as_array().cloned().unwrap_or_default();
    assert_eq!(below.len(), 1);
    assert_eq!((&below[0]["appName"], &below[0]["identifier"]), (&json!("lower"), &json!("l-1")));
    assert_eq!(below[0]["connectedEdges"], json!([]));
    assert!(below[0]["requestsSinceLastReport"]["/api/client/features"]["requests200"].as_u64() >= Some(1));
}
