//! The frontend API of the real program, from outside: who may ask, what is answered, what is refused.

use brink::{Brink, Response};
use fake_upstream::FakeUpstream;
use serde_json::{Value, json};

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod brink;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;

const BACKEND: &str = "*:development.back0000000000000000000001";
const FRONTEND: &str = "*:development.front000000000000000000001";
const FRONTEND_P1: &str = "p1:development.front00000000000000000002";

fn document() -> String {
    let on = |name: &str, project: &str, strategies: Value| json!({"name": name, "enabled": true, "project": project, "impressionData": true, "strategies": strategies});
    let for_user = json!([{"name": "userWithId", "parameters": {"userIds": "7, 8"}}]);
    let from_net = json!([{"name": "remoteAddress", "parameters": {"IPs": "203.0.113.0/24"}}]);
    let always = json!([{"name": "default", "parameters": {}}]);
    let mut with_variant = on("with-variant", "p1", always.clone());
    with_variant["variants"] =
        json!([{"name": "blue", "weight": 1000, "payload": {"type": "string", "value": "#00f"}}]);
    let mut off = on("off", "p1", always.clone());
    off["enabled"] = false.into();
    let features = json!([
        on("for-user", "p1", for_user),
        on("from-net", "p2", from_net),
        with_variant,
        off,
        on("always", "p2", always)
    ]);
    json!({"version": 2, "features": features}).to_string()
}

fn offline(args: &[&str]) -> Brink {
    let tokens = format!("{FRONTEND},{FRONTEND_P1}");
    Brink::offline(document(), &[&["-c", BACKEND, "-f", &tokens], args].concat())
}

fn names(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200, "{response:?}");
    let document = response.json();
    let toggles = document["toggles"].as_array().expect("a list of toggles");
    toggles.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

fn get(brink: &Brink, path: &str, token: &str) -> Response {
    brink.get(path, &[("authorization", token)])
}

fn post(brink: &Brink, path: &str, content_type: &str, body: &str) -> Response {
    let length = body.len();
    brink.connect().exchange(format!(
        "POST {path} HTTP/1.1\r\nauthorization: {FRONTEND}\r\ncontent-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n{body}"
    ))
}

#[test]
fn enabled_features_are_listed_by_name_with_their_variants() {
    let brink = offline(&[]);
    for path in ["/api/frontend", "/api/proxy", "/api/frontend/"] {
        let response = get(&brink, path, FRONTEND);
        assert_eq!(names(&response), ["always", "with-variant"], "{path}");
        let blue = json!({"name": "blue", "enabled": true, "payload": {"type": "string", "value": "#00f"}});
        let expected = json!({"name": "with-variant", "enabled": true, "variant": blue,
            "impression_data": true, "impressionData": true});
        assert_eq!(response.json()["toggles"][1], expected);
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
    let all = get(&brink, "/api/frontend/all", FRONTEND);
    assert_eq!(names(&all), ["always", "for-user", "from-net", "off", "with-variant"]);
}

#[test]
fn a_context_comes_by_query_and_by_body() {
    let brink = offline(&[]);
    let expected = ["always", "for-user", "with-variant"];
    assert_eq!(names(&get(&brink, "/api/frontend?userId=7", FRONTEND)), expected);
    assert_eq!(names(&get(&brink, "/api/proxy?properties[userId]=8", FRONTEND)), expected);
    for body in [r#"{"userId":7}"#, r#"{"context":{"userId":"8"}}"#] {
        assert_eq!(names(&post(&brink, "/api/frontend", "application/json", body)), expected, "{body}");
    }
    let charset = "application/json; charset=utf-8";
    assert_eq!(names(&post(&brink, "/api/frontend/all", charset, "{}")).len(), 5);
}

#[test]
fn a_single_feature_is_an_object_of_its_own() {
    let brink = offline(&[]);
    let off = get(&brink, "/api/frontend/features/off", FRONTEND);
    assert_eq!((off.status, off.json()["enabled"].as_bool()), (200, Some(false)));
    assert_eq!(get(&brink, "/api/proxy/features/alwa%79s", FRONTEND).json()["name"], "always");
    for (name, token) in [("nope", FRONTEND), ("always", FRONTEND_P1)] {
        let response = get(&brink, &format!("/api/frontend/features/{name}"), token);
        assert_eq!((response.status, response.body.len()), (404, 0), "{name}");
    }
}

#[test]
fn tokens_see_their_projects_and_their_own_api() {
    let brink = offline(&[]);
    assert_eq!(names(&get(&brink, "/api/frontend", FRONTEND_P1)), ["with-variant"]);
    for path in ["/api/frontend", "/api/frontend/all", "/api/proxy/features/always"] {
        assert_eq!(get(&brink, path, BACKEND).status, 403, "{path}");
        assert_eq!(get(&brink, path, "*:development.nobody").status, 403, "{path}");
    }
    assert_eq!(get(&brink, "/api/client/features", FRONTEND).status, 403);
    assert_eq!(
        brink.connect().request("DELETE", "/api/frontend", &[("authorization", FRONTEND)]).status,
        405
    );
}

#[test]
fn the_client_address_is_the_peer_or_what_trusted_proxies_say() {
    let forwarded = [("authorization", FRONTEND), ("x-forwarded-for", "203.0.113.9")];
    let sees = |args: &[&str], path: &str| {
        names(&offline(args).get(path, &forwarded)).iter().any(|name| name == "from-net")
    };
    assert!(!sees(&[], "/api/frontend"));
    assert!(sees(&["--trust-proxy"], "/api/frontend"));
    assert!(sees(&["--trust-proxy", "--proxy-trusted-servers", "127.0.0.0/8"], "/api/frontend"));
    assert!(!sees(&["--trust-proxy", "--proxy-trusted-servers", "10.0.0.0/8"], "/api/frontend"));
    assert!(!sees(&["--trust-proxy"], "/api/frontend?remoteAddress="), "what the client says wins");
    assert!(sees(&[], "/api/frontend?remoteAddress=203.0.113.1"));
}

#[test]
fn a_known_answer_is_not_sent_again() {
    let brink = offline(&[]);
    let first = get(&brink, "/api/frontend?userId=7", FRONTEND);
    let tag = first.header("etag").expect("a tag").to_owned();
    let again = |path: &str| brink.get(path, &[("authorization", FRONTEND), ("if-none-match", &tag)]);
    let same = again("/api/frontend?userId=8");
    assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(&*tag)));
    assert_eq!(again("/api/frontend").status, 200);
}

#[test]
fn brackets_may_be_encoded_in_either_case() {
    let brink = offline(&[]);
    for path in ["properties%5BuserId%5D=7", "properties%5buserId%5d=7", "properties%5buserId]=7"] {
        let listed = names(&get(&brink, &format!("/api/frontend?{path}"), FRONTEND));
        assert_eq!(listed, ["always", "for-user", "with-variant"], "{path}");
    }
}

/// Features that each hash the user's id, which is as long as it may be: many milliseconds of work.
#[test]
fn others_are_answered_while_one_request_takes_long() {
    let feature = |at: usize| {
        let parameters = json!({"rollout": "100", "stickiness": "userId", "groupId": at.to_string()});
        json!({"name": format!("f{at:04}"), "enabled": true, "project": "p1",
            "strategies": [{"name": "flexibleRollout", "parameters": parameters}]})
    };
    let features: Vec<Value> = (0..500).map(feature).collect();
    let document = json!({"version": 2, "features": features}).to_string();
    let brink = Brink::offline(document, &["-c", BACKEND, "-f", FRONTEND, "--workers", "1"]);
    let mut other = brink.connect();
    let mut long = brink.connect();
    let body = format!(r#"{{"userId":"{}"}}"#, "u".repeat(64 << 10));
    long.send(format!(
        "POST /api/frontend HTTP/1.1\r\nauthorization: {FRONTEND}\r\ncontent-type: application/json\r\n\
         accept-encoding: gzip\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let mut answered = 0;
    let is_here = |client: &brink::Client| {
        client.stream.set_nonblocking(true).expect("a TCP socket");
        let is_here = client.stream.peek(&mut [0]).is_ok();
        client.stream.set_nonblocking(false).expect("a TCP socket");
        is_here
    };
    while !is_here(&long) {
        let short = other.request("GET", "/api/frontend?userId=7", &[("authorization", FRONTEND)]);
        assert_eq!(names(&short).len(), 500);
        answered += 1;
    }
    // The first may have been faster than the long one's body, and the last slower than its answer.
    assert!(answered > 3, "{answered} others were answered meanwhile");
    let response = long.read(false).expect("an answer");
    assert_eq!((response.status, response.header("content-encoding")), (200, Some("gzip")));
}

#[test]
fn all_can_be_switched_off() {
    let brink = offline(&["--disable-all-endpoint"]);
    assert_eq!(get(&brink, "/api/frontend/all", FRONTEND).status, 404);
    assert_eq!(get(&brink, "/api/proxy/all", FRONTEND).status, 404);
    assert_eq!(get(&brink, "/api/frontend", FRONTEND).status, 200);
}

#[test]
fn rubbish_is_refused_by_its_kind() {
    let brink = offline(&[]);
    let check = |response: Response, status, text: &str| {
        assert_eq!(response.status, status, "{response:?}");
        assert!(response.text().starts_with(text), "{response:?}");
    };
    check(get(&brink, "/api/frontend?context=abc", FRONTEND), 400, "");
    check(get(&brink, "/api/frontend?userId=%ff", FRONTEND), 400, "");
    check(get(&brink, "/api/frontend?userId[a]=1", FRONTEND), 200, "{\"toggles\"");
    check(
        post(&brink, "/api/frontend", "text/plain", "{}"),
        415,
        "Expected request with `Content-Type: application/json`",
    );
    let json = "application/json";
    check(post(&brink, "/api/frontend", json, ""), 400, "Failed to parse the request body as JSON: ");
    check(post(&brink, "/api/frontend", json, "{\"a\":"), 400, "Failed to parse the request body as JSON: ");
    let wrong_shape = "Failed to deserialize the JSON body into the target type: ";
    check(post(&brink, "/api/frontend", json, "[]"), 422, wrong_shape);
    check(post(&brink, "/api/frontend", json, r#"{"context":"x"}"#), 422, wrong_shape);
    let huge = format!(
        "POST /api/frontend HTTP/1.1\r\nauthorization: {FRONTEND}\r\ncontent-type: {json}\r\n\
                        content-length: 3000000\r\n\r\n"
    );
    let refused = brink.connect().exchange(huge);
    check(refused, 413, "Failed to buffer the request body: length limit exceeded");
}

#[test]
fn pretrusted_tokens_are_served_from_what_upstream_gave() {
    let up = FakeUpstream::start();
    up.add_token(BACKEND, "client", &["*"]);
    up.set_features("development", document());
    let pretrusted = "*:development.shop-window,kiosk@development";
    let brink = Brink::start(&["edge", "-u", &up.url(), "-t", BACKEND, "--pretrusted-tokens", pretrusted]);
    for token in ["*:development.shop-window", "kiosk"] {
        let response = brink.get_until("/api/frontend", &[("authorization", token)], |one| one.status != 503);
        assert_eq!(names(&response), ["always", "with-variant"], "{token}");
        assert_eq!(get(&brink, "/api/client/features", token).status, 403, "{token}");
    }
    let asked =
        up.requests().iter().any(|request| String::from_utf8_lossy(&request.body).contains("shop-window"));
    assert!(!asked, "nobody is asked about pretrusted tokens");
}

#[test]
fn an_environment_that_nobody_fetches_is_refused() {
    let up = FakeUpstream::start();
    up.add_token(BACKEND, "client", &["*"]);
    up.add_token("*:production.front-of-production", "frontend", &["*"]);
    up.set_features("development", document());
    let token = "*:production.front-of-production";
    let strict = Brink::start(&["edge", "-u", &up.url(), "-t", BACKEND]);
    assert_eq!(
        strict.get_until("/api/frontend", &[("authorization", token)], |one| one.status != 503).status,
        403
    );
    assert_eq!(get(&strict, "/api/frontend/features/a", token).status, 404);
    let dynamic = Brink::start(&["edge", "-u", &up.url(), "-t", BACKEND, "--dynamic"]);
    let response = dynamic.get_until("/api/frontend", &[("authorization", token)], |one| one.status != 503);
    assert_eq!((response.status, &response.json()["access"]["environment"]), (511, &json!("production")));
}
