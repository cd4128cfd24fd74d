//! Deals the kinds of faults to lanes, plays them, and says what came of it.

use std::{
    collections::BTreeMap,
    env,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};

use crate::{
    certificates::Certificates,
    judge::Tally,
    kinds::{self, Kind},
    lane::{self, Played, Turn},
    stage::{Stage, has_namespaces},
};

/// Each a process of its own, most of whose time is waiting.
const LANES: [Stage; 8] = [
    Stage::Plain,
    Stage::Plain,
    Stage::Plain,
    Stage::Forward,
    Stage::Forward,
    Stage::Tls,
    Stage::Tunnel,
    Stage::Names,
];

/// A kind after which a long wait follows counts like so many others.
const LONG: usize = 3;

#[test]
fn whatever_upstream_does_nobody_is_refused_and_nothing_gets_older() {
    let seed = variable("BRINK_FAULTS_SEED").unwrap_or_else(rand::random);
    let rounds = variable("BRINK_FAULTS_ROUNDS").unwrap_or(1);
    eprintln!("BRINK_FAULTS_SEED={seed} BRINK_FAULTS_ROUNDS={rounds}");
    let mut random = SmallRng::seed_from_u64(seed);
    let lanes = deal(rounds, &mut random);
    let begun = Instant::now();
    let played = play(&lanes, seed);
    report(played, begun.elapsed());
}

fn variable(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// A lane and what it plays in each round.
type Hand = (Stage, Vec<Vec<Kind>>);

/// Each kind once per round, where it can be played, in random order.
fn deal(rounds: u64, random: &mut SmallRng) -> Vec<Hand> {
    let has_names = has_namespaces();
    let there = |stage: &Stage| *stage != Stage::Names || has_names;
    let mut lanes: Vec<Hand> = LANES.into_iter().filter(there).map(|stage| (stage, Vec::new())).collect();
    for _ in 0..rounds {
        let mut kinds = kinds::all();
        kinds.shuffle(random);
        // Those that are bound to a place first, so that the others fill up what is left.
        kinds.sort_by_key(|kind| kind.stage.is_none());
        let mut hands: Vec<Vec<Kind>> = lanes.iter().map(|_| Vec::new()).collect();
        for kind in kinds {
            let fits = |at: &usize| kind.stage.is_none_or(|stage| lanes[*at].0 == stage);
            match (0..lanes.len()).filter(fits).min_by_key(|at| load(&hands[*at])) {
                Some(at) => hands[at].push(kind),
                None => eprintln!("not played, since this host allows no namespaces: {}", kind.name),
            }
        }
        for ((_, rounds), mut hand) in lanes.iter_mut().zip(hands) {
            hand.shuffle(random);
            rounds.push(hand);
        }
    }
    lanes
}

fn load(hand: &[Kind]) -> usize {
    hand.iter().map(|kind| if kind.is_long { LONG } else { 1 }).sum()
}

fn play(lanes: &[Hand], seed: u64) -> Vec<Played> {
    let certificates = Arc::new(Certificates::new());
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (at, (stage, rounds)) in (0..).zip(lanes) {
            let (stage, certificates) = (*stage, Arc::clone(&certificates));
            let random = SmallRng::seed_from_u64(seed.wrapping_add(at));
            threads.push(scope.spawn(move || lane::play(stage, rounds, &certificates, random)));
        }
        threads.into_iter().map(|thread| thread.join().expect("a lane is played to its end")).collect()
    })
}

fn report(played: Vec<Played>, took: Duration) {
    let (mut turns, mut tally, mut failed) = (Vec::new(), Tally::default(), Vec::new());
    for mut lane in played {
        turns.append(&mut lane.turns);
        tally.add(lane.tally);
        failed.append(&mut lane.failed);
    }
    turns.sort_by(|a, b| a.kind.cmp(&b.kind));
    for Turn { stage, kind, noticed, converged } in &turns {
        eprintln!("{kind:50} {stage:8?} noticed after {noticed:6.1?}, got over after {converged:6.1?}");
    }
    let longest = turns.iter().map(|turn| turn.converged).max().unwrap_or_default();
    let kinds: BTreeMap<&str, ()> = turns.iter().map(|turn| (turn.kind.as_str(), ())).collect();
    let Tally { answers, slowest, wrong, told } = tally;
    eprintln!(
        "{} faults of {} kinds in {took:.0?}, {answers} answers, {wrong} wrong, the slowest after {slowest:?}; \
         the longest time to get over a fault {longest:?}",
        turns.len(),
        kinds.len()
    );
    assert!(
        failed.is_empty() && wrong == 0,
        "{wrong} wrong answers, of each lane the first:\n{told}\n{} faults that were not stood:\n{}",
        failed.len(),
        failed.join("\n")
    );
    assert!(kinds.len() >= 30 && answers > 1_000);
}
