//! When data goes and when it stays: only `/edge/validate`, answering 200 without the token, takes it away.

use crate::{
    fake_upstream::{FEATURES, Habit, VALIDATE},
    scene::{
        Poller, TOKEN, answers, becomes_ready, document, fetchers, project, readiness, running, says, seen,
        serves, start, times_asked, upstream, wait_for_more,
    },
};

/// Revalidates every second.
const OFTEN: [&str; 2] = ["--token-revalidation-interval-seconds", "1"];

#[test]
fn one_403_makes_us_ask_and_changes_nothing() {
    let (up, brink) = running(&[]);
    let poller = Poller::start(&brink, TOKEN);
    up.set_habit_on_times(FEATURES, 1, Habit::Status(403));
    up.set_features("development", document(&["new"]));
    up.wait_for("a question about the token", |requests| times_asked(requests, TOKEN) == 2);
    assert_eq!(readiness(&brink), 200);
    serves(&brink, TOKEN, &["new"]);
    assert_eq!(times_asked(&up.requests(), TOKEN), 2, "at the start and after the refusal");
    assert_eq!(poller.finish(), [seen(&["old"]), seen(&["new"])]);
}

#[test]
fn a_401_without_end_takes_nothing_away_while_the_token_is_listed() {
    let (up, mut brink) = running(&OFTEN);
    let poller = Poller::start(&brink, TOKEN);
    up.set_habit_on(FEATURES, Habit::Status(401));
    wait_for_more(&up, FEATURES, 2);
    wait_for_more(&up, VALIDATE, 2);
    assert_eq!(readiness(&brink), 200);
    assert_eq!(poller.finish(), [seen(&["old"])]);
    says(&mut brink, "Could not fetch features", 1);
    up.set_features("development", document(&["new"]));
    up.set_habit(Habit::Normal);
    serves(&brink, TOKEN, &["new"]);
}

/// The token is revoked upstream, which the edge learns in this way; then it is given back.
fn check_revocation(learned_by_refusal: &bool) {
    let (up, mut brink) = running(&OFTEN);
    let poller = Poller::start(&brink, TOKEN);
    if *learned_by_refusal {
        up.remove_token(TOKEN);
    } else {
        up.set_habit_on(VALIDATE, Habit::Answer(200, Vec::new(), br#"{"tokens":[]}"#.to_vec()));
    }
    becomes_ready(&brink, 503);
    answers(&brink, TOKEN, 403);
    assert_eq!(poller.finish(), [seen(&["old"]), (403, Vec::new())]);
    says(&mut brink, "its data is dropped", 1);
    let before = fetchers(&up).len();
    wait_for_more(&up, VALIDATE, 2);
    assert_eq!(fetchers(&up).len(), before, "nothing is fetched with a refused token");
    let poller = Poller::start(&brink, TOKEN);
    up.set_features("development", document(&["new"]));
    up.set_habit(Habit::Normal);
    up.add_token(TOKEN, "client", &["*"]);
    becomes_ready(&brink, 200);
    serves(&brink, TOKEN, &["new"]);
    let history = poller.finish();
    let expected = [(403, Vec::new()), seen(&["new"])];
    let without_doubt: Vec<_> = history.iter().filter(|seen| seen.0 != 503).cloned().collect();
    assert_eq!(without_doubt, expected, "{history:?}");
}

#[test]
fn a_revoked_token_loses_its_data_and_gets_it_back_without_restart() {
    crate::scene::in_parallel(&[true, false], check_revocation);
}

#[test]
fn a_failing_validation_revokes_nothing() {
    let (up, brink) = running(&OFTEN);
    let poller = Poller::start(&brink, TOKEN);
    // Refused on fetches, and nobody there to say whether rightly.
    up.set_habit_on(FEATURES, Habit::Status(403));
    up.set_habit_on(VALIDATE, Habit::Status(500));
    wait_for_more(&up, VALIDATE, 2);
    wait_for_more(&up, FEATURES, 1);
    assert_eq!(readiness(&brink), 200);
    assert_eq!(poller.finish(), [seen(&["old"])]);
}

#[test]
fn losing_one_of_two_tokens_leaves_the_other_alone() {
    const ONE: &str = "p1:development.s3cret-of-p1-0001";
    const OTHER: &str = "*:production.s3cret-of-production";
    let up = upstream();
    up.remove_token(TOKEN);
    up.add_token(ONE, "client", &["p1"]);
    up.add_token(OTHER, "client", &["*"]);
    up.set_features("development", project("p1", &["a"]));
    up.set_features("production", project("p1", &["b"]));
    let brink = start(&up, &[&["-t", &[ONE, OTHER].join(",")], &OFTEN[..]].concat());
    serves(&brink, ONE, &["a"]);
    serves(&brink, OTHER, &["b"]);
    let poller = Poller::start(&brink, OTHER);
    up.remove_token(ONE);
    answers(&brink, ONE, 403);
    assert_eq!(readiness(&brink), 200);
    assert_eq!(poller.finish(), [seen(&["b"])]);
}

#[test]
fn a_change_of_projects_is_taken_over() {
    let (up, brink) = running(&OFTEN);
    up.add_token(TOKEN, "client", &["p1"]);
    up.set_features("development", project("p1", &["narrow"]));
    brink.get_until(FEATURES, &[("authorization", TOKEN)], |response| {
        let projects = || response.json()["query"]["projects"].clone();
        response.status == 200 && projects() == serde_json::json!(["p1"]) && response.names() == ["narrow"]
    });
}

#[test]
fn projects_of_a_lost_token_are_not_shown_any_more() {
    const ONE: &str = "p1:development.s3cret-of-p1-0001";
    const TWO: &str = "p2:development.s3cret-of-p2-0002";
    const BROWSER: &str = "*:development.s3cret-of-browsers";
    let up = upstream();
    up.add_token(ONE, "client", &["p1"]);
    up.add_token(TWO, "client", &["p2"]);
    up.add_token(BROWSER, "frontend", &["*"]);
    up.set_features(ONE, project("p1", &["a"]));
    up.set_features(TWO, project("p2", &["b"]));
    let mut brink = start(&up, &[&["-t", &[ONE, TWO].join(",")], &OFTEN[..]].concat());
    serves(&brink, ONE, &["a"]);
    serves(&brink, TWO, &["b"]);
    let shows = |brink: &crate::brink::Brink, names: &[&str]| {
        brink.get_until("/api/frontend/all", &[("authorization", BROWSER)], |answer| {
            let body = answer.json();
            let toggles = body["toggles"].as_array().cloned().unwrap_or_default();
            toggles.iter().map(|toggle| toggle["name"].as_str().unwrap_or_default()).eq(names.iter().copied())
        });
    };
    shows(&brink, &["a", "b"]);
    let poller = Poller::start(&brink, ONE);
    up.remove_token(TWO);
    answers(&brink, TWO, 403);
    shows(&brink, &["a"]);
    says(&mut brink, "No token fetches these projects any more", 1);
    up.add_token(TWO, "client", &["p2"]);
    serves(&brink, TWO, &["b"]);
    shows(&brink, &["a", "b"]);
    assert_eq!(poller.finish(), [seen(&["a"])]);
}
