//! Offline mode of the real program, from outside: what is served to whom, in which form, and what happens when
//! the file is bad.
//!
//! Every test has a server of its own. Timers of the program are waited for by asking until the answer changes.

use std::{io::Read, net::SocketAddr};

use brink::{Brink, Client, Ended, Response, file_of, run};
use serde_json::{Value, json};

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod brink;

const FEATURES: &str = "/api/client/features";
const BACKEND: &str = "*:development.back0000000000000000000001";
const FRONTEND: &str = "*:development.front000000000000000000001";
const BACK: [(&str, &str); 1] = [("authorization", BACKEND)];

const FULL: &str = r#"{"version":2,"features":[
 {"name":"checkout","type":"release","description":"pay","createdAt":"2024-01-02T03:04:05.678Z","lastSeenAt":null,
  "enabled":true,"stale":false,"impressionData":false,"project":"p1","variants":[],
  "strategies":[{"title":"gone","name":"flexibleRollout","segments":[1],
    "constraints":[{"values":["a"],"contextName":"userId","operator":"IN"}],
    "parameters":{"stickiness":"default","rollout":"50","groupId":"checkout"}}],
  "ownKey":{"deep":[1,2.50,null]}},
 {"name":"Basket","enabled":false,"project":"p2","strategies":[{"name":"default","segments":[7]}]},
 {"name":"frontend-x","enabled":true,"project":"p1","strategies":[]},
 {"name":"a b/\u00e9","enabled":true,"project":"p1","strategies":[]},
 {"name":"lost","enabled":true,"strategies":[]}],
 "segments":[{"id":7,"constraints":[]},
  {"id":1,"constraints":[{"values":["eu"],"contextName":"region","operator":"IN"}]},{"id":9,"constraints":[]}],
 "query":{"environment":"other","projects":["x"]},
 "meta":{"etag":"\"76d8bb0e:21\"","revisionId":21,"queryHash":"76d8bb0e"}}"#;

fn full(args: &[&str]) -> Brink {
    Brink::offline(FULL, &[&["-c", BACKEND, "-f", FRONTEND], args].concat())
}

fn as_token(token: &str) -> [(&str, &str); 1] {
    [("authorization", token)]
}

/// A document of many features, so that compressing is worth it.
fn many(count: usize) -> String {
    let feature = |i| json!({"name": format!("feature-{i:06}"), "enabled": i % 2 == 0, "project": "default", "strategies": [{"name": "default", "parameters": {"rollout": "50"}}]});
    json!({"version": 2, "features": (0..count).map(feature).collect::<Vec<_>>()}).to_string()
}

fn one(name: &str) -> String {
    json!({"version": 1, "features": [{"name": name, "enabled": true, "project": "default"}]}).to_string()
}

#[test]
fn a_full_file_is_served_with_its_own_query() {
    let brink = full(&[]);
    let response = brink.get(FEATURES, &BACK);
    assert_eq!(response.status, 200);
    assert_eq!(response.names(), ["Basket", "a b/\u{e9}", "checkout", "frontend-x"]);
    let body = response.json();
    assert_eq!(body["version"], 2);
    assert_eq!(
        body["query"],
        json!({"projects": ["*"], "environment": "development", "inlineSegmentConstraints": false})
    );
    assert_eq!(body["meta"], json!({"etag": "\"76d8bb0e:21\"", "revisionId": 21, "queryHash": "76d8bb0e"}));
    let region = json!({"contextName": "region", "operator": "IN", "caseInsensitive": false, "inverted": false, "values": ["eu"]});
    assert_eq!(body["segments"], json!([{"id": 1, "constraints": [region]}, {"id": 7, "constraints": []}]));
    let basket = json!({"name": "Basket", "enabled": false, "project": "p2", "strategies": [{"name": "default", "segments": [7], "variants": []}]});
    assert_eq!(body["features"][0], basket);
    assert_eq!(keys(&body), ["version", "features", "segments", "query", "meta"]);
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn one_feature_is_served_bare_with_its_keys_in_order() {
    let brink = full(&[]);
    let response = brink.get("/api/client/features/checkout", &BACK);
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    let feature = response.json();
    let known = ["name", "type", "description", "createdAt", "enabled", "stale", "impressionData", "project"];
    assert_eq!(keys(&feature), [&known[..], &["strategies", "variants", "ownKey"]].concat());
    assert_eq!(feature["createdAt"], "2024-01-02T03:04:05.678Z");
    assert!(response.text().contains(r#""ownKey":{"deep":[1,2.50,null]}"#), "unknown keys pass through");
    let strategy = &feature["strategies"][0];
    assert_eq!(keys(&strategy["parameters"]), ["groupId", "rollout", "stickiness"]);
    assert_eq!(strategy["variants"], json!([]));
    let constraint = json!({"contextName": "userId", "operator": "IN", "caseInsensitive": false, "inverted": false, "values": ["a"]});
    assert_eq!(strategy["constraints"], json!([constraint]));
    assert_eq!(brink.get(FEATURES, &BACK).json()["features"][2], feature);
}

#[test]
fn one_feature_is_found_by_its_decoded_name() {
    let brink = full(&[]);
    let check = |path: &str, token, status| {
        let response = brink.get(&format!("{FEATURES}/{path}"), &as_token(token));
        assert_eq!(response.status, status, "{path}");
        assert_eq!(response.body.is_empty(), status != 200, "{path}");
    };
    check("%63heckout", BACKEND, 200);
    check("checkout?namePrefix=x&namePrefix=y", BACKEND, 200);
    check("a%20b%2F%C3%A9", BACKEND, 200);
    check("a+b%2F%C3%A9", BACKEND, 404);
    check("Checkout", BACKEND, 404);
    check("lost", BACKEND, 404);
    check("unknown", BACKEND, 404);
    check("%ff", BACKEND, 404);
    check("streaming", BACKEND, 404);
    check("frontend-x", BACKEND, 200);
    check("frontend-x", FRONTEND, 403);
    check("frontend-unknown", FRONTEND, 403);
    check("proxy-unknown", FRONTEND, 403);
    check("checkout", "", 403);
}

#[test]
fn a_simple_file_becomes_full_features() {
    let file =
        r#"{"b":{"enabled":true,"variant":"red","other":[1]},"a":{"enabled":false},"B":{"enabled":true}}"#;
    let brink = Brink::offline(file, &["-c", BACKEND]);
    let body = brink.get(FEATURES, &BACK).json();
    let strategy = json!({"name": "default", "constraints": [], "parameters": {}, "variants": []});
    let plain = |name, enabled| json!({"name": name, "enabled": enabled, "project": "default", "strategies": [strategy]});
    let mut red = plain("b", true);
    red["variants"] = json!([{"name": "red", "weight": 1000, "weightType": "fix", "stickiness": "default"}]);
    let query = json!({"projects": ["*"], "environment": "development", "inlineSegmentConstraints": false});
    let expected =
        json!({"version": 2, "features": [plain("B", true), plain("a", false), red], "query": query});
    assert_eq!(body, expected);
}

#[test]
fn an_empty_object_is_an_empty_list() {
    let brink = Brink::offline("{}", &["-c", BACKEND]);
    let response = brink.get(FEATURES, &BACK);
    let query = json!({"projects": ["*"], "environment": "development", "inlineSegmentConstraints": false});
    assert_eq!(
        (response.status, response.json()),
        (200, json!({"version": 2, "features": [], "query": query}))
    );
    assert_eq!(brink.get("/internal-backstage/ready", &[]).json(), json!({"status": "READY"}));
}

#[test]
fn each_token_option_opens_its_routes() {
    let client = ["c-opaque", "p1:production.clientproject1", "[]:development.several0projects"];
    let all = ["Basket", "a b/\u{e9}", "checkout", "frontend-x"];
    let p1 = ["a b/\u{e9}", "checkout", "frontend-x"];
    let args = [
        "--client-tokens",
        &client.join(","),
        "-f",
        "f-opaque",
        "-f",
        FRONTEND,
        "--tokens",
        "t-opaque,p2:test.untyped",
    ];
    let brink = Brink::offline(FULL, &args);
    let check = |token, names: &[&str], query: Value| {
        let response = brink.get(FEATURES, &as_token(token));
        assert_eq!(
            (response.status, response.names()),
            (200, names.iter().map(|n| (*n).to_owned()).collect()),
            "{token}"
        );
        assert_eq!(response.json()["query"], query, "{token}");
    };
    let opaque = json!({"projects": [], "inlineSegmentConstraints": false});
    let query = |projects: Value, environment| json!({"projects": projects, "environment": environment, "inlineSegmentConstraints": false});
    check("c-opaque", &all, opaque.clone());
    check("t-opaque", &all, opaque);
    check(client[1], &p1, query(json!(["p1"]), "production"));
    check(client[2], &all, query(json!([]), "development"));
    check("p2:test.untyped", &["Basket"], query(json!(["p2"]), "test"));
    for refused in [
        "f-opaque",
        FRONTEND,
        "",
        "C-opaque",
        "c-opaqu",
        "c-opaque1",
        "Bearer c-opaque",
        BACKEND,
        "p1:production.Clientproject1",
    ] {
        let response = brink.get(FEATURES, &as_token(refused));
        assert_eq!((response.status, response.text()), (403, String::new()), "{refused}");
    }
    assert_eq!(brink.get(FEATURES, &[]).status, 403);
    assert_eq!(brink.get("/api/client/features/checkout", &as_token("p2:test.untyped")).status, 404);
}

#[test]
fn the_first_token_header_counts_and_blanks_around_it_do_not() {
    let brink = full(&[]);
    assert_eq!(brink.get(FEATURES, &[("Authorization", &format!("  {BACKEND}\t "))]).status, 200);
    let two =
        |first, second| brink.get(FEATURES, &[("authorization", first), ("authorization", second)]).status;
    assert_eq!((two(BACKEND, "x"), two("x", BACKEND)), (200, 403));
    for (args, header) in
        [(["--edge-auth-header", "X-Token"], "x-token"), (["--token-header", "X-Other"], "x-other")]
    {
        let brink = full(&args);
        assert_eq!(brink.get(FEATURES, &[(header, BACKEND)]).status, 200, "{header}");
        assert_eq!(brink.get(FEATURES, &BACK).status, 403, "{header}");
    }
}

#[test]
fn a_name_prefix_filters_and_is_echoed() {
    let brink = full(&[]);
    let check = |query: &str, prefix: &str, names: &[&str], segments: Value| {
        let response = brink.get(&format!("{FEATURES}?{query}"), &BACK);
        assert_eq!(
            (response.status, response.names()),
            (200, names.iter().map(|n| (*n).to_owned()).collect()),
            "{query}"
        );
        let body = response.json();
        assert_eq!(body["query"]["namePrefix"], prefix, "{query}");
        assert_eq!(
            keys(&body["query"]),
            ["projects", "namePrefix", "environment", "inlineSegmentConstraints"]
        );
        assert_eq!(body.get("segments").cloned().unwrap_or(Value::Null), segments, "{query}");
    };
    check("namePrefix=B", "B", &["Basket"], json!([{"id": 7, "constraints": []}]));
    check("namePrefix=b", "b", &[], Value::Null);
    check("tag=x&namePrefix=a+b%2F&project=p9", "a b/", &["a b/\u{e9}"], Value::Null);
    check("namePrefix=none%22", "none\"", &[], Value::Null);
    let everything = brink.get(&format!("{FEATURES}?namePrefix="), &BACK);
    assert_eq!((everything.names().len(), &everything.json()["query"]["namePrefix"]), (4, &json!("")));
    assert_eq!(brink.get(&format!("{FEATURES}?tag=x&project=p1"), &BACK).names().len(), 4);
    assert_eq!(brink.get(&format!("{FEATURES}/?namePrefix=B"), &BACK).names(), ["Basket"]);
    let twice = brink.get(&format!("{FEATURES}?namePrefix=a&x=y&namePrefix=b"), &BACK);
    let text = "Failed to deserialize query string: duplicate field `namePrefix`";
    assert_eq!((twice.status, twice.text().as_str()), (400, text));
    assert_eq!(twice.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn a_post_answers_like_a_get() {
    let brink = full(&[]);
    let mut client = brink.connect();
    let expected = client.request("GET", FEATURES, &BACK);
    let posted = client.request("POST", FEATURES, &BACK);
    assert_eq!((posted.status, &posted.body), (200, &expected.body));
    let prefixed = client.request("POST", &format!("{FEATURES}?namePrefix=B"), &BACK);
    assert_eq!(prefixed.names(), ["Basket"]);
}

#[test]
fn a_known_tag_is_answered_304() {
    let brink = full(&[]);
    let fresh = brink.get(FEATURES, &BACK);
    let tag = fresh.header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 4, "strong and quoted: {tag}");
    assert_eq!(brink.get(FEATURES, &BACK).header("etag"), Some(&*tag), "the same body has the same tag");
    let check = |method: &str, path: &str, value: &str, status| {
        let headers = [("authorization", BACKEND), ("if-none-match", value)];
        let response = brink.connect().request(method, path, &headers);
        assert_eq!(response.status, status, "{method} {path} {value}");
        if status == 304 {
            assert!(response.body.is_empty() && response.header("content-length").is_none(), "{response:?}");
            assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        }
        response.header("etag").map(str::to_owned)
    };
    for value in
        [tag.clone(), format!("W/{tag}"), format!("\"x\", W/{tag}"), format!("\"a,b\",{tag}"), "*".into()]
    {
        for method in ["GET", "HEAD", "POST"] {
            assert_eq!(check(method, FEATURES, &value, 304), Some(tag.clone()));
        }
    }
    check("GET", FEATURES, "\"x\"", 200);
    check("GET", FEATURES, tag.trim_matches('"'), 200);
    check("GET", FEATURES, "", 200);
    let prefixed = check("GET", &format!("{FEATURES}?namePrefix=B"), &tag, 200).expect("a tag");
    assert_ne!(prefixed, tag, "another body has another tag");
    check("GET", &format!("{FEATURES}?namePrefix=B"), &prefixed, 304);
    let single = check("GET", &format!("{FEATURES}/checkout"), &tag, 200).expect("a tag");
    check("GET", &format!("{FEATURES}/checkout"), &single, 304);
}

#[test]
fn errors_are_never_304() {
    let brink = full(&[]);
    for (path, token, status) in [
        (format!("{FEATURES}/unknown"), BACKEND, 404),
        (FEATURES.to_owned(), FRONTEND, 403),
        (format!("{FEATURES}?namePrefix=a&namePrefix=a"), BACKEND, 400),
    ] {
        assert_eq!(
            brink.get(&path, &[("authorization", token), ("if-none-match", "*")]).status,
            status,
            "{path}"
        );
    }
}

#[test]
fn the_tag_depends_on_the_scope_and_the_body_only() {
    let brink = Brink::offline(FULL, &["-c", &format!("{BACKEND},*:development.other,p1:development.x")]);
    let tag = |token| brink.get(FEATURES, &as_token(token)).header("etag").map(str::to_owned).expect("a tag");
    assert_eq!(tag(BACKEND), tag("*:development.other"));
    assert_ne!(tag(BACKEND), tag("p1:development.x"));
    let again = Brink::offline(FULL, &["-c", BACKEND]);
    assert_eq!(again.get(FEATURES, &BACK).header("etag"), Some(&*tag(BACKEND)), "stable over restarts");
}

#[test]
fn head_is_get_without_the_body() {
    let brink = full(&[]);
    let mut client = brink.connect();
    for path in [
        FEATURES,
        "/api/client/features/checkout",
        "/internal-backstage/health",
        "/ready",
        "/api/client/features?namePrefix=B",
    ] {
        let get = client.request("GET", path, &BACK);
        let head = client.request("HEAD", path, &BACK);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(without_date(&head), without_date(&get), "{path}");
        assert_eq!(head.header("content-length"), Some(&*get.body.len().to_string()), "{path}");
    }
    assert_eq!(client.request("HEAD", "/unknown", &[]).status, 404);
    assert_eq!(client.request("HEAD", FEATURES, &[]).status, 403);
}

fn without_date(response: &Response) -> Vec<(String, String)> {
    response.headers.iter().filter(|(name, _)| name != "date").cloned().collect()
}

#[test]
fn a_200_has_the_promised_headers_and_no_others() {
    let brink = full(&[]);
    let response = brink.get(FEATURES, &BACK);
    let mut names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "access-control-allow-origin",
        "access-control-expose-headers",
        "content-length",
        "content-type",
        "date",
        "etag",
        "vary",
    ];
    assert_eq!(names, expected);
    let date = response.header("date").expect("a date");
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
}

fn decode(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let read = match coding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut out),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut out),
        "zstd" => {
            zstd::stream::read::Decoder::new(body).and_then(|mut decoder| decoder.read_to_end(&mut out))
        }
        other => panic!("an unknown coding: {other}"),
    };
    read.unwrap_or_else(|error| panic!("{coding}: {error}"));
    out
}

fn accepting(codings: &str) -> [(&str, &str); 2] {
    [("authorization", BACKEND), ("accept-encoding", codings)]
}

#[test]
fn forms_appear_soon_after_they_are_asked_for() {
    let brink = Brink::offline(many(300), &["-c", BACKEND]);
    let plain = brink.get(FEATURES, &BACK);
    for coding in ["gzip", "br", "zstd"] {
        let form =
            brink.get_until(FEATURES, &accepting(coding), |r| r.header("content-encoding") == Some(coding));
        assert_eq!(form.status, 200);
        assert!(decode(coding, &form.body) == plain.body, "{coding} decodes to the plain body");
        assert!(form.body.len() * 4 < plain.body.len(), "{coding} is worth it: {}", form.body.len());
        assert_eq!(form.header("content-length"), Some(&*form.body.len().to_string()));
        assert_eq!(form.header("transfer-encoding"), None);
        assert_eq!(form.header("vary"), Some("accept-encoding"));
        assert_eq!(form.header("etag"), plain.header("etag"), "{coding}");
        let head = brink.connect().request("HEAD", FEATURES, &accepting(coding));
        assert_eq!(without_date(&head), without_date(&form), "{coding}");
        let known = [
            ("if-none-match", form.header("etag").expect("a tag")),
            accepting(coding)[0],
            accepting(coding)[1],
        ];
        assert_eq!(brink.get(FEATURES, &known).status, 304);
    }
}

#[test]
fn the_best_form_wins_by_weight_and_then_by_rank() {
    let brink = Brink::offline(many(300), &["-c", BACKEND]);
    for coding in ["gzip", "br", "zstd"] {
        // Forms are there on every shard once each shard has been seen to have them.
        for _ in 0..20 {
            brink.get_until(FEATURES, &accepting(coding), |r| r.header("content-encoding") == Some(coding));
        }
    }
    let check = |codings: &str, expected: Option<&str>| {
        let response = brink.get(FEATURES, &accepting(codings));
        assert_eq!((response.status, response.header("content-encoding")), (200, expected), "{codings}");
    };
    check("gzip, deflate, br", Some("br"));
    check("gzip, deflate, br, zstd", Some("zstd"));
    check("*", Some("zstd"));
    check("gzip;q=1.0, br;q=0.5", Some("gzip"));
    check("GZIP", Some("gzip"));
    check("x-gzip", Some("gzip"));
    check("gzip;q=0", None);
    check("deflate", None);
    check("unknown", None);
    check("identity", None);
    check("gzip;q=0.5, identity", None);
    check("zstd;q=nonsense, gzip", Some("gzip"));
}

#[test]
fn no_acceptable_coding_is_406() {
    let brink = full(&[]);
    for codings in ["identity;q=0", "*;q=0", "identity;q=0, br;q=0"] {
        assert_eq!(brink.get(FEATURES, &accepting(codings)).status, 406, "{codings}");
    }
}

#[test]
fn a_small_body_stays_plain_but_varies() {
    let brink = Brink::offline("{}", &["-c", BACKEND]);
    let response = brink.get(FEATURES, &accepting("gzip, br, zstd"));
    assert_eq!((response.status, response.header("content-encoding")), (200, None));
    assert_eq!(response.header("vary"), Some("accept-encoding"));
}

/// Asks on new connections until every shard must have answered many times.
fn all_shards_answer(brink: &Brink, check: impl Fn(&Response) -> bool) -> bool {
    (0..40).all(|_| check(&brink.get(FEATURES, &BACK)))
}

#[test]
fn a_changed_file_is_served_by_every_shard() {
    let brink = Brink::offline(one("before"), &["-c", BACKEND, "--reload-interval", "1", "--workers", "2"]);
    let before = brink.get(FEATURES, &BACK);
    assert_eq!(before.names(), ["before"]);
    brink.rewrite(one("after"));
    let after = brink.get_until(FEATURES, &BACK, |response| response.names() == ["after"]);
    assert_ne!(after.header("etag"), before.header("etag"));
    brink.get_until(FEATURES, &BACK, |_| all_shards_answer(&brink, |response| response.names() == ["after"]));
}

#[test]
fn a_bad_file_on_reload_keeps_the_old_and_is_said_once() {
    let mut brink = Brink::offline(one("old"), &["-c", BACKEND, "-r", "1"]);
    brink.rewrite("{\"version\":2\n");
    let line = brink.wait_for_log("Could not reload features");
    assert!(line.contains("EOF while parsing an object at line 2 column 0"), "{line}");
    assert_eq!(brink.get(FEATURES, &BACK).names(), ["old"]);
    assert_eq!(brink.get("/internal-backstage/ready", &[]).status, 200);
    brink.rewrite("[]");
    brink.rewrite(one("new"));
    brink.get_until(FEATURES, &BACK, |response| response.names() == ["new"]);
    brink.wait_for_log("can be read again");
    let said = brink.log().matches("Could not reload features").count();
    assert_eq!(said, 1, "{}", brink.log());
}

#[test]
fn without_a_reload_interval_the_file_is_read_once() {
    let mut brink = Brink::offline(one("old"), &["-c", BACKEND]);
    brink.rewrite("broken");
    let twin = Brink::offline(one("old"), &["-c", BACKEND, "-r", "1"]);
    twin.rewrite(one("new"));
    twin.get_until(FEATURES, &BACK, |response| response.names() == ["new"]);
    assert_eq!(brink.get(FEATURES, &BACK).names(), ["old"]);
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0));
    assert!(!brink.log().contains("reload"), "{}", brink.log());
}

fn offline(args: &[&str]) -> Ended {
    run(&mut Brink::command(&[&["offline"], args].concat()))
}

#[test]
fn a_bad_file_ends_the_start_with_its_fault() {
    let check = |content: &[u8], reason: &str| {
        let file = file_of(content);
        let path = file.to_str().expect("a plain path");
        let ended = offline(&["-b", path, "-c", BACKEND]);
        let expected = format!("Error: file at path: {path} was invalid due to {reason}\n");
        assert_eq!((ended.code, ended.stderr), (Some(1), expected));
        assert!(!ended.stdout.contains("listening"), "{}", ended.stdout);
    };
    check(b"", "EOF while parsing a value at line 1 column 0");
    check(b"{\"version\":2\n", "EOF while parsing an object at line 2 column 0");
    check(b"{\"features\":[]}", "missing field `version` at line 1 column 15");
    check(b"not json", "expected ident at line 1 column 2");
    check(br#"{"a":{"enabled":"yes"}}"#, "missing field `version` at line 1 column 23");
    check(
        br#"{"version":2,"features":[{"name":"a","enabled":true,"strategies":[{"name":"s","parameters":{"rollout":50}}]}]}"#,
        "features[0].strategies[0].parameters.rollout: expected text, found number 50",
    );
    check(
        br#"{"version":2,"features":[{"name":"a"}]}"#,
        "features[0].enabled: expected boolean, found nothing",
    );
}

#[test]
fn what_is_missing_is_named() {
    let check = |args: &[&str], stderr: &str| {
        let ended = offline(args);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), stderr), "{args:?}");
    };
    const NO_TOKENS: &str =
        "Error: No tokens provided. Tokens must be specified when running in offline mode\n";
    const NO_FILE: &str = "Error: No features file located\n";
    check(&["-b", "/nowhere/features.json", "-c", BACKEND], NO_FILE);
    check(&["-b", "/", "-c", BACKEND], NO_FILE);
    check(&["-c", BACKEND], NO_FILE);
    check(&["-b", "/nowhere/features.json"], NO_TOKENS);
    check(&["-b", "/nowhere/features.json", "-c", ",,"], NO_TOKENS);
    check(&["-t", "x"], NO_FILE);
    check(&[], &format!("{NO_TOKENS}{NO_FILE}"));
    let ended = offline(&["-b", "/x", "-c", BACKEND, "--no-such-flag"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.starts_with("error: unexpected argument '--no-such-flag' found"),
        "{}",
        ended.stderr
    );
}

#[test]
fn settings_come_from_variables_too() {
    let file = file_of(FULL);
    let mut command = Brink::command(&["offline"]);
    command.env("BOOTSTRAP_FILE", file.as_os_str()).env("CLIENT_TOKENS", BACKEND).env("BASE_PATH", "x");
    let brink = Brink::start_with(&mut command);
    assert_eq!(brink.get("/x/api/client/features", &BACK).status, 200);
}

#[test]
fn no_secret_is_logged() {
    let file = file_of(FULL);
    let mut command = Brink::command(&["offline", "-b", file.to_str().expect("a plain path"), "-c", BACKEND]);
    let mut brink = Brink::start_with(command.env("RUST_LOG", "trace"));
    assert_eq!(brink.get(FEATURES, &BACK).status, 200);
    assert_eq!(brink.get(FEATURES, &as_token("*:my_env.supersecret123")).status, 403);
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0));
    let log = brink.log();
    assert!(log.contains("Stopped"), "{log}");
    assert!(!log.contains("back00000000") && !log.contains("supersecret123"), "{log}");
}

/// Named after what went wrong: a shard without its first snapshot answered 403 to a good token.
#[test]
fn a_good_token_is_not_refused_before_the_data_is_published() {
    let brink = Brink::offline(many(20_000), &["-c", BACKEND]);
    let statuses = [0; 8].map(|_| brink.get("/api/client/features/feature-000001", &BACK).status);
    assert_eq!(statuses, [200; 8]);
}

#[test]
fn a_large_file_is_served() {
    let mut text = String::with_capacity(51 << 20);
    text.push_str(r#"{"version":2,"features":["#);
    let filler = "x".repeat(1 << 20);
    for i in 0..50 {
        let comma = if i == 0 { "" } else { "," };
        text.push_str(&format!(
            r#"{comma}{{"name":"f{i:02}","enabled":true,"project":"p","description":"{filler}"}}"#
        ));
    }
    text.push_str("]}");
    let brink = Brink::offline(&text, &["-c", BACKEND]);
    let mut client = brink.connect();
    let response = client.request("GET", FEATURES, &BACK);
    assert_eq!(
        (response.status, response.header("content-length")),
        (200, Some(&*response.body.len().to_string()))
    );
    assert!(response.body.len() > 50 << 20);
    assert_eq!(response.names().len(), 50);
    assert_eq!(client.request("GET", "/api/client/features/f49", &BACK).json()["name"], "f49");
}

#[test]
fn any_origin_is_allowed_by_default() {
    let brink = full(&[]);
    for (path, headers, status) in [
        (FEATURES, &BACK[..], 200),
        (FEATURES, &[], 403),
        ("/unknown", &[("origin", "https://a.example")], 404),
    ] {
        let response = brink.get(path, headers);
        assert_eq!(response.status, status);
        assert_eq!(response.headers("access-control-allow-origin"), ["*"], "{path}");
        assert_eq!(response.headers("access-control-expose-headers"), ["*"], "{path}");
    }
    assert_eq!(brink.get("/internal-backstage/health", &[]).header("access-control-allow-origin"), None);
}

#[test]
fn a_preflight_is_answered_on_any_path() {
    let brink = full(&[]);
    let preflight = |path: &str, headers: &[(&str, &str)]| {
        let response = brink.connect().request("OPTIONS", path, headers);
        assert_eq!((response.status, response.body.len()), (200, 0), "{path}");
        response
    };
    let answer = preflight(FEATURES, &[]);
    let header = |name| answer.header(name);
    assert_eq!(header("access-control-allow-origin"), Some("*"));
    assert_eq!(header("access-control-allow-methods"), Some("*"));
    assert_eq!(header("access-control-allow-headers"), Some("*"));
    assert_eq!(header("access-control-max-age"), Some("172800"));
    assert_eq!(header("allow"), Some("GET,HEAD,POST"));
    assert_eq!(preflight("/api/client/features/x", &[]).header("allow"), Some("GET,HEAD"));
    assert_eq!(preflight("/unknown", &[]).header("allow"), None);
    assert_eq!(preflight("*", &[]).header("access-control-allow-origin"), Some("*"));
    let asked = preflight(FEATURES, &[("access-control-request-headers", "authorization,x-own")]);
    assert_eq!(asked.headers("access-control-allow-headers"), ["authorization,x-own"]);
    assert!(asked.headers("vary").contains(&"access-control-request-headers"), "{asked:?}");
}

#[test]
fn cors_options_are_obeyed() {
    let args = [
        "--cors-origin",
        "https://a.example,https://b.example",
        "--cors-methods",
        "GET,POST",
        "--cors-allowed-headers",
        "authorization,x-own",
        "--cors-exposed-headers",
        "etag,date",
        "--cors-max-age",
        "7",
    ];
    let brink = full(&args);
    let ask = |method: &str, origin| {
        let response =
            brink.connect().request(method, FEATURES, &[("authorization", BACKEND), ("origin", origin)]);
        assert_eq!(response.status, 200, "foreign origins are served, too");
        assert!(response.headers("vary").contains(&"origin"), "{response:?}");
        response
    };
    for method in ["GET", "OPTIONS"] {
        let origin = |origin| ask(method, origin).header("access-control-allow-origin").map(str::to_owned);
        assert_eq!(origin("https://b.example").as_deref(), Some("https://b.example"));
        assert_eq!(origin("https://B.example"), None);
        assert_eq!(origin("https://c.example"), None);
    }
    assert_eq!(ask("GET", "x").header("access-control-expose-headers"), Some("etag,date"));
    let preflight = ask("OPTIONS", "https://a.example");
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET,POST"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization,x-own"));
    assert_eq!(preflight.header("access-control-max-age"), Some("7"));
    let any = full(&["--cors-origin", "https://a.example,*"]);
    assert_eq!(any.get(FEATURES, &BACK).header("access-control-allow-origin"), Some("*"));
}

#[test]
fn paths_are_normalised_and_nothing_else() {
    let brink = full(&[]);
    let check = |path: &str, status| assert_eq!(brink.get(path, &BACK).status, status, "{path}");
    check("/api/client/features/", 200);
    check("//api//client///features", 200);
    check("/api/client/features//checkout", 200);
    check("/api/client/features/checkout/", 200);
    check("/API/client/features", 404);
    check("/api/./client/features", 404);
    check("/api/client/../client/features", 404);
    check("/api%2Fclient/features", 404);
    check("/api/client/features/a/b", 404);
    check("/api/client/features;x=1", 404);
    check("/", 404);
    check("/api", 404);
    check("/metrics", 404);
    check("/edge/metrics", 404);
    check("/edge/issue-token", 404);
    check("/api/client", 404);
}

#[test]
fn everything_lives_below_the_base_path() {
    for spelling in ["foo", "/foo", "/foo/", " foo "] {
        let brink = full(&["--base-path", spelling]);
        let check =
            |path: &str, status| assert_eq!(brink.get(path, &BACK).status, status, "{path} of {spelling:?}");
        check("/foo/api/client/features", 200);
        check("//foo//api/client/features/", 200);
        check("/foo/internal-backstage/health", 200);
        check("/foo/health", 200);
        check("/health", 200);
        check("/ready", 200);
        check("/api/client/features", 404);
        check("/internal-backstage/ready", 404);
        check("/foo", 404);
        check("/foo/", 404);
        check("/fooapi/client/features", 404);
        check("/", 404);
        assert!(brink.log().contains(" at /foo\n"), "{}", brink.log());
    }
}

#[test]
fn probes_answer_under_all_their_names() {
    let brink = full(&[]);
    for (path, status) in [
        ("/health", "OK"),
        ("/internal-backstage/health", "OK"),
        ("/internal-backstage/health/", "OK"),
        ("/ready", "READY"),
        ("/internal-backstage/ready", "READY"),
    ] {
        let response = brink.get(path, &[]);
        assert_eq!((response.status, response.json()), (200, json!({ "status": status })), "{path}");
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[test]
fn the_token_comes_before_the_method() {
    let brink = full(&[]);
    let check = |method: &str, path: &str, headers: &[(&str, &str)], status, allow: Option<&str>| {
        let response = brink.connect().request(method, path, headers);
        assert_eq!((response.status, response.header("allow")), (status, allow), "{method} {path}");
        assert_eq!(
            (response.body.len(), response.header("content-length")),
            (0, Some("0")),
            "{method} {path}"
        );
    };
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "PURGE", "get"] {
        check(method, FEATURES, &BACK, 405, Some("GET,HEAD,POST"));
        check(method, FEATURES, &[], 403, Some("GET,HEAD,POST"));
        check(method, "/api/client/features/checkout", &BACK, 405, Some("GET,HEAD"));
        check(method, "/api/client/features/unknown", &as_token(FRONTEND), 403, Some("GET,HEAD"));
        check(method, "/internal-backstage/health", &[], 405, Some("GET,HEAD"));
        check(method, "/unknown", &[], 404, None);
        check(method, "/api/client/unknown", &[], 404, None);
    }
    check("POST", "/api/client/features/checkout", &BACK, 405, Some("GET,HEAD"));
    check("GET", FEATURES, &[], 403, None);
    check("GET", "/api/unknown", &[], 404, None);
}

#[test]
fn address_lists_work_on_the_dual_stack_interface() {
    let check = |args: &[&str], status| {
        let brink = full(&[&["--interface", "::"], args].concat());
        assert!(brink.address.is_ipv6() && brink.address.ip().is_unspecified(), "{}", brink.address);
        let over_ipv4 = SocketAddr::from(([127, 0, 0, 1], brink.address.port()));
        let answer = Client::connect(over_ipv4).request("GET", FEATURES, &BACK);
        assert_eq!(answer.status, status, "{args:?}");
        let unknown = Client::connect(over_ipv4).request("GET", "/unknown", &[]);
        assert_eq!(unknown.status, if status == 403 { 403 } else { 404 }, "{args:?}");
    };
    check(&[], 200);
    check(&["--deny-list", "127.0.0.0/8"], 403);
    check(&["--deny-list", "10.0.0.0/8"], 200);
    check(&["--allow-list", "127.0.0.0/8"], 200);
    check(&["--allow-list", "127.0.0.1"], 200);
    check(&["--allow-list", "10.0.0.0/8,192.168.0.0/16"], 403);
    check(&["--allow-list", "127.0.0.0/8", "--deny-list", "127.0.0.1"], 403);
}

#[test]
fn files_of_tokens_are_read_again_after_sighup() {
    let tokens = brink::file_of("*:development.one-of-two-tokens");
    let path = tokens.to_str().expect("a plain path");
    let feature = |name: &str| {
        format!(r#"{{"version":2,"features":[{{"name":"{name}","enabled":true,"project":"p1"}}]}}"#)
    };
    let mut brink = Brink::offline(feature("old"), &["--client-tokens-file", path]);
    let names = |brink: &Brink, token: &str| {
        let answer = brink.get("/api/client/features", &[("authorization", token)]);
        if answer.status == 200 { answer.names() } else { vec![answer.status.to_string()] }
    };
    let (first, second) = ("*:development.one-of-two-tokens", "opaque-two-of-two");
    assert_eq!(
        (names(&brink, first), names(&brink, second)),
        (vec!["old".to_owned()], vec!["403".to_owned()])
    );
    std::fs::write(path, "opaque-two-of-two\n*:production.and-a-third-one").expect("the file can be written");
    brink.rewrite(feature("new"));
    brink.signal("HUP");
    brink.get_until("/api/client/features", &[("authorization", second)], |answer| answer.status == 200);
    for token in [second, "*:production.and-a-third-one"] {
        assert_eq!(names(&brink, token), ["new"], "{token}");
    }
    assert_eq!(names(&brink, first), ["403"]);
    std::fs::write(path, "").expect("the file can be written");
    brink.signal("HUP");
    let line = brink.wait_for_log("Tokens were not read again, the old ones stay");
    assert!(line.contains("it holds no token"), "{line}");
    assert_eq!(names(&brink, second), ["new"]);
}
