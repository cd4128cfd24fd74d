//! The timetable against cases and against a model driven by random steps.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use super::*;

const INTERVAL: Duration = Duration::from_secs(15);

fn rng() -> StdRng {
    StdRng::seed_from_u64(20)
}

/// Bounds, in seconds after the outcome, of the next call after each outcome in a row (`Ok` or retry-after).
#[track_caller]
fn check(outcomes: &[Result<(), Option<u64>>], expected: &[(f64, f64)]) {
    for seed in 0..50 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut now = Instant::now();
        let mut schedule = Schedule::new(INTERVAL, 8);
        schedule.insert("a", now, &mut rng);
        for (outcome, (low, high)) in outcomes.iter().zip(expected) {
            assert_eq!(schedule.due(now), ["a"], "seed {seed}");
            match outcome {
                Ok(()) => schedule.succeeded(&"a", now, &mut rng),
                Err(wait) => schedule.failed(&"a", now, wait.map(Duration::from_secs), &mut rng),
            }
            let next = schedule.next_due().expect("nothing is in flight");
            let wait = next.duration_since(now).as_secs_f64();
            assert!((*low..=*high).contains(&wait), "seed {seed}: {wait} s is not within {low}..={high}");
            now = next;
        }
    }
}

#[test]
fn polls_every_interval_with_jitter() {
    check(&[Ok(()), Ok(()), Ok(())], &[(13.5, 16.5); 3]);
}

#[test]
fn first_load_is_retried_quickly() {
    let failed = [Err(None); 8];
    let bounds = [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0), (16.0, 32.0), (30.0, 60.0)];
    check(&failed, &bounds);
}

#[test]
fn failures_after_data_wait_longer_and_longer() {
    let outcomes = [Ok(()), Err(None), Err(None), Err(None)];
    check(&outcomes, &[(13.5, 16.5), (15.0, 30.0), (15.0, 45.0), (15.0, 60.0)]);
}

#[test]
fn one_success_forgets_all_failures() {
    let outcomes = [Ok(()), Err(None), Err(None), Err(None), Ok(()), Err(None)];
    let bounds = [(13.5, 16.5), (15.0, 30.0), (15.0, 45.0), (15.0, 60.0), (13.5, 16.5), (15.0, 30.0)];
    check(&outcomes, &bounds);
}

#[test]
fn retry_after_is_honoured_up_to_the_cap() {
    check(&[Err(Some(100))], &[(100.0, 110.0)]);
    check(&[Err(Some(3600))], &[(165.0, 165.0)]);
    check(&[Ok(()), Err(Some(1))], &[(13.5, 16.5), (15.0, 30.0)]);
}

#[test]
fn interval_has_a_minimum() {
    assert_eq!(Schedule::<u8>::new(Duration::ZERO, 8).interval(), Duration::from_secs(1));
}

#[test]
fn due_counts_from_the_start_of_the_call() {
    let (mut rng, start) = (rng(), Instant::now());
    let mut schedule = Schedule::new(INTERVAL, 8);
    schedule.insert("a", start, &mut rng);
    schedule.due(start);
    schedule.succeeded(&"a", start + Duration::from_secs(5), &mut rng);
    let next = schedule.next_due().expect("waiting");
    assert!(next <= start + Duration::from_millis(16_500));
}

#[test]
fn a_call_longer_than_the_interval_leaves_upstream_a_breath() {
    let (mut rng, start) = (rng(), Instant::now());
    let mut schedule = Schedule::new(INTERVAL, 8);
    schedule.insert("a", start, &mut rng);
    schedule.due(start);
    let end = start + Duration::from_secs(100);
    schedule.succeeded(&"a", end, &mut rng);
    assert_eq!(schedule.next_due(), Some(end + INTERVAL / 10));
}

#[test]
fn many_first_fetches_are_spread() {
    let (mut rng, now) = (rng(), Instant::now());
    let mut schedule = Schedule::new(INTERVAL, 8);
    for key in 0..100 {
        schedule.insert(key, now, &mut rng);
    }
    assert_eq!(schedule.due(now), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(schedule.next_due(), None, "the limit is reached, only an outcome helps");
    let dues: BTreeSet<Instant> = schedule.entries.values().map(|entry| entry.due).collect();
    assert!(dues.len() > 80);
    assert!(dues.iter().all(|due| *due <= now + Duration::from_secs(1)));
}

#[test]
fn a_key_back_while_its_call_runs_is_not_fetched_twice() {
    let (mut rng, now) = (rng(), Instant::now());
    let mut schedule = Schedule::new(INTERVAL, 8);
    schedule.insert("a", now, &mut rng);
    assert_eq!(schedule.due(now), ["a"]);
    schedule.remove(&"a");
    schedule.insert("a", now, &mut rng);
    assert!(schedule.due(now + INTERVAL * 20).is_empty());
    schedule.failed(&"a", now, None, &mut rng);
    assert_eq!(schedule.due(now + INTERVAL * 20), ["a"]);
}

#[test]
fn a_call_that_is_not_made_gives_its_place_back() {
    let (mut schedule, mut rng, start) = (Schedule::new(INTERVAL, 1), rng(), Instant::now());
    schedule.insert("a", start, &mut rng);
    assert_eq!(schedule.due(start), ["a"]);
    schedule.forget(&"a");
    assert_eq!((schedule.in_flight(), schedule.contains(&"a")), (0, false));
}

#[test]
fn an_outcome_of_a_removed_key_changes_nothing() {
    let (mut rng, now) = (rng(), Instant::now());
    let mut schedule = Schedule::new(INTERVAL, 8);
    schedule.insert("a", now, &mut rng);
    schedule.due(now);
    schedule.retain(|_| false);
    assert_eq!(schedule.in_flight(), 1);
    schedule.succeeded(&"a", now, &mut rng);
    assert_eq!((schedule.in_flight(), schedule.contains(&"a"), schedule.next_due()), (0, false, None));
}

#[test]
fn etag_lives_as_long_as_its_key() {
    let (mut rng, now) = (rng(), Instant::now());
    let mut schedule = Schedule::new(INTERVAL, 8);
    schedule.set_etag(&"a", Some("\"1\"".into()));
    assert_eq!(schedule.etag(&"a"), None);
    schedule.insert("a", now, &mut rng);
    schedule.set_etag(&"a", Some("\"1\"".into()));
    schedule.insert("a", now, &mut rng);
    assert_eq!(schedule.etag(&"a"), Some("\"1\""));
    schedule.remove(&"a");
    schedule.insert("a", now, &mut rng);
    assert_eq!(schedule.etag(&"a"), None);
}

#[test]
fn bring_forward_never_delays() {
    let (mut rng, now) = (rng(), Instant::now());
    let mut schedule = Schedule::new(INTERVAL, 8);
    schedule.insert("a", now, &mut rng);
    schedule.bring_forward(&"a", now + INTERVAL);
    assert_eq!(schedule.due(now), ["a"]);
    schedule.succeeded(&"a", now, &mut rng);
    schedule.bring_forward(&"a", now);
    assert_eq!(schedule.due(now), ["a"]);
}

/// One thing that can happen to the sync thread.
#[derive(Debug, Clone)]
enum Step {
    Insert(u8),
    Remove(u8),
    Wait(u64),
    Fetch,
    Succeed(u8),
    Fail(u8, Option<u64>),
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0u8..6;
    prop_oneof![
        key.clone().prop_map(Step::Insert),
        key.clone().prop_map(Step::Remove),
        (0u64..40_000).prop_map(Step::Wait),
        Just(Step::Fetch),
        Just(Step::Fetch),
        key.clone().prop_map(Step::Succeed),
        (key, proptest::option::of(0u64..1_000_000)).prop_map(|(key, wait)| Step::Fail(key, wait)),
    ]
}

/// What must hold, kept by hand: which keys are known, which calls run.
#[derive(Default)]
struct Model {
    known: BTreeSet<u8>,
    running: BTreeSet<u8>,
}

const IN_FLIGHT_MAX: usize = 3;

fn apply(
    step: &Step,
    schedule: &mut Schedule<u8>,
    model: &mut Model,
    now: &mut Instant,
    rng: &mut StdRng,
) -> Result<(), TestCaseError> {
    match *step {
        Step::Wait(wait_ms) => *now += Duration::from_millis(wait_ms),
        Step::Insert(key) => {
            schedule.insert(key, *now, rng);
            model.known.insert(key);
        }
        Step::Remove(key) => {
            schedule.remove(&key);
            model.known.remove(&key);
        }
        Step::Fetch => {
            for key in schedule.due(*now) {
                prop_assert!(model.known.contains(&key), "fetches a key that is gone");
                prop_assert!(model.running.insert(key), "two calls in flight for {key}");
            }
        }
        Step::Succeed(key) => {
            if model.running.remove(&key) {
                schedule.succeeded(&key, *now, rng);
                prop_assert!(schedule.failures(&key).is_none_or(|count| count == 0));
            }
        }
        Step::Fail(key, wait) => {
            if model.running.remove(&key) {
                schedule.failed(&key, *now, wait.map(Duration::from_secs), rng);
                prop_assert!(schedule.failures(&key).is_none_or(|count| (1..=10).contains(&count)));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_steps_keep_the_invariants(steps in prop::collection::vec(step(), 1..80), seed: u64) {
        let (mut rng, mut now, mut model) = (StdRng::seed_from_u64(seed), Instant::now(), Model::default());
        let mut schedule = Schedule::new(INTERVAL, IN_FLIGHT_MAX);
        for step in &steps {
            apply(step, &mut schedule, &mut model, &mut now, &mut rng)?;
            prop_assert_eq!(schedule.in_flight(), model.running.len());
            prop_assert!(schedule.in_flight() <= IN_FLIGHT_MAX);
            prop_assert!(schedule.keys().eq(model.known.iter()));
            for entry in schedule.entries.values() {
                prop_assert!(entry.due <= now + schedule.wait_max(), "due later than the cap allows");
            }
        }
        // Nothing is ever lost: once the running calls end, every key comes due within the cap.
        for key in std::mem::take(&mut model.running) {
            schedule.failed(&key, now, None, &mut rng);
        }
        now += schedule.wait_max();
        let mut fetched = BTreeSet::new();
        while fetched.len() < model.known.len() {
            let keys = schedule.due(now);
            prop_assert!(!keys.is_empty(), "only {:?} of {:?} came due", fetched, model.known);
            for key in keys {
                schedule.succeeded(&key, now, &mut rng);
                fetched.insert(key);
            }
        }
    }
}
