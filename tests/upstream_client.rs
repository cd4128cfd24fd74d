//! The upstream client against fake upstreams with one bad habit each.

use std::time::{Duration, SystemTime};

use brink::{
    config::settings,
    tokens::record::KindWord,
    upstream::{
        CallError, Client, Fetched, Registered,
        error::{TimeLimit, Unreachable, Unreadable},
        wire::Registration,
    },
};
use fake_upstream::{FEATURES, FakeUpstream, Habit, on};
use upstream_settings::upstream_settings;

#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "support/upstream_settings.rs"]
mod upstream_settings;

const TOKEN: &str = "*:development.s3cret-of-development";
const DOCUMENT: &str = r#"{"version":2,"features":[{"name":"a","enabled":true}],"segments":[]}"#;
const INTERVAL: Duration = Duration::from_secs(15);
const BODY_BYTES_MAX: u64 = 100_000;

fn client(settings: &settings::Upstream) -> Client {
    let client = Client::with_variables(settings, |_| None).expect("the settings are usable");
    client.with_body_bytes_max(BODY_BYTES_MAX)
}

fn upstream() -> FakeUpstream {
    let up = FakeUpstream::start();
    up.add_token(TOKEN, "client", &["*"]);
    up.set_features("development", DOCUMENT);
    up
}

fn registration() -> Registration {
    Registration {
        environment: "development".into(),
        projects: vec!["*".into()],
        interval: INTERVAL,
        started: SystemTime::UNIX_EPOCH,
    }
}

fn status(status: u16, detail: &str) -> CallError {
    CallError::Status { status, retry_after: None, detail: detail.into() }
}

fn unreadable(cause: Unreadable) -> CallError {
    CallError::Unreadable { status: 200, cause }
}

#[test]
fn features_come_with_a_tag_and_then_304() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    let etag = up.etag("development");
    let first = client.features(TOKEN, None, INTERVAL);
    assert_eq!(first, Ok(Fetched::Document { etag: etag.clone(), body: DOCUMENT.into() }));
    assert_eq!(client.features(TOKEN, etag.as_deref(), INTERVAL), Ok(Fetched::NotModified));
    let requests = up.requests();
    assert_eq!(requests[0].only("if-none-match"), None);
    assert_eq!(requests[1].only("if-none-match"), etag.as_deref());
    assert_eq!(requests[0].connection, requests[1].connection, "the connection is reused");
}

#[test]
fn weak_tags_are_echoed_and_malformed_ones_dropped() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    for (sent, taken) in [("W/\"a-1\"", Some("W/\"a-1\"")), ("a-1", None), ("\"", None)] {
        up.set_etag("development", sent);
        let Ok(Fetched::Document { etag, .. }) = client.features(TOKEN, None, INTERVAL) else {
            panic!("no document with the tag {sent}");
        };
        assert_eq!(etag.as_deref(), taken);
    }
    up.set_etag("development", "W/\"a-1\"");
    assert_eq!(client.features(TOKEN, Some("W/\"a-1\""), INTERVAL), Ok(Fetched::NotModified));
    assert_eq!(up.last_request().only("if-none-match"), Some("W/\"a-1\""));
}

/// Compares all headers of the latest request, apart from `host`.
#[track_caller]
fn check_headers(up: &FakeUpstream, expected: &[(&str, &str)]) {
    let request = up.last_request();
    let mut seen: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    seen.retain(|(name, _)| *name != "host");
    seen.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(seen, expected, "{}", request.target);
}

const AGENT: &str = concat!("unleash-edge-20.4.1 brink/", env!("CARGO_PKG_VERSION"));
const ALWAYS: [(&str, &str); 7] = [
    ("accept", "*/*"),
    ("accept-encoding", "gzip"),
    ("unleash-appname", "my-edge"),
    ("unleash-client-spec", "6.1.0"),
    ("unleash-connection-id", "01M7ABCDEF"),
    ("unleash-instanceid", "01M7ABCDEF"),
    ("user-agent", AGENT),
];

#[test]
fn headers_go_out_as_the_contract_says() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    client.features(TOKEN, Some("\"x\""), Duration::from_millis(1500)).expect("features");
    let own = [("authorization", TOKEN), ("if-none-match", "\"x\""), ("unleash-interval", "1500")];
    check_headers(&up, &[&ALWAYS[..], &own].concat());

    client.validate(&[TOKEN]).expect("validated");
    let length = up.last_request().body.len().to_string();
    let own = [("content-type", "application/json"), ("content-length", length.as_str())];
    check_headers(&up, &[&ALWAYS[..], &own].concat());

    client.register(TOKEN, &registration()).expect("registered");
    let length = up.last_request().body.len().to_string();
    let own = [("authorization", TOKEN), ("content-type", "application/json"), ("content-length", &length)];
    check_headers(&up, &[&ALWAYS[..], &own].concat());
}

#[test]
fn custom_headers_replace_everything_of_their_name() {
    let up = upstream();
    let mut settings = upstream_settings(&up.url());
    let custom = [
        ("Authorization", "x"),
        ("User-Agent", "mine"),
        ("X-Extra", "a b; c"),
        ("Accept-Encoding", "identity"),
    ];
    settings.custom_headers = custom.map(|(name, value)| (name.into(), value.into())).into();
    let client = client(&settings);
    assert_eq!(client.overridden_token_header(), Some("authorization"));
    for call in 0..3 {
        match call {
            0 => drop(client.features(TOKEN, None, INTERVAL)),
            1 => drop(client.validate(&[TOKEN])),
            _ => drop(client.register(TOKEN, &registration())),
        }
        let request = up.last_request();
        for (name, value) in custom {
            assert_eq!(request.only(name), Some(value), "{}", request.target);
        }
    }
    assert_eq!(up.requests().len(), 3);
}

#[test]
fn the_token_goes_into_the_configured_header() {
    let up = upstream();
    up.set_token_header("x-token");
    let client =
        client(&settings::Upstream { auth_header: "x-token".into(), ..upstream_settings(&up.url()) });
    client.features(TOKEN, None, INTERVAL).expect("features");
    assert_eq!(up.last_request().only("authorization"), None);
    assert_eq!(up.last_request().only("x-token"), Some(TOKEN));
}

#[test]
fn path_prefix_is_kept() {
    let up = upstream();
    let client = client(&upstream_settings(&format!("{}/base/", up.url())));
    client.features(TOKEN, None, INTERVAL).expect("features");
    assert_eq!(up.last_request().target, "/base/api/client/features");
}

#[test]
fn credentials_in_the_url_are_basic_until_a_token_replaces_them() {
    let up = upstream();
    let url = format!("http://user:pass@{}", up.address());
    let client = client(&upstream_settings(&url));
    client.validate(&[TOKEN]).expect("validated");
    assert_eq!(up.last_request().only("authorization"), Some("Basic dXNlcjpwYXNz"));
    client.features(TOKEN, None, INTERVAL).expect("features");
    assert_eq!(up.last_request().only("authorization"), Some(TOKEN));
    assert!(!format!("{client:?}").contains("pass"));
}

#[test]
fn validation_lists_confirmed_tokens_only() {
    let up = upstream();
    up.add_token("a:production.x", "frontend", &["a", "b"]);
    let client = client(&upstream_settings(&up.url()));
    let tokens = client.validate(&["a:production.x", "*:gone.x", TOKEN]).expect("validated");
    let mut seen: Vec<_> =
        tokens.iter().map(|token| (token.token.as_str(), token.kind, token.projects.join(","))).collect();
    seen.sort_unstable_by_key(|(token, ..)| *token);
    assert_eq!(
        seen,
        [
            (TOKEN, Some(KindWord::Backend), "*".into()),
            ("a:production.x", Some(KindWord::Frontend), "a,b".into()),
        ]
    );
    let body = String::from_utf8(up.last_request().body).expect("text");
    assert_eq!(body, format!(r#"{{"tokens":["a:production.x","*:gone.x","{TOKEN}"]}}"#));
}

#[test]
fn only_200_validates() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    for code in [201, 202, 204, 301, 307, 401, 500] {
        up.set_habit(Habit::Answer(code, Vec::new(), Vec::new()));
        assert_eq!(client.validate(&[TOKEN]), Err(status(code, "")));
    }
    up.set_habit(Habit::WrongShape);
    assert!(matches!(
        client.validate(&[TOKEN]),
        Err(CallError::Unreadable { cause: Unreadable::Json(_), .. })
    ));
    up.set_habit(Habit::Html);
    assert!(matches!(
        client.validate(&[TOKEN]),
        Err(CallError::Unreadable { cause: Unreadable::Json(_), .. })
    ));
}

#[test]
fn registration_tells_who_answered() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    let by = Registered { unleash_version: Some("8.2.0".into()), edge_version: None };
    assert_eq!(client.register(TOKEN, &registration()), Ok(by));
    assert_eq!(up.last_request().json()["sdkVersion"], "unleash-edge:20.4.1");
    up.set_habit(Habit::Answer(200, vec![("x-edge-version", "20.4.1".into())], Vec::new()));
    let by = Registered { unleash_version: None, edge_version: Some("20.4.1".into()) };
    assert_eq!(client.register(TOKEN, &registration()), Ok(by));
    up.set_habit(Habit::Status(404));
    assert!(client.register(TOKEN, &registration()).is_err_and(|error| error.status() == Some(404)));
}

#[test]
fn a_bad_validation_behind_api_gets_a_hint() {
    let up = upstream();
    up.set_habit(Habit::Status(404));
    let client = client(&upstream_settings(&format!("{}/api", up.url())));
    let error = client.validate(&[TOKEN]).expect_err("404");
    assert!(client.hint(&error).is_some_and(|hint| hint.contains("/api")));
    assert_eq!(client.hint(&CallError::UnexpectedNotModified), None);
}

/// The outcome of one features call under a habit; the next normal call must work again.
#[track_caller]
fn check(habit: Habit, expected: Result<Fetched, CallError>) {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    up.set_habit_times(1, habit.clone());
    assert_eq!(client.features(TOKEN, None, INTERVAL), expected, "{habit:?}");
    let body = DOCUMENT.into();
    let good = Fetched::Document { etag: up.etag("development"), body };
    assert_eq!(client.features(TOKEN, None, INTERVAL), Ok(good), "after {habit:?}");
    assert_eq!(on(&up.requests(), FEATURES).count(), 2, "no call is repeated");
}

fn document(body: impl Into<Vec<u8>>) -> Result<Fetched, CallError> {
    Ok(Fetched::Document { etag: None, body: body.into() })
}

#[test]
fn statuses_are_data() {
    for code in [400, 401, 403, 404, 418, 500, 503, 520] {
        check(Habit::Status(code), Err(status(code, r#"{"name":"Fake","message":"as told"}"#)));
    }
}

#[test]
fn retry_after_is_handed_on() {
    let retry_after = Some(Duration::from_secs(7));
    check(
        Habit::RetryAfter(429, 7),
        Err(CallError::Status { status: 429, retry_after, detail: String::new() }),
    );
}

#[test]
fn a_304_without_a_tag_is_an_ordinary_failure() {
    check(Habit::NotModified, Err(CallError::UnexpectedNotModified));
}

#[test]
fn broken_connections_are_unreachable() {
    let closed = || Err(CallError::Unreachable { cause: Unreachable::Closed });
    check(Habit::Closes, closed());
    check(Habit::Resets, closed());
}

#[test]
fn something_else_than_http_is_named() {
    let up = upstream();
    up.set_habit(Habit::NotHttp);
    let error = client(&upstream_settings(&up.url())).features(TOKEN, None, INTERVAL);
    assert!(matches!(error, Err(CallError::Unreachable { cause: Unreachable::NotHttp(_) })), "{error:?}");
}

#[test]
fn nobody_listening_is_refused() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    drop(up);
    assert_eq!(
        client.features(TOKEN, None, INTERVAL),
        Err(CallError::Unreachable { cause: Unreachable::Refused })
    );
}

#[test]
fn an_upstream_that_comes_back_is_used_again() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    client.features(TOKEN, None, INTERVAL).expect("features");
    let address = up.address();
    drop(up);
    client.features(TOKEN, None, INTERVAL).expect_err("nobody is there");
    let up = FakeUpstream::start_on(address, None);
    up.add_token(TOKEN, "client", &["*"]);
    up.set_features("development", DOCUMENT);
    client.features(TOKEN, None, INTERVAL).expect("features");
}

#[test]
fn bodies_that_end_early_are_unreadable() {
    check(Habit::Truncates, Err(unreadable(Unreadable::Truncated)));
}

#[test]
fn a_length_too_short_does_not_poison_the_next_call() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    up.set_habit_times(1, Habit::LengthTooShort);
    assert_eq!(client.features(TOKEN, None, INTERVAL), Err(unreadable(Unreadable::Truncated)));
    client.features(TOKEN, None, INTERVAL).expect("features");
    let requests = up.requests();
    assert_ne!(requests[0].connection, requests[1].connection, "the dirty connection is not used again");
}

#[test]
fn codings_are_checked() {
    check(Habit::UnknownCoding, Err(unreadable(Unreadable::Encoding("lzma".into()))));
    let up = upstream();
    up.set_habit(Habit::DamagedGzip);
    let error = client(&upstream_settings(&up.url())).features(TOKEN, None, INTERVAL);
    assert!(matches!(error, Err(CallError::Unreadable { status: 200, .. })), "{error:?}");
}

#[test]
fn pages_and_other_shapes_are_left_to_the_reader_of_the_document() {
    check(Habit::Html, document("<!doctype html><title>Log in</title>"));
    check(Habit::WrongShape, document(r#"{"features":{"not":"a list"},"tokens":7}"#));
}

#[test]
fn bodies_are_bounded_as_sent_and_as_decoded() {
    let too_large = || Err(CallError::TooLarge { status: 200, limit_bytes: BODY_BYTES_MAX });
    check(Habit::HugeBody(BODY_BYTES_MAX), document(vec![b' '; BODY_BYTES_MAX as usize]));
    check(Habit::HugeBody(BODY_BYTES_MAX + 1), too_large());
    check(Habit::HugeChunkedBody(BODY_BYTES_MAX), document(vec![b' '; BODY_BYTES_MAX as usize]));
    check(Habit::HugeChunkedBody(BODY_BYTES_MAX + 1), too_large());
    check(Habit::GzipBomb(BODY_BYTES_MAX), document(vec![0; BODY_BYTES_MAX as usize]));
    check(Habit::GzipBomb(BODY_BYTES_MAX + 1), too_large());
    check(Habit::GzipBomb(BODY_BYTES_MAX * 20), too_large());
}

/// A call that must end at the whole-request limit.
#[track_caller]
fn check_timeout(habit: Habit) {
    let up = upstream();
    let client = client(&settings::Upstream {
        socket_timeout: Duration::from_millis(150),
        ..upstream_settings(&up.url())
    });
    up.set_habit(habit.clone());
    let slow = Err(CallError::TimedOut { limit: TimeLimit::Request });
    assert_eq!(client.features(TOKEN, None, INTERVAL), slow, "{habit:?}");
}

#[test]
fn the_limit_covers_the_whole_request() {
    check_timeout(Habit::NeverAnswers);
    check_timeout(Habit::SlowFirstByte(Duration::from_secs(60)));
    check_timeout(Habit::SlowByByte(Duration::from_millis(10)));
    check_timeout(Habit::LengthTooLong);
}

#[test]
fn slow_answers_within_the_limit_are_fine() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    up.set_habit(Habit::SlowFirstByte(Duration::from_millis(20)));
    client.features(TOKEN, None, INTERVAL).expect("features");
    up.set_habit(Habit::SlowByByte(Duration::from_micros(10)));
    client.features(TOKEN, None, INTERVAL).expect("features");
}

#[test]
fn shutdown_interrupts_a_running_call() {
    let up = upstream();
    up.set_habit(Habit::NeverAnswers);
    let client = client(&settings::Upstream {
        socket_timeout: Duration::from_secs(60),
        ..upstream_settings(&up.url())
    });
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.features(TOKEN, None, INTERVAL));
        up.wait_for("fetch", |requests| !requests.is_empty());
        client.shutdown();
        assert!(matches!(call.join(), Ok(Err(CallError::Unreachable { .. }))));
    });
    assert!(client.features(TOKEN, None, INTERVAL).is_err(), "no new calls");
}

#[test]
fn redirects_stay_at_their_origin() {
    let up = upstream();
    let client = client(&upstream_settings(&format!("{}/old", up.url())));
    for code in [301, 302, 303, 307, 308] {
        up.forget_requests();
        up.set_habit(Habit::Normal);
        up.set_habit_times(1, Habit::Redirect(code, "/new/api/client/features".into()));
        client.features(TOKEN, None, INTERVAL).expect("features");
        let requests = up.requests();
        assert_eq!(requests[1].target, "/new/api/client/features");
        assert_eq!(requests[1].only("authorization"), Some(TOKEN));
        assert_eq!(requests[1].only("unleash-interval"), Some("15000"));
    }
}

#[test]
fn a_token_never_goes_to_another_origin() {
    let (up, other) = (upstream(), upstream());
    let client = client(&upstream_settings(&up.url()));
    for code in [301, 302, 303, 307, 308] {
        up.set_habit(Habit::Redirect(code, format!("{}{FEATURES}", other.url())));
        let refused = format!("redirect to another origin not followed: {}", other.url());
        assert_eq!(client.features(TOKEN, None, INTERVAL), Err(status(code, &refused)));
    }
    assert!(other.requests().is_empty());
}

#[test]
fn redirects_end_after_ten() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    up.set_habit(Habit::Redirect(302, FEATURES.into()));
    assert_eq!(client.features(TOKEN, None, INTERVAL), Err(status(302, "too many redirects")));
    assert_eq!(up.requests().len(), 11);
}

#[test]
fn posts_are_not_redirected() {
    let up = upstream();
    let client = client(&upstream_settings(&up.url()));
    up.set_habit(Habit::Redirect(307, "/edge/validate".into()));
    assert_eq!(client.validate(&[TOKEN]), Err(status(307, "elsewhere")));
    assert!(client.register(TOKEN, &registration()).is_err());
    assert_eq!(up.requests().len(), 2);
}

#[test]
fn secrets_echoed_by_upstream_are_masked() {
    let up = upstream();
    let mut settings = upstream_settings(&up.url());
    settings.custom_headers = vec![("x-api-key".into(), "key-0123456789".into())];
    let client = client(&settings);
    up.set_habit(Habit::Answer(403, Vec::new(), format!("no {TOKEN}\nkey-0123456789").into_bytes()));
    let expected = status(403, "no *:development.s3cr**** ****");
    assert_eq!(client.features(TOKEN, None, INTERVAL), Err(expected.clone()));
    assert_eq!(client.validate(&[TOKEN]), Err(expected.clone()));
    assert!(expected.is_refusal());
    let shown = format!("{expected} {expected:?} {client:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("key-0123"), "{shown}");
}

#[test]
fn a_plain_upstream_behind_a_proxy_gets_absolute_requests() {
    let proxy = upstream();
    let settings = upstream_settings("http://upstream.invalid:4242/base");
    let address = proxy.address();
    let variable = move |name: &str| (name == "http_proxy").then(|| format!("http://us%40er:pass@{address}"));
    let client = Client::with_variables(&settings, variable).expect("usable");
    client.features(TOKEN, None, INTERVAL).expect("features");
    let request = proxy.last_request();
    assert_eq!(request.target, "http://upstream.invalid:4242/base/api/client/features");
    assert_eq!(request.only("host"), Some("upstream.invalid:4242"));
    assert_eq!(request.only("proxy-authorization"), Some("Basic dXNAZXI6cGFzcw=="));
    assert_eq!(request.only("authorization"), Some(TOKEN));
    client.validate(&[TOKEN]).expect("validated");
    assert_eq!(proxy.last_request().target, "http://upstream.invalid:4242/base/edge/validate");
    client.features(TOKEN, None, INTERVAL).expect("features");
    assert_eq!(proxy.last_request().target, "http://upstream.invalid:4242/base/api/client/features");
}

#[test]
fn no_proxy_connects_directly() {
    let (up, proxy) = (upstream(), upstream());
    let proxy_url = proxy.url();
    let variable = move |name: &str| match name {
        "HTTP_PROXY" => Some(proxy_url.clone()),
        "NO_PROXY" => Some("127.0.0.0/8".to_owned()),
        _ => None,
    };
    let client = Client::with_variables(&upstream_settings(&up.url()), variable).expect("usable");
    client.features(TOKEN, None, INTERVAL).expect("features");
    assert_eq!((up.requests().len(), proxy.requests().len()), (1, 0));
}

#[test]
fn a_tunnel_is_asked_for_https() {
    let proxy = upstream();
    let proxy_url = proxy.url();
    let settings = settings::Upstream {
        skip_ssl_verification: true,
        ..upstream_settings("https://upstream.invalid:4242")
    };
    let client = Client::with_variables(&settings, |name| (name == "HTTPS_PROXY").then(|| proxy_url.clone()));
    let error = client.expect("usable").features(TOKEN, None, INTERVAL);
    assert!(matches!(error, Err(CallError::Unreachable { cause: Unreachable::Proxy(_) })), "{error:?}");
    assert_eq!(proxy.last_request().method, "CONNECT");
    assert_eq!(proxy.last_request().target, "upstream.invalid:4242");
    assert_eq!(proxy.last_request().only("authorization"), None);
}

#[test]
fn an_unusable_proxy_variable_is_named_without_its_value() {
    let error = Client::with_variables(&upstream_settings("http://h"), |name| {
        (name == "ALL_PROXY").then(|| "gopher://user:hunter2@h".to_owned())
    })
    .expect_err("gopher is no proxy")
    .to_string();
    assert!(error.contains("ALL_PROXY") && !error.contains("hunter2"), "{error}");
}
