//! Start-up tokens that upstream issues for a shared secret (tokens.md 9, upstream.md 6).

use std::process::Command;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{digest, hmac};
use serde_json::json;

use crate::{
    brink::{Brink, file_of, run},
    fake_upstream::{ClosedPort, FEATURES, FakeUpstream, Habit, REGISTER, Request, VALIDATE, on},
    scene::{
        TOKEN, answers, becomes_ready, document, edge, features, fetchers, is_come_back_later, prepare,
        readiness, says, serves, start, upstream,
    },
};

const ISSUE: &str = "/edge/issue-token";
/// `shared secret`
const SECRET: &str = "c2hhcmVkIHNlY3JldA";
const OTHER_SECRET: &str = "b3RoZXIgc2VjcmV0";
const WITH_SECRET: [&str; 4] =
    ["--unleash-client-secret", SECRET, "--desired-environments", "development,production"];

fn issues(up: &FakeUpstream, tokens: &[&str]) {
    let record = |token: &&str| json!({"token": token, "type": "client", "environment": "development", "projects": ["*"]});
    let list: Vec<_> = tokens.iter().map(record).collect();
    up.set_habit_on(ISSUE, Habit::Answer(200, Vec::new(), json!({"tokens": list}).to_string().into_bytes()));
}

#[track_caller]
fn is_signed(request: &Request, secret: &[u8]) {
    let header = |name| request.only(name).expect(name).to_owned();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    assert_eq!(header("content-sha256"), hash);
    let nonce = header("x-nonce");
    assert!(nonce.len() == 32 && nonce.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{nonce}");
    let signed = ["POST", ISSUE, &header("x-timestamp"), &nonce, &hash].join("\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    assert_eq!(header("authorization"), format!("HMAC enterprise-edge:{signature}"));
    assert_eq!(header("content-type"), "application/json");
}

#[test]
fn issued_tokens_are_used_without_validation() {
    let up = upstream();
    issues(&up, &[TOKEN]);
    let mut brink = start(&up, &[&WITH_SECRET[..], &["-t", "*:development.not-used-at-all"]].concat());
    becomes_ready(&brink, 200);
    serves(&brink, TOKEN, &["old"]);
    let requests = up.requests();
    assert_eq!(on(&requests, VALIDATE).count(), 0);
    assert_eq!(on(&requests, REGISTER).count(), 1);
    let issued: Vec<_> = on(&requests, ISSUE).collect();
    assert_eq!(issued.len(), 1);
    is_signed(issued[0], b"shared secret");
    let body = br#"{"tokens":[{"environment":"development","projects":["*"]},{"environment":"production","projects":["*"]}]}"#;
    assert_eq!(issued[0].body, body);
    says(&mut brink, "--tokens is not used", 1);
    assert!(!brink.log().contains(SECRET));
}

#[test]
fn projects_that_are_desired_are_requested() {
    let up = upstream();
    issues(&up, &[TOKEN]);
    let brink = start(&up, &[&WITH_SECRET[..], &["--desired-projects", "p1,p2"]].concat());
    becomes_ready(&brink, 200);
    let requests = up.requests();
    let body = on(&requests, ISSUE).next().map(Request::json).expect("tokens were requested");
    assert_eq!(body["tokens"][0]["projects"], json!(["p1", "p2"]));
}

#[test]
fn an_upstream_that_is_away_at_the_start_is_waited_for() {
    let port = ClosedPort::reserve();
    let url = port.url();
    let mut brink = Brink::start(&edge(&url, &WITH_SECRET));
    brink.wait_for_log("Could not request start-up tokens");
    assert_eq!(readiness(&brink), 503);
    is_come_back_later(&features(&brink, TOKEN));
    let _up = port.open(|up| {
        prepare(up);
        issues(up, &[TOKEN]);
    });
    becomes_ready(&brink, 200);
    serves(&brink, TOKEN, &["old"]);
    says(&mut brink, "Could not request start-up tokens", 1);
}

#[test]
fn without_issued_tokens_doubt_is_no_4xx() {
    let up = upstream();
    for habit in [Habit::Status(401), Habit::Answer(200, Vec::new(), br#"{"tokens":[]}"#.to_vec())] {
        up.set_habit_on(ISSUE, habit.clone());
        let mut brink = start(&up, &WITH_SECRET);
        let line = brink.wait_for_log("Could not request start-up tokens");
        assert!(line.contains("ERROR"), "{line}");
        assert_eq!(readiness(&brink), 503, "{habit:?}");
        // Valid by upstream, and of an environment for which tokens are to come.
        is_come_back_later(&features(&brink, TOKEN));
        assert_eq!(fetchers(&up), Vec::<String>::new());
        issues(&up, &[TOKEN]);
        serves(&brink, TOKEN, &["old"]);
        up.forget_requests();
    }
}

#[test]
fn tokens_that_are_not_confirmed_any_more_are_given_up() {
    let up = upstream();
    issues(&up, &[TOKEN]);
    let brink = start(&up, &[&WITH_SECRET[..], &["--token-revalidation-interval-seconds", "1"]].concat());
    serves(&brink, TOKEN, &["old"]);
    up.remove_token(TOKEN);
    answers(&brink, TOKEN, 403);
    becomes_ready(&brink, 503);
}

#[test]
fn a_secret_that_is_none_ends_the_start_with_its_name() {
    let up = upstream();
    let url = up.url();
    let arguments =
        edge(&url, &["--unleash-client-secret", "n0 s3cret!", "--desired-environments", "development"]);
    let ended = run(&mut Brink::command(&arguments));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("UNLEASH_CLIENT_SECRET") && !ended.stderr.contains("s3cret!"), "{ended:?}");
}

#[test]
fn a_secret_that_was_replaced_in_its_file_is_used_after_sighup() {
    const NEXT: &str = "*:development.s3cret-of-development-0002";
    let up = upstream();
    up.add_token(NEXT, "client", &["*"]);
    issues(&up, &[TOKEN]);
    let file = file_of(SECRET);
    let path = file.to_str().expect("a plain path");
    let arguments = ["--unleash-client-secret-file", path, "--desired-environments", "development"];
    let brink = start(&up, &arguments);
    serves(&brink, TOKEN, &["old"]);
    issues(&up, &[NEXT]);
    up.set_features("development", document(&["new"]));
    std::fs::write(path, format!("{OTHER_SECRET}\n")).expect("the file can be written");
    brink.signal("HUP");
    up.wait_for("fetches with the new token", |requests| {
        on(requests, FEATURES).any(|request| request.only("authorization") == Some(NEXT))
    });
    serves(&brink, NEXT, &["new"]);
    let requests = up.requests();
    is_signed(on(&requests, ISSUE).last().expect("requested again"), b"other secret");
    let _: Option<Command> = None;
}
