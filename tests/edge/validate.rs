//! `POST /edge/validate`: edges below us ask about tokens, ours and unknown ones.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    brink::{Brink, Response},
    fake_upstream::{Habit, VALIDATE, on},
    scene::{TOKEN, edge, features, running, serves, times_asked},
};

const BROWSER: &str = "[]:development.s3cret-of-browsers";
const ADMIN: &str = "*:development.s3cret-of-an-admin";
const PRETRUSTED: &str = "*:development.s3cret-of-the-shop1";
const UNKNOWN: &str = "*:development.s3cret-of-nobody-01";

fn validate(brink: &Brink, tokens: &[&str]) -> Response {
    let body = json!({"tokens": tokens}).to_string();
    let length = body.len();
    let head = format!("POST {VALIDATE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    brink.connect().exchange(format!("{head}content-length: {length}\r\n\r\n{body}"))
}

fn listed(answer: &Response) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tokens = body["tokens"].as_array().cloned().unwrap_or_default();
    tokens.iter().map(|one| (text(&one["token"]), text(&one["type"]))).collect()
}

#[test]
fn tokens_are_validated_for_others() {
    let (up, brink) = running(&["-p", PRETRUSTED]);
    up.add_token(BROWSER, "frontend", &["p1", "p2"]);
    up.add_token(ADMIN, "admin", &["*"]);
    up.forget_requests();
    let asked = [TOKEN, "no token", BROWSER, ADMIN, UNKNOWN, PRETRUSTED, BROWSER];
    for _ in 0..2 {
        let mut tokens = listed(&validate(&brink, &asked));
        tokens.sort_unstable();
        assert_eq!(tokens, [(TOKEN.into(), "backend".into()), (BROWSER.into(), "frontend".into())]);
    }
    let requests = up.requests();
    assert_eq!(on(&requests, VALIDATE).count(), 1, "one call for all, and none for the second request");
    assert_eq!((times_asked(&requests, TOKEN), times_asked(&requests, PRETRUSTED)), (0, 0));
    assert_eq!(features(&brink, UNKNOWN).status, 403);
    assert_eq!(times_asked(&up.requests(), UNKNOWN), 1, "the refusal is shared with requests");
    let answer = validate(&brink, &[BROWSER]).json();
    let expected = json!({"token": BROWSER, "type": "frontend", "environment": "development",
        "projects": ["p1", "p2"], "status": "Validated"});
    assert_eq!(answer, json!({"tokens": [expected]}));
}

#[test]
fn requests_for_the_same_tokens_share_calls() {
    let (up, brink) = running(&[]);
    up.set_habit_on(VALIDATE, Habit::SlowFirstByte(Duration::from_millis(200)));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(listed(&validate(&brink, &[TOKEN, UNKNOWN])).len(), 1));
            scope.spawn(|| assert_eq!(features(&brink, UNKNOWN).status, 403));
        }
    });
    assert_eq!(times_asked(&up.requests(), UNKNOWN), 1);
}

#[test]
fn trouble_upstream_is_a_503_and_never_an_incomplete_list() {
    let (up, brink) = running(&["--upstream-socket-timeout", "1"]);
    for habit in [Habit::Status(401), Habit::Status(500), Habit::NeverAnswers, Habit::Html] {
        up.set_habit_on(VALIDATE, habit.clone());
        let answer = validate(&brink, &[TOKEN, UNKNOWN]);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{habit:?}");
        assert_eq!(listed(&validate(&brink, &[TOKEN])).len(), 1, "known tokens need nobody");
    }
    up.set_habit(Habit::Normal);
    assert_eq!(listed(&validate(&brink, &[TOKEN, UNKNOWN])).len(), 1);
}

#[test]
fn an_edge_below_us_gets_verdicts_and_features() {
    let (up, above) = running(&[]);
    let url = format!("http://{}", above.address);
    let below = Brink::start(&edge(&url, &["-t", TOKEN]));
    serves(&below, TOKEN, &["old"]);
    assert_eq!(features(&below, UNKNOWN).status, 403);
    assert_eq!(times_asked(&up.requests(), UNKNOWN), 1);
    up.set_features("development", crate::scene::document(&["new"]));
    serves(&below, TOKEN, &["new"]);
}

#[test]
fn offline_the_configured_tokens_are_listed() {
    let document = r#"{"version":2,"features":[]}"#;
    let (client, browser) = ("*:development.client-of-offline-mode", "*:development.browser-of-offline-mode");
    let brink = Brink::offline(
        document,
        &["--client-tokens", client, "--frontend-tokens", &format!("{browser},opaque")],
    );
    let mut tokens = listed(&validate(&brink, &[client, browser, "opaque", UNKNOWN]));
    tokens.sort_unstable();
    assert_eq!(tokens, [(browser.into(), "frontend".into()), (client.into(), "backend".into())]);
    assert_eq!(brink.get(VALIDATE, &[]).status, 405);
}

#[test]
fn more_unknown_tokens_than_fit_the_queue_are_validated_in_some_calls() {
    let (up, brink) = running(&[]);
    let tokens: Vec<String> = (0..3_000).map(|number| format!("*:development.valid-{number:026}")).collect();
    tokens.iter().for_each(|token| up.add_token(token, "client", &["*"]));
    let asked: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let statuses: Vec<u16> = (0..30)
        .map(|_| {
            let answer = validate(&brink, &asked);
            if answer.status == 200 {
                assert_eq!(listed(&answer).len(), tokens.len());
            }
            answer.status
        })
        .collect();
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    brink.get_until("/internal-backstage/ready", &[], |_| validate(&brink, &asked).status == 200);
}
