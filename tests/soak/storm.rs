//! What upstream does while it storms: changes of every kind, and what can happen to a stream.

use std::{
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, rngs::SmallRng, seq::IndexedRandom};

use super::{model_unleash::frame, streaming_upstream as upstream};
use upstream::{FEATURES, STREAMING, StreamingUpstream, Way};

pub const PROJECTS: [&str; 4] = ["p1", "p2", "p3", "p4"];
const PREFIXES: [&str; 3] = ["a.", "b.", "c."];
const NAMES_PER_PREFIX: u32 = 40;
const SEGMENTS: i64 = 6;
/// Changes one by one before it is quiet.
const LAST: usize = 40;
/// How long a trouble lasts at most.
const TROUBLE: Duration = Duration::from_secs(2);
/// So many ends of the stream, and brink's wait for the next one gets long, so that there would be no stream any more.
const ENDS_MAX: u32 = 5;
/// A stream that lasts so long is a good one, and the waits are short again.
const HEALTHY: Duration = Duration::from_secs(63);

/// What happens to the stream. Those that end it come first.
const TROUBLES: [&str; 14] = [
    "cut",
    "cut, and changes meanwhile",
    "broken JSON",
    "unknown event",
    "half an event",
    "refused",
    "denied",
    "ends at once",
    "mute",
    "smaller ids",
    "another history",
    "held back",
    "hydration",
    "no lists",
];
const ENDING: usize = 11;

/// See the module.
pub struct Storm<'u> {
    up: &'u StreamingUpstream,
    random: SmallRng,
    counter: u64,
    /// What is the matter, and until when.
    trouble: Option<(&'static str, Instant)>,
    /// Ends of the stream, and since when it has been open after them.
    ends: u32,
    calm_since: Option<Instant>,
    /// Once in this storm.
    has_ended: bool,
    /// How often each was played.
    pub played: [u32; TROUBLES.len()],
    pub changes: u64,
    /// Troubles since it was quiet last.
    pub lately: Vec<&'static str>,
}

impl<'u> Storm<'u> {
    pub fn new(up: &'u StreamingUpstream, random: SmallRng) -> Self {
        Self {
            up,
            random,
            counter: 0,
            trouble: None,
            ends: 0,
            calm_since: None,
            has_ended: false,
            played: [0; TROUBLES.len()],
            changes: 0,
            lately: Vec::new(),
        }
    }

    /// Everything there may be, to begin with.
    pub fn fill(&mut self) {
        for _ in 0..160 {
            self.change(false);
        }
    }

    /// Storms until then, and mends everything.
    pub fn rage(&mut self, until: Instant) {
        self.lately.clear();
        self.has_ended = false;
        while Instant::now() < until {
            let is_held = matches!(self.trouble, Some(("held back", _)));
            let burst = if self.random.random_bool(0.01) { self.random.random_range(20..150) } else { 1 };
            (0..burst).for_each(|_| self.change(is_held));
            match self.trouble {
                Some((_, end)) if Instant::now() >= end => self.mend(),
                None if self.random.random_bool(0.12) => self.stir(),
                _ => {}
            }
            // The pace of changes, not a wait for anything.
            thread::sleep(Duration::from_millis(self.random.random_range(5..250)));
        }
        self.mend();
        // What is changed last nothing covers any more.
        for _ in 0..LAST {
            self.change(false);
            thread::sleep(Duration::from_millis(self.random.random_range(1..15)));
        }
    }

    pub fn describe(&self) -> String {
        let played = TROUBLES.iter().zip(self.played).map(|(name, times)| format!("{name} {times}"));
        played.collect::<Vec<_>>().join(", ")
    }

    fn change(&mut self, is_held: bool) {
        self.changes += 1;
        self.counter += 1;
        let (random, content) = (&mut self.random, self.counter);
        let name =
            format!("{}{}", PREFIXES.choose(random).expect("some"), random.random_range(0..NAMES_PER_PREFIX));
        let project = *PROJECTS.choose(random).expect("some");
        let segment = random.random_range(1..=SEGMENTS);
        let refers = random.random_bool(0.4);
        let dice = random.random_range(0..10);
        let edit = move |unleash: &mut super::model_unleash::Unleash| match dice {
            0..5 => unleash.set(&name, project, content, refers.then_some(segment)),
            5..7 => unleash.remove(&name),
            7 => unleash.move_to(&name, project),
            8 => unleash.set_segment(segment, content),
            _ => unleash.remove_segment(segment),
        };
        if is_held { self.up.hold_back(edit) } else { self.up.change(edit) }
    }

    /// Something goes wrong.
    fn stir(&mut self) {
        let first = if self.may_end() && !self.has_ended { 0 } else { ENDING };
        let (one, other) = (
            self.random.random_range(first..TROUBLES.len()),
            self.random.random_range(first..TROUBLES.len()),
        );
        let at = if self.played[one] <= self.played[other] { one } else { other };
        let name = TROUBLES[at];
        self.played[at] += 1;
        self.lately.push(name);
        if at < ENDING {
            (self.ends, self.calm_since, self.has_ended) = (self.ends + 1, None, true);
        }
        let up = self.up;
        let refuse = |way| {
            up.treat(STREAMING, way);
            up.cut();
        };
        match name {
            "broken JSON" => {
                up.change_silently(|unleash| unleash.set("a.0", "p1", 0, None));
                up.say("event: unleash-updated\nid: 9\ndata: {\"events\":[{\"type\":\"feat\n\n");
            }
            "unknown event" => {
                up.change_silently(|unleash| unleash.remove("a.1"));
                up.say(
                    "event: unleash-updated\nid: 9\ndata: {\"events\":[{\"type\":\"frozen\",\"eventId\":9}]}\n\n",
                );
            }
            "half an event" => {
                up.say(
                    "event: unleash-updated\nid: 9\ndata: {\"events\":[{\"type\":\"feature-removed\",\"ev",
                );
                up.cut();
            }
            "refused" => {
                let status = *[404, 429, 500, 503].choose(&mut self.random).expect("some");
                refuse(Way::Status(status, self.random.random_bool(0.5).then_some(1)));
            }
            "denied" => refuse(Way::Status(403, None)),
            "ends at once" => refuse(Way::Ends),
            "mute" => refuse(Way::Mute),
            "smaller ids" | "another history" => {
                let revision = self.random.random_range(0..60);
                up.change_silently(|unleash| {
                    if name == "another history" {
                        unleash.clear();
                    }
                    unleash.restart(revision);
                });
                up.cut();
            }
            "hydration" => {
                let mut text = String::new();
                up.change(|unleash| {
                    text = frame("unleash-updated", Some(unleash.revision), &[unleash.hydration()]);
                });
                up.say(&text);
            }
            "no lists" => up.treat(FEATURES, Way::Status(500, None)),
            "held back" => {}
            _ => up.cut(),
        }
        let lasts = self.random.random_range(Duration::ZERO..TROUBLE);
        self.trouble = Some((name, Instant::now() + lasts));
    }

    /// Whether the stream may be ended once more.
    fn may_end(&mut self) -> bool {
        let is_open = self.up.open_streams() > 0;
        let since = *self.calm_since.get_or_insert_with(Instant::now);
        if !is_open {
            self.calm_since = None;
        } else if since.elapsed() > HEALTHY {
            self.ends = 0;
        }
        self.ends < ENDS_MAX
    }

    fn mend(&mut self) {
        let Some((name, _)) = self.trouble.take() else { return };
        self.up.treat(STREAMING, Way::Well);
        self.up.treat(FEATURES, Way::Well);
        if name == "mute" {
            self.up.cut();
        }
    }
}
