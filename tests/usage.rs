//! Reports from SDKs to an edge and through it to the next one, by the shards' services and the ledgers, without
//! sockets; and once to the real program.

use std::{sync::Arc, time::Duration};

use ::brink::{
    serve::{Desk, Edge},
    snapshot::{ScopeState, Snapshot},
    tokens::{
        scope::{Projects, Scope},
        table::{Row, Standing, TokenKind, TokenTable},
    },
    usage::{Batch, Bucket, Hop, Ledger},
};
use brink::Brink;
use brink_shards::{Now, Service, loopback::Loopback};
use crossbeam_channel::{Receiver, bounded};
use edge::{connect, hasher, token};
use reports::post;
use serde_json::Value;

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod brink;
#[path = "support/edge.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod edge;
#[path = "support/reports.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod reports;

const TOKEN: &str = "*:development.0123456789";
const SHARDS: usize = 3;

/// An edge: its shards, what they hand over, and its ledger. A scope of no data: reports do not need any.
struct Node {
    shards: Vec<Loopback<Edge>>,
    buckets: Receiver<Bucket>,
    ledger: Ledger,
    elapsed: Duration,
}

impl Node {
    fn new(app_name: &str) -> Self {
        let (handed, buckets) = bounded(SHARDS);
        let connected = || {
            let (mut shard, _) = connect(|control| Desk::edge(control).with_usage(handed.clone()));
            shard.service.apply(Arc::new(snapshot()));
            shard
        };
        let via = Hop { app_name: app_name.into(), instance_id: format!("{app_name}-1").into() };
        let mut node = Self {
            shards: (0..SHARDS).map(|_| connected()).collect(),
            buckets,
            ledger: Ledger::new(via, 64 << 20),
            elapsed: Duration::ZERO,
        };
        node.pass(Duration::ZERO);
        node
    }

    /// Time passes; what is handed over is absorbed.
    fn pass(&mut self, time: Duration) {
        self.elapsed += time;
        for shard in &mut self.shards {
            shard.service.tick(&Now { elapsed: self.elapsed, unix: Duration::from_secs(1_800_000_000) });
        }
        self.buckets.try_iter().for_each(|bucket| self.ledger.absorb(bucket));
    }

    #[track_caller]
    fn post(&mut self, shard: usize, target: &str, body: &str) {
        let sent = self.shards[shard % SHARDS].exchange(&post(target, &token(TOKEN), body));
        assert!(sent.starts_with(b"HTTP/1.1 202 "), "{}", String::from_utf8_lossy(&sent));
    }

    fn take(&mut self) -> Vec<Batch> {
        self.pass(Duration::from_secs(1));
        self.ledger.take("development").map(Batch::split).unwrap_or_default()
    }
}

fn snapshot() -> Snapshot {
    let scope = Scope { environment: Some("development".into()), projects: Projects::All };
    let (kind, standing) = (TokenKind::Backend, Standing::Validated);
    let row = Row { key: hasher().key(TOKEN.as_bytes()), kind, standing, scope: &scope };
    let scopes = Box::new([ScopeState::Uncovered]);
    Snapshot { tokens: Arc::new(TokenTable::build([row])), scopes, ..Snapshot::default() }
}

fn json(batch: &Batch) -> Value {
    serde_json::from_slice(&batch.body()).expect("JSON")
}

fn registration(app: &str) -> String {
    format!(
        r#"{{"appName":"{app}","interval":15000,"started":"2026-01-01T00:00:00Z","strategies":["default"]}}"#
    )
}

fn report(app: &str, toggles: &str, minute: u32) -> String {
    let start = format!("2026-01-01T00:{minute:02}:00Z");
    format!(
        r#"{{"appName":"{app}","bucket":{{"start":"{start}","stop":"{start}","toggles":{{{toggles}}}}}}}"#
    )
}

#[test]
fn reports_of_one_hour_on_all_shards_become_one_entry() {
    let mut node = Node::new("edge");
    for at in 0..60 {
        let toggles = r#""checkout":{"yes":2,"no":1,"variants":{"blue":2}},"idle":{"yes":0,"no":0}"#;
        node.post(at, "/api/client/metrics", &report("shop", toggles, 59 - at as u32));
        if at % 7 == 0 {
            node.pass(Duration::from_secs(1));
        }
    }
    node.post(0, "/api/client/register", &registration("shop"));
    node.post(1, "/api/client/register", &registration("shop"));
    let batches = node.take();
    let body = json(&batches[0]);
    assert_eq!((batches.len(), body["metrics"].as_array().map(Vec::len)), (1, Some(1)), "{body}");
    let metric = &body["metrics"][0];
    assert_eq!(
        (&metric["yes"], &metric["no"], &metric["variants"]["blue"]),
        (&120.into(), &60.into(), &120.into())
    );
    assert_eq!(metric["timestamp"], "2026-01-01T00:00:00Z");
    assert_eq!(body["applications"].as_array().map(Vec::len), Some(1), "without instance there is one");
    assert_eq!(body["seenTokens"], Value::from(vec![TOKEN]));
    assert!(node.take().is_empty(), "all of it was taken");
    assert_eq!((node.ledger.bytes(), node.ledger.entries()), (0, 0));
}

#[test]
fn a_chain_of_edges_passes_everything_on_once() {
    let (mut near, mut far) = (Node::new("near"), Node::new("far"));
    for app in 0..300 {
        near.post(app, "/api/client/register", &registration(&format!("app-{app}")));
    }
    for flag in 0..2_500 {
        let toggles = format!(r#""flag-{flag}":{{"yes":{flag},"no":1}}"#);
        near.post(flag, "/api/client/metrics", &report("shop", &toggles, 0));
    }
    let impact = r#"{"appName":"shop","impactMetrics":[{"type":"counter","name":"c","help":"h","samples":[{"value":2.5}]}]}"#;
    near.post(0, "/api/client/metrics", impact);
    near.post(1, "/api/client/metrics", impact);
    near.post(2, "/api/client/metrics/edge", r#"{"identifier":"child"}"#);

    let pieces = near.take();
    assert!(pieces.len() > 4, "{}", pieces.len());
    for (at, piece) in pieces.iter().enumerate() {
        let body = String::from_utf8(piece.body()).expect("text");
        assert!(body.len() <= 102_400, "{} bytes", body.len());
        far.post(at, "/api/client/metrics/bulk", &body);
    }
    assert_eq!(near.ledger.take_children().len(), 1);

    let bodies: Vec<Value> = far.take().iter().map(json).collect();
    let all = |key: &str| -> Vec<&Value> {
        bodies.iter().filter_map(|body| body[key].as_array()).flatten().collect()
    };
    assert_eq!((all("applications").len(), all("metrics").len()), (300, 2_500));
    let yes: u64 = all("metrics").iter().filter_map(|metric| metric["yes"].as_u64()).sum();
    assert_eq!(yes, (0..2_500).sum::<u64>());
    for application in all("applications") {
        let hops = application["connectVia"].as_array().expect("hops").iter().map(|hop| &hop["appName"]);
        assert_eq!(hops.collect::<Vec<_>>(), ["near", "far"], "nearest first");
    }
    let sample = &all("impactMetrics")[0]["samples"][0];
    assert_eq!((&sample["value"], &sample["labels"]["origin"]), (&5.0.into(), &"edge".into()));
    assert_eq!(all("seenTokens"), [&Value::from(TOKEN)]);
    assert!(far.ledger.drops().is_empty() && near.ledger.drops().is_empty());
}

#[test]
fn the_real_program_accepts_reports() {
    let brink = Brink::offline(r#"{"version":2,"features":[]}"#, &["-c", TOKEN]);
    let toggles = r#""checkout":{"yes":2,"no":1}"#;
    let mut connection = brink.connect();
    let mut ask = |target: &str, body: &str| {
        connection.exchange(String::from_utf8(post(target, &token(TOKEN), body)).expect("text"))
    };
    for _ in 0..3 {
        let answer = ask("/api/client/metrics", &report("shop", toggles, 0));
        assert_eq!((answer.status, &*answer.body), (202, &b"null"[..]));
    }
    assert_eq!(ask("/api/client/register", &registration("shop")).header("x-edge-version"), Some("20.4.1"));
    assert_eq!(ask("/api/client/metrics", "{").status, 400);
    assert_eq!(ask("/api/client/metrics", "{}").status, 422);
}
