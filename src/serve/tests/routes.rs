//! Paths, methods, CORS, probes, lists of peers, and bodies of requests.

use brink_shards::Service;

use super::*;

const HEALTHY: &str = r#"{"status":"OK"}"#;
const READY: &str = r#"{"status":"READY"}"#;
const NOT_READY: &str = r#"{"error":"Edge is not ready to serve requests","status":"NOTREADY"}"#;

#[test]
fn routes_and_methods_have_their_statuses() {
    let mut bench = Bench::serving();
    let mut check = |method, target, status, allow| {
        let answer = bench.ask(&Sent { method, token: Some(TOKEN), ..Sent::get(target) });
        assert_eq!((answer.status, answer.header("allow")), (status, allow), "{method} {target}");
    };
    for method in ["GET", "HEAD", "POST"] {
        check(method, FEATURES, 200, None);
    }
    for method in ["PUT", "DELETE", "PATCH", "PURGE", "TRACE", "get"] {
        check(method, FEATURES, 405, Some("GET,HEAD,POST"));
    }
    check("GET", "/api/client/features/checkout", 200, None);
    check("HEAD", "/api/client/features/checkout", 200, None);
    check("POST", "/api/client/features/checkout", 405, Some("GET,HEAD"));
    check("POST", "/internal-backstage/health", 405, Some("GET,HEAD"));
    check("DELETE", "/ready", 405, Some("GET,HEAD"));
    for target in ["/", "/api", "/api/client", "/api/client/feature", "/health/x", "*", "/metrics"] {
        check("GET", target, 404, None);
    }
}

#[test]
fn paths_are_normalised_and_nothing_else_is() {
    let mut bench = Bench::serving();
    let mut check = |target, status| assert_eq!(bench.get(target, TOKEN).status, status, "{target}");
    check("/api/client/features/", 200);
    check("//api//client///features", 200);
    check("/api/client/features//checkout", 200);
    check("/api/client/features/?namePrefix=c", 200);
    check("http://elsewhere:1/api/client/features", 200);
    check("/API/client/features", 404);
    check("/api/./client/features", 404);
    check("/api/client%2Ffeatures", 404);
    check("/api/client/features;v=1", 404);
}

#[test]
fn an_unusable_token_learns_no_more_than_the_methods() {
    let mut bench = Bench::serving();
    for (method, allow) in [("PUT", Some("GET,HEAD,POST")), ("GET", None)] {
        let answer = bench.ask(&Sent { method, ..Sent::get(FEATURES) });
        assert_eq!((answer.status, answer.header("allow"), &*answer.body), (403, allow, ""), "{method}");
    }
    assert_eq!(bench.ask(&Sent { method: "PUT", ..Sent::get("/api/unknown") }).status, 404);
}

#[test]
fn head_is_get_without_the_body() {
    let mut bench = Bench::serving();
    for target in [FEATURES, "/api/client/features/checkout", "/api/client/features?namePrefix=c", "/health"]
    {
        let get = bench.get(target, TOKEN);
        let head = bench.ask(&Sent { method: "HEAD", token: Some(TOKEN), ..Sent::get(target) });
        assert_eq!((head.status, &head.headers), (200, &get.headers), "{target}");
        assert_eq!(head.body, "");
    }
}

#[test]
fn probes_need_no_token_and_send_no_cors_headers() {
    let mut bench = Bench::serving();
    for (target, body) in [
        ("/internal-backstage/health", HEALTHY),
        ("/health", HEALTHY),
        ("/internal-backstage/ready", READY),
        ("/ready", READY),
    ] {
        let answer = bench.ask(&Sent { headers: vec![("origin", "https://x.example")], ..Sent::get(target) });
        assert_eq!((answer.status, &*answer.body), (200, body), "{target}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control") || name == "etag"));
    }
}

#[test]
fn readiness_follows_the_snapshot_and_the_stop() {
    let mut bench = Bench::edge();
    let check = |bench: &mut Bench, status, body| {
        let answer = bench.ask(&Sent::get("/internal-backstage/ready"));
        assert_eq!((answer.status, &*answer.body), (status, body));
        assert_eq!(bench.ask(&Sent::get("/health")).status, 200, "healthy whatever happens");
    };
    check(&mut bench, 503, NOT_READY);
    bench.apply(serving());
    check(&mut bench, 200, READY);
    bench.apply(Snapshot { ready: false, ..serving() });
    check(&mut bench, 503, NOT_READY);
    bench.apply(serving());
    bench.connection.service.announce_stop();
    check(&mut bench, 503, NOT_READY);
    assert_eq!(bench.get(FEATURES, TOKEN).status, 200, "serving goes on");
}

#[test]
fn below_a_base_path_is_everything_and_beside_it_the_short_probes() {
    let mut bench = Bench::of_server(&Server { base_path: "/foo".to_owned(), ..server() });
    let mut check = |target, status| assert_eq!(bench.get(target, TOKEN).status, status, "{target}");
    check("/foo/api/client/features", 200);
    check("/foo/api/client/features/checkout", 200);
    check("//foo/api/client/features/", 200);
    check("/foo/internal-backstage/health", 200);
    check("/foo/ready", 200);
    check("/health", 200);
    check("/ready", 200);
    check("/api/client/features", 404);
    check("/internal-backstage/health", 404);
    check("/foo", 404);
    check("/foo/", 404);
    check("/foo/foo/api/client/features", 404);
    check("/foofoo/api/client/features", 404);
}

/// An origin or none, and what comes back on an answer and on its preflight.
#[track_caller]
fn check_cors(cors: &Cors, origin: Option<&str>, expected: &[(&str, &str)], preflight: &[(&str, &str)]) {
    let mut bench = Bench::of_server(&Server { cors: cors.clone(), ..server() });
    let headers: Vec<_> = origin.map(|origin| ("origin", origin)).into_iter().collect();
    let of_cors = |answer: Answer| -> Vec<(String, String)> {
        let is_of_cors = |name: &str| name.starts_with("access-control") || name == "vary" || name == "allow";
        let mut headers = answer.headers;
        headers.retain(|(name, value)| is_of_cors(name) && value != "accept-encoding");
        headers.sort();
        headers
    };
    let as_owned = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        let mut list: Vec<_> =
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        list.sort();
        list
    };
    for target in [FEATURES, "/api/client/features?namePrefix=b", "/api/client/features/checkout", "/unknown"]
    {
        let sent = Sent { token: Some(TOKEN), headers: headers.clone(), ..Sent::get(target) };
        assert_eq!(of_cors(bench.ask(&sent)), as_owned(expected), "{target}");
    }
    for (target, allow) in [(FEATURES, Some("GET,HEAD,POST")), ("/unknown", None)] {
        let sent = Sent { method: "OPTIONS", headers: headers.clone(), ..Sent::get(target) };
        let answer = bench.ask(&sent);
        assert_eq!((answer.status, &*answer.body), (200, ""));
        let allow: Vec<_> = allow.map(|allow| ("allow", allow)).into_iter().collect();
        assert_eq!(of_cors(answer), as_owned(&[expected, preflight, &allow].concat()), "OPTIONS {target}");
    }
}

#[test]
fn by_default_every_origin_may_read_everything() {
    let answer = [("access-control-allow-origin", "*"), ("access-control-expose-headers", "*")];
    let preflight = [
        ("access-control-allow-methods", "*"),
        ("access-control-allow-headers", "*"),
        ("access-control-max-age", "172800"),
    ];
    for origin in [None, Some("https://shop.example")] {
        check_cors(&server().cors, origin, &answer, &preflight);
    }
}

#[test]
fn listed_origins_are_named_and_others_are_served_without_it() {
    let origins = Some(vec!["https://a.example".to_owned(), "https://b.example".to_owned()]);
    let cors = Cors { origins, ..server().cors };
    let common = [("access-control-expose-headers", "*"), ("vary", "origin")];
    let preflight = [
        ("access-control-allow-methods", "*"),
        ("access-control-allow-headers", "*"),
        ("access-control-max-age", "172800"),
    ];
    let named = [&common[..], &[("access-control-allow-origin", "https://b.example")]].concat();
    check_cors(&cors, Some("https://b.example"), &named, &preflight);
    for origin in [None, Some("https://c.example"), Some("https://B.example"), Some("null"), Some("*")] {
        check_cors(&cors, origin, &common, &preflight);
    }
}

#[test]
fn configured_lists_are_sent_as_they_are() {
    let cors = Cors {
        origins: None,
        allowed_headers: Some("authorization,content-type".to_owned()),
        exposed_headers: Some("etag".to_owned()),
        methods: Some("GET,POST".to_owned()),
        max_age_s: 60,
    };
    let answer = [("access-control-allow-origin", "*"), ("access-control-expose-headers", "etag")];
    let preflight = [
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-allow-headers", "authorization,content-type"),
        ("access-control-max-age", "60"),
    ];
    check_cors(&cors, None, &answer, &preflight);
}

#[test]
fn requested_headers_are_mirrored_because_a_star_does_not_cover_authorization() {
    let mut bench = Bench::serving();
    let headers = vec![("access-control-request-headers", "authorization,unleash-sdk")];
    let answer = bench.ask(&Sent { method: "OPTIONS", headers, ..Sent::get(FEATURES) });
    assert_eq!(answer.all("access-control-allow-headers"), ["authorization,unleash-sdk"]);
    assert_eq!(answer.all("vary"), ["access-control-request-headers"]);
}

#[test]
fn errors_carry_cors_headers_too() {
    let mut bench = Bench::serving();
    let mut check = |sent: Sent<'_>, status| {
        let answer = bench.ask(&sent);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some("*")));
    };
    check(Sent::get(FEATURES), 403);
    check(Sent::get("/unknown"), 404);
    check(Sent { method: "PUT", ..Sent::features(&[]) }, 405);
    check(Sent { target: "/api/client/features?namePrefix=a&namePrefix=b", ..Sent::features(&[]) }, 400);
}

#[test]
fn the_backstage_has_no_preflight() {
    let mut bench = Bench::serving();
    let answer = bench.ask(&Sent { method: "OPTIONS", ..Sent::get("/internal-backstage/health") });
    assert_eq!((answer.status, answer.header("allow")), (200, Some("GET,HEAD")));
    assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control")));
}

#[test]
fn peers_outside_the_lists_get_403_for_everything() {
    let net = |text: &str| vec![text.parse().expect("a net")];
    let denied = Server { deny: net("203.0.113.0/24"), ..server() };
    let not_allowed = Server { allow: net("10.0.0.0/8"), ..server() };
    for server in [denied, not_allowed] {
        let mut bench = Bench::of_server(&server);
        for (method, target) in
            [("GET", FEATURES), ("GET", "/unknown"), ("OPTIONS", FEATURES), ("GET", "/health")]
        {
            let answer = bench.ask(&Sent { method, token: Some(TOKEN), ..Sent::get(target) });
            assert_eq!((answer.status, &*answer.body), (403, ""), "{method} {target}");
        }
    }
    let allowed = Server { allow: net("203.0.113.9/32"), ..server() };
    assert_eq!(Bench::of_server(&allowed).get(FEATURES, TOKEN).status, 200);
}

#[test]
fn a_body_says_nothing_and_does_not_end_the_connection() {
    let mut bench = Bench::serving();
    let head = |method: &str, more: &str| {
        format!("{method} {FEATURES} HTTP/1.1\r\nauthorization: {TOKEN}\r\n{more}\r\n").into_bytes()
    };
    let sent = bench.connection.exchange(&[head("POST", "content-length: 4\r\n"), b"junk".to_vec()].concat());
    assert_eq!(Answer::read(&sent, "POST").status, 200);
    assert_eq!(bench.connection.exchange(&head("POST", "content-length: 4\r\n")), b"");
    let sent = bench.connection.exchange(b"junk");
    assert_eq!(Answer::read(&sent, "POST").status, 200);
    assert_eq!(bench.connection.exchange(&head("GET", "transfer-encoding: chunked\r\n")), b"");
    let sent = bench.connection.exchange(b"4\r\njunk\r\n0\r\n\r\n");
    assert_eq!(Answer::read(&sent, "GET").status, 200);
    assert!(!bench.connection.is_closed());
}

#[test]
fn a_body_that_would_be_sent_on_request_is_not_asked_for() {
    let mut bench = Bench::serving();
    for (token, status) in [(TOKEN, 200), ("nonsense", 403)] {
        bench.connection.reconnect();
        let head = format!(
            "POST {FEATURES} HTTP/1.1\r\nauthorization: {token}\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"
        );
        let answer = Answer::read(&bench.connection.exchange(head.as_bytes()), "POST");
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
        assert!(bench.connection.is_closed());
    }
}

#[test]
fn a_body_over_the_limit_ends_the_connection() {
    let mut bench = Bench::serving();
    let head = format!("POST {FEATURES} HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n");
    let answer = Answer::read(&bench.connection.exchange(head.as_bytes()), "POST");
    assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
    assert!(bench.connection.is_closed());
}
