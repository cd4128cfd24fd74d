//! `EDGE_DEFER_TOKEN_VALIDATION`: no request waits for upstream (tokens.md 4.4).

use std::time::{Duration, Instant};

use crate::{
    brink::Brink,
    fake_upstream::{FakeUpstream, Habit, VALIDATE, on},
    scene::{TOKEN, answers, edge, features, serves, times_asked, upstream},
};

const SECOND: &str = "*:development.s3cret-of-a-second1";

fn deferring(up: &FakeUpstream) -> Brink {
    let url = up.url();
    let mut command = Brink::command(&edge(&url, &["-t", TOKEN]));
    let brink = Brink::start_with(command.env("EDGE_DEFER_TOKEN_VALIDATION", "1"));
    serves(&brink, TOKEN, &["old"]);
    brink
}

#[test]
fn the_first_answer_is_401_the_next_403_and_then_it_works() {
    let up = upstream();
    up.add_token(SECOND, "client", &["*"]);
    let brink = deferring(&up);
    up.set_habit_on(VALIDATE, Habit::SlowFirstByte(Duration::from_millis(300)));
    let started = Instant::now();
    let first = features(&brink, SECOND);
    assert_eq!((first.status, first.body.len()), (401, 0), "{first:?}");
    assert_eq!(features(&brink, SECOND).status, 403);
    assert!(started.elapsed() < Duration::from_millis(300), "nobody waits: {:?}", started.elapsed());
    serves(&brink, SECOND, &["old"]);
    assert_eq!(times_asked(&up.requests(), SECOND), 1);
}

#[test]
fn unknown_tokens_are_asked_about_once_a_second_all_together() {
    let up = upstream();
    let brink = deferring(&up);
    up.forget_requests();
    let tokens: Vec<String> = (0..50).map(|number| format!("*:development.random-{number:026}")).collect();
    for status in [401, 403] {
        for token in &tokens {
            assert_eq!(features(&brink, token).status, status, "{token}");
        }
    }
    up.wait_for("all questions", |requests| tokens.iter().all(|token| times_asked(requests, token) == 1));
    let calls = on(&up.requests(), VALIDATE).count();
    assert!(calls <= 3, "{calls} calls");
    for token in &tokens {
        assert_eq!(features(&brink, token).status, 403, "{token}");
    }
}

#[test]
fn questions_of_a_failed_call_are_not_lost() {
    let up = upstream();
    up.add_token(SECOND, "client", &["*"]);
    let brink = deferring(&up);
    up.set_habit_on_times(VALIDATE, 2, Habit::Status(500));
    assert_eq!(features(&brink, SECOND).status, 401);
    answers(&brink, SECOND, 200);
    assert_eq!(times_asked(&up.requests(), SECOND), 3);
}
