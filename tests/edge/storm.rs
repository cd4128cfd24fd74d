//! A flood of made-up tokens: each refused, upstream hardly touched, others not at all (security.md 4.1 and 7.5).

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    brink::{Brink, Client},
    fake_upstream::{Habit, VALIDATE, on},
    scene::{Poller, TOKEN, running, seen, serves},
};

const CONNECTIONS: u64 = 150;
const REQUESTS: u64 = 70;
const METRICS: &str = r#"{"appName":"flood","bucket":null}"#;

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A post of metrics with a token of the form that upstream's own load script uses.
fn post(client: &mut Client) -> u16 {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let head = "POST /api/client/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let token = format!("authorization: *:development.{number:064}\r\n");
    let length = METRICS.len();
    client.exchange(format!("{head}{token}content-length: {length}\r\n\r\n{METRICS}")).status
}

/// All connections at the same time; the time of each request, sorted.
fn storm(brink: &Brink) -> Vec<Duration> {
    let connection = || {
        let mut client = brink.connect();
        let request = |_| {
            let started = Instant::now();
            assert_eq!(post(&mut client), 403);
            started.elapsed()
        };
        (0..REQUESTS).map(request).collect::<Vec<Duration>>()
    };
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("every request is refused")).collect()
    });
    times.sort_unstable();
    times
}

#[test]
fn ten_thousand_made_up_tokens_are_refused_and_nobody_else_notices() {
    let (up, brink) = running(&[]);
    up.set_habit_on(VALIDATE, Habit::SlowFirstByte(Duration::from_millis(20)));
    up.forget_requests();
    let poller = Poller::start(&brink, TOKEN);
    let (memory_kb, started) = (brink.rss_kb(), Instant::now());
    let times = storm(&brink);
    let took = started.elapsed();
    let grown_kb = brink.rss_kb().saturating_sub(memory_kb);
    let requests = up.requests();
    let (calls, at) =
        (on(&requests, VALIDATE).count() as u64, |part: usize| times[(times.len() - 1) * part / 1000]);
    eprintln!(
        "{} requests in {took:?}: p50 {:?}, p99 {:?}, longest {:?}; {calls} calls, {grown_kb} kB more",
        times.len(),
        at(500),
        at(990),
        at(1000)
    );
    assert!(times.len() >= 10_000);
    let most = 10 * (took.as_secs() + 1);
    assert!(calls > 0 && calls <= most, "{calls} calls in {took:?}");
    let tokens: usize =
        on(&requests, VALIDATE).map(|call| call.json()["tokens"].as_array().map_or(0, Vec::len)).sum();
    assert!(tokens < times.len() / 2, "{tokens} of {} were asked about", times.len());
    assert!(grown_kb < 48 << 10, "{grown_kb} kB more");
    // Those that waited for a verdict are few. The machine may be busy, so this is no measurement.
    assert!(at(900) < Duration::from_millis(500), "p90 {:?}", at(900));
    assert_eq!(poller.finish(), [seen(&["old"])]);
}

#[test]
fn a_new_valid_token_works_in_the_middle_of_a_flood() {
    const LATE: &str = "*:development.s3cret-of-a-late-one";
    let (up, brink) = running(&[]);
    up.add_token(LATE, "client", &["*"]);
    thread::scope(|scope| {
        let flood = scope.spawn(|| storm(&brink));
        serves(&brink, LATE, &["old"]);
        flood.join().expect("the flood is refused");
    });
}
