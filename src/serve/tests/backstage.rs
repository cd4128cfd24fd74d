//! Who may see the backstage, on which port, and how its documents come.

use super::*;
use crate::config::secret::Secret;
use crate::pages::{Document, Page};

const METRICS: &str = "/internal-backstage/metrics";

fn with_token() -> Backstage {
    Backstage { token: Some(Secret::new("s3cret")), address: None }
}

fn document() -> Verdict {
    let body = b"up 1\n".to_vec();
    Verdict::Page(Arc::new(Document { status: 200, content_type: "text/plain; charset=utf-8", body }))
}

#[test]
fn a_document_is_made_while_the_request_waits() {
    let mut bench = Bench::serving();
    assert!(bench.connection.exchange(&Sent::get(METRICS).bytes()).is_empty());
    let asked = bench.pages.try_recv().expect("a page is asked for");
    assert_eq!(asked.page, Page::Prometheus);
    let answer = bench.answer(document());
    assert_eq!((answer.status, &*answer.body), (200, "up 1\n"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("access-control-allow-origin"), None, "not for other origins");
}

#[test]
fn a_document_that_cannot_be_made_now_is_a_503() {
    let mut bench = Bench::serving();
    bench.connection.exchange(&Sent::get(METRICS).bytes());
    assert_eq!(bench.time_out().status, 503);
    for _ in 0..2 {
        bench.connection.reconnect();
        bench.connection.exchange(&Sent::get(METRICS).bytes());
    }
    bench.connection.reconnect();
    assert_eq!(bench.ask(&Sent::get(METRICS)).status, 503, "the queue is full");
    assert_eq!(bench.connection.tickets(), 0);
}

#[test]
fn the_token_is_asked_for_if_there_is_one() {
    let check = |authorization: Option<&str>, status: Option<u16>| {
        let mut bench = Bench::of_backstage(&with_token());
        let headers = authorization.map(|value| ("authorization", value)).into_iter().collect();
        let sent = bench.connection.exchange(&Sent { headers, ..Sent::get(METRICS) }.bytes());
        let answered = (!sent.is_empty()).then(|| Answer::read(&sent, "GET"));
        assert_eq!(answered.as_ref().map(|answer| answer.status), status, "{authorization:?}");
        if let Some(answer) = answered {
            let challenges = answer.all("www-authenticate");
            assert_eq!(challenges, ["Basic realm=\"backstage\", charset=\"UTF-8\"", "Bearer"], "a line each");
        }
    };
    check(None, Some(401));
    check(Some(""), Some(401));
    check(Some("s3cret"), Some(401));
    check(Some("Bearer s3cre"), Some(401));
    check(Some("Bearer s3cretx"), Some(401));
    check(Some("Bearer s3cret"), None);
    check(Some("bearer   s3cret "), None);
    check(Some("Basic YW55Ym9keTpzM2NyZXQ="), None);
    check(Some("Basic czNjcmV0"), Some(401));
    check(Some("Basic %%%"), Some(401));
    check(Some(TOKEN), Some(401));
}

#[test]
fn probes_need_no_token() {
    let mut bench = Bench::of_backstage(&with_token());
    assert_eq!(bench.ask(&Sent::get("/internal-backstage/health")).status, 200);
    assert_eq!(bench.ask(&Sent::get("/internal-backstage/ready")).status, 200);
}

#[test]
fn its_own_port_has_the_backstage_and_nothing_else() {
    let address = Some("127.0.0.1:9".parse().expect("an address"));
    let check = |port, target: &str, status: u16| {
        let mut bench = Bench::of_backstage(&Backstage { address, token: None });
        bench.connection.set_port(port);
        let sent = bench.connection.exchange(&Sent { token: Some(TOKEN), ..Sent::get(target) }.bytes());
        let answered = if sent.is_empty() { 0 } else { Answer::read(&sent, "GET").status };
        assert_eq!(answered, status, "{target} on port {port}; 0 is waiting");
    };
    check(0, METRICS, 404);
    check(1, METRICS, 0);
    check(0, FEATURES, 200);
    check(1, FEATURES, 404);
    for port in 0..2 {
        check(port, "/internal-backstage/health", 200);
        check(port, "/internal-backstage/ready", 200);
        check(port, "/nothing", 404);
    }
}

#[test]
fn the_features_of_a_token_are_for_those_who_have_it() {
    let check = |target: &str, token: Option<&str>, status: u16| {
        let mut bench = Bench::serving();
        let answer = bench.ask(&Sent { token, ..Sent::get(target) });
        assert_eq!(answer.status, status, "{target} with {token:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        if status == 200 {
            assert_eq!(answer.body, bench.get(FEATURES, token.unwrap_or_default()).body);
        }
    };
    let below = |token: &str| format!("/internal-backstage/features/{token}");
    check(&below(TOKEN_P1), Some(TOKEN_P1), 200);
    check(&below(&TOKEN.replace('*', "%2A").replace(':', "%3a")), Some(TOKEN), 200);
    check(&below(TOKEN), None, 403);
    check(&below(TOKEN), Some(TOKEN_P1), 403);
    check(&below("*:development.unknown"), Some("*:development.unknown"), 404);
    check(&below("%zz"), Some("%zz"), 404);
}

#[test]
fn documents_can_be_switched_off() {
    let endpoints = Endpoints { metrics: false, features: false, tokens: false, ..Endpoints::default() };
    let rules = Rules::new(&server(), &ProxyTrust::default(), &endpoints, &Backstage::default());
    let mut bench = Bench::new(rules, Desk::edge);
    for page in ["metrics", "prometheus", "features", "tokens"] {
        assert_eq!(bench.ask(&Sent::get(&format!("/internal-backstage/{page}"))).status, 404, "{page}");
    }
    bench.connection.exchange(&Sent::get("/internal-backstage/info").bytes());
    assert_eq!(bench.pages.try_recv().expect("still there").page, Page::Info);
}
