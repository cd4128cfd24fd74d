//! Every bad habit of the fake upstream, while a client polls: it sees the last good data, then the new, and
//! nothing else.

use std::time::Duration;

use crate::{
    fake_upstream::{FEATURES, Habit, VALIDATE},
    scene::{Poller, TOKEN, document, in_parallel, readiness, running, seen, serves, wait_for_more},
};

/// One byte more than is read of an answer (`BODY_BYTES_MAX`).
const TOO_MANY_BYTES: u64 = 64 * 1024 * 1024 + 1;

/// Upstream has the habit on all paths until it was asked for features and about tokens, then gives it up.
fn check(habit: &Habit) {
    let arguments = ["--token-revalidation-interval-seconds", "1", "--upstream-socket-timeout", "2"];
    let (up, brink) = running(&arguments);
    let poller = Poller::start(&brink, TOKEN);
    up.set_habit(habit.clone());
    up.set_features("development", document(&["new"]));
    wait_for_more(&up, FEATURES, 1);
    wait_for_more(&up, VALIDATE, 1);
    assert_eq!(readiness(&brink), 200, "{habit:?}");
    up.set_habit(Habit::Normal);
    serves(&brink, TOKEN, &["new"]);
    assert_eq!(readiness(&brink), 200, "{habit:?}");
    assert_eq!(poller.finish(), [seen(&["old"]), seen(&["new"])], "{habit:?}\n{}", brink.log());
}

#[test]
fn statuses_take_nothing_away() {
    let statuses = [301, 400, 401, 402, 403, 404, 405, 410, 418, 429, 500, 501, 502, 503, 504, 511, 520];
    let asking_to_wait = [Habit::RetryAfter(429, 1), Habit::RetryAfter(503, 2)];
    let rows: Vec<_> = statuses.map(Habit::Status).into_iter().chain(asking_to_wait).collect();
    in_parallel(&rows, check);
}

#[test]
fn broken_transport_takes_nothing_away() {
    let rows = [
        Habit::NeverAnswers,
        Habit::SlowFirstByte(Duration::from_millis(300)),
        Habit::SlowByByte(Duration::from_millis(20)),
        Habit::Truncates,
        Habit::LengthTooLong,
        Habit::LengthTooShort,
        Habit::Closes,
        Habit::Resets,
        Habit::NotHttp,
    ];
    in_parallel(&rows, check);
}

#[test]
fn unusable_answers_take_nothing_away() {
    let rows = [
        Habit::NotModified,
        Habit::Html,
        Habit::WrongShape,
        Habit::DamagedGzip,
        Habit::UnknownCoding,
        Habit::GzipBomb(4 << 20),
        Habit::Answer(200, Vec::new(), Vec::new()),
        Habit::Answer(204, Vec::new(), Vec::new()),
        Habit::Answer(206, Vec::new(), br#"{"version":2,"features":["#.to_vec()),
        Habit::Redirect(302, "/elsewhere".into()),
        Habit::Redirect(307, "/api/client/features".into()),
        Habit::Redirect(308, "http://127.0.0.1:1/api/client/features".into()),
        Habit::Redirect(301, "::not a url".into()),
    ];
    in_parallel(&rows, check);
}

#[test]
fn huge_answers_take_nothing_away() {
    in_parallel(&[Habit::HugeBody(TOO_MANY_BYTES), Habit::HugeChunkedBody(TOO_MANY_BYTES)], check);
}
