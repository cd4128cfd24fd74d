//! Evaluated answers: compressed or not, and in slices.

use std::io::Read;

use serde_json::json;

use super::*;
use crate::{
    evaluate::{Ask, Context, Engine, Scratch, VALUE_BYTES_MAX},
    features::etag::Etag,
    serve::{
        entity::Entity,
        evaluator::Stage,
        limits::{GZIP_BYTES_MIN, SLICE_GZIP_BYTES, UNFINISHED_MAX},
    },
    snapshot::FrontendState,
};

const FRONTEND: &str = "*:development.frontend";
const SHORT: &str = "/api/frontend/features/f000";

/// Features that are all on, each hashing the user's id, with a variant that has a payload of this size.
fn engine(count: usize, payload_bytes: usize) -> Arc<Engine> {
    let payload = json!({"type": "string", "value": "p".repeat(payload_bytes)});
    let feature = |at: usize| {
        let strategy = json!({"name": "flexibleRollout", "parameters": {"rollout": "100", "stickiness": "userId", "groupId": at.to_string()}});
        json!({"name": format!("f{at:03}"), "enabled": true, "project": "p1", "strategies": [strategy],
            "variants": [{"name": "v", "weight": 1, "payload": payload}]})
        .to_string()
    };
    let features: Vec<String> = (0..count).map(feature).collect();
    let features: Vec<&str> = features.iter().map(String::as_str).collect();
    Arc::new(Engine::compile(&environment(&features), None))
}

fn evaluating(engine: &Arc<Engine>) -> Snapshot {
    let (kind, standing) = (TokenKind::Frontend, Standing::Validated);
    let known = Known { text: FRONTEND, kind, standing, scope: scope(&["*"]), state: ScopeState::Uncovered };
    let frontends = Box::new([FrontendState::Serving(Arc::clone(engine))]);
    Snapshot { frontends, ..snapshot(&[known]) }
}

fn bench(engine: &Arc<Engine>) -> Bench {
    let mut bench = Bench::offline();
    bench.apply(evaluating(engine));
    bench
}

/// What the engine gives to this user.
fn expected(engine: &Engine, user: &str) -> Vec<u8> {
    let mut context = Context::from_query(&format!("userId={user}")).expect("a good query");
    context.set_remote_address_if_absent(PEER.parse().expect("an address"));
    let ask = Ask { context: &context, projects: &Projects::All, now_unix_ms: 0, seed: 1 };
    let mut out = Vec::new();
    engine.write_enabled(&ask, &mut Scratch::default(), &mut out);
    out
}

fn get(target: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    Sent { token: Some(FRONTEND), headers: headers.to_vec(), ..Sent::get(target) }.bytes()
}

/// A request with the longest user id there may be, of this character.
fn long_request(character: &str, headers: &str) -> Vec<u8> {
    let body = format!(r#"{{"userId":"{}"}}"#, character.repeat(VALUE_BYTES_MAX));
    let length = body.len();
    format!(
        "POST /api/frontend HTTP/1.1\r\nauthorization: {FRONTEND}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// Status, lines of the head, and body.
pub(super) fn read(sent: &[u8]) -> (u16, String, Vec<u8>) {
    let end = sent.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let (head, body) = sent.split_at(end + 4);
    let head = String::from_utf8(head.to_vec()).expect("text");
    (head[9..12].parse().expect("a status"), head, body.to_vec())
}

pub(super) fn ungzipped(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut out).expect("gzip");
    out
}

/// Turns until the answer is there, and how many there were.
pub(super) fn until_answered(bench: &mut Bench, mut sent: Vec<u8>) -> (Vec<u8>, usize) {
    let mut turns = 0;
    while bench.connection.yields() {
        assert_eq!(sent, b"", "nothing is sent before the end");
        sent = bench.connection.go_on();
        turns += 1;
    }
    (sent, turns)
}

#[test]
fn clients_that_take_gzip_get_it_once_it_pays() {
    let engine = engine(20, 10);
    let plain = expected(&engine, "7");
    assert!(plain.len() > GZIP_BYTES_MIN);
    let mut bench = bench(&engine);
    let mut check = |target: &str, accept: &str, encoding: Option<&str>, status: u16| {
        let sent = bench.connection.exchange(&get(target, &[("accept-encoding", accept)]));
        let (found, head, body) = read(&sent);
        assert_eq!(found, status, "{target} {accept}");
        assert_eq!(head.contains("content-encoding: gzip\r\n"), encoding.is_some(), "{target} {accept}");
        assert!(head.contains("vary: accept-encoding\r\n"), "{head}");
        let body = if encoding.is_some() { ungzipped(&body) } else { body };
        assert!(
            head.contains(&format!("etag: {}\r\n", Etag::of(&body))),
            "the tag is that of the plain answer"
        );
        body
    };
    let list = "/api/frontend?userId=7";
    for accept in ["gzip", "gzip", "gzip, deflate, br, zstd", "x-gzip;q=0.5", "*", "identity;q=0, gzip"] {
        assert_eq!(check(list, accept, Some("gzip"), 200), plain);
    }
    for accept in ["", "br", "identity", "gzip;q=0", "gzip;q=0.5, identity"] {
        assert_eq!(check(list, accept, None, 200), plain);
    }
    assert_eq!(check(list, "br, identity;q=0", None, 406), plain);
    check(SHORT, "gzip", None, 200);
}

#[test]
fn nothing_is_compressed_that_is_not_sent() {
    let engine = engine(20, 10);
    let mut bench = bench(&engine);
    let tag = Etag::of(&expected(&engine, "7"));
    let list = "/api/frontend?userId=7";
    let known =
        bench.connection.exchange(&get(list, &[("accept-encoding", "gzip"), ("if-none-match", &tag)]));
    let (status, head, body) = read(&known);
    assert_eq!((status, body.len(), head.contains("content-encoding")), (304, 0, false));
    let sent = Sent {
        method: "HEAD",
        token: Some(FRONTEND),
        headers: vec![("accept-encoding", "gzip")],
        ..Sent::get(list)
    };
    let (status, head, body) = read(&bench.connection.exchange(&sent.bytes()));
    assert_eq!((status, body.len(), head.contains("content-encoding")), (200, 0, false));
    let length = format!("content-length: {}\r\n", expected(&engine, "7").len());
    assert!(head.contains(&length), "{head}");
    assert!(bench.connection.service.evaluator.borrow_mut().kept.find(&tag).is_none());
    bench.connection.exchange(&get(list, &[("accept-encoding", "gzip")]));
    assert!(bench.connection.service.evaluator.borrow_mut().kept.find(&tag).is_some());
}

#[test]
fn long_work_is_answered_from_the_snapshot_it_began_with() {
    let (before, after) = (engine(100, 10), engine(3, 10));
    for headers in ["", "accept-encoding: gzip\r\n"] {
        let mut bench = bench(&before);
        let sent = bench.connection.exchange(&long_request("u", headers));
        assert!(bench.connection.yields());
        assert_eq!(bench.connection.service.evaluator.borrow().unfinished(), 1);
        bench.apply(Snapshot::default());
        bench.apply(evaluating(&after));
        let (sent, turns) = until_answered(&mut bench, sent);
        assert!(turns > 3, "{turns} turns");
        let (status, head, body) = read(&sent);
        let body = if head.contains("content-encoding: gzip") { ungzipped(&body) } else { body };
        assert_eq!((status, body), (200, expected(&before, &"u".repeat(VALUE_BYTES_MAX))));
        assert_eq!(bench.connection.service.evaluator.borrow().unfinished(), 0);
        let next = bench.connection.exchange(&get("/api/frontend?userId=7", &[]));
        assert_eq!(read(&next).2, expected(&after, "7"));
    }
}

#[test]
fn a_long_answer_is_compressed_in_turns() {
    let engine = engine(300, 2_000);
    let plain = expected(&engine, "7");
    assert!(plain.len() > 2 * SLICE_GZIP_BYTES);
    let mut bench = bench(&engine);
    let request = get("/api/frontend?userId=7", &[("accept-encoding", "gzip")]);
    for is_first in [true, false] {
        let sent = bench.connection.exchange(&request);
        let (sent, turns) = until_answered(&mut bench, sent);
        assert_eq!(turns > 0, is_first, "the second time it is there");
        assert_eq!(ungzipped(&read(&sent).2), plain);
    }
    assert_eq!(bench.connection.service.evaluator.borrow().unfinished(), 0);
}

#[test]
fn work_is_dropped_with_its_connection() {
    let engine = engine(40, 10);
    let mut bench = bench(&engine);
    bench.connection.exchange(&long_request("u", ""));
    bench.connection.go_on();
    bench.connection.reconnect();
    assert_eq!(bench.connection.service.evaluator.borrow().unfinished(), 0);
    assert_eq!(Arc::strong_count(&engine), 2, "the test's and the snapshot's");
}

#[test]
fn when_too_many_are_left_the_next_is_answered_at_once() {
    let engine = engine(40, 10);
    let mut bench = bench(&engine);
    let left: Vec<_> = {
        let mut evaluator = bench.connection.service.evaluator.borrow_mut();
        let stage = || Stage::Press(Entity::of(Etag::of(b"")), Box::default());
        (0..UNFINISHED_MAX).map(|_| evaluator.leave(None, stage()).ok()).collect()
    };
    for headers in ["", "accept-encoding: gzip\r\n"] {
        let sent = bench.connection.exchange(&long_request("v", headers));
        let (status, head, body) = read(&sent);
        let body = if head.contains("content-encoding: gzip") { ungzipped(&body) } else { body };
        assert_eq!((status, body), (200, expected(&engine, &"v".repeat(VALUE_BYTES_MAX))));
    }
    drop(left);
    bench.connection.exchange(&long_request("v", ""));
    assert!(bench.connection.yields());
}
