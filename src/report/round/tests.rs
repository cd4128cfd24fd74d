use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};

use super::*;

/// Numbers below this stand for applications.
const APPLICATIONS: u32 = 100;

impl Load for Vec<u32> {
    fn halve(mut self) -> Result<(Self, Self), Self> {
        if self.len() < 2 {
            return Err(self);
        }
        let second = self.split_off(self.len() / 2);
        Ok((self, second))
    }

    fn has_applications(&self) -> bool {
        self.iter().any(|element| *element < APPLICATIONS)
    }
}

/// What became of every element, each list sorted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    sent: Vec<u32>,
    too_large: Vec<u32>,
    rejected: Vec<u32>,
    kept: Vec<u32>,
    posts: usize,
    course: Course,
}

/// Runs a round to its end against an upstream that answers by what it is sent, oldest piece first.
fn run(loads: Vec<Vec<u32>>, hurried: bool, mut upstream: impl FnMut(&[u32]) -> Answer) -> Outcome {
    let mut random = SmallRng::seed_from_u64(1);
    let mut now = Instant::now();
    let mut round = Round::new(loads);
    if hurried {
        round.hurry();
    }
    let (mut outcome, mut under_way) = (Outcome::default(), Vec::new());
    while !round.is_over() {
        while let Some(piece) = round.next(now) {
            let open = |piece: &Piece<Vec<u32>>| piece.load.has_applications();
            assert!(open(&piece) || !under_way.iter().any(open), "metrics beside applications");
            under_way.push(piece);
        }
        assert!(under_way.len() <= POSTS_IN_FLIGHT_MAX);
        if under_way.is_empty() {
            let wakes = round.wakes().expect("a round that is not over waits for something");
            assert!(wakes > now && wakes <= now + RETRY_PAUSE_MAX);
            now = wakes;
            continue;
        }
        let piece = under_way.remove(0);
        outcome.posts += 1;
        let answer = upstream(&piece.load);
        match round.answered(piece, answer, now, &mut random) {
            Fate::Sent(load) => outcome.sent.extend(load),
            Fate::Dropped(load, Reason::TooLarge) => outcome.too_large.extend(load),
            Fate::Dropped(load, Reason::Rejected) => outcome.rejected.extend(load),
            Fate::Open => {}
        }
    }
    assert!(under_way.is_empty());
    let ended = round.end();
    outcome.kept = ended.kept.concat();
    outcome.course = ended.course;
    for list in [&mut outcome.sent, &mut outcome.too_large, &mut outcome.rejected, &mut outcome.kept] {
        list.sort_unstable();
    }
    outcome
}

fn range(numbers: std::ops::Range<u32>) -> Vec<u32> {
    numbers.collect()
}

const FAILED: Course = Course::Failed { retry_after: None };

#[test]
fn elements_that_are_too_large_alone_are_all_that_is_lost() {
    let outcome = run(vec![range(100..164), range(200..210)], false, |load| match load {
        [137] | [205] => Answer::TooLarge,
        load if load.contains(&137) || load.contains(&205) || load.len() > 20 => Answer::TooLarge,
        _ => Answer::Sent,
    });
    assert_eq!(outcome.too_large, [137, 205]);
    assert_eq!(outcome.sent.len(), 72);
    assert_eq!((outcome.kept.len(), outcome.course), (0, Course::Clean));
}

#[test]
fn an_upstream_that_takes_nothing_is_not_asked_for_ever() {
    let outcome = run(vec![range(100..2_000)], false, |_| Answer::TooLarge);
    assert!(outcome.posts <= 1 + HALVING_POSTS_MAX as usize, "{}", outcome.posts);
    assert_eq!(outcome.kept.len() + outcome.too_large.len(), 1_900);
    assert_eq!(outcome.course, FAILED);
}

/// Of elements 100 to 611 these are bad.
#[track_caller]
fn check_rejection(bad: &[u32], dropped_max: usize) {
    let rejects = |load: &[u32]| load.iter().any(|element| bad.contains(element));
    let upstream = |load: &[u32]| if rejects(load) { Answer::Rejected } else { Answer::Sent };
    let outcome = run(vec![range(100..612)], false, upstream);
    assert!(bad.iter().all(|element| outcome.rejected.contains(element)), "{bad:?}");
    assert!(outcome.rejected.len() <= dropped_max, "{bad:?}: {} dropped", outcome.rejected.len());
    assert_eq!(outcome.sent.len() + outcome.rejected.len(), 512, "{bad:?}");
    assert!(outcome.posts <= 1 + BISECTION_POSTS_MAX as usize, "{bad:?}: {} posts", outcome.posts);
    assert_eq!(outcome.course, Course::Clean);
}

#[test]
fn rejected_elements_are_narrowed_down_in_a_few_posts() {
    check_rejection(&[100], 32);
    check_rejection(&[611], 32);
    check_rejection(&[300], 32);
    check_rejection(&[300, 301], 32);
    check_rejection(&[100, 611], 256);
    check_rejection(&range(100..612), 512);
}

#[test]
fn a_single_rejected_element_goes_alone() {
    let outcome = run(vec![vec![7], vec![8], vec![200, 201]], false, |load| match load {
        [8] => Answer::Rejected,
        _ => Answer::Sent,
    });
    assert_eq!((outcome.rejected, outcome.sent), (vec![8], vec![7, 200, 201]));
}

/// Every answer is this one: everything is kept after so many posts.
#[track_caller]
fn check_kept(answer: Answer, hurried: bool, posts: usize, course: Course) {
    let loads: Vec<Vec<u32>> = (100..120).map(|element| vec![element]).collect();
    let outcome = run(loads, hurried, |_| answer);
    assert_eq!(outcome.kept.len(), 20, "{answer:?}");
    assert_eq!((outcome.posts, outcome.course), (posts, course), "{answer:?}");
}

#[test]
fn what_upstream_cannot_take_now_is_kept() {
    let wait = Some(Duration::from_secs(9));
    for hurried in [false, true] {
        // Four are under way when the first answer comes; all others are spared.
        check_kept(Answer::Refused, hurried, 4, FAILED);
        check_kept(Answer::Outdated, hurried, 4, Course::Outdated);
        check_kept(Answer::Later { retry_after: wait }, hurried, 4, Course::Failed { retry_after: wait });
        check_kept(Answer::Silent, hurried, 4, FAILED);
        // It may be the piece's own fault: the others are tried.
        check_kept(Answer::Broken, hurried, 20, FAILED);
    }
    // The first to use up its retries gives up for all.
    check_kept(Answer::Unreachable, true, 4, FAILED);
    let outcome = run(vec![vec![100]], false, |_| Answer::Unreachable);
    assert_eq!(outcome.posts, 1 + RETRIES_MAX as usize);
}

#[test]
fn a_short_loss_of_connection_is_ridden_out() {
    let mut attempts = 0;
    let outcome = run(vec![vec![1], vec![100]], false, |_| {
        attempts += 1;
        if attempts <= 2 { Answer::Unreachable } else { Answer::Sent }
    });
    assert_eq!((outcome.sent, outcome.course), (vec![1, 100], Course::Clean));
}

#[test]
fn a_hurried_round_does_not_rest() {
    let (mut random, now) = (SmallRng::seed_from_u64(1), Instant::now());
    let mut round = Round::new(vec![vec![100], vec![101]]);
    let piece = round.next(now).expect("a piece");
    assert_eq!(round.answered(piece, Answer::Unreachable, now, &mut random), Fate::Open);
    assert!(round.wakes().is_some());
    round.hurry();
    assert_eq!(round.wakes(), None);
    let again = round.next(now).expect("the one that rested");
    assert_eq!(again.load, [100]);
    assert_eq!(round.answered(again, Answer::Unreachable, now, &mut random), Fate::Open);
    assert!(round.is_over());
    assert_eq!(round.end().kept.concat().len(), 2);
}

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        8 => Just(Answer::Sent),
        2 => Just(Answer::TooLarge),
        2 => Just(Answer::Rejected),
        2 => Just(Answer::Unreachable),
        2 => Just(Answer::Broken),
        1 => Just(Answer::Silent),
        1 => Just(Answer::Refused),
        1 => Just(Answer::Outdated),
        1 => Just(Answer::Later { retry_after: None }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn every_element_comes_out_exactly_once(
        sizes in proptest::collection::vec(1_usize..9, 0..12),
        first in 60_u32..140,
        answers in proptest::collection::vec(any_answer(), 1..60),
        hurried: bool,
    ) {
        let mut elements = first..;
        let loads: Vec<Vec<u32>> = sizes.iter().map(|size| elements.by_ref().take(*size).collect()).collect();
        let all = loads.concat();
        let mut answers = answers.iter().cycle();
        let outcome = run(loads, hurried, |_| *answers.next().expect("endless"));
        let is_clean = outcome.course == Course::Clean;
        prop_assert_eq!(is_clean, outcome.kept.is_empty());
        let mut out = [outcome.sent, outcome.too_large, outcome.rejected, outcome.kept].concat();
        out.sort_unstable();
        prop_assert_eq!(out, all);
    }
}
