//! Tokens that requests bring in strict mode: asked about once, all together, and remembered.

use std::{
    collections::BTreeSet,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::{
    brink::{Brink, Response},
    fake_upstream::{FEATURES, Habit, REGISTER, VALIDATE, on},
    scene::{
        Poller, TOKEN, features, fetchers, project, running, seen, serves, start, times_asked, upstream,
    },
};

const START_UP: &str = "p1:development.s3cret-of-p1-0001";
const UNKNOWN: &str = "*:development.s3cret-of-nobody-01";

#[test]
fn tokens_within_the_scope_are_served_and_others_refused() {
    let up = upstream();
    up.add_token(START_UP, "client", &["p1"]);
    up.set_features("development", project("p1", &["a"]));
    let brink = start(&up, &["-t", START_UP]);
    serves(&brink, START_UP, &["a"]);
    let rows = [
        ("p1:development.s3cret-of-a-second", "client", &["p1"][..], 200),
        ("[]:development.s3cret-of-a-third-", "backend", &["p1"], 200),
        ("p1:development.s3cret-v2_sel_other", "BACKEND", &["p1"], 200),
        ("*:development.s3cret-of-all-00001", "client", &["*"], 403),
        ("[]:development.s3cret-of-two-0001", "client", &["p1", "p2"], 403),
        ("p2:development.s3cret-of-p2-00001", "client", &["p2"], 403),
        ("p1:production.s3cret-of-p1-000001", "client", &["p1"], 403),
        ("p1:development.s3cret-of-browsers", "frontend", &["p1"], 403),
        ("p1:development.s3cret-of-an-admin", "admin", &["p1"], 403),
    ];
    for (token, kind, projects, status) in rows {
        up.add_token(token, kind, projects);
        assert_eq!(features(&brink, token).status, status, "{token} {kind}");
        assert_eq!(features(&brink, token).status, status, "{token} {kind} again");
        assert_eq!(times_asked(&up.requests(), token), 1, "{token}");
    }
    assert!(fetchers(&up).iter().all(|token| token == START_UP), "no other token may fetch");
    assert_eq!(on(&up.requests(), REGISTER).count(), 1);
}

/// Sends one request with each token, all at the same time, each over a connection of its own.
fn at_once<T: AsRef<str> + Sync>(brink: &Brink, tokens: &[T]) -> Vec<Response> {
    let barrier = Barrier::new(tokens.len());
    let one = |token: &T| {
        let mut client = brink.connect();
        barrier.wait();
        client.request("GET", FEATURES, &[("authorization", token.as_ref())])
    };
    thread::scope(|scope| {
        let running: Vec<_> = tokens.iter().map(|token| scope.spawn(|| one(token))).collect();
        running.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    })
}

#[test]
fn an_unknown_token_is_asked_about_once_however_often_it_comes() {
    let (up, brink) = running(&[]);
    // Long enough for all to arrive before there is a verdict.
    up.set_habit_on(VALIDATE, Habit::SlowFirstByte(Duration::from_millis(200)));
    let answers = at_once(&brink, &[UNKNOWN; 50]);
    assert!(answers.iter().all(|answer| answer.status == 403 && answer.body.is_empty()), "{answers:?}");
    assert_eq!(times_asked(&up.requests(), UNKNOWN), 1);
    assert_eq!(features(&brink, UNKNOWN).status, 403);
    assert_eq!(times_asked(&up.requests(), UNKNOWN), 1, "the refusal is remembered");
}

#[test]
fn a_valid_token_is_asked_about_once_however_often_it_comes() {
    const SECOND: &str = "*:development.s3cret-of-a-second1";
    let (up, brink) = running(&[]);
    up.add_token(SECOND, "client", &["*"]);
    up.set_habit_on(VALIDATE, Habit::SlowFirstByte(Duration::from_millis(200)));
    let answers = at_once(&brink, &[SECOND; 50]);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.names() == ["old"]), "{answers:?}");
    assert_eq!(times_asked(&up.requests(), SECOND), 1);
}

#[test]
fn many_unknown_tokens_are_asked_about_together() {
    let (up, brink) = running(&[]);
    let poller = Poller::start(&brink, TOKEN);
    let tokens: Vec<String> = (0..100).map(|number| format!("*:development.random-{number:026}")).collect();
    let before = on(&up.requests(), VALIDATE).count();
    for _ in 0..2 {
        let answers = at_once(&brink, &tokens);
        assert!(answers.iter().all(|answer| answer.status == 403), "{answers:?}");
    }
    let requests = up.requests();
    for token in &tokens {
        assert_eq!(times_asked(&requests, token), 1, "{token}");
    }
    let calls = on(&requests, VALIDATE).count() - before;
    assert!(calls <= tokens.len() / 2, "{calls} calls for {} tokens", tokens.len());
    assert_eq!(poller.finish(), [seen(&["old"])], "valid tokens are not affected");
}

#[test]
fn texts_that_are_no_tokens_never_reach_upstream() {
    let (up, brink) = running(&[]);
    let long = format!("*:development.{}", "x".repeat(499));
    let before = on(&up.requests(), VALIDATE).count();
    for text in ["", " ", "abc", "a:b:c.d", "x.y:z", "Bearer x", long.as_str()] {
        let answer = features(&brink, text);
        assert_eq!((answer.status, answer.body.len()), (403, 0), "{text:?}");
    }
    assert_eq!(brink.get(FEATURES, &[]).status, 403);
    assert_eq!(on(&up.requests(), VALIDATE).count(), before);
    assert_eq!(features(&brink, &format!("  {TOKEN}\t ")).status, 200, "blanks around are no part of it");
}

#[test]
fn a_token_created_after_its_refusal_is_still_refused_for_a_while() {
    // That a refusal ends is tested with the registry, where time is an argument.
    let (up, brink) = running(&[]);
    assert_eq!(features(&brink, UNKNOWN).status, 403);
    up.add_token(UNKNOWN, "client", &["*"]);
    assert_eq!(features(&brink, UNKNOWN).status, 403);
    assert_eq!(times_asked(&up.requests(), UNKNOWN), 1);
}

#[test]
fn tokens_are_different_to_the_last_character() {
    let (up, brink) = running(&[]);
    let tokens: BTreeSet<String> = [0, 5, 20, TOKEN.len() - 1]
        .into_iter()
        .map(|at| {
            let mut text = TOKEN.to_owned();
            text.replace_range(at..=at, "Z");
            text
        })
        .collect();
    for token in &tokens {
        assert_eq!(features(&brink, token).status, 403, "{token}");
    }
    assert_eq!(features(&brink, TOKEN).status, 200);
    assert!(times_asked(&up.requests(), TOKEN) >= 1);
}

#[test]
fn an_upstream_that_does_not_answer_holds_a_request_no_longer_than_its_limit() {
    let (up, brink) = running(&["--upstream-socket-timeout", "1"]);
    up.set_habit_on(VALIDATE, Habit::NeverAnswers);
    let started = Instant::now();
    assert_eq!(features(&brink, UNKNOWN).status, 503);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}
