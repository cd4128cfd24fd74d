//! From the open port to the first data: whatever upstream does meanwhile, no restart is needed.

use std::time::{Duration, Instant};

use crate::{
    brink::Brink,
    fake_upstream::{ClosedPort, FEATURES, FakeUpstream, Habit, REGISTER, on},
    scene::{
        TOKEN, answers, becomes_ready, document, edge, features, fetchers, in_parallel, is_come_back_later,
        prepare, project, readiness, says, serves, start, upstream, wait_for_more,
    },
};

#[test]
fn an_upstream_that_is_down_is_found_when_it_comes() {
    let port = ClosedPort::reserve();
    let url = port.url();
    let mut brink = Brink::start(&edge(&url, &["-t", TOKEN]));
    assert_eq!(brink.get("/internal-backstage/health", &[]).status, 200);
    assert_eq!(readiness(&brink), 503);
    is_come_back_later(&features(&brink, TOKEN));
    let _up = port.open(prepare);
    becomes_ready(&brink, 200);
    serves(&brink, TOKEN, &["old"]);
    says(&mut brink, "Could not validate tokens upstream", 1);
    says(&mut brink, "Upstream validates tokens again", 1);
}

/// Upstream has a habit when the edge starts, on all paths or on one, and gives it up.
fn check_habit_at_the_start((path, habit): &(&str, Habit)) {
    let up = upstream();
    up.set_habit_on(path, habit.clone());
    let started = Instant::now();
    let brink = start(&up, &["-t", TOKEN, "--upstream-socket-timeout", "1"]);
    assert_eq!(brink.get("/internal-backstage/health", &[]).status, 200);
    assert!(started.elapsed() < Duration::from_secs(5), "the port opens without waiting for upstream");
    up.wait_for("a call", |requests| on(requests, path).next().is_some());
    assert_eq!(readiness(&brink), 503);
    is_come_back_later(&features(&brink, TOKEN));
    up.set_habit(Habit::Normal);
    becomes_ready(&brink, 200);
    serves(&brink, TOKEN, &["old"]);
}

#[test]
fn bad_habits_at_the_start_delay_the_data_and_nothing_else() {
    let spoilt = [
        Habit::Status(401),
        Habit::Status(403),
        Habit::Status(404),
        Habit::Status(500),
        Habit::RetryAfter(503, 1),
        Habit::NotModified,
        Habit::NeverAnswers,
        Habit::Closes,
        Habit::Html,
        Habit::WrongShape,
    ];
    let on_path = |path: &'static str| spoilt.iter().map(move |habit| (path, habit.clone()));
    let rows: Vec<_> = on_path("").chain(on_path(FEATURES)).collect();
    in_parallel(&rows, check_habit_at_the_start);
}

#[test]
fn a_slow_upstream_does_not_keep_the_port_closed() {
    let up = upstream();
    up.set_habit(Habit::SlowFirstByte(Duration::from_millis(300)));
    let brink = start(&up, &["-t", TOKEN]);
    assert_eq!(readiness(&brink), 503);
    // The client may be told to come back or may be kept waiting, but must not be refused.
    let first = features(&brink, TOKEN);
    if first.status != 200 {
        is_come_back_later(&first);
    }
    becomes_ready(&brink, 200);
    serves(&brink, TOKEN, &["old"]);
}

#[test]
fn a_failing_registration_stops_nothing() {
    let up = upstream();
    up.set_habit_on(REGISTER, Habit::Status(500));
    let brink = start(&up, &["-t", TOKEN]);
    serves(&brink, TOKEN, &["old"]);
    assert_eq!(readiness(&brink), 200);
}

#[test]
fn a_refused_start_up_token_works_once_it_is_created() {
    let up = FakeUpstream::start();
    up.set_features("development", document(&["old"]));
    let mut brink = start(&up, &["-t", TOKEN, "--token-revalidation-interval-seconds", "1"]);
    let line = brink.wait_for_log("is not confirmed by upstream");
    assert!(line.contains("ERROR") && line.contains("*:development.s3cr****"), "{line}");
    answers(&brink, TOKEN, 403);
    assert_eq!(readiness(&brink), 503);
    assert_eq!(brink.get("/internal-backstage/health", &[]).status, 200);
    assert_eq!(fetchers(&up), Vec::<String>::new(), "nothing is fetched with a refused token");
    assert_eq!(on(&up.requests(), REGISTER).count(), 0);
    up.add_token(TOKEN, "client", &["*"]);
    becomes_ready(&brink, 200);
    serves(&brink, TOKEN, &["old"]);
    assert_eq!(on(&up.requests(), REGISTER).count(), 1);
}

fn check_start_up_token_that_cannot_fetch(kind: &&str) {
    let up = upstream();
    up.add_token(TOKEN, kind, &["*"]);
    let mut brink = start(&up, &["-t", TOKEN]);
    let line = brink.wait_for_log("cannot fetch features");
    assert!(line.contains("ERROR") && line.to_lowercase().contains(kind), "{line}");
    answers(&brink, TOKEN, 403);
    assert_eq!(readiness(&brink), 503);
    assert_eq!(fetchers(&up), Vec::<String>::new());
    assert_eq!(on(&up.requests(), REGISTER).count(), 0);
}

#[test]
fn a_start_up_token_that_is_no_backend_token_is_an_error_in_the_log() {
    in_parallel(&["frontend", "admin"], check_start_up_token_that_cannot_fetch);
}

#[test]
fn an_upstream_url_that_ends_in_api_is_explained() {
    let up = upstream();
    up.set_habit(Habit::Status(404));
    let mut brink = Brink::start(&edge(&format!("{}/api", up.url()), &["-t", TOKEN]));
    let line = brink.wait_for_log("ends in /api");
    assert!(line.contains("ERROR") && line.contains("UPSTREAM_URL"), "{line}");
}

#[test]
fn one_poll_per_scope_that_covers() {
    const NARROW: &str = "p1:development.s3cret-of-p1-0001";
    const UNNAMED: &str = "[]:development.s3cret-of-p1-and-p2";
    const OTHER: &str = "*:production.s3cret-of-production";
    let up = upstream();
    up.add_token(NARROW, "client", &["p1"]);
    up.add_token(UNNAMED, "backend", &["p1", "p2"]);
    up.add_token(OTHER, "client", &["*"]);
    up.set_features("development", project("p1", &["one"]));
    up.set_features("production", project("p3", &["other"]));
    let tokens = [NARROW, TOKEN, UNNAMED, OTHER].join(",");
    let brink = start(&up, &["-t", &tokens]);
    for (token, names) in [(TOKEN, ["one"]), (NARROW, ["one"]), (UNNAMED, ["one"]), (OTHER, ["other"])] {
        serves(&brink, token, &names);
    }
    wait_for_more(&up, FEATURES, 3);
    let fetchers = fetchers(&up);
    assert!(fetchers.iter().all(|token| token == TOKEN || token == OTHER), "{fetchers:?}");
    let requests = up.requests();
    let registered: Vec<_> =
        on(&requests, REGISTER).filter_map(|request| request.only("authorization")).collect();
    assert_eq!(registered.len(), 2, "each fetching token is registered once: {registered:?}");
}

#[test]
fn projects_of_two_tokens_are_merged() {
    const ONE: &str = "p1:development.s3cret-of-p1-0001";
    const TWO: &str = "p2:development.s3cret-of-p2-0002";
    const BOTH: &str = "[]:development.s3cret-of-both-03";
    let up = FakeUpstream::start();
    up.add_token(ONE, "client", &["p1"]);
    up.add_token(TWO, "client", &["p2"]);
    up.add_token(BOTH, "client", &["p1", "p2"]);
    up.set_features(ONE, project("p1", &["a"]));
    up.set_features(TWO, project("p2", &["b"]));
    let brink = start(&up, &["-t", &[ONE, TWO].join(",")]);
    serves(&brink, ONE, &["a"]);
    serves(&brink, TWO, &["b"]);
    assert_eq!(features(&brink, BOTH).status, 403, "no start-up token covers both projects");
    up.set_features(ONE, project("p1", &["c", "d"]));
    serves(&brink, ONE, &["c", "d"]);
    serves(&brink, TWO, &["b"]);
    up.set_features(TWO, project("p2", &[]));
    serves(&brink, TWO, &[]);
    serves(&brink, ONE, &["c", "d"]);
}
