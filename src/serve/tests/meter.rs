//! What of a request is counted where.

use brink_shards::Service;
use proptest::prelude::*;

use super::*;
use crate::{
    messages::Notice,
    observe::{
        consumption::Interval,
        meter::{Figures, SeriesKey},
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
    let row = |(key, series): (SeriesKey, &crate::observe::meter::Series)| {
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
    let mut edge = Edge::new(rules(&server()), hasher(), Desk::offline(bounded(1).0), 7);
    edge.told(Notice::Measure(sender));
    assert!(answers.recv().is_err(), "the sender is gone");
}

/// What anybody may send without a token.
#[derive(Debug, Clone)]
struct Stranger {
    method: String,
    target: String,
    sdk: String,
    spec: String,
    codings: String,
}

fn strangers() -> impl Strategy<Value = Vec<Stranger>> {
    let method = prop_oneof!["[A-Z]{1,8}", "[!#$%&'*+.^_`|~0-9a-z-]{1,12}"];
    let target =
        prop_oneof!["/[a-z]{1,9}", "/api/client/features(/[a-z]{1,9})?", "/api/(frontend|proxy)/[a-z/]{0,9}"];
    let sdk = prop_oneof!["[ -~]{0,40}", "unleash-(node|go)-sdk:[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}"];
    let stranger = (method, target, sdk, "[0-9.]{0,9}", "[a-z, ;=*.0-9]{0,30}")
        .prop_map(|(method, target, sdk, spec, codings)| Stranger { method, target, sdk, spec, codings });
    proptest::collection::vec(stranger, 1_000)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 0, ..ProptestConfig::with_cases(10) })]

    /// Ten times a thousand, as security.md 7.6 asks.
    #[test]
    fn strangers_make_few_series(strangers in strangers()) {
        let mut bench = Bench::serving();
        let mut all = Vec::new();
        for (at, Stranger { method, target, sdk, spec, codings }) in strangers.iter().enumerate() {
            let token = if at % 2 == 0 { TOKEN } else { "nobody" };
            all.extend_from_slice(format!(
                "{method} {target} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\nunleash-sdk: {sdk}\r\n\
                 unleash-client-spec: {spec}\r\naccept-encoding: {codings}\r\n\r\n"
            ).as_bytes());
            bench.connection.exchange(&all);
            all.clear();
            // Some of them are refused as no HTTP at all.
            bench.connection.reconnect();
        }
        let figures = bench.figures();
        // Ten methods and `other`; every answer of theirs that there is, on three routes.
        prop_assert!(figures.all_series().count() <= 60, "{:?}", rows(&figures, ""));
        prop_assert!(figures.clients.counts().count() <= 1_010);
        let clients = &figures.clients;
        let sdks: std::collections::BTreeSet<_> =
            clients.counts().map(|(combination, _)| clients.name_sdk(combination.client.sdk)).collect();
        prop_assert!(sdks.len() <= 54, "{sdks:?}");
    }
}
