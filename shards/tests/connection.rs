//! One connection without a socket: what is received in whatever pieces, and what is sent for it.
//!
//! A toy service echoes requests, waits, panics and refuses; the connection under test is the one of a shard.

use std::{net::IpAddr, rc::Rc, time::Duration};

use brink_shards::{
    Answered, Attempt, Body, Call, Outcome, Request, RequestBody, Service, Shared, http::date::DateCache,
    loopback::Loopback,
};
use proptest::prelude::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const LARGE_BYTES: usize = 100_000;
const BODY_BYTES_MAX: usize = 2 << 20;
const WAIT: Duration = Duration::from_secs(6);

/// Answers by path.
struct Toy {
    large: Shared,
    noted: Vec<u32>,
    /// Status and length of each answer.
    answered: Vec<(u16, usize)>,
    /// Counted by each piece of unfinished work.
    works: Rc<()>,
}

/// What `/long` has left to do.
struct Work {
    turns: u32,
    body: Vec<u8>,
    _counted: Rc<()>,
}

impl Service for Toy {
    type State = ();
    type Answer = u32;
    type Notice = ();

    fn apply(&mut self, (): ()) {}

    fn note(&mut self, answer: &u32) {
        self.noted.push(*answer);
    }

    fn handle(&mut self, request: &Request<'_>, call: &mut Call<'_, u32>) -> Outcome {
        let path = request.head.target.path;
        match (path, request.body) {
            ("/refuse", _) => call.reply(403).send(Body::Empty),
            ("/panic", _) => panic!("as asked"),
            ("/panic-late", _) => {
                let _half = call.reply(200).header("x-half", b"written");
                panic!("as asked, with half an answer written");
            }
            (_, RequestBody::TooLarge) => call.reply(413).send(Body::Bytes(b"too large")),
            ("/yield-at-once", _) => Outcome::Yield(Box::new(())),
            ("/wait-at-once", RequestBody::Expected) => Outcome::Wait(call.ticket(), WAIT),
            (_, RequestBody::Expected) => Outcome::ReadBody,
            ("/read-again", RequestBody::Complete(_)) => Outcome::ReadBody,
            ("/large", _) => call.reply(200).send(Body::Shared(&self.large)),
            ("/wait" | "/wait-at-once", RequestBody::Complete(body)) => wait(body, call),
            ("/wait-twice", _) => wait_twice(call),
            ("/long", RequestBody::Complete(body)) => work(body, &self.works, call),
            (_, RequestBody::Complete(body)) => {
                call.reply(200).send(Body::Bytes(&echo(request.head.method.as_str(), path, body)))
            }
        }
    }

    fn answered(&mut self, answered: &Answered) {
        self.answered.push((answered.status, answered.body_bytes));
    }

    fn announce_stop(&mut self) {}

    fn tick(&mut self, _: &brink_shards::Now) {}
}

fn wait(body: &[u8], call: &mut Call<'_, u32>) -> Outcome {
    match *call.attempt() {
        Attempt::First => Outcome::Wait(call.ticket(), WAIT),
        Attempt::Answered(answer) => call.reply(200).send(Body::Bytes(&answered(answer, body))),
        Attempt::TimedOut => call.reply(503).send(Body::Empty),
    }
}

/// The answer 1 is not enough.
fn wait_twice(call: &mut Call<'_, u32>) -> Outcome {
    match *call.attempt() {
        Attempt::First | Attempt::Answered(1) => Outcome::Wait(call.ticket(), WAIT),
        Attempt::Answered(answer) => call.reply(200).send(Body::Bytes(&answered(answer, b""))),
        Attempt::TimedOut => call.reply(503).send(Body::Empty),
    }
}

/// Answers with the body at its fourth turn, counting the first.
fn work(body: &[u8], works: &Rc<()>, call: &mut Call<'_, u32>) -> Outcome {
    let unfinished = call.take_unfinished().map(|work| work.downcast::<Work>().expect("our own"));
    let Some(mut work) = unfinished else {
        return Outcome::Yield(Box::new(Work { turns: 1, body: body.to_vec(), _counted: Rc::clone(works) }));
    };
    assert!(body.is_empty(), "only the head is kept");
    work.turns += 1;
    if work.turns < 4 {
        return Outcome::Yield(work);
    }
    call.reply(200).send(Body::Bytes(&answered(work.turns, &work.body)))
}

fn echo(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    [method.as_bytes(), b" ", path.as_bytes(), b" ", body].concat()
}

fn answered(answer: u32, body: &[u8]) -> Vec<u8> {
    [format!("answered {answer} ").as_bytes(), body].concat()
}

fn large() -> Vec<u8> {
    (0..LARGE_BYTES).map(|at| b'a' + (at % 26) as u8).collect()
}

fn connect() -> Loopback<Toy> {
    let (noted, answered) = (Vec::new(), Vec::new());
    Loopback::new(Toy { large: Rc::new(large().into()), noted, answered, works: Rc::default() }, PEER)
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()
}

/// An answer with a length, as it stands on the wire.
fn answer(status: &str, connection: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{status}\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(DateCache::new(0).line());
    bytes.extend_from_slice(connection.as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

fn fine(body: &[u8]) -> Vec<u8> {
    answer("HTTP/1.1 200 OK", "", body)
}

fn last(status: &str, body: &[u8]) -> Vec<u8> {
    answer(&format!("HTTP/1.1 {status}"), "connection: close\r\n", body)
}

fn unavailable() -> Vec<u8> {
    answer("HTTP/1.1 503 Service Unavailable", "", b"")
}

#[track_caller]
fn check(sent: &[u8], expected: &[u8]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes.get(..600).unwrap_or(bytes)).into_owned();
    assert!(sent == expected, "sent\n{}\nexpected\n{}", text(sent), text(expected));
}

/// Everything the connection sends for these pieces; each wait is answered as soon as it is seen.
fn talk(connection: &mut Loopback<Toy>, pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut sent = Vec::new();
    for piece in pieces {
        connection.receive(&piece, &mut sent);
        while connection.waits_for().is_some() || connection.yields() {
            let pauses = connection.yields();
            sent.extend(if pauses { connection.go_on() } else { connection.answer(7) });
        }
        if connection.is_closed() {
            break;
        }
    }
    sent
}

/// Cuts the input into pieces of these lengths, over and over.
fn cut(input: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = input;
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*length).clamp(1, rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces
}

/// What was sent before the connection was refused. Of several faults the first to arrive is answered, so the
/// status may depend on the cut.
fn before_refusal<'s>(connection: &Loopback<Toy>, sent: &'s [u8]) -> &'s [u8] {
    let is_refused = connection.stats.refused.value() > 0;
    let last = sent.windows(9).rposition(|bytes| bytes == b"HTTP/1.1 ").filter(|_| is_refused);
    sent.get(..last.unwrap_or(sent.len())).unwrap_or_default()
}

/// A request and what must be sent for it.
#[derive(Debug, Clone)]
struct Exchange {
    request: Vec<u8>,
    answer: Vec<u8>,
}

fn simple(method: &'static str) -> impl Strategy<Value = Exchange> {
    "/[a-z]{0,9}x".prop_map(move |path| {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\naccept: */*\r\n\r\n").into_bytes();
        let body = echo(method, &path, b"");
        let mut answer = fine(&body);
        if method == "HEAD" {
            answer.truncate(answer.len() - body.len());
        }
        Exchange { request, answer }
    })
}

fn with_length() -> impl Strategy<Value = Exchange> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(|body| {
        let head = format!("POST /length HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
        let request = [head.as_bytes(), &body].concat();
        Exchange { request, answer: fine(&echo("POST", "/length", &body)) }
    })
}

fn chunked() -> impl Strategy<Value = Exchange> {
    let chunk = prop::collection::vec(any::<u8>(), 1..80);
    (prop::collection::vec(chunk, 0..6), any::<bool>()).prop_map(|(chunks, has_trailer)| {
        let mut request = b"POST /chunked HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        for chunk in &chunks {
            request.extend_from_slice(format!("{:x};note=1\r\n", chunk.len()).as_bytes());
            request.extend_from_slice(chunk);
            request.extend_from_slice(b"\r\n");
        }
        let end: &[u8] = if has_trailer { b"0\r\nx-end: 1\r\n\r\n" } else { b"0\r\n\r\n" };
        request.extend_from_slice(end);
        Exchange { request, answer: fine(&echo("POST", "/chunked", &chunks.concat())) }
    })
}

fn of_version_10() -> impl Strategy<Value = Exchange> {
    Just(Exchange {
        request: b"GET /ten HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_vec(),
        answer: answer("HTTP/1.0 200 OK", "connection: keep-alive\r\n", &echo("GET", "/ten", b"")),
    })
}

fn large_one() -> impl Strategy<Value = Exchange> {
    Just(Exchange { request: get("/large"), answer: fine(&large()) })
}

fn waiting_one() -> impl Strategy<Value = Exchange> {
    let with_body = prop::collection::vec(any::<u8>(), 0..40).prop_map(|body| {
        let head = format!("POST /wait HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
        Exchange { request: [head.as_bytes(), &body].concat(), answer: fine(&answered(7, &body)) }
    });
    prop_oneof![with_body, Just(Exchange { request: get("/wait-twice"), answer: fine(&answered(7, b"")) })]
}

fn long_one() -> impl Strategy<Value = Exchange> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(|body| {
        let head = format!("POST /long HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
        Exchange { request: [head.as_bytes(), &body].concat(), answer: fine(&answered(4, &body)) }
    })
}

fn exchanges() -> impl Strategy<Value = Vec<Exchange>> {
    let one = prop_oneof![
        2 => simple("GET"),
        1 => simple("HEAD"),
        2 => with_length(),
        2 => chunked(),
        1 => of_version_10(),
        1 => large_one(),
        1 => waiting_one(),
        1 => long_one(),
    ];
    prop::collection::vec(one, 1..8)
}

/// Bytes that look like requests, more or less.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec![
        &b"GET "[..],
        b"POST ",
        b"HEAD ",
        b"/x",
        b"/refuse",
        b"/large",
        b"/wait",
        b"/long",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"content-length: 5\r\n",
        b"content-length: 99999999999\r\n",
        b"transfer-encoding: chunked\r\n",
        b"connection: close\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
    ]);
    let piece = prop_oneof![
        8 => word.prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1..4_usize, 1..60_usize, 1..2_000_usize], 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn however_requests_are_cut_the_answers_are_the_same(exchanges in exchanges(), lengths in lengths()) {
        let input: Vec<u8> = exchanges.iter().flat_map(|one| &one.request).copied().collect();
        let expected: Vec<u8> = exchanges.iter().flat_map(|one| &one.answer).copied().collect();
        for pieces in [vec![input.clone()], cut(&input, &lengths), cut(&input, &[1])] {
            let mut connection = connect();
            check(&talk(&mut connection, pieces), &expected);
            prop_assert!(!connection.is_closed());
            prop_assert_eq!(connection.tickets(), 0);
            prop_assert_eq!(connection.stats.requests.value(), exchanges.len() as u64);
        }
    }

    #[test]
    fn no_bytes_panic_and_their_cuts_do_not_matter(input in noise(), lengths in lengths()) {
        let mut whole = connect();
        let sent = talk(&mut whole, [input.clone()]);
        prop_assert!(sent.is_empty() || sent.starts_with(b"HTTP/1."));
        prop_assert_eq!(whole.stats.panics.value(), 0);
        let mut piecewise = connect();
        let sent_piecewise = talk(&mut piecewise, cut(&input, &lengths));
        check(before_refusal(&piecewise, &sent_piecewise), before_refusal(&whole, &sent));
        prop_assert_eq!(piecewise.is_closed(), whole.is_closed());
        prop_assert_eq!(piecewise.stats.refused.value(), whole.stats.refused.value());
        if whole.is_closed() {
            prop_assert_eq!(whole.exchange(&get("/more")), b"", "a closed connection says nothing more");
        }
    }
}

#[test]
fn a_panic_answers_500_and_ends_that_connection_only() {
    for path in ["/panic", "/panic-late", "/read-again"] {
        let mut connection = connect();
        let sent = connection.exchange(&[get("/before"), get(path), get("/after")].concat());
        let expected = [fine(&echo("GET", "/before", b"")), last("500 Internal Server Error", b"")].concat();
        check(&sent, &expected);
        assert!(connection.is_closed(), "{path}");
        assert_eq!(connection.stats.panics.value(), 1, "{path}");
        connection.reconnect();
        check(&connection.exchange(&get("/next")), &fine(&echo("GET", "/next", b"")));
        assert!(!connection.is_closed(), "{path}");
    }
}

#[test]
fn a_panic_about_a_body_that_is_not_here_yet_is_caught_too() {
    let mut connection = connect();
    let sent = connection.exchange(b"POST /panic HTTP/1.1\r\ncontent-length: 5\r\n\r\n");
    check(&sent, &last("500 Internal Server Error", b""));
    assert!(connection.is_closed());
    assert_eq!(connection.stats.panics.value(), 1);
}

#[test]
fn a_body_is_asked_for_once_and_only_if_it_is_wanted() {
    const HEAD: &str = "HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    let mut connection = connect();
    let sent = connection.exchange(format!("POST /echo {HEAD}").as_bytes());
    check(&sent, b"HTTP/1.1 100 Continue\r\n\r\n");
    check(&connection.exchange(b"he"), b"");
    check(&connection.exchange(b"llo"), &fine(&echo("POST", "/echo", b"hello")));
    assert!(!connection.is_closed());

    let sent = connection.exchange(format!("POST /refuse {HEAD}").as_bytes());
    check(&sent, &last("403 Forbidden", b""));
    assert!(connection.is_closed(), "nobody knows whether the body comes, so where the next request begins");

    connection.reconnect();
    let sent = connection.exchange(format!("POST /echo {HEAD}hello").as_bytes());
    check(&sent, &fine(&echo("POST", "/echo", b"hello")));
}

#[test]
fn a_refused_body_that_is_here_already_does_not_end_the_connection() {
    let mut connection = connect();
    let whole = b"POST /refuse HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi";
    check(&connection.exchange(whole), &answer("HTTP/1.1 403 Forbidden", "", b""));
    check(&connection.exchange(&get("/next")), &fine(&echo("GET", "/next", b"")));
}

#[test]
fn a_wait_before_the_body_is_put_off_until_the_body_is_here() {
    let mut connection = connect();
    check(&connection.exchange(b"POST /wait-at-once HTTP/1.1\r\ncontent-length: 2\r\n\r\n"), b"");
    assert_eq!((connection.waits_for(), connection.tickets()), (None, 0));
    check(&connection.exchange(b"hi"), b"");
    assert!(connection.waits_for().is_some());
    check(&connection.answer(3), &fine(&answered(3, b"hi")));
    assert_eq!(connection.tickets(), 0);
}

#[test]
fn a_body_over_the_limit_is_refused_by_its_length() {
    let head =
        |length: usize| format!("POST /echo HTTP/1.1\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    let mut connection = connect();
    check(&connection.exchange(&head(BODY_BYTES_MAX + 1)), &last("413 Payload Too Large", b"too large"));
    assert!(connection.is_closed());
    connection.reconnect();
    let body = vec![b'b'; BODY_BYTES_MAX];
    let sent = connection.exchange(&[head(BODY_BYTES_MAX), body.clone()].concat());
    check(&sent, &fine(&echo("POST", "/echo", &body)));
}

#[test]
fn a_body_over_the_limit_is_refused_chunk_by_chunk() {
    let mut connection = connect();
    check(&connection.exchange(b"POST /echo HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"), b"");
    let chunk = [&b"10000\r\n"[..], &[b'c'; 0x1_0000], b"\r\n"].concat();
    for _ in 0..BODY_BYTES_MAX / 0x1_0000 {
        check(&connection.exchange(&chunk), b"");
    }
    check(&connection.exchange(b"1\r\nc\r\n"), &last("413 Payload Too Large", b"too large"));
    assert!(connection.is_closed());
}

#[test]
fn broken_requests_are_refused_without_asking_the_service() {
    let refused = |request: &str, status: &str| {
        let mut connection = connect();
        check(&connection.exchange(request.as_bytes()), &last(status, b""));
        assert!(connection.is_closed(), "{request:?}");
        assert_eq!(connection.stats.refused.value(), 1, "{request:?}");
    };
    refused("GET /x HTTP/1.1\r\nbad line\r\n\r\n", "400 Bad Request");
    refused("GET /x HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "400 Bad Request");
    refused("POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nnothex\r\n", "400 Bad Request");
    refused(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9 << 10)), "414 URI Too Long");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: 1\r\n".repeat(101));
    refused(&many, "431 Request Header Fields Too Large");
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Bad Request");
}

#[test]
fn a_waiting_request_is_answered() {
    let mut connection = connect();
    check(&connection.exchange(&get("/wait")), b"");
    assert_eq!(connection.waits_for().map(|(_, limit)| limit), Some(WAIT));
    assert_eq!(connection.tickets(), 1);
    check(&connection.answer(42), &fine(&answered(42, b"")));
    assert_eq!((connection.waits_for(), connection.tickets()), (None, 0));
    assert_eq!(connection.service.noted, [42]);
    check(&connection.exchange(&get("/next")), &fine(&echo("GET", "/next", b"")));
}

#[test]
fn a_request_may_wait_twice() {
    let mut connection = connect();
    check(&connection.exchange(&get("/wait-twice")), b"");
    check(&connection.answer(1), b"");
    assert_eq!(connection.tickets(), 1);
    check(&connection.answer(2), &fine(&answered(2, b"")));
    assert_eq!(connection.tickets(), 0);
}

#[test]
fn a_waiting_request_that_times_out_is_told_and_a_late_answer_changes_nothing() {
    let mut connection = connect();
    check(&connection.exchange(&get("/wait")), b"");
    check(&connection.time_out(), &unavailable());
    assert_eq!(connection.tickets(), 0);
    check(&connection.answer(1), b"");
    check(&connection.exchange(&get("/next")), &fine(&echo("GET", "/next", b"")));
}

#[test]
fn a_late_answer_does_not_lose_a_body_that_is_on_its_way() {
    let mut connection = connect();
    check(&connection.exchange(b"POST /echo HTTP/1.1\r\ncontent-length: 4\r\n\r\nha"), b"");
    check(&connection.answer(1), b"");
    check(&connection.time_out(), b"");
    check(&connection.exchange(b"lf"), &fine(&echo("POST", "/echo", b"half")));
}

#[test]
fn a_client_that_leaves_gives_its_ticket_back() {
    let mut connection = connect();
    check(&connection.exchange(&get("/wait")), b"");
    let (ticket, _) = connection.waits_for().expect("it waits");
    connection.reconnect();
    assert_eq!(connection.tickets(), 0);
    check(&connection.exchange(&get("/wait")), b"");
    let (next, _) = connection.waits_for().expect("it waits");
    assert_ne!(ticket, next, "the seat is the same, the ticket is not");
}

#[test]
fn requests_behind_a_waiting_one_are_answered_when_it_is() {
    let mut connection = connect();
    let input = [get("/wait"), get("/one"), get("/large"), get("/wait"), get("/two")].concat();
    check(&connection.exchange(&input), b"");
    let expected = [fine(&answered(1, b"")), fine(&echo("GET", "/one", b"")), fine(&large())].concat();
    check(&connection.answer(1), &expected);
    let expected = [unavailable(), fine(&echo("GET", "/two", b""))].concat();
    check(&connection.time_out(), &expected);
    assert_eq!(connection.tickets(), 0);
}

#[test]
fn half_a_request_behind_a_waiting_one_is_kept() {
    let mut connection = connect();
    check(&connection.exchange(&[get("/wait"), b"GET /ha".to_vec()].concat()), b"");
    check(&connection.answer(1), &fine(&answered(1, b"")));
    check(&connection.exchange(b"lf HTTP/1.1\r\n\r\n"), &fine(&echo("GET", "/half", b"")));
}

#[test]
fn long_work_goes_on_where_it_was() {
    let mut connection = connect();
    check(&connection.exchange(&[get("/long"), get("/behind")].concat()), b"");
    for _ in 0..2 {
        assert!(connection.yields());
        check(&connection.go_on(), b"");
    }
    let expected = [fine(&answered(4, b"")), fine(&echo("GET", "/behind", b""))].concat();
    check(&connection.go_on(), &expected);
    assert!(!connection.yields());
    check(&connection.go_on(), b"");
}

#[test]
fn work_ends_with_its_connection() {
    let mut connection = connect();
    check(&connection.exchange(&get("/long")), b"");
    assert_eq!(Rc::strong_count(&connection.service.works), 2);
    connection.reconnect();
    assert_eq!(Rc::strong_count(&connection.service.works), 1);
    check(&connection.exchange(&get("/next")), &fine(&echo("GET", "/next", b"")));
}

#[test]
fn nobody_yields_before_the_body_is_here() {
    let mut connection = connect();
    let sent = connection.exchange(b"POST /yield-at-once HTTP/1.1\r\ncontent-length: 4\r\n\r\n");
    check(&sent, &last("500 Internal Server Error", b""));
    assert!(connection.is_closed());
}

#[test]
fn draining_makes_the_next_answer_the_last() {
    let mut connection = connect();
    check(&connection.exchange(&get("/one")), &fine(&echo("GET", "/one", b"")));
    connection.drain();
    let sent = connection.exchange(&[get("/two"), get("/three")].concat());
    check(&sent, &last("200 OK", &echo("GET", "/two", b"")));
    assert!(connection.is_closed());
}

#[test]
fn a_client_that_wants_to_close_is_told_so() {
    let check_last = |request: &str, expected: Vec<u8>| {
        let mut connection = connect();
        check(&connection.exchange(request.as_bytes()), &expected);
        assert!(connection.is_closed(), "{request:?}");
    };
    let body = echo("GET", "/x", b"");
    check_last("GET /x HTTP/1.1\r\nconnection: close\r\n\r\n", last("200 OK", &body));
    check_last("GET /x HTTP/1.0\r\n\r\n", answer("HTTP/1.0 200 OK", "connection: close\r\n", &body));
}

#[test]
fn large_bodies_between_small_ones_come_in_order() {
    let mut connection = connect();
    let mut input = Vec::new();
    let mut expected = Vec::new();
    for round in 0..40 {
        let path = if round % 3 == 0 { "/large".to_owned() } else { format!("/{round}") };
        input.extend(get(&path));
        expected.extend(fine(&if round % 3 == 0 { large() } else { echo("GET", &path, b"") }));
    }
    check(&connection.exchange(&input), &expected);
    assert_eq!(connection.stats.requests.value(), 40);
}

#[test]
fn more_small_answers_than_one_send_takes_come_in_order() {
    let mut connection = connect();
    let path = format!("/{}", "p".repeat(500));
    let input = get(&path).repeat(1_000);
    check(&connection.exchange(&input), &fine(&echo("GET", &path, b"")).repeat(1_000));
}

#[test]
fn every_answer_of_the_service_is_measured_once() {
    let mut connection = connect();
    connection.exchange(b"GET /a HTTP/1.1\r\nhost: h\r\n\r\nHEAD /large HTTP/1.1\r\nhost: h\r\n\r\n");
    connection.exchange(b"POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n");
    connection.exchange(b"xyz");
    connection.exchange(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n");
    let before = connection.service.answered.clone();
    assert_eq!(before, [(200, 7), (200, LARGE_BYTES), (200, 11)]);
    connection.time_out();
    assert_eq!(connection.service.answered.last(), Some(&(503, 0)));
    connection.exchange(b"GET /refuse HTTP/1.1\r\nhost: h\r\n\r\nnonsense\r\n\r\n");
    assert_eq!(
        connection.service.answered.len(),
        before.len() + 2,
        "what the codec refuses is not the service's"
    );
}
