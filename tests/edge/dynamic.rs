//! Dynamic mode: a token that a request brings is validated, its features are fetched, and the request waits.

use std::time::Duration;

use crate::{
    fake_upstream::{FEATURES, FakeUpstream, Habit, VALIDATE, on},
    scene::{
        Poller, TOKEN, answers, document, features, fetchers, in_parallel, is_come_back_later, prepare,
        project, readiness, running, seen, serves, start, times_asked, upstream, wait_for_more,
    },
};

const NARROW: &str = "p1:development.s3cret-of-p1-0001";
const OTHER: &str = "*:production.s3cret-of-production";

#[test]
fn the_first_request_of_a_token_waits_for_its_features() {
    let up = upstream();
    up.set_habit(Habit::SlowFirstByte(Duration::from_millis(150)));
    let brink = start(&up, &[]);
    assert_eq!(readiness(&brink), 200, "without tokens there is nothing to wait for");
    assert_eq!(fetchers(&up), Vec::<String>::new());
    let first = features(&brink, TOKEN);
    assert_eq!((first.status, first.names()), (200, vec!["old".to_owned()]));
    up.set_features("development", document(&["new"]));
    serves(&brink, TOKEN, &["new"]);
    assert_eq!(times_asked(&up.requests(), TOKEN), 1);
}

#[test]
fn a_second_environment_is_fetched_beside_the_start_up_tokens() {
    let (up, brink) = running(&["--dynamic"]);
    up.add_token(OTHER, "client", &["*"]);
    up.set_features("production", document(&["other"]));
    let first = features(&brink, OTHER);
    assert_eq!((first.status, first.names()), (200, vec!["other".to_owned()]));
    assert_eq!(features(&brink, TOKEN).names(), ["old"]);
}

#[test]
fn tokens_that_may_not_are_refused_and_fetch_nothing() {
    let up = upstream();
    let brink = start(&up, &[]);
    for (token, kind) in
        [("*:development.s3cret-of-browsers", "frontend"), ("*:development.s3cret-of-an-admin", "admin")]
    {
        up.add_token(token, kind, &["*"]);
        assert_eq!(features(&brink, token).status, 403, "{kind}");
    }
    assert_eq!(features(&brink, "*:development.s3cret-of-nobody-01").status, 403);
    assert_eq!(fetchers(&up), Vec::<String>::new());
}

#[test]
fn a_wider_token_takes_over_without_a_gap() {
    let up = upstream();
    up.add_token(NARROW, "client", &["p1"]);
    up.set_features(NARROW, project("p1", &["a"]));
    up.set_features(
        TOKEN,
        r#"{"version":2,"features":[
        {"name":"a","project":"p1","enabled":true},{"name":"b","project":"p2","enabled":true}]}"#,
    );
    let brink = start(&up, &[]);
    assert_eq!(features(&brink, NARROW).names(), ["a"]);
    let poller = Poller::start(&brink, NARROW);
    up.set_habit_on(FEATURES, Habit::SlowFirstByte(Duration::from_millis(150)));
    assert_eq!(features(&brink, TOKEN).names(), ["a", "b"]);
    up.forget_requests();
    wait_for_more(&up, FEATURES, 2);
    assert!(fetchers(&up).iter().all(|token| token == TOKEN), "the narrow one is covered now");
    assert_eq!(poller.finish(), [seen(&["a"])]);
}

/// The first fetch has a habit: 503, never a 4xx, and the data when the habit is gone.
fn check_first_fetch(habit: &Habit) {
    let up = FakeUpstream::start();
    prepare(&up);
    up.set_habit_on(FEATURES, habit.clone());
    let brink = start(&up, &["--upstream-socket-timeout", "1"]);
    is_come_back_later(&features(&brink, TOKEN));
    is_come_back_later(&features(&brink, TOKEN));
    let poller = Poller::start(&brink, TOKEN);
    up.set_habit(Habit::Normal);
    serves(&brink, TOKEN, &["old"]);
    let history = poller.finish();
    assert!(history.iter().all(|seen| [200, 503].contains(&seen.0)), "{habit:?}: {history:?}");
}

#[test]
fn a_first_fetch_that_fails_is_503_and_recovers() {
    let rows = [
        Habit::Status(401),
        Habit::Status(403),
        Habit::Status(404),
        Habit::Status(500),
        Habit::NotModified,
        Habit::Closes,
        Habit::NeverAnswers,
        Habit::WrongShape,
    ];
    in_parallel(&rows, check_first_fetch);
}

#[test]
fn a_revoked_token_loses_its_environment_and_no_other() {
    let up = upstream();
    up.add_token(OTHER, "client", &["*"]);
    up.set_features("production", document(&["other"]));
    let brink = start(&up, &["--token-revalidation-interval-seconds", "1"]);
    assert_eq!(features(&brink, TOKEN).status, 200);
    assert_eq!(features(&brink, OTHER).status, 200);
    let poller = Poller::start(&brink, OTHER);
    up.remove_token(TOKEN);
    answers(&brink, TOKEN, 403);
    let before = fetchers(&up).iter().filter(|token| *token == TOKEN).count();
    wait_for_more(&up, FEATURES, 2);
    assert_eq!(fetchers(&up).iter().filter(|token| *token == TOKEN).count(), before);
    assert_eq!(poller.finish(), [seen(&["other"])]);
    assert!(on(&up.requests(), VALIDATE).count() >= 3);
}
