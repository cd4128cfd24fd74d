//! The real program against a fake upstream: one test for each bug that the parts by themselves did not show.

use brink_support::Brink;
use fake_upstream::{FEATURES, FakeUpstream, Habit, on};

#[path = "support/brink.rs"]
#[allow(dead_code, reason = "each test binary uses another part of it")]
mod brink_support;
#[path = "support/fake_upstream.rs"]
mod fake_upstream;

const TOKEN: &str = "*:development.s3cret-of-development";

fn document(name: &str) -> String {
    format!(r#"{{"version":2,"features":[{{"name":"{name}","enabled":true,"project":"default"}}]}}"#)
}

fn wait_for_feature(brink: &Brink, name: &str) {
    brink.get_until("/api/client/features", &[("authorization", TOKEN)], |response| {
        response.status == 200 && response.names() == [name]
    });
}

#[test]
fn a_fetch_whose_token_left_does_not_block_its_return() {
    let up = FakeUpstream::start();
    up.add_token(TOKEN, "client", &["*"]);
    up.set_features("development", document("before"));
    let mut brink = Brink::start(&[
        "edge",
        "--upstream-url",
        &up.url(),
        "--tokens",
        TOKEN,
        "--features-refresh-interval-seconds",
        "1",
        "--token-revalidation-interval-seconds",
        "1",
        "--upstream-socket-timeout",
        "60",
    ]);
    wait_for_feature(&brink, "before");

    up.set_habit_on(FEATURES, Habit::NeverAnswers);
    let fetches = on(&up.requests(), FEATURES).count();
    up.wait_for("a fetch that hangs", |requests| on(requests, FEATURES).count() > fetches);
    up.remove_token(TOKEN);
    brink.wait_for_log("No token fetches this environment any more");

    // The hanging call ends after its token has left.
    up.set_habit(Habit::Normal);
    up.cut_connections();
    up.set_features("development", document("after"));
    up.add_token(TOKEN, "client", &["*"]);
    wait_for_feature(&brink, "after");
}

#[test]
fn an_upstream_url_that_ends_in_api_is_named_as_a_likely_cause() {
    let up = FakeUpstream::start();
    up.set_habit_on("/api/edge/validate", Habit::Status(404));
    let url = format!("{}/api", up.url());
    let mut brink = Brink::start(&["edge", "--upstream-url", &url, "--tokens", TOKEN]);
    brink.wait_for_log("remove that suffix from --upstream-url (UPSTREAM_URL)");
}
