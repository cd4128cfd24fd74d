//! How features get from upstream to clients: tags, codings, headers, URLs, and odd or broken documents.

use serde_json::json;

use crate::{
    brink::Brink,
    fake_upstream::{FEATURES, FakeUpstream, Habit, REGISTER, Request, VALIDATE, on},
    scene::{
        Poller, TOKEN, becomes_ready, document, edge, features, in_parallel, prepare, running, says, seen,
        serves, start, upstream, wait_for_more,
    },
};

#[track_caller]
fn check_tag_echo(tag: &str, echoed: Option<&str>) {
    let up = upstream();
    up.set_etag("development", tag);
    let brink = start(&up, &["-t", TOKEN]);
    serves(&brink, TOKEN, &["old"]);
    wait_for_more(&up, FEATURES, 2);
    let requests = up.requests();
    let mut sent = on(&requests, FEATURES).map(|request| request.only("if-none-match"));
    assert_eq!(sent.next(), Some(None), "the first call is unconditional");
    assert!(sent.all(|sent| sent == echoed), "{tag} was not echoed as {echoed:?}");
    assert_eq!(features(&brink, TOKEN).names(), ["old"]);
}

#[test]
fn tags_are_echoed_byte_for_byte_and_304_keeps_the_data() {
    let rows = [
        ("\"76d8bb0e:21:v1\"", Some("\"76d8bb0e:21:v1\"")),
        ("W/\"5-a b,c\"", Some("W/\"5-a b,c\"")),
        ("no-quotes", None),
    ];
    in_parallel(&rows, |(tag, echoed)| check_tag_echo(tag, *echoed));
}

#[test]
fn a_change_gives_a_new_tag_to_clients_and_no_change_gives_304() {
    let (up, brink) = running(&[]);
    let tag = features(&brink, TOKEN).header("etag").map(str::to_owned).expect("a tag");
    let conditional = |tag: &str| brink.get(FEATURES, &[("authorization", TOKEN), ("if-none-match", tag)]);
    assert_eq!(conditional(&tag).status, 304);
    // The same document under a new tag of upstream is no change for clients.
    up.set_features("development", document(&["old"]));
    wait_for_more(&up, FEATURES, 2);
    assert_eq!(conditional(&tag).status, 304);
    up.set_features("development", document(&["new"]));
    let after = serves(&brink, TOKEN, &["new"]);
    assert_ne!(after.header("etag"), Some(tag.as_str()));
    assert_eq!(conditional(&tag).status, 200);
}

#[test]
fn compressed_answers_of_upstream_are_understood() {
    let names: Vec<String> = (0..500).map(|number| format!("feature-{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let up = upstream();
    up.set_features("development", document(&names));
    let brink = start(&up, &["-t", TOKEN]);
    serves(&brink, TOKEN, &names);
    let requests = up.requests();
    assert!(on(&requests, FEATURES).all(|request| request.only("accept-encoding") == Some("gzip")));
}

fn check_prefix((suffix, path): &(&str, &str)) {
    let up = upstream();
    let brink = Brink::start(&edge(&format!("{}{suffix}", up.url()), &["-t", TOKEN]));
    serves(&brink, TOKEN, &["old"]);
    for call in [VALIDATE, REGISTER, FEATURES] {
        up.wait_for(call, |requests| requests.iter().any(|one| one.target == format!("{path}{call}")));
    }
    assert!(up.requests().iter().all(|request| request.target.starts_with(&format!("{path}/"))));
}

#[test]
fn an_upstream_below_a_path_is_reached_with_or_without_slash() {
    let rows = [("/", ""), ("/base", "/base"), ("/base/", "/base"), ("/a/b//", "/a/b")];
    in_parallel(&rows, check_prefix);
}

#[test]
fn custom_headers_go_out_on_every_call() {
    let (up, brink) = running(&["-H", "X-Team: blue,x-key:s3cret-of-the-operator"]);
    up.wait_for("registration", |requests| on(requests, REGISTER).next().is_some());
    assert!(up.requests().iter().all(|request| request.only("x-team") == Some("blue")));
    assert!(up.requests().iter().all(|request| request.only("x-key") == Some("s3cret-of-the-operator")));
    assert!(!brink.log().contains("s3cret-of-the-operator"));
}

/// Options of the command line, the header towards upstream, the header from clients.
type Headers = (&'static [&'static str], &'static str, &'static str);

fn check_token_headers((options, towards_upstream, from_clients): &Headers) {
    let up = upstream();
    up.set_token_header(towards_upstream);
    let url = up.url();
    let own = [options, &edge(&url, &["-t", TOKEN])[..]].concat();
    let brink = Brink::start(&own);
    becomes_ready(&brink, 200);
    for header in ["authorization", "x-one", "x-two"] {
        let status = if header == *from_clients { 200 } else { 403 };
        assert_eq!(brink.get(FEATURES, &[(header, TOKEN)]).status, status, "{header} with {options:?}");
    }
    let requests = up.requests();
    let others = |request: &Request| {
        ["authorization", "x-one", "x-two"]
            .iter()
            .any(|name| name != towards_upstream && request.only(name).is_some())
    };
    assert!(!on(&requests, FEATURES).any(others), "{options:?}");
    assert!(on(&requests, VALIDATE).all(|request| request.only(towards_upstream).is_none()));
}

#[test]
fn tokens_travel_in_the_configured_headers() {
    let rows: [Headers; 5] = [
        (&[], "authorization", "authorization"),
        (&["--token-header", "X-One"], "x-one", "x-one"),
        (&["--upstream-auth-header", "X-One"], "x-one", "authorization"),
        (&["--edge-auth-header", "X-One"], "authorization", "x-one"),
        (&["--upstream-auth-header", "X-One", "--edge-auth-header", "x-two"], "x-one", "x-two"),
    ];
    in_parallel(&rows, check_token_headers);
}

#[test]
fn the_base_path_holds_everything_but_the_short_probes() {
    let up = upstream();
    let url = up.url();
    let brink = Brink::start(&[&["--base-path", "/flags"], &edge(&url, &["-t", TOKEN])[..]].concat());
    let status = |path: &str| brink.get(path, &[("authorization", TOKEN)]).status;
    brink.get_until("/flags/internal-backstage/ready", &[], |response| response.status == 200);
    assert_eq!(status("/flags/api/client/features"), 200);
    assert_eq!(status("/flags/api/client/features/old"), 200);
    assert_eq!(status("/api/client/features"), 404);
    assert_eq!(status("/internal-backstage/ready"), 404);
    assert_eq!(status("/ready"), 200);
    let requests = up.requests();
    assert!(requests.iter().all(|request| !request.target.contains("flags")), "it is ours, not upstream's");
}

#[test]
fn what_we_do_not_know_passes_through() {
    let odd = json!({
        "version": 2,
        "someday": {"a": [1, null]},
        "features": [{
            "name": "odd", "project": "default", "enabled": true, "type": "a-new-type", "colour": "blue",
            "strategies": [{
                "name": "a-new-strategy",
                "parameters": {"rollout": "50"},
                "segments": [7, 404],
                "constraints": [{"contextName": "x", "operator": "NEARLY", "values": ["1"], "value": null}],
            }],
        }],
        "segments": [{"id": 7, "constraints": [{"contextName": "y", "operator": "SOON", "values": []}]}],
        "meta": {"revisionId": 9, "etag": "\"9\"", "queryHash": "x"},
    });
    let up = upstream();
    up.set_features("development", odd.to_string());
    let mut brink = start(&up, &["-t", TOKEN]);
    let served = serves(&brink, TOKEN, &["odd"]).json();
    let strategy = &served["features"][0]["strategies"][0];
    assert_eq!(served["features"][0]["type"], "a-new-type");
    assert_eq!(strategy["name"], "a-new-strategy");
    assert_eq!(strategy["parameters"], json!({"rollout": "50"}));
    assert_eq!(strategy["constraints"][0]["operator"], "NEARLY");
    assert_eq!(strategy["segments"], json!([7, 404]));
    assert_eq!(strategy["variants"], json!([]));
    assert_eq!(served["segments"][0]["constraints"][0]["operator"], "SOON");
    assert_eq!(served["meta"]["revisionId"], 9);
    brink.wait_for_log("Odd data from upstream");
    up.set_features("development", document(&["new"]));
    serves(&brink, TOKEN, &["new"]);
}

/// The document is refused as a whole while clients go on; the next good one is taken.
fn check_broken_document(broken: &&str) {
    let (up, mut brink) = running(&[]);
    let poller = Poller::start(&brink, TOKEN);
    up.set_features("development", *broken);
    wait_for_more(&up, FEATURES, 1);
    says(&mut brink, "Could not fetch features", 1);
    up.set_features("development", document(&["new"]));
    serves(&brink, TOKEN, &["new"]);
    says(&mut brink, "Features are fetched again", 1);
    assert_eq!(poller.finish(), [seen(&["old"]), seen(&["new"])], "{broken}");
}

#[test]
fn a_broken_document_is_refused_as_a_whole() {
    let rows = [
        r#"{"version":2}"#,
        r#"{"features":[]}"#,
        r#"{"version":2,"features":{}}"#,
        r#"{"version":"2","features":[]}"#,
        r#"{"version":2,"features":[{"name":"good","project":"default","enabled":true},{"name":7,"enabled":true}]}"#,
        r#"{"version":2,"features":[{"name":"bad","project":"default","enabled":"yes"}]}"#,
        r#"{"version":2,"features":[{"name":"bad","enabled":true,"strategies":[{"name":"x","parameters":{"rollout":50}}]}]}"#,
        r#"{"version":2,"features":[{"name":"bad","enabled":true}"#,
        r#"{"version":2,"features":[]} and more"#,
        "null",
        "",
    ];
    in_parallel(&rows, check_broken_document);
}

#[test]
fn each_kind_of_trouble_is_said_once() {
    let up = FakeUpstream::start();
    prepare(&up);
    up.set_habit_on(FEATURES, Habit::Status(500));
    let mut brink = start(&up, &["-t", TOKEN]);
    up.wait_for("two attempts", |requests| on(requests, FEATURES).count() >= 2);
    says(&mut brink, "Could not fetch features", 1);
    up.set_habit_on(FEATURES, Habit::Html);
    brink.wait_for_log("the answer cannot be used");
    says(&mut brink, "Could not fetch features", 2);
    up.set_habit(Habit::Normal);
    serves(&brink, TOKEN, &["old"]);
    says(&mut brink, "Features are fetched again", 1);
}
