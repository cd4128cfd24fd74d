use rand::{SeedableRng, rngs::SmallRng};

use super::*;

const INTERVAL: Duration = Duration::from_secs(60);

struct Scene {
    rounds: Rounds<Vec<u32>>,
    random: SmallRng,
    now: Instant,
}

impl Scene {
    fn new(names: &[&str]) -> Self {
        let mut scene =
            Self { rounds: Rounds::new(INTERVAL), random: SmallRng::seed_from_u64(3), now: Instant::now() };
        for name in names {
            scene.rounds.expect(&Arc::from(*name), scene.now, &mut scene.random);
        }
        scene
    }

    fn after(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        self.rounds.due(self.now).iter().map(|name| (**name).to_owned()).collect()
    }

    fn post(&mut self) -> Option<(String, Piece<Vec<u32>>)> {
        self.rounds.next(self.now).map(|(name, piece)| ((*name).to_owned(), piece))
    }

    fn answer(
        &mut self,
        (name, piece): (String, Piece<Vec<u32>>),
        answer: Answer,
    ) -> Option<Ended<Vec<u32>>> {
        self.rounds.answered(&name, piece, answer, self.now, &mut self.random).1
    }
}

#[test]
fn a_slow_environment_holds_up_no_other() {
    let mut scene = Scene::new(&["dev", "prod"]);
    assert_eq!(scene.after(61), ["dev", "prod"]);
    scene.rounds.begin("dev", (100..110).map(|element| vec![element]).collect());
    let slow: Vec<_> = (0..4).map(|_| scene.post().expect("a post")).collect();
    assert!(scene.post().is_none(), "four are enough");
    scene.rounds.begin("prod", vec![vec![200]]);
    let quick = scene.post().expect("a post");
    assert_eq!(quick.0, "prod");
    assert!(scene.answer(quick, Answer::Sent).is_some_and(|ended| ended.kept.is_empty()));
    assert_eq!(scene.after(70), ["prod"]);
    assert!(slow.iter().all(|(name, _)| name == "dev"));
}

#[test]
fn failures_stretch_the_interval_of_their_environment_only() {
    let mut scene = Scene::new(&["dev", "prod"]);
    assert_eq!(scene.after(61), ["dev", "prod"]);
    scene.rounds.begin("dev", vec![vec![100]]);
    scene.rounds.begin("prod", vec![vec![100]]);
    while let Some((name, piece)) = scene.post() {
        let answer = if name == "dev" { Answer::Broken } else { Answer::Sent };
        scene.answer((name, piece), answer);
    }
    assert_eq!(scene.rounds.stretched(), 2 * INTERVAL);
    assert_eq!(scene.after(67), ["prod"]);
    assert_eq!(scene.after(67), ["dev", "prod"]);
}

#[test]
fn nothing_to_send_is_no_round() {
    let mut scene = Scene::new(&["dev"]);
    assert_eq!(scene.after(61), ["dev"]);
    let Scene { rounds, random, now } = &mut scene;
    rounds.skip("dev", *now, random);
    assert!(scene.after(0).is_empty());
    assert!(scene.rounds.wakes().is_some_and(|wakes| wakes > scene.now));
    assert!(scene.rounds.are_idle());
}

#[test]
fn a_forgotten_environment_begins_anew() {
    let mut scene = Scene::new(&["made-up"]);
    assert_eq!(scene.after(61), ["made-up"]);
    scene.rounds.forget("made-up");
    assert!(scene.after(600).is_empty() && scene.rounds.are_idle());
    assert_eq!(scene.rounds.wakes(), None);
    let Scene { rounds, random, now } = &mut scene;
    rounds.expect(&Arc::from("made-up"), *now, random);
    assert_eq!(scene.after(60), ["made-up"]);
}

#[test]
fn at_the_end_everything_is_due_once_more() {
    let mut scene = Scene::new(&["dev", "idle", "prod"]);
    assert_eq!(scene.after(61).len(), 3);
    scene.rounds.begin("dev", vec![vec![100], vec![101]]);
    let under_way = scene.post().expect("a post");
    let Scene { rounds, random, now } = &mut scene;
    rounds.skip("idle", *now, random);
    rounds.skip("prod", *now, random);
    rounds.hurry();
    assert_eq!(scene.after(0), ["idle", "prod"], "that of dev is not over yet");
    scene.rounds.begin("prod", vec![vec![200]]);
    let Scene { rounds, random, now } = &mut scene;
    rounds.skip("idle", *now, random);
    assert!(scene.after(0).is_empty());
    assert!(scene.answer(under_way, Answer::Sent).is_none());
    while let Some(post) = scene.post() {
        scene.answer(post, Answer::Silent);
    }
    assert_eq!(scene.after(0), ["dev"], "what came since the stop");
    scene.rounds.begin("dev", vec![vec![102]]);
    let last = scene.post().expect("a post");
    assert_eq!(scene.answer(last, Answer::Unreachable).map(|ended| ended.kept), Some(vec![vec![102]]));
    assert!(scene.rounds.are_idle() && scene.after(0).is_empty());
    assert_eq!(scene.rounds.wakes(), None);
}
