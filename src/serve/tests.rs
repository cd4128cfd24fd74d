//! The request path through a connection without a socket, on snapshots made by hand.
//!
//! The control thread is played by the test: it receives what a shard asks and answers, or does not.

mod access;
mod backstage;
mod delta;
mod features;
mod frontend;
mod meter;
mod redirect;
mod routes;
mod strangers;
mod streams;
mod tokens;
mod usage;
mod validate;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use brink_shards::{Now, loopback::Loopback};
use crossbeam_channel::{Receiver, bounded};

use super::{Desk, Edge, Rules, Seat};
use crate::{
    config::settings::{Backstage, Cors, Endpoints, ProxyTrust, Role, Server},
    features::{
        catalog::Catalog,
        environment::EnvironmentData,
        parse::parse_document,
        view::{ScopeView, assemble},
    },
    messages::{Ask, Verdict, Waiter},
    pages::PageAsk,
    snapshot::{ScopeState, Snapshot},
    tokens::{
        key::{KeyHasher, TokenKey},
        scope::{Projects, Scope},
        table::{Row, Standing, TokenKind, TokenTable},
    },
};

const FEATURES: &str = "/api/client/features";
const TOKEN: &str = "*:development.all-projects";
const TOKEN_P1: &str = "p1:development.one-project";
const PEER: &str = "203.0.113.9";

const CHECKOUT: &str =
    r#"{"name":"checkout","enabled":true,"project":"p1","strategies":[{"name":"default","variants":[]}]}"#;
const BASKET: &str = r#"{"name":"Basket","enabled":false,"project":"p2","strategies":[]}"#;
const CHECK_MARK: &str = r#"{"name":"check/mark ü","enabled":true,"project":"p2","strategies":[]}"#;
/// Without a project: in no client list.
const LOST: &str = r#"{"name":"lost","enabled":true,"strategies":[]}"#;

fn hasher() -> KeyHasher {
    KeyHasher::new([7; 16])
}

fn key(text: &str) -> TokenKey {
    hasher().key(text.as_bytes())
}

fn scope(projects: &[&str]) -> Scope {
    Scope { environment: Some("development".into()), projects: Projects::from_names(projects) }
}

fn rules(server: &Server, backstage: &Backstage) -> Rules {
    let rules = Rules::new(server, &ProxyTrust::default(), &Endpoints::default(), backstage);
    let roles = if backstage.address.is_some() { &[Role::Api, Role::Backstage][..] } else { &[Role::Api] };
    rules.on(roles, 0)
}

fn server() -> Server {
    Server {
        interface: IpAddr::from([127, 0, 0, 1]),
        port: 0,
        base_path: String::new(),
        workers: None,
        cors: Cors { max_age_s: 172_800, ..Cors::default() },
        allow: Vec::new(),
        deny: Vec::new(),
        request_timeout: None,
        keepalive_timeout: Duration::from_secs(15),
        auth_header: "authorization".to_owned(),
    }
}

fn environment(features: &[&str]) -> Arc<EnvironmentData> {
    let name: Arc<str> = "development".into();
    let text = format!(r#"{{"version":2,"features":[{}]}}"#, features.join(","));
    let document = parse_document(text.as_bytes(), &EnvironmentData::empty(Arc::clone(&name)));
    let mut catalog = Catalog::default();
    catalog.apply(&name, &Projects::All, document.expect("a good document"));
    Arc::clone(catalog.environment("development").expect("just applied"))
}

fn view(projects: &[&str]) -> Arc<ScopeView> {
    assemble(&environment(&[CHECKOUT, BASKET, CHECK_MARK, LOST]), &scope(projects), None)
}

/// The body of a list of these features.
fn body(features: &[&str], query: &str) -> String {
    let features = features.join(",");
    format!(r#"{{"version":2,"features":[{features}],"query":{{{query},"inlineSegmentConstraints":false}}}}"#)
}

/// A token of a hand-made snapshot, and the state of its scope.
struct Known {
    text: &'static str,
    kind: TokenKind,
    standing: Standing,
    scope: Scope,
    state: ScopeState,
}

impl Known {
    /// A valid backend token.
    fn backend(text: &'static str, projects: &[&str], state: ScopeState) -> Self {
        let (kind, standing) = (TokenKind::Backend, Standing::Validated);
        Self { text, kind, standing, scope: scope(projects), state }
    }
}

fn snapshot(tokens: &[Known]) -> Snapshot {
    let rows = tokens.iter().map(|known| Row {
        key: key(known.text),
        kind: known.kind,
        standing: known.standing,
        scope: &known.scope,
    });
    let table = TokenTable::build(rows);
    let state_of =
        |scope: &Scope| tokens.iter().find(|known| known.scope == *scope).map(|one| one.state.clone());
    let scopes = table.scopes().iter().filter_map(state_of).collect();
    Snapshot { tokens: Arc::new(table), scopes, ready: true, ..Snapshot::default() }
}

/// Both tokens and all data.
fn serving() -> Snapshot {
    snapshot(&[
        Known::backend(TOKEN, &["*"], ScopeState::Serving(view(&["*"]))),
        Known::backend(TOKEN_P1, &["p1"], ScopeState::Serving(view(&["p1"]))),
    ])
}

/// One connection to one shard, and the other end of its channel to the control thread.
struct Bench {
    connection: Loopback<Edge>,
    asks: Receiver<Ask>,
    pages: Receiver<PageAsk>,
}

impl Bench {
    fn edge() -> Self {
        Self::of(&server(), Desk::edge)
    }

    fn offline() -> Self {
        Self::of(&server(), Desk::offline)
    }

    /// In edge mode, with everything to serve.
    fn of_server(server: &Server) -> Self {
        let mut bench = Self::of(server, Desk::edge);
        bench.apply(serving());
        bench
    }

    fn serving() -> Self {
        Self::of_server(&server())
    }

    fn of_backstage(backstage: &Backstage) -> Self {
        let mut bench = Self::new(rules(&server(), backstage), Desk::edge);
        bench.apply(serving());
        bench
    }

    fn of(server: &Server, desk: impl FnOnce(crossbeam_channel::Sender<Ask>) -> Desk) -> Self {
        Self::new(rules(server, &Backstage::default()), desk)
    }

    /// The channels have room for three asks.
    fn new(rules: Rules, desk: impl FnOnce(crossbeam_channel::Sender<Ask>) -> Desk) -> Self {
        let (sender, asks) = bounded(3);
        let (page_sender, pages) = bounded(3);
        let seat = Seat { shard: 0, clock: Instant::now };
        let edge = Edge::new(rules, hasher(), desk(sender).with_pages(page_sender), 7).seated(seat);
        Self { connection: Loopback::new(edge, PEER.parse().expect("an address")), asks, pages }
    }

    fn apply(&mut self, snapshot: Snapshot) {
        use brink_shards::Service;
        self.connection.service.apply(Arc::new(snapshot));
    }

    /// Time passes, as the shard's ticks tell it.
    fn tick(&mut self, since_start: Duration) {
        use brink_shards::Service;
        self.connection.service.tick(&Now { elapsed: since_start, unix: Duration::ZERO });
    }

    /// Sends a request with a token, and expects an answer at once.
    #[track_caller]
    fn get(&mut self, target: &str, token: &str) -> Answer {
        self.ask(&Sent { token: Some(token), ..Sent::get(target) })
    }

    #[track_caller]
    fn ask(&mut self, sent: &Sent<'_>) -> Answer {
        Answer::read(&self.connection.exchange(&sent.bytes()), sent.method)
    }

    /// Sends a request that has to wait, and returns what was asked.
    #[track_caller]
    fn wait(&mut self, target: &str, token: &str) -> Ask {
        let sent = self.connection.exchange(&Sent { token: Some(token), ..Sent::get(target) }.bytes());
        assert_eq!(String::from_utf8_lossy(&sent), "", "answered at once");
        self.asked()
    }

    /// What the waiting request has asked.
    #[track_caller]
    fn asked(&mut self) -> Ask {
        let ask = self.asks.try_recv().expect("something is asked");
        let waiter = match &ask {
            Ask::Validate { waiter, .. }
            | Ask::ValidateAll { waiter, .. }
            | Ask::AwaitData { waiter, .. } => *waiter,
            Ask::Encode { .. }
            | Ask::Hint { .. }
            | Ask::Suspect { .. }
            | Ask::Reload(_)
            | Ask::Describe(_) => panic!("nobody waits for {ask:?}"),
        };
        let (ticket, _) = self.connection.waits_for().expect("the request waits");
        assert_eq!(waiter, Waiter { shard: 0, ticket });
        ask
    }

    #[track_caller]
    fn answer(&mut self, verdict: Verdict) -> Answer {
        Answer::read(&self.connection.answer(verdict), "GET")
    }

    #[track_caller]
    fn time_out(&mut self) -> Answer {
        Answer::read(&self.connection.time_out(), "GET")
    }

    fn asks_nothing(&self) -> bool {
        self.asks.is_empty()
    }
}

/// A request.
#[derive(Clone)]
struct Sent<'s> {
    method: &'s str,
    target: &'s str,
    token: Option<&'s str>,
    headers: Vec<(&'s str, &'s str)>,
}

impl<'s> Sent<'s> {
    fn get(target: &'s str) -> Self {
        Self { method: "GET", target, token: None, headers: Vec::new() }
    }

    /// Of the features, with a good token.
    fn features(headers: &[(&'s str, &'s str)]) -> Self {
        Self { token: Some(TOKEN), headers: headers.to_vec(), ..Self::get(FEATURES) }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let token = self.token.map(|token| ("authorization", token));
        for (name, value) in token.iter().chain(&self.headers) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// An answer, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// Reads exactly one answer, and checks its length.
    #[track_caller]
    fn read(bytes: &[u8], method: &str) -> Self {
        let text = std::str::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("one answer");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.get(9..12)).and_then(|digits| digits.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let answer = Self { status: status.expect("a status line"), headers, body: body.to_owned() };
        match answer.header("content-length") {
            Some(length) if method != "HEAD" => assert_eq!(length, body.len().to_string()),
            Some(_) => assert_eq!(body, ""),
            None => assert_eq!((answer.status, body), (304, ""), "only 304 has no length"),
        }
        assert!(answer.header("date").is_some());
        answer
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| &**value).collect()
    }
}
