//! The wire of the real program, from outside: what it takes for a request, what it refuses, and how it bears
//! clients that are slow, broken or hostile.
//!
//! Timers are waited for by reading until the server closes, with generous upper bounds.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use brink::{Brink, Client, PATIENCE, Response};
use serde_json::json;
use socket2::SockRef;

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod brink;

const BACKEND: &str = "*:development.back0000000000000000000001";
const FILE: &str = r#"{"version":2,"features":[{"name":"a","enabled":true,"project":"p"}]}"#;
const SIZES_MAX: usize = 2 << 20;

fn small(args: &[&str]) -> Brink {
    Brink::offline(FILE, &[&["-c", BACKEND], args].concat())
}

/// A document of about 3 MB.
fn large() -> String {
    let filler = "x".repeat(3_000);
    let feature =
        |i| json!({"name": format!("f{i:04}"), "enabled": true, "project": "p", "description": filler});
    json!({"version": 2, "features": (0..1_000).map(feature).collect::<Vec<_>>()}).to_string()
}

/// A request head with the token, and what follows it.
fn request(line: &str, more: &str) -> String {
    format!("{line}\r\nhost: localhost\r\nauthorization: {BACKEND}\r\n{more}")
}

fn get() -> String {
    request("GET /api/client/features HTTP/1.1", "\r\n")
}

fn post(more: &str) -> String {
    request("POST /api/client/features HTTP/1.1", more)
}

/// Asks on a kept connection; the answer must be good.
fn is_served(client: &mut Client) {
    assert_eq!(client.exchange(get()).status, 200);
}

/// A refusal: the status, the end, and no more headers than that takes.
fn check_refused(brink: &Brink, bytes: impl AsRef<[u8]>, status: u16) {
    let shown = String::from_utf8_lossy(&bytes.as_ref()[..bytes.as_ref().len().min(80)]).into_owned();
    let mut client = brink.connect();
    let _ = client.try_send(&bytes);
    let response = client.read(false).unwrap_or_else(|| panic!("no answer to {shown:?}"));
    assert_eq!(response.status, status, "{shown:?}");
    let mut names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["connection", "content-length", "date"], "{shown:?}");
    assert_eq!(
        (response.header("connection"), response.header("content-length")),
        (Some("close"), Some("0"))
    );
    assert!(client.is_closed_by_server(), "{shown:?}");
}

#[test]
fn connections_are_kept() {
    let brink = small(&[]);
    let mut client = brink.connect();
    for _ in 0..100 {
        let response = client.exchange(get());
        assert_eq!((response.status, response.version.as_str()), (200, "HTTP/1.1"));
        assert_eq!((response.header("connection"), response.header("keep-alive")), (None, None));
    }
    let last = client.exchange(request("GET /health HTTP/1.1", "connection: Close\r\n\r\n"));
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert!(client.is_closed_by_server());
}

#[test]
fn errors_do_not_end_a_connection() {
    let brink = small(&[]);
    let mut client = brink.connect();
    for (method, path, token, status) in [
        ("GET", "/unknown", BACKEND, 404),
        ("GET", "/api/client/features", "x", 403),
        ("PURGE", "/api/client/features", BACKEND, 405),
        ("GET", "/api/client/features?namePrefix=&namePrefix=", BACKEND, 400),
        ("GET", "/api/client/features", BACKEND, 200),
    ] {
        assert_eq!(
            client.request(method, path, &[("authorization", token)]).status,
            status,
            "{method} {path}"
        );
    }
}

#[test]
fn http_1_0_is_answered_in_kind() {
    let brink = small(&[]);
    let mut client = brink.connect();
    let kept =
        client.exchange(request("GET /api/client/features HTTP/1.0", "connection: keep-alive\r\n\r\n"));
    assert_eq!(
        (kept.status, kept.version.as_str(), kept.header("connection")),
        (200, "HTTP/1.0", Some("keep-alive"))
    );
    let last = client.exchange(request("GET /api/client/features HTTP/1.0", "\r\n"));
    assert_eq!(
        (last.status, last.version.as_str(), last.header("connection")),
        (200, "HTTP/1.0", Some("close"))
    );
    assert!(client.is_closed_by_server());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let brink = small(&[]);
    let mut client = brink.connect();
    let paths = [
        "/api/client/features",
        "/health",
        "/unknown",
        "/api/client/features/a",
        "/api/client/features?namePrefix=x",
    ];
    let batch: String =
        (0..1_000).map(|i| request(&format!("GET {} HTTP/1.1", paths[i % 5]), "\r\n")).collect();
    let mut writer = client.stream.try_clone().expect("a second handle");
    let sender = thread::spawn(move || writer.write_all(batch.as_bytes()).expect("brink reads"));
    for i in 0..1_000 {
        let response = client.read(false).expect("an answer");
        let expected = if i % 5 == 2 { 404 } else { 200 };
        assert_eq!(response.status, expected, "answer {i}");
        match i % 5 {
            0 => assert_eq!(response.names(), ["a"]),
            1 => assert_eq!(response.json()["status"], "OK"),
            3 => assert_eq!(response.json()["name"], "a"),
            4 => assert_eq!(response.names(), Vec::<String>::new()),
            _ => {}
        }
    }
    sender.join().expect("the sender is done");
    is_served(&mut client);
}

#[test]
fn pipelined_large_answers_arrive_whole() {
    let brink = Brink::offline(large(), &["-c", BACKEND]);
    let mut client = brink.connect();
    client.send(get().repeat(5));
    let bodies: Vec<Vec<u8>> = (0..5).map(|_| client.read(false).expect("an answer").body).collect();
    assert!(bodies[0].len() > 3_000_000 && bodies.iter().all(|body| *body == bodies[0]));
    serde_json::from_slice::<serde_json::Value>(&bodies[0]).expect("JSON");
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let brink = small(&[]);
    let mut client = brink.connect();
    let text = post("transfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nt: u\r\n\r\n") + &get();
    for byte in text.as_bytes() {
        client.send([*byte]);
    }
    assert_eq!(client.read(false).expect("an answer").names(), ["a"]);
    assert_eq!(client.read(false).expect("an answer").names(), ["a"]);
}

#[test]
fn any_split_into_two_gives_the_same_answers() {
    let brink = small(&[]);
    let mut client = brink.connect();
    let text = post("content-length: 4\r\n\r\nabcd") + &get();
    for at in 1..text.len() {
        client.send(&text[..at]);
        client.send(&text[at..]);
        for _ in 0..2 {
            assert_eq!(client.read(false).expect("an answer").status, 200, "split at {at}");
        }
    }
}

#[test]
fn targets_come_in_all_forms() {
    let brink = small(&[]);
    let mut client = brink.connect();
    let mut check = |line: &str, status| {
        assert_eq!(client.exchange(request(line, "\r\n")).status, status, "{line}");
    };
    check("GET http://other.example/api/client/features HTTP/1.1", 200);
    check("GET https://other.example:443/api/client/features?namePrefix=a HTTP/1.1", 200);
    check("GET http://other.example HTTP/1.1", 404);
    check("OPTIONS * HTTP/1.1", 200);
    check("GET * HTTP/1.1", 404);
    check("CONNECT other.example:443 HTTP/1.1", 404);
}

#[test]
fn a_missing_host_is_fine_and_two_are_not() {
    let brink = small(&[]);
    let response = brink
        .connect()
        .exchange(format!("GET /api/client/features HTTP/1.1\r\nauthorization: {BACKEND}\r\n\r\n"));
    assert_eq!(response.status, 200);
    check_refused(&brink, "GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400);
}

#[test]
fn an_upgrade_is_ignored() {
    let brink = small(&[]);
    let more = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n";
    let mut client = brink.connect();
    assert_eq!(client.exchange(request("GET /health HTTP/1.1", more)).status, 200);
    is_served(&mut client);
}

#[test]
fn bodies_are_read_and_ignored_where_they_mean_nothing() {
    let brink = small(&[]);
    let mut client = brink.connect();
    let long = "z".repeat(SIZES_MAX);
    let check = |client: &mut Client, more: &str| {
        let response = client.exchange(post(more));
        assert_eq!((response.status, response.names()), (200, vec!["a".to_owned()]));
        is_served(client);
    };
    check(&mut client, "content-length: 0\r\n\r\n");
    check(&mut client, "content-length: 2\r\n\r\n{}");
    check(
        &mut client,
        "content-length: 9\r\ncontent-type: text/odd\r\ncontent-encoding: gzip\r\n\r\nnot gzip!",
    );
    check(&mut client, &format!("content-length: {SIZES_MAX}\r\n\r\n{long}"));
    check(&mut client, "transfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    check(
        &mut client,
        "transfer-encoding: Chunked\r\n\r\n5\r\nhello\r\nA;ext=\"x\"\r\n0123456789\r\n0\r\ntrailer: x\r\n\r\n",
    );
    check(&mut client, &format!("transfer-encoding: chunked\r\n\r\n{SIZES_MAX:x}\r\n{long}\r\n0\r\n\r\n"));
    let get = client.exchange(request("GET /api/client/features HTTP/1.1", "content-length: 3\r\n\r\nabc"));
    assert_eq!(get.status, 200);
    is_served(&mut client);
}

#[test]
fn continue_is_never_sent_for_a_body_that_nobody_wants() {
    let brink = small(&[]);
    let more = "expect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    let good = brink.connect().exchange(post(more));
    assert_eq!((good.status, good.names()), (200, vec!["a".to_owned()]));
    let bad = format!("POST /api/client/features HTTP/1.1\r\nauthorization: x\r\n{more}");
    let mut client = brink.connect();
    let refused = client.exchange(bad);
    assert_eq!((refused.status, refused.header("connection")), (403, Some("close")));
    assert!(client.is_closed_by_server());
    let mut client = brink.connect();
    assert_eq!(client.exchange(post(more) + "hello").status, 200);
    is_served(&mut client);
    check_refused(&brink, post("expect: 200-ok\r\n\r\n"), 417);
}

#[test]
fn a_refused_client_with_a_body_gets_its_answer_before_the_body_is_sent() {
    let brink = small(&[]);
    let mut client = brink.connect();
    let response = client.exchange(
        "POST /api/client/features HTTP/1.1\r\nauthorization: x\r\ncontent-length: 1000000\r\n\r\n",
    );
    assert_eq!((response.status, response.header("connection")), (403, Some("close")));
}

/// The body means nothing to the one route that takes one, so it is answered; what matters is that the body is
/// not read to its end.
#[test]
fn a_body_over_the_limit_ends_the_connection() {
    let brink = small(&[]);
    let over = SIZES_MAX + 1;
    let mut announced = brink.connect();
    announced.send(post(&format!("content-length: {over}\r\n\r\n")));
    let response = announced.read(false).expect("an answer");
    assert_eq!(
        (response.status, response.header("connection")),
        (200, Some("close")),
        "no body is waited for"
    );
    assert!(announced.is_closed_by_server());

    let mut chunked = brink.connect();
    let text = post("transfer-encoding: chunked\r\n\r\n") + &format!("{over:x}\r\n{}", "z".repeat(over));
    let _ = chunked.try_send(text);
    let response = chunked.read(false).expect("an answer");
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    check_refused(&brink, post("content-length: 99999999999999999999999\r\n\r\n"), 400);
}

#[test]
fn malformed_heads_are_refused() {
    let brink = small(&[]);
    for text in [
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET /health\r\n\r\n",
        "GET /health HTTP/1.2\r\n\r\n",
        "GET /health HTTP/x\r\n\r\n",
        "GET /health http/1.1\r\n\r\n",
        "GET  /health HTTP/1.1\r\n\r\n",
        "GET /health  HTTP/1.1\r\n\r\n",
        " GET /health HTTP/1.1\r\n\r\n",
        "G\u{e9}T /health HTTP/1.1\r\n\r\n",
        "GET /health#x HTTP/1.1\r\n\r\n",
        "GET /he\talth HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /health HTTP/1.1\r\n: empty\r\n\r\n",
        "GET /health HTTP/1.1\r\na b: c\r\n\r\n",
        "GET /health HTTP/1.1\r\na : c\r\n\r\n",
        "GET /health HTTP/1.1\r\na: b\0c\r\n\r\n",
        "\r\n\r\n\r\n\r\nGET /health HTTP/1.1\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}",
    ] {
        check_refused(&brink, text, 400);
    }
    check_refused(&brink, "GET /health HTTP/2.0\r\n\r\n", 400);
    check_refused(&brink, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400);
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let brink = small(&[]);
    let mut client = brink.connect();
    assert_eq!(client.exchange("\r\n".to_owned() + &get()).status, 200);
    assert_eq!(client.exchange("\r\n".to_owned() + &get()).status, 200);
}

#[test]
fn what_two_servers_could_read_differently_is_refused() {
    let brink = small(&[]);
    let hidden = get();
    for framing in [
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
        "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "content-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
        "content-length: 4\r\ncontent-length: 4\r\n\r\nabcd",
        "content-length: 4, 5\r\n\r\nabcde",
        "content-length: +4\r\n\r\nabcd",
        "content-length: 0x4\r\n\r\nabcd",
        "content-length: -1\r\n\r\n",
        "content-length: \r\n\r\n",
        "content-length : 4\r\n\r\nabcd",
        "transfer-encoding: identity\r\n\r\n",
        "transfer-encoding: chunked, identity\r\n\r\n",
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "x: a\r\n folded\r\n\r\n",
        "x: a\r\n\tcontent-length: 5\r\n\r\n",
        "x: a\ncontent-length: 5\r\n\r\n",
        "x: a\rcontent-length: 5\r\n\r\n",
    ] {
        check_refused(&brink, post(framing) + &hidden, 400);
    }
    check_refused(&brink, post("transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n") + &hidden, 501);
    check_refused(&brink, get().replace("\r\n", "\n"), 400);
    check_refused(
        &brink,
        request("POST /api/client/features HTTP/1.0", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        400,
    );
}

#[test]
fn broken_chunks_are_refused() {
    let brink = small(&[]);
    let check = |body: &str| {
        let mut client = brink.connect();
        let _ = client.try_send(post("transfer-encoding: chunked\r\n\r\n") + body);
        let response = client.read(false).expect("an answer");
        let shown = body.get(..40).unwrap_or(body);
        assert_eq!((response.status, response.header("connection")), (400, Some("close")), "{shown:?}");
    };
    for body in [
        "x\r\n",
        "-1\r\n",
        "\r\n",
        "4\nabcd\r\n",
        "4\r\nabcdX\r\n",
        "4\r\nabcd\n",
        "4 \r\nabcd\r\n",
        "4\tx\r\nabcd\r\n",
        "4 4\r\nabcd\r\n",
        "ffffffffffffffffff\r\n",
        "1\r\nab\r\n",
        "0x4\r\nabcd\r\n",
        "4;\0\r\nabcd\r\n",
        "0\r\nt\0: u\r\n\r\n",
        "0\r\n\n",
    ] {
        check(body);
    }
    check(&format!("4;{}\r\n", "x".repeat(300)));
    check(&format!("0\r\n{}", "t: u\r\n".repeat(3_000)));
}

#[test]
fn long_targets_and_heads_are_refused() {
    let brink = small(&[]);
    let path = |length: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(length - 1));
    let mut client = brink.connect();
    assert_eq!(client.exchange(path(8 << 10)).status, 404);
    check_refused(&brink, path((8 << 10) + 1), 414);
    check_refused(&brink, path(70_000), 414);
    let header = |length: usize| format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(length));
    assert_eq!(client.exchange(header(15 << 10)).status, 200);
    check_refused(&brink, header(16 << 10), 431);
    check_refused(&brink, header(500_000), 431);
    let lines = |count| format!("GET /health HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(count));
    assert_eq!(client.exchange(lines(100)).status, 200);
    check_refused(&brink, lines(101), 431);
    check_refused(&brink, "a".repeat(20_000), 431);
}

#[test]
fn a_half_closed_client_gets_its_answers() {
    let brink = Brink::offline(large(), &["-c", BACKEND]);
    let mut client = brink.connect();
    client.send(get().repeat(3) + &request("GET /health HTTP/1.1", "\r\n"));
    client.finish();
    for _ in 0..3 {
        assert!(client.read(false).expect("an answer").body.len() > 3_000_000);
    }
    assert_eq!(client.read(false).expect("an answer").json()["status"], "OK");
    assert!(client.is_closed_by_server());
}

#[test]
fn a_half_request_and_then_the_end_is_closed_silently() {
    let brink = small(&[]);
    for part in [&get()[..20], &post("content-length: 5\r\n\r\nab")] {
        let mut client = brink.connect();
        client.send(part);
        client.finish();
        assert!(client.is_closed_by_server());
    }
}

/// Ends the connection with a reset.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("an option can be set");
    drop(stream);
}

#[test]
fn resets_at_any_moment_hurt_nobody_else() {
    let brink = Brink::offline(large(), &["-c", BACKEND, "--workers", "1"]);
    let mut good = brink.connect();
    for round in 0..60 {
        let mut client = brink.connect();
        match round % 4 {
            0 => client.send(&get()[..30]),
            1 => client.send(post("content-length: 500000\r\n\r\nab")),
            2 => client.send(get().repeat(3)),
            _ => {
                client.send(get());
                let mut first = [0; 100];
                client.stream.read_exact(&mut first).expect("the answer begins");
            }
        }
        reset(client.stream);
        assert_eq!(good.request("GET", "/health", &[]).status, 200);
    }
    is_served(&mut good);
}

/// Waits for the end of a connection; what came before it and how long that took.
fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let begin = Instant::now();
    let mut text = Vec::new();
    if let Err(error) = stream.read_to_end(&mut text) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    (String::from_utf8_lossy(&text).into_owned(), begin.elapsed())
}

fn check_closed_in(client: Client, least: f64, most: f64) -> String {
    let (text, took) = until_closed(client.stream);
    let took = took.as_secs_f64();
    assert!((least..most).contains(&took), "closed after {took} s: {text}");
    text
}

#[test]
fn an_idle_connection_is_closed_after_the_keepalive_timeout() {
    let brink = small(&["--edge-keepalive-timeout", "1"]);
    let mut client = brink.connect();
    is_served(&mut client);
    assert_eq!(check_closed_in(client, 0.4, 6.0), "");
}

#[test]
fn a_slow_head_is_closed_without_an_answer() {
    let brink = small(&["--edge-request-timeout", "1"]);
    let mut client = brink.connect();
    client.send(&get()[..30]);
    assert_eq!(check_closed_in(client, 0.4, 6.0), "");
}

#[test]
fn a_trickling_head_gets_no_more_time() {
    let brink = small(&["--edge-request-timeout", "1"]);
    let mut client = brink.connect();
    client.stream.set_read_timeout(Some(Duration::from_millis(100))).expect("an option can be set");
    let begin = Instant::now();
    client.send("GET /health HTTP/1.1\r\n");
    loop {
        assert!(begin.elapsed() < PATIENCE, "a trickling client holds its connection");
        if client.try_send("x: y\r\n").is_err() {
            break;
        }
        match client.stream.read(&mut [0; 10]) {
            Ok(0) => break,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                break;
            }
            Ok(_) => panic!("there is nothing to answer"),
        }
    }
    assert!(begin.elapsed() > Duration::from_millis(400) && begin.elapsed() < Duration::from_secs(6));
}

#[test]
fn a_slow_body_is_answered_408() {
    let brink = small(&["--edge-request-timeout", "1"]);
    for framing in ["content-length: 10\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\na\r\nabc"] {
        let mut client = brink.connect();
        client.send(post(framing));
        let begin = Instant::now();
        let response = client.read(false).expect("an answer");
        assert_eq!((response.status, response.header("connection")), (408, Some("close")));
        assert!(begin.elapsed() > Duration::from_millis(400) && begin.elapsed() < Duration::from_secs(6));
    }
}

#[test]
fn a_silent_connection_is_closed() {
    let brink = small(&[]);
    let client = brink.connect();
    assert_eq!(check_closed_in(client, 14.0, 20.0), "");
}

#[test]
fn a_reader_that_does_not_read_hurts_nobody_else() {
    let brink = Brink::offline(large(), &["-c", BACKEND, "--workers", "1"]);
    let stuck: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = brink.connect();
            client.send(get().repeat(4));
            client
        })
        .collect();
    let mut good = brink.connect();
    let slowest = (0..200).map(|_| {
        let begin = Instant::now();
        assert_eq!(good.request("GET", "/health", &[]).status, 200);
        begin.elapsed()
    });
    assert!(slowest.max().expect("there are some") < Duration::from_secs(2));
    is_served(&mut good);
    for mut client in stuck {
        for _ in 0..4 {
            assert!(client.read(false).expect("an answer").body.len() > 3_000_000);
        }
    }
}

/// A cheap source of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }
}

/// Random bytes, or a request with random bytes in it.
fn garbage(numbers: &mut Numbers) -> Vec<u8> {
    let count = 1 + numbers.below(600);
    let mut bytes: Vec<u8> = (0..count).map(|_| numbers.next().to_le_bytes()[3]).collect();
    if numbers.below(2) == 0 {
        bytes = post("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").into_bytes();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(bytes.len());
            bytes[at] = numbers.next().to_le_bytes()[5];
        }
    }
    bytes
}

/// A good client on one connection, until it is told to stop; returns how often it was served.
fn stay_served(brink: &Brink, stop: &AtomicBool) -> usize {
    let mut client = brink.connect();
    let mut served = 0;
    while !stop.load(Ordering::Relaxed) {
        is_served(&mut client);
        served += 1;
    }
    served
}

#[test]
fn garbage_on_many_connections_hurts_nobody_else() {
    let brink = small(&[]);
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let held = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let good = scope.spawn(|| stay_served(&brink, &stop));
        let bad: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= 2_000 {
                            return;
                        }
                        let mut client = brink.connect();
                        let _ = client.try_send(garbage(&mut Numbers(seed as u64 * 7_919 + 1)));
                        held.lock().expect("no panic").push(client);
                    }
                })
            })
            .collect();
        for thread in bad {
            thread.join().expect("2,000 connections can be made");
        }
        stop.store(true, Ordering::Relaxed);
        assert!(good.join().expect("only 200s") > 0);
    });
    assert_eq!(held.lock().expect("no panic").len(), 2_000);
    assert_eq!(brink.get("/health", &[]).status, 200);
    assert!(!brink.log().contains("panic"), "{}", brink.log());
}

#[test]
fn connection_storms_are_borne() {
    let brink = small(&[]);
    let left = AtomicUsize::new(20_000);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                    // A reset leaves no port waiting behind on our side.
                    reset(TcpStream::connect(brink.address).expect("brink accepts"));
                }
            });
        }
    });
    is_served(&mut brink.connect());
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", brink.id())).expect("it runs").count();
    let deadline = Instant::now() + PATIENCE;
    while descriptors() > 100 {
        assert!(Instant::now() < deadline, "{} descriptors stay open", descriptors());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_request_per_connection_is_served_many_times() {
    let brink = small(&[]);
    let answers: Vec<Response> = (0..500)
        .map(|_| {
            drop(brink.connect());
            brink
                .connect()
                .exchange(request("GET /api/client/features HTTP/1.1", "connection: close\r\n\r\n"))
        })
        .collect();
    assert!(
        answers.iter().all(|answer| answer.status == 200 && answer.header("connection") == Some("close"))
    );
}
