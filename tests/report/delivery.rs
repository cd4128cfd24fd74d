//! Exactly once, under load, through losses and restarts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    brink::Brink,
    fake_upstream::{BULK, FakeUpstream, Habit, on},
    scene::{prepare, wait_for_more},
    usage::{METRICS, bucket, has_taken, post, reporting, taken, yes},
};

/// Threads that report all the time, until told to stop or the edge is gone.
struct Reporters {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Evaluations that were answered 202.
    taken: Arc<AtomicU64>,
}

impl Reporters {
    fn start(brink: &Brink) -> Self {
        let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..4).map(|number| {
            let (stop, taken) = (Arc::clone(&stop), Arc::clone(&taken));
            let mut client = brink.connect();
            thread::spawn(move || {
                let counts: Vec<String> = (0..5).map(|flag| format!("flag-{}", flag * number)).collect();
                let counts: Vec<(&str, u32)> = counts.iter().map(|name| (name.as_str(), 1)).collect();
                let sum: u64 =
                    bucket("", &counts)["bucket"]["toggles"].as_object().map_or(0, |o| o.len() as u64);
                while !stop.load(Ordering::Relaxed) {
                    let response = post(&mut client, METRICS, &bucket("2026-11-21T02:10:00Z", &counts));
                    assert_eq!(response.status, 202, "{response:?}");
                    taken.fetch_add(sum, Ordering::Relaxed);
                }
            })
        });
        let threads = threads.collect();
        Self { stop, threads, taken }
    }

    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("every report is taken"));
        self.taken.load(Ordering::Relaxed)
    }
}

fn sum(up: &FakeUpstream) -> u64 {
    yes(&up.requests()).values().sum()
}

#[test]
fn what_is_counted_during_uploads_is_not_lost() {
    let (up, brink) = reporting(&[]);
    let reporters = Reporters::start(&brink);
    wait_for_more(&up, BULK, 4);
    let posted = reporters.finish();
    has_taken(&up, posted);
}

#[test]
fn an_upstream_that_is_away_for_rounds_gets_everything_once() {
    let (up, mut brink) = reporting(&[]);
    let reporters = Reporters::start(&brink);
    wait_for_more(&up, BULK, 1);
    up.set_habit_on(BULK, Habit::Status(503));
    wait_for_more(&up, BULK, 1);
    // It answers refusals by now: what it has taken is all it ever will.
    let (address, before) = (up.address(), sum(&up));
    drop(up);
    brink.wait_for_log("Could not send usage upstream, will keep trying: upstream is unreachable");
    let up = FakeUpstream::start_on(address, None);
    prepare(&up);
    up.set_habit_on_times(BULK, 1, Habit::Resets);
    up.wait_for("a broken attempt", |requests| on(requests, BULK).next().is_some());
    up.wait_for("usage", |requests| taken(requests).next().is_some());
    let posted = reporters.finish();
    has_taken(&up, posted - before);
}

#[test]
fn a_restart_in_the_middle_loses_nothing() {
    let (up, mut brink) = reporting(&[]);
    let mut posted = 0;
    for _ in 0..2 {
        let reporters = Reporters::start(&brink);
        wait_for_more(&up, BULK, 1);
        posted += reporters.finish();
        brink.signal("TERM");
        assert_eq!(brink.wait(), Some(0), "{}", brink.log());
        assert!(!brink.log().contains("this is lost"), "{}", brink.log());
        assert_eq!(sum(&up), posted, "all is delivered before the end");
        brink = crate::scene::start(&up, &["-t", crate::scene::TOKEN, "--metrics-interval-seconds", "1"]);
        crate::scene::serves(&brink, crate::scene::TOKEN, &["old"]);
    }
}
