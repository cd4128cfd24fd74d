//! Bodies, entity tags, codings, prefixes and single features.

use super::*;
use crate::features::{compress::Coding, etag::Etag};

const ALL: &str = r#""projects":["*"],"environment":"development""#;

#[track_caller]
fn check_entity(answer: &Answer, body: &str) {
    assert_eq!((answer.status, &*answer.body), (200, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("etag"), Some(Etag::of(body.as_bytes()).as_str()));
    assert_eq!(answer.all("vary"), ["accept-encoding"]);
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.header("cache-control"), None);
}

#[track_caller]
fn check_not_modified(answer: &Answer, tag: &str) {
    assert_eq!((answer.status, answer.header("content-length")), (304, None));
    assert_eq!(answer.header("etag"), Some(tag));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn a_token_sees_the_features_of_its_projects() {
    let mut bench = Bench::serving();
    check_entity(&bench.get(FEATURES, TOKEN), &body(&[BASKET, CHECK_MARK, CHECKOUT], ALL));
    let one = body(&[CHECKOUT], r#""projects":["p1"],"environment":"development""#);
    check_entity(&bench.get(FEATURES, TOKEN_P1), &one);
    let post = Sent { method: "POST", ..Sent::features(&[]) };
    check_entity(&bench.ask(&post), &body(&[BASKET, CHECK_MARK, CHECKOUT], ALL));
}

#[test]
fn the_newest_snapshot_is_served() {
    let mut bench = Bench::serving();
    let before = bench.get(FEATURES, TOKEN);
    let changed = assemble(&environment(&[BASKET]), &scope(&["*"]), None);
    bench.apply(snapshot(&[Known::backend(TOKEN, &["*"], ScopeState::Serving(changed))]));
    let old = before.header("etag").expect("a tag");
    check_entity(&bench.ask(&Sent::features(&[("if-none-match", old)])), &body(&[BASKET], ALL));
    assert!(matches!(bench.wait(FEATURES, TOKEN_P1), Ask::Validate { .. }), "its token is not in it");
}

#[test]
fn who_has_the_body_is_not_sent_it() {
    let mut bench = Bench::serving();
    let tag = view(&["*"]).etag.to_string();
    let (weak, listed) = (format!("W/{tag}"), format!("\"other\", W/\"x,y\", {tag}"));
    for value in [&*tag, &weak, &listed, "*"] {
        for method in ["GET", "HEAD", "POST"] {
            let answer = bench.ask(&Sent { method, ..Sent::features(&[("if-none-match", value)]) });
            check_not_modified(&answer, &tag);
        }
    }
    let two = Sent::features(&[("if-none-match", "\"other\""), ("if-none-match", &tag)]);
    check_not_modified(&bench.ask(&two), &tag);
    let unquoted = tag.trim_matches('"');
    for value in ["\"other\"", unquoted, "", "\"", "\"*\""] {
        let answer = bench.ask(&Sent::features(&[("if-none-match", value)]));
        check_entity(&answer, &body(&[BASKET, CHECK_MARK, CHECKOUT], ALL));
    }
    let elsewhere = Sent { token: Some(TOKEN_P1), ..Sent::features(&[("if-none-match", &tag)]) };
    assert_eq!(bench.ask(&elsewhere).status, 200, "the body of another scope");
}

#[test]
fn an_error_is_not_turned_into_a_304() {
    let mut bench = Bench::serving();
    let target = "/api/client/features/unknown";
    assert_eq!(bench.ask(&Sent { target, ..Sent::features(&[("if-none-match", "*")]) }).status, 404);
}

/// A bench whose one scope has these forms, each saying its own name.
fn with_forms(forms: &[Coding]) -> Bench {
    let mut bench = Bench::edge();
    bench.apply(of_forms(forms));
    bench
}

fn of_forms(forms: &[Coding]) -> Snapshot {
    let mut view = (*view(&["*"])).clone();
    for coding in forms {
        view = view.with_compressed(*coding, Some(coding.name().as_bytes().into()));
    }
    snapshot(&[Known::backend(TOKEN, &["*"], ScopeState::Serving(Arc::new(view)))])
}

fn demanded(bench: &Bench) -> Vec<Coding> {
    let coding = |ask| match ask {
        Ask::Encode { scope: asked, coding } if asked == scope(&["*"]) => coding,
        other => panic!("{other:?}"),
    };
    bench.asks.try_iter().map(coding).collect()
}

#[test]
fn the_best_form_there_is_goes_out_and_the_wanted_one_is_asked_for() {
    use Coding::{Brotli, Gzip, Zstd};
    let check = |forms: &[Coding], accept: &str, sent: Option<Coding>, wanted: Option<Coding>| {
        let mut bench = with_forms(forms);
        let answer = bench.ask(&Sent::features(&[("accept-encoding", accept)]));
        let name = sent.map(Coding::name);
        assert_eq!((answer.status, answer.header("content-encoding")), (200, name), "{forms:?} {accept}");
        let expected = name.map_or_else(|| body(&[BASKET, CHECK_MARK, CHECKOUT], ALL), str::to_owned);
        assert_eq!(answer.body, expected, "{forms:?} {accept}");
        assert_eq!(answer.header("etag"), Some(&*view(&["*"]).etag), "one tag for all forms");
        assert_eq!(answer.all("vary"), ["accept-encoding"]);
        assert_eq!(demanded(&bench), Vec::from_iter(wanted), "{forms:?} {accept}");
    };
    let all = [Gzip, Brotli, Zstd];
    check(&all, "gzip, deflate, br", Some(Brotli), None);
    check(&all, "gzip, deflate, br, zstd", Some(Zstd), None);
    check(&all, "*", Some(Zstd), None);
    check(&all, "gzip;q=1.0, br;q=0.5", Some(Gzip), None);
    check(&all, "x-gzip", Some(Gzip), None);
    check(&all, "gzip;q=0", None, None);
    check(&all, "deflate, unknown", None, None);
    check(&all, "identity", None, None);
    check(&all, "", None, None);
    check(&[], "gzip", None, Some(Gzip));
    check(&[Gzip], "gzip, br", Some(Gzip), Some(Brotli));
    check(&[Gzip], "zstd, gzip;q=0.1", Some(Gzip), Some(Zstd));
    check(&[Gzip], "zstd, identity;q=0.5, gzip;q=0.1", None, Some(Zstd));
    check(&[Gzip], "br", None, Some(Brotli));
    check(&[Gzip, Zstd], "*", Some(Zstd), None);
}

#[test]
fn without_the_header_nothing_is_encoded_or_asked_for() {
    let mut bench = with_forms(&[Coding::Gzip]);
    check_entity(&bench.ask(&Sent::features(&[])), &body(&[BASKET, CHECK_MARK, CHECKOUT], ALL));
    assert!(bench.asks_nothing());
}

#[test]
fn a_client_that_takes_nothing_is_told_so_and_gets_the_body() {
    for accept in ["identity;q=0", "*;q=0", "identity;q=0, gzip;q=0"] {
        let mut bench = with_forms(&[Coding::Gzip]);
        let answer = bench.ask(&Sent::features(&[("accept-encoding", accept)]));
        assert_eq!((answer.status, answer.header("content-encoding")), (406, None), "{accept}");
        assert_eq!(answer.body, body(&[BASKET, CHECK_MARK, CHECKOUT], ALL));
    }
}

#[test]
fn a_form_is_asked_for_once_per_snapshot() {
    let mut bench = with_forms(&[Coding::Gzip]);
    let accept = |accept| Sent::features(&[("accept-encoding", accept)]);
    for _ in 0..3 {
        bench.ask(&accept("br"));
        bench.ask(&accept("zstd"));
    }
    assert_eq!(demanded(&bench), [Coding::Brotli, Coding::Zstd]);
    bench.apply(of_forms(&[Coding::Gzip, Coding::Zstd]));
    for _ in 0..3 {
        bench.ask(&accept("br"));
        bench.ask(&accept("zstd"));
    }
    assert_eq!(demanded(&bench), [Coding::Brotli]);
}

#[test]
fn a_full_channel_does_not_keep_a_body_back() {
    let mut bench = with_forms(&[]);
    for target in ["a", "b", "c"] {
        bench.connection.reconnect();
        bench
            .connection
            .exchange(&Sent { token: Some(&format!("*:x.{target}")), ..Sent::get(FEATURES) }.bytes());
    }
    bench.connection.reconnect();
    assert_eq!(bench.ask(&Sent::features(&[("accept-encoding", "br")])).status, 200);
    assert_eq!(bench.asks.try_iter().filter(|ask| matches!(ask, Ask::Encode { .. })).count(), 0);
    bench.apply(of_forms(&[]));
    bench.ask(&Sent::features(&[("accept-encoding", "br")]));
    assert_eq!(demanded(&bench), [Coding::Brotli], "the next snapshot's first request asks again");
}

#[test]
fn a_prefix_filters_and_is_echoed() {
    let mut bench = Bench::serving();
    let mut check = |query: &str, echoed: Option<&str>, features: &[&str]| {
        let target = format!("{FEATURES}?{query}");
        let prefix = echoed.map(|echoed| format!(r#""namePrefix":"{echoed}","#)).unwrap_or_default();
        let expected = body(features, &format!(r#""projects":["*"],{prefix}"environment":"development""#));
        check_entity(&bench.get(&target, TOKEN), &expected);
    };
    let all = [BASKET, CHECK_MARK, CHECKOUT];
    check("namePrefix=check", Some("check"), &[CHECK_MARK, CHECKOUT]);
    check("namePrefix=checkout", Some("checkout"), &[CHECKOUT]);
    check("namePrefix=Check", Some("Check"), &[]);
    check("namePrefix=B", Some("B"), &[BASKET]);
    check("namePrefix=lost", Some("lost"), &[]);
    check("namePrefix=", Some(""), &all);
    check("namePrefix", Some(""), &all);
    check("namePrefix=check%2Fmark+%C3%BC", Some("check/mark ü"), &[CHECK_MARK]);
    check("namePrefix=%22", Some("\\\""), &[]);
    check("tag=a:b&namePrefix=B&project=p1", Some("B"), &[BASKET]);
    check("tag=simple:x&project=p1&inlineSegmentConstraints=true", None, &all);
    check("nameprefix=B", None, &all);
    check("", None, &all);
}

#[test]
fn a_prefix_keeps_to_the_projects_of_the_token() {
    let mut bench = Bench::serving();
    let query = r#""projects":["p1"],"namePrefix":"check","environment":"development""#;
    let answer = bench.get("/api/client/features?namePrefix=check", TOKEN_P1);
    check_entity(&answer, &body(&[CHECKOUT], query));
}

#[test]
fn a_filtered_body_has_its_own_tag_and_is_never_encoded() {
    let mut bench = with_forms(&Coding::ALL);
    let target = "/api/client/features?namePrefix=B";
    let headers = [("accept-encoding", "*")];
    let answer = bench.ask(&Sent { target, ..Sent::features(&headers) });
    check_entity(
        &answer,
        &body(&[BASKET], r#""projects":["*"],"namePrefix":"B","environment":"development""#),
    );
    let tag = answer.header("etag").expect("a tag");
    assert_ne!(tag, view(&["*"]).etag.as_str());
    check_not_modified(&bench.ask(&Sent { target, ..Sent::features(&[("if-none-match", tag)]) }), tag);
    assert!(bench.asks_nothing());
}

#[test]
fn two_prefixes_are_one_too_many() {
    let mut bench = Bench::serving();
    for query in ["namePrefix=a&namePrefix=a", "namePrefix=&x=1&name%50refix=b"] {
        let answer = bench.get(&format!("{FEATURES}?{query}"), TOKEN);
        let text = "Failed to deserialize query string: duplicate field `namePrefix`";
        assert_eq!((answer.status, &*answer.body), (400, text), "{query}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[test]
fn one_feature_is_found_by_its_decoded_name() {
    let mut bench = Bench::serving();
    let mut check = |token, name: &str, expected: Option<&str>| {
        let answer = bench.get(&format!("/api/client/features/{name}"), token);
        match expected {
            Some(feature) => check_entity(&answer, feature),
            None => assert_eq!((answer.status, &*answer.body), (404, ""), "{name}"),
        }
    };
    check(TOKEN, "checkout", Some(CHECKOUT));
    check(TOKEN, "check%6Fut", Some(CHECKOUT));
    check(TOKEN, "check%2Fmark%20%C3%BC", Some(CHECK_MARK));
    check(TOKEN, "check%2Fmark+%C3%BC", None);
    check(TOKEN, "checkout?namePrefix=a&namePrefix=b", Some(CHECKOUT));
    check(TOKEN, "checkout/", Some(CHECKOUT));
    check(TOKEN, "Checkout", None);
    check(TOKEN, "unknown", None);
    check(TOKEN, "lost", None);
    check(TOKEN, "%FF", None);
    check(TOKEN, "%", None);
    check(TOKEN_P1, "checkout", Some(CHECKOUT));
    check(TOKEN_P1, "Basket", None);
}

#[test]
fn one_feature_has_a_tag_of_its_own() {
    let mut bench = Bench::serving();
    let target = "/api/client/features/checkout";
    let tag = Etag::of(CHECKOUT.as_bytes());
    let answer = bench.ask(&Sent { target, ..Sent::features(&[("if-none-match", &tag)]) });
    check_not_modified(&answer, &tag);
}
