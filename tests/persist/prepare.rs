//! `offline prepare`: its file is what `offline` and `edge --bootstrap-file` take; mistakes leave the old file alone.

use std::fs;

use serde_json::Value;

use crate::{
    brink::{Brink, Ended, run},
    fake_upstream::{ClosedPort, FEATURES, FakeUpstream, Habit, VALIDATE},
    scene::{TOKEN, document, edge, features, project, upstream},
};

const ONE: &str = "p1:development.s3cret-of-project-0001";
const TWO: &str = "p2:development.s3cret-of-project-0002";
const FRONTEND: &str = "*:development.s3cret-of-a-browser-0001";
const ELSEWHERE: &str = "*:production.s3cret-of-production-001";

fn scene() -> FakeUpstream {
    let up = upstream();
    for (token, kind, projects) in [
        (ONE, "client", "p1"),
        (TWO, "backend", "p2"),
        (FRONTEND, "frontend", "*"),
        (ELSEWHERE, "client", "*"),
    ] {
        up.add_token(token, kind, &[projects]);
    }
    up.set_features(ONE, project("p1", &["b", "a"]));
    up.set_features(TWO, project("p2", &["c"]));
    up.set_features("production", document(&["p"]));
    up
}

fn prepare(url: &str, args: &[&str]) -> Ended {
    let mut command = Brink::command(&[]);
    run(command.args(["offline", "prepare", "-u", url, "--upstream-socket-timeout", "1"]).args(args))
}

#[test]
fn the_file_is_served_by_both_modes() {
    let up = scene();
    let tokens = format!("{TWO},{FRONTEND},{ONE}");
    let ended = prepare(&up.url(), &["-t", &tokens]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("is not a backend token and is left out"), "{ended:?}");
    assert!(!ended.stderr.contains("s3cret-of-a-browser"), "{ended:?}");
    let printed: Value = serde_json::from_str(&ended.stdout).expect("JSON and nothing else");
    let names: Vec<&str> = printed["features"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!((names, &printed["version"]), (vec!["a", "b", "c"], &2.into()));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("features.json");
    let path = path.to_str().expect("a path");
    let ended = prepare(&up.url(), &["-t", &tokens, "--output", path]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "no leftovers");

    let offline = Brink::start(&["offline", "-b", path, "-c", "*:anything.x"]);
    assert_eq!(features(&offline, "*:anything.x").names(), ["a", "b", "c"]);
    let nobody = ClosedPort::reserve();
    let hybrid = Brink::start(&edge(&nobody.url(), &["-t", TWO, "--bootstrap-file", path]));
    assert_eq!(features(&hybrid, TWO).names(), ["c"]);
}

#[track_caller]
fn check_refused(up: &FakeUpstream, tokens: &str, reason: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("features.json");
    fs::write(&path, "as it was").expect("writable");
    let ended = prepare(&up.url(), &["-t", tokens, "-o", path.to_str().expect("a path")]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.starts_with("Error: ") || ended.stderr.contains("\nError: "), "{ended:?}");
    assert!(ended.stderr.contains(reason), "{reason}: {ended:?}");
    assert!(!ended.stderr.contains("s3cret-of-"), "{ended:?}");
    assert_eq!(fs::read_to_string(&path).expect("there"), "as it was");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "no leftovers");
}

#[test]
fn what_would_be_incomplete_or_mixed_is_refused() {
    let up = scene();
    check_refused(&up, &format!("{ONE},{ELSEWHERE}"), "several environments (development, production)");
    check_refused(&up, FRONTEND, "none of the tokens is a backend token");
    check_refused(&up, &format!("{ONE},*:development.s3cret-of-nobody-0001"), "does not confirm the token");
    up.set_habit_on(FEATURES, Habit::Status(500));
    check_refused(&up, TOKEN, "could not fetch features with");
    up.set_habit(Habit::Normal);
    up.set_habit_on(FEATURES, Habit::NotModified);
    check_refused(&up, TOKEN, "could not fetch features with");
    up.set_habit(Habit::Normal);
    up.set_habit_on(FEATURES, Habit::WrongShape);
    check_refused(&up, TOKEN, "could not use what upstream sent");
    up.set_habit_on(VALIDATE, Habit::NeverAnswers);
    check_refused(&up, TOKEN, "could not validate the tokens upstream");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let up = scene();
    let ended = prepare(&up.url(), &["-t", ONE, "--output", "/nowhere/at-all.json"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("--output (OUTPUT)") && ended.stderr.contains("/nowhere/at-all.json"),
        "{ended:?}"
    );
}
