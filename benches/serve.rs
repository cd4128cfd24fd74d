//! What one request costs on a shard, without ring and socket: reading it, finding the answer, writing it out.
//!
//! `cargo bench --bench serve`. Plain wall time: each case runs in rounds of a thousand (fewer where a body is
//! copied) for a fifth of a second; the fastest and the median round are printed, per request. The answer is
//! copied once into a buffer, where a socket would take it: for the large bodies that copy is most of the time.

#[path = "../tests/support/document.rs"]
mod document;
#[path = "../tests/support/edge.rs"]
mod edge;
#[path = "../tests/support/reports.rs"]
mod reports;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use brink::{
    config::settings::Share,
    messages::Ask,
    observe::access::{Hearing, Interest},
    serve::{Desk, Edge},
};
use brink_shards::{Now, Service, loopback::Loopback};
use crossbeam_channel::{Sender, bounded};
use document::{REFUSED, TOKEN};
use edge::{FEATURES, get, token};
use reports::{post, usage_of};

const RUN_FOR: Duration = Duration::from_millis(200);
const ROUNDS_MIN: usize = 5;
const ROUND_REQUESTS: usize = 1_000;
/// A round copies at most about this much.
const ROUND_BYTES_MAX: usize = 64 << 20;

fn main() {
    for bytes in [2_000, 100_000, 3_000_000] {
        bench_document(bytes);
    }
    bench_reports();
    bench_witnesses();
}

/// A desk that hands usage over, as an edge's does.
fn reporting(control: Sender<Ask>) -> Desk {
    Desk::edge(control).with_usage(bounded(1).0)
}

fn bench_reports() {
    let (mut connection, _asks) = document::connect_to(2_000, reporting);
    connection.service.tick(&Now { unix: Duration::from_secs(1_800_000_000), ..Now::default() });
    println!("reports about flags that were reported before");
    for flags in [1, 10, 100, 350] {
        let request = post("/api/client/metrics", &token(TOKEN), &usage_of(flags));
        report(&mut connection, &format!("202 to a report about {flags}"), &request);
    }
}

/// What it costs to be listened to; the thread that would say it is played by nobody, so that the queue is full soon.
fn bench_witnesses() {
    println!("who listens");
    let all = Interest { lines: Share::ALL, ..Interest::default() };
    let tracing = Interest { is_tracing: true, ..Interest::default() };
    for (name, interest) in [
        ("304 nobody", None),
        ("304 for failures", Some(Interest::default())),
        ("304 for the access log", Some(all)),
        ("304 at trace", Some(tracing)),
    ] {
        let (mut connection, _asks) = document::connect_to(2_000, Desk::edge);
        let heard = interest.map(Hearing::new);
        if let Some((hearing, _)) = &heard {
            let idle = edge::connect(Desk::edge).0.service;
            let edge = std::mem::replace(&mut connection.service, idle);
            connection.service = edge.with_witness(hearing.witness(7));
        }
        let headers = format!("if-none-match: {}\r\n", document::view(2_000).etag);
        report(&mut connection, name, &get(FEATURES, &(token(TOKEN) + &headers)));
    }
}

fn bench_document(bytes: usize) {
    let (mut connection, _asks) = document::connect_to(bytes, reporting);
    let view = document::view(bytes);
    let gzip = view.gzip.as_ref().map_or(0, |body| body.len());
    println!("document of {} bytes, {gzip} as gzip", view.identity.len());
    let mut report = |name: &str, target: &str, headers: &str| {
        report(&mut connection, name, &get(target, &(token(TOKEN) + headers)));
    };
    report("200", FEATURES, "");
    report("200 gzip", FEATURES, "accept-encoding: gzip, deflate\r\n");
    report("304", FEATURES, &format!("if-none-match: {}\r\n", view.etag));
    report("200 with a prefix of a tenth", &format!("{FEATURES}?namePrefix=team-3."), "");
    report("200 of one feature", &format!("{FEATURES}/team-0.flag-0"), "");
    let sdk = "user-agent: sdk/1\r\naccept: application/json\r\nunleash-appname: bench\r\nunleash-instanceid: \
               bench-1\r\nunleash-connection-id: 0193-22\r\nunleash-sdk: unleash-client-node:6.1.0\r\n\
               unleash-client-spec: 5.1.9\r\nunleash-interval: 15000\r\nconnection: keep-alive\r\n";
    report("304 with the headers of an SDK", FEATURES, &format!("{sdk}if-none-match: {}\r\n", view.etag));
    refused(&mut connection);
    println!();
}

fn refused(connection: &mut Loopback<Edge>) {
    report(connection, "403", &get(FEATURES, &token(REFUSED)));
}

fn report(connection: &mut Loopback<Edge>, name: &str, request: &[u8]) {
    let mut sent = connection.exchange(request);
    let status = String::from_utf8_lossy(sent.get(9..12).unwrap_or_default()).into_owned();
    assert!(name.starts_with(&status), "{name}: answered {status}");
    let requests = (ROUND_BYTES_MAX / sent.len()).clamp(1, ROUND_REQUESTS);
    let mut rounds = Vec::new();
    let started = Instant::now();
    while started.elapsed() < RUN_FOR || rounds.len() < ROUNDS_MIN {
        let round = Instant::now();
        for _ in 0..requests {
            sent.clear();
            connection.receive(black_box(request), &mut sent);
            black_box(&sent);
        }
        rounds.push(round.elapsed());
    }
    rounds.sort_unstable();
    let per_request =
        |round: Option<&Duration>| round.map_or(0.0, |round| round.as_nanos() as f64 / requests as f64);
    let (best, median) = (per_request(rounds.first()), per_request(rounds.get(rounds.len() / 2)));
    println!("  {name:<34} {best:>11.0} ns best {median:>11.0} ns median {:>9} bytes", sent.len());
}
