//! Floods of unknown tokens, and validation that nobody waits for.

use super::*;
use crate::serve::limits::{DEFERRED_MS, STRIKE_MS, STRIKES_MAX};

/// A token that nobody has seen.
fn fresh(number: u32) -> String {
    format!("*:development.made-up-{number:08}")
}

/// Brings new tokens, and plays an upstream that knows none of them; how many of them were asked about.
fn flood(bench: &mut Bench, numbers: std::ops::Range<u32>) -> usize {
    let mut asked = 0;
    for number in numbers {
        let text = fresh(number);
        let sent = bench.connection.exchange(&Sent { token: Some(&text), ..Sent::get(FEATURES) }.bytes());
        let sent = if sent.is_empty() {
            asked += 1;
            bench.asked();
            let remember = Duration::from_secs(60);
            bench.connection.answer(Verdict::Refused { key: key(&text), remember })
        } else {
            bench.asks.try_iter().for_each(drop);
            sent
        };
        let answer = Answer::read(&sent, "GET");
        assert_eq!((answer.status, &*answer.body), (403, ""), "{number}");
    }
    asked
}

#[test]
fn a_flood_is_refused_without_asking_and_known_tokens_are_served() {
    let mut bench = Bench::serving();
    assert_eq!(flood(&mut bench, 0..1_000), STRIKES_MAX as usize);
    assert_eq!(bench.get(FEATURES, TOKEN).status, 200);
    bench.tick(Duration::from_millis(STRIKE_MS));
    assert_eq!(flood(&mut bench, 1_000..2_000), 1, "one probe");
    assert_eq!(bench.get(FEATURES, TOKEN).status, 200);
}

#[test]
fn a_valid_token_in_a_flood_works_at_its_next_request() {
    const VALID: &str = "*:development.new-and-valid";
    let mut bench = Bench::serving();
    flood(&mut bench, 0..1_000);
    bench.tick(Duration::from_millis(STRIKE_MS - 1));
    assert_eq!(bench.get(FEATURES, VALID).status, 403);
    let hinted = bench.asks.try_recv();
    assert!(matches!(&hinted, Ok(Ask::Hint { token, .. }) if token.text() == VALID), "{hinted:?}");
    bench.apply(snapshot(&[Known::backend(VALID, &["*"], ScopeState::Serving(view(&["*"])))]));
    assert_eq!(bench.get(FEATURES, VALID).status, 200);
}

#[test]
fn a_probe_that_is_confirmed_opens_the_peer() {
    const VALID: &str = "*:development.new-and-valid";
    let mut bench = Bench::serving();
    flood(&mut bench, 0..1_000);
    bench.tick(Duration::from_millis(STRIKE_MS));
    bench.wait(FEATURES, VALID);
    bench.apply(snapshot(&[Known::backend(VALID, &["*"], ScopeState::Serving(view(&["*"])))]));
    assert_eq!(bench.answer(Verdict::Look).status, 200);
    assert_eq!(flood(&mut bench, 1_000..2_000), STRIKES_MAX as usize);
}

#[test]
fn without_verdicts_nobody_is_refused() {
    let mut bench = Bench::serving();
    for number in 0..5 * STRIKES_MAX {
        bench.wait(FEATURES, &fresh(number));
        assert_eq!(bench.answer(Verdict::Unavailable { status: Some(500) }).status, 503);
    }
}

#[test]
fn where_a_trusted_proxy_names_the_client_others_behind_it_are_not_closed() {
    let trust = ProxyTrust { enabled: true, servers: vec!["203.0.113.0/24".parse().expect("a network")] };
    let rules = Rules::new(&server(), &trust, &Endpoints::default(), &Backstage::default());
    let mut bench = Bench::new(rules, Desk::edge);
    bench.apply(serving());
    let by = |number: u32, client: &str| {
        format!(
            "GET {FEATURES} HTTP/1.1\r\nauthorization: {}\r\nx-forwarded-for: {client}\r\n\r\n",
            fresh(number)
        )
    };
    for number in 0..STRIKES_MAX {
        assert_eq!(bench.connection.exchange(by(number, "192.0.2.1").as_bytes()), b"");
        bench.asked();
        let verdict = Verdict::Refused { key: key(&fresh(number)), remember: Duration::from_secs(60) };
        bench.connection.answer(verdict);
    }
    assert!(bench.connection.exchange(by(1_000, "192.0.2.1").as_bytes()).starts_with(b"HTTP/1.1 403"));
    bench.asks.try_iter().for_each(drop);
    assert_eq!(bench.connection.exchange(by(1_001, "192.0.2.2").as_bytes()), b"", "asked about");
}

fn deferring() -> Bench {
    let mut bench = Bench::of(&server(), |asks| Desk::edge(asks).deferring(true));
    bench.apply(serving());
    bench
}

#[test]
fn deferred_validation_answers_401_then_403_then_200() {
    const STRANGER: &str = "*:development.nobody-knows-me";
    let mut bench = deferring();
    let first = bench.get(FEATURES, STRANGER);
    assert_eq!((first.status, &*first.body, first.header("www-authenticate")), (401, "", None));
    let handed_in = bench.asks.try_recv();
    assert!(matches!(&handed_in, Ok(Ask::Hint { token, .. }) if token.text() == STRANGER), "{handed_in:?}");
    assert_eq!(bench.get(FEATURES, STRANGER).status, 403);
    assert_eq!(bench.get("/api/frontend", STRANGER).status, 403);
    assert!(bench.asks_nothing());
    bench.tick(Duration::from_millis(DEFERRED_MS));
    assert_eq!(bench.get(FEATURES, STRANGER).status, 403);
    assert_eq!(bench.asks.try_iter().count(), 1, "handed in again");
    bench.apply(snapshot(&[Known::backend(STRANGER, &["*"], ScopeState::Serving(view(&["*"])))]));
    assert_eq!(bench.get(FEATURES, STRANGER).status, 200);
    assert_eq!(bench.get(FEATURES, "no token").status, 403);
    assert!(bench.asks_nothing());
}

#[test]
fn what_could_not_be_handed_in_is_new_the_next_time() {
    let mut bench = deferring();
    for number in 0..3 {
        assert_eq!(bench.get(FEATURES, &fresh(number)).status, 401);
    }
    assert_eq!(bench.get(FEATURES, &fresh(3)).status, 401, "the channel is full");
    bench.asks.try_iter().for_each(drop);
    assert_eq!(bench.get(FEATURES, &fresh(3)).status, 401);
    assert_eq!(bench.get(FEATURES, &fresh(3)).status, 403);
    assert_eq!(bench.asks.try_iter().count(), 1);
}
