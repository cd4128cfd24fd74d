//! What is sent: merged, in pieces, once.

use serde_json::json;

use crate::{
    fake_upstream::{BULK, on},
    scene::{TOKEN, serves, wait_for_more},
    usage::{
        METRICS, REGISTER, bucket, elements, has_taken, post, registration, report, reporting, taken, yes,
    },
};

#[test]
fn posts_of_one_hour_make_one_entry_with_the_first_timestamp() {
    let (up, brink) = crate::scene::running(&["--metrics-interval-seconds", "3"]);
    let mut client = brink.connect();
    for (start, yes) in
        [("2026-11-21T02:10:00Z", 3), ("2026-11-21T02:59:00Z", 1), ("2026-11-21T03:00:00Z", 7)]
    {
        assert_eq!(post(&mut client, METRICS, &bucket(start, &[("fa", yes)])).status, 202);
    }
    has_taken(&up, 11);
    let requests = up.requests();
    let mut metrics = elements(&requests, "metrics");
    metrics.sort_by_key(|metric| metric["timestamp"].to_string());
    let shown: Vec<_> = metrics
        .iter()
        .map(|metric| (metric["timestamp"].as_str(), metric["yes"].as_u64(), metric["environment"].as_str()))
        .collect();
    let of = |timestamp, yes| (Some(timestamp), Some(yes), Some("development"));
    // A bucket may have moved on between two posts, not in the middle of one.
    assert!(shown == [of("2026-11-21T02:10:00Z", 4), of("2026-11-21T03:00:00Z", 7)], "{shown:?}");
    let post = taken(&requests).next().expect("a post");
    assert_eq!(post.only("authorization"), Some(TOKEN));
    assert_eq!(post.only("content-type"), Some("application/json"));
    assert!(post.only("unleash-instanceid").is_some());
}

#[test]
fn much_is_sent_in_pieces_that_upstream_takes() {
    let (up, brink) = reporting(&[]);
    let mut client = brink.connect();
    for app in 0..300 {
        let name = format!("application-{app}-{}", "x".repeat(150));
        assert_eq!(post(&mut client, REGISTER, &registration(&name)).status, 202);
    }
    let names: Vec<String> = (0..2_500).map(|flag| format!("flag-{flag}")).collect();
    for part in names.chunks(500) {
        let counts: Vec<(&str, u32)> = part.iter().map(|name| (name.as_str(), 2)).collect();
        assert_eq!(post(&mut client, METRICS, &bucket("2026-11-21T02:10:00Z", &counts)).status, 202);
    }
    up.wait_for("all applications", |requests| elements(requests, "applications").len() >= 300);
    has_taken(&up, 5_000);
    let requests = up.requests();
    let counts = yes(&requests);
    assert!(counts.len() == 2_500 && counts.values().all(|yes| *yes == 2));
    let apps = elements(&requests, "applications");
    assert_eq!(apps.len(), 300, "each once");
    let longest = on(&requests, BULK).map(|request| request.body.len()).max();
    assert!(longest.is_some_and(|bytes| bytes <= 102_400), "{longest:?}");
}

#[test]
fn applications_without_instance_are_sent_once() {
    let (up, brink) = reporting(&[]);
    for _ in 0..3 {
        report(&brink, REGISTER, &registration("nameless"));
    }
    up.wait_for("the application", |requests| !elements(requests, "applications").is_empty());
    report(&brink, METRICS, &bucket("2026-11-21T02:10:00Z", &[("fa", 1)]));
    has_taken(&up, 1);
    report(&brink, METRICS, &bucket("2026-11-21T02:10:00Z", &[("fa", 1)]));
    has_taken(&up, 2);
    let requests = up.requests();
    let apps: Vec<_> = elements(&requests, "applications");
    // Three registrations may be spread over two posts; a fourth copy would be a repetition.
    assert!((1..=3).contains(&apps.len()), "{apps:?}");
    let last = taken(&requests).last().expect("a post").json();
    assert_eq!(last["applications"], json!([]));
    assert!(apps.iter().all(|app| app["instanceId"] == "default"), "{apps:?}");
}

#[test]
fn zero_counts_leave_nothing() {
    let (up, brink) = reporting(&[]);
    report(&brink, METRICS, &bucket("2026-11-21T02:10:00Z", &[("nothing", 0), ("something", 1)]));
    has_taken(&up, 1);
    report(&brink, METRICS, &bucket("2026-11-21T02:10:00Z", &[("nothing", 0)]));
    report(&brink, METRICS, &bucket("2026-11-21T02:10:00Z", &[("something", 1)]));
    has_taken(&up, 2);
    assert_eq!(yes(&up.requests()).keys().collect::<Vec<_>>(), ["something"]);
}

#[test]
fn tokens_in_use_alone_are_reported_rarely() {
    let (up, brink) = reporting(&[]);
    serves(&brink, TOKEN, &["old"]);
    up.wait_for("seen tokens", |requests| !elements(requests, "seenTokens").is_empty());
    let before = on(&up.requests(), BULK).count();
    for _ in 0..3 {
        serves(&brink, TOKEN, &["old"]);
        wait_for_more(&up, crate::fake_upstream::FEATURES, 1);
    }
    assert_eq!(on(&up.requests(), BULK).count(), before);
    assert_eq!(elements(&up.requests(), "seenTokens"), [TOKEN]);
}

#[test]
fn the_backstage_shows_what_upstream_does_not_have_yet() {
    let (up, brink) = crate::scene::running(&["--metrics-interval-seconds", "3600"]);
    report(&brink, METRICS, &bucket("2026-11-21T02:10:00Z", &[("fa", 3)]));
    let shown = |page: &str| brink.get(&format!("/internal-backstage/{page}"), &[]).json();
    brink.get_until("/internal-backstage/metricsbatch", &[], |page| {
        page.json()["metrics"][0]["bucket"]["yes"] == 3
    });
    assert_eq!(shown("metricsbatch")["metrics"][0]["key"]["feature_name"], "fa");
    assert_eq!(shown("instancedata")["this_instance"]["edgeVersion"], "20.4.1");
    assert_eq!(shown("instancedata")["connected_instances"], json!([]));
    assert_eq!(on(&up.requests(), BULK).count(), 0, "looking sends nothing");
}
