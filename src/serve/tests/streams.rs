//! Streams: what opens one, what it is sent, what ends it.

use brink_shards::{Service, loopback::Tap};

use super::{
    delta::{BASKET_ON, after, served},
    *,
};
use crate::serve::{
    limits::{KEEP_ALIVE_MS, KEEP_ALIVE_PHASES},
    replica::Replica,
    streams::{Follower, Streams},
};
use crate::{
    messages::Notice,
    observe::{endpoint::Endpoint, meter::Figures},
};

const STREAMING: &str = "/api/client/streaming";
const FIRST: &[(&[&str], u64)] = &[(&[BASKET, CHECKOUT], 40)];
const SECOND: &[(&[&str], u64)] = &[(&[BASKET, CHECKOUT], 40), (&[BASKET_ON, CHECKOUT], 42)];

/// The head of the answer, and what the stream begins with.
#[track_caller]
fn open(bench: &mut Bench, sent: &Sent<'_>) -> (String, String) {
    let bytes = bench.connection.exchange(&sent.bytes());
    let text = String::from_utf8(bytes).expect("text");
    let (head, chunks) = text.split_once("\r\n\r\n").expect("an answer");
    (head.to_owned(), payload(chunks.as_bytes()))
}

/// What is in chunks.
fn payload(mut chunks: &[u8]) -> String {
    let mut payload = Vec::new();
    while let Some(line) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&chunks[..line]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("a size");
        payload.extend_from_slice(&chunks[line + 2..line + 2 + size]);
        chunks = &chunks[line + 2 + size + 2..];
    }
    String::from_utf8(payload).expect("text")
}

fn flow(bench: &mut Bench) -> String {
    payload(&bench.connection.flow())
}

fn message(name: &str, id: &str, events: &str) -> String {
    format!("event: unleash-{name}\n{id}data: {{\"events\":[{events}]}}\n\n")
}

fn hydration(name: &str, id: u64, features: &[&str]) -> String {
    let features = features.join(",");
    let event = format!(r#"{{"type":"hydration","eventId":{id},"features":[{features}],"segments":[]}}"#);
    message(name, &format!("id: {id}\n"), &event)
}

fn updated(name: &str, id: u64, feature: &str) -> String {
    let event = format!(r#"{{"type":"feature-updated","eventId":{id},"feature":{feature}}}"#);
    message(name, &format!("id: {id}\n"), &event)
}

fn sent<'s>(target: &'s str, token: &'s str, headers: &[(&'s str, &'s str)]) -> Sent<'s> {
    Sent { token: Some(token), headers: headers.to_vec(), ..Sent::get(target) }
}

fn bench(answers: &[(&[&str], u64)]) -> Bench {
    let mut bench = Bench::edge();
    bench.apply(served(answers));
    bench
}

#[test]
fn a_stream_has_these_headers() {
    let (head, _) = open(&mut bench(FIRST), &sent(STREAMING, TOKEN, &[]));
    for line in [
        "HTTP/1.1 200 OK",
        "content-type: text/event-stream",
        "cache-control: no-cache, no-transform",
        "x-accel-buffering: no",
        "transfer-encoding: chunked",
        "access-control-allow-origin: *",
    ] {
        assert!(head.lines().any(|one| one == line), "{line} is not in\n{head}");
    }
    assert!(!head.contains("content-length") && !head.contains("etag"), "{head}");
}

/// What a stream begins with.
#[track_caller]
fn begins(target: &str, token: &str, last_event_id: Option<&str>, expected: &str) {
    let headers: Vec<_> = last_event_id.map(|id| ("last-event-id", id)).into_iter().collect();
    let (_, first) = open(&mut bench(SECOND), &sent(target, token, &headers));
    assert_eq!(first, expected, "{target} {token} {last_event_id:?}");
}

#[test]
fn a_stream_begins_where_its_client_stands() {
    let all = hydration("connected", 42, &[BASKET_ON, CHECKOUT]);
    for id in [None, Some("39"), Some("43"), Some("abc")] {
        begins(STREAMING, TOKEN, id, &all);
    }
    begins(STREAMING, TOKEN, Some("40"), &updated("connected", 42, BASKET_ON));
    begins(STREAMING, TOKEN, Some("42"), &message("connected", "", ""));
    begins(STREAMING, TOKEN_P1, None, &hydration("connected", 40, &[CHECKOUT]));
    begins("/api/client/streaming?namePrefix=ch", TOKEN, None, &hydration("connected", 42, &[CHECKOUT]));
    // It has moved on without hearing of it.
    begins("/api/client/streaming?namePrefix=ch", TOKEN, Some("40"), &message("connected", "id: 42\n", ""));
}

#[test]
fn changes_are_sent_to_whom_they_concern() {
    #[track_caller]
    fn check(target: &str, token: &str, expected: &str) {
        let mut bench = bench(FIRST);
        open(&mut bench, &sent(target, token, &[("accept", "text/event-stream")]));
        bench.apply(served(FIRST));
        assert_eq!(flow(&mut bench), "", "nothing has changed");
        bench.apply(served(SECOND));
        assert_eq!(flow(&mut bench), expected, "{target} {token}");
        bench.apply(served(SECOND));
        assert_eq!(flow(&mut bench), "", "sent once");
        assert!(bench.connection.is_streaming());
    }
    check(STREAMING, TOKEN, &updated("updated", 42, BASKET_ON));
    check("/api/client/features/streaming", TOKEN_P1, "");
    check("/api/client/streaming?namePrefix=Ba", TOKEN, &updated("updated", 42, BASKET_ON));
    check("/api/client/streaming?namePrefix=ch", TOKEN, "");
}

#[test]
fn snapshots_that_were_missed_are_told_one_by_one() {
    let third = [SECOND, &[(&[CHECKOUT], 45)]].concat();
    let removed = r#"{"type":"feature-removed","eventId":45,"featureName":"Basket","project":"p2"}"#;
    let mut bench = bench(FIRST);
    open(&mut bench, &sent(STREAMING, TOKEN, &[]));
    bench.apply(served(&third));
    let expected = updated("updated", 42, BASKET_ON) + &message("updated", "id: 45\n", removed);
    assert_eq!(flow(&mut bench), expected);
}

#[test]
fn who_cannot_be_told_what_changed_is_told_everything() {
    // Another life of upstream: the scope was not served in between.
    let mut bench = bench(SECOND);
    open(&mut bench, &sent(STREAMING, TOKEN, &[]));
    bench.apply(served(&[(&[CHECKOUT], 7)]));
    assert_eq!(flow(&mut bench), hydration("updated", 7, &[CHECKOUT]));
    // The token sees something else now.
    let smaller = Known::backend(TOKEN, &["p1"], ScopeState::Serving(after(&["p1"], &[(&[CHECKOUT], 7)])));
    bench.apply(snapshot(&[smaller]));
    assert_eq!(flow(&mut bench), hydration("updated", 7, &[CHECKOUT]));
}

#[test]
fn streams_of_bad_tokens_end_with_the_snapshot() {
    #[track_caller]
    fn check(tokens: &[Known], ends: bool) {
        let mut bench = bench(FIRST);
        open(&mut bench, &sent(STREAMING, TOKEN, &[]));
        bench.apply(snapshot(tokens));
        let sent = bench.connection.flow();
        assert_eq!(sent == b"0\r\n\r\n", ends);
        assert_eq!(bench.connection.is_closed(), ends);
    }
    let good = || Known::backend(TOKEN, &["*"], ScopeState::Serving(after(&["*"], FIRST)));
    check(&[good()], false);
    check(&[], true);
    check(&[Known { standing: Standing::Refused, ..good() }], true);
    check(&[Known { kind: TokenKind::Frontend, ..good() }], true);
    check(&[Known { state: ScopeState::Uncovered, ..good() }], true);
    check(&[Known { state: ScopeState::Loading, ..good() }], false);
    check(&[Known { state: ScopeState::Fetching, ..good() }], false);
}

#[test]
fn a_stop_ends_streams_and_opens_no_more() {
    let mut bench = bench(FIRST);
    open(&mut bench, &sent(STREAMING, TOKEN, &[]));
    bench.connection.service.announce_stop();
    assert_eq!(bench.connection.flow(), b"0\r\n\r\n");
    assert!(bench.connection.is_closed());
    bench.connection.reconnect();
    let answer = bench.get(STREAMING, TOKEN);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
}

#[test]
fn is_guarded_like_features() {
    let mut bench = Bench::edge();
    bench.apply(snapshot(&[
        Known::backend(TOKEN, &["*"], ScopeState::Loading),
        Known::backend(TOKEN_P1, &["p1"], ScopeState::Uncovered),
    ]));
    let answer = bench.get(STREAMING, TOKEN);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(bench.get(STREAMING, TOKEN_P1).status, 403);
    assert_eq!(bench.ask(&Sent::get(STREAMING)).status, 403);
    let post = Sent { method: "POST", token: Some(TOKEN), ..Sent::get(STREAMING) };
    assert_eq!(bench.ask(&post).header("allow"), Some("GET,HEAD"));
}

#[test]
fn head_opens_nothing() {
    let mut bench = bench(FIRST);
    let head = Sent { method: "HEAD", ..sent(STREAMING, TOKEN, &[]) };
    let (head, body) = open(&mut bench, &head);
    assert!(head.contains("text/event-stream"));
    assert_eq!(body, "");
    assert!(!bench.connection.is_streaming());
    assert_eq!(bench.connection.service.streams.borrow().opened(), 0);
}

#[test]
fn the_alias_is_a_feature_for_others() {
    let mut bench = bench(FIRST);
    assert_eq!(bench.get("/api/client/features/streaming", TOKEN).status, 404);
    let (head, _) =
        open(&mut bench, &sent("/api/client/features/streaming", TOKEN, &[("accept", "text/event-stream")]));
    assert!(head.contains("content-type: text/event-stream"), "{head}");
}

#[test]
fn a_stream_is_one_request_and_counted_while_it_is_open() {
    let mut bench = bench(FIRST);
    let (_, first) = open(&mut bench, &sent(STREAMING, TOKEN, &[]));
    let count = |bench: &mut Bench| {
        let (answers, figures) = bounded(1);
        bench.connection.service.told(Notice::Measure(answers));
        figures.try_recv().expect("figures").figures
    };
    let figures = count(&mut bench);
    let counted = |figures: &Figures| {
        let series = figures
            .all_series()
            .map(|(key, series)| (key.endpoint, key.status, series.durations.count(), series.size_sum));
        series.collect::<Vec<_>>()
    };
    let expected = [(Endpoint::Streaming, 200, 1, first.len() as u64)];
    assert_eq!((figures.streams_open, figures.streams_made, counted(&figures)), (1, 1, expected.to_vec()));
    bench.apply(served(SECOND));
    flow(&mut bench);
    bench.connection.reconnect();
    let figures = count(&mut bench);
    assert_eq!((figures.streams_open, figures.streams_made, counted(&figures)), (0, 1, expected.to_vec()));
}

/// The hub alone, with streams that end nowhere.
struct Hub {
    streams: Streams,
    taps: Vec<Tap>,
}

impl Hub {
    fn new() -> Self {
        Self { streams: Streams::default(), taps: Vec::new() }
    }

    fn open(&mut self, token: &str, prefix: &str) {
        let (feed, tap) = Tap::open();
        let scope = scope(&["*"]);
        let position = after(&["*"], FIRST).history.token();
        let follower = Follower { token: key(token), prefix: prefix.into(), scope: &scope, position };
        self.streams.add(follower, feed);
        self.taps.push(tap);
    }
}

#[test]
fn everybody_hears_something_in_time_and_not_all_at_once() {
    let mut hub = Hub::new();
    (0..300).for_each(|_| hub.open("many", ""));
    (0..300).for_each(|number| hub.open(&format!("one {number}"), ""));
    let step = Duration::from_millis(KEEP_ALIVE_MS / KEEP_ALIVE_PHASES as u64);
    hub.streams.keep_alive(step * 7);
    hub.taps.iter_mut().for_each(|tap| _ = tap.take());
    for round in 0..2 {
        let mut heard = 0;
        for phase in 1..=KEEP_ALIVE_PHASES as u32 {
            hub.streams.keep_alive(step * (7 + round * KEEP_ALIVE_PHASES as u32 + phase));
            let now =
                hub.taps.iter_mut().filter_map(|tap| Some(tap.take()).filter(|heard| !heard.is_empty()));
            let now: Vec<_> = now.collect();
            assert!(now.iter().all(|heard| heard == b": keep-alive\n\n"));
            assert_eq!(now.len(), hub.taps.len() / KEEP_ALIVE_PHASES, "evenly spread");
            heard += now.len();
        }
        assert_eq!(heard, hub.taps.len());
    }
    // A shard that was held up makes up for it, once.
    hub.streams.keep_alive(step * 10_000);
    assert!(hub.taps.iter_mut().all(|tap| tap.take() == b": keep-alive\n\n"));
}

#[test]
fn clients_that_leave_are_forgotten() {
    let mut hub = Hub::new();
    (0..100).for_each(|number| hub.open("a", if number % 2 == 0 { "" } else { "x" }));
    assert_eq!((hub.streams.open(), hub.streams.opened()), (100, 100));
    hub.taps.drain(10..60);
    hub.streams.forget_gone();
    assert_eq!((hub.streams.open(), hub.streams.opened()), (50, 100));
    (0..20).for_each(|_| hub.open("a", ""));
    assert_eq!((hub.streams.open(), hub.streams.opened()), (70, 120));
    // Without being asked, with the keep-alive that is their turn.
    hub.taps.truncate(5);
    hub.streams.keep_alive(Duration::from_millis(KEEP_ALIVE_MS));
    assert_eq!(hub.streams.open(), 5);
    hub.taps.clear();
    hub.streams.forget_gone();
    assert_eq!(hub.streams.open(), 0);
}

#[test]
fn frames_are_made_once_for_all() {
    let mut hub = Hub::new();
    (0..50).for_each(|_| hub.open(TOKEN, ""));
    (0..50).for_each(|_| hub.open(TOKEN, "Bas"));
    (0..50).for_each(|_| hub.open(TOKEN, "x"));
    let view = after(&["*"], SECOND);
    let state = ScopeState::Serving(Arc::clone(&view));
    let snapshot = Arc::new(snapshot(&[Known::backend(TOKEN, &["*"], state)]));
    let change = view.history.since(after(&["*"], FIRST).history.token()).expect("one")[0].message();
    let before = Arc::strong_count(change);
    hub.streams.follow(&Replica::new(Arc::clone(&snapshot)));
    assert_eq!(Arc::strong_count(change), before + 1, "shared by all of the shard");
    let counts = hub.taps.iter_mut().map(|tap| tap.take().len()).collect::<Vec<_>>();
    assert_eq!(counts, [[change.len(); 50], [change.len(); 50], [0; 50]].concat());
    assert_eq!(Arc::strong_count(change), before, "given back once sent");
}

#[test]
fn there_is_an_end_to_how_many_there_may_be() {
    use crate::serve::limits::{STREAMS_MAX, STREAMS_PER_TOKEN_MAX};
    let mut hub = Hub::new();
    for _ in 0..STREAMS_PER_TOKEN_MAX {
        assert!(hub.streams.has_room(key("a")));
        hub.open("a", "");
    }
    assert!(!hub.streams.has_room(key("a")) && hub.streams.has_room(key("b")));
    (STREAMS_PER_TOKEN_MAX..STREAMS_MAX).for_each(|_| hub.open("b", ""));
    assert!(!hub.streams.has_room(key("c")));
    hub.taps.pop();
    assert!(hub.streams.has_room(key("c")), "room that is free again is seen at once");
    hub.open("c", "");

    let mut bench = bench(FIRST);
    bench.connection.service.streams = hub.streams.into();
    let answer = bench.get(STREAMING, TOKEN);
    assert_eq!((answer.status, answer.header("retry-after"), &*answer.body), (429, Some("60"), ""));
    hub.taps.pop();
    open(&mut bench, &sent(STREAMING, TOKEN, &[]));
    assert!(bench.connection.is_streaming());
}
