//! What the tests start from: an upstream with one token and two features, and an edge in front of it.

use crate::{
    brink::{Brink, Response},
    model_unleash::Unleash,
    scrape::Scrape,
    streaming_upstream::{FEATURES, StreamingUpstream},
};

/// A backend token for everything in the environment `development`.
pub const TOKEN: &str = "*:development.s3cret-of-development-0001";

/// With the features `a` and `b`.
pub fn upstream() -> StreamingUpstream {
    let mut unleash = Unleash::new(40);
    unleash.set("a", "p1", 1, Some(1));
    unleash.set("b", "p2", 1, None);
    StreamingUpstream::start(TOKEN, unleash)
}

/// An edge with one shard and these options, which would poll every second.
pub fn edge(up: &StreamingUpstream, options: &[&str]) -> Brink {
    let url = up.url();
    let fixed =
        ["--workers", "1", "edge", "-u", &url, "-t", TOKEN, "--features-refresh-interval-seconds", "1"];
    Brink::start(&[&fixed[..], options].concat())
}

/// One that streams and has loaded `a` and `b`. It polls so rarely that what comes soon comes by the stream.
pub fn streaming(up: &StreamingUpstream) -> Brink {
    let url = up.url();
    let brink = Brink::start(&["--workers", "1", "edge", "-u", &url, "-t", TOKEN, "--streaming"]);
    loaded(up, brink)
}

/// One that polls every second while its stream is down.
pub fn polling_soon(up: &StreamingUpstream, options: &[&str]) -> Brink {
    loaded(up, edge(up, &[&["--streaming"], options].concat()))
}

fn loaded(up: &StreamingUpstream, brink: Brink) -> Brink {
    serves(&brink, &["a", "b"]);
    up.wait_for_streams(1);
    brink
}

/// Waits until a client gets these features.
#[track_caller]
pub fn serves(brink: &Brink, names: &[&str]) -> Response {
    brink.get_until(FEATURES, &[("authorization", TOKEN)], |response| {
        response.status == 200 && response.names() == names
    })
}

/// Waits until a feature has this content.
#[track_caller]
pub fn shows(brink: &Brink, name: &str, content: u64) {
    let content = content.to_string();
    brink.get_until(FEATURES, &[("authorization", TOKEN)], |response| {
        let body = response.json();
        let features = body["features"].as_array().cloned().unwrap_or_default();
        features.iter().any(|one| one["name"] == name && one["description"] == *content)
    });
}

/// What clients get just now.
pub fn names(brink: &Brink) -> Vec<String> {
    brink.get(FEATURES, &[("authorization", TOKEN)]).names()
}

/// The value of a metric, of all its series together; nothing if there is none.
pub fn metric(brink: &Brink, name: &str, label: &str) -> Option<f64> {
    let page = brink.get("/internal-backstage/prometheus", &[]);
    let scrape = Scrape::read(&page.text());
    let ours = scrape.samples.iter().filter(|(known, labels, _)| {
        known == name && (label.is_empty() || labels.values().any(|value| value == label))
    });
    ours.map(|(_, _, value)| *value).reduce(|sum, value| sum + value)
}

/// Waits until a metric has this value.
#[track_caller]
pub fn measures(brink: &Brink, name: &str, label: &str, value: f64) {
    brink.get_until("/internal-backstage/prometheus", &[], |_| metric(brink, name, label) == Some(value));
}
