//! Everything is bounded, and what is left out is counted.

use super::{absorbed, counts, hop, metrics, poster, taken};
use crate::{
    tokens::token::Token,
    usage::{
        Bucket, Dropped, Ledger, Reason,
        limits::{
            BUCKET_ENTRIES_MAX, BUCKET_OTHER_BYTES_MAX, BUCKET_USAGE_BYTES_MAX, CHILD_BYTES_MAX,
            CHILDREN_MAX, ENVIRONMENTS_MAX, LABELS_MAX, NAME_BYTES_MAX, SAMPLES_MAX, TOGGLES_MAX,
            VARIANTS_MAX,
        },
    },
};

const T0: &str = "2026-11-21T02:10:00Z";

/// Toggles with these names, one evaluation each.
fn toggles(names: impl Iterator<Item = String>) -> String {
    names.map(|name| format!(r#""{name}":{{"yes":1,"no":0}}"#)).collect::<Vec<_>>().join(",")
}

#[test]
fn distinct_names_without_end_stay_under_the_bound() {
    let mut bucket = Bucket::default();
    let padding = "n".repeat(500);
    let mut posted = 0;
    while bucket.drops().total().evaluations < 12_000 {
        let names = toggles((0..TOGGLES_MAX).map(|at| format!("{}-{at}-{padding}", posted / TOGGLES_MAX)));
        metrics(&mut bucket, &counts("a", T0, &names)).expect("a post");
        posted += TOGGLES_MAX;
        assert!(bucket.bytes() <= BUCKET_USAGE_BYTES_MAX && bucket.entries() <= BUCKET_ENTRIES_MAX);
        assert!(posted <= 1_000_000, "a bound is reached");
    }
    let dropped = bucket.drops().total();
    assert_eq!(dropped.elements, dropped.evaluations);
    let kept: u64 = bucket.increments().map(|one| one.yes).sum();
    assert_eq!(kept + dropped.evaluations, posted as u64);
    // What is known goes on being counted.
    metrics(&mut bucket, &counts("a", T0, &toggles([format!("0-0-{padding}")].into_iter()))).expect("a post");
    assert_eq!(bucket.drops().total(), dropped);
    assert_eq!(bucket.increments().map(|one| one.yes).sum::<u64>(), kept + 1);
}

#[test]
fn registrations_without_end_stay_under_the_bound() {
    let mut bucket = Bucket::default();
    let mut at = 0;
    while bucket.drops().is_empty() {
        let body = format!(
            r#"{{"appName":"{}{at}","interval":1,"started":"{T0}","strategies":["default"]}}"#,
            "x".repeat(1_000)
        );
        bucket.take_registration(body.as_bytes(), &poster("development")).expect("a registration");
        assert!(bucket.bytes() <= BUCKET_OTHER_BYTES_MAX);
        at += 1;
    }
    assert_eq!(bucket.drops().of(Reason::Bytes), Dropped { elements: 1, evaluations: 0 });
    let mut ledger = absorbed(bucket);
    assert_eq!(ledger.take("development").map(|batch| batch.len()), Some(at - 1));
    assert_eq!(ledger.bytes(), 0);
}

#[test]
fn single_posts_are_bounded() {
    let check = |body: &str, reason, expected: (u64, u64)| {
        let mut bucket = Bucket::default();
        metrics(&mut bucket, body).expect("a post");
        let dropped = bucket.drops().of(reason);
        assert_eq!((dropped.elements, dropped.evaluations), expected, "{:.200}", body);
        assert_eq!(bucket.drops().total(), dropped, "{:.200}", body);
    };
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    check(&counts(&long, T0, r#""x":{"yes":2,"no":1}"#), Reason::NameTooLong, (1, 3));
    check(
        &counts("a", T0, &toggles([long.clone(), long[1..].to_owned()].into_iter())),
        Reason::NameTooLong,
        (1, 1),
    );
    let variant =
        |name: &str| counts("a", T0, &format!(r#""x":{{"yes":2,"no":1,"variants":{{"{name}":2}}}}"#));
    check(&variant(&long), Reason::NameTooLong, (1, 0));
    check(&variant("v"), Reason::NameTooLong, (0, 0));
    let many = toggles((0..TOGGLES_MAX + 2).map(|at| at.to_string()));
    check(&counts("a", T0, &many), Reason::Entries, (2, 2));
    let variants = (0..VARIANTS_MAX + 3).map(|at| format!(r#""{at}":1"#)).collect::<Vec<_>>().join(",");
    let body = counts("a", T0, &format!(r#""x":{{"yes":2,"no":1,"variants":{{{variants}}}}}"#));
    check(&body, Reason::Entries, (3, 0));

    let impact = |samples: &str| {
        format!(
            r#"{{"appName":"a","impactMetrics":[{{"type":"counter","name":"m","help":"h","samples":[{samples}]}}]}}"#
        )
    };
    let labels = |count: usize| (0..count).map(|at| format!(r#""l{at}":"v""#)).collect::<Vec<_>>().join(",");
    let sample = |labels: &str| format!(r#"{{"value":1,"labels":{{{labels}}}}}"#);
    check(&impact(&sample(&labels(LABELS_MAX - 1))), Reason::Entries, (0, 0));
    check(&impact(&sample(&labels(LABELS_MAX))), Reason::Entries, (1, 0));
    check(&impact(&sample(&format!(r#""a":"{long}""#))), Reason::NameTooLong, (1, 0));
    let samples =
        (0..SAMPLES_MAX + 4).map(|at| sample(&format!(r#""a":"{at}""#))).collect::<Vec<_>>().join(",");
    check(&impact(&samples), Reason::Entries, (4, 0));
}

#[test]
fn descriptions_that_upstream_would_refuse_are_left_away() {
    let mut bucket = Bucket::default();
    let body = counts("a", T0, r#""x":{"yes":1,"no":0}"#);
    let long = "v".repeat(257);
    let more = format!(r#"{{"sdkFlavor":"{long}","sdkFlavorVersion":"{}","sdkVersion":"1","#, &long[..33]);
    metrics(&mut bucket, &body.replacen('{', &more, 1)).expect("a post");
    let sent = super::sent(bucket);
    let metric = &sent["metrics"][0];
    assert_eq!((metric.get("sdkFlavor"), metric.get("sdkFlavorVersion")), (None, None));
    assert_eq!(metric["sdkVersion"], "1");
}

#[test]
fn what_would_refuse_a_whole_post_upstream_is_left_out() {
    let mut bucket = Bucket::default();
    metrics(&mut bucket, &counts("", T0, r#""x":{"yes":1,"no":2}"#)).expect("a post");
    metrics(&mut bucket, &counts("a", T0, r#""":{"yes":1,"no":0},"x":{"yes":1,"no":0}"#)).expect("a post");
    for (app, instance) in [("", "i"), ("a", "")] {
        let body = format!(
            r#"{{"appName":"{app}","instanceId":"{instance}","sdkVersion":"","interval":{},"started":"{T0}","strategies":[]}}"#,
            u64::MAX
        );
        bucket.take_registration(body.as_bytes(), &poster("development")).expect("a registration");
    }
    assert_eq!(bucket.drops().of(Reason::Rejected), Dropped { elements: 3, evaluations: 4 });
    let sent = super::sent(bucket);
    assert_eq!(sent["metrics"].as_array().map(Vec::len), Some(1));
    let application = &sent["applications"][0];
    assert_eq!(
        (&application["instanceId"], application.get("sdkVersion")),
        (&"default".into(), None),
        "Unleash takes no null there"
    );
    assert_eq!(application["interval"], 9_007_199_254_740_991_u64);
}

#[test]
fn environments_are_bounded() {
    let mut bucket = Bucket::default();
    for at in 0..ENVIRONMENTS_MAX + 5 {
        bucket.see(Token::parse(&format!("*:e{at}.s")).expect("a token"), &format!("e{at}"), true);
    }
    assert_eq!(bucket.drops().of(Reason::Entries).elements, 5);
    let ledger = absorbed(bucket);
    assert_eq!(ledger.environments().len(), ENVIRONMENTS_MAX);
}

#[test]
fn edges_below_are_bounded() {
    let mut bucket = Bucket::default();
    for at in 0..CHILDREN_MAX + 2 {
        bucket.take_instance(format!(r#"{{"identifier":"{at}"}}"#).as_bytes()).expect("a document");
    }
    let large = format!(r#"{{"identifier":"1","more":"{}"}}"#, "x".repeat(CHILD_BYTES_MAX));
    bucket.take_instance(large.as_bytes()).expect("a document");
    assert_eq!(bucket.drops().of(Reason::Child).elements, 3);
    assert_eq!(absorbed(bucket).take_children().len(), CHILDREN_MAX);
}

/// So many entries of one hour.
fn hour(hour: u32, entries: usize) -> Bucket {
    let mut bucket = Bucket::default();
    let start = format!("2026-11-21T{hour:02}:00:00Z");
    metrics(&mut bucket, &counts("a", &start, &toggles((0..entries).map(|at| format!("flag-{at}")))))
        .expect("a post");
    bucket
}

#[test]
fn the_oldest_hours_make_way() {
    let of_hour = hour(0, 100).bytes();
    let mut ledger = Ledger::new(hop("me"), of_hour * 3 * 100 / 75 + 100);
    for at in [1, 0, 2] {
        ledger.absorb(hour(at, 100));
    }
    assert!(ledger.drops().is_empty() && ledger.entries() == 300);
    ledger.absorb(hour(3, 50));
    assert_eq!(
        (ledger.drops().of(Reason::Bytes), ledger.entries()),
        (Dropped { elements: 100, evaluations: 100 }, 250)
    );
    ledger.absorb(hour(0, 100));
    let dropped = ledger.drops().of(Reason::Bytes).elements;
    assert_eq!(dropped as usize + ledger.entries(), 450, "too old to replace anything");
    assert!((145..=155).contains(&dropped), "{dropped}: what had room");
    // Counts of what is known need no room.
    ledger.absorb(hour(3, 50));
    assert_eq!(ledger.drops().of(Reason::Bytes).elements, dropped);
    let entries = ledger.entries();
    let batch = ledger.take("development").expect("a batch");
    assert_eq!((batch.dropped().evaluations, ledger.bytes(), ledger.entries()), (500 - dropped, 0, 0));
    ledger.put_back(batch);
    assert_eq!(ledger.entries(), entries);
}

#[test]
fn within_an_hour_what_was_first_stays() {
    let mut ledger = Ledger::new(hop("me"), hour(0, 100).bytes() * 2);
    ledger.absorb(hour(5, 100));
    ledger.absorb(hour(5, 1_000));
    let dropped = ledger.drops().of(Reason::Bytes).evaluations;
    assert!(dropped > 0);
    let batch = ledger.take("development").expect("a batch");
    assert_eq!(batch.dropped().evaluations + dropped, 1_100);
}

#[test]
fn what_is_given_up_is_counted() {
    let mut bucket = hour(1, 3);
    bucket.see(Token::parse("*:development.s").expect("a token"), "development", true);
    bucket.take_instance(br#"{"identifier":"1"}"#).expect("a document");
    bucket.give_up(Reason::Offline);
    assert_eq!(bucket.drops().total(), Dropped { elements: 5, evaluations: 3 });
    assert_eq!((bucket.bytes(), bucket.entries(), bucket.increments().count()), (0, 0, 0));
    let mut ledger = absorbed(bucket);
    assert!(ledger.environments().is_empty());
    ledger.forgo(taken(hour(2, 7)), Reason::NoToken);
    assert_eq!(ledger.drops().of(Reason::NoToken), Dropped { elements: 7, evaluations: 7 });
}
