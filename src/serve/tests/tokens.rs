//! Which tokens are admitted, what is asked about the others, and what follows from each answer
//! (http-api.md 8.1 and 8.2, brink column).

use super::*;
use crate::tokens::limits::TOKEN_BYTES_MAX;

const STRANGER: &str = "*:development.nobody-knows-me";

fn loading(state: ScopeState) -> Snapshot {
    snapshot(&[Known::backend(TOKEN, &["*"], state)])
}

fn refused(remember: Duration) -> Verdict {
    Verdict::Refused { key: key(STRANGER), remember }
}

#[track_caller]
fn check_no_verdict(answer: &Answer, status: &str) {
    let body = format!(
        r#"{{"explanation":"Received a non 200 status code when trying to validate token upstream","status_code":"{status}"}}"#
    );
    assert_eq!((answer.status, &answer.body), (503, &body));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[track_caller]
fn check_loading(answer: &Answer) {
    assert_eq!((answer.status, answer.header("retry-after"), &*answer.body), (503, Some("1"), ""));
}

#[test]
fn kind_and_standing_decide_who_may_use_the_client_api() {
    let kinds = [
        (TokenKind::Backend, 200),
        (TokenKind::Untyped, 200),
        (TokenKind::Frontend, 403),
        (TokenKind::Admin, 403),
    ];
    for (kind, status) in kinds {
        for (standing, status) in
            [(Standing::Validated, status), (Standing::Trusted, status), (Standing::Refused, 403)]
        {
            let state = ScopeState::Serving(view(&["*"]));
            let known = Known { text: TOKEN, kind, standing, scope: scope(&["*"]), state };
            let mut bench = Bench::edge();
            bench.apply(snapshot(&[known]));
            // Also where the name would look like that of another route class.
            for target in [FEATURES, "/api/client/features/checkout"] {
                let answer = bench.get(target, TOKEN);
                assert_eq!(answer.status, status, "{kind:?} {standing:?} {target}");
            }
            for target in ["/api/client/features/frontend-x", "/api/client/features/proxy"] {
                assert_eq!(bench.get(target, TOKEN).status == 403, status == 403, "{kind:?} {target}");
            }
            assert!(bench.asks_nothing());
        }
    }
}

#[test]
fn what_is_no_token_is_refused_without_asking() {
    let mut bench = Bench::serving();
    let long = format!("*:development.{}", "s".repeat(TOKEN_BYTES_MAX));
    for token in ["", "   ", "nonsense", "Bearer x", "*", ":", "a:b", &long] {
        let answer = bench.get(FEATURES, token);
        assert_eq!(
            (answer.status, &*answer.body, answer.header("retry-after")),
            (403, "", None),
            "{token:?}"
        );
    }
    assert_eq!(bench.ask(&Sent::get(FEATURES)).status, 403);
    let with_query = format!("{FEATURES}?authorization={TOKEN}");
    assert_eq!(bench.ask(&Sent { headers: vec![("cookie", TOKEN)], ..Sent::get(&with_query) }).status, 403);
    assert!(bench.asks_nothing());
}

#[test]
fn the_first_header_counts_blanks_do_not() {
    let mut bench = Bench::serving();
    assert_eq!(bench.get(FEATURES, &format!("  {TOKEN}\t")).status, 200);
    let both = |first, second| Sent {
        headers: vec![("Authorization", first), ("AUTHORIZATION", second)],
        ..Sent::get(FEATURES)
    };
    assert_eq!(bench.ask(&both(TOKEN, "nonsense")).status, 200);
    assert_eq!(bench.ask(&both("nonsense", TOKEN)).status, 403);
}

#[test]
fn another_header_may_carry_the_token() {
    let mut bench = Bench::of_server(&Server { auth_header: "x-unleash-token".to_owned(), ..server() });
    let by = |name| Sent { headers: vec![(name, TOKEN)], ..Sent::get(FEATURES) };
    assert_eq!(bench.ask(&by("X-Unleash-Token")).status, 200);
    assert_eq!(bench.ask(&by("authorization")).status, 403);
}

#[test]
fn bearer_is_not_taken_off() {
    let mut bench = Bench::serving();
    let text = format!("Bearer {TOKEN}");
    match bench.wait(FEATURES, &text) {
        Ask::Validate { key: asked, token, .. } => {
            assert_eq!((asked, token.text()), (key(&text), &*text));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn offline_knows_its_tokens_opaque_ones_too_and_asks_nobody() {
    let opaque = "any text at all";
    let scope = Scope { environment: None, projects: Projects::from_names::<&str>([]) };
    let data = assemble(&environment(&[CHECKOUT]), &scope, None);
    let state = ScopeState::Serving(Arc::clone(&data));
    let known = Known { text: opaque, kind: TokenKind::Untyped, standing: Standing::Trusted, scope, state };
    let mut bench = Bench::offline();
    bench.apply(snapshot(&[known]));
    let answer = bench.get(FEATURES, opaque);
    assert_eq!((answer.status, answer.body), (200, body(&[CHECKOUT], r#""projects":[]"#)));
    assert_eq!(bench.get(FEATURES, STRANGER).status, 403);
    assert_eq!(bench.get(FEATURES, "any other text").status, 403);
    assert!(bench.asks_nothing());
}

#[test]
fn a_stranger_is_asked_about_and_admitted() {
    let mut bench = Bench::serving();
    match bench.wait(FEATURES, STRANGER) {
        Ask::Validate { key: asked, token, .. } => {
            assert_eq!((asked, token.text()), (key(STRANGER), STRANGER));
        }
        other => panic!("{other:?}"),
    }
    bench.apply(snapshot(&[Known::backend(STRANGER, &["p1"], ScopeState::Serving(view(&["p1"])))]));
    let answer = bench.answer(Verdict::Look);
    assert_eq!((answer.status, answer.body.contains("checkout")), (200, true));
    assert_eq!(bench.get(FEATURES, STRANGER).status, 200);
    assert!(bench.asks_nothing());
    assert_eq!(bench.connection.tickets(), 0);
}

#[test]
fn a_refusal_is_remembered_for_its_time() {
    let mut bench = Bench::serving();
    bench.tick(Duration::from_secs(100));
    bench.wait(FEATURES, STRANGER);
    let answer = bench.answer(refused(Duration::from_secs(5)));
    assert_eq!((answer.status, &*answer.body, answer.header("retry-after")), (403, "", None));
    bench.tick(Duration::from_millis(104_999));
    assert_eq!(bench.get(FEATURES, STRANGER).status, 403);
    assert!(bench.asks_nothing());
    bench.tick(Duration::from_secs(105));
    bench.wait(FEATURES, STRANGER);
}

#[test]
fn a_remembered_refusal_ends_when_the_token_is_published() {
    let mut bench = Bench::serving();
    bench.wait(FEATURES, STRANGER);
    bench.answer(refused(Duration::from_secs(3_600)));
    bench.apply(snapshot(&[Known::backend(STRANGER, &["*"], ScopeState::Serving(view(&["*"])))]));
    assert_eq!(bench.get(FEATURES, STRANGER).status, 200);
}

#[test]
fn a_refusal_is_remembered_though_its_client_has_left() {
    let mut bench = Bench::serving();
    bench.wait(FEATURES, STRANGER);
    bench.connection.reconnect();
    bench.connection.answer(refused(Duration::from_secs(5)));
    assert_eq!(bench.get(FEATURES, STRANGER).status, 403);
    assert!(bench.asks_nothing());
}

#[test]
fn no_verdict_is_a_503_and_not_remembered() {
    let mut bench = Bench::serving();
    for (status, said) in [(Some(503), "503"), (Some(401), "401"), (Some(304), "304"), (None, "503")] {
        bench.wait(FEATURES, STRANGER);
        check_no_verdict(&bench.answer(Verdict::Unavailable { status }), said);
    }
    bench.wait(FEATURES, STRANGER);
    check_no_verdict(&bench.time_out(), "503");
    for verdict in [Verdict::Look, Verdict::Loaded] {
        bench.wait(FEATURES, STRANGER);
        check_no_verdict(&bench.answer(verdict), "503");
    }
    assert_eq!(bench.connection.tickets(), 0);
    assert!(bench.asks_nothing());
}

#[test]
fn a_full_or_closed_channel_is_a_503_and_gives_the_ticket_back() {
    let mut bench = Bench::serving();
    for _ in 0..3 {
        bench.connection.reconnect();
        let sent = bench.connection.exchange(&Sent { token: Some(STRANGER), ..Sent::get(FEATURES) }.bytes());
        assert_eq!(sent, b"");
    }
    bench.connection.reconnect();
    check_no_verdict(&bench.get(FEATURES, STRANGER), "503");
    assert_eq!(bench.connection.tickets(), 0);

    drop(std::mem::replace(&mut bench.asks, crossbeam_channel::never()));
    check_no_verdict(&bench.get(FEATURES, STRANGER), "503");
    assert_eq!(bench.connection.tickets(), 0);
}

#[test]
fn a_scope_without_data_is_503_while_it_may_come_and_403_if_it_will_not() {
    let mut bench = Bench::edge();
    for target in [FEATURES, "/api/client/features?namePrefix=c", "/api/client/features/checkout"] {
        bench.apply(loading(ScopeState::Loading));
        check_loading(&bench.get(target, TOKEN));
        bench.apply(loading(ScopeState::Uncovered));
        let answer = bench.get(target, TOKEN);
        assert_eq!((answer.status, &*answer.body, answer.header("retry-after")), (403, "", None), "{target}");
    }
    assert!(bench.asks_nothing());
}

#[test]
fn a_first_load_is_waited_for() {
    for target in [FEATURES, "/api/client/features?namePrefix=c", "/api/client/features/checkout"] {
        let mut bench = Bench::edge();
        bench.apply(loading(ScopeState::Fetching));
        match bench.wait(target, TOKEN) {
            Ask::AwaitData { scope: asked, .. } => assert_eq!(asked, scope(&["*"])),
            other => panic!("{other:?}"),
        }
        bench.apply(serving());
        let answer = bench.answer(Verdict::Loaded);
        assert_eq!((answer.status, answer.body.contains("checkout")), (200, true), "{target}");
        assert!(bench.asks_nothing());
    }
}

#[test]
fn a_first_load_that_fails_is_not_waited_for_again() {
    let mut bench = Bench::edge();
    bench.apply(loading(ScopeState::Fetching));
    bench.wait(FEATURES, TOKEN);
    check_loading(&bench.answer(Verdict::Loaded));
    bench.wait(FEATURES, TOKEN);
    check_loading(&bench.time_out());
    bench.wait(FEATURES, TOKEN);
    bench.apply(loading(ScopeState::Uncovered));
    assert_eq!(bench.answer(Verdict::Loaded).status, 403);
    assert!(bench.asks_nothing());
    assert_eq!(bench.connection.tickets(), 0);
}

#[test]
fn a_stranger_whose_data_must_be_fetched_waits_twice() {
    let mut bench = Bench::edge();
    bench.apply(loading(ScopeState::Loading));
    assert!(matches!(bench.wait(FEATURES, STRANGER), Ask::Validate { .. }));
    let fetching = Known::backend(STRANGER, &["p1"], ScopeState::Fetching);
    bench.apply(snapshot(&[fetching]));
    assert_eq!(bench.connection.answer(Verdict::Look), b"");
    match bench.asked() {
        Ask::AwaitData { scope: asked, .. } => assert_eq!(asked, scope(&["p1"])),
        other => panic!("{other:?}"),
    }
    bench.apply(snapshot(&[Known::backend(STRANGER, &["p1"], ScopeState::Serving(view(&["p1"])))]));
    assert_eq!(bench.answer(Verdict::Loaded).status, 200);
    assert_eq!(bench.connection.tickets(), 0);
}

#[test]
fn with_a_full_channel_a_first_load_is_not_waited_for() {
    let mut bench = Bench::edge();
    bench.apply(loading(ScopeState::Fetching));
    for _ in 0..3 {
        bench.connection.reconnect();
        bench.connection.exchange(&Sent::features(&[]).bytes());
    }
    bench.connection.reconnect();
    check_loading(&bench.get(FEATURES, TOKEN));
    assert_eq!(bench.connection.tickets(), 0);
}

#[test]
fn before_the_first_snapshot_every_token_is_a_stranger() {
    let mut bench = Bench::edge();
    assert!(matches!(bench.wait(FEATURES, TOKEN), Ask::Validate { .. }));
    bench.apply(serving());
    assert_eq!(bench.answer(Verdict::Look).status, 200);
}
