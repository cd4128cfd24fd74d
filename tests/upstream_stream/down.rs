//! While the stream is down, or cannot be had at all.

use crate::{
    scene::{edge, measures, metric, names, polling_soon, serves, shows, upstream},
    streaming_upstream::{DELTA, FEATURES, STREAMING, VALIDATE, Way},
};

/// Whatever the stream answers, lists are polled in its place, and said once.
#[test]
fn lists_are_polled_while_there_is_no_stream() {
    std::thread::scope(|scope| {
        for (way, reason) in [
            (Way::Status(404, None), "refused"),
            (Way::Status(503, Some(1)), "refused"),
            (Way::Html, "refused"),
            (Way::Ends, "ended"),
            (Way::Status(403, None), "denied"),
        ] {
            scope.spawn(move || {
                let up = upstream();
                up.treat(STREAMING, way.clone());
                up.treat(DELTA, Way::Status(404, None));
                let mut brink = edge(&up, &["--streaming"]);
                serves(&brink, &["a", "b"]);
                up.change(|unleash| unleash.set("a", "p1", 7, None));
                shows(&brink, "a", 7);
                up.change(|unleash| unleash.remove("b"));
                serves(&brink, &["a"]);
                assert_eq!(up.requests(DELTA).len(), 1, "{way:?}");
                let failed = metric(&brink, "brink_upstream_stream_reconnects_total", reason);
                assert!(failed >= Some(1.0), "{way:?}: {failed:?}");
                if way != Way::Ends {
                    measures(&brink, "brink_upstream_stream_up", "development", 0.0);
                    brink.wait_for_log("The stream of upstream cannot be had");
                    let said = |text: &str| brink.log().matches(text).count();
                    assert_eq!(said("cannot be had"), 1, "{way:?}\n{}", brink.log());
                }
            });
        }
    });
}

#[test]
fn a_stream_that_goes_and_comes_back_is_followed_again() {
    let up = upstream();
    let mut brink = polling_soon(&up, &[]);
    up.treat(STREAMING, Way::Status(503, None));
    up.cut();
    brink.wait_for_log("The stream of upstream cannot be had");
    measures(&brink, "brink_upstream_stream_up", "development", 0.0);
    assert_eq!(names(&brink), ["a", "b"]);
    up.change(|unleash| unleash.set("polled", "p1", 1, None));
    serves(&brink, &["a", "b", "polled"]);
    up.treat(STREAMING, Way::Well);
    up.wait_for_streams(1);
    brink.wait_for_log("Following the stream of upstream again");
    up.change(|unleash| unleash.remove("a"));
    serves(&brink, &["b", "polled"]);
    let resumed = up.requests(STREAMING);
    assert!(
        resumed.last().is_some_and(|last| last.header("last-event-id").is_some()),
        "the id of the stream still counts"
    );
}

#[test]
fn a_403_on_the_stream_asks_about_the_token_and_takes_nothing_away() {
    let up = upstream();
    let brink = polling_soon(&up, &[]);
    let asked = up.requests(VALIDATE).len();
    up.treat(STREAMING, Way::Status(403, None));
    up.cut();
    up.wait_for(VALIDATE, asked + 1);
    measures(&brink, "brink_upstream_stream_up", "development", 0.0);
    assert_eq!(metric(&brink, "brink_upstream_stream_reconnects_total", "denied"), Some(1.0));
    assert_eq!(names(&brink), ["a", "b"]);
    up.change(|unleash| unleash.set("polled", "p1", 1, None));
    serves(&brink, &["a", "b", "polled"]);
}

#[test]
fn a_token_that_is_gone_ends_its_stream() {
    let up = upstream();
    let brink = polling_soon(&up, &["--token-revalidation-interval-seconds", "1"]);
    up.remove_tokens();
    up.cut();
    brink.get_until(FEATURES, &[("authorization", crate::scene::TOKEN)], |response| response.status == 403);
    let opened = up.requests(STREAMING).len();
    assert_eq!(metric(&brink, "brink_upstream_stream_up", "development"), None);
    // Whatever was on its way when the verdict came is the last.
    up.wait_for(VALIDATE, up.requests(VALIDATE).len() + 2);
    assert!(up.requests(STREAMING).len() <= opened + 1);
}

#[test]
fn an_upstream_that_is_away_changes_nothing() {
    let up = upstream();
    let mut brink = polling_soon(&up, &[]);
    drop(up);
    brink.wait_for_log("The stream of upstream cannot be had");
    assert_eq!(names(&brink), ["a", "b"]);
    assert_eq!(brink.get("/internal-backstage/ready", &[]).status, 200);
}

/// What was polled while the stream was away stays when it comes back with another history.
#[test]
fn another_history_is_believed_while_the_stream_is_down() {
    let up = upstream();
    let mut brink = polling_soon(&up, &[]);
    up.treat(STREAMING, Way::Status(503, None));
    up.cut();
    brink.wait_for_log("The stream of upstream cannot be had");
    up.change(|unleash| {
        unleash.clear();
        unleash.restart(2);
        unleash.set("new-life", "p1", 1, None);
    });
    serves(&brink, &["new-life"]);
    up.treat(STREAMING, Way::Well);
    up.wait_for_streams(1);
    let opened = up.requests(STREAMING);
    assert_eq!(opened.last().and_then(|last| last.header("last-event-id")), None);
    up.change(|unleash| unleash.set("later", "p1", 1, None));
    serves(&brink, &["later", "new-life"]);
}
