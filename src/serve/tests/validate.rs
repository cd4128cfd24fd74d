//! `POST /edge/validate` (http-api.md 10.14, security.md 1.5).

use serde_json::{Value, json};

use super::*;
use crate::serve::limits::{CALLS_BURST, TOKENS_PER_CALL_MAX};

const VALIDATE: &str = "/edge/validate";
const FRONTEND: &str = "[]:development.frontend";
const ADMIN: &str = "*:development.admin";
const TRUSTED: &str = "*:development.pretrusted";
const REFUSED: &str = "*:development.refused";
const STRANGER: &str = "*:development.nobody-knows-me";
const JSON: &str = "content-type: application/json\r\n";

fn all_kinds() -> Snapshot {
    let known = |text, kind, standing, projects: &[&str]| {
        let state = ScopeState::Serving(view(projects));
        Known { text, kind, standing, scope: scope(projects), state }
    };
    snapshot(&[
        known(TOKEN, TokenKind::Backend, Standing::Validated, &["*"]),
        known(FRONTEND, TokenKind::Frontend, Standing::Validated, &["p1", "p2"]),
        known(ADMIN, TokenKind::Admin, Standing::Validated, &["*"]),
        known(TRUSTED, TokenKind::Frontend, Standing::Trusted, &["*"]),
        known(REFUSED, TokenKind::Backend, Standing::Refused, &["*"]),
    ])
}

fn bench(desk: impl FnOnce(crossbeam_channel::Sender<Ask>) -> Desk) -> Bench {
    let mut bench = Bench::of(&server(), desk);
    bench.apply(all_kinds());
    bench
}

fn request(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {VALIDATE} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

fn asking(texts: &[&str]) -> Vec<u8> {
    request(JSON, &json!({"tokens": texts}).to_string())
}

fn backend() -> Value {
    json!({"token": TOKEN, "type": "backend", "environment": "development", "projects": ["*"],
        "status": "Validated"})
}

#[track_caller]
fn lists(sent: &[u8], expected: &[Value]) {
    let answer = Answer::read(sent, "POST");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body, json!({"tokens": expected}));
}

/// What was asked about, of a request that waits.
#[track_caller]
fn asked(bench: &mut Bench) -> Vec<String> {
    match bench.asked() {
        Ask::ValidateAll { tokens, .. } => {
            assert!(tokens.iter().all(|(at, token)| *at == key(token.text())));
            tokens.into_iter().map(|(_, token)| token.text().to_owned()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn known_tokens_are_listed_but_admin_pretrusted_and_refused_ones() {
    for desk in [Desk::edge, Desk::offline] {
        let mut bench = bench(desk);
        let frontend = json!({"token": FRONTEND, "type": "frontend", "environment": "development",
            "projects": ["p1", "p2"], "status": "Validated"});
        let texts =
            [FRONTEND, "no token", "", ADMIN, TRUSTED, REFUSED, TOKEN, " *:development.all-projects "];
        lists(&bench.connection.exchange(&asking(&texts)), &[frontend, backend()]);
        lists(&bench.connection.exchange(&asking(&[])), &[]);
        assert!(bench.asks_nothing());
    }
}

#[test]
fn unknown_tokens_are_asked_about_together() {
    let mut bench = bench(Desk::edge);
    let sent = bench.connection.exchange(&asking(&[STRANGER, TOKEN, TOKEN_P1, STRANGER, "no token"]));
    assert_eq!(sent, b"");
    assert_eq!(asked(&mut bench), [STRANGER, TOKEN_P1]);
    let serving = ScopeState::Serving(view(&["*"]));
    bench.apply(snapshot(&[
        Known::backend(TOKEN, &["*"], serving.clone()),
        Known::backend(TOKEN_P1, &["p1"], serving),
    ]));
    let p1 = json!({"token": TOKEN_P1, "type": "backend", "environment": "development", "projects": ["p1"],
        "status": "Validated"});
    lists(&bench.connection.answer(Verdict::Look), &[backend(), p1]);
    assert!(bench.asks_nothing());
    assert_eq!(bench.connection.tickets(), 0);
}

#[test]
fn an_answer_is_complete_or_a_503() {
    let check = |verdict: Option<Verdict>, told: &str| {
        let mut bench = bench(Desk::edge);
        assert_eq!(bench.connection.exchange(&asking(&[TOKEN, STRANGER])), b"");
        let sent = match verdict {
            Some(verdict) => bench.connection.answer(verdict),
            None => bench.connection.time_out(),
        };
        let answer = Answer::read(&sent, "POST");
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{told}");
        assert!(answer.body.contains(&format!(r#""status_code":"{told}""#)), "{}", answer.body);
    };
    check(Some(Verdict::Unavailable { status: Some(401) }), "401");
    check(Some(Verdict::Unavailable { status: None }), "503");
    check(None, "503");
}

#[test]
fn offline_nobody_is_asked() {
    let mut bench = bench(Desk::offline);
    lists(&bench.connection.exchange(&asking(&[STRANGER, TOKEN])), &[backend()]);
}

#[test]
fn with_deferred_validation_nobody_waits() {
    let mut bench = bench(|asks| Desk::edge(asks).deferring(true));
    for handed_in in [2, 0] {
        lists(&bench.connection.exchange(&asking(&[STRANGER, TOKEN, TOKEN_P1])), &[backend()]);
        let hints = bench.asks.try_iter().filter(|ask| matches!(ask, Ask::Hint { .. })).count();
        assert_eq!(hints, handed_in);
    }
}

#[test]
fn a_refused_text_is_not_asked_about_again() {
    let mut bench = bench(Desk::edge);
    bench.wait(FEATURES, STRANGER);
    bench.answer(Verdict::Refused { key: key(STRANGER), remember: Duration::from_secs(60) });
    lists(&bench.connection.exchange(&asking(&[STRANGER, TOKEN])), &[backend()]);
    assert!(bench.asks_nothing());
}

#[test]
fn calls_with_unknown_tokens_are_limited_per_peer_and_others_are_not() {
    let mut bench = bench(Desk::edge);
    for _ in 0..CALLS_BURST {
        assert_eq!(bench.connection.exchange(&asking(&[STRANGER])), b"");
        bench.asked();
        assert_eq!(Answer::read(&bench.connection.answer(Verdict::Look), "POST").status, 200);
    }
    let answer = Answer::read(&bench.connection.exchange(&asking(&[STRANGER])), "POST");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    lists(&bench.connection.exchange(&asking(&[TOKEN])), &[backend()]);
    assert!(bench.asks_nothing());
    bench.tick(Duration::from_secs(1));
    assert_eq!(bench.connection.exchange(&asking(&[STRANGER])), b"");
}

#[test]
fn bodies_that_cannot_be_taken() {
    let mut bench = bench(Desk::edge);
    let too_many = json!({"tokens": vec!["*:dev.x"; TOKENS_PER_CALL_MAX + 1]}).to_string();
    let rows: [(&str, &str, u16, &str); 7] = [
        ("", r#"{"tokens":[]}"#, 415, "Expected request with `Content-Type: application/json`"),
        (JSON, "", 400, "Failed to parse the request body as JSON: "),
        (JSON, r#"{"tokens":["*:dev.s3cret"#, 400, "Failed to parse the request body as JSON: "),
        (JSON, r#"{"tokens":[5]}"#, 422, "Failed to deserialize the JSON body into the target type: "),
        (
            JSON,
            r#"{"tokens":"*:dev.s3cret"}"#,
            422,
            "Failed to deserialize the JSON body into the target type: ",
        ),
        (JSON, "{}", 422, "Failed to deserialize the JSON body into the target type: "),
        (JSON, &too_many, 413, "Failed to buffer the request body: length limit exceeded"),
    ];
    for (headers, body, status, text) in rows {
        bench.connection.reconnect();
        let answer = Answer::read(&bench.connection.exchange(&request(headers, body)), "POST");
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(answer.body.starts_with(text) && !answer.body.contains("s3cret"), "{}", answer.body);
        assert_eq!(
            (answer.header("content-type"), answer.header("etag")),
            (Some("text/plain; charset=utf-8"), None)
        );
    }
    let most = vec!["*:dev.x"; TOKENS_PER_CALL_MAX];
    bench.connection.reconnect();
    assert_eq!(bench.connection.exchange(&asking(&most)), b"", "asked about");
}

#[test]
fn another_method_is_405() {
    let mut bench = bench(Desk::edge);
    for method in ["GET", "PUT", "DELETE"] {
        let answer = bench.ask(&Sent { method, ..Sent::get(VALIDATE) });
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
}
