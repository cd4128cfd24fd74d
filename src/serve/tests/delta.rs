//! `/api/client/delta`: tags, windows and prefixes.

use super::{
    frontend::{read, ungzipped, until_answered},
    *,
};
use crate::serve::limits::{GZIP_BYTES_MIN, SLICE_GZIP_BYTES};

const DELTA: &str = "/api/client/delta";

/// The environment after these answers to a token for everything, seen by a scope.
pub(super) fn after(projects: &[&str], answers: &[(&[&str], u64)]) -> Arc<ScopeView> {
    let name: Arc<str> = "development".into();
    let mut catalog = Catalog::default();
    let mut view = None;
    for (features, revision) in answers {
        let features = features.join(",");
        let text = format!(r#"{{"version":2,"features":[{features}],"meta":{{"revisionId":{revision}}}}}"#);
        let document = parse_document(text.as_bytes(), &EnvironmentData::empty(Arc::clone(&name)));
        catalog.apply(&name, &Projects::All, document.expect("a good document"));
        let environment = catalog.environment("development").expect("just applied");
        view = Some(assemble(environment, &scope(projects), view.as_ref()));
    }
    view.expect("an answer")
}

/// Everything for both tokens, after these answers.
pub(super) fn served(answers: &[(&[&str], u64)]) -> Snapshot {
    snapshot(&[
        Known::backend(TOKEN, &["*"], ScopeState::Serving(after(&["*"], answers))),
        Known::backend(TOKEN_P1, &["p1"], ScopeState::Serving(after(&["p1"], answers))),
    ])
}

pub(super) const BASKET_ON: &str = r#"{"name":"Basket","enabled":true,"project":"p2","strategies":[]}"#;

fn bench() -> Bench {
    let mut bench = Bench::edge();
    bench.apply(served(&[(&[BASKET, CHECKOUT], 40), (&[BASKET_ON, CHECKOUT], 42)]));
    bench
}

fn hydration(id: u64, features: &[&str]) -> String {
    let features = features.join(",");
    format!(r#"{{"events":[{{"type":"hydration","eventId":{id},"features":[{features}],"segments":[]}}]}}"#)
}

fn updated(id: u64, feature: &str) -> String {
    format!(r#"{{"events":[{{"type":"feature-updated","eventId":{id},"feature":{feature}}}]}}"#)
}

/// What a client is answered that has this tag.
#[track_caller]
fn check(target: &str, token: &str, tag: Option<&str>, expected: (u16, &str, &str)) {
    let headers = tag.map(|tag| ("if-none-match", tag)).into_iter().collect();
    let answer = bench().ask(&Sent { token: Some(token), headers, ..Sent::get(target) });
    let found = (answer.status, answer.header("etag").unwrap_or_default(), &*answer.body);
    assert_eq!(found, expected, "{target} {token} {tag:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("access-control-expose-headers").is_some());
}

#[test]
fn answers_by_tag() {
    let all = hydration(42, &[BASKET_ON, CHECKOUT]);
    let changed = updated(42, BASKET_ON);
    for none in [None, Some("\"41\""), Some("\"43\""), Some("0"), Some("x"), Some("\"42-00000000\"")] {
        check(DELTA, TOKEN, none, (200, "\"42\"", &all));
    }
    for tag in ["\"40\"", "W/\"40\"", "40"] {
        check(DELTA, TOKEN, Some(tag), (200, "\"42\"", &changed));
    }
    for tag in ["\"42\"", "W/\"42\"", "42"] {
        check(DELTA, TOKEN, Some(tag), (304, "\"42\"", ""));
    }
    // Another project's change has not touched this one.
    check(DELTA, TOKEN_P1, None, (200, "\"40\"", &hydration(40, &[CHECKOUT])));
    check(DELTA, TOKEN_P1, Some("\"40\""), (304, "\"40\"", ""));
}

#[test]
fn answers_by_prefix() {
    let target = "/api/client/delta?namePrefix=check&other=1";
    check(target, TOKEN, None, (200, "\"42\"", &hydration(42, &[CHECKOUT])));
    check(target, TOKEN, Some("\"40\""), (304, "\"42\"", ""));
    let target = "/api/client/delta?namePrefix=Bas";
    check(target, TOKEN, Some("\"40\""), (200, "\"42\"", &updated(42, BASKET_ON)));
    check("/api/client/delta?namePrefix=x", TOKEN, None, (200, "\"42\"", &hydration(42, &[])));
    let answer = bench().get("/api/client/delta?namePrefix=a&namePrefix=b", TOKEN);
    assert_eq!(answer.status, 400);
}

#[test]
fn head_has_no_body() {
    let answer = bench().ask(&Sent { method: "HEAD", token: Some(TOKEN), ..Sent::get(DELTA) });
    let length = hydration(42, &[BASKET_ON, CHECKOUT]).len().to_string();
    assert_eq!((answer.status, answer.header("content-length")), (200, Some(&*length)));
}

/// A flag that is this long, or a little longer.
fn flag(name: &str, bytes: usize) -> String {
    let description = "d".repeat(bytes);
    format!(
        r#"{{"name":"{name}","description":"{description}","enabled":true,"project":"p1","strategies":[]}}"#
    )
}

fn with_gzip(target: &str, tag: Option<&str>) -> Vec<u8> {
    let tag = tag.map(|tag| ("if-none-match", tag));
    let headers = [("accept-encoding", "gzip, deflate")].into_iter().chain(tag).collect();
    Sent { token: Some(TOKEN), headers, ..Sent::get(target) }.bytes()
}

#[test]
fn longer_answers_are_compressed() {
    let long = flag("long", GZIP_BYTES_MIN);
    let mut bench = Bench::edge();
    bench.apply(served(&[(&[BASKET], 40), (&[BASKET, &long], 41), (&[BASKET_ON, &long], 42)]));
    let mut check = |target: &str, tag: Option<&str>, expected: (u16, &str, bool)| {
        let (status, head, body) = read(&bench.connection.exchange(&with_gzip(target, tag)));
        let is_gzip = head.contains("content-encoding: gzip\r\n");
        let body = if is_gzip { ungzipped(&body) } else { body };
        let body = String::from_utf8(body).expect("text");
        assert_eq!((status, &*body, is_gzip), expected, "{target} {tag:?}");
        assert!(head.contains("etag: \"42\"\r\n"), "the tag is where it leads: {head}");
        assert!(head.contains("vary: accept-encoding\r\n"), "{head}");
    };
    let all = hydration(42, &[BASKET_ON, &long]);
    // The second one is a kept one.
    for tag in [None, Some("\"39\"")] {
        check(DELTA, tag, (200, &all, true));
    }
    check("/api/client/delta?namePrefix=long", None, (200, &hydration(42, &[&long]), true));
    check("/api/client/delta?namePrefix=Bas", None, (200, &hydration(42, &[BASKET_ON]), false));
    check(DELTA, Some("\"41\""), (200, &updated(42, BASKET_ON), false));
    check(DELTA, Some("\"42\""), (304, "", false));
}

#[test]
fn what_is_kept_has_the_tag_of_who_asks() {
    // The revision came again with another list, of which p1 sees nothing: its tag is the plain one still.
    let long = flag("long", GZIP_BYTES_MIN);
    let mut bench = Bench::edge();
    bench.apply(served(&[(&[BASKET, &long], 42), (&[BASKET_ON, &long], 42)]));
    let mut tag = |token: &str| {
        let headers = vec![("accept-encoding", "gzip")];
        let sent = Sent { token: Some(token), headers, ..Sent::get("/api/client/delta?namePrefix=long") };
        let (_, head, body) = read(&bench.connection.exchange(&sent.bytes()));
        assert_eq!(String::from_utf8(ungzipped(&body)).expect("text"), hydration(42, &[&long]));
        let (_, tag) = head.split_once("etag: ").expect("a tag");
        tag.lines().next().unwrap_or_default().to_owned()
    };
    let tags = [TOKEN, TOKEN_P1, TOKEN].map(&mut tag);
    assert!(tags[0].starts_with("\"42-"), "{tags:?}");
    assert_eq!([&*tags[1], &*tags[2]], ["\"42\"", &*tags[0]]);
}

#[test]
fn very_long_answers_are_compressed_in_turns() {
    let long = flag("long", 2 * SLICE_GZIP_BYTES);
    let mut bench = Bench::edge();
    bench.apply(served(&[(&[&long], 40)]));
    let sent = bench.connection.exchange(&with_gzip(DELTA, None));
    // What is published meanwhile changes neither content nor tag.
    bench.apply(served(&[(&[&long], 40), (&[BASKET], 42)]));
    let (sent, turns) = until_answered(&mut bench, sent);
    assert_eq!(turns, 2);
    let (status, head, body) = read(&sent);
    assert_eq!(status, 200);
    assert!(head.contains("etag: \"40\"\r\n") && head.contains("content-encoding: gzip\r\n"), "{head}");
    assert_eq!(String::from_utf8(ungzipped(&body)).expect("text"), hydration(40, &[&long]));
}

#[test]
fn offline_data_is_answered_too() {
    let mut bench = Bench::offline();
    bench.apply(serving());
    let answer = bench.get(DELTA, TOKEN);
    assert_eq!((answer.status, &*answer.body), (200, &*hydration(0, &[BASKET, CHECK_MARK, CHECKOUT])));
    let tag = answer.header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with("\"0-") && tag.len() == 12, "{tag}");
    let headers = vec![("if-none-match", &*tag)];
    let again = bench.ask(&Sent { token: Some(TOKEN), headers, ..Sent::get(DELTA) });
    assert_eq!((again.status, again.header("etag")), (304, Some(&*tag)));
}

#[test]
fn is_guarded_like_features() {
    let mut bench = Bench::edge();
    bench.apply(snapshot(&[
        Known::backend(TOKEN, &["*"], ScopeState::Loading),
        Known::backend(TOKEN_P1, &["p1"], ScopeState::Uncovered),
    ]));
    let answer = bench.get(DELTA, TOKEN);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(bench.get(DELTA, TOKEN_P1).status, 403);
    assert_eq!(bench.ask(&Sent::get(DELTA)).status, 403);
    let answer = bench.ask(&Sent { method: "POST", token: Some(TOKEN), ..Sent::get(DELTA) });
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
}
