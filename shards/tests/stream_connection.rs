//! A connection that becomes a stream, without a socket: framing by version, HEAD, what comes behind it, its end.

use std::{net::IpAddr, rc::Rc};

use brink_shards::{
    Answered, Body, Call, Feed, Frame, Outcome, Part, Request, RequestBody, Service, Shared,
    http::date::DateCache,
    loopback::{Loopback, Tap},
};

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[derive(Default)]
struct Toy {
    feeds: Vec<Feed>,
    /// Status and length of each answer.
    answered: Vec<(u16, usize)>,
}

impl Service for Toy {
    type State = ();
    type Answer = ();
    type Notice = ();

    fn apply(&mut self, (): ()) {}

    fn note(&mut self, (): &()) {}

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, ()>) -> Outcome {
        match (request.head.target.path, request.body) {
            ("/panic", _) => {
                let _ = self.open(call);
                panic!("as asked, with a stream opened");
            }
            ("/wait-then-stream", _) if matches!(call.attempt(), brink_shards::Attempt::First) => {
                Outcome::Wait(call.ticket(), std::time::Duration::from_secs(1))
            }
            ("/read-then-stream", RequestBody::Expected) => Outcome::ReadBody,
            ("/", _) => call.reply(200).send(Body::Bytes(b"hello")),
            _ => self.open(call),
        }
    }

    fn answered(&mut self, answered: &Answered) {
        self.answered.push((answered.status, answered.body_bytes));
    }

    fn announce_stop(&mut self) {
        self.feeds.clear();
    }

    fn tick(&mut self, _: &brink_shards::Now) {}
}

impl Toy {
    fn open(&mut self, call: &mut Call<'_, ()>) -> Outcome {
        let first = [Frame::bytes(b"one"), Frame::bytes(b""), Frame::bytes(b"two!")];
        let (feed, outcome) = call.open(200).header("x", b"y").lines(b"z: 1\r\n").feed(first);
        self.feeds.push(feed);
        outcome
    }
}

fn connect() -> Loopback<Toy> {
    Loopback::new(Toy::default(), PEER)
}

fn head(version: &str, framing: &str, connection: &str) -> String {
    let date = String::from_utf8_lossy(DateCache::new(0).line()).into_owned();
    format!("HTTP/{version} 200 OK\r\nx: y\r\nz: 1\r\n{framing}{date}{connection}\r\n")
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";
const CLOSE: &str = "connection: close\r\n";
const FIRST: &str = "3\r\none\r\n4\r\ntwo!\r\n";

#[track_caller]
fn check(sent: &[u8], expected: &str) {
    assert_eq!(String::from_utf8_lossy(sent), expected);
}

/// Opens a stream by this request; the head and the first frames are as they should be.
#[track_caller]
fn open(request: &str) -> Loopback<Toy> {
    let mut connection = connect();
    check(&connection.exchange(request.as_bytes()), &(head("1.1", CHUNKED, CLOSE) + FIRST));
    assert!(connection.is_streaming() && !connection.is_closed());
    assert_eq!(connection.service.answered, [(200, 7)], "once, when it is opened");
    assert_eq!(connection.stats.streams_open.value(), 1);
    assert!(!connection.service.feeds[0].is_gone());
    connection
}

#[test]
fn frames_are_chunks_and_the_last_chunk_is_the_end() {
    let mut connection = open("GET /stream HTTP/1.1\r\n\r\n");
    connection.service.feeds[0].push(&Frame::bytes(vec![b'x'; 17]));
    check(&connection.flow(), "11\r\nxxxxxxxxxxxxxxxxx\r\n");
    check(&connection.flow(), "");
    connection.service.feeds[0].push(&Frame::bytes(b"last"));
    connection.service.feeds[0].end();
    check(&connection.flow(), "4\r\nlast\r\n0\r\n\r\n");
    assert!(connection.is_closed() && connection.service.feeds[0].is_gone());
    assert_eq!(connection.stats.streams_open.value(), 0);
    assert_eq!(connection.service.answered.len(), 1);
    assert_eq!(connection.stats.requests.value(), 1);
}

#[test]
fn a_feed_that_is_dropped_ends_its_stream() {
    let mut connection = open("GET /stream HTTP/1.1\r\n\r\n");
    connection.service.feeds.clear();
    check(&connection.flow(), "0\r\n\r\n");
    assert!(connection.is_closed());
}

#[test]
fn a_stream_that_is_cut_has_no_last_chunk() {
    let mut connection = open("GET /stream HTTP/1.1\r\n\r\n");
    connection.service.feeds[0].push(&Frame::bytes(b"never sent"));
    connection.service.feeds[0].cut();
    check(&connection.flow(), "");
    assert!(connection.is_closed());
    assert_eq!(connection.stats.streams_slow.value(), 0, "that was not its reader's fault");
}

#[test]
fn to_version_10_a_stream_lasts_until_the_connection_closes() {
    let mut connection = connect();
    let sent = connection.exchange(b"GET /stream HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    check(&sent, &(head("1.0", "", CLOSE) + "onetwo!"));
    connection.service.feeds[0].push(&Frame::bytes(b"more"));
    check(&connection.flow(), "more");
    connection.service.feeds[0].end();
    check(&connection.flow(), "");
    assert!(connection.is_closed());
}

#[test]
fn head_gets_the_head_and_the_connection_goes_on() {
    let mut connection = connect();
    let sent = connection.exchange(b"HEAD /stream HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    let text = String::from_utf8_lossy(&sent).into_owned();
    let rest = text.strip_prefix(&head("1.1", CHUNKED, "")).expect("the head as for GET");
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("\r\n\r\nhello"), "{rest}");
    assert!(connection.service.feeds[0].is_gone());
    assert!(!connection.is_streaming() && !connection.is_closed());
    assert_eq!(connection.stats.streams_open.value(), 0);
    assert_eq!(connection.service.answered, [(200, 0), (200, 5)]);
}

#[test]
fn what_comes_behind_a_stream_is_never_answered() {
    let mut connection = open("GET /stream HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    check(&connection.exchange(b"GET / HTTP/1.1\r\n\r\nnonsense \x00\xff"), "");
    assert!(connection.is_streaming());
    connection.service.feeds[0].end();
    check(&connection.flow(), "0\r\n\r\n");
    check(&connection.exchange(b"GET / HTTP/1.1\r\n\r\n"), "");
    assert_eq!(connection.stats.requests.value(), 1);
}

#[test]
fn requests_before_a_stream_are_answered_first() {
    let mut connection = connect();
    let sent = connection.exchange(b"GET / HTTP/1.1\r\n\r\nGET /stream HTTP/1.1\r\n\r\n");
    let text = String::from_utf8_lossy(&sent).into_owned();
    let expected = format!("hello{}{FIRST}", head("1.1", CHUNKED, CLOSE));
    assert!(text.ends_with(&expected), "{text}");
}

#[test]
fn a_stream_may_be_opened_after_waiting_with_a_body_or_without_reading_it() {
    let mut connection = connect();
    check(&connection.exchange(b"GET /wait-then-stream HTTP/1.1\r\n\r\n"), "");
    check(&connection.answer(()), &(head("1.1", CHUNKED, CLOSE) + FIRST));
    assert!(connection.is_streaming());
    open("POST /read-then-stream HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi");
    let mut unread = open("POST /stream HTTP/1.1\r\ncontent-length: 20\r\n\r\nhalf");
    check(&unread.exchange(b"the rest of the body"), "");
    assert!(unread.is_streaming());
}

#[test]
fn a_panic_takes_its_stream_with_it() {
    let mut connection = connect();
    let sent = connection.exchange(b"GET /panic HTTP/1.1\r\n\r\n");
    assert!(sent.starts_with(b"HTTP/1.1 500 "), "{}", String::from_utf8_lossy(&sent));
    assert!(connection.is_closed() && connection.service.feeds[0].is_gone());
    assert_eq!(connection.stats.streams_open.value(), 0);
}

#[test]
fn a_client_that_leaves_is_noticed_by_the_service() {
    let mut connection = open("GET /stream HTTP/1.1\r\n\r\n");
    connection.reconnect();
    assert!(connection.service.feeds[0].is_gone());
    assert_eq!(connection.stats.streams_open.value(), 0);
}

#[test]
fn a_large_body_is_quoted_by_many_streams() {
    let body: Shared = Rc::new((0..100_000_u32).map(|at| at as u8).collect());
    let frame = Frame::parts([b"<".into(), Part::range(&body, 10..90_000), b">".into()]);
    let mut streams: Vec<_> = (0..3).map(|_| open("GET /stream HTTP/1.1\r\n\r\n")).collect();
    streams.iter().for_each(|stream| stream.service.feeds[0].push(&frame));
    let expected = [b"15f88\r\n<", &body[10..90_000], b">\r\n"].concat();
    for stream in &mut streams {
        assert!(stream.flow() == expected);
    }
}

#[test]
fn a_tap_shows_what_a_service_pushes() {
    let (feed, mut tap) = Tap::open();
    assert_eq!((tap.take(), tap.is_over()), (Vec::new(), false));
    feed.push(&Frame::bytes(b"a"));
    feed.push(&Frame::bytes(b"b"));
    assert_eq!((tap.take(), tap.is_over()), (b"ab".to_vec(), false));
    feed.push(&Frame::bytes(b"c"));
    drop(feed);
    assert!(!tap.is_over());
    assert_eq!((tap.take(), tap.is_over()), (b"c".to_vec(), true));
    let (feed, tap) = Tap::open();
    drop(tap);
    assert!(feed.is_gone());
}
