//! What the real program logs about requests, in which shape, and what never gets into any line.

use serde_json::Value;

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;
#[path = "edge/scene.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod scene;
#[path = "logs/secrets.rs"]
mod secrets;

use brink::Brink;

const TOKEN: &str = "*:development.back0000000000000000000001";
const AS_SDK: [(&str, &str); 1] = [("authorization", TOKEN)];
const FEATURES: &str = "/api/client/features";
const DOCUMENT: &str =
    r#"{"version":2,"features":[{"name":"a","enabled":true,"project":"default","strategies":[]}]}"#;

/// An offline program with these variables.
fn offline(variables: &[(&str, &str)]) -> Brink {
    let file = brink::file_of(DOCUMENT);
    let path = file.to_str().expect("a plain path").to_owned();
    let mut command = Brink::command(&["--workers", "1", "offline", "-b", &path, "-c", TOKEN]);
    Brink::start_with(command.envs(variables.iter().copied()))
}

/// Stops it and returns all it said.
fn said(mut brink: Brink) -> String {
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    brink.log()
}

fn access_lines(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("brink::access")).collect()
}

#[test]
fn requests_make_no_line_unless_asked_for() {
    let brink = offline(&[]);
    brink.get(FEATURES, &AS_SDK);
    brink.get("/nowhere", &[]);
    let log = said(brink);
    assert_eq!(access_lines(&log), Vec::<&str>::new());
}

#[test]
fn each_request_makes_a_line_of_the_access_log() {
    let brink = offline(&[("ACCESS_LOG", "1")]);
    brink.get(&format!("{FEATURES}?token=secret-of-a-query"), &AS_SDK);
    brink.get("/internal-backstage/features/opaque-secret-of-a-path", &[]);
    brink.connect().request("PURGE", "/api/x/*:development.secret-of-a-path/y", &[]);
    let log = said(brink);
    let lines = access_lines(&log);
    assert_eq!(lines.len(), 3, "{log}");
    let starts = |line: &str| {
        line.split_once(" took_us=").map(|(start, _)| start.split_once("INFO").expect("a level").1.to_owned())
    };
    assert_eq!(
        starts(lines[0]).as_deref(),
        Some(
            r#" brink::access: request peer=127.0.0.1 method="GET" path="/api/client/features" endpoint="/api/client/features" status=200 body_bytes=178"#
        )
    );
    assert!(lines[1].contains(r#"path="/internal-backstage/features/****" endpoint="/internal-backstage/features/{token}" status=403"#), "{log}");
    assert!(
        lines[2].contains(
            r#"method="other" path="/api/x/*:development.secr****" endpoint="/{unknown}" status=404"#
        ),
        "{log}"
    );
    assert!(!log.contains("secret-of-a"), "{log}");
}

#[test]
fn half_of_the_requests_make_about_half_of_the_lines() {
    let brink = offline(&[("ACCESS_LOG", "0.5")]);
    let mut client = brink.connect();
    for _ in 0..400 {
        assert_eq!(client.request("GET", FEATURES, &AS_SDK).status, 200);
    }
    let log = said(brink);
    // Five standard deviations around the middle.
    assert!((150..=250).contains(&access_lines(&log).len()), "{}", access_lines(&log).len());
}

#[test]
fn lines_in_json_have_their_fields_and_no_spans() {
    let brink = offline(&[("ACCESS_LOG", "1"), ("LOG_FORMAT", "json")]);
    brink.get(FEATURES, &AS_SDK);
    let log = said(brink);
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect();
    for line in &lines {
        let keys: Vec<&String> = line.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["timestamp", "level", "fields", "target"]);
    }
    let line = lines.iter().find(|line| line["target"] == "brink::access").expect("a line");
    let fields = &line["fields"];
    assert_eq!(
        (&fields["message"], &fields["status"], &fields["peer"]),
        (&"request".into(), &200.into(), &"127.0.0.1".into())
    );
    assert!(fields["took_us"].is_u64() && line["level"] == "INFO", "{line}");
}

#[test]
fn pretty_lines_name_the_source() {
    let brink = offline(&[("ACCESS_LOG", "1"), ("LOG_FORMAT", "pretty")]);
    brink.get(FEATURES, &AS_SDK);
    let log = said(brink);
    let (_, after) = log.split_once("brink::access: request").expect("an event");
    assert!(
        after.lines().nth(1).is_some_and(|line| line.contains("at src/observe/access/lines.rs:")),
        "{log}"
    );
}

#[test]
fn old_targets_mean_ours() {
    for target in ["unleash_edge", "unleash_edge_http", "unleash_edge::http::server"] {
        let brink = {
            let file = brink::file_of(DOCUMENT);
            let path = file.to_str().expect("a plain path").to_owned();
            let mut command = Brink::command(&["offline", "-b", &path, "-c", TOKEN]);
            Brink::start_with(command.env("RUST_LOG", format!("off,{target}=info")))
        };
        assert!(said(brink).contains("brink::app::open: Edge is listening to HTTP traffic on"), "{target}");
    }
}

#[test]
fn an_outage_makes_one_line_and_a_probe_that_says_no_makes_none() {
    let up = fake_upstream::ClosedPort::reserve();
    let url = up.url();
    let arguments = scene::edge(&url, &["-t", scene::TOKEN]);
    let brink = Brink::start(&arguments);
    // Each waits about a second for the next try.
    for _ in 0..3 {
        assert_eq!(brink.get("/internal-backstage/ready", &[]).status, 503);
        assert_eq!(scene::features(&brink, scene::TOKEN).status, 503);
    }
    let log = said(brink);
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    let expected = r#"brink::access: response failed status=503 endpoint="/api/client/features" took_us="#;
    assert!(lines[0].contains(expected) && lines[0].ends_with("count=1"), "{log}");
}

#[test]
fn requests_at_trace_show_their_heads_without_secrets() {
    let brink = offline(&[("RUST_LOG", "info,brink::access=trace")]);
    brink.get(
        &format!("{FEATURES}?namePrefix=a&token=secret-of-a-query"),
        &[
            ("authorization", TOKEN),
            ("cookie", "secret-of-a-cookie"),
            ("x-a", "b"),
            ("referer", "http://h/?t=*:d.secret-of-a-referer"),
        ],
    );
    brink.get("/internal-backstage/health", &[]);
    let log = said(brink);
    let lines = access_lines(&log);
    assert_eq!(lines.len(), 1, "only what is below /api: {log}");
    let expected = r#"TRACE brink::access: request with headers method="GET" uri="/api/client/features?namePrefix=a&token=****" headers="host: localhost; authorization: ****; cookie: ****; x-a: b; referer: ****" status=200 took_us="#;
    assert!(lines[0].contains(expected), "{log}");
}
