//! Reports: who may make them, what is answered, when they are handed over (http-api.md 8.4, 10.5 to 10.8, 10.13).

use super::*;
use crate::usage::{Bucket, Hop, Ledger, Reason};

const FRONTEND: &str = "*:development.frontend";
const REFUSED: &str = "*:development.refused";
const METRICS: &str = "/api/client/metrics";
const REGISTER: &str = "/api/client/register";
const BULK: &str = "/api/client/metrics/bulk";
const INSTANCE: &str = "/api/client/metrics/edge";
/// 2026-11-21T03:00:00Z
const NOW: Duration = Duration::from_secs(1_795_230_000);

const COUNTS: &str = r#"{"appName":"svc","bucket":{"start":"2026-11-21T02:10:00Z","stop":"2026-11-21T02:11:00Z",
    "toggles":{"checkout":{"yes":2,"no":1,"variants":{"blue":2}},"idle":{"yes":0,"no":0}}}}"#;
const REGISTRATION: &str =
    r#"{"appName":"svc","interval":15000,"started":"2026-11-21T02:00:00Z","strategies":["default"]}"#;
const BULK_BODY: &str = r#"{"applications":[],"metrics":[{"featureName":"checkout","appName":"svc","environment":"development",
    "timestamp":"2026-11-21T02:10:00Z","yes":5,"no":1,"variants":{}}]}"#;

/// A shard that hands its buckets over to the test.
struct Reporting {
    bench: Bench,
    buckets: Receiver<Bucket>,
}

impl Reporting {
    /// The channel has room for one bucket.
    fn new() -> Self {
        Self::of(&server(), &Endpoints::default())
    }

    fn of(server: &Server, endpoints: &Endpoints) -> Self {
        let (handed, buckets) = bounded(1);
        let rules = Rules::new(server, &ProxyTrust::default(), endpoints, &Backstage::default());
        let bench = Bench::new(rules, |sender| Desk::edge(sender).with_usage(handed));
        let mut reporting = Self { bench, buckets };
        reporting.bench.apply(tokens());
        reporting.tick(0);
        reporting
    }

    fn tick(&mut self, elapsed_ms: u64) {
        use brink_shards::Service;
        let elapsed = Duration::from_millis(elapsed_ms);
        self.bench.connection.service.tick(&Now { elapsed, unix: NOW + elapsed });
    }

    #[track_caller]
    fn post(&mut self, target: &str, token: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let request = format!(
            "POST {target} HTTP/1.1\r\nauthorization: {token}\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        let answer = Answer::read(&self.bench.connection.exchange(request.as_bytes()), "POST");
        if self.bench.connection.is_closed() {
            self.bench.connection.reconnect();
        }
        answer
    }

    #[track_caller]
    fn report(&mut self, target: &str, body: &str) -> Answer {
        self.post(target, TOKEN, "content-type: application/json\r\n", body)
    }
}

/// A backend token, a frontend token, and one that is refused.
fn tokens() -> Snapshot {
    let state = ScopeState::Serving(view(&["*"]));
    let known =
        |text, kind, standing| Known { text, kind, standing, scope: scope(&["*"]), state: state.clone() };
    snapshot(&[
        Known::backend(TOKEN, &["*"], state.clone()),
        known(FRONTEND, TokenKind::Frontend, Standing::Validated),
        known(REFUSED, TokenKind::Backend, Standing::Refused),
    ])
}

/// Sums of what was handed over: yes, no.
fn sums(bucket: &Bucket) -> (u64, u64) {
    bucket.increments().fold((0, 0), |(yes, no), one| (yes + one.yes, no + one.no))
}

fn ledger() -> Ledger {
    Ledger::new(Hop { app_name: "me".into(), instance_id: "1".into() }, 64 << 20)
}

#[test]
fn reports_are_accepted_as_the_reference_does() {
    let mut reporting = Reporting::new();
    let null = Some("\"4-292691467350511291627521268689328549594\"");
    let instance = r#"{"identifier":"01J"}"#;
    for (target, body) in [(METRICS, COUNTS), (BULK, BULK_BODY), (INSTANCE, instance)] {
        let answer = reporting.report(target, body);
        assert_eq!((answer.status, &*answer.body), (202, "null"), "{target}");
        assert_eq!((answer.header("content-type"), answer.header("etag")), (Some("application/json"), null));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    let answer = reporting.report(REGISTER, REGISTRATION);
    assert_eq!((answer.status, &*answer.body, answer.header("x-edge-version")), (202, "", Some("20.4.1")));
    assert_eq!((answer.header("content-type"), answer.header("etag")), (None, None));
    for start in ["/api/frontend", "/api/proxy", "/api/frontend/all", "/api/proxy/all"] {
        for (end, body) in [("/client/metrics", COUNTS), ("/client/register", REGISTRATION)] {
            let answer = reporting.report(&format!("{start}{end}"), body);
            assert_eq!((answer.status, &*answer.body), (202, ""), "{start}{end}");
            assert_eq!((answer.header("etag"), answer.header("x-edge-version")), (None, None));
        }
    }
    reporting.tick(1_000);
    let bucket = reporting.buckets.try_recv().expect("handed over");
    assert_eq!((sums(&bucket), bucket.entries()), ((2 * 5 + 5, 5 + 1), 1));
    assert!(bucket.drops().is_empty());
}

#[test]
fn an_entity_tag_of_the_client_does_not_matter() {
    let mut reporting = Reporting::new();
    for tag in ["\"4-292691467350511291627521268689328549594\"", "*"] {
        let headers = format!("content-type: application/json\r\nif-none-match: {tag}\r\n");
        let answer = reporting.post(METRICS, TOKEN, &headers, COUNTS);
        assert_eq!((answer.status, &*answer.body), (202, "null"));
    }
}

#[test]
fn tokens_and_methods_are_checked_first() {
    let mut reporting = Reporting::new();
    let mut check = |target: &str, token: &str, status| {
        let answer = reporting.post(target, token, "content-type: application/json\r\n", "{}");
        assert_eq!(answer.status, status, "{target} {token}");
    };
    for target in [METRICS, REGISTER, BULK, INSTANCE] {
        check(target, TOKEN, 422);
        check(target, FRONTEND, 403);
        check(target, REFUSED, 403);
        check(target, "", 403);
    }
    for target in ["/api/frontend/client/metrics", "/api/proxy/all/client/register"] {
        check(target, TOKEN, 422);
        check(target, FRONTEND, 422);
        check(target, REFUSED, 403);
    }
    for target in [METRICS, REGISTER, BULK, INSTANCE, "/api/frontend/client/metrics"] {
        let answer = reporting.bench.get(target, TOKEN);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{target}");
    }
    let without_all = Endpoints { all: false, ..Endpoints::default() };
    let mut reporting = Reporting::of(&server(), &without_all);
    let mut check =
        |target: &str, status| assert_eq!(reporting.report(target, "{}").status, status, "{target}");
    check("/api/frontend/all/client/metrics", 404);
    check("/api/proxy/all/client/register", 404);
    check("/api/frontend/client/metrics", 422);
}

#[test]
fn bodies_that_cannot_be_read() {
    let mut reporting = Reporting::new();
    let mut check = |headers: &str, body: &str, status, text: &str| {
        let answer = reporting.post(METRICS, TOKEN, headers, body);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("text/plain; charset=utf-8"))
        );
        assert!(answer.body.starts_with(text), "{}", answer.body);
    };
    let json = "content-type: application/json; charset=utf-8\r\n";
    check("", COUNTS, 415, "Expected request with `Content-Type: application/json`");
    check(
        "content-type: text/plain\r\n",
        COUNTS,
        415,
        "Expected request with `Content-Type: application/json`",
    );
    check(json, "", 400, "Failed to parse the request body as JSON: EOF while parsing");
    check(json, "{\"appName\":", 400, "Failed to parse the request body as JSON: EOF while parsing");
    check(
        json,
        "{}",
        422,
        "Failed to deserialize the JSON body into the target type: missing field `appName` at line 1 column 2",
    );
    let bucket = r#"{"appName":"a","bucket":{}}"#;
    check(
        json,
        bucket,
        422,
        "Failed to deserialize the JSON body into the target type: missing field `stop`",
    );
    reporting.tick(1_000);
    let bucket = reporting.buckets.try_recv().expect("the token is in use");
    assert_eq!((bucket.entries(), bucket.drops().is_empty()), (0, true));
}

#[test]
fn a_body_in_pieces_counts_once() {
    let mut reporting = Reporting::new();
    let request = format!(
        "POST {METRICS} HTTP/1.1\r\nauthorization: {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{COUNTS}",
        COUNTS.len()
    );
    let mut sent = Vec::new();
    for piece in request.as_bytes().chunks(7) {
        reporting.bench.connection.receive(piece, &mut sent);
    }
    assert_eq!(Answer::read(&sent, "POST").status, 202);
    reporting.tick(1_000);
    assert_eq!(sums(&reporting.buckets.try_recv().expect("handed over")), (2, 1));
}

#[test]
fn buckets_are_handed_over_once_a_second_and_never_lost() {
    let mut reporting = Reporting::new();
    reporting.tick(500);
    assert!(reporting.buckets.is_empty(), "nothing to hand over");
    reporting.report(METRICS, COUNTS);
    reporting.tick(1_000);
    assert_eq!(reporting.buckets.len(), 1);
    reporting.report(METRICS, COUNTS);
    reporting.tick(1_500);
    reporting.tick(2_000);
    assert_eq!(reporting.buckets.len(), 1, "no room");
    reporting.report(METRICS, COUNTS);
    assert_eq!(sums(&reporting.buckets.try_recv().expect("the first")), (2, 1));
    reporting.tick(2_500);
    assert!(reporting.buckets.is_empty(), "too soon");
    reporting.tick(3_000);
    assert_eq!(sums(&reporting.buckets.try_recv().expect("the second")), (4, 2));
    reporting.report(METRICS, COUNTS);
    brink_shards::Service::ended(&mut reporting.bench.connection.service);
    assert_eq!(sums(&reporting.buckets.try_recv().expect("the last")), (2, 1));
}

#[test]
fn tokens_in_use_are_noticed_once_per_bucket() {
    let mut reporting = Reporting::new();
    let mut ledger = ledger();
    let mut seen = |reporting: &mut Reporting, elapsed_ms| {
        reporting.tick(elapsed_ms);
        ledger.absorb(reporting.buckets.try_recv().expect("handed over"));
        let body = ledger.take("development").expect("tokens").body();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        (
            body["seenTokens"].to_string(),
            ledger.token_seen("development").map(|token| token.text().to_owned()),
        )
    };
    for _ in 0..3 {
        assert_eq!(reporting.bench.get(FEATURES, TOKEN).status, 200);
        assert_eq!(reporting.bench.get(FEATURES, REFUSED).status, 403);
        assert_eq!(reporting.bench.get(FEATURES, FRONTEND).status, 403, "not used");
    }
    let both = (format!("[\"{TOKEN}\"]"), Some(TOKEN.to_owned()));
    assert_eq!(seen(&mut reporting, 1_000), both);
    reporting.post("/api/frontend/client/metrics", FRONTEND, "content-type: application/json\r\n", COUNTS);
    assert_eq!(seen(&mut reporting, 2_000), (format!("[\"{FRONTEND}\"]"), Some(TOKEN.to_owned())));
    reporting.tick(3_000);
    assert!(reporting.buckets.is_empty());
}

#[test]
fn without_anybody_to_send_to_reports_are_accepted_and_counted() {
    let mut bench = Bench::offline();
    bench.apply(tokens());
    let service = |bench: &mut Bench, elapsed_ms| {
        use brink_shards::Service;
        let elapsed = Duration::from_millis(elapsed_ms);
        bench.connection.service.tick(&Now { elapsed, unix: NOW });
    };
    service(&mut bench, 0);
    let request = format!(
        "POST {METRICS} HTTP/1.1\r\nauthorization: {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{COUNTS}",
        COUNTS.len()
    );
    assert_eq!(Answer::read(&bench.connection.exchange(request.as_bytes()), "POST").status, 202);
    service(&mut bench, 1_000);
    let bucket = bench.connection.service.bucket();
    assert_eq!(bucket.drops().of(Reason::Offline).evaluations, 3);
    assert_eq!((bucket.entries(), bucket.bytes()), (0, 0));
}
