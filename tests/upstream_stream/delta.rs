//! `--delta`: changes are polled.

use crate::{
    scene::{edge, metric, serves, shows, upstream},
    streaming_upstream::{DELTA, FEATURES, STREAMING, Way},
};

#[test]
fn changes_are_polled_with_the_tag_of_the_last() {
    let up = upstream();
    let brink = edge(&up, &["--delta"]);
    serves(&brink, &["a", "b"]);
    up.change(|unleash| unleash.set("c", "p1", 1, Some(2)));
    serves(&brink, &["a", "b", "c"]);
    up.change(|unleash| unleash.remove("a"));
    serves(&brink, &["b", "c"]);
    let asked = up.requests(DELTA);
    assert_eq!(asked[0].header("if-none-match"), None);
    assert!(asked[1].header("if-none-match").is_some_and(|tag| tag.starts_with("\"4")));
    assert!(asked.iter().all(|one| one.header("unleash-interval").is_none()));
    assert_eq!((up.requests(FEATURES).len(), up.requests(STREAMING).len()), (0, 0));
    assert_eq!(metric(&brink, "brink_stream_events_total", "hydration"), Some(1.0));
    assert!(metric(&brink, "delta_revision_id", "development") > Some(40.0));
    assert!(metric(&brink, "client_feature_delta_fetch_count", "304") >= Some(0.0) || asked.len() < 4);
    let row = brink.get("/internal-backstage/status", &[]).json()["environments"][0].clone();
    assert_eq!((&row["mode"], &row["stream"]), (&"delta".into(), &serde_json::Value::Null));
}

#[test]
fn an_upstream_with_another_history_hydrates() {
    let up = upstream();
    let brink = edge(&up, &["--delta"]);
    serves(&brink, &["a", "b"]);
    up.change(|unleash| {
        unleash.clear();
        unleash.restart(500);
        unleash.set("new", "p1", 1, None);
    });
    serves(&brink, &["new"]);
}

#[test]
fn without_deltas_lists_are_polled_and_it_is_said_once() {
    let up = upstream();
    up.treat(DELTA, Way::Status(404, None));
    let mut brink = edge(&up, &["--delta"]);
    serves(&brink, &["a", "b"]);
    up.change(|unleash| unleash.set("a", "p1", 7, None));
    shows(&brink, "a", 7);
    up.change(|unleash| unleash.remove("b"));
    serves(&brink, &["a"]);
    brink.wait_for_log("Upstream has no deltas");
    assert_eq!(brink.log().matches("Upstream has no deltas").count(), 1);
    assert_eq!(up.requests(DELTA).len(), 1);
}

#[test]
fn what_cannot_be_read_takes_nothing_away_and_is_asked_for_again() {
    let up = upstream();
    let brink = edge(&up, &["--delta"]);
    serves(&brink, &["a", "b"]);
    up.treat(DELTA, Way::Html);
    let asked = up.requests(DELTA).len();
    up.wait_for(DELTA, asked + 2);
    assert_eq!(crate::scene::names(&brink), ["a", "b"]);
    up.change(|unleash| unleash.remove("a"));
    up.treat(DELTA, Way::Well);
    serves(&brink, &["b"]);
    let last = up.requests(DELTA);
    assert!(last[asked + 1..].iter().any(|one| one.header("if-none-match").is_none()), "the whole state");
}
