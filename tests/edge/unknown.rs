//! Unknown tokens while upstream gives no verdict: 503 and come back, never a 4xx, and nothing is remembered.

use crate::{
    fake_upstream::{Habit, VALIDATE},
    scene::{Poller, TOKEN, features, in_parallel, is_come_back_later, running, seen, serves},
};

const SECOND: &str = "*:development.s3cret-of-a-second1";

/// A habit on validation, and the status that clients are told.
fn check((habit, told): &(Habit, Option<u16>)) {
    let (up, brink) = running(&["--upstream-socket-timeout", "1"]);
    up.add_token(SECOND, "client", &["*"]);
    let poller = Poller::start(&brink, TOKEN);
    up.set_habit_on(VALIDATE, habit.clone());
    for _ in 0..2 {
        let answer = features(&brink, SECOND);
        is_come_back_later(&answer);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body = answer.json();
        assert!(body["explanation"].is_string(), "{body}");
        match told {
            Some(status) => assert_eq!(body["status_code"], status.to_string(), "{habit:?}"),
            None => assert!(body["status_code"].is_string(), "{habit:?}: {body}"),
        }
    }
    up.set_habit(Habit::Normal);
    assert_eq!(features(&brink, SECOND).status, 200, "asked again at once after {habit:?}");
    serves(&brink, SECOND, &["old"]);
    assert_eq!(poller.finish(), [seen(&["old"])], "known tokens are not affected by {habit:?}");
}

#[test]
fn without_a_verdict_clients_are_told_to_come_back() {
    let status = |status| (Habit::Status(status), Some(status));
    let rows = [
        status(400),
        status(401),
        status(403),
        status(404),
        status(429),
        status(500),
        status(503),
        status(204),
        status(302),
        (Habit::Closes, Some(503)),
        (Habit::Resets, Some(503)),
        (Habit::NeverAnswers, Some(503)),
        (Habit::NotHttp, Some(503)),
        (Habit::Truncates, None),
        (Habit::Html, None),
        (Habit::WrongShape, None),
        (Habit::Answer(200, Vec::new(), Vec::new()), None),
        (
            Habit::Answer(
                200,
                Vec::new(),
                br#"{"tokens":[{"token":"a:b.c","type":"x","projects":[]}]}"#.to_vec(),
            ),
            None,
        ),
    ];
    in_parallel(&rows, check);
}
