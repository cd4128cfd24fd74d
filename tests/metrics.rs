//! The real binary, scraped, and pushing: the families of metrics.md 3.2 after their use, in the numbers that were sent.

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "edge/scene.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod scene;
#[path = "support/scrape.rs"]
mod scrape;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    time::Instant,
};

use brink::{Brink, PATIENCE};
use fake_upstream::{FEATURES, Habit};
use scene::{TOKEN, running, upstream};
use scrape::Scrape;

const METRICS: &str = "/internal-backstage/metrics";

fn scrape(brink: &Brink) -> Scrape {
    scrape_of(brink, METRICS)
}

#[track_caller]
fn scrape_of(brink: &Brink, path: &str) -> Scrape {
    let response = brink.get(path, &[]);
    assert_eq!((response.status, response.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    Scrape::read(&response.text())
}

/// Scrapes until the scrape satisfies the check.
#[track_caller]
fn scrape_until(brink: &Brink, what: &str, check: impl Fn(&Scrape) -> bool) -> Scrape {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let scrape = scrape(brink);
        if check(&scrape) {
            return scrape;
        }
        assert!(Instant::now() < deadline, "{what} does not come: {scrape:#?}");
    }
}

#[test]
fn what_was_sent_is_what_is_shown() {
    let up = upstream();
    let url = up.url();
    let args =
        ["--workers", "2", "--app-name", "my-edge", "--instance-id", "i-1", "edge", "-u", &url, "-t", TOKEN];
    let brink = Brink::start(&args);
    let first = scene::serves(&brink, TOKEN, &["old"]);
    let before = scrape(&brink);
    let etag = first.header("etag").expect("a tag").to_owned();
    let sdk = [
        ("unleash-sdk", "unleash-node-sdk:6.12.1"),
        ("unleash-client-spec", "5.2.1"),
        ("accept-encoding", "gzip"),
    ];
    // Each on a connection of its own, so that both shards get some.
    for _ in 0..20 {
        let headers = [&sdk[..], &[("authorization", TOKEN)]].concat();
        assert_eq!(brink.get(FEATURES, &headers).status, 200);
        let headers = [&headers[..], &[("if-none-match", &*etag)]].concat();
        assert_eq!(brink.get(FEATURES, &headers).status, 304);
        assert_eq!(brink.get("/api/client/features/none", &headers).status, 404);
        assert_eq!(brink.get(FEATURES, &[("authorization", "x")]).status, 403);
        assert_eq!(brink.get("/health", &[]).status, 200);
    }
    let after = scrape(&brink);
    let check = |name: &str, labels: &[(&str, &str)], sum: f64| {
        assert_eq!(after.sum(name, labels) - before.sum(name, labels), sum, "{name} {labels:?}");
    };
    let features = ("endpoint", "/api/client/features");
    check("http_requests_total", &[("app_name", "my-edge"), ("instance_id", "i-1")], 80.0);
    for status in ["200", "304", "403"] {
        check("http_requests_total", &[features, ("method", "GET"), ("status", status)], 20.0);
        check("http_server_duration_milliseconds_count", &[features, ("status", status)], 20.0);
    }
    check("http_requests_total", &[("endpoint", "/{unknown}"), ("status", "404")], 20.0);
    check("http_response_size_count", &[features], 60.0);
    check("http_response_size_sum", &[features], 20.0 * first.body.len() as f64);
    check("edge_cache_hit_total", &[features], 40.0);
    check("client_sdk_version", &[("sdk_name", "unleash-node-sdk"), ("sdk_version", "6.12.1")], 20.0);
    check("client_spec_version", &[("spec_version", "5.2.1")], 20.0);
    check("request_content_encoding", &[("accept_encoding", "gzip"), ("path", "/api/client/features")], 20.0);
    // The scrape that showed it is still being answered, and the one before counts here.
    check("brink_requests_total", &[], 101.0);
    assert_eq!(
        after.sum("http_server_duration_milliseconds_count", &[]),
        after.sum("http_requests_total", &[])
    );
    assert_eq!(after.sum("edge_request_duration_seconds_count", &[]), after.sum("http_requests_total", &[]));
    assert_eq!(after.sum("brink_shards_unmeasured", &[]), 0.0);
    assert_eq!(after.values("brink_requests_total", "shard").len(), 2);
    assert!(after.sum("brink_publish_to_applied_seconds_count", &[]) >= 2.0, "each shard has data");
    assert!(after.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert_eq!(after.sum("brink_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
}

#[test]
fn what_upstream_answers_is_counted() {
    let (up, brink) = running(&[]);
    let scrape =
        scrape_until(&brink, "a second fetch", |scrape| scrape.sum("client_feature_fetch_count", &[]) >= 2.0);
    assert!(scrape.sum("client_feature_fetch_count", &[("status_code", "200")]) >= 1.0);
    assert!(scrape.sum("polling_last_update", &[("environment", "development"), ("projects", "*")]) > 1.7e9);
    assert_eq!(scrape.sum("edge_tokens_validated_total", &[("result", "valid")]), 1.0);
    assert_eq!(scrape.sum("edge_upstream_errors_total", &[]), 0.0);
    scrape_until(&brink, "the state of the token", |scrape| {
        scrape.sum("token_status", &[("status", "validated")]) == 1.0
            && scrape.sum("token_status", &[("status", "unknown")]) == 0.0
    });
    up.set_habit_on(FEATURES, Habit::Status(503));
    scrape_until(&brink, "a refused fetch", |scrape| {
        scrape.sum("client_feature_fetch_failures", &[("status_code", "503")]) >= 1.0
            && scrape.sum("edge_upstream_errors_total", &[("operation", "features"), ("status_code", "503")])
                >= 1.0
    });
    up.set_habit_on(FEATURES, Habit::Closes);
    scrape_until(&brink, "a fetch without an answer", |scrape| {
        scrape.sum("edge_upstream_errors_total", &[("operation", "features"), ("status_code", "0")]) >= 1.0
    });
}

#[test]
fn the_page_has_two_names_and_may_be_switched_off() {
    let file = r#"{"version":2,"features":[]}"#;
    let brink = Brink::offline(file, &["--base-path", "/b", "--client-tokens", TOKEN]);
    for path in ["/b/internal-backstage/metrics", "/b/internal-backstage/prometheus"] {
        assert_eq!(scrape_of(&brink, path).sum("token_status", &[("status", "validated")]), 1.0);
    }
    assert_eq!(brink.connect().request("HEAD", "/b/internal-backstage/metrics", &[]).status, 200);
    assert_eq!(brink.connect().request("POST", "/b/internal-backstage/metrics", &[]).status, 405);
    brink.get("/b/api/client/features", &[("authorization", TOKEN)]);
    let scrape = scrape_of(&brink, "/b/internal-backstage/metrics");
    assert_eq!(scrape.sum("http_requests_total", &[("endpoint", "/b/api/client/features")]), 1.0);
    let brink = Brink::offline(file, &["--disable-metrics-endpoint", "--client-tokens", TOKEN]);
    for path in [METRICS, "/internal-backstage/prometheus"] {
        assert_eq!(brink.get(path, &[]).status, 404);
    }
    assert!(!brink.log().contains("no effect yet"), "{}", brink.log());
}

#[test]
fn metrics_are_pushed_where_they_are_wanted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let url = format!("http://{address}/write");
    let (_up, brink) = running(&["--prometheus-remote-write-url", &url, "--prometheus-push-interval", "1"]);
    let (stream, _) = listener.accept().expect("a push");
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("a head") > 0, "{head}");
    }
    let length = head.to_ascii_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    reader.read_exact(&mut body).expect("a body");
    (&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("brink reads");
    assert!(head.starts_with("POST /write HTTP/1.1\r\n"), "{head}");
    let body = snap::raw::Decoder::new().decompress_vec(&body).expect("block format");
    let text = String::from_utf8_lossy(&body);
    for name in ["http_requests_total", "client_feature_fetch_bucket", "process_open_fds", "self-hosted"] {
        assert!(text.contains(name), "{name}");
    }
    assert!(!brink.log().contains("no effect yet"), "{}", brink.log());
}
