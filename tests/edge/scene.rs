//! What the tests of edge mode start from: an upstream with one token and one feature, an edge in front of it,
//! and clients that look at the edge.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    brink::{Brink, Client, PATIENCE, Response},
    fake_upstream::{FEATURES, FakeUpstream, Request, VALIDATE, on},
};

/// A backend token for everything in the environment `development`.
pub const TOKEN: &str = "*:development.s3cret-of-development-0001";

/// Refreshes every second; see [`edge`].
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Between two requests of a [`Poller`]. Not a wait for anything: a client that leaves the machine to others.
const POLLING_PAUSE: Duration = Duration::from_millis(4);

/// A features document with these features, all of one project.
pub fn project(project: &str, names: &[&str]) -> String {
    let feature = |name: &&str| json!({"name": name, "project": project, "enabled": true, "strategies": []});
    let features: Vec<_> = names.iter().map(feature).collect();
    json!({"version": 2, "features": features}).to_string()
}

/// A features document of the project `default`.
pub fn document(names: &[&str]) -> String {
    project("default", names)
}

/// An upstream that knows [`TOKEN`] and has the feature `old`.
pub fn upstream() -> FakeUpstream {
    let up = FakeUpstream::start();
    prepare(&up);
    up
}

/// Lets an upstream know [`TOKEN`] and the feature `old`.
pub fn prepare(up: &FakeUpstream) {
    up.add_token(TOKEN, "client", &["*"]);
    up.set_features("development", document(&["old"]));
}

/// The arguments of an edge with one shard that refreshes every second.
pub fn edge<'a>(url: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&["--workers", "1", "edge", "-u", url, "--features-refresh-interval-seconds", "1"], args].concat()
}

/// An edge in front of an upstream.
pub fn start(up: &FakeUpstream, args: &[&str]) -> Brink {
    Brink::start(&edge(&up.url(), args))
}

/// An upstream and an edge that has loaded its data.
pub fn running(args: &[&str]) -> (FakeUpstream, Brink) {
    let up = upstream();
    let brink = start(&up, &[&["-t", TOKEN], args].concat());
    serves(&brink, TOKEN, &["old"]);
    (up, brink)
}

/// The answer to a client with this token.
pub fn features(brink: &Brink, token: &str) -> Response {
    brink.get(FEATURES, &[("authorization", token)])
}

/// Waits until a client with this token gets these features.
#[track_caller]
pub fn serves(brink: &Brink, token: &str, names: &[&str]) -> Response {
    brink.get_until(FEATURES, &[("authorization", token)], |response| {
        response.status == 200 && response.names() == names
    })
}

/// Waits until a client with this token gets this status.
#[track_caller]
pub fn answers(brink: &Brink, token: &str, status: u16) -> Response {
    brink.get_until(FEATURES, &[("authorization", token)], |response| response.status == status)
}

/// Status of the readiness probe.
pub fn readiness(brink: &Brink) -> u16 {
    brink.get("/internal-backstage/ready", &[]).status
}

/// Waits until the readiness probe has this status.
#[track_caller]
pub fn becomes_ready(brink: &Brink, status: u16) {
    brink.get_until("/internal-backstage/ready", &[], |response| response.status == status);
}

/// The answer that makes SDKs come back: 503 with `Retry-After`.
#[track_caller]
pub fn is_come_back_later(response: &Response) {
    assert_eq!((response.status, response.header("retry-after")), (503, Some("1")), "{response:?}");
}

/// Waits until that many log lines have this text; fails on more.
#[track_caller]
pub fn says(brink: &mut Brink, text: &str, times: usize) {
    if times > 0 {
        brink.wait_for_log(text);
    }
    let deadline = Instant::now() + PATIENCE;
    let count = |brink: &Brink| brink.log().lines().filter(|line| line.contains(text)).count();
    while count(brink) < times && Instant::now() < deadline {
        thread::sleep(POLLING_PAUSE);
    }
    assert_eq!(count(brink), times, "{text:?}\n{}", brink.log());
}

/// How often upstream was asked about this token.
pub fn times_asked(requests: &[Request], token: &str) -> usize {
    let asked_for = |request: &&Request| {
        request.json()["tokens"].as_array().is_some_and(|tokens| tokens.iter().any(|one| one == token))
    };
    on(requests, VALIDATE).filter(asked_for).count()
}

/// The tokens that features were fetched with, in order.
pub fn fetchers(up: &FakeUpstream) -> Vec<String> {
    let requests = up.requests();
    on(&requests, FEATURES).map(|request| request.only("authorization").unwrap_or_default().into()).collect()
}

/// Waits until that many further requests to this path have come in.
#[track_caller]
pub fn wait_for_more(up: &FakeUpstream, path: &str, more: usize) {
    let before = on(&up.requests(), path).count();
    up.wait_for(&format!("{more} more of {path}"), |requests| on(requests, path).count() >= before + more);
}

/// Runs the check on all rows at the same time: most of them wait most of the time.
pub fn in_parallel<T: Debug + Sync>(rows: &[T], check: impl Fn(&T) + Sync) {
    thread::scope(|scope| {
        for row in rows {
            let named = thread::Builder::new().name(format!("{row:?}").chars().take(60).collect());
            let check = &check;
            named.spawn_scoped(scope, move || check(row)).expect("the system has threads left");
        }
    });
}

/// What a client saw: the status, and the features if it was 200.
pub type Seen = (u16, Vec<String>);

/// 200 with these features, as a [`Poller`] sees it.
pub fn seen(names: &[&str]) -> Seen {
    (200, names.iter().map(|name| (*name).to_owned()).collect())
}

/// A client that asks for features all the time, over one connection.
pub struct Poller {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Seen>>,
}

impl Poller {
    /// Starts to ask.
    pub fn start(brink: &Brink, token: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = brink.connect();
        let stopped = Arc::clone(&stop);
        Self { stop, thread: thread::spawn(move || poll(client, token, &stopped)) }
    }

    /// Asks a last time, and tells what was seen, equal answers in a row as one.
    pub fn finish(self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the poller gets an answer to every request")
    }
}

fn poll(mut client: Client, token: &str, stopped: &AtomicBool) -> Vec<Seen> {
    let mut history: Vec<Seen> = Vec::new();
    loop {
        let is_last = stopped.load(Ordering::Relaxed);
        let response = client.request("GET", FEATURES, &[("authorization", token)]);
        let names = if response.status == 200 { response.names() } else { Vec::new() };
        let now = (response.status, names);
        if history.last() != Some(&now) {
            history.push(now);
        }
        if is_last {
            return history;
        }
        thread::sleep(POLLING_PAUSE);
    }
}
