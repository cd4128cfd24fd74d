//! What is noticed about requests: by status, by share, and under which names.

use super::*;
use crate::{
    config::settings::Share,
    observe::access::{Hearing, Interest, Message, Record},
};

/// Somebody who listens to a bench.
fn listen(bench: &mut Bench, interest: Interest) -> Receiver<Message> {
    let (hearing, told) = Hearing::new(interest);
    bench.connection.service.witness = hearing.witness(7);
    told
}

/// `pattern status count` of the failures told so far.
fn failures(told: &Receiver<Message>) -> Vec<String> {
    let text = |message| match message {
        Message::Failing(one) => format!("{} {} {}", one.place.pattern, one.status, one.count),
        Message::Answered(record) => panic!("{} is spoken about", record.path.text()),
    };
    told.try_iter().map(text).collect()
}

fn records(told: &Receiver<Message>) -> Vec<Record> {
    let record = |message| match message {
        Message::Answered(record) => Some(record),
        Message::Failing(_) => None,
    };
    told.try_iter().filter_map(record).collect()
}

#[test]
fn failures_are_told_once_and_then_by_the_tick() {
    let mut bench = Bench::edge();
    bench.apply(snapshot(&[Known::backend(TOKEN, &["*"], ScopeState::Loading)]));
    let told = listen(&mut bench, Interest::default());
    for _ in 0..5 {
        assert_eq!(bench.get(FEATURES, TOKEN).status, 503);
    }
    assert_eq!(failures(&told), ["/api/client/features 503 1"]);
    bench.tick(Duration::from_secs(1));
    assert_eq!(failures(&told), ["/api/client/features 503 4"]);
    bench.tick(Duration::from_secs(2));
    assert_eq!(failures(&told), Vec::<String>::new());
}

#[test]
fn only_answers_of_500_and_more_are_failures_and_not_those_of_probes() {
    let mut bench = Bench::edge();
    let told = listen(&mut bench, Interest::default());
    assert_eq!(bench.get("/ready", "").status, 503);
    bench.apply(serving());
    for (target, token, status) in [(FEATURES, TOKEN, 200), (FEATURES, "", 403), ("/nowhere", TOKEN, 404)] {
        assert_eq!(bench.get(target, token).status, status);
    }
    bench.connection.exchange(&Sent::get("/internal-backstage/tokens").bytes());
    assert_eq!(failures(&told), Vec::<String>::new(), "nothing is answered yet");
    assert_eq!(bench.time_out().status, 503);
    assert_eq!(failures(&told), ["/internal-backstage/tokens 503 1"]);
}

#[test]
fn a_request_that_waits_is_told_when_it_is_answered() {
    let mut bench = Bench::serving();
    let told = listen(&mut bench, Interest { lines: Share::ALL, ..Interest::default() });
    bench.wait(FEATURES, "*:development.stranger");
    assert!(told.is_empty());
    bench.answer(Verdict::Unavailable { status: None });
    let records = records(&told);
    let [record] = records.as_slice() else { panic!("{} records", records.len()) };
    assert_eq!((record.status, record.path.text(), record.method), (503, FEATURES, "GET"));
    assert_eq!(record.peer.to_string(), PEER);
    assert!(record.makes_line && !record.makes_span && record.overheard.is_none());
}

#[test]
fn routes_have_names_without_parameters() {
    let mut bench = Bench::serving();
    let told = listen(&mut bench, Interest { spans: Share::ALL, ..Interest::default() });
    for (target, pattern) in [
        ("/api/client/features/checkout", "/api/client/features/{feature_name}"),
        ("/api/client/delta", "/api/client/delta"),
        ("/api/client/streaming", "/api/client/streaming"),
        ("/api/client/features/streaming", "/api/client/features/{feature_name}"),
        ("/api/frontend/all", "/api/frontend/all"),
        ("/api/proxy/features/x", "/api/proxy/features/{feature_name}"),
        ("/internal-backstage/features/x", "/internal-backstage/features/{token}"),
        ("/api/frontend/client/metrics", "/api/frontend/client/metrics"),
        ("/docs/openapi.json", "/docs/openapi.json"),
        ("/health", "/internal-backstage/health"),
        ("/nowhere", "/{unknown}"),
    ] {
        bench.connection.reconnect();
        bench.get(target, "");
        let patterns: Vec<_> = records(&told).iter().map(|record| record.place.pattern).collect();
        assert_eq!(patterns, [pattern], "{target}");
    }
}

#[test]
fn shares_are_kept_on_the_whole() {
    let mut bench = Bench::serving();
    let share = |text: &str| text.parse::<Share>().expect("a share");
    let interest = Interest { lines: share("0.25"), spans: share("0.5"), ..Interest::default() };
    let told = listen(&mut bench, interest);
    (0..2000).for_each(|_| assert_eq!(bench.get("/health", "").status, 200));
    let records = records(&told);
    let lines = records.iter().filter(|record| record.makes_line).count();
    let spans = records.iter().filter(|record| record.makes_span).count();
    // The seed is fixed: these are no chances.
    assert!((400..600).contains(&lines) && (900..1100).contains(&spans), "{lines} {spans}");
    assert!(records.iter().all(|record| record.makes_line || record.makes_span));
}

#[test]
fn heads_are_overheard_below_the_api_without_secrets() {
    let mut bench = Bench::serving();
    let interest = Interest { is_tracing: true, auth_header: "x-own".into(), ..Interest::default() };
    let told = listen(&mut bench, interest);
    bench.ask(&Sent::features(&[("X-Own", "s3cret"), ("cookie", "s3cret"), ("x-a", "b")]));
    bench.get("/health", TOKEN);
    let records = records(&told);
    let [record] = records.as_slice() else { panic!("{} records", records.len()) };
    let overheard = record.overheard.as_ref().expect("overheard");
    assert_eq!(overheard.target, FEATURES);
    let names: Vec<_> = overheard.headers.iter().map(|(name, value)| (&**name, value.is_some())).collect();
    assert_eq!(names, [("authorization", false), ("X-Own", false), ("cookie", false), ("x-a", true)]);
}
