//! Instance data, as it is sent at the end of the process; its dates are tested where they are decided.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    brink::Brink,
    fake_upstream::{FakeUpstream, Habit, INSTANCE, on},
    scene::{TOKEN, running, serves},
    usage::report,
};

fn stopped(up: &FakeUpstream, brink: &mut Brink) -> Value {
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    let requests = up.requests();
    let posts: Vec<_> = on(&requests, INSTANCE).collect();
    assert_eq!(posts.len(), 1, "{}", brink.log());
    assert_eq!(posts[0].only("authorization"), Some(TOKEN));
    posts[0].json()
}

#[test]
fn it_names_us_and_what_we_have() {
    let up = crate::scene::upstream();
    let features = r#"{"version":2,"features":[{"name":"old","project":"default","enabled":true,"strategies":[]}],"meta":{"revisionId":7}}"#;
    up.set_features("development", features);
    let mut brink = crate::scene::start(&up, &["-t", TOKEN, "--app-name", "my-edge"]);
    serves(&brink, TOKEN, &["old"]);
    let document = stopped(&up, &mut brink);
    assert_eq!(document["appName"], "my-edge");
    assert_eq!(document["edgeVersion"], "20.4.1");
    assert!(document["identifier"].is_string() && document["started"].is_string());
    let revision = &document["edgeApiKeyRevisionIds"][0];
    assert_eq!(revision["environment"], "development");
    assert_eq!((&revision["projects"], &revision["revisionId"]), (&json!(["*"]), &json!(7)));
}

#[test]
fn edges_below_are_passed_on_the_newest_of_each() {
    let (up, mut brink) = running(&[]);
    for (identifier, number) in [("a", 1), ("b", 2), ("a", 3)] {
        report(&brink, INSTANCE, &json!({"identifier": identifier, "number": number, "connectedEdges": []}));
    }
    let document = stopped(&up, &mut brink);
    let mut edges = document["connectedEdges"].as_array().cloned().expect("a list");
    edges.sort_by_key(|edge| edge["identifier"].to_string());
    let edge = |identifier, number| json!({"identifier": identifier, "number": number, "connectedEdges": []});
    assert_eq!(edges, [edge("a", 3), edge("b", 2)]);
}

#[test]
fn an_old_edge_above_that_cannot_read_it_gets_it_in_its_own_spelling() {
    let (up, mut brink) = running(&["--pretrusted-tokens", "*:development.s3cret-of-a-browser-0001"]);
    let browser = [("authorization", "*:development.s3cret-of-a-browser-0001")];
    assert_eq!(brink.get("/api/frontend", &browser).status, 200);
    up.set_habit_on_times(INSTANCE, 1, Habit::Status(400));
    brink.signal("TERM");
    assert_eq!(brink.wait(), Some(0), "{}", brink.log());
    let requests = up.requests();
    let keys = on(&requests, INSTANCE).map(|post| {
        let group = post.json()["requestConsumptionSinceLastReport"][0].clone();
        assert_eq!(group["requests"], 1);
        group.as_object().expect("a group").keys().cloned().collect::<BTreeSet<String>>()
    });
    let expected = [&["meteredGroup", "requests"][..], &["meteredGroup", "metered_group", "requests"]];
    let expected =
        expected.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<String>>());
    assert_eq!(keys.collect::<Vec<_>>(), expected);
}
