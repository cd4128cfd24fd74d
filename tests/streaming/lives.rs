//! How streams begin, live and end, beside what they are told.

use std::time::{Duration, Instant};

use crate::{
    brink::{Brink, PATIENCE},
    client::Stream,
    fake_upstream::{FEATURES, FakeUpstream, Habit},
    scene::{ALL, P1, P2, Scene, document, flag},
    scrape::Scrape,
};

const STREAMING: &str = "/api/client/streaming";
const METRICS: &str = "/internal-backstage/prometheus";

#[test]
fn before_there_is_data_clients_are_told_to_come_back() {
    let up = FakeUpstream::start();
    up.add_token(ALL, "client", &["*"]);
    up.set_features("development", document(40, &[]));
    up.set_habit_on(FEATURES, Habit::Status(500));
    let brink = Brink::start(&["--workers", "1", "edge", "-u", &up.url(), "-t", ALL]);
    for path in [STREAMING, "/api/client/delta"] {
        let answer = brink.get(path, &[("authorization", ALL)]);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{path}");
        assert_eq!(brink.get(path, &[]).status, 403, "{path}");
    }
}

#[test]
fn a_revoked_token_ends_its_streams_and_no_others() {
    let scene = Scene::with(
        &[flag("a", "p1", true, &[]), flag("b", "p2", true, &[])],
        &["--token-revalidation-interval-seconds", "1"],
    );
    let mut streams = [ALL, P1, P2].map(|token| Stream::of(&scene.brink, token));
    streams.iter_mut().for_each(|stream| _ = stream.next());
    scene.up.remove_token(P1);
    let [mut all, p1, p2] = streams;
    let (is_proper, _) = p1.end();
    assert!(is_proper, "with a last chunk");
    assert_eq!(scene.brink.get(STREAMING, &[("authorization", P1)]).status, 403);
    scene.set(41, &[flag("a", "p1", true, &[]), flag("b", "p2", false, &[])]);
    all.expect("updated", Some("41"), &["+b"]);
    drop(p2);
}

#[test]
fn a_file_can_be_followed_too() {
    let file = |enabled| format!(r#"{{"version":2,"features":[{}]}}"#, flag("a", "p1", enabled, &[]));
    let brink = Brink::offline(file(true), &["-c", ALL, "--reload-interval", "1", "--workers", "1"]);
    let mut stream = Stream::of(&brink, ALL);
    let first = stream.next();
    assert_eq!((first.kinds(), &first.events[0]["eventId"]), (vec!["everything".to_owned()], &0.into()));
    brink.rewrite(file(false));
    assert_eq!(stream.next().kinds(), ["+a"]);
    let id = stream.last_id.clone().expect("an id");
    Stream::open(&brink, STREAMING, ALL, Some(&id)).expect("connected", None, &[]);
    assert_eq!(stream.held.features["a"]["enabled"], false);
}

fn streams(brink: &Brink) -> (f64, f64) {
    let scrape = Scrape::read(&brink.get(METRICS, &[]).text());
    (scrape.sum("connected_streaming_clients", &[]), scrape.sum("streaming_connections_made", &[]))
}

#[track_caller]
fn comes_to(brink: &Brink, expected: (f64, f64)) {
    let deadline = Instant::now() + PATIENCE;
    while streams(brink) != expected {
        assert!(Instant::now() < deadline, "{:?} instead of {expected:?}", streams(brink));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn streams_are_counted_while_they_are_open() {
    let scene = Scene::start(&[flag("a", "p1", true, &[])]);
    let open = |count: usize| {
        (0..count)
            .map(|number| {
                let mut stream = Stream::of(&scene.brink, [ALL, P1, P2][number % 3]);
                stream.next();
                stream
            })
            .collect::<Vec<_>>()
    };
    let mut kept = open(200);
    comes_to(&scene.brink, (200.0, 200.0));
    // Half of them vanish, and nothing is sent to anybody meanwhile.
    kept.truncate(100);
    comes_to(&scene.brink, (100.0, 200.0));
    kept.extend(open(50));
    comes_to(&scene.brink, (150.0, 250.0));
    let scrape = Scrape::read(&scene.brink.get(METRICS, &[]).text());
    let of_streams = [("endpoint", STREAMING), ("status", "200")];
    assert_eq!(scrape.sum("http_server_duration_milliseconds_count", &of_streams), 250.0);
    // However long they last, opening them was quick.
    assert!(scrape.sum("http_server_duration_milliseconds_sum", &of_streams) < 250.0 * 100.0);
    scene.serve(41, &[flag("a", "p1", false, &[])]);
    for stream in kept.iter_mut().filter(|stream| !stream.held.features.is_empty()) {
        stream.expect("updated", Some("41"), &["+a"]);
        assert_eq!(stream.held.features["a"]["enabled"], false);
    }
}

#[test]
fn a_stop_ends_all_streams_within_a_second_and_not_at_once() {
    let scene = Scene::start(&[flag("a", "p1", true, &[])]);
    let streams: Vec<Stream> = (0..40)
        .map(|_| {
            let mut stream = Stream::of(&scene.brink, ALL);
            stream.next();
            stream
        })
        .collect();
    let Scene { mut brink, up: _up } = scene;
    let readers: Vec<_> =
        streams.into_iter().map(|stream| std::thread::spawn(move || stream.end())).collect();
    brink.signal("TERM");
    let ends: Vec<_> = readers.into_iter().map(|reader| reader.join().expect("a reader")).collect();
    assert!(ends.iter().all(|(is_proper, _)| *is_proper), "each with a last chunk");
    let times = || ends.iter().map(|(_, time)| *time);
    let (first, last) = (times().min().expect("many"), times().max().expect("many"));
    assert!(last - first > Duration::from_millis(400), "spread, from {first:?} to {last:?}");
    assert!(last < Duration::from_secs(3), "{last:?}");
    assert_eq!(brink.wait(), Some(0));
}
