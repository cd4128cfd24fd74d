//! The common answers cost no allocation: 304, 200, 403, and reports about what was reported before (invariant 5 of
//! the architecture).
//!
//! One test, because the counters belong to the whole process.

#[path = "support/document.rs"]
mod document;
#[path = "support/edge.rs"]
mod edge;
#[path = "support/reports.rs"]
mod reports;

use std::alloc::System;

use brink::{
    config::settings::Share,
    messages::{Ask, Verdict},
    observe::access::{Hearing, Interest, Message},
    serve::{Desk, Edge},
};
use brink_shards::{Now, Service, loopback::Loopback};
use crossbeam_channel::{Sender, bounded};
use document::{REFUSED, TOKEN};
use edge::{FEATURES, get, token};
use reports::{post, usage_of};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const STRANGER: &str = "*:development.nobody-knows-me";
const REQUESTS: usize = 100;

/// Sends the request until everything that is kept is there, and then counts.
fn check(connection: &mut Loopback<Edge>, sent: &mut Vec<u8>, request: &[u8], status: &str) {
    for _ in 0..3 {
        sent.clear();
        connection.receive(request, sent);
        let is_expected = sent.get(9..12) == Some(status.as_bytes());
        assert!(is_expected, "{}", String::from_utf8_lossy(sent.get(..300).unwrap_or(sent)));
    }
    let region = Region::new(COUNTING);
    for _ in 0..REQUESTS {
        sent.clear();
        connection.receive(request, sent);
    }
    let change = region.change();
    let counted = (change.allocations, change.reallocations, change.deallocations);
    assert_eq!(counted, (0, 0, 0), "{status} to {}", String::from_utf8_lossy(request));
}

#[test]
fn answers_from_memory_and_refusals_allocate_nothing() {
    answers_from_memory();
    refusals();
    reports();
    access_records();
}

/// A desk that hands usage over, so that seen tokens are gathered.
fn reporting(control: Sender<Ask>) -> Desk {
    Desk::edge(control).with_usage(bounded(1).0)
}

fn answers_from_memory() {
    let mut sent = Vec::with_capacity(4 << 20);
    for bytes in [1_000, 100_000, 3_000_000] {
        let (mut connection, asks) = document::connect_to(bytes, reporting);
        let etag = document::view(bytes).etag;
        let mut check = |headers: String, status| {
            check(&mut connection, &mut sent, &get(FEATURES, &headers), status);
        };
        check(token(TOKEN), "200");
        check(token(TOKEN) + "accept-encoding: gzip\r\n", "200");
        check(token(TOKEN) + "accept-encoding: gzip, deflate, br, zstd\r\n", "200");
        let sdk = "unleash-sdk: unleash-node-sdk:6.12.1\r\nunleash-client-spec: 5.2.1\r\nunleash-interval: 15000\r\n";
        check(token(TOKEN) + sdk, "200");
        check(token(TOKEN) + sdk + "accept-encoding: gzip, br;q=0.5\r\n", "200");
        check(token(TOKEN) + "unleash-sdk: of my own\r\n", "200");
        check(token(TOKEN) + "origin: https://shop.example\r\n", "200");
        check(token(TOKEN) + &format!("if-none-match: {etag}\r\n"), "304");
        check(token(TOKEN) + &format!("if-none-match: \"other\", W/{etag}\r\n"), "304");
        check(token(REFUSED), "403");
        check(String::new(), "403");
        assert_eq!(asks.try_iter().count(), 1, "for zstd, which was not there");
    }
}

/// Not even a request that goes into the access log and becomes a span, path and caller included.
fn access_records() {
    let mut sent = Vec::with_capacity(1 << 16);
    for (share, expected) in [(Share::default(), 0), (Share::ALL, REQUESTS + 3)] {
        let (mut connection, _asks) = document::connect_to(1_000, Desk::edge);
        let interest = Interest { lines: share, spans: share, ..Interest::default() };
        let (hearing, told) = Hearing::new(interest);
        let edge = std::mem::replace(&mut connection.service, edge::connect(Desk::edge).0.service);
        connection.service = edge.with_witness(hearing.witness(7));
        let traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
        let request = get(FEATURES, &(token(TOKEN) + traceparent));
        check(&mut connection, &mut sent, &request, "200");
        let records: Vec<_> = told.try_iter().collect();
        assert_eq!(records.len(), expected);
        for message in records {
            let Message::Answered(record) = message else { panic!("nothing failed") };
            assert_eq!((record.status, record.path.text()), (200, FEATURES));
            assert!(record.makes_line && record.makes_span && record.parent.is_some());
        }
    }
}

fn refusals() {
    let mut sent = Vec::with_capacity(1 << 16);
    let (mut connection, asks) = document::connect_to(1_000, reporting);
    check(&mut connection, &mut sent, &get(FEATURES, &token("not a token")), "403");
    check(&mut connection, &mut sent, &get("/unknown", ""), "404");
    check(&mut connection, &mut sent, &get("/internal-backstage/health", ""), "200");

    connection.exchange(&get(FEATURES, &token(STRANGER)));
    let Ok(Ask::Validate { key, .. }) = asks.try_recv() else { panic!("a stranger is asked about") };
    connection.answer(Verdict::Refused { key, remember: std::time::Duration::from_secs(5) });
    check(&mut connection, &mut sent, &get(FEATURES, &token(STRANGER)), "403");
}

fn reports() {
    let mut sent = Vec::with_capacity(1 << 16);
    let (mut connection, _asks) = document::connect_to(1_000, reporting);
    let since_1970 = std::time::Duration::from_secs(1_800_000_000);
    connection.service.tick(&Now { unix: since_1970, ..Now::default() });
    for flags in [0, 1, 10, 350] {
        let report = post("/api/client/metrics", &token(TOKEN), &usage_of(flags));
        check(&mut connection, &mut sent, &report, "202");
    }
}
