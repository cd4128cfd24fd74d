//! kill -9 at any moment, again and again: each start is ready from the backup, and no save is lost but the last.
//!
//! Upstream changes all the time and is dead at every start. Half of the kills come at any moment, half while a file
//! is being written. `BRINK_KILLS` says how many there are in all (40).

use std::{
    env, fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

use crate::{
    fake_upstream::{FakeUpstream, Habit},
    folder::{Folder, start},
    scene::{TOKEN, features, readiness, upstream},
};

/// Several edges are killed at the same time: each spends most of its life waiting.
const LANES: usize = 4;
/// Enough for the write to take a while.
const FEATURES: usize = 2_000;
/// Longer than a change takes to be written.
const LIFE_MAX: Duration = Duration::from_millis(2_500);

#[test]
fn no_kill_loses_more_than_the_last_save() {
    let kills: usize = env::var("BRINK_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    thread::scope(|scope| {
        for lane in 0..LANES {
            scope.spawn(move || killed_again_and_again(lane, kills.div_ceil(LANES)));
        }
    });
}

/// A document whose every feature tells its version.
fn version(number: usize) -> String {
    let feature = |at: usize| {
        json!({"name": format!("flag-{at:05}"), "project": "default", "enabled": true, "description": format!("version {number}"),
               "strategies": []})
    };
    json!({"version": 2, "features": (0..FEATURES).map(feature).collect::<Vec<_>>()}).to_string()
}

/// The version of a document; fails the test on one that is mixed or cut.
fn version_of(document: &Value) -> usize {
    let features = document["features"].as_array().expect("a list of features");
    assert_eq!(features.len(), FEATURES);
    let version = |feature: &Value| {
        let text = feature["description"].as_str().and_then(|text| text.strip_prefix("version "));
        text.and_then(|text| text.parse().ok()).expect("a version")
    };
    let first = version(&features[0]);
    assert!(features.iter().all(|feature| version(feature) == first), "two versions in one document");
    first
}

fn killed_again_and_again(lane: usize, kills: usize) {
    let mut random = SmallRng::seed_from_u64(lane as u64);
    let folder = Folder::new();
    let up = upstream();
    up.set_features("development", version(0));
    let brink = start(&up.url(), &folder, &["-t", TOKEN]);
    brink.get_until("/health", &[], |_| folder.path().join("brink_backup.json").exists());
    let mut brink = brink;
    let (mut offered, mut saved) = (0, 0);
    for kill in 0..kills {
        while_it_changes(&up, &mut offered, || wait_for_the_moment(kill, &folder.path(), &mut random));
        brink.signal("KILL");
        brink.wait();
        up.set_habit(Habit::Resets);
        // What is on the disk now must be whole, and no older than before.
        let on_disk = version_of(&folder.read("unleash_features.json")[0][1]);
        assert!(
            (saved..=offered).contains(&on_disk),
            "lane {lane}, kill {kill}: {on_disk} after {saved} of {offered}"
        );
        saved = on_disk;
        brink = start(&up.url(), &folder, &["-t", TOKEN]);
        assert_eq!(readiness(&brink), 200, "lane {lane}, kill {kill}: {}", brink.log());
        assert_eq!(version_of(&features(&brink, TOKEN).json()), saved, "lane {lane}, kill {kill}");
        let own = format!(".tmp.{}", brink.id());
        let leftovers: Vec<String> =
            temporaries(&folder.path()).filter(|name| !name.ends_with(&own)).collect();
        assert!(leftovers.is_empty(), "lane {lane}, kill {kill}: {leftovers:?}");
        up.set_habit(Habit::Normal);
    }
    assert!(saved > 0, "lane {lane}: nothing was ever saved");
}

fn while_it_changes(up: &FakeUpstream, offered: &mut usize, wait: impl FnOnce()) {
    *offered += 1;
    up.set_features("development", version(*offered));
    wait();
}

fn wait_for_the_moment(kill: usize, folder: &Path, random: &mut SmallRng) {
    let deadline = Instant::now() + LIFE_MAX.mul_f64(random.random_range(0.2..1.0));
    if kill.is_multiple_of(2) {
        thread::sleep(deadline.saturating_duration_since(Instant::now()));
        return;
    }
    let deadline = Instant::now() + LIFE_MAX;
    while temporaries(folder).next().is_none() && Instant::now() < deadline {
        thread::yield_now();
    }
    thread::sleep(Duration::from_micros(random.random_range(0..3_000)));
}

fn temporaries(folder: &Path) -> impl Iterator<Item = String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.contains(".tmp."))
}
