//! Heartbeats of enterprise edges below us go up and down as they are.

use serde_json::json;

use crate::{
    brink::{Brink, Response},
    fake_upstream::{HEARTBEAT, Habit, on},
    scene::{TOKEN, running},
    usage::post_as,
};

const PATH: &str = "/api/client/edge-licensing/heartbeat?connectionId=01M7&x=a%20b";

fn beat(brink: &Brink, token: &str) -> Response {
    post_as(&mut brink.connect(), token, PATH, &json!({}))
}

fn answer(status: u16, body: &str) -> Habit {
    Habit::Answer(status, vec![("content-type", "application/json; x=y".into())], body.into())
}

/// What upstream answers; what the edge below gets.
#[track_caller]
fn check(habit: Habit, status: u16, body: &str) {
    let (up, brink) = running(&[]);
    up.set_habit_on(HEARTBEAT, habit.clone());
    let response = beat(&brink, TOKEN);
    assert_eq!((response.status, response.text().as_str()), (status, body), "{habit:?}");
    if status == 503 {
        assert_eq!(response.header("retry-after"), Some("1"), "{habit:?}");
    } else {
        assert_eq!(response.header("content-type"), Some("application/json; x=y"), "{habit:?}");
    }
}

#[test]
fn answers_are_passed_back() {
    let valid = r#"{"edgeLicenseState":"Valid"}"#;
    let rows = [
        (answer(202, valid), 202, valid),
        (answer(200, r#"{"edgeLicenseState":"Expired"}"#), 200, r#"{"edgeLicenseState":"Expired"}"#),
        (answer(404, "{}"), 404, "{}"),
        (answer(403, "{}"), 403, "{}"),
        (answer(500, ""), 500, ""),
        (Habit::Redirect(307, "/x".into()), 503, ""),
        (Habit::Closes, 503, ""),
        (Habit::HugeBody(1 << 20), 503, ""),
        (Habit::NeverAnswers, 503, ""),
    ];
    crate::scene::in_parallel(&rows, |(habit, status, body)| check(habit.clone(), *status, body));
}

#[test]
fn the_caller_is_who_asks_upstream() {
    let (up, brink) = running(&[]);
    const OTHER: &str = "*:development.s3cret-of-a-child-00001";
    up.add_token(OTHER, "client", &["*"]);
    // The fake has no such route, as open source Unleash.
    assert_eq!(beat(&brink, OTHER).status, 404);
    let requests = up.requests();
    let heartbeats: Vec<_> =
        requests.iter().filter(|request| request.target.contains("edge-licensing")).collect();
    assert_eq!(heartbeats.len(), 1);
    assert_eq!(heartbeats[0].target, PATH);
    assert_eq!(heartbeats[0].only("authorization"), Some(OTHER));
    assert_eq!(on(&requests, HEARTBEAT).count(), 1);
}

#[test]
fn only_valid_backend_tokens_may() {
    let (up, brink) = running(&[]);
    up.add_token("*:development.s3cret-of-a-browser-01", "frontend", &["*"]);
    for token in ["*:development.s3cret-of-nobody-0001", "*:development.s3cret-of-a-browser-01", "opaque"] {
        assert_eq!(beat(&brink, token).status, 403, "{token}");
    }
    assert_eq!(brink.connect().request("GET", PATH, &[("authorization", TOKEN)]).status, 405);
    assert_eq!(on(&up.requests(), HEARTBEAT).count(), 0);
}
