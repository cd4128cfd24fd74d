//! Upstream answers, but not 202.

use serde_json::json;

use crate::{
    fake_upstream::{BULK, Habit, VALIDATE, on},
    scene::{TOKEN, says, wait_for_more},
    usage::{METRICS, bucket, elements, has_taken, report, reporting, yes},
};

const HOUR: &str = "2026-11-21T02:10:00Z";

#[test]
fn one_500_delays_and_loses_nothing() {
    let (up, mut brink) = reporting(&[]);
    up.set_habit_on_times(BULK, 1, Habit::Status(500));
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 3)]));
    says(&mut brink, "Could not send usage upstream", 1);
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 4), ("fb", 1)]));
    has_taken(&up, 8);
    assert_eq!(yes(&up.requests())["fa"], 7);
    says(&mut brink, "Usage is sent upstream again", 1);
    // Back to the interval of one second: ten times that would be too late for this.
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 1)]));
    has_taken(&up, 9);
}

/// Upstream answers like this for a while. Whatever was taken meanwhile arrives once, and one line says so.
fn check_kept(habit: Habit) {
    let (up, mut brink) = reporting(&[]);
    up.set_habit_on(BULK, habit.clone());
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 3)]));
    wait_for_more(&up, BULK, 2);
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 2)]));
    says(&mut brink, "Could not send usage upstream", 1);
    up.set_habit(Habit::Normal);
    has_taken(&up, 5);
    says(&mut brink, "Usage is sent upstream again", 1);
}

#[test]
fn what_upstream_refuses_for_now_is_kept() {
    let rows = [
        Habit::Status(401),
        Habit::Status(500),
        Habit::RetryAfter(503, 2),
        Habit::RetryAfter(429, 1),
        Habit::Status(418),
        Habit::Redirect(302, "/elsewhere".into()),
        Habit::Resets,
        Habit::Closes,
        Habit::NotHttp,
    ];
    crate::scene::in_parallel(&rows, |habit| check_kept(habit.clone()));
}

#[test]
fn a_refused_token_is_asked_about() {
    let (up, brink) = reporting(&[]);
    let before = on(&up.requests(), VALIDATE).count();
    up.set_habit_on_times(BULK, 1, Habit::Status(403));
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 3)]));
    up.wait_for("a question", |requests| on(requests, VALIDATE).count() > before);
    has_taken(&up, 3);
}

#[test]
fn a_second_token_of_the_environment_steps_in_for_a_revoked_one() {
    let (up, brink) = reporting(&["--dynamic"]);
    const OTHER: &str = "*:development.s3cret-of-another-00001";
    up.add_token(OTHER, "client", &["*"]);
    crate::scene::serves(&brink, OTHER, &["old"]);
    up.set_habit_on_times(BULK, 1, Habit::Status(401));
    up.remove_token(TOKEN);
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 3)]));
    has_taken(&up, 3);
    let requests = up.requests();
    let last = crate::usage::taken(&requests).last().expect("a post");
    assert_eq!(last.only("authorization"), Some(OTHER));
}

#[test]
fn what_is_claimed_of_environments_that_nobody_has_is_dropped() {
    let (up, mut brink) = reporting(&[]);
    let claimed = json!({"appName": "svc", "environment": "made-up", "projects": ["*"], "interval": 1,
        "started": "2026-01-01T00:00:00Z", "strategies": [], "connectVia": []});
    report(&brink, BULK, &json!({"applications": [claimed], "metrics": []}));
    brink.wait_for_log("there is no token to report it with");
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 1)]));
    has_taken(&up, 1);
    assert!(elements(&up.requests(), "applications").is_empty());
}

#[test]
fn all_that_fits_alone_arrives_at_an_upstream_with_a_small_limit() {
    let (up, brink) = reporting(&[]);
    up.set_habit_on(BULK, Habit::TakesUpTo(1_000));
    let names: Vec<String> = (0..100).map(|flag| format!("flag-{flag}")).collect();
    let long = "y".repeat(900);
    let mut counts: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    counts.push((&long, 1));
    report(&brink, METRICS, &bucket(HOUR, &counts));
    has_taken(&up, 100);
    assert!(!yes(&up.requests()).contains_key(&long));
    up.set_habit(Habit::Normal);
    report(&brink, METRICS, &bucket(HOUR, &[("flag-0", 1)]));
    has_taken(&up, 101);
    assert!(!yes(&up.requests()).contains_key(&long), "it is not kept either");
}

#[test]
fn one_bad_element_takes_few_others_with_it() {
    let (up, brink) = reporting(&[]);
    up.set_habit_on(BULK, Habit::Rejects("poison"));
    let names: Vec<String> = (0..255).map(|flag| format!("flag-{flag}")).collect();
    let mut counts: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    counts.push(("poison", 1));
    report(&brink, METRICS, &bucket(HOUR, &counts));
    up.wait_for("most of it", |requests| yes(requests).len() >= 240);
    report(&brink, METRICS, &bucket(HOUR, &[("later", 1)]));
    up.wait_for("what comes later", |requests| yes(requests).contains_key("later"));
    let requests = up.requests();
    assert!(!yes(&requests).contains_key("poison"));
    assert!(on(&requests, BULK).count() <= 11, "nine and those of later rounds");
    assert!(elements(&requests, "metrics").iter().all(|metric| metric["yes"] == json!(1)), "each once");
}
