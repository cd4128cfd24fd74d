//! An edge that streams from an edge that streams: what upstream says goes through both, with upstream's own ids, and nobody
//! at the end notices what happens to the one in the middle.

use std::{
    collections::BTreeMap,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    brink::{Brink, PATIENCE},
    client::Stream,
    model_unleash::Unleash,
    relay::Relay,
    scene::{ALL, P1, P2},
    scrape::Scrape,
    streaming_upstream::{DELTA, FEATURES, StreamingUpstream},
};

/// Content of features by name.
type Contents = BTreeMap<String, String>;

struct Chain {
    up: StreamingUpstream,
    middle: Brink,
    /// Between the two edges.
    relay: Relay,
    bottom: Brink,
}

/// An edge on this port, or any (0), that polls rarely: what comes soon comes by the stream.
fn edge(url: &str, port: u16) -> Brink {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brink"));
    command.env_clear().env("NO_COLOR", "1");
    let (port, interval) = (port.to_string(), "--features-refresh-interval-seconds");
    command.args(["-p", &port, "-i", "127.0.0.1", "--workers", "1"]);
    command.args(["edge", "-u", url, "-t", ALL, "--streaming", interval, "60"]);
    let brink = Brink::start_with(&mut command);
    for token in [ALL, P1] {
        brink.get_until(FEATURES, &[("authorization", token)], |answer| answer.status == 200);
    }
    brink
}

impl Chain {
    fn start() -> Self {
        let mut unleash = Unleash::new(40);
        unleash.set("a", "p1", 1, Some(1));
        unleash.set("b", "p2", 1, Some(2));
        let up = StreamingUpstream::start(ALL, unleash);
        [P1, P2].iter().for_each(|token| up.add_token(token));
        let middle = edge(&up.url(), 0);
        let relay = Relay::start(middle.address);
        let bottom = edge(&relay.url(), 0);
        up.wait_for_streams(1);
        let chain = Self { up, middle, relay, bottom };
        chain.streams_arrive(1);
        chain
    }

    /// A change, and the revision it leads to.
    fn change(&self, edit: impl FnOnce(&mut Unleash)) -> String {
        let mut revision = 0;
        self.up.change(|unleash| {
            edit(unleash);
            revision = unleash.revision;
        });
        revision.to_string()
    }

    /// What upstream has, of one project or all.
    fn contents(&self, project: &str) -> Contents {
        let mut list = String::new();
        self.up.change(|unleash| list = unleash.list());
        let list: Value = serde_json::from_str(&list).expect("what we have written");
        let features = list["features"].as_array().expect("a list").iter();
        let ours = features.filter(|feature| project.is_empty() || feature["project"] == project);
        ours.map(|feature| (text(&feature["name"]), text(&feature["description"]))).collect()
    }

    /// So many streams are open at the middle.
    #[track_caller]
    fn streams_arrive(&self, count: usize) {
        self.middle.get_until("/internal-backstage/metrics", &[], |page| {
            Scrape::read(&page.text()).sum("connected_streaming_clients", &[]) == count as f64
        });
    }

    /// What the bottom has been told of a kind.
    fn told(&self, kind: &str) -> f64 {
        let page = self.bottom.get("/internal-backstage/metrics", &[]).text();
        Scrape::read(&page).sum("brink_stream_events_total", &[("type", kind)])
    }

    /// The middle goes and comes back where it was.
    fn replace_middle(&mut self) {
        self.middle = edge(&self.up.url(), self.middle.address.port());
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Reads on until the stream holds what upstream has; everything it says on the way.
#[track_caller]
fn reaches(stream: &mut Stream, expected: &Contents) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    loop {
        let features = stream.held.features.values();
        let held: Contents =
            features.map(|feature| (text(&feature["name"]), text(&feature["description"]))).collect();
        if held == *expected {
            return said;
        }
        assert!(Instant::now() < deadline, "{held:?} instead of {expected:?}, after {said:?}");
        said.extend(stream.next().kinds());
    }
}

#[test]
fn a_change_goes_through_both_with_its_own_id() {
    let chain = Chain::start();
    let mut streams = [ALL, P1, P2].map(|token| Stream::of(&chain.bottom, token));
    streams.iter_mut().for_each(|stream| _ = stream.next());
    let began = Instant::now();
    let id = chain.change(|unleash| unleash.set("a", "p1", 7, Some(1)));
    let [all, p1, p2] = &mut streams;
    all.expect("updated", Some(&id), &["+a"]);
    p1.expect("updated", Some(&id), &["+a"]);
    let took = began.elapsed();
    let id = chain.change(|unleash| unleash.move_to("a", "p2"));
    all.expect("updated", Some(&id), &["-a", "+a"]);
    p1.expect("updated", Some(&id), &["-a", "-1"]);
    p2.expect("updated", Some(&id), &["+1", "+a"]);
    let id = chain.change(|unleash| unleash.set_segment(1, 9));
    all.expect("updated", Some(&id), &["+1"]);
    let id = chain.change(|unleash| unleash.remove("b"));
    all.expect("updated", Some(&id), &["-b", "-2"]);
    // A matter of milliseconds; this machine may be busy.
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(chain.told("hydration"), 1.0);
    assert_eq!((chain.up.requests(FEATURES).len(), chain.up.requests(DELTA).len()), (0, 0));
    // Whoever stood at an id of upstream goes on from it here or there.
    for edge in [&chain.middle, &chain.bottom] {
        Stream::open(edge, "/api/client/streaming", ALL, Some(&id)).expect("connected", None, &[]);
    }
}

#[test]
fn a_history_that_begins_anew_goes_through_both() {
    let chain = Chain::start();
    let mut stream = Stream::of(&chain.bottom, ALL);
    stream.next();
    chain.up.change_silently(|unleash| {
        unleash.clear();
        unleash.restart(3);
        unleash.set("new", "p1", 1, None);
    });
    chain.up.cut();
    reaches(&mut stream, &chain.contents(""));
    chain.change(|unleash| unleash.set("newer", "p1", 1, None));
    reaches(&mut stream, &chain.contents(""));
}

#[test]
fn what_was_missed_while_the_way_was_cut_is_caught_up() {
    let chain = Chain::start();
    let mut streams = [ALL, P1].map(|token| Stream::of(&chain.bottom, token));
    streams.iter_mut().for_each(|stream| _ = stream.next());
    chain.relay.close();
    chain.change(|unleash| unleash.set("c", "p1", 1, Some(2)));
    chain.change(|unleash| unleash.remove("a"));
    let before = chain.bottom.get(FEATURES, &[("authorization", ALL)]).names();
    assert_eq!(before, ["a", "b"], "what was loaded is served meanwhile");
    chain.relay.open();
    let [all, p1] = &mut streams;
    let said = reaches(all, &chain.contents(""));
    assert!(!said.contains(&"everything".to_owned()), "{said:?}");
    reaches(p1, &chain.contents("p1"));
    assert_eq!(chain.told("hydration"), 1.0, "the stream was resumed");
    chain.streams_arrive(1);
}

/// What it knew it knows no more: whoever missed something is told everything, others are not.
#[test]
fn the_one_in_the_middle_is_killed_and_comes_back() {
    let mut chain = Chain::start();
    let mut stream = Stream::of(&chain.bottom, ALL);
    stream.next();
    chain.middle.signal("KILL");
    chain.middle.wait();
    chain.replace_middle();
    chain.streams_arrive(1);
    let id = chain.change(|unleash| unleash.set("c", "p1", 1, None));
    stream.expect("updated", Some(&id), &["+c"]);
    assert_eq!(chain.told("hydration"), 1.0, "nothing was missed");
    chain.middle.signal("KILL");
    chain.middle.wait();
    chain.change(|unleash| unleash.remove("a"));
    chain.change(|unleash| unleash.set("b", "p2", 5, None));
    chain.replace_middle();
    let said = reaches(&mut stream, &chain.contents(""));
    // The bottom tells its clients only what is different.
    assert!(!said.contains(&"everything".to_owned()), "{said:?}");
    assert_eq!(chain.told("hydration"), 2.0);
}

#[test]
fn the_one_in_the_middle_stops_properly_and_nobody_below_notices() {
    let mut chain = Chain::start();
    let mut stream = Stream::of(&chain.bottom, ALL);
    stream.next();
    chain.middle.signal("TERM");
    assert_eq!(chain.middle.wait(), Some(0));
    assert_eq!(chain.bottom.get("/internal-backstage/ready", &[]).status, 200);
    assert_eq!(chain.bottom.get(FEATURES, &[("authorization", P1)]).names(), ["a"]);
    chain.change(|unleash| unleash.set("c", "p1", 1, None));
    chain.replace_middle();
    reaches(&mut stream, &chain.contents(""));
}
