//! While the stream is up.

use std::time::{Duration, Instant};

use crate::{
    brink::Brink,
    scene::{edge, measures, metric, names, serves, shows, streaming, upstream},
    streaming_upstream::{DELTA, FEATURES, STREAMING, Way},
};

#[test]
fn changes_come_by_the_stream_and_nothing_is_polled() {
    let up = upstream();
    let brink = streaming(&up);
    up.change(|unleash| unleash.set("c", "p1", 1, Some(2)));
    serves(&brink, &["a", "b", "c"]);
    up.change(|unleash| unleash.remove("b"));
    serves(&brink, &["a", "c"]);
    up.change(|unleash| unleash.move_to("a", "p2"));
    up.change(|unleash| unleash.set("a", "p2", 7, Some(1)));
    shows(&brink, "a", 7);
    assert_eq!(names(&brink), ["a", "c"]);
    assert_eq!((up.requests(FEATURES).len(), up.requests(DELTA).len()), (0, 0));
    let opened = up.requests(STREAMING);
    let sent = |name: &str| opened[0].header(name).map(str::to_owned);
    assert_eq!(opened.len(), 1);
    assert_eq!(sent("accept").as_deref(), Some("text/event-stream"));
    assert_eq!(sent("accept-encoding").as_deref(), Some("identity"));
    assert_eq!(sent("cache-control").as_deref(), Some("no-cache"));
    assert_eq!(sent("unleash-sdk-type").as_deref(), Some("edge"));
    assert_eq!(sent("unleash-client-spec").as_deref(), Some("6.1.0"));
    assert!(sent("user-agent").is_some_and(|agent| agent.starts_with("unleash-edge")));
    assert_eq!((sent("last-event-id"), sent("unleash-interval")), (None, None));
    measures(&brink, "brink_upstream_stream_up", "development", 1.0);
    assert_eq!(metric(&brink, "brink_stream_events_total", "hydration"), Some(1.0));
    let revision = metric(&brink, "delta_revision_id", "development").expect("an id");
    assert!(revision > 40.0);
    assert!(metric(&brink, "delta_last_update", "development").is_some());
    let told = brink.get("/internal-backstage/instancedata", &[]).json();
    assert_eq!(told["this_instance"]["edgeApiKeyRevisionIds"][0]["revisionId"], revision as u64);
    let row = brink.get("/internal-backstage/status", &[]).json()["environments"][0].clone();
    assert_eq!((&row["mode"], &row["stream"]), (&"streaming".into(), &true.into()));
}

#[test]
fn a_cut_stream_is_resumed_and_nothing_is_lost_or_doubled() {
    let up = upstream();
    let brink = streaming(&up);
    up.change(|unleash| unleash.set("c", "p1", 1, None));
    serves(&brink, &["a", "b", "c"]);
    let cut = Instant::now();
    up.cut();
    up.change(|unleash| unleash.set("d", "p1", 1, None));
    up.change(|unleash| unleash.remove("a"));
    serves(&brink, &["b", "c", "d"]);
    let caught_up = cut.elapsed();
    let opened = up.requests(STREAMING);
    assert_eq!(opened.len(), 2);
    let id: u64 = opened[1].header("last-event-id").expect("resumed").parse().expect("an id");
    assert!(id > 40);
    let waited = opened[1].at.duration_since(cut);
    assert!(waited >= Duration::from_millis(500), "{waited:?}");
    // Three seconds, and what a busy host needs.
    assert!(caught_up < Duration::from_secs(6), "{caught_up:?}");
    assert_eq!(metric(&brink, "brink_stream_events_total", "hydration"), Some(1.0), "only the first state");
    assert_eq!(metric(&brink, "brink_upstream_stream_reconnects_total", "ended"), Some(1.0));
}

#[test]
fn a_hydration_in_mid_stream_replaces_everything() {
    let up = upstream();
    let brink = streaming(&up);
    let hydration = r#"{"type":"hydration","eventId":7,"features":[{"name":"z","enabled":true,"project":"p"}],"segments":[]}"#;
    up.say(&format!("event: unleash-updated\nid: 7\ndata: {{\"events\":[{hydration}]}}\n\n"));
    serves(&brink, &["z"]);
    assert_eq!(metric(&brink, "delta_revision_id", "development"), Some(7.0));
}

/// Each text makes the edge ask for the whole state, within seconds, without an id, and takes nothing away.
#[test]
fn what_is_broken_or_unknown_makes_a_rehydration() {
    let unknown = r#"{"events":[{"type":"frozen","eventId":77}]}"#;
    std::thread::scope(|scope| {
        for (text, reason) in [
            ("event: unleash-updated\nid: 70\ndata: {\"events\":[{\"type\n\n".to_owned(), "unreadable"),
            (format!("event: unleash-updated\nid: 77\ndata: {unknown}\n\n"), "unknown_event"),
        ] {
            scope.spawn(move || {
                let up = upstream();
                let mut brink = streaming(&up);
                up.change_silently(|unleash| unleash.set("missed", "p1", 1, None));
                up.say(&text);
                brink.wait_for_log("Asking the stream for the whole state");
                assert_eq!(names(&brink), ["a", "b"], "what was loaded stays");
                serves(&brink, &["a", "b", "missed"]);
                assert_eq!(up.requests(STREAMING)[1].header("last-event-id"), None);
                assert_eq!(metric(&brink, "brink_stream_rehydrations_total", reason), Some(1.0));
            });
        }
    });
}

#[test]
fn an_event_in_pieces_and_noise_between_are_nothing_special() {
    let up = upstream();
    let brink = streaming(&up);
    let event =
        r#"{"type":"feature-updated","eventId":60,"feature":{"name":"é","enabled":true,"project":"p"}}"#;
    let text = format!(
        ": keep-alive\r\n\r\nevent: fetch-mode\ndata: polling\n\nevent: unleash-updated\rid: 60\rdata: {{\"events\":\rdata: [{event}]}}\r\r"
    );
    for piece in text.split_inclusive(['e', ':']) {
        up.say(piece);
    }
    serves(&brink, &["a", "b", "é"]);
    up.change(|unleash| unleash.remove("a"));
    serves(&brink, &["b", "é"]);
    assert_eq!(up.requests(STREAMING).len(), 1);
}

#[test]
fn an_upstream_with_smaller_ids_is_believed_after_a_while() {
    let up = upstream();
    let brink = streaming(&up);
    up.change_silently(|unleash| {
        unleash.clear();
        unleash.restart(3);
        unleash.set("new-life", "p1", 1, None);
    });
    up.cut();
    // It says nothing to a client that is ahead; the list that is fetched after a resumption shows it.
    serves(&brink, &["new-life"]);
    up.change(|unleash| unleash.set("later", "p1", 1, None));
    serves(&brink, &["later", "new-life"]);
    assert_eq!(metric(&brink, "brink_stream_drift_total", ""), Some(1.0));
    assert!(metric(&brink, "delta_revision_id", "development").is_some_and(|revision| revision < 40.0));
}

/// The same, but it goes on changing, so that the first change after the resumption shows it.
#[test]
fn smaller_ids_of_an_upstream_that_goes_on_are_noticed_at_once() {
    let up = upstream();
    let brink = streaming(&up);
    up.change_silently(|unleash| {
        unleash.restart(3);
        unleash.set("new-life", "p1", 1, None);
    });
    up.cut();
    up.wait_for(STREAMING, 2);
    up.wait_for_streams(1);
    up.change(|unleash| unleash.set("later", "p1", 1, None));
    serves(&brink, &["a", "b", "later", "new-life"]);
    assert_eq!(metric(&brink, "brink_stream_rehydrations_total", "lower_id"), Some(1.0));
}

#[test]
fn an_empty_environment_is_loaded_and_grows() {
    let up = crate::streaming_upstream::StreamingUpstream::start(
        crate::scene::TOKEN,
        crate::model_unleash::Unleash::new(0),
    );
    let brink = edge(&up, &["--streaming"]);
    serves(&brink, &[]);
    up.change(|unleash| unleash.set("first", "p1", 1, None));
    serves(&brink, &["first"]);
}

#[test]
fn a_slow_line_is_borne() {
    let up = upstream();
    up.treat(STREAMING, Way::Trickles(200));
    up.treat(DELTA, Way::Mute);
    up.treat(FEATURES, Way::Mute);
    let brink = edge(&up, &["--streaming"]);
    serves(&brink, &["a", "b"]);
    assert_eq!(up.requests(STREAMING).len(), 1);
}

#[test]
fn the_end_of_the_process_does_not_wait_for_the_stream() {
    let up = upstream();
    let mut brink = streaming(&up);
    let asked = Instant::now();
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    up.wait_for_gone(1);
}

/// A token that comes later has a stream of its own, and what both see is one environment.
#[test]
fn tokens_of_one_environment_make_a_union() {
    const ONE: &str = "p1:development.s3cret-of-p1-0001";
    const OTHER: &str = "p2:development.s3cret-of-p2-0002";
    let up = upstream();
    up.add_token(ONE);
    up.add_token(OTHER);
    let url = up.url();
    let brink = Brink::start(&["--workers", "1", "edge", "-u", &url, "-t", ONE, "--streaming", "--dynamic"]);
    let shows = |token: &str, names: &[&str]| {
        brink.get_until(FEATURES, &[("authorization", token)], |response| {
            response.status == 200 && response.names() == names
        });
    };
    shows(ONE, &["a"]);
    shows(OTHER, &["b"]);
    up.wait_for_streams(2);
    shows(ONE, &["a"]);
    up.change(|unleash| unleash.move_to("a", "p2"));
    shows(ONE, &[]);
    shows(OTHER, &["a", "b"]);
    up.change(|unleash| unleash.set("c", "p1", 1, Some(1)));
    shows(ONE, &["c"]);
    shows(OTHER, &["a", "b"]);
    assert_eq!(up.requests(FEATURES).len(), 0);
}

#[test]
fn half_an_event_before_a_cut_is_nothing() {
    let up = upstream();
    let brink = streaming(&up);
    let half = r#"{"events":[{"type":"feature-updated","eventId":60,"feature":{"name":"half","#;
    up.say(&format!("event: unleash-updated\nid: 60\ndata: {half}"));
    up.change_silently(|unleash| unleash.set("c", "p1", 1, None));
    up.cut();
    serves(&brink, &["a", "b", "c"]);
    let resumed = up.requests(STREAMING)[1].header("last-event-id").map(str::to_owned);
    assert!(resumed.is_some_and(|id| id != "60"), "the id of the half event does not count");
    assert_eq!(metric(&brink, "brink_stream_rehydrations_total", ""), None);
}
