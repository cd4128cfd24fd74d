//! Lists of tokens that are read again on SIGHUP.

use std::fs;

use tempfile::TempPath;

use crate::{
    brink::{Brink, file_of},
    fake_upstream::{FEATURES, FakeUpstream},
    scene::{
        Poller, TOKEN, answers, document, features, fetchers, project, readiness, says, seen, serves, start,
        upstream, wait_for_more,
    },
};

const P1: &str = "p1:development.s3cret-of-p1-0001";
const P2: &str = "p2:development.s3cret-of-p2-0002";
const OTHER: &str = "*:production.s3cret-of-production";
const BROWSER: &str = "*:development.s3cret-of-browsers";

/// An upstream with four tokens, and an edge that reads its own from a file.
fn running(tokens: &[&str]) -> (FakeUpstream, Brink, TempPath) {
    let up = upstream();
    up.add_token(P1, "client", &["p1"]);
    up.add_token(P2, "client", &["p2"]);
    up.add_token(OTHER, "client", &["*"]);
    up.add_token(BROWSER, "frontend", &["*"]);
    up.set_features(P1, project("p1", &["a"]));
    up.set_features(P2, project("p2", &["b"]));
    up.set_features("production", document(&["other"]));
    let file = file_of(tokens.join("\n"));
    let brink = start(&up, &["--strict", "--tokens-file", file.to_str().expect("a plain path")]);
    (up, brink, file)
}

fn rewrite(brink: &Brink, file: &TempPath, content: &str) {
    fs::write(file, content).expect("the file can be written");
    brink.signal("HUP");
}

/// Names of the flags that a browser is shown.
fn shown(brink: &Brink) -> Vec<String> {
    let answer = brink.get("/api/frontend/all", &[("authorization", BROWSER)]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let toggles = body["toggles"].as_array().cloned().unwrap_or_default();
    toggles.iter().filter_map(|toggle| toggle["name"].as_str().map(str::to_owned)).collect()
}

#[test]
fn new_tokens_join_and_removed_ones_leave_without_a_restart() {
    let (up, mut brink, file) = running(&[P1, P2]);
    serves(&brink, P1, &["a"]);
    serves(&brink, P2, &["b"]);
    assert_eq!(shown(&brink), ["a", "b"]);
    let poller = Poller::start(&brink, P1);
    rewrite(&brink, &file, &format!("{P1},\n{OTHER}\n"));
    serves(&brink, OTHER, &["other"]);
    says(&mut brink, "No token fetches these projects any more", 1);
    assert_eq!(shown(&brink), ["a"], "what nobody fetches any more is not shown as if it were up to date");
    answers(&brink, P2, 403);
    up.forget_requests();
    wait_for_more(&up, FEATURES, 2);
    assert!(fetchers(&up).iter().all(|token| token == P1 || token == OTHER), "{:?}", fetchers(&up));
    rewrite(&brink, &file, &format!("{P1}\n{P2}"));
    serves(&brink, P2, &["b"]);
    answers(&brink, OTHER, 403);
    assert_eq!(shown(&brink), ["a", "b"]);
    assert_eq!(poller.finish(), [seen(&["a"])], "the others notice nothing");
}

#[test]
fn what_another_token_covers_is_kept() {
    let (up, brink, file) = running(&[TOKEN, P1]);
    serves(&brink, TOKEN, &["old"]);
    let poller = Poller::start(&brink, TOKEN);
    rewrite(&brink, &file, TOKEN);
    up.set_features("development", document(&["new"]));
    serves(&brink, TOKEN, &["new"]);
    assert_eq!(poller.finish(), [seen(&["old"]), seen(&["new"])]);
    assert_eq!(features(&brink, P1).status, 200, "valid, and covered");
}

#[test]
fn a_file_that_is_no_list_keeps_the_old_one() {
    let (up, mut brink, file) = running(&[P1]);
    serves(&brink, P1, &["a"]);
    for (times, bad) in ["", "not a token", "p1:development.x\n my-s3cret-password"].iter().enumerate() {
        rewrite(&brink, &file, bad);
        says(&mut brink, "Tokens were not read again, the old ones stay", times + 1);
    }
    fs::remove_file(&file).expect("the file can be removed");
    brink.signal("HUP");
    says(&mut brink, "Tokens were not read again, the old ones stay", 4);
    up.set_features(P1, project("p1", &["c"]));
    serves(&brink, P1, &["c"]);
    assert_eq!(readiness(&brink), 200);
    assert!(!brink.log().contains("s3cret"), "{}", brink.log());
}

#[test]
fn without_files_a_hangup_changes_nothing() {
    let (up, mut brink) = crate::scene::running(&[]);
    let poller = Poller::start(&brink, TOKEN);
    brink.signal("HUP");
    brink.wait_for_log("there is nothing to read again");
    up.set_features("development", document(&["new"]));
    serves(&brink, TOKEN, &["new"]);
    assert_eq!(poller.finish(), [seen(&["old"]), seen(&["new"])]);
}

#[test]
fn pretrusted_tokens_are_read_again() {
    let file = file_of("old-secret@development");
    let up = upstream();
    let path = file.to_str().expect("a plain path");
    let brink = start(&up, &["-t", TOKEN, "--pretrusted-tokens-file", path]);
    serves(&brink, TOKEN, &["old"]);
    let status = |secret: &str| brink.get("/api/frontend", &[("authorization", secret)]).status;
    assert_eq!((status("old-secret"), status("new-secret")), (200, 403));
    rewrite(&brink, &file, "new-secret@development");
    brink.get_until("/api/frontend", &[("authorization", "new-secret")], |answer| answer.status == 200);
    assert_eq!(status("old-secret"), 403);
}
