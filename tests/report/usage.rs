//! What these tests report, and how they look at what upstream has got.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    brink::{Brink, Client, Response},
    fake_upstream::{BULK, FakeUpstream, Habit, Request, on},
    scene::{TOKEN, running},
};

pub const METRICS: &str = "/api/client/metrics";
pub const REGISTER: &str = "/api/client/register";

/// Reports every second.
pub const OFTEN: [&str; 2] = ["--metrics-interval-seconds", "1"];

/// An upstream and an edge that has loaded its data and reports every second.
pub fn reporting(args: &[&str]) -> (FakeUpstream, Brink) {
    running(&[&OFTEN, args].concat())
}

/// Posts JSON with [`TOKEN`].
pub fn post(client: &mut Client, path: &str, body: &Value) -> Response {
    post_as(client, TOKEN, path, body)
}

/// Posts JSON with a token.
pub fn post_as(client: &mut Client, token: &str, path: &str, body: &Value) -> Response {
    let body = body.to_string();
    let length = body.len();
    client.exchange(format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    ))
}

/// Posts and is taken.
#[track_caller]
pub fn report(brink: &Brink, path: &str, body: &Value) {
    let response = post(&mut brink.connect(), path, body);
    assert_eq!(response.status, 202, "{response:?}");
}

/// A bucket that starts at this minute, of an application `svc`, with these counts of yes.
pub fn bucket(start: &str, counts: &[(&str, u32)]) -> Value {
    let toggles: serde_json::Map<String, Value> = counts
        .iter()
        .map(|(name, yes)| ((*name).to_owned(), json!({"yes": yes, "no": 0, "variants": {}})))
        .collect();
    json!({"appName": "svc", "instanceId": "i-1", "bucket": {"start": start, "stop": start, "toggles": toggles}})
}

/// An application's registration.
pub fn registration(app: &str) -> Value {
    json!({"appName": app, "interval": 60000, "started": "2026-01-01T00:00:00Z", "strategies": ["default"]})
}

/// Posts of usage that upstream has taken.
pub fn taken(requests: &[Request]) -> impl Iterator<Item = &Request> {
    on(requests, BULK).filter(|request| request.habit == Habit::Normal)
}

/// Elements under a key of all taken posts, in order.
pub fn elements(requests: &[Request], key: &str) -> Vec<Value> {
    let lists = taken(requests).filter_map(|request| request.json().get(key)?.as_array().cloned());
    lists.flatten().collect()
}

/// Evaluations that were on, by flag, over all taken posts.
pub fn yes(requests: &[Request]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for metric in elements(requests, "metrics") {
        let name = metric["featureName"].as_str().expect("a name").to_owned();
        *sums.entry(name).or_default() += metric["yes"].as_u64().expect("a count");
    }
    sums
}

/// Waits until upstream has taken this many evaluations that were on, and fails if it has more.
#[track_caller]
pub fn has_taken(up: &FakeUpstream, expected: u64) {
    let sum = |requests: &[Request]| yes(requests).values().sum::<u64>();
    up.wait_for(&format!("{expected} evaluations"), |requests| sum(requests) >= expected);
    assert_eq!(sum(&up.requests()), expected);
}
