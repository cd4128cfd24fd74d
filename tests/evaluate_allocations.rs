//! An evaluation allocates nothing once its memory is warm, reading the context included; nor does a request of the
//! frontend API on a shard, be its answer sent as it is or from the kept compressed ones.
//!
//! One test, because the counters belong to the whole process.

#[path = "support/edge.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod edge;

use brink::evaluate::{Ask, Context, Engine, Scratch};
use brink::features::environment::EnvironmentData;
use brink::features::parse::parse_document;
use brink::serve::{Desk, Edge};
use brink::snapshot::{FrontendState, ScopeState, Snapshot};
use brink::tokens::scope::{Projects, Scope};
use brink::tokens::table::{Row, Standing, TokenKind, TokenTable};
use brink_shards::{Service, loopback::Loopback};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TOKEN: &str = "*:development.frontend";
const REQUESTS: usize = 100;
const QUERY: &str = "userId=a%40example.com&sessionId=s&appName=L%C3%86RLING+1&currentTime=2026-06-01T12:00:00Z&age=44\
    &remoteAddress=10.2.3.4&properties[plan]=Team&properties%5BappVersion%5D=4.12.3-a-rather-long-pre-release.1&other=x";
const BODY: &str = r#"{"userId":7,"sessionId":"s","properties":{"plan":"Team","appVersion":"4.12.3","age":44.5},"other":"x"}"#;

#[test]
fn nothing_is_allocated_per_request() {
    let engine = engine();
    assert_eq!(engine.malformed(), []);
    let some = Projects::from_names(["p1", "p2", "p9"]);
    for projects in [&Projects::All, &some] {
        check("query", &engine, projects, |context| context.read_query(QUERY).is_ok());
        check("empty query", &engine, projects, |context| context.read_query("").is_ok());
        check("body", &engine, projects, |context| context.read_json(BODY.as_bytes()).is_ok());
    }
    requests_on_a_shard(engine);
}

fn requests_on_a_shard(engine: Engine) {
    let mut connection = serving(engine);
    let query = format!("/api/frontend?{QUERY}");
    let gzip = "accept-encoding: gzip, deflate, br\r\n";
    let one = "/api/frontend/features/IN?userId=7";
    let known = connection.exchange(&request("GET", one, "", ""));
    let known = String::from_utf8_lossy(&known)
        .lines()
        .find_map(|line| Some(line.strip_prefix("etag: ")?.to_owned()));
    let known = format!("if-none-match: {}\r\n", known.expect("a tag"));
    for (method, target, headers, body, status) in [
        ("GET", &*query, "", "", "200"),
        ("POST", "/api/frontend", "", BODY, "200"),
        ("GET", "/api/proxy/all?userId=7", "", "", "200"),
        ("POST", "/api/frontend/all", "", BODY, "200"),
        ("GET", one, "", "", "200"),
        ("GET", one, &*known, "", "304"),
        ("HEAD", &*query, gzip, "", "200"),
        ("GET", &*query, gzip, "", "200"),
    ] {
        check_request(&mut connection, &request(method, target, headers, body), status);
    }
}

/// Answers with draws are new ones now and then; the kept ones are there after enough of them.
fn check_request(connection: &mut Loopback<Edge>, request: &[u8], status: &str) {
    let mut sent = Vec::with_capacity(1 << 20);
    let mut run = |requests: usize| {
        for _ in 0..requests {
            sent.clear();
            connection.receive(request, &mut sent);
            assert_eq!(sent.get(9..12), Some(status.as_bytes()));
        }
        sent.windows(22).any(|bytes| bytes == b"content-encoding: gzip")
    };
    run(20 * REQUESTS);
    let region = Region::new(COUNTING);
    let is_gzip = run(REQUESTS);
    let change = region.change();
    let counted = (change.allocations, change.reallocations, change.deallocations);
    let text = String::from_utf8_lossy(request);
    assert_eq!(counted, (0, 0, 0), "{text}");
    assert_eq!(is_gzip, text.starts_with("GET") && text.contains("accept-encoding"), "{text}");
}

fn request(method: &str, target: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
    };
    format!("{method} {target} HTTP/1.1\r\nauthorization: {TOKEN}\r\n{headers}{length}\r\n{body}")
        .into_bytes()
}

/// A connection to a shard that evaluates for [`TOKEN`].
fn serving(engine: Engine) -> Loopback<Edge> {
    let scope = Scope { environment: Some("development".into()), projects: Projects::All };
    let (kind, standing) = (TokenKind::Frontend, Standing::Validated);
    let row = Row { key: edge::hasher().key(TOKEN.as_bytes()), kind, standing, scope: &scope };
    let tokens = Arc::new(TokenTable::build([row]));
    let frontends = Box::new([FrontendState::Serving(Arc::new(engine))]);
    let (mut connection, _) = edge::connect(Desk::offline);
    let scopes = Box::new([ScopeState::Uncovered]);
    connection.service.apply(Arc::new(Snapshot {
        tokens,
        scopes,
        frontends,
        ready: true,
        ..Snapshot::default()
    }));
    connection
}

fn check(label: &str, engine: &Engine, projects: &Projects, read: impl Fn(&mut Context) -> bool) {
    let (mut context, mut scratch, mut out) = (Context::default(), Scratch::default(), Vec::new());
    let mut request = |seed: u64| {
        out.clear();
        assert!(read(&mut context));
        context.set_remote_address_if_absent([10, 0, 0, 1].into());
        let ask = Ask { context: &context, projects, now_unix_ms: 1_780_000_000_000, seed };
        engine.write_enabled(&ask, &mut scratch, &mut out);
        engine.write_all(&ask, &mut scratch, &mut out);
        engine.write_one("REGEX", &ask, &mut scratch, &mut out);
        out.len()
    };
    // Draws make answers of different lengths: the same ones are made before and while counting.
    (0..REQUESTS as u64).for_each(|seed| assert!(request(seed) > 100));
    let region = Region::new(COUNTING);
    (0..REQUESTS as u64).for_each(|seed| assert!(request(seed) > 100));
    let change = region.change();
    let counted = (change.allocations, change.reallocations, change.deallocations);
    assert_eq!(counted, (0, 0, 0), "{label}, {projects:?}");
}

/// A feature for each operator, strategy and kind of variants.
fn engine() -> Engine {
    let mut features = Vec::new();
    let mut add = |name: &str, strategies: serde_json::Value| {
        let variants = json!([{"name": "a", "weight": 1}, {"name": "b", "weight": 2, "payload": {"type": "json", "value": "{}"}}]);
        let project = format!("p{}", features.len() % 3);
        features.push(json!({"name": name, "enabled": true, "project": project, "strategies": strategies, "variants": variants}));
    };
    for (operator, field, value) in [
        ("IN", "plan", "Team"),
        ("NOT_IN", "other", "y"),
        ("STR_STARTS_WITH", "plan", "te"),
        ("STR_ENDS_WITH", "appName", "\u{e6}rling 1"),
        ("STR_CONTAINS", "appName", "\u{c6}"),
        ("NUM_GT", "age", "3"),
        ("DATE_AFTER", "currentTime", "2020-01-01T00:00:00Z"),
        ("SEMVER_GTE", "appVersion", "4.12.3-a-rather-long-pre-release.0"),
        ("REGEX", "plan", "^t.*m$"),
        ("IN_CIDR", "remoteAddress", "10.0.0.0/8"),
    ] {
        let constraint = json!({"contextName": field, "operator": operator, "value": value, "values": [value], "caseInsensitive": true});
        add(operator, json!([{"name": "default", "constraints": [constraint]}]));
    }
    for (name, parameters) in [
        ("userWithId", json!({"userIds": "7,8"})),
        ("remoteAddress", json!({"IPs": "10.0.0.0/8"})),
        ("flexibleRollout", json!({"rollout": "50", "stickiness": "default"})),
        ("flexibleRollout", json!({"rollout": "50", "stickiness": "random", "groupId": "g"})),
        ("gradualRolloutRandom", json!({"percentage": "50"})),
    ] {
        add(&format!("{name}-{parameters}"), json!([{"name": name, "parameters": parameters}]));
    }
    let child =
        json!({"name": "child", "enabled": true, "dependencies": [{"feature": "REGEX", "variants": ["a"]}]});
    features.push(child);
    let document = json!({"version": 2, "features": features}).to_string();
    let nothing = EnvironmentData::empty(Arc::from("development"));
    let document = parse_document(document.as_bytes(), &nothing).expect("a good document");
    let environment = EnvironmentData { features: document.features.into(), ..nothing };
    Engine::compile(&environment, None)
}
