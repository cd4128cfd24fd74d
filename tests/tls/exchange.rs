//! Requests and answers of all sizes, and how connections end.

use std::{
    io::{ErrorKind, Read},
    net::Shutdown,
};

use serde_json::json;
use socket2::SockRef;

use super::scene::{FRONTEND, Scene, ends_properly, get};

/// Less than an answer, so that brink has to wait for the reader; not so little that the kernel hesitates.
const RECEIVE_BYTES: usize = 64 << 10;

/// A document of about so many bytes.
fn document(bytes: usize) -> String {
    let filler = "x".repeat(3_000);
    let feature =
        |i| json!({"name": format!("f{i:04}"), "enabled": true, "project": "p", "description": filler});
    json!({"version": 2, "features": (0..bytes / 3_000).map(feature).collect::<Vec<_>>()}).to_string()
}

#[test]
fn bodies_of_all_sizes_arrive() {
    for bytes in [3_000, 100_000, 3_000_000] {
        let scene = Scene::new(document(bytes), &[]);
        let mut client = scene.https();
        for _ in 0..3 {
            let answer = client.exchange(get(""));
            assert_eq!((answer.status, answer.names().len()), (200, bytes / 3_000));
            let tag = answer.header("etag").expect("a tag").to_owned();
            assert_eq!(client.exchange(get(&format!("if-none-match: {tag}\r\n"))).status, 304);
        }
    }
}

#[test]
fn a_slow_reader_gets_everything() {
    let scene = Scene::new(document(3_000_000), &[]);
    let expected = scene.https().exchange(get("")).body;
    let mut client = scene.https();
    SockRef::from(&client.stream.sock).set_recv_buffer_size(RECEIVE_BYTES).expect("an option can be set");
    client.send(get("") + &get("connection: close\r\n"));
    let mut received = Vec::new();
    let mut piece = [0; 1_000];
    loop {
        match client.stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
    }
    let bodies = received.windows(4).filter(|window| window == b"\r\n\r\n").count();
    assert_eq!(bodies, 2);
    assert!(received.ends_with(&expected));
    assert!(received.len() > 2 * expected.len());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let scene = Scene::small();
    let mut client = scene.https();
    let health = "GET /internal-backstage/health HTTP/1.1\r\n\r\n".to_owned();
    client.send((get("") + &health).repeat(200));
    for _ in 0..200 {
        assert_eq!(client.read(false).expect("an answer").names(), ["a"]);
        assert_eq!(client.read(false).expect("an answer").text(), r#"{"status":"OK"}"#);
    }
}

#[test]
fn large_requests_are_read() {
    let scene = Scene::small();
    let mut client = scene.https();
    for properties in [1, 20, 1_900] {
        let filler = "y".repeat(1_000);
        let properties: serde_json::Map<_, _> =
            (0..properties).map(|number| (format!("p{number}"), json!(filler))).collect();
        let body = json!({"context": {"properties": properties}}).to_string();
        let head = format!(
            "POST /api/frontend HTTP/1.1\r\nauthorization: {FRONTEND}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        assert_eq!(client.exchange(head + &body).status, 200);
    }
    let head = format!(
        "POST /api/frontend HTTP/1.1\r\nauthorization: {FRONTEND}\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n"
    );
    assert_eq!(client.exchange(head).status, 413);
    ends_properly(client);
}

#[test]
fn ends_are_said_on_both_sides() {
    let scene = Scene::small();
    let mut client = scene.https();
    assert_eq!(client.exchange(get("connection: close\r\n")).status, 200);
    ends_properly(client);

    let mut client = scene.https();
    client.send(get(""));
    client.stream.conn.send_close_notify();
    client.stream.conn.complete_io(&mut client.stream.sock).expect("brink reads");
    assert_eq!(client.read(false).expect("asked before the goodbye").status, 200);
    ends_properly(client);

    let mut client = scene.https();
    client.send(get(""));
    client.stream.sock.shutdown(Shutdown::Write).expect("the connection is open");
    assert_eq!(client.read(false).expect("asked before the end").status, 200);
    ends_properly(client);

    let scene = Scene::new(super::scene::FILE, &["--edge-keepalive-timeout", "1"]);
    let mut client = scene.https();
    assert_eq!(client.exchange(get("")).status, 200);
    ends_properly(client);
}

#[test]
fn draining_ends_idle_connections_and_waits_for_busy_ones() {
    let mut scene = Scene::new(document(3_000_000), &[]);
    let mut idle = scene.https();
    assert_eq!(idle.exchange(get("")).status, 200);
    let mut busy = scene.https();
    SockRef::from(&busy.stream.sock).set_recv_buffer_size(RECEIVE_BYTES).expect("an option can be set");
    busy.send(get("") + &get(""));
    // It has begun to answer, and more than the sockets hold is left.
    let mut first = [0; 1];
    busy.stream.read_exact(&mut first).expect("an answer begins");
    scene.signal("TERM");
    ends_properly(idle);
    let mut rest = Vec::new();
    busy.stream.read_to_end(&mut rest).expect("both answers, and a proper end");
    assert!(rest.len() > 6_000_000, "{}", rest.len());
    assert_eq!(scene.brink.wait(), Some(0));
}

#[test]
fn an_idle_session_is_small() {
    const SESSIONS: u64 = 400;
    let scene = Scene::new(document(100_000), &[]);
    // What is needed once is there before the first look.
    let mut first: Vec<_> = (0..20).map(|_| scene.https()).collect();
    first.iter_mut().for_each(|client| assert_eq!(client.exchange(get("")).status, 200));
    let before = scene.rss_kb();
    let mut clients: Vec<_> = (0..SESSIONS).map(|_| scene.https()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.exchange(get("")).status, 200));
    let each = (scene.rss_kb() - before) * 1024 / SESSIONS;
    assert!(each < 14 << 10, "{each} bytes per session");
}
