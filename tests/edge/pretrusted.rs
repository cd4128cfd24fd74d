//! Pretrusted tokens, and masks of tokens wherever they could be shown (security.md 7.1 and 7.3).

use crate::{
    brink::Brink,
    fake_upstream::{FEATURES, Habit, VALIDATE},
    scene::{TOKEN, edge, features, running, serves, times_asked, upstream},
};

const IN_GRAMMAR: &str = "*:development.s3cret-of-the-shop1";
const LEGACY: &str = "s3cret-of-an-older-time";

#[test]
fn pretrusted_tokens_are_for_the_frontend_api_and_need_no_upstream() {
    let (up, brink) = running(&["-p", &format!("{IN_GRAMMAR},{LEGACY}@development")]);
    up.set_habit_on(VALIDATE, Habit::Status(500));
    for token in [IN_GRAMMAR, LEGACY] {
        for path in ["/api/frontend", "/api/proxy", "/api/frontend/all", "/api/frontend/features/old"] {
            assert_eq!(brink.get(path, &[("authorization", token)]).status, 200, "{path} {token}");
        }
        assert_eq!(features(&brink, token).status, 403);
        assert_eq!(brink.get("/api/client/features/frontend-x", &[("authorization", token)]).status, 403);
        assert_eq!(times_asked(&up.requests(), token), 0);
    }
    assert_eq!(brink.get("/api/frontend", &[("authorization", "s3cret-of-an-older-timE")]).status, 403);
}

/// With the standard header and with another one; all pages, and the log at the finest level.
#[test]
fn a_token_is_never_shown_anywhere() {
    const ODD: &str = "*:my_env.supersecret123";
    const OPAQUE: &str = "opaque-supersecret123";
    for header in ["authorization", "x-unleash-token"] {
        let up = upstream();
        up.set_token_header(header);
        up.add_token(ODD, "client", &["*"]);
        up.set_features("my_env", crate::scene::document(&["odd"]));
        let url = up.url();
        let pretrusted = format!("{OPAQUE}@my_env");
        let mut arguments = edge(&url, &["-t", ODD, "-p", &pretrusted]);
        arguments.splice(0..0, ["--token-header", header]);
        let mut command = Brink::command(&arguments);
        let mut brink = Brink::start_with(command.env("RUST_LOG", "trace"));
        brink.get_until(FEATURES, &[(header, ODD)], |answer| answer.status == 200);
        let unknown = "*:my_env.supersecret123-unknown";
        assert_eq!(brink.get(FEATURES, &[(header, unknown)]).status, 403);
        assert_eq!(brink.get("/api/frontend", &[(header, OPAQUE)]).status, 200);
        for page in
            ["tokens", "features", "instancedata", "metricsbatch", "metrics", "info", "ready", "health"]
        {
            let answer = brink.get(&format!("/internal-backstage/{page}"), &[]);
            assert!(!answer.text().contains("supersecret"), "{page} {}", answer.text());
        }
        brink.signal("TERM");
        assert_eq!(brink.wait(), Some(0));
        assert!(!brink.log().contains("supersecret"), "{}", brink.log());
    }
}

#[test]
fn a_frontend_token_gets_no_client_feature_whatever_its_name() {
    const BROWSER: &str = "*:development.s3cret-of-browsers";
    let (up, brink) = running(&[]);
    up.add_token(BROWSER, "frontend", &["*"]);
    serves(&brink, TOKEN, &["old"]);
    for path in ["/api/client/features/frontend-anything", "/api/client/features/proxy", FEATURES] {
        assert_eq!(brink.get(path, &[("authorization", BROWSER)]).status, 403, "{path}");
    }
    assert_eq!(brink.get("/api/frontend", &[("authorization", BROWSER)]).status, 200);
}

#[test]
fn a_denied_network_is_denied_on_the_default_interface() {
    let up = upstream();
    let url = up.url();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_brink"));
    command.env_clear().env("NO_COLOR", "1").args(["-p", "0", "--deny-list", "127.0.0.0/8"]);
    command.args(edge(&url, &["-t", TOKEN]));
    let mut brink = Brink::start_with(&mut command);
    // Bound to all addresses; the client comes by IPv4.
    brink.address = ([127, 0, 0, 1], brink.address.port()).into();
    assert_eq!(brink.get(FEATURES, &[("authorization", TOKEN)]).status, 403);
    assert_eq!(brink.get("/internal-backstage/health", &[]).status, 403);
}
