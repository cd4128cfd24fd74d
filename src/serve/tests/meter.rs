//! What of a request is counted where.

use std::collections::BTreeSet;

use brink_shards::Service;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::*;
use crate::{
    messages::Notice,
    observe::{
        clients::Combination,
        consumption::Interval,
        meter::{Figures, Series, SeriesKey},
    },
};

impl Bench {
    /// What the shard has measured.
    fn figures(&mut self) -> Figures {
        let (sender, answers) = bounded(1);
        self.connection.service.told(Notice::Measure(sender));
        let measured = answers.try_recv().expect("a shard answers at once");
        assert_eq!(measured.shard, 0);
        *measured.figures
    }
}

/// `METHOD endpoint status count` of every series.
fn rows(figures: &Figures, base_path: &str) -> Vec<String> {
    let row = |(key, series): (SeriesKey, &Series)| {
        let (verb, endpoint) = (key.verb.label(), key.endpoint.label(base_path));
        format!("{verb} {endpoint} {} {}", key.status, series.durations.count())
    };
    figures.all_series().map(row).collect()
}

#[test]
fn requests_are_counted_by_route_method_and_status() {
    let check = |method: &str, target: &str, expected: Option<&str>| {
        let mut bench = Bench::serving();
        bench.ask(&Sent { method, token: Some(TOKEN), ..Sent::get(target) });
        let rows = rows(&bench.figures(), "");
        assert_eq!(rows, expected.map(|row| format!("{row} 1")).as_slice(), "{method} {target}");
    };
    check("GET", FEATURES, Some("GET /api/client/features 200"));
    check("GET", "//api/client/features/?namePrefix=x", Some("GET /api/client/features 200"));
    check("HEAD", FEATURES, Some("HEAD /api/client/features 200"));
    check("POST", FEATURES, Some("POST /api/client/features 200"));
    check("DELETE", FEATURES, Some("DELETE /api/client/features 405"));
    check("PURGE", FEATURES, Some("other /api/client/features 405"));
    check("get", FEATURES, Some("other /api/client/features 405"));
    check("OPTIONS", FEATURES, Some("OPTIONS /api/client/features 200"));
    check("GET", "/api/client/features/checkout", Some("GET /api/client/features/{feature_name} 200"));
    check("GET", "/api/client/features/nothing", Some("GET /{unknown} 404"));
    check("GET", "/api/frontend", Some("GET /api/frontend 403"));
    check("GET", "/api/proxy/all", Some("GET /api/proxy/all 403"));
    check("POST", "/api/proxy/features/x", Some("POST /api/proxy/features/{feature_name} 403"));
    check("GET", "/nothing", Some("GET /{unknown} 404"));
    check("GET", "/%7Bunknown%7D/x", Some("GET /{unknown} 404"));
    for target in [
        "/health",
        "/ready",
        "/internal-backstage/ready",
        "/internal-backstage/x",
        "/metrics",
        "/favicon.ico",
    ] {
        check("GET", target, None);
    }
}

#[test]
fn refusals_have_the_route_and_304_is_no_success_of_a_client() {
    let mut bench = Bench::serving();
    let etag = bench.get(FEATURES, TOKEN).header("etag").expect("a tag").to_owned();
    bench.ask(&Sent::features(&[("if-none-match", &etag), ("unleash-interval", "20000")]));
    bench.get(FEATURES, "no token");
    let figures = bench.figures();
    let expected = [
        "GET /api/client/features 200 1",
        "GET /api/client/features 304 1",
        "GET /api/client/features 403 1",
    ];
    assert_eq!(rows(&figures, ""), expected);
    assert_eq!(figures.clients.counts().map(|(_, count)| count).collect::<Vec<_>>(), [1]);
    let interval = |from_ms, to_ms| Interval { from_ms, to_ms };
    let expected = [(interval(0, 15_000), 1), (interval(20_000, 25_000), 1)];
    assert_eq!(figures.consumption.features, expected.into());
    assert_eq!(figures.consumption.frontend, None);
}

#[test]
fn a_base_path_is_part_of_the_endpoint() {
    let mut bench = Bench::of_server(&Server { base_path: "/foo".to_owned(), ..server() });
    bench.get("/foo/api/client/features", TOKEN);
    bench.get("/api/client/features", TOKEN);
    bench.get("/foo/api/proxy", TOKEN);
    bench.get("/foo/internal-backstage/health", TOKEN);
    let expected = ["GET /foo/api/client/features 200 1", "GET /{unknown} 404 1", "GET /foo/api/proxy 403 1"];
    assert_eq!(rows(&bench.figures(), "/foo"), expected);
}

#[test]
fn a_request_that_waited_counts_once_with_what_came_of_it() {
    let mut bench = Bench::edge();
    bench.apply(serving());
    bench.wait(FEATURES, "*:development.stranger");
    assert_eq!(rows(&bench.figures(), ""), [""; 0]);
    let key = key("*:development.stranger");
    let answer = bench.answer(Verdict::Refused { key, remember: Duration::from_secs(1) });
    assert_eq!(answer.status, 403);
    assert_eq!(rows(&bench.figures(), ""), ["GET /api/client/features 403 1"]);
}

#[test]
fn the_way_of_a_snapshot_is_timed() {
    let mut bench = Bench::edge();
    bench.apply(serving());
    assert_eq!(bench.figures().applied.count(), 0, "nobody said when it was published");
    bench.apply(Snapshot { published: Some(Instant::now()), ..serving() });
    assert_eq!(bench.figures().applied.count(), 1);
}

#[test]
fn nobody_waits_for_a_service_without_a_seat() {
    let (sender, answers) = bounded(1);
    let mut edge =
        Edge::new(rules(&server(), &Backstage::default()), hasher(), Desk::offline(bounded(1).0), 7);
    edge.told(Notice::Measure(sender));
    assert!(answers.recv().is_err(), "the sender is gone");
}

/// Random text of up to so many letters.
fn text(random: &mut SmallRng, alphabet: &[u8], most: usize) -> String {
    let length = random.random_range(1..=most);
    (0..length).map(|_| char::from(alphabet[random.random_range(0..alphabet.len())])).collect()
}

/// As security.md 7.6 asks: ten thousand requests with methods and headers that anybody may make up.
#[test]
fn strangers_make_few_series() {
    let mut random = SmallRng::seed_from_u64(7);
    let mut bench = Bench::serving();
    for at in 0..10_000_u32 {
        let method = text(&mut random, b"GETPOSTgetpost-_~!abc123", 8);
        let method = if at % 4 == 0 { "GET" } else { &*method };
        let target = match at % 3 {
            0 => format!("/{}", text(&mut random, b"abc/%2F", 12)),
            1 => format!("{FEATURES}/{}", text(&mut random, b"abcdef", 12)),
            _ => FEATURES.to_owned(),
        };
        let sdk = match at % 5 {
            0 => text(&mut random, b"unleash-:;\"\\{},=. ", 40),
            _ => format!("unleash-node-sdk:{}.{}.0", random.random_range(0..99), random.random_range(0..99)),
        };
        let spec = text(&mut random, b"0123456789.", 9);
        let codings = text(&mut random, b"gzipbr*;q=0.5, ", 30);
        let token = if at % 2 == 0 { TOKEN } else { "nobody" };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nauthorization: {token}\r\nhost: x\r\nunleash-sdk: {sdk}\r\n\
             unleash-client-spec: {spec}\r\naccept-encoding: {codings}\r\n\r\n"
        );
        let answer = bench.connection.exchange(request.as_bytes());
        assert!(answer.starts_with(b"HTTP/1.1 "), "{request}");
        bench.connection.reconnect();
    }
    let figures = bench.figures();
    let counted: u64 = figures.all_series().map(|(_, series)| series.durations.count()).sum();
    assert!(counted >= 9_000, "{counted}: nearly all of them are HTTP");
    assert!(figures.all_series().count() <= 60, "{:?}", rows(&figures, ""));
    assert!(figures.clients.counts().count() <= 1_110, "{}", figures.clients.counts().count());
    let name = |combination: Combination| figures.clients.name_sdk(combination.client.sdk);
    let sdks: BTreeSet<_> = figures.clients.counts().map(|(combination, _)| name(combination)).collect();
    assert!((40..=54).contains(&sdks.len()), "{sdks:?}");
}
