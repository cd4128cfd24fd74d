//! No secret is in any line at any level: tokens, passwords, cookies, keys (security.md 7.1).
//!
//! The program runs at trace through validation, fetches, refusals and failures, with the token in the default header and
//! in others, and upstream repeats what it was sent.

use serde_json::json;

use crate::{
    brink::Brink,
    fake_upstream::{FEATURES, FakeUpstream, Habit, VALIDATE},
    scene::{document, edge, in_parallel},
};

/// Every text that is a secret below, or the part of it that is.
const SECRETS: [&str; 12] = [
    "s3cret-of-the-start-0001",
    "s3cret-of-an-sdk-00001",
    "s3cret-of-nobody-0000",
    "s3cret-of-a-browser-0001",
    "s3cret-of-a-path-00001",
    "s3cret-of-a-query-00001",
    "s3cret-of-a-referer-0001",
    "s3cret-of-a-cookie-0001",
    "opaque-s3cret-00001",
    "hunter22hunter22",
    "hunter33hunter33",
    "supersecret123",
];

const START: &str = "*:my_env.s3cret-of-the-start-0001";
const SDK: &str = "*:my_env.s3cret-of-an-sdk-00001";
const BROWSER: &str = "*:my_env.s3cret-of-a-browser-0001";
/// The one that Unleash Edge 20.4 shows whole.
const SHORT: &str = "*:my_env.supersecret123";

/// How the program is run, and in which headers tokens travel then.
#[derive(Debug)]
struct Row {
    arguments: &'static [&'static str],
    from_sdk: &'static str,
    to_upstream: &'static str,
    filter: &'static str,
}

fn check(row: &Row) {
    let up = FakeUpstream::start();
    up.set_token_header(row.to_upstream);
    up.set_features("my_env", document(&["a"]));
    for (token, kind) in [(START, "client"), (SDK, "client"), (SHORT, "client"), (BROWSER, "frontend")] {
        up.add_token(token, kind, &["*"]);
    }
    let url = up.url();
    let secrets = ["-H", "x-own:hunter22hunter22", "--backstage-token", "hunter33hunter33", "--dynamic"];
    let arguments = [&edge(&url, &["-t", START]), &secrets[..], row.arguments].concat();
    let mut brink = Brink::start_with(Brink::command(&arguments).env("RUST_LOG", row.filter));
    brink.get_until(FEATURES, &[(row.from_sdk, SDK)], |response| response.status == 200);

    requests(&brink, row, 1);
    let echo = json!({"message": format!("no {START}, {SDK}, hunter22hunter22")}).to_string();
    let json = vec![("content-type", "application/json".to_owned()), ("x-echo", START.to_owned())];
    up.set_habit_on(VALIDATE, Habit::Answer(400, json.clone(), echo.clone().into_bytes()));
    requests(&brink, row, 2);
    up.set_habit(Habit::Answer(403, json, echo.into_bytes()));
    brink.wait_for_log("Could not fetch features");
    requests(&brink, row, 3);
    up.set_habit(Habit::Redirect(302, format!("http://127.0.0.1:1/{START}")));
    requests(&brink, row, 4);
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());

    let log = brink.log();
    for shown in ["request with headers", "user-agent: sdk/1", "response failed"] {
        assert!(log.contains(shown), "{shown} is not in the log:\n{log}");
    }
    for secret in SECRETS {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log, {row:?}");
    }
}

/// Tokens and other secrets, wherever a client may put them; one token is new in each round.
fn requests(brink: &Brink, row: &Row, round: u32) {
    let plain = [("user-agent", "sdk/1"), ("accept", "application/json")];
    let ask = |method: &str, path: &str, headers: &[(&str, &str)]| {
        brink.connect().request(method, path, &[&plain, headers].concat()).status
    };
    // Once: while upstream gives no verdict, each further question waits for the next try.
    ask("GET", FEATURES, &[(row.from_sdk, &format!("*:my_env.s3cret-of-nobody-0000{round}"))]);
    for token in [START, SDK, BROWSER, SHORT, "opaque-s3cret-00001"] {
        for path in [FEATURES, "/api/client/features/a", "/api/frontend", "/api/proxy/all?userId=7"] {
            ask("GET", path, &[(row.from_sdk, token)]);
        }
        ask("GET", FEATURES, &[("authorization", &format!("Bearer {token}"))]);
        ask("GET", FEATURES, &[("x-api-key", token), ("proxy-authorization", token)]);
    }
    // Where nothing but its form gives a token away.
    ask("GET", FEATURES, &[("x-other", START), ("x-another", &format!("by {SHORT}"))]);
    let cookie = ("cookie", "session=s3cret-of-a-cookie-0001");
    ask("GET", FEATURES, &[(row.from_sdk, SDK), cookie]);
    ask("GET", FEATURES, &[("referer", "http://shop/?t=*:my_env.s3cret-of-a-referer-0001")]);
    for token in
        ["*:my_env.s3cret-of-a-path-00001", "%2A%3Amy_env%2Es3cret-of-a-path-00001", "opaque-s3cret-00001"]
    {
        ask(
            "GET",
            &format!("/internal-backstage/features/{token}"),
            &[("authorization", "Bearer hunter33hunter33")],
        );
    }
    ask("GET", "/api/client/features/*:my_env.s3cret-of-a-path-00001/more", &[(row.from_sdk, SDK)]);
    ask("GET", &format!("{FEATURES}?token=opaque-s3cret-00001"), &[(row.from_sdk, SDK)]);
    ask("GET", &format!("{FEATURES}?namePrefix=*:my_env.s3cret-of-a-query-00001"), &[(row.from_sdk, SDK)]);
    ask("GET", "/api/frontend?password=hunter22hunter22", &[(row.from_sdk, BROWSER)]);
    ask("OPTIONS", FEATURES, &[("origin", "http://shop"), cookie]);
    ask("GET", "/internal-backstage/tokens", &[("authorization", "Bearer hunter33hunter33")]);
}

#[test]
fn no_secret_is_in_the_log_wherever_it_travels() {
    let rows = [
        Row { arguments: &[], from_sdk: "authorization", to_upstream: "authorization", filter: "trace" },
        Row {
            arguments: &["--token-header", "X-Unleash", "--access-log", "1"],
            from_sdk: "x-unleash",
            to_upstream: "x-unleash",
            filter: "trace",
        },
        Row {
            arguments: &["--edge-auth-header", "X-From", "--upstream-auth-header", "X-To", "-l", "json"],
            from_sdk: "x-from",
            to_upstream: "x-to",
            filter: "trace,[request]=trace,h2=trace,ureq=trace",
        },
        Row {
            arguments: &["--token-header", "plain", "-l", "pretty"],
            from_sdk: "plain",
            to_upstream: "plain",
            filter: "warn,unleash_edge_http=trace",
        },
    ];
    in_parallel(&rows, check);
}
