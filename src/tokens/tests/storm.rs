//! Floods of tokens that nobody knows: how often upstream is asked, what is remembered.

use super::{story::*, *};
use crate::tokens::limits::{ASKED_SPACING, DEFERRED_SPACING, NEGATIVE_MAX, QUEUE_MAX};

/// The calls of a flood that lasts so long, with so many new tokens per millisecond; upstream takes so long to answer.
fn flood(story: &mut Story, lasts: Duration, per_ms: u32, answer: Duration) -> Vec<Instant> {
    let (begin, mut number, mut calls, mut out) = (story.now, 0, Vec::new(), Vec::new());
    while story.now < begin + lasts {
        for _ in 0..per_ms {
            number += 1;
            story.ask(&format!("*:dev.{number}"));
        }
        while let Some(batch) = story.registry.next_batch(story.now, ALL) {
            calls.push(story.now);
            out.push((story.now + answer, batch));
        }
        let (due, later): (Vec<_>, Vec<_>) = out.into_iter().partition(|(at, _)| *at <= story.now);
        out = later;
        due.into_iter().for_each(|(_, batch)| drop(story.registry.answered(batch, vec![], story.now)));
        let sizes = story.registry.sizes();
        assert!(sizes.asked <= QUEUE_MAX + 6 * ALL && sizes.refused <= NEGATIVE_MAX && sizes.known == 0);
        story.now += Duration::from_millis(1);
    }
    calls
}

#[test]
fn upstream_is_asked_at_most_eight_times_a_second() {
    for (per_ms, answer_ms) in [(1, 1), (20, 30), (1, 2_000)] {
        let mut story = Story::begin(Mode::Dynamic, &[]);
        let calls = flood(&mut story, Duration::from_secs(3), per_ms, Duration::from_millis(answer_ms));
        assert!(!calls.is_empty());
        let soonest = calls.windows(2).map(|pair| pair[1] - pair[0]).min();
        assert!(soonest.is_none_or(|gap| gap >= ASKED_SPACING), "{soonest:?}");
        assert!(calls.len() <= 24, "{} calls in three seconds", calls.len());
    }
}

#[test]
fn a_token_that_comes_alone_is_asked_about_at_once() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    for text in [P1, STAR] {
        story.wait(1);
        story.ask(text);
        assert_eq!(story.registry.next_due(story.now), Some(story.now));
        assert!(story.registry.next_batch(story.now, ALL).is_some(), "{text}");
    }
}

#[test]
fn our_own_tokens_do_not_wait_for_the_distance() {
    let mut story = Story::begin(Mode::Strict, &[STAR]);
    story.exchange(&[STAR], vec![listed(KindWord::Backend, STAR)]);
    story.wait(1);
    story.ask(P1);
    let asked = story.batch();
    story.registry.suspect(key(STAR), story.now);
    let known = story.registry.next_batch(story.now, ALL).expect("a suspect is asked about at once");
    assert_eq!(Story::texts(&known), [STAR]);
    story.ask(BROWSER);
    story.is_idle();
    drop((asked, known));
}

#[test]
fn after_a_flood_nothing_is_remembered() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    flood(&mut story, Duration::from_secs(2), 5, Duration::from_millis(1));
    assert!(story.registry.sizes().refused > 5_000);
    for _ in 0..4 {
        story.wait(600);
        story.registry.next_batch(story.now, ALL);
    }
    let sizes = story.registry.sizes();
    assert_eq!((sizes.known, sizes.refused), (0, 0));
}

#[test]
fn a_token_created_after_its_refusal_works_when_that_has_expired() {
    let mut story = Story::begin(Mode::Dynamic, &[]);
    story.ask(P1);
    story.exchange(&[P1], vec![]);
    story.wait(59);
    assert!(matches!(story.ask(P1), Asked::Refused { .. }));
    story.wait(1);
    assert_eq!(story.ask(P1), Asked::Queued);
    story.exchange(&[P1], vec![listed(KindWord::Backend, P1)]);
    assert_eq!(story.standing(P1), VALID_BACKEND);
}

#[test]
fn deferred_questions_are_asked_once_a_second_and_survive_failures() {
    let now = Instant::now();
    let mut story = Story { registry: registry(Mode::Dynamic, now).deferring(), now };
    story.ask(P1);
    assert_eq!(story.fail(), [key(P1)]);
    assert_eq!(story.ask(P1), Asked::Joined, "it is not lost");
    story.ask(STAR);
    story.is_idle();
    assert_eq!(story.registry.next_due(story.now), Some(story.now + DEFERRED_SPACING));
    story.wait(1);
    story.exchange(&[P1, STAR], vec![listed(KindWord::Backend, P1)]);
    assert_eq!((story.standing(P1), story.standing(STAR)), (VALID_BACKEND, None));
    story.is_idle();
}
