//! The end of the process: what is left is delivered, and nobody is waited for too long.

use std::time::{Duration, Instant};

use crate::{
    fake_upstream::{BULK, FEATURES, Habit, INSTANCE, on},
    scene::{running, wait_for_more},
    usage::{METRICS, bucket, has_taken, report, yes},
};

const HOUR: &str = "2026-11-21T02:10:00Z";

#[test]
fn what_was_just_taken_is_delivered() {
    // The next round would come in an hour.
    let (up, mut brink) = running(&["--metrics-interval-seconds", "3600"]);
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 3)]));
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    has_taken(&up, 3);
    let requests = up.requests();
    assert_eq!(on(&requests, INSTANCE).count(), 1);
    assert!(!brink.log().contains("this is lost"), "{}", brink.log());
}

#[test]
fn an_upstream_that_hangs_is_not_waited_for() {
    let (up, mut brink) = running(&["--metrics-interval-seconds", "3600"]);
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 3), ("fb", 1)]));
    up.set_habit(Habit::NeverAnswers);
    wait_for_more(&up, FEATURES, 1);
    let asked = Instant::now();
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(on(&up.requests(), BULK).count(), 1, "one attempt");
    let log = brink.log();
    let line = log.lines().find(|line| line.contains("this is lost")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("evaluations=4"), "{line}");
}

#[test]
fn an_upstream_that_refuses_is_asked_once() {
    let (up, mut brink) = running(&["--metrics-interval-seconds", "3600"]);
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 3)]));
    up.set_habit_on(BULK, Habit::Status(503));
    let asked = Instant::now();
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(on(&up.requests(), BULK).count(), 1);
    assert!(yes(&up.requests()).is_empty() && brink.log().contains("this is lost"), "{}", brink.log());
}

#[test]
fn a_round_under_way_is_awaited_and_followed_by_the_last() {
    let (up, mut brink) = running(&["--metrics-interval-seconds", "1"]);
    up.set_habit_on_times(BULK, 1, Habit::SlowFirstByte(Duration::from_millis(700)));
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 3)]));
    up.wait_for("the round", |requests| on(requests, BULK).count() == 1);
    report(&brink, METRICS, &bucket(HOUR, &[("fa", 4)]));
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    let requests = up.requests();
    let bodies = on(&requests, BULK).map(|request| request.json()["metrics"][0]["yes"].as_u64());
    assert_eq!(bodies.flatten().sum::<u64>(), 7);
}
