//! kill -9 at any moment, again and again: each start is ready from the backup, and no save is lost but the last.
//!
//! Upstream changes all the time and is dead at every start. Half of the kills come at any moment, half while
//! something is being written, which each place arranges for itself: [`Files`] look for a file that is not finished,
//! [`Keys`] cut the way to Redis. `BRINK_KILLS` says how many there are in all, for each place (40).

use std::{
    env, fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::{Value, json};

use crate::{
    brink::Brink,
    fake_upstream::Habit,
    folder::Folder,
    redis::RedisServer,
    relay::Relay,
    scene::{TOKEN, edge, features, readiness, upstream},
};

/// Several edges are killed at the same time: each spends most of its life waiting.
const LANES: usize = 4;
/// Enough for the write to take a while.
const FEATURES: usize = 2_000;
/// Longer than a change takes to be written.
const LIFE_MAX: Duration = Duration::from_millis(2_500);

/// Where a backup is kept, and how to hit it in the middle of a write.
trait Place {
    /// What makes an edge keep its backup here.
    fn args(&self) -> Vec<String>;

    /// Whether a whole backup is there. Its last document says so.
    fn is_written(&self) -> bool;

    /// The features document that a start would find now. The process that wrote it is dead.
    fn features(&self) -> Value;

    /// Returns while something is being written, or when time is up.
    fn wait_for_a_write(&self, random: &mut SmallRng, deadline: Instant);

    /// What dead processes have left behind, while this one runs.
    fn leftovers(&self, running: &Brink) -> Vec<String>;
}

#[test]
fn no_kill_loses_more_than_the_last_save_in_files() {
    on_all_lanes(|_| Files(Folder::new()));
}

#[test]
fn no_kill_loses_more_than_the_last_save_in_redis() {
    let redis = RedisServer::start(&[]);
    on_all_lanes(|database| Keys { redis: &redis, database, relay: Relay::to(redis.port) });
}

fn on_all_lanes<P: Place>(place: impl Fn(usize) -> P + Sync) {
    let kills: usize = env::var("BRINK_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    thread::scope(|scope| {
        for lane in 0..LANES {
            let place = &place;
            scope.spawn(move || killed_again_and_again(&place(lane), lane, kills.div_ceil(LANES)));
        }
    });
}

fn killed_again_and_again(place: &impl Place, lane: usize, kills: usize) {
    let mut random = SmallRng::seed_from_u64(lane as u64);
    let up = upstream();
    up.set_features("development", version(0));
    let mut brink = start(&up.url(), place);
    brink.get_until("/health", &[], |_| place.is_written());
    let (mut offered, mut saved) = (0, 0);
    for kill in 0..kills {
        let about = format!("lane {lane}, kill {kill}");
        offered += 1;
        up.set_features("development", version(offered));
        wait_for_the_moment(place, kill, &mut random);
        brink.signal("KILL");
        brink.wait();
        up.set_habit(Habit::Resets);
        // What is there now must be whole: as before, or one of the two that this process can have got.
        let found = version_of(&place.features());
        assert!(
            [saved, offered - 1, offered].contains(&found),
            "{about}: {found} after {saved} of {offered}"
        );
        assert!(found >= saved, "{about}: {found} after {saved}");
        saved = found;
        brink = start(&up.url(), place);
        assert_eq!(readiness(&brink), 200, "{about}: {}", brink.log());
        assert_eq!(version_of(&features(&brink, TOKEN).json()), saved, "{about}");
        assert_eq!(place.leftovers(&brink), [""; 0], "{about}");
        up.set_habit(Habit::Normal);
    }
    assert!(saved > 0, "lane {lane}: nothing was ever saved");
}

fn start(url: &str, place: &impl Place) -> Brink {
    let args = place.args();
    let args: Vec<&str> = ["-t", TOKEN].into_iter().chain(args.iter().map(String::as_str)).collect();
    Brink::start(&edge(url, &args))
}

fn wait_for_the_moment(place: &impl Place, kill: usize, random: &mut SmallRng) {
    if kill.is_multiple_of(2) {
        thread::sleep(LIFE_MAX.mul_f64(random.random_range(0.2..1.0)));
    } else {
        // It comes, if not soon: the machine may be busy.
        place.wait_for_a_write(random, Instant::now() + 2 * LIFE_MAX);
    }
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

/// A backup folder. A write is under way while there is a temporary file.
struct Files(Folder);

impl Place for Files {
    fn args(&self) -> Vec<String> {
        vec!["--backup-folder".to_owned(), self.0.text()]
    }

    fn is_written(&self) -> bool {
        self.0.path().join("brink_backup.json").exists()
    }

    fn features(&self) -> Value {
        self.0.read("unleash_features.json")[0][1].take()
    }

    fn wait_for_a_write(&self, random: &mut SmallRng, deadline: Instant) {
        while temporaries(&self.0.path()).next().is_none() && Instant::now() < deadline {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(random.random_range(0..3_000)));
    }

    fn leftovers(&self, running: &Brink) -> Vec<String> {
        let own = format!(".tmp.{}", running.id());
        temporaries(&self.0.path()).filter(|name| !name.ends_with(&own)).collect()
    }
}

fn temporaries(folder: &Path) -> impl Iterator<Item = String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.contains(".tmp."))
}

/// A database of a Redis, behind a relay: a process that dies in the middle of a command is one whose command stops
/// at some byte.
struct Keys<'a> {
    redis: &'a RedisServer,
    database: usize,
    relay: Relay,
}

impl Keys<'_> {
    fn cli(&self, args: &[&str]) -> String {
        self.redis.cli(&[&["-n", &self.database.to_string()], args].concat())
    }
}

impl Place for Keys<'_> {
    fn args(&self) -> Vec<String> {
        vec!["--redis-url".to_owned(), format!("redis://127.0.0.1:{}/{}", self.relay.port, self.database)]
    }

    fn is_written(&self) -> bool {
        self.cli(&["EXISTS", "brink_backup"]) == "1"
    }

    fn features(&self) -> Value {
        self.relay.settle();
        let mut stored: Value =
            serde_json::from_str(&self.cli(&["GET", "unleash-features"])).expect("JSON, and all of it");
        stored[0][1].take()
    }

    fn wait_for_a_write(&self, random: &mut SmallRng, deadline: Instant) {
        // Three in four within the features, the rest about their end, where the note follows.
        let features = self.cli(&["STRLEN", "unleash-features"]).parse().expect("a number");
        let bytes = if random.random_ratio(3, 4) { 0..features } else { features..features + 250 };
        self.relay.stop_after(random.random_range(bytes));
        while !self.relay.has_stopped() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn leftovers(&self, _running: &Brink) -> Vec<String> {
        let known = ["brink_backup", "unleash-features", "unleash-last-event-ids", "unleash-tokens"];
        let keys = self.cli(&["KEYS", "*"]);
        keys.lines().filter(|key| !known.contains(key)).map(str::to_owned).collect()
    }
}
