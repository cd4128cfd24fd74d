//! Heads, good and bad, whole and in every part.

use proptest::prelude::*;

use super::*;

fn with<T>(input: &[u8], check: impl FnOnce(HeadProgress<'_>) -> T) -> T {
    let mut slots = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    check(parse_head(input, &mut slots))
}

/// `None` while partial, else the refusal or the number of bytes taken.
fn outcome(input: &[u8]) -> Option<Result<usize, Refusal>> {
    with(input, |progress| match progress {
        HeadProgress::Partial => None,
        HeadProgress::Complete { consumed, .. } => Some(Ok(consumed)),
        HeadProgress::Refused(refusal) => Some(Err(refusal)),
    })
}

#[track_caller]
fn good<T: PartialEq + std::fmt::Debug>(input: &str, read: impl FnOnce(&Head<'_>) -> T, expected: T) {
    with(input.as_bytes(), |progress| match progress {
        HeadProgress::Complete { consumed, head } => {
            assert_eq!(read(&head), expected, "{input:?}");
            assert_eq!(consumed, input.len(), "{input:?}");
        }
        other => panic!("{input:?}: {other:?}"),
    });
}

const GOOD: &[&str] = &[
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
    "POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\n\r\n",
    "GET http://x/y HTTP/1.1\r\n\r\n",
    "PURGE /x HTTP/1.1\r\n\r\n",
    "GET /caf\u{e9} HTTP/1.1\r\nx-latin: \u{e9}\r\n\r\n",
    "GET / HTTP/1.1\r\nempty:\r\nblank:   \r\n\r\n",
];

fn bad() -> Vec<(String, Refusal)> {
    use Refusal::{HeadTooLarge, Malformed, TargetTooLong, UnknownCoding, UnknownExpectation};
    let get = |lines: &str| format!("GET / HTTP/1.1\r\n{lines}\r\n\r\n");
    let many = |count: usize| (0..count).map(|i| format!("h{i}: v\r\n")).collect::<String>();
    vec![
        ("GET /\r\n\r\n".into(), Malformed),
        ("GET  / HTTP/1.1\r\n\r\n".into(), Malformed),
        ("GET / HTTP/1.2x\r\n\r\n".into(), Malformed),
        ("GET / HTTP/2.0\r\n\r\n".into(), Malformed),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), Malformed),
        ("G\u{0}T / HTTP/1.1\r\n\r\n".into(), Malformed),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}".into(), Malformed),
        ("\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n".into(), Malformed),
        ("\nGET / HTTP/1.1\r\n\r\n".into(), Malformed),
        ("GET / HTTP/1.1\n\n".into(), Malformed),
        ("GET / HTTP/1.1\r\nhost: x\n\r\n".into(), Malformed),
        ("GET / HTTP/1.1\r\nhost: x\r\n\n".into(), Malformed),
        (get("a: b\r\n c"), Malformed),
        (get(" a: b"), Malformed),
        (get("a : b"), Malformed),
        (get(": b"), Malformed),
        (get("a b: c"), Malformed),
        (get("a"), Malformed),
        (get("a: b\u{0}c"), Malformed),
        (get("a: b\u{7f}c"), Malformed),
        (get("host: a\r\nhost: a"), Malformed),
        ("GET /a#b HTTP/1.1\r\n\r\n".into(), Malformed),
        (get("content-length: 5\r\ncontent-length: 6"), Malformed),
        (get("content-length: 5\r\ncontent-length: 5"), Malformed),
        (get("content-length: 5, 5"), Malformed),
        (get("content-length: +5"), Malformed),
        (get("content-length: -1"), Malformed),
        (get("content-length: 5 5"), Malformed),
        (get("content-length:"), Malformed),
        (get("content-length: 0x5"), Malformed),
        (get("content-length: 18446744073709551616"), Malformed),
        (get("content-length: 5\r\ntransfer-encoding: chunked"), Malformed),
        (get("transfer-encoding: chunked\r\ncontent-length: 5"), Malformed),
        (get("transfer-encoding: chunked\r\ntransfer-encoding: chunked"), Malformed),
        (get("transfer-encoding: chunked, gzip"), Malformed),
        (get("transfer-encoding: identity"), Malformed),
        (get("transfer-encoding:"), Malformed),
        (get("transfer-encoding: xchunked"), Malformed),
        (get("transfer-encoding: chunked, chunked"), Malformed),
        (get("transfer-encoding: chunked,"), Malformed),
        (get("transfer-encoding: gzip, chunked"), UnknownCoding),
        ("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n".into(), Malformed),
        (get("expect: something"), UnknownExpectation),
        (get(&many(101)), HeadTooLarge),
        (get(&format!("big: {}", "x".repeat(HEAD_BYTES_MAX))), HeadTooLarge),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(TARGET_BYTES_MAX)), TargetTooLong),
        (format!("GET /{}", "x".repeat(TARGET_BYTES_MAX)), TargetTooLong),
        (format!("GET / HTTP/1.1\r\nbig: {}", "x".repeat(HEAD_BYTES_MAX)), HeadTooLarge),
    ]
}

#[test]
fn what_can_be_misread_is_refused() {
    for (input, refusal) in bad() {
        assert_eq!(outcome(input.as_bytes()), Some(Err(refusal)), "{:?}", input.get(..80).unwrap_or(&input));
    }
}

#[test]
fn a_growing_head_is_decided_once_and_for_all() {
    for input in GOOD {
        let whole = outcome(input.as_bytes());
        assert_eq!(whole, Some(Ok(input.len())), "{input:?}");
        for end in 0..input.len() {
            assert_eq!(outcome(&input.as_bytes()[..end]), None, "{:?}", &input.as_bytes()[..end]);
        }
    }
    for (input, refusal) in bad().into_iter().filter(|(input, _)| input.len() < 200) {
        let first = (0..=input.len()).find_map(|end| outcome(&input.as_bytes()[..end]));
        assert_eq!(first, Some(Err(refusal)), "{input:?}");
    }
}

#[test]
fn limits_are_what_they_say() {
    let filler = |length: usize| format!("GET / HTTP/1.1\r\nbig: {}\r\n\r\n", "x".repeat(length - 25));
    assert_eq!(outcome(filler(HEAD_BYTES_MAX).as_bytes()), Some(Ok(HEAD_BYTES_MAX)));
    assert_eq!(outcome(filler(HEAD_BYTES_MAX + 1).as_bytes()), Some(Err(Refusal::HeadTooLarge)));
    let target = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(TARGET_BYTES_MAX - 1));
    assert_eq!(outcome(target.as_bytes()), Some(Ok(target.len())));
    let lines: String = (0..HEADERS_MAX).map(|i| format!("h{i}: v\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\n{lines}\r\n");
    assert_eq!(outcome(many.as_bytes()), Some(Ok(many.len())));
}

#[test]
fn heads_say_what_they_mean() {
    let line = |lines: &str| format!("POST /a HTTP/1.1\r\n{lines}\r\n\r\n");
    good(&line("content-length: 12"), |head| head.framing, Framing::Length(12));
    good(&line("content-length: 0012"), |head| head.framing, Framing::Length(12));
    good(&line("transfer-encoding: CHUNKED"), |head| head.framing, Framing::Chunked);
    good(&line("a: b"), |head| head.framing, Framing::None);
    good(&line("connection: close"), |head| head.keep_alive, false);
    good(&line("connection: x, Close"), |head| head.keep_alive, false);
    good(&line("connection: keep-alive\r\nconnection: close"), |head| head.keep_alive, false);
    good(&line("a: b"), |head| head.keep_alive, true);
    good("GET / HTTP/1.0\r\n\r\n", |head| head.keep_alive, false);
    good("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", |head| head.keep_alive, true);
    good("GET / HTTP/1.0\r\n\r\n", |head| head.version, Version::Http10);
    good(&line("content-length: 1\r\nexpect: 100-Continue"), |head| head.expect_continue, true);
    good(&line("expect: 100-continue"), |head| head.expect_continue, false);
    good(&line("content-length: 0\r\nexpect: 100-continue"), |head| head.expect_continue, false);
    good("GET / HTTP/1.0\r\nexpect: 100-continue\r\n\r\n", |head| head.expect_continue, false);
    good(
        &line("AUTHORIZATION:  one \r\nauthorization: two"),
        |head| head.find("authorization") == Some(b"one"),
        true,
    );
    good(&line("a: 1\r\nb: 2\r\nA: 3"), |head| head.lines("a").count(), 2);
    good(&line("origin: o\r\norigin: p"), |head| head.known.origin == Some(b"o"), true);
    good(&line("Accept-Encoding: gzip"), |head| head.known.accept_encoding == Some(b"gzip"), true);
    good("QUERY / HTTP/1.1\r\n\r\n", |head| head.method.as_str() == "QUERY", true);
    good("get / HTTP/1.1\r\n\r\n", |head| head.method == Method::Get, false);
}

#[test]
fn printing_a_head_shows_no_secret() {
    let input = b"GET /s3cret HTTP/1.1\r\nauthorization: s3cret\r\norigin: s3cret\r\n\r\n";
    let shown = with(input, |progress| format!("{progress:?}"));
    assert!(shown.contains("Head") && !shown.contains("s3cret"), "{shown}");
}

proptest! {
    #[test]
    fn no_bytes_panic(input in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = outcome(&input);
    }

    #[test]
    fn no_almost_head_panics(
        (at, byte) in (0usize..200, any::<u8>()),
        which in 0usize..GOOD.len(),
    ) {
        let mut input = GOOD[which].as_bytes().to_vec();
        let at = at % input.len();
        input[at] = byte;
        if let Some(Ok(consumed)) = outcome(&input) {
            prop_assert!(consumed <= input.len());
        }
    }
}
